#!/bin/bash
# 30-secrets.t - neither password nor master key anywhere, and nobody else sees the view.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
stage
start_cluster
new_store a.crypt
key=$("$(dirname "$GCF")/../../bin/gocryptfs-xray" -dumpmasterkey "$ALICE/a.crypt/gocryptfs.conf" <"$ALICE/.pw" 2>/dev/null ||
	"$(dirname "$GO")/gocryptfs-xray" -dumpmasterkey "$ALICE/a.crypt/gocryptfs.conf" <"$ALICE/.pw" 2>/dev/null)
key=$(tr -d '\n-' <<<"$key")
is "the master key is known to the test" "${#key}" 64
{ printf '%s' "$PASSWORD" | od -An -v -tx1 | tr -d ' \n'; echo; echo "$key"; } >"$T/secrets"
cp "$T/secrets" "$CL_BASE/secrets"
printf 'a %s b' "$PASSWORD" >"$T/positive"
not_ok "the scan finds a secret that is there" "$HERE/secret-scan" "$T/secrets" "$T/positive"

submit -N2 --crypt-store=/home/alice/a.crypt "$KEY" <<'E'
#!/bin/bash
env >/home/alice/env.batch
srun -N2 -n2 bash -c 'env >/home/alice/env.$SLURM_PROCID'
echo owner >/crypt/a/owned
touch /home/alice/secrets.up
while [ ! -e /home/alice/secrets.stop ]; do read -rt 0.2 <> <(:); done
E
wait_for 30 test -e "$ALICE/secrets.up"
ok "no secret in slurmctld's state" find "$CL_BASE/state" -type f -exec "$HERE/secret-scan" "$T/secrets" {} +
ok "none in any spool directory" find "$CL_BASE/spool" -type f -exec "$HERE/secret-scan" "$T/secrets" {} +
ok "none in any log" find "$CL_BASE/log" -type f -exec "$HERE/secret-scan" "$T/secrets" {} +
ok "none in the job's environment" "$HERE/secret-scan" "$T/secrets" "$ALICE/env.batch" "$ALICE/env.0" "$ALICE/env.1"
is "the job's environment was written" "$(grep -c CRYPT_STORE_VIEW= "$ALICE/env.batch" "$ALICE/env.0" "$ALICE/env.1" | cut -d: -f2 | tr '\n' ' ')" "1 1 1 "
for n in login $(nodes); do
	# shellcheck disable=SC2016
	ok "none in a command line or environment on $n" on "$n" bash -c "$HERE/secret-scan $CL_BASE/secrets /proc/[0-9]*/cmdline /proc/[0-9]*/environ"
	ok "none in a file under /run on $n" on "$n" bash -c "find /run /var/tmp -xdev -type f -exec $HERE/secret-scan $CL_BASE/secrets {} +"
done
like "slurmctld keeps only the sealed ticket" "$(grep -rahoE 'cryptstore1\.[A-Za-z0-9_-]{20}' "$CL_BASE/state" | head -n 1)" "cryptstore1"
like "the ticket is not in scontrol show job" "$(on login scontrol show job "$job" | grep -c cryptstore1)" "^0$"

# A program of the job that dies leaves a core file where the kernel is told to write one; so would the daemon.
pattern=$(cat /proc/sys/kernel/core_pattern)
case $pattern in
/* | \|*) skip "core files of the job hold no secret" "the kernel writes them elsewhere: $pattern" ;;
*)
	alice mkdir -p /home/alice/cores
	# shellcheck disable=SC2016
	alice srun --jobid="$job" --overlap -N1 -n1 -D /home/alice/cores bash -c 'ulimit -c unlimited; bash -c "cat /crypt/a/owned >/dev/null; kill -ABRT \$\$"' >/dev/null 2>&1
	ok "a program of the job leaves a core file" bash -c "ls '$ALICE'/cores/core*"
	ok "no secret is in it" bash -c "'$HERE/secret-scan' '$T/secrets' '$ALICE'/cores/*"
	;;
esac
# --- core files, ptrace ------------------------------------------------------------------------------------------------
d=$(on cn1 pgrep -n -x gocryptfs)
like "the daemon cannot dump core" "$(on cn1 grep 'Max core file size' "/proc/$d/limits")" "size[[:space:]]+0[[:space:]]+0"
asalice() { on cn1 setpriv --reuid 61001 --regid 61001 --clear-groups "$@"; }
asbob() { on cn1 setpriv --reuid 61002 --regid 61002 --clear-groups "$@"; }
for x in mem environ maps; do
	not_ok "its user cannot read its $x" asalice cat "/proc/$d/$x"
done
not_ok "its user cannot list its descriptors" asalice ls "/proc/$d/fd/"
is "no descriptor of the daemon's is the key's pipe any more" "$(on cn1 bash -c "ls -l /proc/$d/fd | grep -c ' 3 -> pipe'")" 0

# --- another user --------------------------------------------------------------------------------------------------------
b=$(on cn1 pgrep -n -u 61001 -x bash)
not_ok "another user does not see the view by its path" asbob cat /crypt/a/owned
not_ok "nor through /proc/PID/root of a task" asbob cat "/proc/$b/root/crypt/a/owned"
not_ok "nor through /proc/PID/cwd of the daemon" asbob ls "/proc/$d/root/crypt/a"
not_ok "nor can he enter the job's namespace" asbob nsenter -m"/proc/$b/ns/mnt" cat /crypt/a/owned
not_ok "nor see where it is pinned" asbob ls /run/cryptstore/pin
not_ok "nor enter the job" bob "$LIBEXEC/cryptstore" enter "$job" cat /crypt/a/owned
like "the status he may read names no store's path" "$(asbob cat "/run/cryptstore/$job/status.json")" '"view": "/crypt/a"'
unlike "(no path)" "$(asbob cat "/run/cryptstore/$job/status.json")" '/home/alice'
listening() { on cn1 bash -c "ls -l /proc/$d/fd | sed -n 's/.*socket:.\([0-9]*\).*/\1/p' | while read -r i; do awk -v i=\$i '\$7 == i && \$4 == \"00010000\"' /proc/net/unix; done"; }
is "the daemon listens on no socket" "$(listening)" ""

# --- replay ----------------------------------------------------------------------------------------------------------------
ticket=$(alice salloc --crypt-store=/home/alice/a.crypt "$KEY" printenv SLURM_SPANK_CRYPTSTORE_TICKET 2>/dev/null)
like "salloc's user holds the sealed ticket" "$ticket" '^cryptstore1\.'
printf '%s\n' "$ticket" >"$CL_BASE/home/bob/t"
chown 61002 "$CL_BASE/home/bob/t"
chmod 755 "$ALICE"
out=$(bob sbatch -o /home/bob/out --crypt-store=/home/alice/a.crypt --crypt-store-key=ticket:/home/bob/t --wrap 'cat /crypt/a/owned' 2>&1)
j=$(sed -n 's/^Submitted batch job //p' <<<"$out")
[ -z "$j" ] || wait_for 30 ended "$j"
unlike "another user's job with the owner's ticket gets nothing" "$(cat "$CL_BASE/home/bob/out" 2>/dev/null)" owner
# what the node would say, with the ticket put straight into its hands
printf '%s' "$ticket" | on cn2 "$LIBEXEC/cryptstore-node" prolog --job=999999 --uid=61002 --sysconfdir="$CONF"
like "the node refuses it by name" "$(on cn2 cat /run/cryptstore/pin/999999/fail)" "user"
like "and says so in the audit trail" "$(grep '"job": "999999"' "$CL_BASE/log/audit.json")" '"event": "refusal".*"step": "wrong-user"'
on cn2 "$LIBEXEC/cryptstore-node" epilog --job=999999 --uid=61002 --sysconfdir="$CONF"
chmod 700 "$ALICE"

on cn2 pkill -ABRT -x gocryptfs
lost() { on cn2 "$LIBEXEC/cryptstore-node" list | grep -q lost; }
ok "a daemon that aborts is noticed" wait_for 10 lost
is "and leaves no core file" "$(on cn2 find / /run /var/tmp /home "$CL_BASE/spool" -maxdepth 3 -xdev \( -name core -o -name 'core.[0-9]*' \) -newer "$CL_BASE/secrets" -not -path '*/alice/cores/*' 2>/dev/null)" ""
touch "$ALICE/secrets.stop"
wait_for 30 ended "$job"
all_clean "after all this"
unlike "the audit trail names no file of the store" "$(cat "$CL_BASE/log/audit.json")" 'owned'
ok "no secret in any log at the end" find "$CL_BASE/log" -type f -exec "$HERE/secret-scan" "$T/secrets" {} +
done_testing
