"""CPU time to turn a mixed table into HubSpot's property text, beside plain Python over the same rows.

    python benchmarks/encode.py [rows]

Prints microseconds of CPU per row, the median of three, for 15 columns: texts (some with quotes and
accents), integers, floats, decimals, bools, dates, timestamps, a list, and nulls in most of them.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa

from hubspot_batch_dagster.table.binding import bind
from hubspot_batch_dagster.table.layout import Definition, Field, Layout
from hubspot_batch_dagster.table.rows import record_batches

_POOL = 50_000
_REPEATS = 3
_STAGES = {"lead": "Lead", "customer": "Customer", "evangelist": "Evangelist"}
_DEFINITIONS = {
    "amount": Definition("amount", "number"),
    "lifecyclestage": Definition("lifecyclestage", "enumeration", options=_STAGES),
    "closedate": Definition("closedate", "datetime"),
    "birthday": Definition("birthday", "date"),
    "plan": Definition("plan", "string"),
}


def mixed_table(rows: int, seed: int = 0) -> pa.Table:
    """A made-up table of 15 columns; the same seed gives the same table."""
    rng = random.Random(seed)
    pool = pa.table(_columns(rng, min(rows, _POOL)))
    return pa.concat_tables([pool] * -(-rows // pool.num_rows)).slice(0, rows).combine_chunks()


def _columns(rng: random.Random, count: int) -> dict[str, pa.Array]:
    def some(make: Callable[[int], object], kind: pa.DataType | None = None, nulls: float = 0.1) -> pa.Array:
        return pa.array([None if rng.random() < nulls else make(at) for at in range(count)], kind)

    names = ["Zoë", "Jürgen", "Anna", "Ludwig", "Sofía", "O'Hara", "Ng", "Łukasz"]
    notes = ["called back, wants an offer", 'said "maybe" twice', "two\nlines", "plain words " * 4]
    start = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    return {
        "email": some(lambda at: f"person.{at}@example{at % 97}.com", nulls=0),
        "firstname": some(lambda _: rng.choice(names)),
        "lastname": some(lambda at: f"{rng.choice(names)}-{at}"),
        "company": some(lambda at: f"Company {at % 3000} Ltd."),
        "notes": some(lambda _: rng.choice(notes), nulls=0.5),
        "plan": some(lambda _: rng.choice(["free", "team", "enterprise"])),
        "lifecyclestage": some(lambda _: rng.choice(["lead", "Customer", "evangelist"])),
        "visits": some(lambda _: rng.randrange(1000), pa.int64()),
        "score": some(lambda _: rng.randrange(100), pa.int32()),
        "amount": some(lambda _: round(rng.uniform(0, 10_000), 2), pa.float64()),
        "price": some(lambda _: Decimal(rng.randrange(100_000)) / 100, pa.decimal128(10, 2)),
        "active": some(lambda _: rng.random() < 0.5, pa.bool_()),
        "birthday": some(lambda _: dt.date(1950, 1, 1) + dt.timedelta(rng.randrange(20_000)), pa.date32()),
        "closedate": some(
            lambda _: start + dt.timedelta(seconds=rng.randrange(10**7)), pa.timestamp("us", "UTC")
        ),
        "tags": some(lambda _: rng.sample(["red", "green", "blue"], 2), nulls=0.3),
    }


def encode_with_arrow(table: pa.Table) -> int:
    """Encodes the table as a sync does; returns how many rows can be sent."""
    reader = record_batches(table)
    fields = tuple(Field(name, name, _DEFINITIONS.get(name)) for name in table.column_names)
    layout = Layout(fields=fields, key=("email",), key_fold="email", id_property="email")
    encoder, first, good = bind(layout, reader.schema), 0, 0
    for batch in reader:
        good += encoder.encode(batch, first).good.num_rows
        first += batch.num_rows
    return good


def encode_with_json(table: pa.Table) -> int:
    """The plain way: each row a dict, each value through `str`, no checks; returns how many rows."""
    good = 0
    for batch in table.to_batches(max_chunksize=16_384):
        for row in batch.to_pylist():
            json.dumps({name: str(value) for name, value in row.items() if value is not None})
            good += 1
    return good


def cpu_per_row(work: Callable[[pa.Table], int], table: pa.Table) -> float:
    """Median CPU microseconds a row over `_REPEATS` runs; every row must come out."""
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        good = work(table)
        times.append(time.process_time() - start)
        if good != table.num_rows:
            raise RuntimeError(f"{table.num_rows - good} of {table.num_rows} rows were rejected")
    return statistics.median(times) / table.num_rows * 1e6


def main() -> None:
    """Prints both, and how they compare."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    table = mixed_table(rows)
    ours = cpu_per_row(encode_with_arrow, table)
    print(
        f"columns in Arrow:          {ours:6.2f} us/row  ({rows:,} rows, {table.num_columns} columns)",
        flush=True,
    )
    sample = table.slice(0, min(rows, 100_000))
    plain = cpu_per_row(encode_with_json, sample)
    print(
        f"json.dumps over to_pylist: {plain:6.2f} us/row  ({sample.num_rows:,} rows), {plain / ours:.1f}"
        " times as much"
    )


if __name__ == "__main__":
    main()
