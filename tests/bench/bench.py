"""Runs the benchmarks, beside the peers that are installed, prints tables, and writes docs/benchmarks.md.

    cmake --build build --target bench                                          everything
    python3 tests/bench/bench.py --programs build/tests/bench updates lookups   single parts, printed only
    build/tests/bench/bench_core updates                                        the samples of one part as they are

Programs print a line for each sample: case, unit, threads, value, with tabs between.
"""

import argparse
import datetime
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from cases import ALONE, BACK, SECTIONS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS, ONE_STRIPE = "cprom", "CPROM_STRIPES=1"
PART_SECONDS = 40  # a peer's part is stopped then; what it printed counts

WITHOUT_PEERS = {"machine", "stripes", "sizes", "bounds"}

GO = ["go", "build", "-o"]
PEERS = {  # name: packages, how to build it, files
    "prometheus-cpp": (
        "prometheus-cpp-dev",
        ["g++", "-O2", "-std=c++17", "-o"],
        ["prometheus_cpp.cc", "-lprometheus-cpp-pull", "-lprometheus-cpp-core", "-lpthread"],
    ),
    "client_golang": ("golang-github-prometheus-client-golang-dev", GO, ["client_golang.go", "common.go"]),
    "VictoriaMetrics": ("golang-github-victoriametrics-metrics-dev", GO, ["victoriametrics.go", "common.go"]),
}


def build_peers(directory):
    """The programs of the peers that can be built, the versions of their packages; a line for each of the others."""
    programs, versions, missing = {}, {}, []
    environment = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="")
    environment["GOCACHE"] = str(directory / "go")
    for name, (package, compiler, files) in PEERS.items():
        program = directory / name
        command = compiler + [str(program)] + files
        try:
            run = subprocess.run(command, cwd=HERE / "peers", env=environment, capture_output=True, text=True)
            error = run.stderr.strip() if run.returncode else ""
        except OSError as failure:
            error = str(failure)
        if error:
            missing.append(f"{name} was left out: it cannot be built here (Debian: {package})")
            print(f"{missing[-1]}: {error.splitlines()[0]}", file=sys.stderr)
            continue
        programs[name] = program
        versions[name] = output_of("dpkg-query", "-W", "-f", "${Version}", package)
    return programs, versions, missing


def output_of(*command):
    """What it prints, or nothing."""
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


# ---- measuring ----


class Samples:
    """Lists of values by program, case and threads; what parts had to say of themselves."""

    def __init__(self):
        self.values = {}
        self.notes = []

    def add(self, program, case, threads, value):
        self.values.setdefault((program, case, threads), []).append(value)

    def get(self, program, case, threads):
        return self.values.get((program, case, threads), [])

    def median(self, program, case, threads):
        values = self.get(program, case, threads)
        return statistics.median(values) if values else None

    def read(self, program, lines):
        for line in lines.splitlines():
            if line.startswith("# "):
                self.notes.append(line[2:])
                continue
            case, _, threads, value = line.split("\t")
            self.add(program, case, int(threads), float(value))


def run_part(samples, name, program, part, quick):
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        command = [str(program)] + (["--quick"] if quick and name in (OURS, ONE_STRIPE) else []) + [part]
        try:
            subprocess.run(command, stdout=output, check=True, timeout=None if name == OURS else PART_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{name} {part}: stopped after {PART_SECONDS} s", file=sys.stderr)
        except subprocess.CalledProcessError as failure:
            if name == OURS:
                raise
            print(f"{name} {part}: {failure}", file=sys.stderr)
        output.seek(0)
        lines = output.read()
    samples.read(name, lines[: lines.rfind("\n") + 1])
    print(f"  {part}: {name}, {time.monotonic() - begin:.0f} s", file=sys.stderr)


def wrk(url, connections, seconds):
    """Requests a second, and the median of the latency in us."""
    text = output_of("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", text)
    p50 = re.search(r"50%\s*([\d.]+)(us|ms|s)", text)
    if not rate or not p50 or "Non-2xx" in text:
        raise RuntimeError(f"wrk {url}: {text}")
    return float(rate[1]), float(p50[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[p50[2]]


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Served:
    """A program that serves n series."""

    def __init__(self, program, n):
        command = [str(program), "serve", str(n)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = "http://127.0.0.1:" + self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


def run_http(samples, programs, quick):
    rounds, seconds = (1, 1) if quick else (5, 1)
    for name, program in programs.items():
        with Served(program, 100) as few, Served(program, 10000) as many:
            for _ in range(rounds):
                used = processor_seconds(few.process.pid)
                rate, _ = wrk(few.address + "/metrics", 50, seconds)
                used = processor_seconds(few.process.pid) - used
                samples.add(name, "http_100", 1, rate)
                samples.add(name, "http_cpu", 1, used / (rate * seconds) * 1e6)
                samples.add(name, "http_p50_100", 1, wrk(few.address + "/metrics", 1, seconds)[1])
                samples.add(name, "http_p50_10k", 1, wrk(many.address + "/metrics", 1, seconds)[1])
                if name == OURS:
                    samples.add(name, "http_line", 1, wrk(few.address + "/-/healthy", 50, seconds)[0])


def measure_sizes(samples, directory):
    programs = ["small", "all", "gc", "nothing", "static", "static_nothing"]
    files = {"size_so": "libcprom_bench_so.so", **{f"size_{name}": f"bench_{name}" for name in programs}}
    with tempfile.TemporaryDirectory() as scratch:
        for case, name in files.items():
            if (directory / name).exists():  # not everywhere is there a static libc
                stripped = Path(scratch, name)
                subprocess.run(["strip", "-o", str(stripped), str(directory / name)], check=True)
                samples.add(OURS, case, 1, stripped.stat().st_size / 1024)


def measure(samples, parts, directory, peers, quick):
    ours = directory / "bench_core"
    for part in parts:
        if part == "http":
            if not shutil.which("wrk"):
                print("  http: wrk is not installed", file=sys.stderr)
                continue
            run_http(samples, dict({OURS: ours}, **peers), quick)
        elif part == "sizes":
            measure_sizes(samples, directory)
        elif part == "bounds":
            run_part(samples, OURS, directory / "bench_bounds", part, quick)
        else:
            run_part(samples, OURS, ours, part, quick)
            if part == "stripes":
                run_part(samples, ONE_STRIPE, directory / "bench_core_1", part, quick)
            elif part not in WITHOUT_PEERS and not quick:
                for name, program in peers.items():
                    run_part(samples, name, program, part, quick)
    for name in [OURS, *peers]:
        small, large = samples.median(name, "scrape_10k", 1), samples.median(name, "scrape_1M", 1)
        if small and large:
            samples.add(name, "flat", 1, large / small / 100)


def measure_exporters(directory):
    """What the scripts that set the exporters beside others print."""
    for name in "host", "process":
        program, script = directory / f"cprom-{name}-exporter", ROOT / f"tests/exporters/{name}_cost.py"
        if program.exists():
            begin = time.monotonic()
            yield output_of(sys.executable, str(script), str(program))
            print(f"  exporters: {name}, {time.monotonic() - begin:.0f} s", file=sys.stderr)


# ---- tables ----


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def goal_of(samples, row):
    if isinstance(row.goal, tuple):
        base = samples.median(OURS, row.goal[0], 1)
        return None if base is None else base + row.goal[1]
    return row.goal


def peer_cell(samples, row, peer, ours):
    values = samples.get(peer, row.case, row.threads)
    if not values:
        return "-"
    median = statistics.median(values)
    ratio = ours / median if row.unit == "/s" else median / ours
    few = f", n={len(values)}" if len(values) < 5 and row.unit != "x" and peer != ONE_STRIPE else ""
    return f"{number(median)} ({ratio:.2g}x{few})" if ratio < 100 else f"{number(median)} ({ratio:,.0f}x{few})"


def table(samples, section, peers):
    """Lists of cells, the header first."""
    shown = [peer for peer in peers if any(samples.get(peer, row.case, row.threads) for row in section.rows)]
    with_calls = any(row.calls for row in section.rows)
    yield ["case"] + (["calls"] if with_calls else []) + ["unit", "median", "min", "max", "goal", "met"] + shown
    for row in section.rows:
        values = samples.get(OURS, row.case, row.threads)
        if not values:
            continue
        median, goal = statistics.median(values), goal_of(samples, row)
        met = "" if goal is None else "yes" if (median >= goal if row.unit == "/s" else median <= goal) else "**no**"
        cells = [row.title] + ([row.calls] if with_calls else []) + [row.unit, number(median)]
        cells += [number(min(values)), number(max(values))] if len(values) > 1 else ["", ""]
        cells += ["" if goal is None else number(goal) if isinstance(row.goal, tuple) else f"{goal:,g}", met]
        yield cells + [peer_cell(samples, row, peer, median) for peer in shown]


def markdown(lines):
    """Aligned, so that it reads as plain text, too."""
    lines = list(lines)
    numeric = range(lines[0].index("median"), len(lines[0]))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rule = ["-" * (width - 1) + ":" if i in numeric else "-" * width for i, width in enumerate(widths)]
    lines.insert(1, rule)
    for line in lines:
        line[:] = [cell.rjust(w) if i in numeric else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def commit():
    changed = output_of("git", "status", "--porcelain", "--", "lib", "include", "tests/bench", "CMakeLists.txt")
    return (output_of("git", "rev-parse", "--short", "HEAD") or "unknown") + (" and changes" if changed else "")


def machine_lines(measured, versions, missing, others, seconds):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    yield f"- {datetime.date.today()}, commit {measured}"
    yield (
        f"- {cpu[1] if cpu else platform.machine()}, {len(os.sched_getaffinity(0))} processors, {platform.release()}, "
        f"{system[1] if system else platform.system()}"
    )
    yield f"- {output_of('gcc', '--version').splitlines()[0]}, -O2; {' '.join(platform.libc_ver())}"
    peers = [f"{name} {version}" for name, version in versions.items()]
    yield f"- peers: {', '.join(peers) or 'none'}; {output_of('go', 'version') or 'no Go'}"
    yield from (f"- {line}" for line in missing)
    yield f"- it took {seconds / 60:.1f} min; other programs used {others:.0%} of one processor meanwhile"
    if others > 0.2:
        yield "- **the machine was not idle: these times say little**"


def processor_time():
    """Seconds that everybody used, and that our children did."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = sum(fields) - fields[3] - fields[4]
    return busy / os.sysconf("SC_CLK_TCK"), children.ru_utime + children.ru_stime


INTRODUCTION = f"""# Benchmarks

Written by `cmake --build build --target bench`. What was tried, and what stands in the way of a goal:
[benchmarks-notes.md](benchmarks-notes.md).

Medians of at least five samples; threads are pinned, one-thread rows to the last processor. Peers run the same
workloads in the same run; in brackets how many times ours that is, from above 1 on in our favour, and how many
samples, if they are fewer. *{BACK}*: a loop of calls, whose cache misses may overlap. *{ALONE}*: each call is measured
by itself, or waits for the one before.
"""


def main():
    parser = argparse.ArgumentParser(description="Runs the benchmarks.")
    parser.add_argument("--programs", type=Path, required=True, help="where the build puts bench_core")
    parser.add_argument("--exporters", type=Path, help="where the build puts the exporters; measures these, too")
    parser.add_argument("--page", type=Path, help="write it; not with parts")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller, and no peers but for HTTP")
    everything = [part for section in SECTIONS for part in section.parts]
    parser.add_argument("parts", nargs="*", metavar="PART", help="some of: " + " ".join(everything))
    options = parser.parse_args()
    if set(options.parts) - set(everything):
        parser.error("there is no such part")
    if options.page and (options.parts or options.quick):
        parser.error("a page shows everything")

    begin, before, measured = time.monotonic(), processor_time(), commit()
    directory = options.programs.resolve()
    peer_directory = directory / "bench_peers"
    peer_directory.mkdir(exist_ok=True)
    parts = options.parts or everything
    peers, versions, missing = build_peers(peer_directory) if set(parts) - WITHOUT_PEERS else ({}, {}, [])
    samples = Samples()
    measure(samples, parts, directory, peers, options.quick)
    exporters = list(measure_exporters(options.exporters.resolve())) if options.exporters else []
    seconds, after = time.monotonic() - begin, processor_time()
    others = max(0, (after[0] - before[0] - (after[1] - before[1])) / seconds)

    page = [INTRODUCTION, "\n".join(machine_lines(measured, versions, missing, others, seconds))]
    for section in SECTIONS:
        if any(samples.get(OURS, row.case, row.threads) for row in section.rows):
            text = textwrap.fill(section.text, 110, break_on_hyphens=False)
            page += [f"\n## {section.title}\n\n{text}\n", markdown(table(samples, section, [*peers, ONE_STRIPE]))]
            if section.parts == ["bounds"] and samples.notes:
                page.append("\n" + "\n".join(f"- {note}" for note in samples.notes))
    if exporters:
        page.append("\n## The exporters\n\nBeside node_exporter with the same collectors on this machine, and process-exporter on a "
                    "tree of\nfiles; as their tests find them. Goals: a third of the processor time and a tenth of the resident memory;\n"
                    "300 ms for 10,000 processes.\n")
        page += [f"```\n{text}\n```" for text in exporters]
    text = "\n".join(page) + "\n"
    print(text)
    if options.page:
        options.page.write_text(text)
        print(f"{options.page} is written", file=sys.stderr)


if __name__ == "__main__":
    main()
