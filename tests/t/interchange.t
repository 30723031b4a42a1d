#!/usr/bin/env python3
"""The interchange matrix: every way of making a store that the Go gocryptfs offers, by direction, by class of file.

For each kind of store a tree with every file type and size class is written by one program and read by the other; the
other then changes it and the first reads that; both programs' -fsck must be content throughout. Prints the matrix as a
table (flags by direction by file class: number of things compared, or what differed).
"""
import errno
import hashlib
import os
import socket
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

# name, options of -init, options that a mount by master key needs besides (-init has none for the last rows)
KINDS = [
    ("default", (), ()),
    ("aessiv", ("-aessiv",), ("-aessiv",)),
    ("xchacha", ("-xchacha",), ("-xchacha",)),
    ("plaintextnames", ("-plaintextnames",), ("-plaintextnames",)),
    ("plaintextnames aessiv", ("-plaintextnames", "-aessiv"), ("-plaintextnames", "-aessiv")),
    ("plaintextnames xchacha", ("-plaintextnames", "-xchacha"), ("-plaintextnames", "-xchacha")),
    ("deterministic", ("-deterministic-names",), ("-deterministic-names",)),
    ("deterministic aessiv", ("-deterministic-names", "-aessiv"), ("-deterministic-names", "-aessiv")),
    ("deterministic xchacha", ("-deterministic-names", "-xchacha"), ("-deterministic-names", "-xchacha")),
    ("longnamemax 62", ("-longnamemax", "62"), ("-longnamemax", "62")),
    ("longnamemax 100", ("-longnamemax", "100"), ("-longnamemax", "100")),
    ("longnamemax 100 xchacha", ("-longnamemax", "100", "-xchacha"), ("-longnamemax", "100", "-xchacha")),
    ("deterministic longnamemax 62", ("-deterministic-names", "-longnamemax", "62"), ("-deterministic-names", "-longnamemax", "62")),
    ("hkdf=false", None, ("-hkdf=false",)),
    ("raw64=false", None, ("-raw64=false",)),
    ("hkdf=false raw64=false", None, ("-hkdf=false", "-raw64=false")),
    ("hkdf=false aessiv", None, ("-hkdf=false", "-aessiv")),
    ("hkdf=false raw64=false aessiv", None, ("-hkdf=false", "-raw64=false", "-aessiv")),
    ("raw64=false xchacha", None, ("-raw64=false", "-xchacha")),
    ("hkdf=false plaintextnames", None, ("-hkdf=false", "-plaintextnames")),
    ("raw64=false deterministic", None, ("-raw64=false", "-deterministic-names")),
]
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
SIZES = (0, 1, 17, 18, 4095, 4096, 4097, 12288, 1 << 20)
NAMES = (b"a", b"n" * 15, b"n" * 16, b"n" * 175, b"n" * 176, b"L" * 255, b"\xff\xfe not utf-8 \x80", "ümläut€".encode(),
         b" blank ", b"new\nline", b"\xff" * 255, b"q" * 62, b"gocryptfs.x")
CLASSES = ("sizes", "names", "dirs", "links", "special", "sparse", "xattrs", "meta")


class Kind:
    """One kind of store, mounted by either program."""

    def __init__(self, label, init, by_key):
        self.label, self.init, self.by_key = label, init, by_key

    def make(self, prog, name):
        s = Store(*(self.init or ()), prog=prog, name=name)
        if self.init is None and "-deterministic-names" in self.by_key or self.init is None and "-plaintextnames" in self.by_key:
            os.unlink(os.path.join(s.cipher, "gocryptfs.diriv"))
        return s

    def mount(self, s, prog):
        if self.init is None:
            return s.mount(*self.by_key, prog=prog, key=KEY)
        return s.mount(prog=prog)

    def fsck(self, s, prog):
        """Only where there is a config: -fsck has no options for the rest."""
        if self.init is None:
            return 0, ""
        return command([prog, "-fsck", "-passfile", PW, s.cipher], check=False)


# --- the tree: one function per class to make it, one to change it; "seen" reads all of it back ---------------------
def make(root, salt):
    for c in CLASSES:
        os.mkdir(os.path.join(root, c))
    p = lambda *n: os.path.join(root, *n)
    for n in SIZES:
        put(p("sizes", "s%d" % n), pattern(n, salt + n))
    for n in NAMES:
        put(os.path.join(os.fsencode(p("names")), n), n[:20] + b"%d" % salt)
    os.makedirs(p("dirs", "one", "D" * 200, "three"))
    put(p("dirs", "one", "D" * 200, "three", "leaf"), b"leaf")
    os.mkdir(p("dirs", "E" * 255)), os.mkdir(p("dirs", "empty"), 0o750)
    for i, t in enumerate(("x", "/absolute/" + "t" * 500, "../ümläut")):
        os.symlink(t, p("links", "sym%d" % i))
    os.symlink("long", p("links", "S" * 230))
    put(p("links", "hard1"), b"hard")
    os.link(p("links", "hard1"), p("links", "hard2")), os.link(p("links", "hard1"), p("links", "H" * 240))
    os.mkfifo(p("special", "fifo"), 0o640)
    cwd = os.getcwd()
    with socket.socket(socket.AF_UNIX) as k:
        os.chdir(p("special"))
        k.bind("sock")
        os.chdir(cwd)
    if os.geteuid() == 0:
        os.mknod(p("special", "chr"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod(p("special", "B" * 200), stat.S_IFBLK | 0o600, os.makedev(7, 1))
    for name, writes, size in (("hole at start", ((100000, 10),), None), ("hole at end", ((0, 10),), 1 << 20),
                               ("holes", ((0, 5000), (50000, 1), (400000, 9000)), 500001), ("only hole", (), 123456)):
        with open(p("sparse", name), "wb", buffering=0) as f:
            for off, n in writes:
                os.pwrite(f.fileno(), pattern(n, salt), off)
            if size:
                os.ftruncate(f.fileno(), size)
    put(p("xattrs", "f"), b"x"), os.mkdir(p("xattrs", "d"))
    for t in ("f", "d"):
        for name, value in (("user.one", b"value%d" % salt), ("user.empty", b""), ("user.binary", bytes(range(256))),
                            ("user.long" + "g" * 120, b"v" * 1500)):
            os.setxattr(p("xattrs", t), name, value)
    for m in (0o400, 0o644, 0o755, 0o1777, 0o000):
        put(p("meta", "m%o" % m), b"m"), os.chmod(p("meta", "m%o" % m), m)
    if os.geteuid() == 0:
        put(p("meta", "owned"), b"o"), os.chown(p("meta", "owned"), 1234, 5678)
    put(p("meta", "old"), b"old")
    os.utime(p("meta", "old"), ns=(1000000001, 1234567890987654321))


def change(root, salt):
    """What somebody else does to the tree: parts of files, names, kinds."""
    p = lambda *n: os.path.join(root, *n)
    for n in SIZES:
        with open(p("sizes", "s%d" % n), "r+b", buffering=0) as f:
            os.pwrite(f.fileno(), b"changed%d" % salt, n // 2)
            if n > 4096:
                os.ftruncate(f.fileno(), n - 4000)
            if n == 4096:
                os.ftruncate(f.fileno(), 9000)
        with open(p("sizes", "s%d" % n), "ab") as f:
            f.write(b"appended")
    names = os.fsencode(p("names"))
    os.rename(os.path.join(names, b"n" * 176), os.path.join(names, b"short now"))
    os.rename(os.path.join(names, b"a"), os.path.join(names, b"A" * 250))
    os.unlink(os.path.join(names, b"\xff" * 255))
    put(os.path.join(names, b"L" * 255), b"rewritten")
    os.rename(p("dirs", "one", "D" * 200), p("dirs", "empty"))
    os.rmdir(p("dirs", "E" * 255)), os.mkdir(p("dirs", "new" + "N" * 230))
    put(p("dirs", "new" + "N" * 230, "f"), b"f")
    os.unlink(p("links", "sym0")), os.symlink("changed", p("links", "sym0"))
    os.unlink(p("links", "hard1")), put(p("links", "H" * 240), b"through another name")
    os.rename(p("special", "fifo"), p("special", "F" * 222))
    for name in os.listdir(p("sparse")):
        with open(p("sparse", name), "r+b", buffering=0) as f:
            os.pwrite(f.fileno(), b"into the hole", 70001)
    os.setxattr(p("xattrs", "f"), "user.one", b"changed"), os.removexattr(p("xattrs", "f"), "user.empty")
    os.setxattr(p("xattrs", "d"), "user.new", b"new")
    os.chmod(p("meta", "m644"), 0o600)


def seen(root):
    """{class: {path: everything about it}}"""
    out = {}
    for c in CLASSES:
        out[c] = {}
        top = os.fsencode(os.path.join(root, c))
        todo = [top]
        while todo:
            d = todo.pop()
            for e in os.scandir(d):
                st = e.stat(follow_symlinks=False)
                what = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns,
                        st.st_nlink if not e.is_dir(follow_symlinks=False) else 0, st.st_rdev]
                if e.is_symlink():
                    what += [os.readlink(e.path), st.st_size]
                elif e.is_dir(follow_symlinks=False):
                    todo.append(e.path)
                elif e.is_file(follow_symlinks=False):
                    with open(e.path, "rb") as f:
                        data = f.read()
                    what += [st.st_size, len(data), hashlib.sha256(data).hexdigest()]
                if not e.is_symlink():
                    what.append({n: os.getxattr(e.path, n) for n in os.listxattr(e.path) if n.startswith("user.")})
                out[c][e.path[len(top):]] = what
    return out


def diff(want, got):
    """{class: number of things that agree, or text}"""
    out = {}
    for c in CLASSES:
        bad = [k for k in set(want[c]) | set(got[c]) if want[c].get(k) != got[c].get(k)]
        out[c] = str(len(want[c])) if not bad and want[c] else "DIFF: " + "; ".join(
            "%r: %s, wanted %s" % (k[:40], got[c].get(k), want[c].get(k)) for k in bad[:3])
    return out


def direction(kind, writer, reader, name):
    """Writer makes, reader reads and changes, writer reads. Returns the table's cells; {class: text}."""
    s = kind.make(writer, name)
    kind.mount(s, writer)
    make(s.mnt, 1)
    first = seen(s.mnt)
    s.unmount()
    kind.mount(s, reader)
    cells = diff(first, seen(s.mnt))
    change(s.mnt, 2)
    second = seen(s.mnt)
    s.unmount()
    kind.mount(s, writer)
    back = diff(second, seen(s.mnt))
    s.unmount()
    cells = {c: cells[c] + "+" + back[c] for c in CLASSES}
    for prog, who in ((GO, "Go"), (GCF, "our")):
        rc, text = kind.fsck(s, prog)
        cells[who + " fsck"] = "-" if kind.init is None else "clean" if rc == 0 else "DIFF: exit %d %s" % (rc, text[-600:])
    return cells


def main():
    need_fuse()
    version = go_version()
    if not version:
        (bail if CI else skip_all)("no Go gocryptfs at %s (package gocryptfs)" % GO)
    print("# the other program: " + version)
    columns = CLASSES + ("Go fsck", "our fsck")
    rows = []
    for i, spec in enumerate(KINDS):
        kind = Kind(*spec)
        for label, writer, reader in (("Go > ours > Go", GO, GCF), ("ours > Go > ours", GCF, GO)):
            try:
                cells = direction(kind, writer, reader, "k%d%s" % (i, label[0]))
            except Exception as e:      # noqa: a broken kind must not hide the others
                result(False, "%s, %s" % (kind.label, label), "%s: %s" % (type(e).__name__, e))
                rows.append((kind.label, label, {c: "?" for c in columns}))
                continue
            rows.append((kind.label, label, cells))
            for c in columns:
                if cells[c] != "-":
                    result("DIFF" not in cells[c], "%s, %s: %s" % (kind.label, label, c), cells[c])
    print("#\n# Interchange matrix: things of each class that agree when the second program reads what the first wrote")
    print("# + when the first reads what the second changed.")
    print("# %-30s %-17s" % ("flags", "direction") + "".join("%9s" % c for c in columns))
    for flags, label, cells in rows:
        print("# %-30s %-17s" % (flags, label) + "".join("%9s" % ("DIFF" if "DIFF" in cells[c] else cells[c]) for c in columns))
    done()


main()
