#!/bin/bash
# bulk.sh - cryptstore import and export against cp -a: plain, and through a mount of the Go gocryptfs.
#
#     tests/bench/bulk.sh [ROUNDS]          (default 7)
#
# Prints medians in seconds and their ratios. Contestants take turns within a round, so that a busy neighbour meets
# all of them. Everything lies on a memory file system (BENCH_DIR, default /dev/shm), so that the software is measured
# and not the disk. The last column is the ratio of processor time to that of the plain copy, which a busy machine
# disturbs less: divided by the number of processors it is what an idle one would show at best. BENCH_ROWS chooses
# among "tree large". Environment: CRYPTSTORE, GOCRYPTFS_GO, top_builddir.
set -euo pipefail

ROUNDS=${1:-7}
HERE=$(cd "$(dirname "$0")/../.." && pwd)
CS=${CRYPTSTORE:-${top_builddir:-$HERE/build}/cryptstore}
GO=${GOCRYPTFS_GO:-/usr/bin/gocryptfs}
{ [ -x "$CS" ] && [ -x "$GO" ]; } || { echo "bulk.sh: needs $CS and $GO" >&2; exit 1; }
T=$(mktemp -d "${BENCH_DIR:-/dev/shm}/gcf-bulk.XXXXXX")
cleanup()
{
	fusermount3 -u "$T/mnt" 2>/dev/null || :
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 143' INT TERM

# A tree like a kernel's: 14,000 files in 900 directories, 170 MB, a few symbolic links; and one large file.
python3 - "$T" <<'PY'
import os, random, sys
top = sys.argv[1]
r = random.Random(6)
dirs = [top + "/tree"]
os.mkdir(dirs[0])
for i in range(900):
    d = r.choice(dirs[-200:]) + "/dir%d" % i
    if d.count("/") - top.count("/") > 9:
        d = dirs[0] + "/dir%d" % i
    os.mkdir(d)
    dirs.append(d)
data = r.randbytes(4 << 20)
for i in range(14000):
    n = min(int(r.lognormvariate(8.6, 1.3)), 3 << 20)
    at = r.randrange(len(data) - n)
    with open(r.choice(dirs) + "/source_file_%d.c" % i, "wb") as f:
        f.write(data[at:at + n])
for i in range(50):
    os.symlink("../x%d" % i, r.choice(dirs) + "/link%d" % i)
os.mkdir(top + "/large")
with open(top + "/large/file", "wb") as f:
    for i in range(256):
        f.write(data)
PY
echo bench >"$T/pw"
mkdir "$T/store" "$T/mnt" "$T/out"
"$GO" -q -init -scryptn 10 -passfile "$T/pw" "$T/store" >/dev/null

fresh_store() # the same, empty
{
	find "$T/store" -mindepth 1 -maxdepth 1 ! -name gocryptfs.conf ! -name gocryptfs.diriv -exec rm -rf {} +
}
fresh_out() { rm -rf "$T/out" && mkdir "$T/out"; }
TIMEFORMAT='%R %U %S'
timed() # ROW COMMAND...: appends the seconds, and those of processor time, to the row's files
{
	local row=$1 wall user sys
	shift
	{ time "$@" >/dev/null 2>"$T/errors"; } 2>"$T/time" || { cat "$T/errors" >&2; return 1; }
	read -r wall user sys <"$T/time"
	echo "$wall" >>"$T/times.$row"
	awk -v u="$user" -v s="$sys" 'BEGIN { print u + s }' >>"$T/times.$row-cpu"
}
with_mount() # COMMAND...: the mount is not timed
{
	"$GO" -q -passfile "$T/pw" "$T/store" "$T/mnt" 2>/dev/null
	"$@"
	fusermount3 -u "$T/mnt"
	while grep -q " $T/mnt " /proc/self/mountinfo; do :; done
}
key=(--quiet --key "passfile:$T/pw")

ROWS=${BENCH_ROWS:-tree large}
for what in $ROWS; do
	for ((i = 0; i <= ROUNDS; i++)); do # round 0 warms up and does not count
		fresh_store
		with_mount timed "$what-in-go" cp -a "$T/$what" "$T/mnt/"
		fresh_out
		with_mount timed "$what-out-go" cp -a "$T/mnt/$what" "$T/out/"
		fresh_out
		timed "$what-plain" cp -a "$T/$what" "$T/out/"
		fresh_store
		timed "$what-in-ours" "$CS" import "${key[@]}" "$T/$what" "$T/store:$what"
		fresh_out
		timed "$what-out-ours" "$CS" export "${key[@]}" "$T/store:$what" "$T/out/$what"
		[ "$i" != 1 ] || diff -r --no-dereference "$T/$what" "$T/out/$what" >&2
		[ "$i" != 0 ] || rm -f "$T/times.$what"-*
	done
done

median() { sort -n "$T/times.$1" | awk '{ v[NR] = $1 } END { printf "%.4f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
spread() { sort -n "$T/times.$1" | awk '{ v[NR] = $1 } END { printf "%.2f-%.2f", v[1], v[NR] }'; }
awk -F': ' '/model name/ { print "# " $2; exit }' /proc/cpuinfo
echo "# $(nproc) processors, kernel $(uname -r), $ROUNDS rounds, medians in seconds (range)"
printf '%-10s %20s %20s %20s %8s %10s %8s\n' row "cp -a, Go mount" "cp -a, plain" "cryptstore" go/ours ours/plain in-cpu
for what in $ROWS; do
	for way in in out; do
		go=$(median "$what-$way-go") plain=$(median "$what-plain") ours=$(median "$what-$way-ours")
		printf '%-10s %20s %20s %20s %8s %10s %8s\n' "$what-$way" "$go ($(spread "$what-$way-go"))" \
			"$plain ($(spread "$what-plain"))" "$ours ($(spread "$what-$way-ours"))" \
			"$(awk -v a="$go" -v b="$ours" 'BEGIN { printf "%.2f", a / b }')" \
			"$(awk -v a="$ours" -v b="$plain" 'BEGIN { printf "%.2f", a / b }')" \
			"$(awk -v a="$(median "$what-$way-ours-cpu")" -v b="$(median "$what-plain-cpu")" 'BEGIN { printf "%.2f", a / b }')"
	done
done
