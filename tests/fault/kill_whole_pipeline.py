#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stops the whole pipeline (qc, calling, joint genotyping, merge) at random moments and wants the bytes of a calm run.

usage: kill_whole_pipeline.py [STOPS [SEED]]      environment: KUNI, MPIEXEC

At 3 ranks a worker, the coordinator or mpirun is killed, or mpirun gets SIGTERM or SIGUSR1; at once the same command is
started again, up to four more stops a dataset, then one run to the end. Wanted: every file of the dataset's data and of
what is published has the same digest as without stops; kuni status tells 75 after a stop and 0 at the end; no
temporary file, scratch folder or process is left; no run waits for a lock that nobody holds; a further run finds nothing to
do. The next run starts while the old ranks may still be dying, as a scheduler would do it.
"""
import collections
import glob
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import ranks

STOPS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
RANKS = 3
STOPS_A_DATASET = 5
LOCK_WAIT_S = 15  # the default of kuni run --wait
# A stop comes at any time, or right after one of these has appeared in the dataset.
MOMENTS = [None, None, None, "data/joint", "data/qc.cohort", "data/national.layout", "data/national.segment",
           "data/national.assemble", "generations/.new-*", "generations/000001"]
TARGETS = ["kill worker", "kill coordinator", "kill mpirun", "SIGTERM mpirun", "SIGUSR1 mpirun"]
MARK = f"KUNI_TEST_STORM=storm-{os.getpid()}"


def command(folder, dataset):
    return ranks.launch(RANKS, "--quiet", "--set", "batch=3", "--set", "regions.shard=10kb", "--set",
                        f"dataset={dataset}", os.path.join(folder, "cohort/workflow.yaml"))


def environment():
    name, value = MARK.split("=")
    return dict(os.environ, **{name: value})


def digests(dataset):
    """Digest of every file of the data and of what is published, by name in the dataset."""
    found = {}
    for part in ["data", "current"]:
        top = os.path.realpath(os.path.join(dataset, part))
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    found[os.path.join(part, os.path.relpath(path, top))] = hashlib.sha256(f.read()).hexdigest()
    return found


def leftovers(dataset):
    """Temporary files, scratch folders and unfinished generations."""
    found = []
    for folder, folders, names in os.walk(dataset):
        found += [os.path.join(folder, n) for n in folders + names
                  if ".kuni-tmp" in n or ".tmp." in n or n.startswith(".new-") or n.startswith(".current")]
        if os.path.basename(folder) == "tmp":
            found += [os.path.join(folder, n) for n in folders + names]
    return found


def fail(message, log=None):
    if log and os.path.exists(log):
        with open(log) as f:
            message += "\n" + f.read()
    sys.exit(f"FAIL: {message}")


def status_of(dataset):
    return subprocess.run([ranks.KUNI, "status", dataset], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          timeout=20).returncode


class Storm:
    def __init__(self, folder):
        self.folder = folder
        self.rng = random.Random(SEED)
        self.log = os.path.join(folder, "log")
        self.calm_s = 0.0
        self.expected = {}

    def start(self, dataset):
        with open(self.log, "w") as log:
            return subprocess.Popen(command(self.folder, dataset), stderr=log, stdout=log, stdin=subprocess.DEVNULL,
                                    env=environment(), start_new_session=True)

    def measure(self):
        busy = os.path.join(self.folder, "busy")
        shutil.rmtree(busy, ignore_errors=True)
        subprocess.run(command(self.folder, busy), check=True, capture_output=True)

    def run_to_end(self, dataset):
        """Seconds of an undisturbed run."""
        began = time.monotonic()
        process = self.start(dataset)
        try:
            code = process.wait(timeout=20 * max(self.calm_s, 6) + LOCK_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            fail(f"a run on {dataset} hangs", self.log)
        if code != 0:
            fail(f"an undisturbed run on {dataset} ended with {code}", self.log)
        if status_of(dataset) != 0:
            fail(f"kuni status tells {status_of(dataset)} after a finished run on {dataset}", self.log)
        return time.monotonic() - began

    def wait_for_moment(self, process, dataset):
        """False where the run ended before."""
        moment = self.rng.choice(MOMENTS)
        if moment and glob.glob(os.path.join(dataset, moment)):
            moment = None  # an earlier run came so far
        delay = self.rng.uniform(0, 0.1) if moment else self.rng.uniform(0.3, 1.1 * self.calm_s)
        while moment and process.poll() is None and not glob.glob(os.path.join(dataset, moment)):
            time.sleep(0.002)
        try:
            code = process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            return True
        if code != 0:
            fail(f"a run before a stop ended with {code}", self.log)
        return False

    def stop_once(self, dataset):
        """(what was hit, after how many seconds, seconds until the launcher ended), or None where the run was faster."""
        target = self.rng.choice(TARGETS)
        started = time.monotonic()
        process = self.start(dataset)
        if not self.wait_for_moment(process, dataset):
            return None
        began = time.monotonic()
        action, whom = target.split()
        if whom == "mpirun":
            process.send_signal(signal.SIGKILL if action == "kill" else getattr(signal, action))
        else:
            rank = 0 if whom == "coordinator" else self.rng.randrange(1, RANKS)
            pid = ranks.ranks_of(process.pid).get(rank)
            if pid is None:
                process.kill()
                target = "kill mpirun"
            else:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if not self.pace.until(ranks.Ended(process, lambda: ranks.ranks_of(process.pid)), 10):
            process.kill()
            fail(f"the run on {dataset} did not end after: {target}", self.log)
        code = process.returncode
        # mpirun itself falls to a signal that comes before it listens
        if target == "SIGUSR1 mpirun" and code not in (0, 75, -signal.SIGUSR1, -signal.SIGKILL):
            fail(f"status {code} after SIGUSR1", self.log)
        return (target, began - started, time.monotonic() - began) if code != 0 else None

    def storm(self, name):
        dataset = os.path.join(self.folder, name)
        hits = []
        for _ in range(self.rng.randrange(1, STOPS_A_DATASET + 1)):
            hit = self.stop_once(dataset)
            if hit is None:
                break
            hits.append(hit)
            stood = os.path.exists(os.path.join(dataset, "status.json"))
            if stood and status_of(dataset) not in (0, 75):
                fail(f"kuni status tells {status_of(dataset)} after {hit}", self.log)
        last_s = self.run_to_end(dataset)
        found = digests(dataset)
        if found != self.expected:
            wrong = [f"{n} {'differs' if n in found and n in self.expected else 'missing' if n in self.expected else 'new'}"
                     for n in sorted(set(found) | set(self.expected)) if found.get(n) != self.expected.get(n)]
            fail(f"after {hits}, {dataset}:\n  " + "\n  ".join(wrong[:20]))
        if leftovers(dataset):
            fail(f"after {hits} there are left: {leftovers(dataset)[:10]}")
        self.run_to_end(dataset)
        with open(self.log) as f:
            if "unchanged" not in f.read():
                fail("a run with nothing to do did something", self.log)
        shutil.rmtree(dataset)
        return hits, last_s

    def wait_for_quiet(self):
        """No process of this test may outlive its launcher for long."""
        for _ in range(100):
            if not ranks.processes(MARK):
                return
            time.sleep(0.1)
        fail(f"processes are left: {ranks.processes(MARK)}")


def main():
    folder = tempfile.mkdtemp(prefix="kuni-storm-")
    storm = Storm(folder)
    ranks.simulate(folder, "-n", "8", "--contigs", "chr20:110k,chrX:40k", "-d", "12", "--seed", "5")
    calm = os.path.join(folder, "calm")
    storm.calm_s = storm.run_to_end(calm)
    storm.pace = ranks.Pace(storm.measure)
    storm.expected = digests(calm)
    for name in ["current/national.bcf", "current/national.sites.vcf.gz", "current/qc/sample_qc.tsv"]:
        if name not in storm.expected:
            fail(f"{name} was not published")
    if not any(n.endswith(".ev") for n in storm.expected):
        fail("no evidence was found")
    counts, slowest, rounds, wait_s = collections.Counter(), collections.defaultdict(float), 0, 0.0
    while sum(counts.values()) < STOPS:
        rounds += 1
        if rounds > 5 * STOPS:
            fail("the runs are always faster than the stops")
        hits, last_s = storm.storm(f"storm{rounds}")
        storm.wait_for_quiet()
        wait_s = max(wait_s, last_s)
        for target, _, ended_s in hits:
            counts[target] += 1
            slowest[target] = max(slowest[target], ended_s)
        if hits:
            print(f"dataset {rounds}: " + ", ".join(f"{t} at {d:.1f} s" for t, d, _ in hits) +
                  f"; then whole in {last_s:.1f} s", flush=True)
    print(f"calm run: {storm.calm_s:.1f} s, {len(storm.expected)} files")
    print(f"{'stop':<18}{'times':>6}  slowest end of the run")
    for target in TARGETS:
        print(f"{target:<18}{counts[target]:>6}  {slowest[target]:.1f} s")
    print(f"{sum(counts.values())} stops in {rounds} datasets, seed {SEED}: the same bytes every time; "
          f"slowest run after a stop {wait_s:.1f} s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
