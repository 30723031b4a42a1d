#!/usr/bin/env python3
"""A store that somebody has tampered with in many ways at once is mounted, walked and worked in: the daemon must not crash,
hang or swallow memory. TAP.

    hostile.py [ROUNDS]      environment GOCRYPTFS: the program; HOSTILE_SEED: another run
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kill9 import GCF, daemon_of, mounted, wait     # noqa: its words

RSS_MAX = 100       # MiB
ROUND_MAX = 120     # seconds; what takes longer hangs


class Hangs(Exception):
    """Not an OSError: those are answers."""


def furnish(m):
    """One of everything."""
    for d in ("", "/d", "/d/e", "/" + "L" * 200):
        os.makedirs(m + d, exist_ok=True)
        for n, size in (("empty", 0), ("small", 100), ("big", 300000), ("n" * 250, 5000)):
            with open("%s%s/%s" % (m, d, n), "wb") as f:
                f.write(os.urandom(size))
            os.setxattr("%s%s/%s" % (m, d, n), "user.a", b"value")
        os.symlink("target", m + d + "/link")
        os.mkfifo(m + d + "/fifo")


def everything(top):
    return [os.path.join(d, n) for d, dirs, names in os.walk(top) for n in dirs + names if n != "gocryptfs.conf"]


def tamper(rnd, path, all_paths):
    """One change to one entry of the store."""
    kind = rnd.randrange(12)
    real = os.path.isfile(path) and not os.path.islink(path)
    try:
        os.chmod(path, 0o755 if os.path.isdir(path) else 0o644, follow_symlinks=os.path.islink(path) is False)
    except (OSError, NotImplementedError):
        pass
    if kind < 4 and real and os.path.getsize(path):
        with open(path, "r+b") as f:
            f.seek(rnd.randrange(os.path.getsize(path)))
            f.write(os.urandom(rnd.randrange(1, 40)))
    elif kind == 4 and real:
        os.truncate(path, rnd.choice((0, 1, 17, 18, 19, 18 + 31, 18 + 4128, rnd.randrange(10000), 1 << 40)))
    elif kind == 5:
        name = rnd.choice(("x", "gocryptfs.longname.", "gocryptfs.longname." + "A" * 43, "gocryptfs.longname." + "A" * 43 + ".name",
                           "gocryptfs.diriv", "gocryptfs.diriv.rmdir.1", "A" * 255, "\udcff\udcfe", "=", "gocryptfs.conf"))
        with open(os.path.join(os.path.dirname(path), name), "ab") as f:
            f.write(os.urandom(rnd.randrange(600)))
    elif kind == 6 and os.path.basename(path) not in ("d", "e"):
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        what = rnd.randrange(5)
        if what == 0:
            os.mkfifo(path)
        elif what == 1:
            os.symlink(rnd.choice(("/", ".", "..", path, "A" * 4000, "/dev/zero", "/proc/self/mem")), path)
        elif what == 2:
            os.mkdir(path)
        elif what == 3:
            with open(path, "wb") as f:
                f.write(os.urandom(rnd.randrange(100000)))
    elif kind == 7 and real:
        shutil.copyfile(path, rnd.choice([p for p in all_paths if os.path.isfile(p) and not os.path.islink(p)] or [path]))
    elif kind == 8:
        os.rename(path, path + "A")
    elif kind == 9 and not os.path.islink(path):
        os.setxattr(path, "user.gocryptfs." + rnd.choice(("", "A", "A" * 200)), os.urandom(rnd.randrange(100)))
    elif kind == 10:
        os.chmod(path, rnd.choice((0, 0o111, 0o444, 0o4777)))
    elif kind == 11 and real:
        os.link(path, os.path.join(os.path.dirname(path), "A" * 22 + str(rnd.randrange(9))))


def tries(fn, *args):
    try:
        return fn(*args)
    except (OSError, ValueError):
        return None


def work(m, rnd):
    """Looks at all that is shown, then changes some of it. Every answer is right but for none at all."""
    shown = 0
    for d, dirs, names in os.walk(m):
        for n in dirs + names:
            p = os.path.join(d, n)
            shown += 1
            st = tries(os.lstat, p)
            tries(os.readlink, p)
            for x in tries(lambda: os.listxattr(p, follow_symlinks=False)) or []:
                tries(lambda: os.getxattr(p, x, follow_symlinks=False))
            fd = tries(os.open, p, os.O_RDONLY | os.O_NONBLOCK)
            if fd is not None:
                for at in (0, 4095, 200000, max(0, (st.st_size if st else 0) - 5000)):
                    tries(os.pread, fd, 131072, at)
                os.close(fd)
            what = rnd.randrange(6)
            if what == 0:
                tries(os.truncate, p, rnd.randrange(400000))
            elif what == 1:
                tries(os.rename, p, os.path.join(m, "moved%d" % rnd.randrange(5)))
            elif what == 2:
                tries(os.unlink, p)
            elif what == 3:
                tries(os.setxattr, p, "user.b", b"x")
            elif what == 4:
                fd = tries(os.open, p, os.O_WRONLY | os.O_NONBLOCK)
                if fd is not None:
                    tries(os.pwrite, fd, b"y" * 10000, rnd.randrange(400000))
                    os.close(fd)
    tries(shutil.rmtree, m + "/d", True)
    return shown


def round_(tmp, no, seed):
    rnd = random.Random(seed)
    c, m, pw = "%s/c%d" % (tmp, no), "%s/m%d" % (tmp, no), tmp + "/pw"
    os.mkdir(c)
    os.mkdir(m)
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", pw, c], check=True)
    mount = [GCF, "-q", "-passfile", pw] + rnd.choice(([], ["-sharedstorage"])) + [c, m]
    subprocess.run(mount, check=True)
    furnish(m)
    subprocess.run(["fusermount3", "-u", m], check=True)
    wait(lambda: daemon_of(m) is None)
    spared = c + "/gocryptfs.diriv" if no % 8 else ""       # without it, there is little to look at
    for _ in range(rnd.choice((3, 10, 30))):
        paths = [p for p in everything(c) if p != spared]
        tries(tamper, rnd, rnd.choice(paths), paths)
    if subprocess.run(mount, capture_output=True).returncode != 0:
        return None, 0      # it may refuse: the root's IV or the conf is gone
    pid = daemon_of(m)
    try:
        signal.alarm(ROUND_MAX)
        shown = work(m, rnd)
        with open("/proc/%d/status" % pid) as f:
            rss = int(dict(x.split(":", 1) for x in f)["VmRSS"].split()[0]) / 1024
        bad = None if rss < RSS_MAX else "%d MiB resident" % rss
    except Hangs:
        bad, shown = "hangs", 0
    except FileNotFoundError:
        bad, shown = "the daemon has died", 0
    finally:
        signal.alarm(0)
        subprocess.run(["fusermount3", "-uz", m])
    if not wait(lambda: daemon_of(m) is None, 30):
        bad = bad or "the daemon does not end"
    r = subprocess.run([GCF, "-q", "-fsck", "-passfile", pw, c], capture_output=True, timeout=ROUND_MAX)
    if r.returncode not in (0, 26):
        bad = bad or "-fsck says %d: %s" % (r.returncode, r.stderr[-300:])
    subprocess.run(["rm", "-rf", c])
    return bad, shown


def on_alarm(*_):
    raise Hangs()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        print("1..0 # SKIP no /dev/fuse here")
        return 0
    signal.signal(signal.SIGALRM, on_alarm)
    seed, failed, total = int(os.environ.get("HOSTILE_SEED", "1")), 0, 0
    with tempfile.TemporaryDirectory(prefix="gcf-hostile.") as tmp:
        with open(tmp + "/pw", "w") as f:
            f.write("test\n")
        print("1..%d" % (rounds + 1), flush=True)
        for no in range(rounds):
            bad, shown = round_(tmp, no, seed * 1000 + no)
            total += shown
            failed += bad is not None
            print("%sok %d - store number %d, tampered with: no crash, no hang, memory in bounds" % ("not " if bad else "", no + 1, no + 1))
            if bad:
                print("# " + bad)
            sys.stdout.flush()
    few = total < 10 * rounds
    print("%sok %d - the stores still showed enough (%d entries)" % ("not " if few else "", rounds + 1, total))
    return failed > 0 or few


if __name__ == "__main__":
    sys.exit(main())
