#!/bin/bash
# bulk.t - cryptstore import and export: what arrives, what a second run does, what is reported. No mount of ours; the
# Go program's mount says what is in the store.
# shellcheck source=tests/t/lib.sh
. "$(dirname "$0")/lib.sh"

CS=${CRYPTSTORE:-$BUILDDIR/cryptstore}
[ -x "$CS" ] || skip_all "cryptstore is not built"
[ -x "$GCF" ] || GCF=$GO
[ -x "$GCF" ] || skip_all "no gocryptfs to make stores with"
need "$PY"
chmod 755 "$T"
cd "$T" || exit 1
unset SLURM_STEP_ID SLURM_NTASKS SLURM_STEP_NUM_TASKS SLURM_PROCID

import() { run "$CS" import --key "passfile:$T/pw" "$@"; }
export_() { run "$CS" export --key "passfile:$T/pw" "$@"; }
made() { sed -n 's/^[a-z]*: \([0-9]* files, [0-9]* links, [0-9]* others\).*/\1/p' <<<"$out"; }
there() { sed -n 's/^[a-z]*: \([0-9]*\) were there.*/\1/p' <<<"$out"; }

cat >tree.py <<'PY'
"""tree.py make DIR: every kind of file and size. tree.py list DIR: all that a copy must keep, one line per name."""
import hashlib, os, random, socket, stat, sys
what, top = sys.argv[1], sys.argv[2]
root = os.geteuid() == 0


def make():
    r = random.Random(5)
    os.makedirs("d/e/deep/er")
    os.mkdir("empty")
    for n in (0, 1, 4095, 4096, 4097, 65536, (1 << 20) - 1, 1 << 20, 3000001, (33 << 20) + 5, 64 << 20):
        with open("size%d" % n, "wb") as f:
            f.write(r.randbytes(n))
    os.mkdir("many")
    for i in range(300):
        with open("many/%d" % i, "wb") as f:
            f.write(r.randbytes(r.randrange(9000)))
    with open("sparse", "wb") as f:
        f.truncate(300 << 20)
        f.seek(123456789)
        f.write(b"data")
    with open("allhole", "wb") as f:
        f.truncate((70 << 20) + 17)
    with open("hole-then-data", "wb") as f:
        f.seek(9 << 20)
        f.write(b"x" * 5000)
    with open("n" * 255, "w") as f:
        f.write("long")
    os.mkdir("m" * 240)
    with open("odd \n\x01\xff name".encode("utf-8", "surrogateescape"), "w") as f:
        f.write("odd")
    os.symlink("../x", "sym")
    os.symlink("t" * 2000, "d/longsym")
    os.link("size1", "d/link1")
    os.link("size1", "d/e/link2")
    os.link("sym", "d/symlink2", follow_symlinks=False)
    os.link("size67108864", "d/biglink")
    os.mkfifo("fifo", 0o640)
    os.chdir("d")
    s = socket.socket(socket.AF_UNIX)
    s.bind("sock")
    os.chdir("..")
    os.chmod("size4096", 0o640)
    os.chmod("size4097", 0o6755)
    os.chmod("size65536", 0o400)
    os.chmod("d/e", 0o555)
    os.chmod("empty", 0o3777)
    try:
        os.setxattr("size1", "user.one", b"value")
        os.setxattr("size4096", "user.empty", b"")
        os.setxattr("size4096", "user.big", bytes(range(256)) * 8)
        os.setxattr("d", "user.dir", b"of a directory")
    except OSError:
        pass
    if root:
        os.mknod("dev", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.chown("many/0", 1234, 4321)
        os.chown("sym", 1234, 4321, follow_symlinks=False)
        os.chown("d", 77, 88)
    t = 10 ** 18
    for d, ds, fs in os.walk(".", topdown=False):
        for n in fs + ds:
            t += 1000000123
            os.utime(os.path.join(d, n), ns=(t, t + 5), follow_symlinks=False)
    os.utime(".", ns=(t, t + 7))


def show():
    links = {}
    lines = []
    for d, ds, fs in os.walk(os.fsencode("."), topdown=True):
        ds.sort()
        for n in [b""] + sorted(fs) + [x for x in ds if os.path.islink(os.path.join(d, x))]:
            p = os.path.join(d, n)
            s = os.lstat(p)
            k = stat.S_IFMT(s.st_mode)
            info = [repr(p), oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns]
            if p == b"./":
                info = ["top"] if len(sys.argv) > 3 else info[1:]
            if k != stat.S_IFDIR:
                info += [s.st_size, s.st_nlink, links.setdefault(s.st_ino, p)]
            if k == stat.S_IFREG:
                h = hashlib.sha256()
                with open(p, "rb") as f:
                    while b := f.read(1 << 20):
                        h.update(b)
                info.append(h.hexdigest())
            if k == stat.S_IFLNK:
                info.append(os.readlink(p))
            if k in (stat.S_IFCHR, stat.S_IFBLK):
                info.append(s.st_rdev)
            if k in (stat.S_IFREG, stat.S_IFDIR):
                for x in sorted(os.listxattr(p)):
                    if x.startswith("user.") or "acl" in x:
                        info += [x, os.getxattr(p, x)]
            lines.append(" ".join(map(str, info)))
    print("\n".join(sorted(lines)))


os.umask(0o022)
if what == "make":
    os.makedirs(top)
os.chdir(top)
make() if what == "make" else show()
PY
"$PY" tree.py make src || exit 1
if command -v setfacl >/dev/null && setfacl -m u:65534:r src/size1 2>/dev/null; then
	setfacl -d -m u:65534:rwx src/many
	touch -d @1000000000.123456789 src/many
fi
"$PY" tree.py list src >want
"$PY" tree.py list src notop >want.notop
same() # DESCRIPTION WANTED DIR [notop]
{
	"$PY" tree.py list "$3" ${4:+"$4"} >got 2>&1
	if cmp -s "$2" got; then pass "$1"; else fail "$1" "$(diff "$2" got | head -n 12)"; fi
}
go_same() # DESCRIPTION WANTED STORE [notop]: seen through the Go program
{
	{ [ -x "$GO" ] && [ -c /dev/fuse ]; } || { skip "$1" "no Go gocryptfs or no /dev/fuse"; return; }
	mkdir -p m
	"$GO" -q -acl -passfile pw "$3" m >/dev/null 2>&1 || { fail "$1" "the Go program does not mount it"; return; }
	same "$1" "$2" m "${4:-}"
	unmount "$T/m"
}
kb() { du -sk "$1" | cut -f1; }

# --- import, again, export ---
new_store c
import src c
is_rc "import succeeds" 0
is "and says nothing on standard error" "$errout" ""
go_same "the Go program sees the tree with everything kept" want.notop c notop
like "the store takes no more room than the tree: holes stay holes" "$(($(kb c) < $(kb src) + 8192))" 1
n=$(find src ! -type d -printf x | wc -c)
import src c
is_rc "a second import succeeds" 0
is "and copies nothing" "$(made)" "0 files, 0 links, 0 others"
is "since all is there" "$(there)" "$n"
export_ c out
is_rc "export succeeds" 0
same "what comes out is what went in" want.notop out notop
like "holes stay holes" "$(($(kb out) < $(kb src) + 4096))" 1
export_ --verify c out
is_rc "export again with --verify" 0
is "copies nothing" "$(made)" "0 files, 0 links, 0 others"
import src c:sub/dir
is_rc "import into a directory of the store" 0
export_ c:sub/dir out2
is_rc "and export of it" 0
same "its own attributes are those of the source, as it was made for it" want out2
export_ c:/sub/./dir/many/7 single
is_rc "export of one file" 0
ok "which arrives under its name" cmp src/many/7 single/7
import src/many/8 c:one
is_rc "import of one file" 0
export_ c:one/8 single
ok "which arrives" cmp src/many/8 single/8

# --- what is there already ---
new_store w
mkdir small && echo one >small/a && echo two >small/b && ln -s x small/l
import small w
echo changed >small/a && touch -d '2001-01-01' small/a
ln -sfn y small/l
import small w
is_rc "an existing file that differs: not done" 11
like "each is named" "$errout" '"a": exists and differs \(--overwrite'
like "so is a link" "$errout" '"l": exists and differs'
like "and counted" "$errout" "2 errors"
export_ w wout
is "the file in the store is as it was" "$(cat wout/a)$(readlink wout/l)" onex
import --overwrite small w
is_rc "--overwrite replaces it" 0
export_ --overwrite w wout
is "by the new one" "$(cat wout/a)$(readlink wout/l)" changedy
touch -d '2003-03-03' small/b
import --checksum small w
is_rc "--checksum: another time alone is no difference" 0
is "nothing is copied" "$(made)" "0 files, 0 links, 0 others"
import small w
is "and the time is right now" "$rc$(there)" 03
printf 'ONE\n' >other && mkdir conflict && mkdir conflict/a && echo x >conflict/b
import conflict w
is_rc "a file in the way of a directory: not done" 11
like "it is named" "$errout" '"a": something that is no directory is in the way'
mkdir -p sub2/b && import --overwrite sub2 w
like "even for --overwrite" "$rc $errout" '11.*"b": something that is no directory'
export_ w wout3 && rm -rf wout3/a && mkdir wout3/a && export_ --overwrite w wout3
like "a directory is in the way of a file" "$rc $errout" '11.*"a": a directory is in the way of this file'

# --- damage ---
new_store v -plaintextnames
mkdir vs && head -c 3000000 /dev/urandom >vs/big && head -c 5000 /dev/urandom >vs/little
import --verify vs v
is "--verify reads the copies back" "$rc $(grep -o '[0-9]* verified' <<<"$out")" "0 2 verified"
flip() # FILE OFFSET: invert a byte, keep the times
{
	touch -r "$1" stamp
	"$PY" -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))' "$1" "$2"
	touch -r stamp "$1"
}
flip v/big 1500000
import vs v
is_rc "a flipped byte is not seen by size and time" 0
import --verify vs v
is_rc "--verify finds it" 11
like "in the right file" "$errout" '"big": the copy cannot be read back: the store.s data are damaged'
unlike "only there" "$errout" little
export_ v vout
is "export reports it" "$rc" 11
like "by name" "$errout" '"big": cannot be read: the store.s data are damaged'
ok "and brings out the rest" cmp vs/little vout/little
is "the file that is not whole is marked" "$(stat -c %a vout/big)" 1600
import --verify --overwrite vs v
is_rc "import --verify --overwrite heals it" 0
export_ v vout
ok "and the next export completes it" cmp vs/big vout/big
is "with its mode" "$(stat -c %a vout/big)" "$(stat -c %a vs/big)"
flip vs/little 77
import --checksum vs v
like "--checksum finds other content behind the same size and time" "$rc $errout" '11.*"little": exists and its content differs'
import --checksum --overwrite vs v
is_rc "--checksum --overwrite replaces it" 0
export_ --checksum --overwrite v vout
ok "both ways" cmp vs/little vout/little

# --- interrupted ---
mkdir long
"$PY" - <<'PY'
import random
r = random.Random(3)
for i in range(3000):
    open("long/%04d" % i, "wb").write(r.randbytes(20000))
for i in range(6):
    open("long/big%d" % i, "wb").write(r.randbytes(50 << 20))
PY
"$PY" tree.py list long notop >want.long
started() { [ -n "$(find "$1" -maxdepth 1 -type f | sed -n 40p)" ]; }
interrupt() # SIGNAL STORE: in the middle; sets rc, errout
{
	local pid
	for _ in 1 2 3 4 5 6; do # it may be faster than we are
		rm -rf "$2" && new_store "$2"
		"$CS" import --threads 1 --key "passfile:$T/pw" long "$2" >.out 2>.err &
		pid=$!
		wait_for 20 started "$2"
		kill "-$1" "$pid" 2>/dev/null
		rc=0
		wait "$pid" 2>/dev/null || rc=$?
		errout=$(cat .err)
		[ "$rc" = 0 ] || break
	done
}
interrupt KILL k
is "killed in the middle" "$rc" 137
import long k
is_rc "the same command goes on" 0
like "with what was not there" "$(there)" '^[1-9][0-9]*$'
go_same "and all arrives" want.long k notop
interrupt INT k2
is "interrupted: exit code 11" "$rc" 11
like "which says how to go on" "$errout" "interrupted; the same command goes on"
import long k2
is "it does" "$rc" 0
import --verify long k2
is "and the result is verified" "$rc $(grep -o '[0-9]* verified' <<<"$out")" "0 3006 verified"
mkdir part && "$GCF" -q -init -scryptn 10 -passfile pw -plaintextnames part && mkdir half
echo whole >half/f && echo ha >part/f && chmod 1600 part/f
import half part
is_rc "a part left by a killed run is replaced without being asked" 0
export_ part halfout
is "by the whole" "$(cat halfout/f)" whole

# --- several tasks ---
new_store s
for i in 0 1 2; do
	SLURM_STEP_ID=0 SLURM_NTASKS=3 SLURM_PROCID=$i "$CS" import --threads 2 --key "passfile:$T/pw" src s >s.out$i 2>s.err$i &
	pids[i]=$!
done
rc=
for i in 0 1 2; do
	wait "${pids[i]}"
	rc=$rc$?
done
is "three tasks of a step import one tree" "$rc" 000
is "without a word" "$(cat s.err?)" ""
go_same "together they have done all of it" want.notop s notop
sum() { grep -oh "[0-9]* $1" s.out? | awk '{ n += $1 } END { print n }'; }
is "and each file once" "$(($(sum files) + $(sum links) + $(sum others)))" "$n"
is "in equal parts, about" "$(awk '/files/ && $2 < 50 { bad = 1 } END { print bad + 0 }' s.out?)" 0
for i in 0 1 2; do export_ --task $i/3 s sout; done
same "export in three parts, one after the other" want.notop sout notop
new_store b
run env SLURM_NTASKS=3 SLURM_PROCID=0 "$CS" import --key "passfile:$T/pw" small b
is "a batch script, which is no step, copies everything" "$(made)" "2 files, 0 links, 1 others"

# --- kinds of stores ---
for opt in -xchacha -aessiv -plaintextnames -deterministic-names; do
	new_store "o$opt" $opt
	import --verify src "o$opt"
	is "$opt: import --verify" "$rc$errout" 0
	go_same "$opt: the Go program agrees" want.notop "o$opt" notop
done

# --- as a user ---
if is_root && command -v setpriv >/dev/null; then
	cp "$CS" "$T/cryptstore"
	as() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
	mkdir u && chmod 777 u && cd u || exit 1
	as mkdir -p us/ro/in && as sh -c 'echo a >us/ro/a; echo b >us/ro/in/b; echo c >us/secret; ln us/ro/a us/ro/in/hard'
	as chmod 555 us/ro/in us/ro
	as mkdir uc && as "$GCF" -q -init -scryptn 10 -passfile "$T/pw" uc
	run as "$T/cryptstore" import --key "passfile:$T/pw" us uc
	is_rc "a user imports directories that are read-only" 0
	as sh -c 'chmod 755 us/ro; echo new >us/ro/new; chmod 555 us/ro'
	run as "$T/cryptstore" import --key "passfile:$T/pw" us uc
	is "and once more, with a new file in one" "$rc $(made)" "0 1 files, 0 links, 0 others"
	run as "$T/cryptstore" export --key "passfile:$T/pw" uc uo
	is "and exports them" "$rc $(cat uo/ro/in/b uo/ro/new | tr '\n' .)" "0 b.new."
	is "with their modes" "$(stat -c %a uo/ro uo/ro/in | tr '\n' .)" 555.555.
	chmod 0 us/secret && chown 0:0 us/secret
	rm -rf uo
	run as "$T/cryptstore" import --key "passfile:$T/pw" us uc:again
	is_rc "a file that cannot be read: not done" 11
	like "it is named" "$errout" '"secret": cannot be opened: Permission denied'
	run as "$T/cryptstore" export --key "passfile:$T/pw" uc:again uo
	is "the others are copied" "$(cat uo/ro/in/b)" b
	cd ..
else
	skip "a user imports directories that are read-only" "not root, or no setpriv"
fi

# --- no room ---
if is_root && mkdir full && mount -t tmpfs -o size=6m none "$T/full" 2>/dev/null; then
	new_store full/c
	import long full/c
	is_rc "a full destination: not done" 11
	like "and the work is given up" "$errout" "the destination is full: giving up"
	is "at once, not file by file" "$(grep -c 'No space left' <<<"$errout" | awk '{ print ($1 < 20) }')" 1
	mount -o remount,size=900m "$T/full"
	import long full/c
	is_rc "when there is room, the same command goes on" 0
	go_same "and all arrives" want.long "$T/full/c" notop
	umount "$T/full" 2>/dev/null || umount -l "$T/full"
else
	skip "a full destination: not done" "not root, or no tmpfs"
fi

# --- command line ---
mkdir inside && new_store inside/c && echo x >inside/f
import inside inside/c
is "a store in the tree is left out" "$rc$(find inside/c -type f ! -name 'gocryptfs.*' | wc -l)" 01
like "which is said" "$errout" "the store itself is in the tree"
import c c
is_rc "the store itself is no source" 2
export_ c c/x
is_rc "and no place for a destination" 2
is "which is not even made" "$(find c/x 2>/dev/null)" ""
import nowhere c
is_rc "a source that is not there" 2
import src nowhere
is_rc "a store that is not there" 4
export_ c:nowhere nout
is_rc "a directory that is not in the store" 2
import src c:../x
is_rc "'..' is refused" 2
echo wrong >pw.wrong
run "$CS" import --key "passfile:$T/pw.wrong" src c
is_rc "a wrong password" 5
run "$CS" import --key ticket:x src c
is_rc "a ticket is for compute nodes" 2
import --task 3/3 src c
is_rc "a part that is none" 2
import --threads 0 src c
is_rc "no threads" 2
new_store 'co:lon'
import small 'co\:lon:d'
export_ 'co\:lon:d' colon
is "a backslash makes a colon part of the path" "$rc$(cat colon/a)" 0changed

# --- what is seen ---
cat >onpty.py <<'PY'
import os, pty, sys
with open(sys.argv[1], "wb") as log:
    def read(fd):
        data = os.read(fd, 4096)
        log.write(data)
        return data
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read)))
PY
new_store p
"$PY" onpty.py shown "$CS" import --key "passfile:$T/pw" long p >/dev/null </dev/null
if grep -q ' in 0\.[0-9] s' shown; then
	skip "on a terminal there is a bar" "this disk was done before a bar could be drawn"
else
	like "on a terminal there is a bar" "$(tr '\r' '\n' <shown)" '^.\[Kimport \[=* *\] +[0-9]+% .* of 357\.[0-9] MiB, [0-9]+ files, '
fi
like "which is gone at the end" "$(tail -n 2 shown | head -n 1)" 'import: 3006 files'
# A minute is too long for a test: a wait that would end in 60 s ends at once, and says so.
if command -v cc >/dev/null; then
	cat >hurry.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
	static int hurried;
	int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (hurried++ > 0)
		return real(c, m, until);
	fprintf(stderr, "waits %.0f s\n", (double)(until->tv_sec - now.tv_sec) + (double)(until->tv_nsec - now.tv_nsec) / 1e9);
	return ETIMEDOUT;
}
C
	cc -shared -fPIC -o hurry.so hurry.c -ldl
	new_store minute
	LD_PRELOAD=$T/hurry.so import small minute
	like "in a job's log there is a line a minute" "$errout" 'waits (60|59) s
cryptstore: import: [0-9]+ files, .* copied, .*/s, 0 errors'
else
	skip "in a job's log there is a line a minute" "no compiler"
fi
new_store q
"$PY" onpty.py shown "$CS" import --quiet --key "passfile:$T/pw" small q >/dev/null </dev/null
unlike "--quiet: there is none" "$(cat shown)" '\[='
unlike "no password, no key in what was said" "$(cat .out .err shown)" '\btest\b'

done_testing
