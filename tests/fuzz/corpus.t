#!/usr/bin/env bash
# corpus.t - every fuzz harness survives its corpus: past findings stay fixed.
set -u
top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${top_builddir:-$top/build}
n=0 failed=0
for h in config format store ctlsock opts ticket policy; do
	n=$((n + 1))
	files=("$top/tests/fuzz/corpus/$h"/*)
	if out=$("$build/tests/fuzz/corpus_$h" "${files[@]}" 2>&1) && [ "$(grep -c '^ok' <<<"$out")" = "${#files[@]}" ]; then
		echo "ok $n - fuzz_$h survives its ${#files[@]} inputs"
	else
		failed=1
		echo "not ok $n - fuzz_$h survives its ${#files[@]} inputs"
		tail -n 20 <<<"$out" | sed 's/^/# /'
	fi
done
echo "1..$n"
exit $failed
