"""What the settings of a session may be. Each is checked when it is given, before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hubspot_batch_dagster.api.arguments import check_fields, check_number, shown
from hubspot_batch_dagster.api.auth.credentials import checked_secret
from hubspot_batch_dagster.api.endpoints import check_version
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.transport import check_url

OAUTH = ("client_id", "client_secret", "refresh_token")
HOUR, WEEK = 3_600.0, 604_800.0
_RANGES: Mapping[str, Mapping[str, float]] = {
    "portal_id": {"least": 1, "most": 2**53},
    "limit": {"least": 1, "most": 1_000_000},
    "share": {"above": 0, "most": 1},
    "daily_share": {"above": 0, "most": 1},
    "timeout": {"above": 0, "most": HOUR},
    "patience": {"least": 0, "most": WEEK},
    "index_lag": {"least": 0, "most": WEEK},
    "certain_after": {"above": 0, "most": WEEK},
    "backoff": {"least": 0, "most": HOUR},
    "lock_wait": {"least": 0, "most": WEEK},
}
_SLIP = re.compile(r"\w[\w+.-]+:/[^/]|://")
"""A URL that lacks a slash or its beginning: it would be taken for a folder."""
_MEMORY = re.compile(r"\s*(?![0.]+\s*[A-Z])\d+(\.\d+)?\s*([KMGT]i?B)\s*", re.IGNORECASE)
_LEAST_MEMORY, _MOST_MEMORY = 1e6, 1e15
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


def check_values(values: Mapping[str, Any]) -> None:
    """Refuse values that cannot be meant. A setting that is not among them is not known yet, and checked
    where it is.
    """
    for name, bounds in _RANGES.items():
        if name in values:
            check_number("HubSpotResource", name, values[name], **bounds)
    if "memory" in values and not _MEMORY.fullmatch(values["memory"]):
        raise InputError(
            f"memory is {values['memory']!r}: it is a number with a unit.",
            remedy="Write memory='512MB' or memory='2GB'.",
        )
    if "memory" in values and not _LEAST_MEMORY <= _bytes(values["memory"]) <= _MOST_MEMORY:
        raise InputError(
            f"memory is {shown('memory', values['memory'])}: it is at least 1MB and at most 1000TB.",
            remedy="Write memory='512MB' or memory='2GB'.",
        )
    if "version" in values:
        check_version(values["version"])
    if {"certain_after", "index_lag"} <= values.keys() and values["certain_after"] < values["index_lag"]:
        raise InputError(
            f"certain_after is {values['certain_after']:g} and index_lag is {values['index_lag']:g}: "
            "what search cannot show yet is not certainly missing.",
            remedy="Give certain_after= at least as much as index_lag=.",
        )
    if values.get("access_token"):
        checked_secret(values["access_token"], "access token")
    oauth = [name for name in OAUTH if values.get(name)]
    if values.get("access_token") and oauth:
        raise InputError(
            f"The resource has an access_token and {', '.join(oauth)}.",
            remedy="Give access_token (private app, service key), or client_id, client_secret and "
            "refresh_token (OAuth).",
        )
    if "base_url" in values:  # while allow_http is not known it may be
        check_url(values["base_url"], allow_http=values.get("allow_http", True))
    for name, check_url_of in _URLS.items():
        if values.get(name) is not None:
            check_url_of(values[name])


def _bytes(memory: str) -> float:
    number, unit = re.split(r"(?=[KMGT])", memory.strip().upper(), maxsplit=1)
    return float(number) * 1000.0 ** (1 + "KMGT".index(unit[0]))


def check_store_url(url: str, name: str = "store") -> None:
    """Refuse a place on a file system that is not known, or whose package is missing.

    Args:
        url: A folder or a URL.
        name: Of the setting.
    """
    scheme, separator, place = url.partition("://")
    if _SLIP.match(url) or (separator and not place):
        raise InputError(
            f"{name} is {url!r}, which is neither a folder nor a URL.",
            remedy="Write a URL as s3://bucket/hubspot, with two slashes and the bucket.",
        )
    if not separator:
        return
    import fsspec

    scheme = scheme.split("::")[-1]  # simplecache::s3 and the like
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        install = f"pip install hubspot-batch-dagster[{extra}]" if extra else str(error)
        raise InputError(
            f"{name} is on {scheme}://, whose package is not installed.", remedy=install
        ) from None
    except ValueError:
        raise InputError(
            f"{name} is on {scheme}://, which no file system here is called.",
            remedy="Give a path, or a URL such as s3://bucket/hubspot, gs://bucket/hubspot or abfs://container/hubspot.",
        ) from None


def check_budget_url(url: str) -> None:
    """Refuse a budget that is neither in Redis nor in Postgres, or whose driver is missing. Nothing is
    connected to.
    """
    from hubspot_batch_dagster.api.rate_limit.logs import open_log

    if url.startswith("postgres"):
        check_database_url("budget_url", url)
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
    check_database_url("journal", url)


def check_database_url(setting: str, url: str) -> None:
    """Refuse what is no database URL, or one whose driver is missing. Nothing is connected to."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    remedy = (
        "Give postgresql+psycopg://user:password@host/database, special characters in the password"
        " percent-encoded."
    )
    try:
        parsed = make_url(url)
        port = 1 if parsed.port is None else parsed.port
        dialect = parsed.get_dialect()
    except (SQLAlchemyError, ValueError):
        raise InputError(
            f"{setting} is not the URL of a database that SQLAlchemy knows.", remedy=remedy
        ) from None
    if not 0 < port < 65536:
        raise InputError(f"{setting} has the port {port}, and ports are 1 to 65535.", remedy=remedy)
    if dialect.is_async:
        raise InputError(f"{setting} names a driver for asyncio, {parsed.get_driver_name()}.", remedy=remedy)
    try:
        dialect.import_dbapi()
    except ImportError:
        raise InputError(
            f"The driver of {setting}, {parsed.get_driver_name()}, is not installed.",
            remedy=(
                "pip install hubspot-batch-dagster[postgres], and write the URL as postgresql+psycopg://..."
                if parsed.get_backend_name() == "postgresql"
                else "Install it beside this package."
            ),
        ) from None


_URLS: Mapping[str, Callable[[str], None]] = {
    "store": check_store_url,
    "journal": check_journal_url,
    "budget_url": check_budget_url,
}
