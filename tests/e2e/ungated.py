#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sole-carrier.py sees a gate that is missing: each of the places that keep out who has withdrawn is taken out of a copy of the sources in
turn, the copy is built, and the test must fail. As it is, it must pass."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
GATES = {
    "the call set": [("pipeline/workflow/cohort.c", "if (person->state == KUNI_PERSON_WITHDRAWN || person->state == KUNI_PERSON_MOVED ||",
                      "if (person->state == KUNI_PERSON_MOVED ||")],
    "exports of all": [("pipeline/command/exporter.c", "all && !x->ledger->samples.skip[i] ? 0 : -1", "all ? 0 : -1")],
    "exports by name": [("pipeline/command/exporter.c",
                         "if (kuni_tombstones_cover(&x->stones, id, i < 0 ? NULL : x->run->cohort.samples[i].participant))", "if (0)")],
    "files by path": [("pipeline/command/withdrawn.c", "if (!kuni_withdrawn_has(w, sample)) return KUNI_OK;", "return KUNI_OK;")],
}


def run(*words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)


def passes(tree, build):
    """The test's verdict and last words."""
    made = run("ninja", "-C", build, "kuni")
    if made.returncode:
        sys.exit("the copy does not build:\n" + made.stdout[-3000:])
    done = run(sys.executable, tree / "tests/e2e/sole-carrier.py", env=dict(os.environ, KUNI=str(build / "kuni")))
    return done.returncode == 0, done.stdout.strip().split("\n")[0][:160]


def main():
    for tool in ("ninja", "cmake", "bcftools"):
        if not shutil.which(tool):
            print(f"skipped: no {tool}")
            return 77
    with tempfile.TemporaryDirectory() as folder:
        tree, build = pathlib.Path(folder, "tree"), pathlib.Path(folder, "build")
        shutil.copytree(TREE, tree, ignore=shutil.ignore_patterns("build", ".git"))
        made = run("cmake", "-S", tree, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release")
        if made.returncode:
            sys.exit("the copy cannot be configured:\n" + made.stdout[-3000:])
        good, said = passes(tree, build)
        print("as it is:", said)
        if not good:
            return 1
        bad = 0
        for gate, edits in GATES.items():
            kept = {path: (tree / path).read_text() for path, _, _ in edits}
            for path, old, new in edits:
                text = (tree / path).read_text()
                if text.count(old) != 1:
                    sys.exit(f"{path} has not the gate any more: {old}")
                (tree / path).write_text(text.replace(old, new))
            good, said = passes(tree, build)
            print(f"without {gate}: {'NOT SEEN' if good else said}")
            bad += good
            for path, text in kept.items():
                (tree / path).write_text(text)
        return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
