#!/bin/bash
# SPDX-License-Identifier: MIT
# Reads files that are odd, and what is said of them: an index of another state of the file never costs reads in silence; a file
# without a read is a sample without calls; long reads are refused by name where they are the sample, and left out and counted where
# they are few; mapping and base qualities that a file does not tell are counted.
. "$(dirname "$0")/../lib.sh"
need_tools samtools bcftools bgzip python3

"$KUNI" simulate --quiet -n 2 --contigs chr20:40k,chrX:6k,chrM:5k --depth 25 --seed 12 --format bam --out "$work/c" >"$work/log"
cd "$work/c"
grep -v '^pedigree:' workflow.yaml >base.yaml
other=reads/S000002.bam
samtools view --no-PG -b -o plain.bam reads/S000001.bam
samtools index plain.bam

# with NAME FILE INDEX [OPTION...]: a run of two samples, the first of which is FILE with INDEX (empty: none told)
with() {
    local name=$1 file=$2 index=$3
    shift 3
    awk -v OFS='\t' -v file="$file" -v of="$index" 'NR == 2 {$4 = file; $5 = of} 1' FS='\t' manifest.tsv >"$name.tsv"
    sed "s/manifest.tsv/$name.tsv/; s/^dataset:.*/dataset: $name.dataset/" base.yaml >"$name.yaml"
    rm -rf "$name.dataset"
    "$KUNI" run --quiet "$name.yaml" "$@" >"$name.log" 2>&1 || { cat "$name.log" && fail "$name: kuni run"; }
}

# refused NAME FILE INDEX WORDS: quarantined for that reason, and the doctor says it, too
refused() {
    local name=$1
    with "$1" "$2" "$3"
    for word in "${@:4}"; do
        grep '^S000001' "$name.dataset/current/failures.tsv" | grep -qF -- "$word" ||
            { cat "$name.dataset/current/failures.tsv" && fail "$name: no '$word'"; }
    done
    "$KUNI" doctor "$name.yaml" --set "dataset=none" >"$name.doctor" && fail "$name: the doctor finds nothing"
    grep 'S000001' "$name.doctor" | grep -qF -- "$4" || { cat "$name.doctor" && fail "$name: the doctor does not say '$4'"; }
}

# genotypes NAME: of the first sample
genotypes() {
    bcftools query -s S000001 -f '%CHROM\t%POS\t%REF\t%ALT\t[%GT]\n' "$1.dataset/current/national.bcf"
}

taken() {
    with "$1" "$2" "$3"
    cmp "$1.dataset/current/national.bcf" plain.dataset/current/national.bcf || fail "$1: another call set"
}

# metric NAME COLUMN: of the first sample
metric() {
    awk -F'\t' -v name="$2" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == name) at = i}
        $1 == "S000001" {print $at}' "$1.dataset/current/qc/sample_qc.tsv"
}

expect_metric() {
    [ "$(metric "$1" "$2")" = "$3" ] || fail "$1: $2 is '$(metric "$1" "$2")', expected $3"
}

with plain plain.bam plain.bam.bai
[ "$(genotypes plain | grep -c '1')" -gt 30 ] || fail "the plain reads have few variants"
for name in reads_without_mapq bases_without_quality reads_too_long; do expect_metric plain $name 0; done

# --- an index of another state of the file ---

# What the file was: less at its end, at the end of a contig, in the middle; the same packed otherwise; another's.
samtools view -b --no-PG -o part_chr20.bam plain.bam chr20
samtools view -b --no-PG -o part_front.bam plain.bam chr20:1-20000
samtools view -h plain.bam | awk '/^@/ || $3 != "chr20" || $4 < 25000' | samtools view -b --no-PG -o part_hole.bam -
samtools view -b --no-PG --output-fmt-option level=1 -o part_level.bam plain.bam
cp "$other" part_other.bam
samtools view -u --no-PG -o unpacked.bam plain.bam
samtools index unpacked.bam
taken unpacked unpacked.bam unpacked.bam.bai
samtools view -h plain.bam | awk '/^@/ || ++n <= 2000' | samtools view -u --no-PG -o part_unpacked.bam -
for part in chr20 front hole level other unpacked; do
    for kind in bai csi; do
        option=-b
        [ $kind = bai ] || option=-c
        samtools index $option "part_$part.bam" "$part.$kind"
        touch -d '2020-01-01' "$part.$kind"
        file=plain.bam
        [ $part != unpacked ] || file=unpacked.bam
        refused "stale_${part}_$kind" $file "$part.$kind" "it is older than the file" "run: samtools index"
    done
    touch "$part.bai"
    refused "foreign_$part" $file "$part.bai" "of another file" "samtools index"
done
# One that is older by its time alone fits.
cp plain.bam.bai old.bai
touch -d '2020-01-01' old.bai
taken old plain.bam old.bai
samtools index -c plain.bam plain.csi
taken csi plain.bam plain.csi
samtools view -C --no-PG -T reference.fa --output-fmt-option seqs_per_slice=500 -o plain.cram plain.bam 2>/dev/null
samtools view -C --no-PG -T reference.fa --output-fmt-option seqs_per_slice=500 -o part.cram part_front.bam 2>/dev/null
samtools index part.cram part.crai
touch -d '2020-01-01' part.crai
refused stale_crai plain.cram part.crai "it is older than the file" "run: samtools index"

size=$(stat -c %s plain.bam)
{ head -c $((size / 2)) plain.bam && tail -c 28 plain.bam; } >cut_end.bam
cp plain.bam.bai cut_end.bai
refused cut_end cut_end.bam cut_end.bai "its index leads beyond its end: the file was cut off"
head -c $((size / 2)) plain.bam >cut.bam
refused cut cut.bam plain.bam.bai "truncated: the end-of-file marker is missing"
{ head -c $((size / 2)) plain.bam && head -c 4000 /dev/zero && tail -c +$((size / 2 + 4001)) plain.bam; } >damaged.bam
with damaged damaged.bam plain.bam.bai
grep '^S000001' damaged.dataset/current/failures.tsv | grep -q 'a record cannot be decoded.* the file is damaged' ||
    fail "damaged: not told"

# --- no read ---

samtools view -H plain.bam | samtools view -b --no-PG -o empty.bam -
samtools view -H plain.bam | samtools view -C -T reference.fa --no-PG -o empty.cram -
cp empty.bam bare.bam
cp empty.cram bare.cram
samtools index empty.bam
samtools index -c empty.bam empty.csi
samtools index empty.cram
for form in "bai empty.bam empty.bam.bai" "csi empty.bam empty.csi" "bare bare.bam" "stale empty.bam plain.bam.bai" \
    "crai empty.cram empty.cram.crai" "bare_cram bare.cram"; do
    read -r name file index <<<"$form"
    with "no_read_$name" "$file" "$index"
    bcftools query -s S000001 -f '[%GT:%RNC]\n' "no_read_$name.dataset/current/national.bcf" >calls
    [ "$(wc -l <calls)" -gt 10 ] || fail "no_read_$name: the other sample has few variants"
    ! grep -vxE '(\./)?\.:D' calls || fail "no_read_$name: calls without a read"
    expect_metric "no_read_$name" reads_total 0
    expect_metric "no_read_$name" mean_autosome_coverage 0.00
    expect_metric "no_read_$name" outcome fail
done

# --- long reads ---

# long_reads LENGTH STEP HEADER: reads of the reference with an error every 97 bases, one every STEP bases
long_reads() {
    python3 - "$1" "$2" <<'PYTHON'
import sys
length, step = int(sys.argv[1]), int(sys.argv[2])
name, sequences = None, {}
for line in open("reference.fa"):
    if line[0] == ">":
        name = line[1:].split()[0]
        sequences[name] = []
    else:
        sequences[name].append(line.strip())
for name, lines in sequences.items():
    bases = "".join(lines).upper()
    for i, beg in enumerate(range(0, len(bases) - length, step)):
        read = list(bases[beg:beg + length])
        for k in range(i % 97, length, 97):
            read[k] = "ACGT"["CGTA".find(read[k])]
        print(f"long_{name}_{beg}", 0, name, beg + 1, 60, f"{length}M", "*", 0, 0, "".join(read), "I" * length, sep="\t")
PYTHON
}
for length in 1500 4000; do
    { samtools view -H plain.bam && long_reads $length $((length / 30)); } | samtools sort --no-PG -o long_$length.bam -
    samtools index long_$length.bam
    refused long_$length long_$length.bam long_$length.bam.bai "holds long reads, of up to $length bases" \
        "kuni calls short ones, of up to 1024"
done
samtools view -C --no-PG -T reference.fa -o long.cram long_4000.bam 2>/dev/null
samtools index long.cram
refused long_cram long.cram long.cram.crai "holds long reads, of up to 4000 bases"
# Few among short ones cost nothing.
{ samtools view -h plain.bam && long_reads 3000 5000; } | samtools sort --no-PG -o few.bam -
samtools index few.bam
taken few_long few.bam few.bam.bai
n=$(samtools view -c -e 'length(seq) > 1024' few.bam)
[ "$n" -gt 5 ] || fail "there are $n long reads"
expect_metric few_long reads_too_long "$n"
for kind in "--set regions.shard=7kb" "--set regions.shard=100kb"; do
    # shellcheck disable=SC2086 # words
    with few_cut few.bam few.bam.bai $kind
    expect_metric few_cut reads_too_long "$n"
done
# Reads as long as any that is taken are called as short ones are: nothing that the short ones do not have.
for length in 500 1024; do
    { samtools view -H plain.bam && long_reads $length 25; } | samtools sort --no-PG -o taken_$length.bam -
    samtools index taken_$length.bam
    with taken_$length taken_$length.bam taken_$length.bam.bai
    expect_metric taken_$length reads_too_long 0
    [ "$(genotypes taken_$length | grep -c '1$')" -eq 0 ] || fail "reads of $length bases have false variants"
done

# --- qualities that are not known ---

samtools view -h plain.bam | awk -v FS='\t' -v OFS='\t' '!/^@/ && NR % 2 {$5 = 255} 1' | samtools view -b --no-PG -o half_mapq.bam -
samtools index half_mapq.bam
with half_mapq half_mapq.bam half_mapq.bam.bai
expect_metric half_mapq reads_without_mapq "$(samtools view -c -F 0x904 -e 'mapq == 255' half_mapq.bam)"
samtools view -h plain.bam | awk -v FS='\t' -v OFS='\t' '!/^@/ {$5 = 254} 1' | samtools view -b --no-PG -o best_mapq.bam -
samtools index best_mapq.bam
with best_mapq best_mapq.bam best_mapq.bam.bai
expect_metric best_mapq reads_without_mapq 0

samtools view -h plain.bam | awk -v FS='\t' -v OFS='\t' '!/^@/ {$11 = "*"} 1' | samtools view -b --no-PG -o no_quality.bam -
samtools index no_quality.bam
with no_quality no_quality.bam no_quality.bam.bai
expect_metric no_quality bases_without_quality "$(samtools view -F 0x900 no_quality.bam | awk -F'\t' '{n += length($10)} END {print n}')"
expect_metric no_quality mean_base_quality 20.00
# every tenth base of a read has 255
bgzip -dc plain.bam >plain.raw
python3 - <<'PYTHON'
import struct
data = bytearray(open("plain.raw", "rb").read())
at = 8 + struct.unpack_from("<i", data, 4)[0]
n_ref = struct.unpack_from("<i", data, at)[0]
at += 4
for _ in range(n_ref):
    at += 8 + struct.unpack_from("<i", data, at)[0]
n = 0
while at < len(data):
    size, = struct.unpack_from("<i", data, at)
    name_bytes, n_cigar, flag = data[at + 12], *struct.unpack_from("<HH", data, at + 16)
    bases, = struct.unpack_from("<i", data, at + 20)
    qualities = at + 36 + name_bytes + 4 * n_cigar + (bases + 1) // 2
    for k in range(5, bases, 10):
        data[qualities + k] = 255
        n += not flag & 0x900
    at += 4 + size
open("holes.raw", "wb").write(data)
open("holes.count", "w").write(f"{n}\n")
PYTHON
bgzip -c holes.raw >holes.bam
samtools index holes.bam
with holes holes.bam holes.bam.bai
expect_metric holes bases_without_quality "$(cat holes.count)"
for name in half_mapq no_quality holes; do
    diff <(genotypes plain | grep -v chrM) <(genotypes $name | grep -v chrM) | grep '^[<>]' >$name.diff || true
    [ "$(wc -l <$name.diff)" -le 6 ] || { cat $name.diff && fail "$name: other genotypes"; }
done

# every quality that SAM has
samtools view -h plain.bam | python3 -c '
import sys
for line in sys.stdin:
    row = line.rstrip("\n").split("\t")
    if line[0] != "@":
        row[10] = "".join(chr(33 + (i + len(row[0])) % 94) for i in range(len(row[9])))
    print(*row, sep="\t")' | samtools view -b --no-PG -o all_qualities.bam -
samtools index all_qualities.bam
with all_qualities all_qualities.bam all_qualities.bam.bai
expect_metric all_qualities bases_without_quality 0

# --- single records of odd forms: nothing of the others is lost ---

s150=$(printf 'ACGTA%.0s' {1..30}) q150=$(printf 'I%.0s' {1..150})
while read -r name flag contig pos cigar bases; do
    { samtools view -h plain.bam && printf 'r\t%s\t%s\t%s\t60\t%s\t*\t0\t0\t%s\t%s\n' "$flag" "$contig" "$pos" "$cigar" \
        "${bases:+$s150}${bases:-*}" "${bases:+$q150}${bases:-*}" | sed 's/yes//g'; } |
        samtools sort --no-PG -o "one_$name.bam" - 2>/dev/null
    samtools index "one_$name.bam"
    [ "$(samtools view -c "one_$name.bam")" -eq $(($(samtools view -c plain.bam) + 1)) ] || fail "one_$name: no such record"
    taken "one_$name" "one_$name.bam" "one_$name.bam.bai"
done <<'EOF'
beyond_chr20 0 chr20 39950 150M yes
beyond_chrX 0 chrX 5950 150M yes
no_bases 0 chr20 5950 150M
no_cigar 0 chr20 5950 * yes
nothing 0 chr20 5950 *
pos_0 0 chr20 0 150M yes
placed_mate 69 chr20 5950 * yes
all_clipped 0 chr20 5950 150S yes
all_inserted 0 chr20 5950 150I yes
deleted_ends 0 chr20 5950 10D150M10D yes
long_skip 0 chr20 5950 75M20000N75M yes
pads 0 chr20 5950 5H10S5P5M5P5I5P130M5H yes
secondary 256 chr20 5950 150M yes
supplementary 2048 chr20 5950 150M yes
EOF
# Twenty reads beyond the end are not one.
{ samtools view -h plain.bam && for i in {1..20}; do
    printf 'r%s\t0\tchrX\t5900\t60\t150M\t*\t0\t0\t%s\t%s\n' "$i" "$s150" "$q150"
done; } | samtools sort --no-PG -o beyond.bam -
samtools index beyond.bam
with beyond beyond.bam beyond.bam.bai
! bcftools query -f '%CHROM %POS %REF\n' beyond.dataset/current/national.bcf | awk '$1 == "chrX" && $2 + length($3) - 1 > 6000' |
    grep . || fail "variants beyond the end of chrX"

# --- headers and paths ---

# header NAME SED-PROGRAM: the plain reads with another header
header() {
    samtools view -h plain.bam | sed "$2" | samtools view -b --no-PG -o "$1.bam" -
    samtools index "$1.bam"
}
header no_group '/^@RG/d'
taken no_group no_group.bam no_group.bam.bai
header no_sm '/^@RG/s/\tSM:[^\t]*//'
taken no_sm no_sm.bam no_sm.bam.bai
header two_sm '/^@RG/{p;s/ID:[^\t]*/ID:zz/;s/SM:[^\t]*/SM:other/}'
refused two_sm two_sm.bam two_sm.bam.bai "holds reads of several samples (read groups of 'S000001' and 'other')"
samtools view -H plain.cram | sed '/SN:chr20/s/M5:..../M5:0000/' >md5.txt
samtools reheader -P md5.txt plain.cram >md5.cram
samtools index md5.cram
refused md5 md5.cram md5.cram.crai "contig chr20 has MD5 0000" "use the reference that the reads were aligned to"
mkdir 'a b' links
cp plain.bam 'a b/x y.bam'
cp plain.bam.bai 'a b/x y.bam.bai'
taken spaces 'a b/x y.bam' ''
ln -s '../a b/x y.bam' links/s.bam
taken link links/s.bam 'a b/x y.bam.bai'
refused bare_link links/s.bam '' "no usable index for" "run: samtools index"
ln -s '../a b/x y.bam.bai' links/s.bam.bai
taken links links/s.bam ''

echo "what is odd is told, and what is legal is taken"
