#!/usr/bin/env python3
"""The graph with the ghost and the one without: docs/images/ghost.svg, from what a Prometheus stored.

    ghost.py GHOST PICTURE [--check]      GHOST is the program made from ghost.c

It is given runs of a pipeline whose first step is taken out half way. Two minutes; with --check some seconds, and what
must be in the data is looked at, too. Ends with 77 where there is no prometheus.
"""

import os
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from xml.sax.saxutils import escape

from prometheus import Prometheus, need, wait_for

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: ghost
    static_configs: [{targets: ['%s']}]
"""

STEPS = {"clone": 18, "build": 34, "test": 27, "push": 8}  # seconds, about
FAMILIES = {"plain_step_duration_seconds": "cprom_gauge_vec_set alone",
            "replaced_step_duration_seconds": "cprom_gauge_vec_replace"}


class Recording:
    """What Prometheus has stored of all runs."""

    def __init__(self, program, runs, scrapes):
        """So many runs with clone, then as many with push; so many scrapes after each."""
        dice = random.Random(4)
        with tempfile.TemporaryDirectory(prefix="cprom-ghost-") as home, \
                subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ghost:
            try:
                with Prometheus(home, CONFIG % ghost.stdout.readline().strip()) as prometheus:
                    self.prometheus = prometheus
                    self.moments = []  # the first scrape after each run
                    for number in range(2 * runs):
                        steps = ["clone" if number < runs else "push", "build", "test"]
                        self.run(ghost, ["%s=%.1f" % (s, STEPS[s] * dice.uniform(.85, 1.15)) for s in steps])
                        self.end = self.wait_for_scrapes(scrapes)
                    self.begin = self.moments[0]
                    self.series = {family: self.ask(family) for family in FAMILIES}
                    # The first scrape that saw the pipeline without clone.
                    self.change = self.series["replaced_step_duration_seconds"]["push"][0][0]
                    self.latest_change = self.moments[runs] - self.begin
            finally:
                ghost.stdin.close()
        if ghost.returncode != 0:
            raise AssertionError("ghost ended with %d" % ghost.returncode)

    def run(self, ghost, steps):
        before = self.scrapes()
        ghost.stdin.write(" ".join(steps) + "\n")
        ghost.stdin.flush()
        if ghost.stdout.readline() != "ok\n":
            raise AssertionError("ghost refuses %s" % steps)
        # The scrape that goes on may have seen it or not: the one after it has.
        self.moments.append(wait_for("a scrape", lambda: self.scrapes()[len(before) + 1:])[0])

    def scrapes(self):
        return [t for _, row in self.prometheus.query("up[1h]") for t, _ in row]

    def wait_for_scrapes(self, n):
        return wait_for("scrapes", lambda: [t for t in self.scrapes() if t >= self.moments[-1]][n - 1:])[0]

    def ask(self, family):
        """{step: [(seconds since the beginning, duration), ...]}"""
        found = self.prometheus.query_range(family, self.begin, self.end)
        return {labels["step"]: [(t - self.begin, v) for t, v in row] for labels, row in found}


def check(recording):
    """The ghost is there to the end in one family, and no scrape saw it after the change in the other."""
    change, end = recording.change, recording.end - recording.begin
    assert recording.latest_change - 3 <= change <= recording.latest_change, (change, recording.latest_change)
    plain, replaced = (recording.series[family] for family in FAMILIES)
    for family in plain, replaced:
        assert set(family) == set(STEPS), set(family)
        for step in "build", "test":
            assert family[step][0][0] == 0 and family[step][-1][0] >= end - 1, family[step]
        assert family["push"][0][0] == change and family["push"][-1][0] >= end - 1, family["push"]
    assert plain["clone"][-1][0] >= end - 1, plain["clone"]
    assert len({v for t, v in plain["clone"] if t >= change}) == 1, plain["clone"]
    assert replaced["clone"][0][0] == 0 and replaced["clone"][-1][0] < change, (replaced["clone"], change)


def check_picture(name):
    """It is well-formed, and has the ghost in the first graph alone."""
    svg = "{http://www.w3.org/2000/svg}"
    root = xml.etree.ElementTree.parse(name).getroot()
    assert root.tag == svg + "svg" and root.find(svg + "title").text and root.find(svg + "desc").text
    ghosts = {graph.get("id"): sum("ghost" in line.get("class").split() for line in graph.iter(svg + "path"))
              for graph in root.iter(svg + "g")}
    assert ghosts == {"plain": 1, "replaced": 0}, ghosts


# The picture. Lines are named where they end; the colours hold on light and on dark ground.

WIDTH, HEIGHT = 800, 316
TOP, BOTTOM, LEFT, RIGHT, GAP = 70, 262, 44, 52, 136
PANEL = (WIDTH - LEFT - RIGHT - GAP) / 2
HIGHEST = 42  # seconds on the vertical axis

STYLE = """
    svg { --ground: #fff; --text: #1f2328; --faint: #656d76; --grid: #d8dee4;
          --clone: #cf222e; --build: #0969da; --test: #1a7f37; --push: #8250df; }
    @media (prefers-color-scheme: dark) {
      svg { --ground: #0d1117; --text: #e6edf3; --faint: #8d96a0; --grid: #30363d;
            --clone: #ff7b72; --build: #58a6ff; --test: #3fb950; --push: #bc8cff; }
    }
    .ground { fill: var(--ground); }
    text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--faint); }
    .title { font-size: 14px; font-weight: 600; fill: var(--text); }
    .grid { stroke: var(--grid); fill: none; }
    .change { stroke: var(--faint); stroke-dasharray: 2 3; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .ghost { stroke-dasharray: 5 4; }
    .end { text-anchor: end; } .middle { text-anchor: middle; }
"""
STYLE += "".join("    .line.%s { stroke: var(--%s); } text.%s { fill: var(--%s); }\n" % ((step,) * 4) for step in STEPS)


def text(x, y, words, kind=""):
    return '<text x="%.1f" y="%.1f"%s>%s</text>' % (x, y, ' class="%s"' % kind if kind else "", escape(words))


def y_of(seconds):
    return BOTTOM - (BOTTOM - TOP) * seconds / HIGHEST


def path(points, x_of):
    """A step line."""
    (t, v), *rest = points
    words = ["M%.1f %.1f" % (x_of(t), y_of(v))]
    for t, v in rest:
        words.append("H%.1fV%.1f" % (x_of(t), y_of(v)))
    return "".join(words)


def apart(labels):
    """[(y, words, kind)] with the ys at least a line apart."""
    labels = sorted(labels)
    for i in range(1, len(labels)):
        labels[i] = (max(labels[i][0], labels[i - 1][0] + 14), *labels[i][1:])
    return labels


def panel(left, family, how, recording):
    change, end = recording.change, recording.end - recording.begin

    def x_of(t):
        return left + PANEL * t / end

    out = ['<g id="%s">' % family.split("_")[0], text(left, 24, how, "title")]
    for seconds in range(0, HIGHEST, 10):
        out.append('<path class="grid" d="M%.1f %.1fh%.1f"/>' % (left, y_of(seconds), PANEL))
        out.append(text(left - 6, y_of(seconds) + 4, "%d s" % seconds, "end"))
    every = 30 if end > 60 else 5
    for seconds in range(0, int(end) + 1, every):
        out.append(text(x_of(seconds), BOTTOM + 18, "%d:%02d" % divmod(seconds, 60), "middle"))
    out.append('<path class="change" d="M%.1f %.1fV%.1f"/>' % (x_of(change), TOP - 12, BOTTOM))
    out.append(text(x_of(change), TOP - 18, "clone is removed, push is new", "middle"))
    ends = []
    for step, points in sorted(recording.series[family].items()):
        own = [(t, v) for t, v in points if step != "clone" or t <= change]
        ghost = points[len(own):]
        out.append('<path class="line %s" d="%s"/>' % (step, path(own, x_of)))
        if ghost:
            out.append('<path class="line %s ghost" d="%s"/>' % (step, path([own[-1], *ghost], x_of)))
            ends.append((y_of(points[-1][1]) + 4, "clone, a ghost", step))
        elif points[-1][0] >= end - 1:
            ends.append((y_of(points[-1][1]) + 4, step, step))
        else:
            out.append(text(x_of(points[-1][0]) - 4, y_of(max(v for _, v in points)) - 6, step, step + " end"))
    out += [text(left + PANEL + 6, y, words, kind) for y, words, kind in apart(ends)]
    return out + ["</g>"]


def picture(recording):
    seconds = recording.end - recording.begin
    words = ("Two graphs of step durations over the same %d seconds, from the same program. Half way the step clone is taken "
             "out of the pipeline and push is added. Left, the series are only ever set: the line of clone goes on at its last "
             "value to the end. Right, each run replaces those of the run before: the line of clone ends with its last run, "
             "and build, test and push go on." % seconds)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc">' % (WIDTH, HEIGHT),
           '<title id="title">A stale step stays on the graph, or goes</title>', '<desc id="desc">%s</desc>' % escape(words),
           "<style>%s</style>" % STYLE, '<rect class="ground" width="%d" height="%d" rx="6"/>' % (WIDTH, HEIGHT)]
    for i, (family, how) in enumerate(FAMILIES.items()):
        out += panel(LEFT + i * (PANEL + GAP), family, how, recording)
    out.append(text(WIDTH / 2, HEIGHT - 10, "pipeline step durations as Prometheus stored them, scraped each second", "middle"))
    return "\n".join(out + ["</svg>", ""])


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    need("e2e_ghost", "prometheus")
    short = "--check" in sys.argv
    recording = Recording(os.path.abspath(arguments[0]), *((2, 2) if short else (8, 6)))
    check(recording)
    with open(arguments[1], "w", encoding="utf-8") as file:
        file.write(picture(recording))
    check_picture(arguments[1])
    if short:
        check_picture(os.path.join(os.path.dirname(__file__), "../../docs/images/ghost.svg"))


if __name__ == "__main__":
    main()
