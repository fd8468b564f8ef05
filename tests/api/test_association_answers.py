"""Answers to unlabelled associations: the short way of reading them says what the whole model says, or
nothing.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubspot_batch_dagster.api.associations import DefaultAnswer
from hubspot_batch_dagster.api.batch_results import associated_pairs

LINE = {
    "from": {"id": "1"},
    "to": {"id": "2"},
    "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279},
}
CLEAN = {"status": "COMPLETE", "results": [LINE], "startedAt": "2026-01-01T00:00:00Z"}


def test_an_answer_in_which_all_went_well_is_read_the_short_way() -> None:
    body = json.dumps({**CLEAN, "errors": []}).encode()
    (whole,) = DefaultAnswer.model_validate_json(body).results
    assert whole.association_spec is not None
    assert associated_pairs(body) == [
        (whole.association_spec.association_type_id, whole.from_.id, whole.to.id)
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"errors": [{"category": "VALIDATION_ERROR", "message": "no"}]},
        {"status": "PENDING"},
        {"results": [{**LINE, "associationSpec": None}]},
        {"results": [{**LINE, "from": {"id": 1}}]},
        {"results": None},
    ],
)
def test_any_other_answer_is_left_to_the_whole_model(odd: dict[str, Any]) -> None:
    body = json.dumps({**CLEAN, **odd}).encode()
    assert associated_pairs(body) is None
    DefaultAnswer.model_validate_json(body)


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff"])
def test_a_broken_answer_tells_nothing(body: bytes) -> None:
    assert associated_pairs(body) is None
