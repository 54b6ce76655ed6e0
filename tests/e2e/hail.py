#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recipe for Hail in docs/call-set.md, run as it stands there: gVCFs of kuni are combined into a VDS, and the dense VCF is imported. The dense
matrix of both has the genotypes of the national call set at each of its records, in each of its people.

environment: KUNI; KUNI_HAIL_PYTHON, a Python that has Hail (pip install hail; it needs Java), or this one; needs bcftools
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
KUNI = os.path.abspath(os.environ.get("KUNI") or os.path.join(SOURCE, "build/release/kuni"))

BEFORE = 'import hail\nhail.init(quiet=True, log="hail.log", local="local[2]", tmp_dir="tmp", idempotent=True)\n'
AFTER = """
import json
def tell(table, name):
    rows = table.select_entries("GT").localize_entries("entries", "people").collect()
    json.dump([[row.locus.contig, row.locus.position, row.alleles, [None if e is None or e.GT is None else list(e.GT.alleles) for e in row.entries]]
               for row in rows], open(name, "w"))
tell(combined, "combined.json")
tell(calls, "calls.json")
"""


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def skip(text):
    print(f"skipped: {text}")
    sys.exit(77)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    want(done.returncode == 0, f"{' '.join(words)[:200]}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


def recipe():
    """The block of the page."""
    with open(os.path.join(SOURCE, "docs/call-set.md"), encoding="utf-8") as page:
        part = page.read().split("\n### Hail\n")[1].split("\n#")[0]
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", part, re.MULTILINE)
    found = [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks if "import hail" in block]
    want(len(found) == 1, f"docs/call-set.md has {len(found)} recipes")
    return found[0]


def minimal(ref, alt):
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return f"{ref}>{alt}"


def spelled(alleles, numbers):
    """What somebody has at a place, however the record is written."""
    if numbers is None:
        return None
    return sorted("REF" if not n else minimal(alleles[0], alleles[n]) for n in numbers)


def told(name):
    with open(name, encoding="utf-8") as file:
        return {(contig, pos): [spelled(alleles, one) for one in people] for contig, pos, alleles, people in json.load(file)}


def truth():
    records = {}
    for line in run("bcftools", "query", "-f", "%CHROM\t%POS\t%REF\t%ALT[\t%GT]\n", "cohort.vcf.gz").splitlines():
        contig, pos, ref, alts, *calls = line.split("\t")
        alleles = [ref, *alts.split(",")]
        numbers = [None if "." in call else [int(n) for n in re.split("[/|]", call)] for call in calls]
        records[contig, int(pos)] = [spelled(alleles, one) for one in numbers]
    return records


def main():
    python = next((python for python in (os.environ.get("KUNI_HAIL_PYTHON"), sys.executable)
                   if python and subprocess.run([python, "-c", "import hail"], capture_output=True, check=False).returncode == 0), None)
    if not python or not shutil.which("java"):
        skip("no Python package hail (pip install hail; KUNI_HAIL_PYTHON), or no Java")
    if not shutil.which("bcftools"):
        skip("no bcftools on PATH")
    run(KUNI, "simulate", "--quiet", "-n", "4", "--trios", "1", "--contigs", "chr20:30k,chrX:30k", "--seed", "3", "-o", "cohort")
    run(KUNI, "run", "--quiet", "cohort/workflow.yaml")
    run(KUNI, "export", "-f", "gvcf", "-o", "gvcf", "cohort/workflow.yaml")
    run(KUNI, "export", "-f", "vcf.gz", "-o", "cohort.vcf.gz", "cohort/workflow.yaml")
    for name in ("reference.fa", "reference.fa.fai"):
        os.symlink(f"cohort/{name}", name)
    run(python, "-c", BEFORE + recipe() + AFTER)
    right = truth()
    want(len(right) > 50, f"{len(right)} records are too few to tell anything")
    want(told("calls.json") == right, "import_vcf has other genotypes than bcftools")
    combined = told("combined.json")
    wrong = [(place, right[place], combined.get(place)) for place in right if combined.get(place) != right[place]]
    want(not wrong, f"{len(wrong)} records of the combined VDS have other genotypes: {wrong[:5]}")
    print(f"hail: {len(right)} records of {len(next(iter(right.values())))} people, in the VDS and by import_vcf")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        main()
        os.chdir("/")
