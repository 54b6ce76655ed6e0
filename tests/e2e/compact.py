#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weekly batches of few people are put together: the same people, in the same order, with the same records; at any kill.

environment: KUNI (the program with faults), MPIEXEC; needs bcftools
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from erase import search
from folded import files, published
from people import KUNI, RANKS, Cohort, want

WEEKS = ((1, 2), (2, 3), (3, 6), (6, 12))   # who comes when: batches of one, one, three and six
GONE = ("S000002", "S000005")


class Weekly(Cohort):
    """People come in weekly manifests."""

    def rows(self, n):
        with open(os.path.join(self.source, "manifest.tsv")) as f:
            lines = f.readlines()
        with open(self.path("manifest.tsv"), "w") as f:
            f.writelines(lines[:n + 1])

    def weekly(self, until=12, ranks=0):
        self.fresh()
        for first, last in WEEKS:
            if first < until:
                self.rows(min(last, until))
                self.run(ranks=ranks)

    def fresh(self):
        super().fresh()
        with open(self.path("workflow.yaml")) as f:
            text = f.read()
        with open(self.path("workflow.yaml"), "w") as f:
            f.write(text.replace("batch: 5", "batch: 8"))

    def batches(self):
        """Names of the batches with their people, as the register has them."""
        told = {}
        with open(self.path("dataset/register.tsv")) as f:
            for line in f:
                if not line.startswith("#") and not line.startswith("batch\t"):
                    batch, sample = line.split("\t")[:2]
                    told.setdefault(batch, []).append(sample)
        return told

    def compact(self, *extra, expect=0):
        return self.kuni("compact", "--yes", *extra, "workflow.yaml", expect=expect)


def same(cohort, expected, what):
    told = published(cohort)
    others = [n for n in sorted(set(told) | set(expected)) if told.get(n) != expected.get(n)]
    want(not others, f"{what}: other files are published: {others}")


def is_whole(cohort, sizes, what):
    told = cohort.batches()
    want([len(people) for people in told.values()] == sizes, f"{what}: {told}")
    want([s for people in told.values() for s in people] == cohort.ids()[:sum(sizes)], f"{what}: another order: {told}")
    want(not os.path.exists(cohort.path("dataset/compacting")), f"{what}: a note of it stays")
    for step in ("call", "qc.reads", "qc.fold"):
        seals = {name[:-4] for name in os.listdir(cohort.path("dataset/sealed", step))}
        want(seals == set(told), f"{what}: seals of {step}: {seals}, batches {set(told)}")
    found = {os.path.basename(path).split(".")[0] for path in files(cohort, "call") + files(cohort, "qc.fold")}
    want(found == set(told), f"{what}: files of {found}")
    cohort.kuni("verify", "--deep", "workflow.yaml")
    want("unchanged" in cohort.run(), f"{what}: another run finds something to do")


def together(cohort, expected):
    """Three small batches become one; the reads are long archived."""
    for ranks in RANKS:
        cohort.weekly(ranks=ranks)
        want([len(p) for p in cohort.batches().values()] == [2, 1, 3, 6], f"weekly: {cohort.batches()}")
        same(cohort, expected, "in weekly batches")
        shutil.move(cohort.path("reads"), cohort.path("archive"))
        before = sum(os.path.getsize(p) for p in files(cohort, "call"))
        text = cohort.kuni("compact", "--dry-run", "workflow.yaml")
        want("b0004: 6 people of 3 batches, b0000 to b0002" in text and "3 batches would become 1" in text, text)
        want(len(cohort.batches()) == 4, "a dry run changes something")
        cohort.kuni("compact", "workflow.yaml", expect=64) # no --yes
        want(len(cohort.batches()) == 4, "without --yes it changes something")
        text = cohort.compact("--below", "5")
        want("3 batches became 1" in text, text)
        same(cohort, expected, "compacted, not yet run")
        cohort.run(ranks=ranks)
        same(cohort, expected, "compacted")
        is_whole(cohort, [6, 6], "compacted")
        after = sum(os.path.getsize(p) for p in files(cohort, "call"))
        want(after < before, f"{after} bytes of evidence, {before} before")
        want("nothing is to be put together" in cohort.compact("--below", "5"), "again there is something to do")
        want("compacted" in cohort.kuni("history", "workflow.yaml"), "the history does not tell of it")


def killed(cohort, expected):
    for place in ("compact.group", "compact.register", "compact.registered", "compact.seals"):
        cohort.weekly()
        shutil.move(cohort.path("reads"), cohort.path("archive"))
        process = subprocess.run([KUNI, "compact", "--yes", "--below", "5", "workflow.yaml"], cwd=cohort.folder,
                                 env={**os.environ, "KUNI_CRASH": f"kill@{place}"}, capture_output=True)
        want(process.returncode != 0, f"{place}: it came to its end")
        for command in (("run", "--quiet"), ("withdraw", "--yes"), ("withdraw", "--mode", "erase", "--yes")):
            names = (GONE[0],) if command[0] == "withdraw" else ()
            text = cohort.kuni(*command, "workflow.yaml", *names, expect=64)
            want("kuni compact" in text, f"{place}: {command} does not tell of it: {text}")
        cohort.compact("--below", "5")
        cohort.run()
        same(cohort, expected, f"killed at {place}")
        is_whole(cohort, [6, 6], f"killed at {place}")


def full_disk(cohort, expected):
    """Every write, flush and rename that can fail: what stands is as it was, or as it will be."""
    for fault in ("write:1", "write:5", "fsync:3", "rename:1", "rename:4", "rename:9", "fsync:14"):
        cohort.weekly(until=6)
        before = published(cohort)
        process = subprocess.run([KUNI, "compact", "--yes", "--below", "5", "workflow.yaml"], cwd=cohort.folder,
                                 env={**os.environ, "KUNI_FAULT": fault}, capture_output=True, text=True)
        cohort.compact("--below", "5")
        cohort.run()
        same(cohort, before, f"{fault} ({process.returncode})")
        is_whole(cohort, [6], fault)


def damaged(cohort, expected):
    """A rotten byte that no size or time tells of: found while the files are put together, and all is as it was."""
    cohort.weekly(until=6)
    path = next(p for p in files(cohort, "call") if "/b0002." in p)
    info = os.stat(path)
    with open(path, "r+b") as f:
        f.seek(info.st_size // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    text = cohort.compact("--below", "5", expect=74)
    want(path in text and "nothing was changed" in text and "kuni repair" in text, text)
    want([len(p) for p in cohort.batches().values()] == [2, 1, 3], f"batches changed: {cohort.batches()}")
    cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
    text = cohort.compact("--below", "5")
    want("b0002: step call is not done yet" in text and "2 batches became 1" in text, text)
    cohort.run()
    cohort.compact("--below", "5")
    cohort.run()
    is_whole(cohort, [6], "mended and put together")


def grown(cohort, expected):
    """People who come after it, and a batch that stands in the middle."""
    cohort.weekly(until=6)
    cohort.compact("--below", "4")
    cohort.rows(12)
    cohort.run()
    same(cohort, expected, "people came before the next run")
    want(list(cohort.batches()) == ["b0003", "b0004"], f"{cohort.batches()}")
    is_whole(cohort, [6, 6], "grown")
    # losing new people is noticed though there are fewer batches than were published
    cohort.weekly(until=6)
    cohort.compact("--below", "4")
    cohort.rows(12)
    for name in ("S000007", "S000008", "S000009", "S000010"):
        os.remove(cohort.path(f"reads/{name}.cram"))
    want("new samples would be missing" in cohort.run(expect=65), "people are lost in silence")


def lives_on(cohort, expected):
    """Withdrawn, back, erased, rotten, mended and recalled as any other batch."""
    cohort.fresh()
    cohort.manifest(without=GONE)
    cohort.run()
    less = published(cohort)
    cohort.weekly()
    cohort.compact("--below", "5")
    cohort.kuni("withdraw", "--yes", "workflow.yaml", *GONE)
    cohort.run()
    same(cohort, less, "withdrawn after it")
    cohort.kuni("reinstate", "--yes", "workflow.yaml", *GONE)
    cohort.run()
    same(cohort, expected, "back")
    for step in ("call", "qc.fold"):
        path = next(p for p in files(cohort, step) if "/b0004." in p)
        os.remove(path)
        want(path in cohort.kuni("verify", "--deep", "workflow.yaml", expect=74), "verify does not name the file")
        cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
        cohort.run()
        same(cohort, expected, f"mended {step}")
        is_whole(cohort, [6, 6], f"mended {step}")
    cohort.kuni("recall", "--yes", "--quiet", "--set", "call.min_mapping_quality=11", "workflow.yaml")
    cohort.kuni("recall", "--yes", "--quiet", "workflow.yaml")
    same(cohort, expected, "recalled")
    shutil.move(cohort.path("reads"), cohort.path("archive"))
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", *GONE)
    cohort.run()
    told = published(cohort)
    others = [n for n in less if n != "dataset.json" and less[n] != told.get(n)]
    want(not others, f"erased after it: {others}")
    cohort.kuni("verify", "--deep", "workflow.yaml")
    # and put together after somebody was erased, withdrawn and put in quarantine
    cohort.weekly()
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", GONE[0])
    cohort.kuni("withdraw", "--yes", "workflow.yaml", GONE[1])
    cohort.run()
    same_less = published(cohort)
    cohort.compact("--below", "5")
    cohort.run()
    same(cohort, same_less, "erased and withdrawn before it")
    cohort.kuni("reinstate", "--yes", "workflow.yaml", GONE[1])
    cohort.run()
    want(cohort.people() == [s for s in cohort.ids() if s != GONE[0]], f"{cohort.people()}")


def erased_at_once(cohort, expected):
    """Erased before a run has removed the files of the old batches: no byte of them is left in these either."""
    cohort.weekly()
    cohort.compact("--below", "5")
    want(any("/b0000." in p for p in files(cohort, "call")), "the old files are gone before the next run")
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", *GONE)
    ids = GONE + tuple(i.replace("S", "P") for i in GONE)
    left = [p for p in search(cohort.path("dataset"), ids) if "/generations/" not in p]
    want(not left, f"{len(left)} places outside of current still tell of them: {left[:4]}")
    want(not any("/b0000." in p for p in files(cohort, "call")), "files of the old batches stay")
    cohort.run("--keep-all")
    left = search(cohort.path("dataset"), ids)
    want(not left, f"{len(left)} places still tell of them: {left[:4]}")


def imported(cohort, expected):
    """gVCFs, with small contigs in bundles; a batch of reads between them stays as it is."""
    cohort.fresh()
    folder = cohort.path("imports")
    subprocess.run([KUNI, "simulate", "--quiet", "-n", "6", "--contigs", "chr20:100k,chr21:5k,chr22:5k,chrX:6k", "-d", "8", "--seed",
                    "3", "-o", folder], check=True, stdout=subprocess.DEVNULL)
    def kuni(*arguments):
        done = subprocess.run([KUNI, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
        want(done.returncode == 0, f"kuni {' '.join(arguments)}: {done.stderr}")
        return done.stdout + done.stderr
    with open(os.path.join(folder, "workflow.yaml")) as f:
        text = re.sub(r"shard: .*", "shard: 50kb", f.read())
    with open(os.path.join(folder, "workflow.yaml"), "w") as f:
        f.write(text)
    kuni("run", "--quiet", "workflow.yaml")
    kuni("export", "-f", "gvcf", "--out", "gvcf", "workflow.yaml")
    text = text.replace("  - id: qc", "  - {id: import, uses: import-gvcf}\n  - id: qc").replace("[call]", "[call, import]")
    with open(os.path.join(folder, "mixed.yaml"), "w") as f:
        f.write(text.replace("dataset: dataset", "dataset: mixed") + "batch: 6\n")
    with open(os.path.join(folder, "manifest.tsv")) as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    for row in rows[1:]:
        if row[1] != "S000003":
            row[3:5] = [f"gvcf/{row[1]}.g.vcf.gz", f"gvcf/{row[1]}.g.vcf.gz.tbi"]
    for n in range(1, 7):
        with open(os.path.join(folder, "week.tsv"), "w") as f:
            f.writelines("\t".join(row) + "\n" for row in rows[:n + 1])
        kuni("run", "--quiet", "--set", "cohort=week.tsv", "mixed.yaml")
    whole = published(cohort, "imports/mixed")
    text = kuni("compact", "--yes", "--below", "6", "mixed.yaml")
    want("b0006: 2 people of 2 batches, b0000 to b0001" in text and "b0007: 3 people of 3 batches, b0003 to b0005" in text, text)
    kuni("run", "--quiet", "--set", "cohort=week.tsv", "mixed.yaml")
    told = published(cohort, "imports/mixed")
    others = [n for n in sorted(set(told) | set(whole)) if told.get(n) != whole.get(n)]
    want(not others, f"gVCFs: other files are published: {others}")
    kuni("verify", "--deep", "mixed.yaml")


def main():
    with tempfile.TemporaryDirectory() as folder:
        cohort = Weekly(folder)
        cohort.fresh()
        cohort.run()
        expected = published(cohort)
        for case in (together, killed, damaged, grown, lives_on, erased_at_once, imported, full_disk):
            if len(sys.argv) > 1 and case.__name__ not in sys.argv[1:]:
                continue
            case(cohort, expected)
            print(f"{case.__name__}: fine", flush=True)


if __name__ == "__main__":
    main()
