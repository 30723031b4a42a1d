# need.sh - tools that a packaging suite needs, installed on demand unless GCF_INSTALL=no. Sourced behind tap.sh; bash.
# shellcheck shell=bash disable=SC2015
installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
# need PACKAGE...: Debian packages, installed if they are missing and we may; else the whole suite is skipped.
need()
{
	local p missing=()
	command -v dpkg-query >/dev/null || skip_all "this suite is written for Debian"
	GCF_INSTALL=${GCF_INSTALL:-yes} "$(dirname "${BASH_SOURCE[0]}")/../need-packages" "$@" | sed 's/^/# /'
	for p; do installed "$p" || missing+=("$p"); done
	[ ${#missing[@]} -eq 0 ] || skip_all "not installed: ${missing[*]}"
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
