#!/bin/bash
# SPDX-License-Identifier: MIT
# The plain, AVX2 and AVX-512 paths of the PairHMM give the same bytes of evidence and of the call set, and so does a libm
# without FMA and AVX, on a simulated cohort and, where they are at hand, on real reads of HG002; these also at 1, 7 and 40
# shards the same records.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools python3

# glibc then takes what it takes on a processor of 2010: exp, log, sin and others that round otherwise in the last place.
old_libm=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX,-AVX2
# Where functions that libm has several forms of lie in it: other places, other forms.
forms() {
    python3 - <<'PY' 2>/dev/null
import ctypes
libm = ctypes.CDLL("libm.so.6")
start = min(int(line.split("-")[0], 16) for line in open("/proc/self/maps") if "libm.so" in line)
print([ctypes.cast(getattr(libm, name), ctypes.c_void_p).value - start for name in ("sin", "log2", "exp2f")])
PY
}

# Every byte of the evidence and of the call set.
bytes() {
    (cd "$work/$1" && find . -name '*.ev' | sort | xargs sha256sum && sha256sum <current/national.bcf)
}

# paths WORKFLOW NAME: the paths this processor has, each against the plain one
paths() {
    KUNI_PAIRHMM=plain workflow=$1 run "$2.plain" 0
    bytes "$2.plain" >"$work/$2.bytes"
    [ "$(grep -c '\.ev$' "$work/$2.bytes")" -gt 0 ] || fail "$2: no evidence was written"
    for path in avx2 avx512; do
        grep -qw "$path" <<<"$flags" || { left_out "$2: this processor has no $path"; continue; }
        KUNI_PAIRHMM=$path workflow=$1 run "$2.$path" 0
        bytes "$2.$path" | cmp - "$work/$2.bytes" || fail "$2: $path and plain code differ"
        echo "$2: $path gives the bytes of plain code"
    done
    if [ "$(forms)" = "$(GLIBC_TUNABLES=$old_libm forms)" ]; then
        left_out "$2: libm has one form of its functions here, or cannot be told which to take"
        return
    fi
    GLIBC_TUNABLES=$old_libm workflow=$1 run "$2.libm" 0
    bytes "$2.libm" | cmp - "$work/$2.bytes" || fail "$2: libm without FMA and AVX gives other bytes"
    echo "$2: libm without FMA and AVX gives the same bytes"
}

flags=$(sed -n '/^flags/{p;q}' /proc/cpuinfo 2>/dev/null || true)
grep -qw avx512dq <<<"$flags" && grep -qw avx512f <<<"$flags" && flags="$flags avx512"

"$KUNI" simulate --quiet --samples 4 --trios 1 --contigs chr20:100k,chrX:30k,chrM:6k --paralogs 1 --depth 20 --clusters 0.1 \
    --seed 23 --out "$work/cohort" >/dev/null
paths "$work/cohort/workflow.yaml" cohort
KUNI_PAIRHMM=sse9 "$KUNI" run --quiet "$work/cohort/workflow.yaml" --set "dataset=$work/none" >"$work/log" 2>&1 &&
    fail "an unknown path was taken"
grep -q 'KUNI_PAIRHMM is "sse9"' "$work/log" || { cat "$work/log"; fail "an unknown path is not told"; }

reads=$KUNI_DATA/b37_HG002_30x_chr20/HG002_NIST_150bp_downsampled_30x.chr20.10_10p1mb.bam
reference=$KUNI_DATA/b37_chr20_ref/GRCh37.20.fa.gz
if [ ! -e "$reads" ] || [ ! -e "$reference" ]; then
    left_out "HG002: no b37_HG002_30x_chr20 and b37_chr20_ref in the test data"
    exit
fi
printf 'participant_id\tsample_id\treads\nHG002\tHG002\t%s\n' "$reads" >"$work/manifest.tsv"
cat >"$work/workflow.yaml" <<YAML
version: 1
name: hg002
reference: $reference
cohort: $work/manifest.tsv
dataset: $work/dataset
regions: {contigs: ["20:9999001-10100500"], shard: 1Mb}
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: [call]}
  - {id: national, uses: merge, needs: [joint]}
YAML
paths "$work/workflow.yaml" hg002
records() { bcftools view --no-version "$work/$1/current/national.bcf"; }
records hg002.plain >"$work/whole.vcf"
[ "$(grep -vc '^#' "$work/whole.vcf")" -gt 200 ] || fail "hardly a record was called"
for shard in 14500 2538; do # 7 and 40 shards
    workflow=$work/workflow.yaml run "hg002.$shard" 0 --set "regions.shard=$shard"
    echo "hg002: $(find "$work/hg002.$shard" -name '*.ev' | wc -l) shards"
    records "hg002.$shard" | cmp - "$work/whole.vcf" || fail "hg002: a shard of $shard bp changes the records"
done
