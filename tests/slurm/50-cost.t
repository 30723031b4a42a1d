#!/bin/bash
# 50-cost.t - what opening a store adds to the start of a job, and how that grows with the number of nodes.
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
need_cluster
stage
start_cluster 8
new_store a.crypt
ROUNDS=${GCF_COST_ROUNDS:-5}
now() { date +%s%N; }
# one NODES [OPTIONS]: milliseconds of one srun.
one()
{
	local n=$1 begin
	shift
	begin=$(now)
	alice srun -N"$n" -n"$n" "$@" true >/dev/null 2>"$T/srun.err" || { cat "$T/srun.err" >&2; return 1; }
	echo $((($(now) - begin) / 1000000))
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
table="$(printf '%6s %12s %12s %10s' nodes 'without/ms' 'with/ms' 'added/ms')"
for n in 1 2 4 8; do
	: >"$T/plain"
	: >"$T/with"
	for _ in $(seq "$ROUNDS"); do # in turn, so that both see the same machine
		one "$n" >>"$T/plain"
		one "$n" --crypt-store=/home/alice/a.crypt "$KEY" >>"$T/with"
	done
	p=$(median <"$T/plain")
	w=$(median <"$T/with")
	table="$table
$(printf '%6d %12d %12d %10d' "$n" "$p" "$w" $((w - p)))"
	is "$n nodes: every start succeeded" "$(cat "$T/plain" "$T/with" | wc -l)" $((2 * ROUNDS))
done
all_clean "after all starts"
diag "Start of a job (srun true), median of $ROUNDS, all nodes on one machine of $(nproc) cores"
diag "$table"
done_testing
