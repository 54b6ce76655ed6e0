#!/bin/bash
# SPDX-License-Identifier: MIT
# An assembly of one long contig and many small ones, most of them without a read: small shards share a process (regions.bundle).
# The call set, quality control and the files are the same as with a process for each, at any number of ranks, and when a bundle
# crashes; the journal tells how many processes there were.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
need_tools samtools bcftools python3

contigs=${CONTIGS:-120}
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

# processes DATASET STEP: how many there were, and the tasks of the step that they did
processes() {
    python3 - "$1/journal" "$2" <<'PY'
import json, sys
parts = [task.get("of", 1) for line in open(sys.argv[1])
         for task in [json.loads(line[line.index("{"):line.rindex("}") + 1])]
         if task.get("t") == "task" and task["n"] == sys.argv[2]]
print(round(sum(1 / n for n in parts)), len(parts))
PY
}

same() {
    cmp one/current/national.bcf "$1/current/national.bcf" || fail "$1: another call set"
    diff -r one/current/qc "$1/current/qc" >"$work/differs" || fail "$1: another quality control: $(head -n 3 "$work/differs")"
    (cd one/data && find . -type f | sort) >files.one
    (cd "$1/data" && find . -type f | sort) | cmp files.one - || fail "$1: other files"
}

run one 0 --set regions.bundle=1
[ "$(bcftools view -H one/current/national.bcf | cut -f 1 | grep -c decoy)" -gt 10 ] || fail "hardly a variant on small contigs"
run together 0
same together
read -r alone tasks <<<"$(processes one joint)"
read -r bundled tasks_too <<<"$(processes together joint)"
[ "$alone" -eq "$tasks" ] && [ "$tasks" -eq "$tasks_too" ] && [ "$tasks" -gt "$contigs" ] || fail "joint: $alone processes for $tasks tasks"
[ "$bundled" -le $((tasks / 4)) ] || fail "joint: $bundled processes for $tasks tasks in bundles"

# A crash in a bundle: its shards are done one by one.
export KUNI_CRASH="segv@S000002#$work/flag"
run crashed 3
unset KUNI_CRASH
[ -e flag ] || fail "nothing crashed"
same crashed

# Another cut: what is one shard of the long contig here are four there; small ones are bundled in both.
run cut 3 --set regions.shard=50kb
diff <(bcftools view -H one/current/national.bcf) <(bcftools view -H cut/current/national.bcf) >/dev/null || fail "cut: other records"
verdict "joint: $bundled processes for $tasks tasks"
