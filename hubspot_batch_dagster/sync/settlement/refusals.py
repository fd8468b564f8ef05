"""HubSpot's no: which rows a refusal is about, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.models import ErrorItem
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import MESSAGE_LENGTH, Verdict, is_conflict, same_record


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


def refusals(batch: Batch, error: HubSpotError) -> dict[int, Verdict]:
    """Return the rows that the refusal of a whole batch names, by trace id, by id, or by property and value,
    each with its reason.

    Of rows with an id that HubSpot calls duplicated the first is not named: sent without the others it is
    fine. The same goes for rows that share a value which may be there once.
    """
    whole = rejection(error, error.correlation_id)
    traces = batch.traces()
    named = [traces[trace] for trace in error.context.get("objectWriteTraceId", []) if trace in traces]
    if named:
        return dict.fromkeys(named, whole)
    if repeated := _repeated_rows(batch, duplicated_ids(error)):
        return {i: _shared(batch, i, first, whole) for i, first in repeated.items()}
    found: dict[int, Verdict] = {}
    for reason in listed_reasons(_said(error)):
        rows = _rows_with_value(batch, reason)
        if reason.get("error") == "CONFLICTING_UNIQUE_VALUE":
            rows = rows[1:] or rows
        for i in rows:
            found.setdefault(i, _because(whole, reason))
    return found


_RECORD = re.compile(r"(?<![0-9.])[0-9]{2,20}(?![0-9])")


def naming_owners(
    verdicts: dict[int, Verdict], keys: Sequence[str], owners: Callable[[Sequence[str]], dict[str, str]]
) -> dict[int, Verdict]:
    """Return the verdicts; where another record has a row's value, and that record is another row's, with
    that row's key: of two rows that swap a value each waits for the other.

    Args:
        verdicts: Row -> verdict.
        keys: The keys of the rows.
        owners: Record id -> key of the row that has the record.
    """
    named = {i: _RECORD.findall(each.message or "") for i, each in verdicts.items() if is_conflict(each)}
    ids = sorted({each for of_row in named.values() for each in of_row})
    found = owners(ids) if ids else {}
    told = dict(verdicts)
    for i, of_row in named.items():
        others = [found[each] for each in of_row if found.get(each, keys[i]) != keys[i]]
        if others:
            message = f"{(verdicts[i].message or '').rstrip('.')}. {OWNED.format(others[0])}"
            told[i] = verdicts[i]._replace(message=message[:MESSAGE_LENGTH])
    return told


OWNED = (
    "That is the record of the row with the key {}. Where rows swap their values, clear the value in one of"
    " the records: the next runs write them."
)


def listed_reasons(message: str) -> list[dict[str, str]]:
    """Return the list of reasons that HubSpot puts, as JSON text, behind the words of a validation message.

    Of each reason only what is text counts, with what is no character taken out: it goes into the journal.
    """
    start = message.find("[{")
    if start < 0:
        return []
    try:
        found, _ = json.JSONDecoder().raw_decode(message, start)
    except (ValueError, RecursionError):
        return []
    return [
        {name: _sound(value) for name, value in each.items() if isinstance(value, str)}
        for each in found
        if isinstance(each, dict)
    ]


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _said(error: ErrorItem | HubSpotError) -> str:
    return (isinstance(error, HubSpotError) and error.said) or error.message or ""


_DUPLICATED = re.compile(r"Duplicate IDs found in batch input: \[([^\]]*)\]")


def duplicated_ids(error: HubSpotError) -> set[str]:
    """Return the records that two inputs of a batch name, by HubSpot's words."""
    found = _DUPLICATED.search(_said(error))
    if not found:
        return set()
    return {*error.context.get("ids", []), *(each.strip() for each in found.group(1).split(","))}


def _repeated_rows(batch: Batch, ids: set[str]) -> dict[int, int]:
    """Rows with one of the ids that another row has before them -> that row."""
    first: dict[str, int] = {}
    return {
        i: first[each]
        for i, each in enumerate(batch.ids)
        if each is not None and first.setdefault(each, i) != i and each in ids
    }


def _shared(batch: Batch, i: int, first: int, whole: Verdict) -> Verdict:
    """Return the verdict on a row that names the record of another one of its batch."""
    record = batch.ids[i] if batch.id_property is None else None
    return whole if record is None else same_record(record, batch.keys[first])


def _because(whole: Verdict, reason: dict[str, str]) -> Verdict:
    """Return the verdict with the one reason of several that is about the row."""
    return whole._replace(
        code=reason.get("error") or whole.code,
        property=reason["name"],
        message=str(reason.get("message") or whole.message)[:MESSAGE_LENGTH],
    )


def _rows_with_value(batch: Batch, reason: dict[str, str]) -> list[int]:
    name, value = reason.get("name"), reason.get("propertyValue")
    if name is None or value is None:
        return []
    sent = f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)}"
    return [i for i, properties in enumerate(batch.properties) if sent in properties]
