"""Which log a budget is kept in: a file, Redis or Postgres."""

from __future__ import annotations

from pathlib import Path

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.budget_file import budget_file, hashed
from hubspot_batch_dagster.api.rate_limit.log import Log
from hubspot_batch_dagster.api.rate_limit.postgres_log import PostgresLog
from hubspot_batch_dagster.api.rate_limit.redis_log import RedisLog
from hubspot_batch_dagster.api.rate_limit.sqlite_log import SqliteLog


def open_log(
    fingerprint: str, *, url: str | None = None, folder: str | Path | None = None, shared: bool = True
) -> Log:
    """Open the log of a credential. Nothing is connected to before the first request.

    Args:
        fingerprint: What tells the credential apart.
        url: Redis or Postgres; None for a file.
        folder: Where the file lies; None for the user's cache folder.
        shared: False counts in this process alone.

    Raises:
        InputError: The URL is of neither kind, or its driver is not installed.
    """
    if url is None:
        return SqliteLog(budget_file(fingerprint, folder) if shared else None)
    scheme = url.partition("://")[0].partition("+")[0].lower() if "://" in url else ""
    if scheme in ("redis", "rediss", "unix"):
        return RedisLog(url, hashed(fingerprint))
    if scheme in ("postgresql", "postgres"):
        return PostgresLog(url, hashed(fingerprint))
    # The URL itself may hold a password, and is not shown.
    raise InputError(
        "budget_url is the URL of neither Redis nor Postgres.",
        remedy="Give redis://host:6379/0 (extra [redis]) or postgresql+psycopg://user:password@host/database "
        "(extra [postgres]), or leave it out: one host counts in a file.",
    )
