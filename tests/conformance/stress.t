#!/usr/bin/env bash
# shellcheck disable=SC2015,SC2154
# stress.t - the file stressors of stress-ng with --verify; one that fails on the backing file system as well does not count.
. "$(dirname "$0")/lib.sh"
need_fuse
need setpriv stress-ng

seconds=1
[ -n "${SOAK:-}" ] && seconds=30
list='access chdir chmod chown copy-file dentry dir dirdeep dirmany dup fallocate fcntl file-ioctl filename flock fpunch
	fsize fstat getdent hdd inotify io iomix lease link locka lockf lockofd metamix mknod open readahead rename seek
	symlink sync-file touch unlink utime xattr'

stress() # WHO STRESSOR DIR LOG
{
	local as=()
	[ "$1" = user ] && is_root && as=(as_user)
	shift
	# Bounds that keep the directory stressors from making a hundred thousand entries.
	local extra=()
	case $1 in
	dirdeep) extra=(--dirdeep-bytes 1 --dirdeep-inodes 512) ;;
	dirmany) extra=(--dirmany-filsize 0) ;;
	dentry) extra=(--dentries 256) ;;
	hdd | iomix | seek | fallocate | copy-file | readahead | fpunch | sync-file | metamix) extra=("--$1-bytes" 8M) ;;
	esac
	[ "$1" = metamix ] && extra=()
	[ "$1" = fpunch ] && extra=()
	[ "$1" = seek ] && extra=(--seek-size 8M)
	(cd / && "${as[@]}" timeout $((seconds + 60)) stress-ng "--$1" 2 "${extra[@]}" --timeout "$seconds" --verify --temp-path "$2") >"$3" 2>&1
}

back() # WHO: a directory of the backing file system
{
	mkdir -p "$T/back.$1" && { [ "$1" = root ] || ! is_root || chown "$USER_ID" "$T/back.$1"; }
}

mode_test()
{
	local mode=$1 who=$2 s passed=0 failed=0 skipped=0 bad="" rc
	for s in $list; do
		if ! stress-ng --help | grep -q -- "--$s N"; then
			skipped=$((skipped + 1))
			continue
		fi
		rc=0
		stress "$who" "$s" "$W" "$T/stress.$s" || rc=$?
		if [ $rc = 0 ] && ! grep -qE 'fail:|skipped' "$T/stress.$s"; then
			passed=$((passed + 1))
		elif [ $rc != 124 ] && ! { back "$who" && stress "$who" "$s" "$T/back.$who" "$T/stress.back" && ! grep -q 'fail:' "$T/stress.back"; }; then
			skipped=$((skipped + 1)) # so it does there
		elif [ $rc = 0 ] && ! grep -q 'fail:' "$T/stress.$s"; then
			skipped=$((skipped + 1))
		elif [ "$s" = xattr ] && ! grep 'fail:' "$T/stress.$s" | grep -qv 'listxattr failed, errno=7 '; then
			# On tmpfs it makes so many that their list just fits into the kernel's 64 KiB (XATTR_LIST_MAX);
			# encrypted names are longer, in the format itself.
			skipped=$((skipped + 1))
		else
			failed=$((failed + 1))
			bad+="$s (exit $rc): $(grep -E 'fail|error|unsuccessful' "$T/stress.$s" | head -n 4)
"
		fi
	done
	is "$mode: no stressor fails that does not on the backing file system" "$bad" ""
	[ $passed -gt 20 ] && pass "$mode: more than 20 stressors ran" || fail "$mode: more than 20 stressors ran" "$passed"
	table stress-ng "$mode" $passed $failed $skipped "skipped: not in this stress-ng, not possible below, or a list of more than 64 KiB"
}
for_modes mode_test "allow_other default"
done_testing
