#!/bin/bash
# SPDX-License-Identifier: MIT
# An assembly of one long contig and many small ones, most of them without a read: small shards share tasks and files
# (regions.bundle). All that is published is the same as with tasks and files for each, at any cut and number of ranks, when a
# bundle crashes or is killed, and when somebody is erased; and so is what is looked up in the files, exported, and made by a command.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
need_faults
need_tools samtools bcftools python3

contigs=${CONTIGS:-48}
cd "$work"
"$KUNI" simulate --quiet -n 3 -d 6 --seed 11 --format bam \
    --contigs "chr20:200000,$(seq -f 'decoy%.0f:5000' -s , "$contigs")" -o cohort
# Reads of the long contig and of every ninth small one.
printf 'chr20\t0\t200000\n' >kept.bed
seq -f 'decoy%.0f' 1 9 "$contigs" | sed 's/$/\t0\t5000/' >>kept.bed
for bam in cohort/reads/*.bam; do
    samtools view -b -L kept.bed -o kept.bam "$bam"
    mv kept.bam "$bam"
    rm -f "$bam".{bai,csi} "${bam%.bam}".{bai,csi}
    samtools index -c "$bam"
done
# After the joint step a command, which sees one span at a time.
export workflow=cohort/workflow.yaml
python3 - <<'PY'
import re
text = re.sub(r"  shard: \S+", "  shard: 60kb", open("cohort/workflow.yaml").read())
command = """  - id: edit
    needs: [joint]
    run: "bcftools annotate --no-version -x QUAL {input} -Ob -o {output} && echo {region} >>{scratch}/regions && test $(wc -l <{scratch}/regions) = 1"
    scatter: region
    takes: calls
    gives: calls
"""
open("cohort/workflow.yaml", "w").write(re.sub(r"(  - id: national.*needs: \[qc, )joint\]", command.replace("\\", r"\\") + r"\1edit]", text, flags=re.S))
PY

files() {
    find "$1/data" "$1/sealed" "$1/logs" -type f | wc -l
}

# tasks DATASET: how many there were
tasks() {
    grep -c '"t":"task"' "$1/journal" || true
}

same() {
    diff -r one/current "$1/current" >"$work/differs" || fail "$1: other bytes are published: $(head -n 3 "$work/differs")"
}

same_files() {
    (cd two/data && find . -type f | sort) >files.two
    (cd "$1/data" && find . -type f | sort) | cmp files.two - || fail "$1: other files than those of an undisturbed run"
}

run one 0 --set regions.bundle=1
[ "$(bcftools view -H one/current/national.bcf | cut -f 1 | grep -c decoy)" -gt 10 ] || fail "hardly a variant on small contigs"
run two 0
same two
[ "$(files two)" -le $(($(files one) / 3)) ] || fail "$(files two) files in bundles, $(files one) without"
[ "$(tasks two)" -le $(($(tasks one) / 2)) ] || fail "$(tasks two) tasks in bundles, $(tasks one) without"

# What is in the files, by region and by person.
for dataset in one two; do
    bundle=$([ $dataset = one ] && echo 1 || echo 64)
    set_it=(--set "dataset=$work/$dataset" --set "regions.bundle=$bundle")
    "$KUNI" evidence check $dataset/data/call/*/*.ev >checked
    "$KUNI" evidence dump $dataset/data/call/*/*.ev | grep -v '^#' | sort >dump.$dataset
    "$KUNI" gvcf -r cohort/reference.fa -s S000003 -o gvcf.$dataset.g.vcf.gz $dataset/data/call/*/b0000.*.ev
    for form in bcf gvcf; do
        "$KUNI" export "${set_it[@]}" -f $form -r decoy10:1-3000,decoy19,decoy28,chr20:1-70000 -S S000001,S000003 \
            -o export.$form.$dataset $workflow >exported
    done
    "$KUNI" verify --deep "${set_it[@]}" $workflow >verified 2>&1 || fail "$dataset: verify"
done
cmp dump.one dump.two || fail "other evidence"
grep -q decoy28 dump.two || fail "no evidence of a small contig"
cmp gvcf.one.g.vcf.gz gvcf.two.g.vcf.gz || fail "another gVCF"
cmp export.bcf.one export.bcf.two || fail "another export"
[ "$(bcftools view -H export.bcf.two | grep -c decoy)" -gt 10 ] || fail "no record of a small contig in the export"
diff -r export.gvcf.one export.gvcf.two >"$work/differs" || fail "other gVCFs in the export: $(head -n 3 "$work/differs")"
"$KUNI" evidence stat two/data/call/decoy1-*/*.ev >stat
grep -q 'shard.decoy2:1-5000' stat || fail "stat does not see the second of a bundle"

# Killed while a bundle's files are put together: the whole run, once in the reads, once in a joint step.
for at in pack:. pack:joint; do
    [ "$at" = pack:. ] || rm -rf killed/data/joint killed/data/edit killed/data/national.* killed/current
    rm -f flag
    KUNI_CRASH="hang@pack#$work/flag" setsid "$KUNI" run --quiet $workflow --set "dataset=$work/killed" >killed.log 2>&1 &
    for _ in $(seq 600); do
        [ -e flag ] && break
        sleep 0.05
    done
    [ -e flag ] || fail "$at: no bundle was put together"
    kill -KILL $! && wait $! 2>/dev/null || true
    run killed 0
    same killed
    same_files killed
done
[ -z "$(ls -A killed/tmp)" ] || fail "something is left in tmp"

# A crash in a bundle is tried again; three ranks.
rm -f flag
export KUNI_CRASH="segv@pack#$work/flag"
run crashed 3
unset KUNI_CRASH
[ -e flag ] || fail "nothing crashed"
same crashed
same_files crashed

# Another cut, of the long contig and into bundles.
run cut 3 --set regions.shard=45kb --set regions.bundle=3
diff <(bcftools view -H one/current/national.bcf) <(bcftools view -H cut/current/national.bcf) >/dev/null || fail "cut: other records"

# Somebody is erased, out of every member of every bundle.
for dataset in one two; do
    bundle=$([ $dataset = one ] && echo 1 || echo 64)
    "$KUNI" withdraw --mode erase --yes --set "dataset=$work/$dataset" --set "regions.bundle=$bundle" $workflow S000002 >said 2>&1
    run $dataset 0 --set "regions.bundle=$bundle"
done
same two
echo S000002 >ids
"$KUNI" verify --erased ids --set "dataset=$work/two" $workflow >said 2>&1 || fail "erased: $(tail -n 3 said)"

# A damaged bundle costs itself.
damaged=$(echo two/data/call/decoy1-*/*.ev)
printf 'x' | dd of="$damaged" bs=1 seek=900 conv=notrunc 2>dd.log
! "$KUNI" evidence check "$damaged" >said 2>&1 || fail "damage in a bundle is not seen"
! try_run two 0 || fail "a run goes on with a damaged bundle"
"$KUNI" repair --yes --deep --set "dataset=$work/two" $workflow >said 2>&1 || fail "repair: $(tail -n 3 said)"
run two 0
same two

# A dataset of a time when small shards did not share: refused with the way out.
! try_run one 0 || fail "a dataset with other shards is taken"
grep -q 'set regions.bundle to 1' one.log || fail "no way out is told: $(tail -n 2 one.log)"
run one 0 --set regions.bundle=1
verdict "$(files two) files and $(tasks two) tasks in bundles"
