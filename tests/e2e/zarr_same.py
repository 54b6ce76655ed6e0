#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds a VCF Zarr store against another, array by array: names, shapes, types, chunks, dimensions, values.

    zarr_same.py OURS THEIRS

Only the phase of records in which everybody has one copy is left aside: vcf2zarr takes it from the next sample (cyvcf2 reads
past a single copy), and kuni calls single copies phased; and kuni has no array of a FORMAT field that no record has. Descriptions may differ.
Exit status 77: no zarr here.
"""
import sys

try:
    import numpy
    import zarr
except ImportError as missing:
    print(f"no {missing.name} in {sys.executable}")
    sys.exit(77)


def difference(ours, theirs, two_copies):
    """What differs between two arrays, or None."""
    for what in ("shape", "dtype", "chunks"):
        if getattr(ours, what) != getattr(theirs, what):
            return f"{what} {getattr(ours, what)}, not {getattr(theirs, what)}"
    if ours.attrs["_ARRAY_DIMENSIONS"] != theirs.attrs["_ARRAY_DIMENSIONS"]:
        return "dimensions"
    if 0 in ours.shape:
        return None
    a, b = ours[:], theirs[:]
    if two_copies is not None:
        a, b = a[two_copies], b[two_copies]
    if a.dtype.kind == "f":  # NaNs of their own kinds are what is missing, and what is not there
        a, b = a.view("i4"), b.view("i4")
    return None if (a == b).all() else f"{(a != b).sum()} of {a.size} values"


def main():
    ours, theirs = (zarr.open(path, mode="r") for path in sys.argv[1:3])
    faults = [f"only in ours: {name}" for name in set(ours.array_keys()) - set(theirs.array_keys())]
    faults += [f"only in theirs: {name}" for name in set(theirs.array_keys()) - set(ours.array_keys())
               if not name.startswith("call_") or (0 not in theirs[name].shape and (theirs[name][:] != -1).any())]
    compared = 0
    for name in sorted(set(ours.array_keys()) & set(theirs.array_keys())):
        phase = name == "call_genotype_phased"
        two = (theirs["call_genotype"][:][:, :, -1] != -2).any(axis=1) if phase else None
        found = difference(ours[name], theirs[name], two)
        if found:
            faults.append(f"{name}: {found}")
        compared += 1
    print("\n".join(faults) or f"{compared} arrays are the same ({numpy.prod(ours['call_genotype'].shape[:2])} genotypes)")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
