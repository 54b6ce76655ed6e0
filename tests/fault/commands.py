#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A rank, or the launcher, is stopped (SIGSTOP) on its way through kuni export, verify, release, recontact and run --dry-run under mpirun: the
command ends within the limit that KUNI_RANK_SILENCE_S sets, with 75 and one line that names the rank; nobody is left; what stood at the target
stays, or the whole takes its place; no piece is left beside it; and the same command then gives the bytes of an undisturbed one. A rank that is
busy for longer than the limit is not taken for a silent one.

usage: commands.py [short]     environment: KUNI (with faults on purpose), MPIEXEC
"""
import concurrent.futures
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import ranks
from trial import Fault

SILENCE_S = 3
RANKS = 3
LIMIT_S = 2 * SILENCE_S  # and what it takes to start and to end: ranks.Pace
RELEASES = threading.Lock()
OLD = b"what stood here before\n"
COLUMNS = "participant_id sample_id reads sex index consent icf_version consent_date release_after group custodian recontact".split()

WORKFLOW = """version: 1
name: genomes
reference: {folder}/cohort/reference.fa
cohort: {folder}/people.tsv
batch: 2
regions: {{contigs: [chr20], shard: 10kb, ploidy: diploid}}
dataset: {dataset}
stages:
  - {{id: call, uses: call-variants}}
  - {{id: joint, uses: joint-genotype, needs: call}}
  - {{id: national, uses: merge, needs: joint}}
"""

REQUEST = """version: 1
workflow: {folder}/w.yaml
recipient: {{id: acme, organisation: not-for-profit, countries: [JP]}}
purpose: general
use: non-commercial
consent: {{forms: [v1]}}
form: dense
threshold: 1
pseudonyms: {{key: {folder}/acme.key, linkage: {folder}/acme.linkage}}
"""

# A command, and what it writes by what stands behind its --out; FOLDER: no older one may stand there.
FOLDER = "/"
EXPORTS = {
    "export bcf": (["export", "-r", "chr20:1-35000"], ".bcf", ["", ".csi"]),
    "export bcf -j 2": (["export", "-j", "2", "-S", "S000001,S000003"], ".bcf", ["", ".csi"]),
    "export sparse": (["export", "-f", "sparse"], ".sparse.vcf.gz", ["", ".csi"]),
    "export table": (["export", "-f", "sites-tsv"], ".tsv.gz", ["", ".csi"]),
    "export pgen": (["export", "-f", "pgen"], "", [".pgen", ".pvar", ".psam"]),
    "export gvcf": (["export", "-f", "gvcf"], "", [FOLDER]),
    "export zarr": (["export", "-f", "zarr"], "", [FOLDER]),
    "release": (["release"], "", [FOLDER]),
}
READS = {"verify": ["verify"], "verify deep": ["verify", "--deep"], "dry run": ["run", "--dry-run"], "recontact": ["recontact"]}
PLACES = [(place, rank) for place in ("start", "lead-in", "together", "together@2", "together@4", "together@7", "together@12", "team", "team@2", "assembly",
                                      "farewell", "finalize") for rank in (0, 2)] + [("joined", 1), ("share", 0), ("share", 2), ("launcher", None), ("busy", 0), ("busy", 2)]
SHORT = [("export bcf", "team", 0), ("export bcf", "together@4", 2), ("export pgen", "share", 2), ("export zarr", "team@2", 2), ("export pgen", "together@7", 0), ("verify deep", "together", 2),
         ("verify", "together@2", 0), ("release", "team", 2), ("export bcf", "busy", 0), ("recontact", "lead-in", 0)]


def digests(path):
    """Of a file, or of all of a folder."""
    found = {}
    for at, _, names in os.walk(path) if os.path.isdir(path) else [(os.path.dirname(path), 0, [os.path.basename(path)])]:
        for name in names:
            with open(os.path.join(at, name), "rb") as f:
                found[os.path.relpath(os.path.join(at, name), path)] = hashlib.sha256(f.read()).hexdigest()
    return found


class World:
    """A dataset, and what each command gives when it is left alone."""

    def __init__(self, folder):
        self.folder, self.workflow, self.dataset = folder, os.path.join(folder, "w.yaml"), os.path.join(folder, "dataset")
        ranks.simulate(folder, "-n", "4", "--contigs", "chr20:40k", "-d", "6")
        with open(os.path.join(folder, "cohort/manifest.tsv")) as f:
            lines = [line.rstrip("\n").split("\t") for line in f]
        with open(os.path.join(folder, "people.tsv"), "w") as f:
            f.write("\t".join(COLUMNS) + "\n")
            for row in (dict(zip(lines[0], line)) for line in lines[1:]):
                row.update(reads="cohort/" + row["reads"], index="cohort/" + row["index"], consent="GRU", icf_version="v1", consent_date="2024-01-01",
                           release_after=".", group="north", custodian="clinic", recontact="yes")
                f.write("\t".join(row[name] for name in COLUMNS) + "\n")
        with open(self.workflow, "w") as f:
            f.write(WORKFLOW.format(folder=folder, dataset=self.dataset))
        with open(os.path.join(folder, "request.yaml"), "w") as f:
            f.write(REQUEST.format(folder=folder))
        self.alone("run", "--quiet", self.workflow)
        self.alone("release", "--new-key", os.path.join(folder, "acme.key"))
        self.alone("release", "-o", os.path.join(folder, "first"), os.path.join(folder, "request.yaml"))
        self.calm = {}
        for name in EXPORTS:
            at = os.path.join(folder, "calm-" + name.replace(" ", "-"))
            self.alone(*self.words(name, at))
            self.calm[name] = self.found(name, at)
        self.pace = ranks.Pace(lambda: subprocess.run(self.launched("verify", ""), check=True, capture_output=True, timeout=600))

    def alone(self, *words):
        done = subprocess.run([ranks.KUNI, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"

    def words(self, name, at):
        if name == "recontact":
            return ["recontact", "-w", self.workflow, "-v", "chr20-100-A-C", "-o", at, os.path.join(self.folder, "first")]
        if name in READS:
            return [*READS[name], self.workflow]
        words, ending, _ = EXPORTS[name]
        return [*words, "-o", at + ending, os.path.join(self.folder, "request.yaml") if name == "release" else self.workflow]

    def launched(self, name, at):
        return [ranks.MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", str(RANKS), ranks.KUNI, *self.words(name, at)]

    def found(self, name, at):
        """Digests of each part of an output, by its ending; those that are not there are left out."""
        _, ending, parts = EXPORTS[name]
        paths = {part: at + ending + part.rstrip(FOLDER) for part in parts}
        return {part: {} if part == FOLDER and name != "release" and not os.path.exists(path) else digests(path)
                for part, path in paths.items() if os.path.exists(path)}


def put_old(name, at):
    _, ending, parts = EXPORTS[name]
    for part in [] if FOLDER in parts else parts[:1]:
        with open(at + ending + part, "wb") as f:
            f.write(OLD)


class Case:
    def __init__(self, world, number, name, place, rank):
        self.world, self.name, self.place, self.rank = world, name, place, rank
        self.what = f"{name}, {place} of {rank}"
        self.at = os.path.join(world.folder, f"out{number}", "it")
        self.mark = f"KUNI_COMMANDS={self.at}"
        self.pause = os.path.join(world.folder, f"pause{number}")
        os.mkdir(os.path.dirname(self.at))
        if name in EXPORTS:
            put_old(name, self.at)

    def strike(self, process):
        """What is done to it from outside; how long the others may take."""
        if self.place == "launcher":
            time.sleep(0.3)
            process.send_signal(signal.SIGSTOP)
        if self.place == "busy":  # longer than the limit, and nobody is silent
            self.world.pace.until(lambda: os.path.exists(self.pause) or process.poll() is not None, 10)
            time.sleep(3 * SILENCE_S)
            assert process.poll() is None, f"{self.what}: it has ended: {process.returncode}"
            os.remove(self.pause)

    def run(self):
        with RELEASES if self.name == "release" else contextlib.nullcontext():  # one at a time
            return self.run_alone()

    def run_alone(self):
        environment = dict(os.environ, KUNI_RANK_SILENCE_S=str(SILENCE_S), KUNI_COMMANDS=self.at)
        if self.place == "busy":
            environment["KUNI_STOP"] = f"lead-in:{self.rank}:pause#{self.pause}"
        elif self.rank is not None:
            environment["KUNI_STOP"] = f"{self.place}:{self.rank}"
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(self.world.launched(self.name, self.at), env=environment, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
                                       start_new_session=True)
            try:
                self.strike(process)
                if self.place == "launcher":
                    self.world.pace.until(lambda: len(ranks.processes(self.mark)) <= 1, LIMIT_S)
                else:
                    self.world.pace.until(ranks.Ended(process, lambda: set(ranks.processes(self.mark)) - {process.pid}), LIMIT_S)
            finally:
                self.took = time.monotonic() - began
                left = {pid for pid in ranks.processes(self.mark) if pid != process.pid}
                hung = process.poll() is None and self.place != "launcher"
                for pid in [process.pid, *left]:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                process.wait()
            said.seek(0)
            text = said.read()
        assert not hung and not left, f"{self.what}: after {self.took:.0f} s there are left {sorted(left)}:\n{text}"
        code = process.returncode
        self.check(code, text)
        self.again()
        return f"{self.what}: ended with {code} after {self.took:.1f} s"

    def check(self, code, text):
        lines = [line for line in text.splitlines() if line.startswith("kuni: ") and any(i in line for i in ("silent", "not all ranks", "was stopped"))]
        late = self.place in ("farewell", "finalize", "launcher", "busy") or self.name == "recontact"
        late = late or (self.name == "dry run" and self.rank != 0)  # rank 0 does it alone, and has told by then
        reached = bool(lines) or not self.place.startswith(("together", "assembly", "team", "share"))
        if self.place == "busy":
            assert code == (64 if self.name == "recontact" else 0) and not lines, f"{self.what}: {code}: busy, and taken for silent:\n{text}"
        elif not late and reached:
            assert code == 75 and len(lines) == 1, f"{self.what}: {code}, {len(lines)} lines:\n{text}"
            named = f"on rank {self.rank} was stopped" if self.place == "share" else f"rank {self.rank} has been silent"
            assert self.place in ("start", "joined") or named in lines[0], f"{self.what}: another rank is named:\n{text}"
            assert "run the same command" in lines[0], text
        else:
            assert len(lines) <= 1, f"{self.what}: {len(lines)} lines:\n{text}"
        if self.name in EXPORTS:
            self.check_files(code, text)

    def check_files(self, code, text):
        found, calm = self.world.found(self.name, self.at), self.world.calm[self.name]
        old = hashlib.sha256(OLD).hexdigest()
        for part, files in found.items():
            good = [calm[part], *([] if part == FOLDER else [{".": old}])]
            if self.name == "export gvcf":  # a file a person: each is whole, or is not there
                files = {k: v for k, v in calm[part].items() if k in files} if all(calm[part].get(k) == v for k, v in files.items()) else files
                good.append(files if all(calm[part].get(k) == v for k, v in files.items()) else calm[part])
            assert files in good, f"{self.what}: {part or 'the file'} is half of it:\n{text}"
        if code == 0 and self.place not in ("launcher",):
            assert found == calm, f"{self.what}: it ended with 0: {sorted(found)}\n{text}"
        # mpirun wakes a rank a second before it ends it: what rank 0 then makes nobody takes away but the same command.
        left = self.beside() if self.rank != 0 else set()
        assert not left, f"{self.what}: left beside it: {sorted(left)}\n{text}"

    def beside(self):
        _, ending, parts = EXPORTS[self.name]
        wanted = {"it" + ending + part.rstrip(FOLDER) for part in parts}
        return {n for n in os.listdir(os.path.dirname(self.at)) if n not in wanted}

    def again(self):
        if self.name not in EXPORTS:
            return
        if self.name == "release":  # its .part has a name that says so, and is told
            shutil.rmtree(self.at + ".part", ignore_errors=True)
        if FOLDER in EXPORTS[self.name][2] and self.name != "export gvcf":
            shutil.rmtree(self.at, ignore_errors=True)
        done = subprocess.run(self.world.launched(self.name, self.at), capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"{self.what}: the same command: {done.returncode}: {done.stderr}"
        assert self.world.found(self.name, self.at) == self.world.calm[self.name], f"{self.what}: the same command gives other bytes"
        assert not self.beside(), f"{self.what}: left after the same command: {sorted(self.beside())}"
        shutil.rmtree(os.path.dirname(self.at))


def of_campaign(name, place, rank):
    """As a case of the campaign: its limits are those of here."""
    def strike(trial):
        if not hasattr(trial, "world"):
            folder = os.path.join(trial.folder, "commands")
            os.makedirs(folder)
            trial.world, trial.struck = World(folder), 0
        trial.struck += 1
        began = time.monotonic()
        try:
            return Case(trial.world, trial.struck, name, place, rank).run()
        except AssertionError as fault:
            raise Fault(str(fault)) from fault
        finally:
            trial.ended_s = time.monotonic() - began
    return strike


def all_of(_trial):
    return [(f"STOP {name}", f"{'rank 0' if rank == 0 else 'mpirun' if rank is None else 'worker'}, {place}", of_campaign(name, place, rank))
            for name in [*EXPORTS, *READS] for place, rank in PLACES]


def main():
    short = sys.argv[1:] == ["short"]
    folder = tempfile.mkdtemp(prefix="kuni-commands-")
    world = World(folder)
    cases = SHORT if short else [(name, *place) for name in [*EXPORTS, *READS] for place in PLACES]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for case in [pool.submit(Case(world, i, *case).run) for i, case in enumerate(cases)]:
            try:
                print(case.result(), flush=True)
            except AssertionError as fault:
                print(f"FAIL: {fault}", flush=True)
                failed += 1
    print(f"{len(cases)} cases, {failed} failed")
    if not failed:
        shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    ranks.need_faults()
    main()
