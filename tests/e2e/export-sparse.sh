#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni export -f sparse of everybody takes records from national.sparse.vcf.gz: the bytes that evidence gives, of any region, with what later stages
# made of the records; without journal, seals and evidence; and only where the settings are those of the call set.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools bgzip
go_on=1
cd "$work"

# So few reads that there are no calls for many reasons, also where the copies of X change (at 4,000).
"$KUNI" simulate --quiet -n 24 --contigs chr20:150k,chrX:40k -d 0.4:3 --clusters 0.2 -o cohort >/dev/null
workflow() { # NAME SETTINGS-OF-JOINT NEEDS-OF-MERGE
    cat >"$1.yaml" <<YAML
version: 1
name: export
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
pedigree: cohort/pedigree.ped
dataset: $1
regions: {shard: 70kb, ploidy: cohort/ploidy.bed}
batch: 4
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call, with: {output: sites, also: [sparse]$2}}
  - {id: national, uses: merge, needs: $3}
YAML
}
workflow plain "" joint
workflow least ", min_gq: 12, sparse_gq: [], sparse_dp: [5]" joint
workflow added "" annotate
cat >>added.yaml <<'YAML'
  - id: annotate
    run: |
      bcftools view --no-version {input} | awk -F'\t' -v OFS='\t' '/^#CHROM/ {print "##INFO=<ID=NEW,Number=1,Type=Integer,Description=new>"}
        /^#/ {print; next} $2 % 5 {$3 = "id" $2; if ($2 % 7 == 0) $7 = "AC0"; $8 = $8 ";NEW=" $2; print}' | bcftools view --no-version -Ob -o {output}
    scatter: region
    may_drop: 100%
    needs: [joint]
YAML
everybody=$(tail -n +2 cohort/manifest.tsv | cut -f 2 | paste -sd,)
# All; over the edges of chunks (65,536) and shards (70,000); several within a chunk; one without a record; where the copies of X change.
regions=("" "-r chr20:60000-70500,chrX" "-r chrX:20000-39000,chr20:100-900,chr20:1500-1600,chr20:5-6" "-r chr20:69000-72000" "-r chr20:65500-65600"
    "-r chr20:71234-99999" "-r chr20:140001-150000" "-r chrX:4000-4600" "-r chrX:3900-4300" "-r chrX:4301-9000")
for w in plain least added; do
    "$KUNI" run --quiet "$w.yaml" 2>run.log || { cat run.log; exit 1; }
    for i in "${!regions[@]}"; do
        # shellcheck disable=SC2086 # words
        "$KUNI" export -f sparse ${regions[i]} -S "$everybody" -o "$w$i.made.sparse.vcf.gz" "$w.yaml" >/dev/null || fail "$w: no export from evidence"
    done
    # What a later stage took out of the call set is in nobody's export of it.
    for how in "-f bcf -S $everybody" "-f bcf -S ${everybody%%,*}" "-f sites -S ${everybody%%,*}" "-f bcf -F GT"; do
        # shellcheck disable=SC2086 # words
        "$KUNI" export $how -o those.bcf "$w.yaml" >/dev/null || fail "$w $how: no export"
        cmp -s <(bcftools query -f '%CHROM %POS %ID %FILTER\n' those.bcf) <(bcftools query -f '%CHROM %POS %ID %FILTER\n' "$w/current/national.bcf") ||
            fail "$w $how: other records than were published"
    done
    "$KUNI" export -f bcf -S "$everybody" -o "$w.those.bcf" "$w.yaml" >/dev/null || fail "$w: no dense export"
    mkdir "$w-aside"
    mv "$w/journal" "$w/sealed" "$w/data/call" "$w/data/joint" "$w-aside"
    for i in "${!regions[@]}"; do
        # Where a block with min_gq ends, a record tells that may lie outside of the region.
        [ "$w" = plain ] || [ "$w" = added ] || [ "$i" = 0 ] || continue
        # shellcheck disable=SC2086 # words
        "$KUNI" export -f sparse ${regions[i]} -o taken.sparse.vcf.gz "$w.yaml" >/dev/null || fail "$w: no export without evidence"
        cmp -s "$w$i.made.sparse.vcf.gz" taken.sparse.vcf.gz ||
            { fail "$w ${regions[i]}: another than from evidence"; diff <(bgzip -dc "$w$i.made.sparse.vcf.gz") <(bgzip -dc taken.sparse.vcf.gz) | head -4 | cut -c1-300; }
        cmp -s "$w$i.made.sparse.vcf.gz.csi" taken.sparse.vcf.gz.csi || fail "$w ${regions[i]}: another index than from evidence"
    done
done
# Genotypes of what stayed are those that they were.
bcftools query -f '%CHROM %POS[ %GT:%GQ:%DP]\n' plain.those.bcf | awk '$2 % 5' >stayed
cmp -s stayed <(bcftools query -f '%CHROM %POS[ %GT:%GQ:%DP]\n' added.those.bcf) || fail "added: other genotypes where a record before was taken out"
[ "$(bgzip -dc plain0.made.sparse.vcf.gz | grep -vc '^#')" -gt 300 ] || fail "too few records to tell anything"
[ "$(bgzip -dc added0.made.sparse.vcf.gz | grep -c "	Dropped	")" -gt 9 ] || fail "no record that a later stage took out"

"$KUNI" export -f sparse -r chr20:60000-70500,chrX -j 3 -o jobs.sparse.vcf.gz plain.yaml >/dev/null
cmp -s plain1.made.sparse.vcf.gz jobs.sparse.vcf.gz || fail "three jobs write other bytes"
# Other records than the file has are not to be had without evidence.
for how in "plain --exact" "plain -F GT,GQ" "plain --set stages.joint.sparse_dp=[5]" "least -r chr20:100-9000" "plain -S ${everybody%%,*}"; do
    # shellcheck disable=SC2086 # words
    "$KUNI" export -f sparse ${how#* } -o other.sparse.vcf.gz "${how%% *}.yaml" >/dev/null 2>&1 && fail "$how: was taken from the published file"
done
national=$(realpath plain/current/national.sparse.vcf.gz)
cp "$national" whole
rm -f "$national"
head -c -1 whole >"$national"
"$KUNI" export -f sparse -o cut.sparse.vcf.gz plain.yaml >/dev/null 2>err && fail "a published file that is cut off was taken"
grep -q "was published with" err || fail "not told that the file is cut off: $(cat err)"
rm -f "$national"
cp whole "$national"

# A record that has blocks of its own, as all have of many people: here those that are alone in a shard.
rm -rf cohort
"$KUNI" simulate --quiet -n 3 --contigs chr20:9k -d 20 --seed 3 -o cohort >/dev/null
workflow alone "" joint
sed -i -e 's/shard: 70kb, ploidy: [^}]*/shard: 300/' alone.yaml
"$KUNI" run --quiet alone.yaml 2>run.log || { cat run.log; exit 1; }
[ "$(bcftools query -f '%POS\n' alone/current/national.bcf | awk '{ n[int(($1 - 1) / 300)]++ } END { for (i in n) one += n[i] == 1; print one + 0 }')" -gt 3 ] ||
    fail "no record is alone"
for r in chr20 chr20:700-8500; do
    "$KUNI" export -f sparse -r "$r" -S "$(tail -n +2 cohort/manifest.tsv | cut -f 2 | paste -sd,)" -o made.sparse.vcf.gz alone.yaml >/dev/null
    "$KUNI" export -f sparse -r "$r" -o taken.sparse.vcf.gz alone.yaml >/dev/null
    cmp -s made.sparse.vcf.gz taken.sparse.vcf.gz || fail "blocks that are taken as they are: another file than from evidence"
done
verdict "sparse records are taken as they were published"
