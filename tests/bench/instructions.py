"""Instructions of single-threaded calls, counted by callgrind and compared with the record of the same compiler.

    instructions.py PROGRAM COMPILER RECORD            fails if a case is 10 % off; without a record only prints
    instructions.py PROGRAM COMPILER RECORD --update   writes the record of this compiler anew

The record is a table: compiler, case, instructions, with tabs between.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE = 0.10
SKIPPED = 77


def count(program):
    """Instructions an operation, by case."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "out")
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=case_*", f"--callgrind-out-file={out}", program]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        command = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--auto=no", str(out)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    totals = re.findall(r"^\s*([\d,]+) .*:case_(\w+)", text, re.M)
    instructions = {case: int(total.replace(",", "")) for total, case in totals}
    operations = (line.split("\t") for line in run.stdout.splitlines())
    return {case: instructions[case] / int(n) for case, n in operations}


def read(record):
    lines = record.read_text().splitlines()[1:] if record.exists() else []
    return {(compiler, case): float(value) for compiler, case, value in (line.split("\t") for line in lines)}


def update(record, compiler, counts):
    table = {key: value for key, value in read(record).items() if key[0] != compiler}
    table.update({(compiler, case): value for case, value in counts.items()})
    lines = (f"{key[0]}\t{key[1]}\t{value:.1f}" for key, value in sorted(table.items()))
    record.write_text("compiler\tcase\tinstructions\n" + "\n".join(lines) + "\n")


def main():
    program, compiler, record = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    try:
        counts = count(program)
    except OSError:
        print("SKIPPED instructions: valgrind is not installed")
        return SKIPPED
    if sys.argv[4:] == ["--update"]:
        update(record, compiler, counts)
        print(f"{record}: the record of {compiler} is new")
        return 0
    recorded, off = read(record), 0
    for case, value in counts.items():
        before = recorded.get((compiler, case))
        change = "" if before is None else f"{before:8.1f} {value / before - 1:+7.1%}"
        if before is not None and abs(value / before - 1) > TOLERANCE:
            change, off = change + "  <- off", off + 1
        print(f"{case:18}{value:8.1f} {change}")
    if not any(key[0] == compiler for key in recorded):
        print(f"no record of {compiler}: nothing to compare with")
    if off:
        print(f"{off} off by more than {TOLERANCE:.0%}; if that is meant, build the target instructions_record")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
