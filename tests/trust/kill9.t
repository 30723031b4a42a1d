#!/usr/bin/env bash
# kill9.t - the daemon is killed at random moments; SOAK=1: 500 times.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
GOCRYPTFS=${GOCRYPTFS:-${top_builddir:-$top/build}/gocryptfs} exec "${PYTHON:-python3}" "$top/tests/trust/kill9.py" ${SOAK:+500}
