#!/bin/bash
# SPDX-License-Identifier: MIT
# The face of the program: help, unknown words, stage reference, shipped workflows, man page.
. "$(dirname "$0")/../lib.sh"
go_on=1

# expect STATUS WORDS...: runs kuni; output in $work/out and $work/err.
expect() {
    local expected=$1 status=0
    shift
    "$KUNI" "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" -eq "$expected" ] || fail "kuni $*: exit status $status, expected $expected: $(cat "$work/err")"
}

says() {
    grep -qF -- "$2" "$work/$1" || fail "$1 lacks '$2': $(cat "$work/$1")"
}

# --- help: every command explains itself, and the man page knows it ---
expect 64
expect 0 --help
says out "Usage:   kuni COMMAND"
commands=$("$KUNI" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' | grep -v '^help$')
[ "$(wc -w <<<"$commands")" -ge 4 ] || fail "too few commands in kuni --help"
for command in $commands; do
    expect 0 "$command" --help
    for part in "About:" "Usage:   kuni $command" "Example:" "--help"; do says out "$part"; done
    [ -s "$work/err" ] && fail "kuni $command --help writes to stderr"
    cp "$work/out" "$work/help"
    expect 0 help "$command"
    cmp -s "$work/out" "$work/help" || fail "kuni help $command differs from kuni $command --help"
    expect 64 "$command" --no-such-option
    says err "kuni: $command: unknown or ambiguous option '--no-such-option'"
    grep -q "^\.B $command\$" "$source_tree/docs/kuni.1" || fail "docs/kuni.1 lacks $command"
done
expect 64 valdate
says err "did you mean 'validate'?"
expect 64 validate --fils x.yaml
says err "did you mean --files?"
expect 64 validate
expect 64 validate a.yaml b.yaml
expect 64 validate --set
says err "needs a value"
expect 64 validate --files=3 x
says err "takes no value"
expect 0 --version
says out "kuni "
status=0
"$KUNI" --help >/dev/full 2>"$work/err" || status=$?
[ "$status" -eq 74 ] || fail "a full disk behind stdout gives $status, expected 74"

# --- stages: the committed page is what the tables say ---
expect 0 stages --markdown
if ! cmp -s "$work/out" "$source_tree/docs/stages.md"; then
    diff "$work/out" "$source_tree/docs/stages.md" | head -20
    fail "docs/stages.md is not what kuni stages --markdown prints: cmake --build --preset release --target docs"
fi
expect 0 stages
while read -r stage _; do
    expect 0 stages "$stage"
    says out "$stage, version"
done < <("$KUNI" stages)
expect 64 stages aligment-qc
says err "did you mean 'alignment-qc'?"

# --- shipped workflows and those of the docs are right; stand-ins take the place of data ---
stand_in() {
    local root=$work/$1/workflows
    local quickstart=$work/$1/build/quickstart/cohort
    mkdir -p "$root" "$quickstart"
    touch "$quickstart"/{reference.fa,pedigree.ped,ploidy.bed}
    touch "$root"/{GRCh38.fa,GRCh38_full_analysis_set_plus_decoy_hla.fa,gaps.bed,dbsnp.vcf.gz}
    printf 'participant_id\tsample_id\treads\nP1\tS1\tS1.cram\n' |
        tee "$root"/{cohort.tsv,delivery.tsv,cohort.with-2026-03.tsv} >"$quickstart/manifest.tsv"
}
stand_in shipped
for workflow in "$source_tree"/workflows/*.yaml; do
    grep -q '^stages:' "$workflow" || continue # other files that people copy
    cp "$workflow" "$work/shipped/workflows/"
    expect 0 validate "$work/shipped/workflows/${workflow##*/}"
    says out "OK: "
done

# --- faults of workflow and manifest come in one go, on stderr, with status 64 ---
sed -i 's/S1\tS1.cram/S\/1\tS1.cram/' "$work/shipped/workflows/cohort.tsv"
sed 's/shard:/shrad:/' "$source_tree/workflows/national.yaml" >"$work/shipped/workflows/typo.yaml"
expect 64 validate "$work/shipped/workflows/typo.yaml"
says err "did you mean 'shard'?"
says err "cohort.tsv:2: sample_id 'S/1'"
[ -s "$work/out" ] && fail "faults are written to stdout"
expect 65 validate "$work/shipped/workflows/national.yaml"
printf 'participant_id\tsample_id\treads\nP1\tS1\tS1.cram\n' >"$work/shipped/workflows/cohort.tsv"
expect 65 validate --files "$work/shipped/workflows/national.yaml"
says err "cohort.tsv:2: sample 'S1': reads"

# --- the man page: made from the tables, every option of every command in it, formats without a warning ---
expect 0 manual
if ! cmp -s "$work/out" "$source_tree/docs/kuni.1"; then
    diff "$work/out" "$source_tree/docs/kuni.1" | head -20
    fail "docs/kuni.1 is not what kuni manual prints: cmake --build --preset release --target docs"
fi
for command in $commands; do
    sed -n "/^\.SS \"kuni $command\"/,/^\.S[SH]/s/\\\\-/-/gp" "$source_tree/docs/kuni.1" >"$work/section"
    for option in $("$KUNI" "$command" --help | sed -n 's/^  \(-.,\|   \) \(--[a-z0-9-]*\).*/\2/p'); do
        [ "$option" = --help ] || grep -qF -- "$option\fR" "$work/section" || fail "docs/kuni.1, kuni $command: no $option"
    done
done
if have groff; then
    groff -man -Tutf8 -ww -z "$source_tree/docs/kuni.1" 2>"$work/err"
    [ -s "$work/err" ] && fail "docs/kuni.1: $(cat "$work/err")"
else
    left_out "the layout of the man page: no groff on PATH"
fi
if have mandoc; then
    mandoc -Tlint "$source_tree/docs/kuni.1" >"$work/out" || fail "docs/kuni.1: $(cat "$work/out")"
else
    left_out "the man page by mandoc: not on PATH"
fi

verdict "all fine"
