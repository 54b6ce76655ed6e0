#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kuni plan --trial foretells what the whole then takes, within a quarter: CPU time, memory, bytes of evidence, of the call
set dense and sparse, and of all that is kept. Its scratch folder goes, also after a failure and a signal.

CPU time is told for a machine as it is at that moment: the mean of a trial before and one after the run is held against it.

environment: KUNI
"""
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

from people import KUNI, want

OFF = 0.25


class Place:
    def __init__(self, folder):
        self.folder = os.path.join(folder, "cohort")
        self.scratch = os.path.join(folder, "scratch")
        os.mkdir(self.scratch)
        subprocess.run([KUNI, "simulate", "--quiet", "-n", "30", "--contigs", "chr20:280k,chrX:80k", "-d", "10", "--seed", "5",
                        "-o", self.folder], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(self.folder, "reference.fa")) as f:
            want(f.read(1) == ">", "a reference")
        with open(os.path.join(self.folder, "workflow.yaml")) as f:
            text = f.read()
        with open(os.path.join(self.folder, "workflow.yaml"), "w") as f:
            f.write(re.sub("shard: .*", "shard: 10kb", text))

    def start(self, *words, **more):
        return subprocess.Popen([KUNI, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env={**os.environ, "TMPDIR": self.scratch}, **more)

    def kuni(self, *words, expect=0):
        process = self.start(*words)
        text, _ = process.communicate(timeout=300)
        want(process.returncode == expect, f"kuni {' '.join(words)}: {process.returncode}, not {expect}\n{text}")
        return text

    def trial(self):
        text = self.kuni("plan", "--trial", "--trial-people", "12", "--trial-shards", "6", "-n", "5", "workflow.yaml")
        want(os.listdir(self.scratch) == [], "the scratch folder stays")
        found = {"cpu": float(re.search(r"core-hours \(([\d.]+) CPU s\)", text)[1]),
                 "memory": float(re.search(r"a task up to .*\((\d+) bytes\)", text)[1])}
        for name, words in (("evidence", "evidence"), ("dense", "national.bcf"), ("sparse", "sparse call set"),
                            ("all", "all that the dataset keeps")):
            found[name] = float(re.search(f"disk +{words} .*\\((\\d+) bytes\\)", text)[1])
        return found

    def bytes_below(self, *parts):
        return sum(os.path.getsize(os.path.join(at, n)) for at, _, names in os.walk(os.path.join(self.folder, *parts)) for n in names)


def main():
    with tempfile.TemporaryDirectory(prefix="kuni-trial-") as folder:
        place = Place(folder)
        first = place.trial()
        want(not os.path.exists(os.path.join(place.folder, "dataset")), "a trial makes the dataset")

        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        place.kuni("run", "--quiet", "workflow.yaml")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}
        rss = 0
        with open(os.path.join(place.folder, "dataset/journal")) as f:
            rss = max(int(n) for n in re.findall(r'"rss":(\d+)', f.read()))
        place.kuni("export", "-f", "sparse", "-o", "sparse.vcf.gz", "workflow.yaml")
        took.update(memory=rss, evidence=place.bytes_below("dataset/data/call"), all=place.bytes_below("dataset/data"),
                    dense=os.path.getsize(os.path.join(place.folder, "dataset/current/national.bcf")),
                    sparse=os.path.getsize(os.path.join(place.folder, "sparse.vcf.gz")))
        os.rename(os.path.join(place.folder, "dataset"), os.path.join(place.folder, "whole"))
        second = place.trial()
        first["cpu"] = (first["cpu"] + second["cpu"]) / 2
        far = []
        for name, amount in took.items():
            ratio = first[name] / amount
            print(f"{name:10} told {first[name]:12.1f}  took {amount:12.1f}  ratio {ratio:.3f}")
            if not 1 / (1 + OFF) <= ratio <= 1 + OFF:
                far.append(name)
        want(not far, f"more than a quarter off: {far}")

        # a signal, a failure, and a place in the dataset itself
        process = place.start("plan", "--trial", "workflow.yaml")
        deadline = time.time() + 60
        while time.time() < deadline and not any(os.path.exists(os.path.join(place.scratch, n, "dataset"))
                                                 for n in os.listdir(place.scratch)):
            time.sleep(0.01)
        want(os.listdir(place.scratch), "no trial is under way")
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=60)
        want(process.returncode == 75 and "stopped" in text, f"after a signal: {process.returncode}: {text}")
        want(os.listdir(place.scratch) == [], "the scratch folder stays after a signal")
        for name in os.listdir(os.path.join(place.folder, "reads")):
            if name.endswith(".cram"):
                os.truncate(os.path.join(place.folder, "reads", name), 500)
        process = place.start("plan", "--trial", "workflow.yaml")
        text, _ = process.communicate(timeout=60)
        want(process.returncode == 65 and "the trial's run ended" in text, f"after a failure: {process.returncode}: {text}")
        want(os.listdir(place.scratch) == [], "the scratch folder stays after a failure")
        os.rename(os.path.join(place.folder, "whole"), os.path.join(place.folder, "dataset"))
        text = place.kuni("plan", "--trial", "--trial-in", "dataset", "workflow.yaml", expect=64)
        want("--trial-in" in text, f"unclear: {text}")
        print("all right")


if __name__ == "__main__":
    main()
