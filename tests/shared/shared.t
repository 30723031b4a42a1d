#!/usr/bin/env python3
"""shared.t - one store on several mounts at once, each in a process and a mount namespace of its own: what
site-docs/concurrency.md promises. GCF_SHARED_SCALE=N does N times as much of everything (soak);
GCF_SHARED_ONLY=TEXT only the patterns with TEXT in their names."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "t")]
import cluster as cl        # noqa: E402
from taplib import GCF, GO, PW, T, done, go_version, need_fuse, ok, skip, sub     # noqa: E402

need_fuse()
SCALE = float(os.environ.get("GCF_SHARED_SCALE", "1"))
SEED = int(os.environ.get("GCF_SHARED_SEED", "1"))


def times(n):
    return max(1, int(n * SCALE))


def fsck(program, store):
    p = subprocess.run([program, "-fsck", "-passfile", PW, store], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.returncode, p.stdout.decode(errors="replace")[-3000:]


def patterns(c, mode):
    n = len(c.nodes)
    k = 2.0 / n

    def case(what, fn, *args, **kw):
        if os.environ.get("GCF_SHARED_ONLY", "") not in what:
            return
        r = fn(c, *args, **kw)
        ok(r.clean, "%d mounts, %s, %s: %s" % (n, mode, what, r))

    for size, count in ((512, 400), (4096, 150), (47008, 40), (1 << 20, 3)):
        sub(case, "strided records of %d" % size, cl.strided, size, times(count * k))
    sub(case, "a log of 64-byte lines", cl.append, 64, times(400 * k))
    sub(case, "a log nobody has made before", cl.append, 80, times(100 * k), made=False)
    sub(case, "appended records of 100000", cl.append, 100000, times(20 * k))
    sub(case, "O_CREAT of the same names", cl.create, times(60 * k))
    sub(case, "names made, moved and removed", cl.storm, times(400 * k), SEED)
    sub(case, "O_EXCL against unlink", cl.names, times(200 * k), SEED)
    sub(case, "truncate against write", cl.truncate, times(250 * k), SEED)
    sub(case, "close-to-open, by read and mmap", cl.versions, times(60), SEED)
    if mode == "shared":
        sub(case, "a mapping beside a log of the same file", cl.mapappend, times(20))
    sub(case, "a counter under fcntl locks", cl.locked, times(60 * k), "fcntl")
    sub(case, "a counter under flock", cl.locked, times(60 * k), "flock")
    sub(case, "a history of reads and writes", cl.history, times(300 * k), SEED)
    sub(case, "fsx", cl.fsx, times(150), SEED, strict=mode == "strict")
    sub(case, "fsx with files kept open", cl.fsx, times(100), SEED + 1, keep=True, strict=mode == "strict")
    for i in range(times(3 if n == 2 else 1)):
        sub(case, "kill -9 of a daemon (round %d)" % (i + 1), cl.killed, (512, 47008, 4096)[i % 3], 0.6, SEED + i)
        sub(case, "kill -9 beside a log (round %d)" % (i + 1), cl.killed_log, 64, 0.6, SEED + i)


def run(n, mode):
    store = os.path.join(T, "%s%d.crypt" % (mode, n))
    os.mkdir(store)
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, store], check=True)
    option = "-sharedstorage" if mode == "shared" else "-sharedstorage=strict"
    c = cl.Cluster(n, store, os.path.join(T, "mnt"), PW, GCF, [option])
    try:
        patterns(c, mode)
        sums = c.on(0, "sum")["sums"]
    finally:
        c.close()
    rc, out = fsck(GCF, store)
    ok(rc == 0, "%d mounts, %s: our -fsck is clean afterwards" % (n, mode), out)
    if not go_version():
        skip("%d mounts, %s: the Go gocryptfs reads the store" % (n, mode), "it is not installed")
        return
    rc, out = fsck(GO, store)
    ok(rc == 0, "%d mounts, %s: -fsck of the Go gocryptfs is clean afterwards" % (n, mode), out)
    g = cl.Cluster(1, store, os.path.join(T, "mnt"), PW, GO, [])
    try:
        seen = g.on(0, "sum")["sums"]
    finally:
        g.close()
    ok(seen == sums, "%d mounts, %s: the Go gocryptfs reads the same in every one of %d files" % (n, mode, len(sums)),
       [k for k in set(seen) | set(sums) if seen.get(k) != sums.get(k)][:10])


def importing():
    """cryptstore import is to mounts what they are to each other."""
    what = "an import beside mounts"
    tool = os.path.join(os.path.dirname(GCF), "cryptstore")
    if not os.path.exists(tool):
        skip(what, "cryptstore is not built")
        return
    store, mnt, src = (os.path.join(T, "import." + x) for x in ("crypt", "mnt", "src"))
    for d in (store, mnt, src):
        os.mkdir(d)
    with open(os.path.join(src, "f"), "w") as f:
        f.write("x")
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, store], check=True)

    def run(*args):
        p = subprocess.run([tool, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return p.returncode, p.stdout.decode(errors="replace")

    def bring(*options):
        return run("import", "--key", "passfile:" + PW, *options, src, store)

    for option, refused in (([], [True, True]), (["-sharedstorage"], [True, False]), (["-ro"], [False, False])):
        subprocess.run([GCF, "-q", "-passfile", PW, *option, store, mnt], check=True)
        how = " ".join(option) or "exclusive"
        for shared, want in zip(([], ["--shared"]), refused):
            rc, out = bring(*shared)
            ok(rc == (4 if want else 0) and ("is mounted" in out) == want,
               "%s: beside a mount (%s) import%s is %s" % (what, how, "".join(" " + x for x in shared),
                                                          "refused" if want else "let in"), "%d %s" % (rc, out))
        rc, out = run("export", "--key", "passfile:" + PW, store, os.path.join(T, "import.out" + how.strip("-")))
        ok(rc == 0, "%s: an export beside a mount (%s) is let in" % (what, how), "%d %s" % (rc, out))
        subprocess.run(["fusermount3", "-u", mnt], check=True)
    rc, out = bring()
    ok(rc == 0, "%s: once they are gone it is let in" % what, "%d %s" % (rc, out))


def refusal():
    """On sshfs, which sends no locks to its server, several writers are refused with the reason; one alone is not."""
    what, server = "a store on sshfs", "/usr/lib/openssh/sftp-server"
    if not shutil.which("sshfs") or not os.path.exists(server):
        skip(what, "sshfs or sftp-server is not installed")
        return
    far, near, mnt, ssh = (os.path.join(T, "far." + x) for x in ("crypt", "near", "mnt", "ssh"))
    for d in (far, near, mnt):
        os.mkdir(d)
    with open(ssh, "w") as f:
        f.write("#!/bin/sh\nexec %s\n" % server)
    os.chmod(ssh, 0o755)
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, far], check=True)
    p = subprocess.run(["sshfs", "-o", "ssh_command=" + ssh, "here:" + far, near], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if p.returncode:
        skip(what, "it does not mount here: " + p.stdout.decode(errors="replace").strip())
        return

    def mount(*options):
        p = subprocess.run([GCF, "-q", "-passfile", PW, *options, near, mnt], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        if p.returncode == 0:
            subprocess.run(["fusermount3", "-u", mnt], check=True)
        return p.returncode, p.stdout.decode(errors="replace")

    for option in "-sharedstorage", "-sharedstorage=strict":
        rc, out = mount(option)
        ok(rc == 19 and "fuse.sshfs has no locks that other machines see" in out, "%s is refused with %s, with the reason" %
           (what, option), "%d %s" % (rc, out))
    rc, out = mount("-sharedstorage", "-ro")
    ok(rc == 0 and "has no locks" in out, "%s: who only reads is warned" % what, "%d %s" % (rc, out))
    rc, out = mount()
    ok(rc == 0 and out == "", "%s: a mount alone is let in" % what, "%d %s" % (rc, out))
    subprocess.run(["fusermount3", "-u", "-z", near], check=True)     # the daemon above lets go a moment later


def presence():
    """The second exclusive mount is told; refused on demand; no trace after kill -9."""
    store, mnt = os.path.join(T, "presence.crypt"), [os.path.join(T, "p%d" % i) for i in range(2)]
    for d in [store] + mnt:
        os.mkdir(d)
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, store], check=True)

    def start(i, *options):
        log = os.path.join(T, "presence.log")
        with open(log, "wb") as f:
            rc = subprocess.run([GCF, "-q", "-passfile", PW, *options, store, mnt[i]], stdin=subprocess.DEVNULL, stdout=f,
                                stderr=f, timeout=60).returncode
        with open(log) as f:
            return rc, f.read()

    def stop(i):
        subprocess.run(["fusermount3", "-u", mnt[i]], check=True)
        # the daemon lets go a moment after the mount is gone
        p = [q for q in os.listdir("/proc") if q.isdigit() and q != str(os.getpid()) and named(q, mnt[i])]
        for q in p:
            for _ in range(500):
                if not os.path.exists("/proc/%s/exe" % q) or not named(q, mnt[i]):
                    break
                cl.time.sleep(0.01)

    def named(q, text):
        try:
            with open("/proc/%s/cmdline" % q, "rb") as f:
                return text.encode() in f.read().split(b"\0")
        except OSError:
            return False

    rc, out = start(0)
    ok(rc == 0 and out == "", "a mount alone says nothing", out)
    rc, out = start(1)
    ok(rc == 0 and "mounted already" in out, "a second exclusive mount is warned", out)
    stop(1)
    rc, out = start(1, "-peers=refuse")
    ok(rc == 19 and "refused" in out, "... and refused with -peers=refuse (exit code 19)", out)
    rc, out = start(1, "-peers=ignore")
    ok(rc == 0 and out == "", "... and says nothing with -peers=ignore", out)
    stop(1)
    rc, out = start(1, "-sharedstorage")
    ok(rc == 0 and "without -sharedstorage" in out, "a shared mount beside an exclusive one is warned", out)
    stop(0)
    rc, out = start(0, "-sharedstorage", "-peers=refuse")
    ok(rc == 0 and out == "", "two shared mounts go well together", out)
    stop(0)
    rc, out = start(0, "-peers=refuse")
    ok(rc == 19 and "with -sharedstorage" in out, "an exclusive mount beside a shared one is refused", out)
    rc, out = start(0, "-ro", "-peers=refuse")
    ok(rc == 0 and out == "", "who only reads is let in", out)
    stop(0)
    stop(1)
    start(0)
    for q in os.listdir("/proc"):
        try:
            if q.isdigit() and named(q, mnt[0]) and os.path.realpath("/proc/%s/exe" % q) == os.path.realpath(GCF):
                os.kill(int(q), 9)
        except OSError:     # the monitor ends when its daemon does
            pass
    subprocess.run(["umount", "-l", mnt[0]], stderr=subprocess.DEVNULL)
    for _ in range(200):
        rc, out = start(1, "-peers=refuse")
        if rc == 0:
            break
        cl.time.sleep(0.02)
    ok(rc == 0 and out == "", "a mount killed with SIGKILL leaves no trace", out)
    stop(1)
    rc, out = start(1, "-peers=sometimes")
    ok(rc == 1 and "-peers" in out, "an unknown policy is a usage error", out)


sub(presence)
sub(importing)
sub(refusal)
for nodes, sharing in ((2, "shared"), (4, "shared"), (2, "strict")):
    sub(run, nodes, sharing)
done()
