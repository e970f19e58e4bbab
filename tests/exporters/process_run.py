"""Process exporters, ours and others, while they run; and their pages."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

PATIENCE = 60  # seconds until a test gives up; nothing that works takes so long
THEIRS = "prometheus-process-exporter"
SKIPPED = 77

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\(.)")


def find_theirs():
    """Debian's program: on the PATH, or as $PROCESS_EXPORTER says. None: it is not there."""
    return os.environ.get("PROCESS_EXPORTER") or shutil.which(THEIRS)


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


def reap_orphans():
    """From now on, processes that lose their parent become this program's children, and not init's, which may take its time."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_group(process):
    """Kills a child that leads a process group, and all in it; when this returns, there are no zombies of them."""
    if process.returncode is not None:
        return
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    try:
        while True:
            os.waitpid(-process.pid, 0)
    except ChildProcessError:
        pass


class Page:
    """{(name, frozenset of label pairs): value}, and what the headers say."""

    def __init__(self, text):
        self.text = text
        self.samples, self.types, self.helps = {}, {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, self.types[name] = line.split(" ")[2:]
            elif line.startswith("# HELP "):
                name, self.helps[name] = line.split(" ", 3)[2:]
            elif not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                pairs = ((k, ESCAPE.sub(lambda m: {"n": "\n"}.get(m[1], m[1]), v)) for k, v in LABEL.findall(labels or ""))
                self.samples[name, frozenset(pairs)] = float(value)

    def value(self, name, **labels):
        return self.samples.get(("namedprocess_" + name, frozenset(labels.items())))

    def group(self, group, name, **labels):
        return self.value("namegroup_" + name, groupname=group, **labels)

    def groups(self):
        return sorted(dict(s)["groupname"] for n, s in self.samples if n == "namedprocess_namegroup_num_procs")


class Exporter:
    """With it, an exporter runs."""

    def __init__(self, program, *options, ours=True):
        self.program, self.options, self.ours = program, options, ours

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        if self.ours:
            self.address = "127.0.0.1:0"
        self.process = subprocess.Popen([self.program, "-web.listen-address=" + self.address, *self.options],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            wait_for(self.program + " listens", self._listens)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _listens(self):
        if self.process.poll() is not None:
            raise AssertionError(self.said())
        if self.ours:
            found = re.search(r"listens on (\S+),", self.said())
            self.address = found.group(1) if found else self.address
            return found
        try:
            with socket.create_connection(self.address.split(":"), 1):
                return True
        except OSError:
            return False

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        said = self.said()
        self.log.close()
        if kind:
            print(said)
        elif self.ours and code != 0:
            raise AssertionError("ended with %d:\n%s" % (code, said))

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def page(self):
        with urllib.request.urlopen("http://%s/metrics" % self.address, timeout=PATIENCE) as answer:
            return Page(answer.read().decode())
