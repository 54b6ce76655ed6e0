#!/bin/bash
# SPDX-License-Identifier: MIT
# What a plugin and the program may do to each other: another interface or layout is refused, names that both have do not meet,
# hidden visibility and C++ work. Once, a plugin of older headers was loaded and published wrong data, and one with a
# function calls_close of its own crashed.
. "$(dirname "$0")/../lib.sh"
need_tools pkg-config "${CC:-cc}" "${CXX:-c++}"
cd "$work"
read -r -a htslib <<<"$(pkg-config --cflags htslib)"
awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$source_tree/docs/plugin.md" >plain.c
headers() { # FOLDER: a copy of them
    mkdir -p "$1"
    cp -r "$source_tree/include/kuni" "$1"
}
build() { # NAME SOURCE [FLAGS]
    local name=$1 source=$2
    shift 2
    "${CC:-cc}" -std=c11 -O2 -Wall -Wextra -Werror -shared -fPIC "$@" "${htslib[@]}" -I "$source_tree/include" -o "$name.so" "$source"
}
"$KUNI" simulate --out cohort --samples 3 --contigs chr20:30k --depth 8 --quiet >made
launch=()
run_plugin() { # NAME
    sed "s/NAME/$1/g" >"$1.yaml" <<'YAML'
version: 1
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: data-NAME
regions: {contigs: [chr20], shard: 7kb, ploidy: diploid}
stages:
  - {id: call, uses: call-variants}
  - {id: mine, plugin: ./NAME.so}
YAML
    "${launch[@]}" "$KUNI" run --quiet "$1.yaml"
}
refused() { # NAME TEXT...
    local name=$1 status=0
    shift
    run_plugin "$name" >"$name.log" 2>&1 || status=$?
    [ $status -eq 64 ] || { cat "$name.log"; fail "$name: status $status"; }
    for text in "$@"; do grep -qF -- "$text" "$name.log" || { cat "$name.log"; fail "$name: no word of '$text'"; }; done
    [ ! -e "data-$name/current" ] || fail "$name: published"
}

build plain plain.c
run_plugin plain || fail "the plugin of the docs"
number=$(sed -n 's/^#define KUNI_PLUGIN_ABI //p' "$source_tree/include/kuni/plugin.h")

# Another number, a number to come, and none at all.
for other in $((number + 1)) 0; do
    headers "old$other"
    sed -i "s/^#define KUNI_PLUGIN_ABI .*/#define KUNI_PLUGIN_ABI $other/" "old$other/kuni/plugin.h"
    build "number$other" plain.c -I "old$other"
    refused "number$other" "interface $other;" "interface $number " "build it again"
done
have mpirun || left_out "a refusal on three ranks: no mpirun"
if have mpirun; then
    # under the address sanitizer MPI's own leaks are not looked at
    launch=(env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0" mpirun --oversubscribe -n 3)
    refused number0 "interface 0;" "interface $number "
    [ "$(grep -c 'interface 0;' number0.log)" -eq 1 ] || fail "three ranks say it more than once"
    launch=()
fi

# Headers in which fields lie elsewhere, the number forgotten: two fields that changed places, one more, another value.
moved() { # NAME HEADER SED-SCRIPT TEXT
    headers "$1"
    sed -i -E "$3" "$1/kuni/$2"
    ! cmp -s "$1/kuni/$2" "$source_tree/include/kuni/$2" || fail "$1: nothing was moved"
    build "$1" plain.c -I "$1"
    refused "$1" "first: $4)" "interface $number " "build it again"
}
moved swapped sample.h '/^    const char \*participant;/d; s/^    const char \*id;/    const char *participant, *id;/' kuni_sample.id
moved grown sample.h 's/^    uint32_t index_in_cohort;/    const char *batch;\n&/' kuni_sample
moved slots stage.h '/\(\*begin_sample\)/d; s/^    kuni_status \(\*end_sample\).*/&\n    kuni_status (*begin_sample)(void *state, size_t sample, kuni_error *err);/' kuni_step.begin_sample
moved values stage.h 's/^    KUNI_SCATTER_BATCH,/    KUNI_SCATTER_PAIR,\n&/' KUNI_SCATTER_BATCH
headers longer
sed -i 's/^    STRUCT(kuni_sample)/    STRUCT(kuni_sample) STRUCT(kuni_sample)/' longer/kuni/layout.h
build longer plain.c -I longer
refused longer "first: how many there are)" "interface $number "

# A plugin of a kuni to come, which calls what this one does not have: the numbers are told, where the linker lets kuni look.
sed 's/^static kuni_status count_end(/int kuni_to_come(void);\n&/; s/(void)state, (void)err;/(void)state, (void)err; if (kuni_to_come()) return KUNI_BUG;/' plain.c >tocome.c
build tocome tocome.c -I "old$((number + 1))" -Wl,-z,lazy
refused tocome "interface $((number + 1));" "interface $number " "build it again"
build tocome-now tocome.c -I "old$((number + 1))" -Wl,-z,now
refused tocome-now "undefined symbol: kuni_to_come" "interface $number " "built again"

sed 's/^KUNI_PLUGIN(stage)/const kuni_stage *kuni_plugin_stage(void);\nconst kuni_stage *kuni_plugin_stage(void) { return \&stage; }/' plain.c >none.c
build none none.c
refused none "KUNI_PLUGIN(stage)" "interface $number "

# Functions of its own with names that the program has, too: each keeps its own.
names=(calls_close kuni_plan_make kuni_engine_run kuni_journal_add kuni_samples_survey kuni_names_find runner_child_main)
{
    for name in "${names[@]}"; do echo "int $name(int value);"; done
    for name in "${names[@]}"; do echo "int $name(int value) { return value + 1; }"; done
    sed "s/^static kuni_status count_begin.*/static int clash(int value) { return $(printf '%s(' "${names[@]}")value$(printf ')%.0s' "${names[@]}"); }\n&/" plain.c |
        sed "s/((counter \*)state)->sample = sample;/((counter *)state)->sample = sample; if (clash(0) != ${#names[@]}) return kuni_fail(err, KUNI_BUG, \"not mine\");/"
} >clash.c
grep -q 'clash(0)' clash.c || fail "the clash was not written"
build clash clash.c
run_plugin clash || fail "a plugin with functions named as the program's"
cmp data-plain/current/qc/mapq0.tsv data-clash/current/qc/mapq0.tsv

build hidden plain.c -fvisibility=hidden
run_plugin hidden || fail "a plugin with hidden visibility"
cmp data-plain/current/qc/mapq0.tsv data-hidden/current/qc/mapq0.tsv

cat >cxx.cpp <<'CXX'
#include <string>
#include <vector>

#include "kuni/evidence.h"
#include "kuni/file.h"
#include "kuni/plugin.h"
#include "kuni/reads.h"

static kuni_status list(const kuni_task *task, kuni_error *err)
{
    std::vector<std::string> lines(1, "sample");
    for (size_t i = 0; i < task->n_samples; i++)
        if (task->columns[i] >= 0) lines.push_back(task->samples[i].id);
    std::string text;
    for (const std::string &line : lines) text += line + "\n";
    return kuni_file_put(kuni_task_output(task, "names"), text.data(), text.size(), err);
}

static kuni_stage make_stage()
{
    static kuni_port outputs[2];
    outputs[0].kind = "names";
    outputs[0].extension = "tsv";
    outputs[0].publish = "names.tsv";
    static kuni_step step;
    step.name = "";
    step.scatter = KUNI_SCATTER_COHORT;
    step.outputs = outputs;
    step.run = list;
    kuni_stage stage = kuni_stage();
    stage.name = "names";
    stage.summary = "names of the samples";
    stage.version = 1;
    stage.steps = &step;
    stage.n_steps = 1;
    return stage;
}

static const kuni_stage stage = make_stage();
KUNI_PLUGIN(stage)
CXX
"${CXX:-c++}" -std=c++11 -O2 -Wall -Wextra -Werror -shared -fPIC "${htslib[@]}" -I "$source_tree/include" -o cxx.so cxx.cpp
run_plugin cxx || fail "a plugin in C++"
diff <(printf 'sample\nS000001\nS000002\nS000003\n') data-cxx/current/names.tsv
echo "plugin boundary: refused, apart, hidden and C++ as said"
