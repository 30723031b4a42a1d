#!/usr/bin/env bash
# fsx.t - random reads, writes, mappings, truncates and copies of one file, each checked at once (fsx), and verified random
# I/O by several jobs (fio --verify), in every mode.
. "$(dirname "$0")/lib.sh"
need_fuse
need setpriv fio
need_tool fsx

ops=4000
size=24M
if [ -n "${SOAK:-}" ]; then
	ops=400000
	size=256M
fi
cat >"$T/fsx.toml" <<E
flen = 400000
[opsize]
max = 150000
[weights]
close_open = 1.0
invalidate = 1.0
mapread = 2.0
mapwrite = 2.0
read = 5.0
write = 5.0
truncate = 2.0
fsync = 0.2
fdatasync = 0.2
posix_fallocate = 0.5
sendfile = 1.0
posix_fadvise = 0.5
copy_file_range = 1.0
E
chmod 644 "$T/fsx.toml"
sed -e 's/^flen.*/flen = 20000/' -e 's/^max.*/max = 9000/' "$T/fsx.toml" >"$T/fsx-small.toml"

mode_test()
{
	local mode=$1 as=() good=0 seed log bad=
	[ "$2" = user ] && is_root && as=(as_user)
	for seed in 1 2 3; do
		conf=$T/fsx.toml
		[ $seed = 2 ] && conf=$T/fsx-small.toml
		# No page cache, so no shared mappings: mmap(2) says ENODEV, as on every file opened for direct I/O.
		[ "$mode" = strict ] && sed 's/^\(map[a-z]*\|invalidate\) .*/\1 = 0.0/' "$conf" >"$T/fsx-strict.toml" && conf=$T/fsx-strict.toml
		log=$T/fsx.$mode.$seed
		if "${as[@]}" "$T/bin/fsx" -q -f "$conf" -P "$W" -N $ops -S "${FSX_SEED:-}$seed" "$W/fsx.$seed" >"$log" 2>&1; then
			good=$((good + 1))
		else
			bad+="seed $seed: $(tail -n 15 "$log")"
		fi
	done
	is "$mode: fsx, 3 times $ops operations" "$bad" ""
	table fsx "$mode" $good $((3 - good)) 0 "$ops operations each"
	if (cd "$T" && "${as[@]}" fio --output="$W/fio.log" --directory="$W" --name=v --numjobs=2 --size=$size --rw=randrw --bsrange=512-300k \
		--bs_unaligned --verify=crc32c --verify_fatal=1 --do_verify=1 --verify_backlog=64 --ioengine=psync --fallocate=none \
		--group_reporting --randseed=7) >"$T/fio.$mode" 2>&1; then
		pass "$mode: fio verifies what two jobs wrote at random"
		table fio-verify "$mode" 1 0 0 ""
	else
		fail "$mode: fio verifies what two jobs wrote at random" "$(tail -n 20 "$T/fio.$mode"; tail -n 20 "$W/fio.log")"
		table fio-verify "$mode" 0 1 0 ""
	fi
	"${as[@]}" find "$W" -mindepth 1 -delete
}
for_modes mode_test "allow_other default shared strict xchacha aessiv noprealloc"
done_testing
