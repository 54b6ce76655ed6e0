# SPDX-License-Identifier: MIT
"""What the scripts that hold import-gvcf and joint-genotype against known answers share."""
import bisect
import collections
import math
import os
import re
import subprocess

KUNI = os.environ.get("KUNI") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/kuni")
DATA = os.path.abspath(os.environ["KUNI_DATA"]) if os.environ.get("KUNI_DATA") else "/nonexistent"
WORKFLOW = """version: 1
reference: {reference}
cohort: cohort.tsv
dataset: dataset
regions: {{contigs: [{contigs}], shard: {shard}{ploidy}}}
stages:
  - {{id: import, uses: import-gvcf, with: {{{importing}}}}}
  - {{id: joint, uses: joint-genotype, needs: import, with: {{reference_cells: exact{joint}}}}}
  - {{id: national, uses: merge, needs: [import, joint]}}
"""


def no_data(*names):
    """Why test data (tests/README.md) that a test needs are not there, or None."""
    if DATA == "/nonexistent":
        return "no test data: KUNI_DATA is not set"
    missing = [name for name in names if not os.path.exists(os.path.join(DATA, name))]
    return "no %s in the test data" % ", ".join(missing) if missing else None


def skip(why):
    """The exit status of a test that is skipped, after it said why."""
    print("skipped: " + why)
    return 77


class Failed(Exception):
    """kuni ended with an error; its text is what it printed."""


def minimal(pos, ref, alt):
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, pos = ref[1:], alt[1:], pos + 1
    return pos, ref, alt


def normalised(base, pos, ref, alt):
    """Minimal and left-aligned; base(pos) is the reference at a 1-based position."""
    pos, ref, alt = minimal(pos, *on_reference(base, pos, ref, alt))
    while len(ref) != len(alt) and ref[-1] == alt[-1] and (len(ref) == 1 or len(alt) == 1) and pos > 1:
        before = base(pos - 1)
        ref, alt, pos = before + ref[:-1], before + alt[:-1], pos - 1
    return minimal(pos, ref, alt)


def on_reference(base, pos, ref, alt):
    """REF and ALT with the reference's bases in the place of REF's own: where either has no sure base, the reference decides, but for runs of N."""
    ref, alt = ref.upper(), alt.upper()
    near = [base(pos + k) for k in range(-1, len(ref) + 1)]
    alone = [b != "N" or (before != "N" and after != "N") for before, b, after in zip(near, near[1:], near[2:])]
    own = "".join(b if x else r for b, x, r in zip(near[1:], alone, ref))
    if own == ref or any(a != b and a in "ACGT" and b in "ACGT" for a, b in zip(own, ref)):
        return ref, alt
    front, back, most = 0, 0, min(len(ref), len(alt))
    while front < most and alt[front] == ref[front]:
        front += 1
    while front + back < most and alt[-1 - back] == ref[-1 - back]:
        back += 1
    return own, own[:front] + alt[front:len(alt) - back] + (own[-back:] if back else "")


def genotype(text):
    """Allele numbers of a GT; None: not called."""
    return [None if a == "." else int(a) for a in text.split(":", 1)[0].replace("|", "/").split("/") if a]


class Record:
    """A line of a VCF; samples[i] maps FORMAT keys to texts."""

    def __init__(self, line):
        f = line.rstrip("\n").split("\t")
        self.contig, self.pos, self.ref = f[0], int(f[1]), f[3]
        self.alts = [] if f[4] == "." else f[4].split(",")
        self.qual = None if f[5] == "." else float(f[5])
        self.filter = f[6]
        self.info = dict(x.split("=", 1) if "=" in x else (x, "") for x in f[7].split(";"))
        keys = f[8].split(":") if len(f) > 8 else []
        self.samples = [dict(zip(keys, x.split(":"))) for x in f[9:]]


class Reference:
    """What the REFs of Records say; N elsewhere, and where they contradict each other, as in made-up files."""

    def __init__(self, records, lengths=None):
        self.bases, self.ends = {}, collections.Counter()
        for r in records:
            for k, b in enumerate(r.ref.upper()):
                if self.bases.setdefault((r.contig, r.pos + k), b) != b:
                    self.bases[r.contig, r.pos + k] = "N"
            self.ends[r.contig] = max(self.ends[r.contig], r.pos + len(r.ref) + 999, int(r.info.get("END", 0)) + 1000)
        for contig, length in (lengths or {}).items():
            if 0 < self.ends[contig] <= length + 1000:
                self.ends[contig] = length

    def write(self, path):
        with open(path, "wb") as out:
            for contig in sorted(self.ends):
                text = bytearray(b"N") * self.ends[contig]
                for (c, pos), b in self.bases.items():
                    if c == contig:
                        text[pos - 1] = ord(b)
                out.write(b">" + contig.encode() + b"\n" + text + b"\n")

    def base(self, contig):
        return lambda pos: self.bases.get((contig, pos), "N")


def copies(gt, allele):
    """Copies of an allele, "." where nothing is called, "n+" where a copy is not called."""
    count = gt.count(allele)
    if not gt or all(a is None for a in gt):
        return "."
    return "%d+" % count if None in gt else str(count)


def alleles(records, names, base):
    """allele -> {sample: copies}; an allele that stands in several records counts in the one that calls it."""
    found = collections.defaultdict(dict)
    for r in records:
        for k, alt in enumerate(r.alts, 1):
            if alt == "*" or alt[0] == "<":
                continue
            key = (r.contig,) + normalised(base(r.contig), r.pos, r.ref, alt)
            for name, sample in zip(names, r.samples):
                now = copies(genotype(sample.get("GT", "./.")), k)
                if now == "." and "RNC" in sample:
                    now = "." + sample["RNC"]
                old = found[key].get(name, ".")
                if old[0] in ".0" and (now[0] != "." or old == "."):
                    found[key][name] = now
    return found


class Inputs:
    """What the gVCFs say, to explain differences by."""

    def __init__(self, files, base):
        """files: (samples, Records) of each."""
        self.records, self.called, self.base = collections.defaultdict(list), {}, base
        self.holders = collections.defaultdict(list)
        for samples, records in files:
            for r in records:
                keys = {(r.contig,) + normalised(base(r.contig), r.pos, r.ref, a) for a in r.alts if a[0] not in "*<"}
                for sample, fields in zip(samples, r.samples):
                    self.records[sample].append((r, fields))
                    for key in keys:
                        self.holders[key, sample].append((r, fields))
            for key, row in alleles(records, samples, base).items():
                for sample, count in row.items():
                    self.called[key, sample] = count

    def over(self, key, sample):
        """Records of the sample that touch the allele, as it is written there or as it is minimal and left-aligned."""
        own = self.holders.get((key, sample), [])
        return own + [(r, f) for r, f in self.records[sample] if r.contig == key[0] and r.pos <= key[1] + len(key[2]) - 1 and
                      key[1] <= max(r.pos + len(r.ref) - 1, int(r.info.get("END", 0))) and (r, f) not in own]

    def too_many(self, key, sample):
        """More called ALTs than copies in the records of the place."""
        return sum(k not in (0, None) for _, f in self.over(key, sample) for k in genotype(f.get("GT", "."))) > 2

    def filtered(self, key, sample):
        return any(r.filter not in (".", "PASS", "RefCall", "NoCall") for r, f in self.over(key, sample))

    def weak(self, key, sample, lost=False):
        """
        Whether the prior may weigh more than the likelihoods: 20 phred between numbers of copies of the allele, or as much
        as an allele that nobody else has is a surprise, between none and some. lost: only whether it may be none.
        """
        most = private_surprise(len(self.records))
        for r, f in self.over(key, sample):
            costs = copy_costs(r, f, key, self.base)
            if costs and (costs[0] <= most if lost else 0 < costs[0] <= most or sorted(costs)[1] <= 20):
                return True
            numbers = likelihoods(f)
            if not costs and not lost and (sorted(numbers)[1] <= 20 if len(numbers) > 1 else float(str(f.get("GQ", 99)).replace(".", "0")) <= 10):
                return True
        return False


def private_surprise(samples):
    """
    Phred: 39 where a copy differs from the reference by an indel outside repeats (0.000125, docs/call-set.md), and with n
    copies looked at sqrt(pi n) / 2 times less of a chance that just this sample has it.
    """
    return 39 + 10 * math.log10(max(1, math.sqrt(math.pi * 2 * samples) / 2))


def derived(record):
    """Fills in what CombineGVCFs leaves to the likelihoods."""
    others = [k for k, a in enumerate(record.alts, 1) if a == "<NON_REF>"]
    for f in record.samples:
        pl = f.get("PL", ".")
        if set(f.get("GT", ".")) - set("./|") or not others or "." in pl:
            continue
        values = [int(x) for x in pl.split(",")]
        if values.count(min(values)) > 1:
            continue
        n, best = len(record.alts) + 1, values.index(min(values))
        pair = [(a, b) for b in range(n) for a in range(b + 1)][best] if len(values) == n * (n + 1) // 2 else (best,)
        if not set(pair) & set(others):
            f["GT"] = "/".join(map(str, pair))
    return record


def likelihoods(fields):
    """PL, or GL as PL, the least 0."""
    text = fields.get("PL", fields.get("GL", ""))
    values = [float(x) for x in text.split(",") if x not in ("", ".")]
    if len(values) < 2:
        return []
    if "PL" not in fields:
        values = [-10 * x for x in values]
    return [x - min(values) for x in values]


def copy_costs(record, fields, key, base):
    """The least PL of genotypes with no, one, two copies of the allele; empty where the record does not tell."""
    values, n = likelihoods(fields), len(record.alts) + 1
    ks = [k for k, alt in enumerate(record.alts, 1) if alt[0] not in "*<" and
          (record.contig,) + normalised(base(record.contig), record.pos, record.ref, alt) == key]
    if not ks or len(values) not in (n, n * (n + 1) // 2):
        return []
    pairs = [(a, b) for b in range(n) for a in range(b + 1)] if len(values) != n else [(a,) for a in range(n)]
    costs = {}
    for pair, value in zip(pairs, values):
        c = pair.count(ks[0])
        costs[c] = min(value, costs.get(c, value))
    return [costs[c] for c in sorted(costs)]


def read_vcf(path):
    """Names of the samples and a generator of Records."""
    lines = subprocess.Popen(["bcftools", "view", "--no-version", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in lines.stdout:
        if line.startswith("#CHROM"):
            return line.rstrip("\n").split("\t")[9:], (Record(x) for x in lines.stdout)
    raise Failed("bcftools cannot read " + path)


def lengths(path):
    """Lengths of the contigs that the header of a VCF declares."""
    header = subprocess.run(["bcftools", "view", "-h", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return {c: int(n) for c, n in re.findall(r"##contig=<ID=([^,>]*),length=(\d+)", header.stdout)}


def joint(folder, samples, reference, contigs, shard="300Mb", importing="", joint_with="", ploidy=None):
    """
    Imports, joint-genotypes and merges. samples: (name, gVCF[, sex]). Returns the path of the national BCF; failures.tsv
    and qc/import_gvcf.tsv lie beside it.
    """
    with open(os.path.join(folder, "cohort.tsv"), "w") as out:
        out.write("participant_id\tsample_id\tsex\treads\n")
        for s in samples:
            out.write("%s\t%s\t%s\t%s\n" % (s[0], s[0], s[2] if len(s) > 2 else "unknown", s[1]))
    with open(os.path.join(folder, "workflow.yaml"), "w") as out:
        out.write(WORKFLOW.format(reference=reference, contigs=", ".join('"%s"' % c for c in contigs), shard=shard,
                                  importing=importing, joint=", " + joint_with if joint_with else "", ploidy=", ploidy: " + ploidy if ploidy else ""))
    run = subprocess.run([KUNI, "run", "--quiet", os.path.join(folder, "workflow.yaml")], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    if run.returncode:
        raise Failed(run.stdout)
    return os.path.join(folder, "dataset", "current", "national.bcf")


def failures(folder):
    """sample -> reason, of those in quarantine."""
    with open(os.path.join(folder, "dataset", "current", "failures.tsv")) as rows:
        return {r.split("\t")[0]: r.rstrip("\n") for r in list(rows)[1:]}


def count_of(gt, allele):
    """Copies of an allele; None where a copy is not called."""
    parts = genotype(gt)
    return None if None in parts else parts.count(allele)


def copies_of(path):
    """Names of the samples, and (pos, ref, alt) -> {sample: copies or None}; of one contig, minimal."""
    samples, records = read_vcf(path)
    found = {}
    for r in records:
        for k, alt in enumerate(r.alts, 1):
            if alt != "*":
                found[minimal(r.pos, r.ref, alt)] = {s: count_of(x["GT"], k) for s, x in zip(samples, r.samples)}
    return samples, found


class Alone:
    """Calls of single samples, from the evidence."""

    def __init__(self, files):
        self.called = collections.defaultdict(dict)
        self.blocks = collections.defaultdict(list)
        for path in files:
            dump = subprocess.run([KUNI, "evidence", "dump", "--what", "events,blocks", path], stdout=subprocess.PIPE,
                                  check=True, text=True).stdout
            for line in dump.splitlines():
                f = line.split("\t")
                if f[0] == "block":
                    self.blocks[f[4]].append((int(f[2]), int(f[3])))
                elif f[0] == "event":
                    self.blocks[f[3]].append((int(f[2]), int(f[2]) + len(f[4]) - 1))
                    for k, alt in enumerate(f[5].split(","), 1):
                        if alt[0] not in "<*.":
                            self.called[minimal(int(f[2]), f[4], alt)][f[3]] = count_of(f[6], k)
        for spans in self.blocks.values():
            spans.sort()

    def genotype(self, key, sample):
        if sample in self.called.get(key, ()):
            return self.called[key][sample]
        spans = self.blocks[sample]
        i = bisect.bisect(spans, (key[0], 1 << 60))
        return 0 if any(s[1] >= key[0] for s in spans[max(0, i - 20):i]) else None
