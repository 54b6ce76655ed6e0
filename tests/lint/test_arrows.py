#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""arrows.py finds what it is for: each fault is planted in a copy of the tree, and must be told by name.

    test_arrows.py [SOURCE]     SOURCE: the top of the tree [the one this file is in]
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(HERE))

# name: ({file: text put before its own, or of a new file}, what must be said)
PLANTED = {
    "MPI outside of its room": (
        {"stages/merge/planted.c": "#include <mpi.h>\n"}, "stages/merge/planted.c:1: <mpi.h> is for"),
    "YAML outside of its room": (
        {"pipeline/command/planted.c": "\n#include <yaml.h>\n"}, "pipeline/command/planted.c:2: <yaml.h> is for"),
    "a stage that includes another": (
        {"stages/merge/planted.c": '#include "planted_pileup.h"\n', "stages/call_variants/planted_pileup.h": ""},
        "no arrow is drawn from stages/merge to stages/call_variants (planted_pileup.h)"),
    "an arrow between rooms of a stage that is not drawn": (
        {"stages/call_variants/reads/planted.c": '#include "regions/planted.h"\n',
         "stages/call_variants/regions/planted.h": ""},
        "no arrow is drawn from stages/call_variants/reads to stages/call_variants/regions (regions/planted.h)"),
    "a stage that includes a room of another": (
        {"stages/merge/planted.c": '#include "reads/read_window.h"\n'}, "\"reads/read_window.h\" could be no header of the tree"),
    "an arrow that runs up, and closes a circle of rooms": (
        {"pipeline/simulate/planted.c": '#include "planted.h"\n', "pipeline/command/planted.h": ""},
        "circle of rooms: pipeline/command pipeline/simulate"),
    "a header by its path": (
        {"core/planted.c": '#include "../store/planted.h"\n', "store/planted.h": ""},
        "no arrow is drawn from core to store"),
    "a circle of two modules": (
        {"core/planted.h": '#include "planting.h"\n', "core/planting.c": '#include "planted.h"\n',
         "core/planting.h": ""},
        "circle of modules: core/planted core/planting"),
    "a circle of three modules": (
        {"core/planted.h": '#include "planting.h"\n', "core/planting.h": '#include "plant.h"\n',
         "core/plant.c": '#include "planted.h"\n', "core/plant.h": ""},
        "circle of modules: core/plant core/planted core/planting"),
    "a room that is not drawn": ({"pipeline/cellar/planted.c": ""}, "the room pipeline/cellar is not drawn"),
    "a header that is not there": ({"core/planted.c": '#include "nowhere.h"\n'}, "no header of the tree"),
    "a name that means two headers": (
        {"pipeline/command/planted.c": '#include "planted.h"\n', "store/planted.h": "",
         "pipeline/workflow/planted.h": ""},
        '"planted.h" could be'),
    "an arrow that nothing uses": ({"docs/ARCHITECTURE.md": "```arrows\ncore -> store\n```\n"},
                                   "nothing uses the arrow core -> store"),
}


def arrows(top):
    done = subprocess.run([sys.executable, os.path.join(HERE, "arrows.py"), top], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        top = os.path.join(folder, "tree")
        for name in ("include/kuni", "core", "store", "stages", "pipeline"):
            shutil.copytree(os.path.join(SOURCE, name), os.path.join(top, name),
                            ignore=lambda _, names: [n for n in names if "." in n and n[-2:] not in (".c", ".h")])
        os.mkdir(os.path.join(top, "docs"))
        shutil.copy(os.path.join(SOURCE, "docs/ARCHITECTURE.md"), os.path.join(top, "docs"))
        status, text = arrows(top)
        if status != 0:
            sys.exit(f"FAIL: the copy of the tree has faults of its own:\n{text}")
        for name, (files, expected) in PLANTED.items():
            planted = os.path.join(folder, "planted")
            shutil.copytree(top, planted)
            for path, line in files.items():
                path = os.path.join(planted, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                rest = ""
                if os.path.exists(path):
                    with open(path, encoding="utf-8") as file:
                        rest = file.read()
                with open(path, "w", encoding="utf-8") as file:
                    file.write(line + rest)
            status, text = arrows(planted)
            shutil.rmtree(planted)
            if status != 1 or expected not in text:
                sys.exit(f"FAIL: {name}: exit status {status}, \"{expected}\" is not in:\n{text}")
    print(f"{len(PLANTED)} planted faults, each found")


if __name__ == "__main__":
    main()
