#!/usr/bin/env python3
"""Draws what `--json` wrote as one SVG of small bar charts.

    cargo run --release --manifest-path benchmarks/Cargo.toml -- all --json > results.json
    python3 benchmarks/chart.py results.json > comparison.svg

Several documents may be given; of what was measured twice, the last one counts. A bar is a median.
"""

import json
import re
import sys
import textwrap
from html import escape

# What is shown, in this order, as far as it was measured: group, case, figure if the case has several,
# threads, title.
PANELS = [
    ("update", "counter_inc", None, 1, "A counter goes up"),
    ("update", "counter_inc", None, 2, "A counter goes up, two threads at once"),
    ("update", "histogram_observe", None, 1, "A histogram of 11 buckets observes"),
    ("update", "histogram_observe", None, 2, "A histogram observes, two threads at once"),
    ("lookup", "one_thousand", None, 1, "One of 1,000 series is looked up by 3 labels"),
    ("lookup", "one_thousand", None, 2, "One of 1,000 is looked up, two threads at once"),
    ("create", "counters", None, 1, "A series is created, 100,000 in a row"),
    ("create", "memory", "scraped", 1, "Memory of a series, after the first scrape"),
    ("render", "counters", None, 1, "A page of 100,000 counters is written"),
    ("render", "histograms", None, 1, "A page of 10,000 histograms is written"),
    ("disturb", "create", "scraped_max", 2, "The longest creation while another thread scrapes"),
    ("timer", "guard", None, 1, "A guard times an empty block"),
]

# Variants that do another thing than the title says: they count where no scrape looks, take only
# strings that live for ever or were all known beforehand, round times, or keep nothing of a page.
LEFT_OUT = re.compile(r"^Local|&'static str|RodeoReader|coarse|^the same|to a sink")

OURS, FLOOR = "pytheus", "floor"
COLOURS = {OURS: "#c2410c", FLOOR: "#b8bec6"}
PEER_COLOUR, INK, FAINT, PAPER, FRAME = "#5b7c99", "#1f2328", "#656d76", "#ffffff", "#d0d7de"

FONT = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"

# Lengths in pixels. A row of a panel is: name, variant, bar and value, ratio.
NAME_WIDTH, VARIANT_WIDTH, BAR_WIDTH, VALUE_WIDTH, RATIO_WIDTH = 115, 128, 83, 56, 35
PANEL_WIDTH = NAME_WIDTH + VARIANT_WIDTH + BAR_WIDTH + VALUE_WIDTH + RATIO_WIDTH
ROW, TITLE, GAP, MARGIN, BAR_HEIGHT, COLUMNS = 17, 26, 24, 20, 11, 2
# What fits into the width of a variant.
VARIANT_LETTERS = 22

# From here on a panel is in milliseconds, or its longest value would not fit.
LONG_US = 10_000

# As they are written; all bars of a panel have the same.
UNITS = {"us": "µs", "bytes": "B", "times": "×"}


def read(paths):
    """The measurements by group, case, figure and threads, and what the last document says of itself."""
    measurements, document = {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        for m in document["measurements"]:
            measurements[m["group"], m["case"], m.get("figure"), m["threads"]] = m
    return measurements, document


def chosen(measurements):
    """Title, unit and bars of each panel."""
    for *key, title in PANELS:
        if m := measurements.get(tuple(key)):
            yield title, m["unit"], fastest_of_each(m["lines"])


def fastest_of_each(lines):
    """One bar for each library and all for the floor, the shortest first."""
    bars = {}
    for line in lines:
        if LEFT_OUT.search(line["variant"]):
            continue
        key = line["variant"] if line["peer"] == FLOOR else line["peer"]
        mark = " *" if line["note"] and line["peer"] != FLOOR else ""
        variant = textwrap.shorten(line["variant"], VARIANT_LETTERS, placeholder=" …") + mark
        bar = (line["spread"]["median"], line["peer"], variant)
        bars[key] = min(bar, bars.get(key, bar))
    return sorted(bars.values())


def amount(value, unit):
    """Three digits, but no more than two after the point."""
    digits = 0 if value >= 100 or unit == "bytes" else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {UNITS.get(unit, unit)}"


def text(x, y, content, size=12, colour=INK, anchor="start", weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(content)}</text>')


def panel(x, y, title, unit, bars):
    longest = max((value for value, _, _ in bars), default=0) or 1
    if unit == "us" and longest >= LONG_US:
        bars, longest, unit = [(v / 1000, *rest) for v, *rest in bars], longest / 1000, "ms"
    ours = next((value for value, peer, _ in bars if peer == OURS), 0)
    yield text(x, y + 13, title, 13, weight="600")

    bar_at = x + NAME_WIDTH + VARIANT_WIDTH
    for row, (value, peer, variant) in enumerate(bars):
        top = y + TITLE + row * ROW
        width = max(value / longest * BAR_WIDTH, 1)
        weight = "600" if peer == OURS else "normal"
        yield text(x, top + 10, peer, 11, weight=weight)
        yield text(x + NAME_WIDTH, top + 10, variant, 10, FAINT)
        yield (f'<rect x="{bar_at}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="1.5" '
               f'fill="{COLOURS.get(peer, PEER_COLOUR)}"/>')
        yield text(bar_at + width + 4, top + 10, amount(value, unit), 11, weight=weight)
        if ours and peer != OURS:
            ratio = float(f"{value / ours:.2g}")
            yield text(x + PANEL_WIDTH, top + 10, f"×{ratio:,g}", 10, FAINT, "end")


def footer(document):
    yield (f"Medians of {document['rounds']} rounds, the shorter the better; × is their ratio to that of "
           f"{OURS}. {document['processor']}.")
    yield "Grey is written by hand, and no metric. * has a note in the table that the benchmark prints."
    if series := document.get("series"):
        yield f"Cut short: no case had more than {series:,} series, whatever its title says."


def chart(panels, document):
    """Panels in rows; each row is as high as its highest panel."""
    body, y = [], MARGIN
    for start in range(0, len(panels), COLUMNS):
        row = panels[start:start + COLUMNS]
        for column, (title, unit, bars) in enumerate(row):
            body += panel(MARGIN + column * (PANEL_WIDTH + GAP), y, title, unit, bars)
        y += TITLE + max(len(bars) for _, _, bars in row) * ROW + GAP
    for line in footer(document):
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
    measured, last = read(sys.argv[1:])
    shown = list(chosen(measured))
    if not shown:
        sys.exit("none of the cases to be shown was measured")
    sys.stdout.write(chart(shown, last))
