#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni export of everybody takes records from the published file: the same as from evidence, without journal, seals and
# evidence, and only while the file, the settings and the people are what was published. Of some people it reads their
# batches' seals and evidence, without the journal.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools bgzip
go_on=1
cd "$work"

"$KUNI" simulate --quiet -n 9 --contigs chr20:150k,chrX:40k -d 8:30 --clusters 0.2 -o cohort >/dev/null
cat >w.yaml <<'YAML'
version: 1
name: export
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
pedigree: cohort/pedigree.ped
dataset: dataset
regions: {shard: 70kb, ploidy: diploid}
batch: 4
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call, with: {also: [sites], local_alleles_over: 1}}
  - {id: national, uses: merge, needs: joint}
YAML
"$KUNI" run --quiet w.yaml 2>run.log || { cat run.log; exit 1; }
everybody=$(tail -n +2 cohort/manifest.tsv | cut -f 2 | paste -sd,)

text() { # FILE: header and records, or lines of a table
    case $1 in
    *.tsv.gz) bgzip -dc "$1" ;;
    *.pgen) cksum "${1%.pgen}.pgen" "${1%.pgen}.pvar" "${1%.pgen}.psam" | cut -d ' ' -f 1,2 ;;
    *.vcz) (cd "$1" && find . -type f | sort | xargs cksum) ;;
    *) bcftools view --no-version "$1" ;;
    esac
}
forms=("bcf -o OUT.bcf" "bcf -o OUT.bcf -r chr20:60000-70500,chrX" "vcf.gz -o OUT.vcf.gz -r chr20:65000-66000" "vcf -o OUT.vcf -r chrX:20000-40000"
    "bcf -o OUT.bcf -F GT,DP" "bcf -o OUT.bcf -F GT,AD" "bcf -o OUT.bcf -F GT,PL" "sites -o OUT.bcf" "sites-tsv -o OUT.tsv.gz -r chr20:1-90000"
    "plink -o OUT.bcf" "pgen -o OUT" "pgen -o OUT -r chr20:60000-70500,chrX" "zarr -o OUT.vcz" "zarr -o OUT.vcz -F GT,AD -r chr20:60000-70500")
export_as() { # NAME FORM: exports it as NAME.EXTENSION, and says that
    local words=${2//OUT/$1}
    # shellcheck disable=SC2086 # words
    "$KUNI" export -f $words "${@:3}" w.yaml | head -n 1
}

# Who is named one by one is made from evidence, as everybody was before there were published files to take from.
for i in "${!forms[@]}"; do text "$(export_as "made$i" "${forms[i]}" -S "$everybody")" >"made$i.text"; done
[ "$(grep -vc '^#' made0.text)" -gt 300 ] || fail "too few records to tell anything"
grep -q '^##FORMAT=<ID=LPL' made0.text || fail "no local alleles"

# Neither journal nor seals nor evidence are there.
mkdir aside
mv dataset/journal dataset/sealed dataset/data/call dataset/data/joint aside
for i in "${!forms[@]}"; do
    text "$(export_as "taken$i" "${forms[i]}")" >"taken$i.text"
    cmp -s "made$i.text" "taken$i.text" || { fail "${forms[i]}: another than from evidence"; diff "made$i.text" "taken$i.text" | head -4 | cut -c1-300; }
done
"$KUNI" export -o one.bcf -S "${everybody%%,*}" w.yaml >/dev/null 2>&1 && fail "exported one without evidence"

# The bytes do not tell who wrote them, nor how many did.
"$KUNI" export -j 3 -o jobs.bcf w.yaml >/dev/null
cmp -s taken0.bcf jobs.bcf || fail "three jobs write other bytes"
cmp -s taken0.bcf.csi jobs.bcf.csi || fail "three jobs write another index"
if have mpirun; then
    mpirun --oversubscribe -n 3 "$KUNI" export -o ranks.bcf w.yaml >/dev/null
    cmp -s taken0.bcf ranks.bcf || fail "three ranks write other bytes"
fi
bcftools view -H -r chrX:1000-30000 taken0.bcf >/dev/null || fail "the index is no good"
for e in bcf bcf.csi; do cmp -s "made0.$e" "taken0.$e" || fail "made0.$e and taken0.$e have other bytes"; done

# Other settings than the call set was made with are not to be had from it.
for how in --exact "--reference-likelihoods all" "--set stages.joint.min_gq=3"; do
    # shellcheck disable=SC2086 # words
    "$KUNI" export $how -o other.bcf w.yaml >/dev/null 2>&1 && fail "$how: was taken from the published file"
done

# Some people: the seals of their batches, and files of joint steps by their names. A file of another key beside them, as a run that was stopped leaves
# it, makes names ambiguous: then journal and all seals are read, to the same end.
mv aside/journal aside/sealed dataset
mv aside/call aside/joint dataset/data
some=("bcf -o OUT.bcf" "bcf -o OUT.bcf -r chr20:60000-70500 --exact" "vcf.gz -o OUT.vcf.gz -r chrX -F GT,AD" "sites -o OUT.bcf -r chr20:1-90000"
    "sparse -o OUT.sparse.vcf.gz" "plink -o OUT.bcf")
two=$(echo "$everybody" | cut -d , -f 2,4) # of the first batch
for i in "${!some[@]}"; do text "$(export_as "quick$i" "${some[i]}" -S "$two")" >"quick$i.text"; done
for d in dataset/data/joint/*/; do touch "$d/all.0123456789abcdef.sites.bcf" "$d/all.0123456789abcdef.bcf"; done
for i in "${!some[@]}"; do
    text "$(export_as "slow$i" "${some[i]}" -S "$two")" >"slow$i.text"
    cmp -s "quick$i.text" "slow$i.text" || { fail "${some[i]} of two: another than by the journal"; diff "quick$i.text" "slow$i.text" | head -4 | cut -c1-300; }
done
rm dataset/data/joint/*/all.0123456789abcdef.*
others=$(find dataset/sealed -name '*.tsv' ! -name 'b0000.tsv')
[ "$others" ] || fail "there is one batch alone"
mkdir seals
mv dataset/journal seals
# shellcheck disable=SC2086 # words
mv $others seals
for i in "${!some[@]}"; do
    text "$(export_as "alone$i" "${some[i]}" -S "$two")" >"alone$i.text"
    cmp -s "quick$i.text" "alone$i.text" || fail "${some[i]} of two: another without the seals of others"
done
"$KUNI" export -o other.bcf -S "${everybody##*,}" w.yaml >/dev/null 2>&1 && fail "exported somebody of a batch without a seal"
mv seals/journal dataset
for f in $others; do mv "seals/${f##*/}" "$f"; done
# A file that is read is looked at.
file=$(find dataset/data/call/*chr20-0-* -name 'b0000.*' | head -n 1)
cp -p "$file" whole.ev
rm -f "$file"
"$KUNI" export -o other.bcf -S "$two" -r chr20:1-1000 w.yaml >/dev/null 2>err && fail "exported although evidence is missing"
grep -q "missing, a file of a sealed batch" err || fail "not told what is missing: $(cat err)"
"$KUNI" export -o other.bcf -S "$two" -r chrX:1-1000 w.yaml >/dev/null || fail "a file of another region stops the export"
cp -p whole.ev "$file"

# A published file of another size is refused; and so is one with other columns.
cp dataset/current/national.bcf whole.bcf
national=$(realpath dataset/current/national.bcf)
rm -f "$national"
head -c -1 whole.bcf >"$national"
"$KUNI" export -o cut.bcf w.yaml >/dev/null 2>err && fail "a published file that is cut off was taken"
grep -q "was published with" err || fail "not told that the file is cut off: $(cat err)"
cp whole.bcf "$national"
"$KUNI" export -o again.bcf w.yaml >/dev/null || fail "the file is back, and is not taken"

# Who withdraws is in nothing from that moment on, although the published file has a column for them.
"$KUNI" withdraw --yes w.yaml "${everybody##*,}" >/dev/null 2>&1 || fail "withdraw"
if "$KUNI" export -o after.bcf w.yaml >/dev/null 2>&1; then
    bcftools query -l after.bcf | grep -qx "${everybody##*,}" && fail "exported somebody who has withdrawn"
fi
# Nor by a tombstone alone, of which the register knows nothing.
"$KUNI" run --quiet w.yaml 2>run.log || { cat run.log; exit 1; }
"$KUNI" export -o after.bcf w.yaml >/dev/null || fail "no export after the withdrawal is through"
bcftools query -l after.bcf | grep -qx "${everybody##*,}" && fail "exported somebody who has withdrawn"
[ "$(bcftools query -l after.bcf | wc -l)" = 8 ] || fail "8 people are left"
cp dataset/register.tsv register
"$KUNI" withdraw --yes w.yaml "${everybody%%,*}" >/dev/null 2>&1 || fail "withdraw"
cp register dataset/register.tsv
if "$KUNI" export -o after.bcf w.yaml >/dev/null 2>&1; then
    bcftools query -l after.bcf | grep -qx "${everybody%%,*}" && fail "exported somebody who has a tombstone"
fi
verdict "published records are exported as they are"
