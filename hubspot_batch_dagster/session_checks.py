"""What the settings of a session may be. Each is checked when it is given, before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hubspot_batch_dagster.api.arguments import check_fields, check_number
from hubspot_batch_dagster.api.endpoints import check_version
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.transport import check_url

_RANGES: Mapping[str, Mapping[str, float]] = {
    "portal_id": {"least": 1},
    "limit": {"least": 1},
    "share": {"above": 0, "most": 1},
    "daily_share": {"above": 0, "most": 1},
    "timeout": {"above": 0},
    "patience": {"least": 0},
    "index_lag": {"least": 0},
    "certain_after": {"above": 0},
    "backoff": {"least": 0},
    "lock_wait": {"least": 0},
}
_MEMORY = re.compile(r"\s*\d+(\.\d+)?\s*([KMGT]i?B)\s*", re.IGNORECASE)
_EXTRAS = {
    "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure",
}  # fmt: skip


def check_settings(settings: Any) -> None:
    """Refuse settings that cannot be meant.

    Args:
        settings: A :class:`SessionSettings`, just made.

    Raises:
        InputError: It names the setting.
    """
    check_fields(settings)
    check_values(vars(settings))
    if settings.certain_after < settings.index_lag:
        raise InputError(
            f"certain_after is {settings.certain_after:g} and index_lag is {settings.index_lag:g}: what"
            " search cannot show yet is not certainly missing.",
            remedy="Give certain_after= at least as much as index_lag=.",
        )
    check_url(settings.base_url, allow_http=settings.allow_http)
    check_store_url(settings.store)
    if settings.journal is not None:
        check_journal_url(settings.journal)
    if settings.budget_url is not None:
        check_budget_url(settings.budget_url)


def check_values(values: Mapping[str, Any]) -> None:
    """Refuse values out of their range; what is not among the names of settings passes."""
    for name, bounds in _RANGES.items():
        if name in values:
            check_number("HubSpotResource", name, values[name], **bounds)
    if "memory" in values and not _MEMORY.fullmatch(values["memory"]):
        raise InputError(
            f"memory is {values['memory']!r}: it is a number with a unit.",
            remedy="Write memory='512MB' or memory='2GB'.",
        )
    if "version" in values:
        check_version(values["version"])


def check_store_url(url: str) -> None:
    """Refuse a store on a file system that is not known, or whose package is missing."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme.split("::")[-1])
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        install = f"pip install hubspot-batch-dagster[{extra}]" if extra else str(error)
        raise InputError(
            f"store is on {scheme}://, whose package is not installed.", remedy=install
        ) from None
    except ValueError:
        raise InputError(
            f"store is on {scheme}://, which no file system here is called.",
            remedy=(
                "Give a folder, or a URL such as s3://bucket/hubspot, gs://bucket/hubspot or"
                " abfs://container/hubspot."
            ),
        ) from None


def check_budget_url(url: str) -> None:
    """Refuse a budget that is neither in Redis nor in Postgres, or whose driver is missing. Nothing is
    connected to.
    """
    from hubspot_batch_dagster.api.rate_limit.logs import open_log

    if url.startswith("postgres"):
        _check_database_url("budget_url", url)
        return
    try:
        open_log("", url=url).close()
    except InputError as error:
        what = "" if "budget_url" in error.message else "budget_url cannot be used. "
        raise InputError(f"{what}{error.message}", remedy=error.remedy) from None


def check_journal_url(url: str) -> None:
    """Refuse a journal that is no database URL, or whose driver is missing. The URL may hold a password: it
    never shows.
    """
    _check_database_url("journal", url)


def _check_database_url(setting: str, url: str) -> None:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    remedy = (
        "Give postgresql+psycopg://user:password@host/database, special characters in the password"
        " percent-encoded."
    )
    try:
        parsed = make_url(url)
        port = parsed.port or 1
        dialect = parsed.get_dialect()
    except (SQLAlchemyError, ValueError):
        raise InputError(
            f"{setting} is not the URL of a database that SQLAlchemy knows.", remedy=remedy
        ) from None
    if not 0 < port < 65536:
        raise InputError(f"{setting} has the port {port}, and there is none above 65535.", remedy=remedy)
    try:
        dialect.import_dbapi()
    except ImportError:
        raise InputError(
            f"The driver of {setting}, {parsed.get_driver_name()}, is not installed.",
            remedy=(
                "pip install hubspot-batch-dagster[postgres], and write the URL as postgresql+psycopg://..."
            ),
        ) from None
