#!/usr/bin/env python3
"""run.py - what `make bench` runs: canonical.py over four contestants, a table, JSON and a chart in tests/bench/results.

    run.py [--build DIR] [--quick] [--rounds N] [--rows A,B] [--only native,go,ours] [--backing DIR] [--linux]
           [--cipher aessiv|xchacha] [--options "OPTIONS OF OUR MOUNT"] [--size-mb N]

Contestants: the native directory; this directory's copying passthrough (passthrough.c); the Go gocryptfs, if it is
installed; ours. --quick: small sizes, one round, to see that it runs. --linux: the tree is Debian's kernel source
(package linux-source) instead of the made one. Never fails for being slow; exit 1 only for errors and differing data.
"""
import argparse
import glob
import json
import os
import platform
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import canonical    # noqa: beside this file
import chart        # noqa


def contestants(build, cipher=None, options=""):
    """cipher: "aessiv" or "xchacha" instead of AES-GCM; options: of our mount only."""
    def gocryptfs(prog, more=""):
        flag = " -" + cipher if cipher else ""
        return {"init": prog + " -q -init%s -passfile {pass} {cipher}" % flag,
                "mount": prog + " -q %s -passfile {pass} {cipher} {mnt}" % more,
                "mount_fast": prog + " -q %s -zerokey%s {cipher} {mnt}" % (more, flag)}
    out = [{"name": "native"}]
    pt = os.path.join(build, "tests/bench/passthrough")
    if os.access(pt, os.X_OK):
        out.append({"name": "passthrough", "mount": pt + " {cipher} {mnt}"})
    go = os.environ.get("GOCRYPTFS_GO", "/usr/bin/gocryptfs")
    if os.access(go, os.X_OK):
        out.append(dict(gocryptfs(go), name="go"))
    out.append(dict(gocryptfs(os.path.join(build, "gocryptfs"), options), name="ours"))
    return out


def tarball(a, work):
    path = os.path.join(work, "tree.tar")
    if a.linux:
        found = sorted(glob.glob("/usr/src/linux-source-*.tar.xz"))
        if not found:
            sys.exit("--linux: no /usr/src/linux-source-*.tar.xz (apt install linux-source)")
        with open(path, "wb") as out:
            subprocess.run(["xz", "-dc", found[-1]], stdout=out, check=True)
    else:
        subprocess.run([sys.executable, os.path.join(HERE, "tree.py"), path, "2000" if a.quick else "14000"], check=True)
    return path


def results_dir(build):
    d = os.path.join(HERE, "results")
    try:
        os.makedirs(d, exist_ok=True)
        if os.access(d, os.W_OK):
            return d
    except OSError:
        pass
    d = os.path.join(build, "bench-results")
    os.makedirs(d, exist_ok=True)
    return d


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=os.path.join(HERE, "../../build"))
    p.add_argument("--quick", action="store_true")
    p.add_argument("--linux", action="store_true")
    p.add_argument("--rounds", type=int)
    p.add_argument("--cipher", choices=["aessiv", "xchacha"]), p.add_argument("--options", default="")
    p.add_argument("--size-mb", type=int)
    p.add_argument("--rows"), p.add_argument("--only"), p.add_argument("--out")
    p.add_argument("--backing", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp")
    a = p.parse_args()
    a.build = os.path.realpath(a.build)
    if os.geteuid() != 0:
        sys.exit("the benchmark drops the page cache between rows: run it as root")
    work = os.path.join(a.backing, "gcf-bench.%d" % os.getpid())
    os.makedirs(work)
    out = a.out or os.path.join(results_dir(a.build), time.strftime("%Y-%m-%d") + "-" + platform.node() +
                          ("-" + a.cipher if a.cipher else ""))
    try:
        cs = contestants(a.build, a.cipher, a.options)
        with open(work + "/contestants.json", "w") as f:
            json.dump(cs, f)
        rounds = a.rounds or (1 if a.quick else 5)
        args = ["--contestants", work + "/contestants.json", "--backing", work + "/b", "--tarball", tarball(a, work),
                "--rounds", str(rounds), "--baseline", "passthrough,go", "--json", out + ".json", "--table", out + ".txt",
                "--size-mb", str(a.size_mb or (64 if a.quick else 512)), "--fio-mb", "32" if a.quick else "128",
                "--fio-secs", "1" if a.quick else "2", "--meta-files", "2000" if a.quick else "20000"]
        rows = a.rows.split(",") if a.rows else [r[0] for r in canonical.ROWS]
        if not shutil.which("fio"):
            rows = [r for r in rows if "4K" not in r]
            print("fio is not installed: the 4 KiB rows are left out", file=sys.stderr)
        args += ["--rows", ",".join(rows)]
        if a.only:
            args += ["--only", a.only]
        rc = canonical.main(args)
        with open(out + ".json") as f:
            data = json.load(f)
        names = [c["name"] for c in data["contestants"]]
        with open(out + ".svg", "w") as f:
            f.write(chart.draw(data, "go" if "go" in names else names[0]))
        print("\n%s.{txt,json,svg}" % out)
        return rc
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
