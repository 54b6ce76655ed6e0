#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""call-variants where reads or places are unusual: phase, short and long reads, amplified libraries, great depth, the
ends of a circular contig. Reads are made here with known truth, or by kuni simulate.

    call-special.py [SECTION ...]
"""
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KUNI = os.environ["KUNI"]
COMPARE = os.path.join(HERE, "../accuracy/compare")
os.environ["REF_PATH"] = "/nonexistent"


def fail(message):
    sys.exit("FAILED: " + message)


def random_bases(rng, n):
    return "".join(rng.choice("ACGT") for _ in range(n))


def other(base, step=1):
    return "ACGT"[("ACGT".index(base) + step) % 4]


class Haplotype:
    """The reference with edits (pos, ref length, alt), and where each of its bases lies on the reference (-1: nowhere)."""

    def __init__(self, reference, edits):
        bases, places, at = [], [], 0
        for pos, length, alt in sorted(edits):
            bases.append(reference[at:pos])
            places.extend(range(at, pos))
            bases.append(alt)
            kept = min(length, len(alt))
            places.extend(list(range(pos, pos + kept)) + [-1] * (len(alt) - kept))
            at = pos + length
        bases.append(reference[at:])
        places.extend(range(at, len(reference)))
        self.bases, self.places = "".join(bases), places


def longest_piece(places):
    """What an aligner keeps where a read spans a long gap: the piece with most bases; the rest is nowhere."""
    pieces, before = [], None
    for i, place in enumerate(places):
        if place < 0:
            continue
        if before is None or place - places[before] > 60 or i - before > 40:
            pieces.append([])
        pieces[-1].append(i)
        before = i
    if len(pieces) < 2:
        return places
    best = max(pieces, key=len)
    return [p if best[0] <= i <= best[-1] else -1 for i, p in enumerate(places)]


def cigar_of(places):
    """POS (0-based) and CIGAR of a read whose bases lie at `places`; unplaced ends are soft clips. None: nowhere."""
    places = longest_piece(places)
    placed = [i for i, p in enumerate(places) if p >= 0]
    if not placed:
        return None
    first, last = placed[0], placed[-1]
    steps = [("S", first)] if first else []

    def step(op, n):
        if steps and steps[-1][0] == op:
            steps[-1] = (op, steps[-1][1] + n)
        else:
            steps.append((op, n))
    before = places[first] - 1
    for place in places[first:last + 1]:
        if place < 0:
            step("I", 1)
            continue
        if place > before + 1:
            step("D", place - before - 1)
        step("M", 1)
        before = place
    if last + 1 < len(places):
        step("S", len(places) - last - 1)
    return places[first], "".join("%d%s" % (n, op) for op, n in steps)


class Reads:
    def __init__(self, seed, contig, reference, length=150, insert=380, error=0.002):
        self.rng, self.contig, self.reference = random.Random(seed), contig, reference
        self.length, self.insert, self.error, self.lines, self.n = length, insert, error, [], 0

    def mutate(self, bases):
        if self.rng.random() > self.error * len(bases):
            return bases
        at = self.rng.randrange(len(bases))
        return bases[:at] + other(bases[at], self.rng.randrange(1, 4)) + bases[at + 1:]

    def add(self, bases, places, name, flag, mate):
        found = cigar_of(places)
        if not found:
            return
        pos, cigar = found
        self.lines.append("%s\t%d\t%s\t%d\t60\t%s\t=\t%d\t%d\t%s\t%s" % (
            name, flag, self.contig, pos + 1, cigar, mate + 1, 0, self.mutate(bases), "F" * len(bases)))

    def pair(self, bases, places, prefix):
        """A fragment's two reads."""
        n = min(self.length, len(bases))
        name = "%s%d" % (prefix, self.n)
        self.n += 1
        left, right = (bases[:n], places[:n]), (bases[-n:], places[-n:])
        ends = [cigar_of(left[1]), cigar_of(right[1])]
        at = [end[0] if end else 0 for end in ends]
        self.add(left[0], left[1], name, 99, at[1])
        self.add(right[0], right[1], name, 147, at[0])

    def cover(self, haplotype, depth, beg, end, prefix="r"):
        """Fragments that start in [beg, end) of the haplotype."""
        for _ in range(int(depth * (end - beg) / (2 * self.length))):
            size = max(self.length, int(self.rng.gauss(self.insert, 60)))
            start = self.rng.randrange(beg, end)
            self.pair(haplotype.bases[start:start + size], haplotype.places[start:start + size], prefix)

    def write(self, folder, shuffle=False):
        lines = self.lines
        if shuffle:
            lines = list(lines)
            random.Random(99).shuffle(lines)
        header = "@HD\tVN:1.6\tSO:unsorted\n@SQ\tSN:%s\tLN:%d\n@RG\tID:S\tSM:S\n" % (self.contig, len(self.reference))
        bam = os.path.join(folder, "reads.bam")
        subprocess.run(["samtools", "sort", "-o", bam, "-"], input=header + "\n".join(lines) + "\n", text=True, check=True,
                       stderr=subprocess.DEVNULL)
        subprocess.run(["samtools", "index", bam], check=True)
        fasta = os.path.join(folder, "reference.fa")
        with open(fasta, "w", encoding="ascii") as out:
            out.write(">%s\n%s\n" % (self.contig, self.reference))
        subprocess.run(["samtools", "faidx", fasta], check=True)
        with open(os.path.join(folder, "manifest.tsv"), "w", encoding="ascii") as out:
            out.write("participant_id\tsample_id\treads\nP\tS\treads.bam\n")
        with open(os.path.join(folder, "workflow.yaml"), "w", encoding="ascii") as out:
            out.write("version: 1\nname: special\nreference: reference.fa\ncohort: manifest.tsv\ndataset: dataset\n"
                      "regions: {contigs: [%s], ploidy: diploid}\nstages:\n  - {id: call, uses: call-variants}\n"
                      "  - {id: joint, uses: joint-genotype, needs: [call]}\n"
                      "  - {id: national, uses: merge, needs: [joint]}\n" % self.contig)


def run(folder, name, *settings):
    """Runs the folder's workflow; the merged call set."""
    dataset = os.path.join(folder, name)
    command = [KUNI, "run", "--quiet", os.path.join(folder, "workflow.yaml"), "--set", "dataset=" + dataset]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        fail("%s: %s" % (name, done.stdout))
    return os.path.join(dataset, "current/national.bcf")


def query(calls, form):
    return [line.split() for line in subprocess.run(["bcftools", "query", "-f", form + "\n", calls], check=True, text=True,
                                                    stdout=subprocess.PIPE).stdout.splitlines()]


def records(calls):
    return subprocess.run(["bcftools", "view", "--no-version", calls], check=True, stdout=subprocess.PIPE).stdout


def simulated(folder, what, floors, *options):
    """kuni simulate with the options, called and compared: (recall, precision) of SNPs and indels reach the floors."""
    subprocess.run([KUNI, "simulate", "--quiet", "--samples", "1", "--length", "120k", "--seed", "17", "--out", folder] +
                   list(options), check=True, stdout=subprocess.DEVNULL)
    calls = run(folder, os.path.join(folder, "special"))
    table = os.path.join(folder, "table.json")
    subprocess.run([COMPARE, os.path.join(folder, "truth.vcf.gz"), calls, "-r", os.path.join(folder, "reference.fa"),
                    "-b", os.path.join(folder, "truth.bed"), "--json", table], check=True, stdout=subprocess.DEVNULL)
    with open(table, encoding="utf-8") as text:
        found = json.load(text)["all"]
    for kind, floor in zip(("snp", "indel"), floors):
        row = found[kind]
        print("%s: %s recall %.4f precision %.4f" % (what, kind, row["recall"], row["precision"]))
        if row["recall"] < floor[0] or (row["recall"] > 0 and row["precision"] < floor[1]):
            fail("%s: %s below %s" % (what, kind, floor))


def read_lengths(folder):
    # an aligner drops reads of 36 bp with an indel, or clips what lies behind it
    for length, floors in ((36, ((0.85, 0.98), (0, 0.9))), (75, ((0.98, 0.98), (0.85, 0.9))),
                           (250, ((0.99, 0.99), (0.95, 0.95))), (300, ((0.99, 0.99), (0.95, 0.95)))):
        simulated(os.path.join(folder, str(length)), "%d bp" % length, floors, "--read-length", str(length))


def amplified(folder):
    simulated(os.path.join(folder, "free"), "PCR-free", ((0.99, 0.99), (0.95, 0.95)), "--indel-error", "1", "--pcr-duplicates", "0")
    simulated(os.path.join(folder, "plus"), "PCR+", ((0.99, 0.99), (0.95, 0.9)), "--indel-error", "10", "--pcr-duplicates", "0.2")


def phase(folder):
    """Neighbours within a region: which lie on one copy is told, by PS and the order of GT."""
    rng = random.Random(5)
    reference = random_bases(rng, 12000)
    def snp(pos, step=1):
        return (pos, 1, other(reference[pos], step))
    def deletion(pos):
        return (pos, 5, reference[pos])
    cis = [snp(3000), deletion(3006), snp(3015)]
    trans = ([snp(6000), snp(6012)], [deletion(6004)])
    dense = ([snp(9000), snp(9008)], [snp(9004)])
    reads = Reads(6, "chr20", reference)
    for edits in (cis + trans[0] + dense[0], trans[1] + dense[1]):
        reads.cover(Haplotype(reference, edits), 15, 200, 11500, "h%d" % len(edits))
    os.mkdir(folder)
    reads.write(folder)
    found = {int(row[0]): row[1:] for row in query(run(folder, "one"), "%POS [%GT %PS]")}
    def together(places, wanted):
        rows = [found.get(pos + 1) for pos in places]
        if None in rows:
            fail("phase: of %s only %s were called" % (places, found))
        print("phase: %s %s" % ([pos + 1 for pos in places], rows))
        if any("|" not in gt for gt, _ in rows) or len({ps for _, ps in rows}) != 1:
            fail("phase: %s are not one set: %s" % (places, rows))
        order = [gt == rows[0][0] for gt, _ in rows]
        if order != wanted:
            fail("phase: %s: wrong copies: %s" % (places, rows))
    together((3000, 3006, 3015), [True, True, True])
    together((6000, 6004, 6012), [True, False, True])
    together((9000, 9004, 9008), [True, False, True])


def deep(folder):
    """Far more reads than are used: right genotypes, the same wherever cut and however equal places are ordered."""
    rng = random.Random(7)
    reference = random_bases(rng, 9000)
    het = [(4000, 1, other(reference[4000])), (4300, 7, reference[4300])]
    hom = [(4600, 1, reference[4600] + "GATTAC" + other(reference[4600])), (4800, 1, other(reference[4800]))]
    for depth in (2000, 10000):
        reads = Reads(8, "chr20", reference, insert=300, error=0.0002)
        reads.cover(Haplotype(reference, hom), 10, 100, 8500, "a")
        reads.cover(Haplotype(reference, hom + het), 10, 100, 8500, "b")
        reads.cover(Haplotype(reference, hom), depth / 2, 3700, 4900, "c")
        reads.cover(Haplotype(reference, hom + het), depth / 2, 3700, 4900, "d")
        place = os.path.join(folder, str(depth))
        os.makedirs(place)
        reads.write(place)
        whole = run(place, "one")
        rows = query(whole, "%POS [%GT %DP]")
        print("%dx: %s" % (depth, rows))
        genotypes = {int(row[0]): row[1].replace("|", "/") for row in rows}
        if genotypes != {4001: "0/1", 4301: "0/1", 4601: "1/1", 4801: "1/1"}:
            fail("%dx: genotypes are %s" % (depth, rows))
        if any(int(row[2]) > 1300 for row in rows):
            fail("%dx: more reads were used than max_depth" % depth)
        expected = records(whole)
        if records(run(place, "cut", "regions.shard=450")) != expected:
            fail("%dx: the cut shows" % depth)
        reads.write(place, shuffle=True)
        if records(run(place, "shuffled")) != expected:
            fail("%dx: the order of reads at one place shows" % depth)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print("peak %.0f MiB, samtools included" % peak)
    if peak > 300:
        fail("more than 300 MiB at great depth")


def circle(folder):
    """A circular contig: reads across its ends are clipped there, and call nothing of their own."""
    rng = random.Random(9)
    reference = random_bases(rng, 6000)
    ends = [(25, 1, other(reference[25])), (5974, 1, other(reference[5974], 2))]
    half = [(3000, 1, other(reference[3000]))]
    reads = Reads(10, "chrM", reference, error=0.001)
    for edits, depth in ((ends, 900), (ends + half, 100)):
        bases = Haplotype(reference, edits).bases
        for i in range(int(depth * 6000 / 300)):
            start, size = reads.rng.randrange(6000), 380
            fragment = [(start + k) % 6000 for k in range(size)]
            for part, flag in ((fragment[:150], 99), (fragment[-150:], 147)):
                # the longer side of the ends is aligned, the other clipped
                turn = next((k for k in range(1, 150) if part[k] < part[k - 1]), 0)
                places = [p if not turn or (k < turn) == (turn >= 75) else -1 for k, p in enumerate(part)]
                reads.add("".join(bases[p] for p in part), places, "m%d_%d" % (depth, i), flag, fragment[0])
    os.mkdir(folder)
    reads.write(folder)
    rows = query(run(folder, "one"), "%POS %ALT [%AD]")
    print("circle: %s" % rows)
    if [int(row[0]) for row in rows] != [26, 3001, 5975]:
        fail("circle: called %s" % rows)
    for row in rows:
        counts = [int(n) for n in row[2].split(",")]
        share = counts[1] / sum(counts[:2])
        if not (0.06 < share < 0.15 if row[0] == "3001" else share > 0.97):
            fail("circle: %s has a share of %.3f" % (row, share))


def longs(folder):
    """Insertions and deletions that no read spans, from clipped ends: right lengths and genotypes, nothing else, any cut."""
    rng = random.Random(12)
    reference = random_bases(rng, 50000)
    het, hom, truth = [], [], {}
    pos = 1500
    for size in (60, 130, 200, -100, -320, -500, -1000):
        for edits, genotype in ((het, "0/1"), (hom, "1/1")):
            while size > 0 or reference[pos] == reference[pos - size]:  # one way to write it
                pos += 1
                if size > 0:
                    break
            if size > 0:
                inserted = random_bases(rng, size - 1) + other(reference[pos])
                edits.append((pos, 1, reference[pos] + inserted))
            else:
                edits.append((pos, 1 - size, reference[pos]))
            truth[pos + 1] = (size, genotype)
            pos += 1800 + abs(size)
    reads = Reads(13, "chr20", reference, error=0.0002)
    reads.cover(Haplotype(reference, hom), 15, 200, pos, "a")
    reads.cover(Haplotype(reference, sorted(hom + het)), 15, 200, pos, "b")
    os.mkdir(folder)
    reads.write(folder)
    whole = run(folder, "one")
    found = {int(pos): (len(alt) - len(ref), gt) for pos, ref, alt, gt in query(whole, "%POS %REF %ALT [%GT]")}
    print("longs: %s" % sorted(found.items()))
    if found != truth:
        fail("longs: the truth is %s" % sorted(truth.items()))
    for shard in (3000, 700):
        if records(run(folder, "cut%d" % shard, "regions.shard=%d" % shard)) != records(whole):
            fail("longs: shards of %d bp change the records" % shard)


def main():
    for tool in ("samtools", "bcftools"):
        if not shutil.which(tool):
            print("skipped: no %s on PATH" % tool)
            sys.exit(77)
    sections = {"phase": phase, "longs": longs, "deep": deep, "circle": circle, "read-lengths": read_lengths, "amplified": amplified}
    with tempfile.TemporaryDirectory() as work:
        for name in sys.argv[1:] or sections:
            sections[name](os.path.join(work, name))


main()
