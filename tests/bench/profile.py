#!/usr/bin/env python3
"""profile.py - where the time of a row goes: processor time, context switches and system calls of the daemon per operation.

    profile.py [--build DIR] [--rows A,B] [--only passthrough,go,ours] [--backing DIR] [--size-mb N]

Each row runs twice on every contestant: once undisturbed, for the times and the context switches, once under strace -c
for the number of system calls. An operation is a file of the tree (UNTAR to RM), a file (CREATE to UNLINK), an I/O (4 KiB
rows) or a MB. Notes made with it are in site-docs/performance.md.
"""
import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import canonical    # noqa: beside this file
import run          # noqa

TREE = ("UNTAR", "MD5", "MD5_COLD", "LS", "LS_COLD", "RM")
FILES = 14000
HZ = os.sysconf("SC_CLK_TCK")


def snapshot(pids):
    """(user, system) seconds and context switches so far, of all threads that are there."""
    user = system = switches = 0
    for p in pids:
        try:
            f = open("/proc/%d/stat" % p).read().rsplit(")", 1)[1].split()
            user, system = user + int(f[11]) / HZ, system + int(f[12]) / HZ
            for t in os.listdir("/proc/%d/task" % p):
                s = open("/proc/%d/task/%s/status" % (p, t)).read()
                switches += sum(int(x) for x in re.findall(r"ctxt_switches:\s+(\d+)", s))
        except OSError:
            pass
    return user, system, switches


class Profiled(canonical.Visit):
    """A visit that also looks at the daemon; traced: under strace, for counts only."""
    traced = False

    def timed(self, row, fn, ops=1, needed=False):
        n = FILES if row in TREE else ops

        def looked():
            trace = self.trace() if self.traced else None
            before, t0, calls = snapshot(self.pids), time.monotonic(), {}
            try:
                r = fn()
            finally:
                wall = time.monotonic() - t0
                if trace:
                    calls = self.counts(trace)
            after, k = snapshot(self.pids), n if r is None else wall / r     # fio tells seconds per I/O
            self.seen[row] = [(b - a) / k for a, b in zip(before, after)] + [wall / k]
            self.calls[row] = {name: c / k for name, c in calls.items()}
            return r
        self.seen = getattr(self, "seen", {})
        self.calls = getattr(self, "calls", {})
        super().timed(row, looked if row in self.want else fn, ops, needed)

    def trace(self):
        out = self.base + "/strace"
        args = [x for p in self.pids for x in ("-p", str(p))]
        t = subprocess.Popen(["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", out] + args, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        return t, out

    def counts(self, trace):
        t, out = trace
        t.send_signal(signal.SIGINT)
        t.wait(20)
        got = {}
        for line in open(out):
            f = line.split()
            if len(f) == 2 and f[0].isdigit() and f[1] != "total":
                got[f[1]] = int(f[0])
        return got


def visit(c, a, traced):
    v = Profiled(c, a, 0)
    v.traced = traced
    v.run()
    for row, e in v.err.items():
        print("%s %s: %s" % (c["name"], row, e), file=sys.stderr)
    return v


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=os.path.join(HERE, "../../build"))
    p.add_argument("--rows", default="READ,READ2,WRITE,UNTAR,MD5,MD5_COLD,LS,LS_COLD,RM,RR4K_1,RW4K_1,CREATE,STAT,UNLINK")
    p.add_argument("--only", default="passthrough,ours")
    p.add_argument("--size-mb", type=int, default=256)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--backing", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp")
    a = p.parse_args()
    a.build, a.linux, a.quick, a.md5, a.wait_quiet, a.fio_mb, a.fio_secs, a.meta_files = \
        os.path.realpath(a.build), False, False, None, 0, 64, 1, 20000
    a.rows = a.rows.split(",")
    a.backing = os.path.join(a.backing, "gcf-profile.%d" % os.getpid())
    os.makedirs(a.backing)
    try:
        a.tarball = run.tarball(a, a.backing)
        for c in run.contestants(a.build):
            if c["name"] not in a.only.split(","):
                continue
            plain = [visit(c, a, False) for _ in range(a.rounds)]
            calls = visit(c, a, True).calls if shutil.which("strace") else {}
            print("\n%-10s %s: per operation" % ("row", c["name"]))
            for row in a.rows:
                seen = [v.seen[row] for v in plain if row in v.seen]
                if not seen:
                    continue
                user, system, switches, wall = (statistics.median(x) for x in zip(*seen))
                names = sorted(calls.get(row, {}).items(), key=lambda x: -x[1])
                print("%-10s %8.1f us, daemon %6.1f us user %6.1f us system, %5.2f switches; %s" %
                      (row, wall * 1e6, user * 1e6, system * 1e6, switches,
                       " ".join("%s %.2f" % x for x in names if x[1] >= 0.05)), flush=True)
    finally:
        shutil.rmtree(a.backing, ignore_errors=True)


if __name__ == "__main__":
    main()
