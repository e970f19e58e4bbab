"""cprom-script-exporter from outside: scripts that are good, bad, slow, and gone.

e2e_script.py PROGRAM
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from exporter import Exporter, Page, directory, wait_for

PROGRAM = None


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Script(unittest.TestCase):
    def setUp(self):
        context = directory()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.scripts = os.path.join(self.path, "scripts")
        os.mkdir(self.scripts)

    def exporter(self, *options, **how):
        return Exporter(PROGRAM, self.file("log"), "--script.directory=" + self.scripts, *options, **how)

    def once(self, *options, **how):
        return subprocess.run([PROGRAM, "--once", "--script.directory=" + self.scripts, *options],
                              stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60, check=False,
                              **how)

    def file(self, name):
        return os.path.join(self.path, name)

    def put(self, name, text, mode=0o755):
        """Renamed into place."""
        path = os.path.join(self.path, "new")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, mode)
        os.rename(path, os.path.join(self.scripts, name))

    def prints(self, name, text):
        """What a script of this name prints from now on; its value counts its runs."""
        with open(self.file("new"), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.file("new"), self.file(name + ".out"))

    def putter(self, seconds, name):
        self.put("%d_%s" % (seconds, name), 'cat "%s"' % self.file(name + ".out"))

    def pid(self, name):
        """The process id that a script wrote into this file."""
        return int(wait_for("a script writes " + name, lambda: read(self.file(name)).strip()))

    # Good runs

    def test_text_and_json_are_on_the_page_with_the_label_script(self):
        self.put("2_text.sh", "echo '# HELP t Text.'; echo '# TYPE t gauge'; echo 't{a=\"b\"} 1'")
        self.put("2_json", "echo '"
                 "[{\"metric\":\"cpu.idle\",\"value\":5,\"tags\":\"core=0\",\"counterType\":\"COUNTER\"}]'")
        self.put("README", "exit 1")
        with self.exporter() as exporter:
            page = exporter.wait_for_page("both ran", lambda p: len(p.select("script_success")) == 2)
            self.assertEqual(page.value("t", a="b", script="text.sh"), 1)
            self.assertEqual(page.value("cpu_idle", core="0", script="json"), 5)
            self.assertIn("# HELP t Text.\n# TYPE t gauge\n", page.text)
            self.assertIn("# TYPE cpu_idle counter\n", page.text)
            for name in ("text.sh", "json"):
                self.assertEqual(page.value("script_success", script=name), 1)
                self.assertEqual(page.value("script_series", script=name), 1)
                self.assertEqual(page.value("script_interval_seconds", script=name), 2)
                self.assertLess(page.value("script_duration_seconds", script=name), 1.5)
                ended = page.value("script_last_run_timestamp_seconds", script=name)
                self.assertAlmostEqual(ended, time.time(), delta=50)
            self.assertEqual(page.select("script_success", script="README"), [])
            self.assertIn("process_start_time_seconds", page.text)
            exporter.wait_for_page("they run again",
                                   lambda p: p.value("script_runs_total", script="json", outcome="success") > 1)
            self.assertEqual(exporter.get("/-/healthy")[0], 200)
            self.assertIn("cprom-script-exporter", exporter.get("/")[1])

    def test_what_a_script_no_longer_prints_goes(self):
        self.prints("a", "x 1\ny{l=\"1\"} 1\ny{l=\"2\"} 1\n")
        self.putter(2, "a")
        with self.exporter() as exporter:
            page = exporter.wait_for_page("it ran", lambda p: p.value("x", script="a") == 1)
            self.assertEqual(len(page.select("y")), 2)
            self.prints("a", "# TYPE y counter\ny{l=\"2\"} 5\n")
            page = exporter.wait_for_page("it ran again", lambda p: p.value("y", l="2", script="a") == 5)
            self.assertEqual(page.select("x"), [])
            self.assertEqual(page.select("y"), [{"l": "2", "script": "a"}])
            self.prints("a", "")
            page = exporter.wait_for_page("it prints nothing", lambda p: not p.select("y"))
            self.assertEqual(page.value("script_success", script="a"), 1)
            self.assertEqual(page.value("script_series", script="a"), 0)

    def test_a_scrape_sees_one_run_whole(self):
        # Series of run n have the value n, and a label that is new in each run.
        self.put("2_a", 'n=$(cat "{0}" 2>/dev/null || echo 0); n=$((n + 1)); echo $n >"{0}"; i=0\n'
                 'while [ $i -lt 200 ]; do echo "x{{run=\\"$n\\",i=\\"$i\\"}} $n"; i=$((i + 1)); done'
                 .format(self.file("n")))
        with self.exporter() as exporter:
            seen = set()

            def right(page):
                runs = {value for (name, _), value in page.samples.items() if name == "x"}
                self.assertLessEqual(len(runs), 1)
                self.assertEqual(len(page.select("x")), 200 * len(runs))
                self.assertTrue(runs or not seen, "a hole")
                seen.update(runs)
                return len(seen) >= 3

            exporter.wait_for_page("three runs", right)

    def test_scripts_share_families(self):
        for name in ("a", "b"):
            self.put("2_" + name, "echo '# HELP x Of {0}.'; echo '# TYPE x gauge'; echo x 1; echo 'y{{{0}=\"1\"}} 1'"
                     .format(name))
        with self.exporter() as exporter:
            page = exporter.wait_for_page("both ran", lambda p: len(p.select("x")) == 2)
            self.assertEqual(len(page.select("y")), 2)
            self.assertEqual(page.text.count("# HELP x Of "), 1)
            promtool = shutil.which("promtool")
            if promtool:
                done = subprocess.run([promtool, "check", "metrics"], input=page.text, encoding="utf-8",
                                      capture_output=True, check=False)
                self.assertNotEqual(done.returncode, 1, done.stderr)

    # Bad runs

    def test_failed_runs_keep_the_last_good_values_and_then_drop_them(self):
        self.put("2_a", 'echo "x 1"; [ ! -e "{0}" ] || {{ echo no good >&2; exit 3; }}'.format(self.file("bad")))
        with self.exporter("--script.max-failures=3") as exporter:
            page = exporter.wait_for_page("it ran", lambda p: p.value("x", script="a") == 1)
            success = page.value("script_last_success_timestamp_seconds", script="a")
            open(self.file("bad"), "w", encoding="utf-8").close()

            def failed(page):
                n = page.value("script_runs_total", script="a", outcome="exit")
                if n:
                    self.assertEqual(page.value("script_success", script="a"), 0)
                    self.assertEqual(page.value("x", script="a"), 1 if n < 3 else None)
                return n == 3

            page = exporter.wait_for_page("it failed three times", failed)
            self.assertGreaterEqual(page.value("script_last_success_timestamp_seconds", script="a"), success)
            self.assertEqual(page.value("script_series", script="a"), 0)
            os.unlink(self.file("bad"))
            exporter.wait_for_page("it is good again", lambda p: p.value("x", script="a") == 1)
            said = exporter.said()
            self.assertIn(said.count("2_a: it exits with 3: no good\n"), (1, 2))  # not each time
            self.assertEqual(said.count("2_a: it failed 3 times; what it shows is dropped"), 1)
            self.assertIn("2_a: good again", said)

    def test_hanging_script_is_ended_with_all_its_children(self):
        self.put("2_a", 'sleep 1000 & echo $! >"{0}"\n'
                 'sh -c "trap : TERM; echo \\$\\$ >\\"{1}\\"; while :; do sleep 1000; done" &\n'
                 'echo $$ >"{2}"; echo x 1; wait'.format(self.file("one"), self.file("two"), self.file("three")))
        with self.exporter() as exporter:
            pids = [self.pid(name) for name in ("one", "two", "three")]
            page = exporter.wait_for_page("it times out",
                                          lambda p: p.value("script_runs_total", script="a", outcome="timeout"))
            self.assertEqual(page.value("script_success", script="a"), 0)
            self.assertEqual(page.select("x"), [])
            for pid in pids:
                wait_for("process %d ends" % pid, lambda pid=pid: not is_alive(pid))
            self.assertIn("2_a: it takes longer than 1.5 s", exporter.said())

    def test_what_a_script_leaves_behind_is_killed_and_not_waited_for(self):
        self.put("3600_a", 'echo x 1; sleep 1000 & echo $! >"%s"' % self.file("pid"))
        with self.exporter() as exporter:
            pid = self.pid("pid")
            exporter.wait_for_page("it ran", lambda p: p.value("x", script="a") == 1)
            wait_for("process %d ends" % pid, lambda: not is_alive(pid))

    def test_huge_output_is_refused_at_once(self):
        self.put("3600_yes", "yes")
        self.put("3600_less", "head -c 1000 /dev/zero | tr '\\0' '\\n'")
        self.put("3600_more", "head -c 1001 /dev/zero | tr '\\0' '\\n'")
        with self.exporter("--script.max-output=1000") as exporter:
            page = exporter.wait_for_page("all ran", lambda p: len(p.select("script_success")) == 3)
            self.assertEqual(page.value("script_runs_total", script="yes", outcome="output"), 1)
            self.assertEqual(page.value("script_runs_total", script="more", outcome="output"), 1)
            self.assertEqual(page.value("script_success", script="less"), 1)
            self.assertIn("3600_yes: it prints more than 1000 bytes", exporter.said())

    def test_bad_output_names_script_and_line(self):
        self.put("3600_text", "echo a 1; echo b x")
        self.put("3600_json", "echo '['; echo '{\"metric\": 5}]'")
        self.put("3600_own", "echo script_success 1; echo own 1; echo own 2")
        self.put("3600_open", "printf 'a 1'")
        with self.exporter() as exporter:
            page = exporter.wait_for_page("all ran", lambda p: len(p.select("script_success")) == 4)
            self.assertEqual(page.select("a"), [])
            self.assertEqual(page.value("own", script="own"), 1)
            for name in ("text", "json", "open"):
                self.assertEqual(page.value("script_runs_total", script=name, outcome="output"), 1)
            said = exporter.said()
            self.assertIn("3600_text: line 2: x is no number\n", said)
            self.assertIn("3600_json: line 2: \"metric\" is of the wrong type\n", said)
            self.assertIn("3600_own: line 3: left out: own: the same series as in line 2; there is more\n", said)
            self.assertIn("3600_open: line 1: the last line does not end in LF\n", said)

    def test_scripts_that_cannot_be_started(self):
        self.put("3600_mode", "echo x 1", 0o644)
        self.put("3600_noshebang", "")
        with open(os.path.join(self.scripts, "3600_noshebang"), "w", encoding="utf-8") as file:
            file.write("echo x 1\n")
        os.mkdir(os.path.join(self.scripts, "3600_directory"))
        os.symlink("/nowhere", os.path.join(self.scripts, "3600_link"))
        with self.exporter() as exporter:
            page = exporter.wait_for_page("all ran", lambda p: len(p.select("script_success")) == 4)
            for name in ("mode", "noshebang", "directory", "link"):
                self.assertEqual(page.value("script_runs_total", script=name, outcome="start"), 1, name)
                self.assertIn("3600_%s: it cannot be started: " % name, exporter.said())

    def test_what_anybody_may_write_is_not_run(self):
        self.put("3600_open", "echo x 1", 0o777)
        self.put("3600_group", "echo x 1", 0o775)
        result = self.once()
        self.assertEqual(result.returncode, 1)
        self.assertNotIn('x{script="open"} 1\n', result.stdout)
        self.assertIn('x{script="group"} 1\n', result.stdout)
        self.assertIn('script_runs_total{outcome="start",script="open"} 1\n', result.stdout)
        self.assertIn("3600_open: it is not started: anybody may write to it", result.stderr)
        result = self.once("--script.allow-world-writable")
        self.assertIn('x{script="open"} 1\n', result.stdout)
        os.chmod(self.scripts, 0o1777)
        result = self.once()
        self.assertNotIn('x{script="group"} 1\n', result.stdout)
        self.assertIn("3600_group: it is not started: anybody may write to its directory", result.stderr)

    def test_another_kind_than_that_of_another_script_is_left_out(self):
        self.prints("a", "# TYPE x gauge\nx 1\n")
        self.prints("b", "y 1\n# TYPE x histogram\nx_sum 5\nx_count 2\n")
        self.prints("c", "# TYPE x counter\nx 3\n")
        self.putter(2, "a")
        with self.exporter() as exporter:
            exporter.wait_for_page("a ran", lambda p: p.value("x", script="a") == 1)
            self.putter(2, "b")
            self.putter(2, "c")
            page = exporter.wait_for_page("b ran", lambda p: p.value("script_success", script="b") is not None)
            self.assertEqual(page.value("script_success", script="b"), 1)
            self.assertEqual(page.value("y", script="b"), 1)
            self.assertEqual(page.select("x_count"), [])
            self.assertIn("2_b: line 2: left out: x is a histogram here, and a gauge elsewhere\n", exporter.said())
            page = exporter.wait_for_page("c ran", lambda p: p.value("x", script="c") == 3)
            self.assertEqual(page.value("x", script="a"), 1)
            self.prints("a", "z 1\n")
            self.prints("c", "z 1\n")
            page = exporter.wait_for_page("both give it up", lambda p: p.value("x_count", script="b") == 2)
            self.assertEqual(page.select("x"), [])

    # Files that come and go

    def test_removed_file_takes_its_series_along(self):
        self.put("2_a", "echo x 1")
        self.put("2_b", 'echo $$ >"%s"; sleep 1000' % self.file("pid"))
        self.put("2_c", "echo x 1")
        with self.exporter() as exporter:
            exporter.wait_for_page("a and c ran", lambda p: len(p.select("x")) == 2)
            pid = self.pid("pid")
            os.unlink(os.path.join(self.scripts, "2_a"))
            os.unlink(os.path.join(self.scripts, "2_b"))
            page = exporter.wait_for_page("a and b are gone",
                                          lambda p: 'script="a"' not in p.text and 'script="b"' not in p.text)
            self.assertEqual(page.value("x", script="c"), 1)
            wait_for("process %d ends" % pid, lambda: not is_alive(pid))
            self.put("2_a", "echo x 2")
            page = exporter.wait_for_page("a is there again", lambda p: p.value("x", script="a") == 2)
            shutil.rmtree(self.scripts)
            page = exporter.wait_for_page("all are gone", lambda p: "script=" not in p.text)
            os.mkdir(self.scripts)
            self.put("2_a", "echo x 3")
            exporter.wait_for_page("a is there again", lambda p: p.value("x", script="a") == 3)

    def test_renamed_file_has_another_interval(self):
        self.put("2_a", "echo x 1")
        with self.exporter() as exporter:
            exporter.wait_for_page("it ran", lambda p: p.value("x", script="a") == 1)
            os.rename(os.path.join(self.scripts, "2_a"), os.path.join(self.scripts, "3600_a"))

            def renamed(page):
                self.assertEqual(page.value("x", script="a"), 1, "a hole")
                return page.value("script_interval_seconds", script="a") == 3600

            exporter.wait_for_page("it is renamed", renamed)
            self.put("60_a", "echo x 2")
            wait_for("the other is not run", lambda: "3600_a is not run: 60_a has the same name" in exporter.said())

    def test_run_of_a_file_renamed_to_a_shorter_interval_ends_before_the_next(self):
        self.put("3600_a", 'echo $$ >"%s"; exec sleep 1000' % self.file("pid"))
        with self.exporter() as exporter:
            pid = self.pid("pid")
            os.rename(os.path.join(self.scripts, "3600_a"), os.path.join(self.scripts, "2_a"))
            exporter.wait_for_page("it times out",
                                   lambda p: p.value("script_runs_total", script="a", outcome="timeout"))
            wait_for("process %d ends" % pid, lambda: not is_alive(pid))
            self.assertIn("2_a: it takes longer than 1.5 s", exporter.said())
            self.assertNotIn("cannot be ended", exporter.said())

    # The program

    def test_script_runs_in_its_directory_without_input_and_secrets(self):
        self.put("2_a", '{{ pwd; cat; ls -l /proc/self/fd | wc -l; ps -o pgid= $$; echo $$; }} >"{0}.new"\n'
                 'mv "{0}.new" "{0}"'.format(self.file("it")))
        with self.exporter():
            where, fds, group, pid = wait_for("it wrote", lambda: read(self.file("it")).split())
            self.assertEqual(os.path.realpath(where), os.path.realpath(self.scripts))
            self.assertLessEqual(int(fds), 5)  # 0, 1, 2, the directory itself, and a line on top
            self.assertEqual(group, pid)

    def test_script_gets_no_descriptor_of_whoever_started_the_exporter(self):
        self.put("3600_a", 'ls -l /proc/self/fd >"%s"; echo x 1' % self.file("fds"))
        with open(self.file("secret"), "w", encoding="utf-8") as secret:
            fds = [secret.fileno(), os.dup2(secret.fileno(), 9), os.dup2(secret.fileno(), 200)]
            try:
                done = self.once(pass_fds=fds)
            finally:
                os.close(9)
                os.close(200)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("/dev/null", read(self.file("fds")))
        self.assertNotIn("secret", read(self.file("fds")))

    def test_orphans_that_become_its_children_are_waited_for(self):
        # Like the first process of a container: PR_SET_CHILD_SUBREAPER.
        libc = ctypes.CDLL(None)
        self.put("3600_a", "setsid sh -c 'echo $$ >\"{0}\"; while [ ! -e \"{1}\" ]; do sleep 0.05; done' &\n"
                 'while [ ! -s "{0}" ]; do sleep 0.05; done; echo x 1'.format(self.file("pid"), self.file("go")))
        self.put("2_b", "echo y 1")
        with self.exporter(preexec_fn=lambda: libc.prctl(36, 1, 0, 0, 0)) as exporter:
            pid = self.pid("pid")
            exporter.wait_for_page("both ran", lambda p: len(p.select("script_success")) == 2)

            def parent():
                return int(re.search(r"PPid:\s+(\d+)", read("/proc/%d/status" % pid)).group(1))

            wait_for("it is an orphan", lambda: parent() == exporter.process.pid)
            open(self.file("go"), "w", encoding="utf-8").close()
            wait_for("it was waited for", lambda: not os.path.exists("/proc/%d" % pid))
            page = exporter.wait_for_page("b runs again",
                                          lambda p: p.value("script_runs_total", script="b", outcome="success") > 1)
            self.assertEqual([page.value("script_success", script=name) for name in ("a", "b")], [1, 1])

    def test_script_that_leaves_its_group_is_ended(self):
        self.put("2_a", "exec \"%s\" -c 'import os, time; os.setpgid(0, os.getpgid(os.getppid())); "
                 "print(os.getpid(), file=open(\"%s\", \"w\")); time.sleep(1000)'"
                 % (sys.executable, self.file("pid")))
        with self.exporter() as exporter:
            pid = self.pid("pid")
            wait_for("process %d ends" % pid, lambda: not is_alive(pid))
            page = exporter.wait_for_page("it ended", lambda p: p.select("script_success"))
            self.assertGreaterEqual(page.value("script_runs_total", script="a", outcome="timeout"), 1)

    def test_end_kills_what_runs(self):
        self.put("3600_a", 'sleep 1000 & echo $! >"%s"; wait' % self.file("pid"))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.exporter() as exporter:
                pid = self.pid("pid")
                exporter.process.send_signal(number)
                self.assertEqual(exporter.process.wait(60), 0)
                wait_for("process %d ends" % pid, lambda pid=pid: not is_alive(pid))
                os.unlink(self.file("pid"))

    def test_once_runs_each_script_and_prints_the_page(self):
        self.put("3600_a", "sleep 0.2; echo x 1")
        self.put("3600_b", "echo x 2")
        done = self.once("--web.disable-exporter-metrics")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        page = Page(done.stdout)
        self.assertEqual((page.value("x", script="a"), page.value("x", script="b")), (1, 2))
        self.assertNotIn("process_", done.stdout)
        self.put("2_c", "sleep 1000")
        done = self.once()
        self.assertEqual(done.returncode, 1)
        page = Page(done.stdout)
        self.assertEqual((page.value("x", script="a"), page.value("script_success", script="c")), (1, 0))
        self.assertIn("process_", done.stdout)

    def test_once_is_interrupted(self):
        self.put("3600_a", 'echo $$ >"%s"; sleep 1000' % self.file("pid"))
        command = [PROGRAM, "--once", "--script.directory=" + self.scripts]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            pid = self.pid("pid")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.communicate(timeout=60)[0], b"")
            self.assertEqual(process.returncode, 1)
            wait_for("process %d ends" % pid, lambda: not is_alive(pid))

    def test_once_is_interrupted_while_it_prints(self):
        self.prints("a", "".join("x%d{label=\"%s\"} 1\n" % (i, 100 * "v") for i in range(2000)))
        self.putter(3600, "a")
        command = [PROGRAM, "--once", "--script.directory=" + self.scripts]
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
            self.assertEqual(process.stdout.read(1), b"#")  # the rest is more than the pipe holds
            process.send_signal(signal.SIGTERM)
            try:
                self.assertEqual(process.wait(60), -signal.SIGTERM)
            finally:
                process.kill()

    def test_ignored_signals_do_not_end_it(self):
        self.put("3600_a", 'echo $$ >"{0}"; while [ ! -e "{1}" ]; do sleep 0.05; done; echo x 1'
                 .format(self.file("pid"), self.file("go")))
        ignoring = "trap '' HUP INT; exec \"$@\""
        command = ["sh", "-c", ignoring, "sh", PROGRAM, "--script.directory=" + self.scripts]
        with subprocess.Popen(command + ["--once"], stdout=subprocess.PIPE, encoding="utf-8") as process:
            self.pid("pid")
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGINT)
            open(self.file("go"), "w", encoding="utf-8").close()
            self.assertEqual(Page(process.communicate(timeout=60)[0]).value("x", script="a"), 1)
            self.assertEqual(process.returncode, 0)
        with self.exporter(started_by=["sh", "-c", ignoring, "sh"]) as exporter:
            exporter.process.send_signal(signal.SIGHUP)
            exporter.process.send_signal(signal.SIGINT)
            status = read("/proc/%d/status" % exporter.process.pid)
            pending = [int(signals, 16) for signals in re.findall(r"(?:SigPnd|ShdPnd):\s+(\w+)\n", status)]
            sent = 1 << signal.SIGHUP - 1 | 1 << signal.SIGINT - 1  # had it them blocked, they could still be there
            self.assertEqual([signals & sent for signals in pending], [0, 0])
            exporter.wait_for_page("it ran", lambda p: p.value("x", script="a") == 1)
            self.assertNotIn(": ends\n", exporter.said())

    def test_wrong_usage(self):
        for options, code, said in (
                (["--nope"], 2, "cprom-script-exporter: unknown flag --nope; see --help\n"),
                (["--script.max-failures=0"], 2, "cannot be \"0\""),
                (["extra"], 2, "unexpected argument extra"),
                (["--script.directory=/nowhere"], 1, "--script.directory=/nowhere: No such file or directory\n"),
                (["--script.directory=/dev/null"], 1, "--script.directory=/dev/null: Not a directory\n")):
            done = self.once(*options)
            self.assertEqual((done.returncode, done.stdout), (code, ""))
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
        for option, said in (("--help", "--script.directory"), ("--version", "cprom-script-exporter ")):
            done = self.once(option)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(said, done.stdout)

    def test_many_scripts_and_scrapers_at_a_time(self):
        for i in range(30):
            self.put("2_s%d" % i, "echo 'x{a=\"%d\"} 1'; echo '# TYPE y counter'; echo y $$" % i)
        with self.exporter() as exporter:
            stop = threading.Event()
            wrong = []

            def scrape():
                while not stop.is_set():
                    try:
                        exporter.page()
                    except Exception as error:  # pylint: disable=broad-except
                        wrong.append(error)
                        return

            scrapers = [threading.Thread(target=scrape) for _ in range(3)]
            for scraper in scrapers:
                scraper.start()
            try:
                for i in range(0, 30, 3):
                    os.unlink(os.path.join(self.scripts, "2_s%d" % i))
                left = ["s%d" % i for i in range(30) if i % 3]
                exporter.wait_for_page("20 are left", lambda p: len(p.select("x")) == len(p.select("y")) == len(left) and
                                       all(p.value("script_success", script=name) for name in left))
            finally:
                stop.set()
                for scraper in scrapers:
                    scraper.join()
            self.assertEqual(wrong, [])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
