#!/bin/bash
# SPDX-License-Identifier: MIT
# `cmake --install` into an empty root: everything is in its place, the program runs from there, and a plugin author who has
# nothing but that root and pkg-config builds the plugin of docs/plugin.md.
. "$(dirname "$0")/../lib.sh"
need_tools cmake pkg-config "${CC:-cc}"
build=$(dirname "$(realpath "$KUNI")")
[ -e "$build/cmake_install.cmake" ] || skip "$build is no build folder"
root=$work/root
DESTDIR=$root cmake --install "$build" --prefix /usr >"$work/log" 2>&1 || { cat "$work/log"; fail "cmake --install"; }

# --- every file is where it belongs ---
mapfile -t pc < <(cd "$root" && find . -name kuni.pc)
[ ${#pc[@]} -eq 1 ] && [[ ${pc[0]} =~ ^./usr/lib(64|/[a-z0-9_-]*)?/pkgconfig/kuni.pc$ ]] || fail "kuni.pc is at: ${pc[*]}"
expected() {
    local path
    for path in bin/kuni share/man/man1/kuni.1 share/bash-completion/completions/kuni share/zsh/site-functions/_kuni \
        share/fish/vendor_completions.d/kuni.fish share/kuni/workflow.schema.json "${pc[0]#./usr/}" share/doc/kuni/{LICENSE,copyright,README.md,CHANGELOG.md}; do
        echo "$path"
    done
    (cd "$source_tree" && git ls-files 2>/dev/null || find . -type f | sed 's#^\./##') | sed -n \
        -e 's#^docs/[^/]*\.md$#share/doc/kuni/&#p' -e 's#^workflows/.*#share/kuni/&#p' -e 's#^include/kuni/.*#&#p'
}
diff <(expected | sort) <(cd "$root/usr" && find . -type f | sed 's#^\./##' | sort) || fail "what is installed (>) is not what should be (<)"
cmp "$source_tree/docs/kuni.1" "$root/usr/share/man/man1/kuni.1" || fail "the man page is not the one in docs"
! grep -rlF "$root" "$root" || fail "files name the root they were installed to"
# a path of its own, not the end of another: the source may lie in /kuni
escaped=$(printf '%s' "$source_tree" | sed 's/[][\.*^$+?(){}|]/\\&/g')
! grep -rIlE "(^|[^[:alnum:]._/-]|-I|-L)$escaped/(build|cmake|core|docs|include|pipeline|stages|store|tests|workflows)/" "$root" ||
    fail "files name the source they were built in"

# --- the program, without its build ---
export PATH=$root/usr/bin:$PATH
[ "$(command -v kuni)" = "$root/usr/bin/kuni" ]
[ "$(kuni version)" = "$("$KUNI" version)" ] || fail "another version"
# Nobody can make what is installed fail on purpose.
KUNI_FAULT=write:1 kuni simulate --quiet --samples 1 --length 5k --out "$work/unhurt" >/dev/null || fail "faults on purpose in the program that is installed"
if [ -x "$build/faults/kuni" ] && KUNI_FAULT=write:1 "$build/faults/kuni" simulate --quiet --samples 1 --length 5k --out "$work/hurt" >/dev/null 2>&1; then
    fail "no faults on purpose in the program of the tests"
fi

# --- a plugin, by pkg-config alone ---
export PKG_CONFIG_PATH=$root/$(dirname "${pc[0]}")
defined() {
    sed -n "s/^#define $1 \"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$root/usr/include/kuni/$2"
}
[ "$(pkg-config --modversion kuni)" = "$(defined KUNI_VERSION version.h)" ] || fail "the version in kuni.pc"
[ "$(pkg-config --variable=plugin_abi kuni)" = "$(defined KUNI_PLUGIN_ABI plugin.h)" ] || fail "the plugin interface in kuni.pc"
[ -z "$(pkg-config --libs kuni)" ] || fail "kuni.pc asks for libraries: $(pkg-config --libs kuni)"
cd "$work"
awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$source_tree/docs/plugin.md" >mapq0.c
read -ra command < <(grep -m 1 '^    cc .*pkg-config' "$source_tree/docs/plugin.md")
[ ${#command[@]} -gt 5 ] || fail "docs/plugin.md has no command that builds the plugin"
bash -c "${command[*]/#cc/${CC:-cc}}" || fail "the plugin does not build: ${command[*]}"
kuni stages ./mapq0.so | grep -q '^mapq0, version 1' || fail "the plugin does not load"
kuni simulate --quiet --samples 1 --length 10k --format bam --out cohort >/dev/null
sed -i '/^stages:/,$d' cohort/workflow.yaml
printf 'stages:\n  - {id: mapq0, plugin: ../mapq0.so}\n' >>cohort/workflow.yaml
KUNI=kuni run dataset 0
[ "$(wc -l <dataset/current/qc/mapq0.tsv)" -eq 2 ] || fail "the plugin published nothing"

# --- man page and completions as their readers look for them ---
if have man; then
    MANPATH=$root/usr/share/man man kuni 2>&1 | grep -q retry-quarantined || fail "man kuni"
else
    left_out "man kuni: no man on PATH"
fi
if [ -r /usr/share/bash-completion/bash_completion ]; then
    XDG_DATA_DIRS=$root/usr/share bash --norc -c '. /usr/share/bash-completion/bash_completion
        _completion_loader kuni; complete -p kuni' >out 2>&1 || true
    grep -q -- '-F _kuni kuni' out || fail "bash-completion does not find it: $(cat out)"
else
    left_out "the way of bash-completion: not installed"
fi
if have fish; then
    HOME=$work XDG_DATA_DIRS=$root/usr/share fish -c "complete -C 'kuni run --retr'" | grep -q -- --retry-quarantined || fail "fish does not find it"
else
    left_out "the way of fish: not on PATH"
fi
echo "all fine: $(find "$root" -type f | wc -l) files"
