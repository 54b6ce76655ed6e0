#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/summary tells each test that was skipped and each part that was left out, with its reason, and counts; and a shell test
# that counts its failures cannot end well.
. "$(dirname "$0")/../lib.sh"
need_tools ctest python3
cd "$work"

# made NAME COMMAND: a test of a made-up suite
made() {
    printf 'add_test(%s "/bin/sh" "-c" "%s")\nset_tests_properties(%s PROPERTIES SKIP_RETURN_CODE 77)\n' "$1" "$2" "$1" \
        >>CTestTestfile.cmake
}
made good 'echo fine; exit 0'
made mute 'exit 77'
made dry 'echo before; echo skipped: no bwa on PATH; exit 77'
made part 'echo left out: full disk: no right to mount; yes filler | head -n 9999; echo left out: a browser; exit 0'
made bad 'echo left out: a map; exit 1'
ctest --test-dir . --output-junit "$work/result.xml" --test-output-size-passed 100000 >ctest.log 2>&1 || true
"$source_tree/tests/summary" result.xml >found || fail "status"
cat >expected <<'TEXT'

Skipped:
  mute: it says no reason
  dry: no bwa on PATH

Left out of tests that ran:
  part: full disk: no right to mount
  part: a browser
  bad: a map

2 passed, 1 failed, 2 skipped
TEXT
diff expected found || fail "another summary"
status=0
"$source_tree/tests/summary" ctest.log >found 2>told || status=$?
[ $status -eq 65 ] || fail "status $status for what is no result"

# expect STATUS LINES: a test of these lines ends with the status
expect() {
    local status=0
    mkdir -p suite/deep
    ln -sfn "$source_tree/tests/lib.sh" suite/lib.sh
    # shellcheck disable=SC2016 # the test's own
    printf '. "$(dirname "$0")/../lib.sh"\n%s\n' "$2" >suite/deep/test.sh
    env -u KEEP bash suite/deep/test.sh >told 2>&1 || status=$?
    [ $status -eq "$1" ] || { cat told; fail "status $status, not $1: $2"; }
}
expect 0 'go_on=1; verdict fine'
expect 1 'go_on=1; fail one; verdict fine'
grep -q 'FAILED: one' told || fail "a failure is not told"
expect 1 'go_on=1; fail one; echo no verdict is asked for'
expect 1 'fail one; exit 0'
expect 1 'false; exit 0'
expect 1 'at_exit() { echo undone; }; run none 0'
grep -q undone told || fail "what a test has to undo was not done"
expect 77 'need_tools no-such-tool-at-all'
KUNI_DATA='' expect 77 'need_data x'
grep -q 'KUNI_DATA is not set' told || fail "no reason"
KUNI_DATA=$work expect 77 'need_data nothing'
KUNI_DATA=$work expect 0 'need_data suite'
# shellcheck disable=SC2016
expect 0 '[ -d "$work" ] && echo "$work" >'"$work/place"
[ ! -e "$(cat "$work/place")" ] || fail "a work folder stays"
echo "all right"
