#!/usr/bin/env python3
"""Makes the one-file form of cprom: cprom.c and cprom.h, for programs that carry the library with them.

    single_file.py --version VERSION --source PROJECT --out DIRECTORY [--without HEADER]
        [--define NAME=VALUE] ROOM.c...

cprom.c is the headers and rooms of lib/ one after the other, each header after what it includes. No name is changed:
what a room keeps for itself carries the room's name. Feature test macros and system headers come first. The bytes
depend on what the files hold, not on where they lie or in which order they are named."""

import argparse
import os
import re

INCLUDE = re.compile(r'^#include "([^"]+)"\n', re.MULTILINE)
PUBLIC = re.compile(r"^#include <cprom/[^>]+>\n", re.MULTILINE)
SYSTEM = re.compile(r"^#include <[^>]+>.*\n", re.MULTILINE)
FEATURE = re.compile(r"^#define (_[A-Z_]+_SOURCE)(.*)\n", re.MULTILINE)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def system_includes(text):
    """Each with the conditions that it stands under, but for the header's guard."""
    conditions = []
    for line in text.splitlines(keepends=True):
        if line.startswith("#if"):
            conditions.append("" if line.startswith("#ifndef CPROM_LIB_") else line)
        elif line.startswith("#endif"):
            conditions.pop()
        elif SYSTEM.match(line):
            yield "".join(conditions) + line.split(">")[0] + ">\n" + "#endif\n" * len([c for c in conditions if c])


def in_order(lib, rooms):
    """The rooms by name, and every header before who includes it."""
    def before(path):
        return [one for include in sorted(INCLUDE.findall(read(lib, path))) for one in [*before(include), include]]

    headers = dict.fromkeys(header for room in sorted(rooms) for header in before(room))
    return [*headers, *sorted(rooms)]


def make_source(args):
    lib = os.path.join(args.source, "lib")
    features, system, parts = {}, set(), []
    for path in in_order(lib, [os.path.relpath(room, lib) for room in args.rooms]):
        text = PUBLIC.sub("", INCLUDE.sub("", read(lib, path)))
        features.update((name, value.split("/*")[0].strip()) for name, value in FEATURE.findall(text))
        system.update(system_includes(text))
        parts.append(f"/*==== lib/{path} ====*/\n\n" + FEATURE.sub("", SYSTEM.sub("", text)).strip("\n") + "\n\n")
    head = [f"/*\n * cprom {args.version} in one file, made from the library's sources: change them, not this.\n *\n"]
    head += [f" * {line}".rstrip() + "\n" for line in read(args.source, "LICENSE").strip().split("\n")] + [" */\n"]
    head += ["#if !defined __STDC_VERSION__ || __STDC_VERSION__ < 201112L\n",
             '#error "cprom.c is C11: compile it with -std=c11, -std=gnu11 or later"\n#endif\n']
    head += [f"#ifndef {name}\n#define {name} {features[name]}".rstrip() + "\n#endif\n" for name in sorted(features)]
    for name, value in (one.split("=") for one in args.define):
        head.append(f"#ifndef {name}\n#define {name} {value}\n#endif\n")
    head += ['\n#include "cprom.h"\n\n', *sorted(system), "\n#pragma GCC visibility push(hidden)\n\n"]
    return "".join(head + parts) + "#pragma GCC visibility pop\n"


def make_header(args):
    folder = os.path.join(args.source, "include", "cprom")
    others = sorted(set(os.listdir(folder)) - {"cprom.h", *args.without})
    return "\n".join(PUBLIC.sub("", read(folder, name)) for name in ["cprom.h", *others])


parser = argparse.ArgumentParser(description="Makes cprom.c and cprom.h.")
parser.add_argument("--version", required=True)
parser.add_argument("--source", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--without", action="append", default=[], help="a public header to leave out")
parser.add_argument("--define", action="append", default=[], help="a macro of the rooms, as for the compiler")
parser.add_argument("rooms", nargs="+")
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)
for name, text in (("cprom.c", make_source(args)), ("cprom.h", make_header(args))):
    with open(os.path.join(args.out, name), "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
