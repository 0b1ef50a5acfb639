#!/usr/bin/env python3
"""Draws what `--json` wrote as one SVG of small bar charts.

    cargo run --release --manifest-path benchmarks/Cargo.toml -- all --json > results.json
    python3 benchmarks/chart.py results.json > comparison.svg

Several documents may be given; of what was measured twice, the last one counts. A bar is a median.
"""

import json
import math
import re
import sys
import textwrap
from html import escape

# What is shown, in this order, as far as it was measured: group, case, threads, title. `None` stands
# for every case or number of threads there is; without a title the case's own words are taken.
PANELS = [
    ("update", "counter_inc", 1, "A counter goes up"),
    ("update", "counter_inc", 2, "A counter goes up, two threads at once"),
    ("update", "histogram_observe", 1, "A histogram of 11 buckets observes"),
    ("update", "histogram_observe", 2, "A histogram observes, two threads at once"),
    ("lookup", "one_thousand", 1, "One of 1,000 series is looked up by 3 labels"),
    ("lookup", "one_thousand", 2, "One of 1,000 is looked up, two threads at once"),
    ("timer", "guard", 1, "A guard times an empty block"),
    ("create", "counters", None, None),
    ("render", "counters", None, None),
    ("disturb", None, None, None),
    ("scale", None, None, None),
]

# Variants that do another thing than the title says: they count where no scrape looks, or take only
# strings that live for ever or were all known beforehand.
LEFT_OUT = re.compile(r"^Local|&'static str|RodeoReader|coarse|^the same")

OURS, FLOOR = "pytheus", "floor"
COLOURS = {OURS: "#c2410c", FLOOR: "#b8bec6"}
PEER_COLOUR, INK, FAINT, PAPER, FRAME = "#5b7c99", "#1f2328", "#656d76", "#ffffff", "#d0d7de"

FONT = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"

# Lengths in pixels. A row of a panel is: name, variant, bar and value, ratio.
NAME_WIDTH, VARIANT_WIDTH, BAR_WIDTH, VALUE_WIDTH, RATIO_WIDTH = 136, 124, 110, 62, 44
PANEL_WIDTH = NAME_WIDTH + VARIANT_WIDTH + BAR_WIDTH + VALUE_WIDTH + RATIO_WIDTH
ROW, TITLE, GAP, MARGIN, BAR_HEIGHT, COLUMNS = 18, 27, 26, 22, 11, 2
# Beyond this ratio of the longest bar to the shortest, lengths are logarithmic, and the title says so.
LOG_BEYOND = 200

# Beyond this ratio of the longest bar to the shortest, lengths are logarithmic, and the title says so.
LOG_BEYOND = 200

# Factor to the base unit, and that one's steps.
TIME = [("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1)]
BYTES = [("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1)]
UNITS = {"ns": (1, TIME), "ms": (1e6, TIME), "bytes": (1, BYTES), "times": (1, [("×", 1)])}


def read(paths):
    """The measurements by group, case, figure and threads, and the processor's name."""
    measurements, processor = {}, ""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        processor = document.get("processor", processor)
        for m in document["measurements"]:
            measurements[m["group"], m["case"], m.get("figure"), m["threads"]] = m
    return measurements, processor


def chosen(measurements):
    """Title, unit and bars of each panel."""
    for group, case, threads, title in PANELS:
        for (its_group, its_case, _, its_threads), m in measurements.items():
            if its_group == group and case in (None, its_case) and threads in (None, its_threads):
                unit = m.get("unit", "ns")
                words = title or m["about"][:1].upper() + m["about"][1:]
                bars = fastest_of_each(m["lines"], unit)
                if bars:
                    yield words, unit, bars


def fastest_of_each(lines, unit):
    """One bar for each library and all for the floor, the shortest first."""
    bars = {}
    for line in lines:
        if line.get("unit", unit) != unit or LEFT_OUT.search(line["variant"]):
            continue
        key = line["variant"] if line["peer"] == FLOOR else line["peer"]
        mark = " *" if line["note"] and line["peer"] != FLOOR else ""
        bar = (line["spread"]["median"], line["peer"], line["variant"] + mark)
        bars[key] = min(bar, bars.get(key, bar))
    return sorted(bars.values())


def amount(value, unit):
    """Three digits, in the largest step that leaves something before the point."""
    factor, steps = UNITS.get(unit, (1, [(unit, 1)]))
    value *= factor
    name, size = next((step for step in steps if value >= step[1]), steps[-1])
    value /= size
    digits = 0 if value >= 100 or name == "B" else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {name}"


def text(x, y, content, size=12, colour=INK, anchor="start", weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(content)}</text>')


def panel(x, y, title, unit, bars):
    values = [value for value, _, _ in bars if value > 0]
    shortest, longest = min(values, default=1), max(values, default=1)
    logarithmic = longest > LOG_BEYOND * shortest
    ours = next((value for value, peer, _ in bars if peer == OURS), 0)
    yield text(x, y + 13, title + (", logarithmic" if logarithmic else ""), 13, weight="600")

    bar_at = x + NAME_WIDTH + VARIANT_WIDTH
    for row, (value, peer, variant) in enumerate(bars):
        top = y + TITLE + row * ROW
        # On a logarithmic scale the shortest is half a decade long, so that it is seen.
        decades = lambda value: math.log10(max(value / shortest, 1)) + 0.5
        share = decades(value) / decades(longest) if logarithmic else value / longest
        width = max(share * BAR_WIDTH, 1)
        weight = "600" if peer == OURS else "normal"
        yield text(x, top + 10, peer, 12, weight=weight)
        yield text(x + NAME_WIDTH, top + 10, textwrap.shorten(variant, 23, placeholder=" …"), 10, FAINT)
        yield (f'<rect x="{bar_at}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="1.5" '
               f'fill="{COLOURS.get(peer, PEER_COLOUR)}"/>')
        yield text(bar_at + width + 5, top + 10, amount(value, unit), 11, weight=weight)
        if ours and peer != OURS:
            ratio = float(f"{value / ours:.2g}")
            yield text(x + PANEL_WIDTH, top + 10, f"×{ratio:,g}", 10, FAINT, "end")


def chart(panels, processor):
    """Panels in rows; each row is as high as its highest panel."""
    body, y = [], MARGIN
    for start in range(0, len(panels), COLUMNS):
        row = panels[start:start + COLUMNS]
        for column, (title, unit, bars) in enumerate(row):
            body += panel(MARGIN + column * (PANEL_WIDTH + GAP), y, title, unit, bars)
        y += TITLE + max(len(bars) for _, _, bars in row) * ROW + GAP
    for line in [
        f"Medians, the shorter the better; × is the ratio to pytheus. Measured on: {processor}.",
        "A floor is written by hand and no metric. * has a note in the table that the benchmark prints.",
    ]:
        body.append(text(MARGIN, y, line, 11, FAINT))
        y += ROW
    width = 2 * MARGIN + COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * GAP
    height = y
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="{FONT}">',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" '
        f'fill="{PAPER}" stroke="{FRAME}"/>', *body, "</svg>", ""])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: chart.py RESULTS.json … > chart.svg")
    measured, machine = read(sys.argv[1:])
    shown = list(chosen(measured))
    if not shown:
        sys.exit("none of the cases to be shown was measured")
    sys.stdout.write(chart(shown, machine))
