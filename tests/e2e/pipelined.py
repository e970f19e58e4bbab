"""pipelined from outside: files, runs, steps, metrics, the end.

pipelined.py PROGRAM
"""

import os
import signal
import subprocess
import sys
import unittest

from pipelined_service import Service, directory, wait_for

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


class Pipelined(unittest.TestCase):
    def setUp(self):
        context = directory()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def service(self, *options):
        return Service(PROGRAM, self.path, *options)

    def file(self, name):
        return os.path.join(self.path, name)

    def pid(self, name):
        """The process id that a step wrote into this file."""
        return int(wait_for("a step writes " + name, lambda: read(self.file(name)).strip()))

    def open(self, gate):
        """Who reads from this pipe goes on."""
        with open(self.file(gate), "w", encoding="utf-8") as pipe:
            pipe.write("go\n")

    def wait_for_end(self, *pids):
        for pid in pids:
            wait_for("process %d ends" % pid, lambda pid=pid: not is_alive(pid))

    # Runs

    def test_run_shows_its_steps_and_replaces_those_of_the_run_before(self):
        with self.service() as service:
            service.put("other", "step only: true\n")
            service.put("a", "step clone: true\nstep build: true\n")
            page = service.wait_for_run("a")
            self.assertEqual(page.steps("a"), ["build", "clone"])
            service.wait_for_run("other")
            service.put("a", "step build: true\nstep push: true\n")
            page = service.wait_for_run("a", 2)
            self.assertEqual(page.steps("a"), ["build", "push"])
            self.assertEqual(page.steps("a", "ci_pipeline_step_duration_seconds"), ["build", "push"])
            self.assertEqual(page.steps("other"), ["only"])
            self.assertEqual(page.value("ci_pipeline_runs_total", pipeline="a", status="success"), 2)
            self.assertEqual(page.value("ci_pipeline_run_duration_seconds_count", pipeline="a"), 2)
            self.assertGreater(page.value("ci_pipeline_last_run_timestamp_seconds", pipeline="a"), 1.7e9)

    def test_step_that_fails_ends_the_run(self):
        with self.service() as service:
            service.put("a", "step first: true\nstep bad: exit 3\nstep never: true\n")
            page = service.wait_for_run("a")
            self.assertEqual(page.steps("a"), ["bad", "first"])
            self.assertEqual(page.value("ci_pipeline_step_success", pipeline="a", step="first"), 1)
            self.assertEqual(page.value("ci_pipeline_step_success", pipeline="a", step="bad"), 0)
            self.assertEqual(page.value("ci_pipeline_runs_total", pipeline="a", status="failure"), 1)
            self.assertEqual(page.value("ci_pipeline_runs_total", pipeline="a", status="success"), 0)

    def test_step_has_environment_directory_log_and_info(self):
        with self.service() as service:
            service.put("a", 'step one: echo "$CI_PIPELINE $CI_RUN $CI_STEP"; echo branch=ma\\"in >"$CI_INFO"; touch left\n'
                             'step two: echo commit=c1 >>"$CI_INFO"; ls; pwd; echo wrong >&2\n')
            page = service.wait_for_run("a")
            self.assertEqual(page.select("ci_pipeline_info"), [{"pipeline": "a", "branch": 'ma\\"in', "commit": "c1"}])
            work = os.path.join(os.path.realpath(service.scratch), "a", "work")
            self.assertEqual(read(os.path.join(service.scratch, "a", "log")), "a 1 one\nleft\n%s\nwrong\n" % work)
            service.put("a", "step two: ls\n")
            page = service.wait_for_run("a", 2)
            self.assertEqual(page.select("ci_pipeline_info"), [{"pipeline": "a", "branch": "", "commit": ""}])
            self.assertEqual(read(os.path.join(service.scratch, "a", "log")), "")
            self.assertIn("wrong", read(os.path.join(service.scratch, "a", "log.1")))

    def test_info_that_is_not_utf8_is_refused_and_the_rest_counts(self):
        with self.service() as service:
            service.put("a", "step one: printf 'branch=\\377\\n' >\"$CI_INFO\"\n")
            page = service.wait_for_run("a")
            self.assertEqual(page.steps("a"), ["one"])
            self.assertEqual(page.select("ci_pipeline_info"), [])
            wait_for("a line of it", lambda: "refused" in service.said())

    def test_info_that_is_no_file_or_without_end_keeps_nobody_waiting(self):
        kinds = {"pipe": 'mkfifo "$CI_INFO"', "device": 'ln -s /dev/zero "$CI_INFO"', "directory": 'mkdir "$CI_INFO"'}
        with self.service("--workers", "1") as service:
            for name, command in kinds.items():
                service.put(name, "step one: %s\n" % command)
            for name in kinds:
                page = service.wait_for_run(name)
                self.assertIn({"pipeline": name, "branch": "", "commit": ""}, page.select("ci_pipeline_info"))
                self.assertEqual(service.said().count("%s: run 1: $CI_INFO: " % name), 1)
            service.put("long", 'step one: (echo commit=c; yes | head -c 16384; echo branch=b) >"$CI_INFO"\n')
            page = service.wait_for_run("long")
            self.assertIn({"pipeline": "long", "branch": "", "commit": "c"}, page.select("ci_pipeline_info"))

    def test_timer_runs_again(self):
        with self.service() as service:
            service.put("a", "every 100ms\nstep one: true\n")
            service.put("b", "step one: true\n")
            service.wait_for_run("b")
            page = service.wait_for_run("a", 4)
            self.assertEqual(page.run("b"), 1)

    def test_runs_that_overlap_both_count_and_the_later_one_is_shown(self):
        with self.service() as service:
            os.mkfifo(self.file("gate"))
            service.put("a", 'parallel 2\nstep held: read line <"%s"\nstep old: pwd\n' % self.file("gate"))
            wait_for("run 1 goes on", lambda: service.page().select("ci_step_running_seconds", step="held"))
            service.put("a", "parallel 2\nstep new: pwd\n")
            page = service.wait_for_run("a", 2)
            self.assertEqual(page.value("ci_runs_running"), 1)
            self.assertEqual(page.value("ci_pipeline_runs_total", pipeline="a", status="success"), 1)
            self.open("gate")
            wait_for("run 1 ends", lambda: service.page().value("ci_runs_running") == 0)
            page = service.page()
            self.assertEqual((page.run("a"), page.steps("a")), (2, ["new"]))
            self.assertEqual(page.value("ci_pipeline_runs_total", pipeline="a", status="success"), 2)
            self.assertEqual(page.value("ci_pipeline_run_duration_seconds_count", pipeline="a"), 2)
            self.assertIn("a: run 1: a run that began later was first", service.said())
            scratch = os.path.join(os.path.realpath(service.scratch), "a")
            self.assertEqual(read(os.path.join(scratch, "log")), scratch + "/work\n")
            self.assertEqual(read(os.path.join(scratch, "2", "log")), scratch + "/2/work\n")

    def test_runs_of_one_pipeline_are_no_more_at_a_time_than_its_file_says(self):
        with self.service("--workers", "4") as service:
            for i in range(3):
                os.mkfifo(self.file("gate%d" % i))
                service.put("a", 'parallel 2\nstep held%d: read line <"%s"\n' % (i, self.file("gate%d" % i)))
                if i < 2:
                    wait_for("it goes on", lambda i=i: service.page().select("ci_step_running_seconds", step="held%d" % i))
            service.put("b", "step one: true\n")
            service.wait_for_run("b")
            self.assertEqual(service.page().value("ci_runs_running"), 2)
            self.open("gate1")
            wait_for("the third goes on", lambda: service.page().select("ci_step_running_seconds", step="held2"))
            self.assertEqual(service.page().value("ci_runs_running"), 2)
            for name in "gate0", "gate2":
                self.open(name)
            wait_for("all end", lambda: service.page().value("ci_pipeline_runs_total", pipeline="a", status="success") == 3)

    def test_pipeline_that_is_removed_while_a_run_of_it_waits_does_not_come_back(self):
        with self.service("--workers", "1") as service:
            service.put("b", "step one: true\n")
            service.wait_for_run("b")
            service.put("b", "parallel 2\nstep slow: sleep 1000\n")
            wait_for("b goes on", lambda: service.page().value("ci_runs_running") == 1)
            service.put("b", "parallel 2\nstep two: true\n")
            wait_for("b waits", lambda: service.page().value("ci_runs_queued") == 1)
            service.remove("b")
            wait_for("it is removed", lambda: "b: removed" in service.said())
            self.assertEqual(service.page().value("ci_runs_queued"), 0)
            self.assertNotIn('pipeline="b"', service.page().text)
            service.put("a", "step one: true\n")
            service.wait_for_run("a")
            self.assertNotIn('pipeline="b"', service.page().text)
            self.assertNotIn("b: run 3", service.said())

    # Tries

    def test_step_that_fails_is_tried_again_and_its_tries_are_counted(self):
        def counted(page, step):
            return tuple(page.value("ci_pipeline_step_%s_total" % what, pipeline="a", step=step) for what in ("retries", "flaky"))

        with self.service() as service:
            service.put("a", 'retry 2\nstep good: echo $CI_TRY\nstep flaky: echo $CI_TRY; [ $CI_TRY = 2 ]\nstep late: true\n')
            page = service.wait_for_run("a")
            self.assertEqual([counted(page, step) for step in ("good", "flaky", "late")], [(0, 0), (1, 1), (0, 0)])
            self.assertEqual(page.value("ci_pipeline_runs_total", pipeline="a", status="success"), 1)
            self.assertEqual(read(os.path.join(service.scratch, "a", "log")), "1\n1\n2\n")
            success = page.value("ci_pipeline_last_success_timestamp_seconds", pipeline="a")
            self.assertEqual(success, page.value("ci_pipeline_last_run_timestamp_seconds", pipeline="a"))
            # A run that ends before a step leaves the step's counters, and a step that goes takes its own along.
            service.put("a", "retry 2\nstep flaky: false\nstep late: true\n")
            page = service.wait_for_run("a", 2)
            self.assertEqual([counted(page, step) for step in ("good", "flaky", "late")], [(None, None), (3, 1), (0, 0)])
            self.assertEqual(page.steps("a"), ["flaky"])
            self.assertEqual(page.value("ci_pipeline_runs_total", pipeline="a", status="failure"), 1)
            self.assertEqual(page.value("ci_pipeline_last_success_timestamp_seconds", pipeline="a"), success)

    def test_runs_count_by_branch_where_they_say_it(self):
        name = "ci_pipeline_branch_runs_total"
        with self.service() as service:
            service.put("a", 'step one: echo branch=main >"$CI_INFO"\n')
            service.wait_for_run("a")
            service.put("a", 'step one: echo branch=fix >"$CI_INFO"; false\n')
            service.wait_for_run("a", 2)
            service.put("a", "step one: true\n")
            page = service.wait_for_run("a", 3)
            self.assertEqual(len(page.select(name)), 2)
            self.assertEqual(page.value(name, pipeline="a", branch="main", status="success"), 1)
            self.assertEqual(page.value(name, pipeline="a", branch="fix", status="failure"), 1)

    # The journal

    def test_journal_has_the_runs_that_ended(self):
        journal = self.file("journal")
        with self.service("--journal", journal) as service:
            service.put("a", "step one: true\n")
            service.wait_for_run("a")
            service.put("a", "step one: false\n")
            service.wait_for_run("a", 2)
            service.put("b", "step slow: sleep 1000\n")
            wait_for("it goes on", lambda: service.page().value("ci_runs_running") == 1)
        with self.service("--journal", journal) as service:  # again, with the files as they are
            service.wait_for_run("a")
        lines = [line.split() for line in read(journal).splitlines()]
        self.assertEqual([line[1:4] for line in lines], [["a", "1", "success"], ["a", "2", "failure"], ["a", "1", "failure"]])
        for line in lines:
            self.assertGreater(int(line[0]), 1.7e9)
            self.assertGreaterEqual(float(line[4]), 0)

    # What takes too long

    def test_step_over_its_time_is_ended_with_all_its_processes(self):
        with self.service() as service:
            # On a busy machine the time may be over before the shell has written anything: the next run tries again.
            service.put("a", "timeout 500ms\nevery 1s\n"
                             'step slow: sleep 1000 & echo $! >"%s"; wait\n' % self.file("pid"))
            self.wait_for_end(self.pid("pid"))
            page = service.wait_for_run("a")
            self.assertGreater(page.value("ci_pipeline_runs_total", pipeline="a", status="timeout"), 0)
            self.assertEqual(page.value("ci_pipeline_step_success", pipeline="a", step="slow"), 0)

    def test_step_that_does_not_listen_to_sigterm_is_killed(self):
        with self.service() as service:
            service.put("a", "timeout 500ms\nevery 1s\n"
                             'step slow: trap "" TERM; echo $$ >"%s"; while :; do sleep 1; done\n' % self.file("pid"))
            self.wait_for_end(self.pid("pid"))
            page = service.wait_for_run("a")
            self.assertGreater(page.value("ci_pipeline_runs_total", pipeline="a", status="timeout"), 0)

    def test_process_that_a_step_leaves_behind_is_killed(self):
        with self.service() as service:
            service.put("a", 'step leave: sleep 1000 & echo $! >"%s"\n' % self.file("pid"))
            page = service.wait_for_run("a")
            self.assertEqual(page.value("ci_pipeline_step_success", pipeline="a", step="leave"), 1)
            self.wait_for_end(self.pid("pid"))

    def test_sigterm_ends_pipelined_and_its_steps(self):
        with self.service() as service:
            service.put("a", 'step slow: sleep 1000 & echo $! >"%s"; wait\n' % self.file("pid"))
            service.put("b", 'step slow: trap "" TERM; echo $$ >"%s"; while :; do sleep 1; done\n' % self.file("stubborn"))
            pids = self.pid("pid"), self.pid("stubborn")
            service.process.send_signal(signal.SIGTERM)
            self.assertEqual(service.process.wait(60), 0)
            for pid in pids:
                self.assertFalse(is_alive(pid))

    # Now

    def test_collector_shows_what_runs_and_what_waits(self):
        with self.service("--workers", "1") as service:
            os.mkfifo(self.file("gate"))
            service.put("a", 'step one: true\nstep held: read line <"%s"\n' % self.file("gate"))
            held = {"pipeline": "a", "step": "held", "worker": "1"}
            wait_for("the step runs", lambda: held in service.page().select("ci_step_running_seconds"))
            service.put("b", "step one: true\n")
            wait_for("b waits", lambda: service.page().value("ci_runs_queued") == 1)
            page = service.page()
            self.assertEqual(page.select("ci_step_running_seconds"), [held])
            self.assertEqual(page.value("ci_runs_running"), 1)
            self.assertEqual(page.value("ci_worker_busy", worker="1"), 1)
            self.assertEqual(page.steps("a"), [])
            self.open("gate")
            page = service.wait_for_run("b")
            self.assertEqual(page.value("ci_pipeline_queue_duration_seconds_count", pipeline="b"), 1)
            self.assertGreater(page.value("ci_pipeline_queue_duration_seconds_sum", pipeline="b"), 0)
            wait_for("it is idle", lambda: service.page().value("ci_worker_busy", worker="1") == 0)
            page = service.page()
            self.assertEqual(page.select("ci_step_running_seconds"), [])
            self.assertEqual((page.value("ci_runs_running"), page.value("ci_runs_queued")), (0, 0))

    # Files

    def test_removed_file_takes_all_series_and_the_run_with_it(self):
        with self.service() as service:
            service.put("a", "step one: true\n")
            service.put("b", "step one: true\n")
            service.wait_for_run("a")
            service.wait_for_run("b")
            service.put("a", 'step one: true\nstep slow: trap "" TERM; echo $$ >"%s"; while :; do sleep 1; done\n' % self.file("pid"))
            pid = self.pid("pid")
            service.remove("a")
            wait_for("it is removed", lambda: "a: removed" in service.said())
            self.assertNotIn('pipeline="a"', service.page().text)
            self.wait_for_end(pid)
            wait_for("its run ends", lambda: service.page().value("ci_runs_running") == 0)
            self.assertNotIn('pipeline="a"', service.page().text)
            self.assertEqual(service.page().steps("b"), ["one"])
            service.put("a", "step again: true\n")
            page = service.wait_for_run("a")
            self.assertEqual((page.run("a"), page.steps("a")), (1, ["again"]))

    def test_bad_file_is_reported_with_its_line_and_the_others_run(self):
        bad = {
            "word": ("step a: true\nstop b: true\n", 2, "neither"),
            "colon": ("step a true\n", 1, "NAME: shell command"),
            "name": ("step a b: true\n", 1, "name"),
            "empty-name": ("step : true\n", 1, "name"),
            "command": ("\nstep a:  \n", 2, "without a command"),
            "twice": ("step a: true\n# a\nstep a: false\n", 3, "second step"),
            "none": ("every 1s\n", 1, "no step"),
            "nothing": ("", 0, "no step"),
            "every": ("every 0s\nstep a: true\n", 1, "duration"),
            "unit": ("every 5\nstep a: true\n", 1, "duration"),
            "sign": ("every -5s\nstep a: true\n", 1, "duration"),
            "huge": ("timeout 99999999999999999h\nstep a: true\n", 1, "duration"),
            "parallel": ("step a: true\nparallel 65\n", 2, "64 or less"),
            "retry": ("retry 0\nstep a: true\n", 1, "above 0"),
            "again": ("timeout 1s\nstep a: true\ntimeout 2s\n", 3, "twice"),
            "zero": ("step a: true\nstep b: tr\0ue\n", 2, "byte 0"),
        }
        with self.service() as service:
            for name, (text, _, _) in bad.items():
                service.put(name, text)
            service.put("good", "  # blanks and CRLF\r\n\r\n\ttimeout\t5m \r\nstep a:true\r\n")
            page = service.wait_for_run("good")
            self.assertEqual(page.steps("good"), ["a"])
            for name, (_, line, words) in bad.items():
                with self.subTest(name):
                    path = os.path.join(service.pipelines, name + ".pipeline")
                    lines = [text for text in service.said().splitlines() if text.startswith("%s:%d: " % (path, line))]
                    self.assertEqual(len(lines), 1, service.said())
                    self.assertIn(words, lines[0])
                    self.assertNotIn('"%s"' % name, page.text)

    def test_file_that_becomes_bad_leaves_the_last_good_version(self):
        with self.service() as service:
            service.put("a", "every 100ms\nstep one: true\n")
            service.wait_for_run("a")
            service.put("a", "nonsense\n")
            wait_for("it is reported", lambda: "a.pipeline:1:" in service.said())
            now = service.page().run("a")
            page = service.wait_for_run("a", now + 2)
            self.assertEqual(page.steps("a"), ["one"])
            service.put("a", "step two: true\n")
            wait_for("it is good again", lambda: service.page().steps("a") == ["two"])
            self.assertEqual(service.said().count("a.pipeline:1:"), 1)

    def test_directory_that_goes_takes_no_pipeline_with_it(self):
        with self.service() as service:
            service.put("a", "every 100ms\nstep one: true\n")
            service.wait_for_run("a")
            os.rename(service.pipelines, service.pipelines + ".away")
            wait_for("it is reported", lambda: "No such file" in service.said())
            now = service.page().run("a")
            service.wait_for_run("a", now + 2)
            self.assertEqual(service.said().count("No such file"), 1)

    # Options

    def test_options(self):
        def call(*options):
            return subprocess.run([PROGRAM, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=60, cwd=self.path, check=False)

        for options in ["--nonsense"], ["--workers", "0"], ["--workers", "2x"], ["--workers"], ["word"]:
            with self.subTest(options):
                self.assertEqual(call(*options).returncode, 2)
        answer = call("--help")
        self.assertEqual(answer.returncode, 0)
        self.assertIn("usage: pipelined", answer.stdout)
        with self.service() as service:
            answer = call("--listen", service.address)
            self.assertEqual(answer.returncode, 1)
            self.assertIn("cannot listen", answer.stdout)
        answer = call("--scratch", "no/such/place")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("no/such/place", answer.stdout)
        answer = call("--journal", "no/such/place/journal")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("no/such/place/journal", answer.stdout)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
