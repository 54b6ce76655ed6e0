#!/bin/bash
# SPDX-License-Identifier: MIT
# What comes after the evidence may be cut finer than the reads (regions.joint_shard), otherwise in every run: the same bytes are
# published, nothing is refused, and files of another cut go. With bundles of small contigs that are cut within, a command
# between, variant-quality, exports, a run that was killed in the joint steps, and growth.
. "$(dirname "$0")/../lib.sh"
need_faults
need_tools bcftools python3
cd "$work"
decoys=64
"$KUNI" simulate --quiet -n 4 -d 5 --seed 23 --format bam \
    --contigs "chr20:500000,$(seq -f 'decoy%.0f:10000' -s , $decoys)" -o cohort >/dev/null
export workflow=cohort/workflow.yaml
python3 - <<'PY'
import re
text = re.sub(r"  shard: \S+", "  shard: 1Mb", open("cohort/workflow.yaml").read())
command = r"""  - {id: vq, uses: variant-quality, needs: [joint]}
  - id: edit
    needs: [vq]
    run: "bcftools annotate --no-version -x INFO/MQ {input} -Ob -o {output} && echo {region} {bed} >>{scratch}/regions && test $(wc -l <{scratch}/regions) = 1"
    scatter: region
    takes: calls
    gives: calls
"""
text = re.sub(r"(  - id: national.*needs: \[qc, )joint\]", lambda m: command + m[1] + "edit]", text, flags=re.S)
open("cohort/workflow.yaml", "w").write(re.sub(r"uses: joint-genotype", "uses: joint-genotype\n    with: {also: [sites, sparse]}", text))
PY
grep -q 'edit]' $workflow && grep -q 'also:' $workflow || fail "the workflow is not as this test wants it"

same() { # NAME WHAT
    diff -r one/current "$1/current" >differs || fail "$2: other bytes are published: $(head -n 3 differs)"
}
spans() { find "$1/data/$2" -mindepth 1 -maxdepth 1 -type d | wc -l; }
kept() { [ -z "$(find "$1/data/joint" -mindepth 1 -type d -empty)" ] || fail "$1: folders of another cut stay"; }

run one 0
n=$(spans one joint)
[ "$(bcftools view -H one/current/national.bcf | wc -l)" -gt 500 ] || fail "hardly a record"
[ "$(bcftools view -H one/current/national.bcf | cut -f1 | uniq | wc -l)" -gt $decoys ] || fail "hardly a record on small contigs"
run fine 0 --set regions.joint_shard=64kb
same fine "64 kb"
[ "$(spans fine joint)" -gt "$((n + 6))" ] && [ "$(spans fine call)" = "$n" ] || fail "not cut finer: $(spans fine joint) and $(spans fine call)"
[ "$(spans fine edit)" = "$(spans fine joint)" ] && [ "$(spans fine national.segment)" = "$(spans fine joint)" ] || fail "what follows is cut otherwise"
[ -n "$(find fine/data/joint -name '*.pack.*')" ] || fail "no bundle was cut"
run ranks 3 --set regions.joint_shard=64kb
same ranks "64 kb on 3 ranks"

# Reads cut otherwise, too.
run other 2 --set regions.shard=300kb --set regions.joint_shard=64kb --set regions.bundle=3
for file in national.bcf national.sites.vcf.gz; do
    diff <(bcftools view --no-version one/current/$file) <(bcftools view --no-version other/current/$file) >differs || fail "reads in 300 kb: other records in $file"
done

# Another cut of what stands, back and forth; nothing of the other stays, and the evidence is not made again.
for cut in 200kb 1Mb 64kb; do
    run fine 2 --set regions.joint_shard=$cut
    same fine "from another cut to $cut"
    kept fine
    ! grep -q '"n":"call".*"n":"call"' fine/journal || fail "journal"
done
[ "$(grep -c '"t":"task".*"n":"call"\|"n":"call".*"t":"task"' fine/journal || true)" -le "$n" ] || fail "called again"

# What is told of it, and what is looked up.
cut=(--set "dataset=$work/fine" --set regions.joint_shard=64kb)
"$KUNI" plan "${cut[@]}" $workflow >plan
grep -q "^joint  *$(spans fine joint) shards" plan || fail "plan: $(grep ^joint plan)"
[ "$(awk '$1 == "joint" && $2 == "shards" && $NF {print $3}' plan)" = "$(spans fine joint)" ] || fail "plan: tasks"
"$KUNI" graph "${cut[@]}" $workflow | grep -q "$(spans fine joint) shards" || fail "graph"
[ "$("$KUNI" tasks --tsv "${cut[@]}" $workflow | awk -F '\t' '$1 == "joint" && $4 == "done"' | wc -l)" = "$(spans fine joint)" ] || fail "tasks"
"$KUNI" try "${cut[@]}" --shard chr20:150000 $workflow joint >said 2>&1 || fail "try: $(tail -n 3 said)"
grep -q 'chr20-131072-196608' said || fail "try took another shard: $(cat said)"
"$KUNI" verify --deep "${cut[@]}" $workflow >said 2>&1 || fail "verify: $(tail -n 3 said)"
for form in bcf sparse gvcf plink; do
    for dataset in one fine; do
        [ $dataset = one ] && at=(--set "dataset=$work/one") || at=("${cut[@]}")
        "$KUNI" export "${at[@]}" -f $form -r chr20:60000-140000,decoy9:1-5000,decoy33 -S S000001,S000003 -o "$dataset.$form" $workflow >said 2>&1 ||
            fail "export of $form: $(tail -n 2 said)"
    done
    for file in one."$form"*; do diff -r "$file" "fine${file#one}" >differs || [ "${file##*.}" = log ] || fail "export of $form differs: $file"; done
done

# Killed in the joint steps at one cut, gone on with at another.
setsid "$KUNI" run --quiet $workflow --set "dataset=$work/killed" --set regions.joint_shard=64kb >killed.log 2>&1 &
for _ in $(seq 900); do
    [ -n "$(find killed/data/joint -name '*.bcf' 2>/dev/null | head -n 1)" ] && break
    sleep 0.05
done
kill -KILL $! && wait $! 2>/dev/null || true
[ ! -e killed/current ] || fail "the run was over"
run killed 2 --set regions.joint_shard=150kb
same killed "killed at 64 kb, gone on with at 150 kb"
kept killed

# Grown: two people at one cut, all at another.
head -n 3 cohort/manifest.tsv >cohort/first.tsv
run grown 0 --set batch=2 --set "cohort=$work/cohort/first.tsv" --set regions.joint_shard=128kb
run grown 2 --set batch=2 --set regions.joint_shard=64kb
diff <(bcftools view -H one/current/national.bcf) <(bcftools view -H grown/current/national.bcf) >differs || fail "grown: other records"

# A step that would have to take shards of both cuts: told, and cut alike where nobody asked for another.
sed -e 's/takes: calls/takes: [calls, evidence]/' -e 's/{input}/{input.calls}/' -e 's/needs: \[vq\]/needs: [vq, call]/' $workflow >cohort/both.yaml
! "$KUNI" plan --set "dataset=$work/both" --set regions.joint_shard=64kb cohort/both.yaml >said 2>&1 || fail "a step of both cuts is not refused"
grep -q 'regions.joint_shard: stage edit takes both' said || fail "no reason: $(cat said)"
"$KUNI" plan --set "dataset=$work/both" --set regions.shard=25Mb cohort/both.yaml >said 2>&1
grep -q '^joint  *cut as the reads are, as stage edit' said || fail "not told that the cut is the reads': $(cat said)"
"$KUNI" plan --set "dataset=$work/wide" --set regions.shard=25Mb $workflow >said 2>&1
! grep -q '^joint  *cut as' said || fail "told without a reason"
# Too many files: the width of the reads' shards that makes fewer.
python3 - <<'PY'
with open("wide.fa", "wb") as f:
    f.write(b">chr20\n")
    f.seek(7 + 400000000)
    f.write(b"\n")
open("wide.fa.fai", "w").write("chr20\t400000000\t7\t400000000\t400000001\n")
PY
sed -e 's/^  contigs:.*/  contigs: [chr20]/' $workflow >cohort/wide.yaml
wide=(--set "dataset=$work/wide" --set "reference=$work/wide.fa" --set regions.ploidy=diploid --set batch=1 cohort/wide.yaml)
"$KUNI" plan --set regions.shard=1500 "${wide[@]}" >said 2>&1
grep -q 'more than 500000: regions.shard: 5Mb makes about [0-9]* of them' said || fail "no advice: $(grep -A1 ^files said)"
"$KUNI" plan "${wide[@]}" >said 2>&1
! grep -q 'more than 500000' said || fail "advice without need"
verdict "the same bytes in $(spans fine joint) parts as in $n"
