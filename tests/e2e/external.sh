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
expect 70 'is empty' 'true > {output}'
expect 70 'truncated' 'head -c 700 {input} > {output}'
expect 70 'is not BCF' 'bcftools view --no-version -Oz {input} > {output}'
expect 70 'time limit of 1 s' 'sleep 100; cp {input} {output}' 'time_limit: 1'
expect 70 'exit status 127' 'no-such-program {input} {output}'
# What merge finds out.
expect 65 'keep all samples' 'bcftools query -l {input} | tail -n +2 > s; bcftools view --no-version -S s -Ob -o {output} {input}'

workflow 'bcftools annotate -h {resource.header} -Ob -o {output} {input}' >w.yaml
"$KUNI" run w.yaml >log 2>&1 || fail "the mended workflow"
[ -s set/current/extra/count.txt ] || fail "nothing published"
bcftools view -h set/current/national.bcf >header.txt
grep -q 'ID=SEEN' header.txt || fail "the annotation is not in the national file"
if bcftools head set/current/national.bcf | grep -E 'bcftools_|Date=|/tmp/'; then fail "traces of a command"; fi
[ "$(bcftools index -n set/current/national.bcf 2>/dev/null)" -gt 50 ] || fail "records"
echo "all well"
