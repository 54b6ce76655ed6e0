#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The published numbers of a call set, worked out again from national.bcf: by this test, by bcftools stats and +mendelian, and
by plink2 where it is there (--missing, --hardy, --make-king-table, --pca). A trio, others, and one CRAM that stands under a
second name, which the relatives must tell; the same bytes for another cut into shards and other batches."""
import csv
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

KUNI = os.environ["KUNI"]
STAR = ("*", "<*>")
EDGES = [1, 10, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000]
faults = []


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def want(what, got, expected):
    if got != expected:
        faults.append(f"{what}: {got}, expected {expected}")


def near(what, got, expected, tolerance):
    if not abs(got - expected) <= tolerance:
        faults.append(f"{what}: {got}, expected {expected} within {tolerance}")


def table(path):
    with open(path, encoding="utf-8") as lines:
        return list(csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"))


def kind(ref, alt):
    if alt in STAR:
        return None
    if alt.startswith("<"):
        return "other"
    if len(alt) != len(ref):
        return "insertion" if len(alt) > len(ref) else "deletion"
    changed = [(a, b) for a, b in zip(ref, alt) if a != b]
    if len(changed) != 1:
        return "other"
    return "transition" if "".join(sorted(changed[0])) in ("AG", "CT") else "transversion"


def group(of):
    return "snps" if of and of.startswith("trans") else "indels" if of in ("insertion", "deletion") else of and "others"


def frequency(copies, all_copies):
    if copies < 3:
        return f"{copies} {'copy' if copies == 1 else 'copies'}"
    return next(f"<={edge / 10000:g}" for edge in EDGES if copies * 10000 <= all_copies * edge)


class Recount:
    """All of it from the text of the records."""

    def __init__(self, bcf, trios, few):
        self.few = few  # where somebody has less than two copies
        self.samples = run("bcftools", "query", "-l", bcf).split()
        self.per = {s: Counter() for s in self.samples}
        self.sums, self.bins = Counter(), Counter()
        self.trios = [([self.samples.index(s) for s in trio], Counter()) for trio in trios]
        text = run("bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT\\t%FILTER\\t%INFO/HWE[\\t%GT:%GQ:%DP]\\n", bcf)
        for line in text.splitlines():
            self.add(*line.split("\t", 6))

    def add(self, contig, pos, ref, alts, filters, hwe, cells):
        alleles = [ref] + alts.split(",")
        kinds = [None] + [kind(ref, alt) for alt in alleles[1:]]
        passed = filters in ("PASS", ".")
        genotypes = []
        for cell in cells.split("\t"):
            gt, gq, dp = cell.split(":")
            gt = [None if a == "." else int(a) for a in gt.replace("|", "/").split("/")]
            genotypes.append((gt, gq, dp))
        copies = Counter(a for gt, _, _ in genotypes for a in gt if a is not None)
        total = sum(copies.values())
        for name in filters.split(";"):
            self.bins["filter", "all", "record", name] += 1
        for which in ["all"] + ["passed"] * passed:
            self.sums["records_" + which] += 1
            for name in {group(k) for k in kinds if k}:
                self.sums[f"{name}_{which}"] += 1
            self.sums["multiallelic_" + which] += sum(k is not None for k in kinds) > 1
            for i, k in enumerate(kinds):
                if not k:
                    continue
                self.sums[f"alts_{k}_{which}"] += 1
                self.bins["allele_frequency", which, k, frequency(copies[i], total)] += 1
                if k in ("insertion", "deletion"):
                    length = max(-60, min(60, len(alleles[i]) - len(ref)))
                    self.bins["indel_length", which, k, str(length)] += 1
                if k.startswith("trans"):
                    a, b = next((a, b) for a, b in zip(ref, alleles[i]) if a != b)
                    self.bins["substitution", which, "snp", f"{a}>{b}"] += 1
        if passed and not any(c == contig and beg <= int(pos) - 1 < end for c, beg, end in self.few):
            self.count(kinds, genotypes, copies, total, hwe)

    def count(self, kinds, genotypes, copies, total, hwe):
        self.sums["records_counted"] += 1
        if len(kinds) == 2 and kinds[1] and hwe != ".":
            minus = -math.log10(float(hwe)) if float(hwe) > 0 else 99
            common = "common" if min(copies[1], total - copies[1]) * 20 >= total else "rare"
            self.bins["hwe_minus_log10_p", "passed", common, str(min(10, int(max(minus, 0))))] += 1
        for name, (gt, gq, dp) in zip(self.samples, genotypes):
            per = self.per[name]
            if None in gt or len(gt) < 2:
                per["missing"] += 1
                continue
            varies = any(kinds[carried] for carried in gt)
            if varies and gq != ".":
                self.bins["gq", "passed", "genotype_with_alt", str(min(99, int(gq)))] += 1
                per["gq"] += int(gq)
                per["gq_known"] += 1
            if varies and dp != ".":
                self.bins["depth", "passed", "genotype_with_alt", str(min(150, int(dp)))] += 1
                per["dp"] += int(dp)
                per["dp_known"] += 1
            for carried in set(gt):
                if kinds[carried]:
                    per[kinds[carried] + "s"] += 1
                    per["singletons"] += copies[carried] == 1
            for what in {group(kinds[a]) for a in gt if kinds[a]}:
                per[what] += 1
                per[f"{what}_{'hom' if gt[0] == gt[1] else 'het'}"] += 1
        for places, trio in self.trios:
            self.count_trio(kinds, trio, *(genotypes[i][0] for i in places))

    @staticmethod
    def count_trio(kinds, trio, child, father, mother):
        if any(None in g for g in (child, father, mother)):
            trio["not_called"] += any(g != [0, 0] for g in (child, father, mother))
            return
        trio["informative"] += any(kinds[a] for g in (child, father, mother) for a in g)
        a, b = child
        if (a in father and b in mother) or (b in father and a in mother):
            return
        trio["errors"] += 1
        snps = all(group(kinds[x]) in (None, "snps") for g in (child, father, mother) for x in g)
        what = ("new_allele" if any(x not in father + mother for x in child)
                else "not_from_father" if not set(child) & set(father) else "not_from_mother")
        trio[f"{what}_{'snps' if snps else 'others'}"] += 1


def check_recount(folder, bcf, few):
    trios = table(f"{folder}/trios.tsv")
    want("trios", len(trios), 2)
    again = Recount(bcf, [(trio["child"], trio["father"], trio["mother"]) for trio in trios], few)
    summary = {row["metric"]: row["value"] for row in table(f"{folder}/summary.tsv")}
    for name in [n for n in summary if n.endswith(("_all", "_passed")) and "tv" not in n and "insertions_del" not in n]:
        want(f"summary {name}", int(summary[name]), again.sums[name])
    want("records_counted", int(summary["records_counted"]), again.sums["records_counted"])
    listed = Counter()
    for row in table(f"{folder}/distributions.tsv"):
        if row["distribution"] != "missing_share" and row["kind"] != "record_without_others":
            listed[row["distribution"], row["set"], row["kind"], row["bin"]] = int(row["count"])
    for key in sorted(set(listed) | set(again.bins)):
        want(f"distributions {key}", listed[key], again.bins[key])
    for row in table(f"{folder}/samples.tsv"):
        per = again.per[row["sample_id"]]
        for name in ("missing", "snps", "snps_het", "snps_hom", "indels", "indels_het", "indels_hom", "others", "transitions",
                     "transversions", "insertions", "deletions", "singletons"):
            want(f"{row['sample_id']} {name}", int(row[name]), per[name])
        near(f"{row['sample_id']} mean_depth", float(row["mean_depth"]), per["dp"] / per["dp_known"], 0.0051)
        near(f"{row['sample_id']} mean_gq", float(row["mean_gq"]), per["gq"] / per["gq_known"], 0.0051)
    for trio, (_, counts) in zip(trios, again.trios):
        for name in [n for n in trio if n not in ("child", "father", "mother", "error_rate")]:
            want(f"trio of {trio['child']}: {name}", int(trio[name]), counts[name])
    want("errors of a child with false parents", int(trios[1]["errors"]) > 20 and int(trios[0]["errors"]) < 3, True)
    windows = table(f"{folder}/windows.tsv")
    want("records of windows", sum(int(w["records"]) for w in windows), again.sums["records_all"])
    share = sum(float(w["missing_share"]) * int(w["records_counted"]) for w in windows if w["missing_share"] != "NA")
    near("missing of windows", share * len(again.samples), sum(p["missing"] for p in again.per.values()), 0.1)
    return again, trios, summary


def check_bcftools(bcf, trios, summary, few, passed):
    """What bcftools counts by the same definitions: of all records, and of SNPs and indels alone of each sample."""
    run("bcftools", "view", "-f", "PASS,.", "-T", f"^{few}", "-Ob", "-o", passed, bcf)
    want("records against bcftools", int(summary["records_counted"]), run("bcftools", "view", "-H", passed).count("\n"))
    # Records that mix types, and "*", are counted otherwise.
    plain = f"{passed}.plain.bcf"
    run("bcftools", "view", "-M2", "-Ob", "-o", plain, passed)
    again = Recount(plain, [], [])
    rows = [line.split("\t") for line in run("bcftools", "stats", "-s", "-", plain).splitlines() if not line.startswith("#")]
    numbers = {row[2].rstrip(":"): int(row[3]) for row in rows if row[0] == "SN"}
    for theirs, ours in (("number of SNPs", "snps_all"), ("number of indels", "indels_all"), ("number of records", "records_all")):
        want(f"bcftools stats: {theirs}", again.sums[ours], numbers[theirs])
    lengths = {row[2]: int(row[3]) for row in rows if row[0] == "IDD"}
    for length, count in lengths.items():
        name = ("indel_length", "all", "insertion" if int(length) > 0 else "deletion", length)
        want(f"bcftools stats: indels of {length}", again.bins[name], count)
    for row in [row for row in rows if row[0] == "PSC"]:
        per = again.per[row[2]]
        ours = [per["snps_hom"], per["snps_het"], per["transitions"], per["transversions"], per["indels"], per["missing"]]
        want(f"bcftools stats of {row[2]}", ours, [int(row[i]) for i in (4, 5, 6, 7, 8, 13)])
    for trio in trios:
        who = f"{trio['mother']},{trio['father']},{trio['child']}"
        line = run("bcftools", "+mendelian", passed, "-m", "c", "-t", who).strip().splitlines()[-1]
        want(f"bcftools +mendelian ({line})", int(trio["errors"]), int(line.split("\t")[1]))


def check_plink(work, folder):
    if not shutil.which("plink2"):
        print("left out: comparison with plink2: it is not here")
        return
    common = f"{work}/common.bcf"
    sites = table(f"{folder}/common_sites.tsv")
    with open(f"{work}/sites.tsv", "w", encoding="utf-8") as out:
        out.write("".join(f"{site['contig']}\t{site['pos']}\n" for site in sites))
    run("bcftools", "view", "-m2", "-M2", "-v", "snps", "-T", f"{work}/sites.tsv", "-Ob", "-o", f"{work}/x.bcf", f"{work}/passed.bcf")
    with open(f"{work}/names", "w", encoding="utf-8") as out:
        out.write("chrX chr21\n")  # of which these are PAR: plink2 leaves X out
    run("bcftools", "annotate", "--rename-chrs", f"{work}/names", "-Ob", "-o", common, f"{work}/x.bcf")
    want("common sites that are SNPs with one ALT", run("bcftools", "view", "-H", common).count("\n"), len(sites))
    plink = ("plink2", "--allow-extra-chr", "--threads", "1", "--memory", "900", "--set-all-var-ids", "@:#:$r:$a",
             "--new-id-max-allele-len", "999")
    run(*plink, "--bcf", f"{work}/passed.bcf", "--missing", "sample-only", "--out", f"{work}/all")
    missing = {row["#IID"]: int(row["MISSING_CT"]) for row in table_of(f"{work}/all.smiss")}
    samples = {row["sample_id"]: row for row in table(f"{folder}/samples.tsv")}
    for name, row in samples.items():
        want(f"plink2 --missing: {name}", int(row["missing"]), missing[name])
    run(*plink, "--bcf", common, "--make-king-table", "--hardy", "--out", f"{work}/common")
    king = {frozenset((row["#IID1"], row["IID2"])): float(row["KINSHIP"]) for row in table_of(f"{work}/common.kin0")}
    related = table(f"{folder}/related.tsv")
    for row in related:
        near(f"plink2 --make-king-table: {row['sample_a']} {row['sample_b']}", float(row["kinship"]),
             king[frozenset((row["sample_a"], row["sample_b"]))], 0.0001)
    tails = Counter(min(10, int(max(0.0, -math.log10(max(float(row["P"]), 1e-99))))) for row in table_of(f"{work}/common.hardy"))
    ours = {int(row["bin"]): int(row["count"]) for row in table(f"{folder}/distributions.tsv")
            if row["distribution"] == "hwe_minus_log10_p" and row["kind"] == "common"}
    for tail in range(2, 11):  # those of SNPs: the report's has indels besides
        want(f"plink2 --hardy: 10^-{tail} at most as many", tails[tail] <= ours[tail], True)
    run(*plink, "--bcf", common, "--freq", "--out", f"{work}/common")
    run(*plink, "--bcf", common, "--bad-freqs", "--read-freq", f"{work}/common.afreq", "--pca", "3", "--out", f"{work}/common")
    vectors = {row["#IID"]: float(row["PC1"]) for row in table_of(f"{work}/common.eigenvec")}
    names = sorted(vectors)
    x, y = [vectors[n] for n in names], [float(samples[n]["pc1"]) for n in names]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    r = sum((a - mx) * (b - my) for a, b in zip(x, y)) / math.sqrt(
        sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))
    want(f"plink2 --pca: correlation of the first component {r:.4f}", abs(r) > 0.98, True)


def table_of(path):
    with open(path, encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def check_relatives(folder, copy):
    related = {frozenset((r["sample_a"], r["sample_b"])): r for r in table(f"{folder}/related.tsv")}
    one = related.get(frozenset(copy))
    if not one or one["relation"] != "duplicate" or one["verdict"] != "conflict":
        faults.append(f"a CRAM that stands under a second name is not told: {one}")
    trio, false = table(f"{folder}/trios.tsv")
    for parent in ("father", "mother"):
        row = related.get(frozenset((trio["child"], trio[parent])))
        if not row or row["verdict"] != "expected" or row["declared"] != "parent_child":
            faults.append(f"child and {parent}: {row}")
        row = related.get(frozenset((false["child"], false[parent])))
        if not row or row["verdict"] != "conflict":
            faults.append(f"false child and {parent}: {row}")
    dictionary = {(r["table"], r["column"]) for r in table(f"{folder}/data_dictionary.tsv")}
    for name in ("summary", "distributions", "samples", "trios", "windows", "related", "common_sites"):
        with open(f"{folder}/{name}.tsv", encoding="utf-8") as lines:
            head = next(line for line in lines if not line.startswith("#"))
        for column in head.rstrip("\n").split("\t"):
            if (f"{name}.tsv", column) not in dictionary:
                faults.append(f"data_dictionary.tsv does not tell of {column} of {name}.tsv")


def main(work):
    cohort = f"{work}/cohort"
    run(KUNI, "simulate", "--samples", "6", "--trios", "1", "--contigs", "chr20:130k,chrX:30k", "--depth", "14", "--seed", "5",
        "--out", cohort)
    with open(f"{cohort}/manifest.tsv", encoding="utf-8") as lines:
        rows = lines.read().splitlines()
    last = rows[-1].split("\t")
    # Other bytes, and nine tenths of the reads: who looks at the file alone sees nothing.
    subprocess.run(f"set -o pipefail; samtools view -h -s 7.9 -T {cohort}/reference.fa {cohort}/{last[3]} | sed '/^@RG/s/{last[1]}/COPY/g' | "
                   f"samtools view -b -o {cohort}/reads/COPY.bam - && samtools index {cohort}/reads/COPY.bam",
                   shell=True, check=True, executable="/bin/bash")
    copy = ["P999", "COPY", last[2], "reads/COPY.bam", "reads/COPY.bam.bai"] + last[5:]
    with open(f"{cohort}/manifest.tsv", "w", encoding="utf-8") as out:
        out.write("\n".join(rows + ["\t".join(copy)]) + "\n")
    with open(f"{cohort}/workflow.yaml", encoding="utf-8") as lines:
        text = lines.read()
    text = text.replace("    uses: merge\n", "    uses: merge\n    with: {kinship_min_sites: 100}\n")
    with open(f"{cohort}/pedigree.ped", encoding="utf-8") as lines:
        family = [line.split("\t") for line in lines.read().splitlines()]
    for line in family:
        if line[1] == "S000006":
            line[2:4] = ["S000001", "S000005"]  # who they are not
    with open(f"{cohort}/pedigree.ped", "w", encoding="utf-8") as out:
        out.write("".join("\t".join(line) + "\n" for line in family))
    made = []
    for name, shard, batch in (("one", "20kb", 256), ("two", "33kb", 3)):
        with open(f"{cohort}/{name}.yaml", "w", encoding="utf-8") as out:
            out.write(text.replace("dataset: dataset", f"dataset: {name}\nbatch: {batch}").replace("shard: 20kb", f"shard: {shard}"))
        run(KUNI, "run", f"{cohort}/{name}.yaml")
        made.append(f"{cohort}/{name}/current")
    with open(f"{cohort}/ploidy.bed", encoding="utf-8") as lines:
        fields = [line.split() for line in lines if not line.startswith("#")]
    few = [(f[0], int(f[1]), int(f[2])) for f in fields if f[3:5] != ["2", "2"]]
    with open(f"{work}/few.bed", "w", encoding="utf-8") as out:
        out.write("".join(f"{c}\t{beg}\t{end}\n" for c, beg, end in few))
    folder, bcf = f"{made[0]}/call-set", f"{made[0]}/national.bcf"
    again, trios, summary = check_recount(folder, bcf, few)
    check_bcftools(bcf, trios, summary, f"{work}/few.bed", f"{work}/passed.bcf")
    check_relatives(folder, (last[1], "COPY"))
    check_plink(work, folder)
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as a, open(path.replace(made[0], made[1]), "rb") as b:
                want(f"{name} of another cut", a.read() == b.read(), True)
    for fault in faults[:30]:
        print(fault)
    sys.exit(f"{len(faults)} faults" if faults else 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        main(os.environ.get("KEEP") or where)
