"""Debian's prometheus-node-exporter, as the oracle."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

COLLECTORS = ("cpu stat loadavg meminfo diskstats filesystem netdev netclass netstat vmstat sockstat filefd pressure "
              "entropy uname os time textfile arp conntrack softnet timex udp_queues selinux").split()
PATIENCE = 60  # seconds until one gives up; nothing that works takes so long

# Families that later versions have, as we do.
NEWER = ("node_softnet_backlog_len", "node_softnet_cpu_collision_total", "node_softnet_flow_limit_count_total",
         "node_softnet_received_rps_total", "node_netstat_TcpExt_TCPOFOQueue", "node_netstat_TcpExt_TCPRcvQDrop")

NODE_FLAGS = ["--collector.disable-defaults", "--log.level=error"] + ["--collector." + name for name in COLLECTORS]


def skip(test, why):
    print("SKIPPED %s: %s" % (test, why))
    sys.exit(77)


def find():
    """The program: on the PATH, or as $NODE_EXPORTER says. None: it is not there."""
    return os.environ.get("NODE_EXPORTER") or shutil.which("prometheus-node-exporter")


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Exporter:
    """With it, the program runs with these flags and answers; page() is what it shows. `path`: at a unix socket."""

    def __init__(self, program, flags, path=None):
        address = "unix:" + path if path else free_address()
        self.command = [program, "--web.listen-address=" + address] + list(flags)
        self.connection = UnixConnection(path, PATIENCE) if path else http.client.HTTPConnection(address, timeout=PATIENCE)

    def __enter__(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.connection.connect()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    print(self.said())
                    self.__exit__()
                    raise
                time.sleep(0.02)

    def __exit__(self, kind=None, *_):
        self.connection.close()
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        if self.process.returncode not in (0, -signal.SIGTERM) and not kind:
            raise AssertionError("%s ended with %d: %s" % (self.command[0], self.process.returncode, self.said()))

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def page(self, headers=None):
        self.connection.request("GET", "/metrics", headers=headers or {})
        response = self.connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise AssertionError("%s: %d: %s" % (self.command[0], response.status, body.decode(errors="replace")))
        return body if headers else body.decode()


def is_own(name):
    """Whether a family is about the exporter itself."""
    return name.startswith(("go_", "process_", "promhttp_", "node_exporter_build_info"))


def parse(page):
    """{family: (type, help, {series: value})}, values as text; of own families, none."""
    families = {}
    name = None
    for line in page.splitlines():
        if line.startswith("# HELP "):
            name, text = line[7:].split(" ", 1) if " " in line[7:] else (line[7:], "")
            families[name] = [None, text, {}]
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            families.setdefault(name, [None, None, {}])[0] = kind
        elif line:
            series, value = line.rsplit(" ", 1)
            families[name][2][series] = value
    return {name: tuple(family) for name, family in families.items() if not is_own(name)}
