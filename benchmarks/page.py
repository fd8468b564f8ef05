"""The page of figures: a table in Markdown and a plot of how each figure stands to its bar."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from measures import ALL, Line

DOCS = Path(__file__).parent.parent / "docs"
PAGE, FIGURES, PLOT = DOCS / "benchmarks.md", DOCS / "benchmarks.json", DOCS / "benchmarks.png"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def as_text(line: Line) -> str:
    """One line for the terminal."""
    return f"{line.measure:<72} {line.figure:>26}  {line.bar:<20} {line.verdict:<7} {line.note}"


def write(taken: dict[str, list[Line]], repeats: int) -> None:
    """Put the figures into `docs/benchmarks.md`, between its two marks, and draw `docs/benchmarks.png`.

    Args:
        taken: Name of a measure -> its lines. Measures that were not taken again keep the figures of an
            earlier run: `docs/benchmarks.json` remembers them.
        repeats: Times that medians were taken.
    """
    known: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name, lines in taken.items():
        known[name] = {
            "place": f"{_place()}{_runs(name, repeats)}",
            "lines": [asdict(line) for line in lines],
        }
    known = {name: known[name] for name in ALL if name in known}
    FIGURES.write_text(json.dumps(known, indent=1) + "\n")
    every = [(each["place"], Line(**line)) for each in known.values() for line in each["lines"]]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{_markdown(every)}\n{END}{after}")
    _plot([line for _, line in every if line.ratio is not None])


def _place() -> str:
    """When and where: figures of a busy machine say so."""
    load = f", load {os.getloadavg()[0]:.0f}" if hasattr(os, "getloadavg") else ""
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return f"{when}, Python {platform.python_version()}, {os.cpu_count()} cores{load}"


def _runs(name: str, repeats: int) -> str:
    once = repeats == 1 or name in ("nightly", "bad-row", "memory", "big-plan", "limit", "import")
    return ", once" if once else f", median of {repeats}"


def _markdown(lines: list[tuple[str, Line]]) -> str:
    head = "| what | figure | bar | | beside it | taken |\n|---|---|---|---|---|---|"
    rows = [
        f"| {each.measure} | {each.figure} | {each.bar} | {each.verdict} | {each.note} | {place} |"
        for place, each in lines
    ]
    return "\n".join([head, *rows])


def _plot(lines: list[Line]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(11, 0.4 * len(lines) + 1.2))
    ratios = [min(max(each.ratio or 0.0, 0.01), 100.0) for each in lines]
    colours = ["#2a9d8f" if ratio <= 1 else "#e76f51" for ratio in ratios]
    axes.barh([each.measure for each in lines], ratios, color=colours)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("figure as a part of its bar: what ends left of the line is within it")
    for at, each in enumerate(lines):
        axes.text(ratios[at], at, f" {each.figure}", va="center", fontsize=8)
    axes.set_xlim(right=max(20.0, 8 * max(ratios)))
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=110)
