#!/usr/bin/env python3
"""Runs test programs that speak TAP and adds up what they say.

    tests/tap.py [--name SUITE] [--logs DIR] [--counts FILE] [--timeout SECONDS] [--comments] TEST...

A test counts as one more failure if it leaves its plan unfulfilled, ends with a
code other than 0 without a "not ok", or does not end in time (its process group
is then killed). The last line is "SUITE: N ok, N not ok, N skipped (S s)";
--counts appends "SUITE PASSED FAILED SKIPPED" to a file. Exit 0 only if nothing
failed and something ran.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import time

LINE = re.compile(r"^(not )?ok\b\s*(\d+)?\s*(?:- )?(.*)$")


def heed_signals():
    """Whoever runs the tests in the background may have had these ignored, and children inherit that."""
    for s in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(s, signal.SIG_DFL)


def run(path, timeout, log):
    """(lines, exit code) of one test; code None if it had to be killed."""
    with open(log, "wb") as out:
        p = subprocess.Popen([path], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                             start_new_session=True, preexec_fn=heed_signals)
        try:
            code = p.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGTERM)       # its trap unmounts
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
            code = None
    with open(log, errors="replace") as f:
        return f.read().splitlines(), code


def judge(lines, code, timeout):
    """(passed, failed, [(what, diagnostics)], [skip texts]) of one test's output."""
    passed = failed = seen = 0
    plan, bad, skips = None, [], []
    collecting = False
    for line in lines:
        m = LINE.match(line)
        if m:
            seen += 1
            what = m.group(3)
            collecting = False
            if re.search(r"#\s*skip", what, re.I):
                skips.append(what)
            elif m.group(1):
                failed += 1
                bad.append((what, []))
                collecting = True
            else:
                passed += 1
        elif (p := re.match(r"^1\.\.(\d+)\s*(?:#\s*skip\s*(.*))?$", line, re.I)):
            plan = int(p.group(1))
            if plan == 0:
                skips.append("all # SKIP " + (p.group(2) or "no reason given"))
        elif line.startswith("Bail out!"):
            bad.append((line, []))
            failed += 1
        elif collecting and len(bad[-1][1]) < 12:
            bad[-1][1].append(line)
    tail = lines[-6:]
    if code is None:
        bad.append(("did not end within %d s and was killed" % timeout, tail))
        failed += 1
    elif plan is None or (plan != seen and plan != 0):
        bad.append(("plan says %s, %d results seen, exit code %d" % (plan, seen, code), tail))
        failed += 1
    elif code != 0 and not failed:
        bad.append(("exit code %d though nothing failed" % code, tail))
        failed += 1
    return passed, failed, bad, skips


def main():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--name", default="tests")
    a.add_argument("--logs", default=".")
    a.add_argument("--counts")
    a.add_argument("--timeout", type=int, default=600)
    a.add_argument("--comments", action="store_true", help="print what tests say in comments of their own (tables)")
    a.add_argument("tests", nargs="+")
    a = a.parse_args()
    os.makedirs(a.logs, exist_ok=True)
    total = [0, 0, 0]
    begin = time.monotonic()
    for test in a.tests:
        t0 = time.monotonic()
        name = os.path.basename(test)
        log = os.path.join(a.logs, "%s.%s.log" % (a.name, name))
        lines, code = run(os.path.abspath(test), a.timeout, log)
        passed, failed, bad, skips = judge(lines, code, a.timeout)
        print("%-28s %4d ok, %d not ok, %d skipped (%.1f s)" %
              (name, passed, failed, len(skips), time.monotonic() - t0), flush=True)
        for what, diag in bad:
            print("    not ok - %s" % what)
            for d in diag:
                print("        " + d)
        for s in skips:
            print("    skipped: " + s, flush=True)
        if a.comments and not bad:
            print("\n".join(line[1:] for line in lines if line.startswith("#")), flush=True)
        for i, n in enumerate((passed, failed, len(skips))):
            total[i] += n
    print("%s: %d ok, %d not ok, %d skipped (%.0f s)" % (a.name, *total, time.monotonic() - begin), flush=True)
    if a.counts:
        with open(a.counts, "a") as f:
            f.write("%s %d %d %d\n" % (a.name, *total))
    return 0 if total[1] == 0 and total[0] + total[2] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
