"""Where the rows of a component come from: an upstream asset, SQL, or a file."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
from pydantic import ConfigDict, Field, model_validator

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.csv_rows import csv_rows
from hubspot_batch_dagster.component.fields import CastFields, Located, explained
from hubspot_batch_dagster.component.source_errors import reading
from hubspot_batch_dagster.component.sql_rows import ROWS_AT_A_TIME, query_rows, values_of
from hubspot_batch_dagster.session_checks import check_database_url, check_store_url
from hubspot_batch_dagster.sync.changed_since import ChangedSince, Moment
from hubspot_batch_dagster.sync.state.remote_files import is_away
from hubspot_batch_dagster.sync.warehouse.warehouse_query import Warehouse

_OVERLAP = re.compile(r"(\d+) *([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PATH_NAMES = re.compile(r"\{(\w+)\}")


def beside_the_yaml(context: dg.ResolutionContext, value: str | None) -> str | None:
    """Look for a relative path in defs.yaml from that file's folder, whatever folder Dagster was started
    in.
    """
    if value is None or "://" in value or value == ":memory:":
        return value
    return str(context.resolve_source_relative_path(value))


class Cursor(Located, dg.Model):
    """A column by which most runs read only the rows that changed: :class:`ChangedSince`.

    Args:
        column: A column of timestamps, dates or whole numbers that is set anew whenever a row changes.
        overlap: How far before the newest row of the last run is read again: a time such as ``30m``, ``1h``
            or ``2d``, or a number for a column of whole numbers.
        full_every: Of so many runs one reads all rows.

    Raises:
        InputError: ``overlap`` is no time, or a value is below its least.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    column: Annotated[str, dg.Resolver.default(description="Column that is set anew whenever a row changes.")]
    overlap: Annotated[
        str | int | None,
        dg.Resolver.default(
            description="How far back is read again: 30m, 1h, 2d, or a number for whole numbers."
        ),
    ] = None
    full_every: Annotated[int, dg.Resolver.default(description="Of so many runs one reads all rows.")] = 7

    @model_validator(mode="after")
    def _can_be_meant(self) -> "Cursor":
        self.over(())
        return self

    def over(self, rows: object) -> ChangedSince:
        """Return the rows as read by this cursor."""
        overlap: timedelta | int | None
        if isinstance(self.overlap, str):
            found = _OVERLAP.fullmatch(self.overlap.strip())
            if found is None:
                raise InputError(
                    f"overlap is {self.overlap!r}.", remedy="Give a time such as 30m, 1h or 2d, or a number."
                )
            overlap = timedelta(**{_UNITS[found[2]]: int(found[1])})
        else:
            overlap = self.overlap
        return ChangedSince(self.column, rows, overlap=overlap, full_every=self.full_every)


class Source(Located, dg.Model):
    """Where the rows come from. Give one of ``asset``, ``sql`` (with ``connection``) and ``path``.

    For a partitioned asset, ``sql`` and ``path`` may name ``partition_key``, and with time windows
    ``partition_start`` and ``partition_end``: ``$partition_key`` for DuckDB, ``:partition_key`` for
    SQLAlchemy, ``{partition_key}`` in a path. The two times are local times of the partitions' own time zone,
    and DuckDB and PostgreSQL work in that zone while they read: so a date, a timestamp with or without zone,
    and a text are compared as they are meant, wherever the step runs. A timestamp without zone is a local
    time of that zone. Texts are compared with a text: a date where both ends are midnights.

    Args:
        asset: Key of an upstream asset. Its IO manager loads the value.
        sql: A query. Its rows are read in chunks.
        connection: What the query runs on: a DuckDB file, or a SQLAlchemy URL.
        path: A Parquet, CSV or TSV file, or several by a pattern such as ``2026/*.parquet``, which are read
            in the order of their names; local, or any URL that fsspec knows. Every CSV column is read as
            text, so that ``01234`` keeps its zero, and an empty cell is null.
        diff: ``warehouse`` has the connection's database compare the rows, and moves those that may have
            changed: a :class:`Warehouse`. For a DuckDB file and Postgres, and for assets without partitions.
        changed_since: The cursor column of a source whose rows say when they changed: most runs read only
            those that did. The query is put into another one that asks for newer rows, so its ``ORDER BY``,
            if it has one, must be allowed in a subquery.
        cast: How text becomes a value in every column, such as ``null_values: ["N/A"]`` and ``true_values:
            ["yes"]``; the fields are those of :class:`Cast`.

    Raises:
        InputError: None or several of them are given, or ``sql`` without ``connection``, or ``diff`` without
            ``sql``.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    asset: Annotated[
        str | None, dg.Resolver.default(description="Key of the upstream asset whose value are the rows.")
    ] = None
    sql: Annotated[str | None, dg.Resolver.default(description="Query whose result are the rows.")] = None
    connection: Annotated[
        str | None,
        dg.Resolver(
            beside_the_yaml,
            model_field_type=str,
            description=(
                "What sql runs on: a DuckDB file, or a SQLAlchemy URL such as {{ env.WAREHOUSE_URL }}."
            ),
        ),
    ] = Field(default=None, repr=False)
    path: Annotated[
        str | None,
        dg.Resolver(
            beside_the_yaml, model_field_type=str, description="A .parquet, .csv or .tsv file, or its URL."
        ),
    ] = None

    diff: Annotated[
        Literal["warehouse"] | None,
        explained("Where rows are compared with those of the last run; by default here.", ("warehouse",)),
    ] = None

    changed_since: Annotated[
        Cursor | None,
        dg.Resolver.default(description="Cursor column by which most runs read only the rows that changed."),
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
            if self.changed_since is not None:
                raise InputError(
                    "changed_since does not go with diff: warehouse, which compares all rows itself.",
                    remedy="Leave one of them out.",
                )
        if self.path is not None:
            check_store_url(self.path, "path")
        if self.connection is not None and "://" in self.connection and "duckdb:///" not in self.connection:
            check_database_url("connection", self.connection)
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
        """Return what a sync is given: the rows as :meth:`read` has them, or the :class:`Warehouse` that they
        stay in.

        Raises:
            InputError: The rows are compared in a warehouse, and the asset has partitions.
        """
        if self.changed_since is not None:
            return self.changed_since.over(partial(self.read, partition))
        if self.diff is None:
            return self.read(partition)
        if partition:
            self.refuse_partitions()
        return Warehouse(self.sql or "", connection=self.connection or "")

    def refuse_partitions(self, *, portals: bool = False) -> None:
        """Refuse what cannot be read partition by partition.

        Args:
            portals: Each partition goes to a portal of its own, and so has a sync of its own.

        Raises:
            InputError: The source has a cursor, or its rows are compared in their warehouse.
        """
        if self.diff is not None:
            raise InputError(
                "diff: warehouse takes no partitions: its query has no parameters.",
                remedy=(
                    "Leave diff out, or write an asset that returns Warehouse(...) with the partition in its"
                    " query."
                ),
            )
        if self.changed_since is not None and not portals:
            raise InputError(
                "changed_since takes no partitions: each partition says itself which rows are read.",
                remedy="Leave it out, or leave the partitions out.",
            )

    def read(self, partition: Mapping[str, Any], since: Moment | None = None) -> Iterator[Any]:
        """Yield the rows of ``sql`` or ``path``, chunk by chunk; nothing is opened before the first is asked
        for.

        Args:
            partition: What ``sql`` and ``path`` may name.
            since: Leave older rows out, by ``changed_since``. A file is read as a whole all the same.

        Raises:
            InputError: The file does not exist, the connection cannot be meant, or a name is unknown.
            SourceUnavailable: The database or the file system does not answer, or broke off.
        """
        if self.path is not None:
            yield from _file_rows(_filled_in(self.path, partition))
        elif self.sql is not None and self.connection is not None:
            yield from query_rows(self.connection, self.sql, partition, self._newer(since))

    def _newer(self, since: Moment | None) -> "tuple[str, Moment] | None":
        """Return the cursor column and the moment from which rows are wanted."""
        return None if since is None or self.changed_since is None else (self.changed_since.column, since)


def partition_values(context: dg.AssetExecutionContext) -> dict[str, Any]:
    """Return what ``sql`` and ``path`` may name in this run: nothing for an asset without partitions."""
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


def _file_rows(path: str) -> Iterator[pa.RecordBatch]:
    import fsspec
    import pyarrow.parquet as pq

    from hubspot_batch_dagster.table.parquet import stored_batches

    kind = _kind(path)
    first: tuple[str, list[str]] | None = None
    # Each file system has errors of its own.
    with reading(path, (Exception,), is_away, remedy="Check path in source."):
        for each in _files(path):
            try:
                with fsspec.open(each, "rb") as file:
                    if kind == "parquet":
                        batches = stored_batches(pq.ParquetFile(file, pre_buffer=False), ROWS_AT_A_TIME)
                    else:
                        batches = csv_rows(each, file, "\t" if kind == "tsv" else ",")
                    for batch in batches:
                        first = first or (each, batch.schema.names)
                        _check_columns(each, batch.schema.names, *first)
                        yield batch
            except FileNotFoundError as error:
                cause = error.__cause__
                if isinstance(cause, Exception) and is_away(cause):  # so fsspec says that nobody answers
                    raise cause from None
                raise InputError(f"There is no file {each}.", remedy="Check path in source.") from None
            except (IsADirectoryError, PermissionError) as error:
                raise InputError(
                    f"{each} cannot be read: {error.strerror or error}.", remedy="Check path in source."
                ) from None
            except pa.ArrowInvalid as error:
                if kind != "parquet":
                    raise
                raise InputError(
                    f"The file {each} is no Parquet file: {error}", remedy="Write it anew."
                ) from None


def _check_columns(file: str, names: list[str], first: str, expected: list[str]) -> None:
    if set(names) != set(expected):
        raise InputError(
            f"{file} has the columns {', '.join(names)}, and {first} has {', '.join(expected)}.",
            remedy="Give all files of the pattern the same columns.",
        )


def _files(path: str) -> list[str]:
    """Return the files that a pattern names, in the order of their names; the path itself if it is none."""
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
    values = values_of(_PATH_NAMES.findall(path), partition)
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path
