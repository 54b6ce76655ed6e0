#!/bin/bash
# SPDX-License-Identifier: MIT
# The image of containers/Containerfile, built on a base that debootstrap makes, runs a cohort as a user without rights and without network,
# alone and under mpirun, and its bill of materials names all that is in it. Where the base is the release of this machine, what it
# publishes is what the program outside publishes, reports and dataset.json among it.
#   image.sh [RELEASE]              bookworm, trixie [this machine's]
#   KUNI_FRESH_DEBIAN               mirror [debootstrap's]
#   KUNI_BASE_IMAGE                 a base that is here already
# Proxies of the environment hold inside, and NODE_EXTRA_CA_CERTS for npm.
. "$(dirname "$0")/../lib.sh"
need_root
need_tools podman
# shellcheck disable=SC1091
here_is=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
release=${1:-$here_is}
base=${KUNI_BASE_IMAGE:-} image=localhost/kuni-test-image-$release
log=$work/log

at_exit() {
    podman rmi --force "$image" >/dev/null 2>&1 || true
    [ -n "${KUNI_BASE_IMAGE:-}" ] || podman rmi --force "$base" >/dev/null 2>&1 || true
}

if [ -z "$base" ]; then
    need_tools debootstrap
    base=localhost/kuni-test-base-$release
    debootstrap --variant=minbase "$release" "$work/root" ${KUNI_FRESH_DEBIAN:+"$KUNI_FRESH_DEBIAN"} >"$log" 2>&1 ||
        skip "debootstrap made no $release: $(tail -n 1 "$log")"
    tar -C "$work/root" -c . | podman import --quiet - "$base" >/dev/null 2>&1
    rm -rf "$work/root"
fi
podman run --rm --network=none "$base" true 2>"$log" || skip "podman runs no container here: $(tail -n 1 "$log")"

commit=$("$KUNI" version | sed -n '1s/.*(\(.*\))/\1/p')
secret=()
[ -z "${NODE_EXTRA_CA_CERTS:-}" ] || secret=(--secret "id=ca,src=$NODE_EXTRA_CA_CERTS")
podman build --network=host "${secret[@]}" --build-arg "BASE=$base" --build-arg "COMMIT=$commit" -t "$image" \
    -f "$source_tree/containers/Containerfile" "$source_tree" >"$log" 2>&1 || fail "the image is not built"

inside() { # COMMAND...: in a folder that is the user's
    podman run --rm --network=none --read-only --cap-drop=all --volume "$work/data:/data" --workdir /data "$image" "$@" >"$log" 2>&1 ||
        fail "inside: $*"
}
mkdir "$work/data"
chown 10001 "$work/data"
inside id
grep -q '^uid=10001(kuni)' "$log" || fail "it runs as $(cat "$log")"
inside kuni version
[ "$(head -n 1 "$log")" = "$("$KUNI" version | head -n 1)" ] || fail "another version"
inside kuni simulate --quiet --out demo
inside kuni run --quiet demo/workflow.yaml
inside cp -r demo other
inside mpirun --oversubscribe -n 3 kuni run --quiet --set dataset=ranks other/workflow.yaml
inside bcftools query -l demo/dataset/current/national.bcf
[ "$(wc -l <"$log")" = 3 ] || fail "people"
cmp "$work/data/demo/dataset/current/national.bcf" "$work/data/other/ranks/current/national.bcf" || fail "three ranks made other bytes"

echo "-- the bill of materials"
inside cat /usr/local/share/kuni/bill-of-materials.spdx
cp "$log" "$work/bill"
inside dpkg-query -W
[ "$(grep -c '^SPDXID: SPDXRef-deb-' "$work/bill")" = "$(wc -l <"$log")" ] || fail "not all packages are in it"
for name in kuni libhts3 openmpi-bin samtools echarts; do grep -q "^PackageName: $name" "$work/bill" || fail "no $name in it"; done
[ "$(grep '^SPDXID:' "$work/bill" | sort | uniq -d | wc -l)" = 0 ] || fail "ids that stand twice"

if [ "$release" = "$here_is" ]; then
    echo "-- as outside"
    cp -r "$work/data/demo" "$work/outside"
    rm -rf "$work/outside/dataset"
    "$KUNI" run --quiet "$work/outside/workflow.yaml" >"$log" 2>&1 || fail "the run outside"
    diff -rq "$work/data/demo/dataset/current/" "$work/outside/dataset/current/" >"$log" || fail "published files differ"
fi
echo "all well: $release, $(podman image inspect --format '{{.Size}}' "$image") bytes"
