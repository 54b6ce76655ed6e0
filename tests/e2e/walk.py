#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A walk of random operations over a dataset, beside a plain model of who must be in it and with which records.

usage: walk.py [OPERATIONS [SEED [RANKS]]]      environment: KUNI, MPIEXEC, KEEP (a folder that stays); needs bcftools

The model knows people, their batches, what was told of them, and who has withdrawn; it opens no file of the dataset but,
after a kill or a refusal, the register, which must then be as before or as the run was to leave it, and nothing between.
What is published must be that of a fresh dataset of the same people in the same order with the same facts, called from all
reads, on one process, byte for byte, but for what DIFFERS tells. A refusal has a documented status and changes nothing.
RANKS: 1, 3, or 1,3 for either by chance.
"""
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import people
from people import KUNI, flip, want

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fault"))
import ranks as living  # noqa: E402

PEOPLE = 16
BATCH = 3
CONTIGS = "chr20:6k,chrX:6k,chrY:5k"
MARK = f"KUNI_TEST_WALK=walk-{os.getpid()}"
# Of dataset.json: how the people are grouped, how many withdrew, and who was left out are of this dataset alone.
DIFFERS = ("batches", "withdrawn", "quarantined")
# What may be otherwise after a refusal: the journal and logs of what was tried, and outputs that were done. Where work was done: what it took.
MAY_CHANGE = ("journal", "status.json", "lock", "logs", "tmp", "reference.tsv")

Fact = collections.namedtuple("Fact", "sex site")


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def tree(folder):
    """Bytes of every file beneath, by name; of a link what it names."""
    found = {}
    for at, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(at, name)
            if os.path.islink(path):
                found[os.path.relpath(path, folder)] = os.readlink(path)
            elif os.path.isfile(path):
                found[os.path.relpath(path, folder)] = read_bytes(path)
    return found


class World:
    """What a dataset knows: batches of sample ids, in column order, the facts that it was told of each, where the reads
    lie, and whose evidence is not whole, because they had withdrawn when files of their batch were made."""

    def __init__(self, batches=(), told=None, place=None, marked=(), names=()):
        self.batches = [list(batch) for batch in batches]
        self.names = list(names)  # of the batches: compacted ones have numbers beyond all others
        self.told, self.place, self.marked = dict(told or {}), dict(place or {}), set(marked)

    def order(self):
        return [sample for batch in self.batches for sample in batch]

    def batch_of(self, sample):
        return next(number for number, batch in enumerate(self.batches) if sample in batch)

    def append(self, sample, first):
        if len(self.batches) == first or len(self.batches[-1]) == BATCH:
            self.names.append(f"b{max((int(name[1:]) + 1 for name in self.names), default=0):04}")
            self.batches.append([])
        self.batches[-1].append(sample)

    def name_of(self, sample):
        return self.names[self.batch_of(sample)]

    def people_of(self, name):
        return self.batches[self.names.index(name)]

    def after(self, rows, covered, exists):
        """The world once a manifest of ROWS (sample, fact, place) has been read; COVERED tells who has withdrawn, EXISTS
        whether reads are there. Who has come back and is marked joins a new batch, when the reads are there."""
        world = World(self.batches, self.told, self.place, self.marked, self.names)
        first = len(world.batches)
        for sample, fact, place in rows:
            if covered(sample):
                continue
            if sample not in self.told:
                world.append(sample, first)
            world.told[sample], world.place[sample] = fact, place
        for sample in self.order():
            if sample in self.marked and not covered(sample) and exists(world.place[sample]):
                world.batches[world.batch_of(sample)].remove(sample)
                world.append(sample, first)
                world.marked.discard(sample)
        return world

    def __eq__(self, other):
        return (self.batches, self.told, self.names) == (other.batches, other.told, other.names)


class Oracle:
    """Fresh datasets from all reads, one for each list of people and facts that is asked for."""

    def __init__(self, source, folder):
        self.source, self.folder = source, folder
        self.known, self.seconds = {}, 0.0

    def published(self, columns):
        """Files of the call set of COLUMNS, a list of (sample, participant, fact)."""
        key = tuple(columns)
        if key not in self.known:
            began = time.monotonic()
            self.known[key] = self.make(columns)
            self.seconds += time.monotonic() - began
        return self.known[key]

    def make(self, columns):
        manifest = os.path.join(self.source, "oracle.tsv")
        with open(manifest, "w") as f:
            f.write("participant_id\tsample_id\tsex\treads\tsite\n")
            for sample, participant, fact in columns:
                f.write(f"{participant}\t{sample}\t{fact.sex}\treads/{sample}.cram\t{fact.site}\n")
        dataset = os.path.join(self.folder, "oracle")
        shutil.rmtree(dataset, ignore_errors=True)
        done = subprocess.run([KUNI, "run", "--quiet", "--set", "cohort=oracle.tsv", "--set", f"dataset={dataset}",
                               "workflow.yaml"], cwd=self.source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        want(done.returncode == 0, f"a fresh dataset cannot be made: {done.stdout}")
        return tree(os.path.realpath(os.path.join(dataset, "current")))


class Wound:
    """A file that was damaged. `told`: by size or time, so that a run must not go on; else a run may not need it."""

    def __init__(self, path, kind, told, batch):
        self.path, self.kind, self.told, self.batch = path, kind, told, batch
        self.good = read_bytes(path)
        self.generation = None

    def only_in_a_name(self):
        """A stub names the other file twice: by the one that is left it still gives back its file."""
        if not self.path.endswith(".stub"):
            return False
        is_now, was = read_bytes(self.path).split(b"\n", 4), self.good.split(b"\n", 4)
        return len(is_now) == len(was) == 5 and all(is_now[i] == was[i] for i in (0, 1, 4)) and (is_now[2] == was[2] or is_now[3] == was[3])

    def is_open(self, dataset):
        there = os.path.exists(self.path)
        if self.kind == "published":
            return os.readlink(os.path.join(dataset, "current")) == self.generation and (
                not there or read_bytes(self.path) != self.good)
        if self.kind == "derived":  # one that is gone is made again
            return there and read_bytes(self.path) != self.good and not self.only_in_a_name()
        return not there or read_bytes(self.path) != self.good


class Walk(people.Cohort):
    def __init__(self, folder, seed, ranks):
        # pylint: disable=super-init-not-called
        self.rng = random.Random(seed)
        self.ranks = ranks
        self.top = folder
        self.source, self.folder = os.path.join(folder, "source"), os.path.join(folder, "case")
        self.simulate()
        self.oracle = Oracle(self.source, folder)
        self.world = World()
        self.withdrawn, self.withdrawn_participants, self.erased = set(), set(), set()
        self.published = None  # (columns, left out) of what `current` shows
        self.ever = set()      # who had a column once
        self.wounds = []
        self.counts = collections.Counter()
        self.calm_s = 1.0
        self.log = []

    def simulate(self):
        subprocess.run([KUNI, "simulate", "--quiet", "-n", str(PEOPLE), "--contigs", CONTIGS, "-d", "8",
                        "--heterozygosity", "0.004", "--seed", "5", "-o", self.source], check=True,
                       stdout=subprocess.DEVNULL)
        path = os.path.join(self.source, "workflow.yaml")
        with open(path) as f:
            lines = [line for line in f if not line.startswith("pedigree:")]
        with open(path, "w") as f:
            f.writelines(lines)
        shutil.copytree(self.source, self.folder)
        with open(self.path("workflow.yaml"), "a") as f:
            f.write(f"batch: {BATCH}\n")
        os.makedirs(self.path("archive"))
        self.participants, self.facts, self.reads, self.archived = {}, {}, {}, set()
        with open(self.path("manifest.tsv")) as f:
            for line in list(f)[1:]:
                participant, sample, sex, reads, _, site = line.rstrip("\n").split("\t")
                self.participants[sample], self.facts[sample] = participant, Fact(sex, site)
                self.reads[sample] = reads
        # two samples of one person
        first = next(iter(self.facts))
        twin = [s for s, f in self.facts.items() if f.sex == self.facts[first].sex][-1]
        self.participants[twin] = self.participants[first]

    # --- the model ---

    def covered(self, sample):
        return sample in self.withdrawn | self.erased or self.participants[sample] in self.withdrawn_participants

    def expected(self, world, left_out=()):
        return [(s, self.participants[s], world.told[s]) for s in world.order()
                if not self.covered(s) and s not in left_out]

    def exists(self, place):
        return os.path.exists(self.path(place))

    def known(self):
        return self.world.order()

    def inside(self):
        return [s for s in self.known() if not self.covered(s)]

    def strangers(self):
        return [s for s in self.facts if s not in self.world.told]

    def is_there(self, sample):
        return sample not in self.archived

    def sealed(self):
        """Names of the batches of which evidence and QC are primary data now."""
        def names(step):
            folder = self.path("dataset/sealed", step)
            return {n[:-4] for n in os.listdir(folder)} if os.path.isdir(folder) else set()
        return names("call") & names("qc.reads")

    def unsealed_people(self, world):
        sealed = self.sealed()
        return [s for name, batch in zip(world.names, world.batches) for s in batch if name not in sealed]

    def open_wounds(self):
        self.wounds = [w for w in self.wounds if w.is_open(self.path("dataset"))]
        return self.wounds

    def is_needed(self, wound):
        """Of a batch that nobody is left of a run looks at no file, until somebody comes back."""
        return wound.kind != "sealed" or not all(self.covered(s) for s in self.world.people_of(wound.batch))

    # --- the dataset as it lies there ---

    def generation(self):
        link = self.path("dataset/current")
        return os.readlink(link) if os.path.islink(link) else None

    def register(self):
        with open(self.path("dataset/register.tsv")) as f:
            lines = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
        header, world = lines[0], World()
        for fields in lines[1:]:
            row = dict(zip(header, fields))
            sample = row["sample_id"]
            if not world.names or world.names[-1] != row["batch"]:
                world.names.append(row["batch"])
                world.batches.append([])
            if row["state"] not in ("in", "withdrawn", "quarantined"):  # a place that is nobody's
                continue
            world.batches[-1].append(sample)
            world.told[sample] = Fact(row["sex"].replace(".", "unknown"), row["site"])
            if row["where"] == "withdrawn":
                world.marked.add(sample)
        return world

    def take_marks(self, sealed, what):
        """Only who has withdrawn, and of batches that were not sealed before, may have lost evidence."""
        marked = self.register().marked
        for sample in marked - self.world.marked:
            want(self.covered(sample) and self.world.name_of(sample) not in sealed, f"{what}: {sample} is marked")
        want(self.world.marked <= marked, f"{what}: {self.world.marked - marked} are not marked any more")
        self.world.marked = marked

    def same_files(self, what):
        """What is published must be what the oracle has, but for files that were damaged since."""
        columns, left_out = self.published
        have, must = tree(os.path.realpath(self.path("dataset/current"))), self.oracle.published(columns)
        want(set(have) == set(must), f"{what}: published {sorted(set(have) ^ set(must))} or not, unlike a fresh dataset")
        damaged = {os.path.relpath(w.path, self.path("dataset/current")) for w in self.wounds if w.kind == "published"}
        # who was left out of this run stands in the report as absent
        report = re.sub(rb'"absent":\d+', b'"absent":0', have["qc/report.html"])
        want(left_out or report == have["qc/report.html"], f"{what}: the QC report tells of somebody absent")
        have["qc/report.html"] = report
        wrong = [name for name in sorted(must) if have[name] != must[name] and name not in damaged and
                 name not in ("dataset.json", "failures.tsv")]
        want(not wrong, f"{what}: unlike a fresh dataset of the same people: {wrong}")
        mine, theirs = json.loads(have["dataset.json"]), json.loads(must["dataset.json"])
        want(sorted(mine["quarantined"]) == sorted(left_out), f"{what}: dataset.json tells {mine['quarantined']} left out")
        for files in (mine["files"], theirs["files"]):  # compared above
            files.pop("qc/report.html", None)
        keys = [k for k in sorted(set(mine) | set(theirs)) if k not in DIFFERS and mine.get(k) != theirs.get(k)]
        want(not keys, f"{what}: dataset.json unlike that of a fresh dataset in {keys}")
        failures = [line for line in have["failures.tsv"].splitlines() if line not in must["failures.tsv"].splitlines()]
        want(sorted(line.split(b"\t")[0].decode() for line in failures) == sorted(left_out),
             f"{what}: failures.tsv tells {failures}, left out are {left_out}")

    def unchanged(self, before, what, work=True):
        """After a refusal: nothing that stood there is otherwise; WORK: outputs of what was tried may be new."""
        after = tree(self.path("dataset"))
        free = MAY_CHANGE + (("register.tsv", "accounting.tsv") if work else ())
        wrong = [n for n in before if n.split("/")[0] not in free and after.get(n) != before[n]]
        wrong += [n for n in after if n not in before and n.split("/")[0] not in free and
                  not (work and n.split("/")[0] in ("data", "sealed"))]
        want(not wrong, f"{what}: refused, and changed {sorted(wrong)[:8]}")

    # --- running ---

    def choose_ranks(self):
        n = self.rng.choice(self.ranks)
        return 0 if n == 1 else n

    def write_manifest(self, samples):
        """Rows as the operator has them, in the order of SAMPLES; ids, path and facts."""
        with open(self.path("manifest.tsv"), "w") as f:
            f.write("participant_id\tsample_id\tsex\treads\tsite\n")
            for s in samples:
                f.write(f"{self.participants[s]}\t{s}\t{self.facts[s].sex}\t{self.reads[s]}\t{self.facts[s].site}\n")
        return [(s, self.facts[s], self.reads[s]) for s in samples]

    def resolve(self, fresh, what):
        """After a kill or a refusal: the register is the old one or the new one."""
        found = self.register() if os.path.exists(self.path("dataset/register.tsv")) else World()
        want(found in (self.world, fresh), f"{what}: the register is neither as before nor as the manifest tells: "
             f"{found.batches} {found.told}")
        self.world = fresh if found == fresh else self.world

    def kept_by_gate(self, have):
        """Second samples of a participant: the oracle has them, too."""
        with open(self.path("dataset/current/failures.tsv")) as f:
            gated = [line.split("\t")[0] for line in f if line.split("\t")[2] == "gate"]
        for s in gated:
            want(any(o in have and self.participants[o] == self.participants[s] for o in self.facts if o != s),
                 f"the gate keeps out {s}, the only sample of the participant")
        return gated

    def finish(self, fresh, text, what):
        """A run ended with 0: who may be missing, and is what is published right?"""
        self.world = fresh
        have = self.people()
        gated = self.kept_by_gate(have)
        must = [s for s, _, _ in self.expected(fresh)]
        left_out = [s for s in must if s not in have and s not in gated]
        for s in left_out:
            want(not self.exists(fresh.place[s]), f"{what}: {s} is missing, and the reads are there")
            want(s not in self.ever or s in fresh.marked, f"{what}: {s}, who had a column, was lost")
            want(s in fresh.marked or f"left out sample {s} " in text, f"{what}: {s} is missing, and not told: {text}")
        self.published = (self.expected(fresh, left_out), left_out)
        want(have == [s for s in must if s not in left_out and s not in gated], f"{what}: {have} in the call set, "
             f"must be {must} without {left_out} and {gated}")
        self.open_wounds()
        self.same_files(what)
        self.ever.update(have)
        self.counts["runs"] += 1

    def refuse(self, fresh, status, before, text, what):
        """A run ended with another status: may it?"""
        lost = [s for s in self.unsealed_people(fresh) if not self.covered(s) and not self.exists(fresh.place[s])]
        fine = (status == 74 and self.wounds) or (status == 65 and (lost or not self.expected(fresh)))
        want(fine, f"{what}: status {status}, and there was no reason\n{text}")
        self.unchanged(before, what)
        self.resolve(fresh, what)
        self.counts[f"refused with {status}"] += 1

    def go(self, samples, what):
        """A run with a manifest of these rows."""
        ranks, before, sealed = self.choose_ranks(), tree(self.path("dataset")), self.sealed()
        fresh = self.world.after(self.write_manifest(samples), self.covered, self.exists)
        began = time.monotonic()
        process = self.start("run", "--quiet", "workflow.yaml", ranks=ranks)
        text, _ = process.communicate(timeout=300)
        what = f"{what}; run on {ranks or 1}"
        must_refuse = any(w.kind == "sealed" and w.told and self.is_needed(w) for w in self.open_wounds())
        if process.returncode == 0:
            want(not must_refuse, f"{what}: went on over a damaged file of a sealed batch {[w.path for w in self.wounds]}")
            self.finish(fresh, text, what)
            self.take_marks(sealed, what)
            self.calm_s = time.monotonic() - began
            return f"{len(self.published[0])} people"
        self.refuse(fresh, process.returncode, before, text, what)
        self.take_marks(sealed, what)
        return f"refused with {process.returncode}"

    def listed(self):
        """Rows for a run that is about something else: all that are known, some, or a few."""
        known = self.known()
        if self.rng.random() < 0.5:
            return known
        return [s for s in known if self.rng.random() < 0.5] or known

    def command(self, verb, *arguments, fine=(0,)):
        """Another command than run; returns (status, text)."""
        before = tree(self.path("dataset"))
        done = subprocess.run([KUNI, verb, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=120, stdin=subprocess.DEVNULL)
        want(done.returncode in fine, f"kuni {verb} {' '.join(arguments)}: status {done.returncode}, expected {fine}\n"
             f"{done.stdout}")
        if done.returncode and verb != "repair":
            self.unchanged(before, f"kuni {verb}", work=False)
        return done.returncode, done.stdout

    # --- operations; each tells what it did, or None where there is nothing to do ---

    def add(self):
        new = self.strangers()
        if not new:
            return None
        new = self.rng.sample(new, min(len(new), self.rng.randint(1, 4)))
        rows = new if self.rng.random() < 0.3 else self.listed() + new
        if self.rng.random() < 0.5:
            self.rng.shuffle(rows)
        return f"add {' '.join(new)}: " + self.go(rows, f"add {new}")

    def short(self):
        if not self.known():
            return None
        rows = self.rng.sample(self.known(), self.rng.randint(1, len(self.known())))
        return f"short manifest of {len(rows)}: " + self.go(rows, f"short manifest {rows}")

    def correct(self):
        """A fact of somebody: the sex, right, wrong or unknown, or the site."""
        if not self.known():
            return None
        sample = self.rng.choice(self.known())
        fact = self.facts[sample]
        if self.rng.random() < 0.75:
            fact = fact._replace(sex=self.rng.choice([x for x in ("male", "female", "unknown") if x != fact.sex]))
        else:
            fact = fact._replace(site="lab" + str(self.rng.randint(1, 5)))
        samples = [s for s in self.facts if self.participants[s] == self.participants[sample]]
        for s in samples:
            self.facts[s] = self.facts[s]._replace(sex=fact.sex)
        self.facts[sample] = fact
        # all samples of a person in one manifest, or two facts would stand beside each other
        rows = self.listed()
        rows += [s for s in samples if s in self.world.told and s not in rows]
        return f"{sample} is {fact.sex} of {fact.site}: " + self.go(rows, f"{sample} is {fact}")

    def rename(self):
        """Reads are moved, renamed, touched or copied: their bytes are the same."""
        there = [s for s in self.facts if self.is_there(s)]
        if not there:
            return None
        chosen = self.rng.sample(there, self.rng.randint(1, len(there)))
        folder = f"moved{self.rng.randint(1, 9)}"
        os.makedirs(self.path(folder), exist_ok=True)
        for s in chosen:
            name = f"{folder}/{self.rng.randint(10, 99)}-{s}.cram"
            for ending in ("", ".crai"):
                os.rename(self.path(self.reads[s] + ending), self.path(name + ending))
                if self.rng.random() < 0.3:
                    os.utime(self.path(name + ending))
            self.reads[s] = name
        rows = self.listed()
        # where nothing is sealed yet the dataset must be told of the new place
        rows += [s for s in self.unsealed_people(self.world) if s not in rows]
        return f"move reads of {len(chosen)}: " + (self.go(rows, f"move {chosen}") if rows else "nobody is in yet")

    def archive(self):
        there = [s for s in self.facts if self.is_there(s)]
        if self.rng.random() < 0.85:  # as one should
            sealed = set(self.known()) - set(self.unsealed_people(self.world))
            there = [s for s in there if s in sealed]
        if not there:
            return None
        chosen = self.rng.sample(there, self.rng.randint(1, min(6, len(there))))
        for s in chosen:
            for ending in ("", ".crai"):
                os.rename(self.path(self.reads[s] + ending), self.path("archive", s + ".cram" + ending))
            self.archived.add(s)
        return f"archive {' '.join(chosen)}: " + (self.go(self.listed(), f"archive {chosen}") if self.known() else "")

    def bring_back(self):
        if not self.archived:
            return None
        gone = sorted(self.archived)
        chosen = gone if self.rng.random() < 0.3 else self.rng.sample(gone, self.rng.randint(1, len(gone)))
        for s in chosen:
            self.reads[s] = f"reads/{s}.cram"
            for ending in ("", ".crai"):
                os.rename(self.path("archive", s + ".cram" + ending), self.path(self.reads[s] + ending))
            self.archived.discard(s)
        rows = self.listed()
        rows += [s for s in self.unsealed_people(self.world) if s not in rows]
        return f"bring back {' '.join(chosen)}: " + (self.go(rows, f"bring back {chosen}") if rows else "")

    def is_in_seal(self, name):
        """Refused runs leave outdated files beside those that count."""
        step, _, file = name.split("/")
        batch, key = file.split(".")[:2]
        return key.encode() in read_bytes(self.path("dataset/sealed", step, batch + ".tsv"))

    def victim(self):
        """A file to damage: (path, kind, batch)."""
        kind = self.rng.choice(["sealed", "sealed", "derived", "published"])
        found = []
        if kind == "published" and self.generation():
            folder = self.path("dataset/current")
            found = [(os.path.join(folder, n), None) for n in sorted(tree(os.path.realpath(folder)))
                     if n not in ("dataset.json", "failures.tsv")]
        sealed = self.sealed()
        for name in sorted(tree(self.path("dataset/data"))) if kind != "published" else ():
            is_primary = name.split("/")[0] in ("call", "qc.reads", "qc.fold")
            batch = os.path.basename(name).split(".")[0]
            if (kind == "sealed") == is_primary and (not is_primary or batch in sealed and self.is_in_seal(name)):
                found.append((self.path("dataset/data", name), batch))
        found = [f for f in found if os.path.getsize(f[0]) > 20 and os.stat(f[0]).st_nlink <= (2 if kind == "published" else 1)]
        path, batch = self.rng.choice(found) if found else (None, None)
        return path, kind, batch

    def damage(self):
        path, kind, batch = self.victim()
        if not path or len(self.open_wounds()) > 2 or any(w.path == path for w in self.wounds):
            return None
        way = self.rng.choice(["rot", "rot", "flip", "cut", "remove"])
        wound = Wound(path, kind, way != "rot", batch)
        wound.generation = self.generation()
        if way in ("rot", "flip"):
            flip(path, self.rng.randrange(os.path.getsize(path)))
        if way == "flip":
            os.utime(path)
        if way == "cut":
            os.truncate(path, self.rng.randrange(os.path.getsize(path)))
        if way == "remove":
            os.unlink(path)
        self.wounds.append(wound)
        text = f"{way} {os.path.relpath(path, self.path('dataset'))}: "
        if self.rng.random() < 0.5:
            return text + "nobody looks"
        return text + self.go(self.listed(), text)

    def verify(self):
        if not os.path.exists(self.path("dataset/register.tsv")):
            return None
        wounds = self.open_wounds()  # also of a batch that waits for who is reinstated: see people.py, idle_batch
        deep = self.rng.random() < 0.7
        seen = [w for w in wounds if deep or (w.told and (not os.path.exists(w.path) or
                                                          os.path.getsize(w.path) != len(w.good)))]
        before = tree(self.path("dataset"))
        fine = (74,) if seen else (0,) if not wounds else (0, 74)
        status, text = self.command("verify", *(["--deep"] if deep else []), "workflow.yaml", fine=fine)
        for w in seen:
            want(w.path in text, f"verify does not name {w.path}:\n{text}")
        self.unchanged(before, "verify", work=False)
        if not wounds and self.generation() and self.rng.random() < 0.5:
            shutil.rmtree(self.path("backup"), ignore_errors=True)
            shutil.copytree(self.path("dataset"), self.path("backup"), symlinks=True)
            return f"verify: {status}, and a backup"
        return f"verify{' --deep' if deep else ''}: {status}"

    def in_backup(self, wound):
        path = self.path("backup", os.path.relpath(wound.path, self.path("dataset")))
        return os.path.exists(path) and read_bytes(path) == wound.good

    def can_be_mended(self, wound, backup):
        if wound.kind != "sealed" or (backup and self.in_backup(wound)):
            return True
        batch = self.world.people_of(wound.batch)
        return all(self.is_there(s) for s in batch if not self.covered(s))

    def is_given_up(self, wound):
        step = os.path.relpath(wound.path, self.path("dataset/data")).split("/")[0]
        return wound.kind == "sealed" and not os.path.exists(self.path("dataset/sealed", step, wound.batch + ".tsv"))

    def repair(self):
        wounds = self.open_wounds()
        if not wounds or not all(self.is_needed(w) for w in wounds):
            return None
        backup = self.rng.random() < 0.5 and os.path.exists(self.path("backup"))
        # only what a manifest tells the dataset it knows: the last places of the reads
        self.write_manifest(self.known())
        fine = (0,) if all(self.can_be_mended(w, backup) for w in wounds) else (74,)
        before = tree(os.path.realpath(self.path("dataset/current"))) if self.generation() else {}
        status, _ = self.command("repair", "--deep", "--yes", *(["--from", "backup"] if backup else []), "workflow.yaml",
                                 fine=fine)
        after = tree(os.path.realpath(self.path("dataset/current"))) if self.generation() else {}
        broken = {os.path.relpath(w.path, self.path("dataset/current")) for w in wounds}
        want(all(after.get(n) == before[n] for n in before if n not in broken), "repair changed what is published")
        text = f"repair{' --from backup' if backup else ''} of {len(wounds)}: {status}, "
        if status:  # what could be mended was: given up, or copied
            self.wounds = [w for w in self.open_wounds() if not self.is_given_up(w)]
            return text + "beyond"
        for w in self.open_wounds():  # given up, to be made again
            want(not os.path.exists(w.path), f"{w.path} was neither mended nor given up")
        self.wounds = []
        return text + self.go(self.known(), text)

    def withdraw(self):
        if len(self.inside()) < 4:
            return None
        chosen = self.rng.sample(self.inside(), self.rng.randint(1, 2))
        names = [self.rng.choice([s, self.participants[s]]) for s in chosen]
        self.command("withdraw", "--yes", "workflow.yaml", *names)
        for name in names:
            self.withdrawn.update(s for s in self.known() if name in (s, self.participants[s]))
            if name in self.participants.values():
                self.withdrawn_participants.add(name)
        text = f"withdraw {' '.join(names)}: "
        return text + (self.go(self.listed(), text) if self.rng.random() < 0.7 else "not published yet")

    def compact(self):
        """Batches become fewer; everybody keeps the place, and nothing of anybody changes."""
        if not self.generation() or len(self.world.batches) < 2:
            return None
        below = self.rng.choice([["--below", "2"], ["--below", "3"], ["--below", "5", "--set", "batch=7"]])
        at_hand = all(w.kind != "sealed" for w in self.open_wounds())
        fine = (0,) if at_hand else (0, 74)
        killed = ""
        if self.rng.random() < 0.4:
            delay = self.rng.random() * 0.4
            process = subprocess.Popen([KUNI, "compact", "--yes", *below, "workflow.yaml"], cwd=self.folder,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=delay)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed = f", killed after {delay:.2f} s"
        status, text = self.command("compact", "--yes", *below, "workflow.yaml", fine=fine)
        what = f"compact {' '.join(below)}{killed}: "
        found, rest = self.register(), list(self.world.batches)
        want(found.order() == self.world.order() and found.told == self.world.told and found.marked == self.world.marked,
             f"{what}another register: {found.batches}, before {self.world.batches}")
        for batch in found.batches:
            whole = []
            while rest and (len(whole) < len(batch) or (not whole and not batch)):
                whole += rest.pop(0)
                if not batch and not whole:
                    break
            want(whole == batch and len(batch) <= 7, f"{what}{found.batches} of {self.world.batches}")
        if found.names != self.world.names:
            self.wounds = [w for w in self.open_wounds() if w.kind != "sealed" or w.batch in found.names]
        less = len(self.world.batches) - len(found.batches)
        self.world.batches, self.world.names = found.batches, found.names
        if status:
            return what + f"refused with {status}"
        return what + f"{less} batches less, " + (self.go(self.listed(), what) if self.rng.random() < 0.6 else "not run yet")

    def erase(self):
        if len(self.inside()) < 6:
            return None
        chosen = self.rng.sample(self.known(), self.rng.randint(1, 2))
        at_hand = all(w.kind != "sealed" for w in self.open_wounds())
        status, text = self.command("withdraw", "--mode", "erase", "--yes", "workflow.yaml", *chosen,
                                    fine=(0,) if at_hand else (0, 74))
        what = f"erase {' '.join(chosen)}: "
        if status:
            return what + f"refused with {status}"
        self.erased.update(chosen)
        for s in chosen:
            self.world.batches[self.world.batch_of(s)].remove(s)
            del self.world.told[s], self.world.place[s]
            self.world.marked.discard(s)
        want(self.register() == self.world, f"{what}the register tells {self.register().batches}")
        # with the last of a batch its files go, damaged or not
        self.wounds = [w for w in self.wounds if w.kind != "sealed" or self.world.people_of(w.batch)]
        shutil.rmtree(self.path("backup"), ignore_errors=True)  # of theirs, too, nothing is to be left
        text = self.go(self.known(), what)
        if not text.startswith("refused"):
            left = [n for n, b in tree(self.path("dataset")).items() for s in chosen if s.encode() in n.encode() + b"\n" +
                    (b if isinstance(b, bytes) else b.encode())]
            want(not left, f"{what}{left} still tell of them")
        return what + text

    def reinstate(self):
        out = [s for s in self.known() if self.covered(s)]
        if not out:
            return None
        chosen = self.rng.sample(out, self.rng.randint(1, min(2, len(out))))
        self.command("reinstate", "--yes", "workflow.yaml", *chosen)
        for s in chosen:
            self.withdrawn.discard(s)
            self.withdrawn_participants.discard(self.participants[s])
        text = f"reinstate {' '.join(chosen)}: "
        return text + (self.go(self.listed(), text) if self.rng.random() < 0.7 else "not published yet")

    def kill(self):
        """A run is killed at any moment; what follows finds the old state or the new one."""
        new = self.rng.sample(self.strangers(), min(len(self.strangers()), self.rng.randint(0, 3)))
        rows = self.listed() + new
        if not rows:
            return None
        before, published, sealed = tree(self.path("dataset")), self.generation(), self.sealed()
        fresh = self.world.after(self.write_manifest(rows), self.covered, self.exists)
        ranks = self.choose_ranks()
        os.environ.update([MARK.split("=")])
        process = self.start("run", "--quiet", "workflow.yaml", ranks=ranks)
        delay = self.rng.uniform(0.02, 1.2 * self.calm_s)
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            whom = self.rng.choice([0, *range(1, ranks or 1)])
            pid = living.ranks_of(process.pid).get(whom) if self.rng.random() < 0.5 else None
            os.kill(pid or process.pid, self.rng.choice([signal.SIGKILL, signal.SIGTERM]))
        text, _ = process.communicate(timeout=60)
        del os.environ[MARK.split("=")[0]]
        self.wait_for_quiet()
        what = f"kill after {delay:.2f} s"
        self.open_wounds()
        if process.returncode == 0:
            self.finish(fresh, text, what)
            self.take_marks(sealed, what)
            return f"{what}: too late, {len(self.published[0])} people"
        self.resolve(fresh, what)
        if self.generation() != published:
            self.finish(fresh, text, what)
        else:
            after = tree(self.path("dataset"))
            kept = [n for n in before if n.split("/")[0] in ("generations", "sealed", "tombstones.tsv", "settings.json")]
            want(all(after.get(n) == before[n] for n in kept), f"{what}: changed what stood there")
        self.take_marks(sealed, what)
        return f"{what}, with {' '.join(new) or 'nobody new'}: status {process.returncode}"

    def wait_for_quiet(self):
        for _ in range(300):
            if not living.processes(MARK):
                return
            time.sleep(0.05)
        sys.exit(f"FAIL: processes are left after a kill: {living.processes(MARK)}")

    def contradict(self):
        """What must be refused, and change nothing."""
        if not self.generation():
            return None
        before = tree(self.path("dataset"))
        way = self.rng.choice(["unknown", "settings", "no answer"])
        if way == "unknown":
            self.command("withdraw", "--yes", "workflow.yaml", self.known()[0], "NOBODY", fine=(64,))
        elif way == "settings":
            self.write_manifest(self.known())
            self.command("run", "--quiet", "--set", "call.min_base_quality=17", "workflow.yaml", fine=(64,))
        else:
            self.command("withdraw", "workflow.yaml", self.known()[0], fine=(64,))
        self.unchanged(before, way, work=False)
        return f"{way}: 64"


# What a walk consists of, and how often.
OPERATIONS = [(Walk.add, 5), (Walk.short, 5), (Walk.correct, 6), (Walk.rename, 3), (Walk.archive, 4), (Walk.bring_back, 4),
              (Walk.damage, 5), (Walk.verify, 3), (Walk.repair, 5), (Walk.withdraw, 4), (Walk.erase, 3), (Walk.reinstate, 4), (Walk.kill, 4),
              (Walk.compact, 4),
              (Walk.contradict, 1)]


def main():
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    ranks = [int(n) for n in (sys.argv[3] if len(sys.argv) > 3 else "1,3").split(",")]
    folder = os.environ.get("KEEP") or tempfile.mkdtemp(prefix="kuni-walk-")
    os.makedirs(folder, exist_ok=True)
    began = time.monotonic()
    walk = Walk(folder, seed, ranks)
    done = 0
    while done < operations:
        operation = walk.rng.choices([o for o, _ in OPERATIONS], [w for _, w in OPERATIONS])[0]
        if not walk.known():
            operation = Walk.add
        if walk.open_wounds() and walk.rng.random() < 0.25:
            operation = walk.rng.choice([Walk.repair, Walk.bring_back])
        text = operation(walk)
        if text is None:
            continue
        done += 1
        walk.counts[operation.__name__] += 1
        print(f"{done:>4}  {text}", flush=True)
    print(", ".join(f"{name} {n}" for name, n in sorted(walk.counts.items())))
    print(f"{operations} operations, seed {seed}, {len(walk.oracle.known)} fresh datasets in {walk.oracle.seconds:.0f} s, "
          f"{time.monotonic() - began:.0f} s in all: no difference")
    if not os.environ.get("KEEP"):
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
