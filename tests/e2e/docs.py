#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every block of README.md and docs/*.md that is a workflow or commands, run: on a made cohort of eight people, with the placeholders of
the docs filled in. A block that nobody runs is an error, and so is an entry below that fits no block.

A block is fenced, or indented by four spaces after an empty line. It is
  a workflow       it has `stages:`; it is validated and run
  stages           `- id:`; they are put into a workflow, beside the stages that they need; likewise
  a file           it is fenced with its language and begins with `# NAME`: it stands beside the block that comes next
  commands         each line is run as it stands, without the words behind two spaces, FILLED in, in a copy of the dataset for each block
  something shown  SHOWN
ELSEWHERE names the tests that run the rest.

environment: KUNI, KUNI_SOURCE; needs bcftools; plink2 where it is there
usage: docs.py [PAGE]...
"""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from made_people import KUNI, want

SOURCE = os.path.abspath(os.environ.get("KUNI_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PAGES = ["README.md", "CONTRIBUTING.md", "containers/README.md", "tests/README.md", *sorted(
    os.path.relpath(path, SOURCE) for path in glob.glob(os.path.join(SOURCE, "docs", "*.md")))]
PROGRAMS = ("kuni", "mpirun", "bcftools", "plink2", "cp", "cat", "printf", "tail", "sed", "awk", "echo")

# What a page's block shows: (page, a part of its first line).
SHOWN = [
    ("README.md", "Done in 11 s."),
    ("README.md", "participant_id  sample_id"),
    ("docs/ARCHITECTURE.md", "core              ->"),
    ("docs/ARCHITECTURE.md", "mpi.h     pipeline/ranks"),
    ("docs/ARCHITECTURE.md", "stages/call_variants            ->"),
    ("docs/ARCHITECTURE.md", "manifest + reference"),
    ("docs/dataset.md", "DATASET/"),
    ("docs/evidence-format.md", "header | chunk 0"),
    ("docs/manifest.md", "participant_id\tsample_id\tsex"),
    ("docs/migration.md", "SAMPLES ="),
    ("docs/migration.md", "process DEPTH"),
    ("docs/migration.md", "task depth"),
    ("docs/release.md", "cases: MONDO:0005148 and not"),
    ("docs/workflow.md", "# yaml-language-server:"),
    ("docs/operations.md", "mark                 "),
    ("docs/release.md", "GRU;NPUNCU"),
]
# Who runs what is not run here: (page, a part of the block's first line, a file of the tests that has to be there).
ELSEWHERE = [
    ("README.md", "./quickstart run", "tests/fresh/fresh-machine"),
    ("README.md", "sudo cmake --install", "tests/install/destdir.sh"),
    ("CONTRIBUTING.md", "cmake --preset release", "tests/lint/compilers"),
    ("CONTRIBUTING.md", "build/release/tests/unit/test_journal", "quickstart"),
    ("CONTRIBUTING.md", "tests/lint/format", "tests/lint/CMakeLists.txt"),
    ("containers/README.md", "sbatch", "tests/slurm/slurm.sh"),
    ("tests/README.md", "./quickstart test", ".ci/run"),
    ("docs/call-set.md", "import glob", "tests/e2e/hail.py"),
    ("docs/operations.md", "mpirun --with-ft ulfm", "tests/fault/lost_rank.py"),
    ("docs/operations.md", "sbatch", "tests/slurm/slurm.sh"),
    ("docs/plugin.md", "#include", "tests/e2e/plugin.sh"),
    ("docs/plugin.md", "- id: mapq0", "tests/e2e/plugin.sh"),
    ("docs/plugin.md", "cc -std=c11", "tests/install/destdir.sh"),
    ("docs/release.md", "kuni release --dry-run acme.yaml", "tests/e2e/release.py"),
    ("docs/release.md", "version: 1", "tests/e2e/release.py"),
    ("docs/release.md", "kuni merge-summary", "tests/e2e/tables.py"),
    ("docs/release.md", "crypt4gh-keygen --sk", "tests/e2e/delivery.py"),
    ("docs/release.md", "kuni release verify acme-2026", "tests/e2e/release.py"),
    ("docs/release.md", "kuni release --new-key sign.key", "tests/e2e/delivery.py"),
    ("docs/release.md", "kuni recontact -w", "tests/e2e/delivery.py"),
    ("docs/release.md", "kuni releases national.yaml", "tests/e2e/delivery.py"),
    *(("docs/release.md", first, "tests/e2e/release-from-first-to-last.py") for first in (
        "kuni simulate --quiet --samples 40", "cat > hospital.yaml", "crypt4gh-keygen --nocrypt", "kuni release verify company",
        "kuni recontact --workflow", "echo P000002")),
]
# What the docs' numbers are here: (page or "", pattern, what stands for it).
FILLED = [
    ("", r"mpirun( --oversubscribe)? -n \d+", "mpirun --oversubscribe -n 2"),
    ("README.md", r"cp workflows/national.yaml my.yaml", "cp national.yaml my.yaml"),
    ("docs/dataset.md", r"\$\(\(OFFSET \+ 1\)\) PACK \| head -c BYTES >MEMBER", "1 national.yaml | head -c 10 >MEMBER"),
    ("docs/simulate.md", r"--samples (20|1000) --(trios 2|length 1Mb)", r"--samples 6 --\2"),
    ("docs/simulate.md", r"chr20:1Mb,chrX:300k,chrY:200k,chrM", "chr20:10k,chrX:9k,chrY:8k,chrM"),
    ("docs/simulate.md", r"--length 1Mb", "--length 10kb"),
    ("docs/simulate.md", r"--region chr20:10000001-10200000 --ploidy GRCh38", "--region chr20:10001-20000"),
    ("docs/workflow.md", r"kuni run W.yaml --set", "rm -rf dataset && kuni run W.yaml --set"),
    ("docs/workflow.md", r"chr20:1-5000000", "chr20:1-10000"),
    ("docs/workflow.md", r"--batch b0003", "--batch b0000"),
    ("docs/workflow.md", r"--sample NA12878", "--sample S000002"),
    ("docs/operations.md", r"annotate national.yaml", "annotate W.yaml"),
    ("docs/operations.md", r"national.yaml 6 (7|current)", "national.yaml 1 2"),
    ("docs/operations.md", r"/archive/release-6", "dataset/generations/000001"),
    ("docs/operations.md", r"/backup/national", "backup"),
    ("docs/operations.md", r"/var/lib/node_exporter/textfile/", ""),
    ("docs/operations.md", r"chr2:1000000-9000000", "chr20:10000-20000"),
]
# Workflows that want what is not made here (a contamination panel, sites enough for a model) are validated only.
VALIDATED = ("docs/qc.md", "docs/variant-quality.md")
# Stages by programs that are not everywhere.
WANTED = ("mosdepth", "multiqc", "plink2")
# Images are not fetched: one is made that has these.
IMAGE = r"image: [\w./-]+@sha256:[0-9a-f]{64}"
IN_IMAGE = ("sh", "samtools", "cut", "tail")
# Lines whose status is another than 0: (page, a part of the line, the statuses that are right).
STATUS = [("docs/operations.md", "kuni diff", (0, 1)), ("docs/operations.md", "kuni repair", (0,))]


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def blocks(page):
    """(line, kind or "", text) of a page."""
    lines, at = read(os.path.join(SOURCE, page)).split("\n"), 0
    while at < len(lines):
        begin = at
        fence = re.match(r"```(\w*)$", lines[at])
        if fence:
            at = lines.index("```", at + 1)
            yield begin + 1, fence[1], "\n".join(lines[begin + 1:at]) + "\n"
        elif lines[at].startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            yield begin + 1, "", "\n".join(line[4:] for line in lines[begin:at]).rstrip() + "\n"
            continue
        at += 1


def shell(command, where, statuses=(0,), **more):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          **more)
    want(done.returncode in statuses, f"{where}: status {done.returncode}: {command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout + done.stderr


def workflow_of(stages, more=""):
    return ("version: 1\nname: national\nreference: GRCh38.fa\ncohort: cohort.tsv\ndataset: dataset\nkeep: 9\n"
            'regions: {contigs: [chr20, chr21], shard: 10kb, ploidy: ploidy.bed}\n' + more + "stages:\n" + stages)


BASE = collections.OrderedDict(
    call="  - {id: call, uses: call-variants}\n", qc="  - {id: qc, uses: alignment-qc, needs: call}\n",
    joint="  - {id: joint, uses: joint-genotype, needs: [call, qc]}\n", national="  - {id: national, uses: merge, needs: [qc, joint]}\n")
BEFORE = {"qc": ["call"], "joint": ["call", "qc"], "national": ["qc", "joint"]}
RESOURCES = "resources: {dbsnp: dbsnp.vcf.gz, genes: genes.gff3, gene_list: genes.bed, clipped: clipped.py, script: script.py}\n"
ANNOTATE = "  - {id: annotate, needs: joint, run: 'bcftools annotate -a {resource.dbsnp} -c ID -Ob -o {output} {input}'}\n"
# A gene with its one exon on either contig, as Ensembl writes them.
GFF = "##gff-version 3\n" + "".join(
    f"{contig}\tmade\t{kind}\t{begin}\t{end}\t.\t{strand}\t{phase}\t{more}\n"
    for contig, strand, n in (("chr20", "+", 1), ("chr21", "-", 2)) for kind, begin, end, phase, more in (
        ("gene", 1001, 9000, ".", f"ID=gene:G{n};biotype=protein_coding;Name=GENE{n}"),
        ("mRNA", 1001, 9000, ".", f"ID=transcript:T{n};Parent=gene:G{n};biotype=protein_coding"),
        ("exon", 1001, 9000, ".", f"Parent=transcript:T{n}"), ("CDS", 1101, 8999, "0", f"ID=CDS:P{n};Parent=transcript:T{n}")))


def with_stages(fragment):
    """A whole workflow: the fragment's stages and those that it needs."""
    own = re.findall(r"^\s*- \{?id: ([\w-]+)", fragment, re.M)
    needed = [name for text in re.findall(r"needs: (\[[^\]]*\]|[\w-]+)", fragment) for name in re.findall(r"[\w-]+", text)]
    wanted = list(needed)
    for name in wanted:
        wanted.extend(BEFORE.get(name, ()))
    base = "".join(text for name, text in BASE.items() if name in wanted and name not in own)
    return workflow_of(base + "".join(f"  {line}\n" for line in fragment.rstrip().split("\n")), RESOURCES)


def made_image():
    """What `image:` takes, or None where podman is not there or runs nothing."""
    if not shutil.which("podman"):
        return None
    made = subprocess.run([os.path.join(SOURCE, "tests", "e2e", "make-image"), "localhost/kuni-test-docs", *IN_IMAGE],
                          capture_output=True, text=True, check=False)
    image = made.stdout.strip()
    tried = subprocess.run(["podman", "run", "--rm", "--network=none", "--entrypoint", "sh", image, "-c", "true"],
                           capture_output=True, check=False)
    return image if made.returncode == 0 and tried.returncode == 0 else None


class Cohort:
    """Made once; each page gets a copy of it, with what the docs name beside it."""

    def __init__(self, folder):
        self.folder, self.image = folder, made_image()
        shell(f"'{KUNI}' simulate --quiet --samples 8 --trios 1 --contigs chr20:30k,chr21:20k --depth 12 --seed 3 --out '{folder}'", "setup")
        os.chdir(folder)
        for old, new in (("reference.fa", "GRCh38.fa"), ("reference.fa.fai", "GRCh38.fa.fai"), ("manifest.tsv", "cohort.tsv")):
            os.rename(old, new)
        write("national.yaml", workflow_of("".join(BASE.values()), RESOURCES))
        write("W.yaml", workflow_of("".join(BASE.values()).replace("needs: [qc, joint]}", "needs: [qc, annotate]}") + ANNOTATE, RESOURCES))
        write("gaps.bed", "chr20\t29000\t30000\n")
        write("genes.bed", "chr20\t1000\t9000\tGENE1\nchr21\t1000\t9000\tGENE2\n")
        write("genes.gff3", GFF)
        write("clipped.py", "")
        write("script.py", "print('size\\n1')\n")
        write("ids.txt", "P000005\n")
        write("study.txt", "S000002\nS000003\n")
        shell("bcftools annotate --set-id 'rs%POS' -Oz -o dbsnp.vcf.gz truth.vcf.gz && bcftools index -t dbsnp.vcf.gz", "setup")
        shell(f"cp cohort.tsv all.tsv; sed -i '$d' cohort.tsv; '{KUNI}' run --quiet national.yaml", "setup")
        shell(f"mv all.tsv cohort.tsv; '{KUNI}' run --quiet national.yaml; cp -r dataset backup", "setup")
        shell(f"'{KUNI}' export -f plink -o cohort.bcf national.yaml", "setup")

    def copy(self, name):
        """A folder with the cohort, which is left alone."""
        at = os.path.join(os.path.dirname(self.folder), name)
        shutil.copytree(self.folder, at, symlinks=True)
        return at


class Page:
    def __init__(self, name, cohort):
        self.name, self.cohort = name, cohort
        self.ran = 0

    def enter(self, line):
        """A folder of its own for the block of that line."""
        os.chdir(self.cohort.copy(f"{re.sub(r'[^a-zA-Z]', '_', self.name)}_{line}"))

    def fill(self, text):
        for page, pattern, new in FILLED:
            if page in ("", self.name):
                text = re.sub(pattern, new, text)
        return text

    def with_image(self, text):
        """With an image that is here in place of the one that is shown."""
        return re.sub(IMAGE, f"image: {self.cohort.image}", text) if self.cohort.image else text

    def validate(self, where, text):
        text = re.sub(r"^dataset: .*$", "dataset: dataset", text, flags=re.M)
        text = re.sub(r"ploidy: GRCh38\b", "ploidy: ploidy.bed", text)
        text = self.with_image(text)
        write("block.yaml", text)
        for path in re.findall(r"[\w.-]+\.(?:bed|gff3|txt|py)\b", text):
            if not os.path.exists(path):
                write(path, "chr20\t0\t100\n")
            if path.endswith(".bed"):  # of a panel there are three
                for ending in (".mu", ".UD"):
                    write(path[: -len(".bed")] + ending, "")
        shell(f"'{KUNI}' validate block.yaml", where)
        self.ran += 1
        if self.name in VALIDATED:
            return
        absent = [name for name in WANTED if re.search(rf"(^|\s){name}\s", text, re.M) and not shutil.which(name)]
        if re.search(IMAGE, text) and not self.cohort.image:
            absent = ["podman, or an image made by it,"]
        if absent:
            print(f"skipped: {where}: {absent[0]} is not installed")
            return
        # data of the base workflow do not stand in the way
        shell(f"'{KUNI}' run --quiet --set dataset=anew block.yaml", where)
        for profile in re.findall(r"^  (\w+): \{", text[text.find("\nprofiles:"):] if "\nprofiles:" in text else "", re.M):
            shell(f"'{KUNI}' run --quiet --profile {profile} --set dataset=anew block.yaml", f"{where}, profile {profile}")
        for name in re.findall(r"publish: ([\w./-]+)", text):
            want(os.path.getsize(os.path.join("anew/current", name)) > 0, f"{where}: {name} is empty")

    def command(self, where, line):
        statuses = next((status for page, part, status in STATUS if page == self.name and part in line), (0,))
        shell(self.fill(line), where, statuses, env={**os.environ, "PATH": os.path.dirname(KUNI) + ":" + os.environ["PATH"]})
        self.ran += 1

    def commands(self, where, text):
        whole = re.sub(r"\\\n\s*", "", text)
        for number, line in enumerate(whole.rstrip().split("\n")):
            line = re.split(r"\s{2,}", line.strip())[0]
            want(line.split(" ")[0] in PROGRAMS or "=" in line.split(" ")[0], f"{where}: line {number + 1} of the block is no command: {line}")
            if line.startswith("plink2") and not shutil.which("plink2"):
                print(f"skipped without plink2: {where}")
                continue
            self.command(f"{where}, line {number + 1} of the block", line)

    def errors(self, where, text):
        """Errors that are shown: the wrong file is made from them, and must say the same words."""
        for line in text.strip().split("\n"):
            want(line.startswith("kuni: "), f"{where}: no error: {line}")
            path, number = re.match(r"kuni: ([\w.]+):(\d+)", line).groups()
            said = made_error(path, int(number), line)
            want(line in said, f"{where}: the page shows\n{line}\nand the program says\n{said}")
            self.ran += 1


def made_error(path, number, line):
    """What kuni says of a file that is made wrong at that line."""
    if path == "cohort.tsv":
        rows = [["participant_id", "sample_id", "sex", "reads"]] + [[f"P{i}", f"S{i}", "male", f"reads/S00000{i}.cram"] for i in range(1, 8)]
        if "stands twice" in line:
            rows[1][1] = rows[number - 1][1] = "NA12878"
        else:
            rows[number - 1][2] = "boy"
        write("wrong.tsv", "".join("\t".join(row) + "\n" for row in rows))
        os.rename("wrong.tsv", "cohort.tsv")
        return shell(f"'{KUNI}' validate national.yaml", path, (65,)).replace(os.getcwd() + "/", "")
    whole = workflow_block()
    text = whole.replace("shard: 5Mb", "shrad: 5Mb").replace("min_base_quality: 15", "min_base_quality: 300")
    lines = text.split("\n")
    write("national.yaml", "\n".join(lines))
    return shell(f"'{KUNI}' validate national.yaml", path, (64,))


def workflow_block():
    return next(text for _, kind, text in blocks("docs/workflow.md") if kind == "yaml")


def look_at(page, used):
    def listed(table, text):
        first = text.split("\n")[0]
        for entry in table:
            if entry[0] == page.name and entry[1] in first:
                used.add(entry)
                return entry
        return None

    beside = {}
    for line, kind, text in blocks(page.name):
        named = re.match(r"# ([\w.-]+)\n", text)
        if kind and named and not re.search(r"^stages:", text, re.M):
            beside[named[1]] = text
            continue
        where = f"{page.name}:{line}"
        elsewhere = listed(ELSEWHERE, text)
        if elsewhere:
            want(os.path.exists(os.path.join(SOURCE, elsewhere[2])), f"{where}: {elsewhere[2]} is not there")
        if elsewhere or listed(SHOWN, text):
            continue
        page.enter(line)
        for name, content in beside.items():
            write(name, content)
        beside.clear()
        if text.startswith("kuni: "):
            page.errors(where, text)
        elif re.search(r"^stages:", text, re.M):
            page.validate(where, text)
        elif text.startswith("- id:"):
            page.validate(where, with_stages(text))
        else:
            page.commands(where, text)


def shipped(cohort):
    """workflows/national.yaml, with the command that stands there as a remark, run."""
    os.chdir(cohort.copy("shipped"))
    text = read(os.path.join(SOURCE, "workflows", "national.yaml"))
    remark = re.search(r"^  # - id: annotate\n(  #.*\n)+", text, re.M)
    want(remark, "workflows/national.yaml shows no command")
    text = text.replace(remark[0], re.sub(r"^  # ", "  ", remark[0], flags=re.M)).replace("needs: [qc, joint]     #", "needs: [qc, annotate]  #")
    write("shipped.yaml", text.replace("# dbsnp: dbsnp156.GRCh38.vcf.gz", "dbsnp: dbsnp.vcf.gz"))
    shell(f"'{KUNI}' run --quiet --set reference=GRCh38.fa --set dataset=shipped --set 'regions.contigs=[chr20, chr21]' "
          "--set regions.ploidy=ploidy.bed shipped.yaml", "workflows/national.yaml")
    names = shell("bcftools query -f '%ID\\n' shipped/current/national.bcf | grep -c '^rs'", "names of dbSNP in the call set")
    want(int(names) > 20, f"workflows/national.yaml names {names} sites")


def main():
    chosen = sys.argv[1:] or PAGES
    with tempfile.TemporaryDirectory() as folder:
        cohort = Cohort(os.path.join(folder, "cohort"))
        used = set()
        for name in chosen:
            page = Page(name, cohort)
            look_at(page, used)
            print(f"{name}: {page.ran} run")
        if not sys.argv[1:]:
            shipped(cohort)
        stale = [entry for entry in SHOWN + ELSEWHERE if entry[0] in chosen and entry not in used]
        want(not stale, f"no block of the docs begins so: {stale}")
        os.chdir("/")


if __name__ == "__main__":
    main()
