#!/usr/bin/env python3
"""scale.py - how costs grow: with files in a directory, files in a tree, the size of a file, and threads.

    scale.py [--build DIR] [--only ours,go,native] [--max-files N] [--max-mb N] [--max-threads N] [--backing DIR]
             [--rounds N] [--seconds N] [--curves NAMES] [--out FILE]

Curves (all in seconds, and the daemon's processor time beside them):
    create, list, stat, remove   N empty files in one directory ("dir"), and in directories of 100 ("tree")
    write, read                  one file of 1 KiB to --max-mb MiB, the page cache dropped before the read
    sparse                       one block written and read at the end of a hole of 1 MiB to 64 GiB
    threads                      a fixed number of 4 KiB reads from a cold file, shared out among 1 to 64 threads
    memory                       of the daemon (MiB), while the kernel knows N files

The slope is that of log(seconds) over log(size) between the two largest sizes whose smaller one took 0.05 s or more: 1.0
is linear. Contestants take turns at every size; the best of --rounds counts. No point is begun that would, by the last
one's time, take longer than --seconds. Writes FILE.json and FILE.svg. Root (the page cache is dropped). The sparse file
has 64 GiB at most and --max-mb is what the backing file system, a tmpfs by default, can spare: sizes beyond that repeat
the same code path, since every request is cut at 1 MiB.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import canonical    # noqa: beside this file
import run          # noqa

PER_DIR = 100
COLOURS = {"native": "#888", "passthrough": "#c80", "go": "#06c", "ours": "#090"}


class Args:
    """What canonical.Visit wants to know."""
    rows, wait_quiet, tarball, md5 = [], 0, None, None

    def __init__(self, backing):
        self.backing = backing


class Place:
    """A mounted contestant, with a clock for wall time and the daemon's processor time."""

    def __init__(self, c, backing):
        self.name = c["name"]
        self.v = canonical.Visit(c, Args(os.path.join(backing, self.name)), 0)
        self.v.dirs()
        if self.v.native:
            self.v.mnt = self.v.cipher
        else:
            self.v.start()

    def close(self):
        if not self.v.native and canonical.is_mounted(self.v.mnt):
            self.v.unmount()
        canonical.shutil.rmtree(self.v.base, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.v.mnt, *names)

    def timed(self, fn, *args):
        cpu, start = canonical.daemon_cpu(self.v.pids), time.monotonic()
        fn(*args)
        return time.monotonic() - start, canonical.daemon_cpu(self.v.pids) - cpu


def names(top, n, tree):
    if not tree:
        return [top], ["%s/f%07d" % (top, i) for i in range(n)]
    dirs = ["%s/d%05d" % (top, i) for i in range((n + PER_DIR - 1) // PER_DIR)]
    return [top] + dirs, ["%s/f%07d" % (dirs[i // PER_DIR], i) for i in range(n)]


def make(dirs, files):
    for d in dirs:
        os.mkdir(d)
    for p in files:
        os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))


def each(fn, paths):
    for p in paths:
        fn(p)


def remove(dirs, files):
    each(os.unlink, files)
    each(os.rmdir, reversed(dirs))


def drop_caches():
    """Without the sync of canonical.py: mounts write through, and a busy machine's disk is not what is measured."""
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3\n")


def many_files(place, n, tree):
    dirs, files = names(place.path("t"), n, tree)
    out = {"create": place.timed(make, dirs, files)}
    drop_caches()
    out["list"] = place.timed(each, os.listdir, dirs)
    drop_caches()
    out["stat"] = place.timed(each, os.stat, files)
    out["memory"] = (canonical.daemon_mem(place.v.pids, "VmRSS"), 0)
    out["remove"] = place.timed(remove, dirs, files)
    return out


def write_file(path, n):
    data = b"x" * (1 << 20)
    with open(path, "wb", buffering=0) as f:
        for at in range(0, n, len(data)):
            f.write(data[:min(len(data), n - at)])
        os.fsync(f.fileno())


def read_file(path):
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 20):
            pass


def file_size(place, n):
    p = place.path("big")
    out = {"write": place.timed(write_file, p, n)}
    drop_caches()
    out["read"] = place.timed(read_file, p)
    os.unlink(p)
    return out


def end_of_hole(path, n):
    with open(path, "w+b", buffering=0) as f:
        os.pwrite(f.fileno(), b"x" * 4096, n)
        os.fsync(f.fileno())
    drop_caches()
    with open(path, "rb", buffering=0) as f:
        if os.pread(f.fileno(), 4096, n) != b"x" * 4096:
            raise RuntimeError("the block behind the hole is not what was written")


def sparse(place, n):
    p = place.path("sparse")
    out = {"sparse": place.timed(end_of_hole, p, n)}
    os.unlink(p)
    return out


def reader(path, blocks):
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    for b in blocks:
        if len(os.pread(fd, 4096, b * 4096)) != 4096:
            raise RuntimeError("short read")
    os.close(fd)


def many_threads(place, n, blocks=8192):
    p = place.path("threads")
    write_file(p, blocks * 4096)
    drop_caches()
    order = [i * 2654435761 % blocks for i in range(blocks)]
    ts = [threading.Thread(target=reader, args=(p, order[i::n])) for i in range(n)]

    def go():
        each(threading.Thread.start, ts)
        each(threading.Thread.join, ts)
    out = {"threads": place.timed(go)}
    os.unlink(p)
    return out


def powers(first, last, factor):
    out = [first]
    while out[-1] * factor <= last:
        out.append(out[-1] * factor)
    return out


def sweep(places, sizes, fn, a):
    """-> {row: {contestant: [[size, seconds, cpu], ..]}}, growing sizes until a contestant would take too long."""
    out, last = {}, {}
    for n in sizes:
        for p in places:
            if last.get(p.name, 0) * (n / max(1, last.get("n " + p.name, n))) > a.seconds:
                continue
            best = {}
            for _ in range(a.rounds):
                for row, t in fn(p, n).items():
                    best[row] = min(best.get(row, t), t)
            last[p.name], last["n " + p.name] = sum(t[0] for row, t in best.items() if row != "memory") * a.rounds, n
            for row, t in best.items():
                out.setdefault(row, {}).setdefault(p.name, []).append([n, *t])
    return out


def slope(points):
    """Between the largest size and the largest smaller one that took long enough to be measured."""
    long_enough = [p for p in points if p[1] >= 0.05]
    if len(long_enough) < 2:
        return None
    (n1, t1, _), (n2, t2, _) = long_enough[-2:]
    return math.log(t2 / t1) / math.log(n2 / n1)


def svg(curves):
    """Small log-log charts, three in a row."""
    w, h, cols, todo = 250, 190, 3, sorted(curves)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="10" width="%d" height="%d">'
           % (cols * w + 20, (len(todo) + cols - 1) // cols * h + 20), '<rect width="100%" height="100%" fill="#fff"/>']
    for k, name in enumerate(todo):
        x0, y0 = k % cols * w + 40, k // cols * h + 25
        pts = [p for line in curves[name].values() for p in line if p[1] > 0]
        if not pts:
            continue
        lx, hx = math.log10(min(p[0] for p in pts)), math.log10(max(p[0] for p in pts)) + 1e-9
        ly, hy = math.log10(min(p[1] for p in pts)), math.log10(max(p[1] for p in pts)) + 1e-9
        out.append('<text x="%d" y="%d" font-weight="bold">%s</text>' % (x0, y0 - 8, name))
        out.append('<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#ccc"/>' % (x0, y0, w - 60, h - 60))
        for v, y in ((hy, y0 + 8), (ly, y0 + h - 60)):
            out.append('<text x="%d" y="%d" text-anchor="end">%.2g</text>' % (x0 - 3, y, 10 ** v))
        for v, x, anchor in ((lx, x0, "start"), (hx, x0 + w - 60, "end")):
            out.append('<text x="%d" y="%d" text-anchor="%s">%.0f</text>' % (x, y0 + h - 48, anchor, 10 ** v))
        for i, (who, line) in enumerate(curves[name].items()):
            at = ["%.1f,%.1f" % (x0 + (math.log10(n) - lx) / (hx - lx) * (w - 60), y0 + (hy - math.log10(t)) / (hy - ly) * (h - 60))
                  for n, t, _ in line if t > 0]
            out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (" ".join(at), COLOURS.get(who, "#000")))
            s = slope(line)
            out.append('<text x="%d" y="%d" fill="%s">%s%s</text>' % (x0 + 4, y0 + 14 + 11 * i, COLOURS.get(who, "#000"), who,
                                                                   "" if s is None else " slope %.2f" % s))
    return "\n".join(out + ["</svg>"]) + "\n"


def show(curves):
    for name in sorted(curves):
        print("\n%s" % name)
        for who, line in curves[name].items():
            s = slope(line)
            unit = "MiB" if name.endswith("memory") else "us each" if name.split()[-1] in ("create", "list", "stat", "remove") else "ms"
            cells = ["%d: %.4g" % (n, t if unit == "MiB" else t / n * 1e6 if unit == "us each" else t * 1e3) for n, t, _ in line]
            print("  %-12s %-8s %s   slope %s" % (who, unit, "  ".join(cells), "-" if s is None else "%.2f" % s))


def measure(places, a):
    curves = {}
    plan = {"dir": (powers(1, a.max_files, 10), lambda p, n: many_files(p, n, False)),
            "tree": (powers(100, a.max_files, 10), lambda p, n: many_files(p, n, True)),
            "size": (powers(1024, a.max_mb << 20, 16), file_size), "hole": (powers(1 << 20, 64 << 30, 16), sparse),
            "io": (powers(1, a.max_threads, 2), many_threads)}
    for name in a.curves.split(","):
        for row, lines in sweep(places, *plan[name], a).items():
            curves[name + " " + row] = lines
    return curves


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=os.path.join(HERE, "../../build"))
    p.add_argument("--only", default="ours,go")
    p.add_argument("--max-files", type=int, default=10000), p.add_argument("--max-mb", type=int, default=256)
    p.add_argument("--max-threads", type=int, default=64), p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--seconds", type=float, default=60), p.add_argument("--curves", default="dir,tree,size,hole,io")
    p.add_argument("--backing", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp")
    p.add_argument("--out")
    a = p.parse_args()
    if os.geteuid() != 0:
        sys.exit("the page cache is dropped between steps: run this as root")
    build, backing = os.path.realpath(a.build), os.path.join(os.path.realpath(a.backing), "gcf-scale.%d" % os.getpid())
    out = a.out or os.path.join(run.results_dir(build), time.strftime("%Y-%m-%d") + "-scale")
    places, machine = [], canonical.about_machine(a.backing)
    try:
        for c in run.contestants(build):
            if c["name"] in a.only.split(","):
                places.append(Place(c, backing))
        curves = measure(places, a)
    finally:
        for place in places:
            place.close()
        subprocess.run(["rm", "-rf", backing], check=False)
    show(curves)
    with open(out + ".json", "w") as f:
        json.dump({"machine": machine, "regime": canonical.regime(machine), "max_files": a.max_files, "max_mb": a.max_mb,
                   "max_threads": a.max_threads, "curves": curves, "slopes": {k: {w: slope(l) for w, l in v.items()} for k, v in curves.items()}}, f, indent=1)
    with open(out + ".svg", "w") as f:
        f.write(svg(curves))
    return 0


if __name__ == "__main__":
    sys.exit(main())
