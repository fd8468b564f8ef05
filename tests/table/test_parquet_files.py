"""Parquet files: what is written keeps its values, and a file that was read is closed at once, and not when a thread comes to it."""

import datetime as dt
import io
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.parquet import read_parquet, storable_batches, stored_batches


def is_open(file: Path) -> bool:
    """Whether this process has a file open."""
    for each in Path("/proc/self/fd").iterdir():
        try:
            if each.readlink() == file:
                return True
        except OSError:
            continue
    return False


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": list(range(1000)), "name": ["x" * 20] * 1000}), path, row_group_size=100)
    return path


def test_a_file_without_rows_is_a_table_without_rows(tmp_path: Path) -> None:
    """DuckDB writes it without a row group, in which pyarrow 19 looks for the last one."""
    path = tmp_path / "none.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS id, 'x' AS name WHERE false) TO '{path}'")
    assert read_parquet(path).schema.names == ["id", "name"]
    assert read_parquet(path, ["name"]) == pa.table({"name": pa.array([], pa.string())})
    assert [each.num_rows for each in stored_batches(pq.ParquetFile(path))] == [0]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
def test_a_file_is_closed_when_it_has_been_read(file: Path) -> None:
    """`pq.read_table` left it open one time in five, for a moment."""
    left_open = 0
    for _ in range(100):
        assert read_parquet(file).num_rows == 1000
        left_open += is_open(file)
    assert left_open == 0
    assert read_parquet(str(file), columns=["name"]).column_names == ["name"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
def test_a_stream_closes_its_file_after_the_last_batch(file: Path) -> None:
    opened = pq.ParquetFile(file, pre_buffer=False)
    stream = pa.RecordBatchReader.from_batches(opened.schema_arrow, stored_batches(opened))
    assert is_open(file)
    assert sum(batch.num_rows for batch in stream) == 1000
    assert not is_open(file)


def test_a_column_that_is_not_there_is_no_empty_one(file: Path) -> None:
    with pytest.raises(KeyError, match="it has no column nmae"):
        read_parquet(file, ["id", "nmae"])


def written(rows: object) -> pa.Table:
    file = io.BytesIO()
    schema, batches = storable_batches(rows)
    with pq.ParquetWriter(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    file.seek(0)
    return read_parquet(file)


def days(*millis: int | None) -> pa.Array:
    return pa.array(millis, pa.int64()).view(pa.date64())


NOON, NEXT_DAY = 43_200_000, 86_400_000
AT_NOON = dt.datetime(1970, 1, 1, 12)
WITH_TIMES = {
    "a column": (days(NOON, None), AT_NOON),
    "a list": (pa.ListArray.from_arrays([0, 1, 1], days(NOON)), [AT_NOON]),
    "a dictionary": (pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), days(NOON)), AT_NOON),
}


@pytest.mark.parametrize(("values", "kept"), WITH_TIMES.values(), ids=WITH_TIMES)
def test_a_date_with_a_time_of_day_keeps_it(values: pa.Array, kept: object) -> None:
    """Parquet has dates without times only, and would cut it off."""
    assert written(pa.table({"at": values}))["at"][0].as_py() == kept


@pytest.mark.parametrize("listed", [False, True])
def test_a_time_of_day_in_later_rows_is_refused_by_name_and_row(listed: bool) -> None:
    first, later = days(0, NEXT_DAY), days(NEXT_DAY, NOON)
    if listed:
        first, later = (pa.ListArray.from_arrays([0, 1, 2], each) for each in (first, later))
    batches = [pa.record_batch({"at": each}) for each in (first, later)]
    with pytest.raises(TableError, match=r"Column 'at' had dates in the first rows.*from row 2 on"):
        written(pa.RecordBatchReader.from_batches(batches[0].schema, batches))
    back = written(pa.RecordBatchReader.from_batches(batches[0].schema, batches[::-1]))
    assert back.num_rows == 4
