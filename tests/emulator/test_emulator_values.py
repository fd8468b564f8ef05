"""Property values: what each kind of property takes, keeps and refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator_helpers import Caller, rows
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.emulator.definitions import PropertyDefinition, standard_object_types
from hubspot_batch_dagster.emulator.values import ValueRefused, check_for


def kept(kind: str, value: str, options: tuple[str, ...] = (), field_type: str = "text") -> str:
    """What a property of this kind keeps of a value."""
    prop = PropertyDefinition("x", kind, field_type, "X", tuple((option, option) for option in options))
    check = check_for(prop)
    return value if check is None else check(value)


def code(kind: str, value: str, **more: Any) -> str:
    """The code with which a property of this kind refuses a value."""
    with pytest.raises(ValueRefused) as refused:
        kept(kind, value, **more)
    return refused.value.code


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", "24.00", "24.00"),
        ("number", "-7", "-7"),
        ("date", "2026-02-28", "2026-02-28"),
        ("date", "1772236800000", "2026-02-28"),
        ("date", "2026-02-28T00:00:00Z", "2026-02-28"),
        ("datetime", "2026-02-28T10:20:30Z", "2026-02-28T10:20:30Z"),
        ("datetime", "2026-02-28T10:20:30.120+02:00", "2026-02-28T08:20:30.120Z"),
        ("datetime", "1772273445678", "2026-02-28T10:10:45.678Z"),
        ("datetime", "2026-02-28", "2026-02-28T00:00:00Z"),
        ("string", " kept as it is\n", " kept as it is\n"),
    ],
)
def test_a_good_value_is_kept_in_hubspots_form(kind: str, value: str, expected: str) -> None:
    assert kept(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", "1e3", "INVALID_NUMBER"),
        ("number", "1,000", "INVALID_NUMBER"),
        ("number", "NaN", "INVALID_NUMBER"),
        ("number", "٣", "INVALID_NUMBER"),
        ("date", "2026-02-30", "INVALID_DATE"),
        ("date", "28.02.2026", "INVALID_DATE"),
        ("date", "2026-02-28T10:00:00Z", "INVALID_DATE"),
        ("datetime", "2026-02-28T10:20:30", "INVALID_LONG"),
        ("datetime", "1772273445", "INVALID_LONG"),
        ("datetime", "2026-13-01T00:00:00Z", "INVALID_LONG"),
    ],
)
def test_a_bad_value_is_refused_with_hubspots_code(kind: str, value: str, expected: str) -> None:
    assert code(kind, value) == expected


def test_options_are_exact_and_a_bool_is_lower_case() -> None:
    assert kept("enumeration", "a", options=("a", "b")) == "a"
    assert code("enumeration", "A", options=("a", "b")) == "INVALID_OPTION"
    assert code("bool", "True", options=("true", "false")) == "INVALID_OPTION"
    assert kept("enumeration", "a;b", options=("a", "b"), field_type="checkbox") == "a;b"
    assert code("enumeration", "a; b", options=("a", "b"), field_type="checkbox") == "INVALID_OPTION"


@given(st.integers(min_value=-2_000_000_000_000, max_value=4_000_000_000_000))
def test_every_time_in_milliseconds_is_read_back_as_the_same_time(millis: int) -> None:
    """A time in milliseconds and its written form mean the same moment, unless it looks like seconds."""
    if abs(millis) < 100_000_000_000 and millis % 86_400_000:
        assert code("datetime", str(millis)) == "INVALID_LONG"
    else:
        written = kept("datetime", str(millis))
        assert kept("datetime", written) == written


@given(st.text(max_size=200))
def test_any_text_survives_in_a_text_property(text: str) -> None:
    """A text property has no opinion about its text."""
    assert kept("string", text) == text


def test_unicode_arrives_byte_for_byte(call: Caller, hubspot: Emulator) -> None:
    text = 'Zoë "Ω" \\ \n\t \u2028 🦄 日本'
    call.batch("contacts", "create", rows({"firstname": text}))
    assert [record["firstname"] for record in hubspot.records("contacts").values()] == [text]


def errors(answer: Any) -> dict[str, str]:
    """Property name to error code, from a 400."""
    listed = json.loads(answer.json()["message"].partition(": ")[2])
    return {error["name"]: error["error"] for error in listed}


def test_read_only_calculated_and_unknown_properties_are_refused(call: Caller) -> None:
    values = {"hs_object_id": "1", "num_notes": "2", "hs_unique_creation_key": "k", "no_such": "x"}
    assert errors(call.batch("contacts", "create", rows(values, trace=False))) == {
        "hs_object_id": "READ_ONLY_VALUE",
        "num_notes": "READ_ONLY_VALUE",
        "hs_unique_creation_key": "READ_ONLY_VALUE",
        "no_such": "PROPERTY_DOESNT_EXIST",
    }


def test_numbers_and_booleans_are_read_as_their_text(call: Caller, hubspot: Emulator) -> None:
    call.batch("companies", "create", rows({"numberofemployees": 12, "is_public": True}))
    (record,) = hubspot.records("companies").values()
    assert (record["numberofemployees"], record["is_public"]) == ("12", "true")


def test_a_text_of_65536_characters_is_taken_and_one_more_is_not(call: Caller) -> None:
    assert call.batch("contacts", "create", rows({"message": "x" * 65_536}, trace=False)).status_code == 201
    assert call.batch("contacts", "create", rows({"message": "x" * 65_537}, trace=False)).status_code == 400


def test_an_empty_text_clears_and_null_does_what_the_portal_is_set_to(
    call: Caller, hubspot: Emulator
) -> None:
    (known,) = hubspot.seed_records("contacts", [{"city": "Bonn", "zip": "5", "state": "NRW"}])

    def update(**values: Any) -> int:
        return call.batch("contacts", "update", [{"id": known, "properties": values}]).status_code

    update(city="")
    hubspot.change(null_value="ignore")
    update(zip=None)
    hubspot.change(null_value="refuse")
    assert update(zip=None) == 400
    hubspot.change(null_value="clear")
    update(state=None)
    record = hubspot.records("contacts")[known]
    assert (record.get("city"), record.get("zip"), record.get("state")) == (None, "5", None)


def test_a_leading_semicolon_appends_to_a_multiple_selection(call: Caller, hubspot: Emulator) -> None:
    (known,) = hubspot.seed_records("contacts", [{"hs_buying_role": "BLOCKER"}])
    inputs = [{"id": known, "properties": {"hs_buying_role": ";CHAMPION;BLOCKER"}}]
    result = call.batch("contacts", "update", inputs).json()["results"][0]
    assert result["properties"]["hs_buying_role"] == "BLOCKER;CHAMPION"
    inputs[0]["properties"] = {"hs_buying_role": "OTHER"}
    call.batch("contacts", "update", inputs)
    assert hubspot.records("contacts")[known]["hs_buying_role"] == "OTHER"


def test_the_lifecycle_stage_moves_forward_only_and_says_nothing(call: Caller, hubspot: Emulator) -> None:
    (known,) = hubspot.seed_records("contacts", [{"lifecyclestage": "customer"}])

    def stage_after(value: str) -> str | None:
        answer = call.batch("contacts", "update", [{"id": known, "properties": {"lifecyclestage": value}}])
        assert answer.status_code == 200
        return hubspot.records("contacts")[known].get("lifecyclestage")

    assert stage_after("lead") == "customer"
    assert stage_after("") is None
    assert stage_after("lead") == "lead"


def test_2026_09_normalises_a_date_with_a_warning_where_v3_refuses_it(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.add_property("contacts", "first_order", kind="date")
    inputs = rows({"first_order": "2026-02-28T10:00:00Z"})
    assert call.batch("contacts", "create", inputs, version="v3").json()["numErrors"] == 1
    result = call.batch("contacts", "create", inputs, version="2026-09").json()["results"][0]
    assert result["properties"]["first_order"] == "2026-02-28"
    (warning,) = result["warnings"]
    assert warning["category"] == "PROPERTY_VALUE_NORMALIZED"
    assert warning["context"]["rawValue"] == "2026-02-28T10:00:00Z"
    assert warning["context"]["normalizedValue"] == "2026-02-28"


def test_required_properties_hold_on_2026_09_and_not_on_v3(call: Caller, hubspot: Emulator) -> None:
    hubspot.set_rules(
        "deals",
        [{"property": "amount"}, {"property": "closed_lost_reason", "when": {"dealstage": "closedlost"}}],
    )
    deal = {"dealname": "D", "pipeline": "default", "dealstage": "closedlost"}
    assert call.batch("deals", "create", rows(deal)).status_code == 201
    assert call.batch("deals", "create", rows(deal), version="2026-03").status_code == 201
    answer = call.batch("deals", "create", rows({"dealname": "D", **deal}, trace=False), version="2026-09")
    assert errors(answer) == {
        "amount": "MISSING_REQUIRED_PROPERTY",
        "closed_lost_reason": "MISSING_CONDITIONAL_REQUIRED_PROPERTY",
    }
    assert "A value for amount must be provided" in answer.json()["message"]
    good = {**deal, "amount": "1", "closed_lost_reason": "price"}
    assert call.batch("deals", "create", rows(good), version="2026-09").status_code == 201


def test_a_stage_must_belong_to_its_pipeline(call: Caller) -> None:
    call.post(
        "/crm/v3/pipelines/deals",
        {
            "label": "Second",
            "pipelineId": "second",
            "stages": [{"stageId": "s1", "label": "S1", "metadata": {"probability": "0.5"}}],
        },
    )
    fine = rows({"dealname": "D", "pipeline": "second", "dealstage": "s1"})
    assert call.batch("deals", "create", fine).status_code == 201
    wrong = rows({"dealname": "D", "pipeline": "default", "dealstage": "s1"}, trace=False)
    assert errors(call.batch("deals", "create", wrong)) == {"dealstage": "INVALID_OPTION"}


def test_every_type_has_an_id_times_and_an_owner() -> None:
    for definition in standard_object_types():
        names = {prop.name for prop in definition.properties}
        assert {"hs_object_id", "hubspot_owner_id", definition.created_property} <= names, definition.name
        for choice in definition.required:
            assert set(choice) <= names, (definition.name, choice)


@pytest.mark.parametrize(
    "address", [".a@example.com", "a.@example.com", "a..b@example.com", '"a b"@example.com']
)
def test_an_address_that_rfc_2822_does_not_know_is_refused(call: Caller, address: str) -> None:
    assert call.batch("contacts", "create", rows({"email": address}, trace=False)).status_code == 400


@pytest.mark.parametrize(("known", "status"), [(None, 201), (frozenset({"com"}), 400)])
def test_a_top_level_domain_must_be_known_where_a_list_is_given(
    call: Caller, hubspot: Emulator, known: frozenset[str] | None, status: int
) -> None:
    hubspot.change(known_tlds=known)
    assert call.batch("contacts", "create", rows({"email": "a@b.invalid"}, trace=False)).status_code == status
    assert call.batch("contacts", "create", rows({"email": "a@b.com"}, trace=False)).status_code == 201


@pytest.mark.parametrize(("choice", "status"), [("refuse", 400), ("take", 201)])
def test_an_owner_id_must_be_an_owners_and_not_a_users(
    call: Caller, hubspot: Emulator, choice: str, status: int
) -> None:
    hubspot.change(unknown_owner=choice)

    def made(owner: str) -> int:
        return call.batch("contacts", "create", rows({"hubspot_owner_id": owner}, trace=False)).status_code

    assert made("1001") == made("1004") == 201
    assert made("77") == status
    assert made("51001") == made("ada@example.com") == 400


@pytest.mark.parametrize(
    ("choice", "kept"),
    [("keep", "https://WWW.Example.com/x"), ("normalise", "example.com"), ("refuse", None)],
)
def test_a_companys_domain_is_kept_folded_or_refused_as_the_setting_says(
    call: Caller, hubspot: Emulator, choice: str, kept: str | None
) -> None:
    hubspot.change(company_domain=choice)
    answer = call.batch("companies", "create", rows({"domain": "https://WWW.Example.com/x"}, trace=False))
    assert answer.status_code == (400 if kept is None else 201)
    assert [each.get("domain") for each in hubspot.records("companies").values()] == ([kept] if kept else [])
    assert call.batch("companies", "create", rows({"domain": "example.com"}, trace=False)).status_code == 201
