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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import child
import tables
from bare_server import bare_server

from hubspot_batch_dagster.emulator.process import EmulatorProcess
from hubspot_batch_dagster.emulator.settings import Settings

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

    def job(
        self, what: str, /, python: str = sys.executable, minutes: float = 60, **arguments: Any
    ) -> dict[str, Any]:
        """Run a job of `child` in a process of its own."""
        command = [python, str(HERE / "child.py"), what, json.dumps(arguments)]
        # Compiled modules are kept, as in any installation; in a folder of this run.
        environment = {
            **os.environ,
            "PYTHONPATH": str(HERE.parent),
            "PYTHONPYCACHEPREFIX": str(self.folder / "pyc"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=minutes * 60, env=environment, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{what} {arguments} failed:\n{done.stderr[-2000:]}")
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
    bars = {"hubspot_api_client": 10.0, "hubspot_sdk": 10.0, "s6r_hubspot": 1.5}
    yield from _beside(bench, _bare, bench.rows(200_000, 20_000), "a bare server", bars)


def beside_sdks(bench: Bench) -> Iterator[Line]:
    """The same against the emulator without limits, which checks and stores every value."""
    bars = {"hubspot_api_client": 1.0, "hubspot_sdk": 1.0}
    yield from _beside(bench, _emulator, bench.rows(20_000, 5_000), "the emulator", bars)


Address = dict[str, str]


@contextmanager
def _bare() -> Iterator[Address]:
    with bare_server() as url:
        yield {"url": url, "token": "bench"}


@contextmanager
def _emulator() -> Iterator[Address]:
    with EmulatorProcess(settings=Settings(keep_books=False)) as hubspot:
        yield {"url": hubspot.url, "token": hubspot.token}


def _beside(
    bench: Bench,
    server: Callable[[], AbstractContextManager[Address]],
    rows: int,
    where: str,
    bars: dict[str, float],
) -> Iterator[Line]:
    def rates(job: str, rows: int, python: str = sys.executable, **arguments: Any) -> dict[str, float]:
        with server() as address:
            found = bench.job(job, python, pool=bench.pool, rows=rows, **address, **arguments)
        return {key: rows / found[key] for key in ("seconds", "cpu")}

    # In turns: what else the machine is doing at a moment strikes all of them.
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in ("ours", *bars)}
    failed: dict[str, str] = {}
    for _ in range(bench.repeats):
        taken["ours"].append(rates("sync", rows, properties=child.SEVEN))
        for name in bars.keys() - failed.keys():
            slow = name != "s6r_hubspot"
            try:
                taken[name].append(
                    rates("peer", rows // 4, name=name)
                    if slow
                    else rates("peer", rows, bench.peer_python, name=name)
                )
            except RuntimeError as error:
                failed[name] = str(error).strip().splitlines()[-1][:100]

    def median(name: str, key: str) -> float:
        return statistics.median(each[key] for each in taken[name])

    ours, ours_cpu = median("ours", "seconds"), median("ours", "cpu")
    yield Line(
        f"{rows:,} new contacts x 7 properties against {where}",
        f"{ours:,.0f} rows/s",
        note=f"{ours_cpu:,.0f} rows per CPU second",
    )
    for name, bar in bars.items():
        if name in failed:
            yield Line(f"beside {name}", "not measured", note=failed[name])
            continue
        theirs, theirs_cpu = median(name, "seconds"), median(name, "cpu")
        yield Line(
            f"beside {name}, against {where}",
            f"{ours / theirs:.1f} x its {theirs:,.0f} rows/s",
            f">= {bar:g} x" if bar > 1 else "ahead",
            bar * theirs / ours,
            f"{ours_cpu / theirs_cpu:.1f} x per CPU second",
        )


def memory(bench: Bench) -> Iterator[Line]:
    """Peak of memory of a first load from a stream."""
    for rows, bar in ((200_000, 300), (bench.rows(10_000_000, 500_000), 1000)):
        with bare_server() as url:
            store = str(bench.folder / f"store-{rows}")
            found = bench.job("sync", url=url, pool=bench.pool, rows=rows, streamed=True, store=store)
        yield Line(
            f"peak memory, first load of {rows:,} rows from a stream",
            f"{found['peak_mb']:,.0f} MB",
            f"<= {bar} MB",
            found["peak_mb"] / bar,
            f"{found['seconds']:,.0f} s, {found['cpu']:,.0f} s of CPU",
        )


def nightly(bench: Bench) -> Iterator[Line]:
    """A second run over a table of which 1 % changed."""
    rows = bench.rows(1_000_000, 100_000)
    store = str(bench.folder / f"nightly-{rows}")
    with bare_server() as url:
        bench.job("sync", url=url, pool=bench.pool, rows=rows, store=store)
        found = bench.job("sync", url=url, pool=bench.pool, rows=rows, store=store, changed=100)
    requests = rows // 10_000 + 1  # and the look at known records before the first write
    yield Line(
        f"nightly run, {rows:,} rows x 15, 1 % changed: requests, one of them a read",
        f"{found['requests']}",
        f"{requests}",
        found["requests"] / requests,
    )
    yield Line(
        f"nightly run, {rows:,} rows x 15, 1 % changed: CPU end to end",
        f"{found['cpu']:.1f} s",
        f"<= {rows / 50_000:g} s",
        found["cpu"] / (rows / 50_000),
        f"{found['seconds']:.1f} s, {found['peak_mb']:,.0f} MB",
    )


def plan(bench: Bench) -> Iterator[Line]:
    """Read, encode, hash and compare, beside DuckDB that reads and md5s the same file; and the memory of a
    big plan.
    """
    rows = bench.rows(1_000_000, 100_000)
    store = _loaded(bench, rows)
    parquet = str(bench.folder / f"changed-{rows}.parquet")
    bench.job("written", pool=bench.pool, rows=rows, changed=100, path=parquet)
    ours = bench.median("plan", "seconds", parquet=parquet, store=store, rows=rows)
    base = bench.median("scan", "seconds", parquet=parquet)
    ratio, cpu = ours["seconds"] / base["seconds"], ours["cpu"] / base["cpu"]
    yield Line(
        f"plan of {rows:,} rows x 15 columns, 1 % changed",
        f"{ratio:.1f} x DuckDB's scan and md5",
        "<= 4 x",
        ratio / 4,
        f"{ours['seconds']:.1f} s to {base['seconds']:.1f} s; CPU {cpu:.1f} x; {ours['peak_mb']:,.0f} MB",
    )


def big_plan(bench: Bench) -> Iterator[Line]:
    """Memory of a plan of very many rows at the default memory setting."""
    rows = bench.rows(10_000_000, 500_000)
    store = str(bench.folder / f"store-{rows}")
    if not Path(store).exists():
        store = _loaded(bench, rows)
    parquet = str(bench.folder / f"changed-{rows}.parquet")
    bench.job("written", pool=bench.pool, rows=rows, changed=100, path=parquet)
    found = bench.job("plan", parquet=parquet, store=store, rows=rows)
    yield Line(
        f"peak memory, plan of {rows:,} rows",
        f"{found['peak_mb']:,.0f} MB",
        "<= 1,200 MB",
        found["peak_mb"] / 1200,
        f"{found['seconds']:,.0f} s, {found['cpu']:,.0f} s of CPU",
    )


def _loaded(bench: Bench, rows: int) -> str:
    """A store whose ids table knows the rows."""
    store = str(bench.folder / f"store-{rows}")
    with bare_server() as url:
        bench.job("sync", url=url, pool=bench.pool, rows=rows, store=store, streamed=True)
    return store


def journal(bench: Bench) -> Iterator[Line]:
    """The same sync with the journal and with one that keeps nothing, against the emulator without limits."""
    rows = bench.rows(50_000, 5_000)
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(bench.repeats):
        for kept, taken in times.items():  # in turns, so that a busy moment of the machine strikes both
            with _emulator() as address:
                took = bench.job(
                    "sync", pool=bench.pool, rows=rows, journal=kept, properties=child.SEVEN, **address
                )
            taken.append(took["seconds"])
    found = {kept: statistics.median(taken) for kept, taken in times.items()}
    overhead = found[True] / found[False] - 1
    yield Line(
        f"journal, {rows:,} rows against the emulator",
        f"{overhead:+.0%} of end-to-end time",
        "<= 15 %",
        max(0.0, overhead / 0.15),
        f"{found[True]:.1f} s with it, {found[False]:.1f} s without",
    )


def bad_row(bench: Bench) -> Iterator[Line]:
    """One row of 100 that fails its batch: how many more requests until the other 99 are written."""
    for named, bar in ((False, 15), (True, 1)):
        found = bench.job("bad_row", named=named)
        extra = found["requests"] - 1
        yield Line(
            f"one bad row in 100, which HubSpot {'names' if named else 'does not name'}",
            f"{extra} more requests",
            f"<= {bar}",
            extra / bar,
            f"{found['counts']}",
        )


def associations(bench: Bench) -> Iterator[Line]:
    """New contacts with two companies each, beside the same contacts without."""
    rows = bench.rows(100_000, 10_000)
    taken: dict[int, list[dict[str, Any]]] = {0: [], 2: []}
    with bare_server() as url:
        for _ in range(bench.repeats):
            for (
                companies,
                found,
            ) in taken.items():  # in turns, so that a busy moment of the machine strikes both
                found.append(
                    bench.job(
                        "sync",
                        url=url,
                        pool=bench.pool,
                        rows=rows,
                        properties=child.SEVEN,
                        companies=companies,
                    )
                )
    if any(each["associated"] != 2 * rows for each in taken[2]):
        raise RuntimeError(f"of {2 * rows} associations only {taken[2][0]['associated']} were made")
    least = taken[0][0]["requests"] + 2 * rows // 2_000
    requests = max(each["requests"] for each in taken[2])
    seconds = {n: statistics.median(each["seconds"] for each in found) for n, found in taken.items()}
    cpu = {n: statistics.median(each["cpu"] for each in found) for n, found in taken.items()}
    yield Line(
        f"{rows:,} new contacts with 2 companies each: requests",
        f"{requests:,}",
        f"<= 1.3 x {least:,}",
        requests / (1.3 * least),
        f"{taken[0][0]['requests']:,} without associations, {2 * rows // 2_000:,} for them at 2,000 a"
        " request",
    )
    yield Line(
        f"{rows:,} new contacts with 2 companies each: seconds",
        f"{seconds[2]:.1f} s",
        note=f"{seconds[0]:.1f} s without; CPU {cpu[2]:.1f} s to {cpu[0]:.1f} s",
    )


def imports(bench: Bench) -> Iterator[Line]:
    """What a code location waits for, beyond Dagster."""
    bench.job("imported")
    times = [bench.job("imported") for _ in range(max(5, bench.repeats))]
    wall, cpu = min(each["ms"] for each in times), statistics.median(each["cpu_ms"] for each in times)
    yield Line(
        "import of the asset, resource and operations, beyond dagster (least of 5)",
        f"{wall:.0f} ms",
        "<= 150 ms",
        wall / 150,
        f"{cpu:.0f} ms of CPU; loads {', '.join(times[0]['heavy']) or 'nothing heavy'}",
    )


def limit(bench: Bench) -> Iterator[Line]:
    """How much of HubSpot's limit is used, and that it is never passed."""
    seconds = 20 if bench.quick else 100
    for name, bar in (("one", 98.0), ("four", 97.0), ("slow", 97.0), ("busy", 85.0)):
        command = [sys.executable, str(HERE / "limit.py"), "--seconds", str(seconds), name]
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 120, check=True
        ).stdout
        found = LIMIT_LINE.search(said)
        if found is None:
            raise RuntimeError(f"limit.py said: {said}")
        share, most, allowed, refused = (float(each) for each in found.groups())
        over = most > allowed or refused > 0
        words = {
            "one": "1 process, 300 ms",
            "four": "4 processes, one killed, 300 ms",
            "slow": "1 process, 2 s",
            "busy": "4 processes, 300 ms, another job on every core",
        }
        yield Line(
            f"share of the limit over {seconds} s: {words[name]}",
            f"{share:.1f} %",
            f">= {bar:g} %, no 429",
            2.0 if over else bar / share,
            f"{refused:.0f} x 429; most in any 10 s: {most:.0f} of {allowed:.0f}",
        )


ALL: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "cpu": client_cpu,
    "rate": rows_per_second,
    "sdks": beside_sdks,
    "nightly": nightly,
    "plan": plan,
    "journal": journal,
    "bad-row": bad_row,
    "associations": associations,
    "import": imports,
    "memory": memory,
    "big-plan": big_plan,
    "limit": limit,
}
"""Name for `--only` -> measure."""
