"""A Prometheus server of one's own, asked through its API."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE = 60  # seconds until one gives up; nothing that works takes so long


def wait_for(what, condition):
    """The first true value of condition()."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("in vain: " + what)
        time.sleep(0.05)


def need(name, *programs):
    """Ends as skipped where one of the programs is missing."""
    for program in programs:
        if not shutil.which(program):
            print("SKIPPED %s: no %s" % (name, program))
            sys.exit(77)


class Prometheus:
    """With it, a server with this configuration (text) runs in the directory `path`."""

    def __init__(self, path, config):
        self.path = path
        self.log = os.path.join(path, "prometheus.log")
        with open(os.path.join(path, "prometheus.yml"), "w", encoding="utf-8") as file:
            file.write(config)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=" + os.path.join(self.path, "prometheus.yml"),
                 "--storage.tsdb.path=" + os.path.join(self.path, "data"), "--web.listen-address=" + self.address,
                 "--log.level=warn"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for("prometheus is ready", self._is_ready)
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            if kind:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    print(log.read())

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("prometheus ended")
        try:
            with urllib.request.urlopen("http://%s/-/ready" % self.address, timeout=PATIENCE):
                return True
        except OSError:
            return False

    def get(self, what, **fields):
        """The data of /api/v1/<what>; AssertionError with Prometheus' own words if it refuses."""
        url = "http://%s/api/v1/%s?%s" % (self.address, what, urllib.parse.urlencode(fields))
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError("%s: %s" % (fields, error.read().decode())) from None

    def query(self, expression, **fields):
        """The result of an instant query: [(labels, value or [(time, value), ...]), ...]."""
        data = self.get("query", query=expression, **fields)
        if data["resultType"] == "matrix":
            return samples(data)
        return [(row["metric"], float(row["value"][1])) for row in data["result"]]

    def query_range(self, expression, begin, end, step=1):
        """[(labels, [(time, value), ...]), ...]"""
        return samples(self.get("query_range", query=expression, start="%.3f" % begin, end="%.3f" % end, step=step))


def samples(data):
    return [(row["metric"], [(t, float(v)) for t, v in row["values"]]) for row in data["result"]]
