"""The dashboards and the rules of examples/dashboard, before promtool and Prometheus, with a pipelined that has something
to show.

dashboard.py PIPELINED DIRECTORY
"""

import json
import os
import re
import subprocess
import sys
import time
import unittest

from pipelined_service import PATIENCE, Service, directory, wait_for
from prometheus import Prometheus, need

PIPELINED, FILES = None, None

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ['%(rules)s']
scrape_configs:
  - job_name: pipelined
    static_configs: [{targets: ['%(target)s']}]
"""

SOON = 5  # seconds; what waits for a series to be forgotten waits for five minutes


def path(name):
    return os.path.join(FILES, name)


def dashboards():
    """That of pipelined, and that of any program with cprom."""
    for name in "pipelined.json", "cprom.json":
        with open(path(name), encoding="utf-8") as file:
            yield json.load(file)


def expressions():
    """[(title of the panel, expression), ...]"""
    return [(panel["title"], target["expr"]) for board in dashboards() for panel in board["panels"] for target in panel["targets"]]


def filled_in(expression, pipeline=".*"):
    """As Grafana does."""
    for variable, value in ("$__rate_interval", "1m"), ("$pipeline", pipeline), ("$job", ".*"), ("$instance", "127.*"):
        expression = expression.replace(variable, value)
    assert "$" not in expression, expression
    return expression


def metrics(text):
    """Those of the page, and not what the rules record."""
    return set(re.findall(r"\b(?:ci|cprom|process)_\w+", re.sub(r'"[^"]*"|\w+:\w+:\w+', "", text)))


class Files(unittest.TestCase):
    def test_promtool_accepts_rules_and_configuration(self):
        for command in ["check", "rules", "--lint=all", "--lint-fatal", path("rules.yml")], \
                       ["check", "config", path("prometheus.yml")], ["test", "rules", path("rules_test.yml")]:
            with self.subTest(command[:2]):
                done = subprocess.run(["promtool", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      check=False)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_alert_fires_in_a_test_of_the_rules(self):
        with open(path("rules.yml"), encoding="utf-8") as file:
            alerts = re.findall(r"alert: (\w+)", file.read())
        with open(path("rules_test.yml"), encoding="utf-8") as file:
            fired = re.findall(r"alertname: (\w+)\n.*\n *exp_alerts", file.read())
        self.assertEqual(set(alerts), set(fired))
        self.assertEqual(len(alerts), len(set(alerts)))

    def test_panels_are_sound(self):
        for board in dashboards():
            self.look_at(board)

    def look_at(self, board):
        taken = set()
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        self.assertEqual(len({panel["title"] for panel in board["panels"]}), len(board["panels"]))
        for panel in board["panels"]:
            with self.subTest(panel["title"]):
                self.assertTrue(panel["description"])
                at = panel["gridPos"]
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                self.assertLessEqual(at["x"] + at["w"], 24)
                self.assertFalse(cells & taken)
                taken |= cells
                references = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(references), len(set(references)))
                for what in panel, *panel["targets"]:
                    self.assertEqual(what["datasource"], {"type": "prometheus", "uid": "${datasource}"})

    def test_variables_are_declared(self):
        for board in dashboards():
            variables = {variable["name"]: variable for variable in board["templating"]["list"]}
            self.assertEqual(variables["datasource"]["type"], "datasource")
            self.assertEqual(variables["datasource"]["query"], "prometheus")
            used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(board)))
            self.assertEqual(used, set(variables))
        self.assertEqual(len({board["uid"] for board in dashboards()}), 2)


class Live(unittest.TestCase):
    """Pipeline good is well, bad fails, held has a step that goes on."""

    @classmethod
    def setUpClass(cls):
        def enter(context):
            value = context.__enter__()
            cls.addClassCleanup(context.__exit__, None, None, None)
            return value

        home = enter(directory())
        cls.service = enter(Service(PIPELINED, home))
        gate = os.path.join(home, "gate")
        os.mkfifo(gate)
        cls.service.put("good", 'every 1s\nstep one: echo branch=main >"$CI_INFO"\nstep two: true\n')
        cls.service.put("bad", "every 1s\nstep fine: true\nstep broken: false\n")
        cls.service.wait_for_run("good")
        cls.service.wait_for_run("bad")
        cls.service.put("held", 'step held: read line <"%s"\n' % gate)
        with open(path("rules.yml"), encoding="utf-8") as file:
            rules = file.read().replace("interval: 1m", "interval: 1s")
        with open(os.path.join(home, "rules.yml"), "w", encoding="utf-8") as file:
            file.write(rules)
        cls.prometheus = enter(Prometheus(home, CONFIG % {"rules": os.path.join(home, "rules.yml"),
                                                          "target": cls.service.address}))

    def test_every_metric_is_on_the_page(self):
        wait_for("a step runs", lambda: self.service.page().select("ci_step_running_seconds"))
        there = {name for name, _ in self.service.page().samples}
        with open(path("rules.yml"), encoding="utf-8") as file:
            texts = [("rules", re.sub("#.*", "", file.read()))]
        texts += expressions() + [(v["name"], v.get("definition", "")) for b in dashboards() for v in b["templating"]["list"]]
        for where, text in texts:
            with self.subTest(where):
                self.assertLessEqual(metrics(text), there)
        self.assertGreater(len(set.union(*[metrics(text) for _, text in texts])), 9)

    def test_every_expression_has_a_result(self):
        for title, expression in expressions():
            for pipeline in ".*", "good|bad|held":
                with self.subTest(title, pipeline=pipeline):
                    wait_for(expression, lambda e=filled_in(expression, pipeline): self.prometheus.query(e))

    def test_rules_are_evaluated_without_error(self):
        def evaluated():
            rules = [rule for group in self.prometheus.get("rules")["groups"] for rule in group["rules"]]
            return all(rule["health"] != "unknown" for rule in rules) and rules

        for rule in wait_for("all rules are evaluated", evaluated):
            with self.subTest(rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError")), ("ok", None))

    def test_alert_of_a_removed_step_is_over_with_the_next_scrape(self):
        alert = 'ALERTS{alertname="CIStepFailing", alertstate="firing", pipeline="bad", step="%s"}'
        self.service.put("bad", "every 1s\nstep removed: false\n")
        wait_for("it fires", lambda: self.prometheus.query(alert % "removed"))
        run = self.service.page().run("bad")
        self.service.put("bad", "every 1s\nstep instead: false\n")
        wait_for("the step is gone", lambda: self.service.page().steps("bad") == ["instead"])
        gone = time.time()
        self.assertGreater(self.service.page().run("bad"), run)
        end = time.time() + 2 * PATIENCE

        def later(step):
            found = self.prometheus.query((alert % step) + "[%dms]" % (1000 * (end - gone - SOON)), time="%.3f" % end)
            return [t for _, samples in found for t, _ in samples]

        wait_for("the next step fires", lambda: later("instead"))
        self.assertEqual(later("removed"), [])


if __name__ == "__main__":
    FILES = os.path.abspath(sys.argv.pop(2))
    PIPELINED = os.path.abspath(sys.argv.pop(1))
    need("e2e_dashboard", "promtool", "prometheus")
    unittest.main(verbosity=2)
