#!/usr/bin/env python3
"""Takes the commands out of a guide.

    guide.py FILE LANGUAGE [slurm]     the fenced blocks of LANGUAGE, one after the other, on standard output
    guide.py FILE --links              the relative links that lead nowhere, one per line

A block behind the comment <!-- slurm --> needs a cluster: it is given only with the word slurm.
"""
import os
import re
import sys


def blocks(text, language):
    """Yields (needs slurm, content) of each fenced block."""
    for m in re.finditer(r"(<!-- slurm -->\n)?^```(\S*)[^\n]*\n(.*?)^```$", text, re.M | re.S):
        if m.group(2) == language:
            yield bool(m.group(1)), m.group(3)


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
    want = sys.argv[3:] == ["slurm"]
    for slurm, content in blocks(text, sys.argv[2]):
        if slurm == want:
            print(content)


main()
