"""DuckDB as the warehouse: a file of the user's, opened in this process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hubspot_batch_dagster.sync.state.patience import Patience
from hubspot_batch_dagster.sync.warehouse.engine import Engine
from hubspot_batch_dagster.table.duckdb_rows import arrow_reader, as_it_is

if TYPE_CHECKING:
    import duckdb

ROWS_AT_ONCE = 16_384

_AS_IT_IS = re.compile(
    r"VARCHAR|BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,\d+\)|DOUBLE|FLOAT|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?|"
    r"UUID|INTERVAL|JSON"
)
"""Types whose cast to text is lossless; floats have as many digits as they need. A zone plays no part in any
of them.
"""

_IN_LISTS = re.compile(r"(VARCHAR|BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER|DATE|UUID)(\[\])+")
"""Lists of these are lossless as JSON, which quotes their texts and tells null from 'null'."""


class DuckDbEngine(Engine):
    """A session of a DuckDB file.

    Args:
        database: The file.
        memory: What it may use, such as ``"512MB"``: it works in this process.
        patience: For how long a file that another process has open is waited for.
    """

    name = "duckdb"
    unique_keys = False

    def __init__(self, database: str, *, memory: str, patience: Patience | None = None) -> None:
        self._file = database
        self._memory = memory
        super().__init__(database, patience)

    def open(self) -> None:
        import duckdb

        self._db: duckdb.DuckDBPyConnection = duckdb.connect(self._file)
        self._db.execute("SET TimeZone = 'UTC'")
        self._db.execute("SET enable_progress_bar = false")
        self._db.execute(f"SET memory_limit = '{self._memory}'")

    def close(self) -> None:
        self._db.close()

    def errors(self) -> tuple[type[Exception], ...]:
        import duckdb

        return (duckdb.Error,)

    def is_away(self, error: Exception) -> bool:
        return "Could not set lock on file" in str(error)

    def execute(self, statement: str) -> None:
        with self.lock, self.explained():
            self._db.execute(statement)

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        with self.lock, self.explained():
            found: list[tuple[Any, ...]] = self._db.execute(query).fetchall()
            return found

    def stream(self, query: str) -> pa.RecordBatchReader:
        with self.explained():
            return arrow_reader(as_it_is(self._db.sql(query)), ROWS_AT_ONCE)

    def load(self, table: str, rows: pa.RecordBatchReader) -> None:
        with self.lock, self.explained():
            self._db.register("hubspot_incoming", rows)
            self.make_again(table, "SELECT * FROM hubspot_incoming")
            self._db.unregister("hubspot_incoming")

    def analyse(self, table: str) -> None:
        """Do nothing: DuckDB knows its tables."""

    def types(self, table: str) -> Mapping[str, str]:
        found = self.fetch(f"SELECT column_name, column_type FROM (DESCRIBE {table})")
        return {str(name): str(kind) for name, kind in found}

    def text_of(self, column: str, kind: str) -> str | None:
        if _AS_IT_IS.fullmatch(kind) or kind.startswith("ENUM("):
            return f"CAST({column} AS VARCHAR)"
        if kind == "TIMESTAMP WITH TIME ZONE":  # to the microsecond; what has no number is one of two words
            return (
                f"CASE WHEN isinf({column}) THEN CAST({column} AS VARCHAR) ELSE CAST(epoch_us({column}) AS"
                " VARCHAR) END"
            )
        if kind == "BLOB":
            return f"hex({column})"
        if _IN_LISTS.fullmatch(kind):
            return f"CAST(to_json({column}) AS VARCHAR)"
        return None

    def has_table(self, schema: str, table: str) -> bool:
        return bool(
            self.count(
                "SELECT count(*) FROM information_schema.tables WHERE table_catalog = current_database() "
                f"AND table_schema = '{schema}' AND table_name = '{table}'"
            )
        )
