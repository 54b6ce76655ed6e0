#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""People who are erased: no byte of them is left, and what is published is that of a cohort without them.

environment: KUNI, KUNI_TALLY (the plugin of the engine's test), MPIEXEC; needs bcftools
"""
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from people import KUNI, RANKS, Cohort, want

GONE = ("S000002", "S000007", "S000011", "S000012") # of two batches one each, and all of the third
PARTICIPANTS = tuple(i.replace("S", "P") for i in GONE)


def contents(path):
    """The bytes of a file, and what they are of when they are compressed."""
    with open(path, "rb") as f:
        raw = f.read()
    yield raw
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)


def dump(path):
    return subprocess.run([KUNI, "evidence", "dump", path], check=True, capture_output=True, text=True).stdout


def everything(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(at, name)


def search(folder, ids):
    """Where an id stands in a dataset, as a whole word."""
    words = [re.compile(rb"(?<![A-Za-z0-9_])" + i.encode() + rb"(?![A-Za-z0-9_])") for i in ids]
    found = []
    for path in everything(folder):
        texts = [os.path.relpath(path, folder).encode()]
        if os.path.islink(path):
            texts.append(os.readlink(path).encode())
        else:
            texts += contents(path)
            if path.endswith(".ev"):
                texts.append(dump(path).encode())
        found += [f"{path}: {word.pattern}" for word in words for text in texts if word.search(text)]
    return found


def alleles(folder, wanted):
    """Alleles in the evidence of some people, by site, from what is dumped."""
    seen = set()
    for path in everything(os.path.join(folder, "data")):
        for line in dump(path).splitlines() if path.endswith(".ev") else ():
            fields = line.split("\t")
            if fields[0] == "event" and wanted(fields[3]):
                seen |= {(fields[2], fields[4], alt) for alt in fields[5].split(",") if alt not in (".", "<*>", "*")}
    return seen


def census(folder):
    """Alleles that any evidence tells of."""
    seen = set()
    for path in everything(os.path.join(folder, "data")):
        for line in dump(path).splitlines() if path.endswith(".ev") else ():
            fields = line.split("\t")
            if fields[0] == "census":
                seen.add((fields[2], fields[3], fields[4]))
            if fields[0] == "event":
                seen |= {(fields[2], fields[4], alt) for alt in fields[5].split(",")}
    return seen


def published(folder):
    """Digests of what is published; dataset.json less the number of batches, which a cohort without them cuts otherwise."""
    files = {}
    top = os.path.join(folder, "current")
    for path in everything(os.path.realpath(top)):
        name = os.path.relpath(path, os.path.realpath(top))
        with open(path, "rb") as f:
            data = f.read()
        if name == "dataset.json":
            told = json.loads(data)
            told.pop("batches")
            data = json.dumps(told, sort_keys=True).encode()
        files[name] = hashlib.sha256(data).hexdigest()
    return files


def state(folder):
    """All files of a dataset with their bytes, but for the lock."""
    return {os.path.relpath(path, folder): hashlib.sha256(b"".join(contents(path))).hexdigest()
            for path in everything(folder) if not os.path.islink(path) and os.path.basename(path) != "lock"}


def without(cohort):
    """What a cohort without them publishes."""
    cohort.fresh()
    cohort.manifest(without=GONE)
    cohort.run()
    return published(cohort.path("dataset"))


def write_ids(cohort, ids, name="ids.txt"):
    with open(cohort.path(name), "w") as f:
        f.write("".join(f"{i}\n" for i in ids))


def full(cohort, ranks=0):
    cohort.fresh()
    cohort.run(ranks=ranks)
    shutil.move(cohort.path("reads"), cohort.path("archive"))


def check(cohort, expected, ranks=0):
    """After the next run: nothing is left, the call set is that of the others, and the dataset goes on."""
    cohort.run(ranks=ranks)
    found = search(cohort.path("dataset"), GONE + PARTICIPANTS)
    want(not found, f"{len(found)} places still tell of them: {found[:4]}")
    write_ids(cohort, GONE + PARTICIPANTS, "gone.txt")
    text = cohort.kuni("verify", "--erased", "gone.txt", "workflow.yaml")
    want("nothing is left of 8 ids" in text, f"unclear: {text}")
    told = published(cohort.path("dataset"))
    want(told == expected, f"other files are published: {[n for n in sorted(set(told) | set(expected)) if told.get(n) != expected.get(n)]}")
    cohort.kuni("verify", "--deep", "workflow.yaml")
    want("unchanged" in cohort.run(ranks=ranks), "another run finds something to do")


def erased(cohort):
    """The reads are archived, and a manifest goes on naming them."""
    expected = without(cohort)
    for ranks in RANKS:
        full(cohort, ranks)
        cohort.run("--set", "joint.min_gq=1", ranks=ranks) # an older generation
        private = alleles(cohort.path("dataset"), lambda i: i in GONE) - alleles(cohort.path("dataset"), lambda i: i not in GONE)
        want(private, "they have no private alleles to look for")
        want(search(cohort.path("dataset"), GONE), "the search finds nobody before")
        untouched = {n: d for n, d in state(cohort.path("dataset")).items() if "b0000" in n and n.endswith(".ev")}
        write_ids(cohort, ("# letters of May", GONE[0], PARTICIPANTS[1], *GONE[2:]))
        before = state(cohort.path("dataset"))
        cohort.kuni("withdraw", "--mode", "erase", "--list", "ids.txt", "workflow.yaml", expect=64) # no --yes
        text = cohort.kuni("withdraw", "--mode", "erase", "--yes", "--reason", f"letter of {GONE[1]}", "--list", "ids.txt",
                           "workflow.yaml", expect=64)
        want("name nobody" in text, f"unclear: {text}")
        want(state(cohort.path("dataset")) == before, "a refusal changed something")
        text = cohort.kuni("withdraw", "--mode", "erase", "--yes", "--by", "office", "--list", "ids.txt", "workflow.yaml")
        want(set(GONE + PARTICIPANTS) <= set(text.split()), f"who was erased is not told: {text}")
        want("current still shows them" in text, f"unclear: {text}")
        want(len(os.listdir(cohort.path("dataset/generations"))) == 1, "older generations stay")
        left = [p for p in search(cohort.path("dataset"), GONE + PARTICIPANTS) if "/generations/" not in p]
        want(not left, f"{len(left)} places outside of current still tell of them: {left[:4]}")
        want(not private & census(cohort.path("dataset")), "their private alleles are in the evidence")
        want(not [n for n in state(cohort.path("dataset")) if "/b0002." in n], "files of the empty batch stay")
        want(untouched.keys() != {n for n in state(cohort.path("dataset")) if n in untouched}, "a batch that held one stays")
        check(cohort, expected, ranks)
        want("name people who withdrew" in cohort.run(ranks=ranks), "a manifest that names them is not told")
        history = [line.split()[1:3] for line in cohort.kuni("history", "workflow.yaml").splitlines()]
        want([entry for entry in history if entry == ["office", "erased"]], f"history: {history}")
        # nobody comes back by chance, and anew only when it is said
        text = cohort.kuni("reinstate", "--yes", "workflow.yaml", GONE[0], expect=64)
        want("nothing is left to take back" in text and "--anew" in text, f"unclear: {text}")
        cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", GONE[0]) # done already
        cohort.kuni("withdraw", "--yes", "workflow.yaml", GONE[0])
        check(cohort, expected, ranks)
        shutil.move(cohort.path("archive"), cohort.path("reads"))
        cohort.kuni("reinstate", "--anew", "--yes", "workflow.yaml", GONE[0])
        cohort.run(ranks=ranks)
        want(cohort.people() == [i for i in cohort.ids() if i not in GONE] + [GONE[0]], f"reinstated anew: {cohort.people()}")
        cohort.kuni("verify", "--deep", "workflow.yaml")


def unlinked_before(cohort):
    """Somebody who was unlinked is erased; so is all of a dataset; new people get a batch of their own."""
    expected = without(cohort)
    full(cohort)
    cohort.kuni("withdraw", "--yes", "workflow.yaml", *GONE)
    cohort.run()
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", *GONE)
    check(cohort, expected)
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", *(i for i in cohort.ids() if i not in GONE))
    found = search(cohort.path("dataset"), cohort.ids() + [i.replace("S", "P") for i in cohort.ids()])
    want(not found, f"everybody was erased, and {found[:4]}")
    want(not os.path.lexists(cohort.path("dataset/current")), "nobody is left, and current stays")
    cohort.run(expect=64)


def grown(cohort):
    """A batch that comes after an erasure is the same as one that came without it."""
    cohort.fresh()
    cohort.manifest(without=("S000006", "S000009"))
    cohort.run()
    whole = published(cohort.path("dataset"))
    cohort.fresh()
    cohort.manifest(without=("S000009",))
    cohort.run()
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", "S000006")
    cohort.run()
    want(published(cohort.path("dataset")) == whole, "erased while the reads are there")
    cohort.manifest()
    cohort.run()
    want(cohort.people() == [i for i in cohort.ids() if i not in ("S000006", "S000009")] + ["S000009"], f"{cohort.people()}")
    want("S000009" not in open(cohort.path("dataset/tombstones.tsv")).read(), "a tombstone names somebody")


def unsealed(cohort):
    """Evidence of a batch that is not sealed is made again without them."""
    expected = without(cohort)
    cohort.fresh()
    with open(cohort.path("reads", "S000003.cram"), "rb") as f:
        whole = f.read()
    os.unlink(cohort.path("reads", "S000003.cram")) # out of reach: the batch is done, and not sealed
    cohort.run("--set", "on_error.max_quarantined=1")
    with open(cohort.path("reads", "S000003.cram"), "wb") as f:
        f.write(whole)
    want(not os.path.exists(cohort.path("dataset/sealed/call/b0000.tsv")), "the batch was sealed")
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", *GONE)
    check(cohort, expected)


def killed(cohort):
    """Stopped at any moment: the same command goes on, a run says no until then, and the end is the same."""
    expected = without(cohort)
    full(cohort)
    shutil.copytree(cohort.path("dataset"), cohort.path("whole"), symlinks=True)
    command = ["withdraw", "--mode", "erase", "--yes", "workflow.yaml"]
    before = state(cohort.path("whole"))
    pending = 0

    def again(what):
        shutil.rmtree(cohort.path("dataset"))
        shutil.copytree(cohort.path("whole"), cohort.path("dataset"), symlinks=True)
        return what

    def go_on(what, number):
        nonlocal pending
        if os.path.exists(cohort.path("dataset/erasing.tsv")):
            pending += 1
            text = cohort.run(expect=64)
            want("an erasure was begun" in text, f"{what}: unclear: {text}")
            cohort.kuni("withdraw", "--yes", "workflow.yaml", "S000001", expect=64)
            want(os.stat(cohort.path("dataset/erasing.tsv")).st_mode & 0o777 == 0o600, "others may read who goes")
            cohort.kuni(*command) if number % 2 else cohort.kuni(*command, *GONE)
        elif not [p for p in search(cohort.path("dataset"), GONE) if "/generations/" not in p]:
            pass # done
        else:
            now = {n: d for n, d in state(cohort.path("dataset")).items() if ".tmp." not in n} # the next run clears these
            changed = [n for n in now.keys() | before.keys() if now.get(n) != before.get(n)]
            want(not changed, f"{what} {number}: no erasure is under way, and something has changed: {changed[:4]}")
            cohort.kuni(*command, *GONE)
        check(cohort, expected)

    points = 0
    for call in ("rename", "fsync", "write"):
        step = {"rename": 3, "fsync": 13, "write": 40}[call]
        for number in range(1, 400, step):
            again(call)
            run = subprocess.run([KUNI, *command, *GONE], cwd=cohort.folder, capture_output=True, text=True,
                                 env=dict(os.environ, KUNI_FAULT=f"{call}:{number}"))
            if run.returncode == 0:
                break
            want(run.returncode in (70, 74), f"{call} {number}: {run.returncode} {run.stderr}")
            points += 1
            go_on(f"{call} {number}", number)
        else:
            sys.exit(f"FAIL: {call} never succeeds")
    again("time")
    began = time.time()
    cohort.kuni(*command, *GONE)
    took = time.time() - began
    dice = random.Random(7)
    for number in range(5):
        again("kill")
        process = subprocess.Popen([KUNI, *command, *GONE], cwd=cohort.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(dice.random() * took)
        process.send_signal(signal.SIGKILL)
        process.wait()
        go_on("kill", number)
    want(pending >= 8, f"only {pending} of {points} faults came in the middle")
    shutil.rmtree(cohort.path("whole"))


def refused(cohort):
    """What cannot be done is refused before anything is changed: a damaged file, a step of another workflow."""
    full(cohort)
    ev = next(p for p in sorted(everything(cohort.path("dataset/data/call"))) if "/b0000." in p and p.endswith(".ev"))
    with open(ev, "rb") as f:
        whole = f.read()
    with open(ev, "wb") as f:
        f.write(whole[:-9] + b"\x00" + whole[-8:])
    before = state(cohort.path("dataset"))
    want(ev in cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", "S000002", expect=74), "a damaged file")
    want(state(cohort.path("dataset")) == before, "a refusal changed something")
    with open(ev, "wb") as f:
        f.write(whole)
    before = state(cohort.path("dataset"))
    with open(cohort.path("workflow.yaml")) as f:
        text = f.read()
    with open(cohort.path("other.yaml"), "w") as f:
        f.write(text.replace("id: call", "id: again").replace("call]", "again]").replace("[call", "[again"))
    text = cohort.kuni("withdraw", "--mode", "erase", "--yes", "other.yaml", "S000002", expect=64)
    want("this workflow lacks" in text and "sealed/call/b0000.tsv" in text, f"unclear: {text}")
    now = state(cohort.path("dataset"))
    want(now == before, f"a refusal changed {[n for n in now if now[n] != before.get(n)]}")


def workflow_of(cohort, name, stages):
    """The cohort's workflow with other stages, and a dataset of its own."""
    with open(cohort.path("workflow.yaml")) as f:
        head = f.read().split("stages:")[0]
    with open(cohort.path(name), "w") as f:
        f.write(re.sub(r"(?m)^dataset:.*$", f"dataset: {name}.d", head) + "batch: 5\nstages:\n" + stages)


def imported(cohort):
    """gVCFs: evidence and counts of the import are made again without them, and the report tells of nobody."""
    cohort.fresh()
    cohort.run()
    cohort.kuni("export", "-f", "gvcf", "-o", "gvcfs", "workflow.yaml")
    with open(os.path.join(cohort.source, "manifest.tsv")) as f:
        rows = [row.split("\t") for row in f.read().splitlines()]
    at, index = rows[0].index("reads"), rows[0].index("index") if "index" in rows[0] else None
    for row in rows[1:]:
        row[at] = f"gvcfs/{row[1]}.g.vcf.gz"
        if index is not None:
            row[index] = "."
    stages = "  - {id: import, uses: import-gvcf}\n  - {id: joint, uses: joint-genotype, needs: import}\n" \
             "  - {id: national, uses: merge, needs: [import, joint]}\n"

    def write(gone):
        with open(cohort.path("manifest.tsv"), "w") as f:
            f.writelines("\t".join(row) + "\n" for row in rows if row[1] not in gone)

    workflow_of(cohort, "fresh.yaml", stages)
    workflow_of(cohort, "import.yaml", stages)
    write(GONE)
    cohort.kuni("run", "--quiet", "fresh.yaml")
    write(())
    cohort.kuni("run", "--quiet", "import.yaml")
    want("import_gvcf.tsv" in str(published(cohort.path("import.yaml.d"))), "there is no report of the import")
    shutil.move(cohort.path("gvcfs"), cohort.path("archive"))
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "import.yaml", *GONE)
    cohort.kuni("run", "--quiet", "import.yaml")
    found = search(cohort.path("import.yaml.d"), GONE + PARTICIPANTS)
    want(not found, f"{len(found)} places still tell of them: {found[:4]}")
    told, expected = (dict(published(cohort.path(name))) for name in ("import.yaml.d", "fresh.yaml.d"))
    want(told == expected, f"other files are published: {[n for n in told if told[n] != expected.get(n)]}")
    cohort.kuni("verify", "--deep", "import.yaml")


def plugin(cohort):
    """A plugin that cannot leave people out: refused without the reads, and made anew where they are."""
    stages = f"  - {{id: call, uses: call-variants}}\n  - {{id: tally, plugin: {os.environ['KUNI_TALLY']}}}\n"
    cohort.fresh()
    workflow_of(cohort, "tally.yaml", stages)
    workflow_of(cohort, "fresh.yaml", stages)
    cohort.kuni("run", "--quiet", "tally.yaml")
    shutil.move(cohort.path("reads"), cohort.path("archive"))
    before = state(cohort.path("tally.yaml.d"))
    text = cohort.kuni("withdraw", "--mode", "erase", "--yes", "tally.yaml", "S000002", expect=64)
    want("stage tally cannot make its files again" in text and "b0000" in text, f"unclear: {text}")
    want(state(cohort.path("tally.yaml.d")) == before, "a refusal changed something")
    shutil.move(cohort.path("archive"), cohort.path("reads"))
    os.rename(cohort.path("reads/S000002.cram"), cohort.path("S000002.cram")) # those of the others are enough
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "tally.yaml", "S000002")
    cohort.kuni("run", "--quiet", "tally.yaml")
    cohort.manifest(without=("S000002",))
    cohort.kuni("run", "--quiet", "fresh.yaml")
    told, expected = (published(cohort.path(name)) for name in ("tally.yaml.d", "fresh.yaml.d"))
    want(told == expected, f"other files are published: {[n for n in told if told[n] != expected.get(n)]}")
    want(not search(cohort.path("tally.yaml.d"), ("S000002", "P000002")), "it is still told of")


def proven(cohort):
    """`kuni verify --erased` finds people wherever they stand, and nobody where only a longer id does."""
    full(cohort)
    write_ids(cohort, ("S000002", "P000002"))
    text = cohort.kuni("verify", "--erased", "ids.txt", "workflow.yaml", expect=74)
    for place in ("register.tsv: byte", ".ev: sample 2 of the header", "national.bcf: byte", "(decompressed)", "samtools_stats.tar.gz",
                  "S000002: no tombstone says that it was erased"):
        want(place in text, f"{place} is not named:\n{text}")
    write_ids(cohort, ("NOBODY", "S00000", "000002", "S000002-b"))
    cohort.kuni("verify", "--erased", "ids.txt", "workflow.yaml")
    cohort.kuni("withdraw", "--mode", "erase", "--yes", "workflow.yaml", "S000002")
    cohort.run()
    write_ids(cohort, ("S000002", "P000002"))
    cohort.kuni("verify", "--erased", "ids.txt", "workflow.yaml")
    places = {"data/.hidden": (1, b"x S000002 y"), "logs/S000002.err": (1, b""),
              "notes.gz": (9, gzip.compress(b"a\tS000002\n" * 9)),
              "data/call/long": (1, b"." * (1 << 20) + b",S000002." + b"." * 9),
              "tmp/edge": (1, b"-" * ((1 << 20) - 4) + b" S000002 " + b"-" * 4096),
              "tmp/end": (1, b"#" * 4096 + b"S000002"),
              "tmp/far.gz": (1, gzip.compress(b"-" * 3000000 + b" S000002")),
              "tmp/two.gz": (1, gzip.compress(b"-" * 99) + gzip.compress(b"S000002"))}
    for name, (n, data) in places.items():
        path = cohort.path("dataset", name)
        with open(path, "wb") as f:
            f.write(data)
        text = cohort.kuni("verify", "--erased", "ids.txt", "workflow.yaml", expect=74)
        want(path in text and f": {n} places still tell" in text, f"{name} is not named alone: {text}")
        os.unlink(path)
    os.symlink("/reads/S000002.cram", cohort.path("dataset/data/link"))
    want("where it leads" in cohort.kuni("verify", "--erased", "ids.txt", "workflow.yaml", expect=74), "a link")
    os.unlink(cohort.path("dataset/data/link"))
    for text, status in ((b"S000002b xS000002 S0000023", 0), (b"S000002.cram", 74), (b"=S000002=", 74)):
        with open(cohort.path("dataset/note"), "wb") as f:
            f.write(text)
        cohort.kuni("verify", "--erased", "ids.txt", "workflow.yaml", expect=status)
    os.unlink(cohort.path("dataset/note"))


def refused_by_name(cohort):
    """Who has withdrawn is not written out by name, and left out of a dump of the whole."""
    cohort.fresh()
    cohort.run()
    evs = sorted(p for p in everything(cohort.path("dataset/data/call")) if "/b0000." in p and p.endswith(".ev"))
    before = dump(evs[0])
    want("\tS000002\t" in before and "census\t" in before, "the dump has not what is expected")
    cohort.kuni("withdraw", "--yes", "workflow.yaml", "P000002")
    reference = os.path.join(cohort.folder, next(n for n in os.listdir(cohort.folder) if n.endswith(".fa")))
    for command in (["gvcf", "-r", reference, "-s", "S000002", "-o", "x.g.vcf.gz", *evs],
                    ["evidence", "dump", "-s", "S000002", evs[0]],
                    ["export", "--samples", "S000001,S000002", "-o", "x.bcf", "workflow.yaml"]):
        text = cohort.kuni(*command, expect=64)
        want("S000002 has withdrawn" in text, f"unclear: {text}")
    for name in ("x.g.vcf.gz", "x.bcf"):
        want(not os.path.exists(cohort.path(name)), f"{name} was written")
    run = subprocess.run([KUNI, "evidence", "dump", evs[0]], capture_output=True, text=True, check=True)
    want("1 samples have withdrawn" in run.stderr, f"not told: {run.stderr}")
    kept = [line for line in before.splitlines() if "\tS000002\t" not in line and not line.startswith("census")]
    want(run.stdout.splitlines() == kept, "the dump of the others has changed")
    cohort.kuni("gvcf", "-r", reference, "-s", "S000001", "-o", "x.g.vcf.gz", *evs)
    shutil.copy(evs[0], cohort.path("elsewhere.ev")) # in no dataset: nothing is known
    want(dump(cohort.path("elsewhere.ev")) == before, "a file in no dataset")
    cohort.kuni("reinstate", "--yes", "workflow.yaml", "P000002")
    want(dump(evs[0]) == before, "the dump after somebody came back")


def with_sample_stage(workflow):
    """What a command makes once a sample is erased with the sample, and published without it."""
    with open(workflow) as f:
        text = f.read()
    with open(workflow, "w") as f:
        f.write(text.replace("stages:\n", "stages:\n  - {id: names, run: 'echo id > {output}; echo {sample} >> {output}', "
                             "scatter: sample, samples_per_task: 2, gives: names, extension: tsv, gather: tsv, publish: names.tsv}\n"))


def main():
    with tempfile.TemporaryDirectory(prefix="kuni-erase-") as folder:
        cohort = Cohort(folder)
        with_sample_stage(os.path.join(cohort.source, "workflow.yaml"))
        chosen = sys.argv[1:]
        for test in (erased, unlinked_before, grown, unsealed, refused, proven, refused_by_name, imported, plugin, killed):
            if chosen and test.__name__ not in chosen:
                continue
            began = time.time()
            test(cohort)
            print(f"{test.__name__}: fine ({time.time() - began:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
