"""The shared log of requests in Postgres, for several hosts that share a database already.

One function per step, so each step is atomic and costs one round trip. It reads the time from the server, for
the same reason as in Redis: hosts' own clocks differ.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.log import (
    ASK_AGAIN,
    BORN,
    DAY_REMAINING,
    KEPT_WINDOWS,
    MAX_PAUSE,
    PAUSED_UNTIL,
    AcquireRequest,
    AcquireResult,
    Entry,
    LogUnavailable,
    Merge,
    RoundTrip,
    readable,
)
from hubspot_batch_dagster.api.rate_limit.postgres_silence import end_silence

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_FUNCTION = "hubspot_budget_acquire_1"
"""The number goes up with each change: processes of two releases may share a database."""

# What the log holds is worthless 10 s later, so it need not survive a crash of the server: unlogged tables
# cost no fsync. They are empty after one, which is noticed by BORN.
_TABLES = (
    """
CREATE UNLOGGED TABLE IF NOT EXISTS hubspot_budget_requests (
    line bigint GENERATED ALWAYS AS IDENTITY,
    budget text NOT NULL,
    "window" text NOT NULL,
    at double precision NOT NULL
)""",
    """
CREATE INDEX IF NOT EXISTS hubspot_budget_requests_by_time
    ON hubspot_budget_requests (budget, "window", at)""",
    """
CREATE UNLOGGED TABLE IF NOT EXISTS hubspot_budget_facts (
    budget text, name text, value double precision NOT NULL, PRIMARY KEY (budget, name)
)""",
)
_DEFINITION = f"""
CREATE FUNCTION {_FUNCTION}(
    p_budget text, p_lock bigint, p_windows text[], p_allowed integer[], p_seconds double precision[],
    p_lines bigint[], p_at double precision, p_left boolean, p_born double precision, p_birth double precision
) RETURNS TABLE (wait double precision, at double precision, lines bigint[], facts jsonb)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    v_now double precision;
    v_wait double precision := 0;
    v_blocking double precision;
    v_line bigint;
    v_lines bigint[] := '{{}}';
    v_free boolean := true;
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
    v_now := extract(epoch FROM clock_timestamp());
    INSERT INTO hubspot_budget_facts VALUES (p_budget, '{BORN}', p_birth) ON CONFLICT DO NOTHING;
    IF p_born <> (SELECT value FROM hubspot_budget_facts WHERE budget = p_budget AND name = '{BORN}') THEN
        v_wait := {ASK_AGAIN};
        v_free := false;
    ELSIF NOT p_left THEN
        v_wait := coalesce((SELECT value - v_now FROM hubspot_budget_facts
                            WHERE budget = p_budget AND name = '{PAUSED_UNTIL}'
                            AND value < v_now + {MAX_PAUSE}), 0);
        FOR i IN 1 .. cardinality(p_windows) LOOP
            -- The server's clock was set back: times of before count as now.
            UPDATE hubspot_budget_requests SET at = v_now
            WHERE budget = p_budget AND "window" = p_windows[i] AND at > v_now + 1;
            v_blocking := (
                SELECT at FROM hubspot_budget_requests
                WHERE budget = p_budget AND "window" = p_windows[i]
                AND (p_at IS NULL OR line <> p_lines[i] OR at <> p_at)
                ORDER BY at DESC LIMIT 1 OFFSET p_allowed[i] - 1);
            v_wait := greatest(v_wait, v_blocking + p_seconds[i] - v_now);
        END LOOP;
        v_free := v_wait <= 0;
    END IF;
    IF v_free THEN
        FOR i IN 1 .. cardinality(p_windows) LOOP
            v_line := NULL;
            IF p_at IS NOT NULL THEN
                UPDATE hubspot_budget_requests SET at = v_now
                WHERE line = p_lines[i] AND at = p_at AND budget = p_budget AND "window" = p_windows[i]
                RETURNING line INTO v_line;
            END IF;
            IF v_line IS NULL THEN
                INSERT INTO hubspot_budget_requests (budget, "window", at)
                VALUES (p_budget, p_windows[i], v_now) RETURNING line INTO v_line;
            END IF;
            v_lines := v_lines || v_line;
            DELETE FROM hubspot_budget_requests
            WHERE budget = p_budget AND "window" = p_windows[i]
                AND at < v_now - {KEPT_WINDOWS} * p_seconds[i];
        END LOOP;
        IF p_at IS NULL THEN
            UPDATE hubspot_budget_facts SET value = value - 1
            WHERE budget = p_budget AND name = '{DAY_REMAINING}';
        END IF;
    END IF;
    RETURN QUERY SELECT
        CASE WHEN v_free THEN 0 ELSE v_wait END, v_now, v_lines,
        (SELECT jsonb_object_agg(name, value) FROM hubspot_budget_facts WHERE budget = p_budget);
END $$
"""
_ACQUIRE = f"""
SELECT wait, at, lines, facts FROM {_FUNCTION}(
    :budget, CAST(:lock AS bigint), CAST(:windows AS text[]), CAST(:allowed AS integer[]),
    CAST(:seconds AS double precision[]), CAST(:lines AS bigint[]), CAST(:at AS double precision),
    CAST(:left AS boolean), CAST(:born AS double precision), CAST(:birth AS double precision))
"""
_MERGE: Mapping[Merge, str] = {
    "set": "excluded.value",
    "max": "greatest(facts.value, excluded.value)",
    "min": "least(facts.value, excluded.value)",
}
_CREATION_LOCK = 0x68756273706F74
_DRIVER = "postgresql+psycopg"
_INSTALL = "A budget in Postgres needs its driver. Install it: pip install hubspot-batch-dagster[postgres]"
FINAL = re.compile(
    "FATAL.*(authentication failed|does not exist|pg_hba|not permitted)|permission denied"
    "|no password supplied|does not support SSL|certificate"
)
"""What no waiting cures."""
AWAY = ("08", "57P", "53300")
"""SQL states of a server that is not there, is stopping or starting, or has no connection free."""


class PostgresLog:
    """A log in Postgres, shared by every host that is given the same database. See `log.Log` for its methods.

    Args:
        url: An SQLAlchemy URL, such as `postgresql+psycopg://user:password@host/database`. Its password never
            shows.
        name: What tells this budget from others in the same tables; everybody on one budget uses the same.
        timeout: Seconds to connect, and after which a connection that is silent is given up.

    Raises:
        InputError: The driver is not installed, or the URL is none.
    """

    def __init__(self, url: str, name: str, *, timeout: float = 5.0) -> None:
        self._name = name
        self._lock_key = int(name.encode().hex()[:15] or "0", 16)
        self._engine, self._place = _engine(url, timeout)
        self._round_trip = RoundTrip()
        self._owner = os.getpid()
        self._ready = False

    def __repr__(self) -> str:
        return f"PostgresLog({self._place})"

    def acquire(
        self,
        requests: Sequence[AcquireRequest],
        *,
        entry: Entry | None = None,
        left: bool = False,
        born: float | None = None,
    ) -> AcquireResult:
        parameters = {
            "budget": self._name,
            "lock": self._lock_key,
            "windows": [request.window for request in requests],
            "allowed": [request.allowed for request in requests],
            "seconds": [request.seconds for request in requests],
            "lines": [0] * len(requests) if entry is None else list(entry.lines),
            "at": None if entry is None else entry.at,
            "left": left,
            "born": born,
            "birth": time.time(),
        }
        (wait, at, lines, facts), since = self._timed(_ACQUIRE, parameters)
        written = Entry(tuple(lines), at) if lines else None
        return AcquireResult(wait, at, readable(facts or {}), written, since)

    def facts(self) -> dict[str, float]:
        rows = self._ask(
            "SELECT name, value FROM hubspot_budget_facts WHERE budget = :budget", {"budget": self._name}
        )
        return readable(dict(rows))

    def merge(self, facts: Mapping[str, float], how: Merge = "set") -> None:
        # In one order, so that two users never wait for each other's line.
        names = sorted(facts)
        self._ask(
            "INSERT INTO hubspot_budget_facts AS facts SELECT :budget, name, value "
            "FROM unnest(CAST(:names AS text[]), CAST(:values AS double precision[])) AS new (name, value) "
            f"ON CONFLICT (budget, name) DO UPDATE SET value = {_MERGE[how]} RETURNING 1",
            {"budget": self._name, "names": names, "values": [float(facts[name]) for name in names]},
        )

    def count(self, window: str, since: float, until: float) -> int:
        rows = self._ask(
            'SELECT count(*) FROM hubspot_budget_requests WHERE budget = :budget AND "window" = :window '
            "AND at > :since AND at <= :until",
            {"budget": self._name, "window": window, "since": since, "until": until},
        )
        return int(rows[0][0])

    def now(self) -> float:
        return float(
            self._ask("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")[0][0]
        )

    def close(self) -> None:
        if self._owner == os.getpid():
            self._engine.dispose()

    def _timed(self, query: str, parameters: Mapping[str, Any]) -> tuple[Any, float]:
        """Return the first row, and the moment its time stands for; opening a connection does not count."""
        with self._connected() as connection:
            asked = time.monotonic()
            row = _rows(connection, query, parameters)[0]
            return row, self._round_trip.since(asked, time.monotonic())

    def _ask(self, query: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Any]:
        with self._connected() as connection:
            return _rows(connection, query, parameters)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        from sqlalchemy.exc import SQLAlchemyError

        if self._owner != os.getpid():
            # A connection must not cross a fork.
            self._engine.dispose(close=False)
            self._owner = os.getpid()
        try:
            if not self._ready:
                self._create()
                self._ready = True
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            self._ready = False
            reason = str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0]
            state = getattr(getattr(error, "orig", None), "sqlstate", None)
            final = FINAL.search(reason) is not None
            refuses = final or (state is not None and not str(state).startswith(AWAY))
            said = f"refuses: {reason}" if refuses else f"does not answer ({reason})"
            raise LogUnavailable(f"Postgres at {self._place} {said}", final=final, refuses=refuses) from None

    def _create(self) -> None:
        """Make tables and function where they are missing; a user who may not make any can use those that are
        there.
        """
        transaction = self._engine.connect().execution_options(isolation_level="READ COMMITTED")
        with transaction as connection, connection.begin():
            _rows(connection, "SELECT pg_advisory_xact_lock(:lock)", {"lock": _CREATION_LOCK})
            names = "hubspot_budget_requests", "hubspot_budget_facts"
            there = _rows(
                connection,
                "SELECT to_regclass(:first) IS NOT NULL AND to_regclass(:second) IS NOT NULL, "
                "to_regproc(:function) IS NOT NULL",
                {"first": names[0], "second": names[1], "function": _FUNCTION},
            )[0]
            for missing, statements in ((not there[0], _TABLES), (not there[1], (_DEFINITION,))):
                for statement in statements if missing else ():
                    connection.exec_driver_sql(statement)


def _rows(connection: Connection, query: str, parameters: Mapping[str, Any] | None) -> Sequence[Any]:
    from sqlalchemy import text

    return connection.execute(text(query), parameters or {}).all()


def _engine(url: str, timeout: float) -> tuple[Engine, str]:
    """Return the engine, and what to call its server: without user name and password."""
    try:
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    except ImportError:
        raise InputError(_INSTALL) from None
    try:
        parsed = make_url(url)
        if not 0 < (parsed.port or 5432) < 65536:
            raise ValueError("no such port")
        if parsed.drivername in ("postgres", "postgresql"):
            # What a name without a driver means differs between releases of SQLAlchemy.
            parsed = parsed.set(drivername=_DRIVER)
        options: dict[str, Any] = {}
        if parsed.get_driver_name() in ("psycopg", "psycopg2"):
            options = {"connect_timeout": math.ceil(timeout), "tcp_user_timeout": round(timeout * 2000)}
        if parsed.get_driver_name() == "psycopg":
            options["prepare_threshold"] = None  # a pooler may give each statement another connection
        engine = create_engine(
            parsed,
            isolation_level="AUTOCOMMIT",
            pool_size=2,
            max_overflow=6,
            pool_timeout=timeout,
            connect_args=options,
        )
        end_silence(engine, 2 * timeout)
    except ImportError:
        raise InputError(_INSTALL) from None
    except (ArgumentError, NoSuchModuleError, ValueError):
        # The library's own message may quote a piece of the password.
        raise InputError(
            "The budget's Postgres URL is not valid. It must look like"
            " postgresql+psycopg://user:password@host/database, and special characters in its password must"
            " be percent-encoded."
        ) from None
    return engine, f"{parsed.host or ''}{f':{parsed.port}' if parsed.port else ''}/{parsed.database or ''}"
