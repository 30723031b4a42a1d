#!/usr/bin/env bash
# cli_compare.sh - one command line after the other through the Go gocryptfs and through ours: exit code, standard output
# and standard error must be the same, but for what normal() takes away (versions, wording that newer Go versions changed).
# shellcheck disable=SC2016,SC2119,SC2120
# shellcheck source=tests/t/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
[ -x "$GO" ] || skip_all "the Go gocryptfs is not here (set GOCRYPTFS_GO)"
"$GO" -version | grep -q go-fuse || skip_all "$GO is not the Go gocryptfs"

KEY=e1ecdcf1-6bcebaa0-cbe6cfb8-8e27d4ad-acefb9d4-bd98de59-311d1898-31d7e4e4
W=$T/w # where each command runs, made anew every time
mkdir "$T/template"
"$GO" -q -init -scryptn 10 -passfile "$T/pw" "$T/template" || skip_all "$GO cannot make a store"

# The same words from both: what is left out here is either ours on purpose or changed in Go versions after 2.3.
normal()
{
	sed -E \
		-e '/^(SwitchToSyslog|SwitchLoggerToSyslog): Unix syslog delivery error$/d' \
		-e '/^DetectQuirks: tmpfs detected/d' \
		-e '/^Checking filesystem\.\.\.$/d' \
		-e 's/^gocryptfs [^;]*; [^;]*; .*$/VERSION/' \
		-e '/^(AES-GCM-256|AES-SIV-512|XChaCha20-Poly1305): .*-(ipsec-mb|OpenSSL|batched)/d' \
		-e 's/^(Reading (Password|Masterkey) from stdin) \(connected to .*\)$/\1/' \
		-e 's/^Got empty /got empty /' \
		-e 's/^Creator:           gocryptfs .*/Creator:           gocryptfs/' \
		-e 's/^THE MASTER KEY (IS|WAS) VISIBLE .*/THE MASTER KEY/' \
		-e 's/^ONLY USE THIS MODE FOR EMERGENCIES.*/ONLY USE/' \
		-e "s/$KEY/\*\*\*/g" -e 's/\*{8,}/***/g' \
		-e '/^  -(reverse|sharedstorage) /d' \
		-e 's/^(Btrfs detected, forcing -noprealloc).*/\1/' \
		-e '/fusermount3: unknown option/d' -e 's/^(fs.Mount failed:).*/\1/' \
		-e 's/^.*open .*gocryptfs.conf.tmp: file exists.*/CONF.TMP EXISTS/' \
		-e 's/(encoding\/hex: invalid byte).*/\1/' "$@"
}

fresh()
{
	local m
	cd / || exit 1
	for m in m e ne; do
		fusermount3 -u -z "$W/$m" 2>/dev/null
	done
	rm -rf "$W"
	mkdir -p "$W/e" "$W/m" "$W/ne" "$W/a b"
	cp -a "$T/template" "$W/a"
	touch "$W/f" "$W/ne/x"
	ln -s a "$W/link"
	cd "$W" || exit 1
}

# through PROGRAM ARGUMENTS...: $stdin on its standard input; leaves rc, out, errout normalised and $extra.
through()
{
	fresh
	run_as "$@" <<<"$stdin"
}
run_as()
{
	local prog=$1
	shift
	rc=0
	if [ -n "${PREPARE:-}" ]; then
		eval "$PREPARE"
	fi
	# the same word 0, which some messages show
	(exec -a gocryptfs "$prog" "$@") >"$T/.out" 2>"$T/.err" || rc=$?
	out=$(normal "$T/.out") errout=$(normal "$T/.err")
	extra=$(mounted "$W/m" && awk -v m="$W/m" '$2 == m { print $1, $3, $4 }' /proc/mounts |
		sed -E 's/,max_read=[0-9]+//')
	extra+=$(cd "$W" && find . -path ./m -prune -o '(' -name '*.conf*' -o -name '*.diriv' -o -name '*.sock' ')' -print | sort)
}

# same ARGUMENTS...
stdin='test'
same()
{
	local want
	through "$GO" "$@"
	want="rc=$rc
--- stdout
$out
--- stderr
$errout
--- mount and files
$extra"
	through "$GCF" "$@"
	is "gocryptfs $*" "rc=$rc
--- stdout
$out
--- stderr
$errout
--- mount and files
$extra" "$want"
}

# --- parsing
same
same -q
same -o
same -o x
same -o o a m
same a m -o
same -foo a m
same -qui a m
same -fg=maybe a m
same -fg false a m
same -idle 5 a m
same -idle x a m
same -idle=-5s a m
same -idle=5x a m
same -longnamemax 300 -init e
same -longnamemax 20 -init e
same -longnamemax -1 a
same -scryptn x -init e
same -openssl x a m
same -openssl=1 -init -badname '[' e
same -config -init e
same -
same -- a
same --
same -=
same ---x
same -version=false
same -badname
same -h
same --help
same -version
same -q -version a
same -init -info a
same -info a m
same -init a m
same -passwd a m e
same a
same a m f
same -masterkey "$KEY" a
same -extpass x -passfile y a m
same -extpass x -masterkey "$KEY" a m
same -passfile x -masterkey "$KEY" a m
same -exclude x a m
same -force_owner 3 a m
same -force_owner x:3 a m
same -force_owner 3:-1 a m
same -fsck -reverse a
# --- cipherdir and mountpoint
same nope m
same f m
same a nope
same a ne
same a f
same a a
same a ./a/
same . a
same e/../a e
same a m/..
same -init ne
same -init nope
same -init f
same -info e
same -fsck e
same -passwd e
same e m
# --- password sources
stdin='' same a m
stdin=wrong same a m
stdin=wrong same -q a m
stdin=wrong same -fsck a
stdin=wrong same -passwd a
same -extpass false a m
same -extpass echo a m
same -extpass 'echo test' a m
same -extpass echo -extpass test a m
same -extpass /nope a m
same -passfile /nope a m
same -passfile /dev/null a m
same -passfile f a m
same -passfile "$T/pw" a m
same -masterkey 01 a m
same -masterkey zz a m
same -masterkey 0 a m
stdin='' same -masterkey stdin a m
stdin=zz same -masterkey stdin a m
same -ctlsock /nope/x a m
same -ctlsock f a m
# --- operations that work
same -init e
same -q -init e
same -init "a b"
same -init ./e/
same -init -plaintextnames e
same -init -aessiv e
same -init -xchacha e
same -init -deterministic-names e
same -init -longnamemax 100 e
same -init -extpass 'echo test' e
same -init -passfile "$T/pw" e
same -init -config other.conf e
same -init -scryptn 5 e
same -init -plaintextnames -longnamemax 100 -scryptn 10 e
same -info a
same -info -config a/gocryptfs.conf e
same -info link
stdin=$'test\nnew' same -passwd a
stdin=$'test\nnew' same -q -passwd a
stdin=$'test\nnew' same -passwd -scryptn 11 a
stdin=$'test\nnew' same -passwd -scryptn 5 a
stdin='test' same -passwd a
same -fsck a
same -q -fsck a
same -zerokey -fsck a
same -fsck -config a/gocryptfs.conf a
# --- mounts that work
same a m
same link m
same -q a m
same -ro a m
same -nosyslog -q a m
same a m -o ro,nosuid,nodev,noexec
same a m -o rw,dev,suid,exec
same -suid -dev -noexec a m
same -o nofail,fsname=zz a m
same -fsname x,y a m
same -nonempty a ne
same -allow_other a m
same -force_owner 0x10:010 a m
same -zerokey e m
same -masterkey "$KEY" e m
stdin=$KEY same -masterkey=stdin e m
same -masterkey="$KEY" -aessiv e m
same -config a/gocryptfs.conf a m
same -ctlsock c.sock a m
same -devrandom -forcedecode -openssl=true -raw64 -hkdf -longnames -noprealloc -serialize_reads -kernel_cache a m
same -zerokey -ko foo=bar e m
PREPARE='echo "{}" >a/gocryptfs.conf 2>/dev/null || { chmod u+w a/gocryptfs.conf; echo "{}" >a/gocryptfs.conf; }' same a m
PREPARE='chmod u+w a/gocryptfs.conf; : >a/gocryptfs.conf' same -info a
PREPARE='chmod u+w a/gocryptfs.conf; sed -i s/HKDF/HKDX/ a/gocryptfs.conf' same -info a
PREPARE='chmod u+w a/gocryptfs.conf; sed -i s/HKDF/HKDX/ a/gocryptfs.conf' same a m
PREPARE='chmod u+w a/gocryptfs.conf; sed -i "s/\"Version\": 2/\"Version\": 1/" a/gocryptfs.conf' same a m
PREPARE=': >a/gocryptfs.conf.tmp' stdin=$'test\nnew' same -passwd a
fresh
done_testing
