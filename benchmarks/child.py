"""One measure in a fresh process, so that its CPU time and its peak of memory are its own.

    python benchmarks/child.py sync '{"url": "http://127.0.0.1:1234", "rows": 1000}'

Prints one JSON object. `run.py` starts it; a job is a function of this module.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

SEVEN = {
    "email": "email",
    "firstname": "firstname",
    "lastname": "lastname",
    "company": "company",
    "jobtitle": "plan",
    "zip": "visits",
    "city": "active",
}
"""Property -> column of the small tables: properties that every portal has."""


def sync(
    url: str,
    pool: str,
    rows: int,
    *,
    token: str = "bench",
    action: str = "upsert",
    kind: str = "contacts",
    properties: dict[str, str] | None = None,
    changed: int = 0,
    streamed: bool = False,
    journal: bool = True,
    store: str = "",
    companies: int = 0,
) -> dict[str, Any]:
    """One `run_sync` of a table (or a stream) of made-up rows; the table is made before the clock starts.

    With `companies` each row of a table is to be associated with so many.
    """
    import tables

    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.operations.association import Association
    from hubspot_batch_dagster.operations.records import Create, Upsert
    from hubspot_batch_dagster.sync import run
    from hubspot_batch_dagster.sync.state.store import Store

    read = tables.stream if streamed else tables.table
    chosen = properties or {name: name for name in tables.stream(pool, 0).schema.names}
    operation: Any
    if action == "create":
        operation = Create(kind, key="email", properties=chosen)
    else:
        associations = [Association("companies", column="companies")] if companies else []
        operation = Upsert(kind, id_property="email", properties=chosen, associations=associations)
    with tempfile.TemporaryDirectory() as folder, HubSpotClient(token, base_url=url) as client:
        place = Store(store or folder)
        if not journal:
            _forget_everything(place.journal)
        source = read(pool, rows, changed=changed)
        if companies:
            source = tables.with_companies(source, companies)
        with _measured() as figures:
            done = run.run_sync(source, operation, client=client, store=place, name="bench").result
        place.close()
    counts = {name: n for name, n in done.counts.items() if n}
    return {
        **figures,
        "counts": counts,
        "requests": done.requests,
        "retries": done.retries,
        "associated": done.association_counts.get("associated", 0),
    }


def peer(name: str, url: str, pool: str, rows: int, *, token: str = "bench") -> dict[str, Any]:
    """The loop that one writes with another client: batches of 100, one after another."""
    import peers

    inputs = peers.inputs(pool, rows, SEVEN)
    with _measured() as figures:
        written = getattr(peers, name)(url, token, inputs)
    if written != rows:
        raise RuntimeError(f"{name} wrote {written} of {rows} rows")
    return dict(figures)


def plan(parquet: str, store: str, rows: int) -> dict[str, Any]:
    """Read, encode, stage and plan a Parquet file against the ids table of `store`; nothing is sent.

    A model of the first half of `run_sync`, which has no way to stop there.
    """
    import duckdb  # noqa: F401 - loading libraries is no part of a plan, and `scan` has loaded its own
    import pandas  # noqa: F401 - pyarrow loads it
    import pyarrow.parquet as pq

    from hubspot_batch_dagster.operations.records import Upsert
    from hubspot_batch_dagster.sync.column_mapping import bind
    from hubspot_batch_dagster.sync.planning import planner
    from hubspot_batch_dagster.sync.staging import known_rows
    from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
    from hubspot_batch_dagster.sync.state.store import Store
    from hubspot_batch_dagster.table.rows import record_batches

    operation = Upsert("contacts", id_property="email")
    place = Store(store)
    with _measured() as figures, tempfile.TemporaryDirectory() as folder:
        source = record_batches(_batches(pq.ParquetFile(parquet, pre_buffer=False)))
        encoder = bind(operation, source.schema)
        with StagingArea(encoder, Path(folder)) as stage, place.local_ids("bench") as known:
            stage.take_in((each.num_rows, partial(encoder.encode, each, stage.rows_in)) for each in source)
            known_rows.attach(stage, known, ())
            found = planner.make_plan(
                stage, operation, definition=operation.definition(), full_refresh=False, size=100
            )
    place.close()
    assert sum(found.actions.values()) == rows, found
    return {**figures, "actions": found.actions}


def scan(parquet: str) -> dict[str, Any]:
    """DuckDB alone: read the Parquet file and md5 each of its rows, with as many threads as a run has."""
    import duckdb
    import pyarrow.parquet as pq

    names = [f'CAST("{name}" AS VARCHAR)' for name in pq.read_schema(parquet).names]
    with duckdb.connect(config={"threads": 2}) as db, _measured() as figures:
        db.execute(f"SELECT max(md5(concat_ws(chr(31), {', '.join(names)}))) FROM '{parquet}'").fetchall()
    return dict(figures)


def written(pool: str, rows: int, path: str, *, changed: int = 0) -> dict[str, Any]:
    """Write a made-up table as Parquet."""
    import pyarrow.parquet as pq
    import tables

    source = tables.stream(pool, rows, changed=changed)
    with pq.ParquetWriter(path, source.schema) as file:
        for batch in source:
            file.write_batch(batch)
    return {"rows": rows}


def bad_row(named: bool) -> dict[str, Any]:
    """100 contacts in one batch; HubSpot refuses the whole of it for the sake of one, and says which one or
    does not.
    """
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.emulator import Emulator, Fault
    from hubspot_batch_dagster.operations.records import Upsert
    from hubspot_batch_dagster.sync.run import run_sync
    from hubspot_batch_dagster.sync.state.store import Store

    rows = [{"email": f"p{at}@example.com", "lastname": "bad" if at == 37 else f"n{at}"} for at in range(100)]
    said = "Property values were not valid"
    if named:
        reason = {
            "isValid": False,
            "message": "not allowed",
            "error": "INVALID",
            "name": "lastname",
            "propertyValue": "bad",
        }
        said = f"{said}: {json.dumps([reason])}"
    with tempfile.TemporaryDirectory() as folder, Emulator() as hubspot:
        hubspot.faults.add(Fault.invalid_batch(said, operation="upsert", row={"lastname": "bad"}))
        with HubSpotClient(hubspot.token, base_url=hubspot.url) as client:
            done = run_sync(
                rows, Upsert("contacts", id_property="email"), client=client, store=Store(folder), name="bad"
            ).result
        sent = len(hubspot.books.requests())
    return {"requests": sent, "counts": {name: n for name, n in done.counts.items() if n}}


def imported(*, faces: bool = True) -> dict[str, Any]:
    """Milliseconds that a code location waits for this package after Dagster is there, and what it brought
    along.
    """
    import dagster  # noqa: F401

    before = set(sys.modules)
    start, cpu = time.perf_counter(), time.process_time()
    if faces:
        from hubspot_batch_dagster import (  # noqa: F401
            Archive,
            Create,
            HubSpotResource,
            Update,
            Upsert,
            hubspot_asset,
            hubspot_op,
        )
    took, used = time.perf_counter() - start, time.process_time() - cpu
    heavy = {"pandas", "pyarrow", "duckdb", "requests", "sqlalchemy", "pyrate_limiter", "fsspec"}
    return {"ms": took * 1000, "cpu_ms": used * 1000, "heavy": sorted(heavy & (set(sys.modules) - before))}


@contextmanager
def _measured() -> Iterator[dict[str, Any]]:
    """Wall and CPU seconds of what is done inside, and the process's peak of memory at its end, in MB."""
    figures: dict[str, Any] = {}
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    yield figures
    figures["seconds"] = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    figures["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures["peak_mb"] = after.ru_maxrss / 1024


def _batches(file: Any) -> Iterator[Any]:
    yield from file.iter_batches(batch_size=16_384)


def _forget_everything(journal: Any) -> None:
    """A journal that keeps nothing: only to measure what keeping costs. Never do this with real records."""

    def nothing(*_args: Any, **_options: Any) -> None: ...

    journal.intend = journal.settle = journal.record = nothing


def main() -> None:
    """Run the job that the command line names."""
    job, arguments = sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    jobs = (sync, peer, plan, scan, written, bad_row, imported)
    print(json.dumps({each.__name__: each for each in jobs}[job](**arguments)))


if __name__ == "__main__":
    main()
