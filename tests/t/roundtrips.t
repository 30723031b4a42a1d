#!/usr/bin/env python3
"""What the kernel asks the daemon for ordinary work: every request is a round trip, and these are the ones there have to be."""
import collections
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

LOCAL = ("ext2/ext3", "xfs", "tmpfs")     # where write(2) has told everything and close(2) has nothing to add
ACLS = 1                                  # ls -l asks each file for its ACL
LOG = os.path.join(T, "requests")


def serve(s, *opts):
    log = open(LOG, "w")
    p = subprocess.Popen([GCF, "-fg", "-fusedebug", "-passfile", PW, *opts, s.cipher, s.mnt], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if not wait_for(lambda: is_mounted(s.mnt), 60):
        raise RuntimeError("not mounted: " + open(LOG, errors="replace").read()[-2000:])
    return p


def asked(s, fn, *args, settle=()):
    """The requests while fn runs, those that nobody waits for included; settle: such that must have come."""
    def since():
        text = open(LOG, "rb").read()[before:].decode(errors="replace")
        return collections.Counter(re.findall(r"opcode: (\w+) ", text))
    before = os.path.getsize(LOG)
    fn(*args)
    wait_for(lambda: all(since()[x] for x in settle), 5)
    got = since()
    for unimportant in ("FORGET", "BATCH_FORGET", "INTERRUPT"):
        got.pop(unimportant, None)
    return dict(got)


def make(path, *pieces):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    for p in pieces:
        os.write(fd, p)
    os.close(fd)


def read_whole(path):
    with open(path, "rb", buffering=0) as f:
        while f.read(65536):
            pass


def exclusive(s):
    kind = subprocess.run(["stat", "-f", "-c", "%T", s.cipher], stdout=subprocess.PIPE, text=True).stdout.strip()
    flush = {} if kind in LOCAL else {"FLUSH": 1}
    p = serve(s)
    os.stat(s.mnt)
    eq(asked(s, make, s / "new", settle=("RELEASE",)), {"LOOKUP": 1, "CREATE": 1, "RELEASE": 1, **flush},
       "making an empty file on %s" % kind)
    got = asked(s, make, s / "odd", b"x" * 5000, b"x" * 5000, b"x" * 5000, settle=("RELEASE",))
    # Older kernels cut a write that begins within a page at its end; before the first write they ask for capabilities.
    ok(3 <= got.pop("WRITE", 0) <= 5 and got.pop("GETXATTR", 0) <= 1, "writing a small file in odd pieces", got)
    eq(got, {"LOOKUP": 1, "CREATE": 1, "RELEASE": 1, **flush}, "and nothing else")
    got = asked(s, read_whole, s / "odd", settle=("RELEASE",))
    eq((got.get("READ"), got.get("FLUSH")), (1, None), "what the kernel has kept of it in parts is read anew, in one request")
    got = asked(s, read_whole, s / "odd", settle=("RELEASE",))
    eq(got.get("READ"), None, "and now it has kept all")
    make(s / "even", b"x" * 8192)
    eq(asked(s, read_whole, s / "even", settle=("RELEASE",)).get("READ"), None, "whole pages that were written are not read back")
    for i in range(20):
        make(s / ("f%d" % i))
    got = asked(s, lambda: subprocess.run(["ls", "-l", s.mnt], stdout=subprocess.DEVNULL, check=True))
    # the directory and 23 files; the label is asked of at most one of them, two ACLs of the directory
    ok(got.get("GETXATTR", 0) <= 23 * ACLS + 3 and not got.get("LISTXATTR"), "ls -l asks each file for one attribute only", got)
    ok(got.get("LOOKUP", 0) + got.get("GETATTR", 0) <= 3, "and none by itself for its metadata", got)
    s.unmount()
    p.wait(60)


def shared(s):
    p = serve(s, "-sharedstorage")
    got = asked(s, make, s / "new", settle=("RELEASE",))
    eq(got.get("FLUSH"), 1, "-sharedstorage: a close is told, since locks end with it")
    s.unmount()
    p.wait(60)


def main():
    need_fuse()
    libfuse = re.search(r"libfuse (\d+)\.(\d+)", command([GCF, "-version"])[1])
    if libfuse and tuple(map(int, libfuse.groups())) < (3, 13):
        skip_all(libfuse.group() + " knows fewer ways to spare requests")
    sub(exclusive, Store())
    sub(shared, Store())
    done()


main()
