"""The rows of a query, chunk by chunk: of a DuckDB file, or of any database that SQLAlchemy knows."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.source_errors import reading
from hubspot_batch_dagster.sync.changed_since import Moment
from hubspot_batch_dagster.sync.staging.statements import quoted
from hubspot_batch_dagster.sync.state.journal_engine import limits
from hubspot_batch_dagster.sync.state.sql_database import is_away
from hubspot_batch_dagster.table.duckdb_rows import arrow_reader, as_it_is, finite_batches
from hubspot_batch_dagster.table.objects import column_of

ROWS_AT_A_TIME = 10_000
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.S)
"""Texts, quoted names and comments in SQL: what looks like a parameter in them is none."""
_SINCE = "changed_since"
_NO_ROWS, _SELECT = "The query in source gives no rows.", "Write a SELECT."
_REMEDY = "Correct sql or connection in source."
_PASSING = ("40", "53", "55P03", "57", "58")
"""SQL states of what may be gone at the next try: conflicts, a lack of resources, locks, a query that was
ended, and the server's own trouble.
"""


def query_rows(
    connection: str, sql: str, partition: Mapping[str, Any], newer: tuple[str, Moment] | None = None
) -> Iterator[pa.RecordBatch]:
    """Read a query; nothing is opened before the first row is asked for.

    Args:
        connection: A DuckDB file, or a SQLAlchemy URL.
        sql: The query.
        partition: What it may name.
        newer: A column and the moment from which rows are wanted; rows without a value are wanted too.

    Raises:
        InputError: The connection or the query cannot be meant, or it names what the run has not.
        SourceUnavailable: The database does not answer, or broke off.
    """
    if "://" in connection and not connection.startswith("duckdb:///"):
        yield from _sqlalchemy_rows(connection, sql, partition, newer)
    else:
        yield from _duckdb_rows(connection.removeprefix("duckdb:///"), sql, partition, newer)


def values_of(names: list[str], partition: Mapping[str, Any]) -> dict[str, Any]:
    for name in names:
        if name not in partition:
            raise InputError(
                f"The source names {name}, which this run has not.",
                remedy=f"It has {', '.join(partition) or 'no partition'}.",
            )
    return {name: partition[name] for name in names}


def _zone(partition: Mapping[str, Any]) -> str | None:
    """Return the time zone of the partitions, if they are windows of time."""
    start = partition.get("partition_start")
    return None if start is None else str(start.tzinfo)


def _local(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return times as local times of their zone, which compare with dates, timestamps and texts alike."""
    return {
        name: value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return times as texts that sort among dates and among times, for a database that has no times."""
    times = [value for value in values.values() if isinstance(value, datetime)]
    form = "%Y-%m-%d" if all(each.time() == time.min for each in times) else "%Y-%m-%d %H:%M:%S"
    return {
        name: value.strftime(form) if isinstance(value, datetime) else value for name, value in values.items()
    }


def _only_newer(sql: str, column: str, parameter: str) -> str:
    """Return the query with older rows left out; rows without a value stay. The line break ends a comment
    that the query may end with.
    """
    query = sql.strip().rstrip(";")
    return f"SELECT * FROM ({query}\n) AS all_rows WHERE {column} >= {parameter} OR {column} IS NULL"


def _duckdb_rows(
    database: str, sql: str, partition: Mapping[str, Any], newer: tuple[str, Moment] | None
) -> Iterator[pa.RecordBatch]:
    import duckdb

    if database != ":memory:" and not Path(database).is_file():
        raise InputError(f"There is no DuckDB file {database}.", remedy="Check connection in source.")
    try:
        parameters = {name for each in duckdb.extract_statements(sql) for name in each.named_parameters}
    except duckdb.Error as error:
        raise InputError(f"The query in source cannot be read: {error}", remedy="Correct sql.") from None
    values = values_of(sorted(parameters), partition)
    trouble = (duckdb.Error, OSError, pa.ArrowException)  # the latter two are of a stream that breaks off
    with (
        reading(database, trouble, lambda error: isinstance(error, duckdb.IOException), remedy=_REMEDY),
        duckdb.connect(database, read_only=database != ":memory:") as connection,
    ):
        if _zone(partition) is not None:
            connection.execute(f"SET TimeZone = '{_zone(partition)}'")
        since = {} if newer is None else {_SINCE: newer[1]}
        if newer is not None:
            sql = _only_newer(sql, quoted(newer[0]), f"${_SINCE}")
        try:
            found = connection.sql(sql, params={**_local(values), **since} or None)
        except duckdb.BinderException:  # a column of texts does not compare with times
            found = connection.sql(sql, params={**_as_text(values), **since} or None)
        if found is None:
            raise InputError(_NO_ROWS, remedy=_SELECT)
        reader = arrow_reader(as_it_is(found), ROWS_AT_A_TIME)
        yield from finite_batches(reader.schema, reader)


def _sqlalchemy_rows(
    url: str, sql: str, partition: Mapping[str, Any], newer: tuple[str, Moment] | None
) -> Iterator[pa.RecordBatch]:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

    sql = _LITERAL.sub(_without_parameters, sql)
    names_of_query = list(sqlalchemy.text(sql).compile().params)
    try:
        where = sqlalchemy.make_url(url)
        engine = sqlalchemy.create_engine(where, connect_args=limits(where), hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The URL may hold a password, so the message repeats none of it.
        raise InputError(
            f"The connection in source cannot be used: {type(error).__name__}.",
            remedy="Give a DuckDB file or a SQLAlchemy URL, and install the driver it names.",
        ) from None
    place = str(sqlalchemy.URL.create(where.drivername, None, None, where.host, where.port, where.database))
    try:
        with (
            reading(place, (SQLAlchemyError, OSError), _passes, remedy=_REMEDY),
            engine.connect() as connection,
        ):
            named = values_of(names_of_query, partition)
            values = _as_text(named) if engine.dialect.name == "sqlite" else _local(named)
            if newer is not None:
                column = engine.dialect.identifier_preparer.quote(newer[0])
                sql, values = _only_newer(sql, column, f":{_SINCE}"), {**values, _SINCE: newer[1]}
            if engine.dialect.name == "postgresql" and _zone(partition) is not None:
                zone = sqlalchemy.text("SELECT set_config('TimeZone', :zone, false)")
                connection.execute(zone, {"zone": _zone(partition)})
                connection.commit()  # the zone stays if the query has to be asked again
            connection.execution_options(yield_per=ROWS_AT_A_TIME)
            try:
                found = connection.execute(sqlalchemy.text(sql), values)
            except ProgrammingError:  # in PostgreSQL a column of texts does not compare with times
                texts = {**values, **_as_text(named)}
                if texts == values:
                    raise
                connection.rollback()
                found = connection.execute(sqlalchemy.text(sql), texts)
            if not found.returns_rows:
                raise InputError(_NO_ROWS, remedy=_SELECT)
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


def _passes(error: Exception) -> bool:
    state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    return is_away(error) or state.startswith(_PASSING)


def _without_parameters(literal: re.Match[str]) -> str:
    return re.sub(r"(?<!\\):(?=\w)", r"\\:", literal.group())


def _batch(names: list[str], columns: Iterable[Sequence[Any]]) -> pa.RecordBatch:
    """Values as the database gave them, each column with the types of its own values."""
    return pa.RecordBatch.from_arrays([column_of(values) for values in columns], names=names)
