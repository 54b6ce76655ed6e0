#!/bin/bash
# SPDX-License-Identifier: MIT
# A dataset on a disk that fills up: one clear line and status 74, nothing half-written stands at its place, and the same
# command goes on once there is room. At every size, until the disk is large enough, by one process and by three ranks.
# Needs root, to mount a small tmpfs.
. "$(dirname "$0")/../lib.sh"
need_root
need_tools mpirun bcftools
disk=$work/disk
at_exit() {
    umount "$disk" 2>/dev/null || true
}
mkdir "$disk"
mount -t tmpfs -o size=64k tmpfs "$disk" 2>/dev/null || skip "cannot mount a tmpfs"
log=$work/log

"$KUNI" simulate --quiet -n 3 --contigs chr20:60k --depth 10 --seed 8 --out "$work/cohort" >/dev/null
write_workflow() { # DATASET
    cat <<YAML
version: 1
name: full
reference: $work/cohort/reference.fa
cohort: $work/cohort/manifest.tsv
dataset: $1
regions: {shard: 20kb}
stages:
  - id: qc
    uses: alignment-qc
  - id: call
    uses: call-variants
  - id: joint
    uses: joint-genotype
    needs: call
  - id: national
    uses: merge
    needs: [qc, joint]
on_error: {sample: abort, retries: 0}
YAML
}
write_workflow "$work/whole" >"$work/whole.yaml"
"$KUNI" run "$work/whole.yaml" >"$work/log" 2>&1 || fail "the undisturbed run"
bcftools view --no-version "$work/whole/current/national.bcf" >"$work/whole.vcf"

for ranks in 1 3; do
    launch=()
    [ $ranks -eq 1 ] || launch=(mpirun --oversubscribe -n "$ranks")
    umount "$disk"
    mount -t tmpfs -o size=8k tmpfs "$disk"
    write_workflow "$disk/set" >"$work/full.yaml"
    refused=0 told=0
    for size in 8 24 64 80 104 120 160 200 250 300 500 700 900 1100 1600 3000; do
        mount -o "remount,size=${size}k" "$disk" || continue
        status=0
        "${launch[@]}" "$KUNI" run "$work/full.yaml" >"$work/log" 2>&1 || status=$?
        [ $status -eq 0 ] && break
        refused=$((refused + 1))
        [ $status -eq 74 ] || fail "$ranks ranks, ${size}k: status $status, not 74"
        grep -qE 'No space left|free space' "$work/log" || fail "$ranks ranks, ${size}k: no clear message"
        # An automatic loop asks kuni status. Where not even its file could be made, no run has been here.
        said=0
        "$KUNI" status "$work/full.yaml" >"$work/said" 2>&1 || said=$?
        [ $said -eq 74 ] || grep -q 'no run has been here' "$work/said" || fail "$ranks ranks, ${size}k: kuni status $said, not 74"
        [ $said -ne 74 ] || told=$((told + 1))
        if grep -qiE 'crash|signal|bug' "$work/log"; then fail "$ranks ranks, ${size}k: blamed wrongly"; fi
        [ ! -e "$disk/set/current" ] || fail "a generation was published from a failed run"
        # What stands at a place that merge gave it can be read to its end.
        find "$disk" -name '*.bcf' -path '*/data/*' ! -name '.*' ! -path '*segment*' | while read -r file; do
            bcftools view --no-version "$file" >/dev/null 2>"$work/err" || fail "$file is not whole: $(cat "$work/err")"
        done
    done
    [ "$status" -eq 0 ] || fail "$ranks ranks: it never succeeded"
    [ $refused -ge 3 ] || fail "$ranks ranks: the disk was never full"
    [ $told -ge 2 ] || fail "$ranks ranks: kuni status told a full disk $told times"
    bcftools view --no-version "$disk/set/current/national.bcf" | cmp - "$work/whole.vcf" || fail "records differ"
    if find "$disk" -name '.kuni-tmp-*' -o -name '*.tmp.*' | grep .; then fail "temporary files were left"; fi
    echo "$ranks ranks: refused $refused times, then whole at ${size}k"
done
