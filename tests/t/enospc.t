#!/usr/bin/env python3
"""A full disk, and a spent quota (EDQUOT): no write leaves a torn block, no truncation loses data, and everything goes on once there is room."""
import errno
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words


FULL = (errno.ENOSPC, errno.EDQUOT)


class Small:
    """A small file system to be filled: of a kind that says ENOSPC, or EDQUOT."""

    def __init__(self, kind, mnt):
        self.kind, self.mnt, self.img = kind, mnt, mnt + ".img"
        self.errno = errno.EDQUOT if kind == "btrfs quota" else errno.ENOSPC
        self.cow = kind == "btrfs quota"    # overwriting needs room too, so it may be refused

    def _run(self, *words):
        return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def mount(self):
        """The directory for the store, or None if this kind is not to be had here."""
        os.makedirs(self.mnt, exist_ok=True)
        if self.kind == "tmpfs":
            return self.mnt if self._run("mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "none", self.mnt) else None
        size, mkfs = (8 << 20, ["mkfs.ext4", "-q", "-F"]) if self.kind == "ext4" else (128 << 20, ["mkfs.btrfs", "-q", "-f"])
        with open(self.img, "wb") as f:
            f.truncate(size)
        try:
            if not self._run(*mkfs, self.img) or not self._run("mount", "-o", "loop", self.img, self.mnt):
                return None
        except FileNotFoundError:
            return None
        if self.kind == "ext4":
            return self.mnt
        sub = self.mnt + "/sub"
        if all(self._run("btrfs", *w) for w in (["quota", "enable", self.mnt], ["subvolume", "create", sub],
                                                ["qgroup", "limit", "3M", sub])):
            return sub
        self.umount()
        return None

    def umount(self):
        subprocess.run(["umount", self.mnt], check=True)
        if os.path.exists(self.img):
            os.unlink(self.img)


def small_store(top, *init):
    s = Store(create=False)
    s.cipher = os.path.join(top, "c")
    os.mkdir(s.cipher)
    command([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, *init, s.cipher])
    return s.mount()


def fill(path, chunk=65536, seen=set()):
    """Write until the disk is full; returns the bytes that were written. seen: errors met."""
    n = 0
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as e:
        if e.errno not in FULL:
            raise
        return 0        # not even room for a name
    try:
        while chunk:
            try:
                n += os.write(fd, pattern(chunk))
            except OSError as e:
                if e.errno not in FULL:
                    raise
                seen.add(e.errno)
                chunk //= 2
    finally:
        os.close(fd)
    return n


def full(s, mode, small):
    put(s / "precious", pattern(10000))
    put(s / "shrink", pattern(8192))
    seen = set()
    n = fill(s / "filler", seen=seen)
    eq(seen, {small.errno}, "%s: the error is %s" % (mode, errno.errorcode[small.errno]))
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
                if e.errno != small.errno:
                    bad.append((off, e))
            finally:
                os.close(fd)
            try:
                get(s / "precious")
            except OSError as e:
                bad.append(("read after write at %d" % off, e))
    eq(bad, [], "%s: writes to a full disk work or say so, and never tear a block" % mode)


def shrink(s, mode, small):
    """Upstream deletes the last block and writes it again: with no room, its data is lost."""
    n = fill(s / "filler2")
    bad = []
    for size in (8191, 5000, 4097, 4096, 100, 1):
        try:
            os.truncate(s / "shrink", size)
        except OSError as e:
            left = get(s / "shrink")
            if not small.cow or e.errno != small.errno or len(left) < size or left != pattern(8192)[:len(left)]:
                bad.append((size, e))
            continue
        if get(s / "shrink") != pattern(8192)[:size]:
            bad.append((size, "content"))
    eq(bad, [], "%s: shrinking on a full disk (%d bytes filled) loses nothing" % (mode, n))


def create_when_full(s, mode, small):
    try:
        for i in range(5000):
            put(s / ("n%d" % i), b"")
            os.mkdir(s / ("d%d" % i))
    except OSError as e:
        ok(e.errno == small.errno, "%s: creating on a full disk says so" % mode, e)
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
    if "filler2" in names:
        os.unlink(s / "filler2")
    put(s / "after", pattern(100000))
    eq(get(s / "after"), pattern(100000), "%s: with room again, writing goes on" % mode)


def main():
    need_fuse()
    if os.geteuid() != 0:
        skip_all("mounting a small file system needs root")
    for kind in ("tmpfs", "ext4", "btrfs quota"):
        small = Small(kind, os.path.join(T, kind.split()[0]))
        for mode, init in (("default", ()), ("xchacha", ("-xchacha",)), ("plaintextnames", ("-plaintextnames",))):
            top = small.mount()
            if not top:
                skip("%s, %s" % (kind, mode), "it cannot be mounted here")
                continue
            s = small_store(top, *init)
            for group in (full, shrink, create_when_full):
                sub(group, s, "%s, %s" % (kind, mode), small)
            s.unmount()
            rc, text = s.fsck()
            ok(rc == 0, "%s, %s: fsck finds no fault afterwards" % (kind, mode), text)
            small.umount()
    done()


main()
