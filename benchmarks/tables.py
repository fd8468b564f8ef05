"""Made-up tables for the measures: the 15 mixed columns of `encode`, with a key of its own for each row."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from encode import mixed_table

CHUNK = 16_384


def stream(rows: int, *, changed: int = 0, columns: int = 15) -> pa.RecordBatchReader:
    """Rows with a unique email, made one record batch at a time.

    Args:
        rows: How many.
        changed: In every `changed`-th row `company` is another one than in the table with 0.
        columns: The first so many of the 15.
    """
    pool = mixed_table(CHUNK * 3).select(mixed_table(1).column_names[:columns]).to_batches(CHUNK)
    return pa.RecordBatchReader.from_batches(pool[0].schema, _batches(pool, rows, changed))


def table(rows: int, *, changed: int = 0, columns: int = 15) -> pa.Table:
    """The same in memory."""
    return stream(rows, changed=changed, columns=columns).read_all()


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
