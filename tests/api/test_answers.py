"""Which answer means what."""

from __future__ import annotations

import json
import pickle
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.api.answers import SHOWN, error_from_answer, parse_retry_after, shorten
from hubspot_batch_dagster.api.errors import (
    AccountMoving,
    AnswerLost,
    Conflict,
    DailyLimitReached,
    ExpiredToken,
    Forbidden,
    InvalidBatch,
    InvalidRequest,
    Locked,
    MissingScopes,
    NotAuthenticated,
    NotFound,
    RateLimited,
    RecordsNotFound,
    Redirected,
    RequestRefused,
    RequestTooLarge,
    ResponseError,
    ServerTrouble,
    UnexpectedStatus,
)
from hubspot_batch_dagster.api.json_bounds import holds_too_much


def read(status: int, body: Any = None, headers: dict[str, str] | None = None) -> ResponseError:
    data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
    return error_from_answer(status, headers or {}, data, now=lambda: 1_000_000_000.0)


DAILY = {
    "status": "error",
    "message": "You have reached your daily limit.",
    "errorType": "RATE_LIMIT",
    "correlationId": "c0ee",
    "policyName": "DAILY",
    "requestId": "r",
}
BURST = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "errorType": "RATE_LIMIT",
    "correlationId": "c0ee",
    "policyName": "TEN_SECONDLY_ROLLING",
    "groupName": "publicapi:private_app-api-calls-ten-secondly:1:2",
}

TABLE: list[tuple[int, Any, type[ResponseError], bool]] = [
    (400, {"category": "VALIDATION_ERROR", "message": "bad"}, InvalidBatch, False),
    (400, {"message": "Unable to infer object type from: butterflies"}, InvalidRequest, False),
    (400, {"message": "Unable to perform upsert by non-unique 0-3 property dealname"}, InvalidRequest, False),
    (400, {"message": "Invalid input JSON on line 1, column 2"}, InvalidRequest, False),
    (400, {"message": "Cannot deserialize value of type"}, InvalidRequest, False),
    (400, {"message": "'a non-unique name' is no option; invalid input json"}, InvalidBatch, False),
    (422, {"message": "This cannot be processed."}, InvalidBatch, False),
    (401, {"category": "INVALID_AUTHENTICATION"}, NotAuthenticated, False),
    (401, {"category": "EXPIRED_AUTHENTICATION"}, ExpiredToken, False),
    (401, b"", NotAuthenticated, False),
    (403, {"category": "MISSING_SCOPES"}, MissingScopes, False),
    (403, {"context": {"requiredGranularScopes": ["a.read"]}}, MissingScopes, False),
    (403, {"category": "FORBIDDEN", "message": "This feature needs another plan."}, Forbidden, False),
    (403, b"<title>Blocked</title>", Forbidden, False),
    (403, b"", Forbidden, False),
    (404, {"message": "resource not found"}, NotFound, False),
    (404, {"category": "OBJECT_NOT_FOUND"}, RecordsNotFound, False),
    (404, b"<h1>Not found</h1>", NotFound, False),
    (409, {"category": "CONFLICT"}, Conflict, True),
    (423, {}, Locked, False),
    (429, BURST, RateLimited, False),
    (429, {"message": "You have reached your secondly limit."}, RateLimited, False),
    (429, b"<html>slow down</html>", RateLimited, False),
    (429, DAILY, DailyLimitReached, False),
    (429, {"message": "You have reached your daily limit."}, DailyLimitReached, False),
    (477, {}, AccountMoving, False),
    *[(status, b"", ServerTrouble, True) for status in (500, 502, 503, 504, 521, 522, 523, 524, 525, 526)],
    *[(status, b"", RequestTooLarge, False) for status in (413, 414)],
    *[(status, b"", RequestRefused, False) for status in (402, 405, 406, 411, 415, 418, 431, 437, 451, 499)],
    *[(status, b"", UnexpectedStatus, True) for status in (202, 408, 425, 600, 999)],
    *[(status, b"", Redirected, False) for status in (301, 307, 308)],
    *[(status, b"", Redirected, True) for status in (300, 302, 303, 304)],
]


@pytest.mark.parametrize(("status", "body", "kind", "may_have_acted"), TABLE)
def test_each_answer_has_its_class_and_says_whether_it_may_have_acted(
    status: int, body: Any, kind: type[ResponseError], may_have_acted: bool
) -> None:
    error = read(status, body)
    assert type(error) is kind
    assert error.may_have_acted is may_have_acted
    assert error.status == status
    assert str(status) in str(error)
    assert error.remedy in str(error)
    assert error.remedy


def test_an_error_says_what_happened_then_hubspots_words_then_the_id_then_the_remedy() -> None:
    error = read(
        400,
        {
            "status": "error",
            "category": "VALIDATION_ERROR",
            "subCategory": {"name": "Properties.X"},
            "message": "Property values were not valid",
            "correlationId": "abc-1",
            "errors": [
                {
                    "message": "m",
                    "code": "INVALID_EMAIL",
                    "context": {"propertyName": ["email"]},
                    "in": "body",
                }
            ],
            "context": {"ids": ["5"]},
        },
    )
    words = str(error)
    order = ["refused", "400 VALIDATION_ERROR", "Property values were not valid", "abc-1", error.remedy]
    assert [words.index(part) for part in order] == sorted(words.index(part) for part in order)
    assert error.sub_category == "Properties.X"
    assert error.correlation_id == "abc-1"
    assert error.errors[0].code == "INVALID_EMAIL"
    assert error.errors[0].context == {"propertyName": ["email"]}
    assert error.errors[0].in_ == "body"
    assert error.context == {"ids": ["5"]}
    assert "InvalidBatch(" in repr(error)
    assert "abc-1" in repr(error)


def test_the_correlation_id_is_taken_from_the_header_when_the_body_has_none() -> None:
    assert read(502, b"<html/>", {"X-HubSpot-Correlation-Id": "head"}).correlation_id == "head"
    assert read(400, {"correlationId": "body"}, {"x-hubspot-correlation-id": "head"}).correlation_id == "body"
    assert read(400, {"requestId": "req"}).correlation_id == "req"


def test_missing_scopes_are_named_wherever_hubspot_puts_them() -> None:
    error = read(
        403,
        {
            "category": "MISSING_SCOPES",
            "message": "This app hasn't been granted all required scopes.",
            "errors": [
                {"message": "One or more", "context": {"requiredGranularScopes": ["a.read", "b.write"]}}
            ],
            "context": "{missingScopes=[c.read, a.read]}",
        },
    )
    assert isinstance(error, MissingScopes)
    assert error.scopes == ("c.read", "a.read", "b.write")
    assert "it lacks c.read, a.read, b.write" in str(error)
    nameless = read(403, {"category": "MISSING_SCOPES"})
    assert isinstance(nameless, MissingScopes)
    assert nameless.scopes == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<title>Blocked</title><p>Rule 7</p>", "does not answer as HubSpot does"),
        (b"", "does not answer as HubSpot does"),
        ({"message": "Your plan has no custom objects."}, "HubSpot forbids this"),
        ({"category": "ACCOUNT_LIMIT", "message": "Too many pipelines."}, "403 ACCOUNT_LIMIT"),
    ],
)
def test_a_403_is_told_as_missing_scopes_only_where_hubspot_says_so(body: Any, words: str) -> None:
    error = read(403, body)
    assert words in str(error)
    assert "scope" not in str(error).lower()


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://api-eu1.hubapi.com/crm/v3?token=secret#x", "https://api-eu1.hubapi.com/crm/v3"),
        ("https://user:secret@login.example:8443/sso", "https://login.example:8443/sso"),
        ("/elsewhere?secret=1", "/elsewhere"),
        ("https://[nonsense", None),
        ("//h:99999/x", None),
        ("", None),
    ],
)
def test_a_redirect_says_where_it_leads_without_what_may_be_secret(location: str, shown: str | None) -> None:
    error = read(307, b"", {"Location": location})
    assert isinstance(error, Redirected)
    assert error.location == shown
    assert (shown or "307") in str(error)
    assert "secret" not in str(error)


def test_what_an_answer_says_of_itself_is_shown_on_one_short_line() -> None:
    error = read(
        400,
        {"category": "C" * 500, "subCategory": "s\n" * 500},
        {"x-hubspot-correlation-id": "id\n\x1b[31m" + "9" * 5000},
    )
    for text in (error.category, error.sub_category, error.correlation_id):
        assert text is not None
        assert len(text) <= 120
        assert text.isprintable()


def test_a_long_context_is_read_in_one_pass() -> None:
    """Texts that lead a pattern which goes back over them into minutes."""
    started = time.monotonic()
    for text in ("a" * 20_000, "a=" * 20_000, "=[" * 20_000, "<" * 20_000, "<head" * 4_000, "[{" * 20_000):
        read(400, {"message": "m", "context": text, "errors": [{"context": text}]})
        read(502, text.encode())
    assert time.monotonic() - started < 10.0


@pytest.mark.parametrize("part", ["1,", "{},", "[],", '"a",'])
def test_a_body_of_a_million_values_is_not_taken_apart(part: str) -> None:
    body = b'{"message":"x","errors":[' + part.encode() * 1_100_000 + b"1]}"
    started = time.monotonic()
    assert read(400, body).errors == ()
    assert time.monotonic() - started < 10.0


def test_commas_in_texts_are_no_values() -> None:
    text = json.dumps({"message": 'a "quoted" \\ ' + "," * 2_000_000})
    assert not holds_too_much(text.encode())
    assert read(400, text.encode()).said.startswith("a")


def test_a_failed_read_is_never_told_as_a_write() -> None:
    for error in (read(502), AnswerLost("lost"), read(408)):
        error.of_a_read()
        assert not error.may_have_acted
        assert "nothing was written" in str(error)
    assert read(400).of_a_read().remedy == InvalidBatch.default_remedy
    assert read(302).of_a_read().remedy == Redirected.default_remedy


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message": "Contact already exists. Existing ID: 123"}, "123"),
        ({"message": "Contact already exists", "context": {"existingId": ["9"]}}, "9"),
        ({"message": "Contact already exists"}, None),
    ],
)
def test_a_conflict_names_the_record_in_the_way(body: Any, expected: str | None) -> None:
    error = read(409, body)
    assert isinstance(error, Conflict)
    assert error.existing_id == expected


def test_limits_name_their_policy() -> None:
    burst, daily = read(429, BURST), read(429, DAILY)
    assert isinstance(burst, RateLimited)
    assert isinstance(daily, DailyLimitReached)
    assert (burst.policy, daily.policy) == ("TEN_SECONDLY_ROLLING", "DAILY")
    assert daily.category == "RATE_LIMIT"
    assert daily.resets_at is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0.5", 0.5),
        ("86400", 86400.0),
        ("-3", 0.0),
        ("Sun, 09 Sep 2001 01:47:10 GMT", 30.0),
        ("Sun, 09 Sep 2001 01:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(value: str | None, seconds: float | None) -> None:
    headers = {"Retry-After": value} if value is not None else {}
    assert read(477, {}, headers).retry_after == seconds
    assert parse_retry_after(value, now=lambda: 1_000_000_000.0) == seconds


def test_a_page_instead_of_json_becomes_its_first_words() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>502 Bad&nbsp;Gateway</title><style>p{color:red}</style></head>"
        b"<body><script>alert('x')</script><h1>Bad gateway</h1><p>Try &amp; wait</p></body></html>"
    )
    words = str(read(502, page))
    assert "502 Bad Gateway Bad gateway Try & wait" in words
    assert "alert" not in words
    assert "color" not in words
    assert "<" not in words


def test_plain_text_is_kept_as_it_is() -> None:
    assert '"upstream connect error"' in str(read(503, b"upstream connect error"))


def test_a_long_message_is_cut() -> None:
    error = read(400, {"message": "option " * 5000})
    assert len(error.message) < SHOWN + 100
    assert "..." in error.message
    assert error.said == "option " * 5000, "settling reads all of it"
    assert len(read(400, {"message": "x" * 1_000_000}).said) == 100_000


def test_shown_text_is_one_line_without_control_characters() -> None:
    assert shorten("a\n\tb\x00\x1b[31mc   d") == "a b [31mc d"
    assert shorten("x" * 400, 10) == "xxxxxxx..."


@pytest.mark.parametrize(
    "body",
    [
        {"message": ["not", "text"], "category": 7, "errors": {"a": 1}, "context": [1, 2], "links": 3},
        {"errors": ["plain", None, {"message": None}], "context": {"a": "b", "c": None}},
        {"subCategory": {}, "correlationId": None},
        [],
        "text",
        None,
        b"\xff\xfe\x00",
    ],
)
def test_a_malformed_error_body_still_gives_an_error(body: Any) -> None:
    error = read(400, body)
    assert isinstance(error, InvalidBatch)
    assert str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "status",
        "category",
        "subCategory",
        "message",
        "correlationId",
        "errors",
        "context",
        "policyName",
        "links",
        "error",
    ]
)


@given(
    st.integers(300, 599),
    st.dictionaries(fields, json_values, max_size=6) | st.binary(max_size=80),
    st.text(),
)
def test_no_answer_whatever_breaks_the_reading_of_errors(status: int, body: Any, retry_after: str) -> None:
    error = read(status, body, {"retry-after": retry_after})
    assert error.status == status
    assert all(isinstance(text, str) for texts in error.context.values() for text in texts)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
