#!/usr/bin/env python3
"""chart.py - draws a benchmark's JSON as an SVG bar chart: each row's speed relative to the Go gocryptfs (longer is better).

    chart.py RESULT.json OUT.svg [BASELINE]       BASELINE: contestant that is 1.0 (default go)
"""
import json
import sys
from xml.sax.saxutils import escape

COLOURS = {"native": "#9aa0a6", "passthrough": "#5b8def", "go": "#e0a030", "ours": "#2e9e5b"}
OTHER = ("#8e5bb5", "#c25b5b", "#4aa3a3")
LEFT, WIDTH, BAR, GAP, TOP, CAP = 170, 560, 11, 12, 64, 4.0


def show(seconds, unit):
    if unit == "s":
        return "%.2f s" % seconds
    if unit == "ms":
        return "%.1f ms" % (seconds * 1e3)
    return "%.0f %s" % (1 / seconds, unit)


def draw(data, baseline):
    names = [c["name"] for c in data["contestants"] if c["name"] != "native"]
    rows = [(r[0], r[1]) for r in data["rows"] if baseline in data["summary"].get(r[0], {})]
    step = BAR * len(names) + GAP
    height = TOP + step * len(rows) + 50
    m = data["machine"]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">' % (LEFT + WIDTH + 130, height),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="12" y="20" font-size="15" font-weight="bold">Speed relative to %s (1.0); longer is better</text>' % escape(baseline),
           '<text x="12" y="36" fill="#555">%s</text>' % escape("%s, %s CPUs, Linux %s, libfuse %s, %s; medians of %d interleaved rounds; %s" % (
               m["cpu"], m["cpus"], m["kernel"], m["libfuse"], " ".join(m["openssl"].split()[:2]), data["args"]["rounds"], m["date"][:10]))]
    colour = {n: COLOURS.get(n, OTHER[i % len(OTHER)]) for i, n in enumerate(names)}
    x = LEFT
    for n in names:
        out.append('<rect x="%d" y="44" width="10" height="10" fill="%s"/><text x="%d" y="53">%s</text>' % (x, colour[n], x + 14, escape(n)))
        x += 30 + 7 * len(n)
    for tick in range(int(CAP) + 1):
        tx = LEFT + WIDTH * tick / CAP
        out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/><text x="%.1f" y="%d" text-anchor="middle" fill="#555">%d</text>' % (
            tx, TOP - 4, tx, height - 44, "#888" if tick == 1 else "#ddd", tx, height - 30, tick))
    for i, (row, unit) in enumerate(rows):
        y = TOP + i * step
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (LEFT - 8, y + BAR * len(names) / 2 + 4, escape(row)))
        base = data["summary"][row][baseline]["median_s"]
        for k, n in enumerate(names):
            d = data["summary"][row].get(n)
            if not d:
                continue
            speed = base / d["median_s"]
            w = WIDTH * min(speed, CAP) / CAP
            out.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"><title>%s</title></rect>' % (
                LEFT, y + k * BAR, w, BAR - 1, colour[n], escape("%s %s: %s" % (n, row, show(d["median_s"], unit)))))
            out.append('<text x="%.1f" y="%d" font-size="9" fill="#333">%s</text>' % (
                LEFT + w + 4, y + k * BAR + BAR - 3, escape("%.2f  (%s)" % (speed, show(d["median_s"], unit)))))
    out.append('<text x="12" y="%d" fill="#555">Bars longer than %.0f are cut; the number says how long they are. Paired, per-round ratios are in the JSON.</text>' % (
        height - 12, CAP))
    out.append("</svg>")
    return "\n".join(out) + "\n"


def main():
    with open(sys.argv[1]) as f:
        data = json.load(f)
    names = [c["name"] for c in data["contestants"]]
    baseline = sys.argv[3] if len(sys.argv) > 3 else "go" if "go" in names else names[0]
    with open(sys.argv[2], "w") as f:
        f.write(draw(data, baseline))
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main())
