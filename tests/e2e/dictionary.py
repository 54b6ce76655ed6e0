#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every column of every table that a run publishes stands in the data dictionary of its folder (or of the folder above), in the order of
the table, with a meaning; and the dictionaries tell of no column that no table has.

environment: KUNI
"""
import os
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
KUNI = os.path.abspath(os.environ.get("KUNI") or os.path.join(SOURCE, "build/release/kuni"))
IN_PAGES = {"failures.tsv": "docs/dataset.md"}  # of the run itself: four columns, which the page names


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def kuni(*words):
    done = subprocess.run([KUNI, *words], capture_output=True, text=True, check=False)
    want(done.returncode == 0, f"kuni {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")


def lines(path):
    with open(path, encoding="utf-8") as text:
        return [line.rstrip("\n").split("\t") for line in text if not line.startswith("# ")]


def check_page(name, columns):
    with open(os.path.join(SOURCE, IN_PAGES[name]), encoding="utf-8") as page:
        want(f"`{name}`: `{' '.join(columns)}`" in page.read(), f"{IN_PAGES[name]} does not tell of {name}: {columns}")


def check_folder(folder, name):
    """The tables of a folder and of those in it, against its dictionary."""
    head, *rows = lines(os.path.join(folder, "data_dictionary.tsv"))
    want({"table", "column", "unit", "definition"} <= set(head), f"{name}: the dictionary has {head}")
    told = {}
    for row in rows:
        want(len(row) == len(head), f"{name}: {row}")
        entry = dict(zip(head, row))
        want(entry["definition"], f"{name}: {entry['table']}, {entry['column']} has no meaning")
        told.setdefault(entry["table"], []).append(entry["column"])
    tables = sorted(os.path.relpath(os.path.join(place, file), folder) for place, _, files in os.walk(folder) for file in files
                    if file.endswith(".tsv") and file != "data_dictionary.tsv")
    want(sorted(told) == tables, f"{name}: tables are {tables}, the dictionary tells of {sorted(told)}")
    for table in tables:
        columns = lines(os.path.join(folder, table))[0]
        want(columns == told[table], f"{name}/{table} has\n{columns}\nthe dictionary\n{told[table]}")
    return {f"{name}/{table}": len(told[table]) for table in tables}


def main():
    kuni("simulate", "--quiet", "-n", "4", "--trios", "1", "--contigs", "chr20:20k,chrX:20k", "-o", "cohort")
    kuni("run", "--quiet", "cohort/workflow.yaml")
    current, seen = "cohort/dataset/current", {}
    for name in sorted(os.listdir(current)):
        path = os.path.join(current, name)
        if os.path.isdir(path):
            seen.update(check_folder(path, name))
        elif name.endswith(".tsv"):
            check_page(name, lines(path)[0])
    want(seen.get("qc/sample_qc.tsv", 0) > 60 and "call-set/samples.tsv" in seen, f"seen: {seen}")
    print(", ".join(f"{table} {n}" for table, n in seen.items()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        main()
