#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Expands a sparse call set (VCF 4.5: blocks by LEN, local alleles) to one value a sample and record.

    expand_sparse.py SPARSE.vcf.gz                 prints the expanded records: POS REF ALT, then GT:DP:RNC a sample
    expand_sparse.py SPARSE.vcf.gz DENSE.bcf ...   compares them with the records of dense call sets, in this order
    expand_sparse.py --exact ...                   blocks were not joined by bands of DP

What is compared: the alleles, FILTER, counts in INFO, and for every sample GT, DP, RNC, PS, GQ of samples with an event,
and AD and PL over REF and the sample's own alleles. DP of a block is the lower edge of the band that the dense DP is in.
GQ of a block is without the site's prior in a sparse file, so there only whether it is known. Also checked: no two blocks of a sample overlap, none covers a record in which the sample is told
of, every "." is covered, and Number=A fields have a value for <*>.
"""
import collections
import gzip
import subprocess
import sys

DP_EDGES = (0, 1, 10)  # joint-genotype's sparse_dp


def dense_lines(paths):
    for path in paths:
        text = subprocess.run(["bcftools", "view", "-H", path], check=True, capture_output=True, text=True).stdout
        yield from text.splitlines()


def known(value):
    return value is not None and value.replace(".", "").replace(",", "") != ""


def is_call(gt):
    return "." not in gt


class Sample:
    def __init__(self):
        self.block = None
        self.end = -1


class Faults:
    def __init__(self):
        self.count = collections.Counter()
        self.first = {}

    def add(self, kind, text):
        self.count[kind] += 1
        self.first.setdefault(kind, text)


def expand(lines, faults):
    """Yields (fields of the record, dict of ALT tags, list of (dict of the sample's fields, whether it began here))."""
    samples = None
    contig = None
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("##"):
            continue
        columns = line.split("\t")
        if line.startswith("#"):
            samples = [Sample() for _ in columns[9:]]
            continue
        if columns[0] != contig:
            contig = columns[0]
            for sample in samples:
                sample.end = -1
        pos, alts, names = int(columns[1]), columns[4].split(","), columns[8].split(":")
        where = f"{columns[0]}:{pos}"
        if alts[-1] != "<*>":
            faults.add("<*> does not stand last", where)
        if len(columns) - 9 != len(samples):
            faults.add("number of columns", where)
        row = []
        for number, (sample, text) in enumerate(zip(samples, columns[9:])):
            if text == ".":
                if sample.end < pos:
                    faults.add("a sample is not told of", f"{where} sample {number}")
                row.append((sample.block or {"GT": "?"}, False))
                continue
            cell = dict(zip(names, text.split(":")))
            if sample.end >= pos:
                faults.add("told of within a block", f"{where} sample {number} {text}")
            local = [int(i) for i in cell.get("LAA", ".").split(",") if i != "."]
            if known(cell.get("LEN")):
                sample.end = pos + int(cell["LEN"]) - 1
                sample.block = cell
                if int(cell["LEN"]) < 1 or local != [len(alts)]:
                    faults.add("block without length or <*>", f"{where} sample {number} {text}")
            elif local != sorted(set(local)) or any(i < 1 or i >= len(alts) for i in local):
                faults.add("local alleles", f"{where} sample {number} {text}")
            row.append((cell, True))
        yield columns, row


def compare_lists(kind, where, local, ours, theirs, genotypes, haploid, faults):
    """ours: over REF and local alleles, theirs: over all alleles of the record."""
    if known(ours) != known(theirs):
        faults.add(kind + " known in one only", f"{where}: {ours} {theirs}")
        return
    if not known(ours):
        return
    chosen, values = [0] + local, theirs.split(",")
    if genotypes and not haploid:
        want = [values[b * (b + 1) // 2 + a] for j, b in enumerate(chosen) for a in chosen[: j + 1]]
    else:
        want = [values[a] for a in chosen]
    if ours.split(",") != want:
        faults.add(kind + " differs", f"{where}: {ours} is not {want}")


def compare(columns, row, dense, bands, faults):
    other = dense.split("\t")
    where = f"{columns[0]}:{columns[1]}"
    if columns[:4] + [columns[4][:-4], columns[6]] != other[:5] + [other[6]]:
        faults.add("record differs", f"{columns[:7]} {other[:7]}")
        return
    infos = [dict(i.partition("=")[::2] for i in c[7].split(";")) for c in (columns, other)]
    for tag in ("AC", "nhet", "nhomalt", "AF", "AC_XX", "AF_XY"):
        if infos[0].get(tag, "").rsplit(",", 1)[0] != infos[1].get(tag, ""):
            faults.add("INFO differs", f"{where} {tag}: {infos[0].get(tag)} {infos[1].get(tag)}")
    for tag in ("AN", "NS", "NOCALL", "DP", "MQ", "ExcessHet"):
        if infos[0].get(tag) != infos[1].get(tag):
            faults.add("INFO differs", f"{where} {tag}: {infos[0].get(tag)} {infos[1].get(tag)}")
    names = other[8].split(":")
    for number, ((cell, begins), text) in enumerate(zip(row, other[9:])):
        theirs = dict(zip(names, text.split(":")))
        at = f"{where} sample {number} {cell} {theirs}"
        stretch = not begins or known(cell.get("LEN"))
        for tag in ("GT", "DP", "RNC"):
            ours, want = cell.get(tag) or ".", theirs.get(tag) or "."
            if tag == "DP" and stretch and bands and known(want):
                want = str(max(edge for edge in DP_EDGES if edge <= int(want)))
            if ours != want:
                faults.add(tag + " differs", at)
        if known(cell.get("GQ")) != known(theirs.get("GQ")):
            faults.add("GQ known in one only", at)
        if stretch:
            if known(theirs.get("AD")) or known(theirs.get("LAD")) or known(theirs.get("PS")):
                faults.add("a block where there is an event", at)
            continue
        for tag in ("GQ", "PS"):
            if known(cell.get(tag)) != known(theirs.get(tag)) or (known(cell.get(tag)) and cell[tag] != theirs[tag]):
                faults.add(tag + " differs", at)
        local = [int(i) for i in cell.get("LAA", ".").split(",") if i != "."]
        haploid = "/" not in cell["GT"] and "|" not in cell["GT"]
        if "LAA" in names:
            for tag in ("LAA", "LAD", "LPL"):
                ours, want = cell.get(tag) or ".", theirs.get(tag) or "."
                if known(ours) != known(want) or (known(ours) and ours != want):
                    faults.add(tag + " differs", at)
        else:
            compare_lists("AD", at, local, cell.get("LAD"), theirs.get("AD"), False, haploid, faults)
            compare_lists("PL", at, local, cell.get("LPL"), theirs.get("PL"), True, haploid, faults)


def main():
    bands = sys.argv[1] != "--exact"
    paths = sys.argv[1 if bands else 2 :]
    faults = Faults()
    seen = collections.Counter()
    dense = dense_lines(paths[1:]) if len(paths) > 1 else None
    with gzip.open(paths[0], "rt") as file:
        for columns, row in expand(file, faults):
            seen["records"] += 1
            seen["begun"] += sum(begins for _, begins in row)
            seen["values"] += len(row)
            for cell, _ in row:
                gt = cell["GT"]
                seen["haploid"] += "/" not in gt and "|" not in gt and is_call(gt)
                seen["reason " + cell.get("RNC", ".")] += 1
                seen["phased"] += "|" in gt
            alts = columns[4].split(",")
            seen["multiallelic"] += len([a for a in alts if a not in ("*", "<*>")]) > 1
            seen["spanning"] += "*" in alts
            if dense is None:
                values = [f"{c['GT']}:{c.get('DP') or '.'}:{c.get('RNC') or '.'}" for c, _ in row]
                print(columns[0], columns[1], columns[3], ",".join(alts[:-1]), *values)
                continue
            try:
                compare(columns, row, next(dense), bands, faults)
            except StopIteration:
                faults.add("more records than in the dense call set", columns[1])
    if dense is not None:
        faults.count["fewer records than in the dense call set"] += sum(1 for _ in dense)
        print(", ".join(f"{count} {name}" for name, count in sorted(seen.items())))
    for kind, count in faults.count.items():
        if count:
            print(f"FAULT: {kind}: {count} times; first: {faults.first.get(kind)}", file=sys.stderr)
    return any(faults.count.values())


if __name__ == "__main__":
    sys.exit(main())
