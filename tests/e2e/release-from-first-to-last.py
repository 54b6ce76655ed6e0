#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands of docs/release.md, "From first to last", run as they stand there: a hospital's and a company's request. What comes of
them is looked at.

environment: KUNI, KUNI_SOURCE; needs bcftools; KUNI_CRYPT4GH_PYTHON as in delivery.py
"""
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from made_people import KUNI, want

SOURCE = os.environ.get("KUNI_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def commands():
    """The indented lines of the section, as one script."""
    section = re.search(r"^## From first to last\n(.*?)^## ", read(SOURCE, "docs/release.md"), re.M | re.S)
    want(section, "docs/release.md has no section 'From first to last'")
    return "".join(line[4:] + "\n" for line in section.group(1).split("\n") if line.startswith("    "))


def crypt4gh():
    """The folder of the crypt4gh tools, or None."""
    for python in (os.environ.get("KUNI_CRYPT4GH_PYTHON"), sys.executable):
        folder = os.path.dirname(python) if python else ""
        if folder and os.path.exists(os.path.join(folder, "crypt4gh")) and os.path.exists(os.path.join(folder, "crypt4gh-keygen")):
            return folder
    found = shutil.which("crypt4gh")
    return os.path.dirname(found) if found and shutil.which("crypt4gh-keygen") else None


def stand_in():
    """Without the tools: public keys of nobody, and a variant of the call set instead of one that the company finds."""
    os.mkdir("bin")
    key = base64.b64encode(bytes(range(1, 33))).decode()
    with open("bin/crypt4gh-keygen", "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n"
                f"printf -- '-----BEGIN CRYPT4GH PUBLIC KEY-----\\n{key}\\n-----END CRYPT4GH PUBLIC KEY-----\\n' > \"$5\"\n")
    with open("bin/crypt4gh", "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\ncat > /dev/null\nexec cat cohort/dataset/current/national.bcf\n")
    for name in ("bin/crypt4gh", "bin/crypt4gh-keygen"):
        os.chmod(name, 0o755)
    return os.path.abspath("bin")


def run_all(tools):
    os.mkdir("program")
    os.symlink(KUNI, "program/kuni")
    shutil.copy(os.path.join(SOURCE, "tests/unit/small.obo"), "mondo.obo")
    path = os.pathsep.join([os.path.abspath("program"), tools, os.environ["PATH"]])
    script = "set -eu\n" + commands()
    done = subprocess.run(["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    want(done.returncode == 0, f"the commands of docs/release.md end with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def hospital():
    told = json.loads(read("hospital/release.json"))
    want(told["people"] == 40 and told["form"] == "tables", f"{told}")
    rows = [line.split("\t") for line in read("hospital/gene_counts.tsv").splitlines() if not line.startswith("##")]
    head = [name.lstrip("#") for name in rows[0]]
    rows = [dict(zip(head, row)) for row in rows[1:]]
    want({"GENE1", "GENE2"} <= {value for row in rows for value in row.values()}, f"{rows[:2]}")
    want(not [row for row in rows for name in ("carriers", "het", "hom") if row.get(name) in ("1", "2", "3", "4")], "small counts are told")
    want("not_assessed" in read("hospital/gene_counts.tsv"), "what cannot be seen is counted")


def company(opened):
    first, second = (json.loads(read(folder, "release.json")) for folder in ("company", "company-2"))
    # of 40: rows 2 to 41 of the manifest; every fourth that is no tenth says no to companies
    eligible = [row for row in range(2, 42) if row % 10 == 0 or row % 4]
    want(first["people"] == len(eligible) == 32 and second["people"] == 31, f"{first['people']} and {second['people']}")
    want(second["chain"]["number"] == 2 and all(name.endswith(".c4gh") for name in first["files"]), f"{second}")
    names = subprocess.run(["bcftools", "query", "-l", "calls.bcf"], capture_output=True, text=True, check=True).stdout.split()
    want(not opened or (len(names) == 32 and all(re.fullmatch("K[0-9A-Z]{13}", name) for name in names)), f"{names}")
    want(sorted(os.listdir("notices")) == ["company.txt", "hospital.txt"], "notices")
    notice = read("notices/company.txt")
    want(not opened or sum(name in notice for name in names) == 1, notice)
    want("names nobody" in read("notices/hospital.txt"), "a notice of tables")
    listed = [line.split("\t") for name in os.listdir("lists") for line in read("lists", name).splitlines() if not line.startswith("#")]
    variant = read("found.txt").strip()
    want(listed and {row[2] for row in listed} == {variant}, f"lists: {listed}")
    rows = {f"P{row - 1:06d}": row for row in eligible}
    want(all(row[0] in rows and rows[row[0]] % 5 for row in listed), f"listed without having agreed: {listed}")
    want(all(row[0] in read("lists", f"clinic{rows[row[0]] % 3}.tsv") for row in listed), "a list of another clinic")
    contig, pos, _, _ = variant.split("-")
    calls = subprocess.run(["bcftools", "query", "-i", f'CHROM=="{contig}" && POS=={pos}', "-f", "[%SAMPLE\\t%GT\\n]",
                            "cohort/dataset/current/national.bcf"], capture_output=True, text=True, check=True).stdout.splitlines()
    have = {name.replace("S", "P") for name, gt in (line.split("\t") for line in calls) if "1" in gt}
    expected = {who for who in have if who in rows and rows[who] % 5}
    want({row[0] for row in listed} - {"P000002"} == expected - {"P000002"}, f"{listed}: {have}")  # who withdraws later


def main():
    if not shutil.which("bcftools"):
        print("skipped: no bcftools on PATH")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tools = crypt4gh()
        if not tools:
            print("left out: opening what is sealed: no crypt4gh (pip install crypt4gh; KUNI_CRYPT4GH_PYTHON)")
        told = run_all(tools or stand_in())
        want("they follow each other, from the first on" in told, told)
        hospital()
        company(bool(tools))
        os.chdir("/")
    print("all right")


main()
