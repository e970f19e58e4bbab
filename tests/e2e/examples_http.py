# examples_http.py PROGRAM ARGUMENT [gzip]: starts an example that serves a page, as a user does, and asks it what
# Prometheus, curl and others ask; Python's http.client reads the answers. Exit code 77: nothing could be tested.
import gzip
import http.client
import io
import shutil
import socket
import subprocess
import sys

program, argument, coding = sys.argv[1], sys.argv[2], sys.argv[3:]
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
failures = 0


def check(what, good):
    global failures
    if not good:
        failures += 1
        print("FAILED:", what)


def ask(method, target, headers=None, connection=None):
    mine = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    mine.putrequest(method, target, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        mine.putheader(name, value)
    mine.endheaders()
    response = mine.getresponse()
    body = response.read()
    if not connection:
        mine.close()
    return response, body


def read_all(sock):
    data = b""
    while True:
        got = sock.recv(65536)
        if not got:
            return data
        data += got


class Stream:
    """A socket of which one response after the other is read."""

    def __init__(self, sock):
        self.file = sock.makefile("rb")

    def makefile(self, _mode):
        return io.BufferedReader(self.Shared(self.file), 1)

    class Shared(io.RawIOBase):
        def __init__(self, file):
            self.file = file

        def readable(self):
            return True

        def readinto(self, room):
            data = self.file.read(len(room))
            room[: len(data)] = data
            return len(data)


def is_whole(body, end=b""):
    """Whether all 10,000 series are there, with their values."""
    lines = [line for line in body.splitlines() if line.startswith(b"square{")]
    values = {line.split(b'"')[1]: float(line.split(b" ")[1]) for line in lines}
    return (
        len(lines) == 10000
        and all(values.get(b"%d" % i) == i * i for i in range(10000))
        and body.endswith(end)
        and b"process_cpu_seconds_total" in body
    )


def run():
    response, body = ask("GET", "/metrics")
    check("the page", response.status == 200 and is_whole(body))
    check("its type", response.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
    check("Vary", response.getheader("Vary") == "Accept, Accept-Encoding")
    check("no coding", response.getheader("Content-Encoding") is None)

    prometheus = {"Accept": PROMETHEUS, "Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "10"}
    response, body = ask("GET", "/metrics", prometheus)
    check("coding", response.getheader("Content-Encoding") == ("gzip" if coding else None))
    if coding:
        check("that it is worth it", len(body) < 200000)
        body = gzip.decompress(body)
    check("OpenMetrics", is_whole(body, b"# EOF\n"))
    check(
        "OpenMetrics' type",
        response.getheader("Content-Type") == "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )

    response, body = ask("GET", "/metrics?name%5B%5D=process_threads&name[]=process_max_fds")
    check("name[]", [line.split(b" ")[0] for line in body.splitlines() if line[:1] != b"#"]
          == [b"process_max_fds", b"process_threads"])

    response, body = ask("HEAD", "/metrics")
    check("HEAD", response.status == 200 and body == b"" and response.getheader("Vary") is not None)
    response, body = ask("GET", "/")
    check("the page for people", response.status == 200 and b"<td>10000</td>" in body and b'href="/metrics"' in body)
    response, body = ask("GET", "/-/healthy")
    check("health", (response.status, body) == (200, b"OK\n"))
    response, body = ask("GET", "/nowhere")
    check("404", response.status == 404 and body.count(b"\n") == 1)
    response, body = ask("DELETE", "/metrics")
    check("405", response.status == 405 and response.getheader("Allow") == "GET, HEAD")

    # One connection, many requests.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(20):
        response, body = ask("GET", "/metrics?name[]=square", connection=connection)
        check("kept connection", body.count(b"\n") == 10002)
    connection.close()

    # One that asks for more than any socket buffers, and reads later; and another that need not wait for it.
    slow = socket.create_connection(("127.0.0.1", port), timeout=60)
    slow.sendall((b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"x" * 300 + b"\r\n\r\n") * 60)
    stream = Stream(slow)
    for i in range(60):
        response = http.client.HTTPResponse(stream)
        response.begin()
        if i == 0:
            _, body = ask("GET", "/metrics")
            check("beside a slow reader", is_whole(body))
        check("slow reader, page %d" % i, is_whole(response.read()))
    slow.close()

    # HTTP/1.0: no chunks, and a length.
    old = socket.create_connection(("127.0.0.1", port), timeout=60)
    old.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    head, _, body = read_all(old).partition(b"\r\n\r\n")
    check("HTTP/1.0", is_whole(body) and b"chunked" not in head)
    check("its length", b"\r\ncontent-length: %d" % len(body) in head.lower())
    old.close()
    if coding:
        old = socket.create_connection(("127.0.0.1", port), timeout=60)
        old.sendall(b"GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        head, _, body = read_all(old).partition(b"\r\n\r\n")
        check("HTTP/1.0, coded", b"chunked" not in head and is_whole(gzip.decompress(body)))
        check("its length, coded", b"\r\ncontent-length: %d" % len(body) in head.lower())
        old.close()

    # One that goes away in the middle.
    for _ in range(5):
        gone = socket.create_connection(("127.0.0.1", port), timeout=60)
        gone.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        gone.recv(1)
        gone.close()
    response, body = ask("GET", "/metrics")
    check("after those that went away", is_whole(body))

    if not shutil.which("curl"):
        print("SKIPPED %s with curl: it is not installed" % program.rpartition("/")[2])
        return
    for flags in (["--http1.1"], ["--http1.0"], ["--compressed"], ["--http1.0", "--compressed"]):
        url = "http://127.0.0.1:%d/metrics" % port
        body = subprocess.run(["curl", "-gsS", "--fail", *flags, url], stdout=subprocess.PIPE, timeout=120).stdout
        check("curl " + " ".join(flags), is_whole(body))


server = subprocess.Popen([program, argument], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
try:
    url = server.stdout.readline().strip()
    port = int(url.rstrip("/").rpartition(":")[2])
    run()
    server.stdin.close()
    check("that it ends with 0", server.wait(60) == 0)
finally:
    if server.poll() is None:
        server.kill()
sys.exit(1 if failures else 0)
