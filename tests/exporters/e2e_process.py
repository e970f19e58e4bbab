"""cprom-process-exporter with real processes: groups appear, stay and vanish, and counters never go down.

e2e_process.py PROGRAM
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from process_run import Exporter, end_group, reap_orphans, wait_for

OURS = None

CONFIG = """process_names:
  - name: fixed
    comm: [px-fixed]
  - name: "t-{{.Matches.tag}}"
    comm: [px-templ]
    cmdline: ['tag=(?P<tag>\\w+)']
  - name: absent
    comm: [px-absent]
  - name: one
    comm: [px-one]
  - name: two
    comm: [px-two]
"""

COUNTERS = ["cpu_seconds_total", "read_bytes_total", "write_bytes_total", "major_page_faults_total", "minor_page_faults_total",
            "context_switches_total"]


def child_names(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        pids = file.read().split()
    names = []
    for child in pids:
        with open("/proc/%s/comm" % child, encoding="ascii") as file:
            names.append(file.read().strip())
    return names


class Process(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="cprom-process-")
        self.addCleanup(scratch.cleanup)
        self.path = scratch.name

    def config(self, text=CONFIG):
        path = os.path.join(self.path, "config.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return "--config.path=" + path

    def start(self, name, script="echo; read x", *arguments):
        """A shell whose comm is `name`; returns when the script has said something."""
        path = os.path.join(self.path, name)
        if not os.path.exists(path):
            os.symlink(shutil.which("sh"), path)
        process = subprocess.Popen([path, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   start_new_session=True)
        self.addCleanup(end_group, process)
        process.stdout.readline()
        return process

    def run_once(self, *arguments):
        return subprocess.run([OURS, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              check=False)

    # Life

    def test_fixed_group_is_there_before_and_behind_its_processes(self):
        with Exporter(OURS, self.config()) as exporter:
            page = exporter.page()
            self.assertEqual(page.groups(), ["absent", "fixed", "one", "two"])
            self.assertEqual(page.group("fixed", "num_procs"), 0)
            self.assertIsNone(page.group("fixed", "oldest_start_time_seconds"))
            a, b = self.start("px-fixed"), self.start("px-fixed")
            page = exporter.page()
            self.assertEqual(page.group("fixed", "num_procs"), 2)
            self.assertGreater(page.group("fixed", "oldest_start_time_seconds"), 1.7e9)
            self.assertGreater(page.group("fixed", "memory_bytes", memtype="resident"), 0)
            faults = page.group("fixed", "minor_page_faults_total")
            self.assertGreater(faults, 0)
            end_group(a)
            page = exporter.page()
            self.assertEqual(page.group("fixed", "num_procs"), 1)
            self.assertGreaterEqual(page.group("fixed", "minor_page_faults_total"), faults)
            end_group(b)
            page = exporter.page()
            self.assertEqual(page.group("fixed", "num_procs"), 0)
            self.assertEqual(page.group("fixed", "memory_bytes", memtype="resident"), 0)
            self.assertIsNone(page.group("fixed", "oldest_start_time_seconds"))
            self.assertGreaterEqual(page.group("fixed", "minor_page_faults_total"), faults)

    def test_templated_group_vanishes_with_its_last_process(self):
        with Exporter(OURS, self.config()) as exporter:
            a, b = self.start("px-templ", "echo; read x", "tag=x"), self.start("px-templ", "echo; read x", "tag=y")
            self.assertEqual([g for g in exporter.page().groups() if g.startswith("t-")], ["t-x", "t-y"])
            end_group(a)
            page = exporter.page()
            self.assertEqual([g for g in page.groups() if g.startswith("t-")], ["t-y"])
            self.assertNotIn("t-x", page.text)
            end_group(b)
            self.assertNotIn('groupname="t-', exporter.page().text)

    def test_empty_groups_all_keeps_what_there_was(self):
        with Exporter(OURS, self.config(), "--empty-groups=all") as exporter:
            a = self.start("px-templ", "echo; read x", "tag=x")
            self.assertEqual(exporter.page().group("t-x", "num_procs"), 1)
            end_group(a)
            self.assertEqual(exporter.page().group("t-x", "num_procs"), 0)
            self.assertEqual(exporter.page().group("absent", "num_procs"), 0)

    def test_empty_groups_none_keeps_nothing(self):
        with Exporter(OURS, self.config(), "--empty-groups", "none") as exporter:
            self.assertEqual(exporter.page().groups(), [])
            a = self.start("px-fixed")
            self.assertEqual(exporter.page().groups(), ["fixed"])
            end_group(a)
            self.assertEqual(exporter.page().groups(), [])

    # Whose child

    def test_children_belong_to_the_group_of_their_parent(self):
        for flag, expected in (("--children", 3), ("--no-children", 1)):
            with self.subTest(flag=flag), Exporter(OURS, self.config(), flag) as exporter:
                parent = self.start("px-one", "sleep 1000 & sleep 1000 & echo; read x")
                wait_for("the children have their own name", lambda: child_names(parent.pid) == ["sleep", "sleep"])
                self.assertEqual(exporter.page().group("one", "num_procs"), expected)
                end_group(parent)

    def test_child_of_another_group_is_in_its_own(self):
        os.symlink(shutil.which("sh"), os.path.join(self.path, "px-two"))
        with Exporter(OURS, self.config()) as exporter:
            parent = self.start("px-one", "%s/px-two -c 'echo; read x; :'" % self.path)
            page = exporter.page()
            self.assertEqual((page.group("one", "num_procs"), page.group("two", "num_procs")), (1, 1))
            end_group(parent)

    # Counters

    def test_counters_never_go_down_while_processes_come_and_go(self):
        with Exporter(OURS, self.config()) as exporter:
            last, alive = {}, []
            for i in range(12):
                alive.append(self.start("px-one", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; read x"))
                if i % 3 == 2:
                    end_group(alive.pop(0))
                page = exporter.page()
                self.assertEqual(page.group("one", "num_procs"), len(alive))
                now = {k: v for k, v in page.samples.items()
                       if k[0][len("namedprocess_namegroup_"):] in COUNTERS and dict(k[1]).get("groupname") == "one"}
                self.assertEqual(len(now), 8)
                for key, value in last.items():
                    self.assertGreaterEqual(now[key], value, key)
                last = now
            self.assertGreater(page.group("one", "minor_page_faults_total"), 12 * 50)

    def test_scrapes_at_once_agree(self):
        processes = [self.start("px-one") for _ in range(5)]
        with Exporter(OURS, self.config()) as exporter:
            wrong = []

            def look():
                for _ in range(20):
                    page = exporter.page()
                    if page.group("one", "num_procs") != len(processes):
                        wrong.append(page.text)

            threads = [threading.Thread(target=look) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])

    def test_process_that_changes_its_name_is_found(self):
        script = "import sys; print(flush=True); sys.stdin.readline(); open('/proc/self/comm','w').write('px-fixed'); print(flush=True); sys.stdin.read()"
        for flag, expected in (("--recheck", 1), ("--no-recheck", 1)):
            with self.subTest(flag=flag), Exporter(OURS, self.config(), flag) as exporter:
                process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           start_new_session=True)
                self.addCleanup(end_group, process)
                process.stdout.readline()
                self.assertEqual(exporter.page().group("fixed", "num_procs"), 0)
                process.stdin.write(b"\n")
                process.stdin.flush()
                process.stdout.readline()
                self.assertEqual(exporter.page().group("fixed", "num_procs"), expected)
                end_group(process)

    # The program

    def test_once_prints_the_page(self):
        self.start("px-one")
        result = self.run_once("--once", self.config())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('namedprocess_namegroup_num_procs{groupname="one"} 1\n', result.stdout)

    def test_bad_configurations_name_file_and_line(self):
        path = os.path.join(self.path, "config.yml")
        result = self.run_once("--once", self.config("process_names:\n  - comm: [a]\n    nome: b\n"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("%s:3: unknown key nome" % path, result.stderr)
        result = self.run_once("--once", self.config("process_names:\n  - cmdline: ['(']\n"))
        self.assertIn("%s:2: bad regular expression '(': ( without )" % path, result.stderr)
        for arguments, said in (((), "which processes?"), (("--procnames=a", self.config()), "goes without"),
                                (("--procnames=a", "--procfs=" + self.path), "stat: No such file"),
                                (("--config.path=/nowhere/x",), "/nowhere/x: No such file")):
            result = self.run_once("--once", *arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn(said, result.stderr)
        result = self.run_once("--empty-groups=some", "--procnames=a")
        self.assertEqual(result.returncode, 2)


def main():
    global OURS
    OURS = os.path.abspath(sys.argv.pop(1))
    reap_orphans()
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
