#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni.sbatch under a real Slurm of one node, set up in a folder of its own: told to stop it is requeued and goes on; a
# killed rank is a restart; an error in the workflow ends the job, and so do starts that come to nothing; a script of `kuni plan`
# runs as planned; srun works with PMIx and is refused without.
# Needs root and the packages slurm-wlm and munge.
. "$(dirname "$0")/../lib.sh"
sbatch_script=$source_tree/containers/slurm/kuni.sbatch
need_root
need_tools munged slurmctld slurmd sbatch mpirun bcftools
export SLURM_CONF=$work/slurm.conf
export MPIRUN='mpirun --oversubscribe'
daemons=()

at_exit() {
    scancel --user=root 2>/dev/null || true
    sleep 1
    [ ${#daemons[@]} -eq 0 ] || kill "${daemons[@]}" 2>/dev/null || true
    sleep 1
    [ ${#daemons[@]} -eq 0 ] || kill -9 "${daemons[@]}" 2>/dev/null || true
}

fail() {
    echo "FAILED: $*"
    tail -n 40 "$work"/kuni-*.log "$work"/slurmctld.log "$work"/slurmd.log 2>/dev/null || true
    exit 1
}

port() {
    echo $((20000 + (RANDOM % 20000)))
}

start_slurm() {
    local host cpus=4
    host=$(hostname -s)
    mkdir -p "$work/state" "$work/spool"
    chmod 755 "$work"
    dd if=/dev/urandom of="$work/munge.key" bs=128 count=1 status=none
    chmod 400 "$work/munge.key"
    munged --force --foreground --key-file="$work/munge.key" --socket="$work/munge.socket" \
        --pid-file="$work/munged.pid" --log-file="$work/munged.log" \
        --seed-file="$work/munge.seed" >"$work/munged.out" 2>&1 &
    daemons+=($!)
    cat >"$SLURM_CONF" <<CONF
ClusterName=kunitest
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
CredType=cred/munge
SlurmctldPort=$(port)
SlurmdPort=$(port)
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
ReturnToService=2
KillWait=5
MinJobAge=3600
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=32000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    local try
    for try in $(seq 50); do
        [ -S "$work/munge.socket" ] && break
        sleep 0.1
    done
    slurmctld -D -f "$SLURM_CONF" >"$work/slurmctld.out" 2>&1 &
    daemons+=($!)
    slurmd -D -f "$SLURM_CONF" -N "$host" >"$work/slurmd.out" 2>&1 &
    daemons+=($!)
    for try in $(seq 300); do
        sinfo -h -o %T 2>/dev/null | grep -q idle && return
        sleep 0.1
    done
    cat "$work"/*.out "$work"/slurm*.log
    skip "Slurm does not start here ($try tries)"
}

# job_field JOB FIELD
job_field() {
    scontrol -o show job "$1" | tr ' ' '\n' | sed -n "s|^$2=||p" | head -n 1
}

# wait_state JOB SECONDS STATE...: PENDING jobs that were requeued are started at once.
wait_state() {
    local job=$1 end=$((SECONDS + $2)) state wanted
    shift 2
    while [ $SECONDS -lt $end ]; do
        state=$(job_field "$job" JobState)
        for wanted in "$@"; do
            [ "$state" = "$wanted" ] && return
        done
        if [ "$state" = PENDING ]; then # Slurm itself waits longer, until it forgot the first start
            sleep 3
            scontrol update "JobId=$job" StartTime=now 2>/dev/null || true
        fi
        sleep 0.3
    done
    fail "job $job is $state, expected $*"
}

submit() { # ARGUMENTS OF KUNI...
    (cd "$work" && sbatch --parsable --ntasks=3 "$sbatch_script" "$@")
}

make_workflow() { # DATASET SECONDS
    cat >"$work/$1.yaml" <<YAML
version: 1
name: slurm
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: $1
regions: {shard: 10kb}
batch: 2
stages:
  - id: call
    uses: call-variants
  - id: joint
    uses: joint-genotype
    needs: call
  - id: slow
    run: sleep $2 && cp {input} {output}
    scatter: region
    needs: joint
  - id: national
    uses: merge
    needs: slow
YAML
}

records() {
    bcftools view -H "$work/$1/current/national.bcf" | md5sum
}

wait_for_slow_task() { # DATASET
    local end=$((SECONDS + 60))
    while [ $SECONDS -lt $end ]; do
        ls "$work/$1"/data/slow/*/*.bcf >/dev/null 2>&1 && return
        sleep 0.2
    done
    fail "no task of $1 ended"
}

# rank_of COMMAND RANK: its process. A task's is its child, of the same command and environment, and of a smaller number once
# the numbers of processes have begun anew.
rank_of() {
    local pid parent
    pgrep -f "$1" | while read -r pid; do
        is_rank "$pid" "$2" || continue
        parent=$(ps -o ppid= -p "$pid" | tr -d ' ')
        is_rank "$parent" "$2" || { echo "$pid" && break; }
    done
}

is_rank() { # PROCESS RANK
    tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -q "^OMPI_COMM_WORLD_RANK=$2\$"
}

start_slurm
"$KUNI" simulate --quiet -n 4 --contigs chr20:100k --depth 8 --seed 5 --out "$work/cohort"
make_workflow plain 0
"$KUNI" run "$work/plain.yaml" >"$work/plain.log" 2>&1 || fail "the run without Slurm"

echo "-- told to stop, requeued, goes on"
make_workflow stopped 2
job=$(submit run stopped.yaml)
wait_for_slow_task stopped
scancel --batch --signal=USR1 "$job"
wait_state "$job" 120 COMPLETED
grep -q "stopped, status 75: back into the queue" "$work/kuni-$job.log" || fail "no requeue"
[ "$(job_field "$job" Restarts)" -eq 1 ] || fail "restarts"
[ "$(records stopped)" = "$(records plain)" ] || fail "records differ after the requeue"

echo "-- a killed rank"
make_workflow killed 2
job=$(submit run killed.yaml)
wait_for_slow_task killed
rank=$(rank_of "kuni run killed.yaml" 2)
[ -n "$rank" ] || fail "rank 2 is not there"
kill -9 "$rank"
wait_state "$job" 120 COMPLETED
[ "$(job_field "$job" Restarts)" -eq 1 ] || fail "restarts after a killed rank"
[ "$(records killed)" = "$(records plain)" ] || fail "records differ after a killed rank"

echo "-- an error that another try would repeat"
sed 's/joint-genotype/joint-genotpye/' "$work/plain.yaml" >"$work/typo.yaml"
job=$(submit run typo.yaml)
wait_state "$job" 60 FAILED
[ "$(job_field "$job" Restarts)" -eq 0 ] || fail "a usage error was requeued"
[ "$(job_field "$job" ExitCode)" = 64:0 ] || fail "exit code $(job_field "$job" ExitCode)"

echo "-- a script that fits the plan"
make_workflow fitted 0
"$KUNI" plan --slurm-script --ranks 2 --jobs 2 --hours 2 --set on_error.retries=1 "$work/fitted.yaml" >"$work/fitted.sbatch"
bash -n "$work/fitted.sbatch"
job=$(cd "$work" && sbatch --parsable fitted.sbatch)
[ "$(job_field "$job" NumTasks)" = 2 ] && [ "$(job_field "$job" CPUs/Task)" = 2 ] &&
    [ "$(job_field "$job" MinMemoryCPU)" = "$(sed -n 's/.*--mem-per-cpu=//p' "$work/fitted.sbatch")" ] && [ "$(job_field "$job" TimeLimit)" = 02:00:00 ] &&
    [ "$(job_field "$job" JobName)" = kuni-slurm ] || fail "the job is not as planned: $(scontrol -o show job "$job")"
wait_state "$job" 120 COMPLETED
[ "$(records fitted)" = "$(records plain)" ] || fail "records differ under a fitted script"

echo "-- starts that come to nothing"
make_workflow stuck 0
cat >"$work/dies" <<'SH'
#!/bin/sh
[ "$1" != run ] || kill -9 $$
exec "$REAL_KUNI" "$@"
SH
chmod +x "$work/dies"
job=$(REAL_KUNI=$KUNI KUNI=$work/dies KUNI_RESTARTS=2 submit run stuck.yaml)
wait_state "$job" 120 FAILED
[ "$(job_field "$job" Restarts)" -eq 1 ] || fail "$(job_field "$job" Restarts) restarts without progress"
grep -q 'given up after 2 starts in a row without progress' "$work/kuni-$job.log" || fail "no word of giving up"

echo "-- srun"
make_workflow srun 0
if srun --mpi=none -n 2 "$KUNI" run "$work/srun.yaml" >"$work/srun.log" 2>&1; then
    fail "srun without PMIx was not refused"
fi
grep -q "srun --mpi=pmix" "$work/srun.log" || fail "no advice about srun"
if srun --mpi=list 2>&1 | grep -q pmix; then
    srun --mpi=pmix -n 3 "$KUNI" run "$work/srun.yaml" >"$work/srun.log" 2>&1 || fail "srun --mpi=pmix"
    [ "$(records srun)" = "$(records plain)" ] || fail "records differ under srun"
else
    echo "   (this Slurm has no PMIx)"
fi
echo "-- the examples for PBS and LSF, as the scripts that they are: there is neither here"
make_workflow pbs 2
status=0
KUNI_WORKFLOW=$work/pbs.yaml PBS_O_WORKDIR=$work KUNI_SECONDS=6 "$source_tree/containers/pbs/kuni.pbs" >"$work/kuni-pbs.log" 2>&1 || status=$?
[ $status -eq 75 ] || fail "pbs: status $status at the time limit"
KUNI_WORKFLOW=$work/pbs.yaml PBS_O_WORKDIR=$work "$source_tree/containers/pbs/kuni.pbs" >"$work/kuni-pbs.log" 2>&1 || fail "pbs: the second job"
[ "$(records pbs)" = "$(records plain)" ] || fail "records differ under kuni.pbs"
make_workflow lsf 2
KUNI_WORKFLOW=$work/lsf.yaml "$source_tree/containers/lsf/kuni.lsf" >"$work/kuni-lsf.log" 2>&1 &
wait_for_slow_task lsf
status=0
kill -USR1 $!
wait $! || status=$?
[ $status -eq 75 ] || fail "lsf: status $status after USR1"
echo "all well"
