"""Where the rows of a component come from: an upstream asset, SQL, or a file."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
from pydantic import ConfigDict, Field, model_validator

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.csv_rows import csv_rows
from hubspot_batch_dagster.component.fields import CastFields, Located, explained
from hubspot_batch_dagster.sync.warehouse.warehouse_query import Warehouse
from hubspot_batch_dagster.table.duckdb_rows import arrow_reader
from hubspot_batch_dagster.table.objects import column_of

ROWS_AT_A_TIME = 10_000
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.S)
"""Texts, quoted names and comments in SQL: what looks like a parameter in them is none."""
_PATH_NAMES = re.compile(r"\{(\w+)\}")


def _beside_the_yaml(context: dg.ResolutionContext, value: str | None) -> str | None:
    """A local path in defs.yaml is relative to that file, whatever folder Dagster was started in."""
    if value is None or "://" in value or value == ":memory:":
        return value
    return str(context.resolve_source_relative_path(value))


class Source(Located, dg.Model):
    """Where the rows come from. Give one of ``asset``, ``sql`` (with ``connection``) and ``path``.

    For a partitioned asset, ``sql`` and ``path`` may name ``partition_key``, and with time windows
    ``partition_start`` and ``partition_end``: ``$partition_key`` for DuckDB, ``:partition_key`` for SQLAlchemy,
    ``{partition_key}`` in a path. The two times are local times of the partitions' own time zone, and DuckDB and
    PostgreSQL work in that zone while they read: so a date, a timestamp with or without zone, and a text are compared as they
    are meant, wherever the step runs. A timestamp without zone is a local time of that zone. Texts are compared
    with a text: a date where both ends are midnights.

    Args:
        asset: Key of an upstream asset. Its IO manager loads the value.
        sql: A query. Its rows are read in chunks.
        connection: What the query runs on: a DuckDB file, or a SQLAlchemy URL.
        path: A Parquet, CSV or TSV file, or several by a pattern such as ``2026/*.parquet``, which are read in the order of
            their names; local, or any URL that fsspec knows. Every CSV column is read as text, so
            that ``01234`` keeps its zero, and an empty cell is null.
        diff: ``warehouse`` has the connection's database compare the rows, and moves those that may have changed: a
            :class:`Warehouse`. For a DuckDB file and Postgres, and for assets without partitions.
        cast: How text becomes a value in every column, such as ``null_values: ["N/A"]`` and ``true_values: ["yes"]``; the
            fields are those of :class:`Cast`.

    Raises:
        InputError: None or several of them are given, or ``sql`` without ``connection``, or ``diff`` without ``sql``.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    asset: Annotated[
        str | None, dg.Resolver.default(description="Key of the upstream asset whose value are the rows.")
    ] = None
    sql: Annotated[str | None, dg.Resolver.default(description="Query whose result are the rows.")] = None
    connection: Annotated[
        str | None,
        dg.Resolver(
            _beside_the_yaml,
            model_field_type=str,
            description="What sql runs on: a DuckDB file, or a SQLAlchemy URL such as {{ env.WAREHOUSE_URL }}.",
        ),
    ] = Field(default=None, repr=False)
    path: Annotated[
        str | None,
        dg.Resolver(
            _beside_the_yaml, model_field_type=str, description="A .parquet, .csv or .tsv file, or its URL."
        ),
    ] = None

    diff: Annotated[
        Literal["warehouse"] | None,
        explained("Where rows are compared with those of the last run; by default here.", ("warehouse",)),
    ] = None

    cast: Annotated[
        CastFields | None,
        dg.Resolver.default(
            description="How text becomes a value in every column, where the source is text."
        ),
    ] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Source":
        given = [name for name in ("asset", "sql", "path") if getattr(self, name)]
        if len(given) != 1:
            raise InputError(
                f"source takes exactly one of asset, sql and path; {' and '.join(given) or 'none'} given.",
                remedy="Leave one of them.",
            )
        if (self.sql is None) is not (self.connection is None):
            raise InputError(
                "sql and connection belong together.",
                remedy="Give both: connection is a DuckDB file or a SQLAlchemy URL.",
            )
        if self.diff is not None:
            if self.sql is None:
                raise InputError(
                    "diff: warehouse compares the rows of a query.",
                    remedy="Give sql and connection, or leave it out.",
                )
            Warehouse(self.sql, connection=self.connection or "")  # refuses what cannot be meant
        if self.path is not None and _kind(self.path) is None:
            raise InputError(
                f"The file {self.path} is neither .parquet nor .csv nor .tsv.",
                remedy="Rename it, or read it in an upstream asset.",
            )
        return self

    @property
    def asset_key(self) -> dg.AssetKey | None:
        """The upstream asset, if the rows come from one."""
        return None if self.asset is None else dg.AssetKey.from_user_string(self.asset)

    def rows(self, partition: Mapping[str, Any]) -> object:
        """What a sync is given: the rows as :meth:`read` has them, or the :class:`Warehouse` that they stay in.

        Raises:
            InputError: The rows are compared in a warehouse, and the asset has partitions.
        """
        if self.diff is None:
            return self.read(partition)
        if partition:
            raise InputError(
                "diff: warehouse takes no partitions: the rows of one would make all others seem gone.",
                remedy="Leave diff out, or the partitions.",
            )
        return Warehouse(self.sql or "", connection=self.connection or "")

    def read(self, partition: Mapping[str, Any]) -> Iterator[Any]:
        """The rows of ``sql`` or ``path``, chunk by chunk; nothing is opened before the first is asked for.

        Args:
            partition: What ``sql`` and ``path`` may name.

        Raises:
            InputError: The file does not exist, the connection cannot be meant, or a name is unknown.
        """
        if self.path is not None:
            yield from _file_rows(_filled_in(self.path, partition))
        elif self.sql is not None and self.connection is not None:
            if "://" in self.connection and not self.connection.startswith("duckdb:///"):
                yield from _sqlalchemy_rows(self.connection, self.sql, partition)
            else:
                yield from _duckdb_rows(self.connection.removeprefix("duckdb:///"), self.sql, partition)


def partition_values(context: dg.AssetExecutionContext) -> dict[str, Any]:
    """What ``sql`` and ``path`` may name in this run: nothing for an asset without partitions."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return {}
    keys = context.partition_keys
    found: dict[str, Any] = {"partition_key": str(keys[0])} if len(keys) == 1 else {}
    partitions = context.assets_def.partitions_def
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        window, zone = context.partition_time_window, ZoneInfo(partitions.timezone or "UTC")
        found["partition_start"] = window.start.astimezone(zone)
        found["partition_end"] = window.end.astimezone(zone)
    return found


def _zone(partition: Mapping[str, Any]) -> str | None:
    """The time zone of the partitions, if they are windows of time."""
    start = partition.get("partition_start")
    return None if start is None else str(start.tzinfo)


def _local(values: Mapping[str, Any]) -> dict[str, Any]:
    """Times as local times of their zone, which compare with dates, timestamps and texts alike."""
    return {
        name: value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """Times as texts that sort among dates and among times, for a database that has no times."""
    times = [value for value in values.values() if isinstance(value, datetime)]
    form = "%Y-%m-%d" if all(each.time() == time.min for each in times) else "%Y-%m-%d %H:%M:%S"
    return {
        name: value.strftime(form) if isinstance(value, datetime) else value for name, value in values.items()
    }


def _duckdb_rows(database: str, sql: str, partition: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    import duckdb

    if database != ":memory:" and not Path(database).is_file():
        raise InputError(f"There is no DuckDB file {database}.", remedy="Check connection in source.")
    try:
        parameters = {name for each in duckdb.extract_statements(sql) for name in each.named_parameters}
    except duckdb.Error as error:
        raise InputError(f"The query in source cannot be read: {error}", remedy="Correct sql.") from None
    values = _named(sorted(parameters), partition)
    with duckdb.connect(database, read_only=database != ":memory:") as connection:
        if _zone(partition) is not None:
            connection.execute(f"SET TimeZone = '{_zone(partition)}'")
        try:
            found = connection.sql(sql, params=_local(values) or None)
        except duckdb.BinderException:  # a column of texts does not compare with times
            found = connection.sql(sql, params=_as_text(values) or None)
        if found is None:
            raise InputError("The query in source gives no rows.", remedy="Write a SELECT.")
        yield from arrow_reader(found, ROWS_AT_A_TIME)


def _sqlalchemy_rows(url: str, sql: str, partition: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    query = sqlalchemy.text(_LITERAL.sub(_without_parameters, sql))
    try:
        engine = sqlalchemy.create_engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The URL may hold a password, so the message repeats none of it.
        raise InputError(
            f"The connection in source cannot be used: {type(error).__name__}.",
            remedy="Give a DuckDB file or a SQLAlchemy URL, and install the driver it names.",
        ) from None
    try:
        with engine.connect() as connection:
            named = _named(list(query.compile().params), partition)
            values = _as_text(named) if engine.dialect.name == "sqlite" else _local(named)
            if engine.dialect.name == "postgresql" and _zone(partition) is not None:
                zone = sqlalchemy.text("SELECT set_config('TimeZone', :zone, false)")
                connection.execute(zone, {"zone": _zone(partition)})
            found = connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(query, values)
            names = list(found.keys())
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(
                    f"The query gives two columns the name {twice[0]!r}.", remedy="Rename one with AS."
                )
            some = False
            for rows in found.partitions(ROWS_AT_A_TIME):
                some = True
                yield _batch(names, zip(*rows, strict=True))
            if not some:  # a query without rows has columns all the same
                yield _batch(names, [()] * len(names))
    finally:
        engine.dispose()


def _without_parameters(literal: re.Match[str]) -> str:
    return re.sub(r"(?<!\\):(?=\w)", r"\\:", literal.group())


def _batch(names: list[str], columns: Iterable[Sequence[Any]]) -> pa.RecordBatch:
    """Values as the database gave them, each column with the types of its own values."""
    return pa.RecordBatch.from_arrays([column_of(values) for values in columns], names=names)


def _file_rows(path: str) -> Iterator[pa.RecordBatch]:
    import fsspec
    import pyarrow.parquet as pq

    kind = _kind(path)
    for each in _files(path):
        try:
            with fsspec.open(each, "rb") as file:
                if kind == "parquet":
                    yield from pq.ParquetFile(file, pre_buffer=False).iter_batches(ROWS_AT_A_TIME)
                else:
                    yield from csv_rows(each, file, "\t" if kind == "tsv" else ",")
        except FileNotFoundError:
            raise InputError(f"There is no file {each}.", remedy="Check path in source.") from None
        except pa.ArrowInvalid as error:
            if kind != "parquet":
                raise
            raise InputError(
                f"The file {each} is no Parquet file: {error}", remedy="Write it anew."
            ) from None


def _files(path: str) -> list[str]:
    """The files that a pattern names, in the order of their names; the path itself if it is none."""
    import fsspec

    if not set("*?[") & set(path):
        return [path]
    filesystem, pattern = fsspec.core.url_to_fs(path)
    found = sorted(str(filesystem.unstrip_protocol(each)) for each in filesystem.glob(pattern))
    if not found:
        raise InputError(f"No file matches {path}.", remedy="Check path in source.")
    return found


def _kind(path: str) -> str | None:
    ending = path.rsplit(".", 1)[-1].lower()
    return ending if ending in ("parquet", "csv", "tsv") else None


def _filled_in(path: str, partition: Mapping[str, Any]) -> str:
    values = _named(_PATH_NAMES.findall(path), partition)
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def _named(names: list[str], partition: Mapping[str, Any]) -> dict[str, Any]:
    for name in names:
        if name not in partition:
            raise InputError(
                f"The source names {name}, which this run has not.",
                remedy=f"It has {', '.join(partition) or 'no partition'}.",
            )
    return {name: partition[name] for name in names}
