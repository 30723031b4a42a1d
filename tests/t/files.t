#!/usr/bin/env python3
"""Regular files through a real mount: sizes, partial writes, truncation, holes, mmap, O_APPEND, O_DIRECT, fallocate."""
import errno
import mmap
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

SIZES = (0, 1, 17, 18, 4095, 4096, 4097, 8191, 8192, 8193, 131072, 1 << 20, (1 << 20) + 5)
MODES = {"default": (), "aessiv": ("-aessiv",), "xchacha": ("-xchacha",), "plaintextnames": ("-plaintextnames",)}


def cipher_size(n, overhead):
    return 0 if n == 0 else 18 + n + overhead * ((n + 4095) // 4096)


def sizes(s, mode):
    overhead = 40 if mode == "xchacha" else 32
    for n in SIZES:
        put(s / "f%d" % n, pattern(n, n))
    s.unmount().mount()
    for n in SIZES:
        p = s / "f%d" % n
        eq((get(p), os.stat(p).st_size), (pattern(n, n), n), "%s: %d bytes read back after a remount" % (mode, n))
    backing = sorted(os.path.getsize(os.path.join(s.cipher, f)) for f in os.listdir(s.cipher) if not f.startswith("gocryptfs."))
    eq(backing, sorted(cipher_size(n, overhead) for n in SIZES), "%s: stored sizes are those of the format" % mode)
    for n in SIZES:
        os.unlink(s / "f%d" % n)


def overwrites(s):
    """Random partial writes against a bytearray."""
    for seed in range(4):
        rnd = random.Random(seed)
        want = bytearray()
        with open(s / "o", "w+b", buffering=0) as f:
            for _ in range(60):
                off, n = rnd.randrange(0, 40000), rnd.choice((1, 3, 100, 4095, 4096, 4097, 9000))
                data = bytes(rnd.randrange(256) for _ in range(n))
                os.pwrite(f.fileno(), data, off)
                if len(want) < off + n:
                    want.extend(b"\0" * (off + n - len(want)))
                want[off:off + n] = data
                if rnd.random() < 0.2:
                    t = rnd.randrange(0, len(want) + 5000)
                    os.ftruncate(f.fileno(), t)
                    want = want[:t] + b"\0" * (t - len(want))
            eq(os.fstat(f.fileno()).st_size, len(want), "seed %d: size after partial writes and truncations" % seed)
        s.unmount().mount()
        eq(get(s / "o"), bytes(want), "seed %d: content after partial writes and truncations" % seed)


def truncation(s):
    p = s / "t"
    bad = []
    marks = (0, 1, 17, 4095, 4096, 4097, 8192, 10000)
    for a in marks:
        for b in marks:
            put(p, pattern(a))
            os.truncate(p, b)
            want = pattern(a)[:b] + b"\0" * max(0, b - a)
            if get(p) != want or os.stat(p).st_size != b:
                bad.append((a, b))
    eq(bad, [], "truncation both ways between %d sizes" % len(marks))
    put(p, pattern(5000))
    with open(p, "r+b", buffering=0) as f:
        os.ftruncate(f.fileno(), 100)
        os.ftruncate(f.fileno(), 6000)
        eq(os.pread(f.fileno(), 7000, 0), pattern(100) + b"\0" * 5900, "cut off data does not come back when the file grows")
    put(p, b"x" * 10)
    os.truncate(p, 1 << 40)
    eq(os.stat(p).st_size, 1 << 40, "a file can be grown to 1 TiB")
    ok(os.stat(p).st_blocks * 512 < 1 << 20, "and stays sparse")
    with open(p, "rb") as f:
        f.seek((1 << 40) - 10)
        eq(f.read(), b"\0" * 10, "and reads as zeros at its end")
    fails(errno.EINVAL, "truncation to a negative size", os.truncate, p, -1)


def holes(s):
    p = s / "h"
    with open(p, "w+b", buffering=0) as f:
        fd = f.fileno()
        os.pwrite(fd, b"begin", 0)
        os.pwrite(fd, b"end", 1 << 20)
        os.fsync(fd)
        eq(os.pread(fd, 10000, 0), b"begin" + b"\0" * 9995, "zeros between two writes far apart")
        ok(os.fstat(fd).st_blocks * 512 < 1 << 19, "the hole takes no space")
        data = os.lseek(fd, 0, os.SEEK_DATA)
        eq(data, 0, "SEEK_DATA finds the first data")
        hole = os.lseek(fd, 0, os.SEEK_HOLE)
        ok(4096 <= hole < 1 << 20, "SEEK_HOLE finds the hole", hole)
        data = os.lseek(fd, hole, os.SEEK_DATA)
        ok(hole < data <= 1 << 20, "SEEK_DATA finds the data after it", data)
        ok(all(b == 0 for b in os.pread(fd, data - hole, hole)), "what SEEK_HOLE calls a hole is zeros")
        eq(os.lseek(fd, 1 << 20, os.SEEK_HOLE), (1 << 20) + 3, "the end of the file is a hole")
        fails(errno.ENXIO, "SEEK_DATA at the end", os.lseek, fd, (1 << 20) + 3, os.SEEK_DATA)
    for off in (1, 4095, 4096, 4097, 8191, 100000):
        with open(p, "w+b", buffering=0) as f:
            os.pwrite(f.fileno(), b"A", 0)
            os.pwrite(f.fileno(), b"B", off)
        s.unmount().mount()
        eq(get(p), b"A" + b"\0" * (off - 1) + b"B", "a write at %d of a 1-byte file leaves zeros between" % off)


def append(s):
    p = s / "a"
    put(p, b"")
    a, b = (os.open(p, os.O_WRONLY | os.O_APPEND) for _ in "ab")
    want = b""
    for i in range(300):
        data = bytes([65 + i % 26]) * (i % 61 + 1)
        os.write((a, b)[i % 2], data)
        want += data
    os.close(a), os.close(b)
    eq(get(p), want, "two O_APPEND descriptors in turn append at the end")


def open_flags(s):
    p = s / "e"
    put(p, pattern(9000))
    os.close(os.open(p, os.O_WRONLY | os.O_TRUNC))
    eq(os.stat(p).st_size, 0, "O_TRUNC empties")
    fails(errno.EEXIST, "O_EXCL on an existing file", os.open, p, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    fails(errno.ENOENT, "opening a file that is not there", os.open, s / "nope", os.O_RDONLY)
    fd = os.open(s / "wo", os.O_CREAT | os.O_WRONLY, 0o200)
    os.write(fd, b"q" * 5000)
    os.pwrite(fd, b"z", 17)
    os.close(fd)
    os.chmod(s / "wo", 0o600)
    eq(get(s / "wo"), b"q" * 17 + b"z" + b"q" * 4982, "a file of mode 0200 can be written in parts")
    fd = os.open(s / "unlinked", os.O_CREAT | os.O_RDWR, 0o600)
    os.write(fd, b"still here")
    os.unlink(s / "unlinked")
    os.write(fd, b" and growing")
    eq((os.pread(fd, 100, 0), os.fstat(fd).st_size), (b"still here and growing", 22), "an unlinked open file lives on")
    os.ftruncate(fd, 5)
    eq(os.pread(fd, 100, 0), b"still", "and can be truncated")
    try:
        os.fchmod(fd, 0o640)
    except OSError as e:
        result(False, "and its mode can be changed", e)
    else:
        eq(os.fstat(fd).st_mode & 0o7777, 0o640, "and its mode can be changed")
    os.close(fd)
    ro = os.open(p, os.O_RDONLY)
    fails(errno.EBADF, "writing through a read-only descriptor", os.write, ro, b"x")
    os.close(ro)


def direct(s):
    p = s / "d"
    buf = mmap.mmap(-1, 8192)
    buf.write(pattern(8192))
    try:
        fd = os.open(p, os.O_CREAT | os.O_RDWR | os.O_DIRECT, 0o600)
    except OSError as e:
        return result(False, "O_DIRECT open", e)
    os.write(fd, buf)
    os.write(fd, buf)
    back = mmap.mmap(-1, 8192)
    eq((os.preadv(fd, [back], 8192), back[:]), (8192, pattern(8192)), "an O_DIRECT caller reads what it wrote")
    os.close(fd)
    eq(get(p), pattern(8192) * 2, "and so does everybody else")


def mapped(s):
    p = s / "m"
    put(p, pattern(10000))
    with open(p, "r+b") as f:
        m = mmap.mmap(f.fileno(), 10000)
        eq(m[:], pattern(10000), "a mapping reads the file")
        m[5000:5005] = b"HELLO"
        m[0:1] = b"!"
        m.flush()
        m.close()
    want = bytearray(pattern(10000))
    want[5000:5005] = b"HELLO"
    want[0:1] = b"!"
    s.unmount().mount()
    eq(get(p), bytes(want), "writes through a shared mapping are stored")


def space(s):
    p = s / "x"
    put(p, b"12345")
    with open(p, "r+b", buffering=0) as f:
        fd = f.fileno()
        fallocate(fd, 0, 0, 10000)
        eq((os.fstat(fd).st_size, os.pread(fd, 20000, 0)), (10000, b"12345" + b"\0" * 9995), "fallocate grows the file with zeros")
        fallocate(fd, FALLOC_KEEP_SIZE, 0, 100000)
        eq(os.fstat(fd).st_size, 10000, "fallocate KEEP_SIZE keeps the size")
        eq(os.pread(fd, 20000, 0), b"12345" + b"\0" * 9995, "and the content")
        fallocate(fd, 0, 0, 50)
        eq(os.fstat(fd).st_size, 10000, "fallocate inside the file does not shrink it")
        fails((errno.EOPNOTSUPP,), "punching holes is refused", fallocate, fd, FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE, 0, 4096)
    st = os.statvfs(s.mnt)
    back = os.statvfs(s.cipher)
    eq((st.f_blocks * st.f_frsize, st.f_namemax), (back.f_blocks * back.f_frsize, 255), "statfs shows the backing file system, names of 255 bytes")


def copying(s):
    put(s / "c1", pattern(300000))
    with open(s / "c1", "rb") as a, open(s / "c2", "wb") as b:
        done_bytes = 0
        while done_bytes < 300000:
            n = os.copy_file_range(a.fileno(), b.fileno(), 300000 - done_bytes, done_bytes, done_bytes)
            if n == 0:
                break
            done_bytes += n
    eq(get(s / "c2"), pattern(300000), "copy_file_range copies")
    with open(s / "c1", "rb") as a, open(os.path.join(T, "outside"), "wb") as b:
        try:
            os.copy_file_range(a.fileno(), b.fileno(), 1000, 5000)
            eq(get(os.path.join(T, "outside")), pattern(300000)[5000:6000], "copy_file_range out of the mount copies plain text")
        except OSError as e:
            eq(e.errno, errno.EXDEV, "copy_file_range out of the mount says EXDEV")


def times(s):
    p = s / "u"
    put(p, b"x")
    os.utime(p, ns=(1234567890123456789, 1300000000987654321))
    s.unmount().mount()
    st = os.stat(p)
    eq((st.st_atime_ns, st.st_mtime_ns), (1234567890123456789, 1300000000987654321), "times are kept to the nanosecond")
    before = st.st_mtime_ns
    with open(p, "ab") as f:
        f.write(b"y")
    ok(os.stat(p).st_mtime_ns > before, "writing changes mtime")
    os.utime(p, ns=(1, 2))
    with open(p, "rb") as f:
        f.read()
    eq(os.stat(p).st_mtime_ns, 2, "reading does not")


def modes_owners(s):
    p = s / "p"
    put(p, b"x")
    bad = []
    for m in (0o400, 0o600, 0o644, 0o755, 0o000, 0o1777, 0o4755, 0o2755):
        os.chmod(p, m)
        if os.stat(p).st_mode & 0o7777 != m:
            bad.append(oct(m))
    eq(bad, [], "chmod of every kind is kept")
    os.chmod(p, 0o600)
    if os.geteuid() == 0:
        os.chown(p, 1234, 4321)
        eq((os.stat(p).st_uid, os.stat(p).st_gid), (1234, 4321), "chown is kept")


def damaged(s):
    """Bit flips, short tails and foreign headers give EIO, never wrong data."""
    def backing(name):
        before = set(os.listdir(s.cipher))
        put(s / name, pattern(9000))
        s.unmount()
        new, = (n for n in set(os.listdir(s.cipher)) - before)
        return os.path.join(s.cipher, new)

    def flip(path, at):
        with open(path, "r+b") as f:
            f.seek(at)
            b = f.read(1)
            f.seek(at)
            f.write(bytes([b[0] ^ 1]))

    p = backing("b1")
    flip(p, 18 + 4128 + 100)
    s.mount()
    with open(s / "b1", "rb", buffering=0) as f:
        eq(os.pread(f.fileno(), 4096, 0), pattern(9000)[:4096], "the block before a damaged one is readable")
        fails(errno.EIO, "a flipped bit gives EIO", os.pread, f.fileno(), 10, 4096)
        eq(os.pread(f.fileno(), 808, 8192), pattern(9000)[8192:], "the block after it is readable")
    p = backing("b2")
    flip(p, 5)
    s.mount()
    fails(errno.EIO, "another file id gives EIO", get, s / "b2")
    p = backing("b3")
    flip(p, 1)
    s.mount()
    fails(errno.EIO, "another header version gives EIO", get, s / "b3")
    p = backing("b4")
    os.truncate(p, 18 + 4128 + 10)
    s.mount()
    eq(os.stat(s / "b4").st_size, 4097, "a torn last block counts one byte")
    with open(s / "b4", "rb", buffering=0) as f:
        fails(errno.EIO, "and reading it gives EIO", os.pread, f.fileno(), 10, 4096)
    p = backing("b5")
    with open(p, "r+b") as f:       # swap two blocks
        f.seek(18)
        a, b = f.read(4128), f.read(4128)
        f.seek(18)
        f.write(b + a)
    s.mount()
    fails(errno.EIO, "swapped blocks give EIO", get, s / "b5")
    p = backing("b6")
    os.truncate(p, 18)
    s.mount()
    eq(get(s / "b6"), b"", "a header alone is an empty file")
    put(s / "b6", b"new")
    eq(get(s / "b6"), b"new", "and can be written")
    p = backing("b7")
    with open(p, "r+b") as f:
        f.seek(18)
        f.write(b"\0" * 4128)
    s.mount()
    eq(get(s / "b7")[:4096], b"\0" * 4096, "a block of zeros is a hole")


def main():
    need_fuse()
    for mode, init in MODES.items():
        s = Store(*init).mount()
        sub(sizes, s, mode)
        sub(overwrites, s)
        s.unmount()
        rc, text = s.fsck()
        eq(rc, 0, "%s: fsck finds no fault" % mode)
    s = Store().mount()
    for group in (truncation, holes, append, open_flags, direct, mapped, space, copying, times, modes_owners, damaged):
        sub(group, s)
    done()


main()
