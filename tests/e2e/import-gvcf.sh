#!/bin/bash
# SPDX-License-Identifier: MIT
# Real GATK gVCFs through import, joint genotyping and merge: every ALT that a sample's file calls is in the national call
# set, damaged files are quarantined with their reason, evidence passes its check, and shards, batches and ranks leave no trace.
. "$(dirname "$0")/../lib.sh"
need_tools mpirun bcftools
need_data gvcf_1000G50_chr22 GRCh38_chr22_panel_and_NA12878/GRCh38.chr22.masked.fa.gz
gvcfs=$KUNI_DATA/gvcf_1000G50_chr22
reference=$KUNI_DATA/GRCh38_chr22_panel_and_NA12878/GRCh38.chr22.masked.fa.gz

cp "$reference"* "$work"
chmod -R u+w "$work"
names=(HG00187 HG00190 HG00320 HG00323 HG00339 HG00553 HG00590 HG00592)
head -c 30000 "$gvcfs/HG04001.hg38.g.vcf.gz" >"$work/cut.g.vcf.gz"
cp "$gvcfs/HG04001.hg38.g.vcf.gz.tbi" "$work/cut.g.vcf.gz.tbi"
zcat "$gvcfs/HG04001.hg38.g.vcf.gz" | sed 's#\t0/0:#\t0/0/0:#' | bcftools view --no-version -Oz -o "$work/triploid.g.vcf.gz"
bcftools index -t "$work/triploid.g.vcf.gz"
{
    printf 'participant_id\tsample_id\tsex\treads\n'
    for name in "${names[@]}"; do
        printf '%s\t%s\tunknown\t%s\n' "$name" "$name" "$gvcfs/$name.hg38.g.vcf.gz"
    done
    printf 'CUT\tCUT\tunknown\t%s\n' "$work/cut.g.vcf.gz"
    printf 'TRI\tTRI\tunknown\t%s\n' "$work/triploid.g.vcf.gz"
} >"$work/cohort.tsv"
cat >"$work/workflow.yaml" <<EOF
version: 1
reference: $(basename "$reference")
cohort: cohort.tsv
dataset: unset
regions: {contigs: ["chr22:10500001-12000000"], shard: 300kb}
on_error: {max_quarantined: 2}
stages:
  - {id: import, uses: import-gvcf}
  - {id: joint, uses: joint-genotype, needs: import}
  - {id: national, uses: merge, needs: [import, joint]}
EOF

workflow=$work/workflow.yaml
records() { bcftools view -H "$work/$1/current/national.bcf" | sha256sum; }

run one 0
report=$work/one/current/qc/import_gvcf.tsv
[ "$(wc -l <"$report")" -eq $((${#names[@]} + 1)) ] || { cat "$report"; fail "lines of the report"; }
for reason in '^CUT.*cut.g.vcf.gz' "^TRI.*genotype '0/0/0'"; do
    grep -q "$reason" "$work/one/current/failures.tsv" ||
        { cat "$work/one/current/failures.tsv"; fail "no line with $reason in failures.tsv"; }
done
find "$work/one" -name '*.ev' -exec "$KUNI" evidence check {} + >"$work/check.log" ||
    { cat "$work/check.log"; fail "evidence check"; }

bcftools query -l "$work/one/current/national.bcf" | diff - <(printf '%s\n' "${names[@]}") || fail "columns"
# Called ALTs of the inputs, normalised, and those of the call set.
for name in "${names[@]}"; do
    bcftools view -a -i 'GT="alt"' "$gvcfs/$name.hg38.g.vcf.gz" 2>/dev/null | bcftools norm -m -any 2>/dev/null |
        bcftools query -i 'ALT!="<NON_REF>" && ALT!="*" && GT="alt"' -f '%POS %REF %ALT\n'
done | sort -u >"$work/in"
bcftools norm -m -any "$work/one/current/national.bcf" 2>/dev/null | bcftools query -f '%POS %REF %ALT\n' |
    sort -u >"$work/out"
[ "$(wc -l <"$work/in")" -gt 20 ] || fail "the inputs call hardly anything"
comm -23 "$work/in" "$work/out" >"$work/lost"
[ ! -s "$work/lost" ] || { cat "$work/lost"; fail "alleles are lost"; }

wanted=$(records one)
run shards 3 --set regions.shard=40kb --set batch=3
[ "$(records shards)" = "$wanted" ] || fail "shards, batches or ranks change the records"
echo "$(wc -l <"$work/in") alleles of ${#names[@]} gVCFs, none lost"
