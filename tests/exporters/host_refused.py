"""
host_refused.py PROGRAM

cprom-host-exporter where it may not do all: a procfs with hidepid, read by another user; netlink refused, as systemd's
RestrictAddressFamilies does it. What can be had in another way is there. What the machine forbids is skipped, and said.
"""

import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import node_exporter

LIBC = ctypes.CDLL(None, use_errno=True)
NOBODY = 65534
SYS_SOCKET = {"x86_64": 41, "aarch64": 198}.get(os.uname().machine)


def refuse_netlink(error):
    """A seccomp filter: socket(AF_NETLINK, ...) fails."""
    def statement(code, value, yes=0, no=0):
        return struct.pack("=HBBI", code, yes, no, value)

    program = b"".join([statement(0x20, 0), statement(0x15, SYS_SOCKET, 0, 3), statement(0x20, 16),
                        statement(0x15, 16, 0, 1), statement(0x06, 0x00050000 | error), statement(0x06, 0x7fff0000)])
    buffer = ctypes.create_string_buffer(program)
    sock_fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    assert LIBC.prctl(38, 1, 0, 0, 0) == 0
    if LIBC.prctl(22, 2, ctypes.c_char_p(sock_fprog), 0, 0) != 0:
        os._exit(99)


def once(program, *flags, **how):
    # LeakSanitizer cannot stop all threads here, and would say so.
    how["env"] = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    result = subprocess.run([program, "--once", "--collector.disable-defaults", *flags], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=node_exporter.PATIENCE, check=False, **how)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def series(page):
    return {line.rsplit(" ", 1)[0] for line in page.splitlines()
            if not line.startswith(("#", "process_", "node_scrape_collector_duration"))}


def netlink(program):
    if not SYS_SOCKET:
        print("SKIPPED in part: netlink: the number of socket() is not known here")
        return
    base = ["--collector.netdev", "--collector.netdev.device-exclude="]
    for extra in [], ["--path.procfs=/nonexistent"], ["--collector.netdev.enable-detailed-metrics"]:
        flags = base + extra
        allowed = series(once(program, *flags)[1])
        for error in 1, 13, 97:  # EPERM, EACCES, EAFNOSUPPORT
            code, page, said = once(program, *flags, preexec_fn=lambda: refuse_netlink(error))
            if code == 99:
                print("SKIPPED in part: netlink: no seccomp for us")
                return
            missing = {s for s in allowed ^ series(page) if extra or "receive_nohandler" not in s}
            assert code == 0 and not missing, (flags, error, code, sorted(missing), said)
            assert said.count("\n") == 1 and "collector netdev: netlink: " in said, said
    code, _, said = once(program, *base, "--path.procfs=/nonexistent", "--path.sysfs=/nonexistent",
                         preexec_fn=lambda: refuse_netlink(1))
    assert code == 1 and "/nonexistent/net/dev" in said, said


def hidden(program):
    """In a pid namespace, whose process 1 is root's; the reader is nobody."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        for hidepid in 1, 2:
            proc = os.path.join(directory, "proc%d" % hidepid)
            os.mkdir(proc)
            if LIBC.mount(b"proc", os.fsencode(proc), b"proc", 0, b"hidepid=%d" % hidepid) != 0:
                print("SKIPPED in part: hidepid=%d: %s" % (hidepid, os.strerror(ctypes.get_errno())))
                return
            try:
                with open(os.path.join(proc, "1", "mounts"), encoding="utf-8") as file:
                    assert file.read()
                code, page, said = once(program, "--collector.filesystem", "--collector.stat", "--path.procfs=" + proc,
                                        "--collector.filesystem.mount-points-exclude=^$",
                                        "--collector.filesystem.fs-types-exclude=^$", user=NOBODY, group=NOBODY)
                assert code == 0 and not said, (hidepid, code, said)
                assert re.search(r'^node_filesystem_size_bytes\{.*mountpoint="/"\} ', page, re.MULTILINE), page
            finally:
                LIBC.umount2(os.fsencode(proc), 2)


def inside(program):
    for part in netlink, hidden:
        part(program)
        print("%s: as expected" % part.__name__)


def main():
    if sys.argv[1] == "--inside":
        return inside(sys.argv[2])
    unshare = shutil.which("unshare")
    works = unshare and subprocess.run([unshare, "-pmf", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
    program = os.path.abspath(sys.argv[1])
    if not works:
        netlink(program)
        node_exporter.skip("host_refused", "no namespaces for us (unshare -pmf)")
    with tempfile.TemporaryDirectory() as directory:  # where nobody may read it
        os.chmod(directory, 0o755)
        copy = shutil.copy(program, directory)
        return subprocess.run([unshare, "-pmf", sys.executable, os.path.abspath(__file__), "--inside", copy], check=False,
                              timeout=300).returncode


if __name__ == "__main__":
    sys.exit(main())
