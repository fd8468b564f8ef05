"""Answers back to rows. Nothing is ever matched by position: HubSpot answers in any order.

Each function is pure: from a batch and HubSpot's answer to what is known of each row. What an answer does not
speak of stays unsettled; nothing is guessed.

A result is a row's if it bears the row's trace id. One that bears another trace id is no row's of this batch,
whatever else it says. One without a trace id is matched by record id, by the unique value, by all values; and
the last result that is left belongs to the last row that is left, unless something that it says contradicts
that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from hubspot_batch_dagster.api.models import ErrorItem, is_record_id
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.value_comparison import related, same_values
from hubspot_batch_dagster.sync.batches.verdict import Verdict, Written
from hubspot_batch_dagster.sync.settlement.refusals import rejection
from hubspot_batch_dagster.sync.settlement.unique_values import UniqueProperty

Match = Callable[[Batch, UniqueProperty, Written, list[int]], int | None]


def settle(
    batch: Batch, written: Sequence[Written], errors: Sequence[ErrorItem], object_type: str
) -> dict[int, Verdict]:
    """Map an answer to the rows of its batch.

    Args:
        batch: The batch as it was sent.
        written: The results of the answer, in any order. ``properties`` may be left empty when every
            result carries its trace id.
        errors: The error items of the answer. One item can speak of many rows.
        object_type: The type of the records.

    Returns:
        Index in the batch -> verdict. Rows that the answer does not speak of are missing. A row in both
        results and errors is written.
    """
    verdicts: dict[int, Verdict] = {}
    traces = batch.traces()
    untraced = []
    for result in written:
        if not is_record_id(result.id):
            continue
        if not result.trace_id:
            untraced.append(result)
        elif result.trace_id in traces:
            verdicts.setdefault(traces[result.trace_id], _accepted(batch, result))
    refused = {
        i: error
        for error in reversed(errors)
        for i in _rows_of_error(batch, error, traces)
        if i not in verdicts
    }
    if untraced:
        unique = UniqueProperty.of(object_type, batch.id_property)
        for match in (_by_unique_value, _by_values):
            untraced = _match(batch, unique, untraced, verdicts, refused, match)
        left = [i for i in range(len(batch)) if i not in verdicts and i not in refused]
        if len(untraced) == len(left) == 1 and not _contradicts(batch, unique, untraced[0], left[0]):
            verdicts[left[0]] = _accepted(batch, untraced[0])
    return verdicts | {i: rejection(error, None) for i, error in refused.items() if i not in verdicts}


_SUCCESS = {"create": "created", "update": "updated", "upsert": "updated", "archive": "archived"}


def _accepted(batch: Batch, result: Written) -> Verdict:
    outcome = "created" if batch.action == "upsert" and result.new else _SUCCESS[batch.action]
    if not result.warnings:
        return Verdict(outcome, result.id)
    return Verdict(outcome, result.id, warning="; ".join(result.warnings))


def _rows_of_error(batch: Batch, error: ErrorItem, traces: dict[str, int]) -> Iterable[int]:
    named = [traces[trace] for trace in error.trace_ids if trace in traces]
    if named:
        return named
    ids = set(error.ids)
    return [i for i, each in enumerate(batch.ids) if each in ids] if ids else []


def _match(
    batch: Batch,
    unique: UniqueProperty,
    results: list[Written],
    verdicts: dict[int, Verdict],
    refused: dict[int, ErrorItem],
    match: Match,
) -> list[Written]:
    """Match results to rows, those of which no error speaks first; returns the results that are left."""
    unmatched = []
    open_rows = [i for i in range(len(batch)) if i not in verdicts]
    for result in results:
        i = match(batch, unique, result, [each for each in open_rows if each not in refused])
        if i is None and refused:
            i = match(batch, unique, result, [each for each in open_rows if each in refused])
        if i is None:
            unmatched.append(result)
        else:
            verdicts[i] = _accepted(batch, result)
            open_rows.remove(i)
    return unmatched


def _by_unique_value(
    batch: Batch, unique: UniqueProperty, result: Written, open_rows: list[int]
) -> int | None:
    if batch.action == "create":
        return None
    found = (i for i in open_rows if unique.holds(batch.ids[i], result.properties, result.id))
    return next(found, None)


def _by_values(batch: Batch, unique: UniqueProperty, result: Written, open_rows: list[int]) -> int | None:
    """Return the only row all of whose values came back; two rows that could be meant leave it open."""
    if not result.properties:
        return None
    fitting = [
        i
        for i in open_rows
        if same_values(json.loads(batch.properties[i]), result.properties)
        and not _other_record(batch, unique, result, i)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _contradicts(batch: Batch, unique: UniqueProperty, result: Written, i: int) -> bool:
    """Whether a result says of itself that it is not the row's."""
    sent = json.loads(batch.properties[i])
    told = {name: result.properties[name] for name in sent if result.properties.get(name)}
    return _other_record(batch, unique, result, i) or not all(
        related(sent[name], value or "") for name, value in told.items() if sent[name]
    )


def _other_record(batch: Batch, unique: UniqueProperty, result: Written, i: int) -> bool:
    return batch.action != "create" and unique.contradicts(batch.ids[i], result.properties, result.id)
