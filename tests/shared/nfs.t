#!/bin/bash
# nfs.t - the patterns of shared.t on NFS: a kernel's own server and three clients, each in a network namespace of its own, so
# that they are as separate as three machines. A User-mode Linux (package user-mode-linux) brings the kernel; its root is this
# machine's, read-only.
#   GCF_NFS_VERSION (4.2)  GCF_NFS_MOUNT: more mount options  GCF_SHARED_SCALE (0.5)  GCF_TABLE=1: a table, with the Go program
set -u
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "1..0 # SKIP $1"; exit 0; }

outside()
{
	local build=${top_builddir:-$here/../../build} name args=()
	for tool in linux.uml rpc.nfsd rpc.mountd exportfs; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
	build=$(cd "$build" && pwd)
	args=("GOCRYPTFS=${GOCRYPTFS:-$build/gocryptfs}" "top_builddir=$build" "GCF_SHARED_SCALE=${GCF_SHARED_SCALE:-0.5}")
	for name in GCF_SHARED_SEED GCF_SHARED_ONLY GCF_NFS_VERSION GCF_NFS_MOUNT GCF_TABLE; do
		[ -z "${!name:-}" ] || args+=("$name=${!name}")
	done
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	# con0 is this script's output
	TMPDIR=${GCF_UML_MEMORY:-/dev/shm} linux.uml mem=1500M root=/dev/root rootfstype=hostfs rootflags=/ ro init="$here/nfs.t" \
		con=null con0=null,fd:1 quiet "${args[@]}" </dev/null 2>/dev/null | tr -d '\r' | tee "$log" |
		grep --line-buffered -E '^( |#|ok|not ok|1\.\.|Bail|\|)'
	grep -q '^guest: up' "$log" || skip "User-mode Linux does not start here"
	grep -q '^1\.\.' "$log" || { sed 's/^/# /' "$log" | tail -40; echo "Bail out! the guest did not come to its end"; exit 1; }
}

# One client: a network namespace and a host name of its own, so a client of its own to the server.
client() # NUMBER
{
	ip netns add "c$1" && ip link add "v$1" type veth peer name e0 netns "c$1" && ip link set "v$1" master br0 up &&
		ip -n "c$1" addr add "10.9.0.1$1/24" dev e0 && ip -n "c$1" link set e0 up && ip -n "c$1" link set lo up &&
		mkdir "/mnt/c$1" && nsenter --net="/run/netns/c$1" unshare -u sh -c "hostname c$1; mount -i -t nfs4 -o \
			addr=10.9.0.1,clientaddr=10.9.0.1$1,vers=${GCF_NFS_VERSION:-4.2}${GCF_NFS_MOUNT:+,$GCF_NFS_MOUNT} 10.9.0.1:/ /mnt/c$1"
}

inside()
{
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/mnt TMPDIR=/mnt
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mkdir -p /dev/pts /dev/shm
	mount -t devpts devpts /dev/pts
	for d in /dev/shm /run /mnt /srv /var/tmp /var/lib/nfs; do mount -t tmpfs tmpfs "$d"; done
	hostname nfs
	ip link set lo up
	mkdir -p /run/m/lib && ln -s /usr/lib/uml/modules /run/m/lib/modules
	for m in fuse nfsd nfs nfsv4 veth bridge; do modprobe -d /run/m "$m" || skip "no module $m here"; done
	mount -t nfsd nfsd /proc/fs/nfsd
	mkdir -p /var/lib/nfs/v4recovery /srv/x
	touch /var/lib/nfs/etab /var/lib/nfs/rmtab
	echo 10 >/proc/fs/nfsd/nfsv4leasetime
	echo 10 >/proc/fs/nfsd/nfsv4gracetime
	ip link add br0 type bridge && ip addr add 10.9.0.1/24 dev br0 && ip link set br0 up
	exportfs -o rw,no_root_squash,no_subtree_check,fsid=0,insecure 10.9.0.0/24:/srv/x 2>/dev/null
	rpc.mountd -N 2 -N 3 -V 4 && rpc.nfsd -N 3 -V 4 4 || skip "the NFS server does not start here"
	for i in 1 2 3; do client "$i" || skip "an NFS client does not mount here"; done
	if [ "${GCF_TABLE:-}" = 1 ]; then
		"$here/table" 3 "$GCF_SHARED_SCALE" /srv/x /mnt/c[123]
	else
		python3 "$here/on_clients.py" "NFSv${GCF_NFS_VERSION:-4.2}" /srv/x /mnt/c[123]
	fi
}

if [ $$ = 1 ]; then
	echo "guest: up"
	(inside)
	sync
	halt -f 2>/dev/null || echo o >/proc/sysrq-trigger
	sleep 10
else
	outside
fi
