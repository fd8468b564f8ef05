"""Bodies: strict in what is sent, tolerant in what is received."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hubspot_batch_dagster.api.batch_results import Settlement
from hubspot_batch_dagster.api.bodies import context_lists
from hubspot_batch_dagster.api.models import (
    BatchAnswer,
    CreateInput,
    ErrorItem,
    InlineAssociation,
    ObjectId,
    Record,
    UpdateInput,
    existing_id,
)

text = st.text(max_size=30)


@given(st.dictionaries(text, text, max_size=5), text | st.none())
def test_any_text_reaches_the_wire_unchanged(properties: dict[str, str], trace_id: str | None) -> None:
    sent = json.loads(CreateInput(properties=properties, object_write_trace_id=trace_id).to_json())
    expected: dict[str, Any] = {"properties": properties, "associations": []}
    if trace_id is not None:
        expected["objectWriteTraceId"] = trace_id
    assert sent == expected


def test_inputs_take_python_names_and_wire_names() -> None:
    python = UpdateInput(id="1", properties={}, id_property="email", object_write_trace_id="t")
    wire = UpdateInput.model_validate(
        {"id": 1, "properties": {}, "idProperty": "email", "objectWriteTraceId": "t"}
    )
    assert python == wire


def test_inputs_are_frozen() -> None:
    entry = ObjectId(id="1")
    with pytest.raises(ValidationError):
        entry.id = "2"  # type: ignore[misc]


@pytest.mark.parametrize("value", [True, "", None, 1.5, {"id": ""}])
def test_what_is_not_an_id_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        InlineAssociation.model_validate({"to": value, "types": [{"associationTypeId": 1}]})


@pytest.mark.parametrize(
    ("given_context", "expected"),
    [
        (None, {}),
        ("", {}),
        ({"ids": ["1", "2"]}, {"ids": ["1", "2"]}),
        ({"ids": [1, None, True]}, {"ids": ["1", "", "true"]}),
        ({"propertyName": "email", "x": None}, {"propertyName": ["email"], "x": []}),
        ({"deep": {"a": 1}}, {"deep": ['{"a": 1}']}),
        ("{missingScopes=[scope1, scope2]}", {"missingScopes": ["scope1", "scope2"]}),
        ("{a=[1], expire time=2026-01-01, c=[]}", {"a": ["1"], "expire time": ["2026-01-01"], "c": []}),
        ("just words", {"text": ["just words"]}),
        (["a", 2], {"text": ["a", "2"]}),
        (7, {"text": ["7"]}),
    ],
)
def test_a_context_has_one_shape_whatever_it_came_as(
    given_context: Any, expected: dict[str, list[str]]
) -> None:
    assert context_lists(given_context) == expected
    body = json.dumps({"context": given_context}).encode()
    assert ErrorItem.model_validate_json(body).context == expected
    assert ErrorItem.model_validate({"context": given_context}).context == expected


FULL = {
    "status": "COMPLETE",
    "startedAt": "2026-11-21T10:00:00.123Z",
    "completedAt": "2026-11-21T10:00:00.456Z",
    "links": {"docs": "x"},
    "numErrors": 2,
    "results": [
        {
            "id": 512,
            "properties": {"email": "a@b.co", "age": 3, "vip": True, "none": None, "odd": [1]},
            "propertiesWithHistory": {"email": [{"value": "old", "timestamp": "2026-01-01T00:00:00Z"}]},
            "createdAt": "2026-11-21T10:00:00.123Z",
            "updatedAt": "not a time",
            "archived": False,
            "new": True,
            "objectWriteTraceId": 17,
            "url": "https://app.hubspot.com/contacts/1/record/0-1/512",
            "warnings": [{"category": "PROPERTY_VALUE_NORMALIZED", "context": {"propertyName": "date"}}],
            "somethingNew": {"x": 1},
        }
    ],
    "errors": [
        {
            "status": "error",
            "category": "VALIDATION_ERROR",
            "subCategory": "crm.X",
            "message": "bad",
            "context": {"objectWriteTraceId": ["0", "1"]},
        },
        {"category": "OBJECT_NOT_FOUND", "subCategory": {"name": "y"}, "context": {"ids": ["8", "9"]}},
        {"message": "Contact already exists. Existing ID: 77", "errors": None, "links": None},
    ],
}


def test_a_whole_answer_is_read() -> None:
    answer = BatchAnswer.model_validate_json(json.dumps(FULL))
    (record,) = answer.results
    assert (record.id, record.object_write_trace_id, record.new, record.archived) == (
        "512",
        "17",
        True,
        False,
    )
    assert record.properties == {"email": "a@b.co", "age": "3", "vip": "true", "none": None, "odd": "[1]"}
    assert record.created_at == datetime(2026, 11, 21, 10, 0, 0, 123000, timezone.utc)
    assert record.updated_at is None
    assert record.properties_with_history["email"][0].value == "old"
    assert record.warnings[0].context == {"propertyName": ["date"]}
    first, second, third = answer.errors
    assert (first.trace_ids, first.sub_category) == (["0", "1"], "crm.X")
    assert (second.ids, second.sub_category) == (["8", "9"], "y")
    assert (third.existing_id, third.errors, third.links, third.context) == ("77", [], {}, {})
    assert answer.num_errors == 2
    assert answer.started_at is not None


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "CANCELED", "COMPLETE", "SOMETHING_NEW"])
def test_any_status_is_kept(status: str) -> None:
    assert BatchAnswer.model_validate_json(json.dumps({"status": status})).status == status
    assert Settlement.model_validate_json(json.dumps({"status": status})).status == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"results": None, "errors": None},
        {"results": {}, "errors": "x", "links": []},
        {"results": [None], "errors": [None]},
        {"status": None, "startedAt": 5, "numErrors": "many"},
    ],
)
def test_what_is_missing_null_or_of_the_wrong_kind_is_empty(body: dict[str, Any]) -> None:
    for model in (BatchAnswer, Settlement):
        answer = model.model_validate_json(json.dumps(body))
        assert (answer.results, answer.errors) == ([], [])


def test_a_record_may_lack_everything() -> None:
    record = Record.model_validate({"properties": None, "warnings": None, "propertiesWithHistory": None})
    assert (record.id, record.properties, record.warnings, record.new) == ("", {}, [], None)


def test_a_settlement_says_the_same_as_the_whole_answer() -> None:
    body = json.dumps(FULL)
    whole, slim = BatchAnswer.model_validate_json(body), Settlement.model_validate_json(body)
    assert slim.errors == whole.errors
    assert slim.num_errors == whole.num_errors
    assert [(one.id, one.object_write_trace_id, one.new, one.warnings) for one in slim.results] == [
        (one.id, one.object_write_trace_id, one.new, one.warnings) for one in whole.results
    ]
    assert "properties" not in type(slim.results[0]).model_fields


def test_answers_are_frozen_and_print_their_fields() -> None:
    answer = BatchAnswer.model_validate(FULL)
    with pytest.raises(ValidationError):
        answer.status = "X"
    assert "512" in repr(answer)


@pytest.mark.parametrize(
    ("message", "context", "expected"),
    [
        ("Contact already exists. Existing ID: 12", {}, "12"),
        ("Contact already exists. Existing ID: 12", {"existingId": ["9"]}, "9"),
        ("no", {"existingId": []}, None),
        (None, {}, None),
    ],
)
def test_the_record_in_the_way_is_found_in_context_or_sentence(
    message: str | None, context: dict[str, list[str]], expected: str | None
) -> None:
    assert existing_id(message, context) == expected
