#!/usr/bin/env python3
"""Whether the library keeps its floor plan: docs/architecture.md.

    layers.py SOURCE OBJECTS

SOURCE is the project, OBJECTS the folder in which its object files lie as lib/<wing>/<room>.c.o. Checked are

- calls: which object file needs a symbol, and which defines it. They go down, and no rooms of a wing form a circle;
- includes: they go down, and no headers form a circle;
- declarations: what a room defines for others stands in the header of its name, and in no other;
- rooms: each .c begins with a line that says what the room is for, includes its own header if it has one, and its static
  functions begin with its name, or with the wing's and its own where two wings have a room of that name;
- the page: docs/architecture.md has a row with that line for each room.
"""

import os
import re
import subprocess
import sys

# From the ground up. Wings of one floor do not know each other: a page shows what an update changes, and does not call it.
FLOORS = [["base"], ["store"], ["registry"], ["metric"], ["update", "page"], ["http", "push", "prefork"]]
FLOOR = {wing: number for number, floor in enumerate(FLOORS) for wing in floor}
complaints = []


def complain(text):
    complaints.append(text)


def may(user, used):
    """Whether a file of the wing `user` may know one of the wing `used`."""
    return user == used or FLOOR[used] < FLOOR[user]


def circles(edges):
    """The groups of nodes that reach each other (Tarjan, 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def symbols(paths):
    """What each object file defines for others, and what it needs."""
    defined, needed = {path: set() for path in paths}, {path: set() for path in paths}
    out = subprocess.run(["nm", "-A", "-P", *paths], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        path, rest = line.rsplit(": ", 1)
        name, kind = rest.split()[:2]
        if name.startswith("cprom_"):
            if kind in "Uwv":
                needed[path].add(name)
            elif kind.isupper():
                defined[path].add(name)
    return defined, needed


def check_calls(objects, rooms):
    paths = {room: os.path.join(objects, "lib", room + ".c.o") for room in rooms}
    for room in rooms:
        if not os.path.isfile(paths[room]):
            complain(f"{room}.c: it was not compiled: no {paths.pop(room)}")
    defined, needed = symbols(list(paths.values()))
    defines = {room: defined[path] for room, path in paths.items()}
    needs = {room: needed[path] for room, path in paths.items()}
    owner = {name: room for room, names in defines.items() for name in names}
    edges = {}
    for room, names in needs.items():
        for name in sorted(names):
            other = owner.get(name)
            if not other:
                complain(f"{room}.c needs {name}, which no room defines")
            elif not may(wing_of(room), wing_of(other)):
                complain(f"{room}.c calls up: {name} is in {other}.c")
            else:
                edges.setdefault(room, set()).add(other)
    for group in circles(edges):
        complain("these rooms call each other in a circle: " + " ".join(group))
    return defines


def wing_of(path):
    return path.split("/")[0]


def includes_of(text):
    return re.findall(r'^#\s*include\s+"([^"]+)"', text, re.MULTILINE)


def check_includes(files):
    edges = {}
    for path, text in files.items():
        for include in includes_of(text):
            if include not in files:
                complain(f"{path} includes {include}, which is not there")
            elif not may(wing_of(path), wing_of(include)):
                complain(f"{path} includes up: {include}")
            elif path.endswith(".h"):
                edges.setdefault(path, set()).add(include)
    for group in circles(edges):
        complain("these headers include each other in a circle: " + " ".join(group))


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def check_declarations(files, defines):
    """Public names are symbols.sh's."""
    code = {path: without_comments(text) for path, text in files.items() if path.endswith(".h")}
    for room, names in defines.items():
        for name in sorted(names):
            if not name.startswith("cprom__"):
                continue
            if not re.search(r"\b" + name + r"\b", code.get(room + ".h", "")):
                complain(f"{room}.c: {room}.h does not declare {name}")
            declaration = re.compile(r"^(?:extern |CPROM__NOINLINE )?(?:_Thread_local |_Atomic |const |unsigned |struct |"
                                     r"enum )*\w+[ *]+" + name + r"\b[^;{}]*;", re.MULTILINE)
            for path, text in code.items():
                if path != room + ".h" and declaration.search(text):
                    complain(f"{path} declares {name}, which {room}.c defines")


def static_functions(text):
    attribute = r"__attribute__\(\(.*?\)\)\s*"
    return re.findall(rf"^(?:{attribute})?static\s(?:{attribute}|[^=;{{}}()])*?\b(\w+)\(", without_comments(text), re.MULTILINE)


def check_rooms(files):
    for path, text in files.items():
        if not path.endswith(".c"):
            continue
        if not re.match(r"/\* .* \*/\n", text):
            complain(f"{path}: its first line does not say what it is for")
        header = path[:-2] + ".h"
        if header in files and header not in includes_of(text):
            complain(f"{path} does not include its own header")
        room = os.path.basename(path)[:-2]
        for name in static_functions(text):
            if not (name + "_").startswith((room + "_", f"{wing_of(path)}_{room}_")):
                complain(f"{path}: the name of its static function {name} does not begin with that of the room")


def check_page(source, files):
    with open(os.path.join(source, "docs", "architecture.md"), encoding="utf-8") as file:
        page = file.read()
    for path, text in files.items():
        line = re.match(r"/\* (.*) \*/\n", text)
        if path.endswith(".c") and line and f"| `{os.path.basename(path)}` | {line.group(1)} |" not in page:
            complain(f"{path}: docs/architecture.md has no row with its first line")


def main():
    source, objects = sys.argv[1:]
    files = {}
    root = os.path.join(source, "lib")
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            if not name.endswith((".c", ".h")):
                continue
            if wing_of(path) not in FLOOR or path.count("/") != 1:
                complain(f"{path} is in no wing")
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                files[path] = file.read()
    rooms = sorted(path[:-2] for path in files if path.endswith(".c"))
    defines = check_calls(objects, rooms)
    check_includes(files)
    check_declarations(files, defines)
    check_rooms(files)
    check_page(source, files)
    for text in complaints:
        print(text)
    print(f"{len(rooms)} rooms, {len(files)} files: {len(complaints)} complaints")
    sys.exit(len(complaints) > 0)


if __name__ == "__main__":
    main()
