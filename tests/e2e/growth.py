#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A dataset that grew, and lost people, is the dataset of whoever is in it: the same bytes in every published file.

usage: growth.py [FIRST MORE GONE]      environment: KUNI, MPIEXEC

FIRST people are called, their reads moved away, and MORE added by a manifest of their rows alone; wanted is what one run of
all of them publishes. GONE people of all batches withdraw; wanted is what a run of the others publishes. At 1, 2 and 3
ranks, held against fresh datasets made by one process. dataset.json alone must differ, in what is of this dataset's history:
the number of batches (people who come later form batches of their own) and of those who withdrew.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from people import KUNI, MPIEXEC, want

BATCH = 48
OF_ITS_HISTORY = ("batches", "withdrawn")


class Nation:
    def __init__(self, folder, first, more, gone):
        self.folder, self.first, self.n = folder, first, first + more
        subprocess.run([KUNI, "simulate", "--quiet", "-n", str(self.n), "--contigs", "chr20:6k,chrX:6k,chrY:5k", "-d", "6",
                        "--heterozygosity", "0.003", "--seed", "7", "-o", self.path("cohort")], check=True,
                       stdout=subprocess.DEVNULL)
        with open(self.path("cohort/workflow.yaml")) as f:
            lines = [line for line in f if not line.startswith("pedigree:")]
        with open(self.path("cohort/workflow.yaml"), "w") as f:
            f.writelines(lines + [f"batch: {min(BATCH, first // 3)}\n"])
        with open(self.path("cohort/manifest.tsv")) as f:
            self.header, *self.rows = list(f)
        # of old batches and of new ones
        self.gone = [self.rows[k * (self.n - 1) // max(gone - 1, 1)].split("\t")[1] for k in range(gone)]

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def kuni(self, verb, dataset, *arguments, ranks=1):
        """Seconds of CPU."""
        launch = [MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*launch, KUNI, verb, "--set", f"dataset={self.path(dataset)}", *arguments], text=True,
                              cwd=self.path("cohort"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        want(done.returncode == 0, f"kuni {verb} on {ranks} ranks: status {done.returncode}\n{done.stdout}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def run(self, dataset, rows, ranks=1):
        with open(self.path("cohort/manifest.tsv"), "w") as f:
            f.writelines([self.header, *rows])
        return self.kuni("run", dataset, "--quiet", "workflow.yaml", ranks=ranks)

    def published(self, dataset):
        found, top = {}, os.path.realpath(self.path(dataset, "current"))
        for at, _, names in os.walk(top):
            for name in names:
                with open(os.path.join(at, name), "rb") as f:
                    found[os.path.relpath(os.path.join(at, name), top)] = f.read()
        return found

    def compare(self, expected, dataset, what):
        have = self.published(dataset)
        want(set(have) == set(expected), f"{what}: other files: {sorted(set(have) ^ set(expected))}")
        wrong = [n for n in sorted(have) if have[n] != expected[n] and n != "dataset.json"]
        want(not wrong, f"{what}: {wrong} are not the same bytes")
        mine, theirs = json.loads(have["dataset.json"]), json.loads(expected["dataset.json"])
        wrong = [k for k in mine if k not in OF_ITS_HISTORY and mine[k] != theirs.get(k)]
        want(not wrong and set(mine) == set(theirs), f"{what}: dataset.json differs in {wrong}")

    def grow(self, ranks, once, without):
        """Once at this number of ranks."""
        dataset = f"grown{ranks}"
        self.run(dataset, self.rows[:self.first], ranks)
        os.makedirs(self.path("archive"))
        for row in self.rows[:self.first]:
            sample = row.split("\t")[1]
            for name in (f"{sample}.cram", f"{sample}.cram.crai"):
                os.rename(self.path("cohort/reads", name), self.path("archive", name))
        self.run(dataset, self.rows[self.first:], ranks)
        self.compare(once, dataset, f"{self.first} + {self.n - self.first} on {ranks} ranks")
        # the reads of those who came now are not needed any more, either
        os.rename(self.path("cohort/reads"), self.path("others"))
        self.kuni("withdraw", dataset, "--yes", "workflow.yaml", *self.gone)
        cpu = self.run(dataset, self.rows, ranks)
        self.compare(without, dataset, f"{self.n} - {len(self.gone)} on {ranks} ranks")
        os.rename(self.path("others"), self.path("cohort/reads"))
        for name in os.listdir(self.path("archive")):
            os.rename(self.path("archive", name), self.path("cohort/reads", name))
        os.rmdir(self.path("archive"))
        shutil.rmtree(self.path(dataset))
        return cpu


def main():
    first, more, gone = (int(n) for n in sys.argv[1:4]) if len(sys.argv) > 3 else (40, 10, 3)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kuni-growth-") as folder:
        nation = Nation(folder, first, more, gone)
        print(f"{nation.n} people: {time.monotonic() - began:.0f} s", flush=True)
        nation.run("once", nation.rows)
        once = nation.published("once")
        whole_cpu = nation.run("without", [row for row in nation.rows if row.split("\t")[1] not in nation.gone])
        without = nation.published("without")
        want(once["national.bcf"] != without["national.bcf"], "with and without are the same")
        for ranks in (1, 2, 3):
            cpu = nation.grow(ranks, once, without)
            print(f"{ranks} ranks: {first} + {more} is {nation.n} at once, {nation.n} - {gone} is {nation.n - gone}: "
                  f"{len(once)} files each (withdrawal {cpu:.1f} s of CPU, a fresh run {whole_cpu:.1f} s)", flush=True)
    print(f"the same bytes, {time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
