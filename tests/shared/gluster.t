#!/bin/bash
# gluster.t - the patterns of shared.t on a real distributed file system: a GlusterFS volume, every node with a client of its
# own, all in fresh namespaces; then an MPI program writing one shared file through it.
#   GCF_GLUSTER_NODES (3)  GCF_SHARED_SCALE (1)  GCF_GLUSTER_DEFAULTS=1: leave the volume's performance options as they come
#   GCF_COST=1: what the shared modes cost there
#   GCF_TABLE=1: a table, with the Go program beside ours
set -u
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "1..0 # SKIP $1"; exit 0; }

if [ "${GCF_GLUSTER_INSIDE:-}" != 1 ]; then
	[ "$(id -u)" = 0 ] || skip "needs root"
	for tool in glusterd gluster mount.glusterfs unshare; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
	[ -c /dev/fuse ] || skip "no /dev/fuse here"
	GCF_GLUSTER_INSIDE=1 exec unshare -m -u -n -p --fork --kill-child --mount-proc "$0" "$@"
fi

GCF_PROGRAM=${GOCRYPTFS:-${top_builddir:-$here/../../build}/gocryptfs}
W=$(mktemp -d /tmp/gcf-gl.XXXXXX)
export W
trap 'umount -l "$W/brick" "$W"/c* 2>/dev/null; rm -rf --one-file-system "$W"' EXIT
mount --make-rprivate / && ip link set lo up && hostname gl1 || skip "no namespaces here"
for d in /var/lib/glusterd /run /var/log/glusterfs; do mount -t tmpfs tmpfs "$d"; done
mkdir -p /run/gluster /run/lock
echo "127.0.0.1 localhost gl1" >"$W/hosts" && mount --bind "$W/hosts" /etc/hosts
mkdir "$W/brick" && mount -t tmpfs -o size=1g tmpfs "$W/brick" && mkdir "$W/brick/b"
glusterd || skip "glusterd does not start here"
for _ in $(seq 100); do gluster peer status >/dev/null 2>&1 && break; sleep 0.1; done
g() { gluster --mode=script "$@" >"$W/g.log" 2>&1 || { sed 's/^/# /' "$W/g.log"; echo "Bail out! gluster $*"; exit 1; }; }
g volume create v "gl1:$W/brick/b" force
n=${GCF_GLUSTER_NODES:-3}
for i in $(seq "$n"); do mkdir "$W/c$i"; done
if [ "${GCF_GLUSTER_DEFAULTS:-}" != 1 ]; then
	# As it comes, the client caches: that must be refused.
	g volume start v
	mount -t glusterfs gl1:/v "$W/c1" || skip "a GlusterFS client does not mount here"
	refused=$("$GCF_PROGRAM" -q -init -scryptn 10 -extpass 'echo x' "$W/c1" 2>&1 && mkdir "$W/m" &&
		"$GCF_PROGRAM" -q -sharedstorage -extpass 'echo x' "$W/c1" "$W/m" 2>&1; echo "exit code $?")
	umount "$W/c1"
	g volume stop v
	rm -rf "$W"/brick/b/gocryptfs.*
	export refused
	# What site-docs/concurrency.md asks for: no cache in the client that knows nothing of locks.
	for o in write-behind quick-read io-cache read-ahead readdir-ahead stat-prefetch open-behind; do
		g volume set v "performance.$o" off
	done
fi
g volume start v
for i in $(seq "$n"); do
	# shellcheck disable=SC2086
	mount -t glusterfs ${GCF_GLUSTER_MOUNT:-} gl1:/v "$W/c$i" || skip "a GlusterFS client does not mount here"
done
if [ "${GCF_TABLE:-}" = 1 ]; then
	"$here/table" "$n" "${GCF_SHARED_SCALE:-0.2}" "$W/brick/b" "$W"/c[0-9]*
elif [ "${GCF_COST:-}" = 1 ]; then
	python3 "$here/../bench/shared_cost.py" "$W/c1" 3
else
	python3 "$here/on_clients.py" GlusterFS "$W/brick/b" "$W"/c[0-9]*
fi
rc=$?
for i in $(seq "$n"); do umount "$W/c$i"; done
exit $rc
