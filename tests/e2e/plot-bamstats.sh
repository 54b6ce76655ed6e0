#!/bin/bash
# SPDX-License-Identifier: MIT
# plot-bamstats (samtools) draws the samtools-stats texts of alignment-qc: all that it draws of samtools' own text of the same
# reads, but for the charts of what alignment-qc does not count. GC of the reads is samtools' within half of its bins, and texts can
# be merged.
. "$(dirname "$0")/../lib.sh"
need_tools samtools plot-bamstats gnuplot python3

"$KUNI" simulate --samples 2 --length 20k --out "$work/cohort" >/dev/null 2>&1
run dataset 0
mkdir "$work/ours" "$work/theirs"
tar -C "$work/ours" -xzf "$work/dataset/current/qc/samtools_stats.tar.gz"
for sample in S000001 S000002; do
    samtools view -b -T "$work/cohort/reference.fa" -o "$work/$sample.bam" "$work/cohort/reads/$sample.cram"
    samtools stats -r "$work/cohort/reference.fa" "$work/$sample.bam" >"$work/theirs/$sample.stats.txt"
done

# draw FOLDER: its first sample. A number that perl looks for in vain makes an empty chart, so that is a failure too.
draw() {
    log=$work/$1.log
    plot-bamstats -p "$work/$1/plots/" "$work/$1/S000001.stats.txt" >"$log" 2>&1 || fail "plot-bamstats refuses the text of $1"
    ! grep -i 'uninitialized' "$log" || fail "plot-bamstats stumbles over the text of $1"
    (cd "$work/$1/plots" && find . -name '*.png' -size +3k | sort) >"$work/$1.drawn"
}
draw ours
draw theirs
printf './%s.png\n' acgt-cycles indel-cycles mism-per-cycle >"$work/not-counted"
comm -13 "$work/ours.drawn" "$work/theirs.drawn" >"$work/lacking"
cmp -s "$work/lacking" "$work/not-counted" || fail "not drawn: $(tr '\n' ' ' <"$work/lacking")"
[ "$(wc -l <"$work/ours.drawn")" -ge 7 ] || fail "drawn: $(tr '\n' ' ' <"$work/ours.drawn")"

plot-bamstats -m "$work"/ours/S00000[12].stats.txt >"$work/merged.txt" 2>"$work/merge.log" || fail "plot-bamstats -m"
python3 - "$work" <<'PYTHON'
import sys
work = sys.argv[1]


def lines(path, key):
    with open(path, encoding="utf-8") as text:
        return [line.rstrip("\n").split("\t")[1:] for line in text if line.startswith(key + "\t")]


def summary(path):
    return {row[0]: row[1] for row in lines(path, "SN")}


def samtools_gc(path, key):
    """samtools has 200 bins and writes a line a run of equal ones, at the middle of the run."""
    weight = total = 0
    begin = 0
    for middle, count in lines(path, key):
        end = round(2 * float(middle) * 199 / 100) - begin
        weight += int(count) * (end - begin)
        total += int(count) * (end - begin) * float(middle)
        begin = end
    return total / weight


for sample in ("S000001", "S000002"):
    mine, peer = (f"{work}/{side}/{sample}.stats.txt" for side in ("ours", "theirs"))
    assert summary(mine)["sequences:"] == summary(peer)["sequences:"] != "0"
    for key, reads in (("GCF", "1st fragments:"), ("GCL", "last fragments:")):
        bins = [(float(gc), int(n)) for gc, n in lines(mine, key)]
        assert len(bins) == 101 and sum(n for _, n in bins) == int(summary(mine)[reads])
        ours = sum(gc * n for gc, n in bins) / sum(n for _, n in bins)
        theirs = samtools_gc(peer, key)
        print(f"{sample} {key}: mean GC {ours:.2f} %, samtools {theirs:.2f} %")
        assert abs(ours - theirs) < 0.25, (ours, theirs)  # half of samtools' bin
both = [summary(f"{work}/ours/{s}.stats.txt") for s in ("S000001", "S000002")]
merged = summary(f"{work}/merged.txt")
for name in ("sequences:", "reads mapped:", "bases mapped (cigar):", "mismatches:"):
    assert int(merged[name]) == sum(int(one[name]) for one in both), name
assert [int(row[1]) for row in lines(f"{work}/merged.txt", "GCF")] == [
    int(a[1]) + int(b[1]) for a, b in zip(*(lines(f"{work}/ours/{s}.stats.txt", "GCF") for s in ("S000001", "S000002")))]
PYTHON
verdict "$(samtools --version | head -n 1): plot-bamstats draws $(wc -l <"$work/ours.drawn") charts"
