#!/usr/bin/env python3
"""What the opening of a store asks of the file system it lies on: a thousand nodes do so in the same second."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

# By what a server of a cluster file system may see. Reads of the end of a file count; closing does not.
KINDS = {"open": ("openat", "open"), "attributes": ("newfstatat", "fstat", "stat", "lstat", "statx", "access", "faccessat", "faccessat2",
                                                  "readlink", "readlinkat", "getxattr", "fgetxattr", "lgetxattr"),
         "file system": ("fstatfs", "statfs"), "read": ("read", "pread64"), "lock": ("fcntl",), "list": ("getdents64",)}
LOCAL = ("close", "execve", "mount", "landlock_add_rule", "fadvise64", "lseek", "inotify_add_watch")
KDF_BYTES = 60 << 20        # scrypt with the default cost wants 64 MiB


def trace(s, *opts, fds=()):
    """Mount under strace as a job's node does. -> {kind: requests on the store up to the mount}, the largest mapping."""
    log = os.path.join(T, "trace")
    p = subprocess.Popen(["strace", "-f", "-y", "-s", "256", "-o", log, GCF, "-fg", "-q", *opts, s.cipher, s.mnt], stdin=subprocess.DEVNULL, pass_fds=fds)
    if not wait_for(lambda: is_mounted(s.mnt), 60):
        raise RuntimeError("not mounted: " + open(log, errors="replace").read()[-2000:])
    os.listdir(s.mnt)       # it serves
    s.unmount()
    p.wait(60)
    counts, largest = dict.fromkeys([*KINDS, "other"], 0), 0
    for line in open(log, errors="replace"):
        m = re.match(r"\d+ +(\w+)\((.*)", line)
        if not m:
            continue
        call, rest = m.groups()
        if call == "mount":
            break
        if call == "mmap":
            largest = max(largest, int(rest.split(",")[1]))
        if s.cipher not in rest or call in LOCAL or (call == "fcntl" and "F_OFD" not in rest):
            continue
        counts[next((k for k, calls in KINDS.items() if call in calls), "other")] += 1
    return counts, largest


def node(s, *opts):
    """With the key handed over, as cryptstore-node does."""
    r, w = os.pipe()
    os.write(w, KEY)
    os.close(w)
    os.set_inheritable(r, True)
    try:
        return trace(s, "-key_fd", str(r), *opts, fds=(r,))
    finally:
        os.close(r)


def words(counts):
    return "%d: %s" % (sum(counts.values()), ", ".join("%s %d" % kv for kv in counts.items() if kv[1]))


def fill(s, n):
    """Entries that an opening must not look at."""
    s.mount()
    for i in range(n):
        os.mkdir(s / ("d%d" % i))
        put(s / ("f%d" % i), b"x")
        put(s / ("long name %d " % i).ljust(250, "x"), b"x")
    s.unmount()


need_fuse()
if not shutil.which("strace"):
    (bail if os.environ.get("CI") == "true" else skip_all)("strace is not installed")
KEY = bytes(range(32))
INIT = [GCF, "-q", "-init", "-extpass", "cat " + PW, "-masterkey", KEY.hex()]
s = Store(create=False)
command([*INIT, s.cipher])
empty, largest = node(s, "-sharedstorage")
print("# a node's opening of an empty store, -sharedstorage:", words(empty))
ok(largest < KDF_BYTES, "with the key handed over no password is stretched", "a mapping of %d bytes" % largest)
ok(empty["read"] <= 4 and empty["list"] <= 2 and empty["other"] == 0,
   "the configuration and an IV are read, and the top directory's first page to see that the key fits", empty)
ok(empty["open"] <= 10 and empty["attributes"] <= 4 and empty["file system"] <= 3 and empty["lock"] <= 11,
   "and little else is asked", empty)
ok(sum(empty.values()) <= 34, "all in all not more than site-docs/performance.md says", empty)
alone, _ = node(s)
print("# exclusive:", words(alone))
ok(sum(alone.values()) <= sum(empty.values()), "nor for an exclusive mount", alone)
_, largest = trace(s, "-passfile", PW)
ok(largest >= KDF_BYTES, "(with a password the stretching would be seen)", "no mapping above %d bytes" % largest)
fill(s, 50)
full, _ = node(s, "-sharedstorage")
print("# with 150 entries:", words(full))
ok(sum(full.values()) <= sum(empty.values()) + 3 + 4 * 3, "of what the store holds one block is read and at most four long names", full)
done()
