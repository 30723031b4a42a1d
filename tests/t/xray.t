#!/bin/bash
# gocryptfs-xray: blocks of a file, master key, paths through the control socket, and a command line read as Go reads it.
. "$(dirname "$0")/lib.sh"
[ -x "$XRAY" ] || { echo "Bail out! $XRAY is not there"; exit 1; }
G=$SRCDIR/tests/golden

# --- blocks; the expected texts are those of the Go program 2.3
for kind in gcm:-aessiv=false siv:--aessiv xchacha:-xchacha; do
	k=${kind%%:*} opt=${kind#*:}
	run "$XRAY" "$opt" "$G/xray/$k.bin"
	is_rc "$k file: exit code 0" 0
	is "$k file: header and blocks are upstream's" "$out" "$(cat "$G/xray/$k.txt")"
done
: >"$T/empty"
run "$XRAY" "$T/empty"
is "empty file says so" "$rc $out" "0 empty file"
printf 'ab\n' >"$T/short"
run "$XRAY" "$T/short"
is "incomplete header" "$rc $errout" "1 incomplete file header: read 3 bytes, want 18"
head -c 18 "$G/xray/gcm.bin" >"$T/header"
run "$XRAY" "$T/header"
is "header alone is no error" "$rc $out" "0 $(head -n 1 "$G/xray/gcm.txt")"
head -c 4178 "$G/xray/gcm.bin" >"$T/torn"
run "$XRAY" "$T/torn"
is "a block without data is damage" "$rc $(tail -n 1 <<<"$out")" "1 corrupt block: truncated data, len=32"
head -c 100 /dev/zero >"$T/zero"
run "$XRAY" "$T/zero"
is "zeroed header" "$rc $out" "1 ParseHeader: header is all-zero. Header hexdump: 000000000000000000000000000000000000"
run "$XRAY" "$G/conf/default.conf"
like "foreign file" "$rc $out" '^1 ParseHeader: invalid version, want=2 have=31498'
run "$XRAY" "$T/missing"
is "missing file" "$rc $out" "1 open $T/missing: no such file or directory"
run "$XRAY" "$T"
is "directory" "$rc $out" "1 read $T: is a directory"

# --- master key
n=0
while read -r conf password key; do
	[ "$conf" = "#" ] && continue
	n=$((n + 1))
	run "$XRAY" -dumpmasterkey "$G/conf/$conf" <<<"$password"
	is "master key of $conf" "$rc $out" "0 $key"
done <"$G/conf/INDEX"
is "all configs were tried" "$n" 11
run "$XRAY" -dumpmasterkey "$G/conf/default.conf" <<<wrong
is "wrong password: 8" "$rc $out" "8 "
like "and a word about it" "$errout" 'Password incorrect\.'
run "$XRAY" -dumpmasterkey "$G/conf/default.conf" </dev/null
is "empty password: 9" "$rc $errout" "9 got empty Password from stdin"
run "$XRAY" -dumpmasterkey "$T/short" <<<test
is_rc "no JSON: 11" 11
sed 's/"GCMIV128",//' "$G/conf/default.conf" >"$T/old.conf"
run "$XRAY" -dumpmasterkey "$T/old.conf" <<<test
is_rc "deprecated config: 27" 27
sed 's/"HKDF",/"HKDF", "FIDO2",/' "$G/conf/default.conf" >"$T/fido.conf"
run "$XRAY" -dumpmasterkey "$T/fido.conf" <<<test
is "FIDO2 config without device" "$rc $errout" \
	"1 Masterkey encrypted using FIDO2 token; need to use the --fido2 option."
run "$XRAY" -fido2 /dev/hidraw0 -dumpmasterkey "$T/fido.conf" <<<test
is_rc "FIDO2 config with device: 31" 31

# --- command line
run "$XRAY"
is_rc "no argument: 1" 1
like "and the usage" "$errout" '^Usage: gocryptfs-xray \[OPTIONS\] FILE$'
run "$XRAY" "$T/empty" "$T/empty"
is_rc "two files: 1" 1
run "$XRAY" "$T/empty" -version
is_rc "options end at the first argument" 1
run "$XRAY" -foo
is "unknown option" "$rc $(head -n 1 <<<"$errout")" "2 flag provided but not defined: -foo"
run "$XRAY" -version=maybe
is "bad value" "$rc $(head -n 1 <<<"$errout")" '2 invalid boolean value "maybe" for -version: parse error'
run "$XRAY" -fido2
is "missing value" "$rc $(head -n 1 <<<"$errout")" "2 flag needs an argument: -fido2"
run "$XRAY" -help
is_rc "-help: 0" 0
run "$XRAY" --version
like "version line" "$rc $out" '^0 gocryptfs-xray [0-9]+\.[0-9]+\.[0-9]+; '
run "$XRAY" -encrypt-paths -decrypt-paths -dumpmasterkey "$T/x"
is "three operations" "$rc $errout" "1 fatal: 3 operations were requested"
run "$XRAY" -encrypt-paths "$T/missing" </dev/null
is "no socket" "$rc $errout" "1 fatal: dial unix $T/missing: connect: no such file or directory"

# --- paths
if [ -x "$GCF" ] && [ -c /dev/fuse ] && ( exec 3<>/dev/fuse ) 2>/dev/null && new_store "$T/c" \
	&& mount_store "$T/c" "$T/m" -ctlsock "$T/sock"; then
	mkdir "$T/m/dir"
	echo x >"$T/m/dir/file"
	run "$XRAY" -encrypt-paths "$T/sock" <<<"dir/file"
	is_rc "encrypt a path: 0" 0
	ok "the encrypted path is there" test -f "$T/c/$out"
	run "$XRAY" -decrypt-paths "$T/sock" <<<"$out"
	is "and decrypts to itself" "$rc $out" "0 dir/file"
	run bash -c "printf 'dir\0dir/file\0' | '$XRAY' -0 -encrypt-paths '$T/sock' | '$XRAY' -0 -decrypt-paths '$T/sock' | tr '\0' ';'"
	is "with NUL between paths" "$out" "dir;dir/file;"
	run bash -c "printf 'dir\n\nnone/x\ndir//file\ndir' | '$XRAY' -encrypt-paths '$T/sock'"
	is_rc "some paths fail: 1" 1
	is "the others are translated" "$(wc -l <<<"$out")" 3
	like "with the line of the failure" "$errout" '^error at input line 3 "none/x": errno 2: no such file or directory$'
	like "and of the empty one" "$errout" '^error at input line 2 "": '
	like "and a warning" "$errout" '^warning at input line 4 "dir//file": Non-canonical input path'
	run bash -c "{ printf 'a%.0s' {1..6000}; printf '\ndir\n'; } | '$XRAY' -encrypt-paths '$T/sock'"
	is "too long a path fails alone" "$rc $(wc -l <<<"$out")" "1 1"
	like "the next one is translated" "$out" '^[A-Za-z0-9_-]{22}$'
	run bash -c "printf '\377\n' | '$XRAY' -encrypt-paths '$T/sock'"
	is "bytes that are no UTF-8 cannot be asked for" "$rc $errout" '1 error at input line 1 "\xff": not valid UTF-8'
	ok "unmount" unmount "$T/m"
else
	skip "paths through the control socket" "no mount here"
fi
done_testing
