#!/usr/bin/env bash
# shellcheck disable=SC2015,SC2154
# inherit.t - setgid and ACL inheritance, owners, readdir after rewind, access times, limits of attributes and a hundred
# small things: the mount must behave as the file system below it, seen by one script on both.
. "$(dirname "$0")/lib.sh"
need_fuse
need python3 setfacl
is_root || skip_all "needs root"

mkdir -m 755 "$T/back"
"$PY" "$(dirname "$0")/behave.py" "$T/back" >"$T/back.out" 2>"$T/back.err"
is "the script runs on the backing file system" "$(cat "$T/back.err")" ""
like "and comes to its end there" "$(tail -n 1 "$T/back.out")" "^mmap private"

# Known, and why:
#   a removed directory that is open   FUSE names a directory by its node, not by the open file, and it has no name any more
#   mmap private, strict               nothing is cached in that mode, so files are opened for direct I/O and cannot be mapped
known='^(a removed directory that is open lists nothing|and takes nothing): (ENOENT|ESTALE)$'

mode_test()
{
	local mode=$1 parts="setgid owners readdir times xattrs files" own n
	[ "$mode" = strict ] && known="$known|^mmap private: ENODEV\$"
	[[ "$mode" == acl* ]] && parts="$parts acl"
	# shellcheck disable=SC2086
	"$PY" "$(dirname "$0")/behave.py" "$W" $parts >"$T/$mode.out" 2>"$T/$mode.err"
	is "$mode: the script runs" "$(cat "$T/$mode.err")" ""
	own=$(grep -vxFf "$T/back.out" "$T/$mode.out" | grep -vE "$known")
	n=$(grep -cxFf "$T/back.out" "$T/$mode.out")
	is "$mode: as below" "$(while IFS= read -r line; do
		[ -n "$line" ] || continue
		echo "$line | below: $(grep -F -- "${line%%:*}:" "$T/back.out" | head -n 1)"
	done <<<"$own")" ""
	[ "$n" -gt 80 ] && pass "$mode: more than 80 observations agree" || fail "$mode: more than 80 observations agree" "$n"
	table behave "$mode" "$n" "$(grep -c . <<<"$own")" 0 ""
}
for_modes mode_test "allow_other strict shared acl-suid-dev plaintextnames longnamemax"
done_testing
