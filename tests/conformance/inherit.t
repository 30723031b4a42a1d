#!/usr/bin/env bash
# shellcheck disable=SC2015,SC2154
# inherit.t - setgid and ACL inheritance, owners, readdir after rewind, access times, limits of attributes and a hundred
# small things: the mount must behave as the file system below it, seen by one script on both.
. "$(dirname "$0")/lib.sh"
need_fuse
need python3 setfacl
is_root || skip_all "needs root"

# below WHO PARTS...: what is seen on the backing file system, in $T/back.WHO.out, once for each of the two.
below()
{
	local who=$1 as=()
	shift
	[ ! -e "$T/back.$who.out" ] || return 0
	mkdir -m 755 "$T/back.$who"
	if [ "$who" = user ]; then
		chown "$USER_ID:$USER_ID" "$T/back.$who"
		as=(as_user)
	fi
	"${as[@]}" "$PY" "$T/behave.py" "$T/back.$who" "$@" >"$T/back.$who.out" 2>"$T/back.$who.err"
	is "the script runs on the backing file system ($who)" "$(cat "$T/back.$who.err")" ""
}
cp "$(dirname "$0")/behave.py" "$T/behave.py" && chmod 644 "$T/behave.py"

# Known, and why:
#   mmap private, strict               nothing is cached in that mode, so files are opened for direct I/O and cannot be mapped

mode_test()
{
	local mode=$1 who=$2 parts="setgid owners readdir times xattrs files" own n known='^$' as=()
	[ "$mode" = strict ] && known='^mmap private: ENODEV$'
	[[ "$mode" == acl* ]] && parts="$parts acl"
	if [ "$who" = user ]; then # who may not give files away
		parts="readdir times xattrs files"
		as=(as_user)
		below user $parts
	else
		below root
	fi
	# shellcheck disable=SC2086
	"${as[@]}" "$PY" "$T/behave.py" "$W" $parts >"$T/$mode.out" 2>"$T/$mode.err"
	is "$mode: the script runs" "$(cat "$T/$mode.err")" ""
	own=$(grep -vxFf "$T/back.$who.out" "$T/$mode.out" | grep -vE "$known")
	n=$(grep -cxFf "$T/back.$who.out" "$T/$mode.out")
	is "$mode: as below" "$(while IFS= read -r line; do
		[ -n "$line" ] || continue
		echo "$line | below: $(grep -F -- "${line%%:*}:" "$T/back.$who.out" | head -n 1)"
	done <<<"$own")" ""
	[ "$n" -gt 50 ] && pass "$mode: more than 50 observations agree" || fail "$mode: more than 50 observations agree" "$n"
	table behave "$mode" "$n" "$(grep -c . <<<"$own")" 0 ""
}
for_modes mode_test "allow_other default strict shared acl-suid-dev plaintextnames longnamemax"
done_testing
