"""host_cost.py PROGRAM: what a scrape costs cprom-host-exporter and node_exporter, side by side on this
machine, with the same collectors: CPU time of a scrape, and resident memory after many. Prints; asserts nothing."""

import os
import sys
import time

import node_exporter

WARM_UP, SCRAPES, ROUNDS = 50, 50, 20


def cpu_seconds(pid):
    """What all threads of a process have used; to the nanosecond, unlike /proc/pid/stat."""
    return time.clock_gettime(((~pid) << 3) | 2)


def memory(pid):
    values = {}
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        for line in file.read().splitlines()[1:]:
            key, value = line.split(":")
            values[key] = int(value.split()[0])
    return values


def measure(exporter, headers):
    began = cpu_seconds(exporter.process.pid)
    for _ in range(SCRAPES):
        exporter.page(headers)
    return (cpu_seconds(exporter.process.pid) - began) / SCRAPES


def main():
    program, theirs = sys.argv[1], node_exporter.find()
    if not theirs:
        node_exporter.skip("host_cost", "no prometheus-node-exporter")
    codings = {"as it is": {"Accept": "*/*"}, "as Prometheus asks": {"Accept-Encoding": "gzip"}}
    with node_exporter.Exporter(theirs, node_exporter.NODE_FLAGS) as node, \
            node_exporter.Exporter(program, []) as host:
        pair = {"node_exporter": node, "cprom-host-exporter": host}
        for exporter in pair.values():
            for _ in range(WARM_UP):
                exporter.page()
        print("page: %s bytes" % ", ".join("%d (%s)" % (len(exporter.page()), name) for name, exporter in pair.items()))
        for what, headers in codings.items():
            # In turns, and the best: others use the machine, too.
            rounds = [{name: measure(exporter, headers) for name, exporter in pair.items()} for _ in range(ROUNDS)]
            best = {name: min(round[name] for round in rounds) for name in pair}
            print("CPU time of a scrape, %s: %s; %.2f of it" %
                  (what, ", ".join("%.0f us (%s)" % (1e6 * best[name], name) for name in pair),
                   best["cprom-host-exporter"] / best["node_exporter"]))
        for key in "Rss", "Pss", "Anonymous":
            used = {name: memory(exporter.process.pid)[key] for name, exporter in pair.items()}
            print("%s: %s; %.3f of it" % (key, ", ".join("%d KiB (%s)" % (used[name], name) for name in pair),
                                          used["cprom-host-exporter"] / used["node_exporter"]))


if __name__ == "__main__":
    sys.exit(main())
