#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What leaves the house, and what is kept of it: kuni release verify at the recipient, the chain of releases, files and a linkage that
are sealed to public keys and opened by the reference implementation of Crypt4GH, lists for recontact, releases that hold whoever withdraws.

environment: KUNI; needs bcftools; and the Python package crypt4gh, in this Python or in the one that KUNI_CRYPT4GH_PYTHON names
(pip install crypt4gh), to open what is sealed
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from made_people import kuni, want

PEOPLE = 10


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
    spoilt("release.json", replace(b'"calls.bcf"', b'"\\u001b[2Jx"'), "spoilt/?[2Jx: is missing", "calls.bcf: is not part of")
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


OPEN = """
import io, sys
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt
key = get_private_key(sys.argv[1], lambda: "")
with open(sys.argv[2], "rb") as sealed, open(sys.argv[3], "wb") as plain:
    decrypt([(0, key, None)], sealed, plain)
"""
MAKE = """
import sys
from crypt4gh.keys.c4gh import generate
for name in sys.argv[1:]:
    generate(name + ".sec", name + ".pub", None, None)
"""


def signed():
    """Whoever knows the program's public key needs no other way to it."""
    kuni("release", "--new-key", "sign.key")
    kuni("release", "--new-key", "other.key")
    public = {name: kuni("release", "--public-key", name).strip() for name in ("sign.key", "other.key")}
    text = request("acme", "name: acme1", "signature: {key: sign.key}").replace("acme.linkage", "signed.linkage")
    release("signed", text)
    before = bytes_of("signed")
    want(set(before) - set(described("signed")["files"]) == {"release.json", "release.json.sig"}, f"{sorted(before)}")
    shutil.rmtree("signed")
    release("signed", text)
    want(bytes_of("signed") == before, "signed again: other bytes")
    write("signer.pub", public["sign.key"] + "\n")
    for signer in ("signer.pub", public["sign.key"]):
        want(f"signed by {public['sign.key']}" in kuni("release", "verify", "--signer", signer, "signed"), "whose signature it is")
    want("--signer" in kuni("release", "verify", "signed"), "how to look whose signature it is")
    want("not of --signer" in kuni("release", "verify", "--signer", public["other.key"], "signed", expect=74), "signed by somebody else")
    want("is not signed" in kuni("release", "verify", "--signer", "signer.pub", "acme1", expect=74), "not signed")
    want("no public key of a signer" in kuni("release", "verify", "--signer", "w.yaml", "signed", expect=65), "no key")
    want("goes with verify" in kuni("release", "--signer", "signer.pub", "-n", "signed.yaml", expect=64), "--signer elsewhere")
    data = read("signed", "release.json")
    with open("signed/release.json", "wb") as f:
        f.write(data.replace(b'"use": "commercial"', b'"use": "Commercial"'))
    for words in ((), ("--signer", "signer.pub")):
        want("is no signature of release.json" in kuni("release", "verify", *words, "signed", expect=74), "release.json was altered")
    os.unlink("signed/release.json.sig")
    want("is not signed" in kuni("release", "verify", "--signer", "signer.pub", "signed", expect=74), "a signature that was taken away")
    print("signed: by whom is told")


def reference():
    """A Python that has the reference implementation, or None."""
    for python in (os.environ.get("KUNI_CRYPT4GH_PYTHON"), sys.executable):
        if python and subprocess.run([python, "-c", "import crypt4gh"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def public_key(name, number):
    """A public key without the reference: any 32 bytes are one."""
    write(name, "-----BEGIN CRYPT4GH PUBLIC KEY-----\n" + base64.b64encode(hashlib.sha256(number).digest()).decode() +
          "\n-----END CRYPT4GH PUBLIC KEY-----\n")


def opens():
    """Released files open in other programs, without a warning, with the columns and genotypes that they have."""
    release("thin", request("acme", "name: thin").replace("form: dense", "form: sparse").replace("acme.linkage", "thin.linkage"))
    release("places", request("acme", "name: places").replace("form: dense", "form: sites").replace("threshold: 1", "threshold: 3"))
    for path in ("acme1/calls.bcf", "thin/calls.sparse.vcf.gz", "places/sites.bcf"):
        done = subprocess.run(["bcftools", "stats", path], capture_output=True, text=True, check=False)
        want(done.returncode == 0 and not done.stderr, f"bcftools: {path}: {done.stderr}")
        done = subprocess.run(["bcftools", "view", "-r", "chr20:10000-12000", path], capture_output=True, text=True, check=False)
        want(done.returncode == 0 and not done.stderr and "chr20" in done.stdout.splitlines()[-1], f"the index of {path}: {done.stderr}")
    if not shutil.which("plink2"):
        print("left out: plink2: none on PATH")
        return
    done = subprocess.run(["plink2", "--bcf", "acme1/calls.bcf", "--freq", "counts", "--missing", "sample-only", "--out", "plink"],
                          capture_output=True, text=True, check=False)
    want(done.returncode == 0 and "arning" not in done.stdout + done.stderr, f"plink2: {done.stdout}{done.stderr}")
    told = subprocess.run(["bcftools", "query", "-f", "%CHROM %POS %REF %ALT %AC %AN\\n", "acme1/calls.bcf"], capture_output=True, text=True,
                          check=True).stdout.split("\n")[:-1]
    counted = [line.split("\t") for line in read("plink.acount").decode().splitlines()[1:]]
    # CHROM ID REF ALT [PROVISIONAL_REF?] ALT_CTS OBS_CT
    want([(line.split()[3], line.split()[4], line.split()[5]) for line in told] == [(row[3], row[-2], row[-1]) for row in counted], "plink2 counts otherwise")
    want({line.split("\t")[0].lstrip("0") for line in read("plink.smiss").decode().splitlines()[1:]} ==
         {line.split("\t")[0] for line in read("acme.linkage").decode().splitlines()[1:]}, "plink2 names other columns")
    print("opened by bcftools and plink2")


def sealed():
    python = reference()
    names = ("lab", "office", "custodian", "stranger")
    if python:
        subprocess.run([python, "-c", MAKE, *names], check=True)
    else:
        for name in names:
            public_key(name + ".pub", name.encode())
    more = ("name: acme1", "encryption: {recipients: [lab.pub, office.pub]}")
    text = replace_once(request("acme", *more), "linkage: acme.linkage", "linkage: sealed.linkage, custodian: custodian.pub")
    release("sealed", text)
    plain, packed = described("acme1"), described("sealed")
    want({name + ".c4gh" for name in plain["files"]} == set(packed["files"]) == set(os.listdir("sealed")) - {"release.json"},
         f"all but release.json are sealed: {os.listdir('sealed')}")
    for name in packed["files"]:
        data = read("sealed", name)
        want(data[:16] == b"crypt4gh\x01\0\0\0\x02\0\0\0", f"{name} is no container for two")
    for file in plain["files"].values():
        want(file["blake2b"].encode() not in read("sealed", "release.json"), "a digest of what is sealed stands in the clear")
    told = kuni("release", "--dry-run", "sealed.yaml")
    want("calls.bcf.c4gh" in told, told)
    kuni("release", "verify", "sealed")
    shutil.copytree("sealed", "sealed.before")
    shutil.rmtree("sealed")
    release("sealed", text)
    want(bytes_of("sealed") == bytes_of("sealed.before"), "sealed again: other bytes")
    for spoil in (lambda path: os.truncate(path, os.path.getsize(path) - 5), lambda path: os.truncate(path, 16 + 2 * 108)):
        shutil.rmtree("spoilt")
        shutil.copytree("sealed", "spoilt")
        spoil("spoilt/calls.bcf.c4gh")
        want("calls.bcf.c4gh: is cut off" in kuni("release", "verify", "spoilt", expect=74), "a container that is cut off")
    want(os.stat("sealed.linkage").st_mode & 0o777 == 0o600 and b"donor" not in read("sealed.linkage"), "the linkage is not sealed")
    # what cannot be sealed to, before anything is made
    for key, why, status in (("people.tsv", "is no public key", 65), ("acme.key", "is no public key", 65)):
        told = release("refused", request("acme", f"encryption: {{recipients: {key}}}"), expect=status)
        want(why in told and not os.path.exists("refused"), told)
        want(why in kuni("release", "-n", "refused.yaml", expect=status), "the dry run does not look at keys")
    told = release("refused", replace_once(request("acme", *more), "pseudonyms", "form: tables #").replace("form: dense\n", ""), expect=64)
    want("what is sealed needs 'pseudonyms" in told, told)
    if not python:
        print("left out: opening what is sealed: no Python package crypt4gh (pip install crypt4gh; KUNI_CRYPT4GH_PYTHON)")
        return

    def opened(name, path):
        done = subprocess.run([python, "-c", OPEN, name + ".sec", path, "opened"], capture_output=True, text=True, check=False)
        return read("opened") if done.returncode == 0 else None

    for name in plain["files"]:
        for reader in ("lab", "office"):
            data = opened(reader, f"sealed/{name}.c4gh")
            want(data is not None and (data == read("acme1", name)), f"{reader} opens {name}: other bytes")
        want(opened("stranger", f"sealed/{name}.c4gh") is None and opened("custodian", f"sealed/{name}.c4gh") is None,
             f"a stranger opens {name}")
    want(opened("custodian", "sealed.linkage") == read("acme.linkage"), "the custodian opens the linkage")
    want(opened("lab", "sealed.linkage") is None, "the recipient opens the linkage")
    print("sealed: opened by the reference implementation, by its readers alone")


def genotypes():
    """{(contig, pos, REF, ALT): {sample: copies}} of the call set, by another tool, left-aligned and split."""
    norm = subprocess.run(["bcftools", "norm", "-f", "cohort/reference.fa", "-m-", "-Ou", "dataset/current/national.bcf"], capture_output=True,
                          check=True).stdout
    told = subprocess.run(["bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT[\\t%SAMPLE=%GT]\\n", "-"], input=norm, capture_output=True,
                          check=True).stdout.decode()
    found = {}
    for line in told.splitlines():
        contig, pos, ref, alt, *calls = line.split("\t")
        if alt == "*":
            continue
        calls = [call.split("=") for call in calls]
        found[contig, int(pos), ref, alt] = {name: copies for name, gt in calls if (copies := gt.replace("|", "/").split("/").count("1"))}
    return found


def shifted(variant, reference):
    """The same deletion or insertion, written as far to the right as it can stand, with letters around it."""
    contig, pos, ref, alt = variant
    del contig
    at, gone, come = pos, ref[1:], alt[1:]  # behind the anchor
    piece = gone or come
    while reference[at + len(gone)] == piece[0]:
        piece = piece[1:] + piece[0]
        at += 1
    gone, come = (piece, "") if gone else ("", piece)
    behind = reference[at + len(gone):at + len(gone) + 3]
    before = reference[at - 2:at]
    return f"chr20-{at - 1}-{before}{gone}{behind}-{before}{come}{behind}", at - pos


def listed(folder):
    """{participant: {variant: genotype}}, {participant: file}"""
    found, where = {}, {}
    want(os.stat(folder).st_mode & 0o077 == 0, f"others can read {folder}")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        want(os.stat(path).st_mode & 0o777 == 0o600, f"others can read {path}")
        rows = [line.split("\t") for line in read(path).decode().splitlines()]
        want(rows[0] == ["#participant_id", "sample_id", "variant", "genotype", "gq", "dp", "filter"], f"{rows[0]}")
        for row in rows[1:]:
            want(row[1] == row[0].replace("donor", "blood") and row[4].isdigit() and row[5].isdigit() and row[6], f"{row}")
            found.setdefault(row[0], {})[row[2]] = row[3]
            where[row[0]] = name
    return found, where


def recontact():
    calls = genotypes()
    members = {f"donor-{i:02d}" for i in range(1, PEOPLE + 1)} - {"donor-04"}
    write("few.txt", "".join(f"{who}\n" for who in sorted(members)))
    release("few", request("acme", "people: {list: few.txt}").replace("acme.linkage", "few.linkage"))
    agreed = {f"donor-{i:02d}" for i in range(1, PEOPLE + 1) if i % 3}
    reference = "".join(read("cohort/reference.fa").decode().split("\n")[1:])

    def expected(variant):
        return {name.replace("blood", "donor") for name in calls[variant]}

    def ask(out, *words, given="few/release.json"):
        shutil.rmtree(out, ignore_errors=True)
        return kuni("recontact", "-w", "w.yaml", "-o", out, *words, given)

    def spelt(variant):
        return "-".join(str(part) for part in variant)

    # a SNP that most have, an indel in a repeat, an allele that others share the record with
    common = max((v for v in calls if len(v[2]) == len(v[3]) == 1), key=lambda v: (len(expected(v) & members & agreed), v))
    indels = sorted((v for v in calls if len(v[2]) != len(v[3]) and 1 in (len(v[2]), len(v[3])) and len((expected(v) & agreed & members) - {"donor-10"}) > 2),
                    key=lambda v: -shifted(v, reference)[1])
    want(len(indels) > 2 and shifted(indels[0], reference)[1] > 2, f"no indel in a repeat: {indels[:3]}")
    for variant, words in ((common, spelt(common)), (indels[0], shifted(indels[0], reference)[0]), (indels[1], spelt(indels[1]))):
        told = ask("lists", "-v", words)
        found, where = listed("lists")
        carriers = expected(variant) & members
        want(set(found) == {who for who in carriers & agreed if who != "donor-10"}, f"{words}: {sorted(found)}, carriers {sorted(carriers)}")
        want(all(list(row) == [spelt(variant)] for row in found.values()), f"{found}")
        want(all(row[spelt(variant)].split("/").count("1") == calls[variant][who.replace("donor", "blood")] for who, row in found.items()),
             f"genotypes: {found}")
        want(all(where[who] == f"clinic%2F{int(who[-2:]) % 2}.tsv" for who in found), f"{where}")
        want(f"carriers                   {len(carriers)}\n" in told and f"not agreed     {len(carriers - agreed)}\n" in told and
             f"no custodian   {len(carriers & agreed & {'donor-10'})}\n" in told, told)
    # everything in a feature
    write("genes.bed", "chr20\t10000\t14000\tGENE\nchr20\t20000\t21000\tGENE\nchr20\t30000\t40000\tOTHER\n")
    ask("lists", "--features", "genes.bed", "-f", "GENE", given="few")
    found, _ = listed("lists")

    def inside(variant):
        _, pos, ref, alt = variant
        beg, end = (pos, pos + len(ref) - 1) if ref[0] == alt[0] else (pos - 1, pos - 1 + len(ref))
        return any(beg < stop and (end > start if end > beg else beg > start) for start, stop in ((10000, 14000), (20000, 21000)))

    wanted = {}
    for variant in filter(inside, calls):
        for who in (expected(variant) & members & agreed) - {"donor-10"}:
            wanted.setdefault(who, set()).add(spelt(variant))
    want(len(wanted) > 3 and {who: set(rows) for who, rows in found.items()} == wanted, "a feature")
    ask("lists", "--features", "genes.bed", "-f", "GENE", "--max-af", "0.1", given="few")
    rare, _ = listed("lists")
    want(0 < sum(map(len, rare.values())) < sum(map(len, found.values())), "rare alleles alone")
    # refused
    with open("spoilt/release.json", "a") as f:
        f.write(" ")
    for words, why, status in (
            (["-o", "lists", "-v", spelt(common), "few"], "stands there already", 64), (["-o", "few/lists", "-v", spelt(common), "few"], "lies in a release", 64),
            (["-o", "other", "-v", f"chr20-30000-{'A' if reference[29999] != 'A' else 'C'}-G", "few"], "the reference has", 64), (["-o", "other", "-v", "chr20:5", "few"], "expected CHR-POS", 64),
            (["-o", "other", "--features", "genes.bed", "-f", "NONE", "few"], "has no feature NONE", 64), (["-o", "other", "few"], "is missing", 64),
            (["-o", "other", "-v", spelt(common), "spoilt"], "is no release that the dataset has", 64)):
        told = kuni("recontact", "-w", "w.yaml", *words, expect=status)
        want(why in told and not os.path.exists("other"), told)
    last = [json.loads(line) for line in kuni("history", "--json", "w.yaml").splitlines()][-1]
    want(last["what"] == "recontacted" and last["recipient"] == "acme" and last["wanted"] == ["GENE"] and "donor" not in json.dumps(last), f"{last}")
    print("recontact: carriers by their custodians, of those who agreed")
    return indels[0], calls


def withdrawal(variant, calls):
    """Who withdraws is found in each release that holds them, is listed nowhere any more, also after an erasure."""
    everything = json.loads(kuni("releases", "--json", "w.yaml"))
    want([(row["recipient"], row["number"], row["times"]) for row in everything] ==
         [("acme", 1, 1), ("ward", 1, 1), ("acme", 2, 2), ("acme", 3, 1), ("acme", 4, 1), ("acme", 5, 1), ("acme", 6, 2), ("acme", 7, 2), ("acme", 8, 1)], f"{everything}")
    gone = sorted(name.replace("blood", "donor") for name in calls[variant] if int(name[-2:]) % 3 and name not in ("blood-04", "blood-10"))[0]
    write("gone.txt", f"{gone}\nblood-04\ndonor-77\n")
    names = {path: {row.split("\t")[1]: row.split("\t")[0] for row in read(path + ".linkage").decode().splitlines()} for path in ("acme", "ward", "few")}

    def check(step):
        told = json.loads(kuni("releases", "--affected-by", "gone.txt", "--json", "w.yaml"))
        want(len(told) == 9, f"{step}: {told}")
        for row in told:
            linkage = names["ward" if row["recipient"] == "ward" else "acme"]
            people = {gone: gone} if row["release"] == "few" else {gone: gone, "blood-04": "donor-04"}
            want({held["id"]: held["pseudonym"] for held in row["holds"]} ==
                 {id: "." if row["form"] == "sites" else linkage[who] for id, who in people.items()}, f"{step}: {row}")

    check("before")
    write("none.txt", "donor-77\n")
    want("no release holds any of them" in kuni("releases", "-a", "none.txt", "dataset"), "nobody")
    told = kuni("releases", "-a", "gone.txt", "-o", "notices", "w.yaml")
    want(sorted(os.listdir("notices")) == ["acme.txt", "ward.txt"] and "notices/acme.txt" in told and "holds 2 of them" in told, told)
    for recipient in ("acme", "ward"):
        notice = read("notices", f"{recipient}.txt").decode()
        want(names[recipient][gone] in notice and names[recipient]["donor-04"] in notice, notice)
        want(("It names nobody" in notice) == (recipient == "acme"), notice)  # the sites
        want("donor-" not in notice and "blood-" not in notice, "a notice names people as the recipient must not know them")
    want(names["ward"][gone] not in read("notices", "acme.txt").decode(), "a recipient is told another one's names")
    want("stands there already" in kuni("releases", "-a", "gone.txt", "-o", "notices", "w.yaml", expect=64), "over other notices")
    # withdrawn, and published still: nobody is listed
    kuni("withdraw", "--yes", "w.yaml", gone)
    told = kuni("recontact", "-w", "w.yaml", "-o", "soon", "-v", "-".join(map(str, variant)), "few/release.json", expect=64)
    want("run 'kuni run" in told and not os.path.exists("soon") and gone not in told, f"recontact before the next run: {told}")
    kuni("withdraw", "--yes", "--mode", "erase", "w.yaml", gone)
    write("gone.txt", f"{gone}\ndonor-04\ndonor-77\n")
    kuni("run", "--quiet", "w.yaml")
    write("erased.txt", f"{gone}\n")
    kuni("verify", "--erased", "erased.txt", "w.yaml")
    told = json.loads(kuni("releases", "--affected-by", "gone.txt", "--json", "w.yaml"))
    want([len(row["holds"]) for row in told] == [2, 2, 2, 2, 2, 2, 2, 2, 1], f"after an erasure: {told}")
    want(all(held["pseudonym"] == names["ward" if row["recipient"] == "ward" else "acme"][held["id"]] for row in told for held in row["holds"]
             if row["form"] != "sites"),
         "after an erasure: other pseudonyms")
    shutil.rmtree("lists")
    told = kuni("recontact", "-w", "w.yaml", "-o", "lists", "-v", "-".join(map(str, variant)), "few/release.json")
    want(gone not in listed("lists")[0] and "not in the call set any more  1\n" in told and "of generation 1; looked at generation 2" in told, told)
    # who says no later
    stays = sorted(listed("lists")[0])[0]
    kept = read("people.tsv").decode()
    write("people.tsv", "".join(line.replace("\tyes\n", "\tno\n") if line.startswith(stays) else line for line in kept.splitlines(True)))
    shutil.rmtree("lists")
    kuni("recontact", "-w", "w.yaml", "-o", "lists", "-v", "-".join(map(str, variant)), "few/release.json")
    want(stays not in listed("lists")[0], "who says no in the manifest is listed")
    # damage is told
    shutil.move("dataset/releases/secret", "secret")
    want("is lost" in kuni("releases", "-a", "gone.txt", "w.yaml", expect=74), "a lost secret")
    want("is lost" in release("lost", request("acme").replace("acme.linkage", "lost.linkage"), expect=74), "a lost secret is made anew")
    shutil.move("secret", "dataset/releases/secret")
    print("withdrawal: found in the releases that hold them, before and after an erasure")


def replace_once(text, old, new):
    want(text.count(old) == 1, f"'{old}' in {text}")
    return text.replace(old, new)


def main():
    if not shutil.which("bcftools"):
        print("skipped: no bcftools on PATH")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_dataset()
        chain()
        verify()
        opens()
        sealed()
        signed()
        withdrawal(*recontact())
        os.chdir("/")
    print("all right")


main()
