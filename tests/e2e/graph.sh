#!/bin/bash
# SPDX-License-Identifier: MIT
# The picture of a workflow: every step, what flows, how often; and drawn by graphviz where that is there.
. "$(dirname "$0")/../lib.sh"
cd "$work"
"$KUNI" simulate --quiet -n 5 --contigs chr20:40k --depth 5 --seed 4 --out cohort >/dev/null
sed -i '/^pedigree/d' cohort/workflow.yaml
cat >>cohort/workflow.yaml <<'YAML'
  - {id: count, run: 'cat {input} > {output}', takes: sample-qc, gives: text, extension: txt, scatter: cohort, publish: n.txt, needs: qc}
batch: 2
YAML
"$KUNI" graph cohort/workflow.yaml >dot.txt || fail "no graph"
for line in 'label="5 samples"' 'label="call\\ncall-variants\\n4 shards x 3 batches"' 'label="qc.reads\\nalignment-qc\\n5 shards x 3 batches"' \
    'label="qc.batch\\nalignment-qc\\n3 batches"' 'label="joint\\njoint-genotype\\n4 shards"' \
    'label="count\\ncommand\\nonce\\npublishes 1 file", style="rounded,bold"' '\[label="evidence"\]' '\[label="sample-qc"\]'; do
    grep -q -- "$line" dot.txt || fail "no $line: $(cat dot.txt)"
done
# As many boxes as steps in the plan.
"$KUNI" plan cohort/workflow.yaml >plan.txt
# A job that fits: as told, and as the plan says where nothing is told. What a shell would take apart is quoted.
"$KUNI" plan --slurm-script --ranks 5 --jobs 2 --hours 30 --set "name=it's" cohort/workflow.yaml >job.sbatch
bash -n job.sbatch
for line in '#SBATCH --ntasks=5' '#SBATCH --cpus-per-task=2' '#SBATCH --time=1-06:00:00' '#SBATCH --requeue' '#SBATCH --job-name=kuni-it-s' \
    "[ \$# -gt 0 ] || set -- run --jobs 2 --set 'name=it'\\''s' '$PWD/cohort/workflow.yaml'"; do
    grep -qxF -- "$line" job.sbatch || fail "no '$line' in the job script"
done
memory=$(sed -n 's/^#SBATCH --mem-per-cpu=\([0-9]*\)M$/\1/p' job.sbatch)
[ "$memory" -ge 2048 ] && [ "$memory" -le 3072 ] || fail "$memory MiB a core, of tasks of 2 GiB"
"$KUNI" plan --slurm-script cohort/workflow.yaml >job.sbatch
grep -q '^#SBATCH --ntasks=[1-9]' job.sbatch || fail "no ranks without being told"
steps=$(awk '/^step /{on = 1; next} on && !NF {exit} on && $1 != "preflight"' plan.txt | wc -l)
[ "$(grep -c '^  n[0-9]* \[' dot.txt)" = "$steps" ] || fail "not $steps boxes"
"$KUNI" graph -f mermaid cohort/workflow.yaml >mermaid.txt || fail "no mermaid"
[ "$(grep -c '^  n[0-9]*\["' mermaid.txt)" = "$steps" ] || fail "mermaid: not $steps boxes"
[ "$(grep -c -- ' -> ' dot.txt)" = "$(grep -c -- ' -->' mermaid.txt)" ] || fail "mermaid: other arrows"
"$KUNI" graph -o file.txt cohort/workflow.yaml && cmp -s file.txt dot.txt || fail "--output"
status=0
PATH=/nowhere "$KUNI" graph -f svg cohort/workflow.yaml >svg.txt 2>err || status=$?
[ "$status" = 64 ] && [ ! -s svg.txt ] && grep -q 'install graphviz' err || fail "without graphviz: $status"
if command -v dot >/dev/null; then
    "$KUNI" graph -f svg cohort/workflow.yaml >graph.svg || fail "graphviz"
    [ "$(grep -c 'class="node"' graph.svg)" = $((steps + 1)) ] || fail "the SVG has not $steps boxes and the samples"
else
    echo "no graphviz: the SVG is not looked at"
fi
echo "all well"
