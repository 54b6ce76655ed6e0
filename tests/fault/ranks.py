# SPDX-License-Identifier: MIT
"""What the tests of killed ranks share: the cohort, the workflow of the test plugin, the ranks of a launcher."""
import os
import subprocess

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


def ranks_of(launcher):
    """{rank: process id} of the children of a launcher."""
    return {rank: pid for pid, (rank, parent) in processes().items() if parent == launcher and rank is not None}
