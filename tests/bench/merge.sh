#!/bin/bash
# SPDX-License-Identifier: MIT
# The merge of a cohort's shards against bcftools doing the same: one indexed BCF and an indexed sites VCF.
# Data: the 1000G panel of 3,202 samples on chr22 (200 kb), laid side by side COPIES times.
#   KUNI=build/release/kuni KUNI_DATA=FOLDER tests/bench/merge.sh [COPIES=8] [RANKS=2]
set -euo pipefail

kuni=$(realpath "${KUNI:?path of the program}")
data=${KUNI_DATA:?folder of the test data}/GRCh38_chr22_panel_and_NA12878
copies=${1:-8} ranks=${2:-2}
[ -d "$data" ] || {
    echo "skipped: $data is not there"
    exit 77
}
data=$(realpath "$data")
work=$(mktemp -d /tmp/kuni-bench-merge-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"

panel=$data/1000G_3202_phased.chr22.vcf.gz
bcftools view --no-version -h "$panel" |
    sed 's/##contig=<ID=chr22.*/##contig=<ID=chr22,length=50818468>/' |
    awk '!/^##contig/ || /chr22,/' >header
bcftools view -H "$panel" >body
for copy in $(seq 0 $((copies - 1))); do
    awk -v OFS='\t' -v shift=$((copy * 262144)) '{$2 += shift; print}' body
done | cat header - | bcftools view --no-version -Ob -l 2 -o panel.bcf
rm body
bcftools index panel.bcf

# The cohort's reads are not looked at: one empty BAM serves all.
printf '@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr22\tLN:50818468\n' | samtools view -b -o empty.bam -
samtools index empty.bam
mkdir reads
printf 'participant_id\tsample_id\treads\n' >cohort.tsv
bcftools query -l panel.bcf | while read -r sample; do
    ln -s ../empty.bam "reads/$sample.bam"
    ln -s ../empty.bam.bai "reads/$sample.bam.bai"
    printf '%s\t%s\treads/%s.bam\n' "$sample" "$sample" "$sample"
done >>cohort.tsv

workflow() { # DATASET
    cat <<YAML
version: 1
name: merge-bench
reference: $data/GRCh38.chr22.masked.fa.gz
cohort: cohort.tsv
dataset: $1
regions: {contigs: ["chr22:16500001-$((16800000 + copies * 262144))"], shard: 262144}
resources: {panel: panel.bcf}
stages:
  - id: source
    run: bcftools view --no-version -r {region} --regions-overlap pos -Ob -l 2 -o {output} {resource.panel}
    scatter: region
    takes: []
YAML
}
merge='  - {id: national, uses: merge, needs: source}'

seconds() { # COMMAND...
    local start
    start=$(date +%s.%N)
    "$@" >out 2>&1 || {
        cat out
        exit 1
    }
    awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {printf "%.2f\n", b - a}'
}

by_bcftools() {
    bcftools concat --no-version -Ob -o peer.bcf "$@"
    bcftools index peer.bcf
    bcftools view --no-version -G -Oz -o peer.sites.vcf.gz peer.bcf
    tabix -p vcf peer.sites.vcf.gz
}

for count in 1 "$ranks"; do
    workflow "set$count" >w.yaml
    "$kuni" run w.yaml >out 2>&1 || { # the shards' calls, not timed; and what a run costs by itself
        cat out
        exit 1
    }
    launch=()
    [ "$count" -eq 1 ] || launch=(mpirun --allow-run-as-root --oversubscribe -n "$count")
    idle=$(seconds "${launch[@]}" "$kuni" run w.yaml)
    echo "$merge" >>w.yaml
    took=$(seconds "${launch[@]}" "$kuni" run w.yaml)
    [ "$count" -ne 1 ] || peer=$(seconds by_bcftools "set$count"/data/source/*/*.bcf)
    cmp <(bcftools view -H "set$count/current/national.bcf") <(bcftools view -H peer.bcf)
    cmp <(bcftools view -H "set$count/current/national.sites.vcf.gz") <(bcftools view -H peer.sites.vcf.gz)
    echo "$count ranks: kuni $took s (of which starting and checking $idle s), bcftools $peer s: ratio" \
        "$(awk -v a="$peer" -v b="$took" 'BEGIN {printf "%.2f", a / b}');" \
        "$(stat -c %s "set$count/current/national.bcf") and $(stat -c %s peer.bcf) bytes"
done
