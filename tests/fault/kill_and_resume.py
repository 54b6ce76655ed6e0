#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills a rank, the coordinator or mpirun at random moments, runs the same command again, and wants the same bytes.

usage: kill_and_resume.py [KILLS [SEED]]      environment: KUNI, KUNI_TALLY (the test plugin), MPIEXEC
"""
import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

import ranks

PLUGIN = os.environ["KUNI_TALLY"]
KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 24
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
RANKS = 3
PUBLISHED = ["dataset.json", "failures.tsv", "totals.txt", "tables/table.txt"]


def command(workflow):
    return ranks.launch(RANKS, "--quiet", workflow)


def run_to_end(workflow):
    done = subprocess.run(command(workflow), stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"FAIL: an undisturbed run ended with {done.returncode}:\n{done.stderr}")
    return done.stderr


def kill_once(workflow, rng, pace):
    """Starts a run and kills one of its processes; returns what was hit, or None where the run was faster."""
    target = rng.choice(["rank", "coordinator", "mpirun"])
    delay = rng.uniform(0.1, 1.1) * pace.s
    process = subprocess.Popen(command(workflow), stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(timeout=delay)
        return None
    except subprocess.TimeoutExpired:
        pass
    if target == "mpirun":
        process.kill()
    else:
        found = ranks.ranks_of(process.pid)
        wanted = 0 if target == "coordinator" else rng.randrange(1, RANKS)
        if wanted not in found:
            process.kill()
            target = "mpirun"
        else:
            try:
                os.kill(found[wanted], signal.SIGKILL)
            except ProcessLookupError:
                pass
    if not pace.until(ranks.Ended(process, lambda: ranks.ranks_of(process.pid)), 0):
        left = {pid: ranks.command_of(pid) for pid in ranks.ranks_of(process.pid).values()}
        sys.exit(f"FAIL: after {target} was killed at {delay:.2f} s the run does not end ({pace.s:.1f} s undisturbed): {left}")
    return target if process.returncode != 0 else None


def check_same(expected, dataset):
    for name in PUBLISHED:
        a, b = os.path.join(expected, "current", name), os.path.join(dataset, "current", name)
        if not filecmp.cmp(a, b, shallow=False):
            sys.exit(f"FAIL: {name} differs after kills: {a} {b}")


def main():
    rng = random.Random(SEED)
    folder = tempfile.mkdtemp(prefix="kuni-kill-")
    ranks.small_cohort(folder)

    def make(name):
        path = os.path.join(folder, name + ".yaml")
        with open(path, "w") as f:
            f.write(ranks.TALLY.format(dataset=name, plugin=PLUGIN, slow_ms=60))
        return path

    def measure():
        shutil.rmtree(os.path.join(folder, "busy"), ignore_errors=True)
        run_to_end(make("busy"))

    run_to_end(make("calm"))
    pace = ranks.Pace(measure)
    kills = {"rank": 0, "coordinator": 0, "mpirun": 0}
    rounds = 0
    while sum(kills.values()) < KILLS:
        rounds += 1
        name = f"storm{rounds}"
        workflow = make(name)
        for _ in range(6):
            hit = kill_once(workflow, rng, pace)
            if hit is None:
                break
            kills[hit] += 1
        run_to_end(workflow)
        check_same(os.path.join(folder, "calm"), os.path.join(folder, name))
        again = run_to_end(workflow)
        if "unchanged" not in again:
            sys.exit(f"FAIL: a run with nothing to do did something:\n{again}")
        shutil.rmtree(os.path.join(folder, name))
    shutil.rmtree(folder)
    print(f"{sum(kills.values())} kills in {rounds} datasets ({kills}): the same bytes every time")


if __name__ == "__main__":
    main()
