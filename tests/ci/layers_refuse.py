#!/usr/bin/env python3
"""Whether layers.py complains of what it should.

    layers_refuse.py SOURCE OBJECTS COMPILER

Each case changes a copy of the library a little, compiles what it changed, and expects one complaint.
"""

import os
import shutil
import subprocess
import sys
import tempfile

# What is changed, by file; a new name moves the file. The last is what must be complained of.
CASES = [
    ("a call up", {"base/status.c": "\nvoid cprom__up(void);\nvoid cprom__up(void) { cprom__page_rewind(0); }\n"},
     'void cprom__page_rewind(void *);', "base/status.c calls up: cprom__page_rewind is in page/page.c"),
    ("an include up", {"base/status.c": '\n#include "page/page.h"\n'}, "", "base/status.c includes up: page/page.h"),
    ("a circle of rooms", {"store/slab.c": "\nvoid cprom__up(void);\nvoid cprom__up(void) { cprom__owner_free(0); }\n"},
     "void cprom__owner_free(void *);", "call each other in a circle"),
    ("a circle of headers", {"store/slab.h": '\n#include "store/series.h"\n'}, "", "include each other in a circle"),
    ("another's declaration", {"store/slab.h": "\nvoid cprom__owner_free(struct cprom_vec *vec);\n"}, "",
     "store/slab.h declares cprom__owner_free, which store/owner.c defines"),
    ("another room's name", {"base/status.c": "\nstatic CPROM__NOINLINE const char *slab_up(void) { return 0; }\n"},
     "#define CPROM__NOINLINE", "base/status.c: the name of its static function slab_up does not begin with"),
    ("no declaration", {"base/status.c": "\nvoid cprom__new(void);\nvoid cprom__new(void) {}\n"}, "",
     "base/status.h does not declare cprom__new"),
]
# A room whose first line is another than on the page.
RENAMED = ("base/status.c", "/* The name", "/* A name", "base/status.c: docs/architecture.md has no row with its first line")
MOVES = [("page/each.c", "base/each.c", "base/each.c calls up"), ("http/loop.c", "page/loop.c", "page/loop.c calls up")]


def run(source, objects):
    command = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.py"), source, objects]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def compile_room(compiler, source, objects, room, before):
    out = os.path.join(objects, "lib", room + ".o")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(os.path.join(source, "lib", room), encoding="utf-8") as file:
        text = file.read()
    command = [compiler, "-w", "-std=gnu11", "-pthread", f"-I{source}/lib", f"-I{source}/include", "-x", "c", "-c", "-",
               "-o", out]
    subprocess.run(command, input=before + "\n" + text, check=True, text=True)


def replace(path, old, new):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new, 1))


def main():
    source, objects, compiler = sys.argv[1:]
    failed = 0
    cases = [(what, changes, before, expected, None) for what, changes, before, expected in CASES]
    cases += [(f"{old} moved to {new}", {}, "", expected, (old, new)) for old, new, expected in MOVES]
    cases.append((RENAMED[0], {}, "", RENAMED[3], None))
    for what, changes, before, expected, move in cases:
        with tempfile.TemporaryDirectory() as scratch:
            copy, built = os.path.join(scratch, "source"), os.path.join(scratch, "objects")
            for folder in ("lib", "include", "docs"):
                shutil.copytree(os.path.join(source, folder), os.path.join(copy, folder))
            shutil.copytree(os.path.join(objects, "lib"), os.path.join(built, "lib"))
            for room, added in changes.items():
                with open(os.path.join(copy, "lib", room), "a", encoding="utf-8") as file:
                    file.write(added)
                if room.endswith(".c"):
                    compile_room(compiler, copy, built, room, before)
            if what == RENAMED[0]:
                replace(os.path.join(copy, "lib", RENAMED[0]), RENAMED[1], RENAMED[2])
            if move:
                os.rename(os.path.join(copy, "lib", move[0]), os.path.join(copy, "lib", move[1]))
                os.rename(os.path.join(built, "lib", move[0] + ".o"), os.path.join(built, "lib", move[1] + ".o"))
            code, said = run(copy, built)
            if code == 0 or expected not in said:
                failed += 1
                print(f"{what}: ended with {code}, no complaint of '{expected}':\n{said}")
    print(f"{len(cases) - failed} refused, {failed} not")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
