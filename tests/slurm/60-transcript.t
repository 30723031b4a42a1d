#!/bin/bash
# 60-transcript.t - the session shown in site-docs/slurm-transcript.md still goes as it is written there.
# GCF_RECORD=1 writes the page anew.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
command -v script >/dev/null || skip_all "script(1) is not installed"
stage
start_cluster
PAGE=$SRCDIR/site-docs/slurm-transcript.md

new_store results.crypt
cat >"$ALICE/job.sh" <<'E'
#!/bin/bash
#SBATCH --nodes=2 --ntasks=2
#SBATCH --crypt-store=$HOME/results.crypt
cd "$CRYPT_STORE_VIEW" && echo "the view is $PWD"
srun bash -c 'hostname >task.$SLURM_PROCID'
cat task.0 task.1
E
# Types the password when it is asked for, as a person would; everything else is what a terminal showed.
cat >"$ALICE/session" <<'E'
say() { printf '$ %s\n' "$*"; }
cd
say cat job.sh; cat job.sh
say sbatch --wait job.sh; sbatch --wait -o job.out job.sh
say cat job.out; cat job.out
say ls /crypt; ls /crypt 2>&1
say ls results.crypt '| wc -l'; ls results.crypt | wc -l
say sbatch nowhere.sh; printf '#!/bin/bash\n#SBATCH --crypt-store=$HOME/nowhere.crypt\n' >nowhere.sh; sbatch nowhere.sh 2>&1 | head -n 1
E
chmod 755 "$ALICE"
shown=$(mkfifo "$T/in"; exec 8<>"$T/in"; (wait_for 20 grep -qa assword "$T/typescript" && echo "$PASSWORD" >"$T/in") &
	alice script -qefc 'bash ./session' /dev/null <"$T/in" 2>&1 | tee "$T/typescript" | tr -d '\r' |
	sed -E 's/job [0-9]+/job 1/' | grep -vF "$PASSWORD")
chmod 700 "$ALICE"

page="# A job with an encrypted store

Recorded by \`tests/slurm/60-transcript.t\` on its test cluster; the suite fails if it no longer goes like this. The password is
typed at the prompt.

\`\`\`
$shown
\`\`\`"
[ -z "${GCF_RECORD:-}" ] || printf '%s\n' "$page" >"$PAGE"
like "both tasks wrote into the view" "$shown" '^cn2$'
like "the password was asked for" "$shown" '[Pp]assword'
is "the page shows this session" "$(cat "$PAGE" 2>&1)" "$page"
all_clean "after the session"
done_testing
