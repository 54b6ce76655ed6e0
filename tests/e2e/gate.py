#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The gate: whom quality control keeps out of the call set, and which of a participant's samples counts. The call set must be, byte
for byte, that of a cohort without those who are out; on one process and on three ranks.

environment: KUNI, MPIEXEC; needs bcftools
"""
import csv
import json
import os
import shutil
import sys
import tempfile

import people
from people import want


class GatedCohort(people.Cohort):
    """`limits`: of the profile's only metric."""

    def write(self, gate, limits, without=(), same=None, primary=()):
        with open(os.path.join(self.source, "workflow.yaml")) as f:
            text = f.read()
        where = text.index("stages:")
        stages = text[where:].replace("uses: alignment-qc", "uses: alignment-qc\n    with: {profile: ours, profiles: profiles.yaml}")
        want("profiles.yaml" in stages, "the simulated workflow has no alignment-qc")
        with open(self.path("workflow.yaml"), "w") as f:
            f.write(text[:where] + (f"gate: {{qc: {gate}}}\n" if gate else "") + stages)
        with open(self.path("profiles.yaml"), "w") as f:
            f.write("ours:\n  mean_autosome_coverage:\n")
            f.writelines(f"    {key}: {value}\n" for key, value in limits.items())
            f.write("    source: this test\n    advice: none\n")
        with open(os.path.join(self.source, "manifest.tsv")) as f:
            rows = [line.rstrip("\n").split("\t") for line in f]
        rows[0].append("primary")
        for row in rows[1:]:
            if same and row[1] == same[1]:
                row[0] = same[0]
            row.append("yes" if row[1] in primary else ".")
        with open(self.path("manifest.tsv"), "w") as f:
            f.writelines("\t".join(row) + "\n" for row in rows if row[1] not in without)

    def qc(self):
        with open(self.path("dataset/current/qc/sample_qc.tsv")) as f:
            return {row["sample_id"]: row for row in csv.DictReader(f, delimiter="\t")}

    def told(self):
        with open(self.path("dataset/current/dataset.json")) as f:
            gated = json.load(f)["gated"]
        with open(self.path("dataset/current/failures.tsv")) as f:
            rows = {row["sample_id"]: row["reason"] for row in csv.DictReader(f, delimiter="\t") if row["where"] == "gate"}
        want(sorted(gated) == sorted(rows), f"dataset.json says {gated}, failures.tsv {rows}")
        return rows

    def alone(self, without, limits, ranks):
        """The call set of a dataset that never knew them."""
        shutil.rmtree(self.path("dataset"), ignore_errors=True)
        self.write(None, limits, without=without)
        self.run(ranks=ranks)
        want(set(self.people()) == set(self.ids()) - set(without), "the fresh cohort has other people")
        return self.digest()


def by_coverage(cohort):
    cohort.fresh()
    cohort.write(None, {"fail_below": 0})
    cohort.run()
    rows = cohort.qc()
    return sorted(rows, key=lambda sample: float(rows[sample]["mean_autosome_coverage"])), rows


def outcomes(cohort):
    """gate.qc any, flag, pass: nobody is read again, and who is out is told."""
    order, rows = by_coverage(cohort)
    coverage = [float(rows[sample]["mean_autosome_coverage"]) for sample in order]
    limits = {"fail_below": (coverage[1] + coverage[2]) / 2, "flag_below": (coverage[4] + coverage[5]) / 2}
    failed, flagged = order[:2], order[2:5]
    for ranks in people.RANKS:
        expected = {None: cohort.alone((), limits, ranks), "flag": cohort.alone(failed, limits, ranks),
                    "pass": cohort.alone(failed + flagged, limits, ranks)}
        shutil.rmtree(cohort.path("dataset"))
        cohort.write("any", limits)
        cohort.run(ranks=ranks)
        want(cohort.digest() == expected[None] and not cohort.told(), "gate.qc any keeps somebody out")
        shutil.move(cohort.path("reads"), cohort.path("archive"))  # nothing of this needs them
        for gate, out in (("flag", failed), ("pass", failed + flagged), ("flag", failed)):
            cohort.write(gate, limits)
            text = cohort.kuni("run", "workflow.yaml", ranks=ranks)
            want(f"keeps out {len(out)} samples" in text, f"not told: {text}")
            want(cohort.digest() == expected[gate], f"gate.qc {gate}: not the call set of a cohort without {out}")
            told = cohort.told()
            want(sorted(told) == sorted(out), f"gate.qc {gate}: {told}")
            want(all("quality control says fail" in told[sample] for sample in failed), f"why? {told}")
            want(len(cohort.qc()) == 12, "who is out is not in the QC any more")
            # an export is of those who are in; naming another is an error
            cohort.kuni("export", "-o", "all.bcf", "workflow.yaml", ranks=0)
            want(cohort.people("all.bcf") == cohort.people(), "an export has other people")
            want(out[0] in cohort.kuni("export", "-s", out[0], "-o", "one.bcf", "workflow.yaml", expect=64), "exported")
            plan = cohort.kuni("plan", "workflow.yaml")
            want(f"{len(out)} kept out by the gate" in plan, f"kuni plan: {plan}")
            text = cohort.kuni("run", "workflow.yaml", ranks=ranks)
            want("unchanged" in text, f"a second run publishes anew: {text}")
        cohort.write("flag", {"fail_below": 1000})
        text = cohort.run(ranks=ranks, expect=65)
        want("gate lets nobody in" in text, f"unclear: {text}")
        want(cohort.digest() == expected["flag"], "published all the same")
        shutil.move(cohort.path("archive"), cohort.path("reads"))


def twins(cohort):
    """Two samples of one participant count once: the better one, or the one that is marked."""
    order, rows = by_coverage(cohort)
    sexes = {sample: rows[sample]["sex_declared"] for sample in order}
    low = order[0]
    high = next(sample for sample in reversed(order) if sexes[sample] == sexes[low])
    person = rows[high]["participant_id"]
    limits = {"fail_below": 0}
    for ranks in people.RANKS:
        without_low, without_high = cohort.alone((low,), limits, ranks), cohort.alone((high,), limits, ranks)
        shutil.rmtree(cohort.path("dataset"))
        cohort.write(None, limits, same=(person, low))
        cohort.run(ranks=ranks)
        want(cohort.digest() == without_low, "not the call set without the sample of less coverage")
        want(cohort.told() == {low: f"of this participant {high} counts"}, f"{cohort.told()}")
        cohort.write(None, limits, same=(person, low), primary=(low,))
        cohort.run(ranks=ranks)
        want(cohort.digest() == without_high, "primary has no effect")
        want(cohort.told() == {high: f"of this participant {low} counts"}, f"{cohort.told()}")
        # the marked one fails: the other counts
        cohort.write("flag", {"fail_below": float(rows[low]["mean_autosome_coverage"]) + 0.001},
                     same=(person, low), primary=(low,))
        cohort.run(ranks=ranks)
        want(cohort.digest() == without_low, "the sample that fails counts")


def main():
    with tempfile.TemporaryDirectory(prefix="kuni-gate-") as folder:
        cohort = GatedCohort(folder)
        for test in (outcomes, twins):
            if len(sys.argv) < 2 or test.__name__ in sys.argv:
                test(cohort)
                print(f"{test.__name__}: fine", flush=True)


main()
