#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A hard cohort from real sequence, made apart from `kuni simulate`: haplotypes with known variants, reads by ART, bwa mem.

usage: make_hard_regions.py REFERENCE.fa CONTIG START SAMPLES SEED OUT

206 kb of REFERENCE from START become a contig of 231 kb, `hard`: a copy of 15 kb with 1.5 % divergence and one of 10 kb with
0.5 % are put into it. Variants: 850 SNPs, 110 indels (half of them with a SNP close by, a quarter with a second allele that
overlaps), length alleles at 110 of the sequence's own tandem repeats (units of 1 to 4 bases; 1 to 3 alleles each). Allele counts
follow 1/x. Depth rises from 12x to 38x over the samples; ART's HiSeq 2500 profile with indel errors raised about fourfold.
OUT gets hard.fa, truth.vcf.gz, truth.bed, manifest.tsv, SAMPLE.bam. Needs art_illumina, bwa, samtools, bgzip, tabix.
"""
import os
import random
import re
import subprocess
import sys

TAKEN_BP = 206000
COPIES = [(20000, 35000, 0.015, 120000), (60000, 70000, 0.005, 160000)]  # from, to, divergence, where
EDGE_BP = 300
SNPS, INDELS, REPEATS = 850, 110, 110
DEPTH = (12, 38)
INDEL_ERRORS = ["-ir", "0.0003", "-dr", "0.0004", "-ir2", "0.0004", "-dr2", "0.0006"]
TRANSITION = {"A": "G", "G": "A", "C": "T", "T": "C"}
RUNS = r"A{9,}|C{7,}|G{7,}|T{9,}"
LEAST_UNITS = {2: 6, 3: 5, 4: 4}


def shell(command, **options):
    subprocess.run(command, shell=True, check=True, executable="/bin/bash", **options)


def other_base(rng, base):
    return rng.choice([b for b in "ACGT" if b != base])


def diverged(rng, sequence, rate):
    out = []
    for base in sequence:
        x = rng.random()
        if x < 0.9 * rate:
            out.append(other_base(rng, base))
        elif x < 0.95 * rate:
            continue
        elif x < rate:
            out.append(base + rng.choice("ACGT"))
        else:
            out.append(base)
    return "".join(out)


def tandem_repeats(sequence):
    """(begin, end, length of the unit) of the runs that are long enough to vary."""
    found = [(m.start(), m.end(), 1) for m in re.finditer(RUNS, sequence)]
    for unit_bp, units in LEAST_UNITS.items():
        for m in re.finditer(r"(.{%d})\1{%d,}" % (unit_bp, units - 1), sequence):
            unit = m.group(1)
            if len(set(unit)) > 1 and not (unit_bp == 4 and unit[:2] == unit[2:]):
                found.append((m.start(), m.end(), unit_bp))
    return found


class Variants:
    """Variants of the contig: (position from 0, REF, ALTs, frequencies); none touches another."""

    def __init__(self, rng, sequence, copies):
        self.rng, self.sequence, self.copies = rng, sequence, copies
        self.taken = bytearray(len(sequence))
        self.rows = []

    def free(self, beg, end):
        return EDGE_BP <= beg and end <= len(self.sequence) - EDGE_BP and not any(self.taken[beg:end])

    def frequency(self):
        counts = range(1, self.copies)
        return self.rng.choices(counts, [1 / k for k in counts])[0] / self.copies

    def add(self, pos, ref, alts, beg=None, end=None):
        beg, end = pos if beg is None else beg, pos + len(ref) if end is None else end
        share = [self.frequency() / len(alts) for _ in alts]
        self.rows.append((pos, ref, alts, share))
        self.taken[beg:end] = b"\1" * (end - beg)

    def add_repeat(self, beg, end, unit_bp):
        if not self.free(beg - 5, end + 5):
            return False
        units = (end - beg) // unit_bp
        lengths = {d for d in self.rng.choices([-3, -2, -2, -1, -1, -1, 1, 1, 1, 2, 2, 3], k=self.rng.choice([1, 1, 2, 3]))
                   if units + d >= 2}
        if not lengths:
            return False
        longest = max(0, -min(lengths)) * unit_bp
        first, ref = beg - 1, self.sequence[beg - 1:beg + longest]
        alts = [self.sequence[first] + (self.sequence[beg:beg + d * unit_bp] if d > 0 else "") + ref[1 + max(0, -d) * unit_bp:]
                for d in sorted(lengths)]
        self.add(first, ref, alts, first, end + 1)
        return True

    def add_indel(self):
        pos, n = self.rng.randrange(EDGE_BP, len(self.sequence) - EDGE_BP), min(60, 1 + int(self.rng.expovariate(0.25)))
        anchor = self.sequence[pos]
        ref = self.sequence[pos:pos + n + 1] if self.rng.random() < 0.5 else anchor
        alts = [anchor if len(ref) > 1 else anchor + "".join(self.rng.choice("ACGT") for _ in range(n))]
        if len(ref) > 2 and self.rng.random() < 0.25:
            alts.append(anchor + ref[2:])
        if not self.free(pos - 2, pos + len(ref) + 2):
            return False
        self.add(pos, ref, alts)
        near = pos + len(ref) + self.rng.randrange(1, 12)
        if self.rng.random() < 0.5 and self.free(near, near + 1):
            self.add_snp(near)
        return True

    def add_snp(self, pos):
        base = self.sequence[pos]
        alt = TRANSITION[base] if self.rng.random() < 0.67 else other_base(self.rng, base)
        self.add(pos, base, [alt])

    def fill(self):
        repeats = tandem_repeats(self.sequence)
        self.rng.shuffle(repeats)
        made = 0
        for repeat in repeats:
            made += made < REPEATS and self.add_repeat(*repeat)
        made = 0
        while made < INDELS:
            made += self.add_indel()
        made = 0
        while made < SNPS:
            pos = self.rng.randrange(EDGE_BP, len(self.sequence) - EDGE_BP)
            if self.free(pos, pos + 1):
                self.add_snp(pos)
                made += 1
        self.rows.sort()

    def draw(self):
        """An allele of every haplotype at every variant."""
        return [self.rng.choices(range(len(alts) + 1), [max(0.0, 1 - sum(share))] + share, k=self.copies)
                for _, _, alts, share in self.rows]


def haplotype(sequence, rows, alleles):
    out, end = [], 0
    for (pos, ref, alts, _), allele in zip(rows, alleles):
        if allele:
            out += [sequence[end:pos], alts[allele - 1]]
            end = pos + len(ref)
    return "".join(out) + sequence[end:]


def write_truth(out, sequence, samples, rows, drawn):
    with open(f"{out}/truth.vcf", "w") as f:
        f.write(f"##fileformat=VCFv4.2\n##contig=<ID=hard,length={len(sequence)}>\n"
                '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
                "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(samples) + "\n")
        for (pos, ref, alts, _), row in zip(rows, drawn):
            if any(row):
                genotypes = "\t".join(f"{a}|{b}" for a, b in zip(row[::2], row[1::2]))
                f.write(f"hard\t{pos + 1}\t.\t{ref}\t{','.join(alts)}\t.\tPASS\t.\tGT\t{genotypes}\n")
    with open(f"{out}/truth.bed", "w") as f:
        f.write(f"hard\t{EDGE_BP - 100}\t{len(sequence) - EDGE_BP + 100}\n")
    shell("bgzip -f truth.vcf && tabix -f -p vcf truth.vcf.gz", cwd=out)


def make_reads(out, sample, depth, sequences, seed):
    for k, sequence in enumerate(sequences):
        with open(f"{out}/{k}.fa", "w") as f:
            f.write(f">{sample}h{k}\n{sequence}\n")
        subprocess.run(["art_illumina", "-q", "-na", "-ss", "HS25", "-p", "-l", "150", "-m", "400", "-s", "60", "-f",
                        f"{depth / 2:.2f}", *INDEL_ERRORS, "-rs", str(seed + k), "-i", f"{k}.fa", "-o", f"{k}."],
                       cwd=out, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shell(f"bwa mem -v 1 -R '@RG\\tID:{sample}\\tSM:{sample}\\tLB:{sample}\\tPL:ILLUMINA' hard.fa <(cat 0.1.fq 1.1.fq) "
          f"<(cat 0.2.fq 1.2.fq) 2>/dev/null | samtools sort -o {sample}.bam - 2>/dev/null && samtools index {sample}.bam && "
          "rm -f 0.fa 1.fa [01].[12].fq", cwd=out)


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    reference, contig, start, n, seed, out = *sys.argv[1:3], *map(int, sys.argv[3:6]), sys.argv[6]
    rng = random.Random(seed)
    os.makedirs(out, exist_ok=True)
    fasta = subprocess.run(["samtools", "faidx", reference, f"{contig}:{start}-{start + TAKEN_BP - 1}"], check=True,
                           capture_output=True, text=True).stdout
    taken = "".join(fasta.split("\n")[1:]).upper()
    if len(taken) != TAKEN_BP or set(taken) - set("ACGT"):
        sys.exit(f"{contig}:{start}: no {TAKEN_BP} known bases there")
    sequence, end = "", 0
    for beg, stop, rate, where in COPIES:
        sequence += taken[end:where] + diverged(rng, taken[beg:stop], rate)
        end = where
    sequence += taken[end:]
    with open(f"{out}/hard.fa", "w") as f:
        f.write(">hard\n" + "\n".join(sequence[i:i + 60] for i in range(0, len(sequence), 60)) + "\n")
    shell("samtools faidx hard.fa && bwa index hard.fa 2>/dev/null", cwd=out)
    variants = Variants(rng, sequence, 2 * n)
    variants.fill()
    drawn = variants.draw()
    samples = [f"H{i + 1:03d}" for i in range(n)]
    write_truth(out, sequence, samples, variants.rows, drawn)
    with open(f"{out}/manifest.tsv", "w") as f:
        f.write("participant_id\tsample_id\tsex\treads\n" + "".join(f"{s}\t{s}\tfemale\t{s}.bam\n" for s in samples))
    for i, sample in enumerate(samples):
        depth = DEPTH[0] + (DEPTH[1] - DEPTH[0]) * i / max(1, n - 1)
        pair = [haplotype(sequence, variants.rows, [row[2 * i + k] for row in drawn]) for k in (0, 1)]
        make_reads(out, sample, depth, pair, 1000 * seed + 2 * i)


if __name__ == "__main__":
    main()
