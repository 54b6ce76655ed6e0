#!/bin/bash
# SPDX-License-Identifier: MIT
# Completions in bash (the function is driven word by word), fish (asked by its own `complete -C`) and zsh (typed at a
# terminal): commands, verbs, options, values, stages, files with fitting endings; and nothing where nothing fits. What the
# tables say of every command is compared with its help.
. "$(dirname "$0")/../lib.sh"
go_on=1

mkdir -p "$work/here/a folder" "$work/here/data"
cd "$work/here"
touch cohort.yaml other.yml cohort.tsv shard.ev GRCh38.fa GRCh38.fa.gz mine.so notes.txt "with space.yaml" data/deep.yaml

"$KUNI" completion bash >"$work/kuni.bash" || fail "kuni completion bash"
# shellcheck source=/dev/null
. "$work/kuni.bash"

# complete_line TEXT: what bash is given at the end of TEXT, a line each, in $got. Words are cut as readline cuts them.
complete_line() {
    local parted
    parted=$(sed 's/[=:]/ & /g' <<<"$1")
    read -ra COMP_WORDS <<<"$parted"
    [[ $1 != *' ' ]] || COMP_WORDS+=('')
    # shellcheck disable=SC2034 # the function reads it
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    set +e # an interactive shell does not end at a status
    _kuni
    set -e
    got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
}

# gives LINE WORD...: exactly these
gives() {
    local line=$1 expected
    shift
    expected=$(printf '%s\n' "$@" | sort)
    complete_line "$line"
    [ "$got" = "$expected" ] || fail "bash: '$line' gives: ${got//$'\n'/, }; expected: ${expected//$'\n'/, }"
}

# --- commands and verbs ---
gives "kuni st" stages status
gives "kuni help ex" export
gives "kuni --v" --version
gives "kuni evidence " stat dump check
gives "kuni evidence du" dump
gives "kuni evidence --region 1-5 d" dump
gives "kuni completion z" zsh
gives "kuni nonsense " ""
gives "kuni manu" "" # not for people

# --- options and their values ---
gives "kuni run --ret" --retry-quarantined
gives "kuni run --jobs 2 x.yaml --wa" --wait
gives "kuni export --format v" vcf vcf.gz
gives "kuni export -f pl" plink
gives "kuni export --format=s" sparse sites sites-tsv
gives "kuni export --format=" bcf vcf vcf.gz sparse sites gvcf plink pgen zarr sites-tsv
gives "kuni simulate --error-profile " novaseq hiseq perfect
gives "kuni run --jobs " ""
gives "kuni run --set regions.shard=1" ""
gives "kuni run --set regions.shard=1Mb --qu" --quiet
gives "kuni export --region chr20:1-5 --ex" --exact
gives "kuni run -- --re" ""

# --- files, folders, stages ---
gives "kuni run " cohort.yaml other.yml "with space.yaml" data "a folder"
gives "kuni run --set a=b --jobs=2 co" cohort.yaml
gives "kuni run data/" data/deep.yaml
gives "kuni run cohort.yaml " ""
gives "kuni evidence stat s" shard.ev
gives "kuni gvcf a.ev b.ev s" shard.ev
gives "kuni gvcf -r GR" GRCh38.fa GRCh38.fa.gz
gives "kuni simulate --out " data "a folder"
gives "kuni export --samples-file cohort." cohort.tsv cohort.yaml
gives "kuni stages call" call-variants
gives "kuni stages m" merge mine.so
gives "kuni version " ""

# --- names of the workflow on the line ---
cat >cohort.yaml <<'YAML'
version: 1
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
params: {mode: fast, threads: 2}
profiles: {laptop: {threads: 1}, slurm: {threads: 8}}
YAML
kuni() { "$KUNI" "$@"; }
gives "kuni run cohort.yaml --until " call joint
gives "kuni run cohort.yaml --force j" joint
gives "kuni tasks cohort.yaml --stage c" call
gives "kuni run cohort.yaml --set mo" mode=
gives "kuni plan cohort.yaml --set " mode= threads=
gives "kuni run cohort.yaml --profile " laptop slurm
gives "kuni run --until " ""
mv cohort.yaml "$work/named.yaml" # for the other shells
: >cohort.yaml
unset -f kuni
mkdir "$work/bin"
ln -s "$(realpath "$KUNI")" "$work/bin/kuni"
export PATH=$work/bin:$PATH

# --- every long option of every help, and no other ---
commands=$("$KUNI" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' | grep -v '^help$')
for command in $commands; do
    mapfile -t options < <("$KUNI" "$command" --help | sed -n 's/^  \(-.,\|   \) \(--[a-z0-9-]*\).*/\2/p')
    [ ${#options[@]} -gt 0 ] || fail "no options in kuni $command --help"
    gives "kuni $command --" "${options[@]}"
done

# --- as bash loads it ---
bash --norc -c '. "$1" && complete -p kuni' bash "$work/kuni.bash" >"$work/out" || fail "bash does not take it"
grep -q -- '-F _kuni kuni' "$work/out" || fail "bash: complete -p kuni says $(cat "$work/out")"

# --- fish ---
if have fish; then
    "$KUNI" completion fish >"$work/kuni.fish"
    fish_gives() { # LINE WORD...
        local line=$1 found expected
        shift
        found=$(HOME=$work fish --no-config -c "source $work/kuni.fish; complete -C '$line'" 2>&1 | cut -f 1 | sort)
        expected=$(printf '%s\n' "$@" | sort)
        [ "$found" = "$expected" ] || fail "fish: '$line' gives: ${found//$'\n'/, }; expected: ${expected//$'\n'/, }"
    }
    fish_gives "kuni st" stages status
    fish_gives "kuni evidence " stat dump check
    fish_gives "kuni run --ret" --retry-quarantined
    fish_gives "kuni export --format pl" plink
    fish_gives "kuni run co" cohort.yaml
    fish_gives "kuni evidence stat sh" shard.ev
    fish_gives "kuni simulate -o da" data/
    fish_gives "kuni stages call" call-variants
    fish_gives "kuni version " ""
    fish_gives "kuni run ../named.yaml --until " call joint
    fish_gives "kuni run ../named.yaml --set mo" mode=
    fish_gives "kuni run ../named.yaml --profile l" laptop
else
    left_out "fish: not on PATH"
fi

# --- zsh ---
if have zsh && have python3; then
    "$KUNI" completion zsh >"$work/_kuni"
    python3 "$here/complete_zsh.py" "$work/_kuni" \
        "kuni validate --fi=kuni validate --files " "kuni export --format pl=kuni export --format plink " \
        "kuni evidence du=kuni evidence dump " "kuni run coh=kuni run cohort.yaml " \
        "kuni evidence stat sh=kuni evidence stat shard.ev " "kuni stages call=kuni stages call-variants " \
        "kuni simu=kuni simulate " "kuni run --retry=kuni run --retry-quarantined " \
        "kuni run ../named.yaml --until c=kuni run ../named.yaml --until call " \
        "kuni run ../named.yaml --set mo=kuni run ../named.yaml --set mode=" \
        "kuni run ../named.yaml --profile s=kuni run ../named.yaml --profile slurm " || fail "zsh"
else
    left_out "zsh: not on PATH"
fi

verdict "all right: $(wc -w <<<"$commands") commands"
