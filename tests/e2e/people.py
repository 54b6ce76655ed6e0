#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who is in the call set, whatever happens around it; each case on one process and on three ranks.

environment: KUNI, MPIEXEC; needs bcftools
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

KUNI = os.environ["KUNI"]
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")
RANKS = (0, 3)


def want(fine, text):
    if not fine:
        sys.exit(f"FAIL: {text}")


class Cohort:
    """A folder with twelve simulated people in batches of five, copied for each case."""

    def __init__(self, folder):
        self.source = os.path.join(folder, "source")
        self.folder = os.path.join(folder, "case")
        subprocess.run([KUNI, "simulate", "--quiet", "-n", "12", "--contigs", "chr20:30k", "-d", "12", "--seed", "5",
                        "-o", self.source], check=True, stdout=subprocess.DEVNULL)
        path = os.path.join(self.source, "workflow.yaml")
        with open(path) as f:
            lines = [line for line in f if not line.startswith("pedigree:")]
        with open(path, "w") as f:
            f.writelines(lines + ["batch: 5\n"])

    def fresh(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.source, self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def start(self, verb, *arguments, ranks=0):
        command = [KUNI, verb, *arguments]
        if ranks:
            command = [MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] + command
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def kuni(self, verb, *arguments, ranks=0, expect=0):
        process = self.start(verb, *arguments, ranks=ranks)
        text, _ = process.communicate(timeout=240)
        want(process.returncode == expect, f"kuni {verb} {' '.join(arguments)} on {ranks or 1} ranks: status "
             f"{process.returncode}, expected {expect}\n{text}")
        return text

    def run(self, *extra, ranks=0, expect=0):
        return self.kuni("run", "--quiet", *extra, "workflow.yaml", ranks=ranks, expect=expect)

    def people(self, name="dataset/current/national.bcf"):
        if not os.path.exists(self.path(name)):
            return []
        return subprocess.run(["bcftools", "query", "-l", self.path(name)], check=True, capture_output=True,
                              text=True).stdout.split()

    def digest(self, name="dataset/current/national.bcf"):
        with open(self.path(name), "rb") as f:
            return hashlib.md5(f.read()).hexdigest()

    def records(self, sample):
        """Genotypes of one sample; allele lists do not depend on the order of columns."""
        return subprocess.run(["bcftools", "query", "-s", sample, "-f", "%CHROM %POS %REF %ALT [%GT %DP %AD %PL]\\n",
                               self.path("dataset/current/national.bcf")], check=True, capture_output=True, text=True).stdout

    def manifest(self, without=()):
        with open(os.path.join(self.source, "manifest.tsv")) as f:
            rows = [row for row in f if row.split("\t")[1] not in without]
        with open(self.path("manifest.tsv"), "w") as f:
            f.writelines(rows)

    def ids(self):
        with open(os.path.join(self.source, "manifest.tsv")) as f:
            return [row.split("\t")[1] for row in f][1:]


def withdrawn(cohort):
    """The columns of the workers knew who was quarantined, and not who was withdrawn: they wrote him back in."""
    seen = set()
    for ranks in RANKS:
        cohort.fresh()
        cohort.run(ranks=ranks)
        cohort.manifest(without=("S000004",))
        want("1 people of the dataset are not in the manifest" in cohort.run(ranks=ranks), "an absent row is not told")
        want(len(cohort.people()) == 12, "a person is lost whom the manifest lacks")
        cohort.kuni("withdraw", "workflow.yaml", "S000004", expect=64) # no terminal, no --yes
        cohort.kuni("withdraw", "--yes", "workflow.yaml", "S000004", "NOBODY", expect=64)
        cohort.kuni("withdraw", "--yes", "--reason", "letter", "workflow.yaml", "S000004")
        cohort.manifest()
        want("name people who withdrew, the first is S000004" in cohort.run(ranks=ranks), "a returning row is not told")
        want(cohort.people() == [i for i in cohort.ids() if i != "S000004"],
             f"{ranks or 1} ranks: {len(cohort.people())} people, or S000004 among them")
        seen.add(cohort.digest())
        whole = cohort.digest()
        cohort.kuni("reinstate", "--yes", "workflow.yaml", "P000004")
        cohort.run(ranks=ranks)
        want(cohort.people() == cohort.ids(), "a reinstated person is missing")
        cohort.kuni("withdraw", "--yes", "workflow.yaml", "P000004")
        cohort.run(ranks=ranks)
        want(cohort.digest() == whole, "withdrawn twice: another call set")
        history = cohort.kuni("history", "workflow.yaml").splitlines()
        want([line.split()[2] for line in history] == ["published", "withdrawn", "published", "reinstated", "published",
                                                       "withdrawn", "published"], f"history: {history}")
        with open(cohort.path("dataset/history.jsonl")) as f:
            lines = f.read()
        with open(cohort.path("dataset/history.jsonl"), "w") as f:
            f.write(lines.replace('"samples":11', '"samples":12', 1))
        want("changed or damaged" in cohort.kuni("history", "workflow.yaml", expect=74), "a changed history is not noticed")
    want(len(seen) == 1, "one process and three ranks publish different files")


def back_without_a_row(cohort):
    """The register forgot where the reads of the withdrawn lay: without a row of hers she came back without a column,
    status 0. And a first batch that nobody was left of took the GC curves out of the QC report."""
    for ranks in RANKS:
        cohort.fresh()
        first = cohort.ids()[:5] # a whole batch
        cohort.run("--set", "dataset=whole", ranks=ranks)
        cohort.manifest(without=first)
        cohort.run("--set", "dataset=fresh", ranks=ranks)
        shutil.copytree(cohort.path("whole"), cohort.path("dataset"), symlinks=True)
        cohort.kuni("withdraw", "--yes", "workflow.yaml", *first)
        cohort.run(ranks=ranks)
        for name in ("national.bcf", "qc/report.html", "qc/sample_qc.tsv"):
            want(cohort.digest(f"dataset/current/{name}") == cohort.digest(f"fresh/current/{name}"),
                 f"{name} without a batch is unlike that of a fresh dataset")
        cohort.kuni("reinstate", "--yes", "workflow.yaml", *first)
        cohort.run(ranks=ranks)
        want(cohort.people() == cohort.ids(), "who was reinstated and is not in the manifest has no column")
        for name in ("national.bcf", "qc/report.html"):
            want(cohort.digest(f"dataset/current/{name}") == cohort.digest(f"whole/current/{name}"), f"{name} is another")


def made_again_without(cohort):
    """Evidence that was made again while somebody had withdrawn is without her: back in, she had a column of no-calls
    there, status 0. She joins a new batch now, or is missing and told while her reads are not there."""
    for ranks in RANKS:
        cohort.fresh()
        cohort.run(ranks=ranks)
        records = cohort.records("S000002")
        cohort.kuni("withdraw", "--yes", "workflow.yaml", "S000002")
        cohort.run(ranks=ranks)
        flip(find(cohort.path("dataset"), "data/call/", ".ev"), 150)
        cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
        cohort.run(ranks=ranks)
        cohort.kuni("reinstate", "--yes", "workflow.yaml", "S000002")
        os.rename(cohort.path("reads/S000002.cram"), cohort.path("S000002.cram"))
        cohort.run(ranks=ranks)
        with open(cohort.path("dataset/current/failures.tsv")) as f:
            want("S000002\t" in f.read() and "S000002" not in cohort.people(), "a column without evidence, or not told")
        os.rename(cohort.path("S000002.cram"), cohort.path("reads/S000002.cram"))
        cohort.run(ranks=ranks)
        want(sorted(cohort.people()) == cohort.ids() and cohort.people()[-1] == "S000002", "she is not in a new batch")
        want(cohort.records("S000002") == records, "other genotypes than before")


def foreign_folder(cohort):
    """`dataset:` with the name of somebody's folder: the run removed tmp, old generations and more of its owner's."""
    theirs = {"tmp/thesis.txt": "a", "generations/000001/y": "b", "data/call/z": "c", "notes.tmp.12.3": "d", "lock": "e"}
    for ranks in RANKS:
        for names in (list(theirs), ["tmp/thesis.txt"], ["lock"], ["journal"], ["batches.tsv", "journal"]):
            cohort.fresh()
            for name in names:
                os.makedirs(os.path.dirname(cohort.path("theirs", name)), exist_ok=True)
                with open(cohort.path("theirs", name), "w") as f:
                    f.write(theirs.get(name, "precious"))
            text = cohort.run("--set", "dataset=theirs", ranks=ranks, expect=64)
            want("theirs is not a dataset that kuni made" in text, f"unclear: {text}")
            left = sorted(os.path.relpath(os.path.join(at, name), cohort.path("theirs"))
                          for at, _, files in os.walk(cohort.path("theirs")) for name in files)
            want(left == sorted(names), f"the folder of somebody else holds {left} instead of {names}")
    want("not a dataset" in cohort.kuni("doctor", "--set", "dataset=theirs", "workflow.yaml", expect=65), "doctor")
    cohort.kuni("plan", "--set", "dataset=theirs", "workflow.yaml", expect=64)
    os.makedirs(cohort.path("empty"))
    cohort.run("--set", "dataset=empty")
    want(len(cohort.people("empty/current/national.bcf")) == 12, "an empty folder was not taken")


def strangers_inside(cohort):
    """What lies in a dataset and is not its own stays: the sweep took whatever had no name it knew."""
    for ranks in RANKS:
        cohort.fresh()
        cohort.run(ranks=ranks)
        os.makedirs(cohort.path("elsewhere"))
        with open(cohort.path("elsewhere", "b0000.0123456789abcdef.ev"), "w") as f:
            f.write("theirs")
        kept = ["data/NOTES.txt", "data/call/NOTES.txt", "data/call/mine/b0000.txt", "tmp/mine/x", "generations/notes",
                "generations/1/x", "data/call/mine/b0000.0123456789abcdeg.ev", "notes.tmp.12.3"]
        for name in kept:
            os.makedirs(os.path.dirname(cohort.path("dataset", name)), exist_ok=True)
            with open(cohort.path("dataset", name), "w") as f:
                f.write("precious")
        os.symlink(cohort.path("elsewhere"), cohort.path("dataset/data/call/linked"))
        for least in (1, 2, 3): # new generations, so that old ones go
            cohort.run("--set", f"joint.min_gq={least}", ranks=ranks)
        for name in kept:
            want(os.path.exists(cohort.path("dataset", name)), f"dataset/{name} was removed")
        want(os.listdir(cohort.path("elsewhere")), "a link was followed out of the dataset")
        want(len(os.listdir(cohort.path("dataset/generations"))) == 4, "old generations stay")
        shutil.move(cohort.path("dataset/logs"), cohort.path("logs"))
        os.symlink(cohort.path("logs"), cohort.path("dataset/logs"))
        want("symbolic link" in cohort.run(ranks=ranks, expect=64), "a folder of the dataset that is a link")


def outage(cohort):
    """Files that cannot be opened for a while are no verdict on their people."""
    whole = None
    for ranks in RANKS:
        cohort.fresh()
        os.makedirs(cohort.path("off"))
        for name in os.listdir(cohort.path("reads")):
            if name[:7] in ("S000001", "S000004", "S000009"):
                os.rename(cohort.path("reads", name), cohort.path("off", name))
        text = cohort.run(ranks=ranks, expect=65)
        want("3 of 12 new samples" in text and "max_quarantined=3" in text, f"unclear: {text}")
        want(not os.path.exists(cohort.path("dataset/current")), "a call set without three people was published")
        told = cohort.run("--set", "on_error.max_quarantined=3", ranks=ranks)
        want(told.count("left out sample") == 3 and len(cohort.people()) == 9, f"not told, or not left out: {told}")
        for name in os.listdir(cohort.path("off")):
            os.rename(cohort.path("off", name), cohort.path("reads", name))
        cohort.run(ranks=ranks)
        want(cohort.people() == cohort.ids(), "people whose files are back are still missing")
        whole = whole or cohort.digest()
        want(cohort.digest() == whole, "another call set after an outage")
        # A new batch of which nothing can be read.
        cohort.fresh()
        cohort.manifest(without=("S000012",))
        cohort.run(ranks=ranks)
        cohort.manifest()
        os.rename(cohort.path("reads/S000012.cram"), cohort.path("S000012.cram"))
        before = cohort.digest()
        cohort.run(ranks=ranks, expect=65)
        want(cohort.digest() == before, "a generation without the new batch was published")
        os.rename(cohort.path("S000012.cram"), cohort.path("reads/S000012.cram"))
        cohort.run(ranks=ranks)
        want(cohort.digest() == whole, "another call set after a batch came late")


def outage_meanwhile(cohort):
    """The folder of the reads goes away for a moment while they are read."""
    whole = None
    for ranks in RANKS:
        for wait in (0.0, 0.1, 0.25):
            cohort.fresh()
            process = cohort.start("run", "--quiet", "workflow.yaml", ranks=ranks)
            deadline = time.time() + 20
            journal = cohort.path("dataset/journal")
            while time.time() < deadline and not (os.path.exists(journal) and os.path.getsize(journal)):
                time.sleep(0.01)
            time.sleep(wait)
            os.rename(cohort.path("reads"), cohort.path("off"))
            time.sleep(0.4)
            os.rename(cohort.path("off"), cohort.path("reads"))
            text, _ = process.communicate(timeout=120)
            want(process.returncode != 0 or len(cohort.people()) >= 11, f"status 0 without {12 - len(cohort.people())}")
            cohort.run(ranks=ranks)
            want(cohort.people() == cohort.ids(), f"the same command again: {len(cohort.people())} people\n{text}")
            whole = whole or cohort.digest()
            want(cohort.digest() == whole, "another call set after an outage")


def export(cohort):
    """An export is of what is published, whatever has happened to the reads since."""
    for ranks in RANKS:
        cohort.fresh()
        os.rename(cohort.path("reads/S000003.cram"), cohort.path("S000003.cram"))
        cohort.run(ranks=ranks)
        cohort.kuni("export", "-o", "x.bcf", "workflow.yaml", ranks=ranks)
        want(cohort.people("x.bcf") == [i for i in cohort.ids() if i != "S000003"], "export after a quarantine")
        for name in os.listdir(cohort.path("reads")):
            os.utime(cohort.path("reads", name))
        cohort.kuni("export", "-o", "y.bcf", "workflow.yaml", ranks=ranks)
        want(cohort.digest("x.bcf") == cohort.digest("y.bcf"), "export after the reads were touched")
        os.rename(cohort.path("S000003.cram"), cohort.path("reads/S000003.cram"))
        for form, name in (("sparse", "sparse.vcf.gz"), ("sites", "s.vcf.gz"), ("plink", "p")):
            cohort.kuni("export", "--format", form, "-o", name, "workflow.yaml", ranks=ranks)


def flip(path, at):
    """Changes a byte and keeps the time, as rot does."""
    before = os.stat(path)
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 0x20]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def find(folder, part, ending):
    for at, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(at, name)
            if part in path and name.endswith(ending) and os.path.getsize(path) > 200:
                return path
    sys.exit(f"FAIL: no file {part} {ending} in {folder}")


def archived(cohort):
    """The reads are gone: a short manifest, a moved, touched or truncated file, a batch more, a lost run: nobody is lost."""
    whole = None
    for ranks in RANKS:
        cohort.fresh()
        cohort.manifest(without=("S000011", "S000012"))
        cohort.run(ranks=ranks)
        for name in os.listdir(cohort.path("reads")):
            if name[:7] < "S000011":
                if name[:7] == "S000001":
                    os.truncate(cohort.path("reads", name), 100)
                else:
                    os.unlink(cohort.path("reads", name))
        cohort.kuni("validate", "workflow.yaml")
        cohort.kuni("doctor", "workflow.yaml")
        cohort.manifest(without=cohort.ids()[:10]) # this month's rows only
        text = cohort.run(ranks=ranks)
        want("10 people of the dataset are not in the manifest" in text, f"not told: {text}")
        want(cohort.people() == cohort.ids(), "people were lost with their reads")
        whole = whole or cohort.digest()
        want(cohort.digest() == whole, "one process and three ranks publish different files")
        cohort.manifest()
        want("unchanged" in cohort.run(ranks=ranks), "the full manifest again changes something")


def damage(cohort):
    """A flipped byte anywhere is noticed before anything is published, and mended where that can be."""
    for ranks in RANKS:
        cohort.fresh()
        cohort.run(ranks=ranks)
        before = cohort.digest()
        cohort.kuni("verify", "--deep", "workflow.yaml")
        shutil.copytree(cohort.path("dataset"), cohort.path("backup"), symlinks=True)
        shutil.move(cohort.path("reads"), cohort.path("archive"))
        # evidence, and the sums of QC: only a copy helps
        for part, ending in (("data/call/", ".ev"), ("data/qc.fold/", "")):
            path = find(cohort.path("dataset"), part, ending)
            flip(path, 150)
            want(path in cohort.kuni("verify", "--deep", "workflow.yaml", expect=74), "verify does not name the file")
            want("beyond repair" in cohort.kuni("repair", "--deep", "--yes", "workflow.yaml", expect=74), "mended from nothing")
            text = cohort.run("--set", "joint.min_gq=7", "--set", "qc.min_base_quality=20", ranks=ranks,
                              expect=74 if ending else 0)
            want(not ending or path in text and "kuni repair" in text, f"rot in evidence is told as something else: {text}")
            cohort.kuni("repair", "--deep", "--yes", "--from", "backup", "workflow.yaml")
            cohort.run(ranks=ranks)
            cohort.kuni("verify", "--deep", "workflow.yaml")
            os.unlink(path)
            want(path in cohort.run(ranks=ranks, expect=74), "a missing file of a sealed batch is not named")
            want(cohort.digest() == before, "published all the same")
            cohort.kuni("repair", "--yes", "--from", "backup", "workflow.yaml")
        # a piece of the merge: never in what is published
        for part, ending in (("national.segment", ".piece"), ("national.head", ".bcf.piece"), ("national.layout", ".tsv")):
            flip(find(cohort.path("dataset"), f"data/{part}/", ending), 60)
            for at, _, names in os.walk(cohort.path("dataset/data/national.assemble")):
                for name in names:
                    os.unlink(os.path.join(at, name))
            want("altered or damaged" in cohort.run(ranks=ranks, expect=74), f"rot in {part} is not noticed")
            cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
            cohort.run(ranks=ranks)
            want(cohort.digest() == before, f"another call set after {part} was mended")
        # what was left of calls that are a part of the published file
        for harm in (lambda path: os.truncate(path, os.path.getsize(path) // 2), lambda path: flip(path, 3), lambda path: os.truncate(path, 0)):
            path = find(cohort.path("dataset"), "data/joint/", ".stub")
            harm(path)
            want(path in cohort.kuni("verify", "--deep", "workflow.yaml", expect=74), "verify does not name the stub")
            cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
            cohort.run(ranks=ranks)
            cohort.kuni("verify", "--deep", "workflow.yaml")
            want(cohort.digest() == before, "another call set after a stub was mended")
        # what is published
        flip(cohort.path("dataset/current/national.bcf"), 300)
        want("published" in cohort.kuni("verify", "--deep", "workflow.yaml", expect=74), "a published file")
        cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
        cohort.run(ranks=ranks)
        want(cohort.digest() == before, "a published file was not mended")
        # nor does rot in it go on into another generation
        flip(cohort.path("dataset/current/merge.json"), 20)
        text = cohort.run("--set", "qc.kinship_least=0.2", ranks=ranks, expect=74)
        want("merge.json" in text or "data/national" in text, f"does not name the file: {text}")
        cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
        cohort.run(ranks=ranks)
        cohort.kuni("verify", "--deep", "workflow.yaml")
        # with the reads there evidence is made again
        shutil.move(cohort.path("archive"), cohort.path("reads"))
        flip(find(cohort.path("dataset"), "data/call/", ".ev"), 150)
        cohort.kuni("repair", "--deep", "--yes", "workflow.yaml")
        cohort.run(ranks=ranks)
        want(cohort.digest() == before, "evidence made again gives another call set")
        cohort.kuni("verify", "--deep", "workflow.yaml")
        # what the data were made with, and the MD5 of the reference: no contradiction, but damage
        for name, at in (("settings.json", 30), ("reference.tsv", -90)):
            path = cohort.path("dataset", name)
            whole = open(path, "rb").read()
            flip(path, at % len(whole))
            want(name in cohort.run(ranks=ranks, expect=74), f"rot in {name}")
            want(name in cohort.kuni("verify", "workflow.yaml", expect=74), f"verify does not name {name}")
            cohort.kuni("repair", "--yes", "workflow.yaml")
            want(open(path, "rb").read() == whole, f"{name} was not made again as it was")
            want("unchanged" in cohort.run(ranks=ranks), f"{name} made again changes something")
        # the register
        flip(cohort.path("dataset/register.tsv"), 400)
        want("register.tsv" in cohort.run(ranks=ranks, expect=74), "a damaged register")


def other_workflow(cohort):
    """A workflow of quality control alone took the national call set out of `current`."""
    for ranks in RANKS:
        cohort.fresh()
        cohort.manifest(without=("S000012",))
        cohort.run(ranks=ranks)
        before = cohort.digest()
        with open(cohort.path("workflow.yaml")) as f:
            lines = f.read()
        with open(cohort.path("qc.yaml"), "w") as f:
            f.write(lines.split("stages:\n")[0] + "batch: 5\nstages:\n  - {id: qc, uses: alignment-qc}\n")
        cohort.kuni("run", "--quiet", "qc.yaml", ranks=ranks)
        want(cohort.digest() == before, "the call set is not in `current` any more")
        cohort.manifest()
        text = cohort.kuni("run", "--quiet", "qc.yaml", ranks=ranks, expect=64)
        want("national.bcf" in text and "--drop-published" in text, f"unclear: {text}")
        want(cohort.digest() == before, "published all the same")
        cohort.run(ranks=ranks)
        want(cohort.people() == cohort.ids(), "the workflow that makes it was refused, too")
        cohort.kuni("verify", "--deep", "workflow.yaml")


def idle_batch(cohort):
    """Evidence of a batch whose people have all withdrawn waits for who is reinstated: its damage is told all the same."""
    cohort.fresh()
    cohort.run()
    before = cohort.digest()
    batch = cohort.ids()[:5]
    cohort.kuni("withdraw", "--yes", "workflow.yaml", *batch)
    cohort.run()
    cohort.kuni("verify", "--deep", "workflow.yaml")
    evidence = find(cohort.path("dataset"), "/b0000.", ".ev")
    with open(evidence, "rb") as f:
        whole = f.read()
    flip(evidence, 150)
    for ranks in RANKS:
        want(evidence in cohort.kuni("verify", "--deep", "workflow.yaml", ranks=ranks, expect=74), "not verified")
    os.unlink(evidence)
    for ranks in RANKS:  # rot under its old time is of no matter to a run that does not use it; a file that is gone is
        want(evidence in cohort.run(ranks=ranks, expect=74), "a run does not see it")
    with open(evidence, "wb") as f:
        f.write(whole)
    cohort.kuni("reinstate", "--yes", "workflow.yaml", *batch)
    cohort.run()
    want(cohort.digest() == before, "not the call set from before")


def state_of(folder):
    """Every file below, but for those that tell how a run went."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            if name not in ("status.json", "lock", "journal", "accounting.tsv") and not os.path.islink(path):
                with open(path, "rb") as f:
                    found[os.path.relpath(path, folder)] = hashlib.md5(f.read()).hexdigest()
    return found


def recalled(cohort):
    """A recall changes nothing before all is there that it needs, and loses nobody."""
    with open(os.path.join(cohort.source, "workflow.yaml")) as f:
        text = f.read()
    new = text.replace("uses: call-variants", "uses: call-variants\n    with: {pcr_free: true}")
    want(new != text, "the simulated workflow has no call-variants")
    cohort.fresh()
    with open(cohort.path("workflow.yaml"), "w") as f:
        f.write(new)
    cohort.run()
    expected = cohort.digest()
    for ranks in RANKS:
        cohort.fresh()
        cohort.run(ranks=ranks)
        before, files = cohort.digest(), state_of(cohort.path("dataset"))
        with open(cohort.path("new.yaml"), "w") as f:
            f.write(new)

        def refused(expect, words, *options):
            told = cohort.kuni("recall", "--quiet", *options, "new.yaml", ranks=ranks, expect=expect)
            want(words in told, f"unclear: {told}")
            now = state_of(cohort.path("dataset"))
            want(all(now.get(name) == files[name] for name in files), f"changed by a refused recall: "
                 f"{[name for name in files if now.get(name) != files[name]]}")

        want("kuni recall" in cohort.kuni("run", "--quiet", "new.yaml", ranks=ranks, expect=64), "the cure is not told")
        refused(64, "say --yes")
        os.rename(cohort.path("reads"), cohort.path("archive"))
        refused(74, "are not there", "--yes")
        os.rename(cohort.path("archive"), cohort.path("reads"))
        victim = cohort.path("reads", "S000007.cram")
        with open(victim, "rb") as f:
            good = f.read()
        with open(victim, "wb") as f:
            f.write(good[: len(good) // 2] + bytes(2000) + good[len(good) // 2 + 2000 :])
        refused(65, "S000007", "--yes")
        want(cohort.run(ranks=ranks) is not None and cohort.digest() == before, "the dataset is not as it was")
        with open(victim, "wb") as f:
            f.write(good)
        process = cohort.start("recall", "--quiet", "--yes", "new.yaml", ranks=ranks)
        time.sleep(0.7)
        process.kill()
        process.communicate()
        if ranks:
            time.sleep(2)  # until the ranks have noticed
        cohort.kuni("recall", "--quiet", "--yes", "new.yaml", ranks=ranks)
        want(cohort.digest() == expected, "not the call set of a dataset that was called so at first")
        want(cohort.people() == cohort.ids(), "somebody was lost")
        cohort.kuni("verify", "--deep", "new.yaml")
        want("recalled" in cohort.kuni("history", "workflow.yaml"), "not in the history")


def verified_together(cohort):
    """All ranks look at a share each; what they find, and in which order it is told, is the same at any number of ranks."""
    cohort.fresh()
    cohort.run()
    dataset = cohort.path("dataset")
    texts = set()
    for damaged in (False, True):
        if damaged:
            flip(find(dataset, "data/call/", ".ev"), 150)
            os.unlink(find(dataset, "data/qc.fold/", ""))
            flip(find(dataset, "data/national.layout/", ".tsv"), 60)
            flip(cohort.path("dataset/current/national.bcf"), 300)
            flip(cohort.path("dataset/settings.json"), 30)
        for arguments in (("--deep",), ()):
            texts = {cohort.kuni("verify", *arguments, "workflow.yaml", ranks=ranks, expect=74 if damaged else 0).split("---")[0]
                     for ranks in (0, 1, 2, 3, 5)}
            # mpirun hands on stdout and stderr in any order
            texts = {"\n".join(sorted(text.split("\n"))) for text in texts}
            want(len(texts) == 1, f"different results: {texts}")
            text = texts.pop()
            total = re.search(r"(\d+) of (\d+) files of sealed batches, (\d+) of (\d+) MiB", text)
            want(total and total[1] == total[2] and int(total[1]) > 5 and total[3] == total[4], f"no progress: {text}")
            if damaged and arguments:
                want("6 of " in text and text.count("altered or damaged (") + text.count("missing (") == 5, f"not all told: {text}")


def lock_gone(cohort):
    """A lock file that is removed or replaced under a run: the run stops before it publishes."""
    for ranks in RANKS:
        cohort.fresh()
        process = cohort.start("run", "--quiet", "workflow.yaml", ranks=ranks)
        until = time.time() + 60
        while not os.path.isdir(cohort.path("dataset/data")):
            want(time.time() < until and process.poll() is None, "the run does not begin")
            time.sleep(0.01)
        os.unlink(cohort.path("dataset/lock"))
        text, _ = process.communicate(timeout=240)
        want(process.returncode == 75 and "removed or replaced" in text, f"status {process.returncode}: {text}")
        want(not os.path.exists(cohort.path("dataset/current")), "published without a lock")
        cohort.run(ranks=ranks)
        want(cohort.people() == cohort.ids(), "people are missing")


def modes(cohort):
    """Nothing in a dataset is for others, whatever the umask adds; an index beside the reference is as the umask says."""
    for ranks in RANKS:
        cohort.fresh()
        for name in os.listdir(cohort.folder):
            if name.endswith(".fai"):
                os.unlink(cohort.path(name))
        before = os.umask(0)
        try:
            cohort.run(ranks=ranks)
            with open(cohort.path("ids"), "w") as f:
                f.write("S000003\n")
            cohort.kuni("withdraw", "--yes", "--list", "ids", "workflow.yaml")
            cohort.run(ranks=ranks)
        finally:
            os.umask(before)
        seen = 0
        for at, folders, names in os.walk(cohort.path("dataset")):
            for name in names + folders + ["."]:
                mode = os.lstat(os.path.join(at, name)).st_mode & 0o777
                if not os.path.islink(os.path.join(at, name)):
                    want(mode in (0o600, 0o640, 0o750), f"{at}/{name} has mode {mode:o}")
                    seen += 1
        want(seen > 50, "nothing was looked at")
        want(os.stat(cohort.path("dataset/secret")).st_mode & 0o777 == 0o600, "the key is for the owner")
        made = [name for name in os.listdir(cohort.folder) if name.endswith(".fai")]
        want(made and all(os.stat(cohort.path(name)).st_mode & 0o777 == 0o666 for name in made), "the reference's index is private")


def older(cohort):
    """A dataset of a version without register, mark, seals and digests is taken over, read and extended, or refused by name."""
    for ranks in RANKS:
        cohort.fresh()
        cohort.manifest(without=("S000012",))
        cohort.run("--keep-all", ranks=ranks) # the journal keeps its lines
        before = cohort.digest()
        folder = cohort.path("dataset")
        with open(os.path.join(folder, "register.tsv")) as f:
            rows = [line.split("\t")[:2] for line in f if not line.startswith(("#", "batch"))]
        with open(os.path.join(folder, "batches.tsv"), "w") as f:
            f.writelines("\t".join(row) + "\n" for row in [["batch", "sample_id"]] + rows)
        for name in ("register.tsv", "kuni-dataset.json", "history.jsonl"):
            os.unlink(os.path.join(folder, name))
        shutil.rmtree(os.path.join(folder, "sealed"))
        settings = os.path.join(folder, "settings.json")
        with open(settings) as f:
            facts = json.load(f)
        del facts["digest"]
        with open(settings, "w") as f:
            json.dump(facts, f, indent=1)
        reference = os.path.join(folder, "reference.tsv")
        with open(reference) as f:
            lines = [line for line in f if not line.startswith("#end")]
        with open(reference, "w") as f:
            f.writelines(lines)
        # a manifest that lacks somebody cannot tell who withdrew
        cohort.manifest(without=("S000003", "S000012"))
        want("kept no register" in cohort.run(ranks=ranks, expect=64), "not refused by name")
        cohort.manifest(without=("S000012",))
        text = cohort.run(ranks=ranks)
        want(cohort.digest() == before, "taken over, it publishes something else")
        done, reused = [int(word) for word in re.search(r"(\d+) tasks, (\d+) of them", text).groups()]
        want(done == reused, f"tasks were done again: {text}")
        cohort.kuni("verify", "--deep", "workflow.yaml")
        cohort.manifest()
        cohort.run(ranks=ranks)
        want(cohort.people() == cohort.ids(), "it was not extended")
        # called by another version of a stage: refused, with both versions and the way out
        with open(settings) as f:
            facts = json.load(f)
        del facts["digest"]
        facts["stage call"] = "call-variants version 5"
        with open(settings, "w") as f:
            json.dump(facts, f)
        text = cohort.run(ranks=ranks, expect=64)
        for words in ("call-variants version 5", "this kuni has call-variants version", "kuni recall"):
            want(words in text, f"'{words}' is not told: {text}")
        # made by a younger one
        with open(os.path.join(folder, "kuni-dataset.json"), "w") as f:
            f.write('{"format": 99, "id": "x", "kuni": "9.0.0"}\n')
        text = cohort.run(ranks=ranks, expect=64)
        want("format 99" in text and "9.0.0" in text, f"not told: {text}")


def main():
    with tempfile.TemporaryDirectory(prefix="kuni-people-") as folder:
        cohort = Cohort(folder)
        chosen = sys.argv[1:]
        for test in (withdrawn, back_without_a_row, made_again_without, foreign_folder, strangers_inside, outage,
                     outage_meanwhile, export, archived, damage, other_workflow, idle_batch, recalled,
                     verified_together, lock_gone, modes, older):
            if chosen and test.__name__ not in chosen:
                continue
            began = time.time()
            test(cohort)
            print(f"{test.__name__}: fine ({time.time() - began:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
