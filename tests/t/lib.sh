# lib.sh - what the shell tests share: TAP lines, a temporary directory of their own, mounts that are always undone.
# Sourced by tests/t/*.t; bash. Environment:
#   GOCRYPTFS      the program under test (default: $top_builddir/gocryptfs)
#   GOCRYPTFS_GO   the Go program to compare with (default: /usr/bin/gocryptfs)
#   GCF_SHARED     directory with the upstream fixtures (default: ../shared beside the source tree, if it exists)
# shellcheck shell=bash disable=SC2015,SC2034
set -u

TESTDIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SRCDIR=$(cd "$TESTDIR/../.." && pwd)
BUILDDIR=${top_builddir:-$SRCDIR/build}
GCF=${GOCRYPTFS:-$BUILDDIR/gocryptfs}
XRAY=${GOCRYPTFS_XRAY:-$(dirname "$GCF")/gocryptfs-xray}
GO=${GOCRYPTFS_GO:-/usr/bin/gocryptfs}
SHARED=${GCF_SHARED:-$SRCDIR/../shared}
FIXTURES=$SHARED/fixtures
PY=${PYTHON:-python3}

T=$(mktemp -d "${TMPDIR:-/tmp}/gcf-t.XXXXXX")
T=$(cd "$T" && pwd -P)
export LC_ALL=C.UTF-8
unset NO_COLOR 2>/dev/null || :

# Reports of sanitizer builds go to files, since a daemon's standard streams are closed; done_testing fails on any.
SAN_LOG=$T/san
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:log_path=$SAN_LOG.asan:exitcode=99"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-}:log_path=$SAN_LOG.ubsan:print_stacktrace=1"
export TSAN_OPTIONS="${TSAN_OPTIONS:-}:log_path=$SAN_LOG.tsan:exitcode=99:die_after_fork=0"

cleanup()
{
	local m p
	cd / || :
	# Deepest first. Mount points may contain \040 for blanks; ours never do.
	# shellcheck disable=SC2013
	for m in $(awk -v t="$T/" 'index($5, t) == 1 { print $5 }' /proc/self/mountinfo | sort -r); do
		fusermount3 -u -z "$m" 2>/dev/null || umount -l "$m" 2>/dev/null || :
	done
	for p in $(pids_naming "$T/"); do
		kill -TERM "$p" 2>/dev/null || :
	done
	chmod -R u+rwx "$T" 2>/dev/null || :
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

# --- TAP ----------------------------------------------------------------------------------------------------------
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# run COMMAND...: never fails; sets rc, out (standard output), errout (standard error).
run()
{
	rc=0
	"$@" >"$T/.out" 2>"$T/.err" || rc=$?
	out=$(tr -d '\0' <"$T/.out") errout=$(tr -d '\0' <"$T/.err")
}
is_rc() # DESCRIPTION WANTED-CODE: after run
{
	[ "$rc" = "$2" ] && pass "$1" || fail "$1" "exit code $rc, wanted $2
stdout: $out
stderr: $errout"
}
at_end()
{
	local f
	for f in "$SAN_LOG".*; do
		[ -s "$f" ] && fail "no sanitizer report" "$(head -n 60 "$f")"
	done
}

# --- needs ---------------------------------------------------------------------------------------------------------
# A tool that a package manager could install: absent is a failure in CI and a skip elsewhere.
need()
{
	local tool
	for tool; do
		command -v "$tool" >/dev/null 2>&1 && continue
		[ "${CI:-}" = true ] && { echo "Bail out! $tool is not installed"; exit 1; }
		skip_all "$tool is not installed"
	done
}
need_fuse()
{
	[ -x "$GCF" ] || { echo "Bail out! $GCF is not there"; exit 1; }
	need fusermount3
	[ -c /dev/fuse ] || skip_all "no /dev/fuse here"
	( exec 3<>/dev/fuse ) 2>/dev/null || skip_all "/dev/fuse cannot be opened"
}
need_fixtures()
{
	[ -d "$FIXTURES" ] || skip_all "the upstream fixtures are not here (set GCF_SHARED)"
}
is_root() { [ "$(id -u)" = 0 ]; }

# --- waiting -------------------------------------------------------------------------------------------------------
mounted() { grep -qF " $1 " /proc/self/mountinfo; }
not_mounted() { ! mounted "$1"; }
# No such process, or a zombie that nobody has reaped yet.
gone() { ! grep -qE '^State:[[:space:]]+[^ZX]' "/proc/$1/status" 2>/dev/null; }
# Processes one of whose arguments starts with TEXT (our mount and cipher directories), this shell apart.
pids_naming()
{
	local all=(/proc/[0-9]*/cmdline) # listed before grep itself is there

	grep -lsaF -e "$1" "${all[@]}" | sed -n "s|^/proc/\([0-9]*\)/.*|\1|; /^$$\$/!p"
}

# --- stores --------------------------------------------------------------------------------------------------------
echo test >"$T/pw"
# new_store DIR [OPTIONS]: password "test", cheap key derivation.
new_store()
{
	local d=$1
	shift
	mkdir -p "$d" && "$GCF" -q -init -scryptn 10 -passfile "$T/pw" "$@" "$d"
}
# mount_store CIPHER MNT [OPTIONS]
mount_store()
{
	local c=$1 m=$2
	shift 2
	mkdir -p "$m" && "$GCF" -q -passfile "$T/pw" "$@" "$c" "$m"
}
# Unmounts and waits until the daemon has let go.
unmount()
{
	local pids p
	pids=$(pids_naming "$1")
	fusermount3 -u "$1" 2>/dev/null || fusermount3 -u -z "$1" || return 1
	for p in $pids; do
		[ "$p" = "$BASHPID" ] || wait_for 10 gone "$p" || held_elsewhere "$1" || return 1
	done
}
# Somebody made a mount namespace while this was mounted, and has a copy: then its daemon must go on serving it.
held_elsewhere() { grep -lsF "$1 " /proc/[0-9]*/mountinfo | grep -q .; }
# The daemon serving MNT: the oldest process naming it that has /dev/fuse open.
daemon_pid()
{
	local p
	for p in $(pids_naming "$1"); do
		ls -l "/proc/$p/fd" 2>/dev/null | grep -q /dev/fuse && { echo "$p"; return 0; }
	done
	return 1
}
size_of() { stat -c %s "$1"; }
