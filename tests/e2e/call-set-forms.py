#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The forms of a call set, through merge and what comes after it: `output` and `also` of joint-genotype, each against the dense form of
the same people. The table of docs/call-set.md says what works with which form; each cell is tried here.

usage: call-set-forms.py merge | life [FORM...]      merge: from reads, what is published; life: from gVCFs, what a dataset of such a form then does"""
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

from made_people import other, request, write_gvcf

KUNI = os.path.abspath(os.environ["KUNI"])
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


def reach(line):
    """The last position of a record, with blocks that begin in it."""
    column = line.split("\t", 8)
    end = re.search(r"(?:^|;)END=(\d+)", column[7])
    return max(int(column[1]) + len(column[3]) - 1, int(end[1]) if end else 0)


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
        whole = [f for kind in ("bcf", "vcf.gz") for f in glob.glob(f"d/data/joint/*/*.{kind}") if ".pack." not in f and os.path.getsize(f) > 4096]
        want(not whole, f"{form}: {whole} lie on the disk beside what is published")
        if form != "dense":
            want(records(f"of-{form}/national.bcf", "-G") == records("of-dense/national.bcf", "-G"), f"{form}: other sites")
        if "sparse" in form:
            sparse = f"of-{form}/national.sparse.vcf.gz"
            run(sys.executable, f"{SOURCE}/expand_sparse.py", sparse, "of-dense/national.bcf")
            with gzip.open(sparse, "rt") as lines:
                want("##fileformat=VCFv4.5" in next(lines), "the sparse form is VCF 4.5")
            every = records(sparse).splitlines()
            for beg in range(1, 20000, 1500):
                there = [x for x in every if x.startswith("chr20\t") and int(x.split("\t", 2)[1]) <= beg + 99 and reach(x) >= beg]
                want(records(sparse, "-r", f"chr20:{beg}-{beg + 99}").splitlines() == there, f"{form}: its index finds other records from {beg} on")
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


# --- life ---

BASES = "".join("ACGTTGCAAC"[(i * 7 + i // 10 * 3) % 10] for i in range(3000))
NAMES = ["Ann", "Bob", "Cyd", "Dan", "Eve", "Fay", "Gus", "Hal"]
EXPORTS = {"bcf": "x.bcf", "vcf.gz": "x.vcf.gz", "vcf": "x.vcf", "sparse": "x.sparse.vcf.gz", "sites": "s.bcf", "sites-tsv": "s.tsv.gz", "pgen": "p",
           "plink": "p.bcf", "gvcf": "g", "zarr": "z.vcz"}


def write_people(names):
    with open("people.tsv", "w", encoding="utf-8") as out:
        out.write("participant_id\tsample_id\treads\tgroup\tconsent\ticf_version\tconsent_date\n")
        for name in names:
            out.write(f"{name}\t{name}\t{name}.g.vcf\tnorth\tGRU\tv1\t2024-01-01\n")


def write_cohort():
    with open("ref.fa", "w", encoding="utf-8") as out:
        out.write(f">chr20\n{BASES}\n")
    for k, name in enumerate(NAMES):
        places = {100 + 10 * k, 1000, 1500 + 300 * (k % 2), 2500}
        write_gvcf(name, "chr20", BASES, [(pos, BASES[pos - 1], other(BASES[pos - 1]), 1 + (pos + k) % 2) for pos in sorted(places)])
    write_people(NAMES)


def write_workflow(form, dataset="ds", name="w.yaml"):
    output, also = FORMS[form]
    with open(name, "w", encoding="utf-8") as out:
        out.write(f"version: 1\nreference: ref.fa\ncohort: people.tsv\ndataset: {dataset}\nregions: {{ploidy: diploid, shard: 1kb}}\nbatch: 3\nkeep: 2\nstages:\n"
                  "  - {id: import, uses: import-gvcf}\n"
                  f"  - {{id: joint, uses: joint-genotype, needs: import, with: {{output: {output}, also: {also}}}}}\n"
                  "  - {id: vq, uses: variant-quality, needs: joint}\n"
                  "  - {id: national, uses: merge, needs: [import, vq]}\n")


def same_as_fresh(what, form, names):
    """The national files are those of a dataset that has had these people from the start."""
    shutil.rmtree("fresh", ignore_errors=True)
    write_people(names)
    write_workflow(form, "fresh", "fresh.yaml")
    run(KUNI, "run", "--quiet", "fresh.yaml")
    have, fresh = published("ds"), published("fresh")
    wrong = [n for n in sorted(set(have) | set(fresh)) if have.get(n) != fresh.get(n) and not n.startswith("qc/") and n != "dataset.json"]
    want(not wrong, f"{form}: {what}: {wrong} are not those of a fresh dataset")


def try_exports(form, dense):
    for kind, name in EXPORTS.items():
        out = f"{form}-{name}"
        run(KUNI, "export", "-f", kind, "-o", out, "w.yaml")
        if name.endswith((".bcf", ".vcf.gz", ".vcf")):
            lines = records(out)
            want(lines == dense.setdefault(kind, lines), f"{form}: kuni export -f {kind} tells another thing than of the dense form")


def try_releases(form, dense):
    if not os.path.exists("key"):
        run(KUNI, "release", "--new-key", "key")
    for kind in ("dense", "sparse", "sites", "tables"):
        out = f"{form}-{kind}"
        request(out, f"{form.replace('+', '-')}-{kind}", kind, 1)
        run(KUNI, "release", "-o", out, f"{out}.yaml")
        found = sorted(os.listdir(out))
        want(found == dense.setdefault(f"release {kind}", found), f"{form}: a release of form {kind} has {found}")


def check_life(forms):
    dense = {}
    for form in forms:
        shutil.rmtree("ds", ignore_errors=True)
        write_workflow(form)
        write_people(NAMES[:6])
        run(KUNI, "run", "--quiet", "w.yaml")
        write_people(NAMES[6:])
        run(KUNI, "run", "--quiet", "w.yaml")
        same_as_fresh("two more people", form, NAMES)
        run(KUNI, "verify", "--deep", "w.yaml")
        for words in (("status", "ds"), ("plan", "w.yaml"), ("doctor", "w.yaml"), ("history", "ds")):
            run(KUNI, *words)
        try_exports(form, dense)
        try_releases(form, dense)
        run(KUNI, "withdraw", "--yes", "w.yaml", "Bob")
        run(KUNI, "withdraw", "--yes", "--mode", "erase", "w.yaml", "Eve")
        run(KUNI, "run", "--quiet", "w.yaml")
        run(KUNI, "verify", "--deep", "w.yaml")
        same_as_fresh("two people withdrew", form, [n for n in NAMES if n not in ("Bob", "Eve")])
        want(len(os.listdir("ds/generations")) == 1, f"{form}: generations with the erased are kept: {os.listdir('ds/generations')}")


def check_refusals():
    """What cannot work is refused before anything is computed, with line, column and cure."""
    with open("people.tsv", "w", encoding="utf-8") as out:
        out.write("participant_id\tsample_id\treads\n" + "".join(f"P{i}\tP{i}\tP{i}.g.vcf\n" for i in range(10001)))
    for form in FORMS:
        write_workflow(form)
        for kind, after in (("sparse", "joint"), ("national-sparse", "national")):
            with open("w.yaml", encoding="utf-8") as f:
                text = f.read()
            with open("taken.yaml", "w", encoding="utf-8") as f:
                f.write(text + f"  - {{id: extra, run: 'cat {{input}} >{{output}}', scatter: {'region' if after == 'joint' else 'cohort'}, takes: {kind}, gives: x, extension: x, needs: {after}}}\n")
            said = run(KUNI, "validate", "taken.yaml", expect=0 if "sparse" in form else 64)
            want("sparse" in form or f"takes '{kind}', which '{after}'" in said and "taken.yaml:13:" in said, f"{form}: {said}")
    with open("w.yaml", encoding="utf-8") as f:
        text = f.read().replace(", with: {output: sites, also: [sparse]}", "")
    with open("untold.yaml", "w", encoding="utf-8") as f:
        f.write(text)
    want("with" not in text, text)
    for verb in ("validate", "run"):
        said = run(KUNI, verb, "untold.yaml", expect=64)
        want("untold.yaml:10:5: stage 'joint': output: 10001 samples" in said and "also: [sparse]" in said, said)
    said = run(KUNI, "plan", "untold.yaml")
    want("a run ends with 64: output: 10001" in said and "resources.memory: in one with" not in said, "plan does not say that")
    with open("many.tsv", "w", encoding="utf-8") as out:  # genotypes of a chunk take some 84 MB, of the 32 that are theirs
        out.write("participant_id\tsample_id\treads\n" + "".join(f"P{i}\tP{i}\tP{i}.g.vcf\n" for i in range(35000)))
    with open("narrow.yaml", "w", encoding="utf-8") as f:
        f.write(text.replace("stages:", "resources: {memory: 64MiB}\nstages:").replace("people.tsv", "many.tsv"))
    said = run(KUNI, "plan", "narrow.yaml")
    want("genotypes of a chunk of 64 kb in 3 parts" in said and "in one with 1.0 GiB" in said, f"plan does not tell of windows: {said}")
    said = run(KUNI, "doctor", "--no-samples", "untold.yaml", expect=65)
    want("FAIL  workflow" in said and "output: 10001" in said, f"doctor does not say that: {said}")
    for output in ("dense", "sites"):
        run(KUNI, "validate", "--set", f"joint.output={output}", "untold.yaml")
    with open("people.tsv", encoding="utf-8") as f:
        lines = f.readlines()
    with open("people.tsv", "w", encoding="utf-8") as f:
        f.writelines(lines[:-1])
    run(KUNI, "validate", "untold.yaml")


def main():
    with tempfile.TemporaryDirectory(prefix="kuni-call-set-forms-") as work:
        os.chdir(work)
        if sys.argv[1] == "life":
            write_cohort()
            check_refusals()
            shutil.rmtree("ds", ignore_errors=True)
            check_life(sys.argv[2:] or FORMS)
            print("all right")
            return
        run(KUNI, "simulate", "--quiet", "-n", "6", "--contigs", "chr20:20k,chrX:5k,chrY:5k", "-d", "8", "--heterozygosity", "0.003", "--seed", "7", "-o", "cohort")
        with open("cohort/workflow.yaml", encoding="utf-8") as f:
            text = f.read()
        with open("cohort/workflow.yaml", "w", encoding="utf-8") as f:
            f.write(text.replace("  - id: qc\n    uses: alignment-qc\n    needs: [call]\n", "").replace("needs: [qc, joint]", "needs: [joint]"))
        check_merge()
        check_added()
    print("all right")


main()
