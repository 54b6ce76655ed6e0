#!/bin/bash
# SPDX-License-Identifier: MIT
# The plugin of docs/plugin.md builds as the page says, runs beside calling, and counts what samtools counts.
. "$(dirname "$0")/../lib.sh"
need_tools samtools "${CC:-cc}" pkg-config
cd "$work"
awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$source_tree/docs/plugin.md" >mapq0.c
# shellcheck disable=SC2046
"${CC:-cc}" -std=c11 -O2 -Wall -Wextra -Werror -shared -fPIC -I "$source_tree/include" $(pkg-config --cflags htslib) -o mapq0.so mapq0.c
"$KUNI" stages ./mapq0.so >described
grep -q 'most: integer, 0 to 254 phred \[0\]' described
"$KUNI" simulate --out cohort --samples 3 --contigs chr20:60k --paralogs 1 --depth 8 --quiet >made
cat >workflow.yaml <<'YAML'
version: 1
reference: cohort/reference.fa
cohort: cohort/manifest.tsv
dataset: dataset
regions: {contigs: [chr20], shard: 7kb, ploidy: diploid}
batch: 2
stages:
  - {id: call, uses: call-variants}
  - {id: mapq0, plugin: ./mapq0.so, with: {most: 3}}
YAML
workflow=workflow.yaml run dataset 0
echo -e 'sample\treads\tnot_placed' >expected
for reads in cohort/reads/*.cram; do
    sample=${reads##*/}
    all=$(samtools view -c -F 0x904 -T cohort/reference.fa "$reads")
    placed=$(samtools view -c -F 0x904 -q 4 -T cohort/reference.fa "$reads")
    echo -e "${sample%.cram}\t$all\t$((all - placed))"
done >>expected
awk 'NR > 1 && ($2 == 0 || $3 == 0) { print "nothing to count"; exit 1 }' expected
diff expected dataset/current/qc/mapq0.tsv
echo "plugin: as documented"
