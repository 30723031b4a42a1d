#!/usr/bin/env python3
"""A storm: several processes at once make, write, truncate, rename, list, link and remove in one mount, and each checks
what must be true. With a ThreadSanitizer build this is the search for data races. GCF_STORM_SECONDS: length of each part."""
import errno
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

SECONDS = float(os.environ.get("GCF_STORM_SECONDS", "3"))
WORKERS = 4


def together(fn, *args):
    """fn(number, end time, *args) in WORKERS processes; returns what they complain about."""
    end = time.monotonic() + SECONDS
    out, pids = [], []
    for n in range(WORKERS):
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(r)
                try:
                    said = "\n".join(str(x) for x in fn(n, end, *args) or [])
                except BaseException as e:      # the parent reports it
                    said = "%s: %s" % (type(e).__name__, e)
                os.write(w, said.encode()[:4000])
            finally:
                os._exit(0)
        os.close(w)
        pids.append((pid, r))
    for pid, r in pids:
        said = b""
        while chunk := os.read(r, 4096):
            said += chunk
        os.close(r)
        os.waitpid(pid, 0)
        out += said.decode(errors="replace").splitlines()
    return out


def own_files(n, end, s):
    """Each process in its own directory, against what it remembers."""
    rnd = random.Random(n)
    d = s / ("own%d" % n)
    os.mkdir(d)
    model, bad = {}, []
    while time.monotonic() < end and len(bad) < 5:
        name = rnd.choice(["f%d" % i for i in range(8)] + ["L" * (180 + i) for i in range(4)])
        p, op = os.path.join(d, name), rnd.randrange(8)
        if op == 0:
            model[name] = bytearray(pattern(rnd.randrange(20000), rnd.randrange(99)))
            put(p, bytes(model[name]))
        elif op in (1, 2) and name in model:
            off, data = rnd.randrange(20000), pattern(rnd.randrange(1, 9000), rnd.randrange(99))
            with open(p, "r+b", buffering=0) as f:
                os.pwrite(f.fileno(), data, off)
            m = model[name]
            m.extend(b"\0" * max(0, off + len(data) - len(m)))
            m[off:off + len(data)] = data
        elif op == 3 and name in model:
            size = rnd.randrange(25000)
            os.truncate(p, size)
            m = model[name]
            model[name] = m[:size] + b"\0" * max(0, size - len(m))
        elif op == 4 and name in model:
            other = rnd.choice(["g%d" % i for i in range(3)] + ["M" * 200])
            os.rename(p, os.path.join(d, other))
            model[other] = model.pop(name)
        elif op == 5 and name in model:
            os.unlink(p)
            del model[name]
        elif op == 6:
            if sorted(os.listdir(d)) != sorted(model):
                bad.append("listing of %s differs" % d)
        elif name in model and get(p) != model[name]:
            bad.append("content of %s differs" % p)
    for name in model:
        if get(os.path.join(d, name)) != model[name]:
            bad.append("at the end: %s differs" % name)
    return bad


def one_file(n, end, s):
    """All in one file, each in bytes of its own: every block is shared, so a lost update shows."""
    rnd = random.Random(100 + n)
    mine = {}
    fd = os.open(s / "one", os.O_RDWR | os.O_CREAT, 0o600)
    bad = []
    while time.monotonic() < end and len(bad) < 5:
        off = rnd.randrange(16) * 4096 + 1024 * n + rnd.randrange(900)
        data = bytes(rnd.randrange(1, 256) for _ in range(rnd.randrange(1, 100)))
        os.pwrite(fd, data, off)
        for i, b in enumerate(data):
            mine[off + i] = b
        at = rnd.choice(list(mine))
        got = os.pread(fd, 1, at)
        if got != bytes([mine[at]]):
            bad.append("byte %d: %s, wrote %d" % (at, got, mine[at]))
    content = os.pread(fd, 1 << 20, 0)
    lost = [at for at in mine if content[at] != mine[at]]
    if lost:
        bad.append("%d of %d bytes lost, first at %d" % (len(lost), len(mine), lost[0]))
    os.close(fd)
    return bad


def first_write(n, end, s):
    """All write into the same new files: the header must be made once only."""
    bad, i = [], 0
    while time.monotonic() < end and i < 300:
        p = s / ("new%d" % i)
        fd = os.open(p, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(fd, bytes([65 + n]) * 10, 5000 * n)
        if os.pread(fd, 10, 5000 * n) != bytes([65 + n]) * 10:
            bad.append("%s: lost what %d wrote" % (p, n))
        os.close(fd)
        i += 1
    return bad


def appenders(n, end, s):
    fd = os.open(s / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    i = 0
    while time.monotonic() < end:
        os.write(fd, b"%d:%06d\n" % (n, i))
        i += 1
    os.close(fd)


def names(n, end, s):
    """All make, rename and remove the same few names; only errors that must be possible may happen."""
    rnd = random.Random(200 + n)
    bad = []
    fine = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR, errno.EINVAL, errno.EBUSY}
    pool = ["a", "b", "c" * 190, "d" * 255]
    while time.monotonic() < end and len(bad) < 5:
        a, b = s / ("shared/" + rnd.choice(pool)), s / ("shared/" + rnd.choice(pool))
        try:
            op = rnd.randrange(9)
            if op == 0:
                put(a, b"x" * rnd.randrange(100))
            elif op == 1:
                os.mkdir(a)
            elif op == 2:
                os.rename(a, b)
            elif op == 3:
                os.unlink(a)
            elif op == 4:
                os.rmdir(a)
            elif op == 5:
                os.link(a, b)
            elif op == 6:
                os.listdir(s / "shared")
            elif op == 7:
                os.symlink("t", a)
            else:
                os.lstat(a)
        except PermissionError as e:
            if op not in (3, 5):            # unlink and link of a directory
                bad.append("op %d: %s" % (op, e))
        except OSError as e:
            if e.errno not in fine:
                bad.append("op %d: %s" % (op, e))
    return bad


def truncators(n, end, s):
    """Writers, truncators and readers of one file: reading must never fail."""
    rnd = random.Random(300 + n)
    bad = []
    while time.monotonic() < end and len(bad) < 5:
        fd = os.open(s / "trunc", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if n % 4 == 0:
                os.ftruncate(fd, rnd.randrange(30000))
            elif n % 4 == 1:
                os.pwrite(fd, b"w" * rnd.randrange(1, 9000), rnd.randrange(30000))
            else:
                if os.pread(fd, 40000, 0).strip(b"w\0"):
                    bad.append("read something that nobody wrote")
        except OSError as e:
            bad.append(str(e))
        finally:
            os.close(fd)
    return bad


def main():
    need_fuse()
    for mode, init in (("default", ()), ("xchacha, deterministic names", ("-xchacha", "-deterministic-names"))):
        s = Store(*init).mount()
        eq(together(own_files, s), [], "%s: %d processes in directories of their own" % (mode, WORKERS))
        eq(together(one_file, s), [], "%s: %d processes in bytes of one file of their own" % (mode, WORKERS))
        eq(together(first_write, s), [], "%s: %d processes write first into the same new files" % (mode, WORKERS))
        together(appenders, s)
        lines = get(s / "log").decode().splitlines()
        per = {n: [line for line in lines if line.startswith("%d:" % n)] for n in range(WORKERS)}
        ok(all(per[n] == ["%d:%06d" % (n, i) for i in range(len(per[n]))] for n in per) and sum(map(len, per.values())) == len(lines),
           "%s: %d processes append, every line is whole and in order (%d lines)" % (mode, WORKERS, len(lines)))
        os.mkdir(s / "shared")
        eq(together(names, s), [], "%s: %d processes make, rename and remove the same names" % (mode, WORKERS))
        eq(together(truncators, s), [], "%s: %d processes write, truncate and read one file" % (mode, WORKERS))
        s.unmount()
        rc, text = s.fsck()
        ok(rc == 0, "%s: fsck finds no fault after the storm" % mode, text)
    done()


main()
