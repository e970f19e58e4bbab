"""A /proc made of files, for exporters with --procfs: any processes, and what they have used can be set."""

import os
import shutil

LIMITS = """Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max file size             unlimited            unlimited            bytes     
Max data size             unlimited            unlimited            bytes     
Max stack size            8388608              unlimited            bytes     
Max core file size        0                    unlimited            bytes     
Max resident set          unlimited            unlimited            bytes     
Max processes             96343                96343                processes 
Max open files            %-20s %-20s files     
Max locked memory         8388608              8388608              bytes     
Max address space         unlimited            unlimited            bytes     
Max file locks            unlimited            unlimited            locks     
Max pending signals       96343                96343                signals   
Max msgqueue size         819200               819200               bytes     
Max nice priority         0                    0                    
Max realtime priority     0                    0                    
Max realtime timeout      unlimited            unlimited            us        
"""

STATUS = """Name:\t%(name)s
Umask:\t0022
State:\t%(state)s (as it is)
Tgid:\t%(pid)d
Ngid:\t0
Pid:\t%(pid)d
PPid:\t%(ppid)d
TracerPid:\t0
Uid:\t%(uid)d\t%(euid)d\t%(euid)d\t%(euid)d
Gid:\t0\t0\t0\t0
FDSize:\t64
Groups:\t0 
NStgid:\t%(pid)d
NSpid:\t%(pid)d
NSpgid:\t1
NSsid:\t1
VmPeak:\t   10000 kB
VmSize:\t   10000 kB
VmLck:\t       0 kB
VmPin:\t       0 kB
VmHWM:\t    1000 kB
VmRSS:\t    1000 kB
RssAnon:\t     500 kB
RssFile:\t     500 kB
RssShmem:\t       0 kB
VmData:\t     500 kB
VmStk:\t     132 kB
VmExe:\t      20 kB
VmLib:\t    1500 kB
VmPTE:\t      50 kB
VmSwap:\t%(swap)8d kB
HugetlbPages:\t       0 kB
CoreDumping:\t0
THP_enabled:\t1
Threads:\t%(threads)d
SigQ:\t0/96343
SigPnd:\t0000000000000000
ShdPnd:\t0000000000000000
SigBlk:\t0000000000000000
SigIgn:\t0000000000000000
SigCgt:\t0000000000000000
CapInh:\t0000000000000000
CapPrm:\t000001ffffffffff
CapEff:\t000001ffffffffff
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t0
Seccomp:\t0
Seccomp_filters:\t0
Speculation_Store_Bypass:\tthread vulnerable
SpeculationIndirectBranch:\tconditional enabled
Cpus_allowed:\t3
Cpus_allowed_list:\t0-1
Mems_allowed:\t1
Mems_allowed_list:\t0
voluntary_ctxt_switches:\t%(voluntary)d
nonvoluntary_ctxt_switches:\t%(nonvoluntary)d
"""

SMAPS = """55d0c0000000-7ffc00000000 ---p 00000000 00:00 0                          [rollup]
Rss:                1000 kB
Pss:          %10d kB
Pss_Anon:            500 kB
Pss_File:            500 kB
Pss_Shmem:             0 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:       500 kB
Referenced:         1000 kB
Anonymous:           500 kB
LazyFree:              0 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:      %10d kB
Locked:                0 kB
"""

DEFAULTS = {
    "comm": b"thing", "state": "S", "ppid": 1, "minflt": 0, "majflt": 0, "utime": 0, "stime": 0, "start": 100, "vsize": 0,
    "rss": 0, "uid": 0, "euid": 0, "swap": 0, "voluntary": 0, "nonvoluntary": 0, "read": 0, "write": 0, "fds": 3,
    "limit": "1024", "pss": 0, "swap_pss": 0, "wchan": "0", "cgroup": "0::/\n", "cmdline": None, "threads": None,
}


class Tree:
    """Processes are dicts with the keys of DEFAULTS. `threads`: {tid: what differs from the process}; none: it has but one."""

    def __init__(self, path, boot_time, tasks=True):
        self.path = path
        self.tasks = tasks
        self.processes = {}
        os.makedirs(path, exist_ok=True)
        self.write("stat", b"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 0\nctxt 1\nbtime %d\nprocesses 1\n"
                   b"procs_running 1\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n" % boot_time)

    def write(self, name, text):
        with open(os.path.join(self.path, name), "wb") as file:
            file.write(text)

    def put(self, pid, **what):
        """A new process, or changes to one."""
        known = self.processes.setdefault(pid, dict(DEFAULTS))
        known.update(what)
        for key in ("comm", "cmdline"):
            if isinstance(known[key], str):
                known[key] = known[key].encode()
        if known["cmdline"] is None:
            known["cmdline"] = known["comm"] + b"\0"
        threads = known["threads"] or {pid: {}}
        self._directory(str(pid), pid, known, len(threads), True)
        if not self.tasks:
            return
        task = os.path.join(self.path, str(pid), "task")
        for name in os.listdir(task) if os.path.isdir(task) else ():
            if int(name) not in threads:
                shutil.rmtree(os.path.join(task, name))
        for tid, differs in threads.items():
            self._directory("%d/task/%d" % (pid, tid), tid, {**known, **differs}, len(threads), False)

    def _directory(self, base, pid, p, n_threads, is_process):
        os.makedirs(os.path.join(self.path, base), exist_ok=True)
        comm = p["comm"] if isinstance(p["comm"], bytes) else p["comm"].encode()
        numbers = [p["ppid"], 1, 1, 0, -1, 4194304, p["minflt"], 11, p["majflt"], 12, p["utime"], p["stime"], 13, 14, 20, 0,
                   n_threads, 0, p["start"], p["vsize"], p["rss"], 18446744073709551615, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0,
                   0, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        self.write(base + "/stat", b"%d (%s) %s %s\n" % (pid, comm, p["state"].encode(), " ".join(map(str, numbers)).encode()))
        name = comm.decode("latin-1").replace("\\", "\\\\").replace("\n", "\\n")
        self.write(base + "/status", (STATUS % {**p, "name": name, "pid": pid, "threads": n_threads}).encode("latin-1"))
        self.write(base + "/io", b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: %d\nwrite_bytes: %d\n"
                   b"cancelled_write_bytes: 0\n" % (p["read"], p["write"]))
        self.write(base + "/wchan", p["wchan"].encode())
        self.write(base + "/cmdline", p["cmdline"])
        self.write(base + "/cgroup", p["cgroup"].encode())
        if not is_process:
            return
        self.write(base + "/limits", (LIMITS % (p["limit"], p["limit"])).encode())
        self.write(base + "/smaps_rollup", (SMAPS % (p["pss"], p["swap_pss"])).encode())
        fds = os.path.join(self.path, base, "fd")
        os.makedirs(fds, exist_ok=True)
        there = len(os.listdir(fds))
        for fd in range(there, p["fds"]):
            os.symlink("/dev/null", os.path.join(fds, str(fd)))
        for fd in range(p["fds"], there):
            os.unlink(os.path.join(fds, str(fd)))

    def remove(self, pid):
        del self.processes[pid]
        shutil.rmtree(os.path.join(self.path, str(pid)))
