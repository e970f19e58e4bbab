"""
host_beside.py PROGRAM

cprom-host-exporter and Debian's prometheus-node-exporter on this machine with the same flags. In rounds: theirs, ours,
theirs. Families, types, help texts and series must be the same, counters of ours lie between theirs; what stands still is
equal, and what moves must have been in between in some round. The only exceptions are those of docs/exporters-host.md.
"""

import os
import re
import sys
import tempfile

import node_exporter

ROUNDS = 60  # at most; it ends as soon as everything was seen right

# How long something took is neither's to know of the other.
OWN_VALUE = "node_scrape_collector_duration_seconds"
# The kernel lets these step back; each exporter holds the largest that it has seen itself.
HELD = re.compile(r'node_cpu_seconds_total\{.*mode="(idle|iowait)"\}')
HELD_SECONDS = 1
MOVED = 0.02  # of the value
ACCIDENTS = 1  # of a series: a disk is mounted, or a counter read while it changes, just in between
# Gauges that move on a machine that does nothing, also by what an exporter itself does for a scrape. All others must be
# equal whenever theirs are equal.
MOVING = re.compile(r"node_(load|procs_|memory_|sockstat_|filefd_allocated|entropy_available|disk_io_now|time_seconds|"
                    r"filesystem_(free|avail)_bytes|filesystem_files_free|netstat_.*|vmstat_.*|timex_.*|udp_queues|"
                    r"arp_entries|nf_conntrack_.*|softnet_backlog_len)")

VARIANTS = [
    [],
    ["--collector.stat.softirq", "--no-collector.cpu.guest", "--no-collector.netdev.netlink",
     "--collector.netdev.device-exclude=", "--collector.netclass.ignored-devices=^(lo|if\\w+)$",
     "--collector.netclass.ignore-invalid-speed", "--no-collector.uname", "--no-collector.loadavg"],
    ["--collector.netdev.enable-detailed-metrics", "--collector.netdev.device-exclude=",
     "--collector.netdev.device-include=^(lo|eth\\d)$", "--collector.diskstats.device-exclude=",
     "--collector.diskstats.device-include=^[a-z]+\\d*$", "--collector.filesystem.mount-points-exclude=^/(boot|home)($|/)",
     "--collector.filesystem.fs-types-exclude=^(autofs|rootfs)$"],
    ["--collector.vmstat.fields=.*", "--collector.netstat.fields=.*"],
]


def number(text):
    return float(text.replace("Inf", "inf"))


class Comparison:
    """What has been seen over several rounds."""

    def __init__(self):
        self.unseen = {}  # series that have not been right in any round yet, and how they were in the last
        self.wrong = {}  # how often series were what they must never be

    def add(self, before, here, after):
        """One round; what must hold in each, does."""
        newer = {name for name in node_exporter.NEWER if name not in before and name not in after}
        for name in (set(before) | set(here) | set(after)) - newer:
            if name not in here or (name not in before and name not in after):
                raise AssertionError("the family %s is %s" % (name, "only here" if name in here else "not here"))
            kind, text, samples = here[name]
            their_kind, their_text, _ = before.get(name) or after[name]
            if (kind, text) != (their_kind, their_text):
                raise AssertionError("%s: %r here, %r there" % (name, (kind, text), (their_kind, their_text)))
            self.add_family(name, kind, before.get(name, (0, 0, {}))[2], samples, after.get(name, (0, 0, {}))[2])

    def add_family(self, name, kind, before, here, after):
        missing, more = set(before) & set(after) - set(here), set(here) - set(before) - set(after)
        if missing or more:
            raise AssertionError("%s: not here: %s; only here: %s" % (name, sorted(missing), sorted(more)))
        for series in set(before) & set(here) & set(after):
            if name != OWN_VALUE:
                self.add_series(series, kind, number(before[series]), number(here[series]), number(after[series]))

    def add_series(self, series, kind, before, here, after):
        moves = kind != "counter" and MOVING.match(series)
        slack = HELD_SECONDS if HELD.match(series) else MOVED * max(abs(before), abs(after)) if moves else 0
        within = min(before, after) - slack <= here <= max(before, after) + slack
        said = "%s: %r, here %r, %r" % (series, before, here, after)
        if within:
            self.unseen[series] = None
            return
        if kind == "counter" or (before == after and not moves):
            self.wrong[series] = self.wrong.get(series, 0) + 1
            if self.wrong[series] > ACCIDENTS:
                raise AssertionError(said)
        self.unseen.setdefault(series, said)

    def never(self):
        return [said for said in self.unseen.values() if said]


def compare(program, node, flags, textfiles):
    common = ["--collector.textfile.directory=" + textfiles] + flags
    once = [flag for flag in node_exporter.NODE_FLAGS if flag.replace("--", "--no-", 1) not in flags]
    with node_exporter.Exporter(node, once + common) as theirs, \
            node_exporter.Exporter(program, common) as ours:
        for exporter in ours, theirs, ours:  # what is read once, and what is held
            exporter.page()
        comparison = Comparison()
        for done in range(1, ROUNDS + 1):
            comparison.add(*(node_exporter.parse(exporter.page()) for exporter in (theirs, ours, theirs)))
            if done >= 3 and not comparison.never():
                break
        if comparison.never():
            raise AssertionError("never right:\n" + "\n".join(comparison.never()))
        print("%s: %d series, %d rounds" % (" ".join(flags) or "no flags", len(comparison.unseen), done))


def main():
    program, node = sys.argv[1], node_exporter.find()
    if not node:
        node_exporter.skip("host_beside", "no prometheus-node-exporter")
    with tempfile.TemporaryDirectory() as textfiles:
        with open(os.path.join(textfiles, "backup.prom"), "w", encoding="utf-8") as file:
            file.write("# HELP backup_seconds How long it took.\n# TYPE backup_seconds gauge\n"
                       'backup_seconds{what="home"} 12.5\nbackup_runs_total 3\n')
        for flags in VARIANTS:
            compare(program, node, flags, textfiles)


if __name__ == "__main__":
    sys.exit(main())
