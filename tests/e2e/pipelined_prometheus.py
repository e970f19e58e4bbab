"""Prometheus as the judge: what it stored of pipelined, asked through its API.

pipelined_prometheus.py PIPELINED CLEAR_THEN_SET

It scrapes once a second. For a minute, pipelines replace all their steps with every run, some five times a second, while
others change, go, and stay. Instant queries look at the moment of a scrape; what single scrapes saw is read from raw
samples, through a range selector. Ends with 77 where there is no prometheus.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
import urllib.request

from pipelined_service import PATIENCE, Service, directory, wait_for

PIPELINED, CLEAR_THEN_SET = None, None
MINUTE = 60  # seconds that the hot pipelines run
HOT = ("hot1", "hot2", "hot3")
INTERVAL = 1  # between two scrapes

CONFIG = """
global: {scrape_interval: %(interval)ds, scrape_timeout: %(interval)ds}
scrape_configs:
  - job_name: pipelined
    static_configs: [{targets: ['%(pipelined)s']}]
  - job_name: clear_then_set
    static_configs: [{targets: ['%(contrast)s']}]
"""


def window(begin, end):
    """The range selector of that time."""
    return "[%dms]" % (1 + 1000 * (end - begin))


class Prometheus:
    """With it, a prometheus scrapes the two targets."""

    def __init__(self, path, pipelined, contrast):
        self.path = path
        with open(os.path.join(path, "prometheus.yml"), "w", encoding="utf-8") as file:
            file.write(CONFIG % {"interval": INTERVAL, "pipelined": pipelined, "contrast": contrast})
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]

    def __enter__(self):
        with open(os.path.join(self.path, "prometheus.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=" + os.path.join(self.path, "prometheus.yml"),
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
            with open(os.path.join(self.path, "prometheus.log"), encoding="utf-8") as log:
                print(log.read())

    def query(self, expression, at=None):
        """The result of an instant query: [(labels, value or [(time, value), ...]), ...]."""
        if self.process.poll() is not None:
            raise AssertionError("prometheus ended")
        fields = {"query": expression}
        if at is not None:
            fields["time"] = "%.3f" % at
        url = "http://%s/api/v1/query?%s" % (self.address, urllib.parse.urlencode(fields))
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            data = json.load(answer)["data"]
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
        """When the first scrape of pipelined began that began after it."""

        def found():
            return [t for t, _ in self.scrapes("pipelined", moment, time.time()) if t > moment]

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


class Changes(threading.Thread):
    """Replaces all steps of the hot pipelines again and again."""

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service = service
        self.over = threading.Event()

    def run(self):
        number = 0
        while True:
            number += 1
            for name in HOT:
                self.service.put(name, "every 200ms\nstep a-%d: echo branch=%d >$CI_INFO\nstep b-%d: true\n" % ((number,) * 3))
            if self.over.wait(0.2):
                break


class Judge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        path = cls.enter(directory())
        contrast = subprocess.Popen([CLEAR_THEN_SET, str(2 * INTERVAL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cls.addClassCleanup(contrast.communicate)
        address = contrast.stdout.readline().decode().strip()
        cls.service = cls.enter(Service(PIPELINED, path, "--workers", "4"))
        for name in "steady", "gone":
            cls.service.put(name, "every 300ms\nstep one: true\nstep two: true\n")
        cls.service.put("demo", "step clone: true\nstep build: true\n")
        cls.changes = Changes(cls.service)
        cls.changes.start()
        cls.addClassCleanup(cls.changes.join)
        cls.addClassCleanup(cls.changes.over.set)
        for name in (*HOT, "steady", "gone", "demo"):
            cls.service.wait_for_run(name)
        cls.prometheus = cls.enter(Prometheus(path, cls.service.address, address))
        wait_for("prometheus scrapes both", cls.prometheus.is_up)
        cls.begin = time.time()

    @classmethod
    def enter(cls, context):
        value = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return value

    # The first two tests happen while the hot pipelines run; the others look back at that time. They are run by name.

    def test_1_stale_step_is_gone_at_the_next_scrape_and_the_others_stay(self):
        before = self.prometheus.scrape_after(time.time())
        self.assertEqual(self.prometheus.steps("demo", before), ["build", "clone"])
        self.service.put("demo", "step build: true\nstep push: true\n")
        self.service.wait_for_run("demo", 2)
        after = self.prometheus.scrape_after(time.time())
        self.assertEqual(self.prometheus.steps("demo", after), ["build", "push"])
        self.assertEqual(self.prometheus.steps("steady", after), ["one", "two"])
        # Till then it was there, and so was all else.
        seen = self.prometheus.seen('ci_pipeline_step_success{pipeline="demo"}', before, after)
        for moment, labels in sorted(seen.items()):
            self.assertIn(sorted(one["step"] for one in labels), (["build", "clone"], ["build", "push"]), moment)

    def test_2_deleted_pipeline_leaves_no_series(self):
        before = self.prometheus.scrape_after(time.time())
        self.assertEqual(self.prometheus.steps("gone", before), ["one", "two"])
        self.service.remove("gone")
        wait_for("it goes", lambda: '"gone"' not in self.service.page().text)
        after = self.prometheus.scrape_after(time.time())
        self.assertEqual(self.prometheus.query('{pipeline="gone"}', after), [])
        self.assertEqual(self.prometheus.steps("steady", after), ["one", "two"])
        type(self).gone = after

    def test_3_every_scrape_for_a_minute_sees_one_whole_run(self):
        time.sleep(max(0, self.begin + MINUTE - time.time()))  # the minute itself; nothing depends on how long it is
        end = type(self).end = time.time()
        self.changes.over.set()
        scrapes = self.prometheus.scrapes("pipelined", self.begin, end)
        self.assertGreater(len(scrapes), MINUTE / INTERVAL / 4)
        self.assertEqual([moment for moment, up in scrapes if up != 1], [])
        success, duration, info = (
            self.prometheus.seen('%s{pipeline=~"hot.*|steady"}' % name, self.begin, end)
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
        print("%d scrapes saw %d different runs of %d, each whole" %
              (len(scrapes), len(runs), sum(self.service.page().run(name) for name in HOT)))

    def test_4_counters_show_no_reset(self):
        minute = window(self.begin, self.end)
        for name in ("ci_pipeline_runs_total", "ci_pipeline_run_duration_seconds_count",
                     "ci_pipeline_run_duration_seconds_sum", "ci_pipeline_run_duration_seconds_bucket"):
            series = name + '{pipeline=~"hot.*|steady|demo"}' + minute
            resets = self.prometheus.query("resets(%s)" % series, self.end)
            self.assertGreaterEqual(len(resets), 5)
            self.assertEqual([labels for labels, value in resets if value != 0], [])
        grown = self.prometheus.query('increase(ci_pipeline_runs_total{pipeline=~"hot.*|steady",status="success"}%s) > 0' % minute,
                                      self.end)
        self.assertEqual(len(grown), 4)

    def test_5_deleted_pipeline_does_not_come_back(self):
        self.assertEqual(self.prometheus.query('{pipeline="gone"}', self.end), [])
        self.assertEqual(self.prometheus.seen('{pipeline="gone"}', self.gone - 0.001, self.end), {})

    def test_6_contrast_clear_then_set_leaves_holes(self):
        scrapes = self.prometheus.scrapes("clear_then_set", self.begin, self.end)
        seen = self.prometheus.seen("hole_step_duration_seconds", self.begin, self.end)
        holes = [moment for moment, up in scrapes if up == 1 and moment not in seen]
        self.assertGreater(len(holes), 0)
        self.assertLess(len(holes), len(scrapes))
        print("contrast, clear-then-set: %d of %d scrapes saw no steps at all" % (len(holes), len(scrapes)))


if __name__ == "__main__":
    CLEAR_THEN_SET, PIPELINED = os.path.abspath(sys.argv.pop(2)), os.path.abspath(sys.argv.pop(1))
    if not shutil.which("prometheus"):
        print("SKIPPED e2e_pipelined: no prometheus")
        sys.exit(77)
    unittest.main(verbosity=2, failfast=True)
