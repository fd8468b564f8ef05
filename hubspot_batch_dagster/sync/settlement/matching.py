"""Answers back to rows. Nothing is ever matched by position: HubSpot answers in any order.

Each function is pure: from a batch and HubSpot's answer to what is known of each row. What an answer does not speak
of stays unsettled; nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta, timezone
from typing import Any

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.models import ErrorItem, existing_id
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import Verdict, Written

MESSAGE_LENGTH = 500


def settle(batch: Batch, written: Sequence[Written], errors: Sequence[ErrorItem]) -> dict[int, Verdict]:
    """Map an answer to the rows of its batch.

    Args:
        batch: The batch as it was sent.
        written: The results of the answer, in any order. ``properties`` may be left empty when every
            result carries its trace id.
        errors: The error items of the answer. One item can speak of many rows.

    Returns:
        Index in the batch -> verdict. Rows that the answer does not speak of are missing.
    """
    verdicts: dict[int, Verdict] = {}
    traces = batch.traces()
    for error in errors:
        for i in _rows_of_error(batch, error, traces):
            verdicts.setdefault(i, rejection(error, None))
    left = []
    for result in written:
        found = traces.get(result.trace_id) if result.trace_id else None
        if found is None:
            left.append(result)
        else:
            verdicts.setdefault(found, _accepted(batch, result))
    for match in (_by_id, _by_key_property, _by_values):
        if left:
            left = _match(batch, left, verdicts, match)
    open_rows = [i for i in range(len(batch)) if i not in verdicts]
    if len(left) == len(open_rows) == 1:
        verdicts[open_rows[0]] = _accepted(batch, left[0])
    return verdicts


def rejection(error: ErrorItem | HubSpotError, correlation_id: str | None) -> Verdict:
    """HubSpot's no to one row, with its reason."""
    text = _said(error)
    detail = error.errors[0] if error.errors else None
    reasons = listed_reasons(_said(error))
    first = reasons[0] if reasons else {}
    context = detail.context if detail and detail.context else error.context
    names = context.get("propertyName") or ([first["name"]] if first.get("name") else [])
    correlation = correlation_id or getattr(error, "correlation_id", None)
    return Verdict(
        outcome="rejected",
        id=None,
        category=error.category,
        code=(detail and detail.code) or first.get("error") or error.category,
        property=names[0] if names else None,
        message=str(first.get("message") or (detail and detail.message) or text)[:MESSAGE_LENGTH],
        correlation_id=correlation,
    )


def conflicting_record(error: ErrorItem | HubSpotError) -> str | None:
    """The id of the record that already has the unique value, if HubSpot names it."""
    return existing_id(_said(error), error.context)


def refusals(batch: Batch, error: HubSpotError) -> dict[int, Verdict]:
    """The rows that the refusal of a whole batch names, by trace id, by id, or by property and value, each with its reason.

    Of rows with an id that HubSpot calls duplicated the first is not named: sent without the others it is fine. The
    same goes for rows that share a value which may be there once.
    """
    whole = rejection(error, error.correlation_id)
    traces = batch.traces()
    named = [traces[trace] for trace in error.context.get("objectWriteTraceId", []) if trace in traces]
    if not named:
        named = _repeated_rows(batch, _duplicated_ids(error))
    if named:
        return dict.fromkeys(named, whole)
    found: dict[int, Verdict] = {}
    for reason in listed_reasons(_said(error)):
        rows = _rows_with_value(batch, reason)
        if reason.get("error") == "CONFLICTING_UNIQUE_VALUE":
            rows = rows[1:] or rows
        for i in rows:
            found.setdefault(i, _because(whole, reason))
    return found


def listed_reasons(message: str) -> list[dict[str, Any]]:
    """The list of reasons that HubSpot puts, as JSON text, behind the words of a validation message."""
    start = message.find("[{")
    if start < 0:
        return []
    try:
        found, _ = json.JSONDecoder().raw_decode(message, start)
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)]


_SUCCESS = {"create": "created", "update": "updated", "upsert": "updated", "archive": "archived"}


def _accepted(batch: Batch, result: Written) -> Verdict:
    outcome = "created" if batch.action == "upsert" and result.new else _SUCCESS[batch.action]
    if not result.warnings:
        return Verdict(outcome, result.id)
    return Verdict(outcome, result.id, warning="; ".join(result.warnings))


def _said(error: ErrorItem | HubSpotError) -> str:
    return (isinstance(error, HubSpotError) and error.said) or error.message or ""


def _rows_of_error(batch: Batch, error: ErrorItem, traces: dict[str, int]) -> Iterable[int]:
    named = [traces[trace] for trace in error.trace_ids if trace in traces]
    if named:
        return named
    ids = set(error.ids)
    return [i for i, each in enumerate(batch.ids) if each in ids] if ids else []


def _match(
    batch: Batch,
    left: list[Written],
    verdicts: dict[int, Verdict],
    match: Callable[[Batch, Written, list[int]], int | None],
) -> list[Written]:
    unmatched = []
    open_rows = [i for i in range(len(batch)) if i not in verdicts]
    for result in left:
        i = match(batch, result, open_rows)
        if i is None:
            unmatched.append(result)
        else:
            verdicts[i] = _accepted(batch, result)
            open_rows.remove(i)
    return unmatched


def _by_id(batch: Batch, result: Written, open_rows: list[int]) -> int | None:
    if batch.id_property is not None:
        return None
    return next((i for i in open_rows if batch.ids[i] == result.id), None)


def _by_key_property(batch: Batch, result: Written, open_rows: list[int]) -> int | None:
    if batch.id_property is None:
        return None
    values = [result.properties.get(batch.id_property)]
    if batch.id_property == "email":
        values += (result.properties.get("hs_additional_emails") or "").split(";")
    folded = {_folded(value) for value in values if value}
    return next((i for i in open_rows if _folded(batch.ids[i] or "") in folded), None)


def _by_values(batch: Batch, result: Written, open_rows: list[int]) -> int | None:
    """The only row all of whose values came back; two rows that could be meant leave it open."""
    if not result.properties:
        return None
    fitting = [i for i in open_rows if same_values(json.loads(batch.properties[i]), result.properties)]
    return fitting[0] if len(fitting) == 1 else None


def same_values(sent: Mapping[str, str], stored: Mapping[str, str | None]) -> bool:
    """Whether a record's values are those that were sent, after the changes that HubSpot is known to make.

    HubSpot trims and lower-cases emails and writes dates and numbers in its own way, so values are
    compared by what they mean. A record that says nothing of what was sent is not the same.
    """
    return bool(sent) and all(
        _meaning(value) == _meaning(stored.get(name) or "") for name, value in sent.items()
    )


def holds(sent: Mapping[str, str], stored: Mapping[str, str | None], numbers: Set[str] = frozenset()) -> bool:
    """Whether a record has the very values, so that they need not be sent.

    Only emails, points in time and ``numbers`` may be written in another way: elsewhere 1.10 is not 1.1.
    """
    return all(
        _holds(value, stored.get(name) or "", loosely=name == "email" or name in numbers)
        for name, value in sent.items()
    )


def _holds(sent: str, stored: str, *, loosely: bool) -> bool:
    loosely = loosely or _INSTANT.match(_folded(stored)) is not None
    return sent == stored or (loosely and _meaning(sent) == _meaning(stored))


def _folded(value: str) -> str:
    return value.strip().lower()


_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?$")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(t\d\d:\d\d.*)?$")
_FRACTION = re.compile(r"\.(\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _meaning(value: str) -> str:
    text = _folded(value).removeprefix(";")  # a leading one adds to the options
    if _NUMBER.match(text):
        return text.rstrip("0").rstrip(".").lstrip("+") if "." in text else text.lstrip("+")
    return _milliseconds(text) if _INSTANT.match(text) else text


def _milliseconds(text: str) -> str:
    """A point in time as HubSpot also takes it, in milliseconds since 1970."""
    exact = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text).replace("z", "+00:00")
    try:
        at = datetime.fromisoformat(exact)
    except ValueError:
        return text
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return str((at - _EPOCH) // timedelta(milliseconds=1))


_DUPLICATED = re.compile(r"Duplicate IDs found in batch input: \[([^\]]*)\]")


def _duplicated_ids(error: HubSpotError) -> set[str]:
    found = _DUPLICATED.search(_said(error))
    if not found:
        return set()
    return {*error.context.get("ids", []), *(each.strip() for each in found.group(1).split(","))}


def _repeated_rows(batch: Batch, ids: set[str]) -> list[int]:
    again: list[int] = []
    seen: set[str] = set()
    for i, each in enumerate(batch.ids):
        if each in ids and each in seen:
            again.append(i)
        if each is not None:
            seen.add(each)
    return again


def _because(whole: Verdict, reason: dict[str, Any]) -> Verdict:
    """The verdict with the one reason of several that is about the row."""
    return whole._replace(
        code=reason.get("error") or whole.code,
        property=reason["name"],
        message=str(reason.get("message") or whole.message)[:MESSAGE_LENGTH],
    )


def _rows_with_value(batch: Batch, reason: dict[str, Any]) -> list[int]:
    name, value = reason.get("name"), reason.get("propertyValue")
    if not isinstance(name, str) or not isinstance(value, str):
        return []
    sent = f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)}"
    return [i for i, properties in enumerate(batch.properties) if sent in properties]
