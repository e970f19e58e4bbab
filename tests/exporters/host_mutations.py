"""
host_mutations.py PROGRAM

cprom-host-exporter on a tree of which one file at a time is truncated, doubled, shuffled, filled with NULs or emptied. Where
the file still says all, nothing changes; else samples are missing, none is other than it was, the collectors that do not
read the file are as before, and success is 0 where it can be seen that something is missing. And lines that are odd in one
way each cost themselves alone.
"""

import os
import random
import re
import subprocess
import sys
import tempfile

import fixtures
import node_exporter

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
MACHINE = os.path.join(HERE, "machine.txt")
VOLATILE = ("node_time_seconds", "node_time_zone", "node_scrape_collector_duration", "node_textfile_mtime", "process_",
            "node_filesystem_avail", "node_filesystem_free", "node_filesystem_files_free", "node_filesystem_files")
SUCCESS = "node_scrape_collector_success"


def samples(page):
    found = {}
    for line in page.splitlines():
        if line.startswith("#") or line.startswith(VOLATILE):
            continue
        series, value = line.rsplit(" ", 1)
        assert series not in found, "twice: " + series
        found[series] = value
    return found


def run(program, tree, *flags):
    result = subprocess.run([program, "--once", *(flags or fixtures.flags(tree))], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=node_exporter.PATIENCE, check=False)
    said = result.stderr.decode(errors="replace")
    assert result.returncode in (0, 1), (result.returncode, said)
    return samples(result.stdout.decode()), said


def success(page, collector):
    return page['%s{collector="%s"}' % (SUCCESS, collector)] == "1"


def shuffled(data):
    lines = data.splitlines(keepends=True)
    random.Random(7).shuffle(lines)
    return b"".join(lines)


def mutations(data):
    """(name, contents, whether all is still said, whether it can be seen that something is not)"""
    yield "empty", b"", False, True
    yield "NULs", bytes(len(data)), False, True
    middle = len(data) // 2
    yield "NULs within", data[:middle] + bytes(3) + data[middle + 3:], False, True
    for at in sorted({len(data) // 3, middle, 2 * len(data) // 3, len(data) - 2}):
        if 0 < at < len(data):
            yield "cut at %d" % at, data[:at], False, data[at - 1:at] != b"\n"
    yield "no LF", data[:-1], False, True
    if data.count(b"\n") > 1:
        yield "doubled", data + data, True, False
        yield "shuffled", shuffled(data), True, False


# What text cannot tell: where a number or a text of one line ends, and which of the lines of a list are missing.
SHORT = re.compile(r"/sys/|/udev/|os-release$|/text/")
# Files that a machine may lack, or that may be empty, or of which only some lines count.
SILENT = re.compile(r"/sys/|/udev/|/text/|diskstats$|nf_conntrack$|net/udp6?$|netstat$|snmp$|snmp6$|sockstat6$|vmstat$|os-release$|/stat$")
# Each line of values must come behind its names.
ORDERED = re.compile(r"net/(netstat|snmp|stat/nf_conntrack)$|/text/|os-release$|/udev/|clocksource$|isolated$")
# Numbers of lines, and sums of theirs: those that are gone whole cannot be told.
SUMMED = re.compile(r"net/(arp|udp6?|stat/nf_conntrack)$")
SUMS = ("node_arp_entries", "node_udp_queues", "node_nf_conntrack_stat")
TEXTS = ("node_os_", "node_disk_", "node_network_info", "node_time_clocksource", "node_network_")


def readers(program, tree):
    """{collector: its samples when it runs alone}"""
    flags = fixtures.flags(tree)
    names = [flag[len("--collector."):] for flag in flags
             if re.fullmatch(r"--collector\.[a-z_]+", flag)]
    rest = [flag for flag in flags if flag[len("--collector."):] not in names]
    return {name: run(program, tree, *rest, "--collector." + name)[0] for name in names}


def check(program, tree, path, base, owners):
    name = path[len(tree):]
    with open(path, "rb") as file:
        data = file.read()
    if not data:
        return 0
    touched = set()
    for how, contents, whole, visible in mutations(data):
        what = "%s, %s" % (name, how)
        with open(path, "wb") as file:
            file.write(contents)
        page, said = run(program, tree)
        values = {s: v for s, v in page.items() if not s.startswith(SUCCESS)}
        before = {s: v for s, v in base.items() if not s.startswith(SUCCESS)}
        other = {s for s in values if values[s] != before.get(s)}
        if SHORT.search(name) or ("NULs" in how and "info" in name):
            other = {s for s in other if not s.startswith(TEXTS) and "textfile" not in s and "/text/" not in name
                     and not s.startswith(("node_cpu_isolated", "node_cpu_core_throttles", "node_cpu_package_throttles"))}
        if SUMMED.search(name):
            other = {s for s in other if not s.startswith(SUMS)}
        assert not other, "%s: is other than it was: %s" % (what, sorted(other)[:5])
        missing = set(before) - set(values)
        if whole and not ORDERED.search(name):
            assert not missing, "%s: is missing: %s" % (what, sorted(missing)[:5])
        failed = {c for c in owners if success(base, c) and not success(page, c)}
        lost = {c for c in owners if missing & set(owners[c])}
        for collector in lost:
            if visible and not SILENT.search(name):
                assert not success(page, collector), "%s: %s lost %s, and succeeded" % (what, collector, sorted(missing)[:3])
        for collector in failed:
            assert "collector %s: " % collector in said, (what, said)
            assert os.path.basename(name) in said, (what, said)
        if whole and not ORDERED.search(name):
            assert not failed, "%s: %s failed: %s" % (what, failed, said)
        touched |= lost | failed
    with open(path, "wb") as file:
        file.write(data)
    assert len(touched) <= (2 if name == "/proc/stat" else 1), "%s concerns %s" % (name, sorted(touched))
    return 1


def mutated(program):
    with tempfile.TemporaryDirectory() as tree:
        fixtures.unpack(MACHINE, tree)
        base, _ = run(program, tree)
        owners = readers(program, tree)
        n = 0
        for directory, _, files in os.walk(tree):
            for name in files:
                path = os.path.join(directory, name)
                if not os.path.islink(path):
                    n += check(program, tree, path, base, owners)
        assert run(program, tree)[0] == base
        assert n > 40, n


# file, what stands there, what is shown of it, what is said; success is 0 iff something is said
ODD = [
    ("proc/meminfo", b"        total:    used:    free:\nMemTotal: 3 kB\nION-heap: 7 kB\nCmaFree: 3 kB\nCmaFree: 7 kB\nA: -4 kB\n"
     b"B:\nC: (null) kB\nD\0x: 1 kB\nE: 5\nF: 6 MB\nG: 0x10 kB\nH(x): 1 kB\n: 2 kB\nlast_total: 9 k",
     {"node_memory_MemTotal_bytes": "3072", "node_memory_CmaFree_bytes": "7168", "node_memory_E": "5",
      "node_memory_H_x_bytes": "1024"},
     ["line 1: ", "line 3: node_memory_ION-heap_bytes is no metric name", "line 6: ", "line 7: ", "line 8: ",
      "line 9: there is a NUL", "line 11: ", "line 12: ", "line 14: ", "line 15: it is cut short"]),
    ("proc/meminfo", b"CmaFree: 3 kB\nCmaFree: 7 kB\n\nx_total: 1\n",
     {"node_memory_CmaFree_bytes": "7168", "node_memory_x_total": "1"}, []),
    ("proc/meminfo", b"x: 3\nx_total: 1\n", {"node_memory_x": "3"}, ["line 2: node_memory_x_total has the name of another"]),
    ("proc/vmstat", b"pgpgin\npgpgout (null)\npgfault 3\npgfault 4\nother x\noom_kill -1\npg-fault 2\n",
     {"node_vmstat_pgfault": "4"}, ["line 1: pgpgin", "line 2: pgpgout", "line 6: oom_kill", "line 7: node_vmstat_pg-fault"]),
    ("proc/loadavg", b"0.5 (null) 0.25 1/2 3\n", {"node_load1": "0.5", "node_load15": "0.25"}, ["line 1: "]),
    ("proc/loadavg", b"0.5 0.25 0.125 1/2 3", {}, ["line 1: it is cut short"]),
    ("proc/sys/fs/file-nr", b"1024\t0\t(null)\n", {"node_filefd_allocated": "1024"}, ["line 1: "]),
    ("proc/net/sockstat", b"sockets: used 5\nTCP: inuse 4 orphan tw 7 alloc (null) mem 2\nUDP-Lite: inuse 3\nUDP: inuse -1 mem 1\n",
     {"node_sockstat_sockets_used": "5", "node_sockstat_TCP_inuse": "4", "node_sockstat_TCP_tw": "7",
      "node_sockstat_TCP_mem": "2", "node_sockstat_UDP_mem": "1"},
     ["line 2: TCP orphan", "line 2: TCP alloc", "line 3: node_sockstat_UDP-Lite_inuse is no metric name", "line 4: UDP inuse"]),
    ("proc/net/snmp", b"nonsense\nTcp: InSegs OutSegs\nTcp: 1\nUdp: InDatagrams NoPorts\nUdp: 5 -2\nIp: Forwarding\nIp: 7\n"
     b"Ip: Forwarding\nIp: 8\nIcmp: InMsgs\n",
     {"node_netstat_Udp_InDatagrams": "5", "node_netstat_Ip_Forwarding": "8"},
     ["line 1: it begins with no protocol", "line 3: Tcp: 1 values, and 2 names", "line 5: the value of Udp_NoPorts",
      "Icmp: names without values"]),
    ("proc/diskstats", b"   8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n   8 1 sda\n 8 x sdb 1 2 3 4 5 6 7 8 9 10 11\n"
     b" 9 0 odd name 1 2 3 4 5 6 7 8 9 10 11\n 9 1 (null) 1 2 3 4 -5 6 7 8 9 10 11\n 9 2 c0/d0\xff 1 2 3 4 5 6 7 8 9 10 11\n",
     {'node_disk_io_now{device="sda"}': "9", 'node_disk_io_now{device="odd name"}': "9",
      'node_disk_io_now{device="(null)"}': "9", 'node_disk_io_now{device="c0/d0\N{REPLACEMENT CHARACTER}"}': "9"},
     ["line 2: sda has 0 numbers", "line 3: it is no line of a device", "line 5: (null): node_disk_writes_completed_total"]),
    ("proc/net/dev", b"Inter-| x\n face |bytes\n eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n a:b: 2 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
     b"no colon\n eth1: 1 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth2: (null) 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
     b" eth0: 3 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
     {'node_network_receive_bytes_total{device="eth0"}': "3", 'node_network_receive_bytes_total{device="a:b"}': "2",
      'node_network_receive_packets_total{device="eth2"}': "2"},
     ["line 5: there is no colon", "line 6: eth1 has 15 numbers", "line 7: eth2: node_network_receive_bytes_total"]),
    ("proc/stat", b"cpu  1 2 3 4\ncpu0 100 200 300 400\nintr\nctxt 5\ncpu1 1 2 x 4\ncpu2 1 2 3\nbtime 7\nprocesses -1\n"
     b"procs_running 1\nprocs_blocked 0\nprocs_blocked 3\nsoftirq 1 2 3 4 5 6 7 8 9 10 11\n",
     {'node_cpu_seconds_total{cpu="0",mode="idle"}': "4", "node_context_switches_total": "5", "node_boot_time_seconds": "7",
      "node_procs_blocked": "3", 'node_softirqs_total{vector="rcu"}': "11"},
     ["line 5: cpu1", "line 6: it is no line of a CPU", "line 3: there is no number behind intr",
      "line 8: there is no number behind processes"]),
    ("proc/1/mounts", b" @ROOT@/empty tmpfs rw 0 0\n//nas/my\\040share @ROOT@/my\\040share cifs ro,user=a 0 0\nnone\n/dev/x relative ext4 rw 0 0\n"
     b"/dev/y  ext4 rw 0 0\n/dev/z @ROOT@/tab\\011 fuse.x\\040y rw,ro 0 0\n/dev/z @ROOT@/cut",
     {'node_filesystem_device_error{device="",fstype="tmpfs",mountpoint="/empty"}': "1",
      'node_filesystem_device_error{device="//nas/my\\\\040share",fstype="cifs",mountpoint="/my share"}': "1",
      'node_filesystem_device_error{device="/dev/z",fstype="fuse.x\\\\040y",mountpoint="/tab\t"}': "1"},
     ["line 3: it is no line of a mount", "line 4: it is no line of a mount", "line 5: it is no line of a mount",
      "line 7: it is cut short"]),
    ("proc/net/arp", b"IP address       HW type     Flags       HW address            Mask     Device\n"
     b"192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0\n192.0.2.2 0x1 0x2 * eth0\n192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * e\xff\n",
     {'node_arp_entries{device="eth0"}': "1", 'node_arp_entries{device="e\N{REPLACEMENT CHARACTER}"}': "1"},
     ["line 3: it is no line of an entry"]),
    ("proc/sys/net/netfilter/nf_conntrack_count", b"-5\n", {"node_nf_conntrack_entries_limit": "65536"}, ["line 1: it is no number"]),
    ("proc/net/stat/nf_conntrack", b"entries found drop\n1 a 3\n1 (null) 4\n1 b\n", {"node_nf_conntrack_entries": "123"},
     ["line 3: there is no number for found", "line 4: there is no number for drop"]),
    ("proc/net/stat/nf_conntrack", b"entries drop x found\n0 1 a b\n0 2 a 1\n", {"node_nf_conntrack_stat_found": "12",
                                                                     "node_nf_conntrack_stat_drop": "3"}, []),
    ("proc/net/softnet_stat", b"1 2 3 0 0 0 0 0 4 5 6\n1 2 3 0 0 0 0 0 4 5 6 7 0000000a 0 0\n1 2\nx 2 3 0 0 0 0 0 4\n",
     {'node_softnet_processed_total{cpu="0"}': "1", 'node_softnet_backlog_len{cpu="10"}': "7",
      'node_softnet_dropped_total{cpu="3"}': "2"},
     ["line 3: it is no line of a CPU", "line 4: there is no number for node_softnet_processed_total"]),
    ("proc/net/udp", b"  sl  local\n 0: 1:2 3:4 07 00000001:0000000f 0\n 1: 1:2 3:4 07 5 0\n",
     {'node_udp_queues{ip="v6",queue="rx"}': "31"}, ["line 3: there are no queues in it"]),
    ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", b"many\n", {}, ["it is no number"]),
    ("sys/fs/selinux/enforce", b"1", {"node_selinux_enabled": "1", "node_selinux_current_mode": "1",
                                      "node_selinux_config_mode": "-1"}, []),
    ("sys/fs/selinux/enforce", b"yes", {"node_selinux_enabled": "1"}, ["it is no number"]),
    ("proc/pressure/io", b"some avg10=0.00 total=\nfull avg10=0.00 total=2000000\nfull avg10=0.00 total=3000000\n",
     {"node_pressure_io_stalled_seconds_total": "3"}, ["line 1: there is no total behind some"]),
]


def odd(program):
    for path, contents, shown, said in ODD:
        with tempfile.TemporaryDirectory() as tree:
            fixtures.unpack(MACHINE, tree)
            flags = [*fixtures.flags(tree), "--collector.selinux"]
            base, _ = run(program, tree, *flags)
            os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
            with open(os.path.join(tree, path), "wb") as file:
                file.write(contents.replace(b"@ROOT@", os.fsencode(tree) + b"/root"))
            page, complaints = run(program, tree, *flags)
        new = [line for line in complaints.splitlines() if "/" + path in line]
        for series, value in shown.items():
            assert page.get(series) == value, "%s: %s is %s, said: %s" % (path, series, page.get(series), new)
        for part in said:
            assert sum(part in line for line in new) == 1, "%s: not once: %s\n%s" % (path, part, new)
        assert len(new) == len(said), "%s: %s" % (path, new)
        failed = [s for s in base if s.startswith(SUCCESS) and base[s] == "1" and page[s] == "0"]
        assert bool(failed) == bool(said), "%s: %s" % (path, failed)


def many(program):
    """20,000 mounts with long options, some of them twice, are all there."""
    with tempfile.TemporaryDirectory() as tree:
        os.makedirs(os.path.join(tree, "proc/1"))
        with open(os.path.join(tree, "proc/1/mounts"), "w", encoding="utf-8") as file:
            for i in range(20000):
                file.write("overlay /o/%d fuse rw,lowerdir=%s 0 0\n" % (i, "/l" * 500))
                if i % 3 == 0:
                    file.write("overlay /o/%d fuse ro 0 0\n" % i)
        page, said = run(program, tree, "--path.procfs=%s/proc" % tree, "--collector.disable-defaults",
                         "--collector.filesystem", "--collector.filesystem.mount-timeout=60s")
        errors = [s for s in page if s.startswith("node_filesystem_device_error") and page[s] == "1"]
        assert len(errors) == 20000 and success(page, "filesystem") and not said, (len(errors), said)


def once(program):
    """What is wrong is said when it begins and when it ends, and not in between."""
    with tempfile.TemporaryDirectory() as tree:
        fixtures.unpack(MACHINE, tree)
        path = os.path.join(tree, "proc/vmstat")
        flags = ["--path.procfs=%s/proc" % tree, "--collector.disable-defaults", "--collector.vmstat"]
        with node_exporter.Exporter(program, flags) as exporter:
            said = []
            for contents in b"pgpgin\n", b"pgpgin\n", b"pgpgin 1\n", b"pgpgin 2\n", b"".join(b"pgpg%d\n" % i for i in range(99)):
                with open(path, "wb") as file:
                    file.write(contents)
                exporter.page()
                said.append([line for line in exporter.said().splitlines() if "collector vmstat" in line])
    assert [len(lines) for lines in said] == [1, 1, 2, 2, 2 + 32 + 1], said
    assert said[2][1].endswith("works again") and said[4][-1].endswith("67 more like these"), said


def main():
    for part in odd, many, once, mutated:
        part(sys.argv[1])
        print("%s: as expected" % part.__name__)


if __name__ == "__main__":
    main()
