"""docs/ghost-step.md: its blocks are built and run as they stand there, and its table is asked of promtool, if that is there.

ghost_step.py SOURCE WORK LIBRARY COMPILER [FLAG...]
"""

import os
import re
import shutil
import subprocess
import sys

# What each block is, and how many lines it may have.
BLOCKS = {"declare": 3, "delete": 5, "replace": 5, "update": 10}
STEPS = ['ci_step_duration_seconds{pipeline="a",step="build"} 21', 'ci_step_duration_seconds{pipeline="a",step="push"} 3']
COUNTED = 'ci_runs_total{pipeline="a",status="success"} 1'
EXPECTED = ["delete", *STEPS, "replace", *STEPS, "update", COUNTED, *STEPS]

ROW = re.compile(r"^\| [^|`]+ \| `([\d a-z]+)` \| (\w+) \| (\w+) \| (\d+) \|$", re.M)


def program(text, source, work, library, compiler, flags):
    blocks = re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) == len(BLOCKS), len(blocks)
    for (name, most), block in zip(BLOCKS.items(), blocks):
        assert block.count("\n") <= most, "%s has %d lines" % (name, block.count("\n"))
        with open(os.path.join(work, name + ".inc"), "w", encoding="utf-8") as file:
            file.write(block)
    subprocess.run([compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", *flags, "-I", work, "-I", os.path.join(source, "include"),
                    os.path.join(source, "tests/ci/ghost_step.c"), library, "-pthread",
                    "-Wl,-rpath," + os.path.dirname(library), "-o", os.path.join(work, "ghost_step")], check=True)
    done = subprocess.run([os.path.join(work, "ghost_step")], check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.splitlines() == EXPECTED, done.stdout


def table(text, work):
    """Each row is a series of its own, and promtool says what Prometheus makes of it."""
    rows = ROW.findall(text)
    assert len(rows) == 7, rows
    lines = ["evaluation_interval: 1m", "tests:", "  - interval: 1m", "    input_series:"]
    for i, (scrapes, *_) in enumerate(rows):
        lines.append("      - {series: 'x{row=\"%d\"}', values: '%s'}" % (i, scrapes))
    lines.append("    promql_expr_test:")

    def expect(expression, minute, name, values):
        lines.append("      - {expr: '%s', eval_time: %dm, exp_samples: [" % (expression, minute) + ", ".join(
            "{labels: '%s{row=\"%d\"}', value: %s}" % (name, i, value) for i, value in enumerate(values) if value != "nothing") + "]}")

    for column, minute in (1, 2), (2, 4):
        expect("x", minute, "x", [row[column] for row in rows])
    expect("resets(x[10m])", 4, "", [row[3] for row in rows])
    name = os.path.join(work, "table.yml")
    with open(name, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    subprocess.run(["promtool", "test", "rules", name], check=True)


def main():
    source, work, library, compiler, *flags = sys.argv[1:]
    with open(os.path.join(source, "docs/ghost-step.md"), encoding="utf-8") as file:
        text = file.read()
    os.makedirs(work, exist_ok=True)
    program(text, source, work, library, compiler, flags)
    if shutil.which("promtool"):
        table(text, work)
    else:
        print("no promtool: the table is not asked")


if __name__ == "__main__":
    main()
