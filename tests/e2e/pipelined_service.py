"""A pipelined in a directory of its own, for the tests."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request

PATIENCE = 60  # seconds until a test gives up; nothing that works takes so long


def wait_for(what, condition):
    """The first true value of condition()."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("in vain: " + what)
        time.sleep(0.02)


@contextlib.contextmanager
def directory():
    path = tempfile.mkdtemp(prefix="cprom-pipelined-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Page:
    """What /metrics says: {(name, frozenset of label pairs): value}."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = SAMPLE.match(line).groups()
            self.samples[name, frozenset(LABEL.findall(labels or ""))] = float(value)

    def value(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())))

    def select(self, name, **labels):
        """The label sets (as dicts) of the series that have these labels."""
        return [dict(s) for n, s in self.samples if n == name and frozenset(labels.items()) <= s]

    def steps(self, pipeline, name="ci_pipeline_step_success"):
        return sorted(labels["step"] for labels in self.select(name, pipeline=pipeline))

    def run(self, pipeline):
        return self.value("ci_pipeline_last_run_number", pipeline=pipeline) or 0


class Service:
    """With it, a pipelined runs in `path`."""

    def __init__(self, program, path, *options):
        self.path = path
        self.pipelines = os.path.join(path, "pipelines")
        self.scratch = os.path.join(path, "scratch")
        self.log = os.path.join(path, "log")
        os.makedirs(self.pipelines, exist_ok=True)
        self.command = [program, "--dir", self.pipelines, "--scratch", self.scratch, "--listen", "127.0.0.1:0", *options]

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=log)
        try:
            self.address = wait_for("pipelined listens", self._listens)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _listens(self):
        found = re.search(r"^pipelined: http://([^/]*)/metrics", self.said(), re.M)
        assert found or self.process.poll() is None, self.said()
        return found and found.group(1)

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            if kind:
                print(self.said())
        assert kind or code == 0, "pipelined ended with %d:\n%s" % (code, self.said())

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def put(self, name, text):
        """A pipeline's file, renamed into place."""
        path = os.path.join(self.pipelines, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path + ".pipeline")

    def remove(self, name):
        os.unlink(os.path.join(self.pipelines, name + ".pipeline"))

    def page(self):
        with urllib.request.urlopen("http://%s/metrics" % self.address, timeout=PATIENCE) as answer:
            return Page(answer.read().decode())

    def wait_for_run(self, pipeline, number=1):
        """The first page that shows this run of it, or a later one."""

        def ended():
            page = self.page()
            return page.run(pipeline) >= number and page

        return wait_for("run %d of %s\n%s" % (number, pipeline, self.said()), ended)
