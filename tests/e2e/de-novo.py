#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""De-novo variants are found by other tools once 0/0 has AD and PL: `reference_likelihoods` of joint-genotype and of `kuni export`.

S000003 is the child of S000001 and S000002. S000005 is declared to be, and is not: whatever it has that neither of them has is planted for
a tool that looks for de-novo variants, dozens of them whose truth is known. The parents are in reference blocks there.

usage: de-novo.py bcftools|hail
environment: KUNI; bcftools with its plugins; for `hail` KUNI_HAIL_PYTHON, a Python that has Hail and Java, or this one
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ["KUNI"]
CHILDREN = ("S000003", "S000005")
LEAST_DNM = -10  # log of the posterior chance, as +trio-dnm2 has it: more than half is above -1

HAIL = """
import json, sys
import hail as hl
hl.init(quiet=True, log="hail.log", local="local[2]", tmp_dir="tmp", idempotent=True)
pedigree = hl.Pedigree.read("trios.fam")
genome = hl.ReferenceGenome.from_fasta_file("simulated", "cohort/reference.fa", "cohort/reference.fa.fai")
found = {}
for path in sys.argv[1:]:
    table = hl.split_multi_hts(hl.import_vcf(path, force_bgz=True, reference_genome=genome))
    table = table.annotate_rows(prior=0.0)
    # What is planted is new to the family alone: others of these few people have it, too.
    rows = hl.de_novo(table, pedigree, table.prior, ignore_in_sample_allele_frequency=True).collect()
    found[path] = [[row.id, row.locus.contig, row.locus.position, *row.alleles] for row in rows]
json.dump(found, open("hail.json", "w"))
"""


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def skip(text):
    print(f"skipped: {text}")
    sys.exit(77)


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    want(done.returncode == 0, f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write(name, text):
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)


def make_calls():
    """The call set as it is by default, and with what the parameter and the option add."""
    run(KUNI, "simulate", "--quiet", "-n", "6", "--trios", "1", "--contigs", "chr20:60k", "-d", "30", "--seed", "5", "-o", "cohort")
    with open("cohort/pedigree.ped", encoding="utf-8") as f:
        rows = [row.split("\t") for row in f]
    for row in rows:
        if row[1] == "S000005":
            row[0], row[2], row[3] = "F000001", "S000001", "S000002"
    write("cohort/pedigree.ped", "".join("\t".join(row) for row in rows))
    write("trios.fam", "".join(f"F {child} S000001 S000002 2 0\n" for child in CHILDREN))
    write("cohort/workflow.yaml", "version: 1\nreference: reference.fa\ncohort: manifest.tsv\npedigree: pedigree.ped\ndataset: dataset\n"
          "regions: {contigs: [chr20], shard: 20kb}\nstages:\n  - {id: call, uses: call-variants}\n"
          "  - {id: joint, uses: joint-genotype, needs: call}\n  - {id: national, uses: merge, needs: joint}\n")
    run(KUNI, "run", "--quiet", "cohort/workflow.yaml")
    for whose in ("none", "trios", "all"):
        run(KUNI, "export", "--reference-likelihoods", whose, "-o", f"{whose}.vcf.gz", "cohort/workflow.yaml")
    run(KUNI, "run", "--quiet", "--set", "joint.reference_likelihoods=trios", "--set", "dataset=told", "cohort/workflow.yaml")


def planted():
    """Biallelic records at which the child truly has the ALT once, is called so, and both parents are 0/0 in reference blocks (no AD)."""
    truth = set()
    for line in run("bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT[\\t%GT]\\n", "cohort/truth.vcf.gz").splitlines():
        chrom, pos, ref, alt, *gts = line.split("\t")
        for index in range(1, alt.count(",") + 2):
            copies = [gt.split("|").count(str(index)) for gt in gts]
            if copies[4] == 1 and copies[0] == copies[1] == 0:
                truth.add((chrom, int(pos)))
    found = set()
    for line in run("bcftools", "query", "-i", "N_ALT=1", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT[\\t%GT:%AD]\\n", "none.vcf.gz").splitlines():
        chrom, pos, ref, alt, *cells = line.split("\t")
        if (chrom, int(pos)) in truth and cells[4].startswith("0/1:") and cells[0] == cells[1] == "0/0:.":
            found.add((chrom, int(pos), ref, alt))
    want(len(found) >= 20, f"only {len(found)} variants are planted")
    return found


def band(value, *edges):
    """The lower edge of the band, as blocks have it that are told of without AD and PL."""
    return max(edge for edge in (0, *edges) if edge <= int(value))


def check_cells():
    """Blocks tell what they hold, of those of whom it is asked; nothing else changes."""
    query = "%CHROM %POS %ALT[\\t%GT %GQ %DP %AD %PL]\\n"
    texts = {whose: run("bcftools", "query", "-f", query, f"{whose}.vcf.gz").splitlines() for whose in ("none", "trios", "all")}
    filled = {"trios": [0] * 6, "all": [0] * 6}
    for whose, counts in filled.items():
        want(len(texts[whose]) == len(texts["none"]), f"{whose}: other records")
        for plain, told in zip(texts["none"], texts[whose]):
            site, *before = plain.split("\t")
            here, *after = told.split("\t")
            n_alts = site.split()[2].count(",") + 1
            want(site == here, f"{whose}: {here} stands where {site} was")
            for column, (a, b) in enumerate(zip(before, after)):
                if a == b:
                    continue
                counts[column] += 1
                gt, gq, dp, ad, pl = b.split(" ")
                want(a == f"{gt} {band(gq, 1, 10, 20)} {band(dp, 1, 5, 10)} . .", f"{whose}: {site}: {b} for {a}")
                want(ad == ",".join([dp] + ["0"] * n_alts), f"{whose}: {site}: AD {ad} at depth {dp}")
                pls = [int(value) for value in pl.split(",")]
                q = pls[1]
                wanted = [0 if j == 0 else q if i == 0 else 10 * q for j in range(n_alts + 1) for i in range(j + 1)]
                want(pls == wanted, f"{whose}: {site}: PL {pl}")
                want((q == 0) <= (gq == "0"), f"{whose}: {site}: PL {pl} with GQ {gq}")
    want(min(filled["all"]) > 10, f"all: filled {filled['all']}")
    want(filled["trios"][:3] == filled["all"][:3] and filled["trios"][4] == filled["all"][4], "trios: not all of its members")
    want(filled["trios"][3] == filled["trios"][5] == 0, "trios: somebody else, too")
    stage = run("bcftools", "query", "-f", query, *national("told")).splitlines()
    want(stage == texts["trios"], "the stage's parameter and the option differ")
    default = run("bcftools", "query", "-f", query, *national("dataset")).splitlines()
    want(default == texts["none"], "none is not the default")


def national(dataset):
    current = f"cohort/{dataset}/current"
    return [os.path.join(current, name) for name in sorted(os.listdir(current)) if name.endswith(".bcf")][:1]


def by_bcftools(whose):
    """Records that +trio-dnm2 finds probably new, by child."""
    run("bcftools", "+trio-dnm2", "--with-pPL", "-P", "dnm.ped", "-Ob", "-o", "dnm.bcf", f"{whose}.vcf.gz")
    found = {child: set() for child in CHILDREN}
    for line in run("bcftools", "query", "-i", f"FMT/DNM>{LEAST_DNM}", "-f", "[%SAMPLE\\t%CHROM\\t%POS\\t%REF\\t%ALT\\n]", "dnm.bcf").splitlines():
        child, chrom, pos, ref, alt = line.split("\t")
        found[child].add((chrom, int(pos), ref, alt))
    return found


def try_bcftools(new):
    if "trio-dnm2" not in subprocess.run(["bcftools", "plugin", "-l"], capture_output=True, text=True, check=False).stdout:
        skip("bcftools has no plugin trio-dnm2")
    write("dnm.ped", "".join(f"F\t{child}\tS000001\tS000002\t2\n" for child in CHILDREN))
    found = {whose: by_bcftools(whose) for whose in ("none", "trios", "all")}
    report("bcftools +trio-dnm2", new, found)


def try_hail(new):
    python = next((python for python in (os.environ.get("KUNI_HAIL_PYTHON"), sys.executable)
                   if python and subprocess.run([python, "-c", "import hail"], capture_output=True, check=False).returncode == 0), None)
    if not python or not shutil.which("java"):
        skip("no Python package hail (pip install hail; KUNI_HAIL_PYTHON), or no Java")
    paths = [f"{whose}.vcf.gz" for whose in ("none", "trios", "all")]
    run(python, "-c", HAIL, *paths)
    with open("hail.json", encoding="utf-8") as f:
        rows = json.load(f)
    found = {}
    for whose, path in zip(("none", "trios", "all"), paths):
        found[whose] = {child: {tuple(row[1:]) for row in rows[path] if row[0] == child} for child in CHILDREN}
    report("hl.de_novo", new, found)


def report(tool, new, found):
    unrelated = {whose: len(new & calls["S000005"]) for whose, calls in found.items()}
    true_child = {whose: len(calls["S000003"]) for whose, calls in found.items()}
    print(f"{tool}: of {len(new)} planted variants {unrelated}; of the true child {true_child}")
    want(unrelated["none"] == 0, f"{tool} finds de-novo variants without AD and PL of the parents: the test tells nothing")
    want(found["trios"] == found["all"], f"{tool}: trios and all differ")
    want(unrelated["trios"] >= 0.95 * len(new), f"{tool} finds {unrelated['trios']} of {len(new)}")
    want(true_child["trios"] <= 1, f"{tool}: the true child has {found['trios']['S000003']}")


def main():
    tool = sys.argv[1]
    if not shutil.which("bcftools"):
        skip("no bcftools on PATH")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_calls()
        new = planted()
        if tool == "hail":
            try_hail(new)
        else:
            check_cells()
            try_bcftools(new)
        os.chdir("/")


main()
