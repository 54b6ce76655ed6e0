# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the accuracy scripts share beside what all shell tests do: tools, one run of kuni, one of each peer.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
compare=$here/compare

heading() {
    printf '\n== %s\n' "$*"
}

# seconds NAME COMMAND...: runs it and notes its CPU seconds in $work/NAME.seconds.
seconds() {
    local name=$1
    shift
    local TIMEFORMAT='%U %S'
    { time "$@" 2>"$work/$name.log"; } 2>"$work/$name.time" || {
        tail -5 "$work/$name.log" >&2
        return 1
    }
    awk '{printf "%.1f", $1 + $2}' "$work/$name.time" >"$work/$name.seconds"
}

# manifest FILE SAMPLE=READS...
manifest() {
    local file=$1
    shift
    printf 'participant_id\tsample_id\treads\n' >"$file"
    for pair in "$@"; do printf '%s\t%s\t%s\n' "P${pair%%=*}" "${pair%%=*}" "${pair#*=}" >>"$file"; done
}

# workflow FILE REFERENCE MANIFEST REGION [PLOIDY]: qc, calls, joint, merge into FILE's folder.
workflow() {
    local folder
    folder=$(dirname "$1")
    cat >"$1" <<YAML
version: 1
name: accuracy
reference: $2
cohort: $3
dataset: $folder/dataset
regions:
  contigs: ["$4"]
  shard: 25kb
  ploidy: ${5:-diploid}
stages:
  - id: qc
    uses: alignment-qc
  - id: call
    uses: call-variants
  - id: joint
    uses: joint-genotype
    needs: [call]
  - id: national
    uses: merge
    needs: [qc, joint]
YAML
}

# The merged call set of a dataset.
merged() {
    [ -e "$1/current/national.bcf" ] || { echo "no merged call set in $1" >&2; return 1; }
    echo "$1/current/national.bcf"
}

# call_kuni NAME REFERENCE MANIFEST REGION [PLOIDY]: leaves $work/NAME.vcf.gz
call_kuni() {
    local name=$1 folder=$work/$1.run
    mkdir -p "$folder"
    workflow "$folder/workflow.yaml" "$2" "$3" "$4" "${5:-diploid}"
    seconds "$name" "$KUNI" run "$folder/workflow.yaml"
    bcftools view -Oz -o "$work/$name.vcf.gz" "$(merged "$folder/dataset")"
    bcftools index -f "$work/$name.vcf.gz"
}

# call_bcftools NAME REFERENCE REGION READS...
call_bcftools() {
    local name=$1 reference=$2 region=$3
    shift 3
    # shellcheck disable=SC2016 # for the inner shell
    seconds "$name" bash -c 'set -o pipefail
        bcftools mpileup -f "$1" -a AD,DP -r "$2" -Ou "${@:4}" | bcftools call -m -v -Oz -o "$3"' \
        - "$reference" "$region" "$work/$name.vcf.gz" "$@"
    bcftools index -f "$work/$name.vcf.gz"
}

# call_freebayes NAME REFERENCE REGION READS... (freebayes takes 0-based, half-open regions and plain FASTA)
call_freebayes() {
    local name=$1 reference=$2 region=$3
    shift 3
    have freebayes || return 1
    local contig=${region%%:*} span=${region#*:} plain=$work/$name.fa
    samtools faidx "$reference" "$contig" >"$plain"
    samtools faidx "$plain"
    # shellcheck disable=SC2016 # for the inner shell
    seconds "$name" bash -c 'freebayes -f "$1" --region "$2" "${@:4}" | bcftools view -i "QUAL>=20" -Oz -o "$3"' \
        - "$plain" "$contig:$((${span%-*} - 1))-${span#*-}" "$work/$name.vcf.gz" "$@"
    bcftools index -f "$work/$name.vcf.gz"
}

# call_gatk NAME REFERENCE REGION READS...: HaplotypeCaller on each, GenotypeGVCFs of all. GATK_JARS: see fetch-gatk.
call_gatk() {
    local gatk=$source_tree/tests/accuracy/gatk
    "$gatk" 2>/dev/null || return 1
    local name=$1 reference=$work/$1.fa region=$3 files=() k=0 reads
    samtools faidx "$2" "${3%%:*}" >"$reference"
    samtools faidx "$reference"
    samtools dict -o "$work/$name.dict" "$reference"
    shift 3
    echo 0 >"$work/$name.seconds"
    for reads; do
        k=$((k + 1))
        seconds "$name.$k" "$gatk" HaplotypeCaller -R "$reference" -I "$reads" -L "$region" -ERC GVCF -O "$work/$name.$k.g.vcf.gz" \
            --native-pair-hmm-threads 1
        files+=(-V "$work/$name.$k.g.vcf.gz")
    done
    if [ "$k" -gt 1 ]; then
        seconds "$name.combine" "$gatk" CombineGVCFs -R "$reference" "${files[@]}" -O "$work/$name.all.g.vcf.gz"
        files=(-V "$work/$name.all.g.vcf.gz")
    fi
    seconds "$name.genotype" "$gatk" GenotypeGVCFs -R "$reference" "${files[@]}" -O "$work/$name.vcf.gz"
    awk '{sum += $1} END {printf "%.1f", sum}' "$work/$name".*.seconds >"$work/$name.seconds"
    bcftools index -f "$work/$name.vcf.gz"
}

# report NAME TRUTH REFERENCE [OPTIONS of compare]: a caller's rows. What a filter failed does not count as called.
report() {
    local name=$1 truth=$2 reference=$3
    shift 3
    printf '\n%s, %s CPU s\n' "$name" "$(cat "$work/$name.seconds")"
    "$compare" "$truth" "$work/$name.vcf.gz" -r "$reference" --pass --errors "$work/$name.errors.tsv" \
        --json "$work/$name.json" "$@"
}

# no_worse NAME PEER: fails where kuni's recall or precision is below the peer's.
no_worse() {
    python3 - "$work/$1.json" "$work/$2.json" "$1" "$2" <<'PY'
import json
import sys
ours, theirs = (json.load(open(path))["all"] for path in sys.argv[1:3])
worse = [(kind, key, ours[kind][key], theirs[kind][key]) for kind in ("snp", "indel")
         for key in ("recall", "precision") if ours[kind][key] < theirs[kind][key]]
for row in worse:
    print("FAILED: %s: %s %s is %.5f, that of %s %.5f" % (sys.argv[3], row[0], row[1], row[2], sys.argv[4], row[3]))
sys.exit(bool(worse))
PY
}
