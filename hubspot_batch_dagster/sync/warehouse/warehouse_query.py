"""Rows that lie in a database which can compare them itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from hubspot_batch_dagster.api.arguments import check_fields
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.state.patience import Patience
from hubspot_batch_dagster.sync.warehouse.duckdb_engine import DuckDbEngine
from hubspot_batch_dagster.sync.warehouse.engine import Engine
from hubspot_batch_dagster.sync.warehouse.fetched_postgres import FetchedPostgres
from hubspot_batch_dagster.sync.warehouse.postgres_engine import PostgresEngine

_POSTGRES = ("postgresql", "postgres")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Warehouse:
    """Rows of a sync that are compared where they are: only those that changed are moved.

    Give it in the place of a table. The ids table of the sync then lies in a schema of the same database, as
    ``<schema>.ids_<sync>``, where any SQL can read it. What was in the store's ids table is taken over by the
    first run.

    Args:
        query: A SELECT without parameters. It is evaluated once in a run, into a temporary table of the run's
            session.
        connection: Where: a DuckDB file, or the URL of a Postgres server (``postgresql://…``, as libpq or
            SQLAlchemy take it). It is never shown or stored.
        schema: Where the ids tables are; made if it is not there. Lower-case letters, digits and ``_``.

    Raises:
        InputError: The query is empty, or the schema or the connection cannot be meant.

    Examples:
        >>> from hubspot_batch_dagster import Warehouse
        >>> Warehouse("SELECT id, name, city FROM firms", connection="warehouse.duckdb")
        Warehouse(query='SELECT id, name, city FROM firms', schema='hubspot')
    """

    query: str
    connection: str = field(repr=False)
    schema: str = "hubspot"

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "query", self.query.strip().rstrip(";").rstrip())
        if not self.query:
            raise InputError("The query of the warehouse is empty.", remedy="Write a SELECT.")
        if _SCHEMA.fullmatch(self.schema) is None:
            raise InputError(
                f"The schema {self.schema!r} of the warehouse is no plain name.",
                remedy="Give lower-case letters, digits and _, such as 'hubspot'.",
            )
        check_connection(self.connection)

    def open(self, *, memory: str, patience: Patience | None = None) -> Engine:
        """Open a session.

        Args:
            memory: What an engine that works in this process may use.
            patience: For how long a database that is away is waited for.

        Raises:
            InputError: There is no such file, or the driver is not installed.
            StoreError: The database does not answer, or refuses.
        """
        return open_engine(self.connection, memory=memory, patience=patience)


def check_connection(connection: str, name: str = "connection") -> None:
    """Refuse the connection of a database that is not known.

    Args:
        connection: As :class:`Warehouse` takes it.
        name: Of the argument or setting.

    Raises:
        InputError: With the kinds that are; or the address has a port that is none.
    """
    scheme = _scheme(connection)
    if scheme not in ("duckdb", *_POSTGRES):
        raise InputError(
            f"{name}: a warehouse of the kind {scheme} is not known.",
            remedy=(
                "It may be a DuckDB file or a Postgres server. Any other is read as rows, and compared here."
            ),
        )
    if scheme == "duckdb" and not connection.removeprefix("duckdb:///").strip():
        raise InputError(f"{name} names no file.", remedy="Give the DuckDB file or the Postgres URL.")
    for port in _ports(connection) if scheme in _POSTGRES else ():
        if not port.isdecimal() or not 0 < int(port[:6]) < 65536:
            raise InputError(
                f"{name} has a port that is none: it is a number from 1 to 65535.",
                remedy="Correct the URL; special characters in its password are percent-encoded.",
            )


def check_database(connection: str) -> None:
    """Refuse the connection of a database that is not known, and a DuckDB file that is not there.

    Raises:
        InputError: As for :func:`check_connection`, or there is no such file.
    """
    check_connection(connection)
    if _scheme(connection) == "duckdb":
        _duckdb_file(connection)


def _scheme(connection: str) -> str:
    """Return the kind of database that a connection names; what is no URL is a DuckDB file."""
    return connection.partition("://")[0].partition("+")[0] if "://" in connection else "duckdb"


def _ports(connection: str) -> list[str]:
    """Return the ports of a Postgres URL, which may name several hosts; an address in brackets has colons of
    its own.
    """
    hosts = re.split("[/?]", connection.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    found = (re.fullmatch(r"(?:\[.*\]|[^:]*):(.+)", each) for each in hosts.split(","))
    return [each[1] for each in found if each is not None]


def _duckdb_file(connection: str) -> str:
    file = connection.removeprefix("duckdb:///")
    if not Path(file).is_file():
        raise InputError(f"There is no DuckDB file {file}.", remedy="Check the connection of the warehouse.")
    return file


def open_engine(connection: str, *, memory: str, patience: Patience | None = None) -> Engine:
    """Open a session of a database; see :meth:`Warehouse.open`."""
    if _scheme(connection) in _POSTGRES:
        try:
            return PostgresEngine(connection, patience)
        except ImportError:
            return FetchedPostgres(connection, patience)
    return DuckDbEngine(_duckdb_file(connection), memory=memory, patience=patience)
