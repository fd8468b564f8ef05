"""Routes: which path means which operation, in every version's spelling."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hubspot_batch_dagster.emulator.batch import OPERATIONS
from hubspot_batch_dagster.emulator.exchange import Answer, Request
from hubspot_batch_dagster.emulator.limits import Window
from hubspot_batch_dagster.emulator.object_types import refuses
from hubspot_batch_dagster.emulator.portal import Portal

Handler = Callable[[Portal, Request], Answer]

DATED = ("2025-09", "2026-03", "2026-09", "2026-09-beta", "2027-03-beta")
VERSIONS = ("v3", "v4", *DATED)
LEGACY_ORDER_ONLY = ("appointments", "projects")


@dataclass(frozen=True)
class Route:
    """One operation and the paths that mean it.

    Attributes:
        pattern: The path without version: `/crm/objects/{type}/batch/create` stands for
            `/crm/v3/objects/...` and for `/crm/objects/2026-03/...`.
        access: `read`, `write` or, for definitions, `schema`; decides the scopes.
        versions: Where it exists.
    """

    method: str
    pattern: str
    operation: str
    handler: Handler
    window: Window = "burst"
    access: str = "read"
    versions: tuple[str, ...] = ("v3", *DATED)


@dataclass(frozen=True)
class Found:
    """A route with the variable parts of one path."""

    route: Route
    version: str
    parameters: dict[str, str]


def batch_routes() -> tuple[Route, ...]:
    """Return the five batch operations."""
    return tuple(
        Route(
            "POST",
            f"/crm/objects/{{type}}/batch/{operation}",
            operation,
            handler,
            access="read" if operation == "read" else "write",
        )
        for operation, handler in OPERATIONS.items()
    )


class Router:
    """Finds the route of a path; remembers what it found, because a sync asks for few paths many times."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes = [(route, _expression(route.pattern)) for route in routes]
        self._known: dict[tuple[str, str], Found | None] = {}

    def find(self, portal: Portal, method: str, path: str) -> Found | None:
        """Return the route of a request, or None if HubSpot has no such path."""
        key = (method, path)
        if key not in self._known:
            if len(self._known) > 5000:
                self._known.clear()
            self._known[key] = self._search(method, path)
        found = self._known[key]
        return found if found is None or _exists(portal, found, path) else None

    def _search(self, method: str, path: str) -> Found | None:
        version, plain = _without_version(path)
        for route, expression in self._routes:
            match = expression.fullmatch(plain) if route.method == method else None
            if match is not None and version in route.versions:
                return Found(route, version, match.groupdict())
        return None


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))


def _without_version(path: str) -> tuple[str, str]:
    parts = path.strip("/").split("/")
    for place in (1, 2):
        if len(parts) > place and re.fullmatch(r"v\d|\d{4}-\d\d(-beta)?", parts[place]):
            version = parts.pop(place)
            if place == 1 and version in DATED and parts[0] == "crm":
                return "", path
            return version, "/" + "/".join(parts)
    return "", path


def _exists(portal: Portal, found: Found, path: str) -> bool:
    name = found.parameters.get("type", "")
    table = portal.find_table(name) if name else None
    if table is None or found.route.operation not in OPERATIONS:
        return True
    if portal.settings.unlisted_operations == "take":
        return True
    if found.version == "v3" and table.name in LEGACY_ORDER_ONLY and path.startswith("/crm/v3/"):
        return False
    return not refuses(table.definition.refused_operations, found.route.operation, found.version)
