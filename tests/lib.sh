# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the shell tests share: settings, a work folder, ways to skip and to fail, and a run of kuni. A test sources it first:
#
#   . "$(dirname "$0")/../lib.sh"
#
#   KUNI       the program under test                                    [build/release/kuni]
#   KUNI_DATA  the test data (tests/README.md), which some tests need    [none]
#   KEEP       the work folder, which then stays                         [one that is removed at the end]
#
# A test is over when it ends with status 0; 1 is a failure, 77 skips it. With `go_on=1` failures are told and counted, and the
# test goes on to its end.

set -euo pipefail
# shellcheck disable=SC2034 # for the tests
here=$(cd "$(dirname "$0")" && pwd)
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export KUNI=${KUNI:-$source_tree/build/release/kuni}
KUNI_DATA=${KUNI_DATA:+$(realpath -m "$KUNI_DATA")}
export REF_PATH=/nonexistent # nothing is ever fetched
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
go_on='' failures=0 log=''

skip() {
    echo "skipped: $*"
    exit 77
}

# A part of the test that is not done here, with the reason: tests/summary lists it.
left_out() {
    echo "left out: $*"
}

fail() {
    [ ! -s "$log" ] || tail -n 30 "$log"
    echo "FAILED: $*"
    [ -n "$go_on" ] || exit 1
    failures=$((failures + 1))
}

# verdict TEXT: the last line of a test that goes on after failures
verdict() {
    [ "$failures" -eq 0 ] || exit 1
    echo "$*"
}

have() {
    command -v "$1" >/dev/null
}

need_tools() {
    local tool
    for tool in "$@"; do have "$tool" || skip "no $tool on PATH"; done
}

# The program that can be made to fail (tests/fixtures/injection.c); by hand it is looked for beside the other.
need_faults() {
    "$KUNI" version | grep -q 'faults on purpose' || export KUNI=${KUNI%/*}/faults/kuni
    [ -x "$KUNI" ] && "$KUNI" version | grep -q 'faults on purpose' || skip "no $KUNI: build all targets"
}

# need_data PATH...: places in KUNI_DATA
need_data() {
    local path
    [ -n "$KUNI_DATA" ] || skip "no test data: KUNI_DATA is not set"
    for path in "$@"; do [ -e "$KUNI_DATA/$path" ] || skip "no $path in the test data"; done
}

need_root() {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
}

# Whatever a test has to undo: it defines its own.
at_exit() {
    :
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
    local status=$?
    at_exit
    [ -n "${KEEP:-}" ] || rm -rf "$work"
    # nobody asked for the verdict
    [ $status -ne 0 ] || [ "$failures" -eq 0 ] || status=1
    exit $status
}

if [ -n "${KEEP:-}" ]; then
    mkdir -p "$KEEP"
    work=$(realpath "$KEEP")
else
    work=$(mktemp -d)
fi
trap clean_up EXIT

[ -x "$KUNI" ] || fail "no program at $KUNI: build it or set KUNI"

# What `run` runs.
workflow=$work/cohort/workflow.yaml

# try_run NAME RANKS [OPTION...]: `kuni run` of $workflow into the dataset $work/NAME; RANKS 0 is one process without mpirun.
# All that it prints is in $log afterwards. The status is kuni's.
try_run() {
    local name=$1 ranks=$2 launch=()
    shift 2
    # under the address sanitizer MPI's own leaks are not looked at
    [ "$ranks" -eq 0 ] || launch=(env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0" mpirun --oversubscribe -n "$ranks")
    log=$work/$name.log
    "${launch[@]}" "$KUNI" run --quiet "$workflow" --set "dataset=$work/$name" "$@" >"$log" 2>&1 </dev/null
}

# run NAME RANKS [OPTION...]: try_run that must not fail
run() {
    local status=0
    try_run "$@" || status=$?
    [ $status -eq 0 ] || fail "run $1: exit status $status"
}
