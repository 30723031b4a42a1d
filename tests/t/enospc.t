#!/usr/bin/env python3
"""A full disk: no write leaves a torn block, no truncation loses data, and everything goes on once there is room."""
import errno
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words


def small_store(mnt, *init):
    """A store on a tmpfs of 2 MiB."""
    os.makedirs(mnt, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "none", mnt], check=True)
    s = Store(create=False)
    s.cipher = os.path.join(mnt, "c")
    os.mkdir(s.cipher)
    command([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, *init, s.cipher])
    return s.mount()


def fill(path, chunk=65536):
    """Write until the disk is full; returns the bytes that were written."""
    n = 0
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while chunk:
            try:
                n += os.write(fd, pattern(chunk))
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise
                chunk //= 2
    finally:
        os.close(fd)
    return n


def full(s, mode):
    put(s / "precious", pattern(10000))
    put(s / "shrink", pattern(8192))
    n = fill(s / "filler")
    ok(n > 1 << 20, "%s: the disk is full after %d bytes" % (mode, n))
    try:
        size = os.path.getsize(s / "filler")
        data = get(s / "filler")
        ok(size >= n and len(data) == size, "%s: what was written to the full disk is readable to its last byte" % mode, (n, size, len(data)))
    except OSError as e:
        ok(False, "%s: what was written to the full disk is readable to its last byte" % mode, e)
    bad = []
    for i in range(20):                     # overwriting and growing while full
        for off, length in ((i * 100, 50), (9990, 200 + i), (20000 + i * 5000, 3000)):
            fd = os.open(s / "precious", os.O_RDWR)
            try:
                os.pwrite(fd, b"w" * length, off)
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    bad.append((off, e))
            finally:
                os.close(fd)
            try:
                get(s / "precious")
            except OSError as e:
                bad.append(("read after write at %d" % off, e))
    eq(bad, [], "%s: writes to a full disk work or say ENOSPC, and never tear a block" % mode)


def shrink(s, mode):
    """Upstream deletes the last block and writes it again: with no room, its data is lost."""
    n = fill(s / "filler2")
    bad = []
    for size in (8191, 5000, 4097, 4096, 100, 1):
        try:
            os.truncate(s / "shrink", size)
        except OSError as e:
            bad.append((size, e))
            continue
        if get(s / "shrink") != pattern(8192)[:size]:
            bad.append((size, "content"))
    eq(bad, [], "%s: shrinking on a full disk (%d bytes filled) loses nothing" % (mode, n))


def create_when_full(s, mode):
    try:
        for i in range(5000):
            put(s / ("n%d" % i), b"")
            os.mkdir(s / ("d%d" % i))
    except OSError as e:
        ok(e.errno == errno.ENOSPC, "%s: creating on a full disk says ENOSPC" % mode, e)
    names = os.listdir(s.mnt)
    bad = []
    for n in names:
        try:
            os.listdir(s / n) if os.path.isdir(s / n) else get(s / n)
        except OSError as e:
            bad.append((n, e))
    eq(bad, [], "%s: and every entry that is listed is whole" % mode)
    for n in names:
        if n[0] in "nd" and n[1:].isdigit():
            os.rmdir(s / n) if os.path.isdir(s / n) else os.unlink(s / n)
    os.unlink(s / "filler")
    os.unlink(s / "filler2")
    put(s / "after", pattern(100000))
    eq(get(s / "after"), pattern(100000), "%s: with room again, writing goes on" % mode)


def main():
    need_fuse()
    if os.geteuid() != 0:
        skip_all("mounting a small tmpfs needs root")
    mnt = os.path.join(T, "small")
    os.mkdir(mnt)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", mnt], stderr=subprocess.DEVNULL).returncode:
        skip_all("a tmpfs cannot be mounted here")
    subprocess.run(["umount", mnt], check=True)
    for mode, init in (("default", ()), ("xchacha", ("-xchacha",)), ("plaintextnames", ("-plaintextnames",))):
        s = small_store(mnt, *init)
        for group in (full, shrink, create_when_full):
            sub(group, s, mode)
        s.unmount()
        rc, text = s.fsck()
        ok(rc == 0, "%s: fsck finds no fault afterwards" % mode, text)
        subprocess.run(["umount", mnt], check=True)
    done()


main()
