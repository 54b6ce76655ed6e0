#!/bin/bash
# SPDX-License-Identifier: MIT
# What a second run on a dataset must mend, replace or leave alone. Each part is a fault that a first user met.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools
"$KUNI" simulate --quiet --samples 4 --contigs chr20:20k,chrX:10k --depth 12 --seed 3 --out "$work/cohort" >/dev/null
run() { # DATASET OPTION...: the status is kuni's
    try_run "$1" 0 --set batch=2 "${@:2}"
}
current=$work/set/current

# Looked on at from its first second to its end: a line a change, then how it ended, with its status.
run set &
until [ -s "$work/set/status.json" ]; do sleep 0.1; done
"$KUNI" status --watch "$work/set" >"$work/watched" || fail "status --watch: $? $(cat "$work/watched")"
wait $! || fail "the first run"
grep -q '^running .*: [0-9]* of [0-9]* tasks, [0-9]* running, 0 failed, [0-9]* s$' "$work/watched" || fail "status --watch told nothing of the run: $(cat "$work/watched")"
grep -q ': done$' "$work/watched" || fail "status --watch did not see the end: $(cat "$work/watched")"
if "$KUNI" status --watch --json "$work/set" >/dev/null 2>&1; then fail "status --watch --json"; fi
cp -rL "$current" "$work/first"

# What the run took: the same by step, by step and batch, in the table, and for Prometheus.
"$KUNI" status --json --prometheus "$work/kuni.prom" "$work/set" >"$work/status.json" || fail "status --prometheus"
python3 - "$work" <<'PY' || fail "accounting"
import csv, json, re, sys
work = sys.argv[1]
status = json.load(open(f"{work}/status.json"))
table = list(csv.DictReader(open(f"{work}/set/accounting.tsv"), delimiter="\t"))
steps = {s["step"]: s for s in status["steps"]}
assert {(r["step"], r["batch"]) for r in table} == {(r["step"], r["batch"]) for r in status["accounting"]}
assert {r["batch"] for r in table if r["step"] == "call"} == {"b0000", "b0001"}, table
for name, step in steps.items():
    rows = [r for r in status["accounting"] if r["step"] == name]
    assert sum(r["tasks"] for r in rows) == step["tasks"] and step["failed"] == 0, (name, rows)
    assert abs(sum(r["cpu_s"] for r in rows) / 3600 - step["core_hours"]) < 1e-5 * len(rows), (name, rows)
assert sum(s["tasks"] for s in status["steps"]) == status["done"] - status["reused"], status
assert steps["call"]["core_hours"] > 0 and steps["call"]["read_bytes"] > steps["call"]["written_bytes"] >= steps["call"]["kept_bytes"] > 0, steps["call"]
sample = re.compile(r'kuni_[a-z_]+\{workflow="[^"]*"(,[a-z]+="[^"]*")?\} [-0-9.e+]+$')
lines = open(f"{work}/kuni.prom").read().splitlines()
assert all(line.startswith("# ") or sample.match(line) for line in lines), lines
assert f'kuni_step_tasks_total{{workflow="{status["workflow"]}",step="call"}} {steps["call"]["tasks"]}' in lines, lines
assert f'kuni_state{{workflow="{status["workflow"]}",state="done"}} 1' in lines, lines
PY

# A published file was deleted by hand: the run said "unchanged" and left the hole.
rm "$work"/set/generations/*/national.bcf
run set || fail "the run after a published file was lost"
cmp "$work/first/national.bcf" "$current/national.bcf" || fail "a lost published file is not put back"
run set || fail "the run with nothing to do"
grep -q unchanged "$log" || fail "a whole generation is published again"

# A file of a sealed batch is away: plan believes the seal, a run looks.
planned() { "$KUNI" plan --set "dataset=$work/set" --set batch=2 "$work/cohort/workflow.yaml" | grep -v '^disk'; }
planned >"$work/planned" || fail "plan"
lost=$(find "$work/set/data/call" -name 'b0000.*' | sort | head -n 1)
[ -n "$lost" ] || fail "no evidence of b0000"
mv "$lost" "$work/lost"
planned | cmp - "$work/planned" || fail "plan looked at the files of sealed batches"
status=0
run set || status=$?
[ "$status" -eq 74 ] || fail "a run without a file of a sealed batch: $status"
grep -qF "$lost: missing" "$log" || fail "the run does not name $lost: $(cat "$log")"
mv "$work/lost" "$lost"
run set || fail "the run after the file was put back"

# A byte of a published table was flipped on the disk: the run made the table anew in data, and left the damaged one under its other name.
damaged=$current/qc/sample_qc.tsv
python3 - "$damaged" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    byte = f.read(1)
    f.seek(0)
    f.write(bytes([byte[0] ^ 1]))
PY
run set || fail "the run after a published file was damaged"
cmp "$work/first/${damaged#"$current"/}" "$damaged" || fail "a damaged published file is not put back"
run set || fail "the run with nothing to do"
grep -q unchanged "$log" || fail "a whole generation is published again"

# Killed while it wrote its state: status.json.tmp.PID.0 stayed in the dataset for ever.
touch "$work/set/status.json.tmp.12345.0" "$work/set/notes.tmp.txt"
ln -s generations/000009 "$work/set/.current-9"
run set || fail "the run after leftovers"
[ ! -e "$work/set/status.json.tmp.12345.0" ] || fail "a leftover of a killed run stays"
[ ! -L "$work/set/.current-9" ] || fail "a leftover link of a killed run stays"
[ -e "$work/set/notes.tmp.txt" ] || fail "a file that is not ours was removed"

# `current` became a folder (a copy that followed links): the message was "cannot rename .current-2: Is a directory".
rm "$current"
cp -r "$work/first" "$current"
rm "$current/national.bcf"
status=0
run set || status=$?
[ $status -eq 74 ] || fail "status $status where current is a folder"
grep -q 'current is a folder' "$log" || fail "no clear message where current is a folder"
rm -r "$current"
run set || fail "the run after the folder was moved away"
diff -r "$work/first" "$current" || fail "the generation differs"

# The reads of a sealed batch were truncated, then lost: that is no matter any more.
reads=$work/cohort/reads/S000002.cram
cp -p "$reads" "$work/kept.cram"
head -c 9000 "$work/kept.cram" >"$reads"
run set || fail "a truncated sample of a sealed batch"
diff -r "$work/first" "$current" || fail "reads that were truncated later change what is published"
# In a dataset where it was so from the start: failures.tsv went on telling the old reason, and named the sample twice.
run sick || fail "a truncated sample"
grep -q 'quarantined sample S000002: ' "$log" || fail "how the quarantine is told"
grep -qP '^S000002\t[^\t]*\tpreflight\t[^\t]*truncated' "$work/sick/current/failures.tsv" || fail "failures.tsv of a truncated sample"
if grep -q 'sample S000002:' "$work/sick/current/failures.tsv"; then fail "the reason names the sample again"; fi
rm "$reads"
run sick || fail "a lost sample"
run set || fail "a lost sample of a sealed batch"
diff -r "$work/first" "$current" || fail "reads that were lost later change what is published"
cp -p "$work/kept.cram" "$reads"
run sick || fail "the sample is back"
[ "$(bcftools query -l "$work/sick/current/national.bcf" | sort | tr '\n' ' ')" = "S000001 S000002 S000003 S000004 " ] ||
    fail "a sample that is back is not in the call set"

# A participant withdrew: the quality report went on counting one sample "without data".
grep -v S000003 "$work/cohort/manifest.tsv" >"$work/cohort/rest.tsv"
"$KUNI" withdraw --yes --set "dataset=$work/set" "$work/cohort/workflow.yaml" S000003 >"$work/log" 2>&1 || fail "kuni withdraw"
run set || fail "the run after a withdrawal"
run fresh --set cohort=rest.tsv || fail "the fresh run without the sample"
diff -r -x dataset.json -x national.bcf -x national.sites.vcf.gz "$work/fresh/current/" "$current/" || fail "withdrawal differs from a fresh build"
for file in national.bcf national.sites.vcf.gz; do
    cmp <(bcftools view --no-version "$work/fresh/current/$file") <(bcftools view --no-version "$current/$file") ||
        fail "records after a withdrawal differ in $file"
done
if grep -rlaq S000003 "$current/"; then fail "the withdrawn sample is named in what is published"; fi

# The numbers of the generations, for the pages: those of today are the published ones, and both forms tell the same.
python3 - "$work/set" <<'PYTHON' || fail "the numbers of the generations"
import csv, json, sys
folder = sys.argv[1]
rows = list(csv.DictReader(open(f"{folder}/trend.tsv"), delimiter="\t"))
script = open(f"{folder}/trend.js").read()
told = json.loads(script.removeprefix("window.kuniTrend=").removesuffix(";\n"))
number = lambda text: None if text == "NA" else float(text)
assert [(int(r["generation"]), r["table"], r["metric"], number(r["value"])) for r in rows] == [(t["generation"], t["table"], t["metric"], t["value"]) for t in told]
generations = sorted({int(r["generation"]) for r in rows})
assert len(generations) >= 2, generations
for table in ("qc/summary.tsv", "call-set/summary.tsv"):
    now = [r[:2] for r in csv.reader(open(f"{folder}/current/{table}"), delimiter="\t")][1:]
    assert now == [[r["metric"], r["value"]] for r in rows if r["table"] == table and int(r["generation"]) == generations[-1]], table
samples = [r["value"] for r in rows if r["table"] == "call-set/summary.tsv" and r["metric"] == "samples"]
assert samples[0] == "4" and samples[-1] == "3", samples
PYTHON

# A late parameter runs late steps only; another quality profile reads no reads.
run fresh --set cohort=rest.tsv --set joint.min_gq=10 || fail "a late parameter"
counts() { python3 -c 'import json,sys; s=json.load(open(sys.argv[1])); print(s["done"] - s["reused"])' "$work/fresh/status.json"; }
late=$(counts)
grep -c '"n": *"call"' "$work/fresh/journal" >"$work/calls"
cp "$work/cohort/reads/S000001.cram" "$work/away.cram"
rm "$work/cohort/reads/S000001.cram"
run fresh --set cohort=rest.tsv --set joint.min_gq=10 --set qc.profile=gel || fail "another profile"
grep -c '"n": *"call"' "$work/fresh/journal" | cmp - "$work/calls" || fail "a late change called again"
profile=$(counts)
if [ "$late" -gt 12 ] || [ "$profile" -gt 4 ]; then
    fail "tasks that ran: $late for a late parameter, $profile for a profile"
fi

# The engine alone, on tasks that do nothing: killed in the middle, it goes on with what stands.
dry() { "$KUNI" bench-engine --json --tasks 40 "$@" "$work/dry" 2>>"$log"; }
"$KUNI" bench-engine --tasks 40 --sleep 400 --jobs 4 "$work/dry" 2>>"$log" &
victim=$!
until grep -qs '"n":"call"' "$work/dry/dataset/journal"; do sleep 0.1; done
kill -KILL $victim
wait $victim 2>/dev/null || true
dry --jobs 4 >"$work/dry.json" || fail "bench-engine after a kill: $?"
dry --processes >"$work/again.json" || fail "bench-engine where all is done"
"$KUNI" bench-engine --tasks 41 "$work/dry" 2>/dev/null && fail "bench-engine on another's folder"
rm -r "$work/dry/dataset"
dry --processes --jobs 8 >"$work/forked.json" || fail "bench-engine in processes"
python3 - "$work" <<'PY' || fail "bench-engine: what was done and what was there"
import json, sys
first, again, forked = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("dry", "again", "forked"))
assert first["tasks"] + first["from_before"] == 40 and first["tasks"] and first["from_before"], first
assert again["tasks"] == 0 and again["from_before"] == 40, again
assert forked["tasks"] == 40, forked
PY
echo "all right: $late tasks for a late parameter, $profile for another profile"
