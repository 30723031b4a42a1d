#!/bin/bash
# 45-shared.t - one store on three nodes of a job: shared files, an MPI job, a node that loses its power in the middle.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
stage
start_cluster 3
new_store s.crypt

# One file, written by all tasks in records that lie across blocks; ends with what was acknowledged in a plain file.
cat >"$ALICE/writer.py" <<'E'
import os, struct, sys, time
name, size, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
me, n = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_NTASKS"])
fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
log = os.open(name + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
acked = open("/home/alice/acked.%d" % me, "w")
end, k = time.time() + seconds, 0
while time.time() < end and k < 300:
    i = k * n + me
    if os.pwrite(fd, (struct.pack("<Q", i + 1) * size)[:size], i * size) != size: sys.exit("short")
    if os.write(log, b"%7d\n" % i) != 8: sys.exit("short")
    print(i, file=acked, flush=True)
    k += 1
    time.sleep(0.01)
E
cat >"$ALICE/reader.py" <<'E'
import glob, os, struct, sys
name, size = sys.argv[1], int(sys.argv[2])
wrong = ops = lines = 0
log = open(name + ".log", "rb").read()
for f in glob.glob(sys.argv[3] + "/acked.*"):
    for i in map(int, open(f).read().split("\n")[:-1]):
        ops += 1
        try:
            with open(name, "rb") as d: got = os.pread(d.fileno(), size, i * size)
        except OSError: got = b""
        wrong += got != (struct.pack("<Q", i + 1) * size)[:size]
        lines += log.count(b"%7d\n" % i) == 1
print("%d acknowledged, %d wrong, %d lines of the log missing" % (ops, wrong, ops - lines))
E
clean='^[1-9][0-9]* acknowledged, 0 wrong, 0 lines of the log missing$'

batch -N3 -n3 --crypt-store=/home/alice/s.crypt "$KEY" <<'E'
#!/bin/bash
srun python3 /home/alice/writer.py /crypt/s/one 47008 6
E
is "a job of three nodes on one file completes" "$state" COMPLETED
like "no record and no line of the log is lost" "$(in_store s.crypt python3 "$ALICE/reader.py" one 47008 "$ALICE")" "$clean"
ok "the store passes -fsck" store_ok s.crypt
all_clean "after the shared file"

if command -v mpicc >/dev/null && command -v mpirun >/dev/null; then
	mpicc -O1 -o "$ALICE/ior" "$SRCDIR/tests/shared/ior.c" 2>"$T/mpicc.log" || diag "$(cat "$T/mpicc.log")"
	batch -N3 -n3 --crypt-store=/home/alice/s.crypt "$KEY" <<'E'
#!/bin/bash
export OMPI_MCA_btl=self,tcp OMPI_MCA_oob=tcp PRTE_MCA_plm=slurm
mpirun -np 3 /home/alice/ior /crypt/s/ior 8 2>&1
E
	like "an MPI job writes and reads one file on three nodes, by POSIX and MPI-IO" "$out" '^3 ranks, [0-9]+ operations, 0 wrong$'
	echo 'PMIxCliTmpDirBase=/var/tmp' >"$CL_BASE/etc/slurm/mpi.conf" # the nodes share /tmp here
	for n in $(nodes); do "$CL" restart "$n"; done
	"$CL" wait
	if alice srun --mpi=list 2>&1 | grep -qw pmix; then
		batch -N3 -n3 --crypt-store=/home/alice/s.crypt "$KEY" <<'E'
#!/bin/bash
export OMPI_MCA_btl=self,tcp
srun --mpi=pmix /home/alice/ior /crypt/s/ior.srun 8 2>&1
E
		like "so does one that srun starts by PMIx" "$out" '^3 ranks, [0-9]+ operations, 0 wrong$'
	else
		skip "so does one that srun starts by PMIx" "this Slurm has no mpi/pmix"
	fi
	ok "the store passes -fsck after MPI" store_ok s.crypt
	all_clean "after MPI"
else
	skip "an MPI job writes and reads one file on three nodes" "no MPI here"
fi

# --- a node without power ---------------------------------------------------------------------------------------------
rm -f "$ALICE"/acked.*
submit -N3 -n3 --no-kill --crypt-store=/home/alice/s.crypt "$KEY" <<'E'
#!/bin/bash
srun --no-kill --wait=0 --kill-on-bad-exit=0 python3 /home/alice/writer.py /crypt/s/two 47008 8 || :
E
begun() { [ -s "$ALICE/acked.2" ] && [ -s "$ALICE/acked.0" ] && [ -s "$ALICE/acked.1" ]; }
ok "the job writes on three nodes" wait_for 60 begun
"$CL" crash cn3
before=$(wc -l <"$ALICE/acked.0")
goes_on() { [ "$(wc -l <"$ALICE/acked.0")" -gt $((before + 20)) ]; }
ok "a node dies; another one goes on writing the same file" wait_for 60 goes_on
sleep 9 # the writers' own end
"$CL" run -u root scancel "$job" >/dev/null 2>&1
like "of what was acknowledged, on the dead node too, nothing is lost" \
	"$(in_store s.crypt python3 "$ALICE/reader.py" two 47008 "$ALICE")" "$clean"
"$CL" boot cn3 >/dev/null 2>&1
done_testing
