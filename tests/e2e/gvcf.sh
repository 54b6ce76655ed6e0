#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni gvcf: the same gVCF however the region was cut into shards, taken by bcftools without a warning, merged by it
# to the truth of a simulated cohort, and read back by import-gvcf.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools bgzip tabix

"$KUNI" simulate --quiet --samples 3 --contigs chr20 --length 60k --seed 1 --out "$work/sim" >/dev/null
cd "$work/sim"
for cut in 9kb 1Mb; do
    workflow=workflow.yaml run "$cut" 0 --set "regions.shard=$cut"
    mapfile -t files < <(find "$work/$cut/data" -name '*.ev' | sort -r)
    for sample in $(cut -f2 manifest.tsv | tail -n +2); do
        "$KUNI" gvcf -r reference.fa -s "$sample" -o "$work/$cut.$sample.g.vcf.gz" "${files[@]}"
    done
done
for sample in $(cut -f2 manifest.tsv | tail -n +2); do
    cmp <(bgzip -dc "$work/9kb.$sample.g.vcf.gz") <(bgzip -dc "$work/1Mb.$sample.g.vcf.gz") ||
        fail "the cut shows in the gVCF of $sample"
done
# Every base has a record, one after another, with or without data: GATK's ValidateVariants -gvcf asks for that.
gaps() { awk -v last="$1" '!/^#/ { end = $2 + length($4) - 1; if (match($8, /END=[0-9]+/)) end = substr($8, RSTART + 4, RLENGTH - 4) + 0
    if ($2 > at + 1) { print "nothing at " at + 1; exit } if (end > at) at = end } END { if (at != last) print "ends at " at ", not " last }'; }
length=$(cut -f2 reference.fa.fai)
for sample in $(cut -f2 manifest.tsv | tail -n +2); do
    [ -z "$(bgzip -dc "$work/1Mb.$sample.g.vcf.gz" | gaps "$length")" ] || fail "the gVCF of $sample has gaps"
done
[ -n "$(bgzip -dc "$work/1Mb.$sample.g.vcf.gz" | awk '/^#/ || ++n != 2' | gaps "$length")" ] || fail "gaps are not seen"
bgzip -dc "$work/1Mb.$sample.g.vcf.gz" | grep -q '0/0:0:0:0:0,0,0$' || fail "no stretch without data in the cohort"
bcftools merge -g reference.fa -Oz -o "$work/merged.vcf.gz" "$work"/1Mb.*.g.vcf.gz 2>"$work/log"
[ ! -s "$work/log" ] || { cat "$work/log"; fail "bcftools warns"; }
sites=$(bcftools query -i 'GT="alt" && QUAL>=30' -f '%POS\n' "$work/merged.vcf.gz" | sort -u | wc -l)
truth=$(bcftools query -i 'GT="alt"' -f '%POS\n' truth.vcf.gz | sort -u | wc -l)
echo "$sites sites of $truth true ones"
((sites * 10 >= truth * 8 && sites * 10 <= truth * 12)) || fail "the merged gVCFs are far from the truth"
"$KUNI" gvcf -r reference.fa -s NOBODY "${files[0]}" >/dev/null 2>"$work/log" && fail "a sample that is not there"
grep -q NOBODY "$work/log" || fail "the message does not name the sample"

# Single copies, and such written as two.
"$KUNI" simulate --quiet --samples 2 --contigs chrX,chrM --length 16k --seed 2 -d 12 --out "$work/xm" >/dev/null
cd "$work/xm"
"$KUNI" run --quiet workflow.yaml >/dev/null 2>&1 || fail "the cohort with X and M"
"$KUNI" export -f gvcf -o "$work/one" workflow.yaml >/dev/null
"$KUNI" export -f gvcf --diploid -o "$work/two" workflow.yaml >/dev/null
for sample in $(cut -f2 manifest.tsv | tail -n +2); do
    bcftools query -f '%CHROM %POS %REF %ALT[ %GT %GQ %PL]\n' "$work/one/$sample.g.vcf.gz" >one
    bcftools query -f '%CHROM %POS %REF %ALT[ %GT %GQ %PL]\n' "$work/two/$sample.g.vcf.gz" >two
    grep -q ' [01] ' one || fail "$sample has no single copy anywhere"
    ! grep -Eq ' [01.] [0-9.]+ [0-9.,]+$' two || fail "--diploid leaves single copies"
    # Calls are the same, doubled; GQ is what the likelihoods say.
    join -j 1 <(awk '$5 ~ /^[1-9]$/ { print $1 ":" $2 ":" $3 ":" $4, $5 "/" $5 }' one | sort) \
        <(awk '{ print $1 ":" $2 ":" $3 ":" $4, $5, $6, $7 }' two | sort) >both
    awk '{ n = split($5, pl, ","); best = second = 1e9; for (i = 1; i <= n; i++) { if (pl[i] < best) { second = best; best = pl[i] } else if (pl[i] < second) second = pl[i] }
        if ($2 != $3 || best != 0 || $4 != (second < 99 ? second : 99)) { print; bad = 1 } } END { exit bad }' both || fail "$sample: a call has changed"
    cat both
done >calls
[ -s calls ] || fail "nobody has a call on one copy"
"$KUNI" export --diploid -o x.bcf workflow.yaml 2>/dev/null && fail "--diploid of another format"
"$KUNI" export -o x.vcf.gz workflow.yaml >/dev/null
[ -s x.vcf.gz.tbi ] && [ -s x.vcf.gz.csi ] || fail "a VCF without both indices"
echo OK
