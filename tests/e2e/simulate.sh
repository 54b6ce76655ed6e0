#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni simulate keeps its promises: same bytes at any thread count, files that the field's tools take without a
# warning, reads that stand in the true haplotypes letter by letter, plausible variants, clear refusals.
. "$(dirname "$0")/../lib.sh"
need_tools samtools bcftools python3

options=(--quiet --samples 7 --trios 1 --contigs "chr20,chrX,chrY,chrM" --length 40k --paralogs 1 --hard --seed 3
    --depth 8 --contaminated 1)
for threads in 1 3; do
    "$KUNI" simulate "${options[@]}" --threads $threads --out "$work/t$threads" >/dev/null
done
diff -r "$work/t1" "$work/t3" || fail "threads change the bytes"
"$KUNI" simulate "${options[@]}" --seed 4 --out "$work/other" >/dev/null
cmp -s "$work/t1/truth.vcf.gz" "$work/other/truth.vcf.gz" && fail "another seed gives the same truth"

cd "$work/t1"
for file in reads/*.cram; do
    samtools quickcheck "$file" || fail "quickcheck $file"
    samtools view -H "$file" | grep -q "$work" && fail "a path of this machine in $file"
    samtools view -T reference.fa -c "$file" chrX >/dev/null 2>"$work/log" || fail "region query of $file"
    [ ! -s "$work/log" ] || { cat "$work/log"; fail "samtools warns of $file"; }
done
bcftools norm -f reference.fa -c e truth.vcf.gz -Ou 2>"$work/log" | bcftools view -H >"$work/normed"
# total, then what was done to how many: three numbers of bcftools 1.16, four of 1.21
grep -qE 'split/.*realigned/.*skipped:[[:space:]]+[1-9][0-9]*(/0){3,}$' "$work/log" ||
    { cat "$work/log"; fail "truth is not normalised"; }
bcftools view -H -r chrX truth.vcf.gz >/dev/null || fail "region query of the truth"
trio_errors() { # CHILD FATHER MOTHER: prints how many genotypes hold to Mendel and how many do not
    case " $(bcftools plugin -l 2>/dev/null | tr '\n' ' ')" in
    *' mendelian2 '*) # in place of mendelian from some version on
        bcftools +mendelian2 truth.vcf.gz -p "$1,$2,$3" -m c | awk '{n[$1] = $2} END {print n["ngood"], n["nmerr"]}'
        ;;
    *) bcftools +mendelian truth.vcf.gz -t "$3,$2,$1" 2>&1 | awk '/^[0-9]/ {print $1, $2}' ;;
    esac
}
read -r good bad < <(trio_errors S000003 S000001 S000002)
if [ "$good" -le 100 ] || [ "$bad" -ne 0 ]; then fail "the trio is none: $good genotypes as Mendel has it, $bad not"; fi

# without errors every pair stands in one of the sample's haplotypes
"$KUNI" simulate --quiet --samples 2 --contigs chr20 --length 60k --seed 5 --error-profile perfect --indel-error 0 \
    --chimeras 0 --unmapped 0 --depth 12 --heterozygosity 0.004 --format bam --out "$work/perfect" >/dev/null
cd "$work/perfect"
for sample in S000001 S000002; do
    samtools calmd -b "reads/$sample.bam" reference.fa 2>"$work/log" >/dev/null
    [ ! -s "$work/log" ] || { head -3 "$work/log"; fail "NM or MD is wrong"; }
    bcftools view -s "$sample" truth.vcf.gz -H | cut -f2,4,5,10 >"$work/truth"
    samtools view "reads/$sample.bam" | cut -f10 >"$work/reads"
    python3 - reference.fa "$work/truth" "$work/reads" <<'PY' || fail "a read stands in no haplotype"
import sys
ref = "".join(open(sys.argv[1]).read().split("\n")[1:])
haplotypes = []
for h in (0, 1):
    out, at = [], 0
    for line in open(sys.argv[2]):
        pos, r, alts, gt = line.split()
        allele = int(gt.split("|")[h])
        if not allele:
            continue
        alt, pos = alts.split(",")[allele - 1], int(pos) - 1
        # alleles of a joined record are longer than they need be
        while len(r) > 1 and len(alt) > 1 and r[-1] == alt[-1]:
            r, alt = r[:-1], alt[:-1]
        assert pos >= at and ref[pos:pos + len(r)] == r, line
        out += [ref[at:pos], alt]
        at = pos + len(r)
    haplotypes.append("".join(out) + ref[at:])
lost = [r for r in open(sys.argv[3]).read().split() if r not in haplotypes[0] and r not in haplotypes[1]]
if lost:
    print(len(lost), lost[0])
    sys.exit(1)
PY
done

# plausible: transitions, indels, rare alleles, depth
"$KUNI" simulate --quiet --no-reads --samples 100 --contigs chr20 --length 400k --seed 6 --out "$work/many" >/dev/null
cd "$work/many"
bcftools stats truth.vcf.gz >"$work/stats"
awk '$1 == "TSTV" {r = $5} /number of SNPs:/ {s = $NF} /number of indels:/ {i = $NF}
    END {print "ti/tv", r, "SNPs", s, "indels", i; exit !(r > 1.7 && r < 2.6 && s / i > 5 && s / i < 12)}' \
    "$work/stats" || fail "transitions or indels"
bcftools query -f '%AC\n' truth.vcf.gz | tr , '\n' |
    awk '{n++; one += $1 == 1; common += $1 > 20} END {print "singletons", one / n, "common", common / n
        exit !(one / n > 0.3 && one / n < 0.7 && common / n > 0.1)}' || fail "allele frequencies"

# refusals
refuse() { # TEXT OPTIONS...
    local text=$1
    shift
    if "$KUNI" simulate --quiet "$@" >/dev/null 2>"$work/log"; then fail "took $*"; else [ $? -eq 64 ] || fail "status of $*"; fi
    grep -q -- "$text" "$work/log" || { cat "$work/log"; fail "no '$text' for $*"; }
    [ "$(wc -l <"$work/log")" -eq 1 ] || { cat "$work/log"; fail "more than a line for $*"; }
}
refuse 'holds files already' --out "$work/many"
refuse 'needs a length' --contigs chr1:10 --out "$work/new"
refuse 'no value of --depth' --depth 3:2 --out "$work/new"
refuse 'trios need' --trios 2 --out "$work/new"
refuse 'needs --reference' --region chr1 --out "$work/new"
refuse 'is no region' --reference "$work/many/reference.fa" --region chr1:5-2000 --out "$work/new"
[ ! -e "$work/new" ] || fail "a refusal left a folder behind"
# a full disk: htslib 1.16 overruns the stack where a CRAM file's last container finds no room, which must not be met
mkdir "$work/small"
for size in 60k 200k 300k 400k; do
    mount -t tmpfs -o size=$size tmpfs "$work/small" 2>/dev/null || { left_out "full disk: no right to mount"; break; }
    status=0
    "$KUNI" simulate --quiet --samples 3 --contigs chr20:100k --out "$work/small/c" >/dev/null 2>"$work/log" || status=$?
    [ ! -e "$work/small/c/workflow.yaml" ] || status=whole
    umount "$work/small"
    [ "$status" = 74 ] || { cat "$work/log"; fail "a disk of $size gives $status, expected 74"; }
    grep -q 'space' "$work/log" || { cat "$work/log"; fail "no word of space for a disk of $size"; }
done
echo "all right"
