#!/usr/bin/env python3
"""Names, directories, links, special files and renames through a real mount, in every way of storing names."""
import errno
import os
import socket
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

MODES = {
    "default": (), "plaintextnames": ("-plaintextnames",), "deterministic-names": ("-deterministic-names",),
    "longnamemax=62": ("-longnamemax", "62"), "xchacha": ("-xchacha",),
}
NAMES = [b"a", b"n" * 15, b"n" * 16, b"n" * 17, b"n" * 175, b"n" * 176, b"L" * 255, b" leading and trailing ", b"-dash", b".hidden",
         b"new\nline", b"tab\t", b"\xff\xfe\x80 not utf-8", b"\xff" * 255, "ümläut€".encode(), b"e\xcc\x81", b"gocryptfs.longname.x",
         b"back\\slash", b"*?[glob]", b"con.name"]


def names(s, mode):
    d = os.fsencode(s / "names")
    os.mkdir(d)
    use = [n for n in NAMES if mode != "plaintextnames" or n]
    for n in use:
        put(os.path.join(d, n), n)
    s.unmount().mount()
    eq(sorted(os.listdir(d)), sorted(use), "%s: %d names are listed after a remount" % (mode, len(use)))
    eq([n for n in use if get(os.path.join(d, n)) != n], [], "%s: and each file is its own" % mode)
    fails(errno.ENAMETOOLONG, "%s: a name of 256 bytes" % mode, put, os.path.join(d, b"x" * 256), b"")
    for n in (b"L" * 255, b"n" * 176):
        sub_dir = os.path.join(d, n + b"d" if len(n) < 255 else b"D" * 255)
        os.mkdir(sub_dir)
        put(os.path.join(sub_dir, n), b"inner")
        eq(os.listdir(sub_dir), [n], "%s: a long name in a directory with a long name" % mode)
        os.unlink(os.path.join(sub_dir, n))
        os.rmdir(sub_dir)
    for n in use:
        os.rename(os.path.join(d, n), os.path.join(d, b"R" + n[1:]))
        os.rename(os.path.join(d, b"R" + n[1:]), os.path.join(d, n))
    eq(sorted(os.listdir(d)), sorted(use), "%s: renamed away and back" % mode)
    for n in use:
        os.unlink(os.path.join(d, n))
    os.rmdir(d)
    left = [f for f in os.listdir(s.cipher) if f not in ("gocryptfs.conf", "gocryptfs.diriv")]
    eq(left, [], "%s: removing everything leaves nothing in the store" % mode)


def directories(s, mode):
    d = s / "dir"
    os.mkdir(d, 0o750)
    eq(stat.S_IMODE(os.stat(d).st_mode), 0o750, "%s: mkdir mode" % mode)
    fails(errno.EEXIST, "%s: mkdir on an existing directory" % mode, os.mkdir, d)
    for m in (0o700, 0o555, 0o500, 0o300):
        os.mkdir(s / "dm", m)
        eq(stat.S_IMODE(os.stat(s / "dm").st_mode), m, "%s: mkdir with mode %o" % (mode, m))
        os.rmdir(s / "dm")
    for i in range(300):
        put(d + "/f%03d" % i, b"")
    eq(sorted(os.listdir(d)), ["f%03d" % i for i in range(300)], "%s: 300 entries" % mode)
    eq(sorted(e.name for e in os.scandir(d) if e.is_file(follow_symlinks=False)), ["f%03d" % i for i in range(300)],
       "%s: with their types" % mode)
    fails(errno.ENOTEMPTY, "%s: rmdir of a full directory" % mode, os.rmdir, d)
    ok(len(os.listdir(d)) == 300, "%s: and it is still usable" % mode)
    # Deleting while listing must lose nothing.
    with os.scandir(d) as it:
        for e in it:
            os.unlink(e.path)
    eq(os.listdir(d), [], "%s: everything deleted while being listed" % mode)
    os.rmdir(d)
    fails(errno.ENOENT, "%s: it is gone" % mode, os.stat, d)
    deep = s.mnt
    for i in range(40):
        deep = os.path.join(deep, "level%02d" % i)
        os.mkdir(deep)
    put(deep + "/f", b"deep")
    s.unmount().mount()
    eq(get(deep + "/f"), b"deep", "%s: 40 levels deep after a remount" % mode)
    os.unlink(deep + "/f")
    while deep != s.mnt:
        os.rmdir(deep)
        deep = os.path.dirname(deep)
    fails(errno.ENOTDIR, "%s: a file is no directory" % mode, lambda: (put(s / "f", b""), os.listdir(s / "f")))
    fails(errno.ENOTDIR, "%s: rmdir of a file" % mode, os.rmdir, s / "f")
    fails((errno.EISDIR, errno.EPERM), "%s: unlink of a directory" % mode, lambda: (os.mkdir(s / "d"), os.unlink(s / "d")))
    os.rmdir(s / "d"), os.unlink(s / "f")
    st = os.stat(s.mnt)
    os.mkdir(s / "n1"), os.mkdir(s / "n1/n2")
    ok(os.stat(s / "n1").st_nlink in (1, 3), "%s: link count of a directory" % mode, os.stat(s / "n1").st_nlink)
    ok(stat.S_ISDIR(st.st_mode), "%s: the root is a directory" % mode)
    os.rmdir(s / "n1/n2"), os.rmdir(s / "n1")


def links(s, mode):
    for i, target in enumerate(("x", "/abs/olute", "t" * 100, "ümläut", "a" * 2900)):
        os.symlink(target, s / "l")
        s.unmount().mount()
        eq((os.readlink(s / "l"), os.lstat(s / "l").st_size), (target, len(target.encode())), "%s: symlink %d, target and size" % (mode, i))
        os.unlink(s / "l")
    put(s / "one", b"content")
    os.link(s / "one", s / "two")
    os.mkdir(s / "sub")
    os.link(s / "two", s / ("sub/" + "h" * 200))
    eq(os.stat(s / "one").st_nlink, 3, "%s: three links" % mode)
    ok(os.path.samefile(s / "one", s / ("sub/" + "h" * 200)), "%s: are one file" % mode)
    put(s / "two", b"changed")
    eq(get(s / "one"), b"changed", "%s: and one content" % mode)
    os.unlink(s / "one")
    eq((get(s / "two"), os.stat(s / "two").st_nlink), (b"changed", 2), "%s: one link less" % mode)
    fails(errno.EEXIST, "%s: link onto an existing name" % mode, os.link, s / "two", s / ("sub/" + "h" * 200))
    os.unlink(s / "two"), os.unlink(s / ("sub/" + "h" * 200)), os.rmdir(s / "sub")


def special(s, mode):
    os.mkfifo(s / "fifo", 0o640)
    eq((stat.S_ISFIFO(os.stat(s / "fifo").st_mode), stat.S_IMODE(os.stat(s / "fifo").st_mode)), (True, 0o640), "%s: a FIFO" % mode)
    with socket.socket(socket.AF_UNIX) as k:
        os.chdir(s.mnt)
        k.bind("sock")
        os.chdir("/")
    ok(stat.S_ISSOCK(os.stat(s / "sock").st_mode), "%s: a socket" % mode)
    made = ["fifo", "sock"]
    if os.geteuid() == 0:
        os.mknod(s / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        st = os.stat(s / "null")
        eq((stat.S_ISCHR(st.st_mode), st.st_rdev), (True, os.makedev(1, 3)), "%s: a character device" % mode)
        os.mknod(s / ("b" * 200), stat.S_IFBLK | 0o600, os.makedev(7, 99))
        made += ["null", "b" * 200]
    os.mknod(s / "reg", stat.S_IFREG | 0o600)
    put(s / "reg", b"made by mknod")
    eq(get(s / "reg"), b"made by mknod", "%s: a regular file made by mknod" % mode)
    s.unmount().mount()
    eq(sorted(os.listdir(s.mnt)), sorted(made + ["reg"]), "%s: special files are listed after a remount" % mode)
    for n in made + ["reg"]:
        os.unlink(s / n)


def renames(s, mode):
    long_a, long_b = "A" * 200, "B" * 250
    for a, b in (("a", "b"), ("a", long_b), (long_a, "b"), (long_a, long_b)):
        for target in (False, True):
            put(s / a, b"A")
            if target:
                put(s / b, b"B")
            os.rename(s / a, s / b)
            eq((get(s / b), sorted(os.listdir(s.mnt))), (b"A", [b]), "%s: rename %s to %s%s" % (mode, a[:3], b[:3], " over a file" if target else ""))
            os.unlink(s / b)
    for b in ("b", long_b):
        put(s / "a", b"A"), put(s / b, b"B")
        fails(errno.EEXIST, "%s: RENAME_NOREPLACE onto %s" % (mode, b[:3]), renameat2, s / "a", s / b, RENAME_NOREPLACE)
        eq((get(s / "a"), get(s / b)), (b"A", b"B"), "%s: and nothing changed" % mode)
        try:
            renameat2(s / "a", s / b, RENAME_EXCHANGE)
            eq((get(s / "a"), get(s / b)), (b"B", b"A"), "%s: RENAME_EXCHANGE with %s" % (mode, b[:3]))
        except OSError as e:
            ok(e.errno == errno.EINVAL, "%s: RENAME_EXCHANGE refused where the backing file system has none" % mode, e)
        os.unlink(s / b)
        renameat2(s / "a", s / b, RENAME_NOREPLACE)
        eq(os.listdir(s.mnt), [b], "%s: RENAME_NOREPLACE to a free name" % mode)
        os.unlink(s / b)
    if os.geteuid() == 0:
        put(s / "a", b"A")
        try:
            renameat2(s / "a", s / long_b, RENAME_WHITEOUT)
            st = os.lstat(s / "a")
            eq((stat.S_ISCHR(st.st_mode), st.st_rdev, get(s / long_b)), (True, 0, b"A"), "%s: RENAME_WHITEOUT leaves a whiteout" % mode)
            os.unlink(s / "a"), os.unlink(s / long_b)
        except OSError as e:
            ok(e.errno == errno.EINVAL, "%s: RENAME_WHITEOUT refused where there is none" % mode, e)
            os.unlink(s / "a")
    os.makedirs(s / "d1/x"), os.mkdir(s / "d2"), put(s / "d1/x/f", b"f")
    os.rename(s / "d1", s / "d2")
    eq(get(s / "d2/x/f"), b"f", "%s: a directory renamed onto an empty directory" % mode)
    os.makedirs(s / "d3/full")
    fails((errno.ENOTEMPTY, errno.EEXIST), "%s: but not onto a full one" % mode, os.rename, s / "d2", s / "d3")
    eq((get(s / "d2/x/f"), os.listdir(s / "d3")), (b"f", ["full"]), "%s: which stays" % mode)
    fails(errno.EINVAL, "%s: a directory into itself" % mode, os.rename, s / "d2", s / "d2/x/y")
    os.rename(s / "d2/x", s / "d3/full/moved")
    eq(get(s / "d3/full/moved/f"), b"f", "%s: a directory moved to another parent" % mode)
    os.mkdir(s / ("E" * 255))
    os.rename(s / "d3", s / ("E" * 255))
    s.unmount().mount()
    eq(get(s / ("E" * 255 + "/full/moved/f")), b"f", "%s: after a remount, under a long name" % mode)
    fails(errno.EISDIR, "%s: a file onto a directory" % mode, lambda: (put(s / "f", b""), os.rename(s / "f", s / ("E" * 255))))
    fails(errno.ENOTDIR, "%s: a directory onto a file" % mode, os.rename, s / ("E" * 255), s / "f")
    fails(errno.ENOENT, "%s: a name that is not there" % mode, os.rename, s / "nope", s / "f")
    os.unlink(s / "f")
    for root, dirs, files in os.walk(s.mnt, topdown=False):
        for f in files:
            os.unlink(os.path.join(root, f))
        for d in dirs:
            os.rmdir(os.path.join(root, d))
    left = [f for f in os.listdir(s.cipher) if f not in ("gocryptfs.conf", "gocryptfs.diriv")]
    eq(left, [], "%s: no leftover in the store" % mode)


def reserved(s, mode):
    if mode == "plaintextnames":
        fails((errno.EPERM, errno.ENOENT), "plaintextnames: gocryptfs.conf in the root is not to be had", put, s / "gocryptfs.conf", b"")
        ok("gocryptfs.conf" not in os.listdir(s.mnt), "plaintextnames: nor listed")
        os.mkdir(s / "d")
        put(s / "d/gocryptfs.conf", b"mine")
        eq(get(s / "d/gocryptfs.conf"), b"mine", "plaintextnames: elsewhere it is an ordinary name")
        os.unlink(s / "d/gocryptfs.conf"), os.rmdir(s / "d")
        for n in ("gocryptfs.diriv", "gocryptfs.longname.x"):
            put(s / n, b"mine")
            eq(get(s / n), b"mine", "plaintextnames: %s is an ordinary name" % n)
            os.unlink(s / n)
        return
    for n in ("gocryptfs.conf", "gocryptfs.diriv"):
        put(s / n, b"mine")
        eq(get(s / n), b"mine", "%s: %s in the view is an ordinary file" % (mode, n))
        os.unlink(s / n)
    ok(os.path.exists(os.path.join(s.cipher, "gocryptfs.conf")), "%s: the store's own config is untouched" % mode)


def strangers(s):
    """Entries of the store that are not ours are left out of listings and never make a directory unreadable."""
    put(s / "good", b"good")
    for n in (".nfs0000000123", "sync-conflict copy", "gocryptfs.diriv.rmdir.12345", "A" * 22):
        put(os.path.join(s.cipher, n), b"stranger")
    s.unmount().mount()
    eq(os.listdir(s.mnt), ["good"], "undecryptable entries are left out")
    for n in (".nfs0000000123", "sync-conflict copy", "gocryptfs.diriv.rmdir.12345", "A" * 22):
        os.unlink(os.path.join(s.cipher, n))


def identity(s):
    """One file, one inode number; names that are removed and made again are not mixed up."""
    put(s / "i1", b"1")
    os.link(s / "i1", s / "i2")
    eq(os.stat(s / "i1").st_ino, os.stat(s / "i2").st_ino, "hard links share their inode number")
    fd = os.open(s / "i1", os.O_RDWR)
    os.unlink(s / "i1"), os.unlink(s / "i2")
    for i in range(200):                # the backing file system will hand out numbers again
        put(s / "again", b"%d" % i)
        if get(s / "again") != b"%d" % i:
            ok(False, "a new file has its own content", i)
            break
        os.unlink(s / "again")
    else:
        ok(True, "200 files made and removed under one name, each with its own content")
    eq(os.pread(fd, 10, 0), b"1", "an open removed file is not mixed up with them")
    os.close(fd)
    for i in range(100):
        os.mkdir(s / "again")
        put(s / "again/f", b"%d" % i)
        os.unlink(s / "again/f")
        os.rmdir(s / "again")
        put(s / "again", b"file")
        os.unlink(s / "again")
    ok(True, "a name that is now a directory, now a file")


def inside(top, used):
    """What a program sees whose working directory is removed under it."""
    def answer(fn, *args):
        try:
            return fn(*args)
        except OSError as e:
            return errno.errorcode[e.errno]
    os.mkdir(top + "/home")
    if used:
        put(top + "/home/f", b"x"), os.unlink(top + "/home/f")
    os.chdir(top + "/home")
    os.rmdir(top + "/home")
    try:
        st = answer(os.stat, ".")
        return [st if isinstance(st, str) else (oct(st.st_mode), st.st_nlink), answer(os.listdir, "."), answer(os.mkdir, "again"),
                answer(os.open, "f", os.O_CREAT | os.O_WRONLY), answer(os.stat, "f"), answer(os.chmod, ".", 0o700)]
    finally:
        os.chdir("/")


def main():
    need_fuse()
    for mode, init in MODES.items():
        s = Store(*init).mount()
        for group in (names, directories, links, special, renames, reserved):
            sub(group, s, mode)
        s.unmount()
        rc, text = s.fsck()
        ok(rc == 0, "%s: fsck finds no fault" % mode, text)
    s = Store().mount()
    sub(strangers, s)
    sub(identity, s)
    native = os.path.join(T, "native")
    os.mkdir(native)
    for used in (True, False):
        eq(inside(s.mnt, used), inside(native, used), "who is in a directory that is removed sees what the file system below would show")
    done()


main()
