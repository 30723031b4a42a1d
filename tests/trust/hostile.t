#!/usr/bin/env bash
# hostile.t - tampered stores are mounted and worked in; SOAK=1: 200 of them.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
GOCRYPTFS=${GOCRYPTFS:-${top_builddir:-$top/build}/gocryptfs} exec "${PYTHON:-python3}" "$top/tests/trust/hostile.py" ${SOAK:+200}
