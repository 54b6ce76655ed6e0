#!/bin/bash
# SPDX-License-Identifier: MIT
# A run that is only told of (--dry-run), and parts of one: --until, --only, --force. The dry run says beforehand what runs, step by
# step, to the task; what it tells is held against the journal of the run that follows.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools
cd "$work"
"$KUNI" simulate --quiet -n 5 --contigs chr20:40k --depth 5 --seed 4 --out cohort >/dev/null
cd cohort
sed -i '/^pedigree/d; s/needs: \[qc, joint\]/needs: [qc, mark]/; s/id: national/&/' workflow.yaml
cat >>workflow.yaml <<'YAML'
  - {id: mark, run: 'cat {input} > {output}', may_drop: 100%, takes: calls, gives: calls, extension: bcf, scatter: region, needs: joint}
  - {id: count, run: 'ls {input} | wc -w > {output}', takes: calls, gives: text, extension: txt, scatter: cohort, publish: n.txt, needs: mark}
batch: 3
YAML
cp manifest.tsv all.tsv
head -n 4 all.tsv >manifest.tsv

# Steps of which tasks run or follow, by the dry run; and those that the journal got since.
told() { awk '$1 == "step" {on = 1; next} on && !NF {exit} on && /^[a-z]/ && $4 + $5 > 0 {print $1, $4 + $5}' dry.txt | sort; }
ran() { tail -n "+$((lines + 1))" dataset/journal | sed -n 's/.*"t":"task","n":"\([^"]*\)".*/\1/p' | sort | uniq -c | awk '{print $2, $1}'; }
state() { { [ ! -e dataset ] || find dataset -type f -printf "%p %s %T@\n"; } | sort | md5sum; }
whole() { "$KUNI" run --quiet --keep-all "$@" workflow.yaml >run.txt 2>&1; }
# dry OPTION...: tells, and writes nothing.
dry() {
    local before after
    before=$(state)
    "$KUNI" run --dry-run "$@" workflow.yaml >dry.txt || fail "--dry-run $*: status $?"
    after=$(state)
    [ "$before" = "$after" ] || fail "--dry-run wrote into the dataset"
    grep -q 'nothing was computed or written' dry.txt || fail "no last line: $(cat dry.txt)"
}
# as_told WHAT OPTION...: a dry run, a run, and both say the same.
as_told() {
    local what=$1
    shift
    dry "$@"
    lines=0
    [ ! -e dataset/journal ] || lines=$(wc -l <dataset/journal)
    whole "$@" || fail "$what: $(cat run.txt)"
    told >told.txt
    ran >ran.txt
    diff told.txt ran.txt || fail "$what: not what the dry run (<) told"
}
says() { grep -qF -- "$1" "${2:-dry.txt}" || fail "no '$1' in $(cat "${2:-dry.txt}")"; }
refused() { # WORDS OPTION...
    local words=$1 status=0
    shift
    whole "$@" || status=$?
    [ "$status" = 64 ] || fail "$*: status $status: $(cat run.txt)"
    says "$words" run.txt
}

as_told 'a new dataset'
[ ! -s told.txt ] && fail "nothing was to be done at first"
as_told 'nothing'
[ -s told.txt ] && fail "something is done again"
cp all.tsv manifest.tsv
as_told 'new samples'
says '4: new samples'
says '4: who is in it changed'
as_told 'a command' --set 'stages.mark.run=bcftools view -i "POS>2000" -Ob -o {output} {input}'
says "command: was 'cat {input} > {output}', now 'bcftools view"
says '4: settings changed'
grep -q '^call *8 *8 *0 *0$' dry.txt || fail "call is not left alone"
as_told 'a parameter' --set joint.min_gq=7
says "min_gq: was '0', now '7'"
# What follows is not run where the bytes are the same: the dry run says that it may not be.
rm -r dataset/data/mark/chr20-0-10000
dry --set joint.min_gq=7
says '1: its files are missing or altered'
dry --set joint.min_gq=7 --set 'stages.mark.run=cat {input} >{output}'
says 'is not run where what it takes turns out the same'
lines=$(wc -l <dataset/journal)
whole --set joint.min_gq=7 --set 'stages.mark.run=cat {input} >{output}' || fail "$(cat run.txt)"
[ "$(ran)" = 'mark 4' ] || fail "the same bytes went on: $(ran)"

# --- parts ---
set -- --set joint.min_gq=9
generation=$(readlink dataset/current)
refused '--only mark: 4 of 4 tasks of joint, which leads to it, do not stand: `kuni run --until mark`' --only mark "$@"
as_told '--until' --until joint "$@"
says 'the next whole run takes what stands'
says 'nothing is published' run.txt
[ "$(ran)" = 'joint 4
joint.copies 1' ] || [ "$(ran)" = 'joint 4' ] || fail "--until joint: $(ran)"
as_told '--only' --only mark "$@"
[ "$(ran)" = 'mark 4' ] || fail "--only mark: $(ran)"
[ "$(readlink dataset/current)" = "$generation" ] || fail "a part was published"
lines=$(wc -l <dataset/journal)
whole "$@" || fail "$(cat run.txt)"
ran | grep -Eq '^(joint|mark)' && fail "the whole run did a part again: $(ran)"
[ "$(readlink dataset/current)" != "$generation" ] || fail "the whole run did not publish"
dry --force mark "$@"
says '4: forced'
lines=$(wc -l <dataset/journal)
whole --force mark "$@" || fail "$(cat run.txt)"
[ "$(ran)" = 'mark 4' ] || fail "--force mark: $(ran)"
refused 'kuni recall' --force call
refused "did you mean 'joint'" --until jont
refused 'does not come to that stage' --until joint --force mark
refused 'give one of them' --until joint --only joint

# --- one task alone ---
before=$(state)
# tried WORDS OPTION...: kuni try, and what it says
tried() {
    local words=$1
    shift
    "$KUNI" try "$@" workflow.yaml "$stage" >try.txt 2>&1 || fail "try $*: status $?: $(cat try.txt)"
    says "$words" try.txt
}
# not_tried STATUS WORDS OPTION...
not_tried() {
    local expected=$1 words=$2 status=0
    shift 2
    "$KUNI" try "$@" workflow.yaml "$stage" >try.txt 2>&1 || status=$?
    [ "$status" = "$expected" ] || fail "try $*: status $status: $(cat try.txt)"
    says "$words" try.txt
}
stage=mark
tried 'mark chr20-10000-20000' "$@" --shard chr20:15000-16000 -o tried
cmp tried/mark.chr20-10000-20000.calls.bcf dataset/data/mark/chr20-10000-20000/"$(ls -t dataset/data/mark/chr20-10000-20000 | head -n 1)" ||
    fail "another file than that of the run"
tried 'all of it was removed' "$@"
not_tried 64 'is not an empty folder' "$@" -o tried
not_tried 64 'is in the dataset' "$@" -o dataset/here
not_tried 64 'kuni run --until joint' --set joint.min_gq=11
not_tried 64 'no shard of the workflow holds that' "$@" --shard chr21:1-5
not_tried 64 'is not cut by batch' "$@" --batch b0000
not_tried 70 'mark chr20-0-10000: ' "$@" --set 'stages.mark.run=echo such is life >&2; [ -e {output}.no ]'
says 'such is life' try.txt
stage=qc.reads
tried 'chr20-0-10000 b0001' "$@" --sample S000005
not_tried 64 'is in batch b0001' "$@" --sample S000005 --batch b0000
stage=count
tried '    4' "$@"
stage=cuont
not_tried 64 "did you mean 'count'?" "$@"
stage=national.assemble
not_tried 64 'all ranks of a run together' "$@"
[ "$(state)" = "$before" ] || fail "kuni try changed the dataset"

# --- the table of tasks ---
tasks() { "$KUNI" tasks --tsv "$@" >tasks.tsv || fail "tasks $*: status $?"; }
rows() { awk -F '\t' "NR > 1 && ($1)" tasks.tsv | wc -l; }
status=0
whole "$@" --set 'stages.mark.run=echo such is life >&2; [ -e {output}.no ]' --set on_error.retries=0 || status=$?
[ "$status" != 0 ] || fail "a command that fails is fine"
tasks dataset --state failed
[ "$(rows '$1 == "mark" && $13 ~ /such is life/')" = 4 ] || fail "failures are not told: $(cat tasks.tsv)"
"$KUNI" run --quiet "$@" workflow.yaml >run.txt 2>&1 || fail "$(cat run.txt)" # and a short journal
all=$(awk '$1 == "step" {on = 1; next} on && !NF {exit} on {n += $2} END {print n}' <("$KUNI" run -n "$@" workflow.yaml))
grep -q '"n":"call"' dataset/journal && grep -q '"t":"task","n":"call"' dataset/journal && fail "the journal is not short"
tasks "$@" workflow.yaml
[ "$(rows '$4 == "done" && $6 != "." && $7 > 0 && $9 != "." && $11 >= 1 && $12 ~ /Z$/')" = "$all" ] || fail "not $all tasks with all that is known: $(cat tasks.tsv)"
[ "$(rows '$5 ~ /new/ && $1 == "call"')" = 8 ] || fail "why call was run: $(cat tasks.tsv)"
tasks --set joint.min_gq=20 workflow.yaml --stage joint
[ "$(rows '$1 == "joint" && $4 == "pending" && $5 == "settings"')" = 4 ] || fail "what is to be done: $(cat tasks.tsv)"
"$KUNI" tasks --json "$@" workflow.yaml | python3 -c 'import json, sys
rows = json.load(sys.stdin)
assert len(rows) == int(sys.argv[1]), len(rows)
assert all(r["state"] == "done" and r["cpu_s"] is not None for r in rows)' "$all" || fail "--json"
# Lines of an older kuni, without what is told of tasks now: still a dataset with nothing to do.
python3 - <<'PY'
import json, zlib
lines = []
for line in open("dataset/journal"):
    record = json.loads(line[9:])
    for key in ("m", "why", "host", "rank", "try", "at"): record.pop(key, None)
    if record["t"] in ("step", "failed"): continue
    text = json.dumps(record, separators=(",", ":"))
    lines.append("%08x %s\n" % (zlib.crc32(text.encode()), text))
open("dataset/journal", "w").writelines(lines)
PY
rm dataset/logs/tasks.jsonl.gz
as_told 'an old journal' "$@"
[ ! -s told.txt ] || fail "an old journal is not believed: $(cat told.txt)"
dry --set joint.min_gq=20
says '4: changed since an earlier version of kuni made it'
echo "all well"
