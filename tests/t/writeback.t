#!/usr/bin/env python3
"""-writeback: the kernel gathers writes; what is promised at fsync and close holds, and nothing else changes."""
import errno
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words


def stored(s):
    """Size of the one file of the store."""
    names = [n for n in os.listdir(s.cipher) if not n.startswith("gocryptfs.")]
    return os.path.getsize(os.path.join(s.cipher, names[0])) if names else None


def gathering(s):
    p = s / "f"
    fd = os.open(p, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for i in range(1000):
        os.write(fd, b"%03d " % i)
    eq((stored(s), os.fstat(fd).st_size, os.stat(p).st_size), (0, 4000, 4000), "small writes stay with the kernel, whose size counts")
    eq(get(p), b"".join(b"%03d " % i for i in range(1000)), "another reader sees them")
    os.fsync(fd)
    eq(stored(s), 18 + 32 + 4000, "fsync brings them to the store")
    os.write(fd, b"more")
    os.close(fd)
    eq(stored(s), 18 + 32 + 4004, "and so does close")
    os.unlink(p)


def random_writes(s):
    """Write-only, appending and truncating handles at once, against a bytearray; then the same after a remount."""
    for seed in range(3):
        rnd, want = random.Random(seed), bytearray()
        p = s / "r"
        w = os.open(p, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        a = os.open(p, os.O_WRONLY | os.O_APPEND)
        for _ in range(300):
            data = rnd.randbytes(rnd.choice((1, 3, 100, 4095, 4096, 4097, 9000)))
            what = rnd.random()
            if what < 0.3:
                os.write(a, data)
                want += data
            elif what < 0.9:
                off = rnd.randrange(0, 300000)
                os.pwrite(w, data, off)
                want.extend(b"\0" * (off + len(data) - len(want)))
                want[off:off + len(data)] = data
            elif what < 0.95:
                n = rnd.randrange(0, len(want) + 5000)
                os.ftruncate(w, n)
                want = want[:n] + b"\0" * (n - len(want))
            else:
                os.fsync(w)
        eq(get(p), bytes(want), "seed %d: content while still open" % seed)
        os.close(w), os.close(a)
        os.utime(p, ns=(1, 1234567890123456789))
        before = os.stat(p)
        s.unmount().mount()
        eq(get(p), bytes(want), "seed %d: content after a plain remount" % seed)
        after = os.stat(p)
        eq((after.st_size, after.st_mtime_ns), (before.st_size, before.st_mtime_ns), "seed %d: so are size and time" % seed)
        s.unmount().mount("-writeback")
        os.unlink(p)


def times(s):
    put(s / "t", b"")
    os.utime(s / "t", ns=(1, 1))        # else the kernel may find that its clock has not ticked since, and change nothing
    with open(s / "t", "r+b") as f:
        f.write(b"x" * 5000)
    t = os.stat(s / "t").st_mtime_ns
    s.unmount().mount("-writeback")
    eq(os.stat(s / "t").st_mtime_ns, t, "the time of a write is the same after a remount")
    os.unlink(s / "t")


def holes(s):
    with open(s / "h", "w+b", buffering=0) as f:
        os.ftruncate(f.fileno(), 1 << 20)
        os.pwrite(f.fileno(), b"data", 500000)
        at = os.lseek(f.fileno(), 0, os.SEEK_DATA)
        end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
        ok(at <= 500000 < end, "what is not yet written back never counts as a hole", (at, end))
    os.unlink(s / "h")


def set_id(s):
    if os.geteuid() != 0:
        skip("a write by another user clears the set-id bits", "not root")
        return
    put(s / "i", b"x")
    os.chmod(s / "i", 0o6777)
    subprocess.run([sys.executable, "-c", "import os, sys; os.setgid(65534); os.setuid(65534); f = os.open(sys.argv[1], os.O_WRONLY);"
                    " os.write(f, b'y'); os.close(f)", s / "i"], check=True)
    eq(oct(os.stat(s / "i").st_mode & 0o7777), "0o777", "a write by another user clears the set-id bits")
    os.unlink(s / "i")


def killed(s):
    fd = os.open(s / "k", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(fd, pattern(100000))
    os.fsync(fd)
    put(s / "closed", pattern(50000))
    for pid in pids_naming(s.mnt):
        os.kill(pid, signal.SIGKILL)
    try:
        os.close(fd)
    except OSError:
        pass
    subprocess.run(["fusermount3", "-u", "-z", s.mnt], stderr=subprocess.DEVNULL)
    wait_for(lambda: not is_mounted(s.mnt))
    s.mount()
    eq((get(s / "k"), get(s / "closed")), (pattern(100000), pattern(50000)), "what fsync or close acknowledged outlives a killed daemon")
    s.unmount()


def full_disk():
    if os.geteuid() != 0:
        skip("a full disk is reported by fsync", "not root: no tmpfs")
        return
    base = os.path.join(T, "small")
    os.mkdir(base)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "none", base], check=True)
    s = Store(create=False)
    s.cipher = os.path.join(base, "c")
    os.mkdir(s.cipher)
    command([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, s.cipher])
    s.mount("-writeback")
    fd = os.open(s / "big", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(fd, pattern(4 << 20))
    fails(errno.ENOSPC, "a full disk is reported by fsync", os.fsync, fd)
    try:
        os.close(fd)
    except OSError:
        pass
    os.truncate(s / "big", 0)
    put(s / "after", pattern(100000))
    s.unmount().mount()
    eq(get(s / "after"), pattern(100000), "and once there is room everything goes on")
    s.unmount()
    subprocess.run(["umount", base], check=True)


def refusals(s):
    other = os.path.join(T, "other")
    os.mkdir(other)
    rc, text = command([GCF, "-q", "-passfile", PW, "-writeback", "-sharedstorage", s.cipher, other], check=False)
    eq((rc, "-writeback" in text or "writeback" in text), (1, True), "-writeback with -sharedstorage is refused")
    s.mount()
    rc, text = command([GCF, "-q", "-passfile", PW, "-writeback", s.cipher, other], check=False)
    eq((rc, is_mounted(other)), (19, False), "-writeback is refused while the store is mounted elsewhere")
    s.unmount()


need_fuse()
os.chmod(T, 0o755)
s = Store().mount("-writeback", *(["-allow_other"] if os.geteuid() == 0 else []))
gathering(s)
set_id(s)
s.unmount().mount("-writeback")
random_writes(s)
times(s)
holes(s)
killed(s)
full_disk()
refusals(s)
done()
