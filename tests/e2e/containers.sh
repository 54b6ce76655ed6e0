#!/bin/bash
# SPDX-License-Identifier: MIT
# Commands in a container: the same bytes as without, their own files and none else, no network, nothing of the environment that
# the workflow does not name, the user who started kuni; and nothing is left of one that is stopped or killed.
. "$(dirname "$0")/../lib.sh"
need_tools podman bcftools samtools
tag=localhost/kuni-test-containers
programs=(sh cat cp rm mv ln ls id env head sleep touch wc awk grep bcftools samtools)

at_exit() {
    podman rmi --force "$tag" >/dev/null 2>&1 || true
}

image=$("$here/make-image" "$tag" "${programs[@]}") || skip "podman makes no image here"
podman run --rm --network=none --entrypoint sh "$image" -c true 2>"$work/podman.log" ||
    skip "podman runs no container here: $(tail -n 1 "$work/podman.log")"

place="$work/it's \$HOME, and more"
mkdir "$place"
cd "$place"
log=$PWD/log
"$KUNI" simulate --quiet -n 3 --contigs chr20:40k,chrM --depth 8 --seed 4 --out cohort >/dev/null
printf '##INFO=<ID=SEEN,Number=1,Type=Integer,Description="x">\n' >kept.hdr
mkdir shared && mv kept.hdr shared && ln -s shared/kept.hdr header
echo secret >beside

workflow() { # DATASET COMMAND OF A SHARD, COMMAND OF A SAMPLE [MORE KEYS OF BOTH]
    cat <<YAML
version: 1
name: containers
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: $1
regions: {shard: 20kb}
resources: {header: header}
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
  - id: mine
    run: |
      $2
    needs: joint
${4:+    $4}
  - id: each
    run: |
      $3
    scatter: sample
    gives: each
    extension: tsv
    gather: tsv
    publish: each.tsv
${4:+    $4}
  - {id: national, uses: merge, needs: mine}
on_error: {retries: 0, time_limit: 60}
YAML
}

shard='bcftools annotate --no-version -h {resource.header} -r {region} -Ob -o {output} {input}'
sample='samtools view -c -T {reference} {reads} chrM > {scratch}/n; { echo sex n; echo {sex} "$(cat {scratch}/n)"; } > {output}'
plain() { # DATASET [MORE KEYS]
    workflow "$1" "$shard" "$sample" "${2:-}"
}

no_container() {
    for _ in $(seq 100); do
        podman ps --all --format '{{.Names}}' | grep -q '^kuni-' || return 0
        sleep 0.1
    done
    podman ps --all
    fail "a container was left: $1"
}

echo "-- a digest, or nothing"
expect() { # STATUS WORDS IMAGE
    local status=0
    plain never "image: $3" >w.yaml
    "$KUNI" validate w.yaml >log 2>&1 || status=$?
    [ "$status" -eq "$1" ] && grep -qF -- "$2" log || fail "image: $3: status $status"
}
expect 0 'mine' "$image"
expect 64 'w.yaml:15:12: ' "$tag:1"

echo "-- an image that is not there is told before anything is computed"
plain absent "image: $tag@sha256:$(printf '0%.0s' {1..64})" >w.yaml
if "$KUNI" run w.yaml >log 2>&1; then fail "without an image"; fi
grep -q 'stage mine: image: podman has no ' log || fail "no word of the image"
if find absent -name '*.ev' | grep .; then fail "reads were looked at"; fi
"$KUNI" doctor w.yaml >log 2>&1 || true
[ "$(grep -c '^FAIL  stage .*podman has no' log)" -eq 2 ] || fail "doctor"

echo "-- the same bytes"
plain bare >w.yaml
"$KUNI" run w.yaml >log 2>&1 || fail "the run without containers"
plain boxed "image: $image" >w.yaml
"$KUNI" doctor w.yaml >log 2>&1 || true
grep -q "^PASS  image .*mine runs in $image" log || fail "doctor does not know the image"
"$KUNI" run w.yaml >log 2>&1 || fail "the run in containers"
for file in national.bcf each.tsv; do cmp "bare/current/$file" "boxed/current/$file" || fail "$file differs"; done
bcftools head boxed/current/national.bcf | grep -q 'ID=SEEN' || fail "nothing was annotated"
no_container "a run that ended well"
"$KUNI" run w.yaml >log 2>&1 || fail "again"
if find boxed/data/mine -newer boxed/current/national.bcf -name '*.bcf' | grep .; then fail "run again"; fi

echo "-- what a command sees and may do"
export KUNI_TEST_SECRET=hidden KUNI_TEST_NAMED=shown
look='{ id -u; id -g; env; ls {scratch}/..; ls "$(dirname {reads})"; ls "$(dirname {resource.header})"; ls /sys/class/net; cat "$(dirname {resource.header})/beside"; } > {scratch}/seen 2>&1 || true
      for path in {reads} {reference} {resource.header} /new; do if (echo x >> "$path") 2>/dev/null; then echo "wrote $path" >> {scratch}/seen; fi; done
      if rm -f {reads} 2>/dev/null; then echo "removed" >> {scratch}/seen; fi
      { echo line; while IFS= read -r line; do echo "$line"; done < {scratch}/seen; } > {output}'
workflow looked "$shard" "$look" "image: $image" >w.yaml
sed -i "s|^    scatter: sample|    env: [KUNI_TEST_NAMED]\n    scatter: sample|" w.yaml
"$KUNI" run --until each w.yaml >log 2>&1 || fail "a look around"
"$KUNI" run w.yaml >log 2>&1 || fail "a look around"
seen=looked/current/each.tsv
[ "$(cut -f 2 "$seen" | sed -n 2,3p | xargs)" = "$(id -u) $(id -g)" ] || fail "another user"
grep -q 'KUNI_TEST_NAMED=shown' "$seen" || fail "env: was not heard"
if grep -E 'hidden|KUNI_TEST_SECRET' "$seen"; then fail "the environment was seen"; fi
if grep -P '\tsecret' "$seen"; then fail "a file beside the inputs was read"; fi
if grep -E '\s(wrote|removed)' "$seen"; then fail "inputs can be written"; fi
if grep -P '\t(manifest.tsv|beside|eth|ens|enp|tap)' "$seen"; then fail "more than its own files or no network"; fi
grep -qP '\tlo$' "$seen" || fail "the network was not looked at"
[ -s cohort/reads/S000001.cram ] || [ -s cohort/reads/S000001.bam ] || ls cohort/reads | grep -q . || fail "reads are gone"

echo "-- how it ends: as a plain command"
ends() { # STATUS WORDS COMMAND [MORE KEYS]
    local status=0
    workflow ends "$3" "$sample" "image: $image" >w.yaml
    [ -z "${4:-}" ] || sed -i "0,/^    image:/s||    $4\n    image:|" w.yaml
    "$KUNI" run w.yaml >log 2>&1 || status=$?
    [ "$status" -eq "$1" ] && grep -qF -- "$2" log || fail "$3: status $status"
    no_container "$3"
}
ends 70 'exit status 3: the reason' 'echo the reason >&2; exit 3 # {output}'
ends 70 'exit status 127' 'no-such-program {input} {output}'
ends 70 'not a regular file' 'ln -s "$(dirname {resource.header})/beside" {output}'
ends 70 'time limit of 2 s' 'sleep 100; cp {input} {output}' 'time_limit: 2'
# by cgroups as root, else by the limit of each process
words='(killed, as is what uses more than'
[ "$(id -u)" -eq 0 ] || words='out of memory'
ends 70 "$words" 'awk '\''BEGIN { s = "x"; while (length(s) < 800000000) s = s s; print length(s) }'\''; exit $? # {output}' 'memory: 128MiB'
workflow ends 'true' "$sample" "image: $image" | sed '/^    run: |/{N;s|.*|    run: [/bin/nothing, "{output}"]|}' >w.yaml
if "$KUNI" run w.yaml >log 2>&1; then fail "a program that is not there"; fi
grep -q 'podman cannot run its image: .*nothing' log || fail "no word of the program"

echo "-- a run that is killed leaves no container"
workflow killed 'sleep 77.5; cp {input} {output}' "$sample" "image: $image" >w.yaml
"$KUNI" run w.yaml >log 2>&1 &
for _ in $(seq 300); do podman ps --format '{{.Names}}' | grep -q '^kuni-' && pgrep -xf 'sleep 77.5' >/dev/null && break; sleep 0.1; done
pgrep -xf 'sleep 77.5' >/dev/null || fail "the container never ran"
kill -KILL $!
wait $! 2>/dev/null || true
no_container "a killed run"
if pgrep -xf 'sleep 77.5'; then fail "a process outlived kuni"; fi
echo "all well"
