#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The forms of a call set, through merge and what comes after it: `output` and `also` of joint-genotype, each against the dense form of
the same people. The table of docs/call-set.md says what works with which form; each cell is tried here."""
import gzip
import os
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ["KUNI"]
SOURCE = os.path.dirname(os.path.abspath(__file__))
FORMS = {"dense": ("dense", "[]"), "dense+sparse": ("dense", "[sparse]"), "sites": ("sites", "[]"), "sites+sparse": ("sites", "[sparse]")}


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def run(*words, expect=0):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    want(done.returncode == expect, f"{' '.join(words)}: status {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def settings(form, dataset):
    output, also = FORMS[form]
    return ["--set", f"dataset={os.path.abspath(dataset)}", "--set", f"joint.output={output}", "--set", f"joint.also={also}"]


def published(dataset):
    found, top = {}, os.path.realpath(os.path.join(dataset, "current"))
    for at, _, names in os.walk(top):
        for name in names:
            with open(os.path.join(at, name), "rb") as f:
                found[os.path.relpath(os.path.join(at, name), top)] = f.read()
    return found


def records(path, *more):
    return run("bcftools", "view", "-H", *more, path)


def table(text):
    return [line.split("\t") for line in text.decode().splitlines() if not line.startswith("#")]


def same_numbers(form, have, dense):
    """What is counted of a form is what is counted of the dense one, or not told."""
    for name in sorted(n for n in dense if n.startswith("call-set/") and n.endswith(".tsv") and "multiqc" not in n):
        if form != "sites":
            want(have[name] == dense[name], f"{form}: {name} is another")
            continue
        if name.rsplit("/", 1)[1] in ("common_sites.tsv", "related.tsv"):
            continue
        mine, theirs = table(have[name]), table(dense[name])
        if name.endswith("distributions.tsv"):
            theirs = [row for row in theirs if row[0] not in ("gq", "depth")]
        theirs = [row for row in theirs if not row[0].startswith("pc")]
        want(len(mine) == len(theirs), f"sites: {name} has {len(mine)} lines, {len(theirs)} are expected")
        untold = 0
        for a, b in zip(mine, theirs):
            untold += sum(x == "NA" != y for x, y in zip(a, b))
            if "common_sites" not in a and "kin_conflicts" not in a:
                want(all(x in ("NA", y) for x, y in zip(a, b)), f"sites: {name}: {a}, {b} are expected")
        want(untold > 0 if name.endswith(("samples.tsv", "windows.tsv", "summary.tsv")) else untold == 0, f"sites: {name}: {untold} values are not told")
    if form == "sites":
        want(b"no genotypes" in have["call-set/related.tsv"], "sites: related.tsv does not say why nobody was compared")


def check_merge():
    """Every form, at one process and at three."""
    dense = None
    for form in FORMS:
        run(KUNI, "validate", *settings(form, "d"), "cohort/workflow.yaml")
        run(KUNI, "run", "--quiet", *settings(form, "d"), "cohort/workflow.yaml")
        have = published("d")
        dense = dense or have
        same_numbers(form, have, dense)
        want(("national.sparse.vcf.gz" in have) == ("sparse" in form), f"{form}: {sorted(have)}")
        columns = run("bcftools", "query", "-l", "d/current/national.bcf").split()
        want(len(columns) == (6 if "dense" in form else 0), f"{form}: {columns}")
        shutil.copytree("d/current/", f"of-{form}")
        if form != "dense":
            want(records(f"of-{form}/national.bcf", "-G") == records("of-dense/national.bcf", "-G"), f"{form}: other sites")
        if "sparse" in form:
            sparse = f"of-{form}/national.sparse.vcf.gz"
            run(sys.executable, f"{SOURCE}/expand_sparse.py", sparse, "of-dense/national.bcf")
            with gzip.open(sparse, "rt") as lines:
                want("##fileformat=VCFv4.5" in next(lines), "the sparse form is VCF 4.5")
    return dense


ANNOTATE = """  - id: annotate
    run: |
      bcftools view --no-version {input} | awk -F'\\t' -v OFS='\\t' '/^#CHROM/ {{print "##INFO=<ID=NEW,Number=1,Type=Integer,Description=new>"}}
        /^#/ {{print; next}} $2 % 5 {{$3 = "id" $2; if ($2 % 7 == 0) $7 = "AC0"; $8 = $8 ";NEW=" $2; print}}' | bcftools view --no-version -Ob -o {output}
    scatter: region
    may_drop: 100%
    needs: [joint]
"""


def check_added():
    """What a stage in between made of the records stands in the sparse form too; those that it took out stay, and say so."""
    with open("cohort/workflow.yaml", encoding="utf-8") as f:
        text = f.read()
    with open("cohort/added.yaml", "w", encoding="utf-8") as f:
        f.write(text.replace("  - id: national", ANNOTATE + "  - id: national").replace(
            "uses: merge\n    needs: [joint]", "uses: merge\n    needs: [annotate]"))
    run(KUNI, "run", "--quiet", *settings("sites+sparse", "d"), "cohort/added.yaml")
    columns = "%CHROM\\t%POS\\t%ID\\t%REF\\t%FILTER\\t%INFO/AN\\t%INFO/NEW\\n"
    sites = run("bcftools", "query", "-f", columns, "d/current/national.sites.vcf.gz")
    sparse = run("bcftools", "query", "-f", columns, "d/current/national.sparse.vcf.gz").splitlines(keepends=True)
    dropped = [line for line in sparse if "\tDropped\t" in line]
    want("".join(line for line in sparse if "\tDropped\t" not in line) == sites and "id" in sites and "AC0" in sites, "what was added is lost in the sparse form")
    want(dropped and all(int(line.split("\t")[1]) % 5 == 0 for line in dropped), "dropped records are others")
    cells = ["bcftools", "query", "-f", "%CHROM\\t%POS[\\t%GT:%GQ:%DP]\\n"]
    want(run(*cells, "d/current/national.sparse.vcf.gz") == run(*cells, "of-sites+sparse/national.sparse.vcf.gz"), "other genotypes")
    want(records("d/current/national.sparse.vcf.gz", "-r", "chr20:9000-9100").count("\n") > 0, "its index finds nothing")


def main():
    with tempfile.TemporaryDirectory(prefix="kuni-call-set-forms-") as work:
        os.chdir(work)
        run(KUNI, "simulate", "--quiet", "-n", "6", "--contigs", "chr20:20k,chrX:5k,chrY:5k", "-d", "8", "--heterozygosity", "0.003", "--seed", "7", "-o", "cohort")
        with open("cohort/workflow.yaml", encoding="utf-8") as f:
            text = f.read()
        with open("cohort/workflow.yaml", "w", encoding="utf-8") as f:
            f.write(text.replace("  - id: qc\n    uses: alignment-qc\n    needs: [call]\n", "").replace("needs: [qc, joint]", "needs: [joint]"))
        check_merge()
        check_added()
    print("all right")


main()
