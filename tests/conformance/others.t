#!/usr/bin/env bash
# shellcheck disable=SC2015,SC2154
# others.t - what another user of the machine gets from a daemon: nothing; and what the daemon itself has given up.
. "$(dirname "$0")/lib.sh"
need_fuse
need setpriv
is_root || skip_all "needs root, to be two users"

other() { setpriv --reuid 4242 --regid 4242 --clear-groups -- "$@"; }
mkdir "$T/c" "$T/m" && chown "$USER_ID:$USER_ID" "$T/c" "$T/m" && chmod 700 "$T/c"
password="a password that is nowhere else"
echo "$password" >"$T/pw"
as_user "$GCF" -q -init -scryptn 10 -passfile "$T/pw" "$T/c" || skip_all "cannot make a store as another user"
as_user "$GCF" -q -passfile "$T/pw" -ctlsock "$T/c/../c/ctl" "$T/c" "$T/m" || skip_all "an ordinary user cannot mount here"
pid=$(daemon_pid "$T/m")
like "the daemon runs as the user" "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" "^$USER_ID$"

for f in mem environ maps fd auxv stack syscall; do
	not_ok "another user cannot look at /proc/PID/$f" other sh -c "ls /proc/$pid/$f/ 2>/dev/null | grep -q . || head -c 1 /proc/$pid/$f | grep -q ."
	not_ok "nor the user's own processes (it is not dumpable): $f" as_user sh -c "ls /proc/$pid/$f/ 2>/dev/null | grep -q . || head -c 1 /proc/$pid/$f | grep -q ."
done
ptrace='
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
r = libc.ptrace(16, int(sys.argv[1]), None, None)   # PTRACE_ATTACH
os._exit(0 if r == 0 else 1)'
not_ok "nor trace it" other "$PY" -c "$ptrace" "$pid"
not_ok "nor can the user" as_user "$PY" -c "$ptrace" "$pid"
not_ok "nor signal it" other kill -TERM "$pid"
not_ok "nor look into the mount" other ls "$T/m"
not_ok "nor talk to its control socket" other "$PY" -c "import socket; socket.socket(socket.AF_UNIX).connect('$T/c/ctl')"
unlike "no password or key in its arguments" "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "masterkey|^test$"

is "no new privileges" "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status")" 1
if grep -q '^Seccomp:' "/proc/$pid/status"; then
	for t in "/proc/$pid/task/"*; do awk '/^Seccomp:/ { print $2 }' "$t/status"; done | sort -u >"$T/modes"
	is "a seccomp filter on every thread" "$(cat "$T/modes")" 2
fi
is "no capability" "$(awk '/^CapEff:/ { print $2 }' "/proc/$pid/status")" 0000000000000000
is "no core dumps" "$(awk '/^Max core/ { print $5, $6 }' "/proc/$pid/limits")" "0 0"
# What root finds in all of the daemon's memory (the needles come in base64 and are turned into bytes here only).
cat >"$T/find" <<'END'
import base64, sys
pid, needles = sys.argv[1], [base64.b64decode(n) for n in sys.argv[2:]]
found = 0
with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as mem:
    for line in maps:
        where, may = line.split()[:2]
        if may.startswith("rw"):
            a, b = (int(x, 16) for x in where.split("-"))
            try:
                mem.seek(a)
                data = mem.read(b - a)
            except OSError:
                continue
            found += sum(data.count(n) for n in needles)
print(found)
END
in_memory() { "$PY" "$T/find" "$pid" "$@"; }
masterkey=$("$XRAY" -dumpmasterkey "$T/c/gocryptfs.conf" <"$T/pw" 2>/dev/null | tail -n 1)
like "(a master key to look for)" "$masterkey" '^[0-9a-f]{64}$'
is "no password in its memory" "$(in_memory "$(printf %s "$password" | base64)")" 0
is "nor the master key" "$(in_memory "$("$PY" -c 'import base64, sys; print(base64.b64encode(bytes.fromhex(sys.argv[1])).decode())' "$masterkey")")" 0
# A large file's data is in the buffers of the threads that wrote it, until they write another file, however little.
yes "plaintext of the first file" | head -c 4000000 >"$T/first"
as_user dd if="$T/first" of="$T/m/first" bs=1M status=none
first=$(printf 'plaintext of the first file\nplaintext of the first file' | base64 -w 0)
forgotten()
{
	local i
	for i in 1 2 3 4 5 6 7 8; do
		as_user sh -c "dd if=/dev/zero of='$T/m/second$i' bs=512 count=20 status=none; cat '$T/m/second$i'" >"$T/null" &
	done
	wait
	[ "$(in_memory "$first")" = 0 ]
}
ok "and none of a file's plaintext once its threads have served others" wait_for 20 forgotten

ok "an ordinary user unmounts all the same" as_user fusermount3 -u "$T/m"
ok "and the daemon ends" wait_for 10 gone "$pid"
not_ok "and its control socket is gone" test -e "$T/c/ctl"
table others "another user" "$tap_n" "$tap_failed" 0 ""
done_testing
