# SPDX-License-Identifier: MIT
"""The campaign's faults between two runs: lines and files of a dataset that are torn, flipped, doubled, emptied or gone, after a run that was killed or is done."""
import glob
import os
import shutil
import subprocess

import ranks
from trial import LIMIT_S, RANKS, STATUSES, demand

# What a backup holds (docs/operations.md): where a run refuses because of it, the copy is put back.
KEPT = ("register.tsv", "sealed", "settings.json", "kuni-dataset.json", "history.jsonl", "data/call", "data/qc.fold")
TARGETS = {"journal": "journal", "seal": "sealed/*/*", "settings": "settings.json", "register": "register.tsv", "stub": "data/*/*/*.stub",
           "evidence": "data/call/*/*.ev", "QC partials": "data/qc.[rf]*/*/*.qcp*", "calls": "data/joint/*/*.bcf", "published BCF": "current/national.bcf",
           "published table": "current/qc/*.tsv", "merge": "data/national.*/*/*", "history": "history.jsonl", "status": "status.json",
           "mark": "kuni-dataset.json", "reference.tsv": "reference.tsv", "dataset.json": "current/dataset.json", "lock": "lock", "trend": "trend.tsv"}
WAYS = ("torn", "flipped", "doubled", "emptied", "gone")


def harm(path, way, rng):
    if way == "gone":
        os.remove(path)
        return
    with open(path, "rb") as f:
        bytes_ = bytearray(f.read())
    if way == "torn":
        del bytes_[rng.randrange(len(bytes_) or 1):]
    elif way == "flipped" and bytes_:
        bytes_[rng.randrange(len(bytes_))] ^= 1 << rng.randrange(8)
    elif way == "doubled":
        lines = bytes_.splitlines(keepends=True)
        at = rng.randrange(len(lines) or 1)
        bytes_ = bytearray(b"".join(lines[: at + 1] + lines[at:]))
    elif way == "emptied":
        bytes_.clear()
    with open(path, "r+b") as f:  # in place, as a disk does it: other names of the file have it too
        f.write(bytes_)
        f.truncate()


def put_back(trial):
    """From the backup, as operations.md tells what belongs to one."""
    for name in KEPT:
        to, of = os.path.join(trial.dataset, name), os.path.join(trial.calm, name)
        if os.path.isdir(to):
            shutil.rmtree(to)
        subprocess.run(["cp", "-a", of, to], check=True)


def repair(trial, *options):
    done = subprocess.run([ranks.KUNI, "repair", "--yes", *options, trial.workflow], capture_output=True, text=True, errors="replace", timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def go_on(trial):
    """The same command; where it refuses, what it names; then the bytes of an undisturbed run. How."""
    launched, text = trial.whole()
    trial.agree(launched, text, STATUSES) if launched else None
    if launched == 0:
        trial.check_whole(text)
        return "by itself"
    demand("kuni: " in text and len(text) > 20, f"{launched} without a word: {text}")
    for how, mend in (("repair", lambda: repair(trial)), ("repair --deep", lambda: repair(trial, "--deep")), ("repair --from", lambda: repair(trial, "--deep", "--from", trial.calm))):
        if how == "repair" and "kuni repair" not in text and "kuni verify" not in text:
            break
        code, said = mend()
        again, text_again = trial.whole() if code == 0 else (code, said)
        if again == 0:
            trial.check_whole(text_again)
            return how
    if "remove the link 'current'" in text:
        os.unlink(os.path.join(trial.dataset, "current"))
        again, text = trial.whole()
        demand(again == 0, f"without current: {again}: {text}")
        trial.check_whole(text)
        return "current made anew"
    if "--drop-published" in text:
        again, text = trial.whole(options=("--quiet", "--drop-published"))
        demand(again == 0, f"without what is missing: {again}: {text}")
        trial.check_whole(text)
        return "without what is missing"
    # No word of repair, or it could not: the message names what to bring back.
    demand("backup" in text or "copy" in text or any(os.path.basename(n) in text for n in KEPT), f"{launched}, and no word of what to do: {text}")
    put_back(trial)
    again, text = trial.whole()
    demand(again == 0, f"with the backup in place: {again}: {text}")
    trial.check_whole(text)
    return "backup"


def between(pattern, way, killed):
    def strike(trial):
        if killed:
            place = trial.rng.choice(["joint", "assembly", "publish", "published", "farewell"])
            trial.start(RANKS, {"KUNI_STOP": f"{place}:0:9"}).end(LIMIT_S)
        else:
            trial.copy_calm()
        ended_s = trial.ended_s
        found = sorted(p for p in glob.glob(os.path.join(trial.dataset, pattern)) if os.path.isfile(p) and (os.path.getsize(p) or way == "gone"))
        if not found:
            trial.go_on()
            return "nothing there yet"
        path = trial.rng.choice(found)
        harm(path, way, trial.rng)
        trial.what = f"{os.path.relpath(path, trial.dataset)} {way}"
        try:
            how = go_on(trial)
        except Exception as fault:
            raise type(fault)(f"{trial.what}: {fault}") from fault
        trial.ended_s = ended_s or trial.ended_s
        return f"{trial.what}: {how}"
    return strike


def all_of(_trial):
    return [(f"damage: {name}", way + (", killed" if killed else ", done"), between(pattern, way, killed))
            for name, pattern in TARGETS.items() for way in WAYS for killed in (False, True)]
