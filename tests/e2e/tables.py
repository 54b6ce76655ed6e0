#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of releases: carriers, freq.tsv.gz and the calls agree for every allele; the same bytes at any number of processes and
ranks; columns are those of the dictionary.

environment: KUNI, MPIEXEC; needs bcftools, tabix
"""
import collections
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ["KUNI"]
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")
GROUPS = ("north", "south", ".")

REQUEST = """version: 1
workflow: w.yaml
recipient: {id: bench, organisation: for-profit, countries: [JP]}
purpose: general
use: commercial
consent: {forms: [v1]}
form: dense
threshold: 1
pseudonyms: {key: key, linkage: LINKAGE}
"""


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def kuni(*words, expect=0, launcher=()):
    done = subprocess.run([*launcher, KUNI, *words], capture_output=True, text=True, check=False)
    want(done.returncode == expect, f"kuni {' '.join(words)}: status {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def write(name, text):
    with open(name, "w") as f:
        f.write(text)


def make_dataset():
    """Twelve people in three groups, at a depth that leaves adj and raw genotypes apart."""
    kuni("simulate", "--quiet", "-n", "12", "--contigs", "chr20:60k,chrX:30k", "-d", "22", "--seed", "7", "-o", "cohort")
    with open("cohort/manifest.tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    text = ["\t".join(rows[0] + ["consent", "icf_version", "consent_date", "group"])]
    for i, row in enumerate(rows[1:]):
        text.append("\t".join(row + ["GRU", "v1", "2024-01-01", GROUPS[i % 3]]))
    write("cohort/people.tsv", "\n".join(text) + "\n")
    write("w.yaml", "version: 1\nname: national\nreference: cohort/reference.fa\ncohort: cohort/people.tsv\ndataset: dataset\n"
          "regions: {shard: 30kb, ploidy: cohort/ploidy.bed}\nbatch: 5\nstages:\n  - {id: call, uses: call-variants}\n"
          "  - {id: joint, uses: joint-genotype, needs: call}\n  - {id: national, uses: merge, needs: joint}\n")
    kuni("run", "--quiet", "w.yaml")
    kuni("release", "--new-key", "key")
    return {row[rows[0].index("sample_id")]: (GROUPS[i % 3], row[rows[0].index("sex")]) for i, row in enumerate(rows[1:])}


def release(out, text=REQUEST, extra=(), launcher=(), expect=0):
    write(f"{out}.yaml", text.replace("LINKAGE", f"{out}.linkage"))
    told = kuni("release", *extra, "-o", out, f"{out}.yaml", launcher=launcher, expect=expect)
    want(expect or sorted(os.listdir(out)) == sorted([*json.load(open(f"{out}/release.json"))["files"], "release.json"]),
         f"{out}: {os.listdir(out)}")
    return told


def digests(folder, names=None):
    return {name: hashlib.md5(open(os.path.join(folder, name), "rb").read()).hexdigest() for name in sorted(os.listdir(folder))
            if not names or name.startswith(names)}


def table(path):
    """Rows as dictionaries."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as f:
        lines = [line.rstrip("\n") for line in f]
    head = next(line for line in lines if line.startswith("#") and not line.startswith("##"))[1:].split("\t")
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    want(all(len(row) == len(head) for row in rows), f"{path}: ragged")
    return [dict(zip(head, row)) for row in rows]


def linked(out):
    with open(f"{out}.linkage") as f:
        return {line.split("\t")[0]: line.split("\t")[2] for line in f if not line.startswith("#")}


def number(text):
    return int(text) if text not in (".", "") else None


def adj(alleles, gq, dp, ad):
    """gnomAD's rule, told again."""
    if gq is None or dp is None or gq < 20 or dp < (5 if len(alleles) == 1 else 10):
        return False
    if len(set(alleles)) > 1:
        for allele in alleles:
            if allele and (ad is None or allele >= len(ad) or ad[allele] is None or ad[allele] / dp < 0.2):
                return False
    return True


def recount(out, people):
    """(contig, pos, ref, alt, group, sex) -> counts, from the released calls by another tool."""
    names = linked(out)
    columns = subprocess.run(["bcftools", "query", "-l", f"{out}/calls.bcf"], capture_output=True, text=True, check=True).stdout.split()
    told = subprocess.run(["bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT[\\t%GT %GQ %DP %AD]\\n", f"{out}/calls.bcf"],
                          capture_output=True, text=True, check=True).stdout
    found = {}
    for line in told.splitlines():
        contig, pos, ref, alts, *cells = line.split("\t")
        alts = alts.split(",")
        read = []
        for column, cell in zip(columns, cells):
            gt, gq, dp, ad = cell.split(" ")
            alleles = gt.replace("|", "/").split("/")
            if "." in alleles:
                continue
            alleles = [int(allele) for allele in alleles]
            depths = None if ad == "." else [number(value) for value in ad.split(",")]
            group, sex = people[names[column]]
            read.append((group, sex, alleles, adj(alleles, number(gq), number(dp), depths)))
        for i, alt in enumerate(alts, 1):
            if alt[0] in "*<":
                continue
            counts = collections.defaultdict(lambda: collections.Counter())
            for group, sex, alleles, good in read:
                have = alleles.count(i)
                for key in ((g, s) for g in ("all", group) for s in ("all", sex)):
                    for quality in ("raw", "adj") if good else ("raw",):
                        c = counts[key]
                        c["AN_" + quality] += len(alleles)
                        c["AC_" + quality] += have
                        c["hom_" + quality] += have == 2
                        c["hemi_" + quality] += have == 1 and len(alleles) == 1
                        c["carriers_" + quality] += have > 0
            a, b = ref, alt
            while min(len(a), len(b)) > 1 and a[-1] == b[-1]:
                a, b = a[:-1], b[:-1]
            for key, c in counts.items():
                found[contig, pos, a, b, *key] = c
    return found


COUNTS = [f"{what}_{quality}" for quality in ("adj", "raw") for what in ("AC", "AN", "hom", "hemi", "carriers")]


def frequencies_agree(out, people):
    expected, rows = recount(out, people), table(f"{out}/freq.tsv.gz")
    seen = set()
    for row in rows:
        key = tuple(row[name] for name in ("contig", "pos", "ref", "alt", "group", "sex"))
        want(key not in seen, f"{key} twice")
        seen.add(key)
        c = expected.get(key, collections.Counter())
        told = {name: int(row[name]) for name in COUNTS}
        want(told == {name: c[name] for name in COUNTS}, f"{key}: {told} where the calls have {dict(c)}")
        for quality in ("adj", "raw"):
            share = row["AF_" + quality]
            an = c["AN_" + quality]
            want(share == "." if not an else abs(float(share) - c["AC_" + quality] / an) < 1e-6, f"{key}: AF {share}")
    want(set(expected) <= seen, f"rows that are missing: {list(set(expected) - seen)[:3]}")
    total = [row for row in rows if row["group"] == row["sex"] == "all"]
    want(len(total) > 200 and any(row["hemi_adj"] != "0" for row in total), f"{len(total)} alleles, or none hemizygous")
    want(any(row["AC_adj"] != row["AC_raw"] for row in total), "adj is raw")
    print(f"{len(total)} alleles, {len(rows)} rows: as the calls have them")


def dictionary_agrees(out):
    told = collections.defaultdict(list)
    for row in table(f"{out}/dictionary.tsv"):
        want(row["type"] and row["meaning"], f"{row}")
        told[row["file"]].append(row["column"])
    for name in os.listdir(out):
        if ".tsv" not in name or name.endswith(".csi") or name == "dictionary.tsv":
            continue
        with (gzip.open if name.endswith(".gz") else open)(os.path.join(out, name), "rt") as f:
            head = next(line for line in f if not line.startswith("##")).rstrip("\n")
        want(head[0] == "#" and head[1:].split("\t") == told.pop(name, None), f"{name}: {head}")
    want(not told, f"the dictionary tells of {list(told)}")


def same_bytes(names):
    tables = digests("dense", names)
    release("three", extra=("-j", "3"))
    calls = ("calls", *names)  # release.json has a digest of the request, which names another linkage
    want(digests("three", calls) == digests("dense", calls), "three processes write other bytes")
    for form in ("tables", "sparse", "sites"):
        release(form, REQUEST.replace("form: dense", f"form: {form}"), extra=("-j", "2"))
        want(digests(form, names) == tables, f"form {form} has other tables")
    if shutil.which(MPIEXEC):
        launcher = ("env", "ASAN_OPTIONS=detect_leaks=0", MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", "2")
        release("ranks", REQUEST.replace("form: dense", "form: tables"), launcher=launcher)
        want(digests("ranks", names) == tables, "two ranks write other tables")
    # without tables; with fewer columns than the tables are made of
    release("plain", REQUEST + "tables: no\n")
    want(digests("plain", "calls.bcf") == digests("dense", "calls.bcf"), "calls are others without tables")
    release("few", REQUEST + "columns: [GT]\n")
    want(digests("few", names) == tables, "fewer columns make other tables")
    release("bare", REQUEST + "columns: [GT]\ntables: no\n")
    want(digests("few", "calls") == digests("bare", "calls"), "columns that nobody asked for")
    print("the same bytes in any form and at any number")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        people = make_dataset()
        release("dense")
        frequencies_agree("dense", people)
        dictionary_agrees("dense")
        found = subprocess.run(["tabix", "dense/freq.tsv.gz", "chrX:1-30000"], capture_output=True, text=True, check=True).stdout
        want(found.count("\n") == sum(row["contig"] == "chrX" for row in table("dense/freq.tsv.gz")), "tabix finds other rows")
        same_bytes(("freq", "dictionary"))


main()
