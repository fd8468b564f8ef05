"""A Parquet file that was read is closed: at once, and not when a thread comes to it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hubspot_batch_dagster.table.parquet import read_parquet, stored_batches


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
