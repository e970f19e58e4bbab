"""
host_textfiles.py PROGRAM

cprom-host-exporter and text files that cannot stand beside others, or are too many: they, or what of them cannot be there, are
left out, with one line that says why, and all others are on the page. What clients write is on it. And which collectors run, and what the exit code of --once says of them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import node_exporter

skipped = set()
MEASURED = ["--collector.disable-defaults", "--collector.textfile"]


def once(program, directory, *flags):
    return subprocess.run([program, "--once", "--collector.textfile.directory=" + directory, *flags],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=node_exporter.PATIENCE, check=False)


def check(program, files, refused, *flags, left_out=None):
    """`refused`, `left_out`: {name: a part of the complaint}, of whole files and of parts; names of files may be bytes."""
    left_out = left_out or {}
    with tempfile.TemporaryDirectory() as directory:
        for name, text in {"a_good.prom": "good 1\n", "z_good.prom": "last 1\n", **files}.items():
            with open(os.path.join(os.fsencode(directory), os.fsencode(name)), "w", encoding="utf-8") as file:
                file.write(text)
        result = once(program, directory, *(flags or MEASURED))
        page, said = result.stdout.decode(), result.stderr.decode(errors="replace").splitlines()
    complaints = {**refused, **left_out}
    for line in "good 1", "last 1", "node_textfile_scrape_error %d" % bool(complaints), \
            'node_scrape_collector_success{collector="textfile"} 1':
        assert line in page.splitlines(), "%s is missing; %s\n%s" % (line, said, page[-1000:])
    for name in files:
        on_page = 'node_textfile_mtime_seconds{file="%s/%s"}' % (directory, name) in page
        assert on_page == (name not in refused), "%s, %s\n%s" % (name, on_page, said)
    assert len(said) == len(complaints), said
    for (name, why), line in zip(sorted(complaints.items()), said):
        assert "/%s: " % name in line and why in line, (name, why, line)
    return page, result.returncode


def has(page, *lines):
    for line in lines:
        assert line in page.splitlines(), "%s is missing:\n%s" % (line, page)


def colliding(program):
    """A family that cannot be there is left out alone."""
    histogram = '# TYPE x histogram\n%sx_bucket{le="+Inf"} 1\nx_sum 1\nx_count 1\nbeside 1\n'
    own = "the name is the exporter's own"
    page, _ = check(program, {"b.prom": "process_open_fds 5\nbeside 1\n"}, {}, left_out={"b.prom": own})
    has(page, "beside 1")
    # A counter that is not named so has no room beside process_cpu_seconds_total; untyped, it has.
    page, _ = check(program, {"b.prom": "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds 5\nbeside 1\n"}, {},
                    left_out={"b.prom": own})
    has(page, "beside 1")
    page, _ = check(program, {"b.prom": histogram % "", "c.prom": "x_count 1\n"}, {},
                    left_out={"c.prom": "line 1: x_count and x cannot be"})
    has(page, "beside 1", "x_count 1", "# TYPE x histogram")
    page, _ = check(program, {"b.prom": "x_count 1\n", "c.prom": histogram % ""}, {},
                    left_out={"c.prom": "line 1: x and x_count cannot be"})
    has(page, "beside 1", "x_count 1", "# TYPE x_count untyped")
    page, _ = check(program, {"b.prom": "# TYPE y counter\ny 1\n", "c.prom": "y_total 1\n"}, {})
    has(page, "y 1", "y_total 1")
    page, _ = check(program, {"b.prom": "node_vmstat_pgpgin 5\n"}, {}, "--collector.vmstat", left_out={"b.prom": own})
    assert "node_vmstat_pgpgin 5" not in page.splitlines()
    page, _ = check(program, {"b.prom": "cprom_x 1\nbeside 1\n"}, {}, left_out={"b.prom": "the library's"})
    has(page, "beside 1")
    # Types that look the same are those of the first file.
    page, _ = check(program, {"b.prom": 't{f="b"} 1\n', "c.prom": '# TYPE t gauge\nt{f="c"} 1\n'}, {})
    has(page, 't{f="b"} 1', 't{f="c"} 1', "# TYPE t untyped")


# What clients write by default, or print from scripts.
CLIENTS = {
    "python": """# HELP backup_runs_total Runs.
# TYPE backup_runs_total counter
backup_runs_total{job="a"} 1.0
# HELP backup_runs_created Runs.
# TYPE backup_runs_created gauge
backup_runs_created{job="a"} 1.79e+09
# HELP backup_seconds How long.
# TYPE backup_seconds histogram
backup_seconds_bucket{le="0.5"} 1.0
backup_seconds_bucket{le="+Inf"} 2.0
backup_seconds_count 2.0
backup_seconds_sum 3.5
# HELP backup_seconds_created How long.
# TYPE backup_seconds_created gauge
backup_seconds_created 1.79e+09
# HELP backup_bytes How much.
# TYPE backup_bytes summary
backup_bytes_count 1.0
backup_bytes_sum 5.0
# HELP backup_bytes_created How much.
# TYPE backup_bytes_created gauge
backup_bytes_created 1.79e+09
# HELP backup_info What.
# TYPE backup_info gauge
backup_info{version="1"} 1.0
# HELP backup_state How.
# TYPE backup_state gauge
backup_state{backup_state="on"} 1.0
backup_state{backup_state="off"} 0.0
""",
    "java": """# HELP jvm_gc_total GC.
# TYPE jvm_gc_total counter
jvm_gc_total{gc="x",} 3.0
# TYPE jvm_gc_created gauge
jvm_gc_created{gc="x",} 1.6E9
# HELP jvm_info VM version info
# TYPE jvm_info gauge
jvm_info{runtime="r",} 1.0
# TYPE jvm_wait summary
jvm_wait{quantile="0.5",} NaN
jvm_wait_count 0.0
jvm_wait_sum 0.0
""",
    "go": """# HELP go_gc_seconds Pauses.
# TYPE go_gc_seconds summary
go_gc_seconds{quantile="0"} 2.5e-05
go_gc_seconds_sum 0.1
go_gc_seconds_count 3
# TYPE go_info gauge
go_info{version="go1.19"} 1
""",
    "beside": "# TYPE jobs gauge\njobs 3\n# TYPE jobs_total counter\njobs_total 7\n",
    "torn": '# TYPE q histogram\nq_bucket{le="1"} 5\nq_bucket{le="+Inf"} 5\nq_sum 2\nq_count 4\nx{a="1"} 1\nx{a="1"} 2\ny 1\n',
}


def clients(program):
    for name, text in CLIENTS.items():
        left = {"b.prom": "line 7: x: the same series as in line 6"} if name == "torn" else {}
        page, _ = check(program, {"b.prom": text}, {}, left_out=left)
        expected = [re.sub(r"\.0$", "", line).replace(",}", "}").replace("1.6E9", "1.6e+09") for line in text.splitlines()
                    if not re.search(r"_created[ {]", line) and line != 'x{a="1"} 2']
        if name == "beside":
            expected[2] = "# TYPE jobs_total untyped"
        if name == "torn":
            expected[expected.index("q_count 4")] = "q_count 5"
        has(page, *[line for line in expected if not line.startswith("# HELP")])
        judge(name, program, text)


def judge(name, program, text):
    """Prometheus' promtool and Python's parsers, where there are any, say that pages are right, in both formats."""
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "b.prom"), "w", encoding="utf-8") as file:
            file.write(text)
        with node_exporter.Exporter(program, MEASURED + ["--collector.textfile.directory=" + directory]) as exporter:
            plain = exporter.page()
            openmetrics = exporter.page({"Accept": "application/openmetrics-text;version=1.0.0"}).decode()
    promtool = shutil.which("promtool")
    if promtool:
        code = subprocess.run([promtool, "check", "metrics"], input=plain.encode(), capture_output=True, check=False).returncode
        assert code in (0, 3), (name, code)
    else:
        skipped.add("promtool")
    assert openmetrics.endswith("# EOF\n"), openmetrics
    check_parsers = """
import sys
try:
    from prometheus_client.parser import text_string_to_metric_families as plain
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
except ImportError:
    sys.exit(77)
def number(name, value):
    return float(value) if name in ("le", "quantile") else value
def values(families):
    return {(s.name, frozenset((k, number(k, v)) for k, v in s.labels.items())): s.value for f in families for s in f.samples if s.name[:5] != "node_"}
texts = sys.stdin.read().split("\\0")
a, b = values(plain(texts[0])), values(openmetrics(texts[1]))
assert a.keys() and not {k[0] for k in a.keys() ^ b.keys()} - {"process_start_time_seconds"}, a.keys() ^ b.keys()
"""
    result = subprocess.run(["/usr/bin/python3", "-c", check_parsers], input=(plain + "\0" + openmetrics).encode(),
                            capture_output=True, check=False)
    if result.returncode == 77:
        skipped.add("prometheus_client")
    else:
        assert result.returncode == 0, (name, result.stderr.decode())


def sharing(program):
    page, code = check(program, {"b.prom": 'y{f="b"} 1\n', "c.prom": '# HELP y Of c.\ny{f="c"} 2\n', "d.prom":
                                 '# HELP y Of d.\ny{f="d"} 3\n'}, {})
    assert code == 0, code
    assert page.count("# HELP y Of c.\n") == 1 and 'y{f="b"} 1\ny{f="c"} 2\ny{f="d"} 3\n' in page, page
    page, _ = check(program, {"b.prom": 'y{f="b"} 1\n', "c.prom": 'y{f="c"} 1\ny{f="b"} 2\n'}, {},
                    left_out={"c.prom": "line 2: y is in another"})
    has(page, 'y{f="b"} 1', 'y{f="c"} 1')
    _, code = check(program, {"b.prom": "wrong\n"}, {"b.prom": "line 1"})
    assert code == 1, code


def many(program):
    def families(first, n):
        return "".join("f%d 1\n" % i for i in range(first, first + n))

    why = "more than 2000 families and changes of label names"
    check(program, {"b.prom": families(0, 1990)}, {})
    check(program, {"b.prom": families(0, 2001)}, {"b.prom": why})
    # The smallest files go first.
    check(program, {"b.prom": families(4000, 1501), "c.prom": families(2000, 1500), "d.prom": families(2000, 1600).replace(" ", '{d=""} ')},
          {"b.prom": why + " in all files"}, left_out={"d.prom": "in another file already"})
    check(program, {"b.prom": "".join('x{l%d="1"} 1\n' % i for i in range(3000))}, {"b.prom": why})
    # As many as there are label names; the order in which they come does not matter.
    check(program, {"b.prom": "".join('x{l%d="%d"} 1\n' % (i % 3, i) for i in range(3000))}, {})
    # Of one family in two files, in time that is not their product.
    check(program, {name + ".prom": "".join('x{f="%s",n="%d"} 1\n' % (name, i) for i in range(20000)) for name in "bc"}, {})
    check(program, {"b.prom": "".join('x{n="%d"} 1\n' % i for i in range(50001))}, {"b.prom": "more than 50000 series"})
    # Comments of a file cost nobody else, and its own too much only where it is far too long.
    check(program, {"b.prom": "#" + "x" * ((2 << 20) - 100) + "\nb 1\n", "c.prom": "#" + "x" * (1 << 20) + "\nc 1\n"}, {})
    check(program, {"b.prom": "#" + "x" * (2 << 20) + "\nx 1\n"}, {"b.prom": "more than 2097152 bytes"})


def owners(program):
    """A crowd of small files is too much for the page; what somebody else wrote, and is larger, is there all the same."""
    if os.geteuid() != 0:
        skipped.add("right to give files away")
        return
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        for i in range(9000):
            path = os.path.join(directory, "%04d.prom" % i)
            with open(path, "w", encoding="utf-8") as file:
                file.write('x{n="%d"} 1\n' % i)
            os.chown(path, 12345, 12345)
        with open(os.path.join(directory, "z.prom"), "w", encoding="utf-8") as file:
            file.writelines('last{n="%d"} 1\n' % i for i in range(10000))
        page = once(program, directory, *MEASURED).stdout.decode().splitlines()
    crowd, last = (sum(line.startswith(name + "{") for line in page) for name in ("x", "last"))
    assert last == 10000 and 1000 < crowd < 9000, (last, crowd)


def neighbours(program):
    """What stands in the directory beside files costs itself: a pipe, a directory, a file of 70 MB, one that may not be read."""
    with tempfile.TemporaryDirectory() as directory:
        os.mkfifo(os.path.join(directory, "b.prom"))
        os.mkdir(os.path.join(directory, "c.prom"))
        os.symlink("/dev/zero", os.path.join(directory, "d.prom"))
        with open(os.path.join(directory, "e.prom"), "w", encoding="utf-8") as file:
            file.truncate(70 << 20)
        with open(os.path.join(directory, "f.prom"), "w", encoding="utf-8") as file:
            file.write("last 1\n")
        flags = ["--collector.textfile.directory=" + directory, "--collector.disable-defaults", "--collector.textfile",
                 "--collector.entropy", "--collector.filefd", "--collector.loadavg"]
        # A sanitizer would keep what is freed.
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
        with node_exporter.Exporter(program, flags) as exporter:
            for _ in range(3):
                page = exporter.page()
                has(page, "last 1", "node_textfile_scrape_error 1",
                    *['node_scrape_collector_success{collector="%s"} 1' % c for c in ("entropy", "filefd", "loadavg")])
            said = [line for line in exporter.said().splitlines() if "collector textfile" in line]
            with open("/proc/%d/status" % exporter.process.pid, encoding="ascii") as status:
                kept = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
        assert len(said) == 4, said
        assert kept < 60000, "%d KiB are kept" % kept


def strangely_named(program):
    with tempfile.TemporaryDirectory() as directory:
        for name, text in (b"a\n\x1b[2J.prom", "wrong\n"), (b"\xff.prom", "strange 1\n"):
            with open(os.path.join(os.fsencode(directory), name), "w", encoding="utf-8") as file:
                file.write(text)
        result = once(program, directory, *MEASURED)
        assert result.stderr.count(b"\n") == 1 and b"/a??[2J.prom: line 1: " in result.stderr, result.stderr
        assert "Metric read from %s/\N{REPLACEMENT CHARACTER}.prom\n" % directory in result.stdout.decode(), result.stdout


def flags_and_exit_code(program):
    """Which collectors run, and that the exit code says how they fared."""
    def run(*flags):
        result = subprocess.run([program, "--once", *flags], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, timeout=node_exporter.PATIENCE, check=False)
        return result.returncode, sorted(re.findall(r'node_scrape_collector_success{collector="(.*)"}', result.stdout.decode()))

    flag = "collector.disable-defaults"
    for on in "--" + flag, "-" + flag, "--%s=true" % flag, "-%s=1" % flag, "--no-%s" % flag:
        code, collectors = run("--collector.uname", on)
        assert (collectors == ["uname"]) == ("no-" not in on), (on, collectors)
        assert "no-" in on or code == 0, on
    for off in "--%s=false" % flag, "-%s=0" % flag:
        assert len(run("--" + flag, off)[1]) > 10, off
    only = ["--" + flag, "--path.procfs=/nonexistent"]
    assert run(*only, "--collector.loadavg") == (1, ["loadavg"])
    assert run(*only, "--collector.pressure") == (1, ["pressure"])
    with tempfile.TemporaryDirectory() as empty:  # as of a kernel without it
        assert run("--" + flag, "--path.procfs=" + empty, "--collector.pressure") == (0, ["pressure"])


def main():
    for part in colliding, clients, sharing, many, owners, neighbours, strangely_named, flags_and_exit_code:
        part(sys.argv[1])
        print("%s: as expected" % part.__name__)
    for what in sorted(skipped):
        print("SKIPPED in part: no " + what)


if __name__ == "__main__":
    main()
