#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kuni release: who is eligible and why the others are not, and what is written, in a small simulated dataset with all kinds of
consents, people who withdraw, and a person with two samples.

environment: KUNI, KUNI_SOURCE, MPIEXEC; needs bcftools
"""
import glob
import gzip
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from made_people import KUNI, want
from made_people import run as kuni

MPIEXEC = os.environ.get("MPIEXEC", "mpirun")
SOURCE = os.environ.get("KUNI_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
T2D = "MONDO:0005148"

# participant (of donor-P01, ...) -> consent, form, date, release_after, group
PEOPLE = {
    "P01": ("GRU", "v2", "2024-01-01", ".", "north"),
    "P02": ("GRU;NPUNCU", "v2", "2024-01-01", ".", "north"),
    "P03": (f"DS({T2D})", "v1", "2024-01-01", ".", "south"),
    "P04": ("DS(MONDO:0008903)", "v2", "2024-01-01", ".", "south"),
    "P05": ("HMB;GS(JP|KR)", "v2", "2024-01-01", ".", "south"),
    "P06": ("GRU", "v2", "2024-01-01", "2099-01-01", "south"),
    "P07": ("GRU;NPU", "v2", "2024-01-01", ".", "north"),
    "P08": ("NRES", "v9", "2024-01-01", ".", "north"),
    "P09": ("GRU;IRB", "v2", "2024-01-01", ".", "south"),
    "P10": ("XYZ", "v2", "2024-01-01", ".", "south"),
    "P11": ("GRU", "v2", "2024-01-01", ".", "north"),  # withdraws
    "P12": (".", "v2", "2024-01-01", ".", "north"),
    "P13": ("DUO:0000007(MONDO:0005015)", "v2", "2024-01-01", ".", "south"),
}
TWIN = "P01"  # has a second sample, blood-S14, which is the primary one


def donor(*people):
    """Ids that stand in no text by chance."""
    return [f"donor-{person}" for person in people]

REQUEST = f"""version: 1
workflow: w.yaml
recipient: {{id: acme, organisation: for-profit, countries: [JP]}}
purpose: disease
disease: {T2D}
use: commercial
consent: {{forms: [v1, v2], ontologies: small.obo}}
form: dense
threshold: 1
"""


def write(name, text):
    with open(name, "w") as f:
        f.write(text)


def make_dataset():
    """Samples S01.. of P01.., and S14 of P01; sexes and reads as simulated."""
    kuni("simulate", "--quiet", "-n", "14", "--contigs", "chr20:60k,chrX:30k", "-d", "14", "--seed", "11", "-o", "cohort")
    shutil.copy(os.path.join(SOURCE, "tests/unit/small.obo"), "small.obo")
    with open("cohort/manifest.tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    head, rows = rows[0], [dict(zip(rows[0], row)) for row in rows[1:]]
    want({"sex", "reads", "index"} <= set(head), "the simulated manifest has other columns")
    text = ["participant_id sample_id sex reads index site primary consent icf_version consent_date release_after group custodian "
            "recontact".split()]
    for i, row in enumerate(rows):
        person = f"P{i + 1:02d}" if i < len(PEOPLE) else TWIN
        consent, form, date, after, group = PEOPLE[person]
        sex = rows[0]["sex"] if person == TWIN else row["sex"]
        text.append([*donor(person), f"blood-S{i + 1:02d}", sex, "cohort/" + row["reads"], "cohort/" + row["index"], f"lab{i % 2}",
                     "yes" if i == 13 else ".", consent, form, date, after, group, f"clinic{i % 3}", "yes" if i % 2 else "no"])
    write("people.tsv", "".join("\t".join(line) + "\n" for line in text))
    write("w.yaml", "version: 1\nname: national\nreference: cohort/reference.fa\ncohort: people.tsv\ndataset: dataset\n"
          "regions: {shard: 30kb, ploidy: cohort/ploidy.bed}\nbatch: 5\nstages:\n  - {id: call, uses: call-variants}\n"
          "  - {id: joint, uses: joint-genotype, needs: call}\n  - {id: national, uses: merge, needs: joint}\n")
    kuni("run", "--quiet", "w.yaml")


def dry_run(text, expect=0):
    write("request.yaml", text)
    out, err = kuni("release", "--dry-run", "--json", "request.yaml", expect=expect)
    return json.loads(out) if not expect else err


def reasons(found):
    return {row["name"]: row["count"] for row in found["left_out"]["reasons"]}


def replace(text, old, new):
    want(old in text, f"the request has no '{old}'")
    return text.replace(old, new)


def who_is_eligible():
    company = dry_run(REQUEST)
    want(company["eligible"] == 5, f"a company gets {company}")  # P01 P03 P05 P11 P13
    want(reasons(company) == {"npuncu_for_profit": 1, "ds_other_disease": 1, "embargo": 1, "npu_for_profit": 1, "form_unknown": 1,
                              "irb_approval": 1, "consent_unknown_code": 1, "consent_missing": 1}, f"reasons: {company}")
    want({row["name"]: row["count"] for row in company["groups"]} == {"north": 2, "south": 3}, f"groups: {company}")
    want(company["generation"] == 1 and "calls.bcf" in company["files"] and company["bp"] == 90000, f"{company}")
    charity = replace(replace(REQUEST, "for-profit", "not-for-profit"), "use: commercial", "use: non-commercial")
    want(dry_run(charity)["eligible"] == 7, "a charity gets P02 and P07 too")
    mixed = replace(REQUEST, "for-profit", "not-for-profit")
    want(reasons(dry_run(mixed)).get("npuncu_commercial") == 1 and dry_run(mixed)["eligible"] == 6, "commercial work of a charity")
    want(dry_run(REQUEST + "agrees: IRB\n")["eligible"] == 6, "an ethics approval that is told")
    abroad = dry_run(replace(REQUEST, "[JP]", "[JP, US]"))
    want(reasons(abroad).get("gs_other_country") == 1 and abroad["eligible"] == 4, "a country that is not consented to")
    general = dry_run(replace(replace(REQUEST, "purpose: disease", "purpose: general"), f"disease: {T2D}\n", ""))
    want(general["eligible"] == 2, f"general research gets {general}")
    health = dry_run(replace(REQUEST, T2D, "MONDO:0005015"))
    want(reasons(health).get("ds_narrower") == 1, f"diabetes by consent to its second type: {health}")
    known = dry_run(replace(REQUEST, "[v1, v2]", "[v1, v2, v9]"))
    want(known["eligible"] == 6, "a form that is known")
    print("eligible by consent: as told")


def who_is_asked_for():
    write("list.txt", "".join(f"{who}\n" for who in donor("P01", "P03", "P04")))
    found = dry_run(REQUEST + "people: {list: list.txt, groups: [south]}\n")
    want(found["eligible"] == 1 and reasons(found)["not_listed"] == 5 and reasons(found)["other_group"] == 6, f"list: {found}")
    write("list.txt", "donor-P01\nblood-S03\n")
    told = dry_run(REQUEST + "people: {list: list.txt}\n", expect=65)
    want("'blood-S03' is no participant of the dataset" in told, told)
    write("signs.tsv", "participant_id\tterm\tdate\n" + "".join(
        f"donor-{who}\t{term}\t2020-01-01\n" for who, term in (
            ("P01", T2D), ("P03", "HP:0003074"), ("P05", "MONDO:0005147"), ("P11", "MONDO:0008903"), ("P99", T2D))))
    people = "people: {phenotypes: signs.tsv, cases: 'MONDO:0005015 or HP:0003074', controls: not MONDO:0005015}\n"
    found = dry_run(REQUEST + people)
    want({row["name"]: row["count"] for row in found["roles"]} == {"case": 2, "control": 1}, f"roles: {found}")
    want(reasons(found)["case_and_control"] == 1, f"P03 is both: {found}")
    want(reasons(found)["neither_case_nor_control"] == 9, f"of P13 and others nothing is known: {found}")
    out, _ = kuni("release", "-n", "request.yaml")
    want("1 rows of the phenotype table are of people who are not in the dataset" in out, out)
    print("asked for by list, group and phenotype: as told")


def small_counts():
    found = dry_run(replace(REQUEST, "threshold: 1", "threshold: 3"))
    want(found["eligible"] == 5 and [row["count"] for row in found["groups"]] == [None, None],
         f"2 in the north are hidden, so 3 in the south are: {found}")
    want(set(reasons(found).values()) == {None} and found["left_out"]["count"] is None, f"eight ones, which eight would tell: {found}")
    out, _ = kuni("release", "-n", "request.yaml")
    want("hidden" in out and not [line for line in out.splitlines() if line.endswith(" 1") and "generation" not in line], out)
    few = dry_run(replace(REQUEST, "threshold: 1", "threshold: 10"))
    want(few["eligible"] is None, f"five are told below ten: {few}")
    print("small counts: hidden")


def records(path, samples=None, *options):
    """(contig, pos) -> (REF, ALTs, FILTER, INFO AC and AN, [GT, GQ, DP, AD, PL] by column); the columns' names."""
    view = ["bcftools", "view", *options, *(["-s", ",".join(samples)] if samples else []), "-Ob", path]
    with subprocess.Popen(view, stdout=subprocess.PIPE) as first:
        done = subprocess.run(["bcftools", "query", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT\\t%FILTER\\t%AC\\t%AN[\\t%GT %GQ %DP %AD %PL]\\n", "-"],
                              stdin=first.stdout, capture_output=True, text=True, check=True)
    want(not done.stderr, f"bcftools warns of {path}: {done.stderr}")
    found = {}
    for line in done.stdout.splitlines():
        contig, pos, ref, alts, *rest = line.split("\t")
        alts = alts.split(",")
        cut = 0
        letters = [ref, *(alt for alt in alts if alt[0] not in "*<")]
        while all(len(text) > cut + 1 for text in letters) and len({text[len(text) - 1 - cut] for text in letters}) == 1:
            cut += 1
        if len(letters) > 1:
            found[contig, int(pos)] = (ref[:len(ref) - cut], [alt if alt[0] in "*<" else alt[:len(alt) - cut] for alt in alts], *rest)
    return found


def columns(path):
    return subprocess.run(["bcftools", "query", "-l", path], capture_output=True, text=True, check=True).stdout.split()


def linkage(path="acme.linkage"):
    want(os.stat(path).st_mode & 0o777 == 0o600, "others can read the linkage")
    with open(path) as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    want(rows[0] == ["#pseudonym", "participant_id", "sample_id", "custodian"], f"{rows[0]}")
    return rows[1:]


def release(text, out, expect=0, extra=(), launcher=()):
    write("request.yaml", text)
    done = subprocess.run([*launcher, KUNI, "release", *extra, "-o", out, "request.yaml"], capture_output=True, text=True, check=False)
    want(done.returncode == expect, f"release {out}: status {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    want(not glob.glob(out + ".part*"), f"pieces of {out} are left")
    want(os.path.exists(out) == (not expect), f"{out}: status {expect}")
    return done.stdout + done.stderr


def bytes_of(folder):
    """Name -> digest of each file."""
    return {name: hashlib.md5(open(os.path.join(folder, name), "rb").read()).hexdigest() for name in sorted(os.listdir(folder))}


def held_by(path, secrets):
    """Which of the texts a file holds, as it is or decompressed."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:2] == b"\x1f\x8b":
        data += gzip.decompress(data)
    return {secret for secret in secrets if secret.encode() in data}


def nothing_of_the_dataset(folder):
    """No original id, path, host or command line in any released byte, packed or not."""
    secrets = [f"donor-{who}" for who in PEOPLE] + [f"blood-S{i:02d}" for i in range(1, 15)] + ["donor-", "blood-", "clinic", "lab0",
               "lab1", "north", "south", os.getcwd(), "people.tsv", "dataset/", "w.yaml", "/tmp/", "Command="]
    if len(socket.gethostname()) > 5:
        secrets.append(socket.gethostname())
    for name in os.listdir(folder):
        held = held_by(os.path.join(folder, name), secrets)
        if ".tsv" in name:
            held -= {"north", "south"}  # tables are by group
        want(not held, f"{folder}/{name} holds {held}")
    # the same search finds what is there
    want({"blood-S14", "blood-"} <= held_by("dataset/current/national.bcf", secrets) and
         {"donor-P01", "blood-S01", "clinic", "north"} <= held_by("people.tsv", secrets), "the search finds nothing anywhere")


def check_described(folder, n):
    with open(os.path.join(folder, "release.json")) as f:
        told = json.load(f)
    want(told["people"] == n and told["recipient"] in ("acme", "other"), f"{told}")
    want(set(told["files"]) | {"release.json"} == set(os.listdir(folder)), f"{told['files']}: {os.listdir(folder)}")
    for name, file in told["files"].items():
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        want(len(data) == file["bytes"] and hashlib.blake2b(data, digest_size=32).hexdigest() == file["blake2b"], f"digest of {name}")


def same_calls(path, expect_people):
    """The records are those of the call set, of these people, by another tool; returns how many."""
    rows = linkage()
    want([row[0] for row in rows] == columns(path) == sorted(row[0] for row in rows), "columns are not in the order of the names")
    want([row[1] for row in sorted(rows, key=lambda row: row[1])] == donor(*expect_people), f"{rows}")
    want(all(len(row[0]) == 14 and row[0][0] == "K" for row in rows), "names of one width")
    found = records(path)
    expected = records("dataset/current/national.bcf", [row[2] for row in rows], "--trim-alt-alleles", "-c1")
    want(set(found) == set(expected), f"sites: {len(found)} and {len(expected)}")
    for place, record in found.items():
        want(record == expected[place], f"{place}: {record} is not {expected[place]}")
    for what in ("%QUAL", "%INFO"):
        told = subprocess.run(["bcftools", "query", "-f", what + "\\n", path], capture_output=True, text=True, check=True).stdout
        want(set(told.split()) == {"."} if what == "%QUAL" else "EAF" not in told and "EAN" not in told, f"{what} of the cohort")
    return len(found)


def releases():
    text = REQUEST + "pseudonyms: {key: acme.key, linkage: acme.linkage}\n"
    chosen = ("P01", "P03", "P05", "P11", "P13")
    kuni("release", "--new-key", "acme.key")
    want(os.stat("acme.key").st_mode & 0o777 == 0o600, "others can read the key")
    _, told = kuni("release", "--new-key", "acme.key", expect=64)
    want("never replaced" in told, told)
    release(text, "first")
    n = same_calls("first/calls.bcf", chosen)
    everything = len(records("dataset/current/national.bcf"))
    want(100 < n < everything, f"{n} of {everything} records")
    want([row[2] for row in linkage() if row[1] == "donor-P01"] == ["blood-S14"], "the primary sample counts")
    # the same bytes: again, by several processes, by ranks
    release(text, "again")
    want(bytes_of("first") == bytes_of("again"), "another release of the same request")
    release(text, "three", extra=("-j", "3"))
    want(bytes_of("first") == bytes_of("three"), "three processes write other bytes")
    if shutil.which(MPIEXEC):
        environment = ("env", "ASAN_OPTIONS=detect_leaks=0", MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", "2")
        release(text, "ranks", launcher=environment)
        want(bytes_of("first") == bytes_of("ranks"), "two ranks write other bytes")
    else:
        print("left out: releases by ranks: no mpirun on PATH")
    # other forms
    sparse = replace(text, "form: dense", "form: sparse")
    release(sparse, "sparse")
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "tests/e2e/expand_sparse.py"), "sparse/calls.sparse.vcf.gz", "first/calls.bcf"],
                          capture_output=True, text=True, check=False)
    want(done.returncode == 0, f"the sparse release does not expand to the dense one\n{done.stdout}{done.stderr}")
    release(replace(text, "form: dense\nthreshold: 1", "form: sites\nthreshold: 3"), "sites")
    told = subprocess.run(["bcftools", "query", "-f", "%CHROM %POS %REF %ALT\\n", "sites/sites.bcf"], capture_output=True, text=True,
                          check=True).stdout.splitlines()
    release(text + "columns: [GT, GQ, DP, AD]\n", "told")
    expected = [(contig, pos, shown) for (contig, pos), shown in sorted(sites_of("told/calls.bcf", 3).items())]
    want(0 < len(told) < n - 20, f"{len(told)} of {n} sites")
    want(sorted((line.split()[0], int(line.split()[1]), len(line.split()[3].split(","))) for line in told) == expected,
         f"sites of fewer than three people, or of all but fewer: {told}, not {expected}")
    # all sites, and what is granted
    release(text + "all_sites: yes\ncohort_frequencies: yes\n", "granted")
    want(len(records("granted/calls.bcf")) == everything, "all sites are not there")
    told = subprocess.run(["bcftools", "query", "-f", "%QUAL %EAF %EAN\\n", "granted/calls.bcf"], capture_output=True, text=True, check=True).stdout
    want(not [line for line in told.splitlines() if "." in line.split()], "granted numbers are missing")
    # regions and columns
    write("some.bed", "chr20\t9999\t20000\n")
    release(text + "regions: {list: 'chrX:1-9000', bed: some.bed}\ncolumns: [GT, DP]\n", "part")
    part = records_of_region("first/calls.bcf", "chrX:1-9000,chr20:10000-20000")
    want(part and part == records_of_region("part/calls.bcf", "chr20,chrX"), "regions")
    told = subprocess.run(["bcftools", "view", "-H", "part/calls.bcf"], capture_output=True, text=True, check=True).stdout
    want({line.split("\t")[8] for line in told.splitlines()} == {"GT:DP"}, "columns")
    for folder in ("first", "sparse", "sites", "granted", "part"):
        nothing_of_the_dataset(folder)
        check_described(folder, 5)
    print("releases: the calls of the chosen, and nothing else")


def sites_of(path, k):
    """{place: how many alleles}: of which carriers and each of their kinds, and who has none, are none or at least k, by good genotypes and by others."""
    shown = {}
    query = subprocess.run(["bcftools", "query", "-f", "%CHROM\\t%POS\\t%ALT[\\t%GT:%GQ:%DP:%AD]\\n", path], capture_output=True, text=True, check=True)
    for line in query.stdout.splitlines():
        contig, pos, alts, *columns = line.split("\t")
        for i, alt in enumerate(alts.split(","), 1):
            counts = {good: {"none": 0, "het": 0, "hom": 0, "hemi": 0} for good in (True, False)}
            for column in columns:
                gt, gq, dp, ad = column.split(":")
                gt = gt.replace("|", "/").split("/")
                if "." in gt:
                    continue
                good = gq != "." and dp != "." and int(gq) >= 20 and int(dp) >= (10 if len(gt) == 2 else 5)
                if good and len(set(gt)) == 2:
                    good = ad != "." and all(5 * int(ad.split(",")[int(a)]) >= int(dp) for a in gt if a != "0")
                kind = "none" if str(i) not in gt else "hemi" if len(gt) == 1 else "hom" if len(set(gt)) == 1 else "het"
                counts[good][kind] += 1
            both = [sum(counts[good][kind] for good in counts) for kind in ("het", "hom", "hemi")]
            well = all(c["het"] + c["hom"] + c["hemi"] == 0 or all(n == 0 or n >= k for n in c.values()) for c in counts.values())
            if alt != "*" and sum(both) and well:
                shown[contig, int(pos)] = shown.get((contig, int(pos)), 0) + 1
    return shown


def records_of_region(path, region):
    return subprocess.run(["bcftools", "query", "-t", region, "-f", "%CHROM %POS %REF %ALT[ %GT]\\n", path], capture_output=True, text=True,
                          check=True).stdout


def two_recipients():
    text = replace(REQUEST, "acme", "other") + "pseudonyms: {key: acme.key, linkage: other.linkage}\n"
    release(text, "other")
    kuni("release", "--new-key", "other.key")
    release(replace(replace(text, "acme.key", "other.key"), "other.linkage", "third.linkage"), "third")
    names = [{row[1]: row[0] for row in linkage(path)} for path in ("acme.linkage", "other.linkage", "third.linkage")]
    want(names[0].keys() == names[1].keys() == names[2].keys(), "other people")
    want(not set(names[0].values()) & set(names[1].values()), "one key by mistake joins two recipients")
    want(not set(names[1].values()) & set(names[2].values()), "two keys give one name")
    orders = {tuple(row[1] for row in linkage(path)) for path in ("acme.linkage", "other.linkage", "third.linkage")}
    want(len(orders) > 1, "the order of columns is the same for all")
    for folder in ("other", "third"):
        nothing_of_the_dataset(folder)
    print("two recipients: no name and no order in common")


def refused():
    text = REQUEST + "pseudonyms: {key: acme.key, linkage: refused.linkage}\n"
    for request, why, status in (
            (REQUEST, "a release needs 'pseudonyms", 64),
            (replace(text, "refused.linkage", "none/refused.linkage"), "the linkage cannot lie in", 74),
            (text + "encryption: {recipients: small.obo}\n", "small.obo: is no public key", 65),
            (replace(text, "acme.key", "no.key"), "kuni release --new-key", 74),
            (replace(text, "acme.key", "small.obo"), "can be read by others", 64),
            (replace(text, "refused.linkage", "acme.linkage") + "people: {groups: north}\n", "another linkage stands in", 64),
            (text + "people: {groups: [west]}\n", "nobody is eligible", 65),
            (replace(text, "form: dense\nthreshold: 1", "form: sites\nthreshold: 6"), "fewer people are eligible", 65)):
        told = release(request, "none", expect=status)
        want(why in told, told)
    write("request.yaml", text)
    _, told = kuni("release", "-o", "first", "request.yaml", expect=64)
    want("stands there already" in told, told)
    want(not os.path.exists("refused.linkage"), "a linkage without a release")


def alleles_of(path, samples=None):
    """Every allele that one of the samples has, as (contig, pos, REF, ALT)."""
    return {(contig, pos, record[0], alt) for (contig, pos), record in
            records(path, samples, "--trim-alt-alleles", "-c1").items() for alt in record[1] if alt != "*"}


def withdrawal():
    text = REQUEST + "pseudonyms: {key: acme.key, linkage: later.linkage}\n"
    names = columns("dataset/current/national.bcf")
    alone = alleles_of("dataset/current/national.bcf", ["blood-S11"]) - alleles_of(
        "dataset/current/national.bcf", [name for name in names if name != "blood-S11"])
    want(len(alone) > 5, "who withdraws has nothing that the others have not")
    want(alone <= alleles_of("first/calls.bcf"), "before: they are there")
    kuni("withdraw", "--yes", "w.yaml", "donor-P11")
    found = dry_run(REQUEST)
    want(found["eligible"] == 4 and reasons(found)["withdrawn"] == 1, f"withdrawn, not yet published without: {found}")
    told = release(text, "unpublished", expect=64)
    want("run 'kuni run" in told, f"what is published was made with who has withdrawn: {told}")
    kuni("run", "--quiet", "w.yaml")
    found = dry_run(REQUEST)
    want(found["eligible"] == 4 and found["generation"] == 2, f"withdrawn, and published without: {found}")
    write("list.txt", "donor-P11\ndonor-P01\n")
    found = dry_run(REQUEST + "people: {list: list.txt}\n")
    want(found["eligible"] == 1, f"nobody comes back by a list: {found}")
    release(text, "published")
    want("donor-P11" not in [row[1] for row in linkage("later.linkage")], "who has withdrawn is in the linkage")
    want(len(columns("published/calls.bcf")) == 4, "columns")
    release(replace(text, "later.linkage", "all.linkage") + "all_sites: yes\n", "all")
    for form in ("published", "all"):
        want(not alone & alleles_of(f"{form}/calls.bcf"), f"{form}: what one alone had is released")
        nothing_of_the_dataset(form)
    out, _ = kuni("history", "--json", "w.yaml")
    entries = [json.loads(line) for line in out.splitlines()]
    told = [entry for entry in entries if entry["what"] == "released"]
    last = [entry for entry in told if entry["generation"] == 2][0]
    want(last["recipient"] == "acme" and last["people"] == 4, f"{last}")
    with open("published/release.json", "rb") as f:
        want(last["blake2b"] == hashlib.blake2b(f.read(), digest_size=32).hexdigest(), "the history has another digest")
    want("donor-" not in json.dumps(told) and "blood-" not in json.dumps(told), "the history names people")
    print("withdrawn: out at once")


def bad_requests():
    told = dry_run(replace(REQUEST, "purpose", "purpos"), expect=64)
    want("request.yaml:4:1: unknown key 'purpos'" in told and "did you mean 'purpose'?" in told, told)
    told = dry_run(REQUEST + "regions: {list: [chr21]}\n", expect=64)
    want("chr21" in told, told)
    told = dry_run(replace(REQUEST, "w.yaml", "none.yaml"), expect=64)
    want("cannot find" in told and "request.yaml:2:11" in told, told)
    kuni("release", "-n", "nothing.yaml", expect=74)


def main():
    if not shutil.which("bcftools"):
        print("skipped: no bcftools on PATH")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_dataset()
        who_is_eligible()
        who_is_asked_for()
        small_counts()
        bad_requests()
        releases()
        two_recipients()
        refused()
        withdrawal()
        os.chdir("/")
    print("all right")


main()
