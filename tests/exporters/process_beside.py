"""Our process exporter beside Debian's, with the same configuration, at the same moment.

process_beside.py OURS

Trees of files first, where nothing moves but what the test moves: there, all must be equal. Then this machine. What may
differ is listed in docs/exporters-process.md, and here in `allowed`.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from process_run import SKIPPED, THEIRS, Exporter, end_group, find_theirs, reap_orphans, wait_for
from process_tree import Tree

OURS = None
PREFIX = "namedprocess_"
GROUP = PREFIX + "namegroup_"

CONFIGS = {
    "comm": 'process_names:\n  - name: "{{.Comm}}"\n    cmdline:\n    - \'.+\'\n',
    "fixed": """
process_names:
- comm: [web, "two words", 'it''s']
  name: web            # a comment
- exe:
  - db
  - /opt/app/bin/server
- name: "{{.ExeFull}}:{{.Matches.Cfg}}"
  cmdline:
  - -config.path\\s+(?P<Cfg>\\S+)
""",
    "templates": """
process_names:
  - name: "{{.ExeBase}} {{.ExeFull}} {{.PID}} {{.StartTime}} {{.Cgroups}} {{.Username}}"
    comm: [web, db]
  - name: "{{.ExeBase}}|{{.ExeFull}}|{{ .Comm }}"
    cmdline: ['.*']
""",
    "regexes": r"""
process_names:
  - comm: [postgres]
    cmdline: ["-D\\s+.+?(?P<Path>[^/]+)(?:$|\\s)"]
    name: "lazy:{{.Matches.Path}}"
  - cmdline: ['(?i)^WEB (?P<a>a|ab)(?P<b>c|bcd)?(?P<rest>.*)$']
    name: "{{.Matches.a}},{{.Matches.b}},{{.Matches.rest}}"
  - cmdline: ['\bjava\b.*-D(?P<key>[[:alpha:]_]+)=(?P<value>"[^"]*"|[^ "]{2,5})', '(?P<end>[^ ]+)$']
    name: "{{.Matches.key}}={{.Matches.value}} {{.Matches.end}}"
  - cmdline: ['^$']
    name: "kernel"
  - cmdline: ['(?P<word>\w+)\W+(?P<digits>\d{2,3}?)']
    name: "{{.Matches.word}} {{.Matches.digits}}"
  - cmdline: ['ä(?P<one>.)(?P<two>[ö-ü]+)']
    name: "utf {{.Matches.one}}{{.Matches.two}}"
""",
    "matches nothing": "process_names:\n  - comm: [nobody]\n    name: '{{.Comm}}'\n",
}

# A tree with what there is in the way of odd processes. Parents and children, threads, kernel threads, odd names.
PROCESSES = {
    1: dict(comm="init", cmdline="/sbin/init\0splash\0", ppid=0, start=1, minflt=5, utime=10),
    2: dict(comm="kthreadd", cmdline="", ppid=0, start=1, limit="unlimited"),
    3: dict(comm="kworker/u8:2-events_unbound", cmdline="", ppid=2, state="I", wchan="worker_thread"),
    10: dict(comm="web", cmdline="web abcd tail\0", utime=100, stime=50, vsize=1 << 32, rss=1000, swap=12, pss=7, swap_pss=3,
             fds=10, limit="20", read=1 << 40, write=77, voluntary=9, nonvoluntary=8, wchan="ep_poll"),
    11: dict(comm="helper", cmdline="/bin/helper\0-x\0", ppid=10, start=50, state="R", utime=7, fds=0),
    12: dict(comm="two words", cmdline="./two words\0\0\0a b\0", ppid=11, state="D", start=7, wchan="io_schedule"),
    13: dict(comm=") R 1 (", cmdline="odd) (\0", ppid=12, state="Z", start=99999),
    14: dict(comm="a\nb\\", cmdline="a\nb\0c\0", state="T", ppid=1),
    15: dict(comm="", cmdline="\0", ppid=1),
    16: dict(comm="((", cmdline="/x/\0", ppid=1),
    20: dict(comm="db", cmdline="/usr/lib/db\0-config.path  /etc/x.yml\0", ppid=1, start=12345, cgroup="3:cpu,cpuacct:/a b\n0::/c\n",
             threads={20: dict(comm="db", voluntary=100), 21: dict(comm="writer", state="D", wchan="sync", utime=9, majflt=1),
                      22: dict(comm="writer", state="S", voluntary=5, wchan="sync", read=4096)}),
    21: dict(comm="postgres", cmdline="postmaster\0-D\0/data/pg/main\0-x\0", ppid=20),
    30: dict(comm="server", cmdline="/opt/app/bin/server\0", ppid=1, euid=65534),
    31: dict(comm="server", cmdline="/usr/bin/server\0", ppid=30, euid=4242, uid=1),
    32: dict(comm="java", cmdline="/usr/bin/java\0-Xmx1g\0-Dname=\"a b\"\0-jar\0x.jar\0", ppid=31, fds=300, limit="300"),
    33: dict(comm="java", cmdline="java\0-Dkey_x=abcdefgh\0Main\0", ppid=1),
    34: dict(comm="num", cmdline="word-12345\0", ppid=1),
    35: dict(comm="utf", cmdline="ä€öü\0".encode(), ppid=1),
    36: dict(comm="it's", cmdline="/sbin/it's///\0", ppid=1),
    40: dict(comm="orphan", cmdline="orphan\0", ppid=39),
}

NEW = 10_000_000  # a start time in the future: what the exporters take for a process that began while they ran


def steps(tree):
    """The tree changes, one step after the other."""
    yield "as it began"
    tree.put(10, utime=150, stime=51, minflt=1000, majflt=3, read=(1 << 40) + 512, voluntary=90, state="R", fds=19, rss=2000)
    tree.put(20, utime=30, threads={20: dict(comm="db", voluntary=101, utime=3), 21: dict(comm="writer", utime=19, majflt=2),
                                    22: dict(comm="writer", voluntary=50, read=5000, write=1)})
    tree.put(3, state="S", wchan="0")
    yield "used more"
    tree.put(50, comm="web", cmdline="WEB abcd\0", start=NEW, utime=5, read=10, voluntary=3, write=9)
    tree.put(51, comm="child", cmdline="child\0", ppid=50, start=NEW, utime=1)
    tree.put(52, comm="grandchild", cmdline="grandchild 12\0", ppid=51, start=NEW, utime=1)
    yield "new ones"
    tree.put(50, utime=6)
    tree.put(52, stime=9, ppid=1)
    tree.remove(51)
    yield "one goes, with its child left"
    tree.remove(52)
    tree.put(52, comm="db", cmdline="db 777\0", ppid=10, start=NEW + 5, utime=2, minflt=4)
    yield "another with the same number"
    tree.put(34, state="R", utime=1 << 40)
    tree.remove(13)
    yield "much"


def labels(key):
    return "%s%s" % (key[0], dict(key[1]))


def comparable(page):
    """What is about the groups; the rest is about the exporters themselves."""
    return {key: value for key, value in page.samples.items() if key[0].startswith(PREFIX)}


def near(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))  # they add seconds, we add ticks


class Beside(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="cprom-process-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.addCleanup(scratch.cleanup)
        self.path = scratch.name

    def both(self, *options):
        return Exporter(OURS, *options), Exporter(find_theirs(), *options, ours=False)

    def config(self, text):
        path = os.path.join(self.path, "config.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return "-config.path=" + path

    def tree(self):
        tree = Tree(os.path.join(self.path, "proc"), int(time.time()) - 1000)
        for pid, what in PROCESSES.items():
            tree.put(pid, **what)
        return tree

    def assert_headers(self, ours, theirs):
        for name in sorted(theirs.types):
            if name.startswith(PREFIX):
                self.assertEqual(ours.types.get(name), theirs.types[name], name)
                self.assertEqual(ours.helps.get(name), theirs.helps[name], name)
        self.assertEqual({n for n in ours.types if n.startswith(PREFIX)}, {n for n in theirs.types if n.startswith(PREFIX)})

    def assert_equal(self, ours, theirs, allowed):
        """allowed(key, ours, theirs): whether it may differ; a side that has no such series has None."""
        wrong = []
        a, b = comparable(ours), comparable(theirs)
        for key in sorted(set(a) | set(b), key=labels):
            x, y = a.get(key), b.get(key)
            if (x is None or y is None or not near(x, y)) and not allowed(key, x, y):
                wrong.append("%s: ours %s, theirs %s" % (labels(key), x, y))
        self.assertEqual(wrong, [])

    # Trees

    def walk(self, options, allowed):
        tree = self.tree()
        mine, their = self.both("-procfs=" + tree.path, *options)
        with mine as ours, their as theirs:
            for step in steps(tree):
                with self.subTest(step=step):
                    a, b = ours.page(), theirs.page()
                    self.assert_headers(a, b)
                    self.assert_equal(a, b, allowed(a, b))

    def allowed(self, a, b):
        """What may differ in a tree; see docs/exporters-process.md."""
        empty = {g for g in a.groups() + b.groups() if not a.group(g, "num_procs") and not b.group(g, "num_procs")}

        # Theirs freezes groups without a process; ours shows fixed names always, and others never.
        return lambda key, _x, _y: dict(key[1]).get("groupname") in empty

    def test_tree_all_configs_equal(self):
        for name, text in CONFIGS.items():
            with self.subTest(config=name):
                self.path, before = os.path.join(self.path, name), self.path
                os.makedirs(self.path)
                self.walk([self.config(text)], self.allowed)
                self.path = before

    def test_tree_without_children_threads_and_smaps_equal(self):
        self.walk([self.config(CONFIGS["fixed"]), "-children=false", "-threads=false", "-gather-smaps=false"], self.allowed)

    def test_tree_recheck_equal(self):
        self.walk([self.config(CONFIGS["fixed"]), "-recheck"], self.allowed)

    def test_tree_names_on_the_command_line_equal(self):
        self.walk(["-procnames=web,db,java,two words", r"-namemapping=java,-D(\w+)=,postgres,(nothing)|/data/([^/ ]+)"], self.allowed)


    def test_tree_regexes_at_random_mean_the_same(self):
        seed = int(os.environ.get("SEED", "1"))
        pick = random.Random(seed)
        rules, tree = ["process_names:"], Tree(os.path.join(self.path, "proc"), int(time.time()) - 1000, tasks=False)
        for i in range(400):
            pattern, groups = random_pattern(pick)
            name = "%d:" % i + "|".join("{{.Matches.g%d}}" % g for g in range(groups))
            rules.append("  - comm: [c%d]\n    cmdline: ['%s']\n    name: '%s'" % (i, pattern.replace("'", "''"), name))
            for j in range(3):
                text = "".join(pick.choice("aaabbcxyz01 _-AB.ä") for _ in range(pick.randint(0, 12)))
                tree.put(10 * i + j + 1, comm="c%d" % i, cmdline=text.encode() + b"\0", ppid=0)
        mine, their = self.both("-procfs=" + tree.path, self.config("\n".join(rules) + "\n"), "-children=false")
        with mine as ours, their as theirs:
            wrong = sorted(set(ours.page().groups()) ^ set(theirs.page().groups()))
        with open(os.path.join(self.path, "config.yml"), encoding="utf-8") as file:
            lines = file.readlines()
        said = [lines[2 + 3 * int(g.split(":")[0])] for g in wrong[:6]]
        self.assertEqual(wrong, [], "SEED=%d\n%s" % (seed, "".join(said)))

    # Differences, each of which is in docs/exporters-process.md

    def test_tree_differences_are_those_of_the_table(self):
        tree = self.tree()
        config = self.config("""process_names:
  - name: fixed
    comm: [fixed]
  - name: absent
    comm: [absent]
  - name: "{{.Comm}}"
    exe: [/a/same, /b/same]
  - name: "{{.Comm}}"
    comm: [templated, falls, threads, unreadable]
""")
        tree.put(60, comm="fixed")
        tree.put(61, comm="templated")
        tree.put(62, comm="falls", minflt=100, voluntary=100)
        tree.put(63, comm="same", cmdline="/a/same\0")
        tree.put(64, comm="threads", threads={64: dict(comm="main"), 65: dict(comm="one", utime=5)})
        tree.put(65, comm="unreadable", cmdline="unreadable\0")
        os.unlink(os.path.join(tree.path, "65", "io"))
        os.unlink(os.path.join(tree.path, "40", "io"))  # a process in no group
        mine, their = self.both("-procfs=" + tree.path, config)
        with mine as ours, their as theirs:
            a, b = ours.page(), theirs.page()
            self.assertEqual((a.group("absent", "num_procs"), b.group("absent", "num_procs")), (0, None))
            self.assertEqual((a.group("same", "num_procs"), b.group("same", "num_procs")), (1, None))
            # At the start and in this scrape; theirs once more for the process that is in no group.
            self.assertEqual((a.value("scrape_partial_errors"), b.value("scrape_partial_errors")), (2, 3))
            tree.put(60, utime=5)
            tree.put(62, minflt=90, voluntary=90)
            tree.put(64, threads={64: dict(comm="main"), 66: dict(comm="two", utime=7, start=NEW)})
            a, b = ours.page(), theirs.page()
            self.assertEqual(a.group("falls", "minor_page_faults_total"), 0)
            self.assertGreater(b.group("falls", "minor_page_faults_total"), 1e19)
            self.assertEqual([p.group("threads", "thread_cpu_seconds_total", threadname="two", mode="user") for p in (a, b)],
                             [0.07, 0])
            tree.remove(60)
            tree.remove(61)
            a, b = ours.page(), theirs.page()
            self.assertEqual([p.group("fixed", "num_procs") for p in (a, b)], [0, 0])
            self.assertEqual([p.group("templated", "num_procs") for p in (a, b)], [None, 0])
            self.assertIsNone(a.group("fixed", "oldest_start_time_seconds"))
            self.assertLess(b.group("fixed", "oldest_start_time_seconds"), -6e10)
            self.assertEqual([p.group("fixed", "cpu_seconds_total", mode="user") for p in (a, b)], [0.05, 0.05])

    # This machine

    def start(self, name, interpreter, *arguments):
        """A process whose comm is `name`."""
        path = os.path.join(self.path, name)
        os.symlink(shutil.which(interpreter), path)
        process = subprocess.Popen([path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.addCleanup(end_group, process)
        return process

    def test_machine_own_processes_equal(self):
        names = ["px-sleeps", "px-threads", "px-works"]
        config = self.config("process_names:\n  - name: '{{.Comm}}'\n    comm: [%s]\n" % ", ".join(names))
        mine, their = self.both(config)
        with mine as ours, their as theirs:
            # Theirs takes the time at which the machine started for a whole second.
            started = time.time()
            wait_for("a second has passed", lambda: time.time() > started + 1.5)
            self.start("px-sleeps", "sh", "-c", "sleep 1000 & echo; read x").stdout.readline()
            self.start("px-threads", "python3", "-c", THREADS).stdout.readline()
            self.start("px-works", "python3", "-c", WORKS).stdout.readline()
            for _ in range(10):
                before, page, after = theirs.page(), ours.page(), theirs.page()
                self.assert_headers(page, after)
                self.compare_moments(before, page, after, standing={"px-sleeps", "px-threads"})

    def compare_moments(self, before, page, after, standing):
        """Ours, between two of theirs."""
        samples = [{k: v for k, v in comparable(p).items() if k[0].startswith(GROUP)} for p in (before, page, after)]
        wrong = []
        for key in sorted(set().union(*samples), key=labels):
            low, value, high = (s.get(key) for s in samples)
            still = dict(key[1])["groupname"] in standing
            if not still and key[0] in (GROUP + "states", GROUP + "threads_wchan"):
                continue  # it runs or sleeps, from one moment to the next
            if None in (low, value, high):
                wrong.append("%s: %s, %s, %s" % (labels(key), low, value, high))
                continue
            if key[0].startswith(GROUP + "thread_") and key[0].endswith("_total"):
                continue  # theirs leaves out what threads used before it saw them first
            if dict(key[1]).get("memtype") == "proportionalResident":
                # Others share pages with them, and come and go; in trees, it is equal.
                self.assertTrue(0.5 * min(low, high) <= value <= 2 * max(low, high), labels(key))
            elif not min(low, high) - 1e-9 <= value <= max(low, high) + 1e-9:
                wrong.append("%s: %s is not between %s and %s" % (labels(key), value, low, high))
        self.assertEqual(wrong, [])


ATOMS = ["a", "b", "c", "ab", ".", "[ab]", "[^a]", "\\w", "\\d", "\\s", "\\W", "[b-y]", "[[:alpha:]]", "[\\d_]", "\\b", "^", "$",
         "(?i:A[b-d])", "(?i:b)", "x?", "\\x61", "ä", "", "(?s).", "\\B"]
TAKING = ["a", "b", ".", "\\w", "[^a]", "[ab]+?"]
REPEATS = ["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "{0}", "{1,}?"]


def random_pattern(pick):
    """A pattern, and how many groups it has: g0 around all, g1, g2, ..."""
    count = 1

    def sequence(depth):
        nonlocal count
        parts = []
        for _ in range(pick.randint(0, 3)):
            kind = pick.random()
            if depth > 2 or kind < 0.7:
                part = pick.choice(ATOMS)
                repeat = pick.choice(REPEATS) if part and part[-1] not in "?" else ""
            else:
                opening = pick.choice(["(?:", "(?P", "(?P"])
                if opening == "(?P":
                    opening = "(?P<g%d>" % count
                    count += 1
                repeat = pick.choice(REPEATS)
                # What a group holds behind a repetition of nothing is a riddle; see docs/exporters-process.md.
                first = pick.choice(TAKING) if repeat else ""
                part = opening + "|".join(first + sequence(depth + 1) for _ in range(pick.randint(1, 3))) + ")"
            parts.append(part + repeat)
        return "".join(parts)

    pattern = "(?P<g0>" + "|".join(sequence(0) for _ in range(pick.randint(1, 3))) + ")"
    return pattern, count


THREADS = """
import sys, threading
event = threading.Event()
for _ in range(3):
    threading.Thread(target=event.wait, daemon=True).start()
print(flush=True)
sys.stdin.read()
"""

WORKS = """
import os, sys, tempfile
print(flush=True)
with tempfile.TemporaryFile() as file:
    while True:
        file.seek(0)
        file.write(bytes(1 << 20))
        file.flush()
        os.getppid()
        os.sched_yield()
"""


def main():
    global OURS
    OURS = os.path.abspath(sys.argv.pop(1))
    if not find_theirs():
        print("SKIPPED process_beside: no %s" % THEIRS)
        sys.exit(SKIPPED)
    reap_orphans()
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
