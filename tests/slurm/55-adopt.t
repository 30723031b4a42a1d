#!/bin/bash
# 55-adopt.t - a shell that comes to a node by ssh and is adopted into the job by pam_slurm_adopt.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
[ -x /usr/sbin/sshd ] || skip_all "sshd is not installed"
find /lib/security /lib/*/security /usr/lib64/security -name pam_slurm_adopt.so 2>/dev/null | grep -q . || skip_all "pam_slurm_adopt is not installed"
stage
start_cluster
new_store a.crypt

cat >"$CL_BASE/etc/pam.d/sshd" <<'E'
account required pam_slurm_adopt.so
session required pam_permit.so
E
alice mkdir -m 700 -p /home/alice/.ssh
alice ssh-keygen -q -t ed25519 -N '' -f /home/alice/.ssh/id_ed25519
alice cp /home/alice/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys
on cn1 bash -c 'mkdir -p /run/sshd /run/ssh && ssh-keygen -q -t ed25519 -N "" -f /run/ssh/key &&
	/usr/sbin/sshd -f /dev/null -h /run/ssh/key -E /run/ssh/log -o UsePAM=yes -o PasswordAuthentication=no -o PidFile=/run/ssh/pid'
by_ssh() { alice ssh -q -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null cn1 "$@"; }

not_ok "without a job on the node nobody comes in" by_ssh true
submit -w cn1 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
echo inside >/crypt/a/inside && touch /home/alice/adopt.up
while [ ! -e /home/alice/adopt.stop ]; do read -rt 0.1 <> <(:); done
exit 0
E
wait_for 30 test -e "$ALICE/adopt.up"
like "with one the shell is adopted into the job's extern step" "$(by_ssh cat /proc/self/cgroup 2>&1)" "job_$job/step_extern"
not_ok "it is in the node's own namespace, without the view" by_ssh cat /crypt/a/inside
is "where nothing can be written in the view's place" "$(by_ssh 'mkdir /crypt/a 2>/dev/null || echo no' 2>&1)" no
is "cryptstore enter leads from there into the view" "$(by_ssh "$LIBEXEC/cryptstore enter $job cat /crypt/a/inside" 2>/dev/null)" inside
by_ssh 'touch /home/alice/adopt.ssh; exec sleep 1000' &
wait_for 20 test -e "$ALICE/adopt.ssh"
touch "$ALICE/adopt.stop"
wait_for 30 ended "$job"
is "the job completes with such a shell open" "$(job_field "$job" JobState)" COMPLETED
all_clean "with an adopted shell open at the end"
not_ok "which has ended with the job" on cn1 pgrep -u 61001 -x sleep
wait
done_testing
