#!/bin/bash
# SPDX-License-Identifier: MIT
# What a build says it was made from: the commit of its tree as git describes it, nothing for an archive or a release; the
# file that holds it is written again only when that changes. And where the program says it.
. "$(dirname "$0")/../lib.sh"
need_tools git cmake
go_on=1
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
tree=$work/tree file=$work/built.c
mkdir "$tree"

described() {
    cmake -DSOURCE="$tree" -DVERSION=1.2.3 -DOUTPUT="$file" -P "$source_tree/cmake/GitDescribe.cmake" || fail "GitDescribe.cmake"
    sed -n 's/^const char kuni_built_from\[\] = "\(.*\)";$/\1/p' "$file"
}
expect() { # TEXT WHEN
    local found
    found=$(described)
    [ "$found" = "$1" ] || fail "$2: '$found', expected '$1'"
}
at() {
    git -C "$tree" rev-parse --short HEAD
}

expect "" "no checkout"
# an archive that lies in somebody else's checkout is none either
git init -q "$work"
git -C "$work" commit -q --allow-empty -m outer
expect "" "a folder within another checkout"
git init -q "$tree"
expect "" "a checkout without a commit"
echo one >"$tree/file"
git -C "$tree" add file
git -C "$tree" commit -q -m one
expect "$(at)" "a commit"
touch -d '2001-01-01' "$file"
expect "$(at)" "the same commit"
[ "$(date -r "$file" +%Y)" = 2001 ] || fail "the file is written though nothing changed"
echo two >"$tree/file"
expect "$(at)-dirty" "a changed file"
git -C "$tree" commit -q -am two
expect "$(at)" "the next commit"
git -C "$tree" tag v1.2.3
expect "" "the release itself"
git -C "$tree" commit -q --allow-empty -m three
expect "v1.2.3-1-g$(at)" "a commit after the release"

# --- the program ---
number=$(sed -n 's/^#define KUNI_VERSION "\(.*\)"$/\1/p' "$source_tree/include/kuni/version.h")
"$KUNI" version >"$work/out"
said=$(head -n 1 "$work/out")
[[ $said =~ ^"kuni $number"(' ('[A-Za-z0-9._/+-]+')')?$ ]] || fail "kuni version says '$said'"
"$KUNI" --help | grep -qF "$said," || fail "kuni --help does not say '$said'"

"$KUNI" simulate --quiet --samples 2 --length 20k --out "$work/cohort" >/dev/null
run dataset 0
current=$work/dataset/current build=${said#"kuni $number"}
build=${build# (} build=${build%)}
# What content keys tell apart names the version alone; dataset.json beside it names the build.
[ "$(bgzip -dc "$current/national.sites.vcf.gz" | grep '^##source=')" = "##source=kuni $number" ] || fail "##source of the sites"
[ "$(sed -n 's/^ "build": "\(.*\)",$/\1/p' "$current/dataset.json")" = "$build" ] || fail "dataset.json does not name the build '$build'"
grep -qF "\"kuni\": \"$number\"" "$current/dataset.json" || fail "dataset.json does not name the version"
"$KUNI" export -o "$work/out.vcf" "$workflow" --set "dataset=$work/dataset" >/dev/null
[ "$(grep '^##source=' "$work/out.vcf")" = "##source=$said" ] || fail "##source of an export: $(grep '^##source=' "$work/out.vcf")"
mapfile -t evidence < <(find "$work/dataset/data" -name '*.ev')
"$KUNI" gvcf -r "$work/cohort/reference.fa" -s S000001 "${evidence[@]}" >"$work/out.g.vcf"
[ "$(grep '^##source=' "$work/out.g.vcf")" = "##source=$said" ] || fail "##source of a gVCF"
verdict "all fine: $said"
