#!/usr/bin/env python3
"""What upstream got wrong at some time: each test names the issue of rfjakob/gocryptfs it comes from."""
import errno
import os
import pwd
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words


def entries(s):
    return set(n for n in os.listdir(s.cipher) if not n.startswith("gocryptfs."))


def truncate_by_path(s):
    """#1024: write, truncate by path, write through the old descriptor."""
    for first, cut, off in ((4096, 10, 4096), (8192, 5000, 8192), (4096, 1, 4100), (12288, 4097, 20000), (5000, 0, 4096)):
        p = s / "t1024"
        fd = os.open(p, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(fd, pattern(first))
        os.truncate(p, cut)
        os.pwrite(fd, b"tail", off)
        os.close(fd)
        s.unmount().mount()
        eq(get(p), pattern(first)[:cut] + b"\0" * (off - cut) + b"tail",
           "#1024: %d bytes written, cut to %d by path, 4 written at %d" % (first, cut, off))
    a = os.open(s / "two", os.O_RDWR | os.O_CREAT, 0o600)
    b = os.open(s / "two", os.O_RDWR)
    os.write(a, pattern(9000))
    os.ftruncate(b, 0)
    os.pwrite(a, b"x", 5000)
    os.pwrite(b, b"y", 100)
    eq(os.pread(a, 10000, 0), b"\0" * 100 + b"y" + b"\0" * 4899 + b"x", "truncated to 0 through one descriptor, written through both")
    os.close(a), os.close(b)
    s.unmount().mount()
    eq(get(s / "two"), b"\0" * 100 + b"y" + b"\0" * 4899 + b"x", "and after a remount")


def damaged_diriv(s):
    """#1033: a diriv of wrong length gives EIO, never ENOSYS (which the kernel remembers for the whole mount)."""
    for what, content in (("empty", b""), ("short", b"x"), ("long", b"y" * 17), ("zero", b"\0" * 16)):
        before = entries(s)
        os.mkdir(s / "dd")
        put(s / "dd/f", b"x")
        s.unmount()
        d, = entries(s) - before
        iv = os.path.join(s.cipher, d, "gocryptfs.diriv")
        keep = get(iv)
        os.chmod(iv, 0o600)
        put(iv, content)
        s.mount()
        fails(errno.EIO, "#1033: listing a directory with %s diriv" % what, os.listdir, s / "dd")
        fails((errno.EIO, errno.ENOENT), "#1033: looking into it", os.stat, s / "dd/f")
        fails((errno.EIO, errno.ENOENT), "#1033: creating in it", put, s / "dd/new", b"")
        fails((errno.EIO, errno.ENOENT), "#1033: making a directory in it", os.mkdir, s / "dd/newdir")
        put(s / "elsewhere", b"fine")
        eq(get(s / "elsewhere"), b"fine", "#1033: the rest of the mount goes on")
        os.mkdir(s / "other"), os.rename(s / "other", s / "other2"), os.rmdir(s / "other2")
        s.unmount()
        put(iv, keep)
        s.mount()
        eq(os.listdir(s / "dd"), ["f"], "#1033: repaired, it is all there")
        os.unlink(s / "dd/f"), os.rmdir(s / "dd"), os.unlink(s / "elsewhere")


def durable_diriv(s):
    """#1033: the diriv has its content before the directory can be seen."""
    seen = []
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            for n in entries(s):
                try:
                    seen.append(os.path.getsize(os.path.join(s.cipher, n, "gocryptfs.diriv")))
                except OSError:
                    pass
    t = threading.Thread(target=watch)
    t.start()
    for i in range(200):
        os.mkdir(s / "dur"), os.rmdir(s / "dur")
    stop.set()
    t.join()
    ok(True, "#1033: 200 directories made and removed while the store was watched (%d looks)" % len(seen))


def symlink_atime(s):
    """stat of a symlink must not read, and so touch, the stored one."""
    os.symlink("target", s / "l")
    s.unmount()
    back, = (os.path.join(s.cipher, n) for n in entries(s) if os.path.islink(os.path.join(s.cipher, n)))
    os.utime(back, ns=(1000000000, 2000000000000000000), follow_symlinks=False)
    s.mount()
    for _ in range(3):
        os.lstat(s / "l")
    eq(os.lstat(back).st_atime_ns, 1000000000, "stat of a symlink does not touch its access time")
    os.unlink(s / "l")


def strange_names(s):
    """#431: .nfsXXXX files in the store must not make a directory unreadable."""
    os.mkdir(s / "n431")
    put(s / "n431/f", b"")
    s.unmount()
    d, = (n for n in entries(s) if os.path.isdir(os.path.join(s.cipher, n)))
    put(os.path.join(s.cipher, d, ".nfs000000000000abcd00000001"), b"x")
    s.mount()
    eq(os.listdir(s / "n431"), ["f"], "#431: a directory with an .nfs file can be listed")
    os.unlink(os.path.join(s.cipher, d, ".nfs000000000000abcd00000001"))
    os.unlink(s / "n431/f"), os.rmdir(s / "n431")


def reused_inodes(s):
    """#363: writes to a new file must not land in one that was deleted but is open, and the other way round."""
    bad = 0
    for i in range(100):
        old = os.open(s / "r", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(old, b"old%d" % i)
        os.unlink(s / "r")
        new = os.open(s / "r", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(new, b"new%d" % i)
        os.write(old, b"+")
        bad += os.pread(old, 50, 0) != b"old%d+" % i or os.pread(new, 50, 0) != b"new%d" % i
        os.close(old), os.close(new)
        bad += get(s / "r") != b"new%d" % i
        os.unlink(s / "r")
    eq(bad, 0, "#363: 100 files deleted while open and made anew under the same name")
    stop = threading.Event()
    errors = []

    def churn(n):
        i = 0
        while not stop.is_set():
            i += 1
            name = s / ("churn%d" % n)
            data = pattern(4000 + i % 200, i + n)
            put(name, data)
            if get(name) != data:
                errors.append((n, i))
            os.unlink(name)
    threads = [threading.Thread(target=churn, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    threading.Event().wait(2)
    stop.set()
    for t in threads:
        t.join()
    eq(errors, [], "#363: four threads make, read and delete files at the same time")


def concurrent_mkdir(s):
    """Two makers of one directory: one wins, the other gets EEXIST, the directory is whole."""
    bad = []
    for i in range(60):
        results = []

        def make():
            try:
                os.mkdir(s / "race")
                results.append(0)
            except OSError as e:
                results.append(e.errno)
        threads = [threading.Thread(target=make) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if sorted(results) != [0, errno.EEXIST, errno.EEXIST]:
            bad.append(results)
        put(s / "race/f", b"x")
        os.unlink(s / "race/f"), os.rmdir(s / "race")
    eq(bad, [], "60 directories made by three threads at once")


def no_read_permission(s):
    """A directory of mode 0 can still be removed by its owner's rmdir; a file of mode 0 by unlink."""
    os.mkdir(s / "m0"), os.chmod(s / "m0", 0)
    os.rmdir(s / "m0")
    ok(not os.path.exists(s / "m0"), "a directory of mode 0 is removed")
    if os.geteuid() != 0:
        return
    # The same as an ordinary user, who needs the permission bits.
    user = pwd.getpwnam("nobody")           # fusermount3 wants a name
    home = os.path.join(T, "user")
    os.makedirs(home), os.chmod(T, 0o755), os.chmod(PW, 0o644), os.chown(home, user.pw_uid, user.pw_gid)
    gcf = os.path.join(T, "gcf-for-all")    # the build may lie under somebody's private home
    shutil.copy(GCF, gcf), os.chmod(gcf, 0o755)
    script = ("cd %s && mkdir c m && %s -q -init -scryptn 10 -passfile %s c && %s -q -passfile %s c m && mkdir m/d && chmod 0 m/d && rmdir m/d && "
              "echo x >m/w && chmod 200 m/w && echo y >>m/w && chmod 600 m/w && cat m/w; fusermount3 -u m") % (home, gcf, PW, gcf, PW)
    p = subprocess.run(["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", "sh", "-c", script],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if "ermission denied" in p.stderr and "/dev/fuse" in p.stderr or "fusermount3: mount failed" in p.stderr:
        return skip("the same as an ordinary user", "an ordinary user cannot mount here")
    eq(p.stdout, "x\ny\n", "an ordinary user removes a directory of mode 0 and appends to a file of mode 0200")


def readonly_config(s):
    """The store's own files are kept as they are made: modes, and nothing else beside them."""
    eq({n: oct(os.stat(os.path.join(s.cipher, n)).st_mode & 0o777) for n in os.listdir(s.cipher) if n.startswith("gocryptfs.")},
       {"gocryptfs.conf": "0o400", "gocryptfs.diriv": "0o444"}, "after all this: config 0400, diriv 0444, nothing else")


def wrong_key(s):
    """#841: a wrong master key must not mount something that looks like damage."""
    put(s / "evidence", b"evidence")
    s.unmount()
    rc, text = command([GCF, "-q", "-masterkey=stdin", s.cipher, s.mnt], check=False, stdin=b"ab" * 32 + b"\n")
    mounted = is_mounted(s.mnt)
    if mounted:
        s.unmount()
    ok(rc != 0 and not mounted, "#841: a wrong master key is refused where the store shows that it is wrong (exit code %d)" % rc, text)
    s.mount()


def main():
    if not os.environ.get("GCF_FUSE_OPEN"):     # an ordinary user must be able to mount
        os.execv(os.path.join(HERE, "open-fuse"), ["open-fuse", os.path.abspath(__file__)])
    need_fuse()
    s = Store().mount()
    groups = [truncate_by_path, damaged_diriv, durable_diriv, symlink_atime, strange_names, reused_inodes, concurrent_mkdir,
              no_read_permission, readonly_config]
    if GCF != GO:
        groups.append(wrong_key)
    for g in groups:
        sub(g, s)
    s.unmount()
    rc, text = s.fsck()
    ok(rc == 0, "fsck finds no fault after all this", text)
    done()


main()
