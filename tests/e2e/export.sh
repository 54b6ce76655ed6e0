#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni export: all of a dataset is its call set again; a part has the same genotypes; a sparse call set expands to the
# dense one; a sample's gVCF says what its evidence says and can be imported again.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools
go_on=1
cd "$work"

same() {
    cmp -s "$1" "$2" || { fail "$3"; diff "$1" "$2" | head -4 | cut -c1-300; }
}

"$KUNI" simulate --quiet -n 9 --contigs chr20:70k,chrX:40k,chrY:20k -d 8:30 --clusters 0.2 -o cohort
cat >w.yaml <<'YAML'
version: 1
name: export
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
pedigree: cohort/pedigree.ped
dataset: dataset
regions: {shard: 30kb, ploidy: cohort/ploidy.bed}
batch: 4
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call, with: {also: [sites, sparse]}}
YAML
[ "$("$KUNI" export -o early.bcf w.yaml 2>&1 || true)" ] || fail "export before a run says nothing"
"$KUNI" run w.yaml 2>run.log || { cat run.log; exit 1; }
# shellcheck disable=SC2046
bcftools concat -Ob -o calls.bcf $(find dataset/data/joint -name '*.bcf' ! -name '*.sites.bcf' | sort -V) 2>/dev/null
bcftools index calls.bcf

# All of it, byte for byte.
"$KUNI" export -o all.bcf w.yaml >/dev/null
bcftools view -H calls.bcf >expected
bcftools view -H all.bcf >found
same expected found "all samples and regions differ from the call set"
[ "$(wc -l <expected)" -gt 100 ] || fail "too few records to tell anything"

# What other tools trip over: likelihoods of which none is 0, depths without a read of what is called, lists with a value missing within.
odd() { # FILE: cells of it that are so
    bcftools query -f '[%GT\t%AD\t%PL\n]' "$1" | awk -F'\t' '{
        if ($3 != ".") { n = split($3, pl, ","); least = 1e9; for (i = 1; i <= n; i++) if (pl[i] != "." && pl[i] < least) least = pl[i]; if (least != 0) print "PL " $0; seen++ }
        if ($2 != "." && $1 ~ /^[0-9]/) { split($2, ad, ","); n = split($1, gt, /[\/|]/); sum = 0; for (i = 1; i <= n; i++) sum += ad[gt[i] + 1]; if (sum == 0) print "AD " $0; told++ }
    } END { if (seen < 100 || told < 100) print "too little to tell" }'
    bcftools query -f '%AB %AF %AC %HWE\n' "$1" | tr ' ' '\n' | grep -E '[0-9],\.|\.,'
}
[ -z "$(odd all.bcf)" ] || { fail "what tools trip over"; odd all.bcf | head -4; }
bcftools view all.bcf | awk -F'\t' -v OFS='\t' '!/^#/ && !done && sub(/AB=[^;]*/, "AB=0.4,.") { done = 1 } { print }' >odd.vcf
[ -n "$(odd odd.vcf)" ] || fail "what tools trip over is not seen"

# Two samples, across shards and into two batches. Records that lose their "*" with its carriers are left aside.
bcftools query -f '%CHROM\t%POS\n' -i 'ALT="*"' calls.bcf >stars
plain() {
    awk 'NR == FNR { star[$1 " " $2] = 1; next } !(($1 " " $2) in star)' stars -
}
query='%CHROM %POS %REF %ALT %QUAL %FILTER[ %GT:%GQ:%DP:%AD:%PL]\n'
"$KUNI" export -r chr20:10000-61000,chrX -S S000002,S000007 -o two.vcf.gz w.yaml >/dev/null
bcftools query -f "$query" -s S000002,S000007 -r chr20:10000-61000,chrX calls.bcf | plain >expected
bcftools query -f "$query" two.vcf.gz | plain >found
same expected found "two samples differ from their columns in the call set"
bcftools view -H -r chr20:60000-60900 two.vcf.gz >/dev/null || fail "the index of a part is no good"

# Counts are those of the exported.
bcftools view -s S000002,S000007 -r chrX calls.bcf | bcftools +fill-tags -- -t AC,AN |
    bcftools query -f '%CHROM %POS %ALT %AN %AC\n' | plain >expected
bcftools view -r chrX two.vcf.gz | bcftools query -f '%CHROM %POS %ALT %AN %AC\n' | plain >found
same expected found "AC and AN are not those of the exported samples"

# Sites only: INFO of all samples, no genotypes, from the stage and from export.
bcftools view -G -H calls.bcf >expected
# shellcheck disable=SC2046
bcftools concat $(find dataset/data/joint -name '*.sites.bcf' | sort -V) 2>/dev/null | bcftools view -H >found
same expected found "the stage's sites differ from the call set"
"$KUNI" export -f sites -o sites.bcf w.yaml >/dev/null
bcftools view -H sites.bcf >found
same expected found "exported sites differ from the call set"

# Sparse: expands to the dense call set; the stage's, the exported one, a part, and with samples that min_gq leaves out.
expands() {
    "$here/expand_sparse.py" "$@" || fail "does not expand to the dense call set: $*"
}
for sparse in $(find dataset/data/joint -name '*.vcf.gz' | sort -V); do
    expands "$sparse" "${sparse%.vcf.gz}.bcf"
    bcftools view -H "$sparse" >>stage.sparse 2>>warnings
done
"$KUNI" export -f sparse -o all.sparse.vcf.gz w.yaml >/dev/null
expands all.sparse.vcf.gz all.bcf
bcftools view -H all.sparse.vcf.gz >found 2>>warnings
same stage.sparse found "the stage's sparse files and the exported one differ"
# A region in the middle of blocks brings the records that they begin in: END follows from LEN, and indices go by it.
place=$(bcftools view -H all.sparse.vcf.gz 2>>warnings | awk '$1 == "chr20" { print $2 }' | sed -n 30p)
bcftools view -H all.sparse.vcf.gz 2>>warnings | awk -v at=$((place + 1)) '$1 == "chr20" && $2 <= at {
    n = split($9, names, ":"); reach = $2 + length($4) - 1
    for (i = 10; i <= NF; i++) { split($i, values, ":"); for (k = 1; k <= n; k++)
        if (names[k] == "LEN" && values[k] + 0 && $2 + values[k] - 1 > reach) reach = $2 + values[k] - 1 }
    if (reach >= at) print $2 }' >expected
bcftools view -H -r "chr20:$((place + 1))-$((place + 1))" all.sparse.vcf.gz 2>>warnings | cut -f2 >found
same expected found "a region does not bring the records whose blocks reach into it"
[ -s expected ] || fail "no block reaches over chr20:$((place + 1))"
"$KUNI" export -f sparse -r chr20:10000-61000,chrX -S S000002,S000007 -o two.sparse.vcf.gz w.yaml >/dev/null
expands two.sparse.vcf.gz two.vcf.gz
bcftools stats two.sparse.vcf.gz >/dev/null 2>>warnings
bcftools view -Ob -o two.sparse.bcf two.sparse.vcf.gz 2>>warnings
[ -s warnings ] && { cat warnings; fail "bcftools warns of sparse files"; }
strict=(--set stages.joint.with.min_gq=30 --set dataset=strict --set regions.shard=1Mb w.yaml)
"$KUNI" run --quiet "${strict[@]}" 2>run.log || { cat run.log; exit 1; }
"$KUNI" export -o strict.bcf "${strict[@]}" >/dev/null
"$KUNI" export -f sparse -o strict.sparse.vcf.gz "${strict[@]}" >/dev/null
expands strict.sparse.vcf.gz strict.bcf
"$KUNI" export --exact -f sparse -o exact.sparse.vcf.gz w.yaml >/dev/null
"$KUNI" export --exact -o exact.bcf w.yaml >/dev/null
expands --exact exact.sparse.vcf.gz exact.bcf
for file in all exact; do
    bcftools annotate -x FORMAT/GQ,FORMAT/DP $file.bcf | grep -v '^##' >$file.rest
done
cmp all.rest exact.rest || fail "bands of GQ and DP change something else"
deep() { bcftools query -f '[%GT:%DP:%AD\n]' "$1" | awk -F: '$1 == "0/0" && $2 > 10 && $3 == "."' | wc -l; }
[ "$(deep all.bcf)" -eq 0 ] && [ "$(deep exact.bcf)" -gt 99 ] || fail "DP of blocks is by bands where it should not, or not where it should"
[ "$(bcftools query -f '[%RNC ]' strict.bcf | tr -cd L | wc -c)" -gt 99 ] || fail "min_gq leaves nobody out: nothing was tried"

# The same bytes from any number of processes and ranks.
part=(-r "chr20:10000-61000,chrX:5-30000,chrX:39000-40000" -S "S000002,S000007,S000009" w.yaml)
for format in bcf vcf.gz vcf sparse sites plink; do
    "$KUNI" export -f "$format" -o one "${part[@]}" >/dev/null
    "$KUNI" export -f "$format" -o three -j 3 "${part[@]}" >/dev/null
    cmp one three || fail "$format: three processes write other bytes"
    if have mpirun && [ "$format" != vcf.gz ]; then
        # What MPI itself leaves behind is none of this test's business.
        ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 mpirun --oversubscribe -n 2 "$KUNI" export -f "$format" -o ranks -j 2 "${part[@]}" >printed
        cmp one ranks || fail "$format: two ranks write other bytes"
        [ "$(head -1 printed)" = ranks ] || fail "$format: ranks print $(cat printed)"
    fi
    if [ -e one.csi ]; then
        [ "$(bcftools view -H -r chrX:10000-20000 three | md5sum)" = "$(bcftools view -H -t chrX:10000-20000 three | md5sum)" ] ||
            fail "$format: the index is no good"
    fi
    find . -maxdepth 1 -name '*.part*' | grep . && fail "$format: pieces are left"
    rm -f one* three* ranks*
done
"$KUNI" export -f gvcf -o gvcf.2 -j 2 -S S000003,S000004,S000008 w.yaml >printed
[ "$(cat printed)" = "$(printf 'gvcf.2/S00000%s.g.vcf.gz\n' 3 4 8)" ] || fail "two processes print $(cat printed)"

# FILTER, ID and INFO of later stages go along: from their own files, and once merged from the merged sites.
sed 's/^dataset: .*/dataset: flagged/; s/, with: {also: .*}}/}/' w.yaml >flagged.yaml
cat >>flagged.yaml <<'YAML'
  - {id: flag, run: 'bcftools filter -s LOWDP -m + -e "INFO/DP<150" {input} -Ob -o {output}', scatter: region, needs: joint}
  - {id: name, run: "bcftools annotate --set-id +%CHROM-%POS {input} -Ob -o {output}", scatter: region, needs: flag}
  - {id: tag, run: "bcftools +fill-tags {input} -Ob -o {output} -- -t F_MISSING,ExcHet", scatter: region, needs: name}
YAML
cp flagged.yaml merged.yaml
echo '  - {id: national, uses: merge, needs: tag}' >>merged.yaml
records() {
    bcftools query -r chr20:10000-61000,chrX -f '%CHROM %POS %ID %REF %ALT %QUAL %FILTER %INFO/F_MISSING\n' "$1" | plain
}
for workflow in flagged merged; do
    "$KUNI" run --quiet "$workflow.yaml" 2>run.log || { cat run.log; fail "$workflow"; }
    # shellcheck disable=SC2046
    bcftools concat -Ob -o flagged.bcf $(find flagged/data/tag -name '*.bcf' | sort -V) 2>/dev/null
    bcftools index -f flagged.bcf
    records flagged.bcf >expected
    for format in bcf sites sparse; do
        "$KUNI" export -j 2 -f "$format" -r chr20:10000-61000,chrX -S S000002,S000007 -o flagged.two "$workflow.yaml" >/dev/null
        records flagged.two | sed 's/,<\*> / /' >found
        same expected found "$workflow: $format: what later stages made of the records is lost"
        bcftools view -h flagged.two | grep -q ID=ExcHet && fail "$workflow: an INFO field with a value an allele went along"
    done
done
[ "$(cut -d' ' -f7 expected | grep -c LOWDP)" -gt 9 ] || fail "too few flags to tell anything"

# GT alone, for plink2.
"$KUNI" export -f plink -r chr20 -o plink.bcf w.yaml >/dev/null
[ "$(bcftools query -f '%FORMAT\n' plink.bcf 2>/dev/null | head -1 | cut -f1)" = GT ] ||
    [ "$(bcftools view -H plink.bcf | cut -f9 | sort -u)" = GT ] || fail "plink: more than GT"
"$KUNI" export -f plink -o plink.bcf w.yaml >/dev/null
[ "$(cut -f1,4 plink.psam)" = "$(tail -n +2 cohort/manifest.tsv | awk 'BEGIN { print "#IID\tSEX" }
    { print $2 "\t" ($3 == "male" ? 1 : 2) }')" ] || fail "plink: sexes of the .psam"
bcftools query -f '%ID\n' plink.bcf | sort | uniq -d | grep . && fail "plink: IDs are not unique"
if have plink2; then
    plink2 --bcf plink.bcf --psam plink.psam --split-par 4000 40001 --make-pgen --out plink >plink.log || fail "plink2 fails"
    grep -i warning plink.log && fail "plink2 warns"
    plink2 --pfile plink --nonfounders --freq counts --out plink >/dev/null || fail "plink2 --freq fails"
    awk '$1 == "20" || $1 == "PAR1" { print $2, $6, $5 }' plink.acount >found
    bcftools query -t chr20,chrX:1-4000 -f '%CHROM:%POS %AN %AC\n' all.bcf >expected
    same expected found "plink2 counts other copies"
    for sample in S000001 S000002; do # one of each sex: their genotypes come back
        echo "$sample" >keep
        plink2 --pfile plink --keep keep --export bcf --out back >/dev/null || fail "plink2 --export fails"
        bcftools query -f '%ID [%GT]\n' back.bcf 2>/dev/null | grep '^chr[XY]' | tr '|' / >found
        bcftools query -t chrX,chrY -s "$sample" -f '%CHROM:%POS [%GT]\n' all.bcf | tr '|' / >expected
        same expected found "plink2 changes genotypes of $sample on X and Y"
    done
else
    left_out "reading exports with plink2: it is not on PATH"
fi

# gVCFs, back in as another cohort: the same genotypes where someone is called.
"$KUNI" export -f gvcf -o gvcf w.yaml >/dev/null
{
    printf 'participant_id\tsample_id\treads\tsex\n'
    tail -n +2 cohort/manifest.tsv | cut -f1-3 | while IFS=$'\t' read -r participant sample sex; do
        printf '%s\t%s\tgvcf/%s.g.vcf.gz\t%s\n' "$participant" "$sample" "$sample" "$sex"
    done
} >gvcf.tsv
sed -e 's/^cohort: .*/cohort: gvcf.tsv/; s/^dataset: .*/dataset: again/; /pedigree/d' \
    -e 's/- {id: call, uses: call-variants}/- {id: call, uses: import-gvcf}/' w.yaml >again.yaml
"$KUNI" run again.yaml 2>run.log || { cat run.log; fail "exported gVCFs cannot be imported"; }
# shellcheck disable=SC2046
bcftools concat -Ob -o again.bcf $(find again/data/joint -name '*.bcf' ! -name '*.sites.bcf' | sort -V) 2>/dev/null
bcftools query -f '%CHROM %POS %REF %ALT[ %GT]\n' calls.bcf >expected
bcftools query -f '%CHROM %POS %REF %ALT[ %GT]\n' again.bcf >found
same expected found "genotypes from exported gVCFs differ"

# The history has an entry for each, which names nobody; who may only read the dataset exports all the same, and is told.
"$KUNI" export -r chr20:1000-9000 -S "$(tail -n 1 cohort/manifest.tsv | cut -f2)" -o small.bcf w.yaml >/dev/null 2>message
[ ! -s message ] || fail "an export that is recorded says: $(cat message)"
"$KUNI" history --json w.yaml | grep '"what":"exported"' >entries || fail "no export in the history"
tail -n 1 entries | grep -q '"format":"bcf".*"generation":1,.*"regions":\["chr20:1000-9000"\],"samples":1' ||
    fail "what was exported is not told: $(tail -n 1 entries)"
if grep -q "$(tail -n 1 cohort/manifest.tsv | cut -f2)" entries; then fail "the history names people"; fi
n=$(wc -l <entries)
place=$(sed -n 's/^dataset: *//p' w.yaml)
if [ "$(id -u)" -eq 0 ] && have setpriv; then
    mkdir -m 777 theirs
    chmod -R a+rX "$work"
    setpriv --reuid 65534 --regid 65534 --clear-groups "$KUNI" export -o theirs/x.bcf w.yaml >/dev/null 2>message ||
        fail "who may only read cannot export"
else
    mkdir theirs
    chmod a-w "$place/history.jsonl"
    "$KUNI" export -o theirs/x.bcf w.yaml >/dev/null 2>message || fail "who may only read cannot export"
    chmod u+w "$place/history.jsonl"
fi
grep -q '^kuni: note: the export is not recorded in the history: .*Permission denied' message || fail "not told: $(cat message)"
[ -s theirs/x.bcf ] || fail "nothing was exported"
[ "$("$KUNI" history --json w.yaml | grep -c '"what":"exported"')" -eq "$n" ] || fail "recorded all the same"

# What cannot be.
for words in "-o x.bcf -S NOBODY" "-o x.bcf -r chr99" "-o x.bcf -r chr20:5-1" "-o x.bcf -f xls" "-S S000001" "-o -" "-f bcf -o x.vcf.gz" "-f gvcf -o x.vcf"; do
    # shellcheck disable=SC2086
    if "$KUNI" export $words w.yaml >/dev/null 2>message; then fail "export $words succeeds"; fi
    [ -s message ] || fail "export $words says nothing"
    { [ -e x.bcf ] || [ -e - ] || [ -e x.vcf.gz ] || [ -e x.vcf ]; } && fail "export $words leaves a file"
done
verdict "all right"
