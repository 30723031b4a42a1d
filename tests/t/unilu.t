#!/bin/bash
# The transcript of the HPC @ Uni.lu page on gocryptfs, step by step, on a terminal of its own.
. "$(dirname "$0")/lib.sh"
need_fuse
need python3
cd "$T" || exit 1
PATH=$(dirname "$GCF"):$PATH

# Answers prompts on a pseudo-terminal, as a person would; prints what the screen showed.
cat >onterm.py <<'PY'
import os, pty, select, sys, time
answers = sys.argv[1].split(",") if sys.argv[1] else []
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
out, seen, end = b"", 0, time.monotonic() + 60
while time.monotonic() < end:
    if select.select([fd], [], [], 0.1)[0]:
        try:
            got = os.read(fd, 4096)
        except OSError:
            break
        if not got:
            break
        out += got
    if answers and (out.count(b"assword: ") + out.count(b"Repeat: ")) > seen:
        seen += 1
        os.write(fd, answers.pop(0).encode() + b"\n")
sys.stdout.write(out.decode().replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
on_tty() { "$PY" onterm.py "$@"; }

mkdir dir.crypt dir
run on_tty foobar,foobar gocryptfs -init -scryptn 10 dir.crypt
is_rc "gocryptfs -init dir.crypt" 0
clean() { sed 's/\x1b\[[0-9;]*m//g' <<<"$out"; }
like "asks to choose a password" "$(clean)" '^Choose a password for protecting your files\.$'
like "shows the master key" "$(clean)" '^Your master key is:$'
key=$(clean | tr -d ' \n' | grep -oE '([0-9a-f]{8}-){7}[0-9a-f]{8}')
like "as eight groups of eight digits" "$key" '^([0-9a-f]{8}-){7}[0-9a-f]{8}$'
like "on two lines" "$(clean)" '^    ([0-9a-f]{8}-){4}$'
like "tells what it is for" "$(clean)" '^there is only one hope for recovery: The master key\. Print it to a piece of$'
like "and that it is not shown again" "$(clean)" '^paper and store it in a drawer\. This message is only printed once\.$'
like "store created" "$(clean)" '^The gocryptfs filesystem has been created successfully\.$'
like "how to mount it" "$(clean)" '^You can now mount it using: gocryptfs dir\.crypt MOUNTPOINT$'
is "ls dir.crypt" "$(ls dir.crypt)" "gocryptfs.conf
gocryptfs.diriv"
is "ls dir" "$(ls dir)" ""
run on_tty foobar gocryptfs dir.crypt dir
is_rc "gocryptfs dir.crypt dir" 0
like "decrypting" "$(clean)" '^Decrypting master key$'
like "mounted" "$(clean)" '^Filesystem mounted and ready\.$'
is "ls dir, mounted" "$(ls dir)" ""
umask 022
echo "Happy secure computing" >dir/message.txt
is "ls dir, written" "$(ls dir)" message.txt
name=$(ls dir.crypt | grep -v '^gocryptfs\.')
like "an encrypted name beside the two files" "$name" '^[A-Za-z0-9_-]{22}$'
fusermount3 -u dir
is "fusermount -u: the view is empty" "$(ls dir)" ""
is "and the store as before" "$(ls dir.crypt | sort)" "$(printf '%s\n' "$name" gocryptfs.conf gocryptfs.diriv | sort)"
run gocryptfs -masterkey "$key" dir.crypt/ dir
is_rc "gocryptfs -masterkey ... dir.crypt/ dir" 0
like "says so" "$out" '^Using explicit master key\.$'
like "mounted again" "$out" '^Filesystem mounted and ready\.$'
is "cat dir/message.txt" "$(cat dir/message.txt)" "Happy secure computing"
is "ls -l dir/message.txt" "$(stat -c '%A %s' dir/message.txt)" "-rw-r--r-- 23"
is "ls -l of the encrypted file" "$(stat -c '%A %s' "dir.crypt/$name")" "-rw-r--r-- 73"
is "the same owner" "$(stat -c %u:%g dir/message.txt)" "$(stat -c %u:%g "dir.crypt/$name")"
chmod o-r dir/message.txt
is "chmod o-r dir/message.txt" "$(stat -c %A dir/message.txt)" "-rw-r-----"
is "is seen on the encrypted file" "$(stat -c '%A %s' "dir.crypt/$name")" "-rw-r----- 73"
fusermount3 -u dir
run on_tty foobar,newpass,newpass gocryptfs -passwd dir.crypt/
is_rc "gocryptfs -passwd dir.crypt/" 0
like "decrypting" "$(clean)" '^Decrypting master key$'
like "asks for the new password" "$(clean)" '^Please enter your new password\.$'
like "changed" "$(clean)" '^Password changed\.$'
unlike "no password on the screen" "$(clean)" 'foobar|newpass'
if [ -x "$XRAY" ]; then
	is "the master key is the same" "$(echo newpass | "$XRAY" -dumpmasterkey dir.crypt/gocryptfs.conf 2>/dev/null)" "${key//-/}"
fi
run gocryptfs -extpass "echo foobar" dir.crypt dir
is_rc "the old password does not work any more" 12
run gocryptfs -extpass "echo newpass" dir.crypt dir
is_rc 'gocryptfs -extpass "echo newpass" dir.crypt dir' 0
like "says where from" "$out" '^Reading password from extpass program'
is "the message is there" "$(cat dir/message.txt)" "Happy secure computing"
unmount "$T/dir" && pass "closed" || fail "closed"
done_testing
