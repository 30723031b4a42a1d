#!/usr/bin/env bash
# cpu.t - one binary for every node: no illegal instruction on older processors, and each gets the fastest code it can run.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "processor generations are told apart on x86-64 only"
need qemu-user binutils gcc libcmocka-dev openssl

GCF=$BUILDDIR/gocryptfs
made=$(make -s -C "$BUILDDIR" gocryptfs tests/unit/test_aead tests/unit/test_siv tests/unit/test_xchacha tests/unit/test_eme \
	2>&1 </dev/null) || bail "make failed" "$made"
export top_srcdir=$SRCDIR top_builddir=$BUILDDIR CMOCKA_MESSAGE_OUTPUT=TAP
MB=$(ldd "$GCF" | grep -c libIPSec_MB)

# --- our own code needs no more than every x86-64 has -----------------------------------------------------------------
# The address and mnemonic columns alone; symbols may have any name.
wide=$(objdump -d --no-show-raw-insn "$GCF" | grep -cE '%[yz]mm|[[:space:]]v(aes|pclmul)')
is "the program itself has no AVX, AVX-512 or VAES instruction: only libraries that choose at run time have" "$wide" 0

# --- the code that is said to run ----------------------------------------------------------------------------------------
# "AES-GCM-256-ipsec-mb=AVX2 AES-GCM-256-OpenSSL=AES-NI-AVX ...": the last column of -speed. qemu says what it lacks on
# standard error.
codes() { awk '/ MB\/s/ { c = /\[/ ? $NF : "[?]"; gsub(/[][]/, "", c); printf "%s%s=%s", s, $1, c; s = " " }'; }
# What -version says of each cipher is one of the lines of -speed.
chosen() { sed -n 's/^[A-Za-z0-9-]*: \([^ ]*\) \[\(.*\)\]$/\1=\2/p'; }
# expect GCM-MB GCM-OPENSSL AES CHACHA-MB CHACHA-OPENSSL: the same, written down; "-" for a back end that is not usable.
expect()
{
	local name code sep=
	for name in AES-GCM-256-ipsec-mb AES-GCM-256-OpenSSL AES-SIV-512-ipsec-mb AES-SIV-512-batched AES-SIV-512-OpenSSL XChaCha20-Poly1305-ipsec-mb \
		XChaCha20-Poly1305-OpenSSL; do
		case $name in
		AES-GCM-256-ipsec-mb) code=$1 ;;
		AES-GCM-256-OpenSSL) code=$2 ;;
		AES-SIV-512-ipsec-mb) code=${1#VAES-} ;; # CMAC has no code for VAES
		AES-SIV*) code=$3 ;;
		XChaCha20-Poly1305-ipsec-mb) code=$4 ;;
		*) code=$5 ;;
		esac
		[ "$code" = - ] || [[ $MB = 0 && $name = *-ipsec-mb ]] || { printf '%s%s=%s' "$sep" "$name" "$code"; sep=' '; }
	done
}
# check_codes DESCRIPTION CODES COMMAND...: COMMAND -speed and -version print these.
check_codes()
{
	local what=$1 want=$2 speed version line
	shift 2
	speed=$("$@" -speed 2>"$T/err") && result 0 "$what: every cipher runs without an illegal instruction" ||
		result 1 "$what: every cipher runs without an illegal instruction" "$(cat "$T/err")"
	is "$what: -speed names the code of every back end" "$(codes <<<"$speed")" "$want"
	is "$what: one back end of each cipher is selected" "$(grep -c 'selected in auto mode' <<<"$speed")" "$([ "$MB" = 0 ] && echo 1 || echo 3)"
	version=$("$@" -version 2>"$T/err" | chosen)
	is "$what: -version names three ciphers" "$(grep -c . <<<"$version")" 3
	is "$what: and for each the code of one of those" "$(while read -r line; do [[ " $want " = *" $line "* ]] || echo "$line"; done <<<"$version")" ""
}

# --- under emulation ------------------------------------------------------------------------------------------------
# QEMU has no AVX-512 and no VPCLMULQDQ: its Skylake is a Broadwell with another model number. Which of two usable back ends is
# the faster one is measured at run time, and emulation says nothing about that; what each of them runs does not depend on speed.
count() { grep -cE "$1" "$T/asm"; }
seen() { [ "$(count "$1")" -gt 0 ] && echo yes || echo no; }
for cpu in qemu64 Westmere Broadwell Skylake-Server Icelake-Server SapphireRapids EPYC EPYC-Rome EPYC-Milan; do
	model=$cpu
	# A newer one than the emulator knows is, without AVX-512, what the emulator has.
	qemu-x86_64 -cpu help | grep -qE "^x86 $cpu( |-|$)" || model=max
	case $cpu in
	qemu64) want=$(expect - portable portable - portable) executed="sse:no avx:no zmm:0" ;;
	Westmere) want=$(expect SSE AES-NI AES-NI SSE SSSE3) executed="sse:yes avx:no zmm:0" ;;
	*) want=$(expect AVX2 AES-NI-AVX AES-NI AVX2 AVX2) executed="sse:yes avx:yes zmm:0" ;;
	esac
	check_codes "$cpu" "$want" qemu-x86_64 -cpu "$model" "$GCF"
	# What was really executed by the self-tests and trials of all back ends.
	qemu-x86_64 -cpu "$model" -d in_asm -D "$T/asm" "$GCF" -version >/dev/null 2>&1
	is "$cpu: the AES instructions executed are those of that generation" \
		"sse:$(seen '[[:space:]]aesenc ') avx:$(seen 'vaesenc .*xmm') zmm:$(count '%zmm')" "$executed"
done
# The published vectors, on the two ends: no AES instructions at all, and all that the emulator has.
for cpu in qemu64 Broadwell; do
	for t in aead siv xchacha eme; do
		ok "$cpu: the tests of $t pass" qemu-x86_64 -cpu "$cpu" "$BUILDDIR/tests/unit/test_$t"
	done
done

# --- natively ---------------------------------------------------------------------------------------------------------
flags=" $(sed -n 's/^flags[^:]*://p' /proc/cpuinfo | head -n 1) "
have() { local f; for f; do [[ $flags = *" $f "* ]] || return 1; done; }
# OpenSSL has code for VAES since 3.1.
ossl_vaes() { have avx512f avx512dq avx512bw avx512vl vaes vpclmulqdq && ! openssl version | grep -q '^OpenSSL 3\.0\.'; }
if ! have avx2 aes pclmulqdq movbe bmi2; then
	skip "natively: the newest code that this processor can run" "it is older than Broadwell"
else
	gcm=AVX2 chacha=AVX2 ossl_chacha=AVX2 ossl_gcm=AES-NI-AVX
	! have avx512f avx512dq avx512cd avx512bw avx512vl || { gcm=AVX512 chacha=AVX512; }
	! have avx512f || ossl_chacha=AVX512
	! { [ $gcm = AVX512 ] && have vaes vpclmulqdq gfni avx512ifma sha_ni; } || { gcm=VAES-AVX512 chacha=AVX512-IFMA; }
	! ossl_vaes || ossl_gcm=VAES-AVX512
	check_codes "natively" "$(expect $gcm $ossl_gcm AES-NI $chacha $ossl_chacha)" "$GCF"
	# OpenSSL's own switch: what it prints follows what it does.
	check_codes "natively, AVX hidden from OpenSSL" "$(expect $gcm AES-NI AES-NI $chacha SSSE3)" \
		env OPENSSL_ia32cap='~0x1000000000000000:0' "$GCF"
	check_codes "natively, AES-NI hidden from OpenSSL" "$(expect $gcm SSSE3 SSSE3 $chacha $ossl_chacha)" \
		env OPENSSL_ia32cap='~0x200000200000000:~0x0' "$GCF"
fi

# --- natively, with CPUID faulting ------------------------------------------------------------------------------------
gcc -D_GNU_SOURCE -O2 -Wall -Wextra -shared -fPIC -Wl,-z,initfirst -o "$T/cpuidmask.so" "$HERE/cpuidmask.c" 2>"$T/gcc.log" ||
	bail "cpuidmask.c does not compile" "$(cat "$T/gcc.log")"
masked() { CPUIDMASK=$1 LD_PRELOAD=$T/cpuidmask.so "$GCF" "$2"; }
ok "the shim changes nothing when it is told to hide nothing" masked none -speed
is "(and -version says the same)" "$(masked none -version)" "$("$GCF" -version)"
rc=0
masked broadwell -version >/dev/null 2>&1 || rc=$?
for cpu in westmere broadwell skylake; do
	case $cpu in
	westmere) want=$(expect SSE AES-NI AES-NI SSE SSSE3) ;;
	broadwell) want=$(expect AVX2 AES-NI-AVX AES-NI AVX2 AVX2) ;;
	skylake) want=$(expect AVX512 AES-NI-AVX AES-NI AVX512 AVX512) ;;
	esac
	if [ $rc = 77 ]; then
		skip "$cpu natively: the code it would choose" "this processor or hypervisor has no CPUID faulting"
	elif [ "$cpu" = skylake ] && ! have avx512f; then
		skip "$cpu natively: the code it would choose" "this processor has no AVX-512"
	else
		check_codes "$cpu natively" "$want" masked "$cpu"
	fi
done
done_testing
