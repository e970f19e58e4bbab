"""What a scrape costs, ours beside Debian's, of a procfs of 10,000 processes made of files.

process_cost.py OURS [PROCESSES [SCRAPES]]

Prints a table; asserts nothing. The tree goes to /dev/shm, which takes some 1.5 GB for 10,000 processes. Each exporter
runs alone; its times are medians over the scrapes, its CPU time the mean.
"""

import os
import statistics
import sys
import tempfile
import time

import process_run
from process_run import Exporter, find_theirs
from process_tree import Tree

CONFIG = "process_names:\n  - name: '{{.Comm}}'\n    cmdline: ['.+']\n"
TICKS = os.sysconf("SC_CLK_TCK")


def fill(tree, n):
    for i in range(n):
        comm = "service-%d" % (i % 100)
        tree.put(1000 + i, comm=comm, cmdline="/usr/lib/%s/%s\0--worker\0%d\0" % (comm, comm, i), ppid=1, utime=i, stime=i // 3,
                 start=100 + i, minflt=i * 7, vsize=1 << 30, rss=1000 + i, voluntary=i, nonvoluntary=i // 9, read=i * 4096, fds=8,
                 wchan="ep_poll", pss=500 + i)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kib(pid, key):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key + ":"))


def scrape(exporter):
    start = time.perf_counter()
    page = exporter.page()
    seconds = time.perf_counter() - start
    return seconds, len(page.groups()), sum(v for (n, _), v in page.samples.items() if n.endswith("_num_procs"))


def main():
    process_run.PATIENCE = 600  # theirs takes seconds for a scrape, and more on a busy machine
    ours = os.path.abspath(sys.argv[1])
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 11
    theirs = find_theirs()
    shm = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="cprom-process-", dir=shm) as path:
        tree = Tree(os.path.join(path, "proc"), int(time.time()) - 100_000)
        fill(tree, n)
        config = os.path.join(path, "config.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        options = ["-procfs=" + tree.path, "-config.path=" + config]
        both = [("ours", Exporter(ours, *options))]
        if theirs:
            both.append(("theirs", Exporter(theirs, *options, ours=False)))
        print("%d processes, %d scrapes each" % (n, rounds))
        print("%-8s %8s %8s %12s %12s %12s %12s" % ("", "groups", "procs", "ms/scrape", "CPU ms", "RSS KiB", "max KiB"))
        for name, exporter in both:
            with exporter:
                scrape(exporter)
                before = cpu_seconds(exporter.process.pid)
                results = [scrape(exporter) for _ in range(rounds)]
                cpu = (cpu_seconds(exporter.process.pid) - before) / rounds
                pid = exporter.process.pid
                print("%-8s %8d %8d %12.1f %12.1f %12d %12d" %
                      (name, results[0][1], results[0][2], 1e3 * statistics.median(r[0] for r in results), 1e3 * cpu,
                       memory_kib(pid, "VmRSS"), memory_kib(pid, "VmHWM")))


if __name__ == "__main__":
    main()
