#!/usr/bin/env python3
"""The daemon is killed with SIGKILL at random moments under load; after each kill the store must be clean and hold every
byte that fsync had acknowledged. TAP.

    kill9.py [ROUNDS]        environment GOCRYPTFS: the program; KILL_SEED: another run
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

GCF = os.environ["GOCRYPTFS"]
ROUNDS = 8
MODES = [[], ["-sharedstorage"], ["-xchacha"], ["-noprealloc"]]
BLOCK = 4096
LONG = "l" * 200


class Worker(threading.Thread):
    """Makes, rewrites, renames and removes files of its own; remembers what fsync has promised."""

    def __init__(self, top, n, seed):
        super().__init__(daemon=True)
        self.dir = os.path.join(top, "w%d" % n)
        self.rnd = random.Random(seed)
        self.promised = {}      # name -> bytes on disk for sure
        self.loose = {}         # name -> set of blocks, or None: anything may have become of the name
        self.done = 0

    def run(self):
        try:
            os.mkdir(self.dir)
            while True:
                self.step()
                self.done += 1
        except OSError:
            pass                # the daemon has gone

    def step(self):
        rnd = self.rnd
        name = rnd.choice(["a", "b", "c", LONG + "a", LONG + "b"])
        path = os.path.join(self.dir, name)
        what = rnd.random()
        if what < 0.6:
            self.write(name, path)
        elif what < 0.75:
            self.replace(name, path)
        elif what < 0.85:
            self.loose[name] = None
            if os.path.exists(path):
                os.unlink(path)
            self.promised.pop(name, None)
            self.loose[name] = set()
        else:
            d = os.path.join(self.dir, rnd.choice(["d", LONG]))
            if not os.path.isdir(d):    # one by one: never anew in the empty mountpoint
                os.mkdir(d)
            if not os.path.isdir(os.path.join(d, "e")):
                os.mkdir(os.path.join(d, "e"))
            open(os.path.join(d, "f"), "w").close()
            os.rename(d, d + "x")
            os.unlink(os.path.join(d + "x", "f"))
            os.rmdir(os.path.join(d + "x", "e"))
            os.rmdir(d + "x")

    def write(self, name, path):
        rnd = self.rnd
        at, n = rnd.randrange(200000), rnd.randrange(1, 100000)
        data = bytes([rnd.randrange(1, 256)]) * n
        known = self.promised.get(name)
        loose = self.loose.setdefault(name, set())
        if loose is not None:
            loose.update(range(at // BLOCK, (at + n) // BLOCK + 1))
            if known is not None:   # what lies before may be filled up
                loose.update(range(len(known) // BLOCK, at // BLOCK + 1))
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, data, at)
            if rnd.random() < 0.2:
                cut = rnd.randrange(150000)
                loose.update(range(cut // BLOCK, 400000 // BLOCK))
                os.ftruncate(fd, cut)
            if rnd.random() < 0.5:
                size = os.fstat(fd).st_size
                now = os.pread(fd, size, 0)
                os.fsync(fd)
                self.promised[name] = now
                self.loose[name] = set()
        finally:
            os.close(fd)

    def replace(self, name, path):
        data = bytes([self.rnd.randrange(1, 256)]) * self.rnd.randrange(1, 50000)
        fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(fd, data)
        os.fsync(fd)
        os.close(fd)
        before = self.promised.get(name)
        self.promised[name] = (before, data)    # one of the two
        os.rename(path + ".new", path)
        self.promised[name] = data
        self.loose[name] = set()

    def lost(self):
        """What is not as promised, as text."""
        bad = []
        for name, want in self.promised.items():
            loose = self.loose.get(name, set())
            if loose is None:
                continue
            wants = [w for w in (want if isinstance(want, tuple) else (want,)) if w is not None]
            path = os.path.join(self.dir, name)
            if isinstance(want, tuple) and want[0] is None:
                continue        # the first rename to it was under way; nothing was promised before
            if not os.path.exists(path):
                bad.append("%s/%.12s is gone" % (os.path.basename(self.dir), name))
                continue
            got, torn = read_blocks(path)
            torn_in_flight.extend("%.12s #%d" % (name, no) for no in torn if no in loose)
            if torn - loose:
                bad.append("%s/%.12s: blocks %s cannot be read" % (os.path.basename(self.dir), name, sorted(torn - loose)))
            if not any(self.agree(got, w, loose) for w in wants):
                bad.append("%s/%.12s: %d bytes differ from the %s promised" %
                           (os.path.basename(self.dir), name, len(got), [len(w) for w in wants]))
        return bad

    @staticmethod
    def agree(got, want, loose):
        for no in range((len(want) + BLOCK - 1) // BLOCK):
            a, b = no * BLOCK, no * BLOCK + BLOCK
            if no not in loose and got[a:b][:len(want[a:b])] != want[a:b]:
                return False
        return True


torn_in_flight = []     # blocks that a kill cut in two: the kernel ends a write(2) between two pages then


def read_blocks(path):
    """What can be read of a file (zeros elsewhere), and the set of blocks that cannot."""
    got, torn = [], set()
    fd = os.open(path, os.O_RDONLY)
    try:
        for no in range((os.fstat(fd).st_size + BLOCK - 1) // BLOCK):
            try:
                got.append(os.pread(fd, BLOCK, no * BLOCK))
            except OSError:
                got.append(bytes(BLOCK))
                torn.add(no)
    finally:
        os.close(fd)
    return b"".join(got), torn


def daemon_of(mnt):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                if mnt.encode() not in f.read().split(b"\0"):
                    continue
            if any("/dev/fuse" in os.readlink("/proc/%s/fd/%s" % (pid, n)) for n in os.listdir("/proc/%s/fd" % pid)):
                return int(pid)
        except OSError:
            continue
    return None


def mounted(path):
    with open("/proc/self/mountinfo") as f:
        return " %s " % path in f.read()


def wait(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


done = 0


def complaints(fsck):
    """What -fsck says beyond what a kill may leave: a .name file without entry, a block in flight."""
    return [x[:300] for x in fsck.stdout.splitlines()
            if x and not x.startswith("fsck summary") and "harmless leftover" not in x and "corrupt block #" not in x]


def round_(tmp, no, seed):
    """None, or what went wrong."""
    global done
    rnd = random.Random(seed)
    mode = MODES[no % len(MODES)]
    c, m, pw = os.path.join(tmp, "c%d" % no), os.path.join(tmp, "m%d" % no), os.path.join(tmp, "pw")
    os.mkdir(c)
    os.mkdir(m)
    init = [o for o in mode if o == "-xchacha"]
    opts = [o for o in mode if o != "-xchacha"]
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", pw] + init + [c], check=True)
    mount = [GCF, "-q", "-passfile", pw] + opts + [c, m]
    subprocess.run(mount, check=True)
    pid = daemon_of(m)
    if pid is None:
        return "no daemon found"
    workers = [Worker(m, n, seed * 10 + n) for n in range(3)]
    for w in workers:
        w.start()
    time.sleep(rnd.uniform(0.01, 0.6))
    os.kill(pid, signal.SIGKILL)
    for w in workers:
        w.join(20)
        if w.is_alive():
            return "a program hangs after the kill"
    if not wait(lambda: not mounted(m)):
        subprocess.run(["fusermount3", "-uz", m])
        return "still mounted 20 s after the kill"
    done += sum(w.done for w in workers)
    r = subprocess.run([GCF, "-q", "-fsck", "-passfile", pw, c], capture_output=True, text=True)
    subprocess.run(mount, check=True)
    before = len(torn_in_flight)
    bad = [b for w in workers for b in w.lost()]
    for top, _, names in os.walk(m):
        for n in names:
            torn = read_blocks(os.path.join(top, n))[1]
            if not any(top == w.dir and n in w.promised for w in workers):     # nothing was promised of it yet
                torn_in_flight.extend("%.12s #%d" % (n[-12:], no) for no in torn)
    subprocess.run(["fusermount3", "-u", m], check=True)
    if not wait(lambda: daemon_of(m) is None):
        bad.append("the daemon does not end")
    at_once = [x for x in complaints(r) if "an interrupted truncate" not in x]     # which reading has finished
    r = subprocess.run([GCF, "-q", "-fsck", "-passfile", pw, c], capture_output=True, text=True)
    bad += ["-fsck straight after the kill: " + x for x in at_once] + ["-fsck: " + x for x in complaints(r)]
    if r.returncode != 0 and len(torn_in_flight) == before:
        bad.append("-fsck says %d: %s" % (r.returncode, (r.stdout + r.stderr)[-600:]))
    subprocess.run(["rm", "-rf", c])
    return "; ".join(bad) or None


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        print("1..0 # SKIP no /dev/fuse here")
        return 0
    seed = int(os.environ.get("KILL_SEED", "1"))
    failed = 0
    with tempfile.TemporaryDirectory(prefix="gcf-kill.") as tmp:
        with open(os.path.join(tmp, "pw"), "w") as f:
            f.write("test\n")
        print("1..%d" % (rounds + 1), flush=True)
        for no in range(rounds):
            try:
                bad = round_(tmp, no, seed * 1000 + no)
            except subprocess.CalledProcessError as e:
                bad = repr(e)
            mode = " ".join(MODES[no % len(MODES)]) or "default"
            print("%sok %d - kill -9 number %d (%s): store clean, promises kept" % ("not " if bad else "", no + 1, no + 1, mode))
            if bad:
                failed += 1
                print("# " + bad)
            sys.stdout.flush()
        print("# blocks in flight cut in two by a kill: %s" % (torn_in_flight or "none"))
        few = done < 10 * rounds
        print("%sok %d - the programs did enough before the kills (%d steps)" % ("not " if few else "", rounds + 1, done))
    return failed > 0 or few


if __name__ == "__main__":
    sys.exit(main())
