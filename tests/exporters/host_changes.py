"""
host_changes.py PROGRAM

cprom-host-exporter on a tree of files that changes between scrapes: what goes takes its series along, what comes back
begins anew, times of CPUs do not step back, and a collector that failed works again.
"""

import os
import re
import shutil
import sys
import tempfile

import fixtures
import node_exporter

MACHINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "machine.txt")


class Machine:
    def __init__(self, tree, exporter):
        self.tree, self.exporter = tree, exporter
        self.series = {}

    def scrape(self):
        families = node_exporter.parse(self.exporter.page())
        self.series = {series: float(value) for _, _, samples in families.values() for series, value in samples.items()}

    def edit(self, path, pattern, replacement):
        path = os.path.join(self.tree, path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        changed, n = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert n, "%s has no %r" % (path, pattern)
        with open(path, "w", encoding="utf-8") as file:
            file.write(changed)
        self.scrape()

    def with_label(self, text):
        return sorted(series for series in self.series if text in series)

    def expect(self, series, value):
        assert self.series.get(series) == value, "%s is %r, not %r" % (series, self.series.get(series), value)

    def expect_gone(self, text):
        assert not self.with_label(text), "still there: %s" % self.with_label(text)

    def expect_there(self, text):
        assert self.with_label(text), "not there: %s" % text


def cpus(machine):
    idle, iowait, user = ('node_cpu_seconds_total{cpu="1",mode="%s"}' % mode for mode in ("idle", "iowait", "user"))
    machine.expect(idle, 4011)
    machine.edit("proc/stat", "^cpu1 10000 400 15000 401100 80 ", "cpu1 10001 400 15000 401000 79 ")
    machine.expect(idle, 4011)  # stepped back a little: held
    machine.expect(iowait, 0.8)
    machine.expect(user, 100.01)
    machine.edit("proc/stat", "^cpu1 10001 400 15000 401000 ", "cpu1 10002 400 15000 401200 ")
    machine.expect(idle, 4012)
    machine.edit("proc/stat", "^cpu1 .*\n", "")
    machine.expect_gone('cpu="1",mode')
    machine.expect_there('cpu="3",mode')
    machine.edit("proc/stat", "^cpu3 ", "cpu1 10 20 30 40 50 0 0 0 0 0\ncpu3 ")
    machine.expect(idle, 0.4)
    machine.edit("proc/stat", "^cpu1 .*", "cpu1 1000 20 30 2000 50 0 0 0 0 0")
    machine.edit("proc/stat", "^cpu1 .*", "cpu1 1 20 30 5 50 0 0 0 0 0")
    machine.expect(idle, 0.05)  # stepped back by more than three seconds: it is another CPU
    machine.expect(user, 0.01)


def devices(machine):
    machine.expect_there('device="dm-1"')
    machine.edit("proc/diskstats", "^.* dm-1 .*\n", "")
    machine.expect_gone('device="dm-1"')
    machine.expect_there('device="dm-0"')
    machine.expect_there('device="eth1"')
    os.unlink(os.path.join(machine.tree, "sys/class/net/eth1"))
    machine.edit("proc/net/dev", "^ *eth1:.*\n", "")
    machine.expect_gone('device="eth1"')
    machine.expect_there('device="eth0"')
    machine.edit("sys/devices/net/eth0/speed", ".+", str(2 ** 63 - 1))  # no overflow
    machine.expect('node_network_speed_bytes{device="eth0"}', float(2 ** 63 - 1) * 125000)


def mounts(machine):
    machine.expect_there('mountpoint="/data"')
    machine.edit("proc/1/mounts", "^.*/data ext4.*\n", "")
    machine.expect_gone('mountpoint="/data"')
    machine.expect_there('mountpoint="/with space')
    # Of another user's process 1, there is no such file.
    shutil.move(os.path.join(machine.tree, "proc/1/mounts"), os.path.join(machine.tree, "proc/mounts"))
    machine.edit("proc/mounts", "^tmpfs .*\n", "")
    machine.expect_there('mountpoint="/with space')
    machine.expect('node_scrape_collector_success{collector="filesystem"}', 1)
    os.unlink(os.path.join(machine.tree, "proc/mounts"))
    machine.scrape()
    machine.expect_gone("mountpoint=")
    machine.expect('node_scrape_collector_success{collector="filesystem"}', 0)


def files(machine):
    machine.expect_there("a_total{")
    machine.expect("node_textfile_scrape_error", 1)
    for name in "stamped.prom", "wrong.prom", "a.prom":
        os.unlink(os.path.join(machine.tree, "text", name))
    machine.scrape()
    machine.expect_gone("a_total{")
    machine.expect_gone("a.prom")
    machine.expect_there("b.prom")
    machine.expect("node_textfile_scrape_error", 0)
    machine.edit("text/b.prom", 'file="b"} 2', 'file="b"} 3')
    machine.expect('both{file="b"}', 3)


def failing(machine):
    success = 'node_scrape_collector_success{collector="loadavg"}'
    path = os.path.join(machine.tree, "proc/loadavg")
    shutil.move(path, path + ".away")
    for _ in range(3):
        machine.scrape()
    machine.expect(success, 0)
    machine.expect_gone("node_load1")
    shutil.move(path + ".away", path)
    machine.scrape()
    machine.expect(success, 1)
    machine.expect("node_load15", 12.5)
    said = [line for line in machine.exporter.said().splitlines() if "collector loadavg" in line]
    assert len(said) == 2 and "No such file" in said[0] and "works again" in said[1], said


def main():
    for part in cpus, devices, mounts, files, failing:
        with tempfile.TemporaryDirectory() as tree:
            fixtures.unpack(MACHINE, tree)
            with node_exporter.Exporter(sys.argv[1], fixtures.flags(tree)) as exporter:
                machine = Machine(tree, exporter)
                machine.scrape()
                part(machine)
        print("%s: as expected" % part.__name__)


if __name__ == "__main__":
    main()
