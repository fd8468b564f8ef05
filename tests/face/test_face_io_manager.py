"""ArrowParquetIOManager: frames in, frames out, and never half a file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from face_helpers import QUIET

from hubspot_batch_dagster import ArrowParquetIOManager

TABLE = pa.table({"id": [1, 2, 3], "name": ["Ada", None, "Žofie 🐎"]})
KINDS = {
    "arrow": (pa.Table, lambda: TABLE),
    "pandas": (pd.DataFrame, TABLE.to_pandas),
    "polars": (pl.DataFrame, lambda: pl.from_arrow(TABLE)),
    "reader": (pa.RecordBatchReader, TABLE.to_reader),
}


def materialize(folder: Path, *assets: Any, manager: Any = None, **options: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        list(assets),
        resources={"io_manager": manager or ArrowParquetIOManager(base_dir=str(folder))},
        run_config=QUIET,
        raise_on_error=False,
        **options,
    )


def as_table(frame: Any) -> pa.Table:
    if isinstance(frame, pd.DataFrame):
        return pa.Table.from_pandas(frame, preserve_index=False)
    return frame.to_arrow() if isinstance(frame, pl.DataFrame) else pa.table(frame)


@pytest.mark.parametrize("given", sorted(KINDS))
def test_what_an_asset_returns_is_loaded_as_what_the_next_is_annotated_with(
    given: str, tmp_path: Path
) -> None:
    kind, make = KINDS[given]
    seen: dict[str, Any] = {}

    @dg.asset
    def up() -> kind:  # type: ignore[valid-type]
        return make()

    def reader_of(wanted: str, annotation: type) -> Any:
        @dg.asset(name=f"as_{wanted}")
        def down(up: annotation) -> None:  # type: ignore[valid-type]
            seen[wanted] = (type(up), as_table(up).to_pylist())

        return down

    @dg.asset
    def plain(up) -> None:
        seen["plain"] = (type(up), up.to_pylist())

    ran = materialize(tmp_path, up, plain, *(reader_of(name, KINDS[name][0]) for name in KINDS))
    assert ran.success
    for name, (kind_seen, rows) in seen.items():
        assert kind_seen is KINDS.get(name, KINDS["arrow"])[0]
        assert rows == TABLE.to_pylist(), name
    assert len(seen) == 5


def test_a_stream_is_written_batch_by_batch_and_read_batch_by_batch(tmp_path: Path) -> None:
    alive: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for i in range(5):
            written = list(tmp_path.rglob("*.tmp"))
            alive.append(len(written))
            yield pa.RecordBatch.from_pylist([{"id": i}])

    @dg.asset
    def up() -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches())

    @dg.asset
    def down(up: pa.RecordBatchReader) -> pa.RecordBatchReader:
        return up

    assert materialize(tmp_path, up, down).success
    assert alive == [0, 1, 1, 1, 1], (
        "each batch after the first was asked for while the file was being written"
    )
    assert pq.ParquetFile(tmp_path / "up.parquet").num_row_groups == 5
    assert pq.read_table(tmp_path / "down.parquet")["id"].to_pylist() == list(range(5))


FRAMES: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "polars categories": (
        lambda: pl.DataFrame({"x": pl.Series(["a", None, "b"], dtype=pl.Categorical)}),
        ["a", None, "b"],
    ),
    "polars enum": (lambda: pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Enum(["a", "b"]))}), ["a"]),
    "polars lists of categories": (
        lambda: pl.DataFrame({"x": pl.Series([["a", "b"], None], dtype=pl.List(pl.Categorical))}),
        [["a", "b"], None],
    ),
    "run ends": (lambda: pa.table({"x": pa.RunEndEncodedArray.from_arrays([2], ["a"])}), ["a", "a"]),
    "a DuckDB union": (
        lambda: duckdb.sql("SELECT unnest([5::UNION(n INTEGER, t VARCHAR), 'five']) AS x"),
        ["5", "five"],
    ),
    "pandas objects of several types": (lambda: pd.DataFrame({"x": [1, "b", None]}), ["1", "b", None]),
    "a list of dicts": (lambda: [{"x": 1}, {"x": None}], [1, None]),
    "dicts with a later whole float": (
        lambda: whole_then(2.0),
        [1] * 20_000 + [2] * 20_000,
    ),
    "an iterator of frames": (
        lambda: iter([pl.DataFrame({"x": [0.5]}), pd.DataFrame({"x": [1]})]),
        [0.5, 1.0],
    ),
}
if hasattr(pl, "Int128"):
    FRAMES["polars long integers"] = (
        lambda: pl.DataFrame({"x": pl.Series([2**80], dtype=pl.Int128)}),
        [str(2**80)],
    )


def whole_then(later: float) -> Iterator[dict[str, float]]:
    """Dicts whose later values are floats; a generator itself would be the step's own."""
    return iter([{"x": 1}] * 20_000 + [{"x": later}] * 20_000)


@pytest.mark.parametrize(("make", "values"), FRAMES.values(), ids=FRAMES.keys())
def test_every_frame_that_a_sync_takes_is_stored_with_its_values(
    tmp_path: Path, make: Callable[[], Any], values: list[Any]
) -> None:
    @dg.asset
    def up():
        return make()

    ran = materialize(tmp_path, up)
    assert ran.success, ran.all_events[-1]
    assert pq.read_table(tmp_path / "up.parquet")["x"].to_pylist() == values


def test_a_pandas_index_comes_back(tmp_path: Path) -> None:
    seen: list[pd.DataFrame] = []

    @dg.asset
    def up() -> pd.DataFrame:
        return pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="id"))

    @dg.asset
    def down(up: pd.DataFrame) -> None:
        seen.append(up)

    assert materialize(tmp_path, up, down).success
    assert list(seen[0].index) == ["a", "b"]
    assert list(seen[0].columns) == ["x"]


CANNOT_BE_STORED: dict[str, tuple[Callable[[], Any], str]] = {
    "a cell that cannot be read": (lambda: [{"x": "a"}, {"x": "b\ud800"}], "Column 'x'"),
    "a later fraction among whole numbers": (
        lambda: whole_then(99.5),
        "Column 'x' was int64 in the first rows",
    ),
    "a type that Parquet does not have": (lambda: duckdb.sql("SELECT INTERVAL 1 DAY AS x"), "Column 'x'"),
}


@pytest.mark.parametrize(("make", "says"), CANNOT_BE_STORED.values(), ids=CANNOT_BE_STORED.keys())
def test_what_cannot_be_stored_is_refused_by_column_and_never_changed(
    tmp_path: Path, make: Callable[[], Any], says: str
) -> None:
    @dg.asset
    def up():
        return make()

    ran = materialize(tmp_path, up)
    assert not ran.success
    assert says in str(ran.failure_data_for_node("up").error.cause)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_table_is_loaded_as_a_reader_that_is_not_mistaken_for_an_exhausted_one(
    tmp_path: Path,
) -> None:
    @dg.asset
    def up() -> pa.Table:
        return TABLE.slice(0, 0)

    @dg.asset
    def down(up: pa.RecordBatchReader) -> pa.RecordBatchReader:
        return up

    assert materialize(tmp_path, up, down).success
    assert pq.read_table(tmp_path / "down.parquet").num_rows == 0


@pytest.mark.parametrize("wrong", [None, 7, {"id": [1]}], ids=["None", "a number", "a dict"])
def test_what_is_no_table_is_refused_and_the_last_file_stays(tmp_path: Path, wrong: object) -> None:
    values: list[object] = [TABLE, wrong]

    @dg.asset
    def up():
        return values.pop(0)

    assert materialize(tmp_path, up).success
    before = (tmp_path / "up.parquet").read_bytes()
    ran = materialize(tmp_path, up)
    assert not ran.success
    assert "up" in str(ran.failure_data_for_node("up"))
    assert "Return a p" in str(ran.failure_data_for_node("up"))
    assert (tmp_path / "up.parquet").read_bytes() == before


def test_a_write_that_fails_half_way_leaves_the_last_file_and_no_other(tmp_path: Path) -> None:
    def half() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise OSError("the source went away")

    values: list[object] = [TABLE, pa.RecordBatchReader.from_batches(TABLE.schema, half())]

    @dg.asset
    def up():
        return values.pop(0)

    materialize(tmp_path, up)
    assert not materialize(tmp_path, up).success
    assert pq.read_table(tmp_path / "up.parquet").equals(TABLE)
    assert [each.name for each in tmp_path.iterdir()] == ["up.parquet"]


def test_partitions_have_a_file_each_and_are_loaded_together_as_annotated(tmp_path: Path) -> None:
    both = dg.StaticPartitionsDefinition(["eu", "us"])
    seen: dict[str, Any] = {}

    @dg.asset(partitions_def=both)
    def sales(context: dg.AssetExecutionContext) -> pa.Table:
        return pa.table({"region": [context.partition_key]})

    @dg.asset(partitions_def=both)
    def same(sales: pl.DataFrame) -> None:
        seen["one"] = sales

    @dg.asset
    def frames(sales: dict[str, pd.DataFrame]) -> None:
        seen["frames"] = sales

    @dg.asset
    def tables(sales: dict[str, pa.Table]) -> None:
        seen["tables"] = sales

    with dg.DagsterInstance.ephemeral() as instance:
        for key in ("eu", "us"):
            assert materialize(tmp_path, sales, same, partition_key=key, instance=instance).success
        assert materialize(
            tmp_path, sales, frames, tables, selection=[frames, tables], instance=instance
        ).success
    assert {each.name for each in (tmp_path / "sales").iterdir()} == {"eu.parquet", "us.parquet"}
    assert seen["one"]["region"].to_list() == ["us"]
    assert {key: type(each) for key, each in seen["frames"].items()} == {
        "eu": pd.DataFrame,
        "us": pd.DataFrame,
    }
    assert {key: each["region"].to_pylist() for key, each in seen["tables"].items()} == {
        "eu": ["eu"],
        "us": ["us"],
    }


def test_a_subclass_writes_parquet_files_too(tmp_path: Path) -> None:
    """An extension that is a field is None in subclasses, and their files have no name that Parquet readers
    know.
    """

    class Mine(ArrowParquetIOManager):
        note: str = ""

    @dg.asset
    def up() -> pa.Table:
        return TABLE

    assert materialize(tmp_path, up, manager=Mine(base_dir=str(tmp_path), note="ours")).success
    assert (tmp_path / "up.parquet").exists()
    assert "extension" not in Mine.model_fields


def test_the_path_is_shown_and_the_options_of_the_file_system_are_handed_on(tmp_path: Path) -> None:
    @dg.asset
    def up() -> pa.Table:
        return TABLE

    manager = ArrowParquetIOManager(base_dir=f"file://{tmp_path}", file_system={"auto_mkdir": "true"})
    ran = materialize(tmp_path, up, manager=manager)
    [event] = ran.asset_materializations_for_node("up")
    assert str(event.metadata["path"].value).endswith("up.parquet")
    assert (tmp_path / "up.parquet").exists()
    assert manager.storage_options == {"auto_mkdir": "true"}


def test_without_a_folder_the_files_are_in_dagsters_own(tmp_path: Path) -> None:
    @dg.asset
    def up() -> pa.Table:
        return TABLE

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert materialize(tmp_path, up, manager=ArrowParquetIOManager(), instance=instance).success
    assert (tmp_path / "storage" / "up.parquet").exists()


def test_an_optional_input_is_loaded_as_what_it_may_be(tmp_path: Path) -> None:
    seen = []

    @dg.asset
    def up() -> pa.Table:
        return TABLE

    @dg.asset
    def down(up: pd.DataFrame | None) -> None:
        seen.append(type(up))

    assert materialize(tmp_path, up, down).success
    assert seen == [pd.DataFrame]
