#!/bin/bash
# SPDX-License-Identifier: MIT
# Bad input gives one clear message that says what, where and what to do; good samples beside it are called as if the bad
# one had never been there; nothing half-written is taken for whole.
. "$(dirname "$0")/../lib.sh"
need_tools samtools bcftools
go_on=1 tmpfs=''
at_exit() {
    [ -z "$tmpfs" ] || umount "$tmpfs"
}

"$KUNI" simulate --quiet --samples 4 --contigs chr20:40k,chrX:10k --depth 8 --seed 2 --out "$work/good" >/dev/null

# fresh: a copy of the good cohort in $c
fresh() {
    rm -rf "$work/c"
    cp -r "$work/good" "$work/c"
    c=$work/c
}

# expect STATUS OPTIONS...: runs the copy's workflow; what a run refuses as wrongly written, validate refuses before
expect() {
    local expected=$1 status=0
    shift
    [ "$expected" -ne 64 ] || ! "$KUNI" validate "$c/workflow.yaml" "$@" >"$work/out" 2>"$work/err" ||
        fail "$case: validate has nothing against it"
    timeout 120 "$KUNI" run --quiet "$c/workflow.yaml" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" -eq "$expected" ] || { cat "$work/err"; fail "$case: exit status $status, expected $expected"; }
}

# says TEXT: stderr has one line with it
says() {
    [ "$(grep -cF -- "$1" "$work/err")" -ge 1 ] || { cat "$work/err"; fail "$case: no '$1'"; }
}

# brief N: no more than N lines before the summary, so that the cause stands out
brief() {
    local n
    n=$(grep -cv -e '^kuni:   ' -e '^kuni: done' -e 'is generation' -e '^kuni: took ' -e ': relatives: not compared' "$work/err" || true)
    [ "$n" -le "$1" ] || { cat "$work/err"; fail "$case: $n lines, expected $1 at most"; }
}

# without SAMPLE...: the call set is that of a cohort which never had them
without() {
    local pattern manifest=$work/good/manifest.tsv
    pattern=$(IFS='|'; echo "$*")
    [ "$(bcftools query -l "$c/dataset/current/national.bcf" | grep -cE "$pattern" || true)" -eq 0 ] ||
        fail "$case: $* stands in the call set"
    grep -qE "^($pattern)" "$c/dataset/current/failures.tsv" || fail "$case: $* is not in failures.tsv"
    grep -vE "$pattern" "$manifest" >"$work/good/part.tsv"
    rm -rf "$work/part"
    "$KUNI" run --quiet "$work/good/workflow.yaml" --set cohort="$work/good/part.tsv" --set dataset="$work/part" \
        >/dev/null 2>"$work/part.err" || { cat "$work/part.err"; fail "$case: the others alone"; }
    cmp <(bcftools view --no-version "$work/part/current/national.bcf") \
        <(bcftools view --no-version "$c/dataset/current/national.bcf") || fail "$case: the others' records changed"
}

case="missing CRAM"
fresh
rm "$c/reads/S000002.cram"
expect 0
says 'S000002'
says 'No such file'
brief 2
without S000002

case="abort instead of quarantine"
fresh
rm "$c/reads/S000002.cram"
expect 65 --set on_error.sample=abort
says 'S000002'
[ ! -e "$c/dataset/current" ] || fail "$case: something was published"

case="truncated CRAM"
fresh
truncate -s $(($(stat -c %s "$c/reads/S000003.cram") / 2)) "$c/reads/S000003.cram"
expect 0
says 'S000003'
brief 2
without S000003

case="truncated CRAM that lost its end only"
fresh
truncate -s -38 "$c/reads/S000003.cram" # the end-of-file container
expect 0
says 'S000003'
says 'truncated'
without S000003

case="bytes changed in the middle"
fresh
size=$(stat -c %s "$c/reads/S000001.cram")
head -c 64 /dev/zero | tr '\0' '\377' | dd of="$c/reads/S000001.cram" bs=1 seek=$((size / 2)) conv=notrunc status=none
expect 0
says 'S000001'
without S000001

case="missing index"
fresh
rm "$c/reads/S000001.cram.crai"
expect 0
says 'S000001'
says 'index'
brief 2
without S000001

case="wrong reference"
fresh
sed -i '200,300s/A/C/g' "$c/reference.fa"
expect 65
says 'MD5'
says 'use the reference that the reads were aligned to'
[ ! -e "$c/dataset/current" ] || fail "$case: something was published"

case="unsorted"
fresh
samtools sort -n -O cram --reference "$c/reference.fa" -o "$c/reads/S000004.cram" "$work/good/reads/S000004.cram" \
    2>/dev/null
expect 0
says 'not sorted by coordinate'
brief 2
without S000004

case="not an alignment file"
fresh
echo "hello" >"$c/reads/S000004.cram"
expect 0
says 'S000004'
brief 2
without S000004

case="duplicate sample"
fresh
row=$(sed -n 2p "$c/manifest.tsv")
echo "$row" >>"$c/manifest.tsv"
expect 65
says "manifest.tsv:6: sample 'S000001' stands twice"
brief 3

case="empty cohort"
fresh
sed -i '2,$d' "$c/manifest.tsv"
expect 65
says 'holds no sample'
brief 1

case="unknown contig"
fresh
expect 64 --set 'regions.contigs=[chr21]'
says "did you mean 'chr20'"
brief 1

case="a contig that SAM does not allow"
fresh
sed -i '1s/>.*/>chr20,chrX/' "$c/reference.fa"
rm -f "$c"/reference.fa.fai
sed -i '/contigs:/d' "$c/workflow.yaml"
expect 65
says 'contig "chr20,chrX" holds one of'
brief 1
printf 'chr20,chrX\t40000\t12\t60\t61\n' >"$c/reference.fa.fai"
! "$KUNI" validate "$c/workflow.yaml" >"$work/out" 2>"$work/err" || fail "$case: valid"
says 'contig "chr20,chrX" holds one of'

case="typo in the workflow"
fresh
sed -i 's/shard:/shrad:/' "$c/workflow.yaml"
expect 64
says "did you mean 'shard'"

case="parameters that the stage alone understands"
fresh
for with in "format: [GT, GQQ]|format: unknown 'GQQ': expected GT, GQ" 'sparse_gq: [10, 1]|sparse_gq: expected at most 32 rising' \
    "filters: ['a: QAUL < 2']|filters: a: unknown name 'QAUL' (did you mean QUAL" 'also: [site]|also: unknown'; do
    printf 'version: 1\nreference: reference.fa\ncohort: manifest.tsv\ndataset: set\nstages:\n  - {id: c, uses: call-variants}\n  - id: j\n    uses: joint-genotype\n    needs: c\n    with:\n      min_gq: 2\n      %s\n' "${with%%|*}" >"$c/workflow.yaml"
    expect 64
    says "workflow.yaml:12:"
    says "${with#*|}"
    brief 1
done

case="one kind from two stages"
fresh
sed -i 's/^  - id: national/  - {id: quality, uses: variant-quality, needs: joint}\n&/; s/needs: \[qc, joint\]/needs: [qc, joint, quality]/' "$c/workflow.yaml"
expect 64
says 'stage national takes one file of kind "calls" but both joint and quality give it'
brief 1

case="both cuts in one step"
fresh
sed -i 's/shard: 10kb/shard: 200kb\n  joint_shard: 64kb/; s/^  - id: national/  - {id: beside, run: "cat {input.calls} > {output}", takes: [evidence, calls], gives: text, extension: txt, needs: [call, joint]}\n&/' "$c/workflow.yaml"
expect 64
says 'regions.joint_shard: stage beside takes both'
brief 1

case="a stage with several steps that nothing feeds"
fresh
sed -i 's/needs: \[qc, joint\]/needs: [qc, call]/' "$c/workflow.yaml"
expect 64
says "stage 'national' takes 'calls', which no stage upstream of it gives; expected 'joint' among its needs"
brief 1

case="a QC profile with a fault"
fresh
printf 'nonsense: [\n' >"$c/profiles.yaml"
printf 'version: 1\nreference: reference.fa\ncohort: manifest.tsv\ndataset: set\nstages:\n  - {id: q, uses: alignment-qc, with: {profiles: profiles.yaml}}\n' >"$c/workflow.yaml"
expect 64
says 'profiles.yaml'
brief 1

case="no workflow"
fresh
rm "$c/workflow.yaml"
expect 74
says 'No such file'
brief 1

case="folder that cannot be made"
fresh
expect 74 --set dataset=/proc/kuni/dataset
says '/proc/kuni'
brief 1

case="a file where the dataset should be"
fresh
touch "$work/file"
expect 74 --set dataset="$work/file"
says "$work/file"
brief 1

# --- stages ---
add_stage() { # TEXT
    fresh
    printf '  - id: extra\n    needs: [joint]\n%s\n' "$1" >>"$c/workflow.yaml"
}

case="a command that fails"
add_stage '    run: "echo the disk is tired >&2; exit 3; : {output}"
    scatter: region'
expect 70 --set on_error.retries=0
says 'extra'
says 'the disk is tired'

case="a command that hangs"
add_stage '    run: "sleep 600; : {output}"
    scatter: cohort
    time_limit: 2s'
expect 70 --set on_error.retries=0
says 'extra'

case="a command that writes nothing"
add_stage '    run: ": {output}"
    scatter: region'
expect 70 --set on_error.retries=0
says 'extra'

# --- what would make a command wait for somebody who writes ---
case="a named pipe"
fresh
expect 0
mkfifo "$c/pipe"
cd "$c"
for arguments in "validate pipe" "validate --set cohort=pipe workflow.yaml" "validate --set pedigree=pipe workflow.yaml" "run pipe" "status pipe" \
    "withdraw --yes --list pipe workflow.yaml" "export --samples-file pipe -o x.bcf workflow.yaml" "evidence stat pipe" "evidence check pipe" \
    "gvcf -r pipe pipe" "gvcf -r reference.fa pipe" "release --dry-run pipe" "simulate --reference pipe -o made"; do
    status=0
    # shellcheck disable=SC2086 # words
    timeout 20 "$KUNI" $arguments >"$work/out" 2>"$work/err" </dev/null || status=$?
    case $status in 64 | 65 | 74) ;; *) fail "$case: kuni $arguments: exit status $status" ;; esac
    says pipe
    brief 1
done
timeout 60 "$KUNI" export --samples-file <(echo S000001) -o one.bcf workflow.yaml >"$work/out" 2>"$work/err" || fail "$case: of the shell's own"
[ "$(bcftools query -l one.bcf)" = S000001 ] || fail "$case: not who was told of through a pipe"
cd "$work"

# --- full disk: every size stops somewhere else; with room enough the same command goes on ---
case="full disk"
fresh
mkdir "$work/small"
if mount -t tmpfs -o size=64k tmpfs "$work/small" 2>/dev/null; then
    tmpfs=$work/small
    for size in 64k 120k 200k 320k; do
        mount -o "remount,size=$size" "$tmpfs"
        status=0
        timeout 120 "$KUNI" run --quiet "$c/workflow.yaml" --set dataset="$tmpfs/dataset" >"$work/out" 2>"$work/err" \
            </dev/null || status=$?
        [ "$status" -eq 0 ] && break
        [ "$status" -eq 74 ] || { cat "$work/err"; fail "$case at $size: exit status $status, expected 74"; }
        says 'No space left on device'
        [ ! -e "$tmpfs/dataset/current/national.bcf" ] || fail "$case at $size: a call set was published"
    done
    mount -o remount,size=64m "$tmpfs"
    expect 0 --set dataset="$tmpfs/dataset"
    cp -r "$tmpfs/dataset" "$c/"
    fresh_digest=$(bcftools view --no-version "$c/dataset/current/national.bcf" | sha256sum)
    fresh
    expect 0
    [ "$fresh_digest" = "$(bcftools view --no-version "$c/dataset/current/national.bcf" | sha256sum)" ] ||
        fail "$case: the call set after a full disk differs"
else
    left_out "full disk: no right to mount"
fi

verdict "all right"
