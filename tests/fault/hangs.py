#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A rank, or the launcher, is stopped (SIGSTOP) on its way through a run: the run ends by itself within the limit that
KUNI_RANK_SILENCE_S sets, with one line and a status that says to go on (or that all is done), `kuni status` tells the same, nobody is left, and the
same command then gives the bytes of an undisturbed run.

usage: hangs.py [short]     environment: KUNI (with faults on purpose), MPIEXEC
"""
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import ranks

SILENCE_S = 4
RANKS = 3
LIMIT_S = 2 * SILENCE_S  # and what it takes to start and to end: ranks.Pace
PLACES = [(place, 0) for place in ("start", "lead-in", "preflight", "reads", "judge", "joint", "assembly", "publish", "farewell", "finalize")]
PLACES += [(place, 2) for place in ("start", "lead-in", "work", "assembly", "farewell", "finalize")] + [("launcher", None), ("alone", None)]
SHORT = [("reads", 0), ("assembly", 2), ("start", 2)]

WORKFLOW = """version: 1
name: genomes
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
batch: 2
regions: {{contigs: [chr20], shard: 10kb, ploidy: diploid}}
dataset: {dataset}
stages:
  - {{id: call, uses: call-variants}}
  - {{id: joint, uses: joint-genotype, needs: call}}
  - {{id: national, uses: merge, needs: joint}}
"""


def published(dataset):
    with open(os.path.join(dataset, "current", "national.bcf"), "rb") as f:
        return f.read()


def status_of(workflow):
    done = subprocess.run([ranks.KUNI, "status", workflow], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def await_phase(workflow):
    for _ in range(600):
        if "phase " in status_of(workflow)[1]:
            return
        time.sleep(0.05)
    raise AssertionError("the run never began")


def alone(workflow, environment, pace):
    """A single process that is stopped: nobody watches it but `kuni status`."""
    process = subprocess.Popen([ranks.KUNI, "run", "--quiet", workflow], env=environment, stderr=subprocess.DEVNULL)
    try:
        await_phase(workflow)
        os.kill(process.pid, signal.SIGSTOP)
        assert pace.until(lambda: "hung" in status_of(workflow)[1], LIMIT_S), f"kuni status does not call it hung: {status_of(workflow)[1]}"
        code, text = status_of(workflow)
        assert code == 75 and "no sign of life" in text, text
    finally:
        process.kill()
        process.wait()


def stop(folder, pace, place, rank):
    name = f"{place}-{rank}"
    dataset, workflow = os.path.join(folder, name), os.path.join(folder, name + ".yaml")
    with open(workflow, "w") as f:
        f.write(WORKFLOW.format(dataset=dataset))
    mark = f"KUNI_HANG_TEST={dataset}"
    environment = dict(os.environ, KUNI_RANK_SILENCE_S=str(SILENCE_S), KUNI_HANG_TEST=dataset)
    if rank is not None:
        environment["KUNI_STOP"] = f"{place}:{rank}"
    began = time.monotonic()
    if place == "alone":
        alone(workflow, environment, pace)
        return again(workflow, dataset, name, began)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(ranks.launch(RANKS, "--quiet", workflow), env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            if place == "launcher":
                await_phase(workflow)
                os.kill(process.pid, signal.SIGSTOP)
                pace.until(lambda: len(ranks.processes(mark)) <= 1, LIMIT_S)
            else:
                pace.until(ranks.Ended(process, lambda: set(ranks.processes(mark)) - {process.pid}), LIMIT_S)
        finally:
            left = {pid for pid in ranks.processes(mark) if pid != process.pid}
            hung = process.poll() is None and place != "launcher"
            for pid in [process.pid, *left]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
        took = time.monotonic() - began
        said.seek(0)
        text = said.read()
    assert not hung and not left, f"{name}: after {took:.0f} s {len(left)} processes are left:\n{text}"
    code, word = status_of(workflow) if os.path.isdir(dataset) else (75, "")
    lines = [line for line in text.splitlines() if line.startswith("kuni: ") and any(i in line for i in ("silent", "not all ranks"))]
    if place == "launcher":
        assert code == 0, f"{name}: the run is not done, {code}: {word}\n{text}"
    else:
        assert code in (0, 75) or "no run has been here" in word or not word, f"{name}: status {code}: {word}\n{text}"
        assert process.returncode != 0 or code == 0, f"{name}: mpirun says {process.returncode}, kuni status {code}"
        assert place == "finalize" or len(lines) == 1, f"{name}: {len(lines)} lines:\n{text}"
    return again(workflow, dataset, name, began)


def again(workflow, dataset, name, began):
    took = time.monotonic() - began
    done = subprocess.run(ranks.launch(RANKS, "--quiet", workflow), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{name}: the same command: {done.returncode}: {done.stderr}"
    return name, took, published(dataset)


def main():
    short = sys.argv[1:] == ["short"]
    folder = tempfile.mkdtemp(prefix="kuni-hangs-")
    ranks.simulate(folder, "-n", "4", "--contigs", "chr20:40k", "-d", "6")
    calm = os.path.join(folder, "calm.yaml")
    with open(calm, "w") as f:
        f.write(WORKFLOW.format(dataset=os.path.join(folder, "calm")))
    subprocess.run([ranks.KUNI, "run", "--quiet", calm], check=True, capture_output=True)
    expected = published(os.path.join(folder, "calm"))

    def measure():
        busy = os.path.join(folder, "busy")
        shutil.rmtree(busy, ignore_errors=True)
        with open(busy + ".yaml", "w") as f:
            f.write(WORKFLOW.format(dataset=busy))
        subprocess.run(ranks.launch(RANKS, "--quiet", busy + ".yaml"), check=True, capture_output=True)

    pace = ranks.Pace(measure)
    places = SHORT if short else PLACES
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(SHORT)) as pool:
        for case in [pool.submit(stop, folder, pace, *place) for place in places]:
            try:
                name, took, bytes_ = case.result()
                print(f"{name}: ended after {took:.1f} s")
                assert bytes_ == expected, f"{name}: other bytes"
            except AssertionError as fault:
                print(f"FAIL: {fault}")
                failed += 1
    shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    ranks.need_faults()
    main()
