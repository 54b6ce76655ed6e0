#!/bin/bash
# SPDX-License-Identifier: MIT
# variant-quality in a workflow: a cohort with artefacts in its reads gets a model, VQ and LowVQ; the same records, model
# and report at 1 and 3 ranks, at 1 and 11 shards, in batches and grown; annotate leaves FILTER as joint-genotype made it.
. "$(dirname "$0")/../lib.sh"
need_tools mpirun bcftools samtools python3

cohort=$work/cohort
"$KUNI" simulate --quiet --samples 30 --trios 2 --contigs chr20:100k --heterozygosity 0.002 --depth 14 --seed 5 \
    --out "$cohort" >/dev/null
for file in "$cohort"/reads/*.cram; do
    sample=$(basename "$file" .cram)
    samtools view -h --reference "$cohort/reference.fa" "$file" |
        "$here/../accuracy/inject-artefacts" 5 700 "$sample" | samtools view -b -o "$cohort/reads/$sample.bam" -
    samtools index "$cohort/reads/$sample.bam"
    rm "$file" "$file.crai"
done
sed -i 's/\.cram\.crai/.bam.bai/; s/\.cram/.bam/' "$cohort/manifest.tsv"
sed -i -e '/- id: qc/,/needs: \[call\]/d' -e 's/needs: \[qc, joint\]/needs: [quality]/' \
    -e 's/  - id: national/  - id: quality\n    uses: variant-quality\n    with: {use: filter}\n    needs: [joint]\n  - id: national/' \
    "$cohort/workflow.yaml"
sed 's/use: filter/use: annotate/' "$cohort/workflow.yaml" >"$cohort/annotate.yaml"

digest() {
    local current=$work/$1/current
    { bcftools view --no-version "$current/national.bcf"; cat "$current"/qc/variant_quality*.tsv; } | sha256sum
}

run one 0 --set regions.shard=1Mb
cat "$work/one/current/qc/variant_quality.tsv"
grep -q '^snp' "$work/one/current/qc/variant_quality.model.tsv" || fail "no model of SNPs"
reference=$(digest one)
run cut 3 --set regions.shard=9kb --set batch=7
[ "$(digest cut)" = "$reference" ] || fail "shards, batches or ranks change the output"
head -n 21 "$cohort/manifest.tsv" >"$cohort/first.tsv"
run grown 0 --set regions.shard=30kb --set batch=10 --set "cohort=$cohort/first.tsv"
run grown 0 --set regions.shard=30kb --set batch=10
[ "$(digest grown)" = "$reference" ] || fail "growing from 20 samples to 30 changes the output"

"$here/../accuracy/quality-sites" "$work/one/current/national.bcf" "$cohort/truth.vcf.gz" "$cohort/reference.fa" \
    "$cohort/truth.bed" >"$work/table"
cat "$work/table"
# fields of what no filter gives: true kept, false let through
awk '/^snp/ {snp = 1} /^indel/ {snp = 0} snp && /^no filter/ {true = $3; false = $8} snp && /^model/ {kept = $5}
     END {exit !(true > 200 && false > 30 && kept > 98)}' "$work/table" || fail "the model loses true sites"

workflow=$cohort/annotate.yaml run plain 0 --set regions.shard=1Mb
bcftools query -f '%POS %FILTER\n' "$work/plain/current/national.bcf" >"$work/filters"
grep -q LowVQ "$work/filters" && fail "annotate sets FILTER"
bcftools query -f '%INFO/VQ\n' "$work/plain/current/national.bcf" | grep -v '^\.$' >"$work/scores" || fail "annotate sets no VQ"
cmp <(bcftools query -f '%POS %VQ\n' "$work/plain/current/national.bcf") \
    <(bcftools query -f '%POS %VQ\n' "$work/one/current/national.bcf") || fail "VQ depends on its use"
bcftools query -f '%FILTER\n' "$work/one/current/national.bcf" >"$work/filters"
sort "$work/filters" | uniq -c | sort -rn
grep -q LowVQ "$work/filters" || fail "nothing is flagged"
# StrandBias stays only where no model judges: on indels here
bcftools query -i 'FILTER~"StrandBias" && VQ!="."' -f '%POS\n' "$work/one/current/national.bcf" >"$work/left"
[ ! -s "$work/left" ] || fail "StrandBias was not replaced"
# Exports carry VQ and FILTER.
"$KUNI" export --set "dataset=$work/one" --set regions.shard=1Mb -S S000001,S000002 -r chr20:1000-60000 -o "$work/two.vcf" \
    "$cohort/workflow.yaml" >/dev/null 2>&1 || fail "export"
bcftools query -f '%POS %FILTER %VQ\n' "$work/two.vcf" >"$work/two"
[ -s "$work/two" ] || fail "nothing is exported"
bcftools query -t chr20:1000-60000 -f '%POS %FILTER %VQ\n' "$work/one/current/national.bcf" >"$work/all"
grep -vxFf "$work/all" "$work/two" | head -3 >"$work/odd" || true
[ ! -s "$work/odd" ] || { cat "$work/odd"; fail "exported VQ or FILTER are others"; }
echo ok
