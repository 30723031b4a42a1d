#!/bin/bash
# The command line: parsing rules, messages, streams and every documented exit code that needs no mount, or where it fails.
. "$(dirname "$0")/lib.sh"
need_fuse

C=$T/c M=$T/mnt
mkdir "$C" "$M"
new_store "$C" || fail "-init"
is_root && mount -t tmpfs none "$M" 2>/dev/null && umount "$M"

# --- usage: 1
run "$GCF"
is_rc "no argument: 1" 1
like "and the help goes to standard output" "$out" '[Uu]sage'
run "$GCF" -h
is_rc "-h: 0" 0
run "$GCF" --help
is_rc "--help: 0" 0
run "$GCF" -hh
is_rc "-hh: 0" 0
like "-hh lists every option" "$out$errout" '-?-sharedstorage'
run "$GCF" -version
is_rc "-version: 0" 0
like "-version: three fields" "$(head -n 1 <<<"$out")" '^gocryptfs [^;]+; [^;]+; [^;]+$'
[ "$GCF" = "$GO" ] || is "-version: then the implementation of each cipher" \
	"$(sed -nE 's/^([A-Za-z0-9-]+): \1-[A-Za-z-]+( \[[A-Z0-9a-z_-]+\])?$/\1/p' <<<"$out" | tr '\n' ' ')" "AES-GCM-256 AES-SIV-512 XChaCha20-Poly1305 "
run "$GCF" -q
is_rc "options only: 1" 1
like "with the reason on standard error" "$errout" 'CIPHERDIR argument is missing'
run "$GCF" --nosuchoption "$C" "$M"
is_rc "an unknown option: 1" 1
like "named in the message" "$errout" 'unknown flag: --nosuchoption'
like "with the way to the help" "$errout" "Try 'gocryptfs -help'"
run "$GCF" -fs "$C" "$M"
is_rc "an abbreviated option: 1" 1
run "$GCF" -init -info "$C"
is_rc "two operations: 1" 1
like "named" "$errout$out" 'At most one of -info, -init, -passwd, -fsck is allowed'
run "$GCF" -init "$C" "$M"
is_rc "-init with two paths: 1" 1
like "named" "$errout$out" 'take exactly one argument, 2 given'
run "$GCF" "$C"
is_rc "a mount without mount point: 1" 1
like "says what it got" "$out$errout" 'Wrong number of arguments \(have 1, want 2\)'
run "$GCF" -q -ro maybe "$C" "$M"
is_rc "a boolean takes no separate word, which is then CIPHERDIR: 6" 6
run "$GCF" -ro=perhaps "$C" "$M"
is_rc "nor a strange value: 1" 1
run "$GCF" -openssl=sometimes "$C" "$M"
is_rc "-openssl=sometimes: 1" 1
like "named" "$errout$out" 'Invalid "-openssl" setting'
run "$GCF" -longnamemax 10 -init "$T/none"
is_rc "-longnamemax 10: 1" 1
like "with the range" "$errout$out" 'outside allowed range 62 \.\.\. 255'
run "$GCF" -idle -5s "$C" "$M"
is_rc "-idle below zero: 1" 1
run "$GCF" -badname '[' -passfile "$T/pw" "$C" "$M"
is_rc "-badname with a broken pattern: 1" 1
run "$GCF" -force_owner 12 -passfile "$T/pw" "$C" "$M"
is_rc "-force_owner without group: 1" 1
like "named" "$errout$out" 'force_owner must be in form UID:GID'
run "$GCF" -extpass 'echo test' -passfile "$T/pw" "$C" "$M"
is_rc "-extpass with -passfile: 1" 1
like "named" "$errout$out" 'The options -extpass and -passfile cannot be used at the same time'
run "$GCF" -masterkey stdin -passfile "$T/pw" "$C" "$M"
is_rc "-masterkey with -passfile: 1" 1
run "$GCF" -extpass 'echo test' -masterkey stdin "$C" "$M"
is_rc "-masterkey with -extpass: 1" 1
run "$GCF" -exclude x -passfile "$T/pw" "$C" "$M"
is_rc "-exclude without -reverse: 29" 29
if [ "$GCF" != "$GO" ]; then
	run "$GCF" -reverse -passfile "$T/pw" "$C" "$M"
	is_rc "-reverse is not in this version: 1" 1
	like "and says so" "$errout$out" 'reverse'
	run "$GCF" -init -fido2 /dev/null "$T/none"
	is_rc "-fido2 is not in this version: 1" 1
fi
run "$GCF" -fsck -reverse "$C"
is_rc "-fsck -reverse: 1" 1

# --- directories: 6 and 10
run "$GCF" -q -passfile "$T/pw" "$T/nowhere" "$M"
is_rc "CIPHERDIR not there: 6" 6
like "named" "$errout" 'Invalid cipherdir.*no such file or directory'
run "$GCF" -q -passfile "$T/pw" "$T/pw" "$M"
is_rc "CIPHERDIR no directory: 6" 6
run "$GCF" -q -init -passfile "$T/pw" "$C"
[ "$rc" = 6 ] || [ "$rc" = 7 ] && pass "-init over a store: $rc" || fail "-init over a store" "$rc"
mkdir "$T/full" && touch "$T/full/x"
run "$GCF" -q -init -passfile "$T/pw" "$T/full"
is_rc "-init in a directory that is not empty: 6" 6
like "named" "$errout" 'not empty'
run "$GCF" -q -init -passfile "$T/pw" "$T/nowhere"
is_rc "-init where there is nothing: 6" 6
run "$GCF" -q -passfile "$T/pw" "$C" "$T/nowhere"
is_rc "mount point not there: 10" 10
like "named" "$errout" 'Invalid mountpoint'
run "$GCF" -q -passfile "$T/pw" "$C" "$T/full"
is_rc "mount point not empty: 10" 10
like "named" "$errout" 'not empty'
mkdir "$C/inside"
run "$GCF" -q -passfile "$T/pw" "$C" "$C/inside"
is_rc "mount point inside CIPHERDIR: 10" 10
like "named" "$errout" 'is contained in cipherdir'
rmdir "$C/inside"
mkdir -p "$T/outer/c" && new_store "$T/outer/c"
run "$GCF" -q -nonempty -passfile "$T/pw" "$T/outer/c" "$T/outer"
is_rc "mount point over CIPHERDIR: 10" 10
like "named" "$errout" 'would shadow cipherdir'

# --- config: 11, 27, 8
mkdir "$T/bare"
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "no config: 11" 11
like "named" "$errout" 'Cannot open config file|open .*gocryptfs.conf: no such file'
run "$GCF" -info "$T/bare"
is_rc "-info without config: 8" 8
echo '{' >"$T/bare/gocryptfs.conf"
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "a config that is no JSON: 11" 11
: >"$T/bare/gocryptfs.conf"
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "an empty config: 11" 11
# damage COMMAND...: the good config, through sed, is what the store then has
damage()
{
	rm -f "$T/bare/gocryptfs.conf"
	sed "$@" "$C/gocryptfs.conf" >"$T/bare/gocryptfs.conf"
}
damage 's/"Version": 2/"Version": 3/'
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "another version of the format: 27" 27
damage 's/"HKDF"/"HKDF", "NoSuchFlag"/'
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "an unknown feature flag: 27" 27
like "named" "$errout" 'NoSuchFlag'
run "$GCF" -info "$T/bare"
is_rc "-info of it: 8" 8
run "$GCF" -fsck -passfile "$T/pw" "$T/bare"
is_rc "-fsck of it: 27" 27
damage 's/"GCMIV128",\?//'
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "a deprecated store: 27" 27
damage 's/"DirIV"/"DirIV", "PlaintextNames"/'
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "flags that contradict each other: 27" 27
damage 's/"N": 1024/"N": 512/'
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
[ "$rc" = 27 ] || [ "$rc" = 13 ] && pass "a key derivation that is too cheap: $rc" || fail "a key derivation that is too cheap" "$rc $errout"
if [ "$GCF" != "$GO" ]; then
	damage 's/"N": 1024/"N": 1025/'
	run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
	is_rc "N that is no power of two: 27, no crash" 27
	damage 's/"N": 1024/"N": 1099511627776/'
	run timeout 20 "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
	is_rc "a key derivation of petabytes: 27" 27
	damage 's/"KeyLen": 32/"KeyLen": 64/'
	run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
	is_rc "KeyLen 64: 27, no crash" 27
fi
damage 's/"EncryptedKey": "..../"EncryptedKey": "AAAA/'
run "$GCF" -q -passfile "$T/pw" "$T/bare" "$M"
is_rc "a damaged master key looks like a wrong password: 12" 12

# --- passwords: 9, 12, 14, 24
echo wrong >"$T/wrong"
run "$GCF" -q -passfile "$T/wrong" "$C" "$M"
is_rc "a wrong password: 12" 12
like "named" "$errout" 'Password incorrect'
run "$GCF" -q -passfile /dev/null "$C" "$M"
is_rc "an empty passfile: 9" 9
run "$GCF" -q -passfile "$T/nowhere" "$C" "$M"
is_rc "a passfile that is not there: 9" 9
like "named" "$errout" 'passfile: could not open'
run "$GCF" -q "$C" "$M"  </dev/null
is_rc "nothing on standard input: 9" 9
like "named" "$errout" '[Gg]ot empty [Pp]assword from stdin|password is empty'
run "$GCF" -q -extpass false "$C" "$M"
is_rc "-extpass false: 9" 9
run "$GCF" -q -extpass /no/such/program "$C" "$M"
is_rc "-extpass with no such program: 9" 9
run "$GCF" -q -extpass true "$C" "$M"
is_rc "-extpass that prints nothing: 9" 9
head -c 3000 /dev/zero | tr '\0' x >"$T/long"
run "$GCF" -q -passfile "$T/long" "$C" "$M"
is_rc "a password of 3000 bytes: 9" 9
run "$GCF" -q -masterkey zz "$C" "$M"
is_rc "-masterkey that is no hex: 14" 14
run "$GCF" -q -masterkey aabb "$C" "$M"
is_rc "-masterkey that is too short: 14" 14
like "with its length" "$errout" 'has length 2 but we require length 32'
mkdir "$T/n1"
run "$GCF" -q -init -scryptn 5 -passfile "$T/pw" "$T/n1"
is_rc "-scryptn 5: 24" 24
run "$GCF" -q -init -scryptn 10 -xchacha -aessiv -passfile "$T/pw" "$T/n1"
is_rc "-init -xchacha -aessiv: 24" 24
is "which leaves nothing behind" "$(ls -A "$T/n1")" ""
# --- streams and -init
mkdir "$T/i"
run "$GCF" -init -scryptn 10 -passfile "$T/pw" "$T/i"
is_rc "-init: 0" 0
is "which says nothing on standard error" "$errout" ""
like "asks for a password" "$out" '^Choose a password for protecting your files\.$'
like "does not show the master key to a file" "$out" 'Not running on a terminal, suppressing master key display'
like "tells that the store is there" "$out" 'The gocryptfs filesystem has been created successfully\.'
like "and how to go on" "$out" "You can now mount it using: gocryptfs $T/i MOUNTPOINT"
is "config mode 0400" "$(stat -c %a "$T/i/gocryptfs.conf")" 400
is "diriv mode 0444, 16 bytes" "$(stat -c '%a %s' "$T/i/gocryptfs.diriv")" "444 16"
run "$GCF" -info "$T/i"
is_rc "-info: 0" 0
like "creator" "$out" '^Creator:           .*gocryptfs'
like "flags" "$out" '^FeatureFlags:      HKDF GCMIV128 DirIV EMENames LongNames Raw64$'
like "key" "$out" '^EncryptedKey:      64B$'
like "key derivation" "$out" '^ScryptObject:      Salt=32B N=1024 R=8 P=1 KeyLen=32$'
like "cipher" "$out" '^contentEncryption: AES-GCM-256$'
flags_of() { "$GCF" -info "$1" | sed -n 's/^FeatureFlags: *//p'; }
new_store "$T/f1" -aessiv && is "-aessiv flags" "$(flags_of "$T/f1")" "HKDF GCMIV128 DirIV EMENames LongNames Raw64 AESSIV"
new_store "$T/f2" -xchacha && is "-xchacha flags" "$(flags_of "$T/f2")" "HKDF XChaCha20Poly1305 DirIV EMENames LongNames Raw64"
new_store "$T/f3" -plaintextnames && is "-plaintextnames flags" "$(flags_of "$T/f3")" "HKDF GCMIV128 PlaintextNames"
new_store "$T/f4" -deterministic-names && is "-deterministic-names flags" "$(flags_of "$T/f4")" "HKDF GCMIV128 EMENames LongNames Raw64"
new_store "$T/f5" -longnamemax 100 && is "-longnamemax flags" "$(flags_of "$T/f5")" "HKDF GCMIV128 DirIV LongNameMax EMENames LongNames Raw64"
like "and its value" "$(cat "$T/f5/gocryptfs.conf")" '"LongNameMax": 100'
new_store "$T/f6" -hkdf=false -raw64=false && is "-init ignores -hkdf=false" "$(flags_of "$T/f6")" "HKDF GCMIV128 DirIV EMENames LongNames Raw64"
is "a store of deterministic names has no diriv" "$(ls "$T/f4")" gocryptfs.conf

# --- -speed
run "$GCF" -speed
is_rc "-speed: 0" 0
like "lists AES-GCM" "$out" 'AES-GCM-256-[A-Za-z0-9_-]+[[:space:]]+ *[0-9]+\.[0-9]{2} MB/s'
like "AES-SIV" "$out" 'AES-SIV-512-[A-Za-z0-9_-]+[[:space:]]+ *[0-9]+\.[0-9]{2} MB/s'
like "XChaCha20" "$out" 'XChaCha20-Poly1305-[A-Za-z0-9_-]+[[:space:]]+ *[0-9]+\.[0-9]{2} MB/s'
like "and marks the selected one" "$out" 'selected in auto mode'

# --- standard descriptors closed by the caller
ok "works with all standard descriptors closed" bash -c "'$GCF' -q -info '$C' <&- >&- 2>&-"
ok "works with an empty PATH" env -i PATH= "$GCF" -info "$C"

# --- gocryptfs-xray
if [ -x "$XRAY" ] && [ -d "$FIXTURES/xray" ]; then
	for kind in gcm siv; do
		d=$FIXTURES/xray/aes${kind}_fs
		f=$(find "$d" -maxdepth 1 -type f ! -name 'gocryptfs.*' ! -name '*.txt' | head -n 1)
		opt=()
		[ $kind = siv ] && opt=(-aessiv)
		run "$XRAY" "${opt[@]}" "$f"
		is_rc "xray of an $kind file: 0" 0
		like "shows the header" "$out" '^Header: Version: 2, Id: [0-9a-f]{32}, assuming AES-'
		like "and blocks" "$out" '^Block +0: IV: [0-9a-f]+, Tag: [0-9a-f]+, Offset: +18 Len: [0-9]+'
		[ -e "$d.xray.txt" ] && is "as upstream's" "$out" "$(cat "$d.xray.txt")"
	done
	key=$(echo test | "$XRAY" -dumpmasterkey "$FIXTURES/xray/aesgcm_fs/gocryptfs.conf" 2>/dev/null)
	is "xray -dumpmasterkey" "$key" b4d8b25c324dd6eaa328c9906e8a2a3c6038552a042ced4326cfff210c62957a
	run bash -c "echo wrong | '$XRAY' -dumpmasterkey '$FIXTURES/xray/aesgcm_fs/gocryptfs.conf'"
	is_rc "xray with a wrong password: 8" 8
	: >"$T/empty"
	run "$XRAY" "$T/empty"
	is_rc "xray of an empty file: 0" 0
	printf abc >"$T/three"
	run "$XRAY" "$T/three"
	is_rc "xray of 3 bytes: 1" 1
	like "named" "$out$errout" 'incomplete file header: read 3 bytes, want 18'
else
	skip "gocryptfs-xray" "the program or the fixtures are not here"
fi
done_testing
