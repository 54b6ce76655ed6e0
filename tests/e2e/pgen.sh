#!/bin/bash
# SPDX-License-Identifier: MIT
# kuni export -f pgen beside plink2's own conversion of the dense calls: the same genotypes, phase, sites, for any
# number of samples; and what kuni's encoder makes of genotypes that no small dataset has (many alleles, half calls,
# more than a block of 65,536 variants).
. "$(dirname "$0")/../lib.sh"
need_faults
need_tools plink2 bcftools tabix
go_on=1
cd "$work"
plink2 --version

# ask ARGUMENTS...: plink2, which must not fail
ask() {
    plink2 --threads 1 --memory 1000 "$@" >asked.log 2>&1 || { fail "plink2 $*"; tail -5 asked.log; }
}

# same_genotypes A B WHAT: by what plink2 writes of both
same_genotypes() {
    ask --pfile "$1" --validate
    grep -q 'Validating .*done' asked.log || fail "$3: plink2 --validate"
    ask --pfile "$1" --export vcf --out one
    ask --pfile "$2" --export vcf --out other
    cmp -s <(grep -v '^##' one.vcf) <(grep -v '^##' other.vcf) || fail "$3: genotypes differ"
    [ "$(grep -vc '^#' one.vcf)" -gt 0 ] || fail "$3: nothing was compared"
}

"$KUNI" simulate --quiet -n 9 --contigs chr20:70k,chrX:40k,chrY:20k -d 8:30 --clusters 0.2 -o cohort
cat >w.yaml <<'YAML'
version: 1
name: pgen
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
pedigree: cohort/pedigree.ped
dataset: dataset
regions: {shard: 30kb, ploidy: cohort/ploidy.bed}
batch: 4
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
YAML
"$KUNI" run w.yaml 2>run.log || { cat run.log; exit 1; }

# All, and each number of samples up to nine: bytes are full at four and at eight.
samples=''
for n in 1 2 3 4 5 6 7 8 9; do
    samples=$samples${samples:+,}S00000$n
    "$KUNI" export -f plink -S "$samples" -o dense.bcf w.yaml >/dev/null
    "$KUNI" export -f pgen -S "$samples" -o "n$n" w.yaml >/dev/null
    ask --bcf dense.bcf --psam dense.psam --split-par 4000 40001 --make-pgen pvar-cols=-info --out plink
    same_genotypes "n$n" plink "$n samples"
    # plink2 writes a line of its own for PASS
    cmp -s <(grep -v 'FILTER=<ID=PASS' "n$n.pvar") <(grep -v 'FILTER=<ID=PASS' plink.pvar) || fail "$n samples: .pvar"
    cmp -s "n$n.psam" dense.psam || fail "$n samples: .psam"
done
[ "$(grep -v '^#' n9.pvar | cut -f7 | grep -vc PASS)" -gt 0 ] || fail "no filtered record was tried"
[ "$(grep -v '^#' n9.pvar | cut -f1 | sort -u | tr '\n' ' ')" = '20 PAR1 X Y ' ] || fail "contigs: $(cut -f1 n9.pvar | sort -u)"
grep -v '^#' other.vcf | cut -f10- >calls
grep -q '|' calls || fail "no phase was tried"
grep -q '1/2' calls || fail "no genotype of two ALTs was tried"

# The same bytes from any number of processes and ranks; nothing is left behind.
part=(-r "chr20:10000-61000,chrX" w.yaml)
"$KUNI" export -f pgen -o one "${part[@]}" >printed
[ "$(tr '\n' ' ' <printed)" = 'one.pgen one.pvar one.psam ' ] || fail "printed: $(cat printed)"
"$KUNI" export -f pgen -j 3 -o three.pgen "${part[@]}" >/dev/null
have mpirun && ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 mpirun --oversubscribe -n 2 "$KUNI" export -f pgen -j 2 -o ranks "${part[@]}" >/dev/null
for file in pgen pvar psam; do
    cmp "one.$file" "three.$file" || fail "three processes write another .$file"
    ! have mpirun || cmp "one.$file" "ranks.$file" || fail "two ranks write another .$file"
done
find . -maxdepth 1 \( -name '*.part*' -o -name '*.head' -o -name '*.index*' \) | grep . && fail "pieces are left"

# A full disk leaves no .pgen beside files that it does not belong to, nor an old one.
KUNI_FAULT=write:4 "$KUNI" export -f pgen -o one "${part[@]}" >/dev/null 2>&1 && fail "a full disk is not noticed"
find . -maxdepth 1 -name '*.part*' | grep . && fail "pieces are left after a fault"
KUNI_FAULT=rename:5 "$KUNI" export -f pgen -o one -r chrY w.yaml >/dev/null 2>&1 && fail "a failed rename is not noticed"
[ ! -e one.pgen ] || cmp -s one.pgen three.pgen || fail "a .pgen of another export"
[ ! -e one.pgen ] || cmp -s one.pvar three.pvar || fail "a .pgen beside the .pvar of another export"
"$KUNI" export -f pgen -o none -r chr20:1-2 w.yaml 2>message && fail "no variants: not refused"
grep -q 'takes no file without variants' message || fail "no variants: $(cat message)"
"$KUNI" export -f pgen -o x.bcf w.yaml 2>message && fail "a .pgen by the name of a BCF"

# Sites as a table: a line an allele, with the call set's counts, in minimal form.
"$KUNI" export -f sites-tsv -o sites.tsv.gz w.yaml >/dev/null
"$KUNI" export -f sites-tsv -j 3 -o three.tsv.gz w.yaml >/dev/null
cmp sites.tsv.gz three.tsv.gz || fail "three processes write another table"
"$KUNI" export -f bcf -o all.bcf w.yaml >/dev/null
bcftools norm -m- -f cohort/reference.fa -Ou all.bcf 2>/dev/null | bcftools view -e 'ALT="*"' -Ou |
    bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\t%FILTER\t%AC\t%AN\t%AF\t%nhomalt\t%AC_XX\t%nhemi_XY\n' | sort >expected
zcat sites.tsv.gz | awk -F'\t' -v OFS='\t' 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
    { print $1, $2, $3, $4, $c["FILTER"], $c["AC"], $c["AN"], $c["AF"], $c["nhomalt"], $c["AC_XX"], $c["nhemi_XY"] }' | sort >found
cmp -s found expected || { fail "the table of sites differs from the calls"; diff found expected | head -4; }
[ "$(wc -l <found)" -gt "$(grep -vc '^#' n9.pvar)" ] || fail "no record of several ALTs was tried"
zcat sites.tsv.gz | awk '$1 == "chrX" && $2 >= 10000 && $2 <= 20000' >expected
{ tabix sites.tsv.gz chrX:10000-20000 || true; } >found
cmp -s found expected || fail "the index of the table is no good"

# Genotypes by chance, as plink2 reads them from VCF.
python3 - <<'PY'
import random

random.seed(7)


def write(name, samples, variants, alts, rare):
    """A VCF of random genotypes; `rare` of them are others than 0/0."""
    with open(name, "w", encoding="ascii") as out:
        ids = "\t".join(f"S{i}" for i in range(samples))
        out.write('##fileformat=VCFv4.2\n##contig=<ID=1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
                  f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{ids}\n")
        for v in range(variants):
            n = random.choice(alts)
            spelled = ",".join("A" + "".join("ACGT"[k >> 2 * i & 3] for i in range(5)) for k in range(n))
            common = random.choice(["0/0", "0/0", "0/0", "1/1", "./.", "0/1"])
            share = random.choice(rare)
            calls = []
            for _ in range(samples):
                if random.random() >= share:
                    calls.append(common)
                    continue
                a, b = (random.choice([".", 0, 1, random.randint(0, n)]) for _ in "ab")
                calls.append(f"{a}{random.choice('/|')}{b}")
            columns = "\t".join(calls)
            out.write(f"1\t{v + 1}\tv{v}\tA\t{spelled}\t.\t.\t.\tGT\t{columns}\n")


write("blocks.vcf", 5, 66000, [1], [0.3])
write("many.vcf", 1000, 150, [1, 1, 2, 3, 4, 5, 6, 16, 17, 18, 254], [0.001, 0.02, 0.1, 0.6])
write("edge.vcf", 257, 150, [1, 2, 3], [0.01, 0.1, 0.6])
PY
for name in blocks many edge; do
    "$PGEN_OF_VCF" "$name.vcf" "$name" || fail "$name: not written"
    ask --vcf "$name.vcf" --vcf-half-call missing --make-pgen --out plink
    cp plink.psam "$name.psam"
    same_genotypes "$name" plink "$name"
    ours=$(stat -c %s "$name.pgen") theirs=$(stat -c %s plink.pgen)
    [ $((10 * ours)) -le $((13 * theirs)) ] || fail "$name: $ours bytes, plink2's has $theirs"
done

verdict "plink2 finds what it would have written itself"
