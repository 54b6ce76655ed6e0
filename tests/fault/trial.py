# SPDX-License-Identifier: MIT
"""One case of the campaign: a dataset, its runs, and what is wanted of each end (see campaign.py)."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import ranks

SILENCE_S = 4
TIME_LIMIT_S = 3
RANKS = 3
STATUSES = {0, 64, 65, 70, 71, 74, 75}
LIMIT_S = 2 * SILENCE_S  # and what it takes to start and to end: ranks.Pace
LOCK_WAIT_S = 15  # the default of kuni run --wait
ATTEMPTS = 3  # on_error.retries and the first
# What tells of the run, or of how often something was published, not of the data. The preflight of batches that are sealed is not made again.
NOT_COMPARED = {"run.json"}
VOLATILE = {"build", "generation", "generations", "created", "date"}

WORKFLOW = """version: 1
name: campaign
reference: {folder}/cohort/reference.fa
cohort: {folder}/cohort/manifest.tsv
batch: 2
dataset: {dataset}
regions: {{shard: 12kb}}
on_error: {{time_limit: {limit}s}}
resources: {{memory: 256MiB}}
stages:
  - {{id: qc, uses: alignment-qc}}
  - {{id: call, uses: call-variants}}
  - {{id: joint, uses: joint-genotype, needs: [qc, call]}}
  - {{id: mark, run: 'sleep 0.3 && cp {{input}} {{output}}', scatter: region, needs: joint}}
  - {{id: national, uses: merge, needs: mark}}
"""


class Fault(Exception):
    """The product did not do what is wanted of it."""


def demand(condition, what):
    if not condition:
        raise Fault(what)


def digest(path):
    with open(path, "rb") as f:
        bytes_ = f.read()
    if os.path.basename(path) == "dataset.json":
        try:
            bytes_ = json.dumps({k: v for k, v in json.loads(bytes_).items() if k not in VOLATILE}).encode()
        except ValueError:
            pass
    return hashlib.sha256(bytes_).hexdigest()


def digests(dataset, parts=("data", "current")):
    """Digest of every file of what is published and of the data, by name in the dataset."""
    found = {}
    for part in parts:
        top = os.path.realpath(os.path.join(dataset, part))
        for folder, _, names in os.walk(top):
            for name in names:
                if name not in NOT_COMPARED and "/data/preflight" not in folder:
                    path = os.path.join(folder, name)
                    found[os.path.join(part, os.path.relpath(path, top))] = digest(path)
    return found


def people(dataset):
    """Who is in: batch, sample, participant, state of each line of the register."""
    with open(os.path.join(dataset, "register.tsv")) as f:
        return [tuple(line.split("\t")[i] for i in (0, 1, 2, 4)) for line in f if line.count("\t") > 5]


def differences(found, expected):
    wrong = [f"{n} {'differs' if n in found and n in expected else 'is missing' if n in expected else 'is new'}"
             for n in sorted(set(found) | set(expected)) if found.get(n) != expected.get(n)]
    return ", ".join(wrong[:8]) + (f" and {len(wrong) - 8} more" if len(wrong) > 8 else "")


class Watch(threading.Thread):
    """Reads status.json over and over while a run goes."""

    def __init__(self, dataset):
        super().__init__(daemon=True)
        self.path, self.over, self.reads, self.wrong = os.path.join(dataset, "status.json"), threading.Event(), 0, None
        self.before = self.written()  # by the run before, or damaged since

    def written(self):
        try:
            return os.stat(self.path).st_mtime_ns
        except OSError:
            return None

    def run(self):
        while not self.over.wait(0.02):
            if self.written() in (None, self.before):
                continue
            try:
                with open(self.path, encoding="utf-8") as f:
                    text = f.read()
            except OSError:
                continue
            self.reads += 1
            try:
                json.loads(text)
            except ValueError as fault:
                self.wrong = f"{fault}: {text[:200]!r}"


class Run:
    """A started `kuni run`; `processes` are those that it consists of."""

    def __init__(self, trial, n_ranks, environment, options):
        self.trial, self.n_ranks = trial, n_ranks
        command = ranks.launch(n_ranks, *options, trial.workflow) if n_ranks > 1 else [ranks.KUNI, "run", *options, trial.workflow]
        self.log = open(trial.dataset + ".log", "w+", errors="replace")
        self.began = time.monotonic()
        self.watch = Watch(trial.dataset)
        self.process = subprocess.Popen(command, env=dict(os.environ, KUNI_RANK_SILENCE_S=str(SILENCE_S), KUNI_CAMPAIGN=trial.dataset, **environment),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        self.watch.start()

    def tree(self):
        """{id: (rank or None, parent)} of the launcher and all below it that live."""
        all_ = ranks.processes()
        found, grown = {self.process.pid}, True
        while grown:
            more = {pid for pid, (_, parent) in all_.items() if parent in found} - found
            grown, found = bool(more), found | more
        return {pid: all_[pid] for pid in found if pid in all_}

    def left(self):
        """Those of it that live, by what they were started with or by what they work on; not the launcher."""
        found = set(ranks.processes(f"KUNI_CAMPAIGN={self.trial.dataset}")) | ranks.working_on(self.trial.dataset)
        return found - {self.process.pid, os.getpid()}

    def rank(self, rank):
        return self.process.pid if self.n_ranks == 1 else ranks.ranks_of(self.process.pid).get(rank)

    def tasks(self, rank):
        """Forked tasks of a rank."""
        return [pid for pid, (_, parent) in self.tree().items() if parent == self.rank(rank)]

    def text(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def end(self, within_s, launcher_stands=False):
        """Waits for the end of all of it; `launcher_stands`: that one was stopped. Its own exit status, or None."""
        ended = ranks.Ended(self.process, self.left)
        self.trial.pace.until(lambda: (launcher_stands or ended()) and not self.left(), within_s)
        self.trial.ended_s = time.monotonic() - self.began
        left, launched = self.left(), self.process.poll()
        self.watch.over.set()
        for pid in [*left, *([self.process.pid] if launched is None else [])]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        told = [f"{pid} (rank {r})" for pid, (r, _) in ranks.processes().items() if pid in left]
        demand(not left and (launched is not None or launcher_stands),
               f"after {self.trial.ended_s:.0f} s there are left: {', '.join(told) or 'the launcher'} of {sorted(left)}:\n{self.text()}")
        demand(not self.watch.wrong, f"status.json was not whole: {self.watch.wrong}")
        return launched


class Trial:
    def __init__(self, folder, rng):
        self.folder, self.rng, self.name = folder, rng, "calm"
        self.ended_s = 0.0
        if not os.path.isdir(os.path.join(folder, "cohort")):
            ranks.simulate(folder, "-n", "4", "--contigs", "chr20:24k,chrX:12k", "-d", "6")
        shutil.rmtree(os.path.join(folder, "calm"), ignore_errors=True)
        self.pace = ranks.Pace(self.measure)
        self.begin("calm", "")
        self.whole(RANKS)
        self.calm = self.dataset
        self.expected, self.people = digests(self.calm), people(self.calm)
        demand("current/national.bcf" in self.expected and len(self.people) == 5, f"nothing was published: {sorted(self.expected)}")

    # --- a case ---

    def measure(self):
        busy = os.path.join(self.folder, "busy")
        shutil.rmtree(busy, ignore_errors=True)
        self.write_workflow(busy)
        subprocess.run(ranks.launch(RANKS, "--quiet", busy + ".yaml"), check=True, capture_output=True, timeout=600)
        shutil.rmtree(busy)

    def write_workflow(self, dataset):
        with open(dataset + ".yaml", "w") as f:
            f.write(WORKFLOW.format(folder=self.folder, dataset=dataset, limit=TIME_LIMIT_S))

    def begin(self, name, what):
        self.name, self.what, self.ended_s, self.kept = name, what, 0.0, False
        self.dataset, self.workflow = os.path.join(self.folder, name), os.path.join(self.folder, name + ".yaml")
        shutil.rmtree(self.dataset, ignore_errors=True)
        self.write_workflow(self.dataset)

    def keep(self):
        self.kept = True

    def end(self):
        if not self.kept:
            shutil.rmtree(self.dataset, ignore_errors=True)
            for path in (self.workflow, self.dataset + ".log"):
                if os.path.exists(path):
                    os.remove(path)

    def copy_calm(self):
        subprocess.run(["cp", "-a", self.calm, self.dataset], check=True)

    # --- runs ---

    @property
    def slack_s(self):
        """What something small takes here at most, when the machine is as busy as it has been of late."""
        return 20 + 20 * self.pace.s

    def start(self, n_ranks=RANKS, environment=None, options=("--quiet",)):
        return Run(self, n_ranks, environment or {}, options)

    def status(self):
        done = subprocess.run([ranks.KUNI, "status", self.workflow], capture_output=True, text=True, errors="replace", timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def agree(self, launched, text, allowed=(0, 75)):
        """After the end: what `kuni status` says fits to what is there, and to what the launcher said."""
        code, word = self.status()
        if "no run has been here" in word or "no dataset" in word or not os.path.isdir(self.dataset):
            demand(not os.path.exists(os.path.join(self.dataset, "current")), f"published, and status: {word}")
            demand(launched != 0, f"the launcher ended with 0 and no run has been here: {text}")
            return None
        demand(code in allowed, f"kuni status ends with {code}, not {allowed}: {word}\n{text}")
        demand("running" not in word.split("\n")[0], f"nobody runs, and status: {word}")
        demand(launched != 0 or code == 0, f"the launcher ended with 0, kuni status with {code}: {word}\n{text}")
        if code == 0:
            self.check_current("done")
        return code

    def check_current(self, when):
        found = digests(self.dataset, ("current",))
        expected = {k: v for k, v in self.expected.items() if k.startswith("current/")}
        demand(found == expected, f"{when}: {differences(found, expected)}")

    def whole(self, n_ranks=None, options=("--quiet",)):
        """The same command to its end; what it said."""
        n_ranks = n_ranks or self.rng.choice([1, 2, RANKS])
        ended_s = self.ended_s
        run = self.start(n_ranks, options=options)
        launched = run.end(LOCK_WAIT_S)
        self.ended_s = ended_s or self.ended_s
        return launched, run.text()

    def go_on(self):
        """The same command gives the bytes of an undisturbed run, and then has nothing to do."""
        launched, text = self.whole()
        demand(launched == 0, f"the same command ends with {launched}:\n{text}")
        self.check_whole(text)

    def check_whole(self, text):
        code, word = self.status()
        demand(code == 0, f"the same command is through, kuni status ends with {code}: {word}")
        found = digests(self.dataset)
        demand(found == self.expected, f"other bytes: {differences(found, self.expected)}\n{text}")
        demand(people(self.dataset) == self.people, f"other people: {people(self.dataset)}")
        left = [os.path.join(at, n) for at, folders, names in os.walk(self.dataset) for n in folders + names
                if ".kuni-tmp" in n or ".tmp." in n or n.startswith((".new-", ".current")) or os.path.basename(at) == "tmp"]
        demand(not left, f"left over: {left[:8]}")
