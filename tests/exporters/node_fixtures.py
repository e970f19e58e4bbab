"""
node_fixtures.py PROGRAM

cprom-host-exporter on the trees of files that node_exporter is tested with, against the page that node_exporter's own tests
expect of them. They are in node_exporter's source, of which $NODE_EXPORTER_SOURCE is an unpacked tree; nothing of it is here.
Samples of families that both have must be equal, but for what docs/exporters-host.md says.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import node_exporter

# What the machine decides, the exporter itself, and what is made otherwise.
SKIPPED = re.compile(r"(process|go|promhttp)_|node_(scrape_collector|time|timex|filesystem|uname|textfile_mtime|exporter)_")
# Labels that later versions have.
LATER = re.compile(r',?(rotational|adminstate)="[^"]*"')


def samples(page):
    found = {}
    for line in page.splitlines():
        if line and not line.startswith("#") and not SKIPPED.match(line):
            series, value = LATER.sub("", line).rsplit(" ", 1)
            found[series] = value
    return found


def main():
    program, source = os.path.abspath(sys.argv[1]), os.environ.get("NODE_EXPORTER_SOURCE")
    if not source or not shutil.which("bash"):
        node_exporter.skip("node_fixtures", "no NODE_EXPORTER_SOURCE, or no bash")
    with tempfile.TemporaryDirectory() as directory:
        tree = os.path.join(directory, "collector", "fixtures")
        shutil.copytree(os.path.join(source, "collector", "fixtures"), tree, symlinks=True)
        for packed in "sys.ttar", "udev.ttar":
            if os.path.exists(os.path.join(tree, packed)):
                subprocess.run(["bash", os.path.join(source, "ttar"), "-C", tree, "-x", "-f", os.path.join(tree, packed)], check=True)
        flags = ["--path.procfs=collector/fixtures/proc", "--path.sysfs=collector/fixtures/sys",
                 "--path.rootfs=collector/fixtures", "--path.udev.data=collector/fixtures/udev/data",
                 "--collector.arp.device-exclude=nope", "--collector.netclass.ignore-invalid-speed",
                 "--collector.netclass.ignored-devices=(dmz|int)", "--collector.stat.softirq", "--no-collector.filesystem",
                 "--no-collector.netdev", "--no-collector.selinux",
                 "--collector.textfile.directory=collector/fixtures/textfile/two_metric_files/"]
        result = subprocess.run([program, "--once", *flags], cwd=directory, capture_output=True, check=False, encoding="utf-8")
        with open(os.path.join(tree, "e2e-output.txt"), encoding="utf-8") as file:
            expected = file.read()
    ours, theirs = samples(result.stdout), samples(expected)
    if 'rotational="' in expected:  # versions in which a disk without a short serial number has the long one
        ours, theirs = ({s: v for s, v in page.items() if 'device="mmcblk' not in s or not s.startswith("node_disk_info")}
                        for page in (ours, theirs))
    names = {series.split("{")[0] for series in theirs} & {series.split("{")[0] for series in ours}
    assert len(names) > 100, len(names)
    theirs = {series: value for series, value in theirs.items() if series.split("{")[0] in names}
    ours = {series: value for series, value in ours.items() if series.split("{")[0] in names}
    wrong = sorted("%s: %s, expected %s" % (s, ours.get(s), theirs.get(s)) for s in set(ours) | set(theirs)
                   if ours.get(s) != theirs.get(s))
    assert not wrong, "%d of %d\n%s\n%s" % (len(wrong), len(theirs), "\n".join(wrong), result.stderr)
    print("%d families, %d samples: equal" % (len(names), len(theirs)))


if __name__ == "__main__":
    main()
