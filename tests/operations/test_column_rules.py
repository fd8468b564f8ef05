"""Rules for a column, from the operation to the check: a bad optional cell does not cost the customer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bench.sync_bench import HASTY, Bench, shown

from hubspot_batch_dagster import Cast, Create, Property, Update, Upsert, prepare
from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.emulator.faults import Fault
from hubspot_batch_dagster.sync.delivery.delivery_context import DeliveryContext

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


@pytest.mark.parametrize("identity", [{"id_property": "email"}, {"key": "mail"}, {"key": ["id", "mail"]}])
def test_what_identifies_a_row_takes_no_on_invalid(identity: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="'mail' identifies the row"):
        Upsert("contacts", properties={"email": Property("mail", on_invalid="omit")}, **identity)


def born(write: str, **finds: str) -> Upsert:
    properties = {"email": "email", "firstname": "name", "jobtitle": Property("title", write=write)}
    return Upsert("contacts", properties=properties, **(finds or {"id_property": "email"}))


FINDS = [{"id_property": "email"}, {"key": "email", "creation_key": "email"}]


@pytest.mark.parametrize("finds", FINDS, ids=["id_property", "key"])
def test_what_is_written_on_create_reaches_new_records_only_and_no_blind_upsert_is_sent(
    bench: Bench, finds: dict[str, str]
) -> None:
    bench.emulator.seed_records("contacts", [{"email": "old@x.org", "jobtitle": "theirs"}])
    rows = [{"email": f"{name}@x.org", "name": name, "title": "ours"} for name in ("old", "new")]
    result = bench.run(rows, born("on_create", **finds))
    assert shown(result) == {"created": 1, "updated": 1}
    stored = {each["email"]: each for each in bench.emulator.records("contacts").values()}
    assert [stored[f"{name}@x.org"]["jobtitle"] for name in ("old", "new")] == ["theirs", "ours"]
    assert [stored[f"{name}@x.org"]["firstname"] for name in ("old", "new")] == ["old", "new"]
    assert bench.emulator.books.requests("upsert", "contacts") == []
    again = [{**row, "title": "changed"} for row in rows]
    assert shown(bench.run(again, born("on_create", **finds))) == {"unchanged": 2}, "nothing to send"
    renamed = [{**row, "title": "changed", "name": "x"} for row in rows]
    assert shown(bench.run(renamed, born("on_create", **finds))) == {"updated": 2}
    stored = {each["email"]: each for each in bench.emulator.records("contacts").values()}
    assert [stored[f"{name}@x.org"]["jobtitle"] for name in ("old", "new")] == ["theirs", "ours"]
    assert bench.nothing_doubled()


@pytest.mark.parametrize("finds", FINDS, ids=["id_property", "key"])
def test_a_first_run_that_finds_the_records_does_not_warn_of_second_ones(
    bench: Bench, finds: dict[str, str]
) -> None:
    bench.emulator.seed_records("contacts", [{"email": "old@x.org"}])
    told: list[str] = []
    bench.run(
        [{"email": "old@x.org", "name": "old", "title": "x"}],
        born("on_create", **finds),
        on_warning=told.append,
    )
    assert told == []
    assert len(bench.emulator.records("contacts")) == 1


@pytest.mark.parametrize("finds", FINDS, ids=["id_property", "key"])
def test_what_is_written_if_empty_never_goes_over_a_value_that_was_there(
    bench: Bench, finds: dict[str, str]
) -> None:
    seeded = [{"email": "full@x.org", "jobtitle": "theirs"}, {"email": "empty@x.org"}]
    bench.emulator.seed_records("contacts", seeded)
    rows = [{"email": f"{name}@x.org", "name": name, "title": "ours"} for name in ("full", "empty", "new")]
    assert shown(bench.run(rows, born("if_empty", **finds))) == {"created": 1, "updated": 2}
    titles = {each["email"]: each["jobtitle"] for each in bench.emulator.records("contacts").values()}
    assert titles == {"full@x.org": "theirs", "empty@x.org": "ours", "new@x.org": "ours"}
    changed = [{**row, "title": "newer"} for row in rows]
    bench.run(changed, born("if_empty", **finds))
    titles = {each["email"]: each["jobtitle"] for each in bench.emulator.records("contacts").values()}
    assert titles == {"full@x.org": "theirs", "empty@x.org": "ours", "new@x.org": "ours"}


def test_a_record_that_is_gone_is_made_anew_with_all_of_its_properties(bench: Bench) -> None:
    rows = [{"email": "a@x.org", "name": "a", "title": "ours"}]
    bench.run(rows, born("on_create"))
    (record,) = bench.emulator.records("contacts")
    bench.client.batch_archive("contacts", [record])
    result = bench.run([{**rows[0], "name": "b"}], born("on_create"))
    assert shown(result) == {"created": 1}
    (stored,) = bench.emulator.records("contacts").values()
    assert (stored["firstname"], stored["jobtitle"]) == ("b", "ours")


def test_a_contact_that_somebody_makes_meanwhile_is_updated_without_what_is_for_new_ones(
    bench: Bench,
) -> None:
    """The row is looked for and not found; then the create meets a conflict."""
    bench.emulator.faults.add(Fault.answer(207, _NOTHING, operation="read", times=1))
    bench.emulator.seed_records("contacts", [{"email": "a@x.org", "jobtitle": "theirs"}])
    result = bench.run([{"email": "a@x.org", "name": "a", "title": "ours"}], born("on_create"))
    assert shown(result) == {"updated": 1}
    (stored,) = bench.emulator.records("contacts").values()
    assert (stored["firstname"], stored["jobtitle"]) == ("a", "theirs")


_NOTHING = {
    "status": "COMPLETE",
    "results": [],
    "errors": [],
    "startedAt": "2026-01-01T00:00:00Z",
    "completedAt": "2026-01-01T00:00:00Z",
}


def test_an_update_takes_if_empty_and_no_on_create(bench: Bench) -> None:
    (record,) = bench.emulator.seed_records("contacts", [{"email": "a@x.org", "jobtitle": "theirs"}])
    rows = [{"record": record, "title": "ours", "name": "a"}]
    fields = {"firstname": "name", "jobtitle": Property("title", write="if_empty")}
    assert shown(bench.run(rows, Update("contacts", record_id="record", properties=fields))) == {"updated": 1}
    (stored,) = bench.emulator.records("contacts").values()
    assert (stored["firstname"], stored["jobtitle"]) == ("a", "theirs")
    with pytest.raises(InputError, match="Update makes no record"):
        Update("contacts", record_id="record", properties={"jobtitle": Property("title", write="on_create")})


@pytest.mark.parametrize("on_invalid", ["omit", "clear"])
@pytest.mark.parametrize("operation", ["upsert", "create"])
def test_a_value_that_only_hubspot_refuses_is_left_out_too_and_its_row_is_sent_once_more(
    bench: Bench, operation: str, on_invalid: str
) -> None:
    """Nothing is known of the portal here, so the value reaches HubSpot, which refuses the batch and names
    the value.
    """
    bench.emulator.add_property("contacts", "numemployees", type="number")
    fields = {
        "email": "email",
        "numemployees": Property("employees", on_invalid=on_invalid),
        "jobtitle": "note",
    }
    rows = [{"email": f"p{at}@x.org", "employees": str(at), "note": "n"} for at in range(30)]
    rows[7]["employees"], rows[20]["employees"] = "seven", "twenty"
    wanted = Upsert("contacts", id_property="email", properties=fields)
    if operation == "create":
        wanted = Upsert("contacts", key="email", properties=fields)
    result = bench.run(rows, wanted)
    assert shown(result) == {"created": 30}
    assert sum(result.cells_omitted.values()) == 2
    assert [each["row"] for each in result.omitted.to_pylist()] == [7, 20]
    assert {each["column"] for each in result.omitted.to_pylist()} == {"employees"}
    stored = {each["email"]: each for each in bench.emulator.records("contacts").values()}
    assert len(stored) == 30
    assert not stored["p7@x.org"].get("numemployees")
    assert stored["p7@x.org"]["jobtitle"] == "n"
    assert stored["p8@x.org"]["numemployees"] == "8"
    assert bench.nothing_doubled()
    assert shown(bench.run(rows, wanted)) == {"unchanged": 30}


def test_a_value_without_a_rule_that_hubspot_refuses_rejects_its_row(bench: Bench) -> None:
    bench.emulator.add_property("contacts", "numemployees", type="number")
    fields = {"email": "email", "numemployees": "employees", "jobtitle": Property("note", on_invalid="omit")}
    rows = [
        {"email": f"p{at}@x.org", "employees": value, "note": "n"} for at, value in enumerate(["1", "two"])
    ]
    result = bench.run(rows, Upsert("contacts", id_property="email", properties=fields))
    assert shown(result) == {"created": 1, "rejected": 1}
    assert result.cells_omitted == {}


class Cut(StoreError):
    """The run ends here, as if it were killed: nothing more is written."""


@contextmanager
def cut_at_second_request(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> Iterator[None]:
    """End the run at its second batch: before the request leaves, or when HubSpot has carried it out."""
    sent = DeliveryContext.post
    batches: list[str] = []

    def post(self: DeliveryContext, action: Any, body: bytes, **options: Any) -> Any:
        batches.append(action)
        if len(batches) < 2:
            return sent(self, action, body, **options)
        if after:
            sent(self, action, body, **options)
        raise Cut("cut")

    with monkeypatch.context() as patched:
        patched.setattr(DeliveryContext, "post", post)
        yield
    assert len(batches) == 2


@pytest.mark.parametrize("on_invalid", ["omit", "clear"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["bare", "unique", "by_id_property", "by_record_id"])
def test_a_run_that_ends_between_the_two_requests_of_a_row_loses_nothing_and_doubles_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str, after: bool, on_invalid: str
) -> None:
    """Refused with the bad value, sent once more without it: the second request is the one that the next run
    looks for.
    """
    bench.emulator.add_property("companies", "ext", unique=True)
    bench.emulator.add_property("companies", "staff", type="number")
    fields = {"name": "name", "ext": "ext", "staff": Property("staff", on_invalid=on_invalid)}
    rows = [{"id": i, "name": f"Firm {i}", "ext": f"e{i}", "staff": str(i)} for i in range(5)]
    bare = {name: column for name, column in fields.items() if name != "ext"}
    wanted = {
        "bare": Create("companies", key="id", properties=bare),
        "unique": Create("companies", key="id", properties=fields, creation_key="ext"),
        "by_id_property": Upsert("companies", id_property="ext", properties=fields),
        "by_record_id": Upsert("companies", key="id", properties=bare),
    }[kind]
    if kind == "by_record_id":
        bench.run(rows, wanted)
    rows = [{**row, "name": f"New {i}"} for i, row in enumerate(rows)]
    rows[3]["staff"] = "three"
    with cut_at_second_request(monkeypatch, after=after), pytest.raises(Cut):
        bench.run(rows, wanted)
    for _ in range(2):
        result = bench.run(rows, wanted, retry_policy=HASTY)
    assert result.counts["rejected"] == result.counts["unknown"] == 0
    stored = bench.emulator.records("companies").values()
    kept = "3" if kind == "by_record_id" and on_invalid == "omit" else None  # of the run before
    assert sorted((each["name"], each.get("staff") or None) for each in stored) == [
        (f"New {i}", kept if i == 3 else str(i)) for i in range(5)
    ]


def test_creates_whose_second_answer_is_lost_are_found_without_the_value_that_was_left_out(
    bench: Bench,
) -> None:
    bench.emulator.add_property("companies", "staff", type="number")
    fields = {"name": "name", "staff": Property("staff", on_invalid="omit")}
    rows = [{"id": i, "name": f"Firm {i}", "staff": "three" if i == 3 else str(i)} for i in range(5)]
    bench.emulator.faults.add(Fault.answer(504, operation="create", after_commit=True, nth=2))
    for _ in range(2):
        result = bench.run(rows, Create("companies", key="id", properties=fields), retry_policy=HASTY)
    assert result.counts["unchanged"] == 5
    assert len(bench.emulator.records("companies")) == 5
