#!/usr/bin/env python3
"""Two Prometheus servers scrape one program again and again, over IPv4 and IPv6, in both formats; curl reads it too.

    scrape.py SERVER      SERVER is the program made from server.c

`up` must be 1 throughout. Ends with 77 where Prometheus is not there.
"""

import html.parser
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

SCRAPES = 6  # of each target, at least
INTERVAL = "3s"  # also what a scrape may take, however busy the machine is
PATIENCE = 120  # seconds until one gives up; nothing that works takes so long
FAMILIES = ["e2e_runs_total", "e2e_odd", "e2e_seconds", "e2e_bytes", "process_open_fds"]


def check(condition, what):
    if not condition:
        sys.exit(f"scrape.py: {what}")


def get(address, path, **headers):
    request = urllib.request.Request(f"http://{address}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return response.read().decode(), response.headers


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class TextOnly(threading.Thread):
    """A relay in front of the program: this Prometheus always asks for OpenMetrics, and here asks for text instead."""

    def __init__(self, address):
        super().__init__(daemon=True)
        host, _, port = address.rpartition(":")
        self.to = (host.strip("[]"), int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.relayed = 0
        self.start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self.relay, args=(peer, socket.create_connection(self.to)), daemon=True).start()

    def relay(self, peer, program):
        threading.Thread(target=self.pass_on, args=(program, peer), daemon=True).start()
        while True:
            data = b""
            while not data.endswith(b"\r\n\r\n"):  # requests have no bodies
                more = peer.recv(65536)
                if not more:
                    program.close()
                    return
                data += more
            lines = [line for line in data.split(b"\r\n") if not line.lower().startswith(b"accept:")]
            lines.insert(1, b"Accept: text/plain;version=0.0.4")
            program.sendall(b"\r\n".join(lines))
            self.relayed += 1

    @staticmethod
    def pass_on(program, peer):
        try:
            while True:
                data = program.recv(65536)
                if not data:
                    break
                peer.sendall(data)
        except OSError:
            pass
        peer.close()


class Prometheus:
    def __init__(self, directory, targets):
        os.mkdir(directory)
        self.address = f"127.0.0.1:{free_port()}"
        config = os.path.join(directory, "prometheus.yml")
        jobs = [{"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()]
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL}, "scrape_configs": jobs}, file)
        self.log = open(os.path.join(directory, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address={self.address}"], stdout=self.log, stderr=subprocess.STDOUT)

    def query(self, expression):
        """By job."""
        text, _ = get(self.address, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return {row["metric"].get("job"): float(row["value"][1]) for row in json.loads(text)["data"]["result"]}

    def ready(self):
        try:
            get(self.address, "/-/ready")
            return True
        except OSError:
            check(self.process.poll() is None, "Prometheus ended")
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        self.log.close()


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, what)
        time.sleep(0.2)


class Table(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.cells, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def look_at(address):
    text, headers = get(address, "/metrics")
    check(headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", "the type of the text")
    check(all(f"# TYPE {family} " in text for family in FAMILIES), "a family is not on the page")
    text, headers = get(address, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    check(headers["Content-Type"].startswith("application/openmetrics-text"), "the type of OpenMetrics")
    check(text.endswith("# EOF\n"), "the end of OpenMetrics")
    check(get(address, "/-/healthy")[0] != "", "not healthy")
    table = Table()
    table.feed(get(address, "/")[0])
    check(all(any(family in cell for cell in table.cells) for family in FAMILIES), "the table lacks a family")
    check('Runs with "quotes" & <signs>.' in "".join(table.cells), "the table's help")
    if shutil.which("curl"):
        page = subprocess.run(["curl", "-sSfg", f"http://{address}/metrics?name[]=e2e_odd"], check=True, timeout=PATIENCE,
                              stdout=subprocess.PIPE).stdout.decode()
        check(page == "# HELP e2e_odd NaN.\n# TYPE e2e_odd gauge\ne2e_odd NaN\n", f"curl got {page!r}")


def judge(prometheus, targets):
    jobs = set(targets)
    for name, expected in [("min_over_time(up[1m])", 1), ("count_over_time(up[1m]) - 1 >= bool %d" % (SCRAPES - 1), 1),
                           ('e2e_runs_total{pipeline="ü"}', 1e9), ('e2e_runs_total{pipeline="a\\"b\\\\c\\nd"}', 3),
                           ("e2e_seconds_count", 1), ("e2e_bytes_sum", 1e6),
                           ("min_over_time(process_open_fds[1m]) > bool 0", 1)]:
        found = prometheus.query(name)
        check(found == {job: expected for job in jobs}, f"{name} is {found}")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def main():
    if not shutil.which("prometheus"):
        print("SKIPPED e2e_http: no prometheus")
        sys.exit(77)
    wanted = ["127.0.0.1:0"] + (["[::1]:0"] if has_ipv6() else [])
    program = subprocess.Popen([sys.argv[1]] + wanted, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    addresses = [program.stdout.readline().strip() for _ in wanted]
    servers = []
    directory = tempfile.mkdtemp()
    try:
        for address in addresses:
            look_at(address)
        relay = TextOnly(addresses[0])
        targets = {"v4": addresses[0], "text": relay.address}
        if len(addresses) > 1:
            targets["v6"] = addresses[1]
        servers = [Prometheus(os.path.join(directory, str(i)), targets) for i in range(2)]
        for prometheus in servers:
            wait_until(prometheus.ready, "Prometheus is not ready")
        for prometheus in servers:
            def enough(p=prometheus):
                counts = p.query("count_over_time(up[1m])")
                return set(counts) == set(targets) and min(counts.values()) >= SCRAPES
            wait_until(enough, "too few scrapes")
            judge(prometheus, targets)
        check(relay.relayed >= 2 * SCRAPES, "the text was not asked for")
    finally:
        for prometheus in servers:
            prometheus.stop()
        program.stdin.close()
        code = program.wait(timeout=PATIENCE)
        shutil.rmtree(directory)
    check(code == 0, f"the program ended with {code}")
    print(f"{len(servers)} Prometheus servers, targets {' '.join(sorted(targets))}: up throughout")


if __name__ == "__main__":
    main()
