#!/bin/bash
# SPDX-License-Identifier: MIT
# Two hosts, as network namespaces on a bridge, with MPI over tcp between them: a whole run gives the bytes of a single process; where a
# rank is killed, the link is cut, the other host's ranks are stopped, or its daemon and ranks are killed, the run is noticed to be over, its
# launcher is ended, and kuni run --relaunch goes on; a host that is slow, behind a slow link, is waited for.
#
#   two_hosts.sh [HURT:MOMENT...]   HURT = whole | kill | link | host | lost | slow; MOMENT = reads | joint | assembly   [each once]
#
# Needs root and iproute2.
. "$(dirname "$0")/../lib.sh"
need_faults
need_root
need_tools ip mpirun bcftools
export KUNI_RANK_SILENCE_S=6
id=k$$
at_exit() {
    ip netns del ${id}a 2>/dev/null || true
    ip netns del ${id}b 2>/dev/null || true
    ip link del ${id}br 2>/dev/null || true
}
ip link add ${id}br type bridge 2>/dev/null && ip link set ${id}br up || skip "no right to make a bridge"
for host in a b; do
    ip netns add $id$host || skip "no right to make a network namespace"
    ip link add $id${host}0 type veth peer name $id${host}1
    ip link set $id${host}0 master ${id}br up
    ip link set $id${host}1 netns $id$host
    ip -n $id$host link set lo up
    ip -n $id$host link set $id${host}1 name eth0
    ip -n $id$host link set eth0 up
done
ip -n ${id}a address add 10.77.31.1/24 dev eth0
ip -n ${id}b address add 10.77.31.2/24 dev eth0

cd "$work"
# What mpirun starts the other host's daemon with, in place of ssh: [OPTIONS] HOST COMMAND
cat >agent <<SH
#!/bin/bash
while [[ \$1 == -* ]]; do shift; done
[ "\$1" = 10.77.31.2 ] || exit 1
shift
exec ip netns exec ${id}b bash -c "\$*"
SH
cat >hosts <<SH
#!/bin/bash
# hosts NAME HURT MOMENT COMMAND...: four ranks on two hosts; the first start is hurt once the run has come so far
name=\$1 hurt=\$2 moment=\$3
shift 3
echo start >>"\$name.starts"
ip link set ${id}b0 up
# A link that was cut is there again once the other host answers, if only that nobody listens.
for _ in \$(seq 100); do
    ip netns exec ${id}a timeout 1 bash -c '</dev/tcp/10.77.31.2/9' 2>&1 | grep -q refused && break
    sleep 0.1
done
[ "\$(wc -l <"\$name.starts")" -eq 1 ] || hurt=whole
# The slow host's link: what it sends is late, and little at a time.
if [ \$hurt = slow ]; then
    ip netns exec ${id}b tc qdisc replace dev eth0 root netem delay 40ms rate 1mbit 2>/dev/null ||
        ip netns exec ${id}b tc qdisc replace dev eth0 root tbf rate 1mbit burst 16kb latency 400ms 2>/dev/null || touch "\$name.no-tc"
fi
ip netns exec ${id}a mpirun -H 10.77.31.1:2,10.77.31.2:2 -n 4 --mca plm_rsh_agent "\$PWD/agent" --mca btl tcp,self \\
    --mca oob_tcp_if_include 10.77.31.0/24 --mca btl_tcp_if_include 10.77.31.0/24 -x KUNI_RANK_SILENCE_S "\$@" &
launcher=\$!
there() { ip netns pids ${id}b; }
# Processes of the other host, the daemon's or the ranks'.
named() { for pid in \$(there); do case \$(tr '\\0' ' ' <"/proc/\$pid/cmdline" 2>/dev/null) in \$1*) echo "\$pid" ;; esac done; }
reached() {
    case \$moment in
    reads) compgen -G "\$name/data/call/*/*" ;;
    joint) compgen -G "\$name/data/slow/*/*.bcf" ;;
    assembly) compgen -G "\$name/data/national.layout/*/*" ;;
    esac >/dev/null
}
if [ \$hurt != whole ]; then
    until reached; do sleep 0.02; kill -0 \$launcher 2>/dev/null || break; done
    case \$hurt in
    link) ip link set ${id}b0 down ;;
    host) there | xargs kill -STOP ;;
    lost) there | xargs kill -KILL ;;
    kill) kill -KILL \$(named "$KUNI" | head -n 1) ;;
    # A machine that hardly gets on: its ranks stand still nine tenths of each second.
    slow) for _ in 1 2 3 4 5 6; do there | xargs kill -STOP; sleep 0.9; there | xargs kill -CONT; sleep 0.1; done 2>/dev/null ;;
    esac
fi
wait \$launcher
SH
chmod +x agent hosts
"$KUNI" simulate --quiet -n 3 --contigs chr20:60k --depth 6 --seed 8 --out cohort >/dev/null
hurts=("$@")
[ $# -gt 0 ] || hurts=(whole:reads kill:joint link:joint host:joint lost:joint slow:reads)
for name in calm "${hurts[@]/:/-}"; do
    cat <<YAML >$name.yaml
version: 1
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: $name
regions: {shard: 10kb}
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
  - {id: slow, run: 'sleep 1 && cp {input} {output}', scatter: region, needs: joint}
  - {id: national, uses: merge, needs: slow}
YAML
done
log=log
"$KUNI" run --quiet calm.yaml >log 2>&1 || fail "the undisturbed run"
for case in "${hurts[@]}"; do
    hurt=${case%:*} moment=${case#*:} name=${case/:/-} status=0
    timeout 150 "$KUNI" run --relaunch 3 -- ./hosts "$name" "$hurt" "$moment" "$KUNI" run --quiet "$work/$name.yaml" >log 2>&1 || status=$?
    [ $status -eq 0 ] || fail "$case: status $status"
    cmp calm/current/national.bcf "$name/current/national.bcf" || fail "$case: other bytes"
    grep -q '"ranks": 4' "$name/status.json" || fail "$case: not four ranks"
    starts=$(wc -l <"$name.starts")
    case $hurt in
    whole | slow) [ "$starts" -eq 1 ] || fail "$case: $starts starts, not 1" ;;
    # At the very end it may come too late to matter.
    *) [ "$starts" -eq 2 ] || [ "$moment" = assembly ] || fail "$case: $starts starts, not 2" ;;
    esac
    case $hurt-$starts in
    link-2 | host-2) grep -q 'relaunch: start 1 ended: .*rank [23] has been silent' log || fail "$case: no word of the silence" ;;
    esac
    [ ! -e "$name.no-tc" ] || left_out "a slow link: no tc qdisc netem or tbf"
    [ -z "$(ip netns pids ${id}a)$(ip netns pids ${id}b)" ] || fail "$case: processes are left"
    ip -n ${id}b link set eth0 up
    ip netns exec ${id}b tc qdisc del dev eth0 root 2>/dev/null || true
    echo "$case: $starts starts, the same bytes"
done
