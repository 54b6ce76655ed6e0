#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which lines of the rooms the unit tests run, told per room and file.

    coverage.py [--least PERCENT] [--lines FILE] [--tests REGEX] [--again] [ROOM...]

Builds the unit tests with --coverage in build/coverage, runs them (`ctest -L unit`) and reads what gcov counted.

    ROOM             folders to tell of             [the engine's five rooms]
    --least PERCENT  fails where the rooms together have less
    --lines FILE     shows the lines of FILE that were not run
    --tests REGEX    runs the tests of these names only
    --again          only reads what the last call left

Exit status 77 where there is no gcov.
"""
import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build", "coverage")
ROOMS = ["pipeline/engine", "pipeline/ranks", "pipeline/plan", "pipeline/task", "pipeline/dataset"]


def must(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{done.stdout[-4000:]}\ncoverage: failed: {' '.join(command)}")
    return done.stdout


def build():
    os.makedirs(BUILD, exist_ok=True)
    helper = os.path.join(BUILD, "coverage_exit.o")
    must("gcc", "-c", os.path.join(TOP, "tests/lint/coverage_exit.c"), "-o", helper)
    must("cmake", "-S", TOP, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_COMPILER=gcc",
         "-DCMAKE_C_FLAGS=--coverage -O1", f"-DCMAKE_EXE_LINKER_FLAGS=--coverage -Wl,--wrap=_exit {helper}")
    must("cmake", "--build", BUILD, "--target", "tests/unit/all", "tests/mpi/all")
    for path in below(BUILD, ".gcda"):
        os.remove(path)


def below(top, ending):
    return [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names
            if name.endswith(ending)]


def read(rooms):
    """{file: {line: times run}} of the rooms' files."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        # the notes, not the counts: of a file that no test ran there are notes only
        for path in (note for room in rooms for note in below(os.path.join(BUILD, room), ".gcno")):
            must("gcov", "--json-format", path, cwd=folder)
            for name in os.listdir(folder):
                with gzip.open(os.path.join(folder, name), "rt", encoding="utf-8") as report:
                    told = json.load(report)
                os.remove(os.path.join(folder, name))
                for file in told["files"]:
                    source = os.path.relpath(os.path.join(told["current_working_directory"], file["file"]), TOP)
                    lines = files.setdefault(source, {})
                    for line in file["lines"]:
                        number = line["line_number"]
                        lines[number] = lines.get(number, 0) + line["count"]
    # a former build may have left notes of files that are no more
    return {file: lines for file, lines in files.items()
            if os.path.dirname(file) in rooms and os.path.exists(os.path.join(TOP, file))}


def percent(lines):
    return 100.0 * sum(1 for times in lines if times) / len(lines) if lines else 0.0


def tell(name, lines):
    print(f"{name:40} {len(lines):6} lines  {percent(lines):6.2f} %")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("--lines")
    parser.add_argument("--tests", default=".")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("rooms", nargs="*", metavar="ROOM")
    options = parser.parse_args()
    rooms = options.rooms or ROOMS
    if not shutil.which("gcov") or not shutil.which("gcc"):
        print("skipped: no gcc with gcov here")
        sys.exit(77)
    if not options.again:
        build()
        # the exported names are those of the program, which is not built here
        print(must("ctest", "--test-dir", BUILD, "-L", "unit", "-R", options.tests, "-E", "^abi-exports$",
                   "--output-on-failure").rstrip().splitlines()[-1])
    files = read(rooms)
    every = []
    for room in rooms:
        mine = {file: lines for file, lines in files.items() if os.path.dirname(file) == room}
        for file, lines in sorted(mine.items()):
            tell(f"  {file}", list(lines.values()))
        together = [times for lines in mine.values() for times in lines.values()]
        tell(room, together)
        every += together
    tell("together", every)
    if options.lines:
        lines = files[os.path.relpath(options.lines, TOP) if os.path.isabs(options.lines) else options.lines]
        with open(os.path.join(TOP, options.lines), encoding="utf-8") as source:
            for number, text in enumerate(source, 1):
                if lines.get(number) == 0:
                    print(f"{number:6} {text.rstrip()}")
    sys.exit(0 if percent(every) >= options.least else f"coverage: less than {options.least} %")


if __name__ == "__main__":
    main()
