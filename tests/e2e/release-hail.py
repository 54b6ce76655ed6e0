#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A released call set opens in Hail with the columns, alleles and genotypes that bcftools reads. The dense form, that is: the sparse one is
VCF 4.5, which Hail 0.2 refuses.

environment: KUNI; KUNI_HAIL_PYTHON, a Python that has Hail (pip install hail; it needs Java), or this one; needs bcftools
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ["KUNI"]

LOOK = """
import json, sys
import hail as hl
hl.init(quiet=True, log="hail.log", local="local[2]", tmp_dir="tmp", idempotent=True)
found = {}
for path in sys.argv[1:]:
    table = hl.import_vcf(path, force_bgz=True, reference_genome=None)
    rows = table.annotate_rows(calls=hl.agg.collect(hl.str(table.GT)))
    taken = rows.rows().select("calls").collect()
    found[path] = {"columns": table.s.collect(), "rows": [[row.locus.contig, row.locus.position, *row.alleles, row.calls] for row in taken]}
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


def make_release():
    run(KUNI, "simulate", "--quiet", "-n", "6", "--contigs", "chr20:60k", "-d", "14", "--seed", "3", "-o", "cohort")
    with open("cohort/manifest.tsv", encoding="utf-8") as f:
        rows = [line.rstrip("\n") for line in f]
    write("cohort/people.tsv", rows[0] + "\tconsent\ticf_version\tconsent_date\n" + "".join(row + "\tGRU\tv1\t2024-01-01\n" for row in rows[1:]))
    with open("cohort/workflow.yaml", encoding="utf-8") as f:
        write("cohort/w.yaml", f.read().replace("manifest.tsv", "people.tsv"))
    run(KUNI, "run", "--quiet", "cohort/w.yaml")
    run(KUNI, "release", "--new-key", "key")
    write("r.yaml", "version: 1\nworkflow: cohort/w.yaml\nrecipient: {id: r, organisation: for-profit, countries: [JP]}\npurpose: general\n"
          "use: commercial\nconsent: {forms: [v1]}\nform: dense\ntables: no\nthreshold: 1\npseudonyms: {key: key, linkage: linkage}\n")
    run(KUNI, "release", "-o", "dense", "r.yaml")


def main():
    python = next((python for python in (os.environ.get("KUNI_HAIL_PYTHON"), sys.executable)
                   if python and subprocess.run([python, "-c", "import hail"], capture_output=True, check=False).returncode == 0), None)
    if not python or not shutil.which("java"):
        skip("no Python package hail (pip install hail; KUNI_HAIL_PYTHON), or no Java")
    if not shutil.which("bcftools"):
        skip("no bcftools on PATH")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_release()
        run("bcftools", "view", "-Oz", "-o", "dense.vcf.bgz", "dense/calls.bcf")
        run(python, "-c", LOOK, "dense.vcf.bgz")
        with open("hail.json", encoding="utf-8") as f:
            found = json.load(f)
        names = run("bcftools", "query", "-l", "dense/calls.bcf").split()
        told = [line.split("\t") for line in run("bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT[\\t%GT]\\n", "dense/calls.bcf").splitlines()]
        want(len(told) > 100, f"{len(told)} records")
        expected = [[row[0], int(row[1]), row[2], *row[3].split(","), [None if "." in gt else gt for gt in row[4:]]] for row in told]
        want(found["dense.vcf.bgz"]["columns"] == names, "columns")
        want(found["dense.vcf.bgz"]["rows"] == expected, "Hail reads other genotypes")
        os.chdir("/")
    print(f"Hail reads {len(expected)} records of {len(names)} people")


main()
