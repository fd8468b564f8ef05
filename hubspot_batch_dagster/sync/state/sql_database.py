"""The journal's database: what is tried again while it is away, and what its errors mean to a user."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.api.rate_limit.log_outage import FIRST_CONTACT
from hubspot_batch_dagster.api.rate_limit.postgres_log import AWAY, FINAL
from hubspot_batch_dagster.sync.state.journal_engine import open_engine
from hubspot_batch_dagster.sync.state.patience import Patience
from hubspot_batch_dagster.sync.state.write_ahead import check_write_ahead

T = TypeVar("T")


class Database:
    """A database that may be away for a while.

    Args:
        url: A SQLAlchemy URL.
        patience: Seconds for which a server that does not answer is tried again.

    Attributes:
        where: The URL, without its password.
        dialect: ``sqlite`` or ``postgresql``.
        patience: For how long.
        engine: The way to it.

    Raises:
        StoreError: It is neither SQLite nor Postgres, or cannot be opened.
    """

    def __init__(self, url: str, *, patience: float) -> None:
        place = sa.engine.make_url(url)
        self.where = place.render_as_string(hide_password=True)
        self.dialect = place.get_backend_name()
        if self.dialect not in ("sqlite", "postgresql"):
            raise StoreError(
                f"The journal {self.where} is neither SQLite nor Postgres.",
                remedy=(
                    "Give journal= a URL such as postgresql+psycopg://user@host/database, or leave it out for"
                    " a file in the store."
                ),
            )
        self.patience = Patience(patience)
        with self.explained("open"):
            if self.dialect == "sqlite" and place.database:
                check_write_ahead(Path(place.database))
            self.engine = open_engine(url, patience=patience)

    def first_contact(self, work: Callable[[], T]) -> T:
        """Open the database, again while its server is away, but not for long.

        Raises:
            StoreError: It is away for too long, or refuses.
        """
        return self.patiently("open", work, at_most=FIRST_CONTACT)

    def patiently(self, verb: str, work: Callable[[], T], *, at_most: float | None = None) -> T:
        """Do work that may be done twice, again while the server is away.

        Raises:
            StoreError: It is away for longer than ``patience``, or refuses.
        """
        try:
            return self.patience.wait_out(
                work,
                (SQLAlchemyError, OSError),
                at_most=at_most,
                is_away=is_away,
                refused=partial(self._refused, verb),
                gone=partial(self._gone, verb),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from None

    @contextmanager
    def explained(self, verb: str) -> Iterator[None]:
        """Errors of the database as members of the one error tree. What was sent to it is not shown: it is
        people's data.
        """
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise self._refused(verb, error) from None
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from None

    def _refused(self, verb: str, error: Exception) -> StoreError:
        return StoreError(
            f"Cannot {verb} the journal {self.where}: {_reason(error)}",
            remedy=_OF_A_FILE if self.dialect == "sqlite" else _OF_A_SERVER,
        )

    def _gone(self, verb: str, error: Exception, waited: float) -> StoreError:
        return StoreError(
            f"Cannot {verb} the journal {self.where}: the database does not answer, and was waited for"
            f" {waited:.0f} s: {_reason(error)}",
            remedy=f"{_UNLOCK if self.dialect == 'sqlite' else _START}, then run again: {_GOES_ON}",
        )

    def _damaged(self, error: Exception) -> StoreError:
        return StoreError(
            f"The journal {self.where} is damaged inside ({type(error).__name__}).",
            remedy="Restore it, or move it away and adopt the records from the portal.",
        )

    @contextmanager
    def alone(self) -> Iterator[sa.Connection]:
        """Yield a transaction that no other process is in: several may open a new journal at once."""
        if self.dialect == "postgresql":
            with self.engine.begin() as connection:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(727274)"))
                yield connection
            return
        # The driver begins no transaction before a CREATE TABLE, so this one is begun by hand.
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    def close(self) -> None:
        """Give the connections back; what SQLite's log still holds of values that were dropped goes too."""
        if self.dialect == "sqlite":
            try:
                with self.engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            except SQLAlchemyError:
                pass  # somebody else has it open, or the disk is gone: nothing that must be done
        self.engine.dispose()


_START = "Start the database, or correct its URL"
_UNLOCK = "Another program writes to the file: end it, such as a backup or a database browser"
_GOES_ON = "what was sent is in the journal, and the run goes on from there."
_OF_A_FILE = (
    "Check that its disk has room, that the file may be written, and that it is a journal. "
    "A damaged file: move it away and adopt the records from the portal."
)
_OF_A_SERVER = (
    "Check the URL, with its user, its password and what it says of TLS, that the user may make and write"
    " tables in the database, and that its disk has room."
)


_STOPPED = ("25P03", "55P03")
"""SQL states of what a run that is stopped within a commit costs itself, and others meanwhile."""


def _reason(error: Exception) -> str:
    text = str(error.orig) if isinstance(error, DBAPIError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split()).rstrip(".") + "."


def is_away(error: Exception) -> bool:
    """Whether an error says that the server is away, or the file locked, and not that it refuses."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return "locked" in str(error.orig)  # by another program; a full or broken disk does not pass
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if state is not None:
        return str(state).startswith((*AWAY, *_STOPPED))
    if FINAL.search(str(error.orig)):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError)
