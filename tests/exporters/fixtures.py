"""Trees of small files, written in one text: "==> path" begins a file, "==> path -> target" is a link; what comes
before the first is a comment. \\xNN is a byte, \\\\ a backslash, @ROOT@ in contents the directory root/ of the tree."""

import os
import re


def raw(text, root):
    def byte(match):
        return b"\\" if match.group(0) == b"\\\\" else bytes([int(match.group(1), 16)])

    return re.sub(rb"\\x([0-9a-f]{2})|\\\\", byte, text.encode()).replace(b"@ROOT@", root)


def unpack(text_file, directory):
    """Makes the tree in `directory`, with proc, sys, root, udev and text, whether or not the text has them."""
    directory = os.fsencode(directory)
    root = os.path.join(directory, b"root")
    for name in b"proc sys root udev text".split():
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    with open(text_file, encoding="utf-8") as file:
        parts = re.split(r"^==> (.*)\n", file.read(), flags=re.MULTILINE)
    for heading, contents in zip(parts[1::2], parts[2::2]):
        name, _, target = heading.partition(" -> ")
        path = os.path.join(directory, raw(name, root))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if target:
            os.symlink(raw(target, root), path)
            continue
        with open(path, "wb") as made:
            made.write(raw(contents, root))


def flags(directory):
    """What both exporters are told about it. netlink, uname and what TZ does are the machine's own."""
    return ["--path.procfs=%s/proc" % directory, "--path.sysfs=%s/sys" % directory, "--path.rootfs=%s/root" % directory,
            "--path.udev.data=%s/udev" % directory, "--collector.textfile.directory=%s/text" % directory,
            "--collector.disable-defaults", "--no-collector.netdev.netlink", "--collector.stat.softirq"] + [
                "--collector." + name for name in "cpu stat loadavg meminfo diskstats filesystem netdev netclass netstat "
                "vmstat sockstat filefd pressure entropy os time textfile arp conntrack softnet udp_queues".split()]
