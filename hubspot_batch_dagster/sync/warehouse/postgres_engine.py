"""Postgres as the warehouse, through its ADBC driver: rows come and go as Arrow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow as pa

from hubspot_batch_dagster.api.rate_limit.postgres_log import AWAY, FINAL
from hubspot_batch_dagster.sync.state.journal_engine import LIBPQ
from hubspot_batch_dagster.sync.state.patience import Patience
from hubspot_batch_dagster.sync.warehouse.engine import Engine

SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
}
"""What changes how a value is written as text. A role or a database may have set any of them."""

PLANNER = {"jit": "off", "random_page_cost": "1.1"}
"""A run asks for few lines of a big table. At the server's default, which is a rotating disk's, the table is
read whole for them; and to compile a statement that runs once takes longer than it saves.
"""

LONGEST_WAIT = "10min"
"""For a table that another session has locked. Where that one has stopped without an end, the run fails and
can be done again.
"""

_LOSSLESS = re.compile(
    r"(boolean|smallint|integer|bigint|numeric|real|double precision|text|character varying|character|name|"
    r"date|time|timestamp|interval|uuid|bytea|json|jsonb|oid|inet|cidr|macaddr|enum)"
    r"(\([\d, ]+\))?( without time zone| with time zone)?(\[\])?"
)
"""Types whose output function is lossless under ``SETTINGS``, and arrays of them, which quote what they hold.
Not among them: money, which depends on the locale, xml, and types of extensions.
"""


_REFUSES = re.compile(rf"ERROR:|{FINAL.pattern}")
"""What a server says that is there; where an error has no SQL state, its text is all that tells."""


class PostgresEngine(Engine):
    """A session of a Postgres server.

    Args:
        url: A libpq URL, or one of SQLAlchemy's for it.
        patience: For how long a server that is away is waited for.

    Raises:
        ImportError: The ADBC driver is not installed.
        StoreError: No session can be begun.
    """

    name = "postgres"
    unique_keys = True
    for_update = " FOR UPDATE"
    apart = "OFFSET 0"  # a window's rows are worked out by one process, and what is kept below it by several
    alone = "SELECT pg_advisory_xact_lock(7204921603)"
    begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def __init__(self, url: str, patience: Patience | None = None) -> None:
        self._url = _with_limits(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url))
        self._connection: Any = None
        parts = urlsplit(url)
        super().__init__(f"{parts.netloc.rpartition('@')[2]}{parts.path}", patience)

    def open(self) -> None:
        self._connection = self._connect(self._url)
        for name, value in {**SETTINGS, **PLANNER, "lock_timeout": LONGEST_WAIT}.items():
            self.execute(f"SET {name} = '{value}'")

    def _connect(self, url: str) -> Any:
        from adbc_driver_postgresql import dbapi

        return dbapi.connect(url, autocommit=True)

    def close(self) -> None:
        with suppress(*self.errors()):  # of a session that was lost
            self._connection.close()

    def errors(self) -> tuple[type[Exception], ...]:
        from adbc_driver_manager import Error

        return (Error, pa.ArrowException, OSError)  # the latter two are of a stream that breaks off

    def is_away(self, error: Exception) -> bool:
        state = getattr(error, "sqlstate", None)
        if state:
            return str(state).startswith(AWAY)
        kinds = {each.__name__ for each in type(error).__mro__}
        return not kinds.isdisjoint({"OperationalError", "OSError"}) and not _REFUSES.search(str(error))

    def execute(self, statement: str) -> None:
        with self.lock, self.explained(), self._connection.cursor() as cursor:
            cursor.execute(statement)

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        with self.lock, self.explained(), self._connection.cursor() as cursor:
            cursor.execute(query)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def stream(self, query: str) -> pa.RecordBatchReader:
        with self.explained():
            cursor = self._connection.cursor()
            cursor.execute(query)
            found: pa.RecordBatchReader = cursor.fetch_record_batch()

        def batches() -> Any:
            with self.explained(), cursor:
                yield from found

        return pa.RecordBatchReader.from_batches(found.schema, batches())

    def load(self, table: str, rows: pa.RecordBatchReader) -> None:
        with self.lock, self.explained(), self._connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.adbc_ingest(table, rows, mode="create", temporary=True)

    def analyse(self, table: str) -> None:
        self.execute(f"ANALYZE {table}")

    def types(self, table: str) -> Mapping[str, str]:
        return {str(name): str(kind) for name, kind in self.fetch(_types_of_columns(table))}

    def text_of(self, column: str, kind: str) -> str | None:
        return f"({column})::text" if _LOSSLESS.fullmatch(kind) else None

    def has_table(self, schema: str, table: str) -> bool:
        return bool(
            self.count(
                f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}' AND tablename = '{table}'"
            )
        )


def _types_of_columns(table: str) -> str:
    return f"""SELECT a.attname::text,
            CASE t.typtype WHEN 'e' THEN 'enum' ELSE format_type(a.atttypid, a.atttypmod) END
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = 'pg_temp.{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum"""


def _with_limits(url: str) -> str:
    """Give a URL the limits of libpq by which a server that vanished is noticed; those that it names stay."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    return parts._replace(query=urlencode({**LIBPQ, **given})).geturl()
