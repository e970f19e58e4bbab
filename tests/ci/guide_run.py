"""Whether the code of a run that docs/guide.md shows is what examples/pipelined runs, and short.

guide_run.py SOURCE

Blank lines and indentation do not count.
"""

import os
import re
import sys

HEADING = "## `cprom_update`: one run for the next\n"
MOST = 25  # lines


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def main():
    source = sys.argv[1]
    with open(os.path.join(source, "docs/guide.md"), encoding="utf-8") as file:
        _, heading, rest = file.read().partition(HEADING)
    assert heading, "the guide has no heading " + HEADING
    block = lines(re.search(r"^```c\n(.*?)^```$", rest, re.M | re.S).group(1))
    assert 0 < len(block) <= MOST, "the guide's block has %d lines" % len(block)
    with open(os.path.join(source, "examples/pipelined/metrics.c"), encoding="utf-8") as file:
        program = lines(file.read())
    if not any(program[i:i + len(block)] == block for i in range(len(program))):
        for line in block:
            if line not in program:
                print("pipelined does not have: " + line)
        sys.exit("guide_run: the guide's block is not in examples/pipelined/metrics.c")
    print("guide_run: %d lines" % len(block))


if __name__ == "__main__":
    main()
