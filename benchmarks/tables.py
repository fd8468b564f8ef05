"""Made-up tables for the measures: the 15 mixed columns of `encode`, with a key of its own for each row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

CHUNK = 16_384


def save_pool(path: Path) -> None:
    """Write the rows that tables repeat. Making them takes memory that must not count in a measure."""
    from encode import mixed_table

    table = mixed_table(3 * CHUNK)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as pool:
        pool.write_table(table, CHUNK)


def stream(pool: str | Path, rows: int, *, changed: int = 0) -> pa.RecordBatchReader:
    """Rows with a unique email, made one record batch at a time.

    Args:
        pool: What `save_pool` wrote.
        rows: How many.
        changed: In every `changed`-th row `company` is another one than in the table with 0.
    """
    file = pa.ipc.open_file(pa.memory_map(str(pool)))
    made = [file.get_batch(at) for at in range(file.num_record_batches)]
    return pa.RecordBatchReader.from_batches(made[0].schema, _batches(made, rows, changed))


def table(pool: str | Path, rows: int, *, changed: int = 0) -> pa.Table:
    """The same in memory."""
    return stream(pool, rows, changed=changed).read_all()


def with_companies(rows: pa.Table, each: int) -> pa.Table:
    """The rows with a column of record ids, so many in a cell; each company is named by ten rows or so."""
    ids = [str(1 + n * 10_000_000 + at // 10) for at in range(rows.num_rows) for n in range(each)]
    offsets = pa.array(range(0, len(ids) + 1, each), pa.int32())
    return rows.append_column("companies", pa.ListArray.from_arrays(offsets, pa.array(ids)))


def _batches(pool: list[pa.RecordBatch], rows: int, changed: int) -> Iterator[pa.RecordBatch]:
    for number, start in enumerate(range(0, rows, CHUNK)):
        batch = pool[number % len(pool)].slice(0, min(CHUNK, rows - start))
        position = pa.array(range(start, start + batch.num_rows), pa.int64())
        email = pc.binary_join_element_wise("person.", position.cast(pa.string()), "@example.com", "")
        batch = batch.set_column(batch.schema.get_field_index("email"), "email", email)
        if changed:
            moved = pa.array([at % changed == 0 for at in range(start, start + batch.num_rows)])
            company = pc.if_else(moved, "Moved Ltd.", batch.column("company"))
            batch = batch.set_column(batch.schema.get_field_index("company"), "company", company)
        yield batch
