"""
hardened.py [--fortified] PROGRAM

The file of a program: position-independent, all symbols bound at the start, what the linker writes read-only, no stack
that runs, guarded stacks; with --fortified, calls that check the size of their memory.
"""

import re
import shutil
import subprocess
import sys


def main():
    program = sys.argv[-1]
    readelf = shutil.which("readelf")
    if not readelf:
        print("SKIPPED hardened: no readelf")
        sys.exit(77)
    said = subprocess.run([readelf, "-hldsW", program], capture_output=True, check=True, encoding="utf-8", errors="replace").stdout
    wanted = {
        "position-independent": r"Type:\s+DYN",
        "read-only relocations": r"GNU_RELRO",
        "bound at the start": r"FLAGS.*(BIND_NOW|NOW)|\(BIND_NOW\)",
        "no stack that runs": r"GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+RW\s",
        "guarded stacks": r"__stack_chk_fail",
    }
    if "--fortified" in sys.argv:
        wanted["checked calls"] = r"__(v?snprintf|memcpy|v?fprintf|read)_chk"
    missing = [what for what, pattern in wanted.items() if not re.search(pattern, said)]
    assert not missing, "%s: %s" % (program, ", ".join(missing))
    print("%s: %s" % (program, ", ".join(wanted)))


if __name__ == "__main__":
    main()
