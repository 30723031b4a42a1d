#!/bin/bash
# cryptstore.t - tickets, keys, policy, keep, status and doctor from the command line; nothing is mounted, no Slurm.
# shellcheck source=tests/t/lib.sh
. "$(dirname "$0")/lib.sh"

CS=${CRYPTSTORE:-$BUILDDIR/cryptstore}
[ -x "$CS" ] || skip_all "cryptstore is not built"
[ -x "$GCF" ] || GCF=$GO
[ -x "$GCF" ] || skip_all "no gocryptfs to make stores with"

# Root may not use stores in jobs, so the user's part runs as another.
chmod 755 "$T"
if [ "$(id -u)" = 0 ]; then
	# The program may lie where only root gets.
	cp "$CS" "$T/cryptstore" && CS=$T/cryptstore
	as() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
	uid=65534
else
	as() { "$@"; }
	uid=$(id -u)
fi
mkdir "$T/etc" "$T/home" && chmod 755 "$T/etc" && cd "$T/home" || exit 1
conf="--sysconfdir=$T/etc"
export HOME=$T/home

user_says() { run as "$CS" "$@"; }
refused() # DESCRIPTION CODE REGEX ARGUMENTS...: as the user
{
	local what=$1 code=$2 regex=$3
	shift 3
	user_says "$@"
	if [ "$rc" = "$code" ] && grep -qE -e "$regex" <<<"$errout" && [ "$(grep -c . <<<"$errout")" = 1 ]; then
		pass "$what"
	else
		fail "$what" "exit code $rc, wanted $code; no single line like: $regex
in: $errout"
	fi
}
bundle() # ARGUMENTS of submit...: sets rc, out (the bundle), errout
{
	rc=0
	as "$CS" submit --out-fd=3 "$conf" "$@" 3>"$T/.bundle" >"$T/.out" 2>"$T/.err" </dev/null || rc=$?
	out=$(cat "$T/.bundle") errout=$(cat "$T/.err")
}
show() { run "$CS" ticket "$conf" --show "$@"; }

for s in dir.crypt two.crypt; do
	mkdir $s && printf 'pass of %s\n' $s >pw.$s && "$GCF" -q -init -scryptn 10 -passfile pw.$s $s || exit 1
done
mkdir weird,name.crypt plain 'bad name' taken && ln -s dir.crypt alias && ln -s elsewhere foreign
printf 'wrong\n' >pw.wrong
cp -a dir.crypt weird,name.crypt/inner.crypt
[ "$(id -u)" != 0 ] || chown -hR 65534:65534 "$T/home"

# --- without a site ---
refused "no site key: says who makes one" 7 "site's public key .* is missing: root makes one with 'cryptstore site-key new'" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt

# --- site keys ---
run "$CS" site-key "$conf" new
is_rc "site-key new makes a key" 0
is "site.key is for its owner alone" "$(stat -c %a "$T/etc/site.key")" 400
is "site.pub is for all" "$(stat -c %a "$T/etc/site.pub")" 644
first_key=$(awk '/^crypt/ { print $3 }' "$T/etc/site.pub")
run "$CS" site-key "$conf" new
is_rc "a second site-key new is refused" 1
like "and says what to do" "$errout" "'site.key' exists: use 'cryptstore site-key rotate'"
run "$CS" site-key "$conf" public
is "site-key public prints the line of site.pub" "$out" "$(grep ^crypt "$T/etc/site.pub")"

# --- policy ---
refused "no policy: refused" 7 "policy .* is missing: install the example" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt
run "$CS" policy check "$SRCDIR/spank/policy.yaml.example"
is_rc "the example policy is well formed" 0
printf 'enabled: true\nstores:\n  permit: [/]\n' >"$T/bad.yaml"
run "$CS" policy check "$T/bad.yaml"
is_rc "a policy with a wrong key is refused" 7
like "by file, line and column" "$errout" "bad.yaml:3:3: unknown key 'permit' in 'stores'"
policy() { printf '%s\n' 'users: {min_uid: 1}' "$@" >"$T/etc/policy.yaml"; }
policy 'ciphers: {min_scrypt_logn: 10}'
chmod 644 "$T/etc/policy.yaml"
user_says policy "$conf" explain dir.crypt
is_rc "policy explain: allowed" 0
like "rule by rule" "$out" "stores.allow +allows"
policy 'ciphers: {min_scrypt_logn: 12}'
user_says policy "$conf" explain dir.crypt
is_rc "policy explain: forbidden has its exit code" 3
like "with the rule" "$out" "ciphers.min_scrypt_logn +FORBIDS"
refused "a ticket is refused by the same rule" 3 "policy \(ciphers.min_scrypt_logn\) forbids it" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt
policy 'ciphers: {min_scrypt_logn: 10}'
chmod 666 "$T/etc/policy.yaml"
refused "a policy that others can write is refused with the remedy" 7 "can be written by others .*: chmod go-w" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt
chmod 644 "$T/etc/policy.yaml"
chmod 777 "$T/etc"
refused "so is one in a directory that others can write" 7 "/etc' can be written by others" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt
chmod 755 "$T/etc"
if [ "$(id -u)" = 0 ]; then
	run env CRYPTSTORE_SYSCONFDIR="$T/etc" SYSCONFDIR="$T/etc" "$CS" site-key public
	unlike "no environment variable moves the site's files" "$out$errout" "$T/etc"
fi

# --- tickets ---
user_says ticket "$conf" --lifetime 3d --key passfile:pw.dir.crypt dir.crypt
is_rc "a ticket is made" 0
printf '%s\n' "$out" >"$T/t1"
like "one line of printable text" "$out" '^cryptstore1\.[A-Za-z0-9_-]{491}$'
show "$T/t1"
is_rc "ticket --show explains it" 0
like "where the private key is: the store" "$out" "^store +$T/home/dir.crypt\$"
like "the user" "$out" "^user +uid $uid\$"
like "the mode" "$out" "^mode +rw,shared\$"
like "the lifetime" "$out" "expires .* \(in (2d23h|3d)"
if [ "$(id -u)" = 0 ]; then
	user_says ticket "$conf" --show "$T/t1"
	is_rc "without the private key it is explained as well" 0
	like "as sealed" "$out" "^inside +sealed: .* root on a compute node only"
	unlike "without the store" "$out" "dir.crypt"
	user_says ticket "$conf" --show "$T/t1" dir.crypt
	like "and says whether it is for a store that is named" "$out" "^for +$T/home/dir.crypt, rw,shared\$"
	user_says ticket "$conf" --show "$T/t1" two.crypt
	like "or is not" "$out" "^for +not for $T/home/two.crypt\$"
fi
printf '%s' "$(grep ^crypt "$T/t1" | cut -c1-300)" >"$T/cut"
show "$T/cut"
is_rc "a cut ticket is refused" 9
like "as cut" "$out" "refused \(truncated\): the ticket is cut short"
sed '/^crypt/s/^\(.\{400\}\)\(.\)/\1\n\2/' "$T/t1" | awk '/^crypt/ { a = $0; getline; c = substr($0, 1, 1)
	print a (c == "A" ? "B" : "A") substr($0, 2); next } { print }' >"$T/altered"
show "$T/altered"
like "an altered one as altered" "$out" "refused \(altered\): the ticket has been altered"
refused "a wrong password" 5 "dir.crypt': the password is wrong" ticket "$conf" --key passfile:pw.wrong dir.crypt
refused "a missing passfile" 6 "passfile: could not open" ticket "$conf" --key passfile:nowhere dir.crypt
refused "a store that does not exist" 4 "there is no store 'nowhere'" ticket "$conf" --key passfile:pw.wrong nowhere
refused "a directory that is no store" 4 "plain' is not a gocryptfs store: there is no gocryptfs.conf" \
	ticket "$conf" --key passfile:pw.wrong plain
refused "a file" 4 "'pw.wrong' is not a directory" ticket "$conf" --key passfile:pw.wrong pw.wrong
refused "a lifetime beyond the policy" 3 "a ticket for 40d; at most 30d" \
	ticket "$conf" --lifetime 40d --key passfile:pw.dir.crypt dir.crypt
refused "an unknown word" 2 "'readonly' is not one of ro, rw, exclusive, shared" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt,readonly
refused "a contradiction" 2 "'rw' repeats or contradicts" ticket "$conf" --key passfile:pw.dir.crypt dir.crypt,ro,rw
refused "a second colon" 2 "expected STORE:OWN_PATH" ticket "$conf" --key passfile:pw.dir.crypt dir.crypt:a:b
refused "an unknown source" 2 "key source must be passfile" ticket "$conf" --key pass:x dir.crypt
refused "a master key on the command line, not repeated" 2 "key source must be passfile:FILE, [^0]*$" \
	ticket "$conf" --key masterkey:0000 dir.crypt
refused "the same store twice" 2 "dir.crypt' is given twice" ticket "$conf" --key passfile:pw.dir.crypt dir.crypt ./dir.crypt
refused "the same store by another name" 2 "dir.crypt' is given twice" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt alias
refused "a copy of the store" 2 "are the same store \(one master key\)" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt 'weird\,name.crypt/inner.crypt'
mkdir other 2>/dev/null; ln -s ../two.crypt other/dir.crypt
refused "two stores of one view name" 2 "would both be the view 'dir'" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt other/dir.crypt
refused "a name that no view can have" 2 "'bad name' gives no name for a view" \
	ticket "$conf" --key passfile:pw.dir.crypt 'bad name'
refused "a directory at one's own path" 8 "taken' is a directory, and a directory is never mounted over or replaced" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt:taken
refused "a foreign link there" 8 "foreign' is a link to 'elsewhere' and not to the view /crypt/dir" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt:foreign
refused "a file there" 8 "pw.wrong' exists and is no link" ticket "$conf" --key passfile:pw.dir.crypt dir.crypt:pw.wrong
refused "a path without its directory" 8 "the directory of 'no/where'" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt:no/where
refused "a path in the store" 8 "lies in the store itself" ticket "$conf" --key passfile:pw.dir.crypt dir.crypt:dir.crypt/x
# shellcheck disable=SC2016
refused "an unset variable" 2 "the variable 'NO_SUCH_VARIABLE' is not set" \
	ticket "$conf" --key passfile:pw.dir.crypt '$NO_SUCH_VARIABLE/dir.crypt'
policy 'ciphers: {min_scrypt_logn: 10}' 'mount: {exclusive: false}' 'stores: {max_per_job: 1}'
refused "exclusive where it is not allowed" 3 "\(mount.exclusive\)" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt,exclusive
refused "more stores than allowed" 3 "2 stores in one job; at most 1" \
	ticket "$conf" --key passfile:pw.dir.crypt dir.crypt two.crypt
policy 'ciphers: {min_scrypt_logn: 10}'

# --- what travels ---
ln -s /crypt/dir own-link
# shellcheck disable=SC2016,SC2088
for spec in '~/dir.crypt:~/mine,ro' '$HOME/dir.crypt:${HOME}/mine,ro' './dir.crypt:mine,ro' "$T/home/alias/../dir.crypt:$HOME/mine,ro"; do
	user_says ticket "$conf" --key passfile:pw.dir.crypt "$spec"
	printf '%s\n' "$out" >"$T/t2"
	show "$T/t2"
	like "$spec: resolved store" "$out" "^store +$T/home/dir.crypt\$"
	like "$spec: own path" "$out" "^own path +$T/home/mine\$"
	like "$spec: mode" "$out" "^mode +ro,shared\$"
done
user_says ticket "$conf" --key passfile:pw.dir.crypt --mode ro,exclusive alias
printf '%s\n' "$out" >"$T/t2"
show "$T/t2"
like "a link to the store gives the view its name, the store is resolved" "$out" "^store +$T/home/dir.crypt\$"
like "view name" "$out" "^view name +alias\$"
user_says ticket "$conf" --key passfile:pw.dir.crypt dir.crypt:own-link
is_rc "a link to the very view may be there" 0
refused "a link to another view may not" 8 "own-link' is a link to '/crypt/dir' and not to the view /crypt/two" \
	ticket "$conf" --key passfile:pw.two.crypt two.crypt:own-link
user_says ticket "$conf" --key "extpass:echo pass of dir.crypt" dir.crypt
is_rc "extpass gives the password" 0

# --- the plugin's command ---
bundle --key=passfile:pw.dir.crypt -- dir.crypt
is "submit writes one ticket and no newline" "$rc$(tr -dc , <"$T/.bundle")$(wc -l <"$T/.bundle")" 00
is "and nothing else" "$(cat "$T/.out" "$T/.err")" ""
show "$T/.bundle"
like "which opens" "$out" "^store +$T/home/dir.crypt\$"
like "with the policy's lifetime" "$out" "expires .*\((in 7d|in 6d23h)"
bundle --key=passfile:pw.wrong -- dir.crypt
is "a wrong password: exit code 5 and nothing written" "$rc$out" 5
rc=0
as setsid -w "$CS" submit --out-fd=3 "$conf" -- dir.crypt 3>"$T/.bundle" 2>"$T/.err" </dev/null || rc=$?
is "no terminal and no source: exit code 6" "$rc" 6
like "with the ways to give one" "$(cat "$T/.err")" "no terminal .* passfile:FILE, extpass:COMMAND, masterkey:stdin, or ticket:FILE"
syspy=$PY
[ ! -x /usr/bin/python3 ] || syspy=/usr/bin/python3 # one that every user may run
cat >"$T/ask.py" <<'PY'
"""Run a command on a terminal of its own, answer each prompt with the next line; print what the terminal showed."""
import os, pty, sys
answers = sys.argv[1].split(",")
pid, fd = pty.fork()
if pid == 0:
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
asked = 0
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    shown += got
    if shown.count(b"Password of ") > asked and shown.rstrip(b" ").endswith(b":"):
        os.write(fd, answers[asked].encode() + b"\n")
        asked += 1
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
rc=0
as "$syspy" "$T/ask.py" "pass of dir.crypt,pass of two.crypt" sh -c "'$CS' submit --out-fd=3 $conf -- dir.crypt two.crypt,ro 3>'$T/home/b'" \
	>"$T/.out" 2>&1 || rc=$?
is "on a terminal it prompts, standard input notwithstanding" "$rc" 0
is "once per store" "$(grep -o 'Password of' "$T/.out" | wc -l)" 2
like "naming the store" "$(cat "$T/.out")" "Password of $T/home/two.crypt: "
unlike "without showing the password" "$(cat "$T/.out")" "pass of"
run "$CS" ticket "$conf" --show "$T/home/b"
is "two tickets come out" "$(grep -c '^store ' <<<"$out")" 2

# --- master key ---
[ -x "$XRAY" ] || XRAY=$(dirname "$GO")/gocryptfs-xray
if [ -x "$XRAY" ] && mk=$("$XRAY" -dumpmasterkey dir.crypt/gocryptfs.conf <pw.dir.crypt 2>/dev/null | tail -1) && [ "${#mk}" = 64 ]; then
	masterkey() { rc=0; printf '%s\n' "$1" | as "$CS" submit --out-fd=3 "$conf" --key=masterkey:stdin "$2" 3>"$T/.bundle" 2>"$T/.err" || rc=$?; }
	masterkey "$mk" dir.crypt
	is "masterkey:stdin opens the store" "$rc$(cat "$T/.err")" 0
	id1=$("$CS" ticket "$conf" --show "$T/.bundle" | awk '/^identity/ { print $2 }')
	id2=$("$CS" ticket "$conf" --show "$T/t1" | awk '/^identity/ { print $2 }')
	is "and the store has the same identity as by password" "$id1" "$id2"
	unlike "which is not the key" "$(cat "$T/.bundle")$id1" "$mk"
	if [ -d "$FIXTURES/example_filesystems/v1.3" ]; then
		cp -r "$FIXTURES/example_filesystems/v1.3" full.crypt && chmod -R u+w,a+rX full.crypt
		masterkey "$mk" full.crypt
		is "another store's master key: exit code 5" "$rc" 5
		like "noticed at submission" "$(cat "$T/.err")" "this is not the store's master key"
	else
		skip "another store's master key: exit code 5" "no example file system here"
	fi
else
	skip "masterkey:stdin opens the store" "no gocryptfs-xray"
fi
rc=0
printf 'zz\n' | as "$CS" submit --out-fd=3 "$conf" --key=masterkey:stdin dir.crypt 3>"$T/.bundle" 2>"$T/.err" || rc=$?
is "nonsense as master key: exit code 5" "$rc" 5
unlike "and is not repeated" "$(cat "$T/.err")" zz

# --- ready tickets ---
user_says ticket "$conf" --lifetime 1h --key passfile:pw.dir.crypt dir.crypt
printf '%s\n' "$out" >tickets
user_says ticket "$conf" --key passfile:pw.two.crypt two.crypt,ro
printf '%s\n' "$out" >>tickets
bundle --key=ticket:tickets -- dir.crypt two.crypt,ro
is "ready tickets serve their stores" "$rc$(tr -dc , <"$T/.bundle")" 0,
bundle --key=ticket:tickets -- dir.crypt,ro
is "a rw ticket serves a job that asks for ro" "$rc$(cut -c1-15 "$T/.bundle")" "0ro@cryptstore1."
show "$T/.bundle"
like "and opens read-only" "$out" "^mode +ro,shared\$"
for spec in two.crypt dir.crypt,exclusive dir.crypt:mine alias; do
	bundle --key=ticket:tickets -- "$spec"
	is "$spec: exit code 9" "$rc" 9
	like "$spec: no ticket is for it" "$errout" "no ticket in 'tickets' is for"
done
user_says ticket "$conf" --lifetime 1s --key passfile:pw.dir.crypt dir.crypt
printf '%s\n' "$out" >expired
for _ in 1 2 3 4 5 6 7 8 9 10; do
	bundle --key=ticket:expired -- dir.crypt
	[ "$rc" = 0 ] || break
	sleep 0.3
done
is "an expired ticket: exit code 9" "$rc" 9
like "by its date" "$errout" "the ticket for '.*dir.crypt' expired on 20"
tid=$(awk '/^# cryptstore ticket/ { print $4; exit }' tickets)
policy 'ciphers: {min_scrypt_logn: 10}' "tickets: {revoked: [$tid]}"
bundle --key=ticket:tickets -- dir.crypt
is "a revoked ticket: exit code 9" "$rc" 9
like "by its id" "$errout" "the ticket $tid has been revoked"
policy 'ciphers: {min_scrypt_logn: 10}' "tickets: {revoked_users: [{user: $uid, before: 2099-01-01}]}"
bundle --key=ticket:tickets -- dir.crypt
like "all of a user's tickets can be revoked" "$errout" "revoked all tickets of '$uid' made before 2099-01-01T00:00:00Z"
policy 'ciphers: {min_scrypt_logn: 10}'
run "$CS" site-key "$conf" rotate
is_rc "site-key rotate" 0
like "keeps the old key for the longest lifetime" "$out" "old key +$first_key opens tickets until 20"
show "$T/t1"
like "a ticket sealed to the old key opens" "$out" "^store +$T/home/dir.crypt\$"
bundle --key=ticket:tickets -- dir.crypt
is "and may be submitted" "$rc" 0
like "with a note" "$errout" "note: the ticket is sealed to site key $first_key"
run "$CS" site-key "$conf" rotate --retire-after 1s
for _ in 1 2 3 4 5 6 7 8 9 10; do
	run "$CS" site-key "$conf" rotate --retire-after 1d
	[ "$(grep -c ^cryptstore-private "$T/etc/site.key")" -gt 3 ] || break
	sleep 0.5
done
ok "keys past their date are dropped at a rotation" test "$(awk '/private/ && $6 != "-"' "$T/etc/site.key" | awk -v n="$(date +%s)" '$6 <= n - 2' | wc -l)" = 0
rm -f "$T/etc/site.key" && run "$CS" site-key "$conf" new
show "$T/t1"
like "a ticket of another site is refused as foreign" "$out" "refused \(foreign-key\): the ticket is sealed to site key $first_key, which this node does not have"

# --- keep ---
mkdir -p dir.crypt/a/b && cp dir.crypt/gocryptfs.diriv dir.crypt/a/ && cp dir.crypt/gocryptfs.diriv dir.crypt/a/b/
long=gocryptfs.longname.$(printf 'A%.0s' $(seq 43))
touch dir.crypt/a/data "dir.crypt/a/$long" "dir.crypt/a/$long.name"
ln -s "$T/etc/site.pub" dir.crypt/a/link
[ "$(id -u)" != 0 ] || chown -hR 65534:65534 dir.crypt
find dir.crypt ! -type l -exec touch -d 2020-01-01 {} +
user_says keep dir.crypt
is "keep renews the store's own files" "$out" "3 directories, 5 files renewed, 0 young enough, 0 failed"
is "and nothing else" "$(find dir.crypt -type f ! -newermt 2021-01-01 -printf '%f\n' | sort)" "$(printf 'data\n%s\n' "$long" | sort)"
touch -d 2020-01-01 dir.crypt/a/gocryptfs.diriv
user_says keep --older-than 7d --threads 2 dir.crypt
is "with --older-than it leaves young ones alone" "$out" "3 directories, 1 files renewed, 4 young enough, 0 failed"
if [ "$(id -u)" = 0 ]; then
	chown 0 dir.crypt/a/b/gocryptfs.diriv
	user_says keep dir.crypt
	is_rc "a file that cannot be renewed is a failure" 1
	like "named" "$errout" "'a/b/gocryptfs.diriv': (Operation not permitted|Permission denied)"
	like "the rest is done" "$out" "4 files renewed, 0 young enough, 1 failed"
fi
refused "keep wants a store" 4 "'plain' is not a gocryptfs store" keep plain

# --- status ---
mkdir -p "$T/run/7" "$T/run/8"
cat >"$T/run/7/status.json" <<'JSON'
{"version": 1, "job": "7", "node": "n1", "uid": 1001, "state": "open", "reason": "", "since": 1700000000, "updated": 1700000010,
 "stores": [{"view": "/crypt/dir", "id": "00", "ticket": "00", "mode": "rw,shared", "state": "open", "pid": 4711, "since": 1700000001, "read": 2048, "written": 5}]}
JSON
run "$CS" status --run-dir "$T/run" --all
is_rc "status shows the jobs of a node" 0
like "with view, mode and bytes" "$out" "^7 +n1 +open +/crypt/dir +rw,shared +2.0K +5B +2023-11-14T22:13:21Z"
run "$CS" status --run-dir "$T/run" --job 8
is_rc "a job without a store here" 1
sed 's/"open"/"lost"/;s/"reason": ""/"reason": "daemon ended"/' "$T/run/7/status.json" >"$T/run/8/status.json"
run env SLURM_JOB_ID=8 "$CS" status --run-dir "$T/run"
like "inside a job it shows that job, with the reason" "$out" "^8 .*lost: daemon ended|^7 +n1 +lost: daemon ended"
printf '{"version": 1, "surprise": 1}' >"$T/run/8/status.json"
run "$CS" status --run-dir "$T/run" --all
is_rc "a damaged status file is an error" 1
like "by place" "$errout" "8/status.json:1:16: unknown key 'surprise'"
like "and hides nothing else" "$out" "^7 "

# --- doctor, enter, usage ---
run "$CS" doctor "$conf"
like "doctor prints one line per check" "$(grep -cE '^(ok|warn|skip|FAIL) ' <<<"$out")" '^12$'
like "and tells what a daemon gives up on this host" "$out" '^(ok|warn) +hardening +no_new_privs on, seccomp filter o.*, Landlock o.*, capabilities .*, keys .*, dumpable no, core dumps off'
unlike "every fault has a remedy" "$(grep -E '^FAIL' <<<"$out" | grep -v -e '->' || :)" FAIL
if [ "$(id -u)" = 0 ] && command -v cc >/dev/null && slurmd -V >/dev/null 2>&1; then
	slurm=$(slurmd -V | sed 's/[^0-9]*//')
	IFS=. read -r major minor micro <<<"$slurm"
	plugin() { printf 'extern const unsigned int plugin_version;\nconst unsigned int plugin_version = %d;\n' "$1" | cc -shared -fPIC -x c -o "$T/p.so" - &&
		run "$CS" doctor "$conf" --plugin="$T/p.so"; }
	plugin $((10#$major << 16 | 10#$minor << 8 | 10#$micro + 1))
	like "a plugin for this Slurm is well" "$out" "^ok +slurm plugin .* is for Slurm $major.$minor, as is here"
	plugin $((10#$major + 1 << 16 | 10#$minor << 8))
	like "one for another Slurm is a fault" "$out" "^FAIL +slurm plugin .*: it will not be loaded -> rebuild it"
	cp "$CS" "$T/p.so" && run "$CS" doctor "$conf" --plugin="$T/p.so"
	like "one that is no plugin as well" "$out" "^FAIL +slurm plugin .* does not export 'plugin_version'"
	head -c 3000 "$CS" >"$T/p.so" && run "$CS" doctor "$conf" --plugin="$T/p.so"
	like "and a torn one" "$out" "^FAIL +slurm plugin .* is no 64-bit shared object"
else
	skip "a plugin for this Slurm is well" "not root, or no compiler, or no Slurm"
fi
rm "$T/etc/policy.yaml"
run "$CS" doctor "$conf"
is_rc "a fault has an exit code for health checks" 10
like "and a line" "$out" "^FAIL +policy .*is missing.* -> "
mkdir "$T/bin" && printf '#!/bin/sh\necho "srun $*"\n' >"$T/bin/srun" && chmod 755 "$T/bin/srun"
run env PATH="$T/bin:$PATH" SHELL=/bin/sh "$CS" enter 12_3 </dev/null
is "enter is a step through Slurm" "$out" "srun --jobid=12_3 --overlap --nodes=1 --ntasks=1 /bin/sh"
printf '#!/bin/sh\necho "srun $*"; env | grep -q "^SLURM_N" && echo "$SLURM_NNODES"\n' >"$T/bin/srun"
run env PATH="$T/bin:$PATH" SLURM_NNODES=3 SLURM_NTASKS=4 "$CS" enter 12 ls -l </dev/null
is "or of a command" "$out" "srun --jobid=12 --overlap --nodes=1 --ntasks=1 ls -l"
run env PATH="$T/bin:$PATH" script -qec "$CS enter 12 ls" /dev/null
like "with --pty on a terminal" "$out" "srun --jobid=12 --overlap --nodes=1 --ntasks=1 --pty ls"
run env PATH="$T/bin:$PATH" SLURM_JOB_ID=12 "$CS" status --nodes
is_rc "status --nodes of a job that squeue does not know" 1
printf '#!/bin/sh\n[ "$*" = "--noheader --format=%%D --jobs 12" ] && echo 3\n' >"$T/bin/squeue" && chmod 755 "$T/bin/squeue"
run env PATH="$T/bin:$PATH" SLURM_JOB_ID=12 "$CS" status --nodes
like "status --nodes is a step of one task on each of the job's nodes" "$(tail -n 1 <<<"$out")" \
	"^srun --jobid=12 --overlap --nodes=3 --ntasks=3 --ntasks-per-node=1 /.*/cryptstore status --no-header --job 12$"
run "$CS" enter --help
is_rc "enter wants a job id" 2
run "$CS" nonsense
is_rc "an unknown command is a usage error" 2
run "$CS" help
is_rc "help is none" 0
done_testing
