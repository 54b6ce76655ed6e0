#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which tool opens which form: the table of docs/call-set.md, cell by cell. Each tool that is here opens each form and counts records
and missing genotypes; "yes" is what bcftools counts in the dense BCF, "as missing" all records and more missing genotypes than there
are, without an error, "no" an error. A cell that says something else fails the test, a better one too.

usage: forms.py TOOL...   bcftools plink2 cyvcf2 pysam GATK Hail vcf2zarr
environment: KUNI, KUNI_SOURCE; KUNI_HAIL_PYTHON, a Python that has hail, cyvcf2, pysam and bio2zarr, or this one; GATK_JARS (accuracy/fetch-gatk)
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("KUNI_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
KUNI = os.path.abspath(os.environ.get("KUNI") or os.path.join(SOURCE, "build/release/kuni"))
PYTHONS = [python for python in (os.environ.get("KUNI_HAIL_PYTHON"), sys.executable) if python]
FILES = {"bcf": "d.bcf", "vcf.gz": "d.vcf.gz", "sparse": "d.sparse.vcf.gz", "sites": "s.bcf", "plink": "p.bcf", "gvcf": "gvcf/S000001.g.vcf.gz"}
OUTS = {**FILES, "gvcf": "gvcf"}

# Each prints a line of JSON a file: records and missing genotypes, or null for an error.
PROGRAMS = {
    "cyvcf2": """
import cyvcf2
def look(path):
    unknown = [int((record.gt_types == 2).sum()) for record in cyvcf2.VCF(path)]
    return len(unknown), sum(unknown)
""",
    "pysam": """
import pysam
def look(path):
    calls = [[sample["GT"] for sample in record.samples.values()] for record in pysam.VariantFile(path)]
    return len(calls), sum(None in call for record in calls for call in record)
""",
    "Hail": """
import hail
hail.init(quiet=True, log="hail.log", local="local[2]", tmp_dir="tmp", idempotent=True)
def look(path):
    table = hail.import_vcf(path, force_bgz=True, reference_genome=None, array_elements_required=False)
    return table.count_rows(), table.aggregate_entries(hail.agg.count_where(hail.is_missing(table.GT)))
""",
    "vcf2zarr": """
import shutil, subprocess, sys, zarr
def look(path):
    shutil.rmtree("look.vcz", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "bio2zarr", "vcf2zarr", "convert", "-f", "--no-progress", path, "look.vcz"], check=True, capture_output=True)
    store = zarr.open("look.vcz", mode="r")
    calls = store["call_genotype"][:] if "call_genotype" in store else None
    return store["variant_position"].shape[0], 0 if calls is None else int((calls[:, :, 0] == -1).sum())
""",
}
LOOP = """
import json, sys
for path in sys.argv[1:]:
    try:
        print("\\n" + json.dumps([path, *look(path)]), flush=True)
    except Exception as error:
        print(str(error)[:300], file=sys.stderr)
        print("\\n" + json.dumps([path, None, None]), flush=True)
"""
PACKAGES = {"Hail": "hail", "vcf2zarr": "bio2zarr", "cyvcf2": "cyvcf2", "pysam": "pysam"}


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def kuni(*words, expect=0):
    done = run(KUNI, *words)
    want(done.returncode == expect, f"kuni {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stderr


def by_bcftools(path):
    done = run("bcftools", "query", "-f", "%POS[\t%GT]\n", path)
    if done.returncode:
        return None
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return len(lines), sum("." in call for line in lines for call in line[1:])


def by_plink2(path):
    kind = "--bcf" if path.endswith(".bcf") else "--vcf"
    sexes = [] if path == FILES["gvcf"] else ["--psam", "p.psam"]
    done = run("plink2", kind, path, *sexes, "--split-par", "10", "20", "--make-pgen", "--missing", "--out", "look")
    if done.returncode:
        return None
    rows = [line.split() for line in open("look.smiss", encoding="utf-8")]
    missing = rows[0].index("MISSING_CT")
    records = sum(not line.startswith("#") for line in open("look.pvar", encoding="utf-8"))
    return records, sum(int(row[missing]) for row in rows[1:])


def by_gatk(path):
    if os.path.exists("look.tsv"):
        os.remove("look.tsv")
    done = run(os.path.join(SOURCE, "tests/accuracy/gatk"), "VariantsToTable", "-V", path, "-F", "POS", "-GF", "GT", "--show-filtered", "-O", "look.tsv")
    if done.returncode:
        return None
    with open("look.tsv", encoding="utf-8") as table:
        lines = [line.rstrip("\n").split("\t") for line in table][1:]
    return len(lines), sum("." in call for line in lines for call in line[1:])


def check_gvcfs():
    """GATK's ValidateVariants -gvcf takes gVCFs of both sexes, X with single copies, and refuses one without a block, which is what it looks for."""
    gatk = os.path.join(SOURCE, "tests/accuracy/gatk")
    want(run("samtools", "dict", "-o", "cohort/reference.dict", "cohort/reference.fa").returncode == 0, "samtools dict")

    def validate(path):
        return run(gatk, "ValidateVariants", "-R", "cohort/reference.fa", "-V", path, "-gvcf")

    for name in ("S000001", "S000002"):
        done = validate(f"gvcf/{name}.g.vcf.gz")
        want(done.returncode == 0, f"GATK ValidateVariants -gvcf refuses gvcf/{name}.g.vcf.gz:\n{done.stderr[-2000:]}")
    text = run("bcftools", "view", "gvcf/S000001.g.vcf.gz").stdout.splitlines(keepends=True)
    blocks = [i for i, line in enumerate(text) if "\tEND=" in line]
    with open("gap.g.vcf", "w", encoding="utf-8") as file:
        file.writelines(text[:blocks[5]] + text[blocks[5] + 1:])
    run("bcftools", "view", "-Oz", "-o", "gap.g.vcf.gz", "gap.g.vcf")
    run("bcftools", "index", "-t", "gap.g.vcf.gz")
    want("must cover the entire region" in validate("gap.g.vcf.gz").stderr, "GATK takes a gVCF with a gap: nothing was tried")
    print("GATK ValidateVariants -gvcf: all right")


def python_with(package):
    return next((p for p in PYTHONS if run(p, "-c", f"import importlib.metadata as m; print(m.version('{package}'))").returncode == 0), None)


def version_of(tool):
    """None where the tool is not here."""
    if tool in PACKAGES:
        python = python_with(PACKAGES[tool])
        if not python or tool == "Hail" and not shutil.which("java"):
            return None
        return run(python, "-c", f"import importlib.metadata as m; print(m.version('{PACKAGES[tool]}'))").stdout.strip()
    if tool == "GATK":
        jars = os.environ.get("GATK_JARS") or ""
        found = [name for name in (os.listdir(jars) if os.path.isdir(jars) else []) if re.fullmatch(r"gatk-[0-9.]+\.jar", name)]
        done = run(os.path.join(SOURCE, "tests/accuracy/gatk"))
        return (found or ["gatk"])[0] if done.returncode == 0 else None
    return run(tool, "--version").stdout.splitlines()[0] if shutil.which(tool) else None


def look(tool, paths):
    if tool not in PACKAGES:
        return {path: {"bcftools": by_bcftools, "plink2": by_plink2, "GATK": by_gatk}[tool](path) for path in paths}
    done = run(python_with(PACKAGES[tool]), "-c", PROGRAMS[tool] + LOOP, *paths)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
    want(len(lines) == len(paths), f"{tool}: {done.stdout}{done.stderr}")
    return {path: None if records is None else (records, missing) for path, records, missing in lines}


def table():
    """{tool: {form: cell}} of docs/call-set.md; a column is headed by tool and version."""
    with open(os.path.join(SOURCE, "docs/call-set.md"), encoding="utf-8") as page:
        text = page.read().split("### Which tool opens which form")[1].split("\n### ")[0]
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line.startswith("|")]
    head, body = rows[0], rows[2:]
    return {name.split()[0]: {row[0].strip("`"): row[i] for row in body} for i, name in enumerate(head) if i}


def main():
    tools, told = sys.argv[1:], table()
    want(all(tool in told for tool in tools), f"no column of {tools} in docs/call-set.md, which has {list(told)}")
    kuni("simulate", "--quiet", "-n", "4", "--trios", "1", "--contigs", "chr20:30k,chrX:30k", "--seed", "3", "-o", "cohort")
    kuni("run", "--quiet", "cohort/workflow.yaml")
    for form, name in OUTS.items():
        kuni("export", "-f", form, "-o", name, "cohort/workflow.yaml")
    # What tools do not warn of, names and headers do.
    said = kuni("export", "-f", "sparse", "-o", "x.vcf.gz", "cohort/workflow.yaml", expect=64)
    want("*.sparse.vcf.gz" in said and not os.path.exists("x.vcf.gz"), said)
    for form, name in FILES.items():
        warned = "##kuni_sparse=" in run("bcftools", "view", "-h", name).stdout
        want(warned == (form == "sparse"), f"the header of {name} and the sparse form")
    truth = {form: by_bcftools(FILES["bcf" if form == "sparse" else form]) for form in FILES}
    want(truth["bcf"][0] > 50 and truth["bcf"][1] == 0, f"the cohort has {truth['bcf']}")
    seen, wrong = 0, []
    for tool in tools:
        version = version_of(tool)
        if not version:
            print(f"left out: {tool} is not here")
            continue
        seen += 1
        if tool == "GATK":
            check_gvcfs()
        found = look(tool, [name for form, name in FILES.items() if told[tool][form] != "-"])
        for form, name in FILES.items():
            if name not in found:
                continue
            counts = found[name]
            cell = "no" if counts is None else "yes" if counts == truth[form] else "as missing" if counts[0] == truth[form][0] else f"{counts}"
            print(f"{tool} ({version}), {form}: {cell}, {counts} of {truth[form]}")
            if cell != told[tool][form]:
                wrong.append(f"{tool}, {form}: docs/call-set.md says '{told[tool][form]}', it is '{cell}': {counts}, {truth[form]}")
    want(not wrong, "\n".join(wrong))
    if not seen:
        print("skipped: none of " + " ".join(tools))
        sys.exit(77)


if __name__ == "__main__":
    os.environ["REF_PATH"] = "/nonexistent"
    SOURCE = os.path.abspath(SOURCE)
    if not shutil.which("bcftools"):
        print("skipped: no bcftools on PATH")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        main()
