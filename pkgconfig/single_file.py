#!/usr/bin/env python3
"""Makes the single-file form of cprom: cprom.c and cprom.h, for programs that carry the library with them.

    single_file.py --version VERSION --license LICENSE --include INCLUDE_DIR --out OUT_DIR SOURCE.c...

The bytes depend on what the files hold, not on where they lie or in which order they are named.

 - Feature test macros, then every unconditional system header, come first; the internal headers follow, each after
   what it includes, then the sources by name.
 - What a source keeps for itself (static functions and variables, its types, tags, enumerators, macros) would collide
   with another's. It is renamed, always, collision or not: `find` of series.c becomes cprom__series__find. Members of
   structs have a name space of their own and stay as they are. A name that begins with cprom_ stays too.
 - Internal functions are hidden, so that they do not leave a shared library which cprom.c is built into.
"""

import argparse
import os
import re
import sys

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//(?:\\\n|[^\n])*)
      | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
      | (?P<char>[uUL]?'(?:\\.|[^'\\\n])*')
      | (?P<number>\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.])*)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<newline>\n)
      | (?P<blank>(?:[ \t\r\f\v]|\\\n)+)
      | (?P<punct>\.\.\.|->|\#\#|.)""",
    re.VERBOSE | re.DOTALL,
)
OPEN, CLOSE = "([{", ")]}"
TAG_WORDS = ("struct", "union", "enum")
# Words before a parenthesis that declare nothing.
WRAPPERS = ("__attribute__", "__attribute", "_Alignas", "_Atomic", "__asm__", "__asm", "__declspec", "__typeof__")


class Failure(Exception):
    pass


class Token:
    __slots__ = ("kind", "text", "directive", "member", "tag")

    def __init__(self, kind, text, directive):
        self.kind = kind
        self.text = text
        self.directive = directive  # number of the preprocessor directive that it is in, 0: none
        self.member = False  # names a member of a struct or union
        self.tag = False  # follows struct, union or enum


def tokenize(text):
    tokens, directive, directives, line_begins = [], 0, 0, True
    for match in TOKEN.finditer(text):
        kind, word = match.lastgroup, match.group()
        if kind == "newline":
            directive, line_begins = 0, True
        elif kind == "punct" and word == "#" and line_begins:
            directives += 1
            directive, line_begins = directives, False
        elif kind not in ("blank", "comment"):
            line_begins = False
        tokens.append(Token(kind, word, directive))
    return tokens


def significant(tokens):
    return [token for token in tokens if token.kind not in ("blank", "comment", "newline")]


def directives_of(tokens):
    """The directives in order, each as a list of its tokens without blanks and comments."""
    found = {}
    for token in significant(tokens):
        if token.directive:
            found.setdefault(token.directive, []).append(token)
    return [found[number] for number in sorted(found)]


def matching(tokens, start):
    """Index of the bracket that closes tokens[start]."""
    depth = 0
    for i in range(start, len(tokens)):
        if tokens[i].kind == "punct":
            if tokens[i].text in OPEN:
                depth += 1
            elif tokens[i].text in CLOSE:
                depth -= 1
                if depth == 0:
                    return i
    raise Failure("a bracket is not closed")


def declared(declarator):
    """The name that a declarator declares: the identifier at its innermost place. None: there is none."""
    i = 0
    name = None
    while i < len(declarator):
        token = declarator[i]
        follower = declarator[i + 1].text if i + 1 < len(declarator) else ""
        if token.text in WRAPPERS and follower == "(":
            i = matching(declarator, i + 1) + 1
            continue
        if token.kind == "name":
            name = token
        elif token.text == "(" and follower == "*":
            return declared(declarator[i + 1 : matching(declarator, i)])  # a pointer to a function or array
        elif token.text in ("(", "[", "=", ":"):
            break
        i += 1
    return name


def split(tokens):
    """At the commas that are in no bracket; what stands in braces is left out."""
    parts, part, i = [], [], 0
    while i < len(tokens):
        if tokens[i].kind == "punct" and tokens[i].text in OPEN:
            end = matching(tokens, i)
            if tokens[i].text != "{":
                part.extend(tokens[i : end + 1])
            i = end + 1
            continue
        if tokens[i].text == ",":
            parts.append(part)
            part = []
        else:
            part.append(tokens[i])
        i += 1
    parts.append(part)
    return parts


class Scan:
    """What a file declares at file scope that nobody outside sees or, in a header, that every includer sees."""

    def __init__(self, tokens, is_header):
        self.names = set()  # functions, variables, types, enumerators and macros
        self.tags = set()
        self.is_header = is_header
        code = [token for token in significant(tokens) if not token.directive]
        self.mark_tags(significant(tokens))
        self.file_scope(code)
        for directive in directives_of(tokens):
            if [token.text for token in directive[1:2]] == ["define"]:
                self.names.add(directive[2].text)
        self.mark_members(significant(tokens))

    def mark_tags(self, code):
        for i, token in enumerate(code[:-1]):
            if token.kind != "name" or token.text not in TAG_WORDS or code[i + 1].kind != "name":
                continue
            code[i + 1].tag = True
            if i + 2 < len(code) and code[i + 2].text == "{":
                self.tags.add(code[i + 1].text)

    def mark_members(self, code):
        for i, token in enumerate(code):
            if i and token.kind == "name" and code[i - 1].text in (".", "->"):
                token.member = True
            elif token.text == "offsetof" and i + 1 < len(code) and code[i + 1].text == "(":
                parts = split(code[i + 2 : matching(code, i + 1)])
                for part in parts[1:]:
                    for each in part[:1]:
                        each.member = True

    def file_scope(self, code):
        i, begin = 0, 0
        while i < len(code):
            text = code[i].text if code[i].kind == "punct" else ""
            if text == ";":
                self.declaration(code[begin:i])
                begin = i + 1
            elif text == "{" and [token.text for token in code[max(i - 2, 0) : i]] == ["extern", '"C"']:
                begin = i + 1
            elif text and text in OPEN:
                end = matching(code, i)
                head = code[begin:i]
                if text == "{" and self.is_function(head):
                    self.declaration(head)
                    self.bodies(code[i : end + 1])
                    begin = end + 1
                i = end
            i += 1

    @staticmethod
    def is_function(head):
        texts = [token.text for token in head]
        return bool(head) and texts[-1] == ")" and "=" not in texts

    def declaration(self, code):
        self.bodies(code)
        words = {token.text for token in code if token.kind == "name"}
        # `struct x;` and `struct x { ... };`
        if len(code) >= 2 and code[0].text in ("struct", "union") and len(code) == 2:
            self.tags.add(code[1].text)
            return
        if "_Static_assert" in words or not code:
            return
        local = "static" in words or "typedef" in words
        if not local and not self.is_header:
            return
        for part in split(code):
            token = declared(part)
            if token is not None and not token.tag and token.text not in TAG_WORDS:
                self.names.add(token.text)

    def bodies(self, code):
        """Marks the members of structs and collects enumerators, at any depth."""
        i = 0
        while i < len(code):
            if code[i].kind == "name" and code[i].text in TAG_WORDS:
                j = i + 1
                while j < len(code) and code[j].kind == "name" and code[j].text != "{":
                    j += 1
                if j < len(code) and code[j].text == "{":
                    body = code[j + 1 : matching(code, j)]
                    if code[i].text == "enum":
                        for part in split(body):
                            if part:
                                self.names.add(part[0].text)
                    else:
                        self.members(body)
            i += 1

    def members(self, body):
        """One level of a struct; nested ones are found by bodies()."""
        i, begin = 0, 0
        while i < len(body):
            if body[i].kind == "punct" and body[i].text in OPEN:
                i = matching(body, i)
            elif body[i].text == ";":
                for part in split(body[begin:i]):
                    token = declared(part)
                    if token is not None and not token.tag:
                        token.member = True
                begin = i + 1
            i += 1


def foreign(names):
    return sorted(name for name in names if not name.startswith(("cprom_", "CPROM_", "_")))


class File:
    def __init__(self, path):
        self.base = "/".join(os.path.abspath(path).split(os.sep)[-2:])
        self.stem, self.extension = os.path.splitext(self.base.replace("/", "__"))
        self.path = path
        with open(path, encoding="utf-8", newline="") as file:
            self.text = file.read().replace("\r\n", "\n")
        self.tokens = tokenize(self.text)
        self.includes = []  # internal headers
        self.system = []  # unconditional system headers
        self.features = {}
        self.drop = set()  # directives that are not copied
        self.wrap = set()  # system headers under a condition
        try:
            self.read_directives()
            self.scan = Scan(self.tokens, self.extension == ".h")
            self.rename()
        except Failure as failure:
            raise Failure(f"{self.base}: {failure}") from failure

    def guard(self, directives):
        texts = [[token.text for token in directive[1:]] for directive in directives]
        return (
            self.extension == ".h"
            and len(texts) >= 3
            and texts[0][:1] == ["ifndef"]
            and texts[1] == ["define", texts[0][1]]
            and texts[-1] == ["endif"]
        )

    def read_directives(self):
        directives = directives_of(self.tokens)
        depth = -1 if self.guard(directives) else 0
        for directive in directives:
            words = [token.text for token in directive]
            number = directive[0].directive
            kind = words[1] if len(words) > 1 else ""
            if kind in ("if", "ifdef", "ifndef"):
                depth += 1
            elif kind == "endif":
                depth -= 1
            elif kind == "include":
                self.read_include("".join(words[2:]), number, depth)
            elif kind == "define" and words[2].startswith("_"):
                if depth > 0:
                    raise Failure(f"{words[2]} is defined under a condition")
                self.features[words[2]] = " ".join(words[3:])
                self.drop.add(number)

    def read_include(self, what, number, depth):
        if what.startswith("<cprom/"):
            self.drop.add(number)
        elif what.startswith("<"):
            if depth > 0:
                self.wrap.add(number)
            else:
                self.system.append(what)
                self.drop.add(number)
        elif what.startswith('"') and what.endswith('.h"'):
            if depth > 0:
                raise Failure(f"{what} is included under a condition")
            self.includes.append(what[1:-1])
            self.drop.add(number)
        else:
            raise Failure(f"#include {what} is not understood")

    def rename(self):
        self.renamed = {}
        names, tags = foreign(self.scan.names), foreign(self.scan.tags)
        if self.extension == ".h":
            if names or tags:
                raise Failure("these names of a header have no prefix: " + " ".join(names + tags))
            return
        for name in set(names) | set(tags):
            upper = name.upper() == name and len(name) > 1
            self.renamed[name] = f"CPROM__{self.stem.upper()}__{name}" if upper else f"cprom__{self.stem}__{name}"
        for token in self.tokens:
            if token.kind == "name" and not token.member and token.text in (tags if token.tag else names):
                token.text = self.renamed[token.text]

    def output(self):
        lines, dropped = [""], False
        for i, token in enumerate(self.tokens):
            if token.directive and token.directive in self.drop:
                dropped = True
                continue
            if token.kind == "newline":
                if not dropped:
                    lines.append("")
                elif lines[-1].strip():
                    raise Failure(f"{self.base}: text beside an #include")
                dropped = False
                continue
            if token.directive in self.wrap and token.text == "#":
                lines[-1:] = ["#pragma GCC visibility push(default)", ""]
            lines[-1] += token.text
            ends = i + 1 == len(self.tokens) or self.tokens[i + 1].kind == "newline"
            if token.directive in self.wrap and ends:
                lines += ["#pragma GCC visibility pop"]
        text = "\n".join(lines).strip("\n")
        return re.sub(r"\n{3,}", "\n\n", text) + "\n"


def banner(path):
    return f"/*{'=' * 78}\n * {path}\n *{'=' * 77}*/\n\n"


def beside(path, include):
    """An include names a wing and a file, or a file in the same folder."""
    folder = os.path.dirname(path)
    return os.path.join(os.path.dirname(folder) if "/" in include else folder, include)


def ordered_headers(sources):
    """Every internal header after those that it includes, in an order that the names alone decide."""
    headers, order, busy = {}, [], []

    def visit(path):
        base = "/".join(os.path.abspath(path).split(os.sep)[-2:])
        if base in busy:
            raise Failure("headers include each other: " + " ".join(busy + [base]))
        if base in headers:
            return
        if not os.path.isfile(path):
            raise Failure(f"{base} is included and not there")
        headers[base] = File(path)
        busy.append(base)
        for include in sorted(headers[base].includes):
            visit(beside(path, include))
        busy.pop()
        order.append(headers[base])

    for source in sources:
        for include in sorted(source.includes):
            visit(beside(source.path, include))
    return order


def check_names(files):
    taken = {}
    for file in files:
        for token in file.tokens:
            if token.kind == "name":
                taken.setdefault(token.text, set()).add(file.base)
    for file in files:
        for new in file.renamed.values():
            others = taken.get(new, set()) - {file.base}
            if others:
                raise Failure(f"{new}, made from a name of {file.base}, is also in {' '.join(sorted(others))}")


def make_source(version, license_text, sources):
    sources = sorted((File(path) for path in sources), key=lambda file: file.base)
    bases = [file.base for file in sources]
    if len(set(bases)) != len(bases):
        raise Failure("two sources have one name")
    headers = ordered_headers(sources)
    files = headers + sources
    check_names(files)

    features = {}
    for file in files:
        for name, value in file.features.items():
            if features.setdefault(name, value) != value:
                raise Failure(f"{name} has two values: {features[name]} and {value}")

    out = [f"/*\n * cprom {version} in one file, made from the library's sources: change them, not this.\n *\n"]
    out += [f" * {line}".rstrip() + "\n" for line in license_text.strip().split("\n")]
    out += [" */\n"]
    for name in sorted(features):
        out.append(f"#ifndef {name}\n#define {name} {features[name]}".rstrip() + "\n#endif\n")
    out.append('\n#include "cprom.h"\n\n')
    out += [f"#include {header}\n" for header in sorted({header for file in files for header in file.system})]
    out.append("\n#pragma GCC visibility push(hidden)\n")
    for file in files:
        out.append("\n" + banner("lib/" + file.base) + file.output())
    out.append("\n#pragma GCC visibility pop\n")
    return "".join(out)


def make_header(include, without):
    """cprom.h as it is; further public headers behind it."""
    directory = os.path.join(include, "cprom")
    names = sorted(name for name in os.listdir(directory) if name.endswith(".h") and name not in without)
    names.sort(key=lambda name: name != "cprom.h")
    out = []
    for name in names:
        with open(os.path.join(directory, name), encoding="utf-8", newline="") as file:
            text = file.read().replace("\r\n", "\n")
        if name != "cprom.h":
            text = "\n" + re.sub(r"^#[ \t]*include[ \t]*<cprom/[^>]*>[^\n]*\n", "", text, flags=re.MULTILINE)
        out.append(text)
    return "".join(out)


def write(path, text):
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(description="Makes cprom.c and cprom.h.")
    parser.add_argument("--version", required=True)
    parser.add_argument("--license", required=True)
    parser.add_argument("--include", required=True)
    parser.add_argument("--without", action="append", default=[], help="a public header to leave out")
    parser.add_argument("--out", required=True)
    parser.add_argument("sources", nargs="+")
    args = parser.parse_args()
    with open(args.license, encoding="utf-8") as file:
        license_text = file.read()
    source = make_source(args.version, license_text, args.sources)
    header = make_header(args.include, args.without)
    os.makedirs(args.out, exist_ok=True)
    write(os.path.join(args.out, "cprom.c"), source)
    write(os.path.join(args.out, "cprom.h"), header)


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError) as failure:
        sys.exit(f"single_file.py: {failure}")
