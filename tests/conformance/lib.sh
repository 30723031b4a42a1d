# lib.sh - what the conformance suites share: where the public test programs are, the modes, a table of results.
# Sourced by tests/conformance/*.t. Environment:
#   GCF_TOOLS          directory with bin/pjdfstest and bin/fsx (default: ~/.cache/gocryptfs-tools; see get-tools)
#   CONFORMANCE_TABLE  file to append "SUITE<TAB>MODE<TAB>PASSED<TAB>FAILED<TAB>SKIPPED<TAB>REMARK" lines to
#   MODES_WANTED       names of modes, or "all", instead of the few of CI
#   SOAK=1             run long: every mode, many more operations
# shellcheck shell=bash disable=SC2034,SC2154

# A device node only root may open is no test of an ordinary user's mount; in a mount namespace of our own, and there
# only, it gets the permissions every distribution gives it.
if [ "$(id -u)" = 0 ] && [ -z "${CONFORMANCE_INSIDE:-}" ] && [ -c /dev/fuse ] &&
	[ "$(stat -c %a /dev/fuse)" != 666 ] && unshare -m true 2>/dev/null; then
	CONFORMANCE_INSIDE=1 exec unshare -m --propagation private "$0" "$@"
fi

. "$(dirname "${BASH_SOURCE[0]}")/../t/lib.sh"

TOOLS=${GCF_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/gocryptfs-tools}/bin
USER_ID=65534
chmod 755 "$T" && chmod 644 "$T/pw"
mkdir "$T/bin"
if [ -n "${CONFORMANCE_INSIDE:-}" ]; then
	mknod "$T/fuse" c 10 229 && chmod 666 "$T/fuse" && mount --bind "$T/fuse" /dev/fuse
fi

# need_tool NAME...: a copy that an ordinary user can run too.
need_tool()
{
	local tool
	for tool; do
		if [ ! -x "$TOOLS/$tool" ]; then
			[ "${CI:-}" = true ] && { echo "Bail out! $tool is not in $TOOLS (tests/conformance/get-tools)"; exit 1; }
			skip_all "$tool is not in $TOOLS (tests/conformance/get-tools fetches it)"
		fi
		cp "$TOOLS/$tool" "$T/bin/$tool" && chmod 755 "$T/bin/$tool"
	done
}

cp -L "$GCF" "$T/bin/gocryptfs" 2>/dev/null && chmod 755 "$T/bin/gocryptfs" && GCF=$T/bin/gocryptfs

as_user() { setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups -- env HOME=/ "$@"; }

# The modes: NAME WHO INIT-OPTIONS MOUNT-OPTIONS ("-" for none; "+" stands for a blank). The first few are CI's.
MODES='
allow_other       root - -allow_other
default           user - -
shared            root - -allow_other+-sharedstorage
strict            root - -allow_other+-sharedstorage=strict
xchacha           root -xchacha -allow_other
aessiv            root -aessiv -allow_other
plaintextnames    root -plaintextnames -allow_other
deterministic     root -deterministic-names -allow_other
longnamemax       root -longnamemax=100 -allow_other
acl-suid-dev      root - -allow_other+-acl+-suid+-dev
noprealloc        root - -allow_other+-noprealloc
shared-xchacha    root -xchacha -allow_other+-sharedstorage
'

# for_modes FUNCTION [NAMES]: a fresh store of each mode, mounted on $M; FUNCTION MODE WHO runs with an empty directory $W.
for_modes()
{
	local fn=$1 names=${2:-} mode who init mnt
	[ -n "${SOAK:-}" ] && names=
	[ -n "${MODES_WANTED:-}" ] && names=${MODES_WANTED/#all/}
	while read -r mode who init mnt; do
		[ -n "$mode" ] || continue
		[ -z "$names" ] || [[ " $names " == *" $mode "* ]] || continue
		if [ "$who" = root ] && ! is_root; then
			skip "$mode" "needs root"
			continue
		fi
		[ "$init" = - ] && init=
		[ "$mnt" = - ] && mnt=
		# Short: pjdfstest binds sockets, and their paths have room for 107 bytes.
		C=$T/c M=$T/m W=$M/w
		mkdir -p "$C" "$M"
		chown "$(id -u):$(id -g)" "$M"
		local as=()
		if [ "$who" = user ] && is_root; then
			chown "$USER_ID:$USER_ID" "$C" "$M"
			as=(as_user)
		fi
		# shellcheck disable=SC2086 # options are words
		if ! { "${as[@]}" "$GCF" -q -init -scryptn 10 -passfile "$T/pw" ${init//+/ } "$C" &&
			"${as[@]}" "$GCF" -q -passfile "$T/pw" ${mnt//+/ } "$C" "$M"; } >"$T/.mount" 2>&1; then
			if [ "$who" = user ] && is_root && ! as_user test -w /dev/fuse; then
				skip "$mode" "an ordinary user may not open /dev/fuse"
			else
				fail "$mode: mounts" "$(cat "$T/.mount")"
			fi
			rm -rf "$C"
			continue
		fi
		"${as[@]}" mkdir -m 755 "$W"
		"$fn" "$mode" "$who"
		"${as[@]}" fusermount3 -u "$M" || { fail "$mode: unmounts"; fusermount3 -u -z "$M"; continue; }
		wait_for 20 no_daemon "$M" || fail "$mode: the daemon ends"
		run "${as[@]}" "$GCF" -q -fsck -passfile "$T/pw" "$C"
		is_rc "$mode: the store is clean afterwards" 0
		rm -rf "$C"
	done <<<"$MODES"
}
no_daemon() { [ -z "$(daemon_pid "$1")" ]; }

table() # SUITE MODE PASSED FAILED SKIPPED REMARK
{
	diag "$1 $2: $3 passed, $4 failed, $5 skipped${6:+ ($6)}"
	[ -z "${CONFORMANCE_TABLE:-}" ] || (IFS=$'\t' && echo "$*" >>"$CONFORMANCE_TABLE")
}
