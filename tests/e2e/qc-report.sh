#!/bin/bash
# SPDX-License-Identifier: MIT
# The published QC of a drawn cohort: JSON and tables hold together, the GA4GH names are exact, and the report page draws
# itself in a browser without an error and without reaching out.
#
# Environment: QC_COHORT, the program tests/bench/qc_cohort.
. "$(dirname "$0")/../lib.sh"
QC_COHORT=${QC_COHORT:?}
need_tools python3 cmake

"$QC_COHORT" 1100 "$work/qc" 2000 samtools_stats=true >/dev/null
python3 - "$work/qc" <<'PYTHON'
import csv, json, sys, tarfile
folder = sys.argv[1]
names = """yield_bp_q30 mean_autosome_coverage mad_autosome_coverage pct_autosomes_15x pct_reads_mapped pct_reads_properly_paired
mean_insert_size insert_size_std_deviation cross_contamination_rate count_snvs count_insertions count_deletions
ratio_heterozygous_homzygous_snv ratio_heterozygous_homzygous_indel ratio_insertion_deletion
ratio_transitions_transversions_snv""".split()
rows = list(csv.DictReader(open(f"{folder}/sample_qc.tsv"), delimiter="\t"))
assert len(rows) == 1100
metrics = json.load(open(f"{folder}/wgs_qc_metrics.json"))
assert [m["biosample"]["id"] for m in metrics] == [r["sample_id"] for r in rows]
for metric, row in zip(metrics, rows):
    assert list(metric["wgs_qc_metrics"]) == names, list(metric["wgs_qc_metrics"])
    for name, value in metric["wgs_qc_metrics"].items():
        assert float(row[name]) == value, (name, row[name], value)
dictionary = [r for r in csv.DictReader(open(f"{folder}/data_dictionary.tsv"), delimiter="\t") if r["table"] == "sample_qc.tsv"]
assert [r["column"] for r in dictionary] == list(rows[0])
assert [r["column"] for r in dictionary if r["standard"].startswith("GA4GH")] == names
failures = list(csv.DictReader(open(f"{folder}/failures.tsv"), delimiter="\t"))
assert {f["sample_id"] for f in failures if f["outcome"] == "fail"} == {r["sample_id"] for r in rows if r["outcome"] == "fail"}
assert [f["site"] for f in failures] == sorted(f["site"] for f in failures)
assert all(f["source"] and f["advice"] for f in failures)
related = list(csv.DictReader(open(f"{folder}/related.tsv"), delimiter="\t"))
assert sum(r["verdict"] == "expected" for r in related) == 6 and sum(r["verdict"] == "conflict" for r in related) == 1
assert all(r["relation"] == "parent_child" for r in related if r["verdict"] == "expected")
curves = json.load(open(f"{folder}/kuni_coverage_mqc.json"))
assert 0 < len(curves["data"]) <= 2000 and curves["plot_type"] == "linegraph"
archive = tarfile.open(f"{folder}/samtools_stats.tar.gz")
assert len(archive.getnames()) == 1100
# MultiQC takes a file for samtools stats by these words, wherever they stand in its first lines.
assert b"This file was produced by samtools stats" in archive.extractfile("KN000001.stats.txt").read(400)
page = open(f"{folder}/report.html").read()
data = json.loads(page.split('id="data">')[1].split("</script>")[0])
assert data["meta"]["samples"] == 1100 and len(data["samples"]["id"]) == 1100
assert data["meta"]["fail"] == sum(r["outcome"] == "fail" for r in rows)
assert "https://" not in page.split('id="data">')[0]
PYTHON

# Where npm is absent or fails, the build says why, and the bundle holds what the page tells of it: nothing of this machine.
report=$source_tree/stages/alignment_qc/report
# shellcheck disable=SC2016 # the script's own
printf '#!/bin/sh\necho "npm ERR! code ENOTFOUND" >&2\necho "npm ERR! no registry at $PWD" >&2\nexit 7\n' >"$work/npm"
chmod +x "$work/npm"
bundle() { # NPM WHY
    rm -rf "$work/bundle"
    cmake -DNPM="$1" -DWHY="$2" -DFROM="$report" -DTO="$work/bundle" -P "$report/Bundle.cmake" >"$work/said" 2>&1
}
bundle "" "npm was not found" || fail "the build ends where npm is absent"
grep -q 'tables and no charts: npm was not found' "$work/said" || fail "the build does not say that npm is absent"
[ "$(cat "$work/bundle/charts.bundle.js")" = 'window.kuniNoCharts = "npm was not found";' ] || fail "the bundle without npm"
bundle "$work/npm" "" || fail "the build ends where npm fails"
grep -q 'tables and no charts: npm ci failed (7): code ENOTFOUND no registry' "$work/said" || fail "the build does not say why npm failed"
grep -q 'ENOTFOUND' "$work/bundle/no-charts.txt" || fail "the reason is not kept"
[ "$(cat "$work/bundle/charts.bundle.js")" = 'window.kuniNoCharts = "npm ci failed (7)";' ] || fail "the bundle where npm fails"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if grep -q 'kuniNoCharts = "' "$work/qc/report.html"; then left_out "charts: this build has none"; fi
[ -n "$browser" ] || { left_out "drawing the page: no browser on PATH"; exit 0; }
# A number of the page's own making, and the table of failures, must stand in the drawn page.
timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update \
    --no-first-run --user-data-dir="$work/profile" --host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --timeout=10000 --dump-dom \
    "file://$work/qc/report.html" >"$work/dom.html" 2>"$work/browser.log" || { left_out "drawing the page: the browser does not run here"; exit 0; }
for text in '1,100 samples' 'Failures and flags' 'Distributions over the cohort' 'yield bp q30' 'class="badge fail"'; do
    grep -q "$text" "$work/dom.html" || { grep -i console "$work/browser.log" || true; fail "the page lacks '$text'"; }
done
if grep -E 'Uncaught|CONSOLE.*(rror|refused)' "$work/browser.log"; then fail "the page reports errors"; fi
echo "tables, JSON and page hold together"
