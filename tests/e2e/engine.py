#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The engine end to end, with a small test stage: ranks, shards, resume, growth, quarantine, contradictions, signals.

environment: KUNI, KUNI_TALLY (the test plugin), MPIEXEC
"""
import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

KUNI = os.environ["KUNI"]
if "faults on purpose" not in subprocess.run([KUNI, "version"], capture_output=True, text=True, check=True).stdout:
    print(f"skipped: {KUNI} cannot be made to fail: take build/release/faults/kuni")
    sys.exit(77)
PLUGIN = os.environ["KUNI_TALLY"]
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")

WORKFLOW = """version: 1
name: tally
reference: cohort/reference.fa
cohort: {manifest}
batch: {batch}
regions: {{contigs: [chr20, chrX], shard: {shard}, ploidy: diploid}}
dataset: {dataset}
on_error: {{sample: {sample}, retries: 1, max_quarantined: 100%}}
stages:
  - id: t
    plugin: {plugin}
    with: {{{params}}}
"""


class Bench:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kuni-engine-")
        subprocess.run([KUNI, "simulate", "--quiet", "-n", "6", "--contigs", "chr20:40k,chrX:20k", "-d", "4", "-o",
                        self.path("cohort")], check=True, stdout=subprocess.DEVNULL)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def workflow(self, dataset, manifest="cohort/manifest.tsv", batch=2, shard="10kb", sample="quarantine", params=""):
        path = self.path(dataset + ".yaml")
        with open(path, "w") as f:
            f.write(WORKFLOW.format(dataset=dataset, manifest=manifest, batch=batch, shard=shard, sample=sample,
                                    params=params, plugin=PLUGIN))
        return path

    def run(self, workflow, *extra, ranks=0, expect=0, env=None):
        command = [KUNI, "run", "--quiet", *extra, workflow]
        if ranks:
            command = [MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] + command
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, env={**os.environ, **(env or {})})
        if done.returncode != expect:
            sys.exit(f"FAIL: {' '.join(command)}: status {done.returncode}, expected {expect}\n{done.stderr}")
        return done.stderr

    def recall(self, workflow):
        done = subprocess.run([KUNI, "recall", "--quiet", "--yes", workflow], stderr=subprocess.PIPE, text=True, timeout=60)
        want(done.returncode == 0, f"kuni recall: {done.stderr}")

    def repair(self, workflow):
        done = subprocess.run([KUNI, "repair", "--yes", workflow], stderr=subprocess.PIPE, text=True, timeout=60)
        want(done.returncode == 0, f"kuni repair: {done.stderr}")

    def read(self, dataset, name):
        with open(self.path(dataset, "current", name)) as f:
            return f.read()

    def same(self, a, b, names=("dataset.json", "failures.tsv", "totals.txt", "tables/table.txt")):
        for name in names:
            if not filecmp.cmp(self.path(a, "current", name), self.path(b, "current", name), shallow=False):
                sys.exit(f"FAIL: {name} of {a} and {b} differ")

    def journal_tasks(self, dataset, node):
        """How often tasks of the step were done: lines of their own, and those that a compaction summed."""
        n = 0
        with open(self.path(dataset, "journal")) as f:
            for line in f:
                record = json.loads(line[9:])
                if record.get("n") == node:
                    n += record["tasks"] if record["t"] == "sum" else record["t"] == "task" and "cpu" in record
        return n


def want(condition, what):
    if not condition:
        sys.exit(f"FAIL: {what}")


def ranks_and_shards(bench):
    bench.run(bench.workflow("one"))
    for ranks in (1, 2, 3, 5):
        bench.run(bench.workflow(f"ranks{ranks}"), ranks=ranks)
        bench.same("one", f"ranks{ranks}")
    bench.run(bench.workflow("jobs"), "--jobs", "3")
    bench.same("one", "jobs")
    for name, shard in (("whole", "1Mb"), ("seven", "8800"), ("many", "1500")):
        bench.run(bench.workflow(name, shard=shard))
        bench.same("one", name, ["totals.txt"])


def resume_and_change(bench):
    workflow = bench.workflow("one")
    before = os.stat(bench.path("one", "journal")).st_size
    out = bench.run(workflow)
    want("unchanged" in out and os.stat(bench.path("one", "journal")).st_size == before, "a second run did something")
    # A lost file of a sealed batch stops the run; `kuni repair` has it made again, and nothing else.
    folder = bench.path("one", "data", "t.count", "chr20-0-10000")
    os.unlink(os.path.join(folder, os.listdir(folder)[0]))
    want("missing, a file of a sealed batch" in bench.run(workflow, expect=74), "a lost file of a sealed batch is not told")
    bench.repair(workflow)
    bench.run(workflow)
    want(bench.journal_tasks("one", "t.count") == 3 * 7 + 1, "more than the lost output was made again")
    want(bench.journal_tasks("one", "t.sum") == 3, "an equal output made later steps run again")
    # A damaged output too.
    name = os.path.join(folder, os.listdir(folder)[0])
    with open(name, "r+b") as f:
        f.write(b"X")
    want(name in bench.run(workflow, expect=74), "a damaged file of a sealed batch is not told")
    bench.repair(workflow)
    bench.run(workflow)
    want(bench.journal_tasks("one", "t.count") == 3 * 7 + 2, "a damaged output was not made again")
    bench.same("one", "jobs")
    # A later parameter redoes later steps only; the former generation stays.
    old = bench.read("one", "totals.txt")
    bench.run(bench.workflow("one", params="title: other"))
    want(bench.read("one", "totals.txt") == old.replace("#tally", "#other"), "the new title is not there")
    want(bench.journal_tasks("one", "t.count") == 3 * 7 + 2, "a late parameter made reads tasks run again")
    with open(bench.path("one", "generations", "000001", "totals.txt")) as f:
        want(f.read() == old, "the former generation has changed")
    # A parameter of the reads step contradicts what the data were made with.
    contrary = bench.workflow("one", params="least_mapq: 30")
    out = bench.run(contrary, expect=64)
    want("least_mapq: the dataset has 0, the workflow says 30" in out, f"contradiction not named: {out}")
    bench.recall(contrary)
    bench.run(bench.workflow("mapq", params="least_mapq: 30"))
    bench.same("one", "mapq")
    left = sum(len(files) for _, _, files in os.walk(bench.path("one", "data", "t.count")))
    want(left == 3 * 7, f"outdated files were left: {left}")


def growth(bench):
    with open(bench.path("cohort", "manifest.tsv")) as f:
        lines = f.readlines()
    with open(bench.path("cohort", "four.tsv"), "w") as f:
        f.writelines(lines[:5])
    bench.run(bench.workflow("grow", manifest="cohort/four.tsv"))
    bench.run(bench.workflow("grow"), ranks=2)
    want(bench.journal_tasks("grow", "t.count") == 3 * 7, "growth opened old reads again")
    bench.same("grow", "jobs")
    # Reads of old batches may be gone.
    shutil.copytree(bench.path("cohort"), bench.path("cohort2"))
    with open(bench.path("cohort2", "four.tsv"), "w") as f:
        f.writelines(lines[:5])
    bench.run(bench.workflow("gone", manifest="cohort2/four.tsv"))
    for line in lines[1:5]:
        sample = line.split("\t")[1]
        for name in os.listdir(bench.path("cohort2", "reads")):
            if name.startswith(sample):
                os.unlink(bench.path("cohort2", "reads", name))
    bench.run(bench.workflow("gone", manifest="cohort2/manifest.tsv"))
    bench.same("gone", "jobs")
    # A sample that left the manifest stays; one that has withdrawn has no column. Nobody's reads are opened for either.
    with open(bench.path("cohort2", "without.tsv"), "w") as f:
        f.writelines(lines[:2] + lines[3:])
    bench.run(bench.workflow("gone", manifest="cohort2/without.tsv"))
    bench.same("gone", "jobs")
    subprocess.run([KUNI, "withdraw", "--yes", bench.path("gone.yaml"), lines[2].split("\t")[1]], check=True,
                   stderr=subprocess.PIPE)
    bench.run(bench.workflow("gone", manifest="cohort2/manifest.tsv"))
    want(bench.journal_tasks("gone", "t.count") == 3 * 7, "a withdrawal opened reads")
    gone = lines[2].split("\t")[1]
    want(gone not in bench.read("gone", "totals.txt"), "the withdrawn sample is still there")
    want(len(bench.read("gone", "totals.txt").splitlines()) == 6, "the others are not there")


def quarantine(bench):
    shutil.copytree(bench.path("cohort"), bench.path("bad"))
    reads = bench.path("bad", "reads")
    crams = sorted(name for name in os.listdir(reads) if name.endswith(".cram"))
    whole = bench.path("whole.cram")
    shutil.copy(os.path.join(reads, crams[1]), whole)
    with open(os.path.join(reads, crams[1]), "r+b") as f:
        f.truncate(os.path.getsize(whole) - 2000)
    for name in os.listdir(reads):
        if name.startswith(crams[3]) and name != crams[3]:
            os.rename(os.path.join(reads, name), bench.path("index"))
            index = os.path.join(reads, name)
    names = [name.split(".")[0] for name in crams]
    out = bench.run(bench.workflow("abort", manifest="bad/manifest.tsv", sample="abort"), expect=65)
    want(names[1] in out and names[3] in out, f"not all faults are listed: {out}")
    bench.run(bench.workflow("sick", manifest="bad/manifest.tsv"), ranks=3)
    failures = bench.read("sick", "failures.tsv").splitlines()
    want([line.split("\t")[0] for line in failures[1:]] == [names[1], names[3]], f"wrong failures: {failures}")
    rows = [line.split("\t")[0] for line in bench.read("sick", "totals.txt").splitlines()[1:]]
    want(rows == [n for n in names if n not in (names[1], names[3])], f"wrong columns: {rows}")
    bench.run(bench.workflow("sick1", manifest="bad/manifest.tsv"))
    bench.same("sick", "sick1")
    # Repaired samples come back, in a batch of their own: those of the others are sealed. The one whose file is the
    # same comes when it is asked for.
    os.rename(bench.path("index"), index)
    shutil.copy(whole, os.path.join(reads, crams[1]))
    bench.run(bench.workflow("sick", manifest="bad/manifest.tsv"), ranks=2)
    bench.run(bench.workflow("sick", manifest="bad/manifest.tsv"), "--retry-quarantined", ranks=2)
    want(sorted(bench.read("sick", "totals.txt").splitlines()[1:]) ==
         sorted(bench.read("jobs", "totals.txt").splitlines()[1:]), "repaired samples are not as if nothing had been")
    # A sample that makes the stage crash is found out and left out.
    out = bench.run(bench.workflow("crash"), ranks=3, env={"KUNI_CRASH": f"segv@{names[2]}"})
    want(names[2] in bench.read("crash", "failures.tsv"), "the sample at fault was not quarantined")
    want(names[2] not in bench.read("crash", "totals.txt"), "a quarantined sample has a column")
    bench.run(bench.workflow("crash"), "--retry-quarantined")
    bench.same("crash", "jobs")
    # A crash that does not come again costs a try only.
    bench.run(bench.workflow("once"), env={"KUNI_CRASH": f"kill@finish#{bench.path('crashed')}"})
    bench.same("once", "jobs")
    # What the machine kills for want of memory is no sample's fault: a publication without it would follow unseen.
    bench.run(bench.workflow("starved"), ranks=3, env={"KUNI_CRASH": f"kill@{names[2]}"}, expect=71)
    want(not os.path.exists(bench.path("starved", "current")), "a run short of memory was published")
    bench.run(bench.workflow("starved"))
    bench.same("starved", "jobs")
    with open(bench.path("bad", "empty.tsv"), "w") as f, open(bench.path("bad", "manifest.tsv")) as g:
        f.write(g.readline())
    bench.run(bench.workflow("empty", manifest="bad/empty.tsv"), expect=65)


def failures(bench):
    out = bench.run(bench.workflow("fail"), expect=70, env={"KUNI_CRASH": "abort@run"})
    want("tasks failed" in out, f"no word about the failure: {out}")
    want(not os.path.exists(bench.path("fail", "current")), "a failed run was published")
    bench.run(bench.workflow("fail"))
    bench.same("fail", "jobs")
    bench.run(bench.workflow("full"), expect=74, env={"KUNI_FAULT": "write:2"})


def stop(bench):
    for ranks in (0, 3):
        for number in (signal.SIGTERM, signal.SIGUSR1):
            name = f"stop{ranks}{number}"
            workflow = bench.workflow(name, params="slow_ms: 150")
            command = [KUNI, "run", "--quiet", workflow]
            if ranks:
                command = [MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] + command
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            deadline = time.time() + 20
            journal = bench.path(name, "journal")
            while time.time() < deadline and not (os.path.exists(journal) and os.path.getsize(journal) > 1500):
                time.sleep(0.05)
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
            time.sleep(1 if ranks else 0)
            with open(bench.path(name, "status.json")) as f:
                status = json.load(f)
            want(status["state"] == "stopped", f"signal {number}, {ranks} ranks: {status}")
            want("run the same command to go on" in status["message"], f"no word: {status}")
            if not ranks or number == signal.SIGUSR1:  # else mpirun gives a status of its own
                want(process.returncode == 75, f"signal {number}, {ranks} ranks: status {process.returncode}: {err}")
                want("run the same command to go on" in err, f"no word: {err}")
            bench.run(workflow, "--jobs", "4")
            bench.same(name, "slow") if os.path.exists(bench.path("slow")) else os.rename(
                bench.path(name), bench.path("slow"))


def hang(bench):
    """A rank that hangs is noticed, the run ends with a word, and goes on with the next command."""
    workflow = bench.workflow("hang", params="slow_ms: 150")
    process = subprocess.Popen([MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", "3", KUNI, "run", "--quiet",
                                workflow], stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "KUNI_RANK_SILENCE_S": "4"})
    deadline = time.time() + 20
    journal = bench.path("hang", "journal")
    while time.time() < deadline and not (os.path.exists(journal) and os.path.getsize(journal) > 1500):
        time.sleep(0.05)
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{name}/environ", "rb") as f:
                if parent == process.pid and b"OMPI_COMM_WORLD_RANK=2\0" in f.read():
                    os.kill(int(name), signal.SIGSTOP)
        except (OSError, ValueError, IndexError):
            continue
    _, err = process.communicate(timeout=60)
    want(process.returncode == 75 and "rank 2 has been silent" in err, f"status {process.returncode}: {err}")
    bench.run(workflow, "--jobs", "4")
    bench.same("hang", "slow")


def two_runs(bench):
    workflow = bench.workflow("busy", params="slow_ms: 100")
    first = subprocess.Popen([KUNI, "run", "--quiet", workflow], stderr=subprocess.DEVNULL)
    deadline = time.time() + 20
    while time.time() < deadline and not os.path.exists(bench.path("busy", "journal")):
        time.sleep(0.02)
    out = bench.run(workflow, "--wait", "0", expect=75)
    want("another run is writing the dataset" in out and str(first.pid) in out, f"unclear: {out}")
    want(first.wait(timeout=60) == 0, "the first run was disturbed")


def main():
    bench = Bench()
    for test in (ranks_and_shards, resume_and_change, growth, quarantine, failures, stop, hang, two_runs):
        began = time.time()
        test(bench)
        print(f"{test.__name__}: fine ({time.time() - began:.1f} s)", flush=True)
    shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
