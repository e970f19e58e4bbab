"""
host_textfiles.py PROGRAM

cprom-host-exporter and text files that cannot stand beside others, or are too many: they are left out, with one line that
says why, and all others are on the page. And which collectors run, and what the exit code of --once says of them.
"""

import os
import re
import subprocess
import sys
import tempfile

import node_exporter

MEASURED = ["--collector.disable-defaults", "--collector.textfile"]


def once(program, directory, *flags):
    return subprocess.run([program, "--once", "--collector.textfile.directory=" + directory, *flags],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=node_exporter.PATIENCE, check=False)


def check(program, files, refused, *flags):
    """`refused`: {name: a part of the complaint}; names of files may be bytes."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in {"a_good.prom": "good 1\n", "z_good.prom": "last 1\n", **files}.items():
            with open(os.path.join(os.fsencode(directory), os.fsencode(name)), "w", encoding="utf-8") as file:
                file.write(text)
        result = once(program, directory, *(flags or MEASURED))
        page, said = result.stdout.decode(), result.stderr.decode(errors="replace").splitlines()
    for line in "good 1", "last 1", "node_textfile_scrape_error %d" % bool(refused), \
            'node_scrape_collector_success{collector="textfile"} 1':
        assert line in page.splitlines(), "%s is missing; %s\n%s" % (line, said, page[-1000:])
    for name in files:
        on_page = 'node_textfile_mtime_seconds{file="%s/%s"}' % (directory, name) in page
        assert on_page == (name not in refused), "%s, %s\n%s" % (name, on_page, said)
    assert len(said) == len(refused), said
    for (name, why), line in zip(sorted(refused.items()), said):
        assert "/%s: " % name in line and why in line, (name, why, line)
    return page, result.returncode


def colliding(program):
    histogram = '# TYPE x histogram\n%sx_bucket{le="+Inf"} 1\nx_sum 1\nx_count 1\n'
    own = "the name is the exporter's own"
    check(program, {"b.prom": "process_open_fds 5\n"}, {"b.prom": own})
    check(program, {"b.prom": "# TYPE process_cpu_seconds gauge\nprocess_cpu_seconds 5\n"}, {"b.prom": own})
    check(program, {"b.prom": histogram % "", "c.prom": "x_count 1\n"}, {"c.prom": "line 1: x_count and x cannot be"})
    check(program, {"b.prom": "x_count 1\n", "c.prom": histogram % ""}, {"c.prom": "line 1: x and x_count cannot be"})
    check(program, {"b.prom": histogram % "# HELP x_count foo\n"}, {"b.prom": "x_count and x cannot be"})
    check(program, {"b.prom": "# TYPE y counter\ny 1\n", "c.prom": "y_total 1\n"}, {"c.prom": "cannot be on one page"})
    check(program, {"b.prom": "node_vmstat_pgpgin 5\n"}, {"b.prom": own}, "--collector.vmstat")
    # What a refused file claimed is free again.
    check(program, {"b.prom": "free 1\nprocess_threads 5\n", "c.prom": "# TYPE free gauge\nfree 1\n"}, {"b.prom": own})


def sharing(program):
    page, code = check(program, {"b.prom": 'y{f="b"} 1\n', "c.prom": '# HELP y Of c.\ny{f="c"} 2\n', "d.prom":
                                 '# HELP y Of d.\ny{f="d"} 3\n'}, {})
    assert code == 0, code
    assert page.count("# HELP y Of c.\n") == 1 and 'y{f="b"} 1\ny{f="c"} 2\ny{f="d"} 3\n' in page, page
    check(program, {"b.prom": 'y{f="b"} 1\n', "c.prom": 'y{f="c"} 1\ny{f="b"} 2\n'}, {"c.prom": "line 2: y is in another"})
    _, code = check(program, {"b.prom": "wrong\n"}, {"b.prom": "line 1"})
    assert code == 1, code


def many(program):
    def families(first, n):
        return "".join("f%d 1\n" % i for i in range(first, first + n))

    why = "more than 2000 families"
    check(program, {"b.prom": families(0, 1990)}, {})
    check(program, {"b.prom": families(0, 2001)}, {"b.prom": "line 2000: " + why})
    check(program, {"b.prom": families(0, 1500), "c.prom": families(2000, 1500)}, {"c.prom": "line 500: " + why})
    check(program, {"b.prom": "".join('x{l%d="1"} 1\n' % i for i in range(3000))}, {"b.prom": why})
    # Of one family in two files, in time that is not their product.
    check(program, {name + ".prom": "".join('x{f="%s",n="%d"} 1\n' % (name, i) for i in range(20000)) for name in "bc"}, {})
    check(program, {"b.prom": "".join('x{n="%d"} 1\n' % i for i in range(50001))}, {"b.prom": "more than 50000 series"})
    check(program, {"b.prom": "#" + "x" * (2 << 20) + "\nx 1\n"}, {"b.prom": "more than 2097152 bytes in all files"})


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
    for part in colliding, sharing, many, strangely_named, flags_and_exit_code:
        part(sys.argv[1])
        print("%s: as expected" % part.__name__)


if __name__ == "__main__":
    main()
