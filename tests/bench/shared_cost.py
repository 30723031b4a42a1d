#!/usr/bin/env python3
"""shared_cost.py - what the shared modes cost: exclusive against shared on one mount, and several mounts writing one file.

   tests/bench/shared_cost.py [SCRATCH-DIRECTORY [ROUNDS]]
   GCF_COST=1 tests/shared/gluster.t        the first of the two tables through a client of GlusterFS

Every figure is the best of ROUNDS (5), the modes taken in turn, so that other load on the machine hits all alike. Ratios are to
the exclusive mode, or to one mount; above 1 is faster.
"""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
if len(sys.argv) > 1:
    os.environ["TMPDIR"] = sys.argv[1]
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "shared"), os.path.join(os.path.dirname(HERE), "t")]
import cluster as cl        # noqa: E402
from taplib import GCF, PW, T     # noqa: E402

ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
MODES = [("exclusive", []), ("shared", ["-sharedstorage"]), ("strict", ["-sharedstorage=strict"])]


def speed(c, **args):
    answers = c.all("speed", **args)
    return sum(a["bytes"] for a in answers) / max(a["seconds"] for a in answers)


def files(c, count, what):
    t0 = time.monotonic()
    c.on(0, "small", prefix="small", count=count, what=what)
    return count / (time.monotonic() - t0)


ONE = [
    ("write 64 MiB, 1 MiB each", lambda c: speed(c, name="big", size=1 << 20, count=64, shared_offsets=False)),
    ("read it again, 1 MiB each", lambda c: c.on(0, "readspeed", name="big", size=1 << 20, count=64)["rate"]),
    ("overwrite blocks of 4096", lambda c: speed(c, name="big", size=4096, count=3000, shared_offsets=False)),
    ("overwrite records of 512", lambda c: speed(c, name="big", size=512, count=3000, shared_offsets=False)),
    ("overwrite records of 47008", lambda c: speed(c, name="big", size=47008, count=600, shared_offsets=False)),
    ("create 400 files of 2000 bytes", lambda c: files(c, 400, "create")),
    ("stat them", lambda c: files(c, 400, "stat")),
    ("read them", lambda c: files(c, 400, "read")),
    ("remove them", lambda c: files(c, 400, "remove")),
]
MANY = [
    ("aligned, 1 MiB, own segments", dict(size=1 << 20, count=24, shared_offsets=False)),
    ("aligned, 128 KiB, strided", dict(size=128 << 10, count=120, shared_offsets=True)),
    ("unaligned, 47008, strided", dict(size=47008, count=300, shared_offsets=True)),
    ("unaligned, 512, strided", dict(size=512, count=1500, shared_offsets=True)),
]


def start(n, name, options):
    store = os.path.join(T, name)
    os.mkdir(store)
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, store], check=True)
    return cl.Cluster(n, store, os.path.join(T, name + ".mnt"), PW, GCF, options)


def one_mount():
    """The modes side by side, every measurement in turn."""
    clusters = {mode: start(1, mode, options) for mode, options in MODES}
    best = {}
    try:
        for _ in range(ROUNDS):
            for name, fn in ONE:
                for mode, c in clusters.items():
                    best[name, mode] = max(best.get((name, mode), 0), fn(c))
    finally:
        for c in clusters.values():
            c.close()
    print("| one mount | " + " | ".join(m for m, _o in MODES) + " |\n|" + "---|" * (len(MODES) + 1))
    for name, _fn in ONE:
        print("| %s | %s |" % (name, " | ".join("%.2f" % (best[name, m] / best[name, "exclusive"]) for m, _o in MODES)))


def many_mounts():
    clusters = {n: start(n, "many%d" % n, ["-sharedstorage"]) for n in (1, 2, 3, 4)}
    best = {}
    try:
        for _ in range(ROUNDS + 1):     # the first makes the files
            for name, args in MANY:
                for n, c in clusters.items():
                    best[name, n] = max(best.get((name, n), 0), speed(c, name=name.replace(" ", "_"), **args))
    finally:
        for c in clusters.values():
            c.close()
    print("\n| one file, all mounts write at once (sum) | 1 mount | 2 | 3 | 4 |\n|---|---|---|---|---|")
    for name, _a in MANY:
        print("| %s | %s |" % (name, " | ".join("%.2f" % (best[name, n] / best[name, 1]) for n in (1, 2, 3, 4))))
    print("\n%d processors; more mounts than those cannot be faster here." % os.cpu_count())


one_mount()
if not os.environ.get("GCF_COST"):
    many_mounts()
