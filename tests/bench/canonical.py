#!/usr/bin/env python3
"""canonical.py - gocryptfs' canonical benchmark for any set of FUSE overlays.

Runs the rows of upstream's tests/canonical-benchmarks.bash (WRITE, READ, UNTAR,
MD5, LS, RM) plus cold variants, 4 KiB random I/O (fio), metadata storms, mount
latency and memory, over a list of "contestants".  Python 3 stdlib only; dd,
tar, md5sum, ls, rm and (for the RAND rows) fio do the work.  Run as root: the
page cache is dropped between rows.

    canonical.py --contestants contestants.json --backing /dev/shm/b \\
        --tarball linux.tar --size-mb 1024 --rounds 5 --json out.json

A contestant is a JSON object:
    name     shown in the table
    init     command that creates the encrypted directory       (may be empty)
    mount    command that mounts and then returns (daemonises); empty = the
             native file system itself
    unmount  default "fusermount3 -u {mnt}"
    mount_fast  optional second mount command that skips the password KDF
    env      optional environment
    max_rounds, skip  optional: run fewer rounds / leave out some rows
In commands {cipher}, {mnt}, {pass} (a password file) are filled in.

Method.  Contestants are interleaved round by round (A B C, B C A, ...), so slow
drift and neighbours hit all alike.  Every visit starts from a freshly
initialised directory.  A row's figure is the median over rounds; the ratio to
a baseline is the median of the per-round ratios (paired).  Everything is kept
as seconds; MB/s and ops/s are only derived.  "cpu" is the daemon's own CPU time.
"""
import argparse, json, os, re, shutil, statistics, subprocess, sys, time

# row name, unit shown, what it measures
ROWS = [
    ("MOUNT",     "ms",    "mount command start -> mounted, password KDF included"),
    ("MOUNT_MK",  "ms",    "same with mount_fast (master key given, no KDF)"),
    ("WRITE",     "MB/s",  "dd bs=128k conv=fsync, new file"),
    ("READ",      "MB/s",  "dd bs=128k after drop_caches"),
    ("REREAD",    "MB/s",  "dd bs=128k again, caches kept"),
    ("WRITE2",    "MB/s",  "two dd writers to two files, aggregate"),
    ("READ2",     "MB/s",  "two dd readers of two files after drop_caches, aggregate"),
    ("UNTAR",     "s",     "tar xf source tree"),
    ("MD5",       "s",     "md5sum of every file, warm (as upstream)"),
    ("MD5_COLD",  "s",     "same after drop_caches"),
    ("LS",        "s",     "ls -lR, warm (as upstream)"),
    ("LS_COLD",   "s",     "ls -lR after drop_caches"),
    ("RM",        "s",     "rm -rf of the tree"),
    ("RR4K_1",    "IOPS",  "fio 4 KiB random read, cold cache, 1 job"),
    ("RR4K_2",    "IOPS",  "same, 2 jobs on 2 files"),
    ("RW4K_1",    "IOPS",  "fio 4 KiB random overwrite, fsync every 1024, 1 job"),
    ("RW4K_2",    "IOPS",  "same, 2 jobs on 2 files"),
    ("CREATE",    "ops/s", "create N empty files"),
    ("STAT",      "ops/s", "stat N files after drop_caches"),
    ("UNLINK",    "ops/s", "unlink N files"),
]
UNIT = {r[0]: r[1] for r in ROWS}
MB = 1e6


def sh(cmd, env=None, check=True):
    e = dict(os.environ, LC_ALL="C", **(env or {}))
    p = subprocess.run(cmd, shell=True, env=e, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       stdin=subprocess.DEVNULL)
    if check and p.returncode:
        raise RuntimeError("rc %d: %s\n%s" % (p.returncode, cmd, p.stdout.decode(errors="replace")[-800:]))
    return p.stdout.decode(errors="replace")


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3\n")


def is_mounted(mnt):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == mnt for line in f)


def busy_fraction(secs=0.3):
    """Share of all CPUs in use right now: how loud are the neighbours."""
    def snap():
        v = [int(x) for x in open("/proc/stat").readline().split()[1:]]
        return sum(v[:8]), v[3] + v[4]
    a, i = snap(); time.sleep(secs); b, j = snap()
    return 1 - (j - i) / max(1, b - a)


def wait_quiet(limit):
    t0 = time.time(); b = busy_fraction()
    while b > 0.10 and time.time() - t0 < limit:
        b = busy_fraction(1.0)
    return b


def daemon_pids(mnt):
    """Every process whose command line names the mount point (daemon, helpers)."""
    out = []
    for p in os.listdir("/proc"):
        if p.isdigit() and int(p) not in (os.getpid(), os.getppid()):
            try:
                c = open("/proc/%s/cmdline" % p, "rb").read().split(b"\0")
            except OSError:
                continue
            if mnt.encode() in c:
                out.append(int(p))
    return out


def daemon_cpu(pids):
    t = 0
    for p in pids:
        try:
            f = open("/proc/%d/stat" % p).read().rsplit(")", 1)[1].split()
            t += int(f[11]) + int(f[12])
        except OSError:
            pass
    return t / os.sysconf("SC_CLK_TCK")


def daemon_mem(pids, key):
    kb = 0
    for p in pids:
        try:
            m = re.search(key + r":\s+(\d+)", open("/proc/%d/status" % p).read())
            kb += int(m.group(1)) if m else 0
        except OSError:
            pass
    return kb / 1024


class Visit:
    """One contestant in one round, in its own fresh directory."""

    def __init__(self, c, a, rnd):
        self.c, self.a = c, a
        self.base = os.path.join(a.backing, "bench.%d" % os.getpid())
        self.cipher, self.mnt = self.base + "/cipher", self.base + "/mnt"
        self.v = {"cipher": self.cipher, "mnt": self.mnt, "pass": self.base + "/pw"}
        self.native = not c.get("mount")
        self.sec, self.cpu, self.mem, self.err = {}, {}, {}, {}
        self.pids = []
        self.want = [r for r in a.rows if r not in c.get("skip", [])]

    def fmt(self, cmd):
        for k, v in self.v.items():
            cmd = cmd.replace("{%s}" % k, v)
        return cmd

    def timed(self, row, fn, ops=1, needed=False):
        """Time fn(); store seconds (per `ops` operations where that is the unit).
        needed: later rows build on what fn leaves, so run it even if not asked for."""
        if row not in self.want:
            if needed:
                fn()
            return
        try:
            c0 = daemon_cpu(self.pids); t0 = time.monotonic()
            r = fn()
            self.sec[row] = (time.monotonic() - t0 if r is None else r) / ops
            self.cpu[row] = (daemon_cpu(self.pids) - c0) / ops
        except (RuntimeError, OSError, ValueError, KeyError, TypeError) as e:
            self.err[row] = str(e)[-300:]

    def mount(self, key="mount"):
        cmd = self.fmt(self.c[key]); t0 = time.monotonic()
        sh(cmd, self.c.get("env"))
        while not is_mounted(self.mnt):
            if time.monotonic() - t0 > 60:
                raise RuntimeError("not mounted after 60 s: " + cmd)
            time.sleep(0.0005)
        return time.monotonic() - t0

    def unmount(self):
        cmd = self.fmt(self.c.get("unmount", "fusermount3 -u {mnt}"))
        for _ in range(50):
            sh(cmd, check=False)
            if not is_mounted(self.mnt):
                break
            time.sleep(0.2)
        else:
            raise RuntimeError("cannot unmount " + self.mnt)
        for p in self.pids:                       # let the daemon finish before the next visit
            for _ in range(100):
                if not os.path.exists("/proc/%d" % p):
                    break
                time.sleep(0.05)

    def dirs(self):
        shutil.rmtree(self.base, ignore_errors=True)
        os.makedirs(self.cipher); os.makedirs(self.mnt)
        with open(self.v["pass"], "w") as f:
            f.write("test\n")

    def run(self):
        self.dirs()
        self.quiet = wait_quiet(self.a.wait_quiet)
        try:
            if self.native:
                self.mnt = self.cipher
            else:
                self.start()
            self.rows()
            self.mem["rss_end"] = daemon_mem(self.pids, "VmRSS")
            self.mem["rss_peak"] = daemon_mem(self.pids, "VmHWM")
        finally:
            if not self.native and is_mounted(self.mnt):
                self.unmount()
            shutil.rmtree(self.base, ignore_errors=True)
        return self

    def start(self):
        """Init and mount; the two mount-latency rows."""
        if self.c.get("init"):
            sh(self.fmt(self.c["init"]), self.c.get("env"))
        if self.c.get("mount_fast") and "MOUNT_MK" in self.want:
            self.timed("MOUNT_MK", lambda: self.mount("mount_fast"))
            self.pids = daemon_pids(self.mnt); self.unmount(); self.pids = []
        t = self.mount()
        if "MOUNT" in self.want:
            self.sec["MOUNT"] = t
        self.pids = daemon_pids(self.mnt)
        self.mem["rss_idle"] = daemon_mem(self.pids, "VmRSS")

    def rows(self):
        a, m = self.a, self.mnt
        n = a.size_mb * 8                                      # 128 KiB records
        bytes_mb = n * 131072 / MB
        dd_w = "dd if=/dev/zero of=%s bs=131072 count=%d conv=fsync"
        dd_r = "dd if=%s of=/dev/null bs=131072"
        two = "{ %s & p=$!; %s; r=$?; wait $p && [ $r = 0 ]; }"
        w = set(self.want)
        if w & {"WRITE", "READ", "REREAD"}:
            self.timed("WRITE", lambda: self.dd(dd_w % (m + "/zero", n), n * 131072), bytes_mb, needed=True)
            drop_caches()
            self.timed("READ", lambda: self.dd(dd_r % (m + "/zero"), n * 131072), bytes_mb, needed=True)
            self.timed("REREAD", lambda: self.dd(dd_r % (m + "/zero"), n * 131072), bytes_mb)
            sh("rm -f %s/zero" % m)
        if w & {"WRITE2", "READ2"}:
            h = n // 2
            self.timed("WRITE2", lambda: self.dd(two % (dd_w % (m + "/z1", h), dd_w % (m + "/z2", h)), h * 131072), bytes_mb, needed=True)
            drop_caches()
            self.timed("READ2", lambda: self.dd(two % (dd_r % (m + "/z1"), dd_r % (m + "/z2")), h * 131072), bytes_mb)
            sh("rm -f %s/z1 %s/z2" % (m, m))
        if w & {"UNTAR", "MD5", "MD5_COLD", "LS", "LS_COLD", "RM"}:
            t = m + "/tree"; os.mkdir(t)
            sh("cat %s > /dev/null" % a.tarball)
            self.timed("UNTAR", lambda: self.do("tar xf %s -C %s" % (a.tarball, t)), needed=True)
            self.timed("MD5", self.check)
            drop_caches(); self.timed("MD5_COLD", self.check)
            self.timed("LS", lambda: self.do("ls -lR %s > /dev/null" % t))
            drop_caches(); self.timed("LS_COLD", lambda: self.do("ls -lR %s > /dev/null" % t))
            self.timed("RM", lambda: self.do("rm -rf %s" % t))
        if w & {"RR4K_1", "RR4K_2", "RW4K_1", "RW4K_2"}:
            d = m + "/fio"; os.mkdir(d)
            f = ("fio --name=j --directory=%s --filename_format='f.$jobnum' --size=%dm --bs=4k --ioengine=psync"
                 " --numjobs=%d --rw=%s --group_reporting --output-format=json --thread --invalidate=0 %s")
            sh(f % (d, a.fio_mb, 2, "write", "--end_fsync=1 --bs=128k"))
            for row, jobs, rw in (("RR4K_1", 1, "randread"), ("RR4K_2", 2, "randread"),
                                  ("RW4K_1", 1, "randwrite"), ("RW4K_2", 2, "randwrite")):
                if row not in w:
                    continue
                drop_caches()
                if rw == "randread":      # each block at most once, or the page cache would answer
                    x = "--io_size=%dm" % max(1, a.fio_mb // 2)
                else:                     # fsyncs inside the timed run, or write-back would hide the cost
                    x = "--time_based --runtime=%d --norandommap --fsync=1024" % a.fio_secs
                self.timed(row, lambda: self.fio(f % (d, a.fio_mb, jobs, rw, x), rw))
            sh("rm -rf " + d)
        if w & {"CREATE", "STAT", "UNLINK"}:
            d = m + "/meta"; os.mkdir(d); N = a.meta_files
            names = []
            for k in range(20):
                os.mkdir("%s/d%d" % (d, k))
                names += ["%s/d%d/file-%06d.txt" % (d, k, i) for i in range(N // 20)]
            def create():
                for p in names:
                    os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            def loop(fn):
                for p in names:
                    fn(p)
            self.timed("CREATE", create, len(names), needed=True); drop_caches()
            self.timed("STAT", lambda: loop(os.stat), len(names))
            self.timed("UNLINK", lambda: loop(os.unlink), len(names))
            sh("rm -rf " + d)

    def dd(self, cmd, want):
        """Run dd (one or two of them) and insist that each moved `want` bytes."""
        out = sh(cmd)
        got = [int(x) for x in re.findall(r"^(\d+) bytes", out, re.M)]
        if not got or any(g != want for g in got):
            raise RuntimeError("short dd: %s bytes, want %d: %s" % (got, want, out[-200:]))

    def do(self, cmd):
        sh(cmd)                                   # timed() takes None as "use the wall clock"

    def check(self):
        """The tree must read back the same from every contestant."""
        s = sh("cd %s/tree && find . -type f -print0 | sort -z | xargs -0 md5sum | md5sum" % self.mnt).split()[0]
        if self.a.md5 is None:
            self.a.md5 = s
        if s != self.a.md5:
            raise RuntimeError("DATA DIFFERS from the first contestant: %s %s" % (s, self.a.md5))

    def fio(self, cmd, rw):
        out = sh(cmd); j = json.loads(out[out.index("{"):])["jobs"][0]
        r = j["read" if rw == "randread" else "write"]
        return r["runtime"] / 1000 / max(1, r["total_ios"])     # wall seconds per I/O, fsyncs included


def show(sec, unit):
    if sec is None:
        return "-"
    if unit == "s":
        return "%.2f" % sec
    if unit == "ms":
        return "%.0f" % (sec * 1e3) if sec >= 0.0995 else "%.1f" % (sec * 1e3)
    return "%.0f" % (1 / sec)


def summarise(res, names, rows, baselines):
    """res[name] = list of visits (dicts). -> {row: {name: {...}}}"""
    out = {}
    for row in rows:
        out[row] = {}
        for n in names:
            by = {v["round"]: v["sec"][row] for v in res[n] if row in v["sec"]}
            if not by:
                continue
            s = sorted(by.values())
            d = {"median_s": statistics.median(s), "min_s": s[0], "max_s": s[-1], "n": len(s),
                 "daemon_cpu_s": statistics.median([v["cpu"].get(row, 0) for v in res[n] if row in v["sec"]])}
            for b in baselines:
                base = {v["round"]: v["sec"][row] for v in res.get(b, []) if row in v["sec"]}
                pair = [by[r] / base[r] for r in by if base.get(r)]
                if pair:
                    d["x_" + b] = statistics.median(pair)
            out[row][n] = d
    return out


def table(summ, res, names, rows, baselines):
    L = []
    w = max(9, *(len(n) for n in names)) + 1
    def line(first, cells):
        L.append("%-14s" % first + "".join("%*s" % (w, c) for c in cells))
    line("row [unit]", names); L.append("-" * (14 + w * len(names)))
    for r in rows:
        line("%s %s" % (r, UNIT[r]), [show(summ[r].get(n, {}).get("median_s"), UNIT[r]) for n in names])
        cells = []
        for n in names:
            d = summ[r].get(n)
            cells.append("±%.0f%%" % (50 * (d["max_s"] - d["min_s"]) / d["median_s"]) if d and d["n"] > 1 else "")
        if any(cells):
            line("   half-range", cells)
        for b in baselines:
            cells = [("%.2fx" % summ[r][n]["x_" + b]) if summ[r].get(n, {}).get("x_" + b) else "-" for n in names]
            if any(c != "-" for c in cells):
                line("   t/t(%s)" % b[:8], cells)
    for k in ("rss_idle", "rss_end", "rss_peak"):
        line(k + " MiB", ["%.0f" % statistics.median([v["mem"].get(k, 0) for v in res[n]]) if res[n] else "-" for n in names])
    # A neighbour on one core makes FUSE round trips FASTER on a small VM (client and daemon
    # then share the other core and no idle CPU has to be woken), so regimes must not be mixed.
    busy = {n: [100 * v["busy_before"] for v in res[n]] for n in names if res[n]}
    line("neighbours %", ["%.0f-%.0f" % (min(busy[n]), max(busy[n])) if n in busy else "-" for n in names])
    every = [b for v in busy.values() for b in v]
    if every and max(every) - min(every) > 25:
        L.append("WARNING: neighbours' load differed between visits (%.0f-%.0f%%): UNTAR..UNLINK medians mix regimes, rerun" % (min(every), max(every)))
    return "\n".join(L)


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="Rows: " + "; ".join("%s = %s" % (r[0], r[2]) for r in ROWS))
    p.add_argument("--contestants", required=True, help="JSON file: list of contestants")
    p.add_argument("--only", help="comma list of contestant names")
    p.add_argument("--rows", help="comma list of rows (default all)")
    p.add_argument("--backing", required=True, help="directory on the file system under test")
    p.add_argument("--tarball", help="source tree tarball for UNTAR..RM")
    p.add_argument("--size-mb", type=int, default=1024, help="MiB for streaming rows")
    p.add_argument("--fio-mb", type=int, default=256); p.add_argument("--fio-secs", type=int, default=3)
    p.add_argument("--meta-files", type=int, default=20000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--baseline", default="native", help="comma list of contestant names to divide by")
    p.add_argument("--wait-quiet", type=float, default=0, help="wait up to this many seconds for <10%% CPU use before each visit")
    p.add_argument("--time-limit", type=float, default=0, help="start no further visit after this many seconds")
    p.add_argument("--json"); p.add_argument("--table")
    a = p.parse_args(argv)
    a.backing = os.path.realpath(a.backing); a.md5 = None
    os.makedirs(a.backing, exist_ok=True)
    a.machine = about_machine(a.backing)
    cs = json.load(open(a.contestants))
    if a.only:
        cs = [next(c for c in cs if c["name"] == n) for n in a.only.split(",")]
    allrows = [r[0] for r in ROWS]
    a.rows = a.rows.split(",") if a.rows else allrows
    if not a.tarball:
        a.rows = [r for r in a.rows if r not in ("UNTAR", "MD5", "MD5_COLD", "LS", "LS_COLD", "RM")]
    a.rows = [r for r in allrows if r in a.rows]
    names = [c["name"] for c in cs]; bl = [b for b in a.baseline.split(",") if b in names]
    res = {n: [] for n in names}; t0 = time.time(); errors = []
    for rnd in range(a.rounds):
        k = rnd % len(cs)
        for c in cs[k:] + cs[:k]:
            if rnd >= c.get("max_rounds", 1 << 30) or (a.time_limit and time.time() - t0 > a.time_limit):
                continue
            t1 = time.time()
            try:
                v = Visit(c, a, rnd).run()
                res[c["name"]].append({"round": rnd, "sec": v.sec, "cpu": v.cpu, "mem": v.mem, "busy_before": v.quiet})
                errors += [(c["name"], rnd, r, e) for r, e in v.err.items()]
                print("round %d %-14s %5.1f s  neighbours busy %2.0f%% %s" % (rnd, c["name"], time.time() - t1, 100 * v.quiet, " ".join(v.err)), file=sys.stderr)
            except (RuntimeError, OSError) as e:
                errors.append((c["name"], rnd, "visit", str(e)))
                print("round %d %-14s FAILED %s" % (rnd, c["name"], e), file=sys.stderr)
            save(a, cs, res, names, bl, errors)
    print(save(a, cs, res, names, bl, errors))
    return 1 if errors else 0


def about_machine(backing):
    """What a figure is worth nothing without."""
    def first(path, key):
        try:
            return next((line.split(":", 1)[1].strip() for line in open(path) if line.startswith(key)), "?")
        except OSError:
            return "?"

    def tool(cmd):
        try:
            return sh(cmd, check=False).strip().splitlines()[0]
        except (IndexError, OSError):
            return "?"
    return {"date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "cpu": first("/proc/cpuinfo", "model name"), "cpus": os.cpu_count(),
            "memory_kib": first("/proc/meminfo", "MemTotal"), "kernel": os.uname().release, "uname": " ".join(os.uname()),
            "loadavg": open("/proc/loadavg").read().strip(), "libfuse": tool("pkg-config --modversion fuse3"),
            "openssl": tool("openssl version"), "ipsec_mb": tool("dpkg-query -W -f '${Version}' libipsec-mb1 libipsec-mb-dev 2>/dev/null"),
            "fio": tool("fio --version"), "filesystem": tool("stat -f -c %%T '%s'" % backing)}


def regime(machine, busy=()):
    """In words: how loud the neighbours were, by the load at the start and what was busy before each visit."""
    load, cpus = float(machine["loadavg"].split()[0]), machine["cpus"] or 1
    busy = sorted(busy)
    loud = load > 0.5 * cpus or (busy and statistics.median(busy) > 0.10)
    return "%s: load %.1f on %d processors at the start%s" % ("loud" if loud else "quiet", load, cpus,
        ", %.0f %% busy with others before a visit (median)" % (100 * statistics.median(busy)) if busy else "")


# Left out of the record: where on one machine things lay.
PRIVATE = ("machine", "contestants", "backing", "tarball", "json", "table")


def public(v):
    """A command without the directory its program lies in."""
    return re.sub(r"(^|\s)/\S*/(?=\S)", r"\1", v) if isinstance(v, str) else v


def save(a, cs, res, names, bl, errors):
    s = summarise(res, names, a.rows, bl)
    t = table(s, res, names, a.rows, bl)
    if errors:
        t += "\nERRORS\n" + "\n".join("  %s round %d %s: %s" % (n, r, w, e.strip().replace("\n", " | ")[-200:]) for n, r, w, e in errors)
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"machine": a.machine, "regime": regime(a.machine, [v["busy_before"] for vs in res.values() for v in vs]),
                       "args": {k: v for k, v in vars(a).items() if k not in PRIVATE},
                       "contestants": [{k: public(v) for k, v in c.items()} for c in cs],
                       "rows": [r for r in ROWS if r[0] in a.rows], "summary": s, "visits": res, "errors": [[public(x) for x in e] for e in errors]}, f, indent=1)
    if a.table:
        with open(a.table, "w") as f:
            f.write(t + "\n")
    return t


if __name__ == "__main__":
    sys.exit(main())
