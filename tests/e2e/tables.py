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
import math
import os
import shutil
import subprocess
import sys
import tempfile

from made_people import kuni, want

MPIEXEC = os.environ.get("MPIEXEC", "mpirun")
SOURCE = os.environ.get("KUNI_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
GROUPS = ("north", "south", ".")
# Genes of one and of several spans, within each other, over the cuts of shards (30 kb), without anything, past the last allele.
FEATURES = [("chr20", 1000, 9000, "one"), ("chr20", 25000, 25600, "exons"), ("chr20", 29000, 31000, "exons"), ("chr20", 44000, 44500, "exons"),
            ("chr20", 2000, 2600, "within"), ("chr20", 100, 59900, "long"), ("chr20", 59990, 60000, "nothing"), ("chrX", 0, 30000, "onX"),
            ("chrX", 12000, 12600, "part"), ("chr9", 5, 10, "elsewhere")]

REQUEST = """version: 1
workflow: w.yaml
recipient: {id: bench, organisation: for-profit, countries: [JP]}
purpose: general
use: commercial
consent: {forms: [v1], ontologies: small.obo}
form: dense
threshold: 1
regions: {features: features.bed}
people: {phenotypes: signs.tsv, cases: HP:0003074, controls: not HP:0003074}
pseudonyms: {key: key, linkage: LINKAGE}
"""


def write(name, text):
    with open(name, "w") as f:
        f.write(text)


def make_dataset(n=12, contigs="chr20:60k,chrX:30k"):
    """People in three groups, at a depth that leaves adj and raw genotypes apart."""
    kuni("simulate", "--quiet", "-n", str(n), "--contigs", contigs, "-d", "22", "--seed", "7", "-o", "cohort")
    with open("cohort/manifest.tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    text = ["\t".join(rows[0] + ["consent", "icf_version", "consent_date", "group"])]
    for i, row in enumerate(rows[1:]):
        text.append("\t".join(row + ["GRU", "v1", "2024-01-01", GROUPS[i % 3]]))
    write("cohort/people.tsv", "\n".join(text) + "\n")
    write("w.yaml", "version: 1\nname: national\nreference: cohort/reference.fa\ncohort: cohort/people.tsv\ndataset: dataset\n"
          "regions: {shard: 30kb, ploidy: cohort/ploidy.bed}\nbatch: 5\nstages:\n  - {id: call, uses: call-variants}\n"
          "  - {id: joint, uses: joint-genotype, needs: call}\n  - {id: national, uses: merge, needs: joint}\n")
    shutil.copy(os.path.join(SOURCE, "tests/unit/small.obo"), "small.obo")
    person = rows[0].index("participant_id")
    write("signs.tsv", "participant_id\tterm\tdate\n" + "".join(
        f"{row[person]}\t{'HP:0003074' if i % 4 else 'MONDO:0005148'}\t2020-01-01\n" for i, row in enumerate(rows[1:])))
    with open("cohort/reference.fa.fai") as f:
        length = {line.split("\t")[0]: int(line.split("\t")[1]) for line in f}
    write("features.bed", "".join(f"{contig}\t{beg}\t{min(end, length.get(contig, end))}\t{name}\n" for contig, beg, end, name in FEATURES
                                  if beg < length.get(contig, end)))
    kuni("run", "--quiet", "w.yaml")
    kuni("release", "--new-key", "key")
    return {row[rows[0].index("sample_id")]: (GROUPS[i % 3], row[rows[0].index("sex")], "case" if i % 4 else "control")
            for i, row in enumerate(rows[1:])}


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
            group, sex, _ = people[names[column]]
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


def changed(pos, ref, alt):
    """Bases that an allele changes, from 0; an insertion lies before its first one."""
    anchored = len(ref) != len(alt) and ref[0] == alt[0]
    return int(pos) - 1 + anchored, int(pos) - 1 + len(ref)


def recount_features(out, people):
    """(feature, group, sex, role) -> counts of participants."""
    names = linked(out)
    columns = subprocess.run(["bcftools", "query", "-l", f"{out}/calls.bcf"], capture_output=True, text=True, check=True).stdout.split()
    told = subprocess.run(["bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT\\t%FILTER[\\t%GT %GQ %DP %AD]\\n", f"{out}/calls.bcf"],
                          capture_output=True, text=True, check=True).stdout
    spans = collections.defaultdict(list)
    for contig, beg, end, name in FEATURES:
        spans[contig, name].append((beg, end))
    has = collections.defaultdict(lambda: [0, False, False])  # het alleles, on both copies, on the only one
    for line in told.splitlines():
        contig, pos, ref, alts, filters, *cells = line.split("\t")
        if filters not in ("PASS", "."):
            continue
        for i, alt in enumerate(alts.split(","), 1):
            a, b = ref, alt
            while min(len(a), len(b)) > 1 and a[-1] == b[-1]:
                a, b = a[:-1], b[:-1]
            beg, end = changed(pos, a, b)
            met = [name for (where, name), parts in spans.items() if where == contig and any(
                x < max(end, beg) and y > beg for x, y in parts)]
            for column, cell in zip(columns, cells) if alt[0] not in "*<" else ():
                gt, gq, dp, ad = cell.split(" ")
                alleles = gt.replace("|", "/").split("/")
                if "." in alleles or str(i) not in alleles:
                    continue
                alleles = [int(allele) for allele in alleles]
                if not adj(alleles, number(gq), number(dp), None if ad == "." else [number(value) for value in ad.split(",")]):
                    continue
                for name in met:
                    it = has[name, column]
                    it[0] += len(set(alleles)) > 1
                    it[1] |= len(alleles) == 2 and len(set(alleles)) == 1
                    it[2] |= len(alleles) == 1
    counts = collections.defaultdict(collections.Counter)
    for (name, column), (hets, hom, hemi) in has.items():
        group, sex, role = people[names[column]]
        kind = "hom" if hom else "hemi" if hemi else "two_hits" if hets > 1 else "het"
        for key in [(g, s, "all") for g in ("all", group) for s in ("all", sex)] + [("all", "all", role)]:
            counts[(name, *key)][kind] += 1
            counts[(name, *key)]["carriers"] += 1
    return counts


def features_agree(out, people):
    expected, rows = recount_features(out, people), table(f"{out}/gene_counts.tsv")
    seen = set()
    status = {(row["feature"], row["class"]): row["status"] for row in table(f"{out}/feature_capability.tsv")}
    for row in rows:
        if row["class"] != "snv_small_indel" or status[row["feature"], "snv"] == "not":
            want({row[name] for name in ("carriers", "het", "hom", "hemi", "two_hits")} == {"not_assessed"}, f"{row}")
            continue
        key = tuple(row[name] for name in ("feature", "group", "sex", "role"))
        seen.add(key)
        told = {name: int(row[name]) for name in ("carriers", "het", "hom", "hemi", "two_hits")}
        want(told == {name: expected[key][name] for name in told}, f"{key}: {told}, and the calls have {dict(expected[key])}")
    want({key for key, c in expected.items() if c and status[key[0], "snv"] != "not"} <= seen, "features without a row")
    want({row["feature"] for row in rows} == {name for contig, _, _, name in FEATURES if contig != "chr9"}, "other features")
    for what in ("hom", "hemi", "two_hits", "het"):
        want(any(c[what] for c in expected.values()), f"nobody has {what}: the test looks at nothing")
    want({row["class"] for row in rows} >= {"fusion", "copy_number", "repeat_expansion"}, "classes that are not seen have no row")
    want(status["long", "snv"] == status["long", "small_indel"] == "assessed" and status["long", "fusion"] == "not", f"{status}")
    print(f"{len(seen)} counts by feature: as the calls have them")


def fisher(a, b, c, d):
    ways = {x: math.comb(a + b, x) * math.comb(c + d, a + c - x) for x in range(max(0, a - d), min(a + b, a + c) + 1)}
    return sum(w for w in ways.values() if w <= ways[a]) / math.comb(a + b + c + d, a + c)


def cases_agree(out):
    freq = {tuple(row[name] for name in ("contig", "pos", "ref", "alt")): row for row in table(f"{out}/freq.tsv.gz")
            if row["group"] == row["sex"] == "all"}
    rows = table(f"{out}/cases_controls.tsv.gz")
    for row in rows:
        total = freq[tuple(row[name] for name in ("contig", "pos", "ref", "alt"))]
        for what in ("AC", "AN", "carriers"):
            want(int(row[what + "_cases"]) + int(row[what + "_controls"]) == int(total[what + "_adj"]), f"{row} and {total}")
        a, n, c, m = (int(row[name]) for name in ("carriers_cases", "called_cases", "carriers_controls", "called_controls"))
        want(a > 0 and abs(float(row["fisher_p"]) - fisher(a, n - a, c, m - c)) < 1e-5, f"{row}: p {fisher(a, n - a, c, m - c)}")
    carried = {key for key, row in freq.items() if int(row["carriers_adj"])}
    want(0 < len(rows) < len(carried), f"{len(rows)} alleles of cases, {len(carried)} of all")
    print(f"{len(rows)} alleles of cases beside controls")


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


def few_are_silent(full):
    """With a threshold: what is told is what is so, and an allele of which nothing but 0 could be told has no row."""
    release("few5", REQUEST.replace("threshold: 1", "threshold: 5").replace("form: dense", "form: tables"))
    names = ("contig", "pos", "ref", "alt", "group", "sex")
    so = {tuple(row[k] for k in names): row for row in table(f"{full}/freq.tsv.gz")}
    rows = table("few5/freq.tsv.gz")
    want(rows, "nothing is told")
    for row in rows:
        other = so[tuple(row[k] for k in names)]
        want(all(value in ("hidden", other[key]) for key, value in row.items()), f"{row} is {other}")
        want(row["carriers_raw"] == "hidden" or int(row["carriers_raw"]) not in range(1, 5), f"{row}")
        want(row["carriers_adj"] == "hidden" or int(row["carriers_adj"]) not in range(1, 5), f"{row}")
        if row["group"] == row["sex"] == "all":
            want(row["carriers_adj"] != "0" or row["carriers_raw"] != "hidden", f"a row that tells of few: {row}")
    print(f"{len(rows)} of {len(so)} rows with a threshold of 5")


def rows_of(path):
    """Lines but those that say what the table was made by, and how many datasets are in it."""
    drop = "datasets" in next(iter(table(path)))
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as f:
        return [line.rstrip("\n").rsplit("\t", 1)[0] if drop else line.rstrip("\n") for line in f if not line.startswith("##")]


def merged():
    """Releases of thirds of the people add up to that of all, in every count; what one hides stays hidden."""
    with open("cohort/people.tsv") as f:
        ids = [line.split("\t")[0] for line in f][1:]
    text = REQUEST.replace("form: dense", "form: tables").replace("people: {", "people: {list: LIST, ") + "all_sites: yes\n"
    third = len(ids) // 3
    parts = {"p1": ids[:third], "p2": ids[third:2 * third], "p3": ids[2 * third:], "whole": ids}
    for name, some in parts.items():
        write(name + ".list", "".join(f"{who}\n" for who in some))
        release(name, text.replace("LIST", name + ".list"))
    kuni("merge-summary", "-o", "sum", "p1", "p2", "p3")
    for name in ("freq.tsv.gz", "gene_counts.tsv"):
        want(rows_of("sum/" + name) == rows_of("whole/" + name), f"{name} of thirds is not that of all")
    want({row["datasets"] for row in table("sum/freq.tsv.gz") if row["group"] == row["sex"] == "all"} == {"3"}, "datasets")
    dictionary_agrees("sum")
    kuni("merge-summary", "-o", "two", "p1", "p2")
    kuni("merge-summary", "-o", "again", "two", "p3")
    want(rows_of("again/freq.tsv.gz") == rows_of("sum/freq.tsv.gz"), "a sum of sums is another one")
    # what varies in a part alone, and what a part hides
    plain = text.replace("all_sites: yes\n", "")
    for name in ("p1", "p2"):
        release(name + "plain", plain.replace("LIST", name + ".list"))
    release("hides", plain.replace("LIST", "p3.list").replace("threshold: 1", "threshold: 3").replace("id: bench", "id: other"))
    kuni("merge-summary", "-o", "partly", "p1plain", "p2plain", "hides")
    shown = {tuple(row[name] for name in ("contig", "pos", "ref", "alt", "group", "sex")): row for row in table("hides/freq.tsv.gz")}
    both = {}
    for part in ("p1plain", "p2plain"):
        for row in table(part + "/freq.tsv.gz"):
            key = tuple(row[name] for name in ("contig", "pos", "ref", "alt", "group", "sex"))
            both[key] = both.get(key, 0) + int(row["AC_adj"])
    hidden = 0
    for row in table("partly/freq.tsv.gz"):
        key = tuple(row[name] for name in ("contig", "pos", "ref", "alt", "group", "sex"))
        there = shown.get(key, {}).get("AC_adj", "hidden")
        if row["group"] != "all" or row["sex"] != "all":
            continue
        hidden += there == "hidden"
        want(row["AC_adj"] == ("hidden" if there == "hidden" else str(both.get(key, 0) + int(there))), f"{key}: {row}, {there}")
    want(0 < hidden < len(table("partly/freq.tsv.gz")), "nothing is hidden, or all")
    told = kuni("merge-summary", "-o", "no", "p1", "p1", expect=64)
    want("one folder" in told, told)
    write("features.bed", "chr20\t5\t50\tother\n")
    release("other", text.replace("LIST", "p2.list"))
    told = kuni("merge-summary", "-o", "no", "p1", "other", expect=65)
    want("of different files of features" in told, told)
    release("bare2", text.replace("LIST", "p2.list").replace("regions: {features: features.bed}\n", ""))
    told = kuni("merge-summary", "-o", "no", "p1", "bare2", expect=65)
    want("bare2 has no gene_counts.tsv" in told and not os.path.exists("no") and not os.path.exists("no.part"), told)
    print("thirds add up to the whole")


def main():
    """Without arguments all of it; PEOPLE: so many, in thirds."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if len(sys.argv) > 1:
            make_dataset(int(sys.argv[1]), "chr20:20k,chrX:10k")
            merged()
            return
        people = make_dataset()
        release("dense")
        frequencies_agree("dense", people)
        features_agree("dense", people)
        cases_agree("dense")
        dictionary_agrees("dense")
        few_are_silent("dense")
        found = subprocess.run(["tabix", "dense/freq.tsv.gz", "chrX:1-30000"], capture_output=True, text=True, check=True).stdout
        want(found.count("\n") == sum(row["contig"] == "chrX" for row in table("dense/freq.tsv.gz")), "tabix finds other rows")
        same_bytes(("freq", "cases", "gene", "feature", "failures", "sample_summary"))
        merged()


main()
