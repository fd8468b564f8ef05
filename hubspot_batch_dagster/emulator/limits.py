"""Limits: the rolling windows, the day's budget, their headers and their 429s."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from hubspot_batch_dagster.emulator.exchange import Refused, error_body
from hubspot_batch_dagster.emulator.portal import Portal

Window = Literal["burst", "search", "associations", "oauth", "none"]
WINDOWS: tuple[Window, ...] = ("burst", "search", "associations", "oauth")


class Limits:
    """What a portal still allows.

    Args:
        portal: Whose limits.
        steady: A clock that never jumps, for the rolling windows.
    """

    def __init__(self, portal: Portal, steady: Callable[[], float] = time.monotonic) -> None:
        self.portal = portal
        self.steady = steady
        self.clear()

    def clear(self) -> None:
        """Forgets every request."""
        self._taken: dict[str, deque[float]] = {}
        self._day = ""
        self.used_today = 0
        self.refused = 0

    def windows(self) -> list[dict[str, object]]:
        """Tell each limit: its name, the most there may be, and how much of it is used now."""
        settings, now = self.portal.settings, self.steady()
        told: list[dict[str, object]] = []
        for window in WINDOWS:
            limit, seconds = self._limit(window)
            if limit is not None:
                used = len(self._in_window(window, now, seconds))
                told.append({"name": f"{window}, {seconds:g} s", "limit": limit, "used": used})
        if not told:
            told.append({"name": "burst", "limit": None, "used": self.used()})
        told.append({"name": "today", "limit": settings.daily_limit, "used": self.used()})
        return told

    def take(self, window: Window, arrived: float) -> None:
        """Count one request.

        Raises:
            Refused: 429: the window or the day is full. A refused request is not counted.
        """
        settings = self.portal.settings
        window = self._counted_in(window)
        if window == "none":
            return
        limit, seconds = self._limit(window)
        if limit is not None:
            taken = self._in_window(window, arrived, seconds)
            if len(taken) >= limit:
                self.refused += 1
                raise self._too_many(window)
        if window != "oauth":
            self._turn_day()
            if settings.daily_limit is not None and self.used_today >= settings.daily_limit:
                self.refused += 1
                raise Refused(429, daily_body())
            self.used_today += 1
        if limit is not None:
            taken.append(arrived)

    def used(self) -> int:
        """Return how many requests were counted today."""
        self._turn_day()
        return self.used_today

    def headers(self, window: Window, arrived: float, *, oauth: bool) -> dict[str, str]:
        """Return the rate limit headers of an answer: none on search, no daily ones for OAuth tokens."""
        associating = window == "associations"
        window = self._counted_in(window)
        settings = self.portal.settings
        limit, seconds = self._limit(window)
        if window not in ("burst", "associations") or (associating and not settings.association_headers):
            return {}
        headers = {}
        if limit is not None:
            left = limit - len(self._in_window(window, arrived, seconds))
            headers = {
                "X-HubSpot-RateLimit-Max": str(limit),
                "X-HubSpot-RateLimit-Remaining": str(max(0, left)),
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(seconds * 1000)),
                "X-HubSpot-RateLimit-Secondly": str(limit // 10),
                "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, limit // 10 - 1)),
            }
        if settings.daily_limit is not None and not oauth:
            headers["X-HubSpot-RateLimit-Daily"] = str(settings.daily_limit)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(
                max(0, settings.daily_limit - self.used_today)
            )
        return headers

    def _counted_in(self, window: Window) -> Window:
        if window == "associations" and self.portal.settings.association_limit is None:
            return "burst"
        return window

    def _limit(self, window: Window) -> tuple[int | None, float]:
        settings = self.portal.settings
        if window == "search":
            return settings.search_limit, 1.0
        if window == "oauth":
            return settings.oauth_limit, 10.0
        if window == "associations":
            return settings.association_limit, settings.burst_window
        return settings.burst_limit, settings.burst_window

    def _in_window(self, window: Window, arrived: float, seconds: float) -> deque[float]:
        taken = self._taken.setdefault(window, deque())
        while taken and taken[0] <= arrived - seconds:
            taken.popleft()
        return taken

    def _turn_day(self) -> None:
        zone = ZoneInfo(self.portal.settings.time_zone)
        day = datetime.fromtimestamp(self.portal.now(), tz=zone).strftime("%Y-%m-%d")
        if day != self._day:
            self._day, self.used_today = day, 0

    def _too_many(self, window: Window) -> Refused:
        if window == "search":
            return Refused(429, secondly_body(self.portal.settings.search_policy_name))
        portal = self.portal
        return Refused(429, burst_body(portal.settings.app_id, portal.settings.portal_id))


def burst_body(app_id: int, portal_id: int) -> dict[str, object]:
    """Return the body of a 429 for the rolling window, as it was seen live."""
    group = f"publicapi:private_app-api-calls-ten-secondly:{app_id}:{portal_id}"
    return error_body(
        "You have reached your ten_secondly_rolling limit.",
        errorType="RATE_LIMIT",
        policyName="TEN_SECONDLY_ROLLING",
        groupName=group,
    )


def secondly_body(policy_name: str | None) -> dict[str, object]:
    """Build the body of a 429 for search."""
    body = error_body("You have reached your secondly limit.", errorType="RATE_LIMIT")
    return body if policy_name is None else {**body, "policyName": policy_name}


def daily_body() -> dict[str, object]:
    """Return the body of a 429 for the day, as HubSpot documents it."""
    message = "You have reached your daily limit."
    return error_body(message, errorType="RATE_LIMIT", policyName="DAILY")
