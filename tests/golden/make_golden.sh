#!/usr/bin/env bash
# make_golden.sh - makes stores.tar.xz: small stores of every kind, each written once by the Go gocryptfs and once by ours.
#   tests/golden/make_golden.sh OUR-GOCRYPTFS [GO-GOCRYPTFS]
# They are kept so that a later version shows that it still reads what this one wrote. Password of all: test. The tree in
# each is that of fill() below; tests/t/golden.t knows what must be seen. Run again only to add kinds: old ones stay.
set -eu
OURS=$(readlink -f "${1:?usage: make_golden.sh OUR-GOCRYPTFS [GO-GOCRYPTFS]}")
GO=${2:-/usr/bin/gocryptfs}
OUT=$(cd "$(dirname "$0")" && pwd)/stores.tar.xz
WORK=$(mktemp -d)
trap 'fusermount3 -u -q "$WORK/m" || :; rm -rf "$WORK"' EXIT
echo test >"$WORK/pw"
mkdir "$WORK/m" "$WORK/stores"
umask 022

fill()
{
	local l
	l=longname_255_$(printf 'x%.0s' {1..242})
	cd "$WORK/m"
	echo 'It works!' >status.txt
	ln -s status.txt rel
	ln -s /a/b/c/d abs
	echo 'It works!' >"$l"
	mkdir -p "dir/sub-$(printf 'y%.0s' {1..200})"
	echo deep >"dir/sub-$(printf 'y%.0s' {1..200})/file"
	: >empty
	head -c 5000 /dev/zero | tr '\0' A >two-blocks
	truncate -s 50000 hole && printf end >>hole
	printf '\377\376' >"$(printf 'bytes-\377\376')"
	ln two-blocks hard
	touch -d @1234567890 status.txt
	cd "$WORK"
}

# Not attributes: tar keeps them only for root, and not every file system has them.
kind() # NAME OPTIONS OF -init
{
	local name=$1 who prog d
	shift
	for who in go ours; do
		prog=$GO
		[ $who = ours ] && prog=$OURS
		d=$WORK/stores/$name.$who
		mkdir "$d"
		"$prog" -q -init -scryptn 10 -passfile "$WORK/pw" "$@" "$d"
		"$prog" -q -nosyslog -passfile "$WORK/pw" "$d" "$WORK/m" >/dev/null 2>&1
		fill
		fusermount3 -u "$WORK/m"
		for _ in $(seq 100); do
			pgrep -f "$d" >/dev/null || break
			sleep 0.05
		done
	done
}

kind default
kind aessiv -aessiv
kind xchacha -xchacha
kind plaintextnames -plaintextnames
kind plaintextnames-xchacha -plaintextnames -xchacha
kind deterministic -deterministic-names
kind deterministic-aessiv -deterministic-names -aessiv
kind deterministic-xchacha -deterministic-names -xchacha
kind longnamemax-62 -longnamemax 62
kind longnamemax-100-xchacha -longnamemax 100 -xchacha
tar -C "$WORK" --sparse --sort=name --owner=0 --group=0 --numeric-owner -cf - stores | xz -9e >"$OUT"
ls -l "$OUT"
