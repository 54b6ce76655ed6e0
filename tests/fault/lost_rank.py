#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills ranks of runs under `mpirun --with-ft ulfm`. Without one or two workers a run must end by itself, with the same
bytes as an undisturbed one; without rank 0 it must end, and the same command must go on.

usage: lost_rank.py [KILLS [SEED]]            environment: KUNI, KUNI_TALLY (the test plugin), MPIEXEC, KUNI_ULFM
Exit status 77 (skipped) where MPI has no ULFM.
"""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import ranks

PLUGIN = os.environ["KUNI_TALLY"]
KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
RANKS = 4
RUN_SECONDS_MAX = 120
# What a run says of itself, not of the data.
NOT_COMPARED = {"run.json"}

GENOMES = """version: 1
name: genomes
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
batch: 2
regions: {{contigs: [chr20], shard: 10kb, ploidy: diploid}}
dataset: {dataset}
stages:
  - {{id: qc, uses: alignment-qc}}
  - {{id: call, uses: call-variants}}
  - {{id: joint, uses: joint-genotype, needs: [qc, call]}}
  - {{id: national, uses: merge, needs: [joint]}}
"""


def command(workflow):
    return ranks.launch(RANKS, workflow, launcher_options=["--with-ft", "ulfm"])


def state_of(dataset):
    try:
        with open(os.path.join(dataset, "status.json")) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def run(workflow, dataset, kills):
    """Runs to the end. `kills`: seconds after the first task, rank. Returns the ranks hit, what was said, seconds from the first task on."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command(workflow), stderr=said, stdout=said, start_new_session=True)
        hit = []
        # Before all ranks have begun there is nothing to go on with: that is the case of the same command again.
        while process.poll() is None and not glob.glob(os.path.join(dataset, "logs", "*", "*")):
            time.sleep(0.005)
        began = time.monotonic()
        for at, rank in sorted(kills):
            try:
                process.wait(timeout=max(0.0, began + at - time.monotonic()))
                break
            except subprocess.TimeoutExpired:
                pass
            pid = ranks.ranks_of(process.pid).get(rank)
            if pid is None:
                continue
            try:
                os.kill(pid, signal.SIGKILL)
                hit.append(rank)
            except ProcessLookupError:
                pass
        try:
            process.wait(timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said.seek(0)
            sys.exit(f"FAIL: a run without ranks {hit} hangs ({workflow}):\n{said.read()}")
        said.seek(0)
        return hit, said.read(), time.monotonic() - began


def published(dataset):
    top = os.path.join(dataset, "current")
    found = {}
    for folder, _, names in os.walk(top, followlinks=True):
        for name in names:
            path = os.path.join(folder, name)
            if name not in NOT_COMPARED:
                with open(path, "rb") as f:
                    found[os.path.relpath(path, top)] = f.read()
    return found


def demand(condition, what, said):
    if not condition:
        sys.exit(f"FAIL: {what}:\n{said}")


class Case:
    def __init__(self, folder, name, text):
        self.folder, self.name, self.text = folder, name, text
        self.rounds = 0
        dataset, workflow = self.make("calm")
        _, said, self.seconds = run(workflow, dataset, [])
        demand(state_of(dataset).get("state") == "done", f"{name}: an undisturbed run is not done", said)
        self.expected = published(dataset)
        demand(len(self.expected) > 2, f"{name}: nothing was published", said)

    def make(self, name):
        dataset = os.path.join(self.folder, f"{self.name}-{name}")
        workflow = dataset + ".yaml"
        with open(workflow, "w") as f:
            f.write(self.text.format(dataset=dataset, plugin=PLUGIN, slow_ms=30))
        return dataset, workflow

    def check(self, dataset, said):
        now = published(dataset)
        demand(now.keys() == self.expected.keys(), f"{self.name}: other files: {sorted(now)}", said)
        for path, bytes_ in now.items():
            demand(bytes_ == self.expected[path], f"{self.name}: {path} differs: {dataset}", said)

    def lose_workers(self, rng):
        """Returns how many ranks were killed; the run must have gone on without them."""
        self.rounds += 1
        dataset, workflow = self.make(f"storm{self.rounds}")
        lost = rng.sample(range(1, RANKS), rng.choice([1, 2]))
        hit, said, _ = run(workflow, dataset, [(rng.uniform(0, self.seconds), rank) for rank in lost])
        demand(state_of(dataset).get("state") == "done", f"{self.name}: not done without ranks {hit}", said)
        self.check(dataset, said)
        shutil.rmtree(dataset)
        return len(hit), said.count(" was lost: its ")

    def lose_leader(self, rng):
        self.rounds += 1
        dataset, workflow = self.make(f"storm{self.rounds}")
        hit, said, _ = run(workflow, dataset, [(rng.uniform(0, self.seconds), 0)])
        if hit and state_of(dataset).get("state") != "done":
            demand(sum("rank 0 was lost" in line and "run the same command to go on" in line
                       for line in said.splitlines()) == 1,
                   f"{self.name}: the loss of rank 0 is not told once", said)
            _, said, _ = run(workflow, dataset, [])
        demand(state_of(dataset).get("state") == "done", f"{self.name}: not done after the loss of rank 0", said)
        self.check(dataset, said)
        shutil.rmtree(dataset)
        return len(hit)


def main():
    if os.environ.get("KUNI_ULFM") != "1":
        print("skipped: kuni was built with an MPI library without ULFM")
        sys.exit(77)
    rng = random.Random(SEED)
    folder = tempfile.mkdtemp(prefix="kuni-lost-")
    ranks.small_cohort(folder)
    cases = [Case(folder, "tally", ranks.TALLY), Case(folder, "genomes", GENOMES)]
    kills = told = leaders = 0
    while kills < KILLS:
        for case in cases:
            hit, said = case.lose_workers(rng)
            kills += hit
            told += said
    for case in cases:
        for _ in range(3):
            leaders += case.lose_leader(rng)
    shutil.rmtree(folder)
    print(f"{sum(case.rounds for case in cases)} runs of {RANKS} ranks: {kills} workers killed ({told} losses noticed "
          f"before the end), {leaders} times rank 0: every run done, the same bytes")


if __name__ == "__main__":
    main()
