"""
host_fixtures.py PROGRAM [--write|--beside]

cprom-host-exporter on trees written by hand: the page must be the one that is committed beside them (--write makes
these). With --beside, prometheus-node-exporter must agree on the same trees, but for what docs/exporters-host.md says.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

import fixtures
import node_exporter

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")

# What the machine decides: only that it is there counts.
VOLATILE = re.compile(r"(node_filesystem_(size|free|avail)_bytes|node_filesystem_files(_free)?|node_time_seconds|"
                      r"node_time_zone_offset_seconds|node_scrape_collector_duration_seconds|node_textfile_mtime_seconds)"
                      r"(\{.*\})? [^ ]*$")

# What differs from node_exporter, by tree: (ours, theirs), series with values.
KNOWN = {
    # A CPU that is offline has no line in stat. What is no number is 0 there, and missing here.
    "machine": ({'node_scrape_collector_success{collector="netclass"} 0'},
                {'node_scrape_collector_success{collector="netclass"} 1'} | {'node_cpu_seconds_total{cpu="2",mode="%s"} 0' % mode for mode in
                        "user nice system idle iowait irq softirq steal".split()} |
                {'node_cpu_guest_seconds_total{cpu="2",mode="%s"} 0' % mode for mode in ("user", "nice")} |
                {'node_network_carrier{device="eth1"} 0', 'node_network_mtu_bytes{device="wlan0"} 0'}),
}


def normal(page, tree):
    """Without what the exporter says of itself, the tree's place and what the machine decides."""
    lines = []
    for line in page.replace(tree, "TREE").splitlines():
        name = line.split(" ")[2] if line.startswith("#") else line
        if not node_exporter.is_own(name):
            lines.append(VOLATILE.sub(lambda m: m.group(0).rpartition(" ")[0] + " *", line))
    return "".join(line + "\n" for line in lines)


def ours(program, tree):
    result = subprocess.run([program, "--once"] + fixtures.flags(tree), stdin=subprocess.DEVNULL, capture_output=True,
                            timeout=node_exporter.PATIENCE, check=False)
    flawed = re.search(rb"^node_scrape_collector_success.* 0$|^node_textfile_scrape_error 1$", result.stdout, re.MULTILINE)
    if result.returncode != bool(flawed):
        raise AssertionError("%s ended with %d: %s" % (program, result.returncode, result.stderr.decode()))
    return normal(result.stdout.decode(), tree), result.stderr.decode().replace(tree, "TREE")


def difference(a, b):
    return sorted(set(a.splitlines()) - set(b.splitlines()))


def check_expected(program, tree, name, write):
    page, said = ours(program, tree)
    path = os.path.join(HERE, name + ".prom")
    page += "".join("# said: %s\n" % line for line in said.splitlines())
    if write:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
        return
    with open(path, encoding="utf-8") as file:
        expected = file.read()
    if page != expected:
        raise AssertionError("%s.prom:\nonly here: %s\nonly expected: %s" %
                             (name, "\n".join(difference(page, expected)), "\n".join(difference(expected, page))))


def check_node(program, node, tree, name):
    page, _ = ours(program, tree)
    with node_exporter.Exporter(node, fixtures.flags(tree) + ["--log.level=error"]) as exporter:
        theirs = normal(exporter.page(), tree)
    newer = tuple(name for name in node_exporter.NEWER if name not in theirs)
    page = "".join(line for line in page.splitlines(keepends=True) if not newer or not any(n in line for n in newer))
    found = set(difference(page, theirs)), set(difference(theirs, page))
    known = KNOWN.get(name, (set(), set()))
    if found != known:
        raise AssertionError("%s:\nnot in node_exporter: %s\nonly there: %s" %
                             (name, "\n".join(sorted(found[0] ^ known[0])), "\n".join(sorted(found[1] ^ known[1]))))


def main():
    program, node = sys.argv[1], None
    os.environ["TZ"] = "UTC"
    if "--beside" in sys.argv:
        node = node_exporter.find()
        if not node:
            node_exporter.skip("host_fixtures", "no prometheus-node-exporter")
    for text in sorted(glob.glob(os.path.join(HERE, "*.txt"))):
        name = os.path.splitext(os.path.basename(text))[0]
        with tempfile.TemporaryDirectory() as tree:
            fixtures.unpack(text, tree)
            if not node:
                check_expected(program, tree, name, "--write" in sys.argv)
            elif not name.startswith("only_"):
                check_node(program, node, tree, name)
        print("%s: as expected" % name)


if __name__ == "__main__":
    main()
