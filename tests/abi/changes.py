#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whoever changes the public headers cannot forget the number of the plugin interface: tests/abi/layout fails after each kind
of change, says what to do, and its --update does it. A comment is no change.

environment: CC, HTSLIB_CFLAGS
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("KUNI_SOURCE") or os.path.dirname(os.path.dirname(HERE))

# What is done to which header: a pattern and what stands in its place (a function where that depends on what was found).
CHANGES = [
    ("two fields change places", "sample.h", r"(    const char \*reads;.*\n)(    const char \*index;.*\n)", r"\2\1"),
    ("a field more at the end", "sample.h", r"(    uint32_t index_in_cohort;.*\n)", r"\1    const char *batch;\n"),
    ("a field less", "stage.h", r"    int64_t halo_bp;\n", ""),
    ("a wider field", "allele.h", r"(typedef struct kuni_allele_trim \{\n    )size_t skip,", r"\1char skip[16]; size_t"),
    ("a type of the same size", "params.h", r"    double least, most;", "    int64_t least, most;"),
    ("slots of functions change places", "stage.h",
     r"(    kuni_status \(\*begin_sample\).*\n)(    kuni_status \(\*read\).*\n)", r"\2\1"),
    ("a slot with another parameter", "stage.h", r"\(\*begin_sample\)\(void \*state, size_t", "(*begin_sample)(void *state, int64_t"),
    ("an enumerator in between", "stage.h", r"(    KUNI_SCATTER_BATCH,)", r"    KUNI_SCATTER_PAIR,\n\1"),
    ("another prototype", "file.h", r"(kuni_file_put\(const char \*path, const void \*bytes, )size_t", r"\1uint64_t"),
    ("a function more", "file.h", r"\nKUNI_API_END", "\nint kuni_file_count(const char *folder);\n\nKUNI_API_END"),
    ("a function less", "reads.h", r"uint64_t kuni_read_name_hash\(const bam1_t \*record\);\n", ""),
]
# What the script cannot hold, it must not pass over.
UNKNOWN = [
    ("a variable", "file.h", r"\nKUNI_API_END", "\nextern const int kuni_file_limit;\n\nKUNI_API_END"),
    ("a union", "file.h", r"\nKUNI_API_END", "\ntypedef union kuni_u { int a; double b; } kuni_u;\n\nKUNI_API_END"),
    ("a struct without a typedef", "file.h", r"\nKUNI_API_END", "\nstruct kuni_s { int a; int (*f)(int); };\n\nKUNI_API_END"),
    ("a struct in a struct", "sample.h", r"(    uint32_t index_in_cohort;.*\n)", r"\1    struct { int a; } b;\n"),
]


class Tree:
    """A copy of the headers and of tests/abi."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(os.path.join(SOURCE, "include"), os.path.join(folder, "include"))
        os.mkdir(os.path.join(folder, "tests"))
        shutil.copytree(HERE, os.path.join(folder, "tests/abi"), ignore=shutil.ignore_patterns("__pycache__"))

    def layout(self, *arguments):
        told = subprocess.run([sys.executable, os.path.join(self.folder, "tests/abi/layout"), *arguments],
                              capture_output=True, text=True, env={**os.environ, "KUNI_SOURCE": self.folder})
        return told.returncode, told.stdout + told.stderr

    def path(self, header):
        return os.path.join(self.folder, "include/kuni", header)

    def change(self, header, pattern, by):
        with open(self.path(header)) as f:
            text = f.read()
        changed, n = re.subn(pattern, by, text, count=1)
        if n != 1:
            sys.exit(f"FAIL: {header} has nothing like {pattern}: this test is older than the header")
        with open(self.path(header), "w") as f:
            f.write(changed)

    def number(self):
        with open(self.path("plugin.h")) as f:
            return int(re.search(r"#define KUNI_PLUGIN_ABI (\d+)", f.read()).group(1))

    def git(self, *arguments):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", self.folder, *who, *arguments], check=True, stdout=subprocess.DEVNULL)


def expect(holds, what, told=""):
    if not holds:
        sys.exit(f"FAIL: {what}\n{told}")


def try_change(what, header, pattern, by):
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(folder)
        number = tree.number()
        tree.change(header, pattern, by)
        status, told = tree.layout()
        expect(status != 0 and "tests/abi/layout --update" in told and "KUNI_PLUGIN_ABI" in told, f"{what}: not told", told)
        status, told = tree.layout("--update")
        expect(status == 0 and tree.number() == number + 1, f"{what}: the number is not raised", told)
        status, told = tree.layout()
        expect(status == 0, f"{what}: not right after --update", told)


def try_unknown(what, header, pattern, by):
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(folder)
        tree.change(header, pattern, by)
        for arguments in [], ["--update"]:
            status, told = tree.layout(*arguments)
            expect(status != 0 and "does not know" in told, f"{what}: passed over", told)


def try_no_change():
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(folder)
        number = tree.number()
        tree.change("sample.h", r"/\* participant_id \*/", "/* who it is */")
        status, told = tree.layout()
        expect(status == 0, "a comment counts as a change", told)
        tree.change("plugin.h", r"(#define KUNI_PLUGIN_ABI )\d+", rf"\g<1>{number + 1}")
        expect(tree.layout()[0] != 0, "a number of its own is not told")
        os.remove(os.path.join(folder, "tests/abi/interface.txt"))
        expect(tree.layout("--update")[0] != 0, "without what was kept --update begins anew")


def try_in_git():
    """Updates before a commit raise the number once; a change that is taken back takes the number back."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(folder)
        number = tree.number()
        tree.git("init", "-q")
        tree.git("add", "-A")
        tree.git("commit", "-q", "-m", "one")
        for field in "batch", "lane":
            tree.change("sample.h", r"(    uint32_t index_in_cohort;.*\n)", rf"\1    const char *{field};\n")
            expect(tree.layout()[0] != 0, f"{field} is not told")
            status, told = tree.layout("--update")
            expect(status == 0 and tree.number() == number + 1, f"{field}: number {tree.number()}", told)
        tree.git("checkout", "-q", "include/kuni/sample.h")
        status, told = tree.layout("--update")
        expect(status == 0 and tree.number() == number, "the number stays though the change is gone", told)


def main():
    for change in CHANGES:
        try_change(*change)
    for change in UNKNOWN:
        try_unknown(*change)
    try_no_change()
    if shutil.which("git"):
        try_in_git()
    else:
        print("left out: updates in a checkout, no git here")
    print(f"{len(CHANGES)} changes told and cured, {len(UNKNOWN)} refused")


if __name__ == "__main__":
    main()
