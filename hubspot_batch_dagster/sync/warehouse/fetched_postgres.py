"""Postgres as the warehouse where its ADBC driver is not installed: psycopg fetches rows, and they become
Arrow here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.staging.statements import quoted
from hubspot_batch_dagster.sync.warehouse.fetched_rows import ROWS_AT_ONCE, fetched
from hubspot_batch_dagster.sync.warehouse.postgres_engine import PostgresEngine

_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "bytea": pa.binary(),
    "numeric": pa.string(),
    "uuid": pa.string(),
    "json": pa.string(),
    "jsonb": pa.string(),
    **dict.fromkeys(("text", "varchar", "bpchar", "name"), pa.string()),
}
"""Postgres' types -> Arrow's, as the ADBC driver has them. Any other comes as a text of unknown meaning."""

_AS_TEXT = ("numeric", "uuid", "json", "jsonb", "interval", "date", "timestamp", "timestamptz")
"""Types that psycopg must not read: it knows fewer of their values than Postgres."""

_COLUMNS = {
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.date32(): "date",
    pa.time64("us"): "time",
    pa.binary(): "bytea",
}
"""Arrow's types -> those of a table that rows are loaded into. Any other is written as text."""


class FetchedPostgres(PostgresEngine):
    """A session of a Postgres server, by psycopg.

    Args:
        url: A libpq URL, or one of SQLAlchemy's for it.

    Raises:
        InputError: psycopg is not installed either.
    """

    def _connect(self, url: str) -> Any:
        try:
            import psycopg
        except ImportError:
            raise InputError(
                "Postgres as a warehouse needs its ADBC driver or psycopg, and neither is installed.",
                remedy="Run: pip install 'hubspot-batch-dagster[warehouse]'.",
            ) from None
        from psycopg.types.string import TextLoader

        connection = psycopg.connect(url, autocommit=True)
        for name in _AS_TEXT:
            connection.adapters.register_loader(name, TextLoader)
        return connection

    def errors(self) -> tuple[type[Exception], ...]:
        import psycopg

        return (psycopg.Error,)

    def stream(self, query: str) -> pa.RecordBatchReader:
        # A cursor of the server gives rows as they are asked for; held, it needs no transaction of its own.
        with self.explained():
            cursor = self._connection.cursor(name="hubspot_rows", withhold=True)
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(query)
            schema = pa.schema([(each.name, self._type(each.type_code)) for each in cursor.description])
        return fetched(cursor, schema, _array, self.explained)

    def load(self, table: str, rows: pa.RecordBatchReader) -> None:
        columns = ", ".join(f"{quoted(each.name)} {_column(each.type)}" for each in rows.schema)
        with self.lock, self.explained(), self._connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE TEMPORARY TABLE {table} ({columns})")
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for batch in rows:
                    for row in zip(*(each.to_pylist() for each in batch.columns), strict=True):
                        copy.write_row(row)

    def _type(self, code: int) -> pa.DataType:
        found = self._connection.adapters.types.get(code)
        name = found.name if found is not None else str(code)
        if found is not None and code == found.array_oid:
            return pa.list_(_TYPES.get(name, pa.string()))
        return _TYPES.get(name) or pa.opaque(pa.string(), name, "PostgreSQL")


def _array(values: Sequence[Any], kind: pa.DataType) -> Any:
    """Values as psycopg gives them: moments as Postgres' own text, of which Arrow has no infinity and no
    years before the first.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return cast("Any", kind).wrap_array(pa.array(values, pa.string()))
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return pa.array(values, kind)
    within = pa.array([None if _beyond(each) else each for each in values], pa.string()).cast(kind)
    if not any(map(_beyond, values)):
        return within
    count = pa.int32() if pa.types.is_date(kind) else pa.int64()
    farthest = (
        2 ** (31 if pa.types.is_date(kind) else 63) - 1
    )  # no date at all: its row is refused, as it is with ADBC
    filled = [
        farthest if _beyond(text) else n
        for text, n in zip(values, within.view(count).to_pylist(), strict=True)
    ]
    return pa.array(filled, count).view(kind)


def _beyond(text: str | None) -> bool:
    return text is not None and (text.endswith((" BC", "infinity")))


def _column(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamp with time zone" if kind.tz else "timestamp"
    return _COLUMNS.get(kind, "text")
