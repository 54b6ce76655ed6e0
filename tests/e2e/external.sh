#!/bin/bash
# SPDX-License-Identifier: MIT
# Commands as stages in a run: what they make is used and published; each way of failing gives one clear line, its exit
# status, no output, and the same workflow goes on once the command is mended.
. "$(dirname "$0")/../lib.sh"
need_tools bcftools
# a path that a careless shell would take apart
place="$work/it's \$HOME and more"
mkdir "$place"
cd "$place"
log=$PWD/log

"$KUNI" simulate --quiet -n 3 --contigs chr20:40k,chrM --depth 8 --seed 4 --out cohort >/dev/null
printf '##INFO=<ID=SEEN,Number=1,Type=Integer,Description="x">\n' >"header; rm -rf x"

workflow() { # COMMAND [MORE KEYS]
    cat <<YAML
version: 1
name: external
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: set
regions: {shard: 20kb}
resources: {header: "header; rm -rf x"}
stages:
  - id: call
    uses: call-variants
  - id: joint
    uses: joint-genotype
    needs: call
  - id: mine
    run: |
      $1
    scatter: region
    needs: joint
${2:+    $2}
  - id: count
    run: xargs -d '\\n' cat < {input_list} | wc -c > {output}
    scatter: cohort
    gives: count
    extension: txt
    publish: extra/count.txt
    needs: mine
  - id: national
    uses: merge
    needs: mine
on_error: {retries: 0, time_limit: 60}
YAML
}

# expect STATUS WORDS COMMAND [MORE KEYS]
expect() {
    local status=0 wanted=$1 words=$2
    workflow "$3" "${4:-}" >w.yaml
    "$KUNI" run w.yaml >log 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "$3: status $status, not $wanted"
    grep -qF -- "$words" log || fail "$3: no '$words'"
    if [ -e set/current ]; then fail "$3: published"; fi
    if find set -name '.kuni-tmp-*' 2>/dev/null | grep .; then fail "$3: left files"; fi
}

expect 64 'did you mean {input}' 'cat {inptu} > {output}'
expect 64 '{resource.dbsnp}' 'cat {input} {resource.dbsnp} > {output}'
expect 70 'exit status 3: the reason' 'echo the reason >&2; exit 3 # {output}'
expect 70 'did not write {output}' 'true {output}'
expect 70 'is empty: say may_be_empty' 'true > {output}'
expect 70 'truncated' 'head -c 700 {input} > {output}'
expect 70 'is not BCF' 'bcftools view --no-version -Oz {input} > {output}'
expect 70 'time limit of 1 s' 'sleep 100; cp {input} {output}' 'time_limit: 1'
expect 70 'exit status 127' 'no-such-program {input} {output}'
# A command that loses records is no success, unless that is meant.
none='bcftools view --no-version -i "POS<0" -Ob -o {output} {input}'
expect 70 'records that came in the output has 0' "$none"
workflow "${none/POS<0/POS<10000}" 'index: no' >w.yaml
if "$KUNI" run w.yaml >log 2>&1; then fail "half of the records went"; fi
grep -q 'may_drop' log || fail "no word of may_drop"
# Nor do records that others were doubled for, or split, hide it.
doubled="awk '/^#/ || n++ { print } END { print }'"
for doubling in '' 'bcftools norm -m -any 2>>err |'; do
    expect 70 'positions with records that came in the output has' "bcftools view --no-version {input} | $doubling $doubled | bcftools view --no-version -Ob -o {output}"
done
# Talk without end: the beginning and the end are kept, and the end is quoted.
expect 70 '|the very end' '{ echo first; yes | head -c 9000000; echo the very end; } >&2; yes | head -c 9000000; exit 3 # {output}'
for said in set/logs/*/*.err set/logs/*/*/*.err; do
    [ -e "$said" ] && [ "$(stat -c %s "$said")" -gt 1000000 ] || continue
    [ "$(stat -c %s "$said")" -le 4194304 ] || fail "$said is too long"
    [ "$(head -n 1 "$said")" = first ] && [ "$(tail -n 1 "$said")" = 'the very end' ] && grep -q 'bytes were left out here' "$said" || fail "$said"
    capped=1
done
[ -n "${capped:-}" ] || fail "no long log was found"
if find set/logs -size +4200k | grep .; then fail "logs without end"; fi

# What merge finds out.
expect 65 'keep all samples' 'bcftools query -l {input} | tail -n +2 > s; bcftools view --no-version -S s -Ob -o {output} {input}'

# A reason that is no UTF-8 and would steer the terminal.
expect 70 'caf?  [31mred' "printf 'caf\\351 \\033[31mred' >&2; exit 3 # {output}"
if grep -q "$(printf '\033')" log; then fail "an escape sequence reached the terminal"; fi
{ "$KUNI" status --json set || true; } | grep -qF 'caf?  [31mred' || fail "the reason is not in the status"

# Killed, kuni leaves nothing of a pipeline: its parts are nobody's children then.
workflow 'sleep 71.25 | timeout 100 sleep 72.25 | cat >{output}' >w.yaml
"$KUNI" run w.yaml >log 2>&1 &
parts() { pgrep -cf '^sleep 7[12]\.25$' || true; }
for _ in $(seq 300); do [ "$(parts)" -ge 2 ] && break; sleep 0.1; done
[ "$(parts)" -ge 2 ] || fail "the pipeline never ran"
kill -KILL $!
wait $! 2>/dev/null || true
for _ in $(seq 50); do [ "$(parts)" -eq 0 ] && break; sleep 0.1; done
[ "$(parts)" -eq 0 ] || fail "parts of a pipeline outlived kuni"

workflow 'bcftools annotate -h {resource.header} -Ob -o {output} {input}' >w.yaml
"$KUNI" run w.yaml >log 2>&1 || fail "the mended workflow"
[ -s set/current/extra/count.txt ] || fail "nothing published"
bcftools view -h set/current/national.bcf >header.txt
grep -q 'ID=SEEN' header.txt || fail "the annotation is not in the national file"
if bcftools head set/current/national.bcf | grep -E 'bcftools_|Date=|/tmp/'; then fail "traces of a command"; fi
[ "$(bcftools index -n set/current/national.bcf 2>/dev/null)" -gt 50 ] || fail "records"

rm -rf part
workflow "$none" 'may_drop: 100%' | sed 's/^dataset:.*/dataset: part/' >w.yaml
"$KUNI" run w.yaml >log 2>&1 || fail "a filter that says so"
[ "$(bcftools index -n part/current/national.bcf)" = 0 ] || fail "the filter took nothing out"

# What tools want of an input: its index, as for the annotation from a file; places in a form that any name has.
bcftools query -f '%CHROM\t%POS\trs%POS\t%REF\t%ALT\n' set/current/national.bcf | bgzip >ids.tsv.gz
tabix -s1 -b2 -e2 ids.tsv.gz
annotate='bcftools annotate -r {region} -a {resource.ids} -c CHROM,POS,ID,REF,ALT -Ob -o {output} {input}'
for command in "$annotate" "${annotate/-r \{region\}/}" "${annotate/-r \{region\}/-R \{bed\}}"; do
    workflow "$command" 'check: "bcftools view -h {output} | grep -q ID=GT"' |
        sed 's/^resources: .*/resources: {ids: ids.tsv.gz}/' >w.yaml
    "$KUNI" run w.yaml >log 2>&1 || fail "annotate: $command"
    if bcftools query -f '%ID\n' set/current/national.bcf | grep -vq ^rs; then fail "$command: not all have an ID"; fi
done
workflow "$annotate" 'index: no' | sed 's/^resources: .*/resources: {ids: ids.tsv.gz}/' >w.yaml
if "$KUNI" run w.yaml >log 2>&1; then fail "an index was there"; fi
grep -q 'index' log || fail "no word of the index"
workflow 'cp {input} {output}' "check: 'test 1 -gt 2 # {output}'" >w.yaml
if "$KUNI" run w.yaml >log 2>&1; then fail "the check was not heard"; fi
grep -q 'mine .*: check: its command failed with exit status 1' log || fail "no word of the check"

# Nothing is an answer, too, where that is said.
table() { # MORE KEYS
    workflow 'cp {input} {output}' | sed '/^on_error/d'
    cat <<YAML
  - id: odd
    run: "bcftools view -H -i 'POS<0' {input} > {output}"
    gives: odd
    extension: tsv
    needs: joint
    $1
  - {id: all, run: 'cat {input} > {output}', takes: odd, scatter: cohort, gives: all, extension: tsv, publish: odd.tsv, needs: odd, $1}
YAML
}
table 'may_be_empty: false' >w.yaml
if "$KUNI" run w.yaml >log 2>&1; then fail "an empty table passed"; fi
grep -q 'odd .*: its command ended well, but the output is empty' log || fail "no word of the empty table"
table 'may_be_empty: true' >w.yaml
"$KUNI" run w.yaml >log 2>&1 || fail "an empty table failed"
[ -e set/current/odd.tsv ] && [ ! -s set/current/odd.tsv ] || fail "the empty table is not there"

# Faults that a run must not begin with: line, column, cure.
refused() { # WORDS LINE...
    local words=$1
    shift
    workflow 'cp {input} {output}' >w.yaml
    printf '%s\n' "$@" | sed '/^on_error/d' >>w.yaml
    sed -i '/^on_error/d' w.yaml
    if "$KUNI" validate w.yaml >log 2>&1; then fail "taken: $*"; fi
    grep -qE "w.yaml:[0-9]+:[0-9]+: .*$words" log || fail "$*: no '$words'"
    [ "$(grep -c 'w.yaml:' log)" = 1 ] || fail "$*: more than one line"
}
other='  - {id: other, run: "cp {input} {output}", scatter: cohort, gives: x, takes: count, extension: txt, needs: count'
refused "stage 'again' publishes 'national.bcf.csi', stage 'national' on line" '  - {id: again, uses: merge, needs: mine}'
refused "publishes 'extra/count.txt', stage 'count' on line" "$other, publish: extra/count.txt}"
refused "publishes 'extra', stage 'count' on line" "$other, publish: extra}"
refused "publishes 'dataset.json', which is the dataset's own" "$other, publish: dataset.json}"
for name in ../x /x a//b a/./b a/ .hidden; do refused 'expected a name below' "$other, publish: $name}"; done
refused 'still has a header' '  - {id: other, run: "cp {input} {output}", may_be_empty: true, needs: mine}'
refused 'did you mean {input}' '  - {id: other, run: "cp {input} {output}", check: "test -s {inptu}", needs: mine}'

# Places that the reference does not have, in each of the lists.
printf 'chr21\t0\t10\n' >foreign.bed
printf 'chr20\tx\t10\n' >odd.bed
workflow 'cp {input} {output}' >w.yaml
expect_list() { # WORDS SETTING
    if "$KUNI" validate w.yaml --set "$2" >log 2>&1; then fail "$2: taken"; fi
    grep -q "$1" log || fail "$2: no '$1'"
}
expect_list 'foreign.bed:1: contig .*chr21.* is not in the reference' regions.include=foreign.bed
expect_list 'odd.bed:1: not a BED line' regions.include=odd.bed
expect_list 'odd.bed:1: not a BED line' regions.exclude=odd.bed
expect_list 'odd.bed:1: expected contig' regions.ploidy=odd.bed
"$KUNI" validate w.yaml --set regions.exclude=foreign.bed >log 2>&1 || fail "what is not there cannot be left out"
echo "all well"
