#!/bin/bash
# SPDX-License-Identifier: MIT
# The whole pipeline on a small simulated cohort gives the same merged records, sites, quality tables at 1, 2, 3 and 5
# ranks, at 1, 7 and 40 shards and for any batch size, built at once or grown; the field's tools read every output
# without a warning, and queries over the index find what a scan finds.
. "$(dirname "$0")/../lib.sh"
need_tools mpirun bcftools samtools tabix

"$KUNI" simulate --quiet --samples 7 --trios 1 --contigs chr20:90k,chrX:40k,chrY:20k,chrM:10k --paralogs 1 --depth 14 \
    --clusters 0.05 --seed 11 --out "$work/cohort" >/dev/null

# What must be the same: decoded records and headers (a compressor may cut its blocks elsewhere), and all tables.
digest() {
    local current=$work/$1/current
    { # the header without lines in which a tool notes itself
        bcftools view --no-version "$current/national.bcf"
        bcftools view --no-version "$current/national.sites.vcf.gz"
        (cd "$current" && find -L qc failures.tsv -type f ! -name '*.gz' | sort | xargs cat)
    } | sha256sum
}

same() { # NAME WHAT
    [ "$(digest "$1")" = "$reference" ] && return
    diff <(bcftools view -H "$work/one/current/national.bcf") <(bcftools view -H "$work/$1/current/national.bcf") |
        cut -c1-300 | head -10
    for file in $(cd "$work/one/current" && find -L qc failures.tsv -type f ! -name '*.gz'); do
        cmp "$work/one/current/$file" "$work/$1/current/$file" || true
    done
    fail "$2 changes the output"
}

run one 0 --set regions.shard=20kb
reference=$(digest one)
[ "$(bcftools view -H "$work/one/current/national.bcf" | wc -l)" -gt 300 ] || fail "hardly a record was called"

for ranks in 1 2 3 5; do
    run "ranks$ranks" $ranks --set regions.shard=20kb
    same "ranks$ranks" "$ranks ranks"
done
for shard in 1Mb 25kb 4kb; do # 4, 9 and 41 shards
    run "shard$shard" 2 --set "regions.shard=$shard"
    same "shard$shard" "a shard of $shard"
done
run batch 0 --set batch=3 --set regions.shard=30kb
same batch "a batch of 3"

# added in two batches: the first four samples, then all; the second run reads no file of the first four
head -n 5 "$work/cohort/manifest.tsv" >"$work/cohort/first.tsv"
run grown 0 --set batch=4 --set regions.shard=30kb --set "cohort=$work/cohort/first.tsv"
for sample in S000001 S000002 S000003 S000004; do mv "$work/cohort/reads/$sample.cram" "$work/$sample.cram"; done
run grown 2 --set batch=4 --set regions.shard=30kb
for sample in S000001 S000002 S000003 S000004; do mv "$work/$sample.cram" "$work/cohort/reads/$sample.cram"; done
same grown "growing from 4 samples to 7"

# every output opens without a word on stderr
cd "$work/one/current"
quiet() {
    "$@" >"$work/out" 2>"$work/err" || fail "status of $*"
    [ ! -s "$work/err" ] || { cat "$work/err"; fail "warning from $*"; }
}
[ -z "$(find "$work/one/data/national.segment" -name '*.bcf.piece')" ] || fail "merge wrote blocks anew that joint-genotype had made for it"
for file in national.bcf national.sites.vcf.gz; do
    quiet bcftools view "$file"
    quiet bcftools stats "$file"
    quiet bcftools index -s "$file"
    for region in chr20:30000-50000 chr20:89000- chrX chrM:1-2000; do
        quiet bcftools view -H -r "$region" "$file"
        mv "$work/out" "$work/queried"
        quiet bcftools view -H -t "$region" "$file"
        # a query by index returns what overlaps, a scan by -t what starts there or overlaps: the same here
        cmp "$work/queried" "$work/out" || fail "query $region of $file"
    done
done
bcftools norm -c e -f "$work/cohort/reference.fa" -Ob -o /dev/null national.bcf 2>"$work/err" || { cat "$work/err"; fail "REF is not the reference"; }
quiet tabix national.sites.vcf.gz chr20:30000-50000
quiet bcftools query -f '%CHROM %POS %REF %ALT %QUAL %FILTER %AC %AN[ %GT:%GQ:%DP:%AD]\n' national.bcf
[ "$(bcftools query -l national.bcf | tr '\n' ' ')" = "S000001 S000002 S000003 S000004 S000005 S000006 S000007 " ] ||
    fail "order of the samples"
# records in order, counts that agree with the genotypes
bcftools query -f '%CHROM\t%POS\n' national.bcf | awk -F '\t' '$1 == c && $2 < p {exit 1} {c = $1; p = $2}' ||
    fail "records out of order"
bcftools +fill-tags national.bcf -Ou -- -t AN,AC 2>/dev/null | bcftools query -f '%POS %AC %AN\n' >"$work/filled"
bcftools query -f '%POS %AC %AN\n' national.bcf | cmp - "$work/filled" || fail "AC or AN is not what the genotypes say"
echo "all right: $(bcftools view -H national.bcf | wc -l) records"
