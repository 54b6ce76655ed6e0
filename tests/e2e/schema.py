#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`kuni schema`: every shipped workflow and those of the docs are right by it, wrong ones are not, and the
committed file is what the program prints. A wrong workflow here is wrong for `kuni validate`, too: the
schema never says more than the program."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import jsonschema
    import yaml
except ImportError as lacking:
    print(f"skipped: no {lacking.name} for Python (python3-jsonschema, python3-yaml)")
    sys.exit(77)

ROOT = Path(__file__).resolve().parents[2]
KUNI = os.environ.get("KUNI", str(ROOT / "build/release/kuni"))


class Loader(yaml.SafeLoader):
    """Scalars as YAML 1.2 has them, which editors go by: `yes` is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))

BASE = """version: 1
reference: r.fa
cohort: c.tsv
dataset: ds
stages:
  - {id: call, uses: call-variants}
  - {id: joint, uses: joint-genotype, needs: call}
  - {id: mark, run: 'cat {input} > {output}', needs: joint}
"""
# What is put in place of what: each makes a workflow that is wrong.
WRONG = [
    ("version: 1", "version: 2"),
    ("version: 1\n", ""),
    ("dataset: ds\n", ""),
    ("cohort: c.tsv", "cohort: [c.tsv]"),
    ("version: 1", "version: 1\nregion: {shard: 5Mb}"),
    ("version: 1", "version: 1\nregions: {shrad: 5Mb}"),
    ("version: 1", "version: 1\nregions: {shard: 5MB/s}"),
    ("version: 1", "version: 1\nregions: {shard: 3}"),
    ("version: 1", "version: 1\nbatch: 0"),
    ("version: 1", "version: 1\nbatch: many"),
    ("version: 1", "version: 1\non_error: {retry: 2}"),
    ("version: 1", "version: 1\non_error: {time_limit: soon}"),
    ("version: 1", "version: 1\nresources: {memory: lots}"),
    ("uses: call-variants", "uses: call-variant"),
    ("uses: call-variants", "use: call-variants"),
    ("id: call,", ""),
    ("uses: call-variants", "uses: call-variants, run: 'cat'"),
    ("uses: call-variants", "uses: call-variants, scatter: region"),
    ("uses: call-variants", "uses: call-variants, with: {min_base_qualty: 20}"),
    ("uses: call-variants", "uses: call-variants, with: {min_base_quality: 300}"),
    ("uses: call-variants", "uses: call-variants, with: {min_base_quality: high}"),
    ("uses: joint-genotype", "uses: joint-genotype, with: {output: thick}"),
    ("needs: joint}", "needs: joint, scatter: shard}"),
    ("needs: joint}", "needs: joint, threads: 0}"),
    ("needs: joint}", "needs: joint, on_failure: perhaps}"),
    ("needs: joint}", "needs: joint, with: {thread: 2}}"),
    ("needs: joint}", "needs: {joint: yes}}"),
    ("stages:", "stages: []\nmore:"),
    ("stages:", "params: {threads: {type: integer, default: 2}}\nstages:"),
    ("stages:", "params: {threads: {defualt: 2}}\nstages:"),
    ("stages:", "params: [threads]\nstages:"),
    ("stages:", "profiles: {laptop: small}\nstages:"),
    ("stages:", "stages:\n  - {include: more.yaml, id: more}"),
]


def main():
    printed = subprocess.run([KUNI, "schema"], stdout=subprocess.PIPE, check=True).stdout
    if printed != (ROOT / "workflows/workflow.schema.json").read_bytes():
        sys.exit("workflows/workflow.schema.json is not what kuni schema prints: cmake --build --preset release --target docs")
    schema = json.loads(printed)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)

    def faults(text):
        return [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(yaml.load(text, Loader))]

    right = {}
    for path in sorted((ROOT / "workflows").glob("*.yaml")):
        text = path.read_text()
        if re.search(r"^stages:", text, re.M):
            right[path.name] = text
            if not text.startswith("# yaml-language-server: $schema=workflow.schema.json\n"):
                sys.exit(f"{path}: does not name the schema in its first line")
    for page in sorted((ROOT / "docs").glob("*.md")):
        for n, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S)):
            if re.search(r"^stages:", block, re.M):
                right[f"{page.name}, block {n + 1}"] = block
    right["base"] = BASE
    right["params"] = BASE.replace("stages:", """params:
  mode: {allowed: [a, b], default: a, help: which}
  threads: {type: int, default: 2, least: 1, most: 8}
  word: text
profiles: {laptop: {threads: 1, regions.shard: 1Mb}}
profile: laptop
stages:
  - include: more.yaml""").replace("needs: joint}", "needs: joint, when: mode == b, threads: '{param.threads}'}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([KUNI, "simulate", "--quiet", "-n", "1", "--contigs", "chr20:20k", "--depth", "1", "--out", folder + "/s"],
                       check=True, stdout=subprocess.DEVNULL)
        right["simulate"] = Path(folder, "s/workflow.yaml").read_text()
        bad = 0
        for name, text in right.items():
            for fault in faults(text):
                print(f"{name} is right, and the schema says: {fault}")
                bad += 1
        Path(folder, "r.fa").write_text(">chr20\n" + "ACGT" * 100 + "\n")
        Path(folder, "c.tsv").write_text("participant_id\tsample_id\treads\nP1\tS1\tS1.cram\n")
        workflow = Path(folder, "w.yaml")
        workflow.write_text(BASE)
        subprocess.run([KUNI, "validate", str(workflow)], check=True, stdout=subprocess.DEVNULL)
        for old, new in WRONG:
            text = BASE.replace(old, new, 1)
            assert text != BASE, old
            if not faults(text):
                print(f"the schema lets pass: {new!r} for {old!r}")
                bad += 1
            workflow.write_text(text)
            if subprocess.run([KUNI, "validate", str(workflow)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 64:
                print(f"kuni validate lets pass: {new!r} for {old!r}")
                bad += 1
    if bad:
        sys.exit(f"{bad} faults")
    print(f"{len(right)} right workflows, {len(WRONG)} wrong ones")


main()
