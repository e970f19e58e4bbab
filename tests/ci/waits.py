"""Whether every public function is in one row of docs/concurrency.md that says what it waits for, and none else is there.

waits.py SOURCE

The first cell of a row names functions between backticks; KIND in a name stands for each kind that has such a function.
"""

import os
import re
import sys

TITLE = "## What each call waits for"


def read(source, name):
    with open(os.path.join(source, name), encoding="utf-8") as file:
        return file.read()


def main():
    source = sys.argv[1]
    headers = "".join(read(source, "include/cprom/" + name) for name in ("cprom.h", "http.h"))
    functions = set(re.findall(r"^CPROM_API[^;(]*?\b(cprom_\w+)\(", headers, re.M))
    section = read(source, "docs/concurrency.md").partition(TITLE + "\n")[2].partition("\n## ")[0]
    kinds = "(%s)" % "|".join(re.findall(r"^CPROM__VEC_FORMS\((\w+)\)", headers, re.M))
    rows, bad = {}, []
    for name in re.findall(r"`(cprom_\w+)`", "\n".join(re.findall(r"^\| (`cprom_.*?) \|", section, re.M))):
        pattern = re.compile(name.replace("KIND", kinds))
        named = [function for function in functions if pattern.fullmatch(function)]
        if not named:
            bad.append("there is no %s" % name)
        for function in named:
            rows.setdefault(function, []).append(name)
    for function in sorted(functions):
        named = rows.get(function, [])
        if len(named) != 1:
            bad.append("%s is named %s" % (function, " and as ".join(named) or "nowhere"))
    for complaint in bad:
        print("docs/concurrency.md: " + complaint)
    if bad or not functions:
        sys.exit("waits: %d functions, %d complaints" % (len(functions), len(bad)))
    print("waits: %d functions" % len(functions))


if __name__ == "__main__":
    main()
