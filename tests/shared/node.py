#!/usr/bin/env python3
"""node.py - one node of the shared-store tests: mounts a store in a mount namespace of its own and runs access patterns.

   node.py CIPHERDIR MOUNTPOINT PASSFILE PROGRAM [OPTION...]      commands and answers are lines of JSON on stdin and stdout

Started by cluster.py under unshare(1). A pattern is a function p_NAME(n, ...): it does its operations on this node only and
returns counts; what comes of all nodes together is judged by check.py.
"""
import errno
import fcntl
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import time


class Node:
    def __init__(self, cipher, mnt, passfile, program, options):
        self.cipher, self.mnt, self.options = cipher, mnt, options
        self.cmd = [program, "-fg", "-q", "-passfile", passfile] + options + [cipher, mnt]
        self.id, self.n, self.daemon = 0, 1, None
        self.files = {}

    def path(self, name):
        return os.path.join(self.mnt, name)

    def mount(self):
        self.log = open("/dev/null", "wb") if not os.environ.get("GCF_NODE_LOG") else \
            open("%s.%d" % (os.environ["GCF_NODE_LOG"], os.getpid()), "ab")
        dev = os.stat(self.mnt).st_dev
        self.daemon = subprocess.Popen(self.cmd, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 60
        while os.stat(self.mnt).st_dev == dev:
            if self.daemon.poll() is not None or time.monotonic() > end:
                raise RuntimeError("%s: mount failed (%s)" % (self.cmd, self.daemon.poll()))
            time.sleep(0.01)

    def unmount(self):
        """A daemon that will not end is a defect: the exception tells what it waits in."""
        if not self.daemon:
            return
        for fd in self.files.values():      # or the mount is busy
            try:
                os.close(fd)
            except OSError:                 # of a daemon that was killed since
                pass
        self.files = {}
        d, self.daemon = self.daemon, None
        for _ in range(200):
            p = subprocess.run(["fusermount3", "-u", self.mnt], stderr=subprocess.PIPE, text=True)
            if "busy" not in p.stderr:
                break
            time.sleep(0.1)     # the Go program opens a file of its own there once it is mounted
        try:
            d.wait(20)
        except subprocess.TimeoutExpired:
            where = subprocess.run("cat /proc/%d/task/*/wchan" % d.pid, shell=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            d.kill()
            d.wait()
            raise RuntimeError("the daemon of %s outlived its unmount (%s) by 20 s, in %s" %
                               (self.cipher, p.stderr.strip() or "which succeeded", where.stdout))
        finally:
            subprocess.run(["umount", "-l", self.mnt], stderr=subprocess.DEVNULL)


def record(index, size):
    """A record that tells of itself in every 8 bytes."""
    word = struct.pack("<Q", index + 1)
    return (word * (size // 8 + 1))[:size]


class Count:
    def __init__(self):
        self.ops = self.errors = 0
        self.what = {}

    def error(self, e, legal=(), doing=""):
        name = doing + errno.errorcode.get(e.errno, str(e.errno))
        if e.errno in legal:
            return
        self.errors += 1
        self.what[name] = self.what.get(name, 0) + 1

    def answer(self, **more):
        return dict(ops=self.ops, errors=self.errors, what=self.what, **more)


# --- patterns ------------------------------------------------------------------------------------------------------------
def p_strided(n, name, size, count, **_):
    c = Count()
    fd = os.open(n.path(name), os.O_RDWR | os.O_CREAT, 0o644)
    for k in range(count):
        i = k * n.n + n.id
        c.ops += 1
        try:
            if os.pwrite(fd, record(i, size), i * size) != size:
                raise OSError(errno.EIO, "short")
        except OSError as e:
            c.error(e)
    try:
        os.close(fd)
    except OSError as e:
        c.error(e)
    return c.answer()


def p_strided_check(n, name, size, count, **_):
    """Reads the whole file; how many records are wrong, and how many cannot be read."""
    wrong, bad = [], []
    fd = os.open(n.path(name), os.O_RDONLY)
    for i in range(count):
        try:
            if os.pread(fd, size, i * size) != record(i, size):
                wrong.append(i)
        except OSError:
            bad.append(i)
    os.close(fd)
    return dict(wrong=wrong, bad=bad, size=os.stat(n.path(name)).st_size)


def p_append(n, name, size, count, **_):
    c = Count()
    try:
        fd = os.open(n.path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as e:
        c.ops = count
        c.errors = count
        c.what["open " + errno.errorcode[e.errno]] = 1
        return c.answer()
    for k in range(count):
        line = b"%d %d " % (n.id, k)
        line += b"." * (size - len(line) - 1) + b"\n"
        c.ops += 1
        try:
            if os.write(fd, line) != size:
                raise OSError(errno.EIO, "short")
        except OSError as e:
            c.error(e)
    try:
        os.close(fd)
    except OSError as e:
        c.error(e)
    return c.answer()


def p_append_check(n, name, size, count, writers, **_):
    wrong, seen = 0, [set() for _ in range(writers)]
    last = [-1] * writers
    try:
        with open(n.path(name), "rb") as f:
            while True:
                line = f.read(size)
                if not line:
                    break
                try:
                    who, k, rest = line.split(b" ", 2)
                    who, k = int(who), int(k)
                    good = len(line) == size and rest == b"." * (len(rest) - 1) + b"\n" and k > last[who]
                except (ValueError, IndexError):
                    good = False
                if good:
                    seen[who].add(k)
                    last[who] = k
                else:
                    wrong += 1
        unreadable = 0
    except OSError:
        unreadable = 1
    return dict(wrong=wrong, lost=sum(count - len(s) for s in seen), unreadable=unreadable)


def p_create(n, prefix, count, **_):
    """Every node opens every name with O_CREAT and writes its own block."""
    c = Count()
    for k in range(count):
        c.ops += 1
        try:
            fd = os.open(n.path("%s%d" % (prefix, k)), os.O_RDWR | os.O_CREAT, 0o644)
            os.pwrite(fd, record(n.id, 100), n.id * 100)
            os.close(fd)
        except OSError as e:
            c.error(e)
    return c.answer()


def p_create_check(n, prefix, count, writers, **_):
    wrong, c = 0, Count()
    for k in range(count):
        try:
            with open(n.path("%s%d" % (prefix, k)), "rb") as f:
                if f.read() != b"".join(record(i, 100) for i in range(writers)):
                    wrong += 1
        except OSError as e:
            c.error(e)
    return dict(wrong=wrong, bad=c.errors, what=c.what)


def p_excl(n, prefix, count, **_):
    c, won = Count(), []
    for k in range(count):
        c.ops += 1
        try:
            os.close(os.open(n.path("%s%d" % (prefix, k)), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))
            won.append(k)
        except OSError as e:
            c.error(e, (errno.EEXIST,))
    return c.answer(won=won)


def p_storm(n, top, count, seed, **_):
    """Names made, renamed and removed in one directory by all nodes: every answer must be one that a single machine could
    give, and nothing may be left half done."""
    c, r = Count(), random.Random(seed * 100 + n.id)
    names = ["s%d" % i for i in range(4)] + ["long%d" % i + "x" * 200 for i in range(4)]
    gone = (errno.ENOENT, errno.ESTALE, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY)
    os.makedirs(n.path(top), exist_ok=True)

    def make(p):
        fd = os.open(p, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(fd, b"x")
        finally:
            os.close(fd)

    def symlink(p):
        os.symlink("target", p)

    def put_in(p):
        os.close(os.open(os.path.join(p, r.choice(names)), os.O_WRONLY | os.O_CREAT, 0o644))

    for _i in range(count):
        p, q = (n.path(os.path.join(top, r.choice(names))) for _j in range(2))
        what = r.choice((make, make, os.mkdir, os.mkdir, os.rmdir, os.rmdir, os.unlink, os.unlink, put_in,
                         os.rename, os.link, symlink, os.lstat, os.listdir))
        c.ops += 1
        try:
            what(*((p, q) if what in (os.rename, os.link) else (p,)))
        except OSError as e:
            # EINVAL: a directory into itself; EPERM: a hard link of a directory; ELOOP: open of a symbolic link to nothing
            c.error(e, gone + ((errno.EPERM,) if e.errno == errno.EPERM else ()), "%s(%.6s) " % (what.__name__, os.path.basename(p)))
    return c.answer()


def listing(n, top):
    out = []
    for base, dirs, names in os.walk(n.path(top)):
        for x in sorted(dirs + names):
            st = os.lstat(os.path.join(base, x))
            out.append("%s %o" % (os.path.relpath(os.path.join(base, x), n.mnt), st.st_mode))
    return sorted(out)


def p_listing(n, top, **_):
    return dict(list=listing(n, top))


def p_remove(n, top, **_):
    left = 0
    for base, dirs, names in os.walk(n.path(top), topdown=False):
        for x in names + [d for d in dirs if os.path.islink(os.path.join(base, d))]:
            os.unlink(os.path.join(base, x))
        for d in dirs:
            if os.path.isdir(os.path.join(base, d)) and not os.path.islink(os.path.join(base, d)):
                os.rmdir(os.path.join(base, d))
        left = len(os.listdir(base))
    os.rmdir(n.path(top))
    return dict(left=left)


def p_truncate(n, name, count, seed, **_):
    """Node 0 truncates, the others write 'w' and read back: only 'w' and 0 may ever be seen."""
    c, r, wrong = Count(), random.Random(seed * 100 + n.id), 0
    fd = os.open(n.path(name), os.O_RDWR | os.O_CREAT, 0o644)
    for _i in range(count):
        c.ops += 1
        try:
            if n.id == 0:
                os.ftruncate(fd, r.randrange(30000))
            elif r.random() < 0.6:
                os.pwrite(fd, b"w" * r.randrange(1, 10000), r.randrange(20000))
            else:
                got = os.pread(fd, 9000, r.randrange(20000))
                wrong += got.strip(b"w\0") != b""
        except OSError as e:
            c.error(e)
    os.close(fd)
    return c.answer(wrong=wrong)


def p_versions(n, name, count, seed, mapped=True, **_):
    """Close-to-open: node 0 writes version v, closes, then announces v; whoever has read the announcement opens the file
    and must find that version or a later one, whole in every block, by read and through mmap."""
    c, wrong = Count(), 0
    data, told = n.path(name), n.path(name + ".told")
    if n.id == 0:
        fd = os.open(data, os.O_RDWR | os.O_CREAT, 0o644)
        for v in range(1, count + 1):
            c.ops += 1
            try:
                os.pwrite(fd, record(v, 3 * 4096), 0)
                os.close(fd)
                with open(told + ".new", "wb") as f:
                    f.write(b"%d" % v)
                os.rename(told + ".new", told)
                fd = os.open(data, os.O_RDWR)
            except OSError as e:
                c.error(e)
        os.close(fd)
        return c.answer(wrong=0)
    end = time.monotonic() + 120
    v = 0
    while v < count and time.monotonic() < end:
        c.ops += 1
        try:
            with open(told, "rb") as f:
                before, v = v, int(f.read() or b"0")
            time.sleep(0.001 if v == before else 0)     # let node 0 get on
            fd = os.open(data, os.O_RDONLY)
            got = [os.pread(fd, 3 * 4096, 0)]
            if mapped:
                with mmap.mmap(fd, 3 * 4096, mmap.MAP_SHARED if n.options[-1] != "-sharedstorage=strict" else
                               mmap.MAP_PRIVATE, mmap.PROT_READ) as m:
                    got.append(m[:])
            os.close(fd)
            for text in got:
                for b in range(0, 3 * 4096, 4096):
                    w = struct.unpack("<Q", text[b:b + 8])[0] - 1
                    wrong += w < v or text[b:b + 4096] != record(w, 4096)
        except (OSError, ValueError) as e:
            if isinstance(e, OSError):
                # ESTALE: the name was replaced twice while it was being opened (site-docs/concurrency.md)
                c.error(e, (errno.ESTALE, errno.ENOENT) if v == 0 else (errno.ESTALE,))
    if v < count:
        c.errors += 1
        c.what["never saw the last version"] = 1
    return c.answer(wrong=wrong)


def p_locked(n, name, count, kind, **_):
    """A counter incremented under an application lock."""
    c = Count()
    fd = os.open(n.path(name), os.O_RDWR | os.O_CREAT, 0o644)
    for _i in range(count):
        c.ops += 1
        try:
            (fcntl.lockf if kind == "fcntl" else fcntl.flock)(fd, fcntl.LOCK_EX)
            # through the descriptor that was open all the time: taking the lock must be enough to see the others' writes
            value = int(os.pread(fd, 20, 0) or b"0")
            os.pwrite(fd, b"%020d" % (value + 1), 0)
            (fcntl.lockf if kind == "fcntl" else fcntl.flock)(fd, fcntl.LOCK_UN)
        except OSError as e:
            c.error(e)
    os.close(fd)
    return c.answer()


def p_history(n, name, count, seed, slots, size, **_):
    """Random reads and writes of slots that lie across each other's blocks; everything is recorded with its times."""
    r, log = random.Random(seed * 100 + n.id), []
    fd = os.open(n.path(name), os.O_RDWR | os.O_CREAT, 0o644)
    for k in range(count):
        slot, write = r.randrange(slots), r.random() < 0.5
        value = n.id * 1000000 + k
        begin = time.monotonic_ns()
        try:
            if write:
                os.pwrite(fd, record(value, size), slot * size)
            else:
                other = os.open(n.path(name), os.O_RDONLY)
                got = os.pread(other, size, slot * size)
                os.close(other)
                first = struct.unpack("<Q", got[:8])[0] - 1 if len(got) == size else -1
                # -1: zeros (never written); None: pieces of different writes
                value = first if got == (record(first, size) if first >= 0 else bytes(size)) or not got else None
                if value is None:
                    parts = {struct.unpack("<Q", got[i:i + 8])[0] - 1 for i in range(0, len(got) - 7, 8)}
                    value = sorted(parts)
        except OSError as e:
            value = errno.errorcode[e.errno]
        log.append((begin, time.monotonic_ns(), "w" if write else "r", slot, value))
    os.close(fd)
    return dict(log=log)


def p_names(n, top, count, seed, **_):
    """O_EXCL creation and unlink of a few names; which succeeded."""
    r, made, gone, c = random.Random(seed * 100 + n.id), {}, {}, Count()
    for _i in range(count):
        name = r.choice(("a", "b", "n" * 230))
        c.ops += 1
        try:
            if r.random() < 0.5:
                os.close(os.open(n.path(os.path.join(top, name)), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                made[name] = made.get(name, 0) + 1
            else:
                os.unlink(n.path(os.path.join(top, name)))
                gone[name] = gone.get(name, 0) + 1
        except OSError as e:
            c.error(e, (errno.ENOENT, errno.EEXIST))
    return c.answer(made=made, gone=gone)


def p_killed(n, name, size, seconds, seed, victim, log=False, **_):
    """Strided records, or appended ones, until the time is up; the victim's daemon dies in the middle. Tells which were
    acknowledged and which refused; the victim stops at its first refused one, which was in flight."""
    fd = os.open(n.path(name), os.O_RDWR | os.O_CREAT | (os.O_APPEND if log else 0), 0o644)  # before the mount can be gone
    r, end, k, acked, refused = random.Random(seed), time.monotonic() + seconds, 0, [], []
    pid = os.fork() if n.id == victim else 0
    if pid:
        time.sleep(r.uniform(0.05, seconds))
        os.kill(n.daemon.pid, signal.SIGKILL)
        n.daemon.wait()
        try:
            os.close(fd)
        except OSError:     # there is nobody to tell of it any more
            pass
        os.waitpid(pid, 0)
        subprocess.run(["umount", "-l", n.mnt], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while os.path.ismount(n.mnt) and time.monotonic() < end:
            time.sleep(0.01)
        n.mount()
        with open(n.cipher + ".acked", "r") as f:
            return json.load(f)
    while time.monotonic() < end and k * size < 40 << 20 and not (refused and n.id == victim):
        i = k * n.n + n.id
        try:
            if (os.write(fd, record(i, size)) if log else os.pwrite(fd, record(i, size), i * size)) != size:
                raise OSError(errno.EIO, "short")   # the kernel had sent it in two parts
            acked.append(i)
        except OSError:
            refused.append(i)
        k += 1
    answer = dict(acked=acked, refused=refused)
    if n.id == victim:
        with open(n.cipher + ".acked", "w") as f:
            json.dump(answer, f)
        os._exit(0)
    os.close(fd)
    return answer


def p_read_log(n, name, size, **_):
    """The records of `size` bytes, a divisor of 4096, in the order they lie there, and which blocks cannot be read."""
    found, bad, wrong = [], [], 0
    fd = os.open(n.path(name), os.O_RDONLY)
    for block in range((os.fstat(fd).st_size + 4095) // 4096):
        try:
            got = os.pread(fd, 4096, block * 4096)
        except OSError:
            bad.append(block)
            continue
        for at in range(0, len(got), size):
            i = struct.unpack("<Q", got[at:at + 8])[0] - 1
            found.append(i)
            wrong += got[at:at + size] != record(i, size) if i >= 0 else 1
    os.close(fd)
    return dict(found=found, bad=bad, wrong=wrong)


def p_read_records(n, name, size, records, **_):
    """Which of these records are not what they should be."""
    wrong = []
    fd = os.open(n.path(name), os.O_RDONLY)
    for i in records:
        try:
            if os.pread(fd, size, i * size) != record(i, size):
                wrong.append(i)
        except OSError:
            wrong.append(i)
    os.close(fd)
    return dict(wrong=wrong)


def p_op(n, op, name, off=0, size=0, fill=0, keep=False, **_):
    """One step of fsx. keep: the descriptor stays open from step to step."""
    p = n.path(name)
    fd = n.files.get(name) if keep else None
    if fd is None:
        fd = os.open(p, os.O_RDWR | os.O_CREAT | (os.O_APPEND if op == "append" and not keep else 0), 0o644)
    got = None
    if op == "write":
        os.pwrite(fd, bytes([fill]) * size, off)
    elif op == "append":
        other = os.open(p, os.O_WRONLY | os.O_APPEND)
        os.write(other, bytes([fill]) * size)
        os.close(other)
    elif op == "truncate":
        os.ftruncate(fd, size)
    elif op == "mapwrite":
        with mmap.mmap(fd, 0) as m:
            m[off:off + size] = bytes([fill]) * size
            m.flush()
    elif op == "fallocate":
        os.posix_fallocate(fd, off, size)
    elif op == "read":
        got = os.pread(fd, size, off).hex()
    elif op == "mapread":
        with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as m:
            got = m[off:off + size].hex()
    elif op == "size":
        got = os.fstat(fd).st_size
    if keep:
        n.files[name] = fd
    else:
        os.close(fd)
    return dict(got=got)


def p_unlink(n, name, **_):
    os.unlink(n.path(name))
    return {}


def p_mapappend(n, name, count, **_):
    """A page of a mapping goes back through whichever open file the kernel picks: not to the end, if that one appends."""
    c = Count()
    path = n.path(name)
    with open(path, "wb") as f:
        f.write(bytes(8192))
    want = bytearray(8192)
    for k in range(count):
        fd = os.open(path, os.O_RDWR)
        log = os.open(path, os.O_WRONLY | os.O_APPEND)
        m = mmap.mmap(fd, 8192)
        m[k % 8192] = want[k % 8192] = 1 + k % 255
        os.close(fd)            # only the appending one is left to write through
        m.flush()
        m.close()
        os.write(log, b"%03d" % (k % 1000))
        want += b"%03d" % (k % 1000)
        os.close(log)
        c.ops += 1
    with open(path, "rb") as f:
        return c.answer(wrong=int(f.read() != bytes(want)))


def p_sum(n, **_):
    """SHA-256 of every file."""
    import hashlib
    out = {}
    for base, _dirs, names in os.walk(n.mnt):
        for x in names:
            p = os.path.join(base, x)
            try:
                if os.path.islink(p):
                    out[os.path.relpath(p, n.mnt)] = os.readlink(p)
                else:
                    with open(p, "rb") as f:
                        out[os.path.relpath(p, n.mnt)] = hashlib.sha256(f.read()).hexdigest()
            except OSError as e:
                out[os.path.relpath(p, n.mnt)] = errno.errorcode[e.errno]
    return dict(sums=out)


def p_speed(n, name, size, count, shared_offsets, seconds=0, **_):
    """Writes count records of its own part of the file (or until the time is up), for the cost table."""
    buf = os.urandom(size)
    fd = os.open(n.path(name), os.O_RDWR | os.O_CREAT, 0o644)
    t0, k = time.monotonic(), 0
    while (time.monotonic() - t0 < seconds) if seconds else k < count:
        i = (k % count) * n.n + n.id if shared_offsets else n.id * count + k % count
        os.pwrite(fd, buf, i * size)
        k += 1
    os.close(fd)
    return dict(bytes=k * size, ops=k, seconds=time.monotonic() - t0)


def p_readspeed(n, name, size, count, **_):
    fd = os.open(n.path(name), os.O_RDONLY)
    t0 = time.monotonic()
    for k in range(count):
        os.pread(fd, size, k * size)
    t0 = time.monotonic() - t0
    os.close(fd)
    return dict(rate=count * size / t0)


def p_small(n, prefix, count, what, **_):
    for k in range(count):
        p = n.path("%s%d" % (prefix, k))
        if what == "create":
            with open(p, "wb") as f:
                f.write(bytes(2000))
        elif what == "read":
            with open(p, "rb") as f:
                f.read()
        elif what == "stat":
            os.stat(p)
        else:
            os.unlink(p)
    return {}


def main():
    n = Node(*sys.argv[1:5], sys.argv[5:])
    answer = dict(ready=True)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    while True:
        out.write(json.dumps(answer) + "\n")
        out.flush()
        line = sys.stdin.readline()
        cmd = json.loads(line) if line else dict(cmd="quit")
        try:
            if cmd["cmd"] == "quit":
                n.unmount()
                return 0
            if cmd["cmd"] == "mount":
                n.id, n.n = cmd["id"], cmd["n"]
                n.mount()
                answer = dict(pid=n.daemon.pid)
            elif cmd["cmd"] == "unmount":
                n.unmount()
                answer = {}
            else:
                time.sleep(max(0, cmd.get("at", 0) - time.monotonic()))
                answer = globals()["p_" + cmd["cmd"]](n, **cmd.get("args", {}))
        except Exception as e:      # noqa: whatever went wrong is the answer
            answer = dict(failed="%s: %s" % (type(e).__name__, e))
            if cmd["cmd"] == "quit":
                print(answer["failed"], file=sys.stderr)
                return 1


if __name__ == "__main__":
    sys.exit(main())
