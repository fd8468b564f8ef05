"""Rules for a column, from the operation to the check: a bad optional cell does not cost the customer."""

from __future__ import annotations

import pytest
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster import Cast, Property, Upsert, prepare
from hubspot_batch_dagster.api.errors import InputError

ROWS = [
    {"email": "a@x.org", "employees": "7", "note": "N/A"},
    {"email": "b@x.org", "employees": "seven", "note": "hello"},
    {"email": "nonsense", "employees": "eight", "note": "-"},
]


def people(on_invalid: str) -> Upsert:
    return Upsert(
        "contacts",
        id_property="email",
        properties={
            "email": "email",
            "numemployees": Property("employees", on_invalid=on_invalid),
            "jobtitle": "note",
        },
        cast=Cast(null_values=["N/A", "-"]),
    )


def test_a_row_goes_without_its_bad_cell_and_the_result_tells_which(bench: Bench) -> None:
    bench.emulator.add_property("contacts", "numemployees", type="number")
    bench.reopen()
    result = bench.run(ROWS, people("omit"))
    assert shown(result) == {"created": 2, "rejected": 1}
    assert result.cells_omitted == {"employees: INVALID_NUMBER": 1}
    (told,) = result.omitted.to_pylist()
    assert (told["row"], told["email"], told["column"], told["error_property"], told["error_code"]) == (
        1,
        "b@x.org",
        "employees",
        "numemployees",
        "INVALID_NUMBER",
    )
    stored = {each["email"]: each for each in bench.emulator.records("contacts").values()}
    assert "numemployees" not in stored["b@x.org"]
    assert stored["a@x.org"]["numemployees"] == "7"
    assert "jobtitle" not in stored["a@x.org"]
    again = bench.run(ROWS, people("omit"))
    assert shown(again) == {"unchanged": 2, "rejected": 1}
    assert again.cells_omitted == result.cells_omitted, "the cell is still bad, and is still told"


def test_a_bad_cell_may_clear_what_hubspot_has(bench: Bench) -> None:
    bench.emulator.add_property("contacts", "numemployees", type="number")
    bench.reopen()
    bench.run([{**ROWS[1], "employees": "5"}], people("clear"))
    bench.run([ROWS[1]], people("clear"))
    (stored,) = bench.emulator.records("contacts").values()
    assert not stored.get("numemployees")


def test_without_a_rule_a_bad_cell_rejects_its_row(bench: Bench) -> None:
    bench.emulator.add_property("contacts", "numemployees", type="number")
    bench.reopen()
    result = bench.run(ROWS, people("reject"))
    assert shown(result) == {"created": 1, "rejected": 2}
    assert result.cells_omitted == {}
    assert result.omitted.num_rows == 0


def test_prepare_shows_the_cells_left_out() -> None:
    operation = Upsert("deals", key="id", properties={"amount": Property("amount", on_invalid="omit")})
    found = prepare([{"id": 1, "amount": float("inf")}, {"id": 2, "amount": 5.0}], operation)
    assert [each["properties"] for each in found.bodies()] == [{}, {"amount": "5"}]
    assert found.omitted["code"].to_pylist() == ["INVALID_NUMBER"]


def test_a_rule_changes_what_is_sent_and_so_the_definition() -> None:
    plain = Upsert("deals", key="id", properties={"amount": "amount"})
    same = Upsert("deals", key="id", properties={"amount": Property("amount")})
    other = Upsert("deals", key="id", properties={"amount": Property("amount", on_invalid="omit")})
    assert plain.property_columns == same.property_columns == {"amount": "amount"}
    assert len({plain.definition(), other.definition()}) == 2
    assert (
        Upsert("deals", key="id").definition()
        != Upsert("deals", key="id", cast={"decimal": ","}).definition()
    )


def test_the_id_property_takes_no_on_invalid(bench: Bench) -> None:
    operation = Upsert(
        "contacts", id_property="email", properties={"email": Property("email", on_invalid="omit")}
    )
    with pytest.raises(InputError, match="identifies the row"):
        bench.run(ROWS, operation)
