# SPDX-License-Identifier: MIT
"""The campaign's faults while a run goes: signals to each of its processes at each phase, tasks and commands that end badly, disks, a second run, links."""
import os
import shutil
import signal
import subprocess
import time

import ranks
from trial import ATTEMPTS, LIMIT_S, RANKS, STATUSES, TIME_LIMIT_S, demand

LEADER = ["start", "joined", "lead-in", "preflight", "reads", "seal", "judge", "joint", "assembly", "publish", "published", "farewell", "finalize"]
WORKER = ["start", "joined", "lead-in", "work", "assembly", "farewell", "finalize"]
SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "USR1": signal.SIGUSR1, "SEGV": signal.SIGSEGV, "STOP": signal.SIGSTOP}
EARLY_S = 0.4  # mpirun, MPI_Init
MOMENT_S = 60  # until a place is reached
RANKED = ("0", "worker", "mpirun", "all")  # of "SIGNAL rank 0" and its like: those with many phases
HERE = os.path.dirname(os.path.abspath(__file__))


def order_of(phase):
    order = ["early", *LEADER[:5], "open", "sample", "run", "work", *LEADER[5:], "finish", "any time"]
    return (order.index(phase), phase) if phase in order else (len(order), phase)


def await_(condition, seconds, run):
    """What `condition` gives once that is true of anything; None where the run has ended before."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found or run.process.poll() is not None:
            return found
        time.sleep(0.01)
    return None


def struck(trial, run, stands=False):
    """The end of a run that was struck by a signal, and the same command again."""
    launched = run.end(LIMIT_S, launcher_stands=stands)
    text = run.text()
    code = trial.agree(launched, text)
    trial.go_on()
    return f"status {'none' if code is None else code}"


# --- ranks and the launcher ---

def rank_at(place, rank, number):
    """A rank gives itself a signal at a place."""
    def strike(trial):
        run = trial.start(environment={"KUNI_STOP": f"{place}:{rank}" + ("" if number == signal.SIGSTOP else f":{number}")})
        return struck(trial, run)
    return strike


def at_pause(trial, place, act, **options):
    """Rank 0 waits at a place while `act` is done to the run, which goes on then."""
    mark = trial.dataset + ".pause"
    if os.path.exists(mark):
        os.remove(mark)
    run = trial.start(environment={"KUNI_STOP": f"{place}:0:pause#{mark}"}, **options)
    reached = await_(lambda: os.path.exists(mark), MOMENT_S, run)
    try:
        demand(reached, f"never at {place}: {run.process.poll()}: {run.text()}")
        act(run)
    finally:
        if os.path.exists(mark):
            os.remove(mark)
        if not reached:
            run.end(0, launcher_stands=True)
    return run


def launcher_at(place, number):
    def strike(trial):
        run = at_pause(trial, place, lambda r: r.process.send_signal(number))
        return struck(trial, run, stands=number == signal.SIGSTOP)
    return strike


def all_at(place):
    """Everything at once, as when the machine loses power."""
    def strike(trial):
        def act(run):
            for pid in [*run.tree(), *run.left()]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

        return struck(trial, at_pause(trial, place, act))
    return strike


def any_time(who, number, early):
    def strike(trial):
        run = trial.start()
        delay = trial.rng.uniform(0, EARLY_S if early else 1.2 * trial.pace.s)
        time.sleep(delay)
        if who == "launcher":
            pid, ranks_there = run.process.pid, bool(ranks.ranks_of(run.process.pid))
        else:
            pid, ranks_there = await_(lambda: run.rank(0 if who == "leader" else trial.rng.randrange(1, RANKS)), 5, run), True
        try:
            if pid:
                os.kill(pid, number)
        except ProcessLookupError:
            pass
        if not ranks_there and number == signal.SIGSTOP:  # nobody has started who could notice: kuni run --relaunch does
            time.sleep(0.5)
            if not run.left():
                run.process.kill()
        return struck(trial, run, stands=who == "launcher" and number == signal.SIGSTOP) + f", at {delay:.2f} s"
    return strike


# --- tasks, commands ---

def task_at(how, place, once):
    """A task ends badly at a place; each time, or once."""
    def strike(trial):
        sample = "S00000" + str(trial.rng.randrange(1, 5))
        crash = f"{how}@{sample if place == 'sample' else place}" + (f"#{trial.dataset}.once" if once else "")
        trial.ended_s = 0
        n_ranks = trial.rng.choice([1, RANKS])
        run = trial.start(n_ranks, {"KUNI_CRASH": crash})
        # Tasks that do not end: each try takes the time limit, in each of the phases that come so far; one after another on one rank.
        waits = TIME_LIMIT_S * (1 if once else 6 * ATTEMPTS * (2 if n_ranks == 1 else 1)) if how in ("hang", "stop") else 0
        launched = run.end(LIMIT_S + waits)
        if os.path.exists(trial.dataset + ".once"):
            os.remove(trial.dataset + ".once")
        text = run.text()
        demand(once is False or launched == 0, f"one bad end of a task ends the run with {launched}: {text}")
        if not once and launched == 0:  # without the sample
            code, word = trial.status()
            demand(code == 0 and ("left out" in text or "quarantined" in text), f"{code}: {word}{text}")
        else:
            trial.agree(launched, text, STATUSES)
        trial.go_on()
        return f"launcher {launched}"
    return strike


def command_hit(number, whole_group):
    def strike(trial):
        run = trial.start(trial.rng.choice([1, RANKS]))
        hit = await_(lambda: [p for p in ranks.working_on(trial.dataset) if ranks.command_of(p).startswith(("sh\0", "/bin/sh\0", "bash\0", "/bin/bash\0"))], MOMENT_S, run)
        demand(hit, f"no command was seen: {run.process.poll()}: {run.text()}")
        pid = trial.rng.choice(hit)
        try:
            (os.killpg if whole_group else os.kill)(os.getpgid(pid) if whole_group else pid, number)
        except ProcessLookupError:
            pass
        launched = run.end(LIMIT_S + (2 * TIME_LIMIT_S if number == signal.SIGSTOP else 0))
        trial.agree(launched, run.text(), STATUSES)
        demand(launched == 0, f"one bad end of a command ends the run with {launched}: {run.text()}")
        trial.go_on()
        return f"launcher {launched}"
    return strike


def tasks_of(rank, number):
    """A running task of a rank gets a signal."""
    def strike(trial):
        run = trial.start()
        await_(lambda: run.rank(rank), 10, run)
        time.sleep(trial.rng.uniform(0, trial.pace.s))
        hit = await_(lambda: run.tasks(rank), 10, run)
        try:
            if hit:
                os.kill(hit[0], number)
        except ProcessLookupError:
            pass
        launched = run.end(LIMIT_S + (2 * TIME_LIMIT_S if number == signal.SIGSTOP else 0))
        trial.agree(launched, run.text(), STATUSES)
        demand(launched == 0, f"one task that was hit ends the run with {launched}: {run.text()}")
        trial.go_on()
        return f"launcher {launched}, {'hit' if hit else 'not hit'}"
    return strike


# --- files and disks ---

def io_error(point):
    """One write (flush, rename) of each process fails with ENOSPC."""
    def strike(trial):
        nth = trial.rng.choice([1, 2, 3, 5, 8, 13, 21, 34, 55])
        run = trial.start(trial.rng.choice([1, RANKS]), {"KUNI_FAULT": f"{point}:{nth}"})
        launched = run.end(LIMIT_S)
        code = trial.agree(launched, run.text(), STATUSES)
        demand(code in (0, 74, None), f"status {code} after ENOSPC: {run.text()}")
        trial.go_on()
        return f"{point} {nth}: status {code}"
    return strike


def disk_full(trial):
    size = trial.rng.choice([16, 40, 80, 120, 200, 300, 500, 800, 1200, 1800, 2600])
    os.makedirs(trial.dataset)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", trial.dataset], capture_output=True, check=False).returncode:
        return "left out: no right to mount a tmpfs"
    try:
        run = trial.start(trial.rng.choice([1, RANKS]))
        launched = run.end(LIMIT_S)
        code = trial.agree(launched, run.text(), STATUSES)
        demand(code in (0, 74, None), f"status {code} on a full disk: {run.text()}")
        subprocess.run(["mount", "-o", "remount,size=64m", trial.dataset], check=True)
        trial.go_on()
        return f"{size} KiB: status {code}"
    finally:
        subprocess.run(["umount", "-l", trial.dataset], check=False)
        shutil.rmtree(trial.dataset, ignore_errors=True)


# --- others ---

def second_run(place, wait_s):
    """Another run on the dataset while the first is at a place."""
    def strike(trial):
        second = {}

        def act(run):
            command = [ranks.KUNI, "run", "--quiet", "--wait", str(wait_s), trial.workflow]
            second["run"] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if wait_s == 0:
                second["said"] = second["run"].communicate(timeout=trial.slack_s)[0]

        run = at_pause(trial, place, act)
        launched = run.process.wait(timeout=LIMIT_S + trial.slack_s)
        if "said" not in second:
            second["said"] = second["run"].communicate(timeout=LIMIT_S + trial.slack_s)[0]
        run.end(LIMIT_S)
        text, code = run.text() + second["said"], second["run"].returncode
        demand(launched == 0, f"the first run ends with {launched}: {text}")
        demand(code == (75 if wait_s == 0 else 0), f"the second run ends with {code}: {text}")
        demand(wait_s or "another run is writing" in second["said"], f"the second run does not tell who has the dataset: {text}")
        trial.go_on()
        return f"second {code}"
    return strike


def hosts(hurt, moment):
    """Two hosts in two network namespaces: see two_hosts.sh."""
    def strike(trial):
        began = time.monotonic()
        done = subprocess.run([os.path.join(HERE, "two_hosts.sh"), f"{hurt}:{moment}"], capture_output=True, text=True, errors="replace",
                              env={**{k: v for k, v in os.environ.items() if k != "KEEP"}, "KUNI": ranks.KUNI}, timeout=400, check=False)
        trial.ended_s = time.monotonic() - began
        if done.returncode == 77:
            return "left out: " + done.stdout.strip().split("\n")[-1]
        demand(done.returncode == 0, done.stdout + done.stderr)
        return None
    return strike


def all_of(_trial):
    found = []
    for name, number in SIGNALS.items():
        found += [(f"{name} rank 0", place, rank_at(place, 0, number)) for place in LEADER]
        found += [(f"{name} worker", place, rank_at(place, 1 + i % (RANKS - 1), number)) for i, place in enumerate(WORKER)]
        found += [(f"{name} mpirun", place, launcher_at(place, number)) for place in LEADER]
        for who, kind in (("leader", "rank 0"), ("worker", "worker"), ("launcher", "mpirun")):
            found += [(f"{name} {kind}", "early" if early else "any time", any_time(who, number, early)) for early in (True, False)]
        found += [(f"{name} task", "any time", tasks_of(1 + i, number)) for i in range(RANKS - 1)]
        found += [(f"{name} command", "joint", command_hit(number, group)) for group in (True, False)]
    found += [("KILL all", place, all_at(place)) for place in LEADER]
    for how in ("segv", "kill", "abort", "exit", "hang", "stop", "memory"):
        for place in ("open", "sample", "finish", "run"):
            found += [(f"task: {how}, once", place, task_at(how, place, True)), (f"task: {how}", place, task_at(how, place, False))]
    found += [(f"ENOSPC, {point}", "any time", io_error(point)) for point in ("write", "fsync", "rename")]
    found += [("disk full", "any time", disk_full)]
    for place in ("preflight", "reads", "seal", "joint", "assembly", "publish", "published", "farewell"):
        found += [(f"second run, --wait {s}", place, second_run(place, s)) for s in (0, 60)]
    for hurt in ("link", "host", "kill", "slow"):
        found += [(f"two hosts: {hurt}", moment, hosts(hurt, moment)) for moment in ("reads", "joint", "assembly")]
    return found

