#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The files that hts-specs, htslib and bcftools test themselves with, valid, odd and broken ones, as samples of cohorts: each is called or
quarantined with a reason; nothing crashes, hangs, or ends with 0 and a person less.

usage: nasty-files.py       environment: KUNI, KUNI_DATA, KEEP (a folder to keep)
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

KUNI = os.environ.get("KUNI", "build/release/kuni")
FOLDERS = ["nasty_hts-specs", "nasty_htslib_bcftools"]
CONTIG_MOST = 2_000_000  # contigs that are longer are not in the reference
TIME_MOST_S = 300
ENVIRONMENT = dict(os.environ, REF_PATH="/nonexistent", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
# Names that a contig of VCF may have.
NAME = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
# A reason that blames no file.
NO_REASON = re.compile(r"signal|crash|memory|SIG|assert|bug|time limit|internal", re.I)

READS_STAGES = """  - {id: call, uses: call-variants}
  - {id: qc, uses: alignment-qc, needs: [call]}
  - {id: joint, uses: joint-genotype, needs: [call]}
"""
GVCF_STAGES = """  - {id: call, uses: import-gvcf}
  - {id: joint, uses: joint-genotype, needs: [call]}
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def fail(what):
    print(f"FAILED: {what}")
    sys.exit(1)


def quiet(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT, timeout=60)


def found(data, endings):
    paths = []
    for folder in FOLDERS:
        for top, _, names in os.walk(os.path.join(data, folder)):
            paths += [os.path.join(top, name) for name in names if name.endswith(endings)]
    return sorted(paths)


def known_sequences(data):
    """Name and length of each contig of the FASTA files that lie there: its bases."""
    sequences = {}
    for path in found(data, (".fa",)):
        name, lines = None, []
        with open(path, encoding="latin-1") as lines_of:
            for line in [*lines_of, ">"]:
                if not line.startswith(">"):
                    lines.append(line.strip())
                    continue
                bases = "".join(lines)
                if name and re.fullmatch("[A-Za-z]+", bases):
                    sequences.setdefault((name, len(bases)), bases)
                name, lines = (line[1:].split() or [None])[0], []
    return sequences


def made_up(length):
    return ("ACGTTGCAAC" * (length // 10 + 1))[:length]


class Cohort:
    """Files with the same contigs."""

    def __init__(self, contigs):
        self.contigs = contigs  # (name, length) in order
        self.people = []  # (id, path, index or "")
        self.bases = {}  # name -> {position: REF}
        self.seen = set()

    def add(self, person, path):
        """One file of each content: the same under two ids is left out by name (odd-gvcfs.py)."""
        with open(path, "rb") as opened:
            content = opened.read()
        if content not in self.seen:
            self.people.append((person, path, ""))
        self.seen.add(content)

    def run(self, folder, stages, sequences):
        os.makedirs(folder)
        with open(os.path.join(folder, "ref.fa"), "w", encoding="latin-1") as out:
            for name, length in self.contigs:
                bases = bytearray(sequences.get((name, length), made_up(length)), "ascii")
                for position, ref in self.bases.get(name, {}).items():
                    bases[position - 1:position - 1 + len(ref)] = ref.encode()
                out.write(f">{name}\n{bases[:length].decode()}\n")
        with open(os.path.join(folder, "cohort.tsv"), "w", encoding="latin-1") as out:
            out.write("participant_id\tsample_id\treads\tindex\n")
            for person, path, index in self.people:
                out.write(f"{person}\t{person}\t{path}\t{index}\n")
        with open(os.path.join(folder, "w.yaml"), "w", encoding="ascii") as out:
            out.write("version: 1\nname: nasty\nreference: ref.fa\ncohort: cohort.tsv\ndataset: dataset\n"
                      "regions: {shard: 1Mb, ploidy: diploid}\n"
                      f"on_error: {{max_quarantined: {len(self.people)}, retries: 0}}\nstages:\n{stages}"
                      "  - {id: national, uses: merge, needs: [joint]}\n")
        try:
            done = subprocess.run([KUNI, "run", "--quiet", "w.yaml"], cwd=folder, env=ENVIRONMENT, timeout=TIME_MOST_S,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="latin-1")
        except subprocess.TimeoutExpired:
            fail(f"{folder}: not done after {TIME_MOST_S} s")
        return done.returncode, done.stderr


def judge(folder, cohort, status, told):
    """Everybody is in the call set, or quarantined with a reason."""
    reasons = dict(re.findall(r"quarantined sample (\S+): (.*)", told))
    published = os.path.join(folder, "dataset/current/failures.tsv")
    called = set()
    if status == 0:
        with open(published, encoding="latin-1") as lines:
            reasons.update((row[0], row[3]) for row in (line.rstrip("\n").split("\t") for line in lines) if row[0] != "sample_id")
        listed = quiet("bcftools", "query", "-l", os.path.join(folder, "dataset/current/national.bcf"))
        called = set(listed.stdout.decode().split())
    elif status != 65:
        fail(f"{folder}: status {status}\n{told[-3000:]}")
    for person, path, _ in cohort.people:
        if (person in called) == (person in reasons):
            fail(f"{folder}: {person} ({path}) is {'called and ' if person in called else 'neither called nor '}quarantined, "
                 f"status {status}\n{told[-3000:]}")
        if person in reasons and (len(reasons[person]) < 20 or NO_REASON.search(reasons[person].replace(path, ""))):
            fail(f"{folder}: {person} ({path}): '{reasons[person]}' is no reason")
    for name in ("left out", "signal"):
        if name in told:
            fail(f"{folder}: {name}\n{told[-3000:]}")
    return len(called)


# --- reads ---

def sam_contigs(path):
    header = quiet("samtools", "view", "-H", "--no-PG", path).stdout.decode("latin-1")
    contigs = re.findall(r"^@SQ\t(?:[^\n]*\t)?SN:([^\t\n]+)[^\n]*?", header, re.M)
    lengths = re.findall(r"^@SQ\t[^\n]*?LN:(\d+)", header, re.M)
    pairs = [(name, int(length)) for name, length in zip(contigs, lengths)]
    return tuple(pair for pair in pairs if 0 < pair[1] <= CONTIG_MOST and NAME.fullmatch(pair[0])) or (("other", 1000),)


def reads_cohorts(data, work):
    cohorts, converted = {}, 0
    for i, path in enumerate(found(data, (".sam", ".bam", ".cram"))):
        contigs = sam_contigs(path)
        cohorts.setdefault((contigs, "as they are"), Cohort(contigs)).add(f"R{i:04}raw", path)
        cohort = cohorts.setdefault((contigs, "with an index"), Cohort(contigs))
        if not path.endswith(".sam"):
            copy = os.path.join(work, f"R{i:04}{os.path.splitext(path)[1]}")
            shutil.copy(path, copy)
            if quiet("samtools", "index", copy).returncode == 0:
                cohort.add(f"R{i:04}indexed", copy)
        copy = os.path.join(work, f"R{i:04}.sorted.bam")
        if quiet("samtools", "sort", "--no-PG", "-o", copy, path).returncode == 0:
            quiet("samtools", "index", copy)
            cohort.add(f"R{i:04}sorted", copy)
            converted += 1
    print(f"{converted} files as sorted BAM")
    return [cohort for cohort in cohorts.values() if cohort.people]


# --- variants ---

def vcf_cohorts(data, work):
    cohorts = {}
    for i, path in enumerate(found(data, (".vcf",))):
        with open(path, "rb") as opened:
            text = opened.read().decode("latin-1")
        lengths = {name: int(length) for name, length in re.findall(r"^##contig=<ID=([^,>\n]+),(?:[^\n]*,)?length=(\d+)", text, re.M)}
        records = [line.split("\t") for line in text.split("\n") if line[:1] not in ("#", "")]
        bases = {}
        for row in records:
            if len(row) > 4 and row[1].isdigit() and re.fullmatch("[ACGTNacgtn]{1,200}", row[3]):
                bases.setdefault(row[0], {}).setdefault(int(row[1]), row[3])
        for name, placed in bases.items():
            lengths.setdefault(name, max(1000, *(at + len(ref) for at, ref in placed.items())))
        contigs = tuple(pair for pair in sorted(lengths.items())
                        if 0 < pair[1] <= CONTIG_MOST and NAME.fullmatch(pair[0])) or (("other", 1000),)
        # columns of several files must not have one name
        copy = os.path.join(work, f"V{i:04}.vcf")
        lines, names = text.split("\n"), []
        for k, line in enumerate(lines):
            if line.startswith("#CHROM"):
                columns = line.split("\t")
                names = [f"V{i:04}s{j}" for j in range(len(columns[9:]))]
                lines[k] = "\t".join(columns[:9] + names)
        with open(copy, "wb") as out:
            out.write("\n".join(lines).encode("latin-1"))
        cohort = cohorts.setdefault(contigs, Cohort(contigs))
        for name, placed in bases.items():
            if name in dict(contigs):
                for at, ref in placed.items():
                    cohort.bases.setdefault(name, {}).setdefault(at, ref)
        cohort.people += [(name, copy, "") for name in names[:4]] or [(f"V{i:04}", copy, "")]
    return list(cohorts.values())


def main():
    data = os.environ.get("KUNI_DATA", "")
    for folder in FOLDERS:
        if not data or not os.path.isdir(os.path.join(data, folder)):
            skip(f"no {folder} in the test data" if data else "no test data: KUNI_DATA is not set")
    for tool in ("samtools", "bcftools"):
        if not shutil.which(tool):
            skip(f"no {tool} on PATH")
    keep = os.environ.get("KEEP")
    work = os.path.realpath(keep) if keep else tempfile.mkdtemp()
    os.makedirs(work, exist_ok=True)
    sequences = known_sequences(data)
    try:
        for kind, cohorts, stages, least in (("reads", reads_cohorts(data, work), READS_STAGES, 280),
                                             ("vcf", vcf_cohorts(data, work), GVCF_STAGES, 200)):
            people = called = 0
            for i, cohort in enumerate(cohorts):
                folder = os.path.join(work, f"{kind}{i}")
                status, told = cohort.run(folder, stages, sequences)
                called += judge(folder, cohort, status, told)
                people += len(cohort.people)
            print(f"{kind}: {people} samples in {len(cohorts)} cohorts, {called} called, the others quarantined")
            if called < least:
                fail(f"only {called} of the {people} samples are called")
    finally:
        if not keep:
            shutil.rmtree(work)


main()
