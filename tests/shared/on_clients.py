"""on_clients.py - what gluster.t and nfs.t run in their namespaces: the patterns on one client per node, then an MPI job.

   on_clients.py NAME SERVED CLIENT...     SERVED is the directory on the server that the CLIENTs have mounted
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "t")]
import cluster as cl        # noqa: E402
from taplib import GCF, GO, PW, T, done, go_version, ok, skip, sub     # noqa: E402

NAME, SERVED, CLIENTS = sys.argv[1], sys.argv[2], sys.argv[3:]
N = len(CLIENTS)
SCALE = float(os.environ.get("GCF_SHARED_SCALE", "1"))
SEED = int(os.environ.get("GCF_SHARED_SEED", "1"))
MNT = os.path.join(T, "mnt")


def times(n):
    return max(1, int(n * SCALE))


def patterns(c, mode):
    def case(what, fn, *args, **kw):
        if os.environ.get("GCF_SHARED_ONLY", "") not in what:
            return
        r = fn(c, *args, **kw)
        ok(r.clean, "%s, %d clients, %s, %s: %s" % (NAME, N, mode, what, r))

    for size, count in ((512, 100), (4096, 60), (47008, 20), (1 << 20, 2)):
        sub(case, "strided records of %d" % size, cl.strided, size, times(count))
    sub(case, "a log of 64-byte lines", cl.append, 64, times(100))
    sub(case, "a log nobody has made before", cl.append, 80, times(40), made=False)
    sub(case, "appended records of 100000", cl.append, 100000, times(8))
    told = NAME != "GlusterFS"          # site-docs/concurrency.md
    sub(case, "O_CREAT of the same names", cl.create, times(20), maker_is_told=told)
    sub(case, "names made, moved and removed", cl.storm, times(100), SEED)
    if not NAME.startswith("NFS"):      # not promised there: site-docs/concurrency.md
        sub(case, "O_EXCL against unlink", cl.names, times(60), SEED, maker_is_told=told)
    sub(case, "truncate against write", cl.truncate, times(60), SEED)
    sub(case, "close-to-open, by read and mmap", cl.versions, times(15), SEED)
    sub(case, "a counter under fcntl locks", cl.locked, times(15), "fcntl")
    sub(case, "a counter under flock", cl.locked, times(15), "flock")
    sub(case, "a history of reads and writes", cl.history, times(80), SEED)
    sub(case, "fsx", cl.fsx, times(60), SEED, strict=mode == "strict")
    sub(case, "kill -9 of a daemon", cl.killed, 512, 1.0, SEED)


def fsck(program, store):
    p = subprocess.run([program, "-fsck", "-passfile", PW, store], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.returncode, p.stdout.decode(errors="replace")[-2000:]


def run(mode):
    store = os.path.join(CLIENTS[0], mode)
    os.mkdir(store)
    subprocess.run([GCF, "-q", "-init", "-scryptn", "10", "-passfile", PW, store], check=True)
    option = "-sharedstorage" if mode == "shared" else "-sharedstorage=strict"
    ciphers = [os.path.join(x, mode) for x in CLIENTS]
    c = cl.Cluster(N, ciphers, MNT, PW, GCF, [option])
    try:
        patterns(c, mode)
    finally:
        c.close()
    # What is stored, on the server itself: -fsck through a client may meet what that client's kernel has kept.
    for program in [GCF] + ([GO] if go_version() else []):
        rc, out = fsck(program, os.path.join(SERVED, mode))
        ok(rc == 0, "%s, %s: -fsck of %s is clean afterwards" % (NAME, mode, program), out)
    rc, out = fsck(GCF, ciphers[-1])
    ok(rc == 0, "%s, %s: and through a client" % (NAME, mode), out)
    presence(ciphers, option)


def presence(ciphers, option):
    c = cl.Cluster(1, ciphers[0], MNT, PW, GCF, [option])
    m = os.path.join(T, "second")
    os.makedirs(m, exist_ok=True)
    p = subprocess.run([GCF, "-q", "-peers=refuse", "-passfile", PW, ciphers[1], m], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=60)
    ok(p.returncode == 19, "%s: an exclusive mount on another client is refused while a shared one is there" % NAME,
       p.stdout.decode())
    c.close()


def mpi():
    """One rank per node: each in the namespaces of its node, by way of a small script in place of the program."""
    what = "%s, an MPI job of %d ranks on one shared file, segmented and strided, with and without collectives" % (NAME, N)
    cc = shutil.which("mpicc")
    if not cc or not shutil.which("mpirun"):
        skip(what, "no MPI here")
        return
    exe = os.path.join(T, "ior")
    subprocess.run([cc, "-O1", "-Wall", "-o", exe, os.path.join(HERE, "ior.c")], check=True)
    ciphers = [os.path.join(x, "strict") for x in CLIENTS]
    c = cl.Cluster(N, ciphers, MNT, PW, GCF, ["-sharedstorage=strict"])
    try:
        enter = os.path.join(T, "enter")
        with open(enter, "w") as f:
            f.write("#!/bin/bash\npids=(%s)\nexec nsenter -t ${pids[$OMPI_COMM_WORLD_RANK]} -m -- \"$@\"\n" %
                    " ".join(str(p.pid) for p in c.nodes))
        os.chmod(enter, 0o755)
        p = subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", str(N), "--mca", "btl", "self,vader,tcp",
                            enter, exe, os.path.join(MNT, "ior"), str(times(16))], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=300, env=dict(os.environ, OMPI_MCA_btl_vader_single_copy_mechanism="none"))
        out = p.stdout.decode(errors="replace")
        ok(p.returncode == 0 and "0 wrong" in out, what + ": " + (out.strip().splitlines() or ["nothing"])[-1], out[-3000:])
    finally:
        c.close()


if "refused" in os.environ:
    ok("exit code 19" in os.environ["refused"] and "write-behind" in os.environ["refused"],
       "a volume whose clients cache is refused, with what to set", os.environ["refused"])
sub(run, "shared")
sub(run, "strict")
sub(mpi)
done()
