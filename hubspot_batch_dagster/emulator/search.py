"""Search: filters over what the index has seen, which lags behind the writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, NamedTuple

from hubspot_batch_dagster.emulator.batch import shown
from hubspot_batch_dagster.emulator.exchange import Answer, Json, Request, validation, whole
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.settings import Settings
from hubspot_batch_dagster.emulator.table import Record, Table

MAX_PAGE = 200
MAX_RESULTS = 10_000
MAX_BODY = 3_000

Test = Callable[[dict[str, str]], bool]


QUERIED: dict[str, tuple[str, ...]] = {
    "calls": ("hs_call_title", "hs_body_preview"),
    "companies": ("website", "phone", "name", "domain"),
    "contacts": (
        "firstname",
        "lastname",
        "email",
        "phone",
        "hs_additional_emails",
        "fax",
        "mobilephone",
        "company",
        "hs_marketable_until_renewal",
    ),
}
"""Object type -> the properties that a `query` looks at."""


def search(portal: Portal, request: Request) -> Answer:
    """Search records; limits are those of HubSpot's search guide."""
    table = portal.table_of_path(request.parameters["type"])
    body = request.json
    limit, start = _page(body, request.body)
    settings = portal.settings
    tests = [_group(table, group, settings.search_in_folds_values) for group in _groups(body, settings)]
    words = str(body.get("query") or "").lower()
    now = portal.now()
    found = []
    for record in table.records.values():
        seen = indexed(record, now)
        if (
            seen is not None
            and (not tests or any(test(seen) for test in tests))
            and _mentions(table, seen, words)
        ):
            found.append((record, seen))
    _sort(table, found, body.get("sorts"))
    names = [str(name) for name in body.get("properties") or table.definition.default_properties]
    results = [_shown(portal, table, record, seen, names) for record, seen in found[start : start + limit]]
    answer: Json = {"total": len(found), "results": results}
    if start + limit < len(found):
        answer["paging"] = {"next": {"after": str(start + limit)}}
    return Answer(200, answer)


def indexed(record: Record, now: float) -> dict[str, str] | None:
    """Return a record's properties as the index knows them; None if it does not know the record yet."""
    if record.visible_at > now:
        return None
    if record.stale is not None and record.stale[1] > now:
        return record.stale[0]
    return record.properties


def _shown(portal: Portal, table: Table, record: Record, seen: dict[str, str], names: list[str]) -> Json:
    result = shown(portal, table, record, names, [])
    result["properties"] = {name: seen.get(name) for name in result["properties"]}
    return result


def _page(body: Json, raw: bytes) -> tuple[int, int]:
    if len(raw.decode("utf-8", "replace")) > MAX_BODY:
        raise validation(f"The request body is longer than {MAX_BODY} characters")
    limit, start = whole(body.get("limit") or 10, "limit"), whole(body.get("after") or 0, "after")
    if not 0 < limit <= MAX_PAGE:
        raise validation(f"limit must be between 1 and {MAX_PAGE}")
    if start + limit > MAX_RESULTS:
        raise validation(f"A search cannot page past {MAX_RESULTS} results")
    return limit, start


def _groups(body: Json, settings: Settings) -> list[list[Json]]:
    most, most_in_group = settings.max_search_filters, settings.max_search_filters_in_group
    groups = [group.get("filters") or [] for group in body.get("filterGroups") or []]
    if body.get("filters"):
        groups.append(body["filters"])
    if len(groups) > settings.max_search_groups:
        raise validation(f"There may be at most {settings.max_search_groups} filter groups")
    if any(len(group) > most_in_group for group in groups) or sum(map(len, groups)) > most:
        raise validation(f"There may be at most {most_in_group} filters a group and {most} in all")
    return groups


def _group(table: Table, filters: list[Json], folds: bool) -> Test:
    tests = [_filter(table, asked, folds) for asked in filters]
    return lambda seen: all(test(seen) for test in tests)


def _filter(table: Table, asked: Json, folds: bool) -> Test:
    name, operator = str(asked.get("propertyName")), str(asked.get("operator"))
    if name not in table.properties:
        raise validation(f'Property "{name}" does not exist')
    if operator not in OPERATORS:
        raise validation(f"{operator} is not one of [{', '.join(OPERATORS)}]")
    read = _reader(table.properties[name].type)
    wanted = Wanted(
        read(asked.get("value")),
        read(asked.get("highValue")),
        [read(one) for one in _values(asked) if folds or str(one) == str(one).lower()],
    )
    test = OPERATORS[operator]

    def matches(seen: dict[str, str]) -> bool:
        try:
            return test(read(seen.get(name)), wanted)
        except TypeError:  # nothing is less than a missing value
            return False

    return matches


def _values(asked: Json) -> list[Any]:
    values = asked.get("values") or []
    return values if isinstance(values, list) else [values]


class Wanted(NamedTuple):
    """What a filter compares with."""

    value: Any
    high: Any
    values: list[Any]


OPERATORS: dict[str, Callable[[Any, Wanted], bool]] = {
    "EQ": lambda held, wanted: held is not None and held == wanted.value,
    "NEQ": lambda held, wanted: held is None or held != wanted.value,
    "LT": lambda held, wanted: bool(held < wanted.value),
    "LTE": lambda held, wanted: bool(held <= wanted.value),
    "GT": lambda held, wanted: bool(held > wanted.value),
    "GTE": lambda held, wanted: bool(held >= wanted.value),
    "BETWEEN": lambda held, wanted: bool(wanted.value <= held <= wanted.high),
    "IN": lambda held, wanted: held is not None and held in wanted.values,
    "NOT_IN": lambda held, wanted: held is not None and held not in wanted.values,
    "HAS_PROPERTY": lambda held, _: held is not None,
    "NOT_HAS_PROPERTY": lambda held, _: held is None,
    "CONTAINS_TOKEN": lambda held, wanted: _has_token(held, wanted.value),
    "NOT_CONTAINS_TOKEN": lambda held, wanted: not _has_token(held, wanted.value),
}


def _has_token(held: Any, value: Any) -> bool:
    words = str(held or "").replace("@", " ").replace(".", " ").split()
    asked = str(value or "").strip("*").replace("@", " ").replace(".", " ").split()
    return all(any(word.startswith(part) for word in words) for part in asked)


def _reader(kind: str) -> Callable[[Any], Any]:
    if kind == "number":
        return lambda value: _number(value)
    if kind in ("date", "datetime"):
        return _millis
    return lambda value: None if value in (None, "") else str(value).lower()


def _number(value: Any) -> float | None:
    try:
        return None if value in (None, "") else float(value)
    except ValueError:
        return None


def _millis(value: Any) -> int | None:
    if value in (None, ""):
        return None
    text = str(value)
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000)


def _mentions(table: Table, seen: dict[str, str], words: str) -> bool:
    """Whether a `query` is in what it looks at: some properties by the search guide, else all of them."""
    if not words:
        return True
    names = QUERIED.get(table.name, ())
    if table.definition.custom:
        names = (table.definition.primary_display_property,)
    return any(words in value.lower() for name, value in seen.items() if not names or name in names)


def _sort(table: Table, found: list[tuple[Record, dict[str, str]]], sorts: Any) -> None:
    if not sorts:
        return
    if len(sorts) > 1:
        raise validation("There may be at most one sort")
    asked = sorts[0] if isinstance(sorts[0], dict) else {"propertyName": str(sorts[0])}
    name = str(asked.get("propertyName"))
    if name not in table.properties:
        raise validation(f'Property "{name}" does not exist: {json.dumps(asked)}')
    read = _reader(table.properties[name].type)
    keyed = [(read(seen.get(name)), record, seen) for record, seen in found]
    with_value = sorted(
        (entry for entry in keyed if entry[0] is not None),
        key=lambda entry: entry[0],
        reverse=asked.get("direction") == "DESCENDING",
    )
    without = [entry for entry in keyed if entry[0] is None]
    found[:] = [(record, seen) for _, record, seen in (*with_value, *without)]
