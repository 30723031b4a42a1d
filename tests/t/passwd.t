#!/bin/bash
# -passwd, -info: the master key stays, the config is replaced safely or not at all.
. "$(dirname "$0")/lib.sh"
need_fuse
need python3

C=$T/c M=$T/mnt
conf=$C/gocryptfs.conf
master() { echo "$1" | "$XRAY" -dumpmasterkey "$conf" 2>/dev/null; }
salt() { sed -n 's/.*"Salt": *//p' "$conf"; }
field() { "$PY" -c 'import json,sys; print(json.load(open(sys.argv[1]))["ScryptObject"][sys.argv[2]])' "$conf" "$1"; }
new_store "$C"
mount_store "$C" "$M" && echo data >"$M/f" && unmount "$M"

before=$(master test) old_salt=$(salt)
run bash -c "printf 'test\nsecond\n' | '$GCF' -passwd '$C'"
is_rc "-passwd with both passwords on standard input" 0
like "says so" "$out" 'Password changed\.'
is "the master key is unchanged" "$(master second)" "$before"
ok "with a new salt" test "$(salt)" != "$old_salt"
is "N is kept" "$(field N)" 1024
is "mode 0400" "$(stat -c %a "$conf")" 400
is "nothing else is left in the store" "$(ls "$C" | grep -c '^gocryptfs')" 2
run bash -c "echo test | '$GCF' -q '$C' '$M'"
is_rc "the old password is refused: 12" 12
run bash -c "echo second | '$GCF' -q '$C' '$M'"
is_rc "the new one works" 0
is "the data is there" "$(cat "$M/f")" data
unmount "$M"
run bash -c "printf 'second\nthird\n' | '$GCF' -q -passwd -scryptn 11 '$C'"
is_rc "-passwd -scryptn 11" 0
is "changes N" "$(field N)" 2048
cp "$conf" "$T/keep"
run bash -c "printf 'wrong\nx\n' | '$GCF' -q -passwd '$C'"
is_rc "a wrong old password: 12" 12
ok "leaves the config alone" cmp "$conf" "$T/keep"
run bash -c "printf 'third\n\n' | '$GCF' -q -passwd '$C'"
is_rc "an empty new password: 9" 9
ok "leaves the config alone" cmp "$conf" "$T/keep"
touch "$conf.tmp"
run bash -c "printf 'third\nfourth\n' | '$GCF' -q -passwd '$C'"
is_rc "a stale gocryptfs.conf.tmp: 24" 24
ok "leaves the config alone" cmp "$conf" "$T/keep"
rm -f "$conf.tmp"

# By master key.
run bash -c "echo fourth | '$GCF' -passwd -masterkey $before '$C'"
is_rc "-passwd -masterkey" 0
is "sets the new password without the old" "$(master fourth)" "$before"
ok "and keeps a copy of the old config" test -e "$conf.bak"
like "about which it says" "$out" 'gocryptfs\.conf\.bak'
run bash -c "echo fifth | '$GCF' -q -passwd -masterkey $before '$C'"
is_rc "a second time, with the copy still there: 7" 7
is "nothing changed" "$(master fourth)" "$before"
rm -f "$conf.bak"

# Where the config lies elsewhere, and where the directory cannot be written.
cp "$conf" "$T/other.conf"
run bash -c "printf 'fourth\nsixth\n' | '$GCF' -q -passwd -config '$T/other.conf' '$C'"
is_rc "-passwd -config" 0
is "changes that one" "$(echo sixth | "$XRAY" -dumpmasterkey "$T/other.conf" 2>/dev/null)" "$before"
is "and not the store's" "$(master fourth)" "$before"
if [ -e "$FIXTURES/cli/gocryptfs.conf.b9e5ba23" ]; then
	mkdir "$T/up" && cp "$FIXTURES/cli/gocryptfs.conf.b9e5ba23" "$T/up/gocryptfs.conf"
	k=b9e5ba23981a22b8c8d790d8627add29f680513fb7b7035fd203fb8321d82205
	run bash -c "echo newpw | '$GCF' -q -passwd -masterkey $k '$T/up'"
	is_rc "upstream's fixture: -passwd -masterkey" 0
	is "keeps its key" "$(echo newpw | "$XRAY" -dumpmasterkey "$T/up/gocryptfs.conf" 2>/dev/null)" $k
	wrong=b9e5ba23981a22b8c8d790d8627add29f680513fb7b7035fd203fb8321d82206
	rm -f "$T/up/gocryptfs.conf.bak"
else
	skip "upstream's fixture" "not here"
fi
if [ -x "$GO" ] && [ "$GCF" != "$GO" ]; then
	run bash -c "echo fourth | '$GO' -q '$C' '$M'"
	is_rc "the Go program opens the store after all this" 0
	is "and reads the data" "$(cat "$M/f")" data
	fusermount3 -u "$M"
	run bash -c "printf 'fourth\nlast\n' | '$GO' -q -passwd '$C'"
	is_rc "the Go program changes the password" 0
	is "and we read its config" "$(master last)" "$before"
fi
# A config read from a FIFO.
mkfifo "$T/conf.fifo"
(cat "$conf" >"$T/conf.fifo") &
run "$GCF" -info -config "$T/conf.fifo" "$C"
wait $!
is_rc "-info of a config in a FIFO" 0
like "shows it" "$out" '^FeatureFlags:'
done_testing
