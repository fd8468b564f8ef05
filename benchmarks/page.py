"""The page of figures: a table in Markdown and a plot of how each figure stands to its bar."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path

from measures import Line

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def as_text(line: Line) -> str:
    """One line for the terminal."""
    return f"{line.measure:<72} {line.figure:>26}  {line.bar:<20} {line.verdict:<7} {line.note}"


def write(lines: list[Line]) -> None:
    """Put the figures into `docs/benchmarks.md`, between its two marks, and draw `docs/benchmarks.png`."""
    path = DOCS / "benchmarks.md"
    before, _, rest = path.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{_markdown(lines)}\n{END}{after}")
    _plot([line for line in lines if line.ratio is not None], DOCS / "benchmarks.png")


def _markdown(lines: list[Line]) -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    place = f"{when}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at the end."
    head = "| what | figure | bar | | beside it |\n|---|---|---|---|---|"
    rows = [
        f"| {each.measure} | {each.figure} | {each.bar} | {each.verdict} | {each.note} |" for each in lines
    ]
    return "\n".join([place, "", head, *rows])


def _plot(lines: list[Line], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 0.42 * len(lines) + 1.2))
    ratios = [max(each.ratio or 0.0, 0.01) for each in lines]
    colours = ["#2a9d8f" if ratio <= 1 else "#e76f51" for ratio in ratios]
    axes.barh([each.measure for each in lines], ratios, color=colours)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("figure as a part of its bar: left of the line is within it")
    for at, each in enumerate(lines):
        axes.text(ratios[at], at, f" {each.figure}", va="center", fontsize=8)
    axes.set_xlim(right=max(10.0, 4 * max(ratios)))
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
