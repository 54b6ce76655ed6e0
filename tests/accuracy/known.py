# SPDX-License-Identifier: MIT
"""What the scripts that hold import-gvcf and joint-genotype against known answers share."""
import os
import subprocess

KUNI = os.environ.get("KUNI") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/kuni")
DATA = os.environ.get("KUNI_DATA") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/data")
WORKFLOW = """version: 1
reference: {reference}
cohort: cohort.tsv
dataset: dataset
regions: {{contigs: [{contigs}], shard: {shard}{ploidy}}}
stages:
  - {{id: import, uses: import-gvcf, with: {{{importing}}}}}
  - {{id: joint, uses: joint-genotype, needs: import, with: {{{joint}}}}}
  - {{id: national, uses: merge, needs: [import, joint]}}
"""


class Failed(Exception):
    """kuni ended with an error; its text is what it printed."""


def minimal(pos, ref, alt):
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, pos = ref[1:], alt[1:], pos + 1
    return pos, ref, alt


def normalised(base, pos, ref, alt):
    """Minimal and left-aligned; base(pos) is the reference at a 1-based position."""
    pos, ref, alt = minimal(pos, ref.upper(), alt.upper())
    while len(ref) != len(alt) and ref[-1] == alt[-1] and (len(ref) == 1 or len(alt) == 1) and pos > 1:
        before = base(pos - 1)
        ref, alt, pos = before + ref[:-1], before + alt[:-1], pos - 1
    return minimal(pos, ref, alt)


def genotype(text):
    """Allele numbers of a GT; None: not called."""
    return [None if a == "." else int(a) for a in text.split(":", 1)[0].replace("|", "/").split("/") if a]


class Record:
    """A line of a VCF; samples[i] maps FORMAT keys to texts."""

    def __init__(self, line):
        f = line.rstrip("\n").split("\t")
        self.contig, self.pos, self.ref = f[0], int(f[1]), f[3]
        self.alts = [] if f[4] == "." else f[4].split(",")
        self.qual = None if f[5] == "." else float(f[5])
        self.filter = f[6]
        self.info = dict(x.split("=", 1) if "=" in x else (x, "") for x in f[7].split(";"))
        keys = f[8].split(":") if len(f) > 8 else []
        self.samples = [dict(zip(keys, x.split(":"))) for x in f[9:]]


def read_vcf(path):
    """Names of the samples and a generator of Records."""
    lines = subprocess.Popen(["bcftools", "view", "--no-version", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in lines.stdout:
        if line.startswith("#CHROM"):
            return line.rstrip("\n").split("\t")[9:], (Record(x) for x in lines.stdout)
    raise Failed("bcftools cannot read " + path)


def joint(folder, samples, reference, contigs, shard="300Mb", importing="", joint_with="", ploidy=None):
    """
    Imports, joint-genotypes and merges. samples: (name, gVCF[, sex]). Returns the path of the national BCF; failures.tsv
    and qc/import_gvcf.tsv lie beside it.
    """
    with open(os.path.join(folder, "cohort.tsv"), "w") as out:
        out.write("participant_id\tsample_id\tsex\treads\n")
        for s in samples:
            out.write("%s\t%s\t%s\t%s\n" % (s[0], s[0], s[2] if len(s) > 2 else "unknown", s[1]))
    with open(os.path.join(folder, "workflow.yaml"), "w") as out:
        out.write(WORKFLOW.format(reference=reference, contigs=", ".join('"%s"' % c for c in contigs), shard=shard,
                                  importing=importing, joint=joint_with, ploidy=", ploidy: " + ploidy if ploidy else ""))
    run = subprocess.run([KUNI, "run", "--quiet", os.path.join(folder, "workflow.yaml")], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    if run.returncode:
        raise Failed(run.stdout)
    return os.path.join(folder, "dataset", "current", "national.bcf")


def failures(folder):
    """sample -> reason, of those in quarantine."""
    with open(os.path.join(folder, "dataset", "current", "failures.tsv")) as rows:
        return {r.split("\t")[0]: r.rstrip("\n") for r in list(rows)[1:]}
