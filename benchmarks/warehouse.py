"""A run that compares its rows in the warehouse, beside the same run with its rows pulled by Arrow.

python benchmarks/warehouse.py                                     a million rows, 1 % of them changed, in
Postgres python benchmarks/warehouse.py --engine duckdb --rows 200000
python benchmarks/warehouse.py --merge 50000 --rows 5000000        only so many outcomes into so many lines of
an ids table

It starts a Postgres of its own (Debian's binaries) and a server that answers HubSpot's batch requests and
does nothing else. Each run is a process of its own: seconds are its processor's, and its peak of memory is
its own; DuckDB works within it.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

COLUMNS = """'person.' || i || '@example.com' AS email, 'Ada ' || i % 5000 AS firstname, 'Byron ' || i % 7000 AS lastname,
    'Firm ' || i % 90000 AS company, 'City ' || i % 300 AS city, CAST(10000 + i % 80000 AS VARCHAR) AS zip,
    '+49 30 ' || i AS phone, 'Engineer ' || i % 40 AS jobtitle, i % 1000 AS visits, i / 7.0 AS score,
    CAST(i % 100000 AS DECIMAL(12, 2)) AS amount, i % 3 = 0 AS active, DATE '1970-01-01' + CAST(i % 15000 AS INTEGER) AS born,
    TIMESTAMP '2026-01-01 00:00:00' + (i % 100000) * INTERVAL '1 second' AS seen, 'note number ' || i || ' of this person' AS note"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["postgres", "duckdb"], default="postgres")
    parser.add_argument("--merge", type=int, default=0, help="measure only the merge of so many outcomes")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(run(**json.loads(given.child))))
        return
    folder = Path(tempfile.mkdtemp(prefix="hubspot-warehouse-"))
    try:
        with connection(given.engine, folder) as where:
            if given.merge:
                measure_merge(given.rows, given.merge, where)
            else:
                measure(given.rows, where, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(rows: int, where: str, folder: Path) -> None:
    """Load once, change 1 %, and run both ways."""
    from bare_server import bare_server

    sql(where, f"CREATE TABLE people AS SELECT {COLUMNS} FROM generate_series(0, {rows - 1}) t(i)")
    with bare_server() as url:
        job = {"url": url, "where": where}
        told("first load, pulled", child(**job, store=str(folder / "pulled")))
        shutil.copytree(folder / "pulled", folder / "compared")
        told("ids table taken over", child(**job, store=str(folder / "compared"), warehouse=True))
        sql(where, "UPDATE people SET company = 'Moved Ltd.' WHERE visits % 100 = 7")
        pulled = told("1 % changed, pulled", child(**job, store=str(folder / "pulled")))
        compared = told(
            "1 % changed, compared there", child(**job, store=str(folder / "compared"), warehouse=True)
        )
    for name in ("seconds", "own", "peak_mb"):
        print(f"{name:<30}{compared[name] / pulled[name]:.2f} x")
    print(f"{'rows moved':<30}{compared['moved'] / rows:.2%}")


def measure_merge(lines: int, outcomes: int, where: str) -> None:
    """Merge outcomes into an ids table, four of five into lines all over it, the others new, while somebody
    reads them.
    """
    from bench.warehouse_bench import lines_to_merge

    from hubspot_batch_dagster import Warehouse

    old = outcomes * 4 // 5
    places = [n * (lines // old) if n < old else lines + n for n in range(outcomes)]
    with Warehouse("SELECT 1", connection=where).open(memory="512MB") as engine:
        spread = f"CASE WHEN n < {old} THEN n * {lines // old} ELSE {lines} + n END AS i"
        at = f"(SELECT n, {spread} FROM generate_series(0, {outcomes - 1}) g(n)) t"
        ids, brought, pairs = lines_to_merge(engine, "people", lines, at)
        with reader(where, ids.table, places) as seen:
            seconds, sent = merged(ids, brought, pairs)
        there = engine.count(f"SELECT count(*) FROM {ids.table} WHERE _generation = 2")
    assert there == outcomes, there
    print(
        f"{outcomes:,} outcomes into {lines:,} lines: {seconds:.1f} s, of these {sent:.1f} s to bring them"
        f" there. {sum(seen.values())} reads meanwhile saw {dict(seen)} of {READ} merged lines."
    )


READ = 200
"""Merged lines that the reader looks at, the first and the last among them."""


def merged(ids: Any, brought: Any, pairs: Any) -> tuple[float, float]:
    """Seconds of a merge, and of these until its transaction begins."""
    from bench.warehouse_bench import merge

    engine, began, loaded = ids._engine, time.perf_counter(), 0.0
    transaction = engine.transaction

    def timed() -> Any:
        nonlocal loaded
        loaded = time.perf_counter() - began
        return transaction()

    engine.transaction = timed
    merge(ids, brought, pairs)
    return time.perf_counter() - began, loaded


@contextmanager
def reader(where: str, table: str, places: list[int]) -> Iterator[Counter[int]]:
    """Somebody who reads some of the lines again and again: how often how many of them were merged."""
    from hubspot_batch_dagster import Warehouse

    seen, over = Counter[int](), threading.Event()
    looked = [places[n * (len(places) - 1) // (READ - 1)] for n in range(READ)]
    keys = ", ".join(f"'person.{i}@example.com'" for i in looked)

    def look() -> None:
        with Warehouse("SELECT 1", connection=where).open(memory="512MB") as engine:
            while not over.wait(0.02):
                seen[
                    engine.count(f"SELECT count(*) FROM {table} WHERE _generation = 2 AND _key IN ({keys})")
                ] += 1

    looking = threading.Thread(target=look)
    looking.start()
    while not seen:
        time.sleep(0.01)
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def run(url: str, where: str, store: str, warehouse: bool = False) -> dict[str, Any]:
    """One run."""
    import pyarrow as pa

    from hubspot_batch_dagster import Upsert, Warehouse
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.sync.run import run_sync
    from hubspot_batch_dagster.sync.state.store import Store
    from hubspot_batch_dagster.sync.warehouse.comparison import Comparison

    query, took = "SELECT * FROM people", {"merge": 0.0}
    merge = Comparison.merge

    def timed(self: Comparison, *args: Any, **options: Any) -> None:
        began = time.perf_counter()
        merge(self, *args, **options)
        took["merge"] = time.perf_counter() - began

    Comparison.merge = timed  # type: ignore[method-assign]
    source = Warehouse(query, connection=where)
    with HubSpotClient("bench", base_url=url) as client, source.open(memory="512MB") as engine:
        place = Store(store)
        rows: object = source
        if not warehouse:
            reader = engine.stream(query)
            rows = pa.RecordBatchReader.from_batches(reader.schema, iter(reader))
        began, before = time.perf_counter(), own_seconds()
        operation = Upsert("contacts", id_property="email")
        result = run_sync(rows, operation, client=client, store=place, name="people").result
        seconds, own = time.perf_counter() - began, own_seconds() - before
        place.close()
    return {
        "seconds": seconds,
        "own": own,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "moved": result.rows - (result.compared_in_warehouse or 0),
        "counts": {name: n for name, n in result.counts.items() if n},
        "merge": took["merge"],
    }


def own_seconds() -> float:
    """The processor's seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def child(**job: Any) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--child", json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(what: str, found: dict[str, Any]) -> dict[str, Any]:
    """Print one run."""
    merge = f", merge {found['merge']:.1f} s" if found["merge"] else ""
    print(
        f"{what:<30}{found['seconds']:.1f} s, own {found['own']:.1f} s, peak {found['peak_mb']:.0f} MB, "
        f"{found['moved']:,} rows moved{merge}, {found['counts']}",
        flush=True,
    )
    return found


@contextmanager
def connection(engine: str, folder: Path) -> Iterator[str]:
    """A database for the measure."""
    if engine == "duckdb":
        import duckdb

        duckdb.connect(str(folder / "warehouse.duckdb")).close()
        yield str(folder / "warehouse.duckdb")
        return
    from bench.servers import started_postgres

    server = started_postgres()
    try:
        yield server.url
    finally:
        server.stop()


def sql(where: str, *statements: str) -> None:
    """Carry out statements."""
    from hubspot_batch_dagster import Warehouse

    with Warehouse("SELECT 1", connection=where).open(memory="512MB") as engine:
        for each in statements:
            engine.execute(each)


if __name__ == "__main__":
    main()
