#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni export -f zarr: the same store from any number of processes and ranks, whole or not there; and, where Python has
# bio2zarr and vcztools (PyPI; PYTHON names another one than python3), the store that vcf2zarr makes of the dense calls, array by array, which
# vcztools writes out again as the VCF that it came from.
. "$(dirname "$0")/../lib.sh"
need_faults
need_tools bcftools
go_on=1
cd "$work"
python=${PYTHON:-python3}

"$KUNI" simulate --quiet -n 9 --contigs chr20:170k,chrX:40k,chrY:20k -d 8:30 --clusters 0.2 -o cohort
cat >w.yaml <<'YAML'
version: 1
name: zarr
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
pedigree: cohort/pedigree.ped
dataset: dataset
regions: {shard: 50kb, ploidy: cohort/ploidy.bed}
batch: 4
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
  - {id: national, uses: merge, needs: joint}
YAML
"$KUNI" run w.yaml 2>run.log || { cat run.log; exit 1; }

"$KUNI" export -f zarr -o one.zarr w.yaml >printed
[ "$(cat printed)" = one.zarr ] || fail "printed: $(cat printed)"
"$KUNI" export -f zarr -j 3 -o three.zarr w.yaml >/dev/null
diff -r one.zarr three.zarr || fail "three processes write another store"
if have mpirun; then
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 mpirun --oversubscribe -n 2 "$KUNI" export -f zarr -j 2 -o ranks.zarr w.yaml >/dev/null
    diff -r one.zarr ranks.zarr || fail "two ranks write another store"
fi
[ -e one.zarr/call_genotype/1.0.0 ] || fail "there is one chunk only: no cut was tried"

# Whole or not there.
"$KUNI" export -f zarr -o one.zarr w.yaml 2>message && fail "a store takes the place of another"
grep -q 'is there already' message || fail "in the way: $(cat message)"
"$KUNI" export -f zarr -o x.vcf.gz w.yaml 2>message && fail "a store by the name of a VCF"
KUNI_FAULT=write:30 "$KUNI" export -f zarr -o full.zarr w.yaml >/dev/null 2>&1 && fail "a full disk is not noticed"
KUNI_FAULT=rename:30 "$KUNI" export -f zarr -o full.zarr w.yaml >/dev/null 2>&1 && fail "a failed rename is not noticed"
[ ! -e full.zarr ] || fail "a part of a store is taken for one"
find . -maxdepth 1 \( -name '*.part*' -o -name '*.making' \) | grep . && fail "pieces are left"

for module in bio2zarr vcztools; do
    "$python" -c "import $module" 2>/dev/null || { left_out "$module: not in $python"; module=''; break; }
done
if [ -n "$module" ]; then
    for part in "" "-r chr20:1-60000,chrX" "-S S000002" "-F GT,DP"; do
        rm -rf dense.* part.zarr
        # shellcheck disable=SC2086
        "$KUNI" export -o dense.bcf $part w.yaml >/dev/null
        # shellcheck disable=SC2086
        "$KUNI" export -f zarr -o part.zarr $part w.yaml >/dev/null
        "$python" -m bio2zarr vcf2zarr convert -Q dense.bcf dense.zarr 2>vcf2zarr.log || { tail -5 vcf2zarr.log; fail "vcf2zarr"; }
        "$python" "$here/zarr_same.py" part.zarr dense.zarr || fail "other than vcf2zarr's: '$part'"
    done
    # Headers tell of no list that no record has (LAA, LAD, LPL): vcztools ends at arrays without values.
    "$python" -m bio2zarr vcf2zarr convert -Q dataset/current/national.bcf national.zarr 2>vcf2zarr.log || { tail -5 vcf2zarr.log; fail "vcf2zarr of the national BCF"; }
    "$python" -m vcztools view national.zarr 2>vcztools.log | bcftools query -f '%CHROM %POS[ %GT]\n' 2>/dev/null | tr '|' / >found || { tail -5 vcztools.log; fail "vcztools view of the national BCF's store"; }
    bcftools query -f '%CHROM %POS[ %GT]\n' dataset/current/national.bcf | tr '|' / >expected
    cmp -s found expected || fail "vcztools writes other genotypes of the national BCF's store"
    "$KUNI" export -o dense.bcf w.yaml >/dev/null
    query='%CHROM %POS %ID %REF %ALT %FILTER %INFO/AC %INFO/AN[ %GT:%GQ:%DP:%AD]\n'
    "$python" -m vcztools view one.zarr >back.vcf 2>vcztools.log || { tail -5 vcztools.log; fail "vcztools view"; }
    bcftools query -f "$query" back.vcf >found 2>warnings
    bcftools query -f "$query" dense.bcf | tr '|' '/' >expected
    cmp -s <(tr '|' '/' <found) expected || { fail "vcztools writes other records"; diff <(tr '|' '/' <found) expected | head -4 | cut -c1-200; }
    [ "$(wc -l <expected)" -gt 1000 ] || fail "too few records to tell anything"
    bcftools query -r chrX:10000-20000 -f '%CHROM %POS\n' dense.bcf >expected
    "$python" -m vcztools query -r chrX:10000-20000 -f '%CHROM %POS\n' one.zarr >found || fail "vcztools query"
    cmp -s found expected || fail "the index of regions is no good"
    if "$python" -c 'import sgkit' 2>/dev/null; then
        "$python" -c 'import sgkit, sys
ds = sgkit.load_dataset("one.zarr")
print(int(ds.call_genotype.shape[0]), int((ds.call_genotype == 1).sum()))' >found 2>/dev/null || fail "sgkit"
        [ "$(cut -d' ' -f1 found)" = "$(bcftools index -n dense.bcf)" ] || fail "sgkit finds $(cat found)"
    else
        left_out "sgkit: not in $python"
    fi
fi

verdict "one store, whoever writes it"
