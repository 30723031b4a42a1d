#!/usr/bin/env bash
# shellcheck disable=SC2015,SC2154
# pjdfstest.t - the POSIX conformance suite pjdfstest, in every mode; what fails on the backing file system in the same
# run is its affair and does not count, everything else does.
. "$(dirname "$0")/lib.sh"
need_fuse
need setpriv
need_tool pjdfstest

group=$(getent group 65534 | cut -d: -f1)
cat >"$T/pjd.toml" <<E
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 0.01
allow_remount = false
[dummy_auth]
entries = [["nobody","${group:-nobody}"],["daemon","daemon"]]
E
chmod 644 "$T/pjd.toml"

# pjd WHO DIR NAME: runs it; $T/NAME.bad and $T/NAME.skip get the names of what failed and was skipped.
pjd()
{
	local as=()
	[ "$1" = user ] && is_root && as=(as_user)
	(cd "$T" && NO_COLOR=1 "${as[@]}" "$T/bin/pjdfstest" -c "$T/pjd.toml" -p "$2") >"$T/$3.log" 2>&1
	sed 's/\x1b\[[0-9;]*m//g' -i "$T/$3.log"
	awk '$NF == "FAILED" { print $1 }' "$T/$3.log" | sort >"$T/$3.bad"
	awk '$NF == "skipped" && NF == 2 { print $1 }' "$T/$3.log" | sort >"$T/$3.skip"
	grep -q '^Summary: ' "$T/$3.log"
}

# The format keeps a target of a symbolic link in base64 with 32 bytes more: targets near PATH_MAX have no room. These,
# and only these, may fail on the mount alone.
known='symlink::enametoolong|symlink::create_symlink_max'
# ext4 allows 65000 links and has a test of that; through a mount the limit is the same but pathconf(3) cannot tell.
mode_test()
{
	local mode=$1 who=$2 own n
	local back=$T/back.$who
	if [ ! -d "$back" ]; then
		mkdir -m 755 "$back"
		[ "$who" = user ] && is_root && chown "$USER_ID" "$back"
		ok "runs to its end on the backing file system ($who)" pjd "$who" "$back" "back.$who"
	fi
	ok "$mode: runs to its end" pjd "$who" "$W" "$mode"
	own=$(comm -23 "$T/$mode.bad" "$T/back.$who.bad" | grep -vE "^($known)\$")
	n=$(sed -n 's/^Summary: .* skipped, \([0-9]*\) passed.*/\1/p' "$T/$mode.log")
	is "$mode: nothing fails that the backing file system does" "$own" ""
	[ -z "$own" ] || diag "$(grep -A6 FAILED "$T/$mode.log" | head -60)"
	[ "${n:-0}" -gt 100 ] && pass "$mode: more than 100 cases passed" || fail "$mode: more than 100 cases passed" "$n"
	own=$(comm -23 "$T/$mode.skip" "$T/back.$who.skip" | tr '\n' ' ')
	is "$mode: nothing more is skipped but the number of links a file may have" "${own% }" "${own:+link::link_count_max}"
	table pjdfstest "$mode" "${n:-0}" "$(wc -l <"$T/$mode.bad")" "$(wc -l <"$T/$mode.skip")" \
		"backing: $(wc -l <"$T/back.$who.bad") failed, $(wc -l <"$T/back.$who.skip") skipped"
}
for_modes mode_test "allow_other default shared strict xchacha aessiv plaintextnames acl-suid-dev"
done_testing
