#!/bin/bash
# SPDX-License-Identifier: MIT
# A dense call set lies once on the disk: when it is published, stubs are left of the calls that it was put together from. They count as done,
# are given back to whoever needs them, byte for byte, and nothing is made again for want of them; whatever is lost or damaged, and wherever a
# run ends, the next one gives the same bytes.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools
need_faults
cd "$work"
"$KUNI" simulate --quiet -n 4 --contigs chr20,chrX --length 150k -d 4 -o cohort >/dev/null
cat >w.yaml <<'YAML'
version: 1
name: once
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: dataset
regions: {shard: 65536, bundle: 1}
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
  - {id: national, uses: merge, needs: joint}
YAML
run() { "$KUNI" run "$@" w.yaml >/dev/null 2>run.log || { cat run.log; fail "kuni run $*"; }; }
whole() { [ -z "$(find dataset/data/joint dataset/data/national.segment -name '*.bcf' -o -name '*.piece')" ] || fail "$1: pieces are kept"; }
same() { cmp dataset/current/national.bcf kept/current/national.bcf && cmp dataset/current/national.sites.vcf.gz kept/current/national.sites.vcf.gz || fail "$1: other bytes"; whole "$1"; }
# How many tasks of a step have been run by the last run.
ran() { "$KUNI" run --dry-run w.yaml 2>/dev/null | awk -v step="$1" '$1 == step {print $4}'; }

run --keep-all --set dataset=kept
run
same "the first run"
run
grep -q ", unchanged" run.log || fail "a second run makes something"
for form in bcf sparse.vcf.gz; do
    "$KUNI" export -r chr20:60000-90000,chrX -f "${form%%.*}" -o "one.$form" w.yaml >/dev/null
    "$KUNI" export -r chr20:60000-90000,chrX -f "${form%%.*}" -o "two.$form" --set dataset=kept w.yaml >/dev/null
    cmp "one.$form" "two.$form" || fail "export of $form from stubs"
done
"$KUNI" verify --deep w.yaml 2>/dev/null >/dev/null || fail "verify --deep"

# Another step wants the calls: they are given back, and gone again when it is published.
run --set stages.national.with.compression=3
whole "other settings of merge"
bcftools view -H dataset/current/national.bcf | cmp - <(bcftools view -H kept/current/national.bcf) || fail "other records by other settings of merge"
grep -q "joint" <<<"$("$KUNI" tasks --tsv w.yaml | awk -F '\t' '$0 ~ /settings|files/ && $0 ~ /joint/')" && fail "joint-genotype was run for merge's settings"
run
same "the settings of before"

# The assembled file is lost, but the published one is there; both are; a run ends in between.
rm dataset/data/national.assemble/all/*.bcf
[ "$(ran joint)" = 0 ] && [ "$(ran national.assemble)" = 1 ] || fail "more than the assembly is made again"
run
same "the assembled file was lost"
rm dataset/data/national.assemble/all/*.bcf dataset/current/national.bcf
run
same "the published file was lost"
rm -rf dataset
! KUNI_CRASH=kill@thin "$KUNI" run w.yaml >/dev/null 2>&1 || fail "nothing was injected"
[ -n "$(find dataset/data/joint -name '*.bcf')" ] || fail "the run was over"
run
same "after a crash"

# Damage within: whoever would take it is refused; repair saves what is whole.
printf XXXX | dd of="$(echo dataset/data/national.assemble/all/*.bcf)" bs=1 seek=20000 conv=notrunc 2>/dev/null
! "$KUNI" run --set stages.national.with.compression=3 w.yaml >/dev/null 2>run.log || fail "damaged calls were taken"
grep -q "altered or damaged" run.log || { cat run.log; fail "says not what is damaged"; }
! "$KUNI" verify --deep w.yaml >/dev/null 2>&1 || fail "verify --deep does not see it"
"$KUNI" repair --deep --yes w.yaml >/dev/null 2>&1 || true
[ "$(ran joint)" = 1 ] || fail "repair has $(ran joint) shards called again, not that which is damaged"
run
same "after a repair"
