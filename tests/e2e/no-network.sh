#!/bin/bash
# SPDX-License-Identifier: MIT
# No connection that the workflow does not allow: not for a URL of the manifest, nor for the reference that a CRAM's header names (UR).
. "$(dirname "$0")/../lib.sh"
need_tools samtools python3
cd "$work"
server=''
at_exit() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
}
python3 -c '
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open("asked", "a").write(self.path + "\n")
        self.send_error(404)
    do_HEAD = do_GET
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()' >port &
server=$!
while [ ! -s port ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat port)

"$KUNI" simulate --quiet -n 1 --contigs chr20:20k,chrX:10k --depth 4 --seed 3 --out c >/dev/null
samtools faidx c/reference.fa chr20 >one.fa
samtools view -C -T c/reference.fa --output-fmt-option multi_seq_per_slice=1 -o all.cram c/reads/*.cram
samtools view -H all.cram | sed "s#UR:[^\t]*#UR:$url/ref.fa#" >header
grep -q "UR:$url" header || fail "no UR in the header"
samtools reheader header all.cram >foreign.cram && samtools index foreign.cram
printf 'participant_id\tsample_id\treads\nP1\tS1\tforeign.cram\n' >foreign.tsv
printf 'participant_id\tsample_id\treads\tindex\nP8\tS8\t%s/x.bam\t\nP9\tS9\tforeign.cram\t%s/x.crai\n' "$url" "$url" >far.tsv
workflow() { # REFERENCE MANIFEST
    cat <<YAML
version: 1
reference: $1
cohort: $2
dataset: set.${1##*/}
regions: {contigs: [chr20], ploidy: diploid}
stages: [{id: qc, uses: alignment-qc}, {id: call, uses: call-variants}]
YAML
}
for reference in one.fa c/reference.fa; do
    workflow $reference foreign.tsv >w.yaml
    "$KUNI" run --quiet w.yaml >log 2>&1 || { cat log && fail "the run with $reference"; }
done
workflow one.fa far.tsv >w.yaml
for command in validate doctor run; do
    if "$KUNI" $command w.yaml >log 2>&1; then fail "$command: URLs that nobody allowed"; fi
    [ "$(grep -c 'is a URL that the workflow does not allow' log)" -eq 2 ] || { cat log && fail "$command: both URLs are not told"; }
done
[ ! -e asked ] || fail "the server was asked: $(cat asked)"
# It would have been: without kuni's settings the same file leads there, and with leave kuni goes.
REF_PATH=/nonexistent samtools view foreign.cram >/dev/null 2>&1 || true
grep -q ref.fa asked || fail "the server was never asked: this test shows nothing"
"$KUNI" doctor w.yaml --set "network=[$url/]" >log 2>&1 || true
grep -q x.bam asked && grep -q x.crai asked || fail "an address that is allowed was not asked"
echo "asked where it was allowed, and nowhere else"
