#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/lint/format and tests/lint/tidy find what they are for: each fault is planted in a small tree, and must be told by name.

    test_lint.py      77 where clang-format and clang-tidy of their version are not installed
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
TIDY = "tests/lint/tidy"
FORMAT = "tests/lint/format"
CLEAN = """#include <stddef.h>

int planted(const int *numbers, size_t n);

int planted(const int *numbers, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) sum += numbers[i];
    return sum;
}
"""
LONG = "int planted(int x);\nint planted(int x)\n{\n" + "    x = x * 3 + 1;\n" * 81 + "    return x;\n}\n"

# name: (file, its text, the script that fails, what it must say)
PLANTED = {
    "two spaces": ("core/planted.c", CLEAN.replace("    int sum", "  int sum"), FORMAT, "core/planted.c:7:"),
    "a line of more than 100 columns": (
        "include/kuni/planted.h", "int planted(int first" + "".join(f", int argument_{i}" for i in range(9)) + ");\n",
        FORMAT, "include/kuni/planted.h:2:"),
    "a null pointer": (
        "core/planted.c",
        CLEAN.replace("int sum = 0;", "int sum = numbers ? 0 : 1;\n    if (!numbers) return *numbers;"),
        TIDY, "core.NullDereference"),
    "a leak": (
        "core/planted.c",
        CLEAN.replace("<stddef.h>", "<stdlib.h>")
        .replace("int sum = 0;", "int sum = 0, *copy = malloc(sizeof(int));\n    if (copy) *copy = sum;"),
        TIDY, "unix.Malloc"),
    "a write that nobody looked at": (
        "core/planted.c",
        CLEAN.replace("<stddef.h>", "<stdio.h>").replace("return sum;", "fwrite(&sum, sizeof(sum), 1, stdout);\n    return sum;"),
        TIDY, "bugprone-unused-return-value"),
    "a function of more than 80 lines": ("core/planted.c", LONG, TIDY, "readability-function-size"),
    "a text that is read as a number by guess": (
        "core/planted.c",
        CLEAN.replace("<stddef.h>", "<stdlib.h>").replace("int sum = 0;", 'int sum = atoi("7");'),
        TIDY, "cert-err34-c"),
    "a null pointer in a test, which fails by it": (
        "tests/unit/planted.c",
        CLEAN.replace("int sum = 0;", "int sum = numbers ? 0 : 1;\n    if (!numbers) return *numbers;"), None, ""),
}


def make_tree(top, name, text):
    for part in (".clang-format", ".clang-tidy", "tests/.clang-tidy", FORMAT, TIDY):
        (top / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TREE / part, top / part)
    for folder in ("core", "include/kuni", "pipeline", "stages", "store", "build"):
        (top / folder).mkdir(parents=True, exist_ok=True)
    (top / name).parent.mkdir(parents=True, exist_ok=True)
    (top / name).write_text("/* SPDX-License-Identifier: MIT */\n" + text)
    ways = [{"directory": str(top / "build"), "file": str(source), "command": f"cc -std=c11 -o x.o -c {source}"}
            for source in top.rglob("*.c")]
    (top / "build/compile_commands.json").write_text(json.dumps(ways))


def run(top, script):
    command = [str(top / script)] + ([str(top / "build")] if script == TIDY else [])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode == 77:
        print(said, end="")
        sys.exit(77)
    return done.returncode, said


def try_one(name, text, script, expected):
    """None, or what went wrong. What is planted for one script is no matter of the other."""
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(os.path.realpath(folder))
        make_tree(top, name, text)
        if script:
            status, said = run(top, script)
            return None if status == 1 and expected in said else f"{status}: {said}"
        # Twice: the second time it is remembered.
        for again in (FORMAT, TIDY, TIDY):
            status, said = run(top, again)
            if status:
                return f"{again}: {status}: {said}"
        return None


def main():
    faults = 0
    cases = {"nothing": ("core/planted.c", CLEAN, None, "")} | PLANTED
    for what, (name, text, script, expected) in cases.items():
        wrong = try_one(name, text, script, expected)
        faults += wrong is not None
        print(f"{'FAILED' if wrong else 'ok'}: {what}" + (f"\n{wrong}" if wrong else ""))
    sys.exit(faults > 0)


main()
