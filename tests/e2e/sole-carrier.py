#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who alone carries an allele and withdraws is in no file that leaves the dataset: releases in every form, exports in every format,
gVCFs, evidence. The allele is a deletion in a repeat, written at its right end where it stands at its left one in the call set. And what few
people carry is in no table: a contig of 49 bases with two alleles that 3 of 3 people have."""
import gzip
import json
import os
import subprocess
import tempfile

from made_people import kuni, other, request, want, write_gvcf

RUN = (1500, 1516)  # the repeat, positions from 1
PRIVATE = 1700  # a SNP of the same person
COMMON = 1000
BASES = "".join("ACGTTGCAAC"[(i * 7 + i // 10 * 3) % 10] for i in range(3000))
BASES = BASES[:RUN[0] - 2] + "C" + "A" * (RUN[1] - RUN[0] + 1) + "G" + BASES[RUN[1] + 1:]
NAMES = ["Ann", "Bob", "Cyd", "Dan", "Eve", "Fay", "Gus", "Loner"]


def fail(text):
    want(False, text)


def snp(bases, pos):
    return (pos, bases[pos - 1], other(bases[pos - 1]), 1)


def write_dataset(contig, bases, people, cut="shard: 1kb", batch=3):
    with open("ref.fa", "w") as out:
        out.write(f">{contig}\n{bases}\n")
    with open("people.tsv", "w") as out:
        out.write("participant_id\tsample_id\treads\tgroup\tconsent\ticf_version\tconsent_date\n")
        for name, changes in people.items():
            write_gvcf(name, contig, bases, changes)
            out.write(f"{name}\t{name}\t{name}.g.vcf\tnorth\tGRU\tv1\t2024-01-01\n")
    with open("w.yaml", "w") as out:
        out.write(f"version: 1\nreference: ref.fa\ncohort: people.tsv\ndataset: ds\nregions: {{ploidy: diploid, {cut}}}\nbatch: {batch}\nstages:\n"
                  "  - {id: import, uses: import-gvcf}\n  - {id: joint, uses: joint-genotype, needs: import, with: {also: [sites, sparse]}}\n"
                  "  - {id: national, uses: merge, needs: [import, joint]}\n")
    kuni("run", "--quiet", "w.yaml")
    kuni("release", "--new-key", "key")


def release(out, form, threshold=1, expect=0, more=""):
    request(out, out, form, threshold, more)
    return kuni("release", "-o", out, f"{out}.yaml", expect=expect)


def records(path):
    """(position, line) of whatever a file tells by position."""
    if path.endswith(".bcf") or ".vcf" in path:
        text = subprocess.run(["bcftools", "view", "-H", path], check=True, capture_output=True, text=True).stdout
        return [(int(line.split("\t")[1]), line) for line in text.splitlines()]
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    return [(int(row[1]), "\t".join(row)) for row in rows if len(row) > 2 and row[1].isdigit()]


def variants(path):
    """Positions that a file tells of something but the reference."""
    return {pos for pos, line in records(path) if "vcf" not in path or line.split("\t")[4].split(",")[0][0] not in "<."}


def left(folders):
    """All files, decompressed: names of people and bytes must be gone."""
    for folder in folders:
        for at, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(at, name)
                content = open(path, "rb").read()
                if content[:2] == b"\x1f\x8b":
                    content = gzip.decompress(content)
                yield path, content


def tells_of_loner(path):
    return any(RUN[0] - 1 <= pos <= RUN[1] or pos == PRIVATE for pos in variants(path))


def leave():
    """Every way out, now; the files that tell positions."""
    made = []
    for form, name in (("dense", "calls.bcf"), ("sparse", "calls.sparse.vcf.gz"), ("sites", "sites.bcf"), ("tables", "freq.tsv.gz")):
        release(f"release-{form}", form)
        made += [f"release-{form}/{name}"] + ([f"release-{form}/freq.tsv.gz"] if form != "tables" else [])
    os.makedirs("exports")
    for form, name in (("bcf", "a.bcf"), ("vcf.gz", "a.vcf.gz"), ("vcf", "a.vcf"), ("sparse", "sparse.vcf.gz"), ("sites", "s.bcf"), ("plink", "p.bcf")):
        kuni("export", "-f", form, "-o", f"exports/{name}", "w.yaml")
        made.append(f"exports/{name}")
    kuni("export", "-f", "gvcf", "-o", "exports/gvcfs", "w.yaml")
    return made + [f"exports/gvcfs/{name}" for name in sorted(os.listdir("exports/gvcfs")) if name.endswith("gz")]


def sole_carrier():
    people = {name: [snp(BASES, COMMON)] for name in NAMES}
    people["Loner"] += [(RUN[1] - 2, "AAA", "A", 1), snp(BASES, PRIVATE)]
    write_dataset("c1", BASES, people)
    place = {pos for pos, _ in records("ds/current/national.bcf")}
    if place != {COMMON, RUN[0] - 1, PRIVATE}:
        fail(f"the call set has {sorted(place)}")
    for path in leave():
        mine = "/gvcfs/" not in path or "Loner" in path
        if tells_of_loner(path) != mine:
            fail(f"{path}: {'not ' if mine else ''}there before the withdrawal")
    evidence = [os.path.join(at, name) for at, _, names in os.walk("ds/data") for name in names
                if name.startswith("b0002.") and name.endswith(".ev")]  # of the third batch of three
    for folder in [name for name in os.listdir(".") if name.startswith(("release-", "exports"))]:
        subprocess.run(["rm", "-rf", folder], check=True)

    kuni("withdraw", "--yes", "w.yaml", "Loner")
    release("early", "dense", expect=64)  # the current generation has the person still
    kuni("run", "--quiet", "w.yaml")
    made = leave()
    for path in made:
        if tells_of_loner(path):
            fail(f"{path} tells of who has withdrawn")
        if COMMON not in variants(path):
            fail(f"{path} lacks what the others have")
    folders = [name for name in os.listdir(".") if name.startswith(("release-", "exports")) and os.path.isdir(name)]
    for path, content in left(folders):
        if b"Loner" in content or "Loner" in path:
            fail(f"{path} has the name of who has withdrawn")
        if path.startswith("release-"):
            for name in NAMES + ["ref.fa", "people.tsv", os.getcwd(), os.uname().nodename]:
                if len(name) > 2 and name.encode() in content:
                    fail(f"{path} has '{name}'")
    for words in (("export", "-S", "Loner", "-o", "x.bcf", "w.yaml"), ("gvcf", "-r", "ref.fa", "-s", "Loner", *evidence),
                  ("evidence", "dump", "-s", "Loner", evidence[0])):
        if "withdrawn" not in kuni(*words, expect=64):
            fail(f"{words}: no reason")
    print(f"{len(made)} files tell of nobody who has withdrawn")


def few():
    bases = "GATTACAGATTACCAGATTTACAGGATACCAGATTGCAGATTACATGCAG"[:49]
    three = [snp(bases, at) for at in (10, 47)]
    common = [snp(bases, 25)]
    write_dataset("c49", bases, {name: three if i < 3 else common for i, name in enumerate(NAMES)})
    with open("three", "w") as out:
        out.write("".join(name + "\n" for name in NAMES[:3]))
    only = "people: {list: three}\n"
    for form, name in (("tables", "freq.tsv.gz"), ("sites", "sites.bcf"), ("dense", "calls.bcf")):
        release(f"all-{form}", form, more=only)
        if variants(f"all-{form}/{name}") != {10, 47}:
            fail(f"{form}, of 3 people: {variants(f'all-{form}/{name}')}")
    rows = {line.split("\t")[8 + 5] for _, line in records("all-tables/freq.tsv.gz") if "\tall\tall\t" in line}
    if rows != {"3"}:
        fail(f"carriers: {rows}")
    for form, name in (("tables", "freq.tsv.gz"), ("sites", "sites.bcf")):
        release(f"few-{form}", form, threshold=5, more=only, expect=65)
        release(f"five-{form}", form, threshold=5)
        if variants(f"five-{form}/{name}") & {10, 47}:
            fail(f"{form} tells of 3 of 8 people")
        release(f"three-{form}", form, threshold=3)
        if variants(f"three-{form}/{name}") != {10, 25, 47}:
            fail(f"{form} with a threshold of 3: {variants(f'three-{form}/{name}')}")
    print("49 bases: {10, 47} of 3 people, nothing from 5 on")


def meter():
    """release.json counts what identifies people: common SNPs that are far apart, rare genotypes, four-base repeats."""
    unit, at = "GATA", 150000
    bases = (BASES * 90)[:250000]
    bases = bases[:at] + "C" + unit * 8 + "C" + bases[at + 2 + 4 * 8:]
    common = [snp(bases, pos) for pos in (1000, 50000, 120000, 240000)]
    repeat = [(at + 1, "C", "C" + unit, 1)]
    pairs = [(60000, bases[59999], bases[59999] + "ACAC", 1)]  # of four bases, and of no such repeat
    rare = [snp(bases, 70000)]
    people = {f"Q{i:02}": (common if i % 2 else []) + (repeat if i % 3 else []) + (pairs if i % 5 else []) + (rare if i == 7 else []) for i in range(60)}
    write_dataset("c1", bases, people, "shard: 250kb", 60)
    for form in ("dense", "sparse"):
        release(form, form)
        found = json.load(open(f"{form}/release.json"))["identification"]
        if found != {"independent_snps": 3, "rare_genotypes": 1, "four_base_repeats": 1}:
            fail(f"{form}: {found}")
    if "up to 3 SNPs" not in kuni("release", "--dry-run", "dense.yaml"):
        fail("the dry run says nothing of what identifies")
    print("3 common SNPs apart, a rare genotype and a repeat are counted")


def main():
    for case in (sole_carrier, few, meter):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            case()
            os.chdir("/")


main()
