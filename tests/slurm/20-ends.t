#!/bin/bash
# 20-ends.t - however a job ends: nothing is left, the node is idle, and every byte that was synced is in the store.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
stage
export CL_CONF="SlurmdTimeout=10" # a node that has died is noticed in time for the test
start_cluster
new_store a.crypt

table=
row() { table="$table
$(printf '%-44s %-14s %s' "$1" "$2" "$3")"; }

# A script's first lines: a file that is synced before anything happens, and a sign that we are there.
cat >"$ALICE/begin.sh" <<'E'
synced() { head -c 100000 /dev/urandom | tee "/crypt/a/$1" | sha256sum >"/home/alice/$1.sum"; sync "/crypt/a/$1"; touch "/home/alice/$1.up"; }
E
chmod 644 "$ALICE/begin.sh"
# after NAME TITLE EXPECTED-STATE: the rules that hold after every end.
after()
{
	local name=$1 title=$2 want=$3 begin=$SECONDS got sum
	wait_for 120 ended "$job" || :
	got=$(job_field "$job" JobState)
	like "$title: the job's state is $want" "$got" "^($want)\$"
	all_clean "$title"
	ok "$title: the store passes -fsck" store_ok a.crypt
	sum=$(in_store a.crypt sha256sum "$name" | cut -d' ' -f1)
	is "$title: every synced byte is in the store" "${sum:-no such file}" "$(cut -d' ' -f1 <"$ALICE/$name.sum")"
	row "$title" "$got" "clean after $((SECONDS - begin)) s, fsck ok, synced data present"
}
up() { wait_for 30 test -e "$ALICE/$1.up" || diag "job $job did not come up: $(cat "$ALICE/out.$job" 2>&1)"; }

# --- ordinary ends ---------------------------------------------------------------------------------------------------
batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh; synced exit0
E
after exit0 "exit 0" COMPLETED
batch --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh; synced exit1; exit 1
E
after exit1 "exit 1" FAILED

# --- cancelled -------------------------------------------------------------------------------------------------------
submit -N2 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
exec 9>/crypt/a/held; cd /crypt/a
synced scancel
srun -N2 -n2 sleep 100 9>&9
E
up scancel
alice scancel "$job"
after scancel "scancel with a file held open" CANCELLED

submit --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
trap 'sleep 1; echo "state of the computation" >/crypt/a/checkpoint && sync /crypt/a/checkpoint; exit 0' TERM
synced killwait
sleep 100 &
wait
E
up killwait
alice scancel --full "$job" 2>/dev/null || alice scancel "$job"
after killwait "scancel with a checkpoint in KillWait" CANCELLED
is "the checkpoint written during KillWait is in the store" "$(in_store a.crypt cat checkpoint)" "state of the computation"

submit --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
trap 'echo "on demand" >/crypt/a/checkpoint2; exit 0' USR1
synced signal
sleep 100 &
wait
E
up signal
alice scancel --batch --signal=USR1 "$job"
after signal "scancel --signal=USR1 --batch with a trap" COMPLETED
is "what the trap wrote is in the store" "$(in_store a.crypt cat checkpoint2)" "on demand"

# --- limits ----------------------------------------------------------------------------------------------------------
submit --time=1 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
trap '' TERM
synced timeout
while :; do date >>/crypt/a/ticking; read -rt 0.5 <> <(:); done
E
up timeout
after timeout "time limit, SIGTERM ignored" TIMEOUT

submit --mem=60 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced oom
srun --mem=60 perl -e '$x = "x" x (300 * 1024 * 1024); sleep 5'
E
up oom
after oom "a step out of memory" "OUT_OF_MEMORY|FAILED"
like "the step was killed for its memory" "$(cat "$ALICE/out.$job")" "[Oo]ut.[Oo]f.[Mm]emory|oom"

# --- the daemon ------------------------------------------------------------------------------------------------------
submit --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced killed
while [ ! -e ~/killed.now ]; do read -rt 0.1 <> <(:); done
echo plaintext 2>&1 >/crypt/a/after || echo "writing fails"
cat /crypt/a/killed >/dev/null || echo "reading fails"
mkdir /crypt/a 2>/dev/null || echo "nothing can take its place"
exit 3
E
up killed
on cn1 pkill -9 -x gocryptfs
lost() { on cn1 "$LIBEXEC/cryptstore-node" list | grep -q lost; }
wait_for 10 lost
touch "$ALICE/killed.now"
after killed "kill -9 of the daemon" FAILED
out=$(cat "$ALICE/out.$job")
like "the job's writes fail" "$out" "writing fails"
like "its reads fail" "$out" "reading fails"
like "no directory can be made in place of the view" "$out" "nothing can take its place"
like "the job's output says what happened" "$out" "view '/crypt/a' was lost on this node: its daemon was killed by signal 9"
ok "no plaintext was written anywhere" bash -c "! grep -rqa plaintext '$ALICE/a.crypt'"
like "the loss is in the audit trail" "$(grep '"event": "loss"' "$CL_BASE/log/audit.json")" "\"job\": \"$job\""

write_policy 's/action: report/action: cancel/'
submit -N2 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced cancel
sleep 100
E
up cancel
on cn1 pkill -9 -x gocryptfs
after cancel "kill -9 of the daemon, policy: loss cancels" FAILED
write_policy

submit --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced stopped
while [ ! -e ~/stopped.now ]; do read -rt 0.1 <> <(:); done
ls /crypt/a >/dev/null
E
up stopped
on cn1 pkill -STOP -x gocryptfs
touch "$ALICE/stopped.now"
hangs() { on cn1 bash -c 'for p in $(pgrep -x ls); do [ "$(readlink /proc/$p/cwd)" ] && exit 0; done; exit 1'; }
wait_for 5 hangs
alice scancel "$job"
after stopped "the daemon stopped, a reader waiting for it" CANCELLED

# a job that goes on when the test says so, and tells what it sees of its view then
watcher() # NAME [OPTIONS...]
{
	local name=$1
	shift
	submit -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" "$@" <<E
#!/bin/bash
. ~/begin.sh
synced $name
while [ ! -e ~/$name.now ]; do read -rt 0.1 <> <(:); done
cat /crypt/a/$name >/dev/null 2>&1 && echo "reading works" || echo "reading fails"
{ echo plaintext >/crypt/a/$name.after; } 2>/dev/null && echo "writing works" || echo "writing fails"
mkdir -p /crypt/a/sub 2>/dev/null && echo "mkdir works" || echo "mkdir fails"
exit 4
E
	up "$name"
}
syslog_of() { grep "job $job: " "$CL_BASE/log/syslog.cn1"; }
# is_lost NAME TITLE REASON: what such a job and everybody else is told of a loss
is_lost()
{
	out=$(cat "$ALICE/out.$job")
	is "$2: reading, writing and making directories fail" "$(grep -cE '^(reading|writing|mkdir) fails$' <<<"$out")" 3
	like "$2: the job's output says why" "$out" "view '/crypt/a' was lost on this node: $3"
	like "$2: so does syslog" "$(syslog_of)" "view '/crypt/a' was lost on this node: $3"
	like "$2: and the audit trail" "$(grep '"event": "loss"' "$CL_BASE/log/audit.json" | grep "\"job\": \"$job\"")" "$3"
	ok "$2: no plaintext was written anywhere" bash -c "! grep -rqa plaintext '$ALICE/a.crypt' && ! find /crypt -type f | grep -q ."
}
watcher frozen
on cn1 pkill -STOP -x gocryptfs
touch "$ALICE/frozen.now" # the job waits for its view now, until that is cut off
after frozen "the daemon stopped for good" FAILED
is_lost frozen "the daemon stopped for good" "its daemon was stopped and did not go on within 4 seconds"

watcher pause
on cn1 pkill -STOP -x gocryptfs
told() { syslog_of | grep -q "was stopped by signal 19"; }
ok "a daemon that is stopped is noticed" wait_for 10 told
on cn1 pkill -CONT -x gocryptfs
touch "$ALICE/pause.now"
after pause "the daemon stopped for a moment" FAILED
is "the daemon stopped for a moment: the job does not notice" "$(cat "$ALICE/out.$job")" "reading works
writing works
mkdir works"

in_job_ns() { on cn1 nsenter --mount="/run/cryptstore/pin/$job/ns" "$@"; }
watcher umounted
in_job_ns umount -l /crypt/a
wait_for 10 lost
touch "$ALICE/umounted.now"
after umounted "the view unmounted by root" FAILED
is_lost umounted "the view unmounted by root" "it was unmounted"

watcher rootless
in_job_ns umount -l /crypt
wait_for 10 lost
touch "$ALICE/rootless.now"
after rootless "the views' directory unmounted by root" FAILED
is_lost rootless "the views' directory unmounted by root" "it was unmounted"

# --- the store's own file system -----------------------------------------------------------------------------------------
new_store_under || diag "the file system below the store could not be made"
submit -w cn1 --crypt-store=/home/alice/under/h.crypt "$KEY" <<'E'
#!/bin/bash
head -c 100000 /dev/urandom | tee /crypt/h/backing | sha256sum >~/backing.sum; sync /crypt/h/backing; touch ~/backing.up
while [ ! -e ~/backing.now ]; do read -rt 0.1 <> <(:); done
cat /crypt/h/backing >/dev/null 2>&1 || echo "reading fails"
{ echo plaintext >/crypt/h/x; } 2>/dev/null || echo "writing fails"
exit 5
E
up backing
server STOP
silent() { on cn1 "$LIBEXEC/cryptstore" status --job "$job" | grep -q "open: the view '/crypt/h' does not answer"; }
ok "a file system that does not answer shows in cryptstore status" wait_for 60 silent
server CONT
speaks() { on cn1 "$LIBEXEC/cryptstore" status --job "$job" >"$T/status" && ! grep -q "does not answer" "$T/status"; }
ok "and no longer when it answers again" wait_for 30 speaks
not_ok "that is no loss" lost
like "syslog has both" "$(syslog_of | tr '\n' ' ')" "'/crypt/h' does not answer.*'/crypt/h' answers again"
server KILL
ok "a file system that is gone is noticed" wait_for 60 lost
touch "$ALICE/backing.now"
wait_for 60 ended "$job"
is "the file system gone: the job's state" "$(job_field "$job" JobState)" FAILED
out=$(cat "$ALICE/out.$job")
is "the file system gone: reading and writing fail" "$(grep -cE '^(reading|writing) fails$' <<<"$out")" 2
like "the file system gone: the job's output says why" "$out" "view '/crypt/h' was lost on this node: its file system fails: Transport endpoint"
on cn1 umount -l /home/alice/under
all_clean "the file system gone"
on login bash -c "mkdir -p /run/v && $LIBEXEC/gocryptfs -q -fsck -passfile /home/alice/.pw /home/alice/under/h.crypt &&
	$GO -q -ro -passfile /home/alice/.pw /home/alice/under/h.crypt /run/v && sha256sum /run/v/backing; umount /run/v" >"$T/backing" 2>&1
is "the file system gone: fsck passes and every synced byte is in the store" "$(cut -d' ' -f1 <"$T/backing")" "$(cut -d' ' -f1 <"$ALICE/backing.sum")"
row "the store's file system gone" FAILED "clean, fsck ok, synced data present"
on login umount /home/alice/under

# --- Slurm's own daemons and the node --------------------------------------------------------------------------------
submit -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced slurmd
while [ ! -e ~/slurmd.now ]; do read -rt 0.1 <> <(:); done
echo after >/crypt/a/slurmd.after && cat /crypt/a/slurmd.after
E
up slurmd
# without a step afterwards: slurmd of 24.11 then waits for a prolog that nobody sends, with and without this plugin
"$CL" restart cn1 -9
# what can follow is the prolog once more
daemon_before=$(on cn1 pgrep -x gocryptfs)
echo x | on cn1 "$LIBEXEC/cryptstore-node" prolog --job="$job" --uid=61001 --sysconfdir="$CONF"
is "a second prolog leaves a running job's daemon alone" "$(on cn1 pgrep -x gocryptfs)" "$daemon_before"
touch "$ALICE/slurmd.now"
after slurmd "slurmd killed -9 and restarted" COMPLETED
is "the view lived on" "$(cat "$ALICE/out.$job")" after

submit -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced restart
while [ ! -e ~/restart.now ]; do read -rt 0.1 <> <(:); done
echo after >/crypt/a/restart.after && srun cat /crypt/a/restart.after
E
up restart
"$CL" restart cn1
touch "$ALICE/restart.now"
after restart "slurmd restarted" COMPLETED
is "the view lived on and a new step saw it" "$(cat "$ALICE/out.$job")" after

# An upgrade under a running job: new files at the same places, slurmd restarted.
submit -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced upgrade
while [ ! -e ~/upgrade.now ]; do read -rt 0.1 <> <(:); done
echo after >/crypt/a/upgrade.after && srun cat /crypt/a/upgrade.after
E
up upgrade
daemon_before=$(on cn1 pgrep -x gocryptfs)
cp -a "$STAGE" "$CL_BASE/upgrade"
on cn1 mount --bind "$CL_BASE/upgrade$LIBEXEC" "$LIBEXEC"
on cn1 mount --bind "$CL_BASE/upgrade$PLUGIN" "$PLUGIN"
ok "an upgrade puts new files in place" on cn1 bash -c "! [ '$LIBEXEC/gocryptfs' -ef /proc/$daemon_before/exe ]"
"$CL" restart cn1
is "and leaves the running job's daemon alone" "$(on cn1 pgrep -x gocryptfs)" "$daemon_before"
touch "$ALICE/upgrade.now"
after upgrade "upgrade while the job runs" COMPLETED
is "the view lived through the upgrade, and a new step saw it" "$(cat "$ALICE/out.$job")" after

submit --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced ctl
while [ ! -e ~/ctl.now ]; do read -rt 0.1 <> <(:); done
echo after >/crypt/a/ctl.after && srun cat /crypt/a/ctl.after
E
up ctl
"$CL" restart ctl
# until the nodes have registered again it starts no steps, and a step that asks too early waits for a minute
ctl_up() { on login scontrol ping | grep -q UP && [ "$(on login sinfo -hN -o %T | grep -cE 'idle|mixed|alloc')" = "$NODES" ] && grep -q 'validate_node_specs.*registered with 1 job' <(tail -n 20 "$CL_BASE/log/ctl.log"); }
wait_for 30 ctl_up
touch "$ALICE/ctl.now"
after ctl "slurmctld restarted" COMPLETED

submit --no-requeue -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced crash
while :; do date >>/crypt/a/ticking; read -rt 0.2 <> <(:); done
E
up crash
"$CL" crash cn1
wait_for 120 ended "$job"
"$CL" boot cn1
after crash "node crash and reboot" NODE_FAIL

submit -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
. ~/begin.sh
synced sweep
while :; do date >>/crypt/a/ticking; read -rt 0.2 <> <(:); done
E
up sweep
p=$(on cn1 cat /run/slurm/slurmd.pid)
# slurmd and every slurmstepd die together; what was mounted stays until slurmd starts again
on cn1 bash -c "kill -9 $p; pkill -9 slurmstepd; pkill -9 -u 61001 -x bash" || :
on cn1 slurmd
wait_for 30 clean_node cn1
alice scancel "$job"
after sweep "slurmd and its steps killed, then restarted" "CANCELLED|FAILED|NODE_FAIL"

diag "Ends of a job with an encrypted store (measured by this suite)"
diag "$table"
done_testing
