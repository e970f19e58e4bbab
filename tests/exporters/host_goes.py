"""
host_goes.py PROGRAM

In namespaces of its own: what goes takes its series along at the next scrape. A tmpfs that is unmounted, one whose name is
not UTF-8, an interface that is renamed; and a file system that does not answer, which costs its own numbers only, and
comes back when it answers again. What the machine forbids is skipped, and said.
"""

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import node_exporter

LIBC = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2
skipped = []


def mount(source, target, kind, data=None):
    if LIBC.mount(source, os.fsencode(target), kind, 0, data) != 0:
        raise OSError(ctypes.get_errno(), "mount of " + kind.decode())


def umount(target):
    if LIBC.umount2(os.fsencode(target), MNT_DETACH) != 0:
        raise OSError(ctypes.get_errno(), "umount")


def check(condition, what, page):
    if not condition:
        raise AssertionError("%s; the page:\n%s" % (what, page))


def labels_of(page, name):
    """The label text of all series of a family."""
    return [line.split("{")[1].split("}")[0] for line in page.splitlines() if line.startswith(name + "{")]


class Place:
    """A directory, with a procfs that shows the mounts of whoever reads it."""

    def __init__(self, program, directory):
        self.program, self.directory = program, directory
        self.proc = os.path.join(directory, "proc")
        os.makedirs(os.path.join(self.proc, "1"))
        os.symlink("/proc/self/mounts", os.path.join(self.proc, "1", "mounts"))

    def exporter(self, *flags):
        return node_exporter.Exporter(self.program, ["--collector.disable-defaults"] + list(flags),
                                      os.path.join(self.directory, "socket"))

    def filesystems(self, *flags):
        return self.exporter("--collector.filesystem", "--path.procfs=" + self.proc,
                             "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys)($|/)", *flags)

    def point(self, name):
        path = os.path.join(os.fsencode(self.directory), name)
        os.mkdir(path)
        return path


def unmounting(place):
    plain, strange = place.point(b"plain one"), place.point(b"strange \xff\xfe")
    with place.filesystems() as exporter:
        for point, label in (plain, "/plain one"), (strange, "/strange \N{REPLACEMENT CHARACTER}"):
            label = 'device="cprom",fstype="tmpfs",mountpoint="%s%s"' % (place.directory, label)
            for _ in range(2):
                check(label not in exporter.page(), "it is there before it is mounted", exporter.page())
                mount(b"cprom", point, b"tmpfs", b"size=65536")
                page = exporter.page()
                check("node_filesystem_size_bytes{%s} 65536\n" % label in page, "it is not there", page)
                check("node_filesystem_device_error{%s} 0\n" % label in page, "it has an error", page)
                umount(point)
                page = exporter.page()
                check(label not in page, "it is still there", page)


def serve_fuse(fd):
    """Answers statfs, as a file system of 1000 blocks of 4096 bytes, until the file system is gone."""
    while True:
        try:
            request = os.read(fd, 1 << 17)
        except OSError:
            return
        _, opcode, unique = struct.unpack_from("=IIQ", request)
        if opcode == 26:  # INIT
            body = struct.pack("=IIIIHHIIHH8I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, *([0] * 8))
        elif opcode == 17:  # STATFS
            body = struct.pack("=5Q4I6I", 1000, 500, 250, 20, 10, 4096, 255, 4096, 0, *([0] * 6))
        else:
            continue
        os.write(fd, struct.pack("=IiQ", 16 + len(body), 0, unique) + body)


class Tmpfs:
    def __init__(self, point):
        self.point = point
        mount(b"fine", point, b"tmpfs", b"size=65536")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        umount(self.point)


class Fuse:
    """With it, a file system is mounted that answers nothing; whatever happens, it is gone behind."""

    def __init__(self, point):
        self.point = point
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        try:
            mount(b"stuck", point, b"fuse", b"fd=%d,rootmode=40000,user_id=0,group_id=0" % self.fd)
        except OSError:
            os.close(self.fd)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        umount(self.point)
        os.close(self.fd)


def hanging(place):
    point, beside = place.point(b"hangs"), place.point(b"beside")
    try:
        with Fuse(point):
            pass
    except OSError as error:
        skipped.append("a file system that hangs: %s" % error)
        return
    stuck = 'device="stuck",fstype="fuse",mountpoint="%s"' % os.fsdecode(point)
    fine = 'device="fine",fstype="tmpfs",mountpoint="%s"' % os.fsdecode(beside)
    with Fuse(point) as fuse, Tmpfs(beside), place.filesystems("--collector.filesystem.mount-timeout=300ms") as exporter:
        for _ in range(3):
            page = exporter.page()
            check("node_filesystem_device_error{%s} 1\n" % stuck in page, "it is not said to be stuck", page)
            check("node_filesystem_size_bytes{%s}" % stuck not in page, "it has a size", page)
            check("node_filesystem_size_bytes{%s} 65536\n" % fine in page, "the one beside is missing", page)
        # Main, two of the server, the one that waits, a sanitizer's; on a busy machine others that were slow, and end.
        wait_for(lambda: len(os.listdir("/proc/%d/task" % exporter.process.pid)) <= 5)
        # It answers again: those who wait get their answer, and then it is asked again.
        threading.Thread(target=serve_fuse, args=(fuse.fd,), daemon=True).start()
        wait_for(lambda: "node_filesystem_size_bytes{%s} 4.096e+06\n" % stuck in exporter.page())
        page = exporter.page()
        check("node_filesystem_device_error{%s} 0\n" % stuck in page, "it is said to be stuck", page)
        check("node_filesystem_avail_bytes{%s} 1.024e+06\n" % stuck in page, "its numbers are wrong", page)
    # An exporter with a thread that is stuck still ends. (LeakSanitizer would wait for the thread.)
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
    with Fuse(point), place.filesystems("--collector.filesystem.mount-timeout=100ms") as exporter:
        exporter.page()
    del os.environ["ASAN_OPTIONS"]


def wait_for(condition):
    end = time.monotonic() + node_exporter.PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("in vain")
        time.sleep(0.02)


def rename(old, new):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8923, struct.pack("16s16s", old, new))  # SIOCSIFNAME


def renaming(place):
    """The loopback interface of a new network namespace is down, and can be renamed."""
    flags = ["--collector.netdev", "--collector.netdev.device-exclude="]
    sys_path = place.point(b"sys")
    families = ["node_network_receive_bytes_total"]
    try:
        mount(b"cprom", sys_path, b"sysfs")
        flags += ["--collector.netclass", "--path.sysfs=" + os.fsdecode(sys_path)]
        families.append("node_network_up")
    except OSError as error:
        skipped.append("netclass of a renamed interface: %s" % error)
    with place.exporter(*flags) as exporter:
        for old, new in (b"lo", b"one0"), (b"one0", b"two.0"), (b"two.0", b"lo"):
            page = exporter.page()
            for family in families:
                check(labels_of(page, family) == ['device="%s"' % old.decode()], "not %r alone" % old, page)
            try:
                rename(old, new)
            except OSError as error:
                skipped.append("a renamed interface: %s" % error)
                return
            page = exporter.page()
            for family in families:
                check(labels_of(page, family) == ['device="%s"' % new.decode()], "not %r alone" % new, page)


def inside(program):
    for part in unmounting, hanging, renaming:
        with tempfile.TemporaryDirectory() as directory:
            part(Place(program, directory))
            print("%s: as expected" % part.__name__)
            sys_path = os.path.join(directory, "sys")
            if os.path.ismount(sys_path):
                umount(sys_path)
    for what in skipped:
        print("SKIPPED in part: " + what)


def main():
    if sys.argv[1] == "--inside":
        return inside(sys.argv[2])
    unshare = shutil.which("unshare")
    works = unshare and subprocess.run([unshare, "-Urnm", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
    if not works:
        node_exporter.skip("host_goes", "no namespaces for us (unshare -Urnm)")
    return subprocess.run([unshare, "-Urnm", sys.executable, os.path.abspath(__file__), "--inside",
                           os.path.abspath(sys.argv[1])], check=False, timeout=300).returncode


if __name__ == "__main__":
    sys.exit(main())
