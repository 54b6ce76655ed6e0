#!/bin/bash
# SPDX-License-Identifier: MIT
# Two hosts, as network namespaces on a bridge, with MPI over tcp between them: a whole run gives the bytes of a single process; where the
# link is cut the run is noticed to hang, its launcher is ended, and kuni run --relaunch goes on once the link is back; the same where the
# ranks of the other host are stopped. Needs root and iproute2.
. "$(dirname "$0")/../lib.sh"
need_faults
need_root
need_tools ip mpirun bcftools
export KUNI_RANK_SILENCE_S=4
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
# hosts NAME HURT COMMAND...: four ranks on two hosts; the first start is hurt once the run has begun
name=\$1 hurt=\$2
shift 2
echo start >>"\$name.starts"
ip link set ${id}b0 up
[ "\$(wc -l <"\$name.starts")" -eq 1 ] || hurt=''
ip netns exec ${id}a mpirun -H 10.77.31.1:2,10.77.31.2:2 -n 4 --mca plm_rsh_agent "\$PWD/agent" --mca btl tcp,self \\
    --mca oob_tcp_if_include 10.77.31.0/24 --mca btl_tcp_if_include 10.77.31.0/24 -x KUNI_RANK_SILENCE_S "\$@" &
if [ -n "\$hurt" ]; then
    until ls \$name/data/slow/*/*.bcf >/dev/null 2>&1; do sleep 0.1; done
    case \$hurt in
    link) ip link set ${id}b0 down ;;
    host) ip netns pids ${id}b | xargs kill -STOP ;;
    esac
fi
wait \$!
SH
chmod +x agent hosts
"$KUNI" simulate --quiet -n 3 --contigs chr20:60k --depth 6 --seed 8 --out cohort >/dev/null
for name in calm whole link host; do
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
./hosts whole '' "$KUNI" run --quiet "$work/whole.yaml" >log 2>&1 || fail "two hosts"
grep -q '"ranks": 4' whole/status.json || fail "not four ranks"
for hurt in link host; do
    status=0
    timeout 150 "$KUNI" run --relaunch 3 -- ./hosts $hurt $hurt "$KUNI" run --quiet "$work/$hurt.yaml" >log 2>&1 || status=$?
    [ $status -eq 0 ] || fail "$hurt: status $status"
    [ "$(wc -l <$hurt.starts)" -eq 2 ] || fail "$hurt: $(wc -l <$hurt.starts) starts, not 2"
    grep -q 'relaunch: start 1 ended: .*rank [23] has been silent' log || fail "$hurt: no word of the silence"
done
for name in whole link host; do
    cmp calm/current/national.bcf $name/current/national.bcf || fail "$name: other bytes"
done
[ -z "$(ip netns pids ${id}a)$(ip netns pids ${id}b)" ] || fail "processes are left"
echo "two hosts, a cut link and a host that was stopped: the same bytes"
