#!/bin/bash
# The options of a mount, one after the other, through the program and through mount(8).
. "$(dirname "$0")/lib.sh"
need_fuse
need setpriv python3

C=$T/c M=$T/mnt
new_store "$C"
mkdir "$M"
chmod 755 "$T" "$M" "$C"
options_of() { awk -v m="$1" '$2 == m { print $4 }' /proc/mounts; }
source_of() { awk -v m="$1" '$2 == m { print $1 }' /proc/mounts; }
type_of() { awk -v m="$1" '$2 == m { print $3 }' /proc/mounts; }

run mount_store "$C" "$M"
is_rc "a mount" 0
is "file system type" "$(type_of "$M")" fuse.gocryptfs
is "source is CIPHERDIR" "$(source_of "$M")" "$C"
like "nosuid and nodev unless asked" "$(options_of "$M")" 'nosuid,nodev'
echo hello >"$M/f"
unmount "$M"

# --- read-only
mount_store "$C" "$M" -ro
like "-ro: mounted read-only" "$(options_of "$M")" '^ro,'
is "-ro: reading" "$(cat "$M/f")" hello
not_ok "-ro: writing is refused" bash -c "echo x >'$M/f'"
not_ok "-ro: creating is refused" touch "$M/new"
unmount "$M"
mount_store "$C" "$M" -rw -ro
like "-ro wins over -rw" "$(options_of "$M")" '^ro,'
unmount "$M"
if is_root; then
	mkdir "$T/roc" && mount --bind "$C" "$T/roc" && mount -o remount,ro,bind "$T/roc"
	run mount_store "$T/roc" "$M"
	is_rc "CIPHERDIR on a read-only file system" 0
	like "is mounted read-only" "$(options_of "$M")" '^ro,'
	unmount "$M"
	umount "$T/roc"
fi

# --- names of the mount
mount_store "$C" "$M" -fsname my.name
is "-fsname" "$(source_of "$M")" my.name
unmount "$M"
mount_store "$C" "$M" -ko noexec,noatime
like "-ko passes options to the kernel" "$(options_of "$M")" 'noexec'
unmount "$M"
if is_root; then
	mount_store "$C" "$M" -suid -dev
	unlike "-suid -dev" "$(options_of "$M")" 'nosuid|nodev'
	unmount "$M"
	mount_store "$C" "$M" -suid -nosuid -dev -nodev -exec -noexec
	like "the negative form wins" "$(options_of "$M")" 'nosuid,nodev,noexec'
	unmount "$M"
fi
mkdir "$T/full" && touch "$T/full/x"
run mount_store "$C" "$T/full" -nonempty
is_rc "-nonempty mounts over a full directory" 0
is "which then shows the store" "$(ls "$T/full")" f
unmount "$T/full"

# --- options in one word, and mount(8)
mkdir "$T/m2"
run "$GCF" "$C" "$T/m2" -o "q,ro,passfile=$T/pw"
is_rc "-o ro,passfile=..." 0
like "is what it says" "$(options_of "$T/m2")" '^ro,'
unmount "$T/m2"
run "$GCF" "$C" "$T/m2" -q -o nosuchoption
is_rc "-o with an unknown element: 1" 1
if is_root && [ -x /sbin/mount.fuse3 ] || [ -x /sbin/mount.fuse ]; then
	run env PATH="$(dirname "$GCF"):$PATH" mount -t "fuse.$GCF" -o "passfile=$T/pw,allow_other,fsname=fromfstab" "$C" "$T/m2"
	is_rc "mount -t fuse./path/to/gocryptfs" 0
	like "with allow_other" "$(options_of "$T/m2")" allow_other
	is "and the source given" "$(source_of "$T/m2")" fromfstab
	is "and the file there" "$(cat "$T/m2/f")" hello
	unmount "$T/m2"
	if [ "$(basename "$GCF")" = gocryptfs ] && [ "$GCF" != "$GO" ]; then
		mkdir -p "$T/bin" && ln -sf "$GCF" "$T/bin/gocryptfs"
		run env PATH="$T/bin:$PATH" mount -t fuse.gocryptfs -o "passfile=$T/pw" "$C" "$T/m2"
		is_rc "mount -t fuse.gocryptfs" 0
		mounted "$T/m2" && unmount "$T/m2"
	fi
else
	skip "mount -t fuse.gocryptfs" "needs root and mount.fuse3"
fi

# --- other users
as_other() { setpriv --reuid 4242 --regid 4243 --groups 4244 "$@"; }
if is_root; then
	run mount_store "$C" "$M"
	not_ok "without -allow_other nobody else gets in" as_other ls "$M"
	unmount "$M"
	run "$GCF" -passfile "$T/pw" -allow_other "$C" "$M"
	is_rc "-allow_other" 0
	like "prints its notice" "$out$errout" 'The option "-allow_other" is set'
	like "and lets the kernel check permissions" "$(options_of "$M")" 'default_permissions'
	ok "others get in" as_other ls "$M"
	chmod 600 "$M/f"
	not_ok "but not into what is not theirs" as_other cat "$M/f"
	chmod 644 "$M/f"
	mkdir -m 1777 "$M/tmp"
	ok "others can create files" as_other bash -c "umask 022; echo theirs >'$M/tmp/f'; mkdir '$M/tmp/d'; ln -s x '$M/tmp/l'; mkfifo '$M/tmp/p'"
	is "which are theirs" "$(stat -c '%u:%g' "$M/tmp/f" "$M/tmp/d" "$M/tmp/l" "$M/tmp/p" | sort -u)" 4242:4243
	is "with the mode they asked for" "$(stat -c %a "$M/tmp/f")" 644
	is "and can be written by them" "$(as_other bash -c "echo more >>'$M/tmp/f'; cat '$M/tmp/f'")" "theirs
more"
	mkdir "$M/tmp/group" && chgrp 4244 "$M/tmp/group" && chmod 2770 "$M/tmp/group"
	ok "a supplementary group counts" as_other touch "$M/tmp/group/x"
	is "and is inherited from a set-group-ID directory" "$(stat -c %g "$M/tmp/group/x")" 4244
	# Upstream #892: the identity of one request must not leak into another.
	rm -rf "$M/race" && mkdir -m 1777 "$M/race"
	( for i in $(seq 80); do as_other touch "$M/race/o$i"; done ) &
	for i in $(seq 80); do touch "$M/race/r$i"; done
	wait $!
	is "root's files are root's, others' theirs" "$(stat -c '%n %u' "$M"/race/* | sed 's/.*\/\([or]\)[0-9]* /\1 /' | sort -u)" "o 4242
r 0"
	unmount "$M"
	mount_store "$C" "$M" -force_owner 777:888
	is "-force_owner: everything is theirs" "$(stat -c '%u:%g' "$M/f" "$M" "$M/tmp/f" | sort -u)" 777:888
	like "-force_owner implies allow_other" "$(options_of "$M")" allow_other
	touch "$M/forced"
	is "new files too" "$(stat -c '%u:%g' "$M/forced")" 777:888
	unmount "$M"
	mount_store "$C" "$M"
	is "but in the store they are the daemon's" "$(stat -c '%u:%g' "$M/forced")" 0:0
	rm -rf "$M/tmp" "$M/race" "$M/forced"
	unmount "$M"
else
	skip "-allow_other, -force_owner" "needs root"
fi

# --- keys and passwords from elsewhere
key=$(echo test | "$XRAY" -dumpmasterkey "$C/gocryptfs.conf" 2>/dev/null)
like "the master key by gocryptfs-xray" "$key" '^[0-9a-f]{64}$'
run bash -c "echo $key | '$GCF' -masterkey stdin '$C' '$M'"
is_rc "-masterkey stdin" 0
like "says so" "$out$errout" 'Using explicit master key'
is "reads the same" "$(cat "$M/f")" hello
unmount "$M"
run "$GCF" -q -masterkey "$(sed 's/......../&-/g; s/-$//' <<<"$key")" "$C" "$M"
is_rc "-masterkey with dashes" 0
is "reads the same" "$(cat "$M/f")" hello
pid=$(daemon_pid "$M")
unlike "and is not left on the command line" "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "${key:0:8}"
unmount "$M"
run "$GCF" -q -extpass "cat $T/pw" "$C" "$M"
is_rc "-extpass with one word split on blanks" 0
unmount "$M"
printf '#!/bin/sh\n[ "$#" = 2 ] && [ "$1" = "two words" ] && [ "$2" = b ] && echo test\n' >"$T/ep" && chmod +x "$T/ep"
run "$GCF" -q -extpass "$T/ep" -extpass "two words" -extpass b "$C" "$M"
is_rc "-extpass as a list of words" 0
mounted "$M" && unmount "$M"
printf 'te' >"$T/pw1"
printf 'st\nignored\n' >"$T/pw2"
run "$GCF" -passfile "$T/pw1" -passfile "$T/pw2" "$C" "$M"
is_rc "two -passfile are put together" 0
mounted "$M" && unmount "$M"
mkfifo "$T/fifo"
( echo test >"$T/fifo" ) &
run "$GCF" -q -passfile "$T/fifo" "$C" "$M"
is_rc "-passfile from a FIFO" 0
wait $!
mounted "$M" && unmount "$M"
run bash -c "echo test | '$GCF' '$C' '$M'"
is_rc "the password from standard input" 0
like "says where from" "$out$errout" 'Reading [Pp]assword from stdin'
mounted "$M" && unmount "$M"
mkdir "$T/z"
run "$GCF" -q -zerokey "$T/z" "$M"
if [ $rc = 0 ]; then
	pass "-zerokey needs no store"
	unmount "$M"
else
	# A directory of encrypted names needs its diriv first.
	new_store "$T/z2"
	run "$GCF" -q -zerokey "$T/z2" "$M"
	is_rc "-zerokey" 0
	unmount "$M"
fi
cp "$C/gocryptfs.conf" "$T/elsewhere.conf"
mkdir "$T/nc"
cp -a "$C/." "$T/nc" && rm "$T/nc/gocryptfs.conf"
run mount_store "$T/nc" "$M" -config "$T/elsewhere.conf"
is_rc "-config" 0
is "reads the same" "$(cat "$M/f")" hello
unmount "$M"
run "$GCF" -init -q -scryptn 10 -config "$T/made.conf" -passfile "$T/pw" "$(mkdir "$T/ni" && echo "$T/ni")"
is_rc "-init -config" 0
is "puts the config there" "$(ls "$T/ni" && stat -c %a "$T/made.conf")" "gocryptfs.diriv
400"

# --- who is told
"$PY" -c 'import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
open(sys.argv[1] + ".waiting", "w")
signal.sigwait([signal.SIGUSR1])
open(sys.argv[1], "w")' "$T/told" &
waiter=$!
wait_for 10 test -e "$T/told.waiting"
if [ "$GCF" = "$GO" ]; then # which cannot tell two when it goes to the background
	"$GCF" -q -fg -notifypid $waiter -passfile "$T/pw" "$C" "$M" &
else
	run mount_store "$C" "$M" -notifypid $waiter
fi
ok "-notifypid sends USR1" wait_for 10 test -e "$T/told"
kill $waiter 2>/dev/null
unmount "$M"
"$GCF" -q -fg -passfile "$T/pw" "$C" "$M" >"$T/fg.out" 2>&1 &
fg=$!
ok "-fg mounts" wait_for 10 mounted "$M"
ok "and stays in the foreground" kill -0 $fg
fusermount3 -u "$M"
wait $fg
is "until the unmount, exit code 0" $? 0
"$GCF" -q -fg -passfile "$T/pw" "$C" "$M" >"$T/fg.out" 2>&1 &
fg=$!
wait_for 10 mounted "$M"
kill -TERM $fg
wait $fg
is "-fg ends with 15 on SIGTERM" $? 15
ok "and unmounts" wait_for 5 not_mounted "$M"
if [ "$GCF" != "$GO" ]; then
	exec 9> >(cat >"$T/ready")
	run "$GCF" -q -ready_fd 9 -passfile "$T/pw" "$C" "$M"
	exec 9>&-
	ok "-ready_fd is told" wait_for 5 [ -s "$T/ready" ]
	is "with a 1" "$(cat "$T/ready")" 1
	unmount "$M"
	if is_root; then # looking at a daemon's threads and descriptors is root's
		mount_store "$C" "$M" -threads 3
		is "-threads 3 serves with three threads beside the first" "$(find "/proc/$(daemon_pid "$M")/task" -mindepth 1 -maxdepth 1 | wc -l)" 4
		ok "and they answer" ls "$M"
		unmount "$M"
		# A FUSE descriptor opened and mounted by somebody privileged: MOUNTPOINT is /dev/fd/N.
		cat >"$T/premount.py" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
cipher, mnt, prog, pw = sys.argv[1:]
fd = os.open("/dev/fuse", os.O_RDWR)
opts = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if libc.mount(b"premounted", mnt.encode(), b"fuse.gocryptfs", 0, opts.encode()):
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
os.set_inheritable(fd, True)
os.execv(prog, [prog, "-q", "-passfile", pw, cipher, "/dev/fd/%d" % fd])
PY
		run "$PY" "$T/premount.py" "$C" "$M" "$GCF" "$T/pw"
		is_rc "mounting on /dev/fd/N" 0
		is "works" "$(timeout 10 cat "$M/f")" hello
		is "with no monitor beside it, which could not unmount it" "$(pids_naming "$C" | wc -l)" 1
		umount "$M"
	fi
fi

# --- control socket
cat >"$T/ctl.py" <<'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
for req in sys.argv[2:]:
    s.sendall(req.encode())
    buf = b""
    while not buf.endswith(b"\n"):
        got = s.recv(4096)
        if not got:
            sys.exit("closed")
        buf += got
    print(buf.decode(), end="")
PY
ctl() { "$PY" "$T/ctl.py" "$T/sock" "$@"; }
json_field() { "$PY" -c 'import json,sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"; }
mount_store "$C" "$M" -ctlsock "$T/sock"
mkdir -p "$M/dir/sub" && touch "$M/dir/sub/$(printf 'l%.0s' {1..200})"
enc=$(json_field "$(ctl '{"EncryptPath":"dir/sub"}')" Result)
ok "-ctlsock: EncryptPath names the directory of the store" test -d "$C/$enc"
is "-ctlsock: DecryptPath is its inverse" "$(json_field "$(ctl "{\"DecryptPath\":\"$enc\"}")" Result)" dir/sub
two=$(ctl '{"EncryptPath":"f"}' '{"DecryptPath":"nonsense"}')
ok "-ctlsock: several requests on one connection" test "$(wc -l <<<"$two")" = 2
ok "-ctlsock: an impossible path has an error number" test "$(json_field "$(tail -n 1 <<<"$two")" ErrNo)" != 0
long=$(json_field "$(ctl "{\"EncryptPath\":\"dir/sub/$(printf 'l%.0s' {1..200})\"}")" Result)
like "-ctlsock: a long name is hashed" "$long" "^$enc/gocryptfs\.longname\."
is "-ctlsock: and back" "$(json_field "$(ctl "{\"DecryptPath\":\"$long\"}")" Result)" "dir/sub/$(printf 'l%.0s' {1..200})"
like "-ctlsock: a path that is not canonical is cleaned, with a warning" "$(json_field "$(ctl '{"EncryptPath":"/dir//sub/"}')" WarnText)" 'Non-canonical input path'
like "-ctlsock: no JSON is an error" "$(ctl 'nonsense')" 'JSON Unmarshal error'
like "-ctlsock: an empty request too" "$(ctl '{}')" '"ErrNo":(-1|[1-9])'
if [ -x "$XRAY" ]; then
	is "xray -encrypt-paths" "$(echo dir/sub | "$XRAY" -encrypt-paths "$T/sock")" "$enc"
	is "xray -decrypt-paths" "$(echo "$enc" | "$XRAY" -decrypt-paths "$T/sock")" dir/sub
fi
mkdir "$T/m3"
run mount_store "$C" "$T/m3" -ctlsock "$T/sock"
is_rc "-ctlsock: a socket in use: 20" 20
unmount "$M"
ok "-ctlsock: the socket is removed at the end" test ! -e "$T/sock"
run mount_store "$C" "$M" -ctlsock /no/such/dir/sock
is_rc "-ctlsock where there is no directory: 20" 20
if [ "$GCF" != "$GO" ]; then
	"$PY" -c "import socket; s=socket.socket(socket.AF_UNIX); s.bind('$T/sock')"
	run mount_store "$C" "$M" -ctlsock "$T/sock"
	is_rc "-ctlsock: an orphan socket is replaced" 0
	unmount "$M"
fi

# --- -badname
mount_store "$C" "$M"
touch "$M/visible"
unmount "$M"
good=$(find "$C" -maxdepth 1 -type f ! -name 'gocryptfs.*' -printf '%f\n' | head -n 1)
cp "$C/$good" "$C/$good.bad" && echo x >"$C/bad.stranger"
mount_store "$C" "$M" -badname '*.bad' -badname 'bad.*'
like "-badname shows the undecryptable" "$(ls "$M")" 'bad\.stranger GOCRYPTFS_BAD_NAME'
ok "-badname: and can be looked at" stat "$M/bad.stranger GOCRYPTFS_BAD_NAME"
ok "-badname: prefix decrypted" bash -c "ls '$M' | grep -q '\.bad GOCRYPTFS_BAD_NAME\$'"
ok "-badname: it can be removed" rm "$M/bad.stranger GOCRYPTFS_BAD_NAME"
ok "-badname: which removes it from the store" test ! -e "$C/bad.stranger"
unmount "$M"
mount_store "$C" "$M"
unlike "without -badname it is hidden" "$(ls "$M")" GOCRYPTFS_BAD_NAME
unmount "$M"
rm -f "$C/$good.bad"

# --- -idle
mount_store "$C" "$M" -idle 400ms
exec 8<"$M/f"
begin=$(date +%s%N)
exec 7<> <(:); read -rt 1.2 -u 7 || :
ok "-idle: stays while a file is open" mounted "$M"
exec 8<&- 7>&-
ok "-idle: unmounts by itself" wait_for 10 not_mounted "$M"
ok "-idle: no sooner than asked" test $(($(date +%s%N) - begin)) -gt 1200000000

# --- long names switched off, other switches
mount_store "$C" "$M" -longnames=false
not_ok "-longnames=false: names of 200 bytes are refused" touch "$M/$(printf 'z%.0s' {1..200})"
unmount "$M"
for o in -noprealloc -serialize_reads -kernel_cache -writeback -sharedstorage -acl -nosyslog -nofail -devrandom -forcedecode -openssl=true -openssl=false; do
	run mount_store "$C" "$M" $o
	[ $rc = 0 ] || { fail "$o mounts" "exit code $rc $errout"; continue; }
	rm -f "$M/w"
	is "$o: a file written and read" "$(head -c 100000 "$GCF" >"$M/w"; cmp <(head -c 100000 "$GCF") "$M/w" && echo same)" same
	unmount "$M"
done
done_testing
