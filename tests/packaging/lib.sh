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

. "$SRCDIR/tests/tap.sh"

. "$HERE/need.sh"

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
