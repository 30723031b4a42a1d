#!/usr/bin/env python3
"""promises.t - every line of what site-docs/concurrency.md promises, by two mounts of one store; shared.t does it in a crowd.

A test bears the name of its line there, and the file ends by asking whether a line has none.
"""
import errno
import fcntl
import mmap
import os
import shutil
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "t"))
from taplib import *    # noqa: the tests are written in its words

PAGE = os.path.join(SRCDIR, "site-docs", "concurrency.md")
CHUNK = 4096
TESTS = {}


def promise(line):
    def mark(fn):
        TESTS[line] = fn
        return fn
    return mark


def at_once(*fns):
    """Run all at the same time. -> their results; the first exception is raised."""
    out, gate = [None] * len(fns), threading.Barrier(len(fns))

    def one(i):
        gate.wait()
        try:
            out[i] = fns[i]()
        except Exception as e:      # noqa: told below
            out[i] = e
    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(fns))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for r in out:
        if isinstance(r, Exception):
            raise r
    return out


def get(path):
    with open(path, "rb") as f:
        return f.read()


def opened(path, flags=os.O_RDWR | os.O_CREAT):
    return os.open(path, flags, 0o644)


def legal(codes, fn, *args):
    """fn, or one of these errors."""
    try:
        return fn(*args)
    except OSError as e:
        if e.errno not in codes:
            raise
        return None


@promise("data")
def data(a, b, say, strict):
    put(a("data"), b"first"), get(b("data"))
    put(a("data"), b"second")
    eq(get(b("data")), b"second", say("what was written before close is read after open"))
    fd = opened(a("data"))
    os.pwrite(fd, b"third!", 0), os.fsync(fd)
    eq(get(b("data")), b"third!", say("and what was written before fsync"))
    reader = opened(b("data"), os.O_RDONLY)
    os.pread(reader, 9, 0)
    os.pwrite(fd, b"fourth, and longer", 0)
    ok(wait_for(lambda: os.fstat(reader).st_size == 18 and os.pread(reader, 99, 0) == b"fourth, and longer", 5),
       say("a reader that has the file open sees it once the size shows it"))
    stop = []

    def write():
        try:
            for k in range(200):
                os.pwrite(fd, bytes([65 + k % 2]) * (4 * CHUNK), 0)
        finally:
            stop.append(1)

    def read():
        bad = 0
        while not stop:
            got = os.pread(reader, 4 * CHUNK, 0)
            bad += sum(got[i:i + CHUNK] not in (b"A" * CHUNK, b"B" * CHUNK) for i in range(0, len(got) - CHUNK + 1, CHUNK))
        return bad
    os.pwrite(fd, b"A" * (4 * CHUNK), 0), os.close(reader)
    reader = opened(b("data"), os.O_RDONLY)
    eq(at_once(write, read)[1], 0, say("a reader of a file that is being written sees old or new data, by 4096 bytes"))
    os.close(fd), os.close(reader)


@promise("after taking a lock")
def after_a_lock(a, b, say, strict):
    for kind, lock in (("fcntl", fcntl.lockf), ("flock", fcntl.flock)):
        one, two = opened(a("locked")), opened(b("locked"))
        os.ftruncate(one, 0)
        right = 0
        for k in range(50):
            mine, other = (one, two) if k % 2 else (two, one)
            os.pread(other, 20, 0)
            lock(mine, fcntl.LOCK_EX), os.pwrite(mine, b"%020d" % k, 0), lock(mine, fcntl.LOCK_UN)
            lock(other, fcntl.LOCK_EX)
            right += os.pread(other, 20, 0) == b"%020d" % k
            lock(other, fcntl.LOCK_UN)
        eq(right, 50, say("what the one before wrote under an %s lock is read through an old descriptor" % kind))
        os.close(one), os.close(two)


@promise("concurrent writes to one file")
def concurrent(a, b, say, strict):
    one, two, size = opened(a("both")), opened(b("both")), 1000

    def write(fd, byte, first):
        for k in range(first, 100, 2):
            os.pwrite(fd, byte * size, k * size)
    at_once(lambda: write(one, b"a", 0), lambda: write(two, b"b", 1))
    eq(get(a("both")), b"".join((b"ab"[k % 2:k % 2 + 1]) * size for k in range(100)), say("different ranges never disturb each other, not even in one block"))
    blocks = whole = 0
    for _k in range(50):
        at_once(lambda: os.pwrite(one, b"x" * 20000, 100), lambda: os.pwrite(two, b"y" * 20000, 100))
        got = get(b("both"))[:20100]
        whole += len(set(got[100:])) == 1
        blocks += all(len(set(got[max(100, i):i + CHUNK])) == 1 for i in range(0, 20100, CHUNK))
    eq(blocks, 50, say("of two writes to the same bytes one wins each block"))
    if strict:
        eq(whole, 50, say("and all of them"))
    os.close(one), os.close(two)


@promise("size")
def size(a, b, say, strict):
    put(a("size"), b"x" * 10), os.stat(b("size"))
    one, two = opened(a("size")), opened(b("size"))
    os.pwrite(one, b"end", 100000)
    eq(os.stat(b("size")).st_size, 100003, say("it is there for the next stat"))
    fcntl.lockf(two, fcntl.LOCK_EX)
    eq(os.lseek(two, 0, os.SEEK_END), 100003, say("and for a seek to the end after taking a lock"))
    fcntl.lockf(two, fcntl.LOCK_UN)
    os.pwrite(two, b"start", 0)
    eq((os.stat(a("size")).st_size, get(a("size"))[100000:]), (100003, b"end"), say("another node's write makes no file shorter"))
    os.close(one), os.close(two)


@promise("`O_APPEND`")
def append(a, b, say, strict):
    put(a("log"), b"")

    def write(p, who):
        fd = opened(p, os.O_WRONLY | os.O_APPEND)
        for k in range(100):
            os.write(fd, b"%s %03d %s\n" % (who, k, who * 60))
        os.close(fd)
    at_once(lambda: write(a("log"), b"a"), lambda: write(b("log"), b"b"))
    want = sorted(b"%s %03d %s" % (w, k, w * 60) for w in (b"a", b"b") for k in range(100))
    eq(sorted(get(a("log")).splitlines()), want, say("every record lands once and whole"))
    fd = opened(a("log"), os.O_WRONLY)
    end = os.stat(b("log")).st_size
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    os.write(fd, b"late"), os.close(fd)
    eq((get(b("log"))[end:], os.stat(b("log")).st_size), (b"late", end + 4), say("F_SETFL counts from the next write on"))


@promise("truncate")
def truncate(a, b, say, strict):
    one, two = opened(a("cut")), opened(b("cut"))

    def cut():
        for k in range(150):
            os.ftruncate(one, (k * 7919) % 30000)

    def write():
        for k in range(150):
            os.pwrite(two, b"w" * (1 + (k * 104729) % 9000), (k * 1299709) % 20000)
    at_once(cut, write)
    eq(get(a("cut")).strip(b"w\0"), b"", say("against writes elsewhere only zeros and what was written remain"))
    eq(get(b("cut")), get(a("cut")), say("and both read the same"))
    os.close(one), os.close(two)


@promise("names")
def names(a, b, say, strict):
    eq(os.path.exists(b("name")), False, say("a name that is not there yet"))
    put(a("name"), b"x")
    eq(os.path.exists(b("name")), True, say("one made elsewhere is seen at once"))
    os.rename(a("name"), a("name2"))
    eq([os.path.exists(b(x)) for x in ("name", "name2")], [False, True], say("one renamed"))
    os.unlink(a("name2"))
    eq((os.path.exists(b("name2")), "name2" in os.listdir(b(""))), (False, False), say("one removed"))


@promise("`O_CREAT`")
def creating(a, b, say, strict):
    def make(where, flags):
        made = 0
        for k in range(60):
            fd = legal((errno.EEXIST,) if flags else (), opened, where("c%d%d" % (k, flags)), os.O_RDWR | os.O_CREAT | flags)
            if fd is not None:
                made += 1
                os.pwrite(fd, b"x" * 10, 10 * (where is a))
                os.close(fd)
        return made
    eq(at_once(lambda: make(a, 0), lambda: make(b, 0)), [60, 60], say("without O_EXCL it succeeds on both"))
    ok(all(get(a("c%d0" % k)) == b"x" * 20 for k in range(60)), say("and makes one file"))
    eq(sum(at_once(lambda: make(a, os.O_EXCL), lambda: make(b, os.O_EXCL))), 60, say("with O_EXCL exactly one node wins each name"))


@promise("mkdir, rmdir, rename, long names")
def directories(a, b, say, strict):
    long, codes = "n" * 230, (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ESTALE)

    def storm(where):
        for k in range(80):
            legal(codes, os.mkdir, where("dir"))
            legal(codes, put, where("dir/" + long), b"x")
            legal(codes, os.listdir, where("dir"))
            legal(codes, os.rename, where("dir/" + long), where("dir/m" + long))
            legal(codes, os.unlink, where("dir/m" + long))
            legal(codes, os.rmdir, where("dir"))
    at_once(lambda: storm(a), lambda: storm(b))
    legal((errno.EEXIST,), os.mkdir, a("dir"))
    put(a("dir/" + long), b"last")
    ok(long in os.listdir(b("dir")) and get(b("dir/" + long)) == b"last", say("a storm of them gives only answers that one machine could give"))
    shutil.rmtree(b("dir"))


@promise("attributes, xattrs, ACLs")
def attributes(a, b, say, strict):
    put(a("attr"), b""), os.stat(b("attr"))
    os.chmod(a("attr"), 0o640), os.utime(a("attr"), (5, 6))
    st = os.stat(b("attr"))
    eq((st.st_mode & 0o777, st.st_mtime), (0o640, 6), say("mode and times are seen at once"))
    for value in (b"one", b"two"):
        os.setxattr(a("attr"), "user.x", value)
        eq(os.getxattr(b("attr"), "user.x"), value, say("and an attribute"))
    if subprocess.run(["setfacl", "-m", "u:1234:r", a("attr")], stderr=subprocess.DEVNULL).returncode:
        return skip(say("and an ACL"), "none on the file system below, or setfacl is not installed")
    ok(b"user:1234:r--" in subprocess.run(["getfacl", "-cnp", b("attr")], stdout=subprocess.PIPE).stdout, say("and an ACL"))


@promise("`fcntl` and `flock` locks")
def locks(a, b, say, strict):
    for kind, lock in (("fcntl", fcntl.lockf), ("flock", fcntl.flock)):
        one, two = opened(a("lock")), opened(b("lock"))
        lock(one, fcntl.LOCK_EX)
        fails((errno.EAGAIN, errno.EACCES), say("%s: another node's lock excludes" % kind), lock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if kind == "fcntl":
            probe = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0) + bytes(8)
            held = struct.unpack("hhqqi", fcntl.fcntl(two, fcntl.F_GETLK, probe)[:28])
            eq((held[0], held[4]), (fcntl.F_WRLCK, 0), say("F_GETLK tells of it, and of process 0"))
        order = []

        def wait():
            lock(two, fcntl.LOCK_EX)
            order.append("got")

        def give():
            threading.Event().wait(0.2)
            order.append("gave")
            lock(one, fcntl.LOCK_UN)
        at_once(wait, give)
        eq(order, ["gave", "got"], say("%s: who waits gets it" % kind))
        os.close(one), os.close(two)


@promise("`mmap` for reading")
def mapped(a, b, say, strict):
    put(a("map"), b"1" * CHUNK)
    fd = opened(b("map"), os.O_RDONLY)
    m = mmap.mmap(fd, CHUNK, mmap.MAP_PRIVATE if strict else mmap.MAP_SHARED, mmap.PROT_READ)
    eq(m[:], b"1" * CHUNK, say("it is what the file was at open"))
    put(a("map"), b"22" * CHUNK)
    ok(m[:] in (b"1" * CHUNK, b"2" * CHUNK), say("never a mixture"))
    os.fstat(fd), os.pread(fd, 1, 0)
    if not strict:      # a private mapping keeps its pages
        eq(m[:], b"2" * CHUNK, say("and what it was at the last read"))
    m.close(), os.close(fd)


@promise("unlink of an open file")
def unlinked(a, b, say, strict):
    put(a("gone"), b"still here")
    fd = opened(b("gone"))
    os.unlink(a("gone"))
    eq((os.path.exists(b("gone")), os.pread(fd, 99, 0)), (False, b"still here"), say("it stays readable through the descriptor"))
    os.close(fd)


@promise("a name replaced by `rename` elsewhere while it is opened")
def replaced(a, b, say, strict):
    put(a("new"), b"%09d" % 0 * 100)
    stop = []

    def replace():
        try:
            for k in range(1, 200):
                put(a("new.tmp"), b"%09d" % k * 100)
                os.rename(a("new.tmp"), a("new"))
        finally:
            stop.append(1)

    def read():
        mixed = n = 0
        while not stop:
            got = legal((errno.ESTALE,), get, b("new"))
            n += got is not None
            mixed += got is not None and got != got[:9] * 100
        return mixed, n > 0
    eq(at_once(replace, read)[1], (0, True), say("one or the other is opened, and no error but ESTALE is seen"))


@promise("a directory removed or renamed elsewhere")
def left(a, b, say, strict):
    os.mkdir(a("home"))
    fd = os.open(b("home"), os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir(a("home"))
    fails((errno.ENOENT, errno.ESTALE), say("who is inside is told so"), os.open, "f", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    os.close(fd)
    os.mkdir(a("home")), put(b("home/f"), b"")
    eq(os.listdir(a("home")), ["f"], say("until he enters it again"))


def only_strict(a, b, say):
    one, two = opened(a("strict")), opened(b("strict"))
    right = 0
    for k in range(100):
        os.pwrite(one, b"%d" % (k % 10) * (k + 1), 0)
        right += (os.fstat(two).st_size, os.pread(two, 200, 0)) == (k + 1, b"%d" % (k % 10) * (k + 1))
    eq(right, 100, say("every read and every fstat asks the backing file system"))
    fails(errno.ENODEV, say("MAP_SHARED is refused"), mmap.mmap, two, 10, mmap.MAP_SHARED, mmap.PROT_READ)
    os.close(one), os.close(two)


def only_shared(a, b, say):
    put(a("applog"), b"x")
    fd = opened(a("applog"), os.O_RDWR | os.O_APPEND)
    fails(errno.ENODEV, say("MAP_SHARED of a file open with O_APPEND is refused"), mmap.mmap, fd, 1, mmap.MAP_SHARED, mmap.PROT_READ)
    os.close(fd)


def torn_end(cipher, a, b, say):
    """As a node leaves it that died while it made a file longer."""
    before = set(os.listdir(cipher))
    put(a("torn"), b"1" * 5000)
    stored = os.path.join(cipher, (set(os.listdir(cipher)) - before).pop())
    os.truncate(stored, os.path.getsize(stored) - 100)
    one, log = opened(a("torn")), opened(b("torn"), os.O_WRONLY | os.O_APPEND)
    eq(os.write(log, b"2" * 64), 64, say("a record is appended"))
    eq(os.pwrite(one, b"3" * 64, 20000), 64, say("and one written far behind it"))
    fails(errno.EIO, say("a write that needs a part of it is refused"), os.pwrite, one, b"4" * 64, 6000)
    fails(errno.EIO, say("what is torn is not to be read"), os.pread, one, 4096, 4096)
    eq((os.pread(one, 4096, 0), os.pread(one, 64, 8192), os.pread(one, 64, 20000)), (b"1" * 4096, b"2" * 64, b"3" * 64),
       say("everything else is, the appended record at the next multiple of 4096"))
    os.pwrite(one, b"5" * 4096, 4096)
    eq(os.pread(one, 4096, 4096), b"5" * 4096, say("a whole block mends it"))
    os.close(one), os.close(log)


def run(option, *more):
    s = Store()
    mounts = [s.mnt, s.mnt + ".b"]
    os.mkdir(mounts[1])
    for m in mounts:
        command([GCF, "-q", option, *more, "-passfile", PW, s.cipher, m])
    a, b = (lambda name, m=m: os.path.join(m, name) for m in mounts)
    strict = option.endswith("strict")

    def named(line):
        return lambda what: "%s, %s: %s" % (" ".join((option, *more)).replace("-sharedstorage=", ""), line.replace("`", ""), what)
    for line, fn in TESTS.items():
        if not more or fn in (data, names):
            sub(fn, a, b, named(line), strict)
    if not more:
        sub(only_strict if strict else only_shared, a, b, named("besides"))
        sub(torn_end, s.cipher, a, b, named("a torn last block"))
    for m in mounts[::-1]:
        subprocess.run(["fusermount3", "-u", m], check=True)


def every_line():
    """The first table of the page, below the heading of what is promised."""
    table = open(PAGE, encoding="utf-8").read().split("## What is promised")[1].split("\n\n")[1]
    lines = {row.split("|")[1].strip() for row in table.splitlines()[2:]}
    eq(sorted(lines), sorted(TESTS), "every line of site-docs/concurrency.md has its tests here")


def main():
    need_fuse()
    sub(run, "-sharedstorage")
    sub(run, "-sharedstorage=strict")
    sub(run, "-sharedstorage", "-kernel_cache")
    every_line()
    done()


main()
