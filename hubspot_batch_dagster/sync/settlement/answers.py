"""An answer of HubSpot's to a batch, as verdicts on its rows.

Answers are parsed only as far as settling needs them. Where an answer leaves out trace ids, it is read again
in full.
"""

from __future__ import annotations

from collections.abc import Sequence

from hubspot_batch_dagster.api.batch_results import Settlement
from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.models import BatchAnswer, ErrorItem, Warning_
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import Verdict, Written
from hubspot_batch_dagster.sync.settlement.echoes import with_warnings
from hubspot_batch_dagster.sync.settlement.matching import settle


def verdicts_on(batch: Batch, answer: Answer, object_type: str) -> dict[int, Verdict]:
    """Settle the rows of a batch from HubSpot's answer; rows that it omits are missing.

    Raises:
        AnswerLost: The answer says that it is none.
    """
    if batch.action == "archive" and not answer.body:
        return {i: Verdict(outcome="archived", id=batch.ids[i]) for i in range(len(batch))}
    return with_warnings(batch, settle(batch, *_results(answer), object_type), answer.body)


def _results(answer: Answer) -> tuple[list[Written], list[ErrorItem]]:
    slim = answer.whole(Settlement)
    if all(each.object_write_trace_id for each in slim.results):
        return [
            Written(each.id, each.object_write_trace_id, each.new, warnings=_texts(each.warnings))
            for each in slim.results
        ], slim.errors
    whole = answer.read(BatchAnswer)
    return [
        Written(each.id, each.object_write_trace_id, each.new, each.properties, _texts(each.warnings))
        for each in whole.results
    ], whole.errors


def _texts(warnings: Sequence[Warning_]) -> tuple[str, ...]:
    return () if not warnings else tuple(each.message or each.category or "" for each in warnings)
