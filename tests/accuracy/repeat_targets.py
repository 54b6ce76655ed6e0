#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Indels of a truth set that change the copies of a unit longer than UNIT_LEAST, for `simulated-repeats`.

    repeat_targets.py TRUTH.vcf.gz REFERENCE.fa CONTIG:BEG-END FLANK_BP WINDOWS.bed TARGETS.bed

A unit is taken as repeated where at least four fifths of the bases put in or taken out stand once more right beside
their place: minisatellites are seldom pure. WINDOWS.bed is the targets with FLANK_BP on both sides, joined where they
meet; TARGETS.bed the stretch over which each indel may roll, and NEAR_BP more.
"""
import subprocess
import sys

UNIT_LEAST = 10  # bp: units longer than this
SAME = 0.8  # of the unit's bases
NEAR_BP = 30


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def primitive(letters):
    """The shortest unit that the letters are made of."""
    for n in range(1, len(letters) + 1):
        if len(letters) % n == 0 and letters == letters[:n] * (len(letters) // n):
            return letters[:n]
    return letters


def target_of(seq, pos, ref, alt):
    """0-based [beg, end) of a target, or None; pos is that of the base before the indel."""
    if min(len(ref), len(alt)) != 1 or len(ref) == len(alt):
        return None
    moving = (ref if len(ref) > len(alt) else alt)[1:]
    size, beg, end = len(moving), pos + 1, pos + len(ref)
    if len(primitive(moving)) <= UNIT_LEAST or beg < size or end + size > len(seq):
        return None
    right = sum(a == b for a, b in zip(seq[end:end + size], moving))
    left = sum(a == b for a, b in zip(seq[beg - size:beg], moving))
    if max(left, right) < SAME * size:
        return None
    n = 0
    while end + n < len(seq) and seq[end + n] == moving[n % size]:
        n += 1
    return beg, end + n


def main():
    truth, reference, region, flank, windows, targets = sys.argv[1:]
    flank, contig = int(flank), region.split(":")[0]
    seq = "".join(run(["samtools", "faidx", reference, contig]).split("\n")[1:]).upper()
    first, last = map(int, region.split(":")[1].split("-"))
    text = run(["bcftools", "query", "-r", region, "-f", "%POS\t%REF\t%ALT[\t%GT]\n", truth])
    found = set()
    for pos, ref, alts, genotype in (line.split("\t") for line in text.splitlines()):
        for number, alt in enumerate(alts.split(","), 1):
            if str(number) not in genotype.replace("/", "|").split("|"):
                continue
            while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
                ref, alt = ref[:-1], alt[:-1]
            target = target_of(seq, int(pos) - 1, ref, alt)
            if target and target[0] - flank >= first and target[1] + flank <= last:
                found.add(target)
    found = sorted(found)
    with open(targets, "w") as f:
        for beg, end in found:
            f.write("%s\t%d\t%d\n" % (contig, beg - 1 - NEAR_BP, end + NEAR_BP))
    joined = []
    for beg, end in found:
        if joined and beg - flank <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end + flank)
        else:
            joined.append([beg - flank, end + flank])
    with open(windows, "w") as f:
        for beg, end in joined:
            f.write("%s\t%d\t%d\n" % (contig, beg, end))
    print("%d indels in %d windows of %d bp in all" % (len(found), len(joined), sum(e - b for b, e in joined)))


if __name__ == "__main__":
    main()
