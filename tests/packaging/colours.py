#!/usr/bin/env python3
"""Looks at a screenshot: it has the width, so many different rows of pixels, and each colour named.

    colours.py FILE.png WIDTH DISTINCT [RRGGBB...]     PNG of 8 bits, RGB or RGBA, not interlaced (what Chromium writes)
"""
import struct
import sys
import zlib


def unfilter(raw, stride, size):
    """Yields the rows of pixels (PNG specification, section 9)."""
    before = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + stride])
        for i in range(stride if kind else 0):
            left, up = row[i - size] if i >= size else 0, before[i]
            if kind == 4:
                corner = before[i - size] if i >= size else 0
                p = left + up - corner
                up = min((abs(p - v), n, v) for n, v in enumerate((left, up, corner)))[2]
            row[i] = (row[i] + (0, left, up, (left + up) // 2, up)[kind]) & 255
        before = row
        yield bytes(row)


def main():
    data = open(sys.argv[1], "rb").read()
    width, _, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", data[16:29])
    assert (depth, interlace) == (8, 0) and colour in (2, 6), "an unexpected kind of PNG"
    assert width == int(sys.argv[2]), "it is %d wide" % width
    size = 3 if colour == 2 else 4
    at, packed = 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + n] if kind == b"IDAT" else b""
        at += 12 + n
    rows = set(unfilter(zlib.decompress(packed), width * size, size))
    assert len(rows) >= int(sys.argv[3]), "only %d different rows" % len(rows)
    seen = {row[i:i + 3] for row in rows for i in range(0, len(row), size)}
    for want in sys.argv[4:]:
        assert bytes.fromhex(want) in seen, "no pixel has the colour " + want


main()
