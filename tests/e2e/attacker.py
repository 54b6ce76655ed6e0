#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An attacker with the tables and sites of several releases, of 500 alleles and 100 features: who is in them, in which group, of which sex, case or
control, is known; who carries what is not. Numbers of people that fit whatever is told are searched for, integer by integer: no cell,
difference of cells or class of people may be left with one number alone that is 1 to k-1 (that nobody, or all of at
least k people, carry an allele may be told).

Between the releases a person withdraws and a batch comes. The second and third go to the same recipient, one is public; what each recipient has
together is attacked. Another recipient gets the second release without the first being weighed: both together have to be broken, and so have
tables that hide nothing but small cells themselves, or the attacker is none."""
import csv
import gzip
import itertools
import os
import random
import shutil
import subprocess
import tempfile

from made_people import kuni, other, request, want, write_gvcf

SOURCE = os.environ.get("KUNI_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SEED = int(os.environ.get("SEED", "5"))
ALLELES, K, STEP, GENES = 500, 3, 6, 100
GROUPS, SEXES, ROLES = ("g0", "g1"), ("female", "male"), ("case", "control")
LENGTH = ALLELES * STEP + 20
BASES = "".join("ACGTTGCAAC"[(i * 7 + i // 10 * 3) % 10] for i in range(LENGTH))
KINDS = ("carriers", "hom", "het")
MORE = """regions: {features: genes.bed}
people: {phenotypes: signs.tsv, cases: HP:0003074, controls: not HP:0003074}
"""


def fail(text):
    want(False, text)


def place(allele):
    return allele * STEP + 5


def make_people(draw, n):
    """name -> (group, sex, role, {allele: copies}); some alleles are rare, some common, some of one class of people."""
    people = {f"P{i:02}": (GROUPS[i % 2], SEXES[i // 2 % 2], ROLES[i // 4 % 2], {}) for i in range(n)}
    for allele in range(ALLELES):
        names = list(people)
        kind = draw.random()
        if kind < 0.3: # of one class
            which = draw.randrange(3)
            names = [name for name in names if people[name][which] == (GROUPS[0], SEXES[1], ROLES[0])[which]]
        many = min(len(names), draw.choice((1, 2, 3, 4, 5, 6, 8, draw.randint(1, n), draw.randint(n // 2, n))))
        homozygous = draw.choice((0, 0.2, 0.5, 1) if many < n // 4 else (0.4, 0.5, 1)) # more would be ExcessHet, and no gene counts those
        for name in draw.sample(names, many):
            people[name][3][allele] = 2 if draw.random() < homozygous else 1
    return people


def write_manifest(people, names):
    with open("people.tsv", "w") as out:
        out.write("participant_id\tsample_id\tsex\treads\tgroup\tconsent\ticf_version\tconsent_date\n")
        for name in names:
            out.write(f"{name}\t{name}\t{people[name][1]}\t{name}.g.vcf\t{people[name][0]}\tGRU\tv1\t2024-01-01\n")


def release(out, recipient, form="tables", more=MORE):
    request(out, recipient, form, K, more)
    with open(f"{out}.yaml") as text:
        full = text.read().replace("consent: {forms: [v1]}", "consent: {forms: [v1], ontologies: small.obo}")
    with open(f"{out}.yaml", "w") as text:
        text.write(full)
    kuni("release", "-o", out, f"{out}.yaml")


def rows(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as lines:
        lines = [line for line in lines if not line.startswith("##")]
    return csv.DictReader([lines[0][1:], *lines[1:]], delimiter="\t")


def add(told, item, cell, numbers):
    """What is known of a cell: {kind: number}; het and hom follow from AC and carriers."""
    have = told.setdefault(item, {}).setdefault(cell, {})
    have.update({kind: int(number) for kind, number in numbers.items() if number != "hidden"})
    if "AC" in have and "hom" in have:
        have["het"] = have["AC"] - 2 * have["hom"]
    if "AC" in have and "carriers" in have:
        have["hom"] = have["AC"] - have["carriers"]
    if "het" in have and "hom" in have:
        have["carriers"] = have["het"] + have["hom"]
        have["AC"] = have["het"] + 2 * have["hom"]


def read(out):
    """{item: {(group, sex, role): {kind: number told}}}; adj and raw are the same here, and whichever is told is known."""
    told = {}
    if os.path.exists(f"{out}/sites.bcf"):
        query = subprocess.run(["bcftools", "query", "-f", "%POS %AC\\n", f"{out}/sites.bcf"], capture_output=True, text=True, check=True)
        for line in query.stdout.splitlines():
            pos, ac = line.split()
            add(told, (int(pos) - 5) // STEP, ("all", "all", "all"), {"AC": ac})
    if not os.path.exists(f"{out}/freq.tsv.gz"):
        return told
    for row in rows(f"{out}/freq.tsv.gz"):
        for which in ("adj", "raw"):
            add(told, (int(row["pos"]) - 5) // STEP, (row["group"], row["sex"], "all"), {kind: row[f"{kind}_{which}"] for kind in ("AC", "carriers", "hom")})
    if not os.path.exists(f"{out}/gene_counts.tsv"):
        return told
    for row in rows(f"{out}/cases_controls.tsv.gz"):
        for role in ROLES:
            add(told, (int(row["pos"]) - 5) // STEP, ("all", "all", role), {"AC": row[f"AC_{role}s"], "carriers": row[f"carriers_{role}s"]})
    for row in rows(f"{out}/gene_counts.tsv"):
        if row["class"] == "snv_small_indel" and row["carriers"] != "not_assessed":
            cell = told.setdefault(row["feature"], {}).setdefault((row["group"], row["sex"], row["role"]), {})
            cell.update({kind: int(row[kind]) for kind in ("carriers", "het", "hom", "two_hits") if row[kind] != "hidden"})
    return told


class Attacker:
    """People by class: group, sex, role and which of the releases they are in."""

    def __init__(self, people, members):
        self.members = members
        self.copies = {name: {} for name in people} # by allele, and by gene
        for name, (*_, mine) in people.items():
            for allele, n in mine.items():
                self.copies[name][allele] = [n]
                self.copies[name].setdefault(gene_of(allele), []).append(n)
        self.classes = {}
        for name, (group, sex, role, _) in people.items():
            inside = tuple(name in m for m in members)
            if any(inside):
                self.classes.setdefault((group, sex, role, inside), []).append(name)
        self.order = sorted(self.classes)
        self.sizes = [len(self.classes[c]) for c in self.order]
        cells = set()
        for r in range(len(members)):
            for group, sex, role in itertools.product(("all", *GROUPS), ("all", *SEXES), ("all", *ROLES)):
                if role == "all" or group == sex == "all":
                    cells.add(self.cell(r, (group, sex, role)))
        self.targets = cells | {a - b for a in cells for b in cells} | {frozenset([i]) for i in range(len(self.order))}
        self.targets.discard(frozenset())

    def cell(self, r, what):
        group, sex, role = what
        return frozenset(i for i, (g, s, o, inside) in enumerate(self.order)
                         if inside[r] and group in ("all", g) and sex in ("all", s) and role in ("all", o))

    def truths(self, item, kind):
        """By class."""
        return [sum(has(self.copies[name].get(item, ()), kind) for name in self.classes[c]) for c in self.order]

    def solve(self, told):
        """Numbers by class that fit: [(cell, number)]; None where there are none. The attacker's brute force."""
        alike = {} # classes that the same cells hold are one unknown
        for i in range(len(self.order)):
            alike.setdefault(tuple(j for j, (cell, _) in enumerate(told) if i in cell), []).append(i)
        of = sorted(alike, key=len, reverse=True)
        sizes = [sum(self.sizes[i] for i in alike[mine]) for mine in of]
        left = [sum(self.sizes[i] for i in cell) for cell, _ in told]
        need = [number for _, number in told]
        found = [0] * len(of)
        if any(not 0 <= n <= most for n, most in zip(need, left)):
            return None

        def go(at):
            if at == len(of):
                return True
            mine, size = of[at], sizes[at]
            for j in mine:
                left[j] -= size
            least = max([0] + [need[j] - left[j] for j in mine])
            most = min([size] + [need[j] for j in mine])
            for value in range(least, most + 1):
                found[at] = value
                for j in mine:
                    need[j] -= value
                if go(at + 1):
                    return True
                for j in mine:
                    need[j] += value
            for j in mine:
                left[j] += size
            return False

        if not go(0):
            return None
        shared = [0] * len(self.order)
        for mine, value in zip(of, found):
            for i in alike[mine]:
                shared[i] = min(value, self.sizes[i])
                value -= shared[i]
        return shared

    def recovers(self, told, kind, truth):
        """told: {cell: number}. Sets of people of which one number from 1 to k-1 alone is left."""
        plain = {i for cell, number in told.items() if number in (0, sum(self.sizes[i] for i in cell)) for i in cell}
        open_ = {t: n for t in self.targets if 0 < (n := sum(truth[i] for i in t)) < K and not t <= plain} if told else {}
        found, equations = [], list(told.items())
        while open_:
            target, number = next(iter(open_.items()))
            del open_[target]
            for value in (number + 1, number - 1, *range(number + 2, sum(self.sizes[i] for i in target) + 1), *range(number - 1)):
                other_one = self.solve([*equations, (target, value)])
                if other_one:
                    open_ = {t: n for t, n in open_.items() if sum(other_one[i] for i in t) == n}
                    break
            else:
                found.append((sorted(self.order[i] for i in target), number, kind))
        return found


def has(copies, kind):
    """Whether somebody with so many copies of alleles is one of a kind."""
    if kind == "carriers":
        return bool(copies)
    if 2 in copies:
        return kind == "hom"
    return kind == ("two_hits" if len(copies) > 1 else "het") and bool(copies)


def gene_of(allele):
    return f"G{allele * GENES // ALLELES:03}"


def attack(attacker, releases, enough=10):
    """Of what the releases tell; not on where so many numbers are recovered."""
    found, numbers = [], 0
    for item in {item: None for tables in releases for item in tables}:
        for kind in KINDS if isinstance(item, int) else (*KINDS, "two_hits"):
            told, truth = {}, attacker.truths(item, kind)
            for r, tables in enumerate(releases):
                for what, known in tables.get(item, {}).items():
                    if kind in known:
                        cell = attacker.cell(r, what)
                        if known[kind] != sum(truth[i] for i in cell):
                            fail(f"{item}: {what} of release {r} has {known}, not {kind} {sum(truth[i] for i in cell)}")
                        told[cell] = known[kind]
            numbers += len(told)
            found += [(item, *x) for x in attacker.recovers(told, kind, truth)]
            if len(found) >= enough:
                return found, numbers
    return found, numbers


def naive(attacker):
    """Tables in which small cells are hidden, and nothing else."""
    releases = []
    for r in range(len(attacker.members)):
        tables = {}
        for allele in range(0, ALLELES, 10):
            for group, sex in itertools.product(("all", *GROUPS), ("all", *SEXES)):
                truths = {kind: attacker.truths(allele, kind) for kind in KINDS}
                numbers = {kind: sum(truths[kind][i] for i in attacker.cell(r, (group, sex, "all"))) for kind in KINDS}
                tables.setdefault(allele, {})[group, sex, "all"] = {kind: n for kind, n in numbers.items() if not 0 < n < K}
        releases.append(tables)
    return releases


def counted(out, members):
    """Who is counted, found out by the test from what the dataset keeps of the release: whoever it can be withdrawn from."""
    with open("all.txt", "w") as text:
        text.write("\n".join(members) + "\n")
    for entry in kuni_json("releases", "--affected-by", "all.txt", "--json", "w.yaml"):
        if entry["release"] == out:
            return {held["id"] for held in entry["holds"]}
    return fail(f"the dataset knows of no release {out}")


def kuni_json(*words):
    import json
    return json.loads(kuni(*words))


def world(people, first, second, third, gone):
    """Makes the dataset and its releases; {release: (what it tells, who is counted)}."""
    made = {}
    everybody = sorted(people)

    def make(out, *words):
        release(out, *words)
        made[out] = (read(out), counted(out, everybody))

    with open("ref.fa", "w") as out:
        out.write(f">c1\n{BASES}\n")
    with open("genes.bed", "w") as out:
        ends = {}
        for allele in range(ALLELES):
            ends.setdefault(gene_of(allele), []).append(place(allele))
        out.write("".join(f"c1\t{min(at) - 2}\t{max(at) + 1}\t{name}\n" for name, at in ends.items()))
    with open("w.yaml", "w") as out:
        out.write("version: 1\nreference: ref.fa\ncohort: people.tsv\ndataset: ds\nregions: {ploidy: diploid}\nstages:\n  - {id: import, uses: import-gvcf}\n"
                  "  - {id: joint, uses: joint-genotype, needs: import}\n  - {id: national, uses: merge, needs: [import, joint]}\n")
    shutil.copy(os.path.join(SOURCE, "tests/unit/small.obo"), "small.obo")
    with open("signs.tsv", "w") as out:
        out.write("participant_id\tterm\tdate\n" + "".join(f"{name}\t{'HP:0003074' if people[name][2] == 'case' else 'MONDO:0005148'}\t2020-01-01\n" for name in people))
    for name in everybody:
        changes = [(place(allele), BASES[place(allele) - 1], other(BASES[place(allele) - 1]), n) for allele, n in people[name][3].items()]
        write_gvcf(name, "c1", BASES, changes)
    kuni("release", "--new-key", "key")
    write_manifest(people, first)
    kuni("run", "--quiet", "w.yaml")
    make("one", "uni")
    make("places", "press", "sites", "tables: no\n")
    for number, (names, who) in enumerate(((second, gone[0]), (third, gone[1]))):
        kuni("withdraw", "--yes", "w.yaml", who)
        write_manifest(people, names)
        kuni("run", "--quiet", "w.yaml")
        if number:
            make("three", "uni")
        else:
            make("others", "company") # without the first: another recipient
            make("two", "uni")
            make("morePlaces", "press", "sites", "tables: no\n")
            make("open", "world, public: yes")
    return made


def main():
    n, batch = 48, 12
    people = make_people(random.Random(SEED), n + 2 * batch)
    names = sorted(people)
    gone = (names[3], names[8])
    first = names[:n]
    second = [name for name in names[:n + batch] if name != gone[0]]
    third = [name for name in names if name not in gone]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        made = world(people, first, second, third, gone)
        os.chdir("/")
    want(made["one"][1] == set(first) and made["two"][1] < set(second) and len(made["two"][1]) > n // 2, f"{[len(m) for _, m in made.values()]} people")

    def together(*which):
        attacker = Attacker(people, [made[one][1] for one in which])
        found, told = attack(attacker, [made[one][0] for one in which])
        print(f"{' + '.join(which)}: {told} numbers told of {len(attacker.order)} classes of people, {len(found)} recovered")
        return found, told

    for which in (("one", "two", "open", "three"), ("others", "open"), ("places", "morePlaces", "open")):
        found, told = together(*which)
        for x in found[:10]:
            print("  ", x)
        if found or told < ALLELES:
            fail("counts of few people are recovered" if found else "next to nothing is told")
    if not together("one", "others")[0]:
        fail("nothing follows from two releases that were not weighed against each other: why are they?")
    attacker = Attacker(people, [set(first), set(second)])
    if not attack(attacker, naive(attacker))[0]:
        fail("the attacker breaks nothing: it is none")


main()
