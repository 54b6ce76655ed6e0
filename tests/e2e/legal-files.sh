#!/bin/bash
# SPDX-License-Identifier: MIT
# Files that SAM and CRAM allow and that few programs write: the call set is that of the same reads in plain form; and an index that
# does not name all of its CRAM is told, whatever the CRAM's layout.
. "$(dirname "$0")/../lib.sh"
need_tools samtools bcftools bgzip

"$KUNI" simulate --quiet -n 1 --contigs chr20:40k,chrX:6k,chrM:5k --depth 25 --seed 11 --format bam --out "$work/c" >"$work/log"
cd "$work/c"
grep -v '^pedigree:' workflow.yaml >base.yaml
plain=reads/S000001.bam

# call NAME: calls NAME.bam or NAME.cram; its call set is NAME.bcf
call() {
    local file=$1.bam index=$1.bam.bai
    [ -e "$file" ] || file=$1.cram index=$1.cram.crai
    awk -v OFS='\t' -v file="$file" -v of="$index" 'NR > 1 {$4 = file; $5 = of} 1' manifest.tsv >"$1.tsv"
    sed "s/manifest.tsv/$1.tsv/; s/^dataset:.*/dataset: $1.dataset/" base.yaml >"$1.yaml"
    "$KUNI" run --quiet "$1.yaml" >"$1.log" 2>&1 || { cat "$1.log" && fail "$1: kuni run"; }
    cp "$1.dataset/current/national.bcf" "$1.bcf"
}

# rewritten NAME AWK-PROGRAM: the plain reads, each line through awk; then called
rewritten() {
    { samtools view -H "$plain" && samtools view "$plain" | awk -v FS='\t' -v OFS='\t' "$2"; } | samtools view -b --no-PG -o "$1.bam" -
    samtools index "$1.bam"
    call "$1"
}

# Without the phase, which follows from pairs.
genotypes() {
    bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\t[%GT]\n' "$1.bcf" | sed 's,|,/,; s,1/0$,0/1,'
}

same_bytes() {
    cmp "$1.bcf" plain.bcf || fail "$1: another call set"
}

cp "$plain" plain.bam
samtools index plain.bam
call plain
[ "$(genotypes plain | wc -l)" -gt 40 ] || fail "the plain reads have few variants"

samtools calmd -e -b --no-PG plain.bam reference.fa >equals.bam 2>/dev/null
samtools view equals.bam | awk -F'\t' '$10 ~ /=/ {n++} END {exit !n}' || fail "calmd writes no ="
samtools index equals.bam
call equals
same_bytes equals

rewritten empty_operations '$6 == "150M" {$6 = NR % 3 ? "70M0I80M" : "0D150M0N"} 1'
same_bytes empty_operations

samtools reheader -P -c 'sed s/SO:coordinate/SO:unknown/' plain.bam >order_unknown.bam
samtools index order_unknown.bam
call order_unknown
same_bytes order_unknown

# Names say nothing: mates are not joined where they are unknown, and nobody else's where they come again.
rewritten nameless '{$1 = "*"} 1'
rewritten names_again '{n = split($1, part, ":"); $1 = "q" part[n] % 7} 1'
for name in nameless names_again; do
    diff <(genotypes plain | grep -v chrM) <(genotypes $name | grep -v chrM) >"$name.diff" ||
        [ "$(grep -c '^[<>]' "$name.diff")" -le 2 ] || { cat "$name.diff" && fail "$name: other genotypes"; }
    depth=$(bcftools query -f '[%DP]\n' $name.bcf | sort -n | awk '{d[NR] = $1} END {print d[int((NR + 1) / 2)]}')
    [ "$depth" -ge 20 ] || fail "$name: half of the sites have a depth of at most $depth at 25x"
done

# An unknown MAPQ is none of the best.
rewritten no_mapq '{$5 = 255} 1'
diff <(genotypes plain | grep -v chrM) <(genotypes no_mapq | grep -v chrM) >no_mapq.diff ||
    [ "$(grep -c '^[<>]' no_mapq.diff)" -le 2 ] || { cat no_mapq.diff && fail "no_mapq: other genotypes"; }
[ "$(bcftools query -f '%MQ\n' no_mapq.bcf | sort -u)" = 30 ] || fail "INFO/MQ of reads without a MAPQ is not 30"

# CRAM: all layouts are read; an index that lacks a line is told.
# covers NAME: how often the doctor says that its index does not cover it; of a dataset that has it nobody looks any more
covers() {
    "$KUNI" doctor "$1.yaml" --set "dataset=none" | grep -c 'does not cover'
}
while read -r name options; do
    # shellcheck disable=SC2086 # words
    samtools view -C --no-PG -T reference.fa $options -o "$name.cram" plain.bam 2>/dev/null
    samtools index "$name.cram"
    call "$name"
    same_bytes "$name"
    mv "$name.cram.crai" whole.crai
    lines=$(zcat whole.crai | awk '$1 >= 0' | wc -l)
    for line in 1 2 $((lines / 2)) "$lines"; do
        # of a slice with several contigs every line
        zcat whole.crai | awk -v line="$line" 'NR == FNR {if (NR == line) {c = $4; s = $5} next} !($4 == c && $5 == s)' \
            <(zcat whole.crai) - | bgzip >"$name.cram.crai"
        [ "$(covers "$name")" -eq 1 ] || fail "$name: the index lacks the slice of line $line, and nobody says so"
    done
    # reads without a place need not be named
    zcat whole.crai | awk '$1 >= 0' | bgzip >"$name.cram.crai"
    [ "$(covers "$name")" -eq 0 ] || [ "$name" = mixed ] || fail "$name: a whole index is refused"
    : | bgzip >"$name.cram.crai"
    [ "$(covers "$name")" -eq 1 ] || fail "$name: an empty index is taken"
    mv whole.crai "$name.cram.crai"
done <<'EOF'
small --output-fmt-option seqs_per_slice=100
slices --output-fmt-option seqs_per_slice=50 --output-fmt-option slices_per_container=3
mixed --output-fmt-option multi_seq_per_slice=1 --output-fmt-option seqs_per_slice=3000
old --output-fmt-option version=2.1 --output-fmt-option seqs_per_slice=100
EOF
echo "all forms give one call set"
