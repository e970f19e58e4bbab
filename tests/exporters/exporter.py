"""An exporter that runs, for the tests."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from pipelined_service import PATIENCE, Page, directory, wait_for  # noqa: E402

__all__ = ["PATIENCE", "Exporter", "Page", "directory", "wait_for"]


class Exporter:
    """With it, the program runs and listens at some port; what it says goes to the file `log`. started_by: a command
    in front of it; how: for Popen."""

    def __init__(self, program, log, *options, started_by=(), **how):
        self.log = log
        self.command = [*started_by, program, "--web.listen-address=127.0.0.1:0", *options]
        self.how = how

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=log, **self.how)
        try:
            self.address = wait_for("the exporter listens", self._listens)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _listens(self):
        found = re.search(r": listens on (\S+), version", self.said())
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
        assert kind or code == 0, "the exporter ended with %d:\n%s" % (code, self.said())

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def get(self, path):
        """Status and text."""
        try:
            with urllib.request.urlopen("http://%s%s" % (self.address, path), timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def page(self):
        status, text = self.get("/metrics")
        assert status == 200, (status, text)
        return Page(text)

    def wait_for_page(self, what, condition):
        """The first page for which the condition is true."""

        def right():
            page = self.page()
            return condition(page) and page

        return wait_for(what + "\n" + self.said(), right)
