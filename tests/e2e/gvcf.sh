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
bcftools merge -g reference.fa -Oz -o "$work/merged.vcf.gz" "$work"/1Mb.*.g.vcf.gz 2>"$work/log"
[ ! -s "$work/log" ] || { cat "$work/log"; fail "bcftools warns"; }
sites=$(bcftools query -i 'GT="alt" && QUAL>=30' -f '%POS\n' "$work/merged.vcf.gz" | sort -u | wc -l)
truth=$(bcftools query -i 'GT="alt"' -f '%POS\n' truth.vcf.gz | sort -u | wc -l)
echo "$sites sites of $truth true ones"
((sites * 10 >= truth * 8 && sites * 10 <= truth * 12)) || fail "the merged gVCFs are far from the truth"
"$KUNI" gvcf -r reference.fa -s NOBODY "${files[0]}" >/dev/null 2>"$work/log" && fail "a sample that is not there"
grep -q NOBODY "$work/log" || fail "the message does not name the sample"
echo OK
