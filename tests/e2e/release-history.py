#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a dataset keeps of what its releases told: a chapter a release. The same request is the same release, however it is made; one that is killed
leaves no chapter and no trace in the next; a chapter that is lost or altered stops all; who is not counted is told.

environment: KUNI, MPIEXEC
"""
import fcntl
import glob
import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

from made_people import KUNI, kuni, other, request, want, write_gvcf

MPIEXEC = os.environ.get("MPIEXEC", "mpirun")
LENGTH, K, N = 400, 3, 24
BASES = "".join("ACGTTGCAAC"[(i * 7 + i // 10 * 3) % 10] for i in range(LENGTH))
FEATURES = "regions: {features: genes.bed}\n"


def write_people(names):
    with open("people.tsv", "w") as out:
        out.write("participant_id\tsample_id\tsex\treads\tgroup\tconsent\ticf_version\tconsent_date\n")
        for name in names:
            out.write(f"{name}\t{name}\t{'female' if int(name[1:]) % 2 else 'male'}\t{name}.g.vcf\tg0\tGRU\tv1\t2024-01-01\n")
    kuni("run", "--quiet", "w.yaml")


def make_dataset():
    draw = random.Random(3)
    names = [f"P{i:02}" for i in range(N + 2)]
    with open("ref.fa", "w") as out:
        out.write(f">c1\n{BASES}\n")
    with open("genes.bed", "w") as out:
        out.write("c1\t0\t150\tG1\nc1\t150\t390\tG2\n")
    with open("w.yaml", "w") as out:
        out.write("version: 1\nreference: ref.fa\ncohort: people.tsv\ndataset: ds\nregions: {ploidy: diploid}\nstages:\n  - {id: import, uses: import-gvcf}\n"
                  "  - {id: joint, uses: joint-genotype, needs: import}\n  - {id: national, uses: merge, needs: [import, joint]}\n")
    changes = {name: [] for name in names}
    for pos in range(5, LENGTH - 10, 6):
        for name in draw.sample(names, draw.randint(1, N // 2)):
            changes[name].append((pos, BASES[pos - 1], other(BASES[pos - 1]), draw.choice((1, 2))))
    for name in names:
        write_gvcf(name, "c1", BASES, changes[name])
    write_people(names[:N])
    kuni("release", "--new-key", "key")
    return names


def history(what="released"):
    with open("ds/history.jsonl") as lines:
        return [entry for entry in map(json.loads, lines) if entry["what"] == what]


def digest(path):
    with open(path, "rb") as f:
        return hashlib.blake2b(f.read(), digest_size=32).hexdigest()


def chapters():
    """{id: digest}: those that there are; each is told by the history."""
    found = {os.path.basename(os.path.dirname(path)): digest(path) for path in glob.glob("ds/releases/*/told")}
    want(all(os.stat(path).st_mode & 0o777 == 0o600 for path in glob.glob("ds/releases/*/told")), "others can read a chapter")
    return found


def told():
    return {entry["id"]: entry["told"] for entry in history()}


def bytes_of(folder):
    return {name: digest(os.path.join(folder, name)) for name in os.listdir(folder)}


def ask(out, recipient="uni", form="tables", more=FEATURES):
    request(out, recipient, form, K, f"name: {out}\n{more}")


def same_again():
    """By two processes, by two ranks, after another release: the same bytes, the same chapter, the same place in the chain."""
    ask("one")
    ask("places", "uni", "sites", "tables: yes\n" + FEATURES)
    before = {}
    for out in ("one", "places"):
        kuni("release", "-o", out, f"{out}.yaml")
        before[out] = bytes_of(out)
    kept = chapters()
    want(len(kept) == 2 and kept == told(), f"{kept} {told()}")
    launchers = [((), ()), (("-j", "3"), ())]
    if shutil.which(MPIEXEC):
        launchers.append((("-j", "2"), ("env", "ASAN_OPTIONS=detect_leaks=0", MPIEXEC, "--allow-run-as-root", "--oversubscribe", "-n", "2")))
    else:
        print("left out: ranks: no mpirun on PATH")
    for words, launcher in launchers:
        for out in before:
            shutil.rmtree(out)
            kuni("release", *words, "-o", out, f"{out}.yaml", launcher=launcher)
            want(bytes_of(out) == before[out], f"{out}: other bytes by {words} {launcher}")
            want(chapters() == kept, f"{out}: another chapter by {words} {launcher}")
    want(len(history()) == 2 * (1 + len(launchers)) and len(told()) == 2, "the history")
    # a lost chapter of the last release comes back with it, for it is weighed against those before
    os.unlink(f"ds/releases/{history()[-1]['id']}/told")
    shutil.rmtree("places")
    kuni("release", "-o", "places", "places.yaml")
    want(chapters() == kept and bytes_of("places") == before["places"], "the last one again")
    print("the same request: the same bytes and chapters")


def same_bytes(names):
    """A list in another order is asked for anew, and weighed against what it told itself: the chapter of the first stays, for it is the one that all later ones follow."""
    write_list(names)
    ask("listed", "clinic", "sites", "tables: no\npeople: {list: list.txt}\n")
    kuni("release", "-o", "listed", "listed.yaml")
    kept = chapters()
    write_list(reversed(names))
    kuni("release", "-o", "again", "listed.yaml")
    want(bytes_of("again") == bytes_of("listed"), "the order of a list is told")
    want(chapters() == kept == told(), "another chapter took the place of the first")
    for out in ("again", "listed"): # each as it was asked for; then all chapters are read
        shutil.rmtree(out)
    kuni("release", "-o", "again", "listed.yaml")
    kuni("release", "--dry-run", "one.yaml")
    want(chapters() == kept == told(), "again: another chapter")
    print("the same bytes asked for in another way: one chapter")


def write_list(names):
    with open("list.txt", "w") as out:
        out.write("".join(f"{name}\n" for name in names))


def not_counted(names):
    """A man has left, a woman and a man have come: each of the latter is alone of their kind, and two men stay out."""
    kuni("withdraw", "--yes", "w.yaml", names[4])
    write_people([name for name in names if name != names[4]])
    ask("two")
    dry = kuni("release", "--dry-run", "two.yaml")
    want("not_counted" in dry, dry)
    dry = json.loads(kuni("release", "--dry-run", "--json", "two.yaml"))
    want(dry["eligible"] == N - 3 and {row["name"]: row["count"] for row in dry["left_out"]["reasons"]}["not_counted"] in (4, None), f"{dry}")
    want(not glob.glob("two") and len(told()) == 3, "a dry run has done something")
    kuni("release", "-o", "two", "two.yaml")
    with open("two/RELEASE_NOTES.md") as notes:
        want("4 of those who are eligible are not counted" in notes.read(), "the notes do not say who is not counted")
    with open("two/failures.tsv") as lines:
        want("\tnot_counted\t" in lines.read(), "failures.tsv does not say who is not counted")
    with gzip.open("two/freq.tsv.gz", "rt") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    want({row[9] for row in rows if row[6] == row[7] == "all"} == {str(2 * (N - 3))}, f"AN: {rows[:2]}")
    with open("two/gene_counts.tsv") as lines:
        rows = [line.split("\t") for line in lines if "snv_small_indel\tall\tall\tall" in line]
    want({row[9] for row in rows} == {str(N - 3)}, f"people of genes: {rows}")
    # to somebody else nothing was told yet
    ask("fresh", "ward")
    dry = json.loads(kuni("release", "--dry-run", "--json", "fresh.yaml"))
    want(dry["eligible"] == N + 1 and "not_counted" not in {row["name"] for row in dry["left_out"]["reasons"]}, f"{dry}")
    # all can have what is public: it is weighed against what each has, and theirs against it
    ask("open", "world, public: yes")
    kuni("release", "-o", "open", "open.yaml")
    with open("open/release.json") as f:
        described = json.load(f)
    want(described["public"] and described["people"] == N - 3, f"{described}")
    dry = json.loads(kuni("release", "--dry-run", "--json", "fresh.yaml"))
    want(dry["eligible"] < N + 1, f"weighed against nothing that is public: {dry}")
    print("who is not counted is told")


def spoilt():
    """Nothing is told where it is not known what was."""
    ask("next", "ward")
    for id in told():
        path = f"ds/releases/{id}/told"
        shutil.move(path, "kept")
        for words in (("--dry-run",), ("-o", "next")):
            text = kuni("release", *words, "next.yaml", expect=74)
            want(f"{id}/told is lost" in text and "from a backup" in text, text)
        shutil.copy("kept", path)
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 1]))
        text = kuni("release", "-o", "next", "next.yaml", expect=74)
        want(f"{id}/told is not what the history tells of" in text and "from a backup" in text, text)
        shutil.move("kept", path)
    for spoil, said in ((("secret", "0" * 64 + "\n"), "secret is not the one"), (("head", "999 0"), "history.jsonl does not tell of the 999 releases")):
        with open(f"ds/releases/{spoil[0]}", "r+") as f:
            before = f.read()
            f.seek(0)
            f.truncate()
            f.write(spoil[1])
        text = kuni("release", "-o", "next", "next.yaml", expect=74)
        want(said in text and "from a backup" in text, text)
        with open(f"ds/releases/{spoil[0]}", "w") as f:
            f.write(before)
    # the history without its last release, or with another recipient of it
    shutil.copy("ds/history.jsonl", "kept")
    with open("kept") as f:
        lines = f.readlines()
    want('"released"' in lines[-1] and '"recipient":"world"' in lines[-1], lines[-1])
    for last in ("", lines[-1].rstrip("\n"), lines[-1].replace('"recipient":"world"', '"recipient":"earth"'), lines[-1].replace('"public":true', '"public":false')):
        with open("ds/history.jsonl", "w") as f:
            f.write("".join(lines[:-1]) + last)
        text = kuni("release", "-o", "next", "next.yaml", expect=74)
        want("from a backup" in text, text)
    shutil.copy("kept", "ds/history.jsonl")
    shutil.move("ds/releases", "kept-too")
    want("ds/releases is lost" in kuni("release", "--dry-run", "next.yaml", expect=74), "releases are lost")
    shutil.move("kept-too", "ds/releases")
    want(chapters() == told() and not os.path.exists("next"), "something is left")
    print("lost and altered chapters: told")


def one_at_a_time():
    ask("next", "ward")
    with open("ds/releases/lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        text = kuni("release", "-o", "next", "next.yaml", expect=75)
        want("another release of this dataset is being made" in text and not glob.glob("next*part"), text)
    print("one release at a time")


def killed():
    """At every file that is put in place, and at some moments between: what comes after is what would have come without."""
    ask("last", "uni")
    shutil.copytree(".", "../twin", symlinks=True)
    here = os.getcwd()
    os.chdir("../twin")
    kuni("release", "-o", "last", "last.yaml")
    expected = bytes_of("last")
    os.chdir(here)
    before, times = told(), 0
    begin = time.monotonic()

    def look():
        shutil.rmtree("last.part", ignore_errors=True)
        want(all(chapters().get(id) == digest for id, digest in told().items()), "the history tells of a chapter that is not there")
        if os.path.exists("last"):
            want(bytes_of("last") == expected and len(told()) == len(before) + 1, "a release that is not noted, or another one")
            shutil.rmtree("last")

    for point in ("rename", "write"):
        for n in range(1, 100):
            done = subprocess.run([KUNI, "release", "-o", "last", "last.yaml"], env={**os.environ, "KUNI_FAULT": f"{point}:{n}"}, capture_output=True, check=False)
            times += done.returncode != 0
            look()
            if done.returncode == 0:
                break
            want(done.returncode == 74, f"{point} {n}: {done}")
    took = time.monotonic() - begin
    draw = random.Random(1)
    for _ in range(12):
        child = subprocess.Popen([KUNI, "release", "-o", "last", "last.yaml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.random() * took / times)
        child.send_signal(signal.SIGKILL)
        child.wait()
        look()
    kuni("release", "-o", "last", "last.yaml")
    want(bytes_of("last") == expected and set(told()) - set(before) == {history()[-1]["id"]}, "after all of that: another release")
    want(chapters() == told() and not glob.glob("ds/releases/told*"), f"{os.listdir('ds/releases')}")
    want(not [path for path in glob.glob("ds/releases/*/*") if ".tmp." in path and "told" in path], "half a chapter")
    print(f"stopped {times} times by faults and 12 times by a signal: the same release")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "here"))
        os.chdir(os.path.join(folder, "here"))
        names = make_dataset()
        same_again()
        same_bytes(names[:N])
        not_counted(names)
        spoilt()
        one_at_a_time()
        killed()
        os.chdir("/")
    print("all right")


main()
