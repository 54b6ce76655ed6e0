#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What leaves the house, and what is kept of it: kuni release verify at the recipient, the chain of releases.

environment: KUNI; needs bcftools
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ["KUNI"]
PEOPLE = 10


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def kuni(*words, expect=0):
    done = subprocess.run([KUNI, *words], capture_output=True, text=True, check=False)
    want(done.returncode == expect, f"kuni {' '.join(words)}: status {done.returncode}, expected {expect}\n{done.stdout}"
         f"{done.stderr}")
    return done.stdout + done.stderr


def write(name, text):
    with open(name, "w") as f:
        f.write(text)


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def digest(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def make_dataset():
    """donor-01 .. donor-10, sample blood-01 ..; by turns of two clinics, and two of three agree to recontact."""
    kuni("simulate", "--quiet", "-n", str(PEOPLE), "--contigs", "chr20:60k", "-d", "14", "--seed", "23", "-o", "cohort")
    with open("cohort/manifest.tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    rows = [dict(zip(rows[0], row)) for row in rows[1:]]
    text = ["participant_id\tsample_id\tsex\treads\tindex\tconsent\ticf_version\tconsent_date\tcustodian\trecontact\n"]
    for i, row in enumerate(rows, 1):
        text.append("\t".join([f"donor-{i:02d}", f"blood-{i:02d}", row["sex"], "cohort/" + row["reads"], "cohort/" + row["index"], "GRU", "v1",
                               "2024-01-01", "." if i == 10 else f"clinic/{i % 2}", "no" if i % 3 == 0 else "yes"]) + "\n")
    write("people.tsv", "".join(text))
    write("w.yaml", "version: 1\nname: national\nreference: cohort/reference.fa\ncohort: people.tsv\ndataset: dataset\n"
          "regions: {shard: 30kb, ploidy: cohort/ploidy.bed}\nstages:\n  - {id: call, uses: call-variants}\n"
          "  - {id: joint, uses: joint-genotype, needs: call}\n  - {id: national, uses: merge, needs: joint}\n")
    kuni("run", "--quiet", "w.yaml")
    for recipient in ("acme", "ward"):
        kuni("release", "--new-key", f"{recipient}.key")


def request(recipient, *more):
    organisation = "for-profit" if recipient == "acme" else "not-for-profit"
    return "\n".join([
        "version: 1", "workflow: w.yaml", f"recipient: {{id: {recipient}, organisation: {organisation}, countries: [JP]}}", "purpose: general",
        "use: " + ("commercial" if recipient == "acme" else "non-commercial"), "consent: {forms: [v1]}", "form: dense", "threshold: 1",
        f"pseudonyms: {{key: {recipient}.key, linkage: {recipient}.linkage}}", *more, ""])


def release(out, text, expect=0):
    write(f"{out}.yaml", text)
    return kuni("release", "-o", out, f"{out}.yaml", expect=expect)


def described(folder):
    return json.loads(read(folder, "release.json"))


def bytes_of(folder):
    return {name: digest(read(folder, name)) for name in sorted(os.listdir(folder))}


def chain():
    release("acme1", request("acme"))
    release("ward1", request("ward"))
    release("acme2", request("acme", "regions: {list: 'chr20:1-20000'}", "name: second"))
    release("acme3", request("acme", "regions: {list: 'chr20:1-30000'}"))
    first, other, second, third = (described(folder)["chain"] for folder in ("acme1", "ward1", "acme2", "acme3"))
    want([link["number"] for link in (first, other, second, third)] == [1, 1, 2, 3], "numbers of two series")
    want(first["series"] == second["series"] == third["series"] != other["series"], "series")
    want(first["previous"] == other["previous"] == "0" * 64, "the first of a series has none before it")
    want(second["previous"] == digest(read("acme1", "release.json")), "the second follows the first")
    want(third["previous"] == digest(read("acme2", "release.json")), "the third follows the second")
    want(first["dataset"] == "0" * 64 and other["dataset"] == digest(read("acme1", "release.json")) and
         second["dataset"] == digest(read("ward1", "release.json")), "the chain of the dataset")
    want(b"ward" not in read("acme2", "release.json"), "a recipient is told of another")
    # the same release again is the same link
    shutil.move("acme2", "before")
    kuni("release", "-o", "acme2", "acme2.yaml")
    want(bytes_of("before") == bytes_of("acme2"), "the same request again has other bytes")
    # what is kept
    entries = [json.loads(line) for line in kuni("history", "--json", "w.yaml").splitlines()]
    entries = [entry for entry in entries if entry["what"] == "released"]
    want([entry["number"] for entry in entries] == [1, 1, 2, 3, 2] and entries[2]["id"] == entries[4]["id"], f"{entries}")
    for entry in entries:
        kept = read("dataset/releases", entry["id"], "members.tsv")
        want(digest(kept) == entry["members"] and kept.count(b"\n") == PEOPLE + 2, "members")
        want(b"donor" not in kept and b"blood" not in kept, "members are named")
        for path in (f"dataset/releases/{entry['id']}/members.tsv", "dataset/releases/secret", "dataset/releases", "dataset/releases/lock"):
            want(os.stat(path).st_mode & 0o077 == 0, f"others can read {path}")
    print("chain: by recipient and by dataset")


def verify():
    told = kuni("release", "verify", "acme1")
    want(digest(read("acme1", "release.json")) in told and "number 1 of its series" in told, told)
    want("from the first on" in kuni("release", "verify", "acme3", "acme1", "acme2"), "all of the series")
    want("some of the series are not" in kuni("release", "verify", "acme3", "acme1"), "a gap")
    want("some of the series are not" in kuni("release", "verify", "acme2", "acme3"), "the first is not there")

    def spoilt(name, spoil, *why, expect=74):
        shutil.rmtree("spoilt", ignore_errors=True)
        shutil.copytree("acme1", "spoilt")
        spoil(os.path.join("spoilt", name))
        told = kuni("release", "verify", "spoilt", expect=expect)
        for words in why:
            want(words in told, told)

    def flip(path):
        data = bytearray(read(path))
        data[len(data) // 2] ^= 1
        with open(path, "wb") as f:
            f.write(data)

    def replace(old, new):
        def spoil(path):
            data = read(path)
            want(old in data, f"no {old} in {path}")
            with open(path, "wb") as f:
                f.write(data.replace(old, new, 1))
        return spoil

    spoilt("calls.bcf", flip, "spoilt/calls.bcf: was changed")
    spoilt("calls.bcf", lambda path: os.truncate(path, 100), "spoilt/calls.bcf: is cut off")
    spoilt("calls.bcf", lambda path: write(path, "x" * 999999), "spoilt/calls.bcf: is longer")
    spoilt("calls.bcf.csi", os.remove, "spoilt/calls.bcf.csi: is missing")
    spoilt("calls.bcf", lambda path: (os.rename(path, "elsewhere"), os.symlink("../elsewhere", path)), "spoilt/calls.bcf: is no plain file")
    spoilt("more.txt", lambda path: write(path, "x"), "spoilt/more.txt: is not part of the release")
    spoilt("release.json", lambda path: os.truncate(path, 100), "spoilt/release.json: describes no release")
    spoilt("release.json", lambda path: write(path, "[" * 100000), "describes no release")
    spoilt("release.json", replace(b'"calls.bcf"', b'"../acme1/calls.bcf"'), "or elsewhere", "calls.bcf: is not part of")
    spoilt("release.json", replace(b'"number": 1', b'"number": 2'), "describes no release")
    spoilt("release.json", os.remove, "release.json", expect=74)
    kuni("release", "verify", "nowhere", expect=74)
    # a release.json that fits its files, and not the next of the series
    shutil.rmtree("spoilt")
    shutil.copytree("acme1", "spoilt")
    replace(b'"commercial"', b'"non-commercial"')("spoilt/release.json")
    kuni("release", "verify", "spoilt")
    told = kuni("release", "verify", "spoilt", "acme2", expect=74)
    want("acme2/release.json: does not follow the release before it" in told, told)
    told = kuni("release", "verify", "spoilt", "acme1", expect=74)
    want("another release has the same number" in told, told)
    want("is missing: FOLDER" in kuni("release", "verify", expect=64), "no folder")
    want("no options" in kuni("release", "verify", "-n", "acme1", expect=64), "options")
    print("verify: what is missing, altered or foreign is named")


def main():
    if not shutil.which("bcftools"):
        print("skipped: no bcftools on PATH")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_dataset()
        chain()
        verify()
        os.chdir("/")
    print("all right")


main()
