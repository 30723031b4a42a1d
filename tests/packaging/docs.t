#!/usr/bin/env bash
# docs.t - the documentation is true: it builds, its links lead somewhere, its commands run, its messages are the program's.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need lmod mandoc fuse3 python3-venv zsh chromium
need_pip "$T/venv" mkdocs==1.6.1 mkdocs-material==9.8.1

made=$(make -s -C "$BUILDDIR" all 2>&1 </dev/null && make -s -C "$BUILDDIR" install install-modulefile prefix="$T/inst" 2>&1 </dev/null) ||
	bail "make install install-modulefile failed" "$(tail -n 20 <<<"$made")"
GCF=$T/inst/bin/gocryptfs
DOCS=$SRCDIR/site-docs
cleanup_more()
{
	local m
	for m in $(awk -v t="$T/" 'index($2, t) == 1 { print $2 }' /proc/mounts | sort -r); do
		fusermount3 -uz "$m" 2>/dev/null || umount -l "$m" 2>/dev/null
	done
}

# --- the commands of the user guide ------------------------------------------------------------------------------------
mkdir -p "$T/home"
cat >"$T/env.sh" <<END
. /etc/profile.d/lmod.sh
module use $T/inst/share/modulefiles/lua
cd
END
python3 "$HERE/guide.py" "$DOCS/user.md" sh >"$T/guide.sh"
python3 "$HERE/guide.py" "$DOCS/user.md" bash >"$T/home/job.sh"
# Whoever is asked for a password gives this one; each program takes exactly the lines it wants.
yes 'correct horse battery staple' | head -n 100 >"$T/passwords"
guide() { (cd "$T/home" && env -i HOME="$T/home" USER="$(id -un)" PATH=/usr/bin:/bin LC_ALL="$LC_ALL" TMPDIR="$T" bash --noprofile --norc -c "$1" <"$T/passwords" 2>&1); }
like "the guide has commands" "$(grep -c . "$T/guide.sh")" '^[3-9][0-9]$'
if ! (exec 3<>/dev/fuse) 2>/dev/null; then
	skip "every command of the user guide runs" "/dev/fuse cannot be opened"
else
	ok "every command of the user guide runs" guide ". $T/env.sh; set -exo pipefail; . $T/guide.sh"
	log=$ok_out
	like "among them the module" "$log" '\+.*module load tools/gocryptfs'
	like "what was written is read again" "$log" '^Happy secure computing'
	like "fsck is content" "$log" 'fsck summary: no problems found'
	like "the password is changed" "$log" 'Password changed\.'
	ok "nothing is left mounted" bash -c "! grep -q ' $T/home/' /proc/mounts"
	ok "the job script of the guide runs" guide "export BASH_ENV=; . $T/env.sh; bash ./job.sh"
	is "and finds the file" "$(tail -n 1 <<<"$ok_out")" 1
	ok "and leaves nothing mounted" bash -c "! grep -q ' $T/home/' /proc/mounts"
fi
# cryptstore asks for a password on a terminal only.
python3 "$HERE/guide.py" "$SRCDIR/README.md" sh tour | sed 's|^cryptstore [ei][a-z]*port |&--key passfile:$HOME/.store-password |' >"$T/tour.sh"
is "the tour of the README has twenty lines" "$(grep -c . "$T/tour.sh")" 20
if [ -z "${log:-}" ]; then
	skip "they all run" "/dev/fuse cannot be opened"
else
	mkdir "$T/home/tour"
	ok "they all run" guide ". $T/env.sh; cd tour; set -exo pipefail; . $T/tour.sh"
	like "to the last" "$ok_out" '^XChaCha20-Poly1305: '
	ok "and leave nothing mounted" bash -c "! grep -q ' $T/home/' /proc/mounts"
fi
unlike "no password of the guide is on a command line" "$(cat "$T/guide.sh")" 'correct horse'

# --- the messages of the user guide --------------------------------------------------------------------------------------
# Each message in the table, provoked. PROVOKE[message]=command; S is a store, E an empty directory, F one with a file.
cd "$T" && mkdir S E E2 F X && echo x >F/file && : >X/gocryptfs.conf
echo right >pw
echo wrong >wrong
"$GCF" -q -init -scryptn 10 -passfile pw S || bail "no store"
declare -A PROVOKE=(
	['Password incorrect.']='$G -passfile wrong S E'
	['Invalid mountpoint: directory … not empty']='$G -passfile pw S F'
	['Invalid cipherdir: directory … not empty']='$G -init -passfile pw F'
	['Cannot open config file:']='$G -passfile pw F E'
	['Config file is empty']='$G -passfile pw X E'
	['fs.Mount failed:']='setpriv --no-new-privs --reuid=65534 --regid=65534 --clear-groups $G -passfile pw OPEN OPENMNT'
	['is contained in cipherdir']='mkdir -p S/sub; $G -passfile pw S S/sub'
	['Mountpoint … would shadow cipherdir']='mkdir -p N; cp -r S N/S; $G -nonempty -passfile pw N/S N'
	['got empty Password from stdin']='$G S E </dev/null'
	['Could not parse master key']='$G -masterkey 12-xy S E'
	['CIPHERDIR is mounted already, here or on another machine']='$G -q -passfile pw S E; $G -passfile pw S E2'
	['CIPHERDIR is also mounted without -sharedstorage']='$G -q -passfile pw S E; $G -sharedstorage -passfile pw S E2'
	['is on a read-only filesystem, -rw is not possible']='unshare -m sh -c "mount -t tmpfs t R && cp -r S R/S && mount -o remount,ro R && \$G -rw -passfile pw R/S E"'
	['reverse mode is not available in this version yet']='$G -reverse -passfile pw S E'
	['FIDO2 tokens are not supported by this version yet']='$G -init -fido2 /dev/x E'
)
mkdir R OPENMNT
chmod 755 .
cp -r S OPEN
chmod -R a+rX OPEN pw
[ "$(id -u)" != 0 ] || chown 65534 OPENMNT
export G=$GCF
n=0
while read -r message; do
	n=$((n + 1))
	if [ -z "${PROVOKE[$message]:-}" ]; then
		result 1 "the message '$message' is provoked by a test"
		continue
	fi
	if [[ ${PROVOKE[$message]} = *unshare*  || ${PROVOKE[$message]} = *setpriv* ]] && [ "$(id -u)" != 0 ]; then
		skip "the program says: $message" "provoking it needs root"
		continue
	fi
	said=$(bash -c "${PROVOKE[$message]}" 2>&1 </dev/null)
	pattern=$(sed 's/[.]/\\./g; s/…/.*/g' <<<"$message")
	like "the program says: $message" "$said" "$pattern"
	cleanup_more
done < <(sed -n '/^## Errors by message/,/^## /p' "$DOCS/user.md" | sed -n 's/^| `\([^`]*\)` |.*/\1/p' | grep -v '^module: ')
is "all messages of the table were looked at" "$n" "${#PROVOKE[@]}"
cd "$HERE" || exit 1

# --- completion ----------------------------------------------------------------------------------------------------------
COMP=$T/inst/share/bash-completion/completions
ZSH=$T/inst/share/zsh/site-functions
complete_words() # COMMAND WORD...: what bash proposes for the last word
{
	bash --noprofile --norc -c '
		. "$1"; shift
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		compopt() { :; }
		f=$(complete -p "$1" | sed "s/.*-F \([^ ]*\).*/\1/")
		"$f" "$1"; printf "%s\n" "${COMPREPLY[@]}"' - "$COMP/$1" "$@"
}
options=$(sed -n 's/^OPT("\([^"]*\)".*/\1/p' "$SRCDIR/src/cli/opts.def")
like "the program has its options" "$(wc -l <<<"$options")" '^[6-9][0-9]$'
proposed=$(complete_words gocryptfs -)
is "bash completion knows every option" "$(for o in $options; do grep -qxF -e "-$o" <<<"$proposed" || echo "$o"; done)" ""
is "zsh completion knows every option" "$(for o in $options; do grep -qF -e "'-${o}[" "$ZSH/_gocryptfs" || echo "$o"; done)" ""
is "the manual page tells of every option" \
	"$(mandoc -T utf8 "$DOCS/man/gocryptfs.1" | col -b >"$T/man.txt"; for o in $options; do grep -qE -e "(^|[^a-z])-$o([^a-z-]|$)" "$T/man.txt" || echo "$o"; done)" ""
is "bash completes a long option with two dashes" "$(complete_words gocryptfs --plain)" "--plaintextnames"
is "bash proposes no key, only the safe way" "$(complete_words gocryptfs -masterkey '')" "stdin"
is "bash completes gocryptfs-xray" "$(complete_words gocryptfs-xray -dump)" "-dumpmasterkey"
commands=$(sed -n 's/^\t{ "\([a-z-]*\)", cmd_[a-z_]*, ".*/\1/p' "$SRCDIR/src/cryptstore/main.c")
proposed=$(complete_words cryptstore '')
is "bash completion knows every command of cryptstore" "$(for c in $commands; do grep -qx -e "$c" <<<"$proposed" || echo "$c"; done)" ""
is "zsh completion knows every command of cryptstore" "$(for c in $commands; do grep -q -e "'$c:" "$ZSH/_cryptstore" || echo "$c"; done)" ""
# --out-fd is between the plugin and the program.
long=$(grep -hoE '\{ "[a-z-]+", (no|required)_argument' "$SRCDIR"/src/cryptstore/*.c | sed 's/{ "\(.*\)",.*/--\1/' | grep -vxF -e --out-fd | sort -u)
like "cryptstore has its options" "$(wc -l <<<"$long")" '^1[0-9]$|^2[0-9]$'
is "both completions know every option of its commands" \
	"$(for o in $long; do grep -qF -e "$o" "$COMP/cryptstore" && grep -qF -e "$o" "$ZSH/_cryptstore" || echo "$o"; done)" ""
ok "zsh accepts the syntax" zsh -n "$ZSH/_gocryptfs" "$ZSH/_cryptstore"
ok "zsh's completion system loads them after the guide's line" zsh -f -c "EBROOTGOCRYPTFS=$T/inst
	$(python3 "$HERE/guide.py" "$DOCS/user.md" zsh)
	autoload -Uz compinit; compinit -D -d $T/zcompdump; [[ \$_comps[gocryptfs] = _gocryptfs && \$_comps[cryptstore] = _cryptstore ]]"

tab() { timeout 120 zsh -f "$HERE/complete.zsh" "$ZSH" "$T" "$1"; }
is "zsh completes an option of gocryptfs" "$(tab 'gocryptfs -plaint')" "gocryptfs -plaintextnames"
is "zsh completes a command of cryptstore" "$(tab 'cryptstore ke')" "cryptstore keep"
is "and an option of that command" "$(tab 'cryptstore keep --old')" "cryptstore keep --older-than"

# --- manual pages ----------------------------------------------------------------------------------------------------------
for page in "$DOCS"/man/*.[1-8]; do
	ok "mandoc finds no fault in $(basename "$page")" mandoc -T lint -W warning "$page"
done
is "every program that is installed has a manual page" \
	"$(for p in "$T"/inst/bin/*; do [ -e "$T/inst/share/man/man1/$(basename "$p").1" ] || basename "$p"; done)" ""

# --- links and site ----------------------------------------------------------------------------------------------------------
dead=
for page in "$SRCDIR"/*.md "$DOCS"/*.md "$DOCS"/adr/*.md; do
	d=$(python3 "$HERE/guide.py" "$page" --links)
	[ -z "$d" ] || dead="$dead${page#"$SRCDIR"/}: $d
"
done
is "no link in any Markdown file leads nowhere" "$dead" ""
export NO_MKDOCS_2_WARNING=1
ok "mkdocs build --strict is content" "$T/venv/bin/mkdocs" build --strict -f "$SRCDIR/mkdocs.yml" -d "$T/site"
mkdir "$T/broken"
cp -r "$DOCS" "$SRCDIR/mkdocs.yml" "$SRCDIR/packaging" "$SRCDIR/tests" "$T/broken/"
echo '[x](user.md#no-such-anchor)' >>"$T/broken/site-docs/index.md"
not_ok "(and would not be with a broken anchor)" "$T/venv/bin/mkdocs" build --strict -f "$T/broken/mkdocs.yml" -d "$T/site2"
like "(for that reason)" "$ok_out" 'no-such-anchor'
ok "the manual pages are pages of it" grep -q 'scryptn' "$T/site/man/gocryptfs.1.html"
chart=$(sed -n 's/.*<img [^>]*src="\(charts\/[^"]*\.svg\)".*/\1/p' "$T/site/performance.html" | head -n 1)
ok "the performance page shows a chart of the benchmark" test -s "$T/site/${chart:-none}"
run=$(basename "${chart:-none}" .svg)
"$T/broken/tests/bench/publish" "$T/broken/tests/bench/results/$run.json" >"$T/publish.log" 2>&1 || diag "$(cat "$T/publish.log")"
ok "its table is what that run measured" cmp "$T/broken/site-docs/performance.md" "$DOCS/performance.md"
ok "and its chart as well" cmp "$T/broken/site-docs/charts/$run.svg" "$DOCS/charts/$run.svg"
shot() { chromium --headless --no-sandbox --disable-gpu --force-device-scale-factor=1 --window-size=1280,"$3" --screenshot="$T/$2.png" "file://$T/site/$1"; }
ok "the user guide renders in a browser" shot user.html page 1600
ok "as a picture that is not blank" python3 "$HERE/colours.py" "$T/page.png" 1280 50
ok "the performance page renders in a browser" shot performance.html charts 2000
# The colours of the chart's bars: of the passthrough, of the Go program and of this one.
ok "with the chart's bars in it" python3 "$HERE/colours.py" "$T/charts.png" 1280 50 5b8def e0a030 2e9e5b
[ -z "${GCF_KEEP_SCREENSHOTS:-}" ] || cp "$T/page.png" "$T/charts.png" "$GCF_KEEP_SCREENSHOTS/"
done_testing
