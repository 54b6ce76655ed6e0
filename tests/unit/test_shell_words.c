/* SPDX-License-Identifier: MIT */
/* The programs that a command would run, told without running it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shell_words.h"

static char told[1024];

static void tell(void *context, const char *program)
{
    (void)context;
    size_t n = strlen(told);
    (void)snprintf(told + n, sizeof(told) - n, "%s%s", n ? " " : "", program);
}

static void expect(const char *command, bool followed, const char *programs)
{
    told[0] = '\0';
    bool seen = kuni_shell_programs(command, tell, NULL);
    if (strcmp(told, programs) != 0) fail_msg("%s: told '%s', not '%s'", command, told, programs);
    if (seen != followed) fail_msg("%s: followed: %d", command, seen);
}

static void test_followed(void **state)
{
    (void)state;
    expect("", true, "");
    expect("bcftools view {input} > {output}", true, "bcftools");
    expect("bcftools view -h {input} | awk '{print $1; exit}' | sort -u >{output}", true,
           "bcftools awk sort");
    expect("set -e; a && b || ! c\nd & e", true, "a b c d e");
    expect("LC_ALL=C A='x y' sort 2>/dev/null <in", true, "sort");
    expect(">out 2>&1 tool --flag=$HOME/x", true, "tool");
    expect("n=$(grep -c x {input} | tr -d ' '); if [ \"$n\" -gt 2 ]; then one; else two; fi", true,
           "grep tr one two");
    expect("for f in {input}; do wc -l \"$f\" \"`basename \"$f\"`\"; done > {output}", true,
           "wc basename");
    expect("(cd x && make) | { read -r y; echo $y; }", true, "make");
    expect("xargs -d '\\n' -n 1 cat < {input_list}", true, "xargs cat");
    expect("nice -n 19 env A=b timeout 10 tool x", true, "nice env timeout tool");
    expect("\"$tool\" x; ./my*; $(which other) y; 'quoted name' z", true, "which quoted name");
    expect("echo $((1 + 2)) ${x:-y} # not | this", true, "");
    expect("a \\\n  b; 'if' c", true, "a if");
    expect("python3 -c 'import x; print(1) | z'", true, "python3");
    expect("comm <(one a) <(two b)", true, "comm one two");
}

static void test_not_followed(void **state)
{
    (void)state;
    expect("a; f() { b; }; f", false, "a");
    expect("case $x in y) z;; esac", false, "");
    expect("cat <<END\nb\nEND", false, "cat");
    expect("a 'b", false, "a");
    expect("a $(b", false, "a b");
    expect("a ) b", false, "a");
    char deep[256] = "";
    for (int i = 0; i < 40; i++) strcat(deep, "$(");
    expect(deep, false, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_followed),
                                       cmocka_unit_test(test_not_followed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
