"""Prometheus as the judge: what it stored of pipelined, asked through its API.

pipelined_prometheus.py PIPELINED CLEAR_THEN_SET

It scrapes once a second. For two minutes, pipelines replace all their steps with every run, some five times a second, and their
runs overlap; others change, come and go, and stay. After the first minute pipelined ends, and starts again. Instant queries look
at the moment of a scrape; what single scrapes saw is read from raw samples, through a range selector. What counters must say is
taken from pipelined's journal.

A second Prometheus, of another version, watches beside the first where $CPROM_OTHER_PROMETHEUS names its program. Ends with 77
where there is no prometheus.
"""

import collections
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
import urllib.request

from pipelined_service import PATIENCE, Service, directory, wait_for

PIPELINED, CLEAR_THEN_SET, SERVERS = None, None, []
MINUTE = 60  # seconds that pipelines change in each of the two lives
INTERVAL = 1  # between two scrapes
HOT = ("hot1", "hot2", "hot3")
STAY = (*HOT, "steady", "demo")
STEADY = "parallel 2\nevery 300ms\nstep one: echo branch=0 >$CI_INFO\nstep two: true\n"

CONFIG = """
global: {scrape_interval: %(interval)ds, scrape_timeout: %(interval)ds}
scrape_configs:
  - job_name: pipelined
    static_configs: [{targets: ['%(pipelined)s']}]
  - job_name: clear_then_set
    static_configs: [{targets: ['%(contrast)s']}]
"""


def hot(number, every="every 200ms\n"):
    """Steps and branch have the number. Every fifth run takes twice as long as it is until the next one."""
    return ("parallel 2\n%sstep a-%d: echo branch=%d >$CI_INFO\n"
            "step b-%d: sleep 0.$((CI_RUN %% 5))\n" % (every, number, number, number))


def window(begin, end):
    """The range selector of that time."""
    return "[%dms]" % (1 + 1000 * (end - begin))


class Prometheus:
    """With it, a prometheus scrapes the two targets."""

    def __init__(self, program, path, pipelined, contrast):
        self.program, self.path = program, path
        os.mkdir(path)
        with open(os.path.join(path, "prometheus.yml"), "w", encoding="utf-8") as file:
            file.write(CONFIG % {"interval": INTERVAL, "pipelined": pipelined, "contrast": contrast})
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]

    def __enter__(self):
        with open(os.path.join(self.path, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "--config.file=" + os.path.join(self.path, "prometheus.yml"),
                 "--storage.tsdb.path=" + os.path.join(self.path, "data"), "--web.listen-address=" + self.address,
                 "--log.level=warn"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        if kind:
            with open(os.path.join(self.path, "log"), encoding="utf-8") as log:
                print(log.read())

    def get(self, what, **fields):
        if self.process.poll() is not None:
            raise AssertionError("prometheus ended")
        url = "http://%s/api/v1/%s?%s" % (self.address, what, urllib.parse.urlencode(fields))
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return json.load(answer)["data"]

    def query(self, expression, at=None):
        """The result of an instant query: [(labels, value or [(time, value), ...]), ...]."""
        data = self.get("query", query=expression, **({} if at is None else {"time": "%.3f" % at}))
        if data["resultType"] == "matrix":
            return [(r["metric"], [(t, float(v)) for t, v in r["values"]]) for r in data["result"]]
        return [(r["metric"], float(r["value"][1])) for r in data["result"]]

    def is_up(self):
        try:
            return len(self.query("up == 1")) == 2
        except OSError:
            return False

    def scrapes(self, job, begin, end):
        """[(time, up), ...] of the scrapes of the job in that time, but those that ran out of time: the machine was busy."""

        def samples(name):
            found = self.query('%s{job="%s"}%s' % (name, job, window(begin, end)), end)
            return [sample for _, samples in found for sample in samples]

        late = {moment for moment, seconds in samples("scrape_duration_seconds") if seconds >= INTERVAL}
        return [(moment, up) for moment, up in samples("up") if up == 1 or moment not in late]

    def scrape_after(self, moment):
        """When the first scrape of pipelined began that began after it, and got the page."""

        def found():
            return [t for t, up in self.scrapes("pipelined", moment, time.time()) if t > moment and up == 1]

        return wait_for("a scrape", found)[0]

    def seen(self, expression, begin, end):
        """What single scrapes saw: {time: [labels, ...]}."""
        found = {}
        for labels, samples in self.query(expression + window(begin, end), end):
            for moment, _ in samples:
                found.setdefault(moment, []).append(labels)
        return found

    def steps(self, pipeline, at):
        found = self.query('ci_pipeline_step_success{pipeline="%s"}' % pipeline, at)
        return sorted(labels["step"] for labels, _ in found)

    def values(self, name, at, *labels):
        """{values of these labels: value of the series}"""
        return {tuple(found[label] for label in labels): value for found, value in self.query(name, at)}


class Changes(threading.Thread):
    """Replaces all steps of the hot pipelines again and again, and lets others come and go, each after two seconds."""

    numbers = iter(range(1, 1 << 30))

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service = service
        self.over = threading.Event()
        self.deleted = {}  # name: when no page had it any more
        self.failed = None
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                number = next(self.numbers)
                self.service.put("short-%d" % number, hot(number, "every 100ms\n"))
                for _ in range(10):
                    self.change()
                    self.over.wait(0.2)
                self.delete("short-%d" % number)
        except BaseException as error:
            self.failed = error
            raise

    def change(self, every="every 200ms\n"):
        number = next(self.numbers)
        for name in HOT:
            self.service.put(name, hot(number, every))
        return number

    def delete(self, name):
        self.service.remove(name)
        wait_for("it goes", lambda: '"%s"' % name not in self.service.page().text)
        self.deleted[name] = time.time()

    def stop(self):
        """Till nothing runs or waits."""
        self.over.set()
        self.join()
        if self.failed:
            raise self.failed
        number = self.change("")
        for name in "steady", "demo":
            self.service.put(name, "step one: echo branch=%d >$CI_INFO\nstep two: true\n" % number)

        def is_idle():
            page = self.service.page()
            shown = {labels["pipeline"] for labels in page.select("ci_pipeline_info", branch=str(number))}
            return shown == set(STAY) and page.value("ci_runs_running") == page.value("ci_runs_queued") == 0

        wait_for("nothing runs", is_idle)


class Life:
    """What happened while a pipelined ran."""

    def __init__(self, service, changes, begin, journal, journal_begins):
        for name in STAY:
            service.wait_for_run(name)
        self.begin = begin or time.time()  # every scrape from here on shows all that stay
        time.sleep(max(0, self.begin + MINUTE - time.time()))  # the minute itself; nothing depends on how long it is
        changes.stop()
        self.idle = time.time()
        self.deleted = changes.deleted
        self.runs = sum(service.page().run(name) for name in HOT)
        self.overtaken = service.said().count("a run that began later was first")
        with open(journal, encoding="utf-8") as file:
            lines = [line.split() for line in file]
        self.journal = collections.Counter((line[1], line[3]) for line in lines[journal_begins:])
        self.journal_ends = len(lines)


class Judge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        path = cls.enter(directory())
        contrast = subprocess.Popen([CLEAR_THEN_SET, str(2 * INTERVAL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cls.addClassCleanup(contrast.communicate)
        address = contrast.stdout.readline().decode().strip()
        journal = os.path.join(path, "journal")
        options = ["--workers", "4", "--journal", journal]
        with Service(PIPELINED, path, *options) as service:
            for name in "steady", "gone":
                service.put(name, STEADY)
            service.put("demo", "step clone: true\nstep build: true\n")
            changes = Changes(service)
            for name in (*STAY, "gone"):
                service.wait_for_run(name)
            cls.servers = [cls.enter(Prometheus(program, os.path.join(path, "prometheus%d" % i), service.address, address))
                           for i, program in enumerate(SERVERS)]
            for server in cls.servers:
                wait_for("prometheus scrapes both", server.is_up)
            begin = time.time()
            cls.demo_before = [server.scrape_after(begin) for server in cls.servers]
            service.put("demo", "step build: true\nstep push: true\n")
            service.wait_for_run("demo", 2)
            cls.demo_changed = time.time()
            for server in cls.servers:
                server.scrape_after(cls.demo_changed)
            changes.delete("gone")
            cls.first = Life(service, changes, begin, journal, 0)
            cls.last_before = [server.scrape_after(cls.first.idle) for server in cls.servers]
            service.process.send_signal(signal.SIGTERM)
            cls.stopped = time.time()
        with Service(PIPELINED, path, *options, "--listen", service.address) as service:
            for name in "steady", "demo":
                service.put(name, STEADY)
            cls.second = Life(service, Changes(service), None, journal, cls.first.journal_ends)
            cls.last = [server.scrape_after(cls.second.idle) for server in cls.servers]
        cls.lives = [(cls.first, cls.last_before), (cls.second, cls.last)]
        for server in cls.servers:
            print("watched by Prometheus", server.get("status/buildinfo")["version"])

    @classmethod
    def enter(cls, context):
        value = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return value

    def each(self):
        """[(words, server, life, when the server's last scrape of that life began), ...]"""
        return [("%s, life %d" % (server.program, i + 1), server, life, end)
                for i, (life, ends) in enumerate(self.lives) for server, end in zip(self.servers, ends)]

    # Ghosts

    def test_stale_step_is_gone_at_the_next_scrape_and_the_others_stay(self):
        for server, before in zip(self.servers, self.demo_before):
            after = server.scrape_after(self.demo_changed)
            self.assertEqual(server.steps("demo", before), ["build", "clone"])
            self.assertEqual(server.steps("demo", after), ["build", "push"])
            self.assertEqual(server.steps("steady", after), ["one", "two"])
            # Till then it was there, and so was all else.
            seen = server.seen('ci_pipeline_step_success{pipeline="demo"}', before, after)
            self.assertGreaterEqual(len(seen), 2)
            for moment, labels in sorted(seen.items()):
                self.assertIn(sorted(one["step"] for one in labels), (["build", "clone"], ["build", "push"]), moment)

    def test_deleted_pipeline_leaves_no_series_and_does_not_come_back(self):
        self.assertIn("gone", self.first.deleted)
        for words, server, life, end in self.each():
            with self.subTest(words):
                self.assertGreater(len(life.deleted), MINUTE / 8)
                was_there = server.seen('ci_pipeline_runs_total{pipeline=~"short.*|gone"}', life.begin, end)
                self.assertGreater(len({labels["pipeline"] for some in was_there.values() for labels in some}), MINUTE / 8)
                for name, deleted in life.deleted.items():
                    self.assertEqual(server.seen('{pipeline="%s"}' % name, deleted, self.last[self.servers.index(server)]), {}, name)

    # Holes

    def test_every_scrape_sees_one_whole_run(self):
        for words, server, life, end in self.each():
            with self.subTest(words):
                scrapes = server.scrapes("pipelined", life.begin, end)
                self.assertGreater(len(scrapes), MINUTE / INTERVAL / 4)
                self.assertEqual([moment for moment, up in scrapes if up != 1], [])
                success, duration, info = (
                    server.seen('%s{pipeline=~"hot.*|steady"}' % name, life.begin, end)
                    for name in ("ci_pipeline_step_success", "ci_pipeline_step_duration_seconds", "ci_pipeline_info"))
                runs = set()
                for moment, _ in scrapes:
                    for name in HOT:
                        branches = [labels["branch"] for labels in info.get(moment, []) if labels["pipeline"] == name]
                        self.assertEqual(len(branches), 1, (moment, name))
                        expected = ["a-" + branches[0], "b-" + branches[0]]
                        runs.add((name, branches[0]))
                        for seen in success, duration:
                            steps = [labels["step"] for labels in seen.get(moment, []) if labels["pipeline"] == name]
                            self.assertEqual(sorted(steps), expected, (moment, name))
                    steps = [labels["step"] for labels in success.get(moment, []) if labels["pipeline"] == "steady"]
                    self.assertEqual(sorted(steps), ["one", "two"], moment)
                self.assertGreater(len(runs), len(scrapes) / 4)
                self.assertGreater(life.overtaken, 0)
                print("%d scrapes saw %d different runs of %d, each whole; %d were overtaken" %
                      (len(scrapes), len(runs), life.runs, life.overtaken))

    def test_only_the_restart_is_a_hole(self):
        for server, end in zip(self.servers, self.last):
            down = [moment for moment, up in server.scrapes("pipelined", self.first.begin, end) if up != 1]
            self.assertEqual([moment for moment in down if not self.stopped - INTERVAL < moment < self.second.begin], [])

    # Counters

    def test_only_the_restart_resets_counters(self):
        names = ("ci_pipeline_runs_total", "ci_pipeline_run_duration_seconds_count", "ci_pipeline_run_duration_seconds_sum",
                 "ci_pipeline_run_duration_seconds_bucket", "ci_pipeline_queue_duration_seconds_count")
        stay = '{pipeline=~"%s"}' % "|".join(STAY)
        for words, server, life, end in self.each():
            with self.subTest(words):
                for name in names:
                    resets = server.query("resets(%s%s%s)" % (name, stay, window(life.begin, end)), end)
                    self.assertGreaterEqual(len(resets), len(STAY))
                    self.assertEqual([labels for labels, value in resets if value != 0], [])
                grown = server.query("increase(ci_pipeline_runs_total%s%s) > 0" % (stay, window(life.begin, end)), end)
                self.assertLessEqual({(name, "success") for name in STAY},
                                     {(labels["pipeline"], labels["status"]) for labels, _ in grown})
        for server, end in zip(self.servers, self.last):
            for name in names:
                resets = server.query("resets(%s%s%s)" % (name, stay, window(self.first.begin, end)), end)
                self.assertLessEqual({value for _, value in resets}, {0, 1})
                self.assertGreaterEqual(sum(value for _, value in resets), len(HOT))

    def test_every_run_that_ended_is_counted_once(self):
        for words, server, life, end in self.each():
            with self.subTest(words):
                expected = {(name, status): life.journal[name, status] for name in STAY for status in ("success", "failure", "timeout")}
                self.assertEqual(server.values("ci_pipeline_runs_total", end, "pipeline", "status"), expected)
                expected = {(name,): sum(n for (of, _), n in life.journal.items() if of == name) for name in STAY}
                for name in "ci_pipeline_run_duration_seconds_count", "ci_pipeline_queue_duration_seconds_count":
                    self.assertEqual(server.values(name, end, "pipeline"), expected, name)
                # Of what was deleted, no scrape saw more than there was.
                seen = server.values('max_over_time(ci_pipeline_runs_total{pipeline=~"short.*|gone"}%s)' % window(life.begin, end),
                                     end, "pipeline", "status")
                self.assertGreater(sum(seen.values()), 0)
                self.assertEqual({key: n for key, n in seen.items() if n > life.journal[key]}, {})
                print("%d runs that ended, of %d pipelines, each counted once" % (sum(expected.values()), len(expected)))

    # The contrast

    def test_clear_then_set_leaves_holes(self):
        for server, end in zip(self.servers, self.last):
            scrapes = server.scrapes("clear_then_set", self.first.begin, end)
            seen = server.seen("hole_step_duration_seconds", self.first.begin, end)
            holes = [moment for moment, up in scrapes if up == 1 and moment not in seen]
            self.assertGreater(len(holes), 0)
            self.assertLess(len(holes), len(scrapes))
            print("contrast, clear-then-set: %d of %d scrapes saw no steps at all" % (len(holes), len(scrapes)))


if __name__ == "__main__":
    CLEAR_THEN_SET, PIPELINED = os.path.abspath(sys.argv.pop(2)), os.path.abspath(sys.argv.pop(1))
    SERVERS = ["prometheus"] + list(filter(None, [os.environ.get("CPROM_OTHER_PROMETHEUS")]))
    for server in SERVERS:
        if not shutil.which(server):
            print("SKIPPED e2e_pipelined: no " + server)
            sys.exit(77)
    unittest.main(verbosity=2, failfast=True)
