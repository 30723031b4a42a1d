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
