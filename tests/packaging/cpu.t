#!/usr/bin/env bash
# cpu.t - one binary for every node: no illegal instruction on older processors, and each gets the fastest code it can run.
. "$(dirname "$0")/lib.sh"
out= # of the last ok or not_ok
[ "$(uname -m)" = x86_64 ] || skip_all "processor generations are told apart on x86-64 only"
need qemu-user binutils gcc libcmocka-dev

GCF=$BUILDDIR/gocryptfs
made=$(make -s -C "$BUILDDIR" gocryptfs tests/unit/test_aead tests/unit/test_siv tests/unit/test_xchacha tests/unit/test_eme \
	2>&1 </dev/null) || bail "make failed" "$made"
export top_srcdir=$SRCDIR top_builddir=$BUILDDIR CMOCKA_MESSAGE_OUTPUT=TAP
MB=$(ldd "$GCF" | grep -c libIPSec_MB)

# --- our own code needs no more than every x86-64 has -----------------------------------------------------------------
# The address and mnemonic columns alone; symbols may have any name.
wide=$(objdump -d --no-show-raw-insn "$GCF" | grep -cE '%[yz]mm|[[:space:]]v(aes|pclmul)')
is "the program itself has no AVX, AVX-512 or VAES instruction: only libraries that choose at run time have" "$wide" 0

# --- under emulation ------------------------------------------------------------------------------------------------
# QEMU has no AVX-512: its Skylake is a Broadwell with another model number. Which of two usable back ends is the faster one
# is measured at run time, and emulation says nothing about that; which ones are usable does not depend on speed.
speed() { qemu-x86_64 -cpu "$1" "$GCF" -speed; }
count() { grep -cE "$1" "$T/asm"; }
for cpu in qemu64 Westmere Broadwell Skylake-Server Icelake-Server EPYC-Rome; do
	if ! qemu-x86_64 -cpu help | grep -qE "^x86 $cpu( |-|$)"; then
		skip "$cpu" "this qemu does not know it"
		continue
	fi
	ok "$cpu: gocryptfs -speed runs every cipher without an illegal instruction" speed "$cpu"
	unavailable=$(awk '/N\/A/ { print $1 }' <<<"$out" | tr '\n' ' ')
	is "$cpu: one back end of each cipher is selected" "$(grep -c 'selected in auto mode' <<<"$out")" "$([ "$MB" = 0 ] && echo 1 || echo 3)"
	if [ "$MB" != 0 ] && [ "$cpu" = qemu64 ]; then
		is "$cpu: without AES instructions OpenSSL's portable code is all there is" "$unavailable" \
			"AES-GCM-256-ipsec-mb XChaCha20-Poly1305-ipsec-mb "
		like "$cpu: and -d -version says so" "$(qemu-x86_64 -cpu "$cpu" "$GCF" -d -version 2>&1)" '^AES-GCM-256: AES-GCM-256-OpenSSL$'
	else
		is "$cpu: every back end is usable" "$unavailable" ""
	fi
	# What was really executed by the self-tests and trials of all back ends.
	qemu-x86_64 -cpu "$cpu" -d in_asm -D "$T/asm" "$GCF" -d -version >/dev/null 2>&1
	seen="sse:$([ "$(count '[[:space:]]aesenc ')" -gt 0 ] && echo yes || echo no) avx:$([ "$(count 'vaesenc .*xmm')" -gt 0 ] && echo yes || echo no) zmm:$(count '%zmm')"
	case $cpu in
	qemu64) want="sse:no avx:no zmm:0" ;;
	Westmere) want="sse:yes avx:no zmm:0" ;;
	*) want="sse:(yes|no) avx:yes zmm:0" ;;
	esac
	like "$cpu: the AES instructions executed are those of that generation" "$seen" "^$want\$"
done
# The published vectors, on the two ends: no AES instructions at all, and all that the emulator has.
for cpu in qemu64 Broadwell; do
	for t in aead siv xchacha eme; do
		ok "$cpu: the tests of $t pass" qemu-x86_64 -cpu "$cpu" "$BUILDDIR/tests/unit/test_$t"
	done
done

# --- natively, with CPUID faulting --------------------------------------------------------------------------------------
gcc -D_GNU_SOURCE -O2 -Wall -Wextra -shared -fPIC -Wl,-z,initfirst -o "$T/cpuidmask.so" "$HERE/cpuidmask.c" 2>"$T/gcc.log" ||
	bail "cpuidmask.c does not compile" "$(cat "$T/gcc.log")"
masked() { CPUIDMASK=$1 LD_PRELOAD=$T/cpuidmask.so "$GCF" -speed; }
ok "the shim changes nothing when it is told to hide nothing" masked none
rc=0
masked broadwell >/dev/null 2>&1 || rc=$?
for cpu in westmere broadwell skylake; do
	what="$cpu natively: -speed runs with what that processor shows"
	if [ $rc = 77 ]; then
		skip "$what" "this processor or hypervisor has no CPUID faulting"
	elif [ "$cpu" = skylake ] && ! grep -qw avx512f /proc/cpuinfo; then
		skip "$what" "this processor has no AVX-512"
	else
		ok "$what" masked "$cpu"
	fi
done
done_testing
