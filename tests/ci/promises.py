"""Whether every test, model and program that docs/promises.md names is there, and every entry says what would fail.

promises.py SOURCE

In an entry, behind "Checked by", what stands between backticks is a path in tests/ if it has a slash, else a function of
the file before it, which must be defined there and be one of the file's tests.
"""

import os
import re
import sys


def entries(text):
    """(line, entry) for each item of a list."""
    for match in re.finditer(r"^- .*\n(?:  .*\n)*", text, re.M):
        yield text.count("\n", 0, match.start()) + 1, match.group()


def complaints(tests, entry):
    _, checked, by = entry.partition("*Checked by*")
    if not checked:
        yield "does not say by what it is checked"
    names = re.findall(r"`([^`]+)`", by)
    if not names and not re.search(r"\b(no test|argued only)\b", by.lower()):
        yield "names nothing, and does not say so"
    file, source = None, ""
    for name in names:
        if "/" in name:
            file, source = name, ""
            if not os.path.isfile(os.path.join(tests, name)):
                yield "there is no tests/%s" % name
            elif name.endswith(".c"):
                with open(os.path.join(tests, name), encoding="utf-8") as opened:
                    source = opened.read()
        elif not re.search(r"^static void %s\(void \*\*" % re.escape(name), source, re.M):
            yield "%s is not defined in %s" % (name, file)
        elif not re.search(r"\((test_)?%s[,)]" % re.escape(re.sub("^test_", "", name)), source):
            yield "%s does not run %s" % (file, name)


def main():
    source = sys.argv[1]
    with open(os.path.join(source, "docs/promises.md"), encoding="utf-8") as file:
        text = file.read()
    bad, n = 0, 0
    for line, entry in entries(text):
        n += 1
        for complaint in complaints(os.path.join(source, "tests"), entry):
            print("docs/promises.md:%d: %s" % (line, complaint))
            bad += 1
    if bad or not n:
        sys.exit("promises: %d entries, %d complaints" % (n, bad))
    print("promises: %d entries" % n)


if __name__ == "__main__":
    main()
