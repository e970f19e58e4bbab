"""
e2e_web.py PROGRAM

How cprom-host-exporter is started, as all exporters are: several addresses, sockets of systemd, users and passwords, the
arguments that node_exporter is given. What else it needs (htpasswd, nginx, openssl, node_exporter) it skips without.
"""

import base64
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

from exporter import PATIENCE, Exporter, wait_for

ONLY = ("--collector.disable-defaults", "--collector.loadavg")
# htpasswd -nbB -C 5, and a slow one of cost 12
SECRET = "$2y$05$oaz0o.ZYcCk9szmqdMTo6u/iG64o6k0i4Plcje2Z5UblkBZ6MnwXe"
KUBE_PROMETHEUS = [
    "--path.sysfs=/sys", "--path.rootfs=/", "--path.procfs=/proc", "--path.udev.data=/run/udev/data", "--no-collector.wifi",
    "--no-collector.btrfs",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run/k3s/containerd/.+|var/lib/docker/.+|"
    "var/lib/kubelet/pods/.+)($|/)",
    "--collector.netclass.ignored-devices=^(veth.*|[a-f0-9]{15})$",
    "--collector.netdev.device-exclude=^(veth.*|[a-f0-9]{15})$"]


def get(address, path="/metrics", user=None, method="GET"):
    """Status and headers."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)
    headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if user else {}
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


class Web(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def file(self, name, text=None):
        path = os.path.join(self.directory.name, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def exporter(self, *options, **how):
        return Exporter(PROGRAM, self.file("log"), *ONLY, *options, **how)

    def refused(self, *options):
        result = subprocess.run([PROGRAM, *ONLY, "--web.listen-address=127.0.0.1:0", *options], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=PATIENCE, check=False, encoding="utf-8")
        self.assertNotEqual(result.returncode, 0, options)
        return result.stderr

    def config(self, text):
        return "--web.config.file=" + self.file("web.yml", text)

    def addresses(self, exporter, n):
        return wait_for("%d addresses" % n, lambda: (found := re.findall(r": listens on (\S+), version", exporter.said())) and
                        len(found) == n and found)

    # Addresses

    def test_several_addresses_answer(self):
        path = self.file("socket")
        with self.exporter("--web.listen-address=127.0.0.1:0", "--web.listen-address=unix:" + path,
                           "--web.listen-address", "[::1]:0") as exporter:
            for address in self.addresses(exporter, 4):
                if address.startswith("unix:"):
                    with socket.socket(socket.AF_UNIX) as client:
                        client.connect(path)
                else:
                    self.assertEqual(get(address)[0], 200, address)
        self.assertIn("--web.listen-address=nowhere: ", self.refused("--web.listen-address=nowhere"))

    def test_zone_of_an_address(self):
        with self.exporter("--web.listen-address=[::1%lo]:0") as exporter:
            for address in self.addresses(exporter, 2):
                self.assertEqual(get(address)[0], 200, address)
        for bad in "[::1%nowhere]:0", "[::1%]:0", "[::1%lo]", "[x%lo]:0", "[::1%lo]:70000":
            self.assertIn("--web.listen-address=%s: " % bad, self.refused("--web.listen-address=" + bad))

    def test_sockets_of_systemd(self):
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
            def become(pid=None):
                for fd, inherited in (3, one), (4, two):
                    os.dup2(inherited.fileno(), fd + 50)
                for fd in 3, 4:
                    os.dup2(fd + 50, fd)
                os.environ.update(LISTEN_PID=str(pid or os.getpid()), LISTEN_FDS="2")

            with self.exporter("--web.systemd-socket", preexec_fn=become, close_fds=False) as exporter:
                self.addresses(exporter, 2)
                for listener in one, two:
                    self.assertEqual(get("127.0.0.1:%d" % listener.getsockname()[1])[0], 200)
                with open("/proc/%d/environ" % exporter.process.pid, "rb") as environ:
                    self.assertIn(b"LISTEN_FDS", environ.read())  # as it was started
            self.assertIn("no sockets", self.refused("--web.systemd-socket"))

    def test_probes_and_large_cookies(self):
        with self.exporter() as exporter:
            host, _, port = exporter.address.rpartition(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
            connection.request("GET", "/metrics", headers={"Cookie": "a=" + "b" * 9000, "User-Agent": "kube-probe/1.31"})
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
            for request in b"GET / HTTP/1.0\r\nUser-Agent: check_http/v2.3.1\r\nConnection: close\r\n\r\n", \
                    b"GET /-/healthy HTTP/1.0\r\n\r\n", b"HEAD /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
                with socket.create_connection((host, int(port)), PATIENCE) as client:
                    client.sendall(request)
                    self.assertRegex(client.makefile("rb").readline(), rb"^HTTP/1.[01] 200 ", request)

    # Arguments

    def test_arguments_of_kube_prometheus_and_debian(self):
        for arguments in KUBE_PROMETHEUS, [], ["--log.level=error", "--web.max-requests=10", "--no-collector.systemd"]:
            result = subprocess.run([PROGRAM, "--once", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                                    timeout=PATIENCE, check=False, encoding="utf-8")
            self.assertIn('node_scrape_collector_success{collector="cpu"} 1\n', result.stdout, result.stderr)

    def test_collectors_of_node_exporter_may_be_off(self):
        node = os.environ.get("NODE_EXPORTER") or shutil.which("prometheus-node-exporter")
        if not node:
            self.skipTest("no prometheus-node-exporter")
        said = subprocess.run([node, "--help"], capture_output=True, check=False, encoding="utf-8")
        names = set(re.findall(r"--(?:\[no-\])?collector\.([a-z_0-9]+)(?![a-z_0-9.=-])", said.stdout + said.stderr))
        self.assertGreater(len(names), 60)
        names.discard("disable")
        result = subprocess.run([PROGRAM, "--once", *("--no-collector." + name for name in sorted(names))],
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False, encoding="utf-8")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotIn("node_scrape_collector_success", result.stdout)

    def test_unknown_collectors_say_which_there_are(self):
        for flag in "--collector.wifi", "--collector.nonsense", "--collector.wifi=true", "--no-collector.nonsense":
            said = self.refused(flag)
            self.assertIn(flag.split("=")[0], said)
            self.assertIn("the collectors are arp conntrack cpu ", said)

    # Users

    def test_users_and_passwords(self):
        config = self.config("# users\nbasic_auth_users:\n  alice: %s\n  'bob smith': \"%s\" # b\nhttp_server_config:\n  http2: false\n" %
                             (SECRET, SECRET))
        with self.exporter(config) as exporter:
            address = exporter.address
            for path in "/metrics", "/":
                for user in None, "alice:wrong", "alice:", "alice", ":secret", "carol:secret", "alice:secret2", "Alice:secret":
                    status, headers, text = get(address, path, user)
                    self.assertEqual(status, 401, (path, user))
                    self.assertIn("Basic", headers["WWW-Authenticate"])
                    self.assertNotIn("node_load1", text)
                for user in "alice:secret", "bob smith:secret", "alice:secret":
                    self.assertEqual(get(address, path, user)[0], 200, (path, user))

    def test_hashes_of_htpasswd(self):
        htpasswd = shutil.which("htpasswd")
        if not htpasswd:
            self.skipTest("no htpasswd")
        for password in "x", "p\u00e4ssw\u00f6rd \u20ac", "a" * 80, "with:colon":
            made = subprocess.run([htpasswd, "-nbB", "-C", "6", "u", password], capture_output=True, check=True, encoding="utf-8")
            config = self.config("basic_auth_users:\n  u: %s\n" % made.stdout.strip().split(":", 1)[1])
            with self.exporter(config) as exporter:
                self.assertEqual(get(exporter.address, user="u:" + password)[0], 200, password)
                self.assertEqual(get(exporter.address, user="u:" + password[:-1])[0], 200 if len(password) == 80 else 401)

    def test_wrong_passwords_do_not_stall_scrapes(self):
        """While many are tried, each of which takes long, who was let in once is let in."""
        slow = SECRET.replace("$05$", "$12$")  # of another password, whatever that is
        config = self.config("basic_auth_users:\n  alice: %s\n  slow: %s\n" % (SECRET, slow))
        done = threading.Event()
        tried = []

        def attack(number):
            while not done.is_set():
                try:
                    tried.append(get(exporter.address, user="slow:%d-%d" % (number, len(tried)))[0])
                except OSError:
                    pass

        with self.exporter(config) as exporter:
            self.assertEqual(get(exporter.address, user="alice:secret")[0], 200)
            threads = [threading.Thread(target=attack, args=(i,)) for i in range(8)]
            for thread in threads:
                thread.start()
            try:
                wait_for("the attack", lambda: len(tried) > 8)
                for _ in range(30):
                    self.assertEqual(get(exporter.address, user="alice:secret")[0], 200)
            finally:
                done.set()
                for thread in threads:
                    thread.join()
            self.assertEqual(set(tried), {401})

    def test_configurations_that_are_refused(self):
        for text, said in (("tls_server_config:\n  cert_file: x\n", "web.yml:2: there is no TLS here: put a reverse proxy in front"),
                           ("http_server_config:\n  headers:\n", "web.yml:2: leave that to a reverse proxy"),
                           ("rate_limit:\n  burst: 5\n", "web.yml:2: leave that to a reverse proxy"),
                           ("basic_auth_users:\n  a: secret\n", "web.yml:2: no hash of bcrypt"),
                           ("basic_auth_users:\n  a: %s\n  a: %s\n" % (SECRET, SECRET), "web.yml:3: twice: user a"),
                           ("nonsense: 1\n", "web.yml:1: unknown key nonsense"), ("basic_auth_users: [a]\n", "web.yml:1: expected"),
                           ("  a: b\n", "web.yml:1: it is below nothing"), ("basic_auth_users\n", "web.yml:1: expected key"),
                           ("basic_auth_users:\n  'a: b\n", "web.yml:2: expected key"),
                           ("http_server_config:\n  http2: maybe\n", "web.yml:2: expected true or false")):
            self.assertIn(said, self.refused(self.config(text)), text)
        self.assertIn("No such file", self.refused("--web.config.file=/nowhere"))
        with self.exporter(self.config("---\n\n# nothing\ntls_server_config: {}\nbasic_auth_users:\n")) as exporter:
            self.assertEqual(get(exporter.address)[0], 200)

    # The recipe of docs/exporters.md

    def test_nginx_in_front_has_tls(self):
        nginx, openssl = shutil.which("nginx"), shutil.which("openssl")
        if not nginx or not openssl:
            self.skipTest("no nginx, or no openssl")
        key, certificate, path = self.file("key.pem"), self.file("cert.pem"), self.file("exporter.sock")
        subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        recipe = recipe_of_the_docs()
        for old, new in ((":9100", ":%d" % port), ("/run/cprom/exporter.sock", path), ("/etc/ssl/certs/exporter.pem", certificate),
                         ("/etc/ssl/private/exporter.key", key)):
            self.assertIn(old, recipe)
            recipe = recipe.replace(old, new)
        for kind in "client_body", "proxy", "fastcgi", "uwsgi", "scgi":
            recipe = recipe.replace("http {", "http {\n    %s_temp_path %s;" % (kind, self.file(kind)), 1)
        recipe = recipe.replace("http {", "http {\n    access_log off;", 1)
        conf = self.file("nginx.conf", "%sdaemon off; pid %s; error_log stderr;\n%s" %
                         ("user root root; " if os.geteuid() == 0 else "", self.file("pid"), recipe))
        with self.exporter("--web.listen-address=unix:" + path):
            with open(self.file("nginx.log"), "wb") as log:
                server = subprocess.Popen([nginx, "-p", self.directory.name, "-c", conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                context = ssl.create_default_context(cafile=certificate)

                def ask():
                    connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)
                    try:
                        connection.request("GET", "/metrics")
                        answer = connection.getresponse()
                        return answer.status, answer.read().decode()
                    except OSError:
                        with open(self.file("nginx.log"), encoding="utf-8") as said:
                            self.assertIsNone(server.poll(), said.read())
                        return None
                    finally:
                        connection.close()

                status, text = wait_for("nginx", ask)
                self.assertEqual(status, 200)
                self.assertIn("node_load1 ", text)
            finally:
                server.terminate()
                server.wait(PATIENCE)


def recipe_of_the_docs():
    docs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "exporters.md")
    with open(docs, encoding="utf-8") as file:
        found = re.search(r"((?:    events .*\n)(?:(?:    .*)?\n)+?    }\n)\n?\S", file.read())
    return re.sub(r"^    ", "", found.group(1), flags=re.MULTILINE)


def main():
    global PROGRAM
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
