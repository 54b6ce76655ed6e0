#!/bin/bash
# SPDX-License-Identifier: MIT
# A run that failed under mpirun now and then said nothing: all ranks ended with its status, the launcher ended the job with the first
# of them, and what rank 0 was about to say was lost. The rank that speaks alone ends with the status now.
. "$(dirname "$0")/../lib.sh"
need_tools mpirun
cd "$work"
"$KUNI" simulate --quiet --samples 2 --contigs chr20:20k --depth 4 --out cohort >/dev/null
# Notes a rank's exit status and hides it from the launcher.
cat >noted <<'SH'
#!/bin/sh
"$@"
echo $? >"status.${OMPI_COMM_WORLD_RANK:?}"
SH
chmod +x noted

# expect STATUS TEXT COMMAND...: on three ranks
expect() {
    local status=$1 text=$2
    shift 2
    rm -f status.*
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 mpirun --oversubscribe -n 3 ./noted "$KUNI" "$@" >log 2>&1 </dev/null || fail "mpirun: $*"
    [ "$(cat status.0 status.1 status.2 | tr '\n' ' ')" = "$status 0 0 " ] || fail "ranks end with $(cat status.* | tr '\n' ' '): $*"
    [ "$(grep -cF -- "$text" log)" -eq 1 ] || fail "'$text' is not told once: $*"
}
log=log
run=(run --quiet cohort/workflow.yaml)
expect 64 "did you mean 'chr20'" "${run[@]}" --set 'regions.contigs=[chr21]'
expect 74 'No such file' run --quiet cohort/none.yaml
expect 0 generation "${run[@]}"
expect 64 NOBODY export -S NOBODY -o x.bcf cohort/workflow.yaml
expect 0 x.bcf export -o x.bcf cohort/workflow.yaml
echo "all right"
