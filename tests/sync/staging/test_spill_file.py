"""The texts of a run on disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from hubspot_batch_dagster.sync.staging.spill_file import SCHEMA, SpillFile


def rows(first: int, count: int) -> pa.RecordBatch:
    numbers = range(first, first + count)
    return pa.RecordBatch.from_pydict(
        {
            "row": list(numbers),
            "properties": [f'{{"n":"{n}"}}' for n in numbers],
            "associations": [None for _ in numbers],
        },
        schema=SCHEMA,
    )


@pytest.mark.parametrize("plain_bytes", [0, 2_000, 1 << 30])
def test_rows_come_back_in_order_whether_plain_compressed_or_both(tmp_path: Path, plain_bytes: int):
    spool = SpillFile(tmp_path, plain_bytes=plain_bytes)
    for first in range(0, 500, 50):
        spool.add(rows(first, 50))
    spool.close()
    found = pa.Table.from_batches(spool.read())
    assert found.equals(pa.Table.from_batches([rows(0, 500)]))


def test_what_comes_after_the_plain_bytes_is_compressed(tmp_path: Path):
    sizes = []
    for plain_bytes in (0, 100_000, 1 << 30):
        folder = tmp_path / str(plain_bytes)
        folder.mkdir()
        spool = SpillFile(folder, plain_bytes=plain_bytes)
        for first in range(0, 10_000, 1_000):
            spool.add(rows(first, 1_000))
        spool.close()
        sizes.append(sum(each.stat().st_size for each in folder.iterdir()))
    assert sizes[0] < sizes[1] < sizes[2]


def test_planned_rows_find_their_texts_over_the_end_of_a_file(tmp_path: Path):
    spool = SpillFile(tmp_path, plain_bytes=1_000)
    for first in range(0, 100, 10):
        spool.add(rows(first, 10))
    spool.close()
    planned = pa.RecordBatch.from_pydict({"row": list(range(1, 100, 2))})
    joined = pa.concat_tables(spool.joined(iter([planned])))
    assert joined.column("properties").to_pylist() == [f'{{"n":"{n}"}}' for n in range(1, 100, 2)]
