#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kuni release: who is eligible and why the others are not, in a small simulated dataset with all kinds of consents, people who
withdraw, and a person with two samples.

environment: KUNI, KUNI_SOURCE
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ["KUNI"]
SOURCE = os.environ.get("KUNI_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
T2D = "MONDO:0005148"

# participant -> consent, form, date, release_after, group
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
TWIN = "P01"  # has a second sample, which is the better one

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


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def kuni(*words, expect=0):
    done = subprocess.run([KUNI, *words], capture_output=True, text=True, check=False)
    want(done.returncode == expect, f"kuni {' '.join(words)}: status {done.returncode}, expected {expect}\n{done.stdout}"
         f"{done.stderr}")
    return done.stdout, done.stderr


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
        text.append([person, f"S{i + 1:02d}", sex, "cohort/" + row["reads"], "cohort/" + row["index"], f"lab{i % 2}",
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
    write("list.txt", "P01\nP03\nP04\n")
    found = dry_run(REQUEST + "people: {list: list.txt, groups: [south]}\n")
    want(found["eligible"] == 1 and reasons(found)["not_listed"] == 5 and reasons(found)["other_group"] == 6, f"list: {found}")
    write("list.txt", "P01\nS03\n")
    told = dry_run(REQUEST + "people: {list: list.txt}\n", expect=65)
    want("'S03' is no participant of the dataset" in told, told)
    write("signs.tsv", "participant_id\tterm\tdate\n" + "".join(
        f"{who}\t{term}\t2020-01-01\n" for who, term in (
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


def withdrawal():
    kuni("withdraw", "--yes", "w.yaml", "P11")
    found = dry_run(REQUEST)
    want(found["eligible"] == 4 and reasons(found)["withdrawn"] == 1, f"withdrawn, not yet published without: {found}")
    kuni("run", "--quiet", "w.yaml")
    found = dry_run(REQUEST)
    want(found["eligible"] == 4 and found["generation"] == 2, f"withdrawn, and published without: {found}")
    write("list.txt", "P11\nP01\n")
    found = dry_run(REQUEST + "people: {list: list.txt}\n")
    want(found["eligible"] == 1, f"nobody comes back by a list: {found}")
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
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_dataset()
        who_is_eligible()
        who_is_asked_for()
        small_counts()
        bad_requests()
        withdrawal()
        os.chdir("/")
    print("all right")


main()
