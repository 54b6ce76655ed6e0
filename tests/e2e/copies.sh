#!/bin/bash
# SPDX-License-Identifier: MIT
# Copies of X and Y are decided where genotypes are made. A sex that is wrong, unknown, or corrected once the reads are
# gone gives the very bytes of a run that knew it from the start; evidence knows nothing of it; the karyotype that
# alignment-qc finds stands in for a sex that nobody declared, and a contradiction is no call. A table of copies that does
# not fit the reference is refused.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools mpirun

"$KUNI" simulate --quiet --samples 8 --contigs chr20:150k,chrX:200k,chrY:40k,chrM --depth 20 --seed 23 \
    --out "$work/cohort" >/dev/null
cd "$work/cohort"
sed -i -e '/^pedigree/d' -e 's/^dataset:.*/&\nbatch: 5/' workflow.yaml
sed -i '/id: joint/,/needs/s/needs:.*/needs: [call, qc]/' workflow.yaml
sed '/id: joint/,/needs/s/needs:.*/needs: [call]/' workflow.yaml >alone.yaml # nobody tells of karyotypes
cp manifest.tsv right.tsv
male=$(awk -F'\t' '$3 == "male" {print $2; exit}' right.tsv)
female=$(awk -F'\t' '$3 == "female" {print $2; exit}' right.tsv)
[ -n "$male" ] && [ -n "$female" ] || fail "a cohort of one sex"
awk -F'\t' -v OFS='\t' -v m="$male" -v f="$female" '$2 == m {$3 = "female"} $2 == f {$3 = "male"} {print}' right.tsv >wrong.tsv
awk -F'\t' -v OFS='\t' 'NR > 1 {$3 = "unknown"} {print}' right.tsv >unknown.tsv

# published NAME: what must be the same, to the byte
published() {
    (cd "$work/$1/current" && cat national.bcf national.sites.vcf.gz | sha256sum)
}
same() { # NAME WHAT
    [ "$(published "$1")" = "$right" ] && return
    diff <(bcftools view "$work/right/current/national.bcf") <(bcftools view "$work/$1/current/national.bcf") |
        cut -c1-300 | head -n 8
    fail "$2"
}
evidence() {
    (cd "$work/$1/data" && find call qc.batch -type f | sort | xargs sha256sum)
}
genotypes() { # NAME SAMPLE REGION
    bcftools query -s "$2" -r "$3" -f '[%GT]\n' "$work/$1/current/national.bcf" | sort | uniq -c | awk '{print $2}' | tr '\n' ' '
}

run right 0
right=$(published right)
[ "$(bcftools view -H -r chrX,chrY "$work/right/current/national.bcf" | wc -l)" -gt 300 ] || fail "hardly a record on X and Y"
[ "$(genotypes right "$male" chrX:30001-)" = "0 1 " ] || fail "a male's X: $(genotypes right "$male" chrX:30001-)"
[[ "$(genotypes right "$female" chrX:30001-)" == *"0/1"* ]] || fail "a female's X has no heterozygote"
[ "$(genotypes right "$female" chrY)" = ". " ] || fail "a female's Y"
[ ! -e "$work/right/current/copies.tsv" ] || fail "something to tell of a cohort of known sexes"

# declared sexes alone, as of a workflow without alignment-qc above joint-genotype: the same
workflow=$work/cohort/alone.yaml
run alone 3
same alone "what alignment-qc found changes the records of declared sexes"

# --- wrong, then corrected without the reads ---

for ranks in 0 1 3; do
    workflow=$work/cohort/alone.yaml
    run "wrong$ranks" "$ranks" --set "cohort=$work/cohort/wrong.tsv"
    [ "$(published "wrong$ranks")" != "$right" ] || fail "a wrong sex changes nothing"
    diff <(evidence right) <(evidence "wrong$ranks") >/dev/null || fail "evidence or sums depend on the declared sex"
    mv reads archived
    run "wrong$ranks" "$ranks" --set "cohort=$work/cohort/right.tsv"
    mv archived reads
    same "wrong$ranks" "a corrected sex ($ranks ranks) gives other records than a run that knew it"
done

# --- unknown ---

workflow=$work/cohort/workflow.yaml
for ranks in 0 3; do
    run "unknown$ranks" "$ranks" --set "cohort=$work/cohort/unknown.tsv"
    same "unknown$ranks" "the karyotypes that alignment-qc found give other records than the same sexes declared"
    grep -q 'joint: copies of X and Y: 8 samples without a declared sex called by what the reads show' "$log" ||
        fail "the run does not say whose copies it took from the reads"
done
[ "$(grep -c 'no sex declared$' "$work/unknown0/current/copies.tsv")" -eq 8 ] || fail "copies.tsv does not list them"
head -n 5 unknown.tsv >first.tsv
run grown 0 --set "cohort=$work/cohort/first.tsv"
run grown 3 --set "cohort=$work/cohort/unknown.tsv"
same grown "5 and then 3 of unknown sex give other records than 8 at once"
workflow=$work/cohort/alone.yaml
run nobody 0 --set "cohort=$work/cohort/unknown.tsv"
[[ "$(genotypes nobody "$male" chrX:30001-)" == *"1/1"* ]] || fail "X of unknown sex is not called with two copies"
[ "$(genotypes nobody "$male" chrY)" = "0 1 " ] || fail "Y of unknown sex is not called with one copy"
grep -q '8 samples of unknown sex' "$log" || fail "the run does not say that it knows no sex"

# --- contradictions ---

workflow=$work/cohort/workflow.yaml
run conflict 1 --set "cohort=$work/cohort/wrong.tsv"
grep -q '2 samples whose declared sex and reads contradict each other' "$log" || fail "a contradiction is not told"
for sample in "$male" "$female"; do
    [ "$(bcftools query -s "$sample" -r chrX:30001-,chrY -f '[%RNC]\n' "$work/conflict/current/national.bcf" | sort -u)" = S ] ||
        fail "$sample is called on X or Y although its sexes contradict each other"
    cmp -s <(bcftools query -s "$sample" -r chr20,chrM -f '%POS [%GT %PL]\n' "$work/conflict/current/national.bcf") \
        <(bcftools query -s "$sample" -r chr20,chrM -f '%POS [%GT %PL]\n' "$work/right/current/national.bcf") ||
        fail "a contradiction on X shows elsewhere"
done
run inferred 3 --set "cohort=$work/cohort/wrong.tsv" --set stages.joint.with.conflict=inferred
same inferred "conflict: inferred is not as if the sexes were declared as the reads show them"
run conflict 0 --set "cohort=$work/cohort/right.tsv"
same conflict "a contradiction that was cleared leaves a trace"

# --- renderings ---

"$KUNI" export -f gvcf -o "$work/gvcf" --set "dataset=$work/right" "$workflow" >/dev/null
x_of() { bcftools query -f '[%GT]\n' -r chrX:30001- "$work/gvcf/$1.g.vcf.gz" | grep -v '^\.' | grep -c "$2" || true; }
[ "$(x_of "$male" /)" -eq 0 ] && [ "$(x_of "$male" 1)" -gt 20 ] || fail "the gVCF of a male has two copies of X"
[ "$(x_of "$female" /)" -gt 50 ] || fail "the gVCF of a female has one copy of X"
bcftools view -H -r chrY "$work/gvcf/$female.g.vcf.gz" | grep -q . && fail "the gVCF of a female has a Y"
mapfile -t files < <(find "$work/right/data/call" -name 'b0000.*.ev' | sort)
for sex in male female; do
    [ "$sex" = male ] && sample=$male || sample=$female
    "$KUNI" gvcf -r reference.fa -s "$sample" --sex $sex --ploidy ploidy.bed -o "$work/$sex.g.vcf.gz" "${files[@]}"
    cmp <(bcftools view -H "$work/$sex.g.vcf.gz") <(bcftools view -H "$work/gvcf/$sample.g.vcf.gz") ||
        fail "kuni gvcf and kuni export do not agree on a $sex"
done
"$KUNI" gvcf -r reference.fa -s "$male" --sex unsaid "${files[@]}" >/dev/null 2>"$work/log" && fail "--sex unsaid"
x_file=$(find "$work/right/data/call" -name '*.ev' -path '*chrX-1*' | head -n 1)
"$KUNI" evidence dump --copies 1 --what events "$x_file" | awk -F'\t' '$7 ~ /[\/|]/ {exit 1}' || fail "two copies in a dump of one"
"$KUNI" evidence dump --what blocks "$x_file" | awk -F'\t' '$7 == "1|2" {n++} END {exit !n}' || fail "a dump does not say what is open"

# --- tables that do not fit ---

mkdir "$work/b37"
cd "$work/b37"
printf '>1\nA\n' >b37.fa
printf '%s\t%d\t6\t60\t61\n' 1 249250621 X 155270560 Y 59373566 >b37.fa.fai
sed -e 's|^reference:.*|reference: b37.fa|' -e 's|^cohort:.*|cohort: ../cohort/right.tsv|' -e '/ploidy:/d' -e 's/contigs: \[.*/contigs: [X]/' \
    "$work/cohort/workflow.yaml" >b37.yaml
for command in validate run plan; do
    status=0
    "$KUNI" $command b37.yaml --set "dataset=$work/b37/dataset" >"$work/log" 2>&1 || status=$?
    [ $status -eq 64 ] && grep -q 'GRCh38 but the reference is GRCh37.*ploidy: GRCh37' "$work/log" || {
        cat "$work/log"
        fail "kuni $command takes GRCh37 under the table of GRCh38 (status $status)"
    }
done
"$KUNI" validate b37.yaml --set regions.ploidy=GRCh37 >/dev/null || fail "GRCh37 under its own table"
echo "all fine"
