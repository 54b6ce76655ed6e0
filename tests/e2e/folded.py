#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QC partials of a batch become one file when it is sealed, and nothing that follows from them knows of it.

environment: KUNI (the program with faults), MPIEXEC; needs bcftools
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from people import KUNI, RANKS, Cohort, want

GONE = ("S000002", "S000007")


def add_panel(cohort):
    """A contamination panel of the SNVs that were simulated, so that the partials have pileups."""
    sites = subprocess.run(["bcftools", "query", "-i", 'TYPE="snp" && N_ALT=1', "-f", "%CHROM %POS %REF %ALT\\n",
                            os.path.join(cohort.source, "truth.vcf.gz")], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in sites.splitlines()]
    want(len(rows) > 25, f"{len(rows)} sites are too few for a panel")
    with open(os.path.join(cohort.source, "panel.bed"), "w") as bed, open(os.path.join(cohort.source, "panel.mu"), "w") as mu, \
            open(os.path.join(cohort.source, "panel.UD"), "w") as ud:
        for i, (contig, pos, ref, alt) in enumerate(rows):
            bed.write(f"{contig}\t{int(pos) - 1}\t{pos}\t{ref}\t{alt}\n")
            mu.write(f"{contig}:{pos} {0.2 + i % 7 / 5}\n")
            ud.write(" ".join(str((i * k) % 11 / 50 - 0.1) for k in (3, 5, 7, 9)) + "\n")
    path = os.path.join(cohort.source, "workflow.yaml")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace("uses: alignment-qc", "uses: alignment-qc\n    with: {contamination_panel: panel.bed, contamination_min_sites: 20}"))


def files(cohort, step, folder="dataset"):
    return sorted(os.path.join(at, name) for at, _, names in os.walk(cohort.path(folder, "data", step)) for name in names)


def published(cohort, folder="dataset"):
    """Every published file; of dataset.json who is in it."""
    top = os.path.realpath(cohort.path(folder, "current"))
    told = {}
    for at, _, names in os.walk(top):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as f:
                data = f.read()
            if name == "dataset.json":
                known = json.loads(data)
                data = json.dumps({k: known[k] for k in ("samples", "quarantined", "gated")}, sort_keys=True).encode()
            told[os.path.relpath(path, top)] = data
    return told


def same(cohort, expected, what):
    told = published(cohort)
    others = [n for n in sorted(set(told) | set(expected)) if told.get(n) != expected.get(n)]
    want(not others, f"{what}: other files are published: {others}")


def is_folded(cohort, batches=3):
    """A file a batch, of which the seal tells, and none a shard; the dataset is whole and has nothing to do."""
    want(not files(cohort, "qc.reads"), f"partials stay: {files(cohort, 'qc.reads')[:3]}")
    want(len(files(cohort, "qc.fold")) == batches, f"{files(cohort, 'qc.fold')}, not {batches} sums")
    want(not os.listdir(cohort.path("dataset/data/qc.reads")), "empty folders stay")
    for b in range(batches):
        with open(cohort.path(f"dataset/sealed/qc.reads/b{b:04}.tsv")) as f:
            want("#folded\tqc.fold\t" in f.read(), f"the seal of b{b:04} says nothing of it")
    cohort.kuni("verify", "--deep", "workflow.yaml")
    want("unchanged" in cohort.run(), "another run finds something to do")


def like_before(cohort):
    """A dataset as a version before this one leaves it: sealed with the partials, which --keep-all has left here."""
    with open(cohort.path("dataset/journal")) as f:
        tasks = [json.loads(line[line.index("{"):]) if "{" in line else {} for line in f]
    for b in range(3):
        lines = ["#kuni seal 1"]
        name = f"b{b:04}"
        with open(cohort.path(f"dataset/sealed/qc.reads/{name}.tsv")) as f:
            lines += [line.rstrip("\n") for line in f if line.startswith(("#made", "#without"))]
        for task in tasks:
            if task.get("t") == "task" and task["n"] == "qc.reads" and task["b"] == name:
                (size, mtime, digest), = task["o"]
                lines.append(f"{task['s']}\t{task['k'][:16]}\t0\t{size}\t{mtime}\t{digest}")
        write_seal(cohort.path(f"dataset/sealed/qc.reads/{name}.tsv"), lines)
    shutil.rmtree(cohort.path("dataset/sealed/qc.fold"))
    shutil.rmtree(cohort.path("dataset/data/qc.fold"))


def write_seal(path, lines):
    digest = hashlib.blake2b(b"".join(len(line).to_bytes(8, "little") + line.encode() for line in lines), digest_size=32)
    with open(path, "w") as f:
        f.write("\n".join([*lines, f"#end\t{len(lines)}\t{digest.hexdigest()}"]) + "\n")


def crashes(cohort, expected):
    """Killed between any two steps of folding the first batch."""
    for ranks in RANKS:
        for place in ("fold.sum", "fold.seal", "fold.end"):
            cohort.fresh()
            crash(cohort, f"kill@{place}", ranks)
            want(files(cohort, "qc.reads"), f"{place}: partials are gone before the dataset is published")
            cohort.run(ranks=ranks)
            same(cohort, expected, f"killed at {place} on {ranks or 1} ranks")
            is_folded(cohort)


def crash(cohort, how, ranks=0):
    environment = {**os.environ, "KUNI_CRASH": how}
    command = [KUNI, "run", "--quiet", "workflow.yaml"]
    if ranks:
        command = [os.environ.get("MPIEXEC", "mpirun"), "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] + command
    process = subprocess.run(command, cwd=cohort.folder, env=environment, capture_output=True, timeout=240)
    want(process.returncode != 0, f"{how}: the run came to its end")


def again_crashed(cohort, expected):
    """Partials of an earlier version are folded by the next run, which may be killed at any place, with the reads archived."""
    for place in (None, "fold.sum", "fold.seal", "fold.end", "publish"):
        cohort.fresh()
        crash(cohort, "kill@fold.sum")
        cohort.run("--keep-all")
        same(cohort, expected, "--keep-all")
        want(files(cohort, "qc.reads"), "--keep-all removes partials")
        like_before(cohort)
        shutil.move(cohort.path("reads"), cohort.path("archive"))
        if place:
            crash(cohort, f"kill@{place}")
        cohort.run()
        same(cohort, expected, f"killed at {place}, reads archived")
        is_folded(cohort)


def judged_anew(cohort):
    """Other parameters of the steps after it, with the reads archived; and --force."""
    text = {}
    for folded in (False, True):
        cohort.fresh()
        if folded:
            cohort.run()
            shutil.move(cohort.path("reads"), cohort.path("archive"))
        cohort.run("--set", "qc.contamination_min_sites=25", "--set", "qc.profile=gel")
        text[folded] = published(cohort)
    others = [n for n in text[True] if text[True][n] != text[False].get(n)]
    want(not others, f"other judgements from the sum: {others}")
    cohort.run("--force", "qc", "--set", "qc.contamination_min_sites=25", "--set", "qc.profile=gel")
    want(published(cohort) == text[True], "--force qc: other files")


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1]))


def damaged(cohort, expected):
    """A sum that rots: named; copied from a backup; given up where the reads are there; never lost in silence."""
    for ranks in RANKS:
        cohort.fresh()
        cohort.run(ranks=ranks)
        shutil.copytree(cohort.path("dataset"), cohort.path("backup"), symlinks=True)
        for how in ("flipped", "gone"):
            path = files(cohort, "qc.fold")[1]
            flip(path, 100) if how == "flipped" else os.remove(path)
            want(path in cohort.kuni("verify", "--deep", "workflow.yaml", expect=74), "verify does not name the sum")
            if how == "gone":
                want(path in cohort.run(ranks=ranks, expect=74), "a run does not name the sum")
            os.rename(cohort.path("reads"), cohort.path("archive"))
            want("beyond repair" in cohort.kuni("repair", "--deep", "--yes", "workflow.yaml", expect=74), "from nothing")
            cohort.kuni("repair", "--deep", "--yes", "--from", "backup", "workflow.yaml")
            is_folded(cohort)
            os.rename(cohort.path("archive"), cohort.path("reads"))
            flip(path, 100) if how == "flipped" else os.remove(path)
            cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
            cohort.run(ranks=ranks)
            same(cohort, expected, f"a sum that was {how}")
            is_folded(cohort)
        os.remove(cohort.path("dataset/sealed/qc.fold/b0001.tsv"))
        want("qc.fold/b0001.tsv: missing" in cohort.run(ranks=ranks, expect=74), "the sum's seal is gone without a word")


def erased(cohort):
    """Sums without somebody, from the sums; what is published is that of a cohort without them. Killed on the way."""
    cohort.fresh()
    cohort.manifest(without=GONE)
    cohort.run()
    expected = published(cohort)
    for ranks in RANKS:
        cohort.fresh()
        cohort.run(ranks=ranks)
        shutil.move(cohort.path("reads"), cohort.path("archive"))
        before = files(cohort, "qc.fold")
        cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", *GONE)
        cohort.run(ranks=ranks)
        after = files(cohort, "qc.fold")
        want(len(set(before) & set(after)) == 1 and len(after) == 3, f"sums of batches that held them stay: {after}")
        told = published(cohort)
        others = [n for n in expected if n != "dataset.json" and expected[n] != told.get(n)]
        want(not others, f"erased from sums: {others}")
        is_folded(cohort)


def recalled(cohort, expected):
    """A recall makes partials again, and folds them; one that is killed between the two goes on."""
    for place in (None, "fold.sum", "fold.seal"):
        cohort.fresh()
        cohort.run("--set", "qc.min_base_quality=5")
        before = files(cohort, "qc.fold")
        cohort.run(expect=64)
        if place:
            environment = {**os.environ, "KUNI_CRASH": f"kill@{place}"}
            subprocess.run([KUNI, "recall", "--yes", "--quiet", "workflow.yaml"], cwd=cohort.folder, env=environment,
                           capture_output=True, timeout=240)
        cohort.kuni("recall", "--yes", "--quiet", "workflow.yaml")
        same(cohort, expected, f"recalled, killed at {place}")
        want(not set(before) & set(files(cohort, "qc.fold")), "old sums stay")
        is_folded(cohort)


def main():
    with tempfile.TemporaryDirectory() as folder:
        cohort = Cohort(folder)
        add_panel(cohort)
        cohort.fresh()
        cohort.run()
        is_folded(cohort)
        expected = published(cohort)
        rows = [row.split("\t") for row in expected["qc/sample_qc.tsv"].decode().splitlines()]
        column = rows[0].index("cross_contamination_rate")
        want(all(row[column] not in ("", ".", "NA") for row in rows[1:]), "the panel gives no estimates")
        for ranks in RANKS[1:]:
            cohort.fresh()
            cohort.run(ranks=ranks)
            same(cohort, expected, f"{ranks} ranks")
        crashes(cohort, expected)
        again_crashed(cohort, expected)
        judged_anew(cohort)
        damaged(cohort, expected)
        erased(cohort)
        recalled(cohort, expected)
    print("folded: the same in all cases")


if __name__ == "__main__":
    main()
