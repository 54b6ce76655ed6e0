#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every column of every table that a run publishes stands in one data dictionary, of its folder or of one above, in the order of the
table, with a meaning; and the dictionaries tell of no table and no column that is not there. Looked at are a run from reads and one from gVCFs.

environment: KUNI
"""
import os
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
KUNI = os.path.abspath(os.environ.get("KUNI") or os.path.join(SOURCE, "build/release/kuni"))


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def kuni(*words):
    done = subprocess.run([KUNI, *words], capture_output=True, text=True, check=False)
    want(done.returncode == 0, f"kuni {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")


def lines(path):
    with open(path, encoding="utf-8") as text:
        return [line.rstrip("\n").split("\t") for line in text if not line.startswith(("# ", "#kuni "))]


def read_dictionary(current, path, told):
    """Adds {table: columns}, the tables named from `current` on."""
    head, *rows = lines(os.path.join(current, path))
    want({"table", "column", "unit", "definition"} <= set(head), f"{path} has {head}")
    here = {}
    for row in rows:
        want(len(row) == len(head), f"{path}: {row}")
        entry = dict(zip(head, row))
        want(entry["definition"], f"{path}: {entry['table']}, {entry['column']} has no meaning")
        here.setdefault(os.path.normpath(os.path.join(os.path.dirname(path), entry["table"])), []).append(entry["column"])
    want(not set(here) & set(told), f"{path} tells again of {set(here) & set(told)}")
    told.update(here)


def check(current):
    """How many columns each table has."""
    files = sorted(os.path.relpath(os.path.join(place, file), current) for place, _, names in os.walk(current) for file in names if file.endswith(".tsv"))
    told = {}
    for path in files:
        if os.path.basename(path) == "data_dictionary.tsv":
            read_dictionary(current, path, told)
    tables = [path for path in files if os.path.basename(path) != "data_dictionary.tsv"]
    want(sorted(told) == tables, f"{current}: tables are {tables}, the dictionaries tell of {sorted(told)}")
    for table in tables:
        columns = lines(os.path.join(current, table))[0]
        want(columns == told[table], f"{current}/{table} has\n{columns}\nits dictionary\n{told[table]}")
    return {table: len(told[table]) for table in tables}


def from_gvcfs():
    """The same people as gVCFs, one of unknown sex, and their sites scored."""
    kuni("export", "-f", "gvcf", "-o", "gvcf", "cohort/workflow.yaml")
    rows = lines("cohort/manifest.tsv")[1:]
    with open("gvcf.tsv", "w", encoding="utf-8") as manifest:
        manifest.write("participant_id\tsample_id\treads\tsex\n")
        for i, row in enumerate(rows):
            manifest.write(f"{row[0]}\t{row[1]}\tgvcf/{row[1]}.g.vcf.gz\t{row[2] if i else 'unknown'}\n")
    with open("gvcf.yaml", "w", encoding="utf-8") as workflow:
        workflow.write("version: 1\nreference: cohort/reference.fa\ncohort: gvcf.tsv\ndataset: imported\nregions: {ploidy: cohort/ploidy.bed}\nstages:\n"
                       "  - {id: import, uses: import-gvcf}\n  - {id: joint, uses: joint-genotype, needs: import}\n"
                       "  - {id: score, uses: variant-quality, needs: joint}\n  - {id: national, uses: merge, needs: score}\n")
    kuni("run", "--quiet", "gvcf.yaml")
    return check("imported/current")


def main():
    kuni("simulate", "--quiet", "-n", "4", "--trios", "1", "--contigs", "chr20:20k,chrX:20k", "-o", "cohort")
    kuni("run", "--quiet", "cohort/workflow.yaml")
    seen = check("cohort/dataset/current")
    want(seen.get("qc/sample_qc.tsv", 0) > 60 and "call-set/samples.tsv" in seen and "failures.tsv" in seen, f"seen: {seen}")
    more = from_gvcfs()
    want({"qc/import_gvcf.tsv", "qc/variant_quality.tsv", "qc/variant_quality.model.tsv", "copies.tsv"} <= set(more), f"seen: {more}")
    print(", ".join(f"{table} {n}" for table, n in {**seen, **more}.items()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        main()
