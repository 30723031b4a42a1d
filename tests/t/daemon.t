#!/bin/bash
# The life of the daemon: how it starts, what it shows of itself, and all the ways it ends.
[ -n "${GCF_FUSE_OPEN:-}" ] || exec "$(dirname "$0")/open-fuse" "$0" # an ordinary user must be able to mount
. "$(dirname "$0")/lib.sh"
need_fuse
need setpriv

C=$T/c M=$T/mnt
new_store "$C"
mkdir "$M"

# --- going to the background
begin=$SECONDS
got=$("$GCF" -passfile "$T/pw" "$C" "$M" 2>&1 | cat)
ok "a reader of its output sees the end when it goes to the background" test $((SECONDS - begin)) -lt 20
like "after the message" "$got" 'Filesystem mounted and ready\.'
pid=$(daemon_pid "$M")
ok "the daemon runs" test -d "/proc/$pid"
is "in the root directory" "$(readlink "/proc/$pid/cwd")" /
is "in a session of its own" "$(ps -o sid= -p "$pid" | tr -d ' ')" "$(ps -o pgid= -p "$pid" | tr -d ' ')"
ok "not in ours" test "$(ps -o sid= -p "$pid" | tr -d ' ')" != "$(ps -o sid= -p $$ | tr -d ' ')"
for n in 0 1 2; do
	unlike "descriptor $n is silent" "$(readlink "/proc/$pid/fd/$n")" "$T|pts|tty"
done
if [ "$GCF" != "$GO" ]; then
	# The kernel shows "dumpable 0" by giving /proc/PID to root.
	like "no core dumps" "$(grep 'Max core file size' "/proc/$pid/limits")" ' 0 +0 '
	if is_root; then
		mkdir -m 1777 "$T/nobody" && chmod 755 "$T"
		chmod 644 "$T/pw"
		as_other() { setpriv --reuid "$(id -u nobody)" --regid "$(id -g nobody)" --clear-groups "$@"; } # fusermount3 wants a name
		as_other mkdir "$T/nobody/c" "$T/nobody/m"
		if as_other "$GCF" -q -init -scryptn 10 -passfile "$T/pw" "$T/nobody/c" && as_other "$GCF" -q -passfile "$T/pw" "$T/nobody/c" "$T/nobody/m"; then
			other=$(daemon_pid "$T/nobody/m")
			is "not dumpable: its /proc belongs to root" "$(stat -c %u "/proc/$other/environ")" 0
			not_ok "its own user cannot read its memory" as_other cat "/proc/$other/environ"
			not_ok "nor trace it" as_other cat "/proc/$other/mem"
			as_other touch "$T/nobody/m/f"
			is "an ordinary user's files are theirs" "$(as_other stat -c %u "$T/nobody/m/f")" "$(id -u nobody)"
			ok "an ordinary user unmounts" as_other fusermount3 -u "$T/nobody/m"
		else
			skip "an ordinary user's daemon is not dumpable" "an ordinary user cannot mount here (fusermount3 is not setuid, or /dev/fuse is closed)"
		fi
	fi
	env GCF_CANARY=canary "$GCF" -q -fg -passfile "$T/pw" "$C" "$T/none" >/dev/null 2>&1
	rss=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
	[ -n "${GCF_SANITIZED:-}" ] || ok "the key derivation's memory is not kept (${rss} KiB)" test "$rss" -lt 30000
fi
like "many descriptors" "$(grep 'Max open files' "/proc/$pid/limits" | awk '{ print ($4 >= 4096) ? "enough" : $4 }')" enough
unmount "$M"

# --- failures reach the caller
run "$GCF" -q -passfile "$T/wrong.pw" "$C" "$M"
is_rc "a missing passfile: 9" 9
echo no >"$T/wrong.pw"
run "$GCF" -q -passfile "$T/wrong.pw" "$C" "$M"
is_rc "a wrong password from the background: 12" 12
not_ok "and nothing is mounted" mounted "$M"
nobody_left() { [ -z "$(pids_naming "$T/")" ]; }
ok "and nobody is left running" wait_for 5 nobody_left

# --- what it gives up (but under a sanitizer, which needs it)
if [ "$GCF" != "$GO" ] && [ -z "${GCF_SANITIZED:-}" ]; then
	run mount_store "$C" "$M" -d
	like "-d says what the daemon has given up" "$out" \
		'sandbox: no_new_privs on, seccomp filter o.*, Landlock o.*, capabilities dropped, keys .*, dumpable no, core dumps off'
	pid=$(daemon_pid "$M")
	# CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID, IPC_LOCK, MKNOD and nothing else
	is "no thread has a capability that serving files does not need" \
		"$(for t in "/proc/$pid/task/"*; do
			caps=$((16#$(awk '/^CapPrm:/ { print $2 }' "$t/status")))
			[ $((caps & ~16#80040df)) = 0 ] || echo "$t"
		done)" ""
	fusermount3 -u "$M"
	wait_for 10 gone "$pid"
fi

# --- ends
for sig in TERM INT; do
	mount_store "$C" "$M"
	pid=$(daemon_pid "$M")
	kill -$sig "$pid"
	ok "SIG$sig unmounts" wait_for 10 not_mounted "$M"
	ok "and ends the daemon" wait_for 10 gone "$pid"
done
mount_store "$C" "$M"
pid=$(daemon_pid "$M")
exec 8>"$M/held"
echo before >&8
kill -TERM "$pid"
ok "SIGTERM with a file open: unmounted (lazily) all the same" wait_for 30 not_mounted "$M"
exec 8>&-
ok "and the daemon ends once the file is closed" wait_for 30 gone "$pid"
mount_store "$C" "$M"
is "what was written is there" "$(cat "$M/held")" before
pid=$(daemon_pid "$M")
pids=$(pids_naming "$M")
if is_root; then
	umount "$M"
	is "umount: exit code 0" $? 0
else
	fusermount3 -u "$M"
fi
for p in $pids; do
	[ "$p" = "$BASHPID" ] || wait_for 10 gone "$p" || fail "process $p ends after an unmount from outside"
done
pass "all processes end after an unmount from outside"
mount_store "$C" "$M"
pid=$(daemon_pid "$M")
pids=$(pids_naming "$M")
echo kept >"$M/kept"
kill -KILL "$pid"
wait_for 10 gone "$pid"
if [ "$GCF" != "$GO" ]; then
	ok "kill -9: the monitor unmounts what the daemon left" wait_for 10 not_mounted "$M"
	for p in $pids; do
		[ "$p" = "$BASHPID" ] || wait_for 10 gone "$p" || fail "process $p ends after kill -9"
	done
fi
mounted "$M" && fusermount3 -u -z "$M"
run mount_store "$C" "$M"
is_rc "and it can be mounted again" 0
is "with the data" "$(cat "$M/kept")" kept
unmount "$M"
mount_store "$C" "$M"
mkdir "$M/cwd"
( cd "$M/cwd" && exec 7<> <(:) && read -rt 20 -u 7 ) &
holder=$!
wait_for 5 bash -c "[ \"\$(readlink /proc/$holder/cwd)\" = $M/cwd ]"
not_ok "busy: fusermount3 -u refuses" fusermount3 -u "$M"
is "and the mount stays" "$(mounted "$M" && echo yes)" yes
kill $holder 2>/dev/null
wait $holder 2>/dev/null
ok "then it can be unmounted" wait_for 10 fusermount3 -u "$M"
wait_for 10 not_mounted "$M"

# --- two at a time
mkdir "$T/m2"
mount_store "$C" "$M"
run mount_store "$C" "$T/m2"
is_rc "the same store can be mounted twice" 0
echo one >"$M/shared"
is "and both see the same" "$(cat "$T/m2/shared")" one
unmount "$M"
is "one unmount leaves the other" "$(cat "$T/m2/shared")" one
unmount "$T/m2"
for i in $(seq 15); do
	mount_store "$C" "$M" || { fail "mount $i of 15"; break; }
	echo "$i" >"$M/n" && unmount "$M" || { fail "unmount $i of 15"; break; }
done
pass "15 mounts and unmounts in a row"
ok "no process is left" wait_for 5 nobody_left

# --- many names, few descriptors
mount_store "$C" "$M"
pid=$(daemon_pid "$M")
mkdir "$M/many"
( cd "$M/many" && seq -f 'd%g' 1200 | xargs mkdir && for d in d*; do : >"$d/f"; done )
find "$M/many" | wc -l >/dev/null
n=$(ls "/proc/$pid/fd" | wc -l)
ok "1200 directories and files known, $n descriptors open" test "$n" -lt 600
unmount "$M"
done_testing
