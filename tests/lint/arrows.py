#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the #include lines of the tree against the arrows that docs/ARCHITECTURE.md draws.

    arrows.py [SOURCE]     SOURCE: the top of the tree [the one this file is in]

A room is a folder with C files; a module is a .c and the .h of the same name in one room. A stage of several rooms includes
"room/header.h". Faults, one a line:
an arrow between rooms that is not drawn, one drawn that nothing uses, a header that could be one of several, a library in a room
that may not know it, and circles: of rooms, and of modules in a room.
"""
import os
import re
import sys

TOPS = ("include/kuni", "core", "store", "stages", "pipeline")
DRAWING = "docs/ARCHITECTURE.md"
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


class Drawing:
    """What the page allows: arrows between rooms, and the rooms of a library."""

    def __init__(self, path):
        self.arrows = {}
        self.libraries = {}
        with open(path, encoding="utf-8") as page:
            text = page.read()
        for line in self.block(text, "arrows"):
            room, targets = (part.strip() for part in line.split("->"))
            stage = "/".join(room.split("/")[:2])
            self.arrows.setdefault(room, []).extend(re.sub(r"^\./", f"{stage}/", t) for t in targets.split())
        for line in self.block(text, "libraries"):
            header, *rooms = line.split()
            self.libraries[header] = rooms

    @staticmethod
    def block(text, name):
        found = re.findall(rf"^```{name}\n(.*?)^```", text, re.M | re.S)
        if not found:
            sys.exit(f"arrows: {DRAWING} has no block ```{name}")
        return "".join(found).splitlines()

    def arrow(self, room, target):
        """The drawn arrow from room to target as (room of the page, target), or None."""
        drawn = self.name(room)
        return (drawn, target) if target in self.arrows.get(drawn, ()) else None

    def name(self, room):
        """How the page calls a room: by its name, or stages/* where that is not there."""
        stage = room.startswith("stages/") and room.count("/") == 1
        return "stages/*" if stage and room not in self.arrows else room


class Tree:
    """The files of the rooms, and what they include."""

    def __init__(self, top):
        self.files = {}  # path: [(line, header, in angle brackets)]
        self.headers = {}  # base name: [paths]
        for room in TOPS:
            for folder, _, names in os.walk(os.path.join(top, room)):
                for name in sorted(names):
                    if name.endswith((".c", ".h")):
                        path = os.path.relpath(os.path.join(folder, name), top)
                        self.files[path] = list(self.includes(os.path.join(top, path)))
                        if name.endswith(".h"):
                            self.headers.setdefault(name, []).append(path)

    @staticmethod
    def includes(path):
        with open(path, encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                found = INCLUDE.match(line)
                if found:
                    yield number, found.group(1) or found.group(2), found.group(1) is None

    def candidates(self, path, header):
        """The files that `header` may stand for in `path`: its own room's first."""
        if header.startswith("kuni/"):
            return [h for h in [f"include/{header}"] if h in self.files]
        own = os.path.join(os.path.dirname(path), header)
        if own in self.files:
            return [own]
        found = [c for c in self.headers.get(os.path.basename(header), []) if not c.startswith("include/")]
        if path.startswith("stages/") and "/" in header and not header.startswith("."):
            # "room/header.h": of the stage's own rooms
            stage = "/".join(path.split("/")[:2])
            found = [c for c in found if c == f"{stage}/{header}"]
        return found


def module(path):
    return os.path.splitext(path)[0]


def circles(graph):
    """Strongly connected parts with more than one member, as sorted tuples (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in sorted(graph.get(v, ())):
            if w not in index:
                visit(w)
            if w in stack:
                low[v] = min(low[v], low[w])
        if low[v] == index[v]:
            part = stack[stack.index(v):]
            del stack[stack.index(v):]
            if len(part) > 1:
                found.append(tuple(sorted(part)))

    for v in sorted(graph):
        if v not in index:
            visit(v)
    return found


def check(top):
    drawing = Drawing(os.path.join(top, DRAWING))
    tree = Tree(top)
    faults, used = [], set()
    rooms, modules = {}, {}
    for path, includes in tree.files.items():
        room = os.path.dirname(path)
        if room != "include/kuni" and drawing.name(room) not in drawing.arrows:
            faults.append(f"{path}: the room {room} is not drawn in {DRAWING}")
            continue
        for line, header, angled in includes:
            where = f"{path}:{line}"
            if header in drawing.libraries and room not in drawing.libraries[header]:
                faults.append(f"{where}: <{header}> is for {' '.join(drawing.libraries[header])} only")
            if angled:
                continue
            targets = tree.candidates(path, header)
            if len(targets) > 1:
                targets = [t for t in targets if drawing.arrow(room, os.path.dirname(t))] or targets
            if len(targets) != 1:
                faults.append(f"{where}: \"{header}\" could be {' or '.join(targets) or 'no header of the tree'}")
                continue
            target = os.path.dirname(targets[0])
            modules.setdefault(module(path), set())
            if module(targets[0]) != module(path):
                modules[module(path)].add(module(targets[0]))
            if target in (room, "include/kuni"):
                continue
            rooms.setdefault(room, set()).add(target)
            arrow = drawing.arrow(room, target)
            used.add(arrow)
            if not arrow:
                faults.append(f"{where}: no arrow is drawn from {room} to {target} ({header})")
    for room, targets in drawing.arrows.items():
        faults += [f"{DRAWING}: nothing uses the arrow {room} -> {t}" for t in targets if (room, t) not in used]
    faults += [f"circle of rooms: {' '.join(c)}" for c in circles(rooms)]
    found = set(circles(modules))
    faults += [f"circle of modules: {' '.join(c)}" for c in sorted(found)]
    return faults


def main():
    sys.setrecursionlimit(10000)
    here = os.path.dirname(os.path.abspath(__file__))
    faults = check(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here)))
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
