#!/bin/bash
# SPDX-License-Identifier: MIT
# MultiQC (PyPI; PYTHON names another one than python3) reads what a run publishes for it: both tables with everybody, both curves, and the texts of
# samtools stats; their numbers are those of the published tables.
. "$(dirname "$0")/../lib.sh"
need_tools python3
python=${PYTHON:-python3}
"$python" -c 'import multiqc' 2>/dev/null || skip "no multiqc in $python (pip install multiqc)"
cd "$work"

"$KUNI" simulate --quiet -n 4 --trios 1 --contigs chr20:30k,chrX:30k --seed 3 -o cohort
"$KUNI" run --quiet cohort/workflow.yaml >run.log 2>&1 || { cat run.log; exit 1; }
current=cohort/dataset/current
mkdir texts
tar -C texts -xzf $current/qc/samtools_stats.tar.gz
"$python" -m multiqc --quiet --no-ansi -o made $current/qc/multiqc $current/call-set/multiqc texts >multiqc.log 2>&1 || { tail -5 multiqc.log; fail "multiqc"; }
[ -s made/multiqc_report.html ] || fail "no report"
for name in kuni_alignment_qc_table kuni_call_set_table kuni_coverage_plot kuni_allele_frequencies_plot samtools_stats; do
    [ -s "made/multiqc_data/multiqc_$name.txt" ] || fail "MultiQC does not show $name"
done
python3 - "$current" made/multiqc_data <<'PYTHON'
import csv, sys
current, made = sys.argv[1:]
def rows(path, key):
    return {row[key]: row for row in csv.DictReader(open(path), delimiter="\t")}
for ours, theirs, column in (("qc/sample_qc.tsv", "multiqc_kuni_alignment_qc_table.txt", "mean_autosome_coverage"), ("call-set/samples.tsv", "multiqc_kuni_call_set_table.txt", "call_rate")):
    a, b = rows(f"{current}/{ours}", "sample_id"), rows(f"{made}/{theirs}", "Sample")
    assert len(a) == 4 and set(a) == set(b), (ours, set(a), set(b))
    name = next((c for c in next(iter(b.values())) if c.replace(" ", "_").endswith(column)), None)
    assert name, (theirs, list(next(iter(b.values()))))
    for sample in a:
        assert abs(float(a[sample][column]) - float(b[sample][name])) < 1e-6, (sample, a[sample][column], b[sample][name])
PYTHON
echo "MultiQC shows both reports and samtools stats"
