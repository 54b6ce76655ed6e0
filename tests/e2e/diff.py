#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kuni diff between the generations of a small dataset, held against a count of its own: over what `bcftools norm` and
`bcftools query` print of both files, site by site and sample by sample.

environment: KUNI; needs bcftools
"""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile

from people import KUNI, want


class Dataset:
    def __init__(self, folder):
        self.folder = os.path.join(folder, "cohort")
        subprocess.run([KUNI, "simulate", "--quiet", "-n", "12", "--contigs", "chr20:60k,chrX:30k", "-d", "12", "--seed", "5",
                        "-o", self.folder], check=True, stdout=subprocess.DEVNULL)
        with open(self.path("workflow.yaml")) as f:
            lines = [line for line in f if not line.startswith("pedigree:")]
        with open(self.path("workflow.yaml"), "w") as f:
            f.writelines(line + ("batch: 5\nkeep: 50\n" if line.startswith("dataset:") else "") for line in lines)
        with open(self.path("manifest.tsv")) as f:
            self.rows = f.readlines()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def kuni(self, *words, expect=0):
        done = subprocess.run([KUNI, *words], cwd=self.folder, stdin=subprocess.DEVNULL, text=True, capture_output=True)
        want(done.returncode == expect, f"kuni {' '.join(words)}: {done.returncode}, not {expect}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def run(self, recall=False):
        """Publishes, and gives the number of the generation."""
        self.kuni(*(("recall", "--yes") if recall else ("run",)), "--quiet", "workflow.yaml")
        return int(os.readlink(self.path("dataset/current"))[-6:])

    def manifest(self, n):
        with open(self.path("manifest.tsv"), "w") as f:
            f.writelines(self.rows[:n + 1])

    def diff(self, first, second, *options):
        listed = self.path("listed.tsv")
        told = json.loads(self.kuni("diff", "--json", "--sites", listed, "dataset", str(first), str(second), *options))
        sums = collections.Counter()
        with open(listed) as f:
            next(f)
            for line in f:
                fields = line.rstrip("\n").split("\t")
                sums[fields[4], fields[5]] += int(fields[6])
        names = {("sites", k): f"sites_{k}" for k in ("gained", "lost", "counts", "filter")}
        if told["genotypes"]:
            names.update({("genotypes", k): f"genotypes_{k}" for k in ("gained", "lost", "changed")})
        for (group, kind), name in names.items():
            of = told[group][kind]
            want(sum(of["causes"].values()) == of["all"], f"causes of {name} do not sum")
            for cause, n in of["causes"].items():
                want(sums.pop((name, cause), 0) == n, f"the list has another number of {name} by {cause}")
        want(not sums, f"the list has more: {sums}")
        for group in ("sites", "genotypes") if told["genotypes"] else ("sites",):
            of = told[group]
            want(of["to"] == of["from"] + of["gained"]["all"] - of["lost"]["all"], f"{group} do not sum")
        return told


class Calls:
    """A published file, in the sense of bcftools: sites after splitting, genotypes as copies of the ALT."""

    def __init__(self, dataset, generation):
        path = dataset.path("dataset/generations", f"{generation:06d}", "national.bcf")
        self.samples = subprocess.run(["bcftools", "query", "-l", path], check=True, text=True, capture_output=True).stdout.split()
        norm = subprocess.Popen(["bcftools", "norm", "-m", "-any", "-f", dataset.path("reference.fa"), "-Ou", path],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        text = subprocess.run(["bcftools", "query", "-f", "%CHROM\t%POS\t%REF\t%ALT\t%FILTER[\t%GT]\n", "-"], check=True, text=True,
                              stdin=norm.stdout, capture_output=True).stdout
        self.sites, self.filters = {}, {}
        for line in text.splitlines():
            fields = line.split("\t")
            site = tuple(fields[:4])
            if fields[3] in ("*", "."):
                continue
            self.filters[site] = frozenset(fields[4].split(";"))
            self.sites[site] = {}
            for sample, gt in zip(self.samples, fields[5:]):
                alleles = gt.replace("|", "/").split("/")
                if "." not in alleles:
                    self.sites[site][sample] = (alleles.count("1"), len(alleles))

    def counts(self, site):
        of = self.sites[site].values()
        return sum(c for c, _ in of), sum(n for _, n in of)


def count(a, b):
    """Differences of each kind, and of sites those that only people who came or went carry."""
    common = set(a.samples) & set(b.samples)
    found = collections.Counter()
    for site in a.sites.keys() | b.sites.keys():
        x, y = (({s: g for s, g in c.sites[site].items() if s in common}) if site in c.sites else None for c in (a, b))
        for kind, one, other, of in (("lost", x, y, a), ("gained", y, x, b)):
            if one is not None and other is None:
                found["sites", kind] += 1
                found["genotypes", kind] += len(one)
                carried = any(copies for copies, _ in one.values())
                found["alone", kind] += not carried and any(copies for copies, _ in of.sites[site].values())
        if x is None or y is None:
            continue
        found["sites", "counts"] += a.counts(site) != b.counts(site)
        found["sites", "filter"] += a.filters[site] != b.filters[site]
        found["genotypes", "gained"] += len(y.keys() - x.keys())
        found["genotypes", "lost"] += len(x.keys() - y.keys())
        found["genotypes", "changed"] += sum(x[s] != y[s] for s in x.keys() & y.keys())
    found["sites", "from"], found["sites", "to"] = len(a.sites), len(b.sites)
    for name, of in (("from", a), ("to", b)):
        found["genotypes", name] = sum(len(g.keys() & common) for g in of.sites.values())
    return found


def hold(dataset, first, second, people):
    """Counts by the program and by bcftools; `people`: those of (gained, lost) sites that are people's own."""
    told, found = dataset.diff(first, second), count(Calls(dataset, first), Calls(dataset, second))
    for group, kinds in (("sites", ("gained", "lost", "counts", "filter")), ("genotypes", ("gained", "lost", "changed"))):
        for kind in kinds:
            want(told[group][kind]["all"] == found[group, kind],
                 f"{first} to {second}: {group} {kind}: {told[group][kind]['all']} told, {found[group, kind]} counted")
        for end in ("from", "to"):
            want(told[group][end] == found[group, end], f"{group} {end}: {told[group][end]}, {found[group, end]} counted")
    for kind, causes in zip(("gained", "lost"), people):
        n = sum(told["sites"][kind]["causes"].get(cause, 0) for cause in causes)
        want(n == found["alone", kind], f"{kind} by {causes}: {n}, {found['alone', kind]} counted")
    return told


def causes(told, group, kind):
    return set(told[group][kind]["causes"])


def main():
    with tempfile.TemporaryDirectory(prefix="kuni-diff-") as folder:
        data = Dataset(folder)
        data.manifest(8)
        first = data.run()
        data.manifest(12)
        grown = data.run()
        told = hold(data, first, grown, (["new"], []))
        want(told["sites"]["gained"]["causes"]["new"] > 10, "new people bring hardly a site")
        want(told["people"] == {"both": 8, "came": {"new": 4}, "went": {}}, f"people: {told['people']}")
        want(causes(told, "sites", "gained") <= {"new", "others"} and causes(told, "genotypes", "changed") <= {"others"},
             "growth has other causes than people")

        data.kuni("withdraw", "--yes", "workflow.yaml", "S000002", "S000007")
        fewer = data.run()
        told = hold(data, grown, fewer, ([], ["withdrawal"]))
        want(told["sites"]["lost"]["causes"]["withdrawal"] > 10, "hardly a site is lost")
        want(told["people"]["went"] == {"withdrawal": 2} and told["history"]["withdrawn"]["samples"] == 2, "who went")
        for name in os.listdir(data.path("dataset/generations", f"{fewer:06d}")):
            if name == "dataset.json":
                with open(data.path("dataset/generations", f"{fewer:06d}", name)) as f:
                    want("S000002" not in f.read(), "dataset.json names somebody who withdrew")

        # An expression of a filter, and a new one: no site, no genotype, FILTER alone.
        with open(data.path("workflow.yaml")) as f:
            before = f.read()
        with open(data.path("workflow.yaml"), "w") as f:
            f.write(before.replace("    uses: joint-genotype\n",
                                   "    uses: joint-genotype\n    with: {filters: ['Rare: AC < 2', 'LowQD: QD < 20']}\n"))
        filtered = data.run()
        told = hold(data, fewer, filtered, ([], []))
        want(told["sites"]["filter"]["all"] > 10 and causes(told, "sites", "filter") == {"filter"}, "filters")
        want(not any(told["sites"][k]["all"] for k in ("gained", "lost", "counts")), "a filter changes sites")
        want([(s["stage"], s["what"]) for s in told["settings"]] == [("joint", "filters")], f"settings: {told['settings']}")

        # Another setting, which takes genotypes away.
        with open(data.path("workflow.yaml"), "w") as f:
            f.write(before.replace("    uses: joint-genotype\n", "    uses: joint-genotype\n    with: {min_gq: 30}\n"))
        strict = data.run()
        told = hold(data, fewer, strict, ([], []))
        want(told["genotypes"]["lost"]["causes"].get("settings", 0) > 10 and causes(told, "genotypes", "lost") == {"settings"},
             "a setting")
        # Over two steps, with both: each difference still has one cause, and people go before settings.
        told = hold(data, grown, strict, ([], ["withdrawal"]))
        want({"withdrawal", "settings"} <= causes(told, "genotypes", "lost"), "both causes")

        # Back again: all is as it was.
        with open(data.path("workflow.yaml"), "w") as f:
            f.write(before)
        data.kuni("reinstate", "--yes", "workflow.yaml", "S000002", "S000007")
        back = data.run()
        told = hold(data, fewer, back, (["reinstatement"], []))
        want(told["people"]["came"] == {"reinstatement": 2}, f"who came: {told['people']}")
        told = data.diff(grown, back)
        want(not any(told[g][k]["all"] for g, k in (("sites", "gained"), ("sites", "lost"), ("sites", "counts"),
                                                    ("sites", "filter"), ("genotypes", "changed"))), "all is as it was")

        # Evidence made again, by other settings of the caller.
        with open(data.path("workflow.yaml"), "w") as f:
            f.write(before.replace("    uses: call-variants\n", "    uses: call-variants\n    with: {min_base_quality: 30}\n"))
        recalled = data.run(recall=True)
        told = hold(data, back, recalled, ([], []))
        want("recalled" in told["history"] and told["settings"][0]["what"] == "min_base_quality", "no recall is told")
        want(causes(told, "sites", "gained") | causes(told, "sites", "lost") | causes(told, "genotypes", "changed") == {"recall"},
             f"a recall: {told['sites']} {told['genotypes']}")
        with open(data.path("workflow.yaml"), "w") as f:
            f.write(before)

        # The sites alone, and what people read.
        told = data.diff(first, grown, "--file", "national.sites.vcf.gz")
        want(told["genotypes"] is None and told["people"] is None, "genotypes of a file without")
        want(told["sites"]["gained"]["all"] == count(Calls(data, first), Calls(data, grown))["sites", "gained"], "sites alone")
        want(causes(told, "sites", "gained") == {"new"} and causes(told, "sites", "lost") <= {"others"}, "causes of sites alone")
        text = data.kuni("diff", "workflow.yaml", str(first), "current")
        want("new samples" in text and "SITES" in text and "GENOTYPES" in text, f"unclear: {text}")
        copy = data.path("copy")
        shutil.copytree(data.path("dataset/generations", f"{first:06d}"), copy)
        text = data.kuni("diff", copy, "dataset/current")
        want("history   not known" in text, f"a copy has a history: {text}")

        faults(data, copy, first, grown)
        print("all right")


def faults(data, copy, first, grown):
    text = data.kuni("diff", "dataset", str(grown), str(first), expect=64)
    want("name the older first" in text, f"unclear: {text}")
    text = data.kuni("diff", "dataset", "1", "99", expect=64)
    want("no generation 99" in text and "1, 2" in text and text.count("\n") == 1, f"unclear: {text}")
    want("expected the number" in data.kuni("diff", "dataset", "one", "2", expect=64), "a word for a number")
    want("no generation" in data.kuni("diff", data.folder, copy, expect=64), "a folder that is none")
    want("no none.bcf" in data.kuni("diff", "dataset", "1", "2", "-f", "none.bcf", expect=64), "a file that is not published")
    os.truncate(os.path.join(copy, "national.bcf"), 5000)
    text = data.kuni("diff", "--sites", data.path("none.tsv"), copy, "dataset/current", expect=74)
    want("kuni verify" in text and not os.path.exists(data.path("none.tsv")), f"unclear: {text}")
    shutil.copy(os.path.join(data.path("dataset/generations", f"{first:06d}"), "national.bcf"), copy)
    with open(os.path.join(copy, "national.bcf"), "r+b") as f: # rot: nothing that either says explains it
        f.seek(os.path.getsize(os.path.join(copy, "national.bcf")) // 2)
        f.write(b"\0" * 64)
    data.kuni("diff", copy, "dataset/current", expect=74)
    # `keep` takes the old ones away: one line says so
    with open(data.path("workflow.yaml")) as f:
        lines = f.read().replace("keep: 50", "keep: 2")
    with open(data.path("workflow.yaml"), "w") as f:
        f.write(lines)
    data.kuni("withdraw", "--yes", "workflow.yaml", "S000001")
    newest = data.run(recall=True)
    text = data.kuni("diff", "dataset", "1", str(newest), expect=64)
    want(f"there is {newest - 1} and {newest}" in text and "`keep`" in text, f"unclear: {text}")


if __name__ == "__main__":
    main()
