#!/bin/bash
# SPDX-License-Identifier: MIT
# A command that is run once a sample: what it makes is gathered into a table of those who are in the call set, whoever
# comes, goes or is stopped; nobody is computed twice, and whoever has no result is told of.
. "$(dirname "$0")/../lib.sh"
need_tools samtools bgzip tabix
cd "$work"
log=$PWD/log
"$KUNI" simulate --quiet -n 7 --contigs chr20:9k --depth 3 --seed 4 --out cohort >/dev/null
head -n 6 cohort/manifest.tsv >cohort/five.tsv # 5 of 7, in batches of three
cat >size.py <<'PY'
import os, sys
sample, reads, index = sys.argv[1:]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ran"), "a") as f:
    print(sample, file=f)
assert os.path.exists(index), index
if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad-" + sample)):
    sys.exit("no luck with " + sample)
print("bytes\tlast")
print(os.path.getsize(reads), sample[-1], sep="\t")
PY

workflow() { # MANIFEST [MORE KEYS...]
    cat <<YAML
version: 1
name: samples
reference: cohort/reference.fa
cohort: cohort/$1
dataset: set
batch: 3
resources: {script: size.py}
stages:
  - id: size
    run: python3 {resource.script} {sample} {reads} {index} > {output}
    scatter: sample
    samples_per_task: 2
    gives: size
    extension: tsv
    gather: tsv
    publish: sizes.tsv
YAML
    shift
    [ $# = 0 ] || printf '    %s\n' "$@"
    echo 'on_error: {retries: 0}'
}
run() { # STATUS [RANKS]
    local status=0
    : >ran
    if [ -n "${2:-}" ]; then "${MPIEXEC:-mpirun}" --allow-run-as-root --oversubscribe -n "$2" "$KUNI" run w.yaml >log 2>&1 || status=$?
    else "$KUNI" run w.yaml >log 2>&1 || status=$?; fi
    [ "$status" = "$1" ] || fail "status $status, not $1"
    sort -o ran ran
}
ran() { [ "$(tr '\n' ' ' <ran)" = "$*${1:+ }" ] || fail "ran: $(tr '\n' ' ' <ran), not $*"; }
table() { # SAMPLE...: the table is of these
    { printf 'sample_id\tbytes\tlast\n'
      for i; do printf '%s\t%s\t%s\n' "$i" "$(stat -c %s "cohort/reads/$i.cram")" "${i: -1}"; done; } >wanted
    cmp wanted set/current/sizes.tsv || fail "another table"
}

# A sample on which the command fails is named; the others of its task are not lost for the next try.
workflow five.tsv >w.yaml
touch bad-S000003
run 70
grep -q 'size.each samples-2+2 b0000: .*S000003: its command failed with exit status 1: no luck with S000003' log || fail "not named"
rm bad-S000003
run 0
grep -q S000001 ran && fail "S000001 twice"
table S00000{1..5}
[ "$(cat set/current/sizes.without.tsv)" = "$(printf 'sample_id\treason')" ] || fail "somebody is without"
[ "$(find set/data/size.each -name '*.pack.tsv' | wc -l)" = 3 ] || fail "files"
cp set/current/sizes.tsv first.tsv
if "$KUNI" run --force size w.yaml >log 2>&1; then fail "what is sealed was forced"; fi
grep -q 'force size: .* sealed with the batch: change its command' log || fail "no word of the seal"
run 0 3
ran
# The same bytes on three ranks, of others' tasks.
mv set kept
sed -i 's/samples_per_task: 2/samples_per_task: 1/' w.yaml
run 0 3
cmp first.tsv set/current/sizes.tsv || fail "other bytes on three ranks"
rm -rf set
mv kept set

# Who comes later is computed, and nobody else; who withdraws is in no table, without anything being computed.
workflow manifest.tsv >w.yaml
run 0
ran S000006 S000007
table S00000{1..7}
"$KUNI" withdraw --yes w.yaml S000002 >log 2>&1 || fail "withdraw"
run 0
ran
table S000001 S00000{3..7}
"$KUNI" withdraw --mode erase --yes w.yaml S000002 S000006 >log 2>&1 || fail "erase"
if grep -rqaE 'S00000[26]' set/data/size.each set/sealed; then fail "a trace of who was erased"; fi
run 0
ran
table S000001 S00000{3..5} S000007
"$KUNI" verify --deep w.yaml >log 2>&1 || fail "verify"

# A command that fails for some, where that is fine; and those who bring no reads.
touch bad-S000004 bad-S000007
workflow manifest.tsv 'on_failure: without' >w.yaml
run 0
ran S000001 S000003 S000004 S000005 S000007
table S000001 S000003 S000005
printf '# 2 of 5 samples have no size\nsample_id\treason\nS000004\tits command failed with exit status 1\nS000007\tits command failed with exit status 1\n' |
    cmp - set/current/sizes.without.tsv || fail "who is without"
grep -q 'size: 2 of 5 samples have no size' log || fail "not told"
rm bad-*

# Another command is run for everybody; where their reads are gone, that is said before anything is done.
echo '# another' >>size.py
mv cohort/reads/S000005.cram away
run 64
grep -q 'stage size is new, or was changed, since batch b0001 .* 1 of its samples .* S000005' log || fail "no word of the reads"
mv away cohort/reads/S000005.cram
run 0
ran S000001 S000003 S000004 S000005 S000007
table S000001 S00000{3..5} S000007

# What a later command takes: a list of the files, or their table.
workflow manifest.tsv 'on_failure: without' | sed -e '/gather/d' -e '/publish/d' -e '/^on_error/d' >w.yaml
cat >>w.yaml <<'YAML'
  - {id: list, run: 'while read -r id path; do echo "$id" "$(wc -l <"$path")"; done <{input} >{output}', takes: size, gather: list, scatter: cohort, gives: list, extension: txt, publish: list.txt, needs: size}
  - {id: sum, run: 'cut -f1,3 {input} >{output}', takes: size, gather: tsv, scatter: cohort, gives: sum, extension: txt, publish: sum.txt, needs: size}
YAML
run 0
ran
printf 'S00000%s 2\n' 1 3 4 5 7 | cmp - set/current/list.txt || fail "the list"
[ "$(cut -f2 set/current/sum.txt | tr '\n' ' ')" = 'last 1 3 4 5 7 ' ] || fail "the table of a command"

# What is told of a person: where it is corrected, the person's batch is computed again, and no other.
workflow five.tsv | sed -e 's/run: python3/run: S={sex} python3/; s/dataset: set/dataset: told/' >w.yaml
run 0
sed -i 's/\(S000004\t\)\(male\|female\)/\1unknown/' cohort/five.tsv
run 0
ran S000004 S000005
"$KUNI" withdraw --mode erase --yes w.yaml S000005 >log 2>&1 || fail "erase"
run 0
ran
rm -rf told

# A task that the memory does not suffice for gets more; tasks take as many places as they have threads.
cat >w.yaml <<'YAML'
version: 1
name: machine
reference: cohort/reference.fa
cohort: cohort/five.tsv
dataset: machine
resources: {lock: cohort/five.tsv}
stages:
  - id: large
    run: python3 -c 'print(len(bytearray(300 << 20)))' >{output} && echo {sample} >>{output}
    scatter: sample
    samples_per_task: 8
    memory: [128MiB, 1GiB]
    gives: large
    extension: txt
  - id: wide
    run: mkdir {resource.lock}.d; sleep 0.1; rmdir {resource.lock}.d; echo {sample} >{output}
    check: "! grep exists {output}; [ ! -e {resource.lock}.d ]"
    scatter: sample
    samples_per_task: 1
    threads: 2
    gives: wide
    extension: txt
on_error: {retries: 0}
YAML
status=0
"$KUNI" run --jobs 2 w.yaml >log 2>&1 || status=$?
[ "$status" = 0 ] || fail "memory and threads: status $status"
"$KUNI" tasks --tsv w.yaml | awk '$1 == "large.each" && $11 < 2 {bad = 1} END {exit bad}' || fail "the memory sufficed"
if grep -rq 'File exists' machine/logs; then fail "two at once"; fi
rm -rf machine

# Once a sample and shard; who fails in one of them is told of.
cat >w.yaml <<'YAML'
version: 1
name: shards
reference: cohort/reference.fa
cohort: cohort/five.tsv
dataset: shards
batch: 3
regions: {shard: 3kb}
stages:
  - id: places
    run: |
      set -e; [ -s {index} ]; [ {region}-{sample} != chr20:3001-6000-S000004 ]; echo place >{output}; echo {region} >>{output}
    scatter: sample x shard
    gives: places
    extension: tsv
    on_failure: without
    gather: tsv
    publish: places.tsv
YAML
run 0
[ "$(tail -n +2 shards/current/places.tsv | sort | uniq | wc -l)" = 14 ] || fail "samples x shards"
grep -q '^S000004.its command failed with exit status 1$' shards/current/places.without.tsv || fail "who fails in one shard"
[ "$(wc -l <shards/current/places.without.tsv)" = 3 ] || fail "others without"
rm -rf shards

# Who brings a gVCF has no reads, and is told of.
{ printf '##fileformat=VCFv4.2\n##contig=<ID=chr20,length=9000>\n##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n'
  printf '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tX1\n'
  printf 'chr20\t1\t.\t%s\t<NON_REF>\t.\t.\tEND=9000\tGT\t0/0\n' "$(samtools faidx cohort/reference.fa chr20:1-1 | tail -n 1)"; } | bgzip >cohort/x.g.vcf.gz
tabix -p vcf cohort/x.g.vcf.gz
{ head -n 2 cohort/manifest.tsv; printf 'PX\tX1\tfemale\tx.g.vcf.gz\tx.g.vcf.gz.tbi\tlab\n'; } >cohort/mixed.tsv
workflow mixed.tsv | sed 's/dataset: set/dataset: mixed/' >w.yaml
run 0
ran S000001
printf '# 1 of 2 samples have no size\nsample_id\treason\nX1\tno reads\n' | cmp - mixed/current/sizes.without.tsv || fail "a gVCF"
rm -rf mixed

# Of the environment passes what is named, and what every command has.
cat >w.yaml <<'YAML'
version: 1
name: env
reference: cohort/reference.fa
cohort: cohort/five.tsv
dataset: other
stages:
  - id: env
    run: |
      env | sed 's/=.*//' | grep -v KUNI_ARG_ | sort | tr '\n' ' ' >{output} && echo {sample} >>{output}
    scatter: sample
    gives: env
    extension: txt
    env: [SHOWN]
on_error: {retries: 0}
YAML
run 64
grep -q 'env: SHOWN is not set where kuni runs' log || fail "an unset variable"
SHOWN=secret-1 HIDDEN=2 run 0
seen=$(grep -aoE 'PACK[A-Z_ ]*' other/data/env.each/*/b0000.*) others='PACK|LD_LIBRARY_PATH|LOGNAME|REF_PATH|TZ|USER|SHLVL|PWD|_'
[ "$(tr ' ' '\n' <<<"${seen/PACK/PACK }" | grep -vxE "$others" | head -n 5 | xargs)" = 'HOME LC_ALL OMP_NUM_THREADS PATH SHOWN' ] ||
    fail "another environment: $seen"
if grep -rq secret-1 other; then fail "a value was kept"; fi
rm -rf other

# Faults that a run must not begin with: line, column, cure.
refused() { # WORDS SED-COMMAND...
    local words=$1
    shift
    workflow manifest.tsv | sed "$@" >w.yaml
    if "$KUNI" validate w.yaml >log 2>&1; then fail "taken: $*"; fi
    grep -qE "w.yaml:[0-9]+:[0-9]+: .*$words" log || fail "$*: no '$words'"
    [ "$(grep -c 'w.yaml:' log)" = 1 ] || fail "$*: more than one line"
}
refused 'did you mean {sample}' -e 's/{sample}/{samples}/'
refused 'expected two stages' -e 's/{sample}/{gvcf}/'
refused 'takes: sample-qc has it as mean_autosome_coverage' -e 's/{sample}/{depth}/'
refused "gather: stage 'joint' does not make 'calls' once a sample" -e '/^stages:/a\  - {id: call, uses: call-variants}\n  - {id: joint, uses: joint-genotype, needs: call}\n  - {id: odd, run: "cat {input} > {output}", scatter: cohort, takes: calls, gather: list, gives: odd, extension: tsv, needs: joint}'
refused "expected one of region, batch, cohort, sample, sample x shard" -e 's/scatter: sample/scatter: samples/'
refused 'needs an output that is a table' -e 's/extension: tsv/extension: txt/'
refused 'is for a later command' -e 's/gather: tsv/gather: list/'
refused 'with gather: tsv, makes a file' -e '/gather/d'
refused 'given a sample' -e 's/gives: size/takes: calls/'
refused 'from 1 to' -e 's/task: 2/task: 0/'
refused 'env: .A. is no name of a variable' -e 's/gives: size/env: [A=1]/'
refused 'memory: expected 1 to 8 sizes' -e 's/gives: size/memory: [8GiB, 4GiB]/'
refused 'memory: expected 1 to 8 sizes' -e 's/gives: size/memory: plenty/'
refused 'on_failure: .*expected one of stop, without' -e 's/gives: size/on_failure: skip/'
echo "all well"
