# Prometheus scrapes the pages that e2e_pages wrote, in text 0.0.4 and in OpenMetrics, and shows the same of both: every
# sample of the text page with its value, types and help texts, and the exemplars that only OpenMetrics has.
#
#   python3 formats.py E2E_PAGES_PROGRAM
#
# Ends with 77, and says why, where there is no prometheus. Everything listens on 127.0.0.1, on ports that were free.
import http.server
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

LIMIT = 18.0  # seconds for all of it
TYPES = {
    "/text": "text/plain; version=0.0.4; charset=utf-8",
    "/openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
GAUGE_HISTOGRAM = "e2e_queue_seconds"  # to text 0.0.4 a histogram
started = time.monotonic()


class Failure(Exception):
    pass


def serve(pages):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = pages.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", TYPES.get(self.path, "text/plain"))
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    def __init__(self, program, directory, target):
        config = os.path.join(directory, "prometheus.yml")
        jobs = "".join(
            '  - {job_name: "%s", metrics_path: "%s", static_configs: [{targets: ["%s"]}]}\n' % (path[1:], path, target)
            for path in TYPES
        )
        with open(config, "w") as file:
            file.write("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n" + jobs)
        self.log = open(os.path.join(directory, "log"), "wb+")
        # Somebody else may take the port before Prometheus does: then another one is tried.
        for _ in range(5):
            self.url = "http://127.0.0.1:%d" % free_port()
            self.process = subprocess.Popen(
                [program, "--config.file=" + config, "--storage.tsdb.path=" + os.path.join(directory, "data"),
                 "--web.listen-address=" + self.url[7:], "--enable-feature=exemplar-storage"],
                cwd=directory, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
            if self.is_ready():
                return
            self.stop()
        raise Failure("prometheus does not start:\n" + self.said())

    def is_ready(self):
        while self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/-/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return True
            except (urllib.error.URLError, OSError):
                pass
            wait("prometheus is not ready:\n" + self.said())
        return False

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-3000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, path, **parameters):
        url = self.url + "/api/v1/" + path + "?" + urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(url, timeout=3) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as why:
            raise Failure("%s: %s" % (url, why.read().decode(errors="replace")))

    def series(self, job):
        """Name and labels to value, without what Prometheus itself adds."""
        found = {}
        for one in self.ask("query", query='{job="%s",host!=""}' % job)["result"]:
            labels = {name: value for name, value in one["metric"].items() if name not in ("job", "instance")}
            found[key(labels)] = float(one["value"][1])
        return found


def wait(problem):
    if time.monotonic() - started > LIMIT:
        raise Failure("it took too long; " + problem)
    time.sleep(0.05)


def key(labels):
    """Bounds and quantiles are numbers, which the two formats write differently. An empty label is none."""
    return tuple(sorted(
        (name, float(value) if name in ("le", "quantile") else value) for name, value in labels.items() if value != ""))


def unescape(text):
    return re.sub(r"\\(.)", lambda found: "\n" if found.group(1) == "n" else found.group(1), text)


SAMPLE = re.compile(r'([a-zA-Z0-9_:]+)\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\} (\S+)(?: \d+)?')


def read_text_page(page):
    """What a page in text 0.0.4 says: samples, types and help texts."""
    samples, types, helps = {}, {}, {}
    for line in page.decode().split("\n")[:-1]:
        if line.startswith("# TYPE "):
            _, _, name, types[name] = line.split(" ")
        elif line.startswith("# HELP "):
            _, _, name, text = line.split(" ", 3)
            helps[name] = re.sub(r"\\([\\n])", lambda found: "\n" if found.group(1) == "n" else "\\", text)
        else:
            name, pairs, value = SAMPLE.fullmatch(line).groups()
            labels = {"__name__": name}
            for label, text in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', pairs):
                labels[label] = unescape(text)
            if key(labels) in samples:
                raise Failure("twice: " + line)
            samples[key(labels)] = float(value)
    return samples, types, helps


def compare(what, expected, actual):
    wrong = ["%s is missing" % (one,) for one in expected if one not in actual]
    wrong += ["%s is too much" % (one,) for one in actual if one not in expected]
    for one in expected:
        if one in actual:
            a, b = expected[one], actual[one]
            if a != b and not (isinstance(a, float) and math.isnan(a) and math.isnan(b)):
                wrong.append("%s is %r, not %r" % (one, b, a))
    if wrong:
        raise Failure(what + ":\n  " + "\n  ".join(wrong[:20]))


def as_text(one):
    """The sum and the count of a gauge histogram have names of their own in OpenMetrics."""
    names = {GAUGE_HISTOGRAM + "_gsum": GAUGE_HISTOGRAM + "_sum", GAUGE_HISTOGRAM + "_gcount": GAUGE_HISTOGRAM + "_count"}
    labels = dict(one)
    if labels["__name__"] in (GAUGE_HISTOGRAM + "_sum", GAUGE_HISTOGRAM + "_count"):
        raise Failure("%s in OpenMetrics" % (one,))
    return key(dict(labels, __name__=names.get(labels["__name__"], labels["__name__"])))


def metadata(prometheus, job):
    return {one["metric"]: one for one in prometheus.ask("targets/metadata", match_target='{job="%s"}' % job)}


def check(prometheus, pages):
    samples, types, helps = read_text_page(pages["/text"])
    if len(samples) < 50:
        raise Failure("only %d samples on the text page" % len(samples))
    while not (prometheus.series("text") and prometheus.series("openmetrics")):
        wait("nothing is scraped: " + json.dumps(prometheus.ask("targets")["activeTargets"], indent=1)[:3000])
    for job in ("text", "openmetrics"):
        up = prometheus.ask("query", query='up{job="%s"}' % job)["result"]
        if [one["value"][1] for one in up] != ["1"]:
            raise Failure("up of %s: %s" % (job, up))

    compare("text", samples, prometheus.series("text"))
    shown = {as_text(one): value for one, value in prometheus.series("openmetrics").items()}
    created = {one: value for one, value in shown.items() if dict(one)["__name__"].endswith("_created")}
    # Beside a negative bucket OpenMetrics has no sum and no count.
    sums = {one for one in samples if dict(one)["__name__"] in ("e2e_drift_seconds_sum", "e2e_drift_seconds_count")}
    compare("openmetrics", {one: value for one, value in samples.items() if one not in sums},
            {one: value for one, value in shown.items() if one not in created})
    if len(sums) != 2 or len(created) < 5 or any(abs(value - time.time()) > 60 for value in created.values()):
        raise Failure("sums %s, created %s" % (sums, created))

    text, openmetrics = metadata(prometheus, "text"), metadata(prometheus, "openmetrics")
    for name, type_ in types.items():
        short = name[:-6] if type_ == "counter" and name.endswith("_total") else name
        other = "unknown" if type_ == "untyped" or short == "e2e_foreign" else type_
        other = "gaugehistogram" if name == GAUGE_HISTOGRAM else other
        for found, want in ((text[name], type_), (openmetrics[short], other)):
            if found["type"] not in (want, "unknown" if want == "untyped" else want):
                raise Failure("type of %s: %s" % (name, found))
            if found["help"] != helps.get(name, ""):
                raise Failure("help of %s: %s" % (name, found))
    units = {name: one["unit"] for name, one in openmetrics.items() if one["unit"]}
    compare("units", {"e2e_read_bytes": "bytes", "e2e_wait_seconds": "seconds", GAUGE_HISTOGRAM: "seconds"}, units)

    exemplars = {}
    now = time.time()
    for one in prometheus.ask("query_exemplars", query='{job="openmetrics",host!=""}', start=now - 100, end=now + 100):
        name, le = one["seriesLabels"]["__name__"], one["seriesLabels"].get("le")
        for exemplar in one["exemplars"]:
            # Prometheus 2.42 takes the label values of an exemplar as they stand on the page, escapes and all.
            labels = {label: unescape(value) for label, value in exemplar["labels"].items()}
            exemplars[name, le] = (labels, float(exemplar["value"]))
            if abs(exemplar["timestamp"] - now) > 60:
                raise Failure("time of an exemplar: %s" % exemplar)
    compare("exemplars", {
        ("e2e_runs_total", None): ({"run": "17", "text": 'a "b"\n'}, 1234567.0),
        ("e2e_wait_seconds_bucket", "0.25"): ({"n": "odd"}, 0.25),
        ("e2e_wait_seconds_bucket", "1.0"): ({"n": "odd"}, 1.0),
        ("e2e_wait_seconds_bucket", "100000.0"): ({"n": "even"}, 2.0),
        ("e2e_wait_seconds_bucket", "+Inf"): ({"n": "odd"}, 1e7),
    }, exemplars)
    print("%d samples, %d of them in OpenMetrics, %d _created, %d exemplars, %d families, in %.1f s" % (
        len(samples), len(shown) - len(created), len(created), len(exemplars), len(types), time.monotonic() - started))


def main():
    program = shutil.which("prometheus")
    if not program:
        print("SKIPPED e2e_formats: no prometheus")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="cprom-test-") as directory:
        subprocess.run([sys.argv[1], directory], check=True)
        pages = {}
        for path, name in (("/text", "page.txt"), ("/openmetrics", "page.om")):
            with open(os.path.join(directory, name), "rb") as file:
                pages[path] = file.read()
        server = serve(pages)
        prometheus = None
        try:
            prometheus = Prometheus(program, directory, "127.0.0.1:%d" % server.server_address[1])
            check(prometheus, pages)
        except Failure as why:
            print(why)
            sys.exit(1)
        finally:
            if prometheus:
                prometheus.stop()
            server.shutdown()


main()
