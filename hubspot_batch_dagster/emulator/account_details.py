"""The account's endpoints: its details and what it has used today."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hubspot_batch_dagster.emulator.exchange import Answer, Json, Request, iso
from hubspot_batch_dagster.emulator.limits import Limits
from hubspot_batch_dagster.emulator.portal import Portal


def details(portal: Portal, _: Request) -> Answer:
    """Tell portal id, time zone and the like."""
    zone = ZoneInfo(portal.settings.time_zone)
    offset = datetime.fromtimestamp(portal.now(), tz=zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return Answer(
        200,
        {
            "portalId": portal.settings.portal_id,
            "accountType": "STANDARD",
            "timeZone": portal.settings.time_zone,
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def daily_usage(portal: Portal, limits: Limits) -> Answer:
    """Tell what private apps have used today and when the count starts again."""
    zone = ZoneInfo(portal.settings.time_zone)
    tomorrow = datetime.fromtimestamp(portal.now(), tz=zone).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    usage: Json = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": portal.settings.daily_limit or 1_000_000,
        "currentUsage": limits.used(),
        "collectedAt": iso(portal.now()),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(midnight.timestamp()),
    }
    return Answer(200, {"results": [usage]})
