#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni doctor finds seeded faults of every kind, all in one pass, and none where there is none.
. "$(dirname "$0")/../lib.sh"
need_tools samtools
go_on=1
cd "$work"

# doctor STATUS ARGUMENTS...: runs it; the table is in $work/out.
doctor() {
    local expected=$1 status=0
    shift
    "$KUNI" doctor "$@" >out 2>err || status=$?
    [ "$status" -eq "$expected" ] || { fail "kuni doctor $*: exit status $status, expected $expected"; cat out err; }
}

finds() {
    grep -qE "^$1  +$2" out || { fail "no row '$1 $2'"; cat out; }
}

"$KUNI" simulate --out cohort --samples 8 --contigs chr20:20k,chrX:10k,chrM:5k --depth 4 --quiet >made
"$KUNI" simulate --out other --samples 1 --contigs chr20:20k,chrX:10k,chrM:5k --depth 4 --seed 7 --quiet >made
"$KUNI" simulate --out longer --samples 1 --contigs chr20:40k,chrX:10k,chrM:5k --depth 4 --format bam --quiet >made
mapfile -t reads < <(cut -f"$(head -1 cohort/manifest.tsv | tr '\t' '\n' | grep -nx reads | cut -d: -f1)" cohort/manifest.tsv | tail -n +2)
[ "${#reads[@]}" -eq 8 ]
cat >workflow.yaml <<'YAML'
version: 1
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
pedigree: cohort/pedigree.ped
dataset: dataset
regions: {ploidy: cohort/ploidy.bed, shard: 10kb}
stages:
  - id: call
    uses: call-variants
YAML

# Nothing is wrong.
doctor 0 workflow.yaml
for subject in workflow manifest reference regions dataset files samples; do finds PASS "$subject"; done
grep -q ^FAIL out && fail "a fault where there is none: $(cat out)"
[ -e dataset ] && fail "doctor made the dataset"

# Names in the files: another sample's is a fault, one that nobody has a warning; two names a file are two samples.
cp -r cohort named
rename() { # NUMBER SED: the header of a reads file of named/
    local file=named/${reads[$1]}
    samtools view -H "$file" | sed "$2" >header
    samtools reheader header "$file" >renamed 2>/dev/null
    mv renamed "$file"
    samtools index "$file"
}
rename 0 's/SM:[^\t]*/SM:S000002/'
rename 1 's/SM:[^\t]*/SM:LAB77/'
rename 2 's/^@RG\(.*\)ID:[^\t]*\(.*\)SM:[^\t]*\(.*\)/&\n@RG\tID:second\tSM:LAB78/'
doctor 65 workflow.yaml --set cohort=named/manifest.tsv --set pedigree=named/pedigree.ped
finds FAIL "sample +S000001: .* says that it is of 'S000002'"
finds WARN "names +1 file names another sample than the manifest, as S000002: 'LAB77'"
finds FAIL "sample +S000003: .*several samples .*'S000003' and 'LAB78'"

# Seven bad samples; the eighth is fine.
cd cohort
rm "${reads[0]}.crai"
size=$(stat -c %s "${reads[1]}")
truncate -s $((size - 20)) "${reads[1]}"
rm "${reads[2]}"
other=$(cd ../other && ls -d "$PWD"/reads/*.cram)
longer=$(cd ../longer && ls -d "$PWD"/reads/*.bam)
cp "$other" "${reads[3]}" && cp "$other.crai" "${reads[3]}.crai"
cp "$longer" "${reads[4]}" && samtools index "${reads[4]}" "${reads[4]}.crai"
samtools sort -n -O cram --reference reference.fa -o sorted.cram "${reads[5]}" 2>/dev/null
mv sorted.cram "${reads[5]}"
echo "no reads at all" >"${reads[6]}"
touch -d '2001-01-01' "${reads[7]}.crai"
cd ..
doctor 65 workflow.yaml
[ "$(grep -c '^FAIL  sample ' out)" -eq 7 ] || { fail "expected 7 bad samples"; cat out; }
finds FAIL 'sample .*(index|crai)'
finds FAIL 'sample .*truncated'
finds FAIL 'sample .*No such file'
finds FAIL 'sample .*MD5'
finds FAIL 'sample .*(long|bp)'
finds FAIL 'sample .*(not sorted|unsorted)'
finds FAIL 'sample .*not a BAM or CRAM'
finds WARN 'sample .*older than the file'
cp out first
doctor 65 workflow.yaml --jobs 1
diff <(grep sample first) <(grep sample out) || fail "the number of jobs changes what is found"

# Everything else at once: a typo, a row fault would hide the samples, so they go without.
touch file
doctor 65 workflow.yaml --no-samples --ranks 4096 --set dataset=file --set 'regions.contigs=[chr20, chr21]' \
    --set resources.memory=16TiB --set regions.ploidy=GRCh38
finds FAIL 'dataset .*is a file'
finds FAIL 'regions .*chr21'
finds FAIL 'ploidy .*GRCh38'
finds WARN 'memory'
finds WARN 'cores'
cat >>workflow.yaml <<'YAML'
  - id: extra
    run: LC_ALL=C sort {input} | no-such-program-at-all > {output} && xargs -n 1 nor-this < {output}
    takes: evidence
    needs: call
  - {id: depths, run: 'samtools depth {reads} >{output}', scatter: sample, gives: tsv, needs: call}
  - {id: ends, run: 'samtools view --reference {reference} {reads} >{output}', scatter: sample, gives: tsv, needs: call}
YAML
doctor 65 workflow.yaml --no-samples
finds WARN 'reference .*stage depths takes {reads}, of which some are CRAM'
! grep -q 'stage ends takes' out || fail 'a stage that names its reference is warned of'
finds FAIL 'program .*no-such-program-at-all'
finds FAIL 'program .*nor-this'
finds PASS 'program .*runs sort'
(
    ulimit -n 200
    doctor 65 workflow.yaml --no-samples
    finds FAIL 'files '
    [ "$failures" -eq 0 ]
) || fail "descriptor limit"
sed 's/stages:/stagse:/' workflow.yaml >typo.yaml
printf 'x\tx\n' >>cohort/manifest.tsv
doctor 65 typo.yaml
finds FAIL "workflow .*did you mean 'stages'"
finds FAIL 'manifest .*has 2 columns'
finds WARN 'samples .*not looked at'

# A disk with hardly any room: what is there and what is needed are told.
mkdir small
at_exit() {
    umount "$work/small" 2>/dev/null || true
}
if mount -t tmpfs -o size=400k tmpfs small 2>/dev/null; then
    doctor 65 workflow.yaml --no-samples --set dataset=small/dataset
    finds FAIL 'disk +[0-9.]+ KiB free; a run needs about [0-9.]+ MiB: make room'
    doctor 65 workflow.yaml --no-samples # of the other faults above
    finds PASS 'disk'
else
    left_out "a full disk: no right to mount"
fi

# Small contigs are told of where they are many.
for i in {1..250}; do printf '>small%s\nACGTTGCA\n' "$i"; done | cat cohort/reference.fa - >many.fa
samtools faidx many.fa
doctor 65 workflow.yaml --no-samples --set reference=many.fa --set regions.ploidy=diploid
finds PASS 'regions .*250 of the pieces are small contigs: up to 64 next'
doctor 65 workflow.yaml --no-samples --set reference=many.fa --set regions.ploidy=diploid --set regions.bundle=1
finds WARN 'regions .*250 of the [0-9]+ shards are small contigs'
doctor 65 workflow.yaml --no-samples --set reference=many.fa --set regions.ploidy=diploid --set 'regions.contigs=[chr20]'
! grep -q 'small contigs' out || fail "told of contigs that are not chosen"

# What would make kuni wait for somebody: a pipe without a writer, a server that never answers.
mkfifo pipe.bam
python3 -c '
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(60)' >port &
server=$!
while [ ! -s port ]; do sleep 0.1; done
printf 'participant_id\tsample_id\treads\nP1\tS1\tpipe.bam\nP2\tS2\thttp://127.0.0.1:%s/x.bam\n' "$(cat port)" >hang.tsv
begun=$SECONDS
KUNI_URL_PATIENCE_S=2 doctor 65 workflow.yaml --set cohort=hang.tsv --set pedigree= --set "network=http://127.0.0.1:$(cat port)"
[ $((SECONDS - begun)) -lt 60 ] || fail "kuni doctor waits"
finds FAIL 'sample +S1: .*pipe.bam is a named pipe'
finds FAIL 'sample +S2: no answer for 2 s from http://127.0.0.1:'
kill $server
wait $server 2>/dev/null || true

# Declared MD5s.
printf 'participant_id\tsample_id\treads\tmd5\nP\tS\t%s\t00000000000000000000000000000000\n' "$other" >md5.tsv
doctor 65 workflow.yaml --md5 --set cohort=md5.tsv --set reference=other/reference.fa --set pedigree=other/pedigree.ped \
    --set regions.ploidy=diploid
finds FAIL 'sample .*the manifest says 0000'

verdict "all fine"
