#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What gVCFs of other callers mean where they are odd: each case is a small cohort in text, with the genotypes and counts that the
call set must have. Inputs are made here; nothing else is needed but bcftools."""
import os
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ.get("KUNI") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/kuni")
LENGTH = 1200
BASES = "".join("ACGTTGCAAC"[(i * 7 + i // 10 * 3) % 10] for i in range(LENGTH))
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=%s,length=1200>\n" + "".join(
    '##FORMAT=<ID=%s,Number=%s,Type=%s,Description="%s">\n' % f for f in (
        ("GT", 1, "String", "genotype"), ("GQ", 1, "Integer", "quality"), ("DP", 1, "Integer", "depth"),
        ("MIN_DP", 1, "Integer", "least depth"), ("AD", "R", "Integer", "reads"), ("AF", "A", "Float", "fraction"),
        ("PL", "G", "Integer", "likelihoods"), ("FT", 1, "String", "filter"), ("PS", 1, "Integer", "phase set")))
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t%s\n"


def base(pos):
    return BASES[pos - 1]


def other(pos, k=1):
    """A base that the reference does not have at pos; k tells several apart."""
    return [b for b in "ACGT" if b != base(pos)][k - 1]


class Case:
    """A cohort under way."""

    def __init__(self, name, contig="c1", ploidy="diploid", bases=BASES):
        self.name, self.contig, self.ploidy, self.bases = name, contig, ploidy, bases
        self.samples, self.rows, self.importing = {}, {}, ""

    def sample(self, name, *records, sex="unknown", column=None):
        """Records: (pos, ref, alt, FORMAT, values), with FILTER and END as they come."""
        self.samples[name] = list(records)
        self.rows[name] = (sex, column or name)
        return self

    def write(self, folder):
        with open(os.path.join(folder, "ref.fa"), "w") as out:
            out.write(">%s\n%s\n" % (self.contig, self.bases))
        with open(os.path.join(folder, "cohort.tsv"), "w") as out:
            out.write("participant_id\tsample_id\tsex\treads\n")
            for name, (sex, column) in self.rows.items():
                out.write("%s\t%s\t%s\t%s.g.vcf\n" % (name, name, sex, name))
                with open(os.path.join(folder, name + ".g.vcf"), "w") as gvcf:
                    gvcf.write(HEADER % self.contig + COLUMNS % column)
                    for r in sorted(self.samples[name], key=lambda r: r["pos"]):
                        gvcf.write("\t".join([self.contig, str(r["pos"]), ".", r["ref"], r["alt"], r["qual"], r["filter"], r["info"], r["keys"], r["values"]]) + "\n")
        with open(os.path.join(folder, "w.yaml"), "w") as out:
            out.write("version: 1\nreference: ref.fa\ncohort: cohort.tsv\ndataset: ds\nregions: {contigs: [%s], ploidy: %s}\n"
                      "on_error: {max_quarantined: 50%%}\nstages:\n  - {id: import, uses: import-gvcf, with: {%s}}\n"
                      "  - {id: joint, uses: joint-genotype, needs: import}\n  - {id: national, uses: merge, needs: [import, joint]}\n"
                      % (self.contig, self.ploidy, self.importing))


def variant(pos, ref, alt, keys, values, filter=".", qual="300"):
    return {"pos": pos, "ref": ref, "alt": alt, "keys": keys, "values": values, "filter": filter, "info": ".", "qual": qual}


def snp(pos, values, keys="GT:AD:DP:GQ:PL", k=1, rest="", filter="."):
    return variant(pos, base(pos), other(pos, k) + rest, keys, values, filter)


def block(beg, end, values, keys="GT:DP:GQ:MIN_DP:PL", alt="<NON_REF>", filter="."):
    r = variant(beg, base(beg), alt, keys, values, filter, ".")
    r["info"] = "END=%d" % end
    return r


HET, HOM = "0/1:10,10:20:99:300,0,300", "1/1:0,20:20:60:600,60,0"
REFERENCE = "0/0:30:60:30:0,60,900"


def carrier():
    return [block(1, 499, REFERENCE), snp(500, HET), block(501, 800, REFERENCE)]


def spelled(case, folder, env):
    """{pos: {sample: (alleles, GQ, DP, reason)}}, counts by pos, the import's report, and who is quarantined why."""
    case.write(folder)
    done = subprocess.run([KUNI, "run", "--quiet", "w.yaml"], cwd=folder, env=env, capture_output=True, text=True)
    report, failed, found, info = {}, {}, {}, {}
    path = os.path.join(folder, "ds/current")
    if not os.path.exists(path):
        return done, found, info, report, failed
    with open(path + "/failures.tsv") as lines:
        failed = {x.split("\t")[0]: x.rstrip("\n").split("\t")[3] for x in list(lines)[1:]}
    with open(path + "/qc/import_gvcf.tsv") as lines:
        names = next(lines).rstrip("\n").split("\t")
        report = {f[0]: dict(zip(names[1:], f[1:])) for f in (x.rstrip("\n").split("\t") for x in lines)}
    text = subprocess.run(["bcftools", "query", "-f", "%POS %REF %ALT %AN %DP %DP_MEAN[\\t%SAMPLE %GT %GQ %DP %RNC]\\n", path + "/national.bcf"],
                          check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        site, *cells = line.split("\t")
        pos, ref, alts, an, dp, mean = site.split(" ")
        alleles = [ref] + alts.split(",")
        found[int(pos)] = {}
        info[int(pos)] = (int(an), dp, mean)
        for cell in cells:
            name, gt, gq, depth, reason = cell.split(" ")
            told = sorted(alleles[int(x)] if x != "." else "." for x in gt.replace("|", "/").split("/"))
            found[int(pos)][name] = ("/".join(told), gq, depth, reason, gt)
    return done, found, info, report, failed


FAULTS = []


def check(case, wanted, counts=None, an=None, depth=None):
    """wanted: {(pos, sample): "ALLELE/ALLELE" or a reason's letter}; counts: {(sample, column): number}."""
    folder = tempfile.mkdtemp()
    done, found, info, report, failed = spelled(case, folder, os.environ)
    shutil.rmtree(folder)

    def fault(what, *more):
        FAULTS.append((case.name, what) + more)
    if done.returncode:
        return fault("exit status %d: %s" % (done.returncode, done.stderr))
    for (pos, name), expected in wanted.items():
        got = found.get(pos, {}).get(name)
        if got is None:
            fault("no record of %d" % pos, name)
        elif (got[3] if len(expected) == 1 else got[0]) != ("/".join(sorted(expected.split("/"))) if len(expected) > 1 else expected):
            fault("%s at %d" % (name, pos), "wanted", expected, "got", got)
    for (name, column), number in (counts or {}).items():
        if report.get(name, {}).get(column) != str(number):
            fault("%s of %s" % (column, name), "wanted", number, "got", report.get(name, {}).get(column))
    for pos, number in (an or {}).items():
        if info[pos][0] != number:
            fault("AN at %d" % pos, "wanted", number, "got", info[pos][0])
    for (pos, name), text in (depth or {}).items():
        got = info[pos][1:] if name is None else found[pos][name][1:3]
        if got != text:
            fault("depth of %s at %d" % (name, pos), "wanted", text, "got", got)
    return found, failed


def no_calls():
    het = base(500) + "/" + other(500)
    c = Case("no call in a block").sample("A", *carrier())
    for name, values, keys, alt in (
            ("B", "./.:0:7:38,0,128", "GT:GQ:MIN_DP:PL", "<*>"), ("C", "./.:14:0:12", "GT:DP:GQ:MIN_DP", "<NON_REF>"),
            ("D", "./.:14", "GT:DP", "."), ("E", "0/0:30:0:28:0,0,0", "GT:DP:GQ:MIN_DP:PL", "<NON_REF>"),
            ("F", ".|.:14:20", "GT:DP:GQ", "<*>"), ("G", ".:9:0", "GT:DP:GQ", "<*>"), ("H", "0/0:30:99:0,0,400", "GT:DP:GQ:PL", "<NON_REF>"),
            ("I", "0|0:30:0", "GT:DP:GQ", "<NON_REF>"), ("J", "./.", "GT", "."), ("K", "0/.:20:40", "GT:DP:GQ", "<NON_REF>")):
        c.sample(name, block(400, 600, values, keys, alt))
    check(c, dict([((500, "A"), het)] + [((500, n), "L") for n in "BCDEFGHIJK"]), {("K", "half_calls"): 1}, an={500: 2})
    c = Case("a called <NON_REF>").sample("A", *carrier())
    for name, values, keys, alt in (
            ("B", "1/1:30:60:28:600,60,0", "GT:DP:GQ:MIN_DP:PL", "<NON_REF>"), ("C", "0/1:30:60:28:300,0,300", "GT:DP:GQ:MIN_DP:PL", "<*>"),
            ("D", "1:30:60:600,0", "GT:DP:GQ:PL", "<*>"), ("E", "0|1:30", "GT:DP", "<NON_REF>"), ("F", "1/1", "GT", "<X>")):
        c.sample(name, block(400, 600, values, keys, alt))
    c.sample("G", variant(500, base(500), other(500) + ",<NON_REF>", "GT:AD:DP:GQ:PL", "0/2:10,0,10:20:60:300,320,600,0,320,300"))
    check(c, {(500, n): "A" for n in "BCDEFG"}, {("B", "unlisted"): 1}, an={500: 2})


def deletions():
    ref, deleted = BASES[399:410], BASES[399]
    snp_at, here = base(405) + "/" + other(405), other(405) + "/*"
    deletion = variant(400, ref, deleted, "GT:PL:DP:AD", "0/1:255,0,255:36:20,16")
    c = Case("a SNP opposite a deletion")
    c.sample("A", deletion, snp(405, "1/1:0,14:14:42:255,42,0"))  # a pileup's
    c.sample("B", variant(400, ref, deleted, "GT:GQ:DP:AD:PL", "0/1:60:36:20,16:255,0,255"), snp(405, "1:0,14:14:60:255,0"))  # one copy
    c.sample("C", deletion, snp(405, "0/1:17,19,0:36:99:300,0,300,400,400,500", rest=",<NON_REF>"))  # the deleted copy counts as REF
    c.sample("D", deletion, snp(405, "0/1:22,5,0:27:60:60,0,600,300,300,700", rest=",<NON_REF>"))  # few reads: not one copy
    c.sample("E", deletion, snp(405, "0/1:12,8:20:99:150,0,300"))  # a pileup of the one copy, mixed
    c.sample("F", deletion, variant(405, base(405), other(405) + ",*", "GT:AD:DP:GQ:PL", "1/2:0,14,16:30:99:600,300,280,310,0,290"))
    c.sample("G", variant(400, ref, deleted, "GT:AD:DP:GQ:PL", "1/1:0,20:20:60:600,60,0"), snp(405, "0/0:0,0:0:0:0,0,0"))
    c.sample("H", variant(400, ref, deleted, "GT", "1/1"), snp(405, "0/0", "GT"))  # its own deletion
    c.sample("I", variant(400, ref, deleted, "GT:AD:DP:GQ:PL", "1/0:20,16:36:99:255,0,255"), snp(405, "1|1:0,14:14:42:255,42,0"))
    c.sample("J", block(1, 404, REFERENCE), snp(405, HET), block(406, 800, REFERENCE))
    check(c, {(405, "A"): here, (405, "B"): here, (405, "C"): here, (405, "D"): "C", (405, "E"): "C", (405, "F"): here, (405, "G"): "*/*",
              (405, "H"): "*/*", (405, "I"): here, (405, "J"): snp_at, (400, "A"): ref + "/" + deleted, (400, "J"): ref + "/" + ref},
          {("A", "other_copy"): 1, ("C", "other_copy"): 0})


def plain_place():
    """A position behind which two bases can be deleted in one place only."""
    return next(p for p in range(400, 500) if base(p) != base(p + 2) and base(p + 1) != base(p + 3) and base(p) != base(p + 1))


def one_haplotype():
    at = plain_place()
    ref, short, both = BASES[at - 1:at + 2], BASES[at - 1], next(b for b in "ACGT" if b not in BASES[at - 1:at + 2])
    s, plain = both + BASES[at:at + 2], ref
    keys = "GT:AD:DP:GQ:PL"
    c = Case("a SNP and an indel of one haplotype")
    for name, gts in (("A", ("1/1", "1/1")), ("B", ("1/1", "0/1")), ("C", ("0|1", "0|1")), ("D", ("0/1", "1/1")), ("E", ("1|0", "0|1")), ("F", ("0/1", "0/1"))):
        values = [g + {"1/1": ":0,20:20:60:600,60,0"}.get(g, ":10,10:20:60:300,0,300") for g in gts]
        c.sample(name, variant(at, base(at), both, keys, values[0]), variant(at, ref, short, keys, values[1]))
        c.sample(name + "bare", variant(at, base(at), both, "GT", gts[0]), variant(at, ref, short, "GT", gts[1]))
    c.sample("G", variant(at, base(at), both, keys, "1:0,20:20:60:600,0"), variant(at, ref, short, keys, "1:0,20:20:60:600,0"))
    both_at = {"A": (both, both), "B": (s, both), "C": (plain, both), "D": (short, both), "E": (s, short), "F": (s, short)}
    wanted = {(at, n): "/".join(x) for n, x in both_at.items()}
    wanted.update({(at, n + "bare"): "/".join(x) for n, x in both_at.items() if n not in "EF"})
    check(c, wanted, {("A", "joined"): 1, ("E", "joined"): 0})
    c = Case("the same in a run of one base") # the deletion alone would stand further left
    at = BASES.index("AAA", 300) + 1
    ref = BASES[at - 1:at + 2]
    for name, gts in (("A", ("1/1", "1/1")), ("B", ("1/1", "0/1")), ("C", ("0|1", "0|1"))):
        values = [g + {"1/1": ":0,20:20:60:600,60,0"}.get(g, ":10,10:20:60:300,0,300") for g in gts]
        c.sample(name, variant(at, base(at), other(at), keys, values[0]), variant(at, ref, base(at), keys, values[1]))
    both, s = other(at), other(at) + ref[1:]
    check(c, {(at, "A"): both + "/" + both, (at, "B"): s + "/" + both, (at, "C"): ref + "/" + both})
    c = Case("a SNP and an insertion of one haplotype")
    c.sample("A", variant(400, base(400), other(400), keys, HOM), variant(400, base(400), base(400) + other(401) + "G", keys, HET))
    check(c, {(400, "A"): other(400) + "/" + other(400) + other(401) + "G"})


def masks():
    c = Case("masked genotypes").sample("A", *carrier())
    c.sample("B", snp(500, "./.:8,8:16:.:200,0,200"))
    c.sample("C", snp(500, "./.:15,5,0:20:3:3,0,30,990,990,990", rest=",<*>", filter="NoCall"))
    c.sample("D", snp(500, "0/1:10,10:20:99:300,0,300:LowGQ", "GT:AD:DP:GQ:PL:FT"))
    c.sample("E", snp(500, "0/1:10,10:20:99:300,0,300:PASS", "GT:AD:DP:GQ:PL:FT"))
    c.sample("F", block(1, 499, REFERENCE), snp(500, "./.:10,10,0:20:99:300,0,300,400,400,500", rest=",<NON_REF>"))  # others are called
    c.sample("G", block(1, 600, "0/0:30:60:30:0,60,900:bad", "GT:DP:GQ:MIN_DP:PL:FT"))
    c.sample("H", block(1, 499, REFERENCE), snp(500, ".:8,8:16:.:200,0,200"))
    check(c, dict([((500, n), "F") for n in "BCDFGH"] + [((500, "E"), base(500) + "/" + other(500))]), {("B", "masked"): 1}, an={500: 4})
    c = Case("half calls").sample("A", *carrier())
    for name, gt in (("B", "./1"), ("C", "0/."), ("D", "1|."), ("E", ".|0")):
        c.sample(name, snp(500, gt + ":14:7,7:30", "GT:DP:AD:GQ"))
    check(c, {(500, n): "L" for n in "BCDE"}, {(n, "half_calls"): 1 for n in "BCDE"}, an={500: 2})


def splits():
    alt, second = other(500), other(500, 2)
    c = Case("split records").sample("A", *carrier())
    gone = lambda values: variant(500, base(500), "<NON_REF>", "GT:AD:DP:GQ:PL", values)
    c.sample("B", snp(500, "1/0:0,10:20:60:600,300,280"), gone("0/1:0,10:20:60:600,300,280"))
    c.sample("C", snp(500, "0/0:0,1:20:60:600,600,600"), gone("1/1:0,19:20:60:600,60,0"))
    c.sample("D", snp(500, "1/0:0,10:20:60:600,300,280"))  # and the other part is gone
    c.sample("E", snp(500, "1/0:0,10:20:60:600,300,280"), snp(500, "0/1:0,10:20:60:600,290,310", k=2))
    c.sample("F", snp(500, "./1:0,10:20:60:600,300,280"), snp(500, "1/.:0,10:20:60:600,290,310", k=2))
    c.sample("G", snp(500, "0/0:0,0:20:60:600,600,600"), snp(500, "1/1:0,20:20:60:600,60,0", k=2))
    check(c, {(500, "B"): "A", (500, "C"): "A", (500, "D"): "A", (500, "E"): alt + "/" + second, (500, "F"): alt + "/" + second,
              (500, "G"): second + "/" + second})


def mitochondria():
    c = Case("mixtures", contig="chrM", ploidy="GRCh38")
    at = lambda values, keys="GT:AD:AF:DP", rest=",<NON_REF>": snp(500, values, keys, rest=rest)
    c.sample("A", at("0/1:0,1500,0:1.0,0:1500")).sample("B", at("0/1:900,600,0:0.4,0:1500")).sample("C", at("1/1:3,1497,0:0.998,0:1500"))
    c.sample("D", at("0/1:1490,10,0:0.007,0:1500")).sample("E", at("0|1:0.4:1500", "GT:AF:DP", "")).sample("F", at("1:600:99", "GT:DP:GQ", ""))
    c.sample("G", at("0/1/2:900,500,100:0.33,0.07:1500", rest="," + other(500, 2)))
    c.sample("H", at("0/1:20,20:40:99:300,0,300", "GT:AD:DP:GQ:PL", "")).sample("I", block(1, 900, "0/0:1490:1400", "GT:DP:MIN_DP"))
    check_haploid(c, "ABCEFGH", other(500), "DI", base(500))


def check_haploid(c, carriers, alt, others, ref):
    found = check(c, {})
    for name in carriers + others:
        got = found[0][500][name][0] if found else None
        if got != (alt if name in carriers else ref):
            FAULTS.append((c.name, name, got))


def references():
    odd = BASES[:499] + "M" + BASES[500:]
    alt = "T"
    c = Case("a letter for several bases", bases=odd)
    for name, letter in zip("ABCD", ("M", "N", "A", "c")):
        c.sample(name, block(1, 499, REFERENCE), variant(500, letter, alt, "GT:AD:DP:GQ:PL", HET), block(501, 800, REFERENCE))
    c.sample("E", block(1, 499, REFERENCE), variant(500, "A" + BASES[500:502], "A", "GT:AD:DP:GQ:PL", HET), block(503, 800, REFERENCE))
    ref = "N" + BASES[500:502]
    check(c, dict([((500, n), ref + "/" + alt + BASES[500:502]) for n in "ABCD"] + [((500, "E"), ref + "/N")]), {("C", "ref_differs"): 1, ("D", "ref_differs"): 1, ("E", "ref_differs"): 1})
    c = Case("another base").sample("A", *carrier())
    wrong = variant(300, other(300), base(300), "GT:AD:DP:GQ:PL", HET)
    c.sample("B", *(carrier() + [wrong]))
    found = check(c, {(500, "B"): base(500) + "/" + other(500)}, {("B", "bad_records"): 1, ("B", "ref_differs"): 1})
    c = Case("another reference").sample("A", *carrier()).sample("D", *carrier())
    c.sample("B", *[variant(p, other(p), base(p), "GT:AD:DP:GQ:PL", HET) for p in range(100, 120)])
    found = check(c, {(500, "A"): base(500) + "/" + other(500)})
    if found and "20 of 20 records cannot be used" not in found[1].get("B", ""):
        FAULTS.append((c.name, found[1]))


def depths():
    c = Case("no depth").sample("A", *carrier())
    c.sample("B", snp(500, "0/1:60", "GT:GQ")).sample("C", snp(500, "1/1:60:.:600,60,0", "GT:GQ:DP:PL")).sample("D", block(1, 600, "0/0", "GT"))
    c.sample("E", block(1, 600, "0/0:60", "GT:GQ"))
    ref = base(500)
    check(c, {(500, "D"): ref + "/" + ref, (500, "E"): ref + "/" + ref}, an={500: 10}, depth={(500, "D"): (".", "."), (500, None): ("20", "20")})
    c = Case("variants only").sample("A", *carrier()).sample("B", snp(700, "0/1:60", "GT:GQ"))
    c.importing = "absent: reference"
    check(c, {(500, "B"): ref + "/" + ref}, depth={(500, "B"): (".", ".")})


def names():
    c = Case("swapped").sample("A", *carrier(), column="B").sample("B", *carrier(), column="A").sample("C", *carrier()).sample("D", *carrier(), column="x")
    c.sample("E", *carrier())
    found = check(c, {(500, "D"): base(500) + "/" + other(500)})
    for name in "AB":
        if found and "are the files swapped?" not in found[1].get(name, ""):
            FAULTS.append((c.name, name, found[1]))
    c = Case("one file under two ids").sample("A", *carrier(), column="x").sample("B", *carrier(), column="x").sample("C", *carrier(), column="y")
    found = check(c.sample("D", *carrier()), {(500, n): base(500) + "/" + other(500) for n in "CD"}, an={500: 4})
    for name in "AB":
        if found and "is the same file as that of sample" not in found[1].get(name, ""):
            FAULTS.append((c.name, name, found[1]))


def main():
    if not shutil.which("bcftools"):
        print("skipped: no bcftools")
        return 77
    for cases in (no_calls, deletions, one_haplotype, masks, splits, mitochondria, references, depths, names):
        cases()
    for fault in FAULTS:
        print(*fault)
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
