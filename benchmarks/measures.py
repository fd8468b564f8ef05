"""The measures: each runs its jobs in fresh processes and gives lines of the table."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import child
import tables
from bare_server import bare_server

HERE = Path(__file__).parent
LIMIT_LINE = re.compile(r"share +([\d.]+)% .*most (\d+) of (\d+) +429 (\d+)")


@dataclass(frozen=True)
class Line:
    """One line of the table. `ratio` is the figure as a part of its bar: up to 1 is good."""

    measure: str
    figure: str
    bar: str = ""
    ratio: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing where there is no bar."""
        return "" if self.ratio is None else "ok" if self.ratio <= 1 else "MISSED"


@dataclass
class Bench:
    """What the measures share.

    Attributes:
        quick: Small tables and short times: shows that it works, and roughly where things are.
        repeats: Times that a figure is taken; the median counts.
        peer_python: Interpreter that has s6r-hubspot; this one by default.
    """

    quick: bool = False
    repeats: int = 3
    peer_python: str = sys.executable
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="hubspot-bench-")))

    def __post_init__(self) -> None:
        self.pool = str(self.folder / "pool.arrow")
        tables.save_pool(Path(self.pool))

    def rows(self, full: int, quick: int) -> int:
        """How many rows, by whether it is a quick run."""
        return quick if self.quick else full

    def job(self, name: str, python: str = sys.executable, minutes: float = 60, **arguments: Any) -> dict[str, Any]:
        """Run a job of `child` in a process of its own."""
        command = [python, str(HERE / "child.py"), name, json.dumps(arguments)]
        # Compiled modules are kept, as in any installation; in a folder of this run.
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONPYCACHEPREFIX": str(self.folder / "pyc")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=minutes * 60, env=environment, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{name} {arguments} failed:\n{done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def median(self, name: str, key: str, **arguments: Any) -> dict[str, Any]:
        """The job with the median of a figure."""
        found = sorted((self.job(name, **arguments) for _ in range(self.repeats)), key=lambda each: each[key])
        return found[len(found) // 2]


def client_cpu(bench: Bench) -> Iterator[Line]:
    """CPU of a sync of new rows, journal on."""
    rows = bench.rows(1_000_000, 100_000)
    with bare_server() as url:
        for action in ("upsert", "create"):
            found = bench.median("sync", "cpu", url=url, pool=bench.pool, rows=rows, action=action)
            per_million = found["cpu"] / rows * 1e6
            yield Line(
                f"client CPU, {action} of {rows:,} rows x 15 properties, journal on",
                f"{per_million:.1f} s per million",
                "<= 8 s per million",
                per_million / 8,
                f"{rows / found['seconds']:,.0f} rows/s",
            )


def rows_per_second(bench: Bench) -> Iterator[Line]:
    """New contacts with 7 properties beside three other clients, against a server that costs nothing."""
    with bare_server() as url:
        yield from _beside(bench, url, "bench", bench.rows(100_000, 20_000), "a bare server")


def beside_sdks(bench: Bench) -> Iterator[Line]:
    """The same against the emulator without limits, which checks and stores every value."""
    from hubspot_batch_dagster.emulator.process import EmulatorProcess
    from hubspot_batch_dagster.emulator.settings import Settings

    with EmulatorProcess(Settings(keep_books=False)) as hubspot:
        for name in ("plan", "visits", "active"):
            hubspot.add_property("contacts", name, type="string", fieldType="text")
        yield from _beside(bench, hubspot.url, hubspot.token, bench.rows(20_000, 5_000), "the emulator", hubspot.reset)


def _beside(
    bench: Bench, url: str, token: str, rows: int, where: str, reset: Callable[[], None] = lambda: None
) -> Iterator[Line]:
    factors = {"hubspot_api_client": 10.0, "hubspot_sdk": 10.0, "s6r_hubspot": 1.5}
    if where == "the emulator":
        factors = {"hubspot_api_client": 1.0, "hubspot_sdk": 1.0}
    def rate(name: str, **arguments: Any) -> tuple[float, float]:
        found = []
        for _ in range(bench.repeats):
            found.append(bench.job(name, url=url, pool=bench.pool, rows=rows, token=token, **arguments))
            reset_again()
        return (
            statistics.median(rows / each["seconds"] for each in found),
            statistics.median(rows / each["cpu"] for each in found),
        )
    def reset_again() -> None:
        reset()
        if where == "the emulator":
            for name in ("plan", "visits", "active"):
                reset_properties(name)
    ours, ours_cpu = rate("sync", columns=child.SEVEN, action="upsert")
    what = f"new contacts x 7 properties against {where}"
    yield Line(f"{rows:,} {what}", f"{ours:,.0f} rows/s", note=f"{ours_cpu:,.0f} rows per CPU second")
    for name, factor in factors.items():
        python = bench.peer_python if name == "s6r_hubspot" else sys.executable
        try:
            theirs, theirs_cpu = rate("peer", name=name, python=python)
        except RuntimeError as error:
            yield Line(f"... {name}", "not measured", note=str(error).strip().splitlines()[-1][:120])
            continue
        yield Line(
            f"... {name}",
            f"{theirs:,.0f} rows/s",
            f"{factor:g} x it",
            factor * theirs / ours,
            f"we make {ours / theirs:.1f} x; per CPU second {ours_cpu / theirs_cpu:.1f} x",
        )
