#!/bin/bash
# 40-failures.t - whatever fails, the user is told, the job fails or is not queued, and the node stays in service.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
stage
start_cluster
new_store a.crypt
table=
row() { table="$table
$(printf '%-40s %-12s %s' "$1" "$2" "$3")"; }

# refused TITLE REGEX OPTIONS...: not queued, with the message.
refused()
{
	local title=$1 want=$2
	shift 2
	submit "$@" <<'E'
#!/bin/bash
E
	is "$title: nothing is queued" "$job" ""
	like "$title: the message" "$out" "$want"
	row "$title" "not queued" "$(grep -m1 -E "$want" <<<"$out")"
}
# fails TITLE REGEX OPTIONS...: the job fails with the message, the script does not run, the node stays idle.
fails()
{
	local title=$1 want=$2
	shift 2
	batch "$@" <<'E'
#!/bin/bash
echo "the script ran"
E
	is "$title: the job fails" "$state" FAILED
	like "$title: its output says why" "$out" "$want"
	unlike "$title: its script did not run" "$out" "the script ran"
	ok "$title: no node is drained" "$CL" wait
	row "$title" "$state" "$(grep -m1 -E "$want" <<<"$out" | sed 's/^slurmstepd-[^:]*: error: //')"
}
S=--crypt-store=/home/alice/a.crypt

# --- at submission ----------------------------------------------------------------------------------------------------
echo wrong >"$ALICE/.wrong"
chown 61001 "$ALICE/.wrong"
refused "wrong password" "[Pp]assword" "$S" --crypt-store-key=passfile:/home/alice/.wrong
refused "missing store" "/home/alice/none.crypt" --crypt-store=/home/alice/none.crypt "$KEY"
alice mkdir -p /home/alice/plain
refused "not a store" "gocryptfs.conf|not a .*store" --crypt-store=/home/alice/plain "$KEY"
refused "no terminal and no key source" "passfile|terminal" "$S"
on login install -d -o 61001 /var/tmp/x.crypt
alice "$LIBEXEC/gocryptfs" -q -init -scryptn 10 -passfile /home/alice/.pw /var/tmp/x.crypt
refused "a store that is not allowed" "stores.allow|policy" --crypt-store=/var/tmp/x.crypt "$KEY"
write_policy 's/deny: \[\]/deny: [\/home\/alice]/'
refused "policy: stores.deny" "deny|policy" "$S" "$KEY"
write_policy 's/groups: \[\]/groups: [root]/'
refused "policy: users.groups" "group" "$S" "$KEY"
write_policy 's/exclusive: true/exclusive: false/'
refused "policy: mount.exclusive" "exclusive" "$S,exclusive" "$KEY"
write_policy
echo "unknown_key: 1" >>"$CONF/policy.yaml"
refused "policy with an unknown key" "unknown_key|policy" "$S" "$KEY"
write_policy
chmod 666 "$CONF/policy.yaml"
refused "policy writable by everybody" "policy.yaml" "$S" "$KEY"
write_policy
mv "$CONF/site.pub" "$CONF/site.pub.away"
refused "no site key" "site.pub" "$S" "$KEY"
mv "$CONF/site.pub.away" "$CONF/site.pub"

# --- on the node ------------------------------------------------------------------------------------------------------
alice "$LIBEXEC/cryptstore" ticket --sysconfdir="$CONF" --lifetime 1h --key=passfile:/home/alice/.pw /home/alice/a.crypt >"$T/t" 2>"$T/t.err" ||
	diag "$(cat "$T/t.err")"
install -o 61001 -m 600 "$T/t" "$ALICE/ticket"
batch "$S" --crypt-store-key=ticket:/home/alice/ticket <<'E'
#!/bin/bash
touch /crypt/a/by-ticket && echo opened
E
is "a job with a ticket made in advance opens its store" "$out" opened

# pending TITLE REGEX COMMAND: submit a job that waits, change the world, let it start.
pending()
{
	local title=$1 want=$2
	shift 2
	submit --hold "$S" "$KEY" <<'E'
#!/bin/bash
echo "the script ran"
E
	"$@" || diag "could not prepare: $title"
	on login scontrol release "$job"
	wait_for 60 ended "$job"
	out=$(cat "$ALICE/out.$job")
	is "$title: the job fails" "$(job_field "$job" JobState)" FAILED
	like "$title: its output says why" "$out" "$want"
	unlike "$title: its script did not run" "$out" "the script ran"
	ok "$title: no node is drained" "$CL" wait
	row "$title" FAILED "$(grep -m1 -E "$want" <<<"$out" | sed 's/^slurmstepd-[^:]*: error: //')"
}
ticket_of() { on login cat "$CL_BASE"/state/hash.*/job."$1"/environment | tr '\0' '\n' | sed -n 's/^SPANK_CRYPTSTORE_TICKET=//p;s/^SLURM_SPANK_CRYPTSTORE_TICKET=//p' | head -n 1; }
revoke_ticket()
{
	local id
	ticket_of "$job" >"$T/held"
	id=$("$STAGE$LIBEXEC/cryptstore" ticket --sysconfdir="$CONF" --show "$T/held" 2>&1 | grep -oE '[0-9a-f]{32}' | head -n 1)
	write_policy "s/revoked: \[\]/revoked: [$id]/"
}
revoke_user() { write_policy "s/revoked_users: \[\]/revoked_users: [{user: alice, before: 2099-01-01T00:00:00Z}]/"; }
pending "revoked ticket" "revoked" revoke_ticket
pending "every ticket of the user revoked" "revoked" revoke_user
write_policy
deny_now() { write_policy 's/deny: \[\]/deny: [\/home\/alice]/'; }
pending "policy changed while the job waited" "deny|policy" deny_now
write_policy
foreign_key() { rm -f "$CONF/site.key" "$CONF/site.pub"; "$STAGE$LIBEXEC/cryptstore" site-key new --sysconfdir="$CONF"; }
pending "the site's key replaced" "key" foreign_key
gone_store() { mv "$ALICE/a.crypt" "$ALICE/a.moved"; }
pending "the store moved away while the job waited" "/home/alice/a.crypt" gone_store
mv "$ALICE/a.moved" "$ALICE/a.crypt"
# The ticket names the place where the store was; what a link there leads to now may lie where no store is allowed.
alice mkdir /home/alice/way
new_store way/a.crypt
linked_elsewhere() { on cn1 cp -a /home/alice/way /var/tmp/way && mv "$ALICE/way" "$ALICE/way.away" && alice ln -s /var/tmp/way /home/alice/way; }
S_before=$S
S=--crypt-store=/home/alice/way/a.crypt
pending "a link put in the store's way" "no longer at '/home/alice/way/a.crypt'" linked_elsewhere
S=$S_before
# The same between the node's look at the store and its opening: the daemon opens what was looked at.
on cn1 rm -rf /var/tmp/way
rm "$ALICE/way"
mv "$ALICE/way.away" "$ALICE/way"
on cn1 bash -c "cp -a /home/alice/way/a.crypt /var/tmp/elsewhere.crypt && mkdir /run/v &&
	$GO -q -passfile /home/alice/.pw /var/tmp/elsewhere.crypt /run/v && echo elsewhere >/run/v/which && chown 61001 /run/v/which && umount /run/v
	chown -R 61001:61001 /var/tmp/elsewhere.crypt"
cp "$GCF" "$CL_BASE/real"
cat >"$CL_BASE/swap" <<E
#!/bin/sh
mv /home/alice/way/a.crypt /home/alice/way/a.away && ln -s /var/tmp/elsewhere.crypt /home/alice/way/a.crypt
exec $CL_BASE/real "\$@"
E
chmod 755 "$CL_BASE/swap" "$CL_BASE/real"
on cn1 mount --bind "$CL_BASE/swap" "$LIBEXEC/gocryptfs"
batch -w cn1 --crypt-store=/home/alice/way/a.crypt "$KEY" <<'E'
#!/bin/bash
cat /crypt/a/which 2>/dev/null || echo "not in this one"
readlink /home/alice/way/a.crypt
E
is "a store exchanged while the node opens it: the daemon serves what was looked at" "$out" "not in this one
/var/tmp/elsewhere.crypt"
on cn1 umount "$LIBEXEC/gocryptfs"
all_clean "after an exchange of the store"
short_life() { write_policy "s/max_lifetime: 30d/max_lifetime: 1h/;s/default_lifetime: 7d/default_lifetime: 1h/"; }
pending "ticket that lives longer than now allowed" "allows 1h" short_life
write_policy

# a rotated key still opens what was sealed before
submit --hold "$S" "$KEY" <<'E'
#!/bin/bash
echo opened
E
"$STAGE$LIBEXEC/cryptstore" site-key rotate --sysconfdir="$CONF" >"$T/rotate" 2>&1 || diag "$(cat "$T/rotate")"
on login scontrol release "$job"
wait_for 60 ended "$job"
is "after site-key rotate a waiting job still opens its store" "$(cat "$ALICE/out.$job")" opened

# expired: a ticket with a short life, shown to the node when it is over
alice "$LIBEXEC/cryptstore" ticket --sysconfdir="$CONF" --lifetime 1s --key=passfile:/home/alice/.pw /home/alice/a.crypt >"$T/short" 2>&1
is "a ticket of one second is made" "$(grep -c '^cryptstore1' "$T/short")" 1
write_policy 's/clock_skew: 5m/clock_skew: 1s/'
expired()
{
	tail -n 1 "$T/short" | tr -d '\n' | on cn2 "$LIBEXEC/cryptstore-node" prolog --job=999998 --uid=61001 --sysconfdir="$CONF"
	out=$(on cn2 cat /run/cryptstore/pin/999998/fail 2>/dev/null)
	on cn2 "$LIBEXEC/cryptstore-node" epilog --job=999998 --uid=61001 --sysconfdir="$CONF"
	grep -qE 'expired|ran out|was good until' <<<"$out"
}
ok "an expired ticket is refused by the node" wait_for 10 expired
diag "$out"
row "expired ticket" "FAILED" "$out"
write_policy
damaged() # NAME WANTED: text on standard input
{
	on cn2 "$LIBEXEC/cryptstore-node" prolog --job=999997 --uid=61001 --sysconfdir="$CONF"
	out=$(on cn2 cat /run/cryptstore/pin/999997/fail 2>/dev/null)
	on cn2 "$LIBEXEC/cryptstore-node" epilog --job=999997 --uid=61001 --sysconfdir="$CONF"
	like "a ticket that is $1 is refused" "$out" "$2"
	row "$1 ticket" "FAILED" "$out"
}
alice "$LIBEXEC/cryptstore" ticket --sysconfdir="$CONF" --lifetime 1h --key=passfile:/home/alice/.pw /home/alice/a.crypt >"$T/t" 2>/dev/null
t=$(grep -m1 -oE 'cryptstore1\.[A-Za-z0-9_-]+' "$T/t")
damaged "cut short" "cut short" <<<"${t:0:200}"
mid=${t:300:1}
[ "$mid" = A ] && mid=B || mid=A
damaged "altered" "altered|damaged|changed" <<<"${t:0:300}$mid${t:301}"
damaged "no ticket at all" "not a ticket" <<<"hello"

# --- the node's own installation ------------------------------------------------------------------------------------------
hide_helper() { on cn1 mount -t tmpfs -o mode=755 tmpfs "$LIBEXEC"; }
hide_helper
fails "helper missing on the node" "did not open|helper" -w cn1 "$S" "$KEY"
on cn1 umount "$LIBEXEC"
cp "$STAGE$LIBEXEC/cryptstore-node" "$CL_BASE/helper"
chown 61001 "$CL_BASE/helper"
on cn1 mount --bind "$CL_BASE/helper" "$LIBEXEC/cryptstore-node"
fails "helper not owned by root" "did not open|helper" -w cn1 "$S" "$KEY"
on cn1 umount "$LIBEXEC/cryptstore-node"
cp "$GCF" "$CL_BASE/daemon"
chmod 777 "$CL_BASE/daemon"
on cn1 mount --bind "$CL_BASE/daemon" "$LIBEXEC/gocryptfs"
fails "gocryptfs writable by others" "gocryptfs" -w cn1 "$S" "$KEY"
on cn1 umount "$LIBEXEC/gocryptfs"
on cn1 bash -c 'mount -o remount,size=256k /run; dd if=/dev/zero of=/run/filler bs=4k 2>/dev/null; true'
fails "/run full" "did not open" -w cn1 "$S" "$KEY"
on cn1 bash -c 'rm -f /run/filler; mount -o remount,size=50% /run'
chmod 644 "$CONF/site.key"
fails "the node's private key readable by others" "site.key" -w cn1 "$S" "$KEY"
doctor() { rc=0; out=$(on cn1 "$LIBEXEC/cryptstore" doctor --node --sysconfdir="$CONF" 2>&1) || rc=$?; }
doctor
like "cryptstore doctor names the fault and its remedy" "$out" "^FAIL  site private key .*site.key.* -> "
is "with an exit code for a node health check" "$rc" 10
chmod 400 "$CONF/site.key"
doctor
is "once all is repaired it finds nothing" "$rc $(grep -c '^FAIL' <<<"$out")" "0 0"
all_clean "after failures of the installation"

# --- the store's own file system hangs -------------------------------------------------------------------------------------
new_store_under || diag "the file system below the store could not be made"
H=--crypt-store=/home/alice/under/h.crypt
batch -w cn1 "$H" "$KEY" <<'E'
#!/bin/bash
touch /crypt/h/first && echo opened
E
is "a store on the other file system opens" "$out" opened
server STOP
fails "backing file system hangs in the prolog" "did not open within" -w cn1 "$H" "$KEY"
server CONT
all_clean "after a hang in the prolog"

submit -w cn1 "$H" "$KEY" <<'E'
#!/bin/bash
exec 9>/crypt/h/open
echo before >&9
touch /home/alice/hang.up
sleep 300
E
wait_for 30 test -e "$ALICE/hang.up"
server STOP
alice scancel "$job"
begin=$SECONDS
wait_for 60 ended "$job"
is "backing file system hangs in the epilog: the job ends" "$(job_field "$job" JobState)" CANCELLED
ok "backing file system hangs in the epilog: the node is back in service" "$CL" wait
like "backing file system hangs in the epilog: the audit trail says so" "$(grep "\"job\": \"$job\"" "$CL_BASE/log/audit.json")" 'does not answer|cut off'
row "backing file system hangs in the epilog" CANCELLED "node idle after $((SECONDS - begin)) s"
server CONT
gone_daemon() { ! on cn1 pgrep -u 61001 -x gocryptfs; }
wait_for 20 gone_daemon
batch -w cn1 "$S" "$KEY" <<'E'
#!/bin/bash
echo next
E
is "the next job on the node works" "$out" next
all_clean "after a hang in the epilog and the next job"

# --- a node without the plugin ------------------------------------------------------------------------------------------------
sed -i s/^required/optional/ "$CL_BASE/etc/slurm/plugstack.conf"
on cn2 mount --bind /dev/null "$PLUGIN"
"$CL" restart cn1
"$CL" restart cn2
"$CL" wait
echo "$LIBEXEC" >"$ALICE/libexec"
batch -N2 -n2 "$S" "$KEY" <<'E'
#!/bin/bash
srun bash -c '{ echo plaintext >/crypt/a/on.$SLURMD_NODENAME; } 2>/dev/null && echo "$SLURMD_NODENAME has the view" || echo "$SLURMD_NODENAME has none"'
"$(cat ~/libexec)/cryptstore" status --nodes 2>&1
E
like "optional: a node with the plugin opens the view" "$out" "^cn1 has the view"
like "optional: on one without it the job has none, and nothing to write to" "$out" "^cn2 has none"
is "optional: no plaintext lies there" "$(on cn2 find /crypt -mindepth 1)" ""
like "optional: status --nodes shows it from a node that has the plugin" "$out" "job $job has no encrypted store on this node"
out=$(on cn2 "$LIBEXEC/cryptstore" doctor --node --sysconfdir="$CONF")
like "and cryptstore doctor on the node" "$out" "^FAIL  slurm plugin .* -> "
row "node without the plugin, optional" "$state" "no view there, and the job's programs fail; doctor: $(grep 'slurm plugin' <<<"$out")"
sed -i s/^optional/required/ "$CL_BASE/etc/slurm/plugstack.conf"
p=$(on cn2 cat /run/slurm/slurmd.pid)
on cn2 kill "$p"
gone_slurmd() { ! on cn2 kill -0 "$p"; }
wait_for 20 gone_slurmd
on cn2 timeout 20 slurmd -D >"$T/slurmd" 2>&1
is "required: slurmd does not start there" "$?" 1
row "node without the plugin, required" "-" "slurmd does not start"

# --- the cluster has job_container/tmpfs ---------------------------------------------------------------------------------------
on cn1 umount /home/alice/under
on login umount /home/alice/under
# on one processor: Slurm binds each job's namespace once, which Linux 6.18 refuses now and then if another made it (ns.c)
taskset -cp "$(taskset -cp $$ | grep -oE '[0-9]+' | sed -n 2p)" $$ >/dev/null
export CL_CONTAINER=job_container/tmpfs
start_cluster
new_store a.crypt
refused "job_container/tmpfs" "job_container/tmpfs" "$S" "$KEY"
plain_job()
{
	batch <<'E'
#!/bin/bash
echo plain
E
}
plain_job
with=$out
if [ "$with" = plain ]; then
	pass "other jobs run there as ever"
else # is it us, or does job_container/tmpfs not work in this environment at all?
	export CL_PLUGSTACK=
	"$CL" down
	"$CL" up "$NODES" >/dev/null 2>&1
	plain_job
	[ "$out" = plain ] && fail "other jobs run there as ever" "$with" ||
		skip "other jobs run there as ever" "job_container/tmpfs does not run jobs here without the plugin either"
fi

diag "What goes wrong, and what the user sees (measured by this suite)"
diag "$table"
done_testing
