# SPDX-License-Identifier: MIT
"""What the tests of killed ranks share: the cohort, the workflow of the test plugin, the ranks of a launcher."""
import os
import subprocess
import sys
import threading
import time

KUNI = os.environ["KUNI"]
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")

# {dataset}, {plugin} (KUNI_TALLY), {slow_ms}: what the plugin waits at every read batch.
TALLY = """version: 1
name: tally
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
batch: 2
regions: {{contigs: [chr20], shard: 4kb, ploidy: diploid}}
dataset: {dataset}
stages:
  - id: t
    plugin: {plugin}
    with: {{slow_ms: {slow_ms}}}
"""


def simulate(folder, *options):
    """A cohort of `kuni simulate` in FOLDER/cohort."""
    subprocess.run([KUNI, "simulate", "--quiet", *options, "-o", os.path.join(folder, "cohort")], check=True,
                   stdout=subprocess.DEVNULL)


def small_cohort(folder):
    simulate(folder, "-n", "6", "--contigs", "chr20:40k", "-d", "4")


def launch(n_ranks, *arguments, launcher_options=()):
    """The command line of `kuni run` under MPI."""
    return [MPIEXEC, *launcher_options, "--allow-run-as-root", "--oversubscribe", "-n", str(n_ranks), KUNI, "run",
            *arguments]


class Pace:
    """
    What an undisturbed run takes on this machine, as busy as it is: how long to wait for an end follows from that, and where it has passed
    the run is measured again, as others may have begun meanwhile. `measure` makes one.
    """

    def __init__(self, measure):
        self.measure, self.s, self.lock = measure, 0.0, threading.Lock()
        self.again()

    def again(self):
        with self.lock:
            began = time.monotonic()
            self.measure()
            self.s = max(time.monotonic() - began, 0.5)
        return self.s

    def until(self, ended, limit_s, nap_s=0.05):
        """Whether `ended()` comes true within limit_s + 5 s + 10 runs."""
        began, pace_s = time.monotonic(), self.s
        while not ended():
            if time.monotonic() - began > limit_s + 5 + 10 * pace_s:
                if self.again() <= pace_s:
                    return bool(ended())
                pace_s = self.s
            time.sleep(nap_s)
        return True


class Ended:
    """
    Whether a launcher has ended, or all that it had started has, some seconds ago. mpirun of Open MPI 4.1 can block itself at its end, after one of
    80 starts that were broken off: PMIx_server_finalize waits for a thread that waits for a lock. Nothing of kuni is there any more then, and
    `kuni run --relaunch` and the job script end it; here it is told, and `stays` is true.
    """

    GRACE_S = 8

    def __init__(self, process, left):
        self.process, self.left, self.seen, self.since, self.stays = process, left, False, None, False

    def __call__(self):
        if self.process.poll() is not None:
            return True
        if self.left():
            self.seen, self.since = True, None
        elif self.seen:
            self.since = self.since or time.monotonic()
            self.stays = time.monotonic() - self.since > self.GRACE_S
            if self.stays:
                print(f"mpirun {self.process.pid} has not ended though all of its ranks have: killed", flush=True)
                self.process.kill()
                self.process.wait()
        return self.stays


def read_process(pid):
    """(parent, state letter, environment as a list of bytes) of a process, or None where it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        with open(f"/proc/{pid}/environ", "rb") as f:
            return int(fields[1]), fields[0], f.read().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None


def processes(mark=None):
    """Living processes, those with MARK ("NAME=VALUE") in their environment: {id: (rank or None, parent)}."""
    found = {}
    for name in os.listdir("/proc"):
        process = read_process(name) if name.isdigit() else None
        if not process or process[1] == "Z" or (mark and mark.encode() not in process[2]):
            continue
        ranks = [int(i.split(b"=")[1]) for i in process[2] if i.startswith(b"OMPI_COMM_WORLD_RANK=")]
        found[int(name)] = (ranks[0] if ranks else None, process[0])
    return found


def working_on(folder):
    """Living processes that name FOLDER in their command line or stand in it, such as commands of the workflow."""
    found = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as f:
                words = f.read()
            if (folder + "/").encode() in words or (folder + ".yaml").encode() in words or os.readlink(f"/proc/{name}/cwd").startswith(folder + "/"):
                found.add(int(name))
        except OSError:
            pass
    return {pid for pid in found if (read_process(pid) or (0, "Z"))[1] != "Z"}


def need_faults():
    """The program that can be made to fail (tests/fixtures/injection.c), as need_faults of tests/lib.sh."""
    global KUNI
    for path in (KUNI, os.path.join(os.path.dirname(KUNI), "faults", "kuni")):
        if os.access(path, os.X_OK) and "faults on purpose" in subprocess.run([path, "version"], capture_output=True, text=True, check=False).stdout:
            KUNI = path
            return
    print(f"skipped: {KUNI} cannot be made to fail: build all targets")
    sys.exit(77)


def ranks_of(launcher):
    """{rank: process id} of the children of a launcher."""
    return {rank: pid for pid, (rank, parent) in processes().items() if parent == launcher and rank is not None}


def command_of(pid):
    """The words of a process, each ended by a 0; empty where it has gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""
