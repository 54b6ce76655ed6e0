#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An attacker with the tables of a release, of 500 alleles: who is in them, in which group and of which sex, is known; who
carries what is not. All numbers of people that fit whatever the tables tell are tried, integer by integer: no cell,
difference of cells or class of people may be left with one number alone that is 1 to k-1 (that nobody, or all of
at least k people, carry an allele may be told). A second release, after one person has withdrawn and
one has come, is refused to the same recipient; another one gets it, and what both had together would be broken. The attacker is shown to be one, too: tables that hide nothing but small cells themselves are broken."""
import gzip
import itertools
import os
import random
import tempfile

from made_people import kuni, other, request, want, write_gvcf

SEED = int(os.environ.get("SEED", "5"))
ALLELES, K, STEP = 500, 3, 6
GROUPS, SEXES = ("g0", "g1"), ("female", "male")
LENGTH = ALLELES * STEP + 20
BASES = "".join("ACGTTGCAAC"[(i * 7 + i // 10 * 3) % 10] for i in range(LENGTH))
KINDS = ("carriers", "hom", "het")


def fail(text):
    want(False, text)


def place(allele):
    return allele * STEP + 5


def make_people(draw):
    """name -> (group, sex, {allele: copies}); some alleles are rare, some common, some of one class of people."""
    people = {f"P{i:02}": (GROUPS[i % 2], SEXES[i // 2 % 2], {}) for i in range(17)}
    for allele in range(ALLELES):
        names = list(people)
        kind = draw.random()
        if kind < 0.3: # of one class
            names = [n for n in names if people[n][draw.randrange(2)] in (GROUPS[0], SEXES[1])]
        n = min(len(names), draw.choice((1, 2, 3, 4, 5, draw.randint(1, 17), draw.randint(8, 17))))
        homozygous = draw.choice((0, 0.2, 0.5, 1))
        for name in draw.sample(names, n):
            people[name][2][allele] = 2 if draw.random() < homozygous else 1
    return people


def write_manifest(people, names):
    with open("people.tsv", "w") as out:
        out.write("participant_id\tsample_id\tsex\treads\tgroup\tconsent\ticf_version\tconsent_date\n")
        for name in names:
            out.write(f"{name}\t{name}\t{people[name][1]}\t{name}.g.vcf\t{people[name][0]}\tGRU\tv1\t2024-01-01\n")


def release(out, recipient, expect=0):
    request(out, recipient, "tables", K)
    return kuni("release", "-o", out, f"{out}.yaml", expect=expect)


def read(out):
    """{allele: {(group, sex): {kind: number told}}}; adj and raw are the same here, and whichever is told is known."""
    told = {}
    with gzip.open(f"{out}/freq.tsv.gz", "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                head = line[1:].rstrip("\n").split("\t")
                continue
            row = dict(zip(head, line.rstrip("\n").split("\t")))
            cell = told.setdefault((int(row["pos"]) - 5) // STEP, {}).setdefault((row["group"], row["sex"]), {})
            for which in ("adj", "raw"):
                for kind in ("carriers", "hom"):
                    if row[f"{kind}_{which}"] != "hidden":
                        cell[kind] = int(row[f"{kind}_{which}"])
                if row[f"AC_{which}"] != "hidden" and "hom" in cell:
                    cell["het"] = int(row[f"AC_{which}"]) - 2 * cell["hom"]
                    cell["carriers"] = cell["het"] + cell["hom"]
    return told


class Attacker:
    """People by class: group, sex and which of the releases they are in."""

    def __init__(self, people, members):
        self.people, self.members = people, members
        self.classes = {}
        for name, (group, sex, _) in people.items():
            inside = tuple(name in m for m in members)
            if any(inside):
                self.classes.setdefault((group, sex, inside), []).append(name)
        self.order = sorted(self.classes)
        self.sizes = [len(self.classes[c]) for c in self.order]
        self.numbers = list(itertools.product(*[range(n + 1) for n in self.sizes]))
        cells = set()
        for r in range(len(members)):
            for group in ("all", *GROUPS):
                for sex in ("all", *SEXES):
                    cells.add(self.cell(r, group, sex))
        self.targets = cells | {frozenset(a - b) for a in cells for b in cells} | {frozenset([i]) for i in range(len(self.order))}
        self.targets.discard(frozenset())

    def cell(self, r, group, sex):
        return frozenset(i for i, (g, s, inside) in enumerate(self.order) if inside[r] and group in ("all", g) and sex in ("all", s))

    def truth(self, allele, cell, kind):
        copies = [self.people[name][2].get(allele, 0) for i in cell for name in self.classes[self.order[i]]]
        return sum(c > 0 if kind == "carriers" else c == (2 if kind == "hom" else 1) for c in copies)

    def recovers(self, told, kind):
        """told: {cell: number}. Sets of people of which one number from 1 to k-1 alone is left."""
        if not told:
            return []
        fitting = [n for n in self.numbers if all(sum(n[i] for i in cell) == number for cell, number in told.items())]
        if not fitting:
            fail(f"nothing fits {told}")
        found = []
        plain = {i for cell, number in told.items() if number in (0, sum(self.sizes[i] for i in cell)) for i in cell}
        for target in self.targets:
            first = sum(fitting[0][i] for i in target)
            if 0 < first < K and not target <= plain and all(sum(n[i] for i in target) == first for n in fitting):
                found.append((sorted(self.order[i] for i in target), first, kind))
        return found


def attack(attacker, releases):
    """Of what the releases tell."""
    found, told_cells = [], 0
    for allele in range(ALLELES):
        for kind in KINDS:
            told = {}
            for r, tables in enumerate(releases):
                for (group, sex), numbers in tables.get(allele, {}).items():
                    if kind in numbers:
                        cell = attacker.cell(r, group, sex)
                        if numbers[kind] != attacker.truth(allele, cell, kind):
                            fail(f"allele {allele}: {group} {sex} of release {r} has {numbers}")
                        told[cell] = numbers[kind]
            told_cells += len(told)
            found += [(allele, *x) for x in attacker.recovers(told, kind)]
    return found, told_cells


def naive(attacker):
    """Tables in which small cells are hidden, and nothing else."""
    releases = []
    for r in range(len(attacker.members)):
        tables = {}
        for allele in range(0, ALLELES, 10):
            for group, sex in itertools.product(("all", *GROUPS), ("all", *SEXES)):
                numbers = {kind: attacker.truth(allele, attacker.cell(r, group, sex), kind) for kind in KINDS}
                tables.setdefault(allele, {})[group, sex] = {kind: n for kind, n in numbers.items() if not 0 < n < K}
        releases.append(tables)
    return releases


def main():
    people = make_people(random.Random(SEED))
    names = sorted(people)
    gone, new = names[3], names[-1]
    first, second = [n for n in names if n != new], [n for n in names if n != gone]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open("ref.fa", "w") as out:
            out.write(f">c1\n{BASES}\n")
        with open("w.yaml", "w") as out:
            out.write("version: 1\nreference: ref.fa\ncohort: people.tsv\ndataset: ds\nregions: {ploidy: diploid}\nstages:\n  - {id: import, uses: import-gvcf}\n"
                      "  - {id: joint, uses: joint-genotype, needs: import}\n  - {id: national, uses: merge, needs: [import, joint]}\n")
        for name in names:
            changes = [(place(allele), BASES[place(allele) - 1], other(BASES[place(allele) - 1]), n) for allele, n in people[name][2].items()]
            write_gvcf(name, "c1", BASES, changes)
        write_manifest(people, first)
        kuni("run", "--quiet", "w.yaml")
        kuni("release", "--new-key", "key")
        release("one", "uni")
        kuni("withdraw", "--yes", "w.yaml", gone)
        write_manifest(people, second)
        kuni("run", "--quiet", "w.yaml")
        if "told of other people" not in release("two", "uni", expect=64):
            fail("tables of other people are refused without the reason")
        kuni("release", "-o", "again", "one.yaml", expect=64)  # of another generation
        release("two", "company")
        releases = [read("one"), read("two")]
        os.chdir("/")
    attacker = Attacker(people, [set(first), set(second)])
    broken, _ = attack(attacker, naive(attacker))
    if not broken:
        fail("the attacker breaks nothing: it is none")
    found, n = attack(attacker, [releases[0], {}])
    more, m = attack(attacker, [{}, releases[1]])
    both, _ = attack(attacker, releases)
    if not both:
        fail("nothing follows from both releases: why is the second refused to the same recipient?")
    found += more
    print(f"{n} and {m} numbers told of {ALLELES} alleles in two releases, {len(attacker.numbers)} ways to fill {len(attacker.order)} classes;",
          f"{len(found)} recovered; {len(both)} if one recipient had both, {len(broken)} from a tenth of the alleles where small cells alone are hidden")
    for x in found[:10]:
        print("  ", x)
    if found or n < ALLELES:
        fail("counts of few people are recovered" if found else "next to nothing is told")


main()
