#!/usr/bin/env python3
"""Takes the commands out of a guide.

    guide.py FILE LANGUAGE [KIND]      the fenced blocks of LANGUAGE, one after the other, on standard output
    guide.py FILE --links              the relative links that lead nowhere, one per line

A block behind a comment such as <!-- slurm --> (it needs a cluster) is given only with that word as KIND.
"""
import os
import re
import sys


def blocks(text, language):
    """Yields (kind or "", content) of each fenced block."""
    for m in re.finditer(r"(?:<!-- (\w+) -->\n)?^```(\S*)[^\n]*\n(.*?)^```$", text, re.M | re.S):
        if m.group(2) == language:
            yield m.group(1) or "", m.group(3)


def dead_links(path, text):
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name = target.split("#")[0]
        if name and not re.match(r"[a-z]+:", name) and not os.path.exists(os.path.join(os.path.dirname(path), name)):
            yield target


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if sys.argv[2] == "--links":
        print("\n".join(dead_links(path, text)))
        return
    want = sys.argv[3] if len(sys.argv) > 3 else ""
    for kind, content in blocks(text, sys.argv[2]):
        if kind == want:
            print(content)


main()
