# SPDX-License-Identifier: MIT
"""For tests of what leaves a dataset: kuni with an expected status, and people whose gVCFs are made here, text by text."""
import os
import subprocess
import sys

KUNI = os.path.abspath(os.environ.get("KUNI") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/kuni"))
FORMATS = (("GT", 1, "String"), ("GQ", 1, "Integer"), ("DP", 1, "Integer"), ("AD", "R", "Integer"), ("PL", "G", "Integer"))
CALLS = {1: "0/1:15,15,0:30:99:500,0,500,545,545,1100", 2: "1/1:0,30,0:30:90:900,90,0,990,190,1100"}


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


def run(*words, expect=0, launcher=()):
    """Its output and what it says on stderr."""
    done = subprocess.run([*launcher, KUNI, *words], capture_output=True, text=True, check=False)
    want(done.returncode == expect, f"kuni {' '.join(words)}: status {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def kuni(*words, expect=0, launcher=()):
    return "".join(run(*words, expect=expect, launcher=launcher))


def other(base):
    """Another base."""
    return "ACGT"["ACGT".index(base) ^ 2]


def write_gvcf(name, contig, bases, changes):
    """NAME.g.vcf. changes: (position, REF, ALT, copies), apart; the rest is reference, and all of it is sure."""
    at = 1
    with open(f"{name}.g.vcf", "w") as out:
        out.write(f'##fileformat=VCFv4.2\n##contig=<ID={contig},length={len(bases)}>\n##INFO=<ID=END,Number=1,Type=Integer,Description="end">\n')
        out.write("".join(f'##FORMAT=<ID={i},Number={n},Type={t},Description="{i}">\n' for i, n, t in FORMATS))
        out.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}\n")
        for pos, ref, alt, copies in (*sorted(changes), (len(bases) + 1, "", "", 0)):
            if pos > at:
                out.write(f"{contig}\t{at}\t.\t{bases[at - 1]}\t<NON_REF>\t.\t.\tEND={pos - 1}\tGT:DP:GQ:PL\t0/0:30:80:0,80,900\n")
            if ref:
                out.write(f"{contig}\t{pos}\t.\t{ref}\t{alt},<NON_REF>\t500\t.\t.\tGT:AD:DP:GQ:PL\t{CALLS[copies]}\n")
            at = pos + len(ref)


def request(out, recipient, form, threshold, more=""):
    """OUT.yaml: a request of all people, for w.yaml and the key of that name."""
    with open(f"{out}.yaml", "w") as text:
        text.write(f"version: 1\nworkflow: w.yaml\nrecipient: {{id: {recipient}, organisation: not-for-profit, countries: [JP]}}\npurpose: general\n"
                   f"use: non-commercial\nconsent: {{forms: [v1]}}\nform: {form}\nthreshold: {threshold}\n"
                   f"pseudonyms: {{key: key, linkage: {out}.linkage}}\n{more}")
