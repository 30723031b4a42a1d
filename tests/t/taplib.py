"""taplib - what the Python tests share: TAP lines, stores in a temporary directory, mounts that are always undone.

Same environment as lib.sh: GOCRYPTFS, GOCRYPTFS_GO, top_builddir.
"""
import atexit
import ctypes
import errno
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR = os.path.dirname(os.path.dirname(HERE))
BUILDDIR = os.environ.get("top_builddir") or os.path.join(SRCDIR, "build")
GCF = os.path.abspath(os.environ.get("GOCRYPTFS") or os.path.join(BUILDDIR, "gocryptfs"))
GO = os.environ.get("GOCRYPTFS_GO") or "/usr/bin/gocryptfs"
CI = os.environ.get("CI") == "true"
SANITIZED = os.environ.get("GCF_SANITIZED", "")

T = os.path.realpath(tempfile.mkdtemp(prefix="gcf-t.", dir=os.environ.get("TMPDIR", "/tmp")))
PW = os.path.join(T, "pw")
with open(PW, "w") as f:
    f.write("test\n")
for var, name, more in (("ASAN_OPTIONS", "asan", ":exitcode=99"), ("UBSAN_OPTIONS", "ubsan", ":print_stacktrace=1"),
                        ("TSAN_OPTIONS", "tsan", ":exitcode=99:die_after_fork=0")):
    os.environ[var] = os.environ.get(var, "") + ":log_path=%s/san.%s" % (T, name) + more

libc = ctypes.CDLL(None, use_errno=True)
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE = 1, 2, 16
AT_FDCWD = -100

_n = _failed = 0


# --- TAP -----------------------------------------------------------------------------------------------------------
def result(good, what, *diag):
    global _n, _failed
    _n += 1
    if not good:
        _failed += 1
    print("%sok %d - %s" % ("" if good else "not ", _n, what.replace("#", "\\#")))
    if not good:
        for d in diag:
            for line in str(d).splitlines():
                print("#   " + line)
    sys.stdout.flush()
    return good


def ok(good, what, *diag):
    return result(bool(good), what, *diag)


def show(x):
    r = repr(x)
    return r if len(r) < 300 else r[:280] + "... (%d)" % len(r)


def eq(got, want, what):
    return result(got == want, what, "got    " + show(got), "wanted " + show(want))


def fails(code, what, fn, *args, **kw):
    """fn must fail with errno code (a number or a set of them)."""
    codes = code if isinstance(code, (set, tuple)) else (code,)
    try:
        r = fn(*args, **kw)
    except OSError as e:
        return result(e.errno in codes, what, "got %s, wanted %s" % (errno.errorcode.get(e.errno, e.errno),
                                                                   "/".join(errno.errorcode[c] for c in codes)))
    return result(False, what, "succeeded with " + show(r))


def skip(what, why):
    global _n
    _n += 1
    print("ok %d - %s # SKIP %s" % (_n, what, why))


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def bail(why):
    print("Bail out! " + why)
    sys.exit(1)


def sub(fn, *args, **kw):
    """Run a group of tests; an exception in it is a failure and the next group goes on."""
    try:
        fn(*args, **kw)
    except Exception as e:      # noqa: any exception of a test is its failure
        result(False, "%s%s ran to its end" % (fn.__name__, args and repr(args[:1]) or ""),
               "".join(traceback.format_exception(type(e), e, e.__traceback__)))


def done():
    for f in sorted(glob.glob(T + "/san.*")):
        if os.path.getsize(f):
            result(False, "no sanitizer report", open(f, errors="replace").read(6000))
    print("1..%d" % _n)
    sys.exit(1 if _failed else 0)


# --- needs ---------------------------------------------------------------------------------------------------------
def need_fuse():
    if not os.access(GCF, os.X_OK):
        bail(GCF + " is not there")
    if not shutil.which("fusermount3"):
        (bail if CI else skip_all)("fusermount3 is not installed")
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        skip_all("/dev/fuse: " + e.strerror)


def go_version():
    """Version text of the Go program, or None."""
    try:
        out = subprocess.run([GO, "-version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    except OSError:
        return None
    return out.strip() if "go-fuse" in out and " go1" in out else None


# --- waiting -------------------------------------------------------------------------------------------------------
def wait_for(cond, seconds=10):
    end = time.monotonic() + seconds
    while not cond():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)        # poll interval; the deadline decides
    return True


def is_mounted(mnt):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == mnt for line in f)


def pids_naming(text):
    out = []
    for p in os.listdir("/proc"):
        if p.isdigit() and int(p) != os.getpid():
            try:
                with open("/proc/%s/cmdline" % p, "rb") as f:
                    if text.encode() in f.read():
                        out.append(int(p))
            except OSError:
                pass
    return out


def alive(pid):
    """Running; a zombie that nobody has reaped yet is not."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def held_elsewhere(mnt):
    """Somebody made a mount namespace while this was mounted, and has a copy: then its daemon must go on serving it."""
    for p in glob.glob("/proc/[0-9]*/mountinfo"):
        try:
            with open(p) as f:
                if any(line.split()[4].endswith(mnt) for line in f):
                    print("# %s is still mounted in the namespace of process %s" % (mnt, p.split("/")[2]))
                    return True
        except OSError:
            pass
    return False


def doing(pid):
    """What a process waits in, thread by thread."""
    out = []
    for t in sorted(glob.glob("/proc/%d/task/*" % pid)):
        try:
            out.append("%s %s" % (open(t + "/comm").read().strip(), open(t + "/wchan").read().strip() or "running"))
        except OSError:
            pass
    return "pid %d: %s" % (pid, ", ".join(out))


# --- stores --------------------------------------------------------------------------------------------------------
def command(args, check=True, stdin=None, env=None):
    """Run; standard output and error go to one file, so that a daemon that keeps them open cannot hang us."""
    log = os.path.join(T, "cmd.out")
    with open(log, "wb") as out:
        p = subprocess.run(args, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, input=stdin,
                           stdout=out, stderr=subprocess.STDOUT, env=env, timeout=300) if stdin is None else \
            subprocess.run(args, input=stdin, stdout=out, stderr=subprocess.STDOUT, env=env, timeout=300)
    text = open(log, errors="replace").read()
    if check and p.returncode:
        raise RuntimeError("exit %d: %s\n%s" % (p.returncode, " ".join(args), text[-2000:]))
    return p.returncode, text


class Store:
    """A store with its mount point. prog makes it and mounts it unless told otherwise."""
    count = 0

    def __init__(self, *init, prog=None, name=None, create=True):
        Store.count += 1
        base = os.path.join(T, name or "s%d" % Store.count)
        self.prog = prog or GCF
        self.cipher, self.mnt = base + ".crypt", base
        os.makedirs(self.cipher, exist_ok=True)
        os.makedirs(self.mnt, exist_ok=True)
        if create:
            command([self.prog, "-q", "-init", "-scryptn", "10", "-passfile", PW, *init, self.cipher])

    def mount(self, *opts, prog=None, key=None):
        """key: 64 hex digits instead of the password, read from standard input."""
        auth = ["-masterkey=stdin"] if key else ["-passfile", PW]
        command([prog or self.prog, "-q", *auth, *opts, self.cipher, self.mnt], stdin=(key + "\n").encode() if key else None)
        if not is_mounted(self.mnt):
            raise RuntimeError("exit 0, but not mounted: " + self.mnt)
        return self

    def unmount(self):
        pids = pids_naming(self.mnt)
        end = time.monotonic() + 10
        while True:
            p = subprocess.run(["fusermount3", "-u", self.mnt], stderr=subprocess.PIPE)
            if p.returncode == 0 or time.monotonic() > end:
                break
            time.sleep(0.05)
        if is_mounted(self.mnt):
            raise RuntimeError("cannot unmount: " + p.stderr.decode(errors="replace"))
        if not wait_for(lambda: not any(alive(p) for p in pids), 20) and not held_elsewhere(self.mnt):
            raise RuntimeError("still there after the unmount: " + "; ".join(map(doing, filter(alive, pids))))
        return self

    def fsck(self, prog=None, *opts):
        return command([prog or self.prog, "-fsck", "-passfile", PW, *opts, self.cipher], check=False)

    def path(self, *names):
        return os.path.join(self.mnt, *names)

    __truediv__ = path


def _cleanup():
    os.chdir("/")
    mounts = [line.split()[4] for line in open("/proc/self/mountinfo")]
    for m in sorted((m for m in mounts if m.startswith(T + "/")), reverse=True):
        subprocess.run(["fusermount3", "-u", "-z", m], stderr=subprocess.DEVNULL)
        if is_mounted(m):
            subprocess.run(["umount", "-l", m], stderr=subprocess.DEVNULL)
    for p in pids_naming(T + "/"):
        try:
            os.kill(p, signal.SIGTERM)
        except OSError:
            pass
    shutil.rmtree(T, ignore_errors=True)


atexit.register(_cleanup)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


# --- system calls that os does not have ----------------------------------------------------------------------------
def _check(r):
    if r < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return r


def renameat2(old, new, flags):
    return _check(libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), ctypes.c_uint(flags)))


def fallocate(fd, mode, off, n):
    return _check(libc.fallocate(fd, mode, ctypes.c_int64(off), ctypes.c_int64(n)))


# --- small file helpers --------------------------------------------------------------------------------------------
def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def pattern(n, seed=0):
    """n bytes that differ from block to block and never are all zero."""
    unit = bytes((i * 7 + seed * 13 + 1) % 251 + 1 for i in range(251))
    return (unit * (n // 251 + 1))[:n]
