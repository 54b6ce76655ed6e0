#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni run --relaunch: a run whose rank is stopped is started again and gives the bytes of an undisturbed one; a stopped launcher of a
# run that is done is ended; what another try would only repeat, and a run that never gets on, are given up with the reason; a signal
# stops all. What the launcher says of its end counts for nothing.
. "$(dirname "$0")/../lib.sh"
need_faults
need_tools mpirun bcftools
cd "$work"
export KUNI_RANK_SILENCE_S=3
"$KUNI" simulate --quiet -n 3 --contigs chr20:30k --depth 6 --seed 8 --out cohort >/dev/null
workflow() { # NAME
    cat <<YAML >"$1.yaml"
version: 1
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: $1
regions: {shard: 10kb}
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
  - {id: national, uses: merge, needs: joint}
YAML
}
# Starts the ranks; STOP names what stops itself at the first start (or ALWAYS at each), "launcher" the launcher.
cat >launcher <<'SH'
#!/bin/bash
name=$1 stop=$2 always=$3
shift 3
echo start >>"$name.starts"
[ "$(wc -l <"$name.starts")" -eq 1 ] || [ "$always" = always ] || stop=''
[ "$stop" != idle ] || exec sleep 1000 # as mpirun that blocks itself before or after a start that came to nothing
[ -z "$stop" ] || [ "$stop" = launcher ] || export KUNI_STOP=$stop
mpirun --oversubscribe -n 3 "$@" &
[ "$stop" != launcher ] || { until [ -e "$name/status.json" ]; do sleep 0.1; done; kill -STOP $!; kill -STOP $$; }
[ "$stop" != liar ] || { until [ -e "$name/lock" ]; do sleep 0.1; done; kill -KILL $!; exit 0; }
wait $!
SH
chmod +x launcher
relaunch() { # NAME N STOP ALWAYS OPTIONS...
    local name=$1 n=$2 stop=$3 always=$4 status=0
    shift 4
    timeout 100 "$KUNI" run --relaunch "$n" -- ./launcher "$name" "$stop" "$always" "$KUNI" run --quiet "$@" "$name.yaml" >"$name.log" 2>&1 || status=$?
    echo $status >"$name.status"
}
expect() { # NAME STATUS STARTS WORDS
    [ "$(cat "$1.status")" = "$2" ] || { cat "$1.log"; fail "$1: status $(cat "$1.status"), not $2"; }
    [ "$(wc -l <"$1.starts")" = "$3" ] || { cat "$1.log"; fail "$1: $(wc -l <"$1.starts") starts, not $3"; }
    [ -z "$4" ] || grep -q "$4" "$1.log" || { cat "$1.log"; fail "$1: no '$4'"; }
}
for name in calm rank stuck idle never wrong liar told; do workflow $name; done
# Ranks whose launcher was killed must not come to their end before they notice it.
sed -i 's/^  - {id: national.*/  - {id: slow, run: "sleep 2; cat {input} >{output}", scatter: region, takes: calls, gives: calls, extension: bcf, needs: joint}\n  - {id: national, uses: merge, needs: slow}/' liar.yaml
"$KUNI" run --quiet calm.yaml >log 2>&1 || fail "the undisturbed run"
relaunch rank 5 reads:0 '' &
relaunch stuck 5 launcher '' &
relaunch idle 5 idle '' &
relaunch never 1 preflight:0 always &
relaunch liar 5 liar '' &
relaunch wrong 5 '' '' --set regions.shard=10kb --set 'batch=1' --set 'on_error.sample=abort' --set 'cohort=cohort/reference.fa' &
wait
expect rank 0 2 'start 1 ended: .*starting again'
expect stuck 0 1 'the run has ended and its launcher has not'
expect idle 0 2 'start 1 ended: the run has given no sign of life'
expect never 75 2 'given up after 2 starts, 2 in a row without progress, the last: '
expect liar 0 2 'starting again'
expect wrong 65 1 'not tried again: '
for name in rank stuck idle liar; do
    cmp calm/current/national.bcf $name/current/national.bcf || fail "$name: other bytes"
done
# Told to stop, it stops the run, and the same command goes on.
"$KUNI" run --relaunch 5 -- ./launcher told work:1 '' "$KUNI" run --quiet told.yaml >told.log 2>&1 &
for _ in $(seq 100); do [ -e told/status.json ] && break; sleep 0.1; done
kill -TERM $!
status=0
wait $! || status=$?
echo $status >told.status
expect told 75 1 'told to stop'
# Processes of this test alone: others of the machine may do the same.
left() {
    local pid
    for pid in $(pgrep -f 'launcher (rank|stuck|idle|never|liar|told) ' || true); do
        [ "$(readlink "/proc/$pid/cwd")" != "$PWD" ] || echo "$pid"
    done
}
for _ in $(seq 50); do [ -n "$(left)" ] || break; sleep 0.1; done
[ -z "$(left)" ] || { ps -o pid,ppid,stat,args -p "$(left | paste -sd,)"; fail "processes are left"; }
# The batch script does the same with a queue: here one that keeps a comment, and starts the script again.
mkdir bin
cat >bin/scontrol <<'SH'
#!/bin/bash
case $1 in
show) echo "   Comment=$(cat "comment.$3" 2>/dev/null)" ;;
update) printf '%s' "${3#Comment=}" >"comment.${2#JobId=}" ;;
requeue) touch "requeued.$2" ;;
esac
SH
chmod +x bin/scontrol
queue() { # NAME STOP ALWAYS
    local starts=0 status=0
    while rm -f "requeued.$1" && [ $((++starts)) -le 6 ]; do
        PATH=$PWD/bin:$PATH SLURM_JOB_ID=$1 SLURM_RESTART_COUNT=$((starts - 1)) KUNI_LAUNCHER_S=3 KUNI_RESTARTS=2 MPIRUN="./launcher $1 $2 $3" \
            timeout 60 "$source_tree/containers/slurm/kuni.sbatch" run --quiet "$1.yaml" >>"$1.log" 2>&1 || status=$?
        [ -e "requeued.$1" ] || break
    done
    echo $status >"$1.status"
}
for name in qrank qstuck qnever; do workflow $name; done
queue qrank reads:0 once &
queue qstuck launcher once &
queue qnever preflight:0 always &
wait
expect qrank 0 2 'back into the queue'
expect qstuck 0 1 'the run is done and its launcher has not ended'
expect qnever 75 2 'given up after 2 starts in a row without progress'
for name in qrank qstuck; do
    cmp calm/current/national.bcf $name/current/national.bcf || fail "$name: other bytes"
done

# Numbers of processes wrap: the launcher has ended, and another process has its number. It is not waited for, and not ended.
cat >thief <<'SH'
#!/bin/bash
# In a space of process numbers of its own.
export PATH=$PWD/bin:$PATH SLURM_JOB_ID=qthief SLURM_RESTART_COUNT=0 KUNI_LAUNCHER_S=2 MPIRUN=./ends
"$1" run --quiet qthief.yaml >qthief.log 2>&1 &
script=$!
until [ -s qthief.pid ] && ! kill -0 "$(cat qthief.pid)" 2>/dev/null; do sleep 0.01; done
stolen=''
for _ in $(seq 200); do
    echo $(($(cat qthief.pid) - 1)) >/proc/sys/kernel/ns_last_pid || exit 77
    sleep 120 &
    [ $! -ne "$(cat qthief.pid)" ] || { stolen=$! && break; }
    kill $!
done
[ -n "$stolen" ] || exit 77
wait $script || exit 2
kill -0 "$stolen" || exit 3
SH
cat >ends <<'SH'
#!/bin/bash
echo $$ >qthief.pid
sleep 0.5
exit 1
SH
chmod +x thief ends
workflow qthief
status=0
unshare --pid --fork --mount-proc ./thief "$source_tree/containers/slurm/kuni.sbatch" 2>thief.log || status=$?
case $status in
0) grep -q 'back into the queue' qthief.log || fail "qthief: $(cat qthief.log)" ;;
2 | 3) fail "the batch script and another's process: $status $(cat qthief.log)" ;;
*) left_out "process numbers that wrap: $(tail -n 1 thief.log)" ;;
esac

if "$KUNI" run --relaunch 3 -- mpirun -n 3 kuni plan x.yaml >log 2>&1; then fail "no run, and taken"; fi
grep -q 'no .kuni run WORKFLOW.yaml. stands' log || fail "no word of what is missing"
echo "all started again"
