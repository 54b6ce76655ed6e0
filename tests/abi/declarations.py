# SPDX-License-Identifier: MIT
"""What include/kuni declares: structs with their fields, enums with their names, prototypes of functions."""
import glob
import os
import re
import shlex
import subprocess

SOURCE = os.environ.get("KUNI_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CC = shlex.split(os.environ.get("CC") or "cc")
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-I", os.path.join(SOURCE, "include")] + shlex.split(
    os.environ.get("HTSLIB_CFLAGS", ""))


# What is no part of the interface itself: made from the others, or about plugins as such.
ABOUT = {"kuni/api.h", "kuni/layout.h", "kuni/plugin.h", "kuni/version.h"}


def headers():
    found = (os.path.relpath(path, os.path.join(SOURCE, "include"))
             for path in glob.glob(os.path.join(SOURCE, "include/kuni/*.h")))
    return sorted(name for name in found if name not in ABOUT)


def program(body=""):
    return "".join(f'#include "{name}"\n' for name in headers()) + body


def preprocessed():
    """The lines that come from include/kuni itself, macros expanded."""
    text = subprocess.run(CC + FLAGS + ["-E", "-x", "c", "-"], input=program(), capture_output=True, text=True,
                          check=True).stdout
    kept, ours = [], False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            ours = "/include/kuni/" in marker.group(1)
        elif ours and not line.startswith("#"):
            kept.append(line)
    return re.sub(r"\s+", " ", " ".join(kept))


def statements(text):
    """Top-level declarations; the bodies of inline functions are left out."""
    depth, start = 0, 0
    for at, c in enumerate(text):
        if c == "{":
            depth += 1
        elif c == "}":
            depth -= 1
            head = text[start:at + 1]
            if depth == 0 and "(" in head.split("{")[0] and "typedef" not in head.split("{")[0]:
                yield head.split("{")[0].strip()
                start = at + 1
        elif c == ";" and depth == 0:
            yield text[start:at].strip()
            start = at + 1


def without_attributes(text):
    while True:
        at = text.find("__attribute__")
        if at < 0:
            return re.sub(r"\s+", " ", text).strip()
        end, depth = text.index("(", at), 0
        while True:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
            if depth == 0:
                break
        text = text[:at] + text[end:]


def split_fields(body):
    """Names of the fields of a struct's body."""
    names, depth, start = [], 0, 0
    for at, c in enumerate(body):
        depth += {"(": 1, ")": -1, "{": 1, "}": -1}.get(c, 0)
        if c != ";" or depth:
            continue
        field = body[start:at].strip()
        start = at + 1
        function = re.match(r"[^(]*\(\s*\*\s*(\w+)\s*\)", field)
        if function:
            names.append(function.group(1))
            continue
        for declarator in re.sub(r"\([^)]*\)", "", field).split(","):
            names.append(re.search(r"(\w+)\s*(\[[^]]*\])*\s*$", declarator).group(1))
    return names


class Declarations:
    def __init__(self):
        self.structs, self.enumerators, self.functions, self.typedefs, self.unknown = [], [], [], [], []
        for statement in statements(preprocessed()):
            plain = without_attributes(statement)
            struct = re.match(r"typedef struct (\w+ )?\{(.*)\} (\w+)$", plain)
            enum = re.match(r"(?:typedef )?enum (?:\w+ )?\{(.*)\}", plain)
            function = re.search(r"\b(\w+) ?\(", plain)
            if struct and "{" in struct.group(2):
                self.unknown.append(plain)
            elif struct:
                self.structs.append((struct.group(3), split_fields(struct.group(2)), plain))
            elif enum:
                self.enumerators += [name.split("=")[0].strip() for name in enum.group(1).split(",") if name.strip()]
            elif "{" in plain:
                self.unknown.append(plain)
            elif plain.startswith("typedef"):
                self.typedefs.append(plain)
            elif function and not plain.startswith("static"):
                self.functions.append((function.group(1), plain))
            elif function:
                self.functions.append((None, plain))
            elif plain and not re.match(r"struct \w+$", plain):
                self.unknown.append(plain)
