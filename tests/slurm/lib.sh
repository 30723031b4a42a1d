# lib.sh - what the tests on a real Slurm cluster share. Sourced by tests/slurm/*.t; bash, root.
# Environment: top_builddir (a configured build), or GCF_SLURM_STAGE: a directory that already holds what
# `make install-slurm DESTDIR=...' puts in place. GCF_SLURM_NODES: number of nodes (2).
# shellcheck shell=bash disable=SC2034,SC2015
set -u
job="" rc=0 out="" state="" # set by submit and batch

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SRCDIR=$(cd "$HERE/../.." && pwd)
BUILDDIR=${top_builddir:-$SRCDIR/build}
GO=${GOCRYPTFS_GO:-/usr/bin/gocryptfs}
export CL_BASE=${CL_BASE:-/opt/gocryptfs-test-cluster} CL_SHARED=1 LC_ALL=C.UTF-8
CL=$HERE/cluster
CONF=$CL_BASE/cryptstore # policy and keys of the test site
ALICE=$CL_BASE/home/alice
PASSWORD='correct-horse-battery-staple-7391'

T=$(mktemp -d "${TMPDIR:-/tmp}/gcf-slurm.XXXXXX")
cleanup()
{
	"$CL" down >/dev/null 2>&1 || :
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# --- the installation under test ------------------------------------------------------------------------------------
need_cluster()
{
	local x
	[ "$(id -u)" = 0 ] || skip_all "a cluster of namespaces needs root"
	for x in slurmctld slurmd munged ip unshare setpriv; do
		command -v $x >/dev/null || skip_all "$x is not installed"
	done
	unshare -m -p -n -C --fork true 2>/dev/null || skip_all "namespaces cannot be made here"
	( exec 3<>/dev/fuse ) 2>/dev/null || skip_all "/dev/fuse cannot be opened"
}
# Sets STAGE PLUGIN LIBEXEC: the two paths as they are inside a node.
stage()
{
	STAGE=${GCF_SLURM_STAGE:-$T/stage}
	if [ -z "${GCF_SLURM_STAGE:-}" ]; then
		make -s -C "$BUILDDIR" install-slurm DESTDIR="$STAGE" >"$T/install.log" 2>&1 ||
			{ echo "Bail out! make install-slurm failed"; diag "$(tail -n 20 "$T/install.log")"; exit 1; }
	fi
	PLUGIN=$(find "$STAGE" -name spank_cryptstore.so | head -n 1)
	PLUGIN=${PLUGIN#"$STAGE"}
	LIBEXEC=$(find "$STAGE" -name cryptstore-node -type f | head -n 1)
	LIBEXEC=$(dirname "${LIBEXEC#"$STAGE"}")
	GCF=$STAGE$LIBEXEC/gocryptfs
}

# --- the site -------------------------------------------------------------------------------------------------------
# make_site [EXTRA-POLICY-FILE]: policy and keys under $CONF.
make_site()
{
	rm -rf "$CONF"
	mkdir -p "$CONF"
	chmod 755 "$CONF"
	chown root:root "$CONF"
	write_policy
	"$STAGE$LIBEXEC/cryptstore" site-key new --sysconfdir="$CONF" >"$T/site-key.log" 2>&1 ||
		{ echo "Bail out! no site key"; diag "$(cat "$T/site-key.log")"; exit 1; }
}
# write_policy [SED-EXPRESSION...]: the test site's policy, changed.
write_policy()
{
	local args=(-e '') x
	for x; do args+=(-e "$x"); done
	sed "${args[@]}" "$HERE/policy.yaml" | sed "s|@LOG@|$CL_BASE/log|" >"$CONF/.policy.new"
	chmod 644 "$CONF/.policy.new"
	mv "$CONF/.policy.new" "$CONF/policy.yaml"
}
# Inside every node the installation lies over the host's own tree, at the paths it was configured for.
write_setup()
{
	local p top
	: >"$T/setup"
	for p in "$(dirname "$PLUGIN")" "$(dirname "$LIBEXEC")"; do
		top=$p
		until [ -d "$top" ]; do top=$(dirname "$top"); done
		echo "$top"
	done | sort -u | awk 'NR == 1 || index($0 "/", last "/") != 1 { print; last = $0 }' | while read -r top; do
		echo "mount -t overlay -o ro,lowerdir='$STAGE$top:$top' overlay '$top'" >>"$T/setup"
	done
	# a /dev of its own for every node, and in it a /dev/log that ends in a file: $CL_BASE/log/syslog.NODE
	cat >>"$T/setup" <<E
mkdir -p /run/dev && mount -t tmpfs -o mode=755 tmpfs /run/dev && mkdir /run/dev/pts /run/dev/shm
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fd /dev/stdin /dev/stdout /dev/stderr /run/dev
mknod -m 666 /run/dev/fuse c 10 229 && ln -s pts/ptmx /run/dev/ptmx
mount -t devpts -o newinstance,mode=620,gid=5,ptmxmode=666 devpts /run/dev/pts && mount -t tmpfs -o mode=1777 tmpfs /run/dev/shm && mount --rbind /run/dev /dev
python3 '$HERE/syslogd' "$CL_BASE/log/syslog.\$n" </dev/null >/dev/null 2>&1 &
until [ -S /dev/log ]; do sleep 0.02; done
E
	export CL_SETUP=$T/setup
}
start_cluster() # [NODES]
{
	export CL_PLUGSTACK="required $PLUGIN sysconfdir=$CONF"
	NODES=${1:-${GCF_SLURM_NODES:-2}}
	"$CL" down >/dev/null 2>&1 || :
	mkdir -p "$CL_BASE"
	chmod 755 "$CL_BASE"
	make_site
	write_setup
	"$CL" up "$NODES" >"$T/up.log" 2>&1 || { echo "Bail out! the cluster does not start"; diag "$(cat "$T/up.log")"; exit 1; }
	echo "$PASSWORD" >"$ALICE/.pw"
	chown 61001:61001 "$ALICE/.pw"
	chmod 600 "$ALICE/.pw"
}
alice() { "$CL" run "$@"; }
bob() { "$CL" run -u bob "$@"; }
on() { local n=$1; shift; "$CL" run -n "$n" -u root "$@"; }
nodes() { seq -f 'cn%g' "$NODES"; }

# new_store NAME [OPTIONS]: /home/alice/NAME as alice, cheap key derivation.
new_store()
{
	local d=$1
	shift
	alice mkdir "/home/alice/$d" &&
		alice "$LIBEXEC/gocryptfs" -q -init -scryptn 10 -passfile /home/alice/.pw "$@" "/home/alice/$d"
}
# store_ok NAME: passes -fsck, seen from outside the cluster.
store_ok() { "$GCF" -q -fsck -passfile "$ALICE/.pw" "$ALICE/$1"; }
# under NODE: a FUSE file system of root's at /home/alice/under there; it stands for Lustre or NFS.
under() { on "$1" bash -c "mkdir -p /home/alice/under; $LIBEXEC/gocryptfs -q -sharedstorage -allow_other -nonempty -passfile /home/alice/.pw /home/alice/under.crypt /home/alice/under"; }
# server SIGNAL: to what serves it on cn1. STOP: a server that does not answer.
server() { on cn1 pkill "-$1" -f 'gocryptfs .*under.crypt'; }
# A store on it, h.crypt.
new_store_under()
{
	new_store under.crypt && under login && under cn1 && on login chmod 777 /home/alice/under &&
		alice mkdir /home/alice/under/h.crypt &&
		alice "$LIBEXEC/gocryptfs" -q -init -scryptn 10 -passfile /home/alice/.pw /home/alice/under/h.crypt
}
# in_store NAME COMMAND...: run with the store mounted (directory $MNT) by the Go gocryptfs, a second pair of eyes.
in_store()
{
	local d=$1 rc=0
	shift
	MNT=$T/mnt
	mkdir -p "$MNT"
	"$GO" -q -ro -passfile "$ALICE/.pw" "$ALICE/$d" "$MNT" || return 1
	( cd "$MNT" && "$@" ) || rc=$?
	umount "$MNT" || umount -l "$MNT"
	return $rc
}

KEY=--crypt-store-key=passfile:/home/alice/.pw
# batch [SBATCH-OPTIONS...] <SCRIPT: submits as alice, waits; sets job, rc (of sbatch --wait), out (the job's output).
batch()
{
	submit "$@" || return 0
	rc=0
	wait_for 120 ended "$job" || { rc=124; out="job $job did not end: $(alice scontrol show job "$job")"; return 0; }
	state=$(job_field "$job" JobState)
	rc=$(job_field "$job" ExitCode)
	out=$(tr -d '\0' <"$ALICE/out.$job" 2>/dev/null)
}
# submit [SBATCH-OPTIONS...] <SCRIPT: sets job and returns, or rc and out if it was refused.
submit()
{
	rc=0
	job=
	state=
	cat >"$ALICE/job.sh"
	chmod 644 "$ALICE/job.sh"
	out=$(alice sbatch --parsable -o "/home/alice/out.%j" "$@" /home/alice/job.sh 2>&1 </dev/null) || rc=$?
	job=$(grep -E '^[0-9]+$' <<<"$out" | tail -n 1)
	[ -n "$job" ]
}
job_field() { "$CL" run -u root scontrol show -o job "$1" 2>/dev/null | tr ' ' '\n' | sed -n "s/^$2=//p" | head -n 1; }
ended() { case $(job_field "$1" JobState) in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL | OUT_OF_MEMORY | "") ;; *) return 1 ;; esac; }
running() { [ "$(job_field "$1" JobState)" = RUNNING ]; }
has_line() { grep -qF -e "$2" "$1"; }

# --- what must be left: nothing -------------------------------------------------------------------------------------
leftovers() # NODE
{
	# shellcheck disable=SC2016
	on "$1" bash -c '
		ls -d /run/cryptstore/[0-9]* /run/cryptstore/pin/* 2>/dev/null
		for p in /proc/[0-9]*; do
			tr "\0" " " <$p/cmdline 2>/dev/null | grep -E "^[^ ]*/(gocryptfs .*-key_fd|cryptstore-node) "
			grep -h " /crypt/.* fuse.gocryptfs " $p/mountinfo 2>/dev/null
		done
		find /sys/fs/cgroup -path "*cryptstore*job_*" -type d 2>/dev/null
		ls -A /crypt 2>/dev/null' 2>/dev/null
}
clean_node() { [ -z "$(leftovers "$1")" ]; }
# Every node idle and clean within some seconds: two test lines.
all_clean() # WHAT
{
	local n bad=
	for n in $(nodes); do
		wait_for 30 clean_node "$n" || bad="$bad
$n: $(leftovers "$n")"
	done
	[ -z "$bad" ] && pass "$1: no mount, process, file or control group is left" ||
		fail "$1: no mount, process, file or control group is left" "$bad"
	ok "$1: every node is idle" "$CL" wait
}
