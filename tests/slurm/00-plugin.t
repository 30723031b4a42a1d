#!/bin/bash
# 00-plugin.t - the plugin as a file: what it exports, what it needs, and that the helper does nothing for anybody but root.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "installing files of root's needs root"
for x in nm readelf; do command -v $x >/dev/null || skip_all "$x is not installed"; done
stage
so=$STAGE$PLUGIN

is "the plugin exports exactly the symbols Slurm looks for" \
	"$(nm -D --defined-only "$so" | awk '{ print $3 }' | sed 's/@.*//' | LC_ALL=C sort | tr '\n' ' ')" \
	"plugin_name plugin_type plugin_version slurm_spank_init slurm_spank_init_post_opt slurm_spank_job_epilog slurm_spank_job_prolog slurm_spank_task_exit slurm_spank_task_init_privileged spank_plugin_version "
is "it needs libc alone" "$(readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')" "libc.so.6 "
is "it has no search path for libraries" "$(readelf -d "$so" | grep -cE 'RPATH|RUNPATH')" 0
is "it takes only SPANK functions and slurm_error from Slurm" \
	"$(nm -D --undefined-only "$so" | awk '{ print $NF }' | grep -E '^(slurm|spank)_' | LC_ALL=C sort | tr '\n' ' ')" \
	"slurm_error slurm_free_ctl_conf slurm_load_ctl_conf spank_context spank_get_item spank_getenv spank_job_control_setenv spank_option_getopt spank_option_register spank_remote spank_setenv spank_unsetenv "
is "it holds no name of a cipher or key derivation" "$(strings -a "$so" | grep -ciE 'aes-|hkdf|scrypt|x25519')" 0
like "it names its programs by absolute path" "$(strings -a "$so")" "^$LIBEXEC/cryptstore$"

for f in cryptstore cryptstore-node gocryptfs; do
	is "$f is root's and nobody else can write it" "$(stat -c '%u %a' "$STAGE$LIBEXEC/$f")" "0 755"
done
ok "an example policy is installed" test -n "$(find "$STAGE" -path '*/cryptstore/policy.yaml.example')"
ok "an example plugstack line is installed" grep -qE "^# *(required|optional) .*$PLUGIN" "$(find "$STAGE" -name 'cryptstore.conf.example' | head -n 1)"
is "no file of the installation is half written" "$(find "$STAGE" -name '.*.new*')" ""
before=$(stat -c %i "$so")
exec 9<"$so" # as slurmd has it open
if [ -z "${GCF_SLURM_STAGE:-}" ]; then
	ok "installing over a running version works" make -s -C "$BUILDDIR" install-slurm DESTDIR="$STAGE"
	after=$(stat -c %i "$so")
	ok "and replaces the file instead of writing into it" test "$before" != "$after"
fi

N=$STAGE$LIBEXEC/cryptstore-node
not_ok "the helper refuses to run without a job" "$N" prolog
not_ok "or with a job that is no number" "$N" prolog --job=1x --uid=0
not_ok "or with an unknown option" "$N" epilog --job=1 --uid=1 --environment
chmod 755 "$T"
not_ok "or for a user" setpriv --reuid 65534 --regid 65534 --clear-groups "$N" epilog --job=1 --uid=65534
done_testing
