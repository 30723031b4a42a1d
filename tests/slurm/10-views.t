#!/bin/bash
# 10-views.t - what a user does: batch scripts, steps on several nodes, shells, arrays, several stores.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
stage
start_cluster

new_store a.crypt
new_store b.crypt
out=
# --- the thin cut: one job, both nodes ------------------------------------------------------------------------------
batch -N2 -n4 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
echo "view $CRYPT_STORE_VIEW"
echo hello >/crypt/a/hello
srun -N2 -n4 bash -c 'echo "task $SLURM_PROCID on $SLURMD_NODENAME" >/crypt/a/task.$SLURM_PROCID'
ls /crypt/a | tr '\n' ' '
echo
srun -N1 -n1 -w cn2 bash -c 'echo "from cn2: $(cat /crypt/a/hello)"; echo two >/crypt/a/two'
cat /crypt/a/two
env | grep -c CRYPTSTORE_TICKET || :
echo "reads ahead $(cat "/sys/class/bdi/$(mountpoint -d /crypt/a)/read_ahead_kb") KiB"
E
is "the batch job completes" "$state" COMPLETED
like "the view's path is in the job's environment" "$out" '^view /crypt/a$'
like "tasks on both nodes write into one view" "$out" '^hello task\.0 task\.1 task\.2 task\.3 $'
like "what node 1 wrote is read on node 2" "$out" '^from cn2: hello$'
like "what node 2 wrote is read on node 1" "$out" '^two$'
like "the kernel reads ahead as far as root may say" "$out" '^reads ahead 1024 KiB$'
like "the ticket is not in the tasks' environment" "$out" '^0$'
all_clean "after a batch job"
like "the audit trail has the opening" "$(cat "$CL_BASE/log/audit.json")" '"event": "open", "node": "cn2", "job": "1", "uid": 61001, "store": "[0-9a-f]{32}", "ticket": "[0-9a-f]{32}", "mode": "rw,shared"'
like "and the close with the bytes that went through the view" "$(grep '"node": "cn1"' "$CL_BASE/log/audit.json")" '"event": "close".*"read": [1-9][0-9]*, "written": [1-9]'
ok "the store passes -fsck" store_ok a.crypt
is "the Go gocryptfs reads what the job wrote" "$(in_store a.crypt cat hello two task.3 | tr '\n' ' ')" "hello two task 3 on cn2 "
ok "no plaintext lies in the store or under the view" bash -c "! grep -rqa 'hello' '$ALICE/a.crypt'"
# the first job has made /crypt, where the installation had not
rc=0
out=$(on cn1 "$LIBEXEC/cryptstore" doctor --node --sysconfdir="$CONF" 2>&1) || rc=$?
is "cryptstore doctor finds no fault on a node" "$rc" 0
is "with a line for each thing it looked at" "$(grep -cE '^(ok|warn|skip) +(fuse device|fusermount3|mount namespaces|clock|policy|view root|site p[a-z]* key|slurm plugin) ' <<<"$out")" 9

# --- where Slurm itself opens files and directories -----------------------------------------------------------------
batch --crypt-store=/home/alice/a.crypt "$KEY" -o /crypt/a/out.%j -D /crypt/a <<'E'
#!/bin/bash
echo "in $PWD"
mkdir -p sub
srun -o /crypt/a/step.out --chdir=/crypt/a/sub pwd
E
is "a job with its output and its directory in the view completes" "$state" COMPLETED
is "its output is in the store" "$(in_store a.crypt cat "out.$job")" "in /crypt/a"
is "so is the output of a step with a directory in the view" "$(in_store a.crypt cat step.out)" /crypt/a/sub
all_clean "after output in the view"

# sbcast copies from slurmd, outside of the job's view
batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
sbcast -f ~/job.sh /crypt/a/sbcast 2>&1 && echo "sbcast works"
ls /crypt/a/sbcast 2>&1
rmdir /crypt/a 2>/dev/null || mv /crypt/a /crypt/b 2>/dev/null || mv /crypt /crypto 2>/dev/null || echo "the view stays where it is"
E
unlike "sbcast into the view fails" "$out" "sbcast works"
like "and brings nothing there" "$out" "cannot access '/crypt/a/sbcast'"
is "nor into the directory below it" "$(on cn1 find /crypt -mindepth 1; on cn2 find /crypt -mindepth 1)" ""
like "the view can be neither removed nor renamed" "$out" "the view stays where it is"

# --- paths as the submitting shell means them ------------------------------------------------------------------------
batch '--crypt-store=$HOME/a.crypt:$HOME/a-view' "$KEY" <<'E'
#!/bin/bash
readlink ~/a-view
cat ~/a-view/hello
E
like "\$HOME in an option means the user's home" "$out" '^hello$'
like "a path of the user's own is a link to the view" "$out" '^/crypt/a$'
not_ok "the link dangles outside the job" alice ls /home/alice/a-view/
alice mkdir -p /home/alice/taken
submit --crypt-store=/home/alice/a.crypt:/home/alice/taken "$KEY" <<'E'
#!/bin/bash
E
like "an existing directory at that path is refused at submission" "$out" "taken"
is "and nothing is queued" "$job" ""

# --- several stores, read-only, exclusive ----------------------------------------------------------------------------
batch --crypt-store=/home/alice/a.crypt,ro --crypt-store=/home/alice/b.crypt "$KEY" <<'E'
#!/bin/bash
echo "$CRYPT_STORE_VIEWS"
cp /crypt/a/hello /crypt/b/copy && cat /crypt/b/copy
echo x 2>&1 >/crypt/a/x || echo "a is read-only"
mkdir /crypt/evil || echo "the views' directory is root's"
E
is "a job with two stores completes" "$state" COMPLETED
like "both views are named" "$out" '^/crypt/a:/crypt/b$'
like "data goes from one to the other" "$out" '^hello$'
like "a store opened ro cannot be written" "$out" '^a is read-only$'
like "nobody can write beside the views" "$out" "^the views' directory is root's"
submit -w cn1 --crypt-store=/home/alice/a.crypt,exclusive "$KEY" <<'E'
#!/bin/bash
touch /home/alice/exclusive.up
while [ ! -e /home/alice/exclusive.stop ]; do sleep 0.1; done
echo done >/crypt/a/exclusive
E
first=$job
wait_for 20 test -e "$ALICE/exclusive.up"
batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
echo never
E
is "a store that is open exclusive cannot be opened again" "$state" FAILED
like "and the job says why" "$out" "exclusive"
unlike "its script did not run" "$out" "never"
for n in cn1 cn2; do
	batch -w $n --crypt-store=/home/alice/a.crypt,exclusive "$KEY" <<'E'
#!/bin/bash
echo never
E
	is "nor exclusive a second time, on $n" "$state $(grep -c never <<<"$out")" "FAILED 0"
	like "and says so" "$out" "the store is open elsewhere, so it cannot be opened exclusive"
done
touch "$ALICE/exclusive.stop"
wait_for 20 ended "$first"
is "the exclusive job completes" "$(job_field "$first" JobState)" COMPLETED
all_clean "after several stores"

# --- steps without the option, shells ---------------------------------------------------------------------------------
submit -N2 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
touch /home/alice/steps.up
while [ ! -e /home/alice/steps.stop ]; do sleep 0.1; done
E
wait_for 20 test -e "$ALICE/steps.up"
out=$(alice srun --jobid="$job" --overlap -N2 -n2 cat /crypt/a/hello 2>&1)
is "a step from outside (srun --jobid --overlap) sees the view on both nodes" "$out" "hello
hello"
out=$(alice script -qec "srun --jobid=$job --overlap -n1 -N1 --pty cat /crypt/a/hello" /dev/null 2>&1 | tr -d '\r')
like "so does a shell on a terminal (--pty)" "$out" 'hello$'
out=$(alice "$LIBEXEC/cryptstore" enter "$job" cat /crypt/a/hello 2>&1 </dev/null)
like "cryptstore enter brings a command into the view" "$out" 'hello'
out=$(alice srun --jobid="$job" --overlap -N1 -n1 "$LIBEXEC/cryptstore" status 2>&1)
like "cryptstore status inside the job names the view" "$out" '/crypt/a'
out=$(on cn1 "$LIBEXEC/cryptstore" status 2>&1)
like "and for root on the node" "$out" "$job"
out=$(alice srun --jobid="$job" --overlap -N1 -n1 "$LIBEXEC/cryptstore" status --nodes 2>&1)
is "with --nodes it names every node, and the store, which only the job may see" \
	"$(awk -v j="$job" '$1 == j { print $2, $3, $4, $NF }' <<<"$out" | sort | tr '\n' ' ')" \
	"cn1 open /crypt/a /home/alice/a.crypt cn2 open /crypt/a /home/alice/a.crypt "
out=$(alice "$LIBEXEC/cryptstore" status --nodes --job "$job" 2>&1)
is "from outside the job as well" "$(awk -v j="$job" '$1 == j { print $2 }' <<<"$out" | sort | tr '\n' ' ')" "cn1 cn2 "
not_ok "but not for another user" bob "$LIBEXEC/cryptstore" status --nodes --job "$job"
# shellcheck disable=SC2016
out=$(printf 'cat $CRYPT_STORE_VIEW/hello; exit\n' | alice script -qec "$LIBEXEC/cryptstore enter $job" /dev/null 2>&1 | tr -d '\r')
like "cryptstore enter without a command is a shell in the view" "$out" 'hello$'
like "another user is refused by Slurm itself" "$(bob "$LIBEXEC/cryptstore" enter "$job" cat /crypt/a/hello 2>&1)" '[Aa]ccess/permission denied|Invalid job id'
not_ok "the same user outside the job does not see it" on cn1 setpriv --reuid 61001 --regid 61001 --clear-groups ls /crypt/a
# shellcheck disable=SC2016
out=$(on cn1 bash -c 'd=$(pgrep -n gocryptfs); tr "\0" "\n" </proc/$d/status >/dev/null; grep -E "^(Uid|CoreDump)" /proc/$d/status; setpriv --reuid 61001 --regid 61001 --clear-groups ls /proc/$d/fd 2>&1 | head -n1; cat /proc/$d/cgroup | grep memory; cat /sys/fs/cgroup/memory/cryptstore/job_*/memory.limit_in_bytes 2>/dev/null')
like "the daemon runs as the user" "$out" '^Uid:[[:space:]]+61001[[:space:]]+61001'
like "and cannot be looked into, not even by the user" "$out" 'Permission denied'
like "in a control group of its own" "$out" "cryptstore[/-]job_$job"
touch "$ALICE/steps.stop"
wait_for 20 ended "$job"
all_clean "after steps from outside"
write_policy 's/threads: 0/threads: 3/' 's/syslog: false/syslog: true/'
batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
tr '\0' ' ' </proc/$(pgrep -x gocryptfs)/cmdline
E
like "daemon.threads of the policy is the daemon's -threads" "$out" ' -threads 3 '
all_clean "after a job with another policy"
is "audit.syslog: true brings the events to syslog" \
	"$(sed -n "s/.*audit {.*\"event\": \"\([a-z]*\)\", \"node\": \"cn1\", \"job\": \"$job\".*/\1/p" "$CL_BASE/log/syslog.cn1" | tr '\n' ' ')" "open close "
write_policy

out=$(alice salloc -N2 --crypt-store=/home/alice/a.crypt "$KEY" bash -c 'srun -N1 -n1 -w cn1 bash -c "echo salloc >/crypt/a/salloc"; srun -N2 -n2 cat /crypt/a/salloc' 2>/dev/null)
is "salloc with several steps" "$out" "salloc
salloc"
out=$(alice srun -N2 -n2 --crypt-store=/home/alice/a.crypt "$KEY" cat /crypt/a/salloc 2>/dev/null)
is "srun without a job around it" "$out" "salloc
salloc"
all_clean "after salloc and srun"

# --- arrays, requeue, dependencies, heterogeneous jobs -----------------------------------------------------------------
submit --array=1-3 -o /home/alice/array.%a --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
echo "task $SLURM_ARRAY_TASK_ID" >/crypt/a/array.$SLURM_ARRAY_TASK_ID
E
array_ended() { [ -z "$(alice squeue -h -j "$1" 2>/dev/null)" ]; }
wait_for 60 array_ended "$job"
is "every task of a job array writes into the view" "$(in_store a.crypt cat array.1 array.2 array.3 | tr '\n' ' ')" "task 1 task 2 task 3 "
all_clean "after an array"

submit --requeue --open-mode=append --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
echo "start ${SLURM_RESTART_COUNT:-0}" >>/crypt/a/requeue
touch /home/alice/requeue.up.${SLURM_RESTART_COUNT:-0}
[ "${SLURM_RESTART_COUNT:-0}" != 0 ] || sleep 60
E
wait_for 20 test -e "$ALICE/requeue.up.0"
alice scontrol requeue "$job"
# a requeued job waits some time before it starts again; that is Slurm's and not to be waited for
wait_for 30 bash -c "[ \"\$('$CL' run -u root squeue -h -j $job -o %T)\" = PENDING ]"
# not at once: Slurm 22.05 refuses a job that comes back to a node in the second in which it was ended there
on login scontrol update job "$job" StartTime=now+3
wait_for 180 ended "$job"
is "a requeued job opens its store again" "$(in_store a.crypt cat requeue | tr '\n' ' ')" "start 0 start 1 "
all_clean "after a requeue"

# cgroup v2, as far as a machine with v1 goes: a tree of it in a namespace of the test's own, without memory controller
cat >"$CL_BASE/v2.sh" <<'E'
cg=/sys/fs/cgroup helper=$1 conf=$2
umount -R $cg && mount -t cgroup2 cgroup2 $cg && mkdir $cg/test && echo $$ >$cg/test/cgroup.procs || exit 9
unshare -C -m bash -c 'cg=$1; umount $cg && mount -t cgroup2 cgroup2 $cg || exit 9
	"$2" prolog --job=998 --uid=61001 --sysconfdir="$3" <"$4"
	cat /run/cryptstore/pin/998/fail 2>/dev/null
	echo "daemon in $(sed -n s/^0:://p /proc/"$(pgrep -n -x gocryptfs)"/cgroup)"
	"$2" epilog --job=998 --uid=61001 --sysconfdir="$3"
	echo "left: $(ls -d $cg/cryptstore/job_* 2>/dev/null)"; rmdir $cg/cryptstore' v2 $cg "$@"
echo $$ >$cg/cgroup.procs; rmdir $cg/test
E
make_ticket() { alice "$LIBEXEC/cryptstore" ticket --sysconfdir="$CONF" --lifetime 1h --key=passfile:/home/alice/.pw /home/alice/a.crypt 2>/dev/null | grep '^cryptstore1' | tr -d '\n' >"$CL_BASE/ticket"; }
make_ticket
v2() { on cn1 unshare -m bash "$CL_BASE/v2.sh" "$LIBEXEC/cryptstore-node" "$CONF" "$CL_BASE/ticket" 2>&1; }
if on cn1 unshare -m bash -c 'umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup' 2>/dev/null; then
	write_policy 's/memory: 512M/memory: unlimited/'
	is "on cgroup v2 the daemon is put into a group of its own, which goes with the job" "$(v2)" "daemon in /cryptstore/job_998
left: "
	write_policy
	like "a limit of memory that cannot be set refuses the job if the policy requires it" "$(v2)" "no control group for the daemons: "
	write_policy 's/cgroup: require/cgroup: try/'
	is "and with cgroup: try the group goes without" "$(v2)" "daemon in /cryptstore/job_998
left: "
	write_policy
else
	skip "cgroup v2" "no tree of it can be mounted here"
fi

# a step whose job had no prolog: the helper is told to make sure, by several at once
make_ticket
# shellcheck disable=SC2016
out=$(on cn1 bash -c 'for i in 1 2 3; do "$0" ensure --job=999 --uid=61001 --sysconfdir="$1" <"$2" & done; wait
	pgrep -c -x gocryptfs; ls /run/cryptstore/pin/999 | tr "\n" " "; "$0" epilog --job=999 --uid=61001 --sysconfdir="$1"' \
	"$LIBEXEC/cryptstore-node" "$CONF" "$CL_BASE/ticket")
like "three steps at once without a prolog open one view" "$out" '^env keeper ns ns.id views $'
rm -f "$CL_BASE/ticket"
all_clean "after steps without a prolog"

submit -o /home/alice/out.%j --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
echo first >/crypt/a/dep
E
batch --dependency=afterok:"$job" --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
cat /crypt/a/dep
E
is "a job that waited for another sees its data" "$out" first

cat >"$ALICE/het.sh" <<'E'
#!/bin/bash
srun --het-group=0,1 bash -c 'echo "$SLURMD_NODENAME" >/crypt/a/het.$SLURMD_NODENAME'
cat /crypt/a/het.cn1 /crypt/a/het.cn2
E
job=$(alice sbatch --parsable -o /home/alice/out.%j -N1 -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" : -N1 -w cn2 /home/alice/het.sh 2>"$T/het.err")
wait_for 60 ended "$job"
is "every component of a heterogeneous job has the view" "$(cat "$ALICE/out.$job" 2>&1)" "cn1
cn2"
all_clean "after a heterogeneous job"

# --- a job inside a job, and a container inside the job ------------------------------------------------------------------
batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
sbatch -o /home/alice/inner.out --wrap 'ls /crypt/a 2>&1; env | grep -c CRYPT_STORE'
E
like "sbatch inside a job is a job of its own and asks for nothing" "$out" "Submitted batch job"
inner=$(sed -n 's/^Submitted batch job //p' <<<"$out")
wait_for 30 ended "$inner"
unlike "and that job has no view" "$(cat "$ALICE/inner.out")" "hello"
batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
unshare -Urm bash -c 'mkdir -p /tmp/inner.$$; mount --rbind /crypt /tmp/inner.$$; cat /tmp/inner.$$/a/hello; umount -l /tmp/inner.$$; rmdir /tmp/inner.$$'
E
like "a container that binds /crypt in a namespace of its own sees the view" "$out" '^hello$'
if command -v bwrap >/dev/null; then # what Apptainer does without its setuid helper
	batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
bwrap --unshare-user --unshare-pid --ro-bind / / --proc /proc --dev /dev --bind /crypt /mnt bash -c 'cat /mnt/a/hello; echo inside >/mnt/a/bwrap' && cat /crypt/a/bwrap
E
	is "so does one made with bubblewrap, and it writes there" "$out" "hello
inside"
else
	skip "a container made with bubblewrap" "bwrap is not installed"
fi
all_clean "after jobs inside jobs"

ok "at the end the store passes -fsck" store_ok a.crypt
ok "and so does the other" store_ok b.crypt
done_testing
