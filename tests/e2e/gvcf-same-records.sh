#!/bin/bash
# SPDX-License-Identifier: MIT
# From gVCFs as dense as GATK's: the same national records for 1 shard and 50, for batches of 1, 3, 7 and 256 samples, at 1, 2, 3 and
# 5 ranks, and with the samples in another order. Blocks lie across the edges of shards, and deletions that take another sample's SNP away.
. "$(dirname "$0")/../lib.sh"
need_tools mpirun bcftools samtools bgzip tabix cc
need_data gvcf_generator ../tools/gvcfgen.c
generator=$KUNI_DATA/gvcf_generator
cd "$work"
cc -O1 -w "$KUNI_DATA/../tools/gvcfgen.c" -lhts -lm -o gvcfgen || skip "no htslib to build gvcfgen with"
cp "$generator"/z.fa "$generator"/z.fa.fai .
chmod u+w z.fa*
BLK=20 ./gvcfgen z.fa z "$generator/panel300.vcf.gz" "$generator/sites.vcf.gz" 16 3 made 1 200000 >gvcfgen.log 2>&1 || [ -f made/S00016.g.vcf.gz ] ||
    { cat gvcfgen.log; fail "gvcfgen"; }
# Two more samples: deletions of 12 bases that begin 4 before an edge, and SNPs 3 bases beyond the edge.
base() { samtools faidx z.fa "z:$1-$2" | tail -n +2 | tr -d '\n'; }
by_hand() { # NAME del|snp
    local at=1 edge pos ref alt
    printf '##fileformat=VCFv4.2\n##contig=<ID=z,length=%s>\n##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n' "$(cut -f2 z.fa.fai)"
    printf '##FORMAT=<ID=%s>\n' 'GT,Number=1,Type=String,Description="g"' 'DP,Number=1,Type=Integer,Description="d"' \
        'GQ,Number=1,Type=Integer,Description="q"' 'AD,Number=R,Type=Integer,Description="a"' 'PL,Number=G,Type=Integer,Description="p"'
    printf '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t%s\n' "$1"
    for edge in 4000 13000 20000 39000 50000 100000 200000; do
        pos=$((edge + 3))
        [ "$2" = snp ] || pos=$((edge - 3))
        if [ "$edge" -eq 200000 ]; then
            printf 'z\t%d\t.\t%s\t<NON_REF>\t.\t.\tEND=200000\tGT:DP:GQ\t0/0:30:80\n' "$at" "$(base $at $at)"
            break
        fi
        printf 'z\t%d\t.\t%s\t<NON_REF>\t.\t.\tEND=%d\tGT:DP:GQ\t0/0:30:80\n' "$at" "$(base $at $at)" "$((pos - 1))"
        ref=$(base $pos $((pos + 11)))
        alt=${ref:0:1}
        if [ "$2" = snp ]; then
            alt=$(echo "$alt" | tr ACGT GTAC)
            ref=${ref:0:1}
        fi
        printf 'z\t%d\t.\t%s\t%s,<NON_REF>\t500\t.\t.\tGT:AD:DP:GQ:PL\t0/1:15,15,0:30:99:500,0,500,545,545,1100\n' "$pos" "$ref" "$alt"
        at=$((pos + ${#ref}))
    done
}
for kind in del snp; do
    by_hand "HAND$kind" $kind | bgzip >"made/HAND$kind.g.vcf.gz"
    tabix -p vcf "made/HAND$kind.g.vcf.gz"
done
{
    printf 'participant_id\tsample_id\treads\n'
    for file in made/*.g.vcf.gz; do
        sample=$(basename "$file" .g.vcf.gz)
        printf '%s\t%s\t%s\n' "$sample" "$sample" "$file"
    done
} >cohort.tsv
(head -n 1 cohort.tsv && tail -n +2 cohort.tsv | tac) >turned.tsv
cat >workflow.yaml <<'EOF'
version: 1
name: gvcf-same-records
reference: z.fa
cohort: cohort.tsv
dataset: unset
regions: {contigs: ["z:1-200000"], shard: 4kb}
stages:
  - {id: import, uses: import-gvcf}
  - {id: joint, uses: joint-genotype, needs: import}
  - {id: national, uses: merge, needs: [import, joint]}
EOF

workflow=workflow.yaml
columns=$(tail -n +2 cohort.tsv | cut -f2 | paste -sd,)
records() { bcftools view -H --no-update -s "$columns" "$1/current/national.bcf"; }

run one 1 --set regions.shard=1Mb --set batch=256
records one >wanted
[ "$(wc -l <wanted)" -gt 500 ] || fail "hardly a record was called: $(wc -l <wanted)"
run shards 2 --set batch=1
run three 3 --set batch=3 --set regions.shard=50kb
run seven 5 --set batch=7 --set regions.shard=20kb
run turned 2 --set batch=3 --set regions.shard=13kb --set cohort=turned.tsv
for name in shards three seven turned; do
    records "$name" >got
    cmp -s wanted got && continue
    diff wanted got | cut -c1-300 | head -10
    fail "$name: other records than at one rank, in one shard and one batch"
done
echo "$(wc -l <wanted) records, the same five times"
