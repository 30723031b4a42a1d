#!/usr/bin/env python3
"""What a mount costs must not grow with its age: memory, descriptors and threads of the daemon while files come and go. TAP.

    soak.py files N          N files created, listed with their attributes and removed, twice
    soak.py storm SECONDS    programs that do all sorts of things, sampled all along
Environment: GOCRYPTFS, the program; TMPDIR, where the store lies; SOAK_OPTIONS, of the mount.
"""
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kill9 import GCF, daemon_of, mounted, wait     # noqa: its words

PER_DIR = 1000
FDS_MAX = 256 + 64      # cached directories (view_options.max_dir_fds), and what a daemon needs besides
THREADS_MAX = 16 + 8
NODE = 400              # bytes a known file may cost (ARCHITECTURE.md: about 200)
n_tests = n_failed = 0


def ok(good, what, *more):
    global n_tests, n_failed
    n_tests += 1
    n_failed += not good
    print("%sok %d - %s" % ("" if good else "not ", n_tests, what))
    if not good:
        print("# %s" % (more,))
    sys.stdout.flush()


class Daemon:
    def __init__(self, mnt):
        self.pid = daemon_of(mnt)

    def look(self):
        """(resident MiB, descriptors, threads)"""
        with open("/proc/%d/status" % self.pid) as f:
            status = dict(line.split(":", 1) for line in f)
        return (int(status["VmRSS"].split()[0]) / 1024, len(os.listdir("/proc/%d/fd" % self.pid)), int(status["Threads"]))

    def say(self, stage):
        seen = self.look()
        print("# %-28s %8.1f MiB resident, %4d descriptors, %3d threads" % ((stage,) + seen), flush=True)
        return seen


def files(mnt, d, n):
    peaks, ends = [], []
    d.say("at the start")
    for turn in ("first", "second"):
        for i in range(n):
            if i % PER_DIR == 0:
                os.mkdir("%s/d%d" % (mnt, i // PER_DIR))
            os.close(os.open("%s/d%d/%d" % (mnt, i // PER_DIR, i), os.O_CREAT | os.O_WRONLY, 0o600))
        created = d.say("%s: %d files created" % (turn, n))
        seen = 0
        for sub in os.scandir(mnt):
            seen += sum(e.stat().st_size == 0 for e in os.scandir(sub.path))
        listed = d.say("%s: listed" % turn)
        ok(seen == n, "%s: all %d files are listed" % (turn, n), seen)
        for i in range(n):
            os.unlink("%s/d%d/%d" % (mnt, i // PER_DIR, i))
            if (i + 1) % PER_DIR == 0 or i == n - 1:
                os.rmdir("%s/d%d" % (mnt, i // PER_DIR))
        removed = d.say("%s: removed" % turn)
        ok(os.listdir(mnt) == [], "%s: none is left" % turn)
        peaks.append([max(x) for x in zip(created, listed, removed)])
        ends.append(removed)
    ok(peaks[0][0] <= 40 + n * NODE / (1 << 20), "memory: at most %d bytes for each known file" % NODE, peaks)
    ok(ends[1][0] <= ends[0][0] * 1.1 + 8, "the second turn leaves no more than the first", ends)
    ok(max(peaks[0][1], peaks[1][1]) <= FDS_MAX, "descriptors: at most %d" % FDS_MAX, peaks)
    ok(max(peaks[0][2], peaks[1][2]) <= THREADS_MAX, "threads: at most %d" % THREADS_MAX, peaks)


class Program(threading.Thread):
    """One that works in a directory of its own until told to stop."""

    def __init__(self, top, seed):
        super().__init__(daemon=True)
        self.dir, self.rnd, self.stop, self.done, self.error = "%s/p%d" % (top, seed), random.Random(seed), False, 0, None

    def run(self):
        try:
            os.mkdir(self.dir)
            while not self.stop:
                self.step()
                self.done += 1
        except Exception as e:      # noqa: told by the main thread
            self.error = repr(e)

    def step(self):
        rnd, what = self.rnd, self.rnd.random()
        name = "%s/%s%d" % (self.dir, "l" * rnd.choice((1, 200)), rnd.randrange(300))
        if what < 0.5:
            fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
            data = os.urandom(rnd.randrange(1, 200000))
            at = rnd.randrange(300000)
            os.pwrite(fd, data, at)
            if os.pread(fd, len(data), at) != data:
                raise ValueError("read is not what was written")
            if rnd.random() < 0.2:
                os.ftruncate(fd, rnd.randrange(400000))
            os.close(fd)
        elif what < 0.7 and os.path.exists(name):
            os.rename(name, name + "x")
            os.setxattr(name + "x", "user.a", b"value")
            os.unlink(name + "x")
        elif what < 0.8:
            os.symlink("target", name + ".l")
            os.unlink(name + ".l")
        elif what < 0.9:
            os.makedirs(name + ".d/e/f")
            os.removedirs(name + ".d/e/f") if rnd.random() < 0.01 else [os.rmdir(name + ".d" + x) for x in ("/e/f", "/e", "")]
            os.makedirs(self.dir, exist_ok=True)
        else:
            for e in os.scandir(self.dir):
                e.stat()


def storm(mnt, d, seconds):
    programs = [Program(mnt, n) for n in range(6)]
    samples, end = [], time.monotonic() + seconds
    d.say("at the start")
    for p in programs:
        p.start()
    while time.monotonic() < end and not any(p.error for p in programs):
        time.sleep(min(10, seconds / 30))
        samples.append(d.look())
        if len(samples) % 30 == 0:
            d.say("after %d s" % (seconds - (end - time.monotonic())))
    for p in programs:
        p.stop = True
    for p in programs:
        p.join(60)
    ok(not any(p.error for p in programs), "no program met an error", [p.error for p in programs])
    print("# %d steps" % sum(p.done for p in programs))
    d.say("at the end")
    third = max(1, len(samples) // 3)
    early, late = samples[third // 2:third + 1], samples[-third:]     # not counting the first moments
    # Threads come with the load of the machine, up to their limit.
    for i, what, slack in ((0, "memory", 8), (1, "descriptors", 32), (2, "threads", THREADS_MAX)):
        a, b = max(x[i] for x in early), max(x[i] for x in late)
        ok(b <= a * 1.15 + slack, "%s: no more at the end than in the first third" % what, a, b)
    ok(max(x[1] for x in samples) <= FDS_MAX, "descriptors: never more than %d" % FDS_MAX)


def main():
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        print("1..0 # SKIP no /dev/fuse here")
        return 0
    with tempfile.TemporaryDirectory(prefix="gcf-soak.") as tmp:
        c, m, pw = tmp + "/c", tmp + "/m", tmp + "/pw"
        os.mkdir(c)
        os.mkdir(m)
        with open(pw, "w") as f:
            f.write("test\n")
        subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", pw, c], check=True)
        subprocess.run([GCF, "-q", "-passfile", pw, *os.environ.get("SOAK_OPTIONS", "").split(), c, m], check=True)
        d = Daemon(m)
        try:
            (files if sys.argv[1] == "files" else storm)(m, d, int(sys.argv[2]))
        finally:
            subprocess.run(["fusermount3", "-u", m])
        ok(wait(lambda: not mounted(m) and daemon_of(m) is None), "the daemon ends")
        r = subprocess.run([GCF, "-q", "-fsck", "-passfile", pw, c], capture_output=True, text=True)
        ok(r.returncode == 0, "-fsck finds no fault", r.stdout[-500:])
    print("1..%d" % n_tests)
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main())
