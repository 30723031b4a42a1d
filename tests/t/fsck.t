#!/bin/bash
# -fsck: clean stores are clean, every kind of damage is found and named by its place in the store, no mount is needed.
. "$(dirname "$0")/lib.sh"
need_fuse
need python3 setfattr

C=$T/c M=$T/mnt
fsck() { run "$GCF" -fsck -passfile "$T/pw" "$@"; }
fresh()
{
	rm -rf "$C"
	new_store "$C" "$@"
	mount_store "$C" "$M"
	mkdir -p "$M/dir/sub"
	head -c 10000 "$GCF" >"$M/dir/file"
	echo small >"$M/small"
	: >"$M/empty"
	ln -s target "$M/link"
	ln "$M/small" "$M/hard"
	touch "$M/$(printf 'l%.0s' {1..200})"
	setfattr -n user.a -v value "$M/small" 2>/dev/null
	truncate -s 1M "$M/sparse"
	mkfifo "$M/fifo"
	unmount "$M"
}
# The stored name of a plain path, by inode number.
stored()
{
	local ino
	mount_store "$C" "$M"
	ino=$(stat -c %i "$M/$1")
	unmount "$M"
	find "$C" -inum "$ino" | head -n 1
}

for init in "" -aessiv -xchacha -plaintextnames -deterministic-names "-longnamemax 62"; do
	# shellcheck disable=SC2086
	fresh $init
	fsck "$C"
	is_rc "a clean store (${init:-default}): 0" 0
	like "says so" "$out" 'fsck summary: no problems found'
done
fsck -q "$C"
is "-q: silent" "$out" ""
run "$GCF" -fsck -extpass 'echo wrong' "$C"
is_rc "a wrong password: 12" 12

# --- damage, one at a time; corrupt WHAT REGEX: fsck says 26, counts it and names the place in the store
corrupt()
{
	fsck "$C"
	is_rc "$1: 26" 26
	like "$1: counted" "$out$errout" 'fsck summary: [1-9][0-9]* corrupt files'
	like "$1: named" "$out$errout" "$2"
}
fresh
f=$(stored dir/file)
printf 'X' | dd of="$f" bs=1 seek=5000 conv=notrunc status=none
corrupt "a flipped byte in a file" "$(basename "$f")|dir/file"
if [ "$GCF" != "$GO" ]; then
	like "with its path in the store" "$out$errout" "$(basename "$f")"
	run "$GCF" -fsck -json -passfile "$T/pw" -q "$C"
	is_rc "-fsck -json: 26" 26
	ok "-fsck -json: one object a line" "$PY" -c 'import json,sys; [json.loads(l) for l in open(sys.argv[1]) if l.strip()]' "$T/.out"
	like "-fsck -json: with the place in the store" "$out" "$(basename "$f")"
fi
fresh
f=$(stored link)
ln -sfn "AAAA$(readlink "$f" | cut -c5-)" "$f"
corrupt "a damaged symlink" 'link'
fresh
touch "$C/AAAAAAAAAAAAAAAAAAAAAA"
corrupt "an undecryptable name" 'AAAAAAAAAAAAAAAAAAAAAA'
fresh
d=$(stored dir)
chmod u+w "$d/gocryptfs.diriv"; rm -f "$d/gocryptfs.diriv"
corrupt "a missing diriv" 'dir'
printf short >"$d/gocryptfs.diriv"
corrupt "a short diriv" 'dir'
head -c 17 /dev/urandom >"$d/gocryptfs.diriv"
corrupt "a long diriv" 'dir'
head -c 16 /dev/zero >"$d/gocryptfs.diriv"
corrupt "a diriv of zeros" 'dir'
fresh
n=$(find "$C" -name '*.name')
chmod u+w "$n"; echo garbage >"$n"
corrupt "a damaged .name" 'longname'
fresh
f=$(stored small)
a=$(getfattr --absolute-names -m user.gocryptfs. "$f" | sed -n 's/^\(user\.gocryptfs\.\)/\1/p' | head -n 1)
if [ -n "$a" ]; then
	setfattr -n "$a" -v damaged-value-damaged-value-damaged-value "$f"
	corrupt "a damaged attribute value" 'xattr'
	setfattr -x "$a" "$f"
	setfattr -n user.gocryptfs.AAAAAAAAAAAAAAAAAAAAAA -v x "$f"
	corrupt "a damaged attribute name" 'xattr'
else
	skip "damaged attributes" "no user attributes here"
fi
if [ "$GCF" != "$GO" ]; then
	# What the Go program does not see.
	for n in 1 8 17; do
		fresh
		f=$(stored dir/file)
		truncate -s $n "$f"
		corrupt "a file cut down to $n bytes" "$(basename "$f")"
	done
	fresh
	f=$(stored dir/file)
	truncate -s $((18 + 4128 + 20)) "$f"
	corrupt "a torn last block" "$(basename "$f")"
	fresh
	n=$(find "$C" -name '*.name')
	rm -f "${n%.name}"
	fsck "$C"
	is_rc "a .name without its file is what a crash leaves, harmless: 0" 0
	like "but named" "$out$errout" "$(basename "$n" .name)"
	fresh
	touch "$C/.nfs000000000123" && cp "$C/gocryptfs.diriv" "$C/gocryptfs.diriv.rmdir.1234567890"
	fsck "$C"
	is_rc "leftovers of NFS and of rmdir are no damage: 0" 0
	cp "$C/gocryptfs.conf" "$C/gocryptfs.conf.bak"
	fsck "$C"
	is_rc "nor is gocryptfs.conf.bak, which -passwd -masterkey leaves: 0" 0
	is "nor is it worth a word" "$out$errout" "$(grep -v bak <<<"$out$errout")"
	# What a purge by age would take first.
	fresh
	fsck "$C"
	unlike "a fresh store: no warning of age" "$out$errout" 'older than the data'
	find "$C" -name 'gocryptfs.*' ! -name 'gocryptfs.longname.*' -exec touch -d '60 days ago' {} +
	run "$GCF" -q -wpanic -fsck -passfile "$T/pw" "$C"
	is_rc "metadata 60 days older than the data is no damage: 0, even with -wpanic" 0
	like "but worth a warning, with -q too" "$errout" 'fsck: warning: in 2 places .*older than the data, by up to (59|60) days'
	run "$GCF" -fsck -json -passfile "$T/pw" -q "$C"
	like "-fsck -json tells it in the summary" "$out" '"corrupt":0,"skipped":0,"aged":2,"aged_seconds":51[0-9]{5}'
	if [ -x "$BUILDDIR/cryptstore" ]; then
		ok "cryptstore keep renews the times" "$BUILDDIR/cryptstore" keep "$C"
		fsck "$C"
		unlike "and the warning is gone" "$out$errout" 'older than the data'
	fi
	# Nothing is mounted and nothing written.
	fresh
	before=$(find "$C" -printf '%p %T@ %s\n' | sort | sha256sum)
	fsck "$C"
	is "fsck changes nothing in the store" "$(find "$C" -printf '%p %T@ %s\n' | sort | sha256sum)" "$before"
	if is_root; then
		fsck_ro() { unshare -m bash -c "mount --bind '$C' '$C' && mount -o remount,ro,bind '$C' && '$GCF' -fsck -passfile '$T/pw' '$C'"; }
		ok "fsck works on a read-only store" fsck_ro
	fi
	rm -f "$T/none.tmp"
	is "fsck leaves nothing in TMPDIR" "$(ls "${TMPDIR:-/tmp}" | grep -c "gocryptfs\.fsck\..*$$" || :)" 0
fi
# Only truncated to 18 bytes: an interrupted write, harmless.
fresh
f=$(stored dir/file)
truncate -s 18 "$f"
fsck "$C"
is_rc "a header alone is harmless: 0" 0

# --- upstream's evil stores
if [ -d "$FIXTURES/fsck" ]; then
	cp -r "$FIXTURES/fsck/broken_fs_v1.4" "$T/broken"
	chmod -R u+w "$T/broken"
	"$PY" - "$T/broken" <<'PY' && xattrs=yes || xattrs=no
import base64, os, sys
for f, n, v in (("6nGs4Ugr3EAHd0KzkyLZ-Q", "0a5e7yWl0SGUGeWB0Sy2Kg", "hxnZvXSkDicfwVS9w4r1yYkFF61Qou6NaL-VhObYEdu6kuM"),
                ("CMyUifVTjW5fsgXonWBT_RDkvLkdGrLttkZ45T3Oi3A", "0a5e7yWl0SGUGeWB0Sy2K0", "QHUMDTgbnl8Sv_A2dFQic_G2vN4_gmDna3651JAhF7OZ-YI"),
                ("b00sbnGXGToadr01GHZaYQn8tjyRhe1OXNBZoQtMlcQ", "0a5e7yWl0SGUGeWB0Sy2Kg", "A0hvCePeKpL8bCpijhDKtf7cIijXYQsPnEbNJ84M2ONW0dd")):
    os.setxattr(os.path.join(sys.argv[1], f), "user.gocryptfs." + n, base64.urlsafe_b64decode(v + "=" * (-len(v) % 4)))
PY
	run "$GCF" -fsck -passfile "$T/pw" "$T/broken"
	is_rc "upstream's broken_fs_v1.4: 26" 26
	n=$(sed -n 's/^fsck summary: \([0-9]*\) corrupt.*/\1/p' <<<"$out$errout")
	[ $xattrs = yes ] && ok "at least its 12 corrupt files are found ($n)" test "${n:-0}" -ge 12
	for name in invalid_file_name corrupt_file corrupt_symlink diriv_too_long diriv_too_short missing_diriv; do
		like "$name is named" "$out$errout" "$name|fsck: corrupt entry"
	done
	cp -r "$FIXTURES/fsck/malleable_base64" "$T/malleable"
	chmod -R u+w "$T/malleable"
	touch "$T/malleable/27AG8t-XZH7G9ou2OSD_z"$'\n'g "$T/malleable/27AG8t-XZH7G9ou2OSD_z"$'\r'g
	run "$GCF" -fsck -passfile "$T/pw" "$T/malleable"
	if [ "$GCF" != "$GO" ]; then
		is_rc "upstream's malleable_base64: 26" 26
		like "three faults" "$out$errout" 'fsck summary: 3 corrupt files'
	fi
else
	skip "upstream's evil stores" "the fixtures are not here"
fi
done_testing
