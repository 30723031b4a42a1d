# tap.sh - what all shell tests share: TAP lines and waiting. Sourced by the lib.sh of a suite, which sets T, a directory
# of the test's own; bash.
# shellcheck shell=bash disable=SC2015
tap_n=0
tap_failed=0

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
pass() { result 0 "$1"; }
fail() { result 1 "$1" "${2:-}"; }
skip() # DESCRIPTION REASON
{
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_n" "$1" "$2"
}
skip_all() { printf '1..0 # SKIP %s\n' "$1"; exit 0; }
bail() { printf 'Bail out! %s\n' "$1"; diag "${2:-}"; exit 1; }
# The description, then a command: it must succeed / fail. Its output, in $ok_out, is shown only if it does not.
ok()
{
	local what=$1 rc=0
	shift
	"$@" >"$T/.ok" 2>&1 || rc=$?
	ok_out=$(tr -d '\0' <"$T/.ok")
	[ $rc = 0 ] && pass "$what" || fail "$what" "exit $rc of: $*
$ok_out"
}
not_ok()
{
	local what=$1 rc=0
	shift
	"$@" >"$T/.ok" 2>&1 || rc=$?
	ok_out=$(tr -d '\0' <"$T/.ok")
	[ $rc != 0 ] && pass "$what" || fail "$what" "succeeded: $*
$ok_out"
}
is() # DESCRIPTION GOT WANTED
{
	[ "$2" = "$3" ] && pass "$1" || fail "$1" "got:    $2
wanted: $3"
}
like() # DESCRIPTION TEXT EXTENDED-REGEX
{
	grep -qE -e "$3" <<<"$2" && pass "$1" || fail "$1" "no match for: $3
in: $2"
}
unlike()
{
	grep -qE -e "$3" <<<"$2" && fail "$1" "must not match: $3
in: $2" || pass "$1"
}
at_end() { :; } # last tests of every file of a suite
done_testing()
{
	at_end
	printf '1..%d\n' "$tap_n"
	[ "$tap_failed" = 0 ]
	exit
}

# wait_for SECONDS COMMAND...: until it succeeds; fails at the deadline.
wait_for()
{
	local end=$((SECONDS + $1)) fd
	shift
	exec {fd}<> <(:)
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { exec {fd}>&-; return 1; }
		read -rt 0.05 -u "$fd" || :
	done
	exec {fd}>&-
}
