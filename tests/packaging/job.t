#!/usr/bin/env bash
# job.t - the module in real jobs: the workflow of the Uni.lu page, then the same store through --crypt-store, each with and
# without --export=NONE; and the job commands of the user guide. On the cluster of tests/slurm.
# shellcheck disable=SC2016
export CL_BASE=${CL_BASE:-/opt/gcf-packaging-cluster}
. "$(dirname "$0")/../slurm/lib.sh"
state='' rc='' out='' # of the last batch
. "$SRCDIR/tests/packaging/need.sh"
need slurmctld slurmd slurm-client munge iproute2 lmod fuse3
need_cluster
stage
start_cluster 2

# What a site does: the tool in its software tree, the modules in everybody's MODULEPATH.
APPS=$CL_BASE/apps
make -s -C "$BUILDDIR" install install-modulefile prefix="$APPS/gocryptfs" >"$T/install.log" 2>&1 </dev/null ||
	{ echo "Bail out! make install failed"; diag "$(tail -n 20 "$T/install.log")"; exit 1; }
echo "module use $APPS/gocryptfs/share/modulefiles/lua" >"$CL_BASE/etc/profile.d/zz-site.sh"
chmod 644 "$CL_BASE/etc/profile.d/zz-site.sh"

# The six commands of the Uni.lu page "Sensitive Data Encryption Using Gocryptfs", the password from a file.
# shellcheck disable=SC2086
page='#!/bin/bash -l
set -ex
module load tools/gocryptfs
[ "$(command -v gocryptfs)" = "$EBROOTGOCRYPTFS/bin/gocryptfs" ]
cd $1 || exit
mkdir dir.crypt dir
gocryptfs -init dir.crypt <~/.pw
gocryptfs dir.crypt dir <~/.pw
echo "Happy secure computing!" > dir/message.txt
fusermount -u dir
test ! -e dir/message.txt
gocryptfs dir.crypt dir <~/.pw
cat dir/message.txt
fusermount -u dir
echo "page done"'
for export in "" --export=NONE; do
	d=/home/alice/page${export:+-none}
	alice mkdir "$d"
	batch $export <<<"${page/\$1/$d}"
	is "the page's workflow${export:+ with $export}: the job succeeds" "$state $rc" "COMPLETED 0:0"
	like "the page's workflow${export:+ with $export}: what was written is read" "$out" '^Happy secure computing!$'
	like "the page's workflow${export:+ with $export}: to the end" "$out" '^page done$'
	[ "$state" = COMPLETED ] || diag "$out"
	ok "the store it left behind is sound" "$GCF" -q -fsck -passfile "$ALICE/.pw" "$CL_BASE$d/dir.crypt"

	batch $export -N 2 --crypt-store="$d/dir.crypt" "$KEY" <<-'END'
		#!/bin/bash -l
		cat /crypt/dir/message.txt
		srun --export=ALL bash -c 'echo from $SLURM_PROCID > /crypt/dir/$SLURM_PROCID'
		cat /crypt/dir/0 /crypt/dir/1
	END
	is "the same store by --crypt-store${export:+ with $export}: the job succeeds" "$state $rc" "COMPLETED 0:0"
	like "the same store by --crypt-store${export:+ with $export}: the file is there" "$out" '^Happy secure computing!$'
	like "the same store by --crypt-store${export:+ with $export}: both nodes write" "$out" '^from 1$'
	[ "$state" = COMPLETED ] || diag "$out"
done

# The user guide, for whoever has followed it so far.
guide() { python3 "$HERE/../packaging/guide.py" "$SRCDIR/site-docs/user.md" "$@"; }
alice mkdir /home/alice/guide
new_store dir.crypt
cp "$ALICE/.pw" "$ALICE/.store-password"
chown 61001:61001 "$ALICE/.store-password"
chmod 600 "$ALICE/.store-password"
printf '%s\n' '#!/bin/bash -l' 'echo computing > /crypt/dir/message.txt' >"$ALICE/job.sh"
commands=$(guide sh slurm | sed "s|^sbatch|sbatch --wait $KEY|")
like "the guide has job commands" "$commands" '^sbatch .*--crypt-store='
ok "the guide's job commands run" alice bash -c "cd; $commands"
batch <<<"$(guide bash | sed 's/^module load.*/cd; &/')"
is "the guide's job script runs, on the store of that job" "$state $rc" "COMPLETED 0:0"
like "and finds what the job wrote" "$out" '^1$'
all_clean "after all jobs"
done_testing
