# lib.sh - what the packaging suites share: TAP, tools installed on demand, the release tarball. Sourced by *.t; bash.
# Environment: top_builddir, a configured build directory (default: ./build of the source tree); GCF_INSTALL=no installs
# nothing; GCF_DIST, a release tarball that is there already.
# shellcheck shell=bash disable=SC2034,SC2015
set -u

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SRCDIR=$(cd "$HERE/../.." && pwd)
BUILDDIR=$(cd "${top_builddir:-$SRCDIR/build}" && pwd) || exit 1
VERSION=$(sed -n 's/^AC_INIT(\[gocryptfs\], \[\([0-9.]*\)\].*/\1/p' "$SRCDIR/configure.ac")
export LC_ALL=C.UTF-8

T=$(mktemp -d "${TMPDIR:-/tmp}/gcf-packaging.XXXXXX")
chmod 755 "$T"
tap_n=0
tap_failed=0
cleanup_more() { :; }
cleanup()
{
	cleanup_more
	cd /
	chmod -R u+w "$T" 2>/dev/null
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

# --- TAP ----------------------------------------------------------------------------------------------------------
diag() { printf '%s\n' "$*" | sed 's/^/# /'; }
result() # 0|1 DESCRIPTION [DIAGNOSTICS]
{
	tap_n=$((tap_n + 1))
	if [ "$1" = 0 ]; then
		printf 'ok %d - %s\n' "$tap_n" "$2"
	else
		tap_failed=$((tap_failed + 1))
		printf 'not ok %d - %s\n' "$tap_n" "$2"
		[ -z "${3:-}" ] || diag "$3"
	fi
}
skip()
{
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_n" "$1" "$2"
}
skip_all() { printf '1..0 # SKIP %s\n' "$1"; exit 0; }
bail() { printf 'Bail out! %s\n' "$1"; diag "${2:-}"; exit 1; }
# ok DESCRIPTION COMMAND...: it ends with 0. Its output is in $out.
ok()
{
	local what=$1 rc=0
	shift
	out=$("$@" 2>&1 </dev/null) || rc=$?
	result $((rc != 0)) "$what" "exit $rc of: $*
$(tail -n 40 <<<"$out")"
}
not_ok()
{
	local what=$1 rc=0
	shift
	out=$("$@" 2>&1 </dev/null) || rc=$?
	result $((rc == 0)) "$what" "succeeded: $*
$(tail -n 40 <<<"$out")"
}
is() # DESCRIPTION GOT WANTED
{
	[ "$2" = "$3" ] && result 0 "$1" || result 1 "$1" "got:    $2
wanted: $3"
}
like() # DESCRIPTION TEXT EXTENDED-REGEX
{
	grep -qE -e "$3" <<<"$2" && result 0 "$1" || result 1 "$1" "no match for: $3
in: $(tail -n 40 <<<"$2")"
}
unlike()
{
	grep -qE -e "$3" <<<"$2" && result 1 "$1" "must not match: $3
in: $(grep -E -m 5 -e "$3" <<<"$2")" || result 0 "$1"
}
done_testing()
{
	printf '1..%d\n' "$tap_n"
	[ "$tap_failed" = 0 ]
	exit
}

# --- tools ----------------------------------------------------------------------------------------------------------
installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
# need PACKAGE...: Debian packages, installed if they are missing and we may; else the whole suite is skipped.
need()
{
	local p missing=()
	command -v dpkg-query >/dev/null || skip_all "this suite is written for Debian"
	for p; do installed "$p" || missing+=("$p"); done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "${GCF_INSTALL:-yes}" = yes ] || skip_all "not installed: ${missing[*]}"
	[ "$(id -u)" = 0 ] || skip_all "not installed, and only root can: ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "${missing[@]}" \
		>"$T/apt.log" 2>&1 </dev/null || {
		DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 update -qq >>"$T/apt.log" 2>&1
		DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "${missing[@]}" \
			>>"$T/apt.log" 2>&1 </dev/null
	} || { diag "$(tail -n 5 "$T/apt.log")"; skip_all "apt cannot install: ${missing[*]}"; }
}
# need_pip DIRECTORY PACKAGE...: a venv of the system's Python (others may lie where an ordinary user cannot read).
need_pip()
{
	local venv=$1
	shift
	[ "${GCF_INSTALL:-yes}" = yes ] || skip_all "Python packages may not be installed: $*"
	/usr/bin/python3 -m venv "$venv" >"$T/pip.log" 2>&1 &&
		"$venv/bin/pip" -q --disable-pip-version-check install "$@" >>"$T/pip.log" 2>&1 </dev/null ||
		{ diag "$(tail -n 5 "$T/pip.log")"; skip_all "pip cannot install: $*"; }
}
# Sets DIST: the release tarball. Made once for all suites of a run if the caller exports GCF_DIST.
need_dist()
{
	local made
	DIST=${GCF_DIST:-}
	if [ -z "$DIST" ]; then
		made=$(make -s -C "$BUILDDIR" dist-xz 2>&1 </dev/null) || bail "make dist failed" "$(tail -n 30 <<<"$made")"
		DIST=$BUILDDIR/gocryptfs-hpc-$VERSION.tar.xz
	fi
	[ -s "$DIST" ] || bail "there is no tarball $DIST"
}
# An ordinary user: ourselves, or nobody if we are root. HOME is $T/home.
as_user()
{
	local who=()
	[ "$(id -u)" != 0 ] || who=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)
	(cd "$T/home" && exec "${who[@]}" env -i HOME="$T/home" USER="$USERNAME" LOGNAME="$USERNAME" TERM=dumb LC_ALL="$LC_ALL" \
		PATH=/usr/local/bin:/usr/bin:/bin "$@")
}
need_user()
{
	USERNAME=$(id -un)
	[ "$(id -u)" != 0 ] || USERNAME=nobody
	mkdir -p "$T/home"
	[ "$(id -u)" != 0 ] || chown nobody "$T/home"
}
