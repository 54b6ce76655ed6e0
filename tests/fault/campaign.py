#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A campaign of faults: kills, stops, crashes, full disks, damaged files, cut links, second runs, ranks that stand still in other commands than
run, by kind and phase, drawn at random.

usage: campaign.py [N [SEED [KIND...]]]   environment: KUNI (with faults on purpose), MPIEXEC, KEEP (a folder that stays)

A case is one fault in a run on a small cohort, or between two runs. Wanted of each: the run ends within a limit that follows from
KUNI_RANK_SILENCE_S and from what a run takes on this machine; its status is a documented one, and `kuni status` tells the same; status.json is
whole JSON whenever it is read; no process and no temporary file is left; and the same command then gives the bytes of an undisturbed run, of
the same people, where its error says so after `kuni repair`. Every kind comes before any comes twice. At the end a table by kind and phase.
"""
import collections
import os
import random
import shutil
import sys
import tempfile
import time

import commands
import damage
import ranks
import strikes
from trial import Fault, Trial


def cases(trial):
    """{kind: [(phase, function)]}: all that can be drawn."""
    found = collections.defaultdict(list)
    for kind, phase, strike in strikes.all_of(trial) + damage.all_of(trial) + commands.all_of(trial):
        found[kind].append((phase, strike))
    return dict(found)


def drawn(trial, n, rng, kinds):
    """N cases: of each kind in turn one that was not taken yet."""
    left = {kind: rng.sample(list_, len(list_)) for kind, list_ in cases(trial).items() if not kinds or any(kind.startswith(k) for k in kinds)}
    taken, often = [], 3  # where there are many phases
    while len(taken) < n:
        order = [kind for kind in sorted(left) for _ in range(often if kind.split()[-1] in strikes.RANKED else 1)]
        rng.shuffle(order)
        for kind in order[: n - len(taken)]:
            if not left[kind]:
                left[kind] = rng.sample(cases(trial)[kind], len(cases(trial)[kind]))
            taken.append((kind, *left[kind].pop()))
    return taken


def table(counts, slowest):
    """Rows of kinds, columns of phases; those between runs, and of other commands, apart."""
    tables = []
    for group in (0, 1, 2):
        part = {c: n for c, n in counts.items() if c[0].startswith("damage") + 2 * (c[0].startswith("STOP ") and ", " in c[1]) == group}
        phases = list(dict.fromkeys(phase for _, phase in sorted(part, key=lambda c: strikes.order_of(c[1]))))
        lines = ["| kind | " + " | ".join(phases) + " | all | slowest |", "|---" * (len(phases) + 3) + "|"]
        for kind in sorted({kind for kind, _ in part}):
            row = [part.get((kind, phase), 0) for phase in phases]
            lines.append(f"| {kind} | " + " | ".join(str(n or "") for n in row) + f" | {sum(row)} | {slowest[kind]:.1f} s |")
        tables += ["\n".join(lines)] if part else []
    return "\n\n".join(tables)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rng = random.Random(seed)
    folder = os.environ.get("KEEP") or tempfile.mkdtemp(prefix="kuni-campaign-")
    os.makedirs(folder, exist_ok=True)
    trial = Trial(folder, rng)
    counts, slowest, failed, left_out = collections.Counter(), collections.defaultdict(float), 0, collections.Counter()
    for number, (kind, phase, strike) in enumerate(drawn(trial, n, rng, sys.argv[3:])):
        trial.begin(f"d{number}", f"{kind}, {phase}")
        began = time.monotonic()
        try:
            told = strike(trial)
            if told and told.startswith("left out"):
                left_out[f"{kind}: {told}"] += 1
            else:
                counts[kind, phase] += 1
                slowest[kind] = max(slowest[kind], trial.ended_s)
            print(f"{number} {kind}, {phase}: ended in {trial.ended_s:.1f} s, whole in {time.monotonic() - began:.1f} s{'; ' + told if told else ''}", flush=True)
        except Fault as fault:
            failed += 1
            print(f"{number} FAIL: {kind}, {phase} (seed {seed}): {fault}", flush=True)
            trial.keep()
        finally:
            trial.end()
    print(table(counts, slowest))
    for what, times in left_out.items():
        print(f"{what} ({times})")
    print(f"{n} cases, seed {seed}: {sum(counts.values())} ended and went on as they should, {failed} did not; a run takes {trial.pace.s:.1f} s")
    if not failed and "KEEP" not in os.environ:
        shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    ranks.need_faults()
    main()
