#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every count and statistic of INFO worked out again from the genotype columns, on a cohort of both sexes with chrX,
chrY and PAR: counts, by sex and group, call rate, reasons, histograms, allele balance, Hardy-Weinberg by exact fractions,
strand statistics. HWE and ExcessHet are compared with bcftools +fill-tags besides."""
import math
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from functools import lru_cache

KUNI = os.environ["KUNI"]
GROUPS = ["north", "south 1", ""]  # in turn; the last is none
faults = []


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout


@lru_cache(maxsize=None)
def exact(hom_a, het, hom_b):
    """Two-sided and right-tailed P of the heterozygotes, given the alleles (Wigginton et al. 2005), in fractions."""
    n = hom_a + het + hom_b
    a = 2 * hom_a + het
    total = Fraction(math.factorial(2 * n), math.factorial(a) * math.factorial(2 * n - a))
    terms = {}
    for h in range(a % 2, min(a, 2 * n - a) + 1, 2):
        ways = Fraction(math.factorial(n), math.factorial((a - h) // 2) * math.factorial(h) *
                        math.factorial(n - h - (a - h) // 2))
        terms[h] = ways * 2**h / total
    assert sum(terms.values()) == 1
    return (float(sum(p for p in terms.values() if p <= terms[het])),
            float(sum(p for h, p in terms.items() if h >= het)))


def fisher(t):
    if sum(t) > 400:
        t = [int(x / (sum(t) / 200.0)) for x in t]
    a, b, c, d = t
    choose = lambda x: math.comb(a + b, x) * math.comb(c + d, a + c - x)
    terms = [choose(x) for x in range(max(0, a - d), min(a + b, a + c) + 1)]
    p = sum(Fraction(x, sum(terms)) for x in terms if x <= choose(a))
    return max(0.0, -10 * math.log10(p))


def odds(t):
    a, b, c, d = (x + 1.0 for x in t)
    r = a * d / (c * b)
    return math.log(r + 1 / r) + math.log(min(a, b) / max(a, b)) - math.log(min(c, d) / max(c, d))


def expect(place, tag, found, wanted, slack=1e-5):
    found = [] if found is None else [None if x == "." else float(x) for x in found.split(",")]
    wanted = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
    same = len(found) == len(wanted) and all(
        (x is None) == (y is None) and (x is None or abs(x - y) <= slack * max(1, abs(y))) for x, y in zip(found, wanted))
    if not same:
        faults.append("%s: %s is %s, should be %s" % (place, tag, found, wanted))


class Sample:
    def __init__(self, fields, keys):
        values = dict(zip(keys, fields.split(":")))
        gt = values["GT"].replace("|", "/").split("/")
        self.alleles = None if "." in gt else [int(x) for x in gt]
        self.copies = len(gt)
        self.rnc = values.get("RNC", ".")
        self.dp = None if values.get("DP", ".") == "." else int(values["DP"])
        self.gq = None if values.get("GQ", ".") == "." else int(values["GQ"])
        ad = values.get("AD", ".")
        self.ad = None if ad.startswith(".") else [int(x) for x in ad.split(",")]


def check(line, sexes, groups, seen):
    f = line.split("\t")
    place, alts, keys = "%s:%s" % (f[0], f[1]), f[4].split(","), f[8].split(":")
    info = dict(x.split("=") if "=" in x else (x, "") for x in f[7].split(";"))
    samples = [Sample(x, keys) for x in f[9:]]
    called = [s for s in samples if s.alleles is not None]
    n_alts, an = len(alts), sum(len(s.alleles) for s in called)
    counts = lambda of, test: [sum(test(s, i) for s in of) for i in range(1, n_alts + 1)]
    copies = lambda s, i: s.alleles.count(i)
    homs = lambda s, i: s.alleles == [i, i]
    hemis = lambda s, i: s.alleles == [i]
    hets = lambda s, i: len(s.alleles) == 2 and s.alleles.count(i) == 1
    ac, nhet, nhom = counts(called, copies), counts(called, hets), counts(called, homs)
    expect(place, "AC", info["AC"], ac)
    expect(place, "AN", info["AN"], an)
    expect(place, "NS", info["NS"], len(called))
    if an:  # told where it is defined
        expect(place, "AF", info["AF"], [c / an for c in ac])
    elif "AF" in info:
        faults.append(place + ": AF without a called copy")
    expect(place, "nhet", info["nhet"], nhet)
    expect(place, "nhomalt", info["nhomalt"], nhom)
    expect(place, "nhemi", info["nhemi"], counts(called, hemis))
    strata = {"XX": [s for s, x in zip(samples, sexes) if x == "female"],
              "XY": [s for s, x in zip(samples, sexes) if x == "male"]}
    for name in GROUPS[:2]:
        strata[name.replace(" ", "_")] = [s for s, g in zip(samples, groups) if g == name]
    for name, members in strata.items():
        some = [s for s in members if s.alleles is not None]
        n = sum(len(s.alleles) for s in some)
        expect(place, "AC_" + name, info["AC_" + name], counts(some, copies))
        expect(place, "AN_" + name, info["AN_" + name], n)
        if n:
            expect(place, "AF_" + name, info["AF_" + name], [c / n for c in counts(some, copies)])
        elif "AF_" + name in info:
            faults.append(place + ": AF_" + name + " without a called copy")
        expect(place, "nhomalt_" + name, info["nhomalt_" + name], counts(some, homs))
        expect(place, "nhemi_" + name, info["nhemi_" + name], counts(some, hemis))
    present = [s for s in samples if s.rnc != "P"]
    if present:
        expect(place, "CR", info["CR"], len(called) / len(present))
    expect(place, "NOCALL", info["NOCALL"], [sum(s.rnc == c for s in samples) for c in "DLCFAP"])
    depths = [s.dp for s in samples if s.dp is not None and (s.dp or s.rnc != "D")]
    expect(place, "DP", info["DP"], sum(depths))
    expect(place, "DP_HIST", info["DP_HIST"], [sum(min(d // 5, 20) == b for d in depths) for b in range(21)])
    expect(place, "DP_MEAN", info.get("DP_MEAN"), sum(depths) / len(depths) if depths else [])
    qualities = [s.gq for s in called if s.gq is not None]
    expect(place, "GQ_HIST", info["GQ_HIST"], [sum(min(q // 5, 19) == b for q in qualities) for b in range(20)])
    expect(place, "GQ_MEAN", info.get("GQ_MEAN"), sum(qualities) / len(qualities) if qualities else [])
    diploid = [s.alleles for s in called if len(s.alleles) == 2]
    if diploid:
        hwe = [exact(len(diploid) - h - m, h, m)[0] for h, m in zip(nhet, nhom)]
        table = [sum(sum(x > 0 for x in a) == k for a in diploid) for k in range(3)]
        expect(place, "HWE", info["HWE"], hwe)
        expect(place, "ExcessHet", info["ExcessHet"], -10 * math.log10(exact(*table)[1]), 1e-5)
        p = (2 * table[0] + table[1]) / (2.0 * len(diploid))
        if len(diploid) >= 10 and 0 < p < 1:
            expect(place, "InbreedingCoeff", info["InbreedingCoeff"], 1 - table[1] / (2 * p * (1 - p) * len(diploid)), 1e-5)
            seen["inbreeding"] += 1
        elif "InbreedingCoeff" in info:
            faults.append("%s: InbreedingCoeff of %d diploid samples" % (place, len(diploid)))
        seen["diploid"] += 1
    elif "HWE" in info or "ExcessHet" in info:
        faults.append(place + ": HWE without diploid samples")
    if len(diploid) < len(called):
        seen["haploid"] += 1
    if "AD" in keys:
        balance = []
        for i in range(1, n_alts + 1):
            reads = [s.ad for s in called if sorted(s.alleles) == [0, i] and s.ad]
            total = sum(ad[0] + ad[i] for ad in reads)
            balance.append(sum(ad[i] for ad in reads) / total if total else None)
        if all(b is not None for b in balance):  # told of all ALTs or not at all
            expect(place, "AB", info["AB"], balance)
        elif "AB" in info:
            faults.append(place + ": AB of an ALT without heterozygotes")
    star = alts.index("*") + 1 if "*" in alts else -1
    carriers = [s for s in called if any(a > 0 and a != star for a in s.alleles)]
    depth = sum(sum(s.ad) if s.ad and sum(s.ad) else s.dp or 0 for s in carriers)
    untold = any(s.ad is None and s.dp for s in carriers)  # reads that are of no called allele are not told
    seen["untold"] += untold
    if depth and not untold:
        expect(place, "QD", info["QD"], float(f[5]) / depth, 1e-4)
    if "SB" in info:
        t = [int(x) for x in info["SB"].split(",")]
        expect(place, "FS", info["FS"], fisher(t), 1e-4)
        expect(place, "SOR", info["SOR"], odds(t), 1e-4)
        seen["strands"] += 1
    seen["stars"] += star > 0


def against_bcftools(path):
    plain = path + ".plain.vcf"
    run("bcftools", "annotate", "-x", "INFO", "-o", plain, path)
    theirs = run("bcftools", "+fill-tags", plain, "--", "-t", "HWE,ExcHet,AC,AN")
    rows = {}
    for line in theirs.splitlines():
        if not line.startswith("#"):
            f = line.split("\t")
            rows[f[0], f[1]] = dict(x.split("=") for x in f[7].split(";") if "=" in x)
    n = 0
    for line in run("bcftools", "view", "-H", path).splitlines():
        f = line.split("\t")
        info, peer = dict(x.split("=") for x in f[7].split(";") if "=" in x), rows[f[0], f[1]]
        if info["AC"] != peer["AC"] or info["AN"] != peer["AN"]:
            faults.append("%s:%s: bcftools has AC %s AN %s" % (f[0], f[1], peer["AC"], peer["AN"]))
        if "," in f[4] or "HWE" not in info or "HWE" not in peer or f[0] != "chr20":
            continue
        n += 1
        for tag, ours in (("HWE", float(info["HWE"])), ("ExcHet", 10 ** (-float(info["ExcessHet"]) / 10))):
            if abs(ours - float(peer[tag])) > 1e-4:
                faults.append("%s:%s: %s is %g, that of bcftools %s" % (f[0], f[1], tag, ours, peer[tag]))
    return n


def main():
    work = tempfile.mkdtemp()
    cohort = os.path.join(work, "cohort")
    run(KUNI, "simulate", "--quiet", "--samples", "14", "--contigs", "chr20:40k,chrX:40k,chrY:20k", "--depth", "6:14",
        "--clusters", "0.1", "--heterozygosity", "0.004", "--seed", "3", "--out", cohort)
    manifest = os.path.join(cohort, "manifest.tsv")
    lines = open(manifest).read().splitlines()
    with open(manifest, "w") as out:
        out.write(lines[0] + "\tgroup\n")
        for i, line in enumerate(lines[1:]):
            out.write(line + "\t" + GROUPS[i % 3] + "\n")
    with open(os.path.join(cohort, "workflow.yaml")) as f:
        text = f.read()
    with open(os.path.join(cohort, "workflow.yaml"), "w") as f:
        f.write(text.replace("uses: joint-genotype", "uses: joint-genotype\n    with: {local_alleles_over: 60, min_gq: 3, reference_cells: exact}"))
    run(KUNI, "run", os.path.join(cohort, "workflow.yaml"))
    path = os.path.join(cohort, "dataset", "current", "national.bcf")
    sexes = [line.split("\t")[2] for line in lines[1:]]
    groups = [GROUPS[i % 3] for i in range(len(sexes))]
    seen = dict.fromkeys(("diploid", "haploid", "inbreeding", "strands", "stars", "untold"), 0)
    records = [x for x in run("bcftools", "view", "-H", path).splitlines()]
    for line in records:
        check(line, sexes, groups, seen)
    compared = against_bcftools(path)
    subprocess.run(["rm", "-rf", work], check=True)
    print("%d records %s, %d compared with bcftools, %d faults" % (len(records), seen, compared, len(faults)))
    for fault in faults[:20]:
        print(fault)
    if faults or not all(seen.values()) or compared < 50 or seen["untold"] * 50 > len(records):
        sys.exit("FAILED")


main()
