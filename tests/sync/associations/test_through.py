"""through=: columns that hold the keys of another sync."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest
from bench.association_rows import associated
from bench.sync_bench import Bench, lines, shown

from hubspot_batch_dagster import Associate, Association, Create, Upsert, prepare
from hubspot_batch_dagster.api.errors import InputError

CONTACTS = Upsert("contacts", id_property="email", properties=["email", "firstname"])
FIRMS = Upsert("companies", key="id", properties=["name"])


def contacts(bench: Bench, n: int = 3) -> dict[str, str]:
    """The sync ``contacts``, keyed by email: email -> record id."""
    rows = [{"email": f"P{i}@X.org", "firstname": f"Ada {i}"} for i in range(n)]
    return {
        line["email"].lower(): line["hs_object_id"] for line in lines(bench.run(rows, CONTACTS, "contacts"))
    }


def firms(bench: Bench, ids: Sequence[int] = (1, 2, 3)) -> dict[int, str]:
    """The sync ``firms``, keyed by an integer: key -> record id."""
    rows = [{"id": i, "name": f"Firm {i}"} for i in ids]
    return {line["id"]: line["hs_object_id"] for line in lines(bench.run(rows, FIRMS, "firms"))}


def leads(**options: object) -> Create:
    return Create(
        "leads",
        key="lead",
        properties={"hs_lead_name": "name"},
        associations=[Association("contacts", column="mail", through="contacts", **options)],  # type: ignore[arg-type]
    )


def test_leads_find_their_contact_by_email(bench: Bench) -> None:
    """Keys are compared as that sync compares them: the email of a contact in any case."""
    made = contacts(bench)
    rows = [{"lead": i, "name": f"L{i}", "mail": f" p{i}@x.ORG"} for i in range(3)]
    assert shown(bench.run(rows, leads())) == {"created": 3}
    assert {b for _, b in bench.pairs("leads", "contacts")} == set(made.values())


def test_an_unknown_key_rejects_a_row_that_requires_it(bench: Bench) -> None:
    """The message names the column, the key and the sync."""
    contacts(bench)
    rows = [{"lead": 1, "name": "L", "mail": "nobody@x.org"}, {"lead": 2, "name": "M", "mail": "p0@x.org"}]
    result = bench.run(rows, leads(required=True))
    assert shown(result) == {"created": 1, "rejected": 1}
    (rejected,) = result.rejected.to_pylist()
    assert (rejected["column"], rejected["error_code"]) == ("mail", "UNRESOLVED_ASSOCIATION")
    assert "nobody@x.org" in rejected["error_message"]
    assert "'contacts'" in rejected["error_message"]
    assert result.reasons == {"UNRESOLVED_ASSOCIATION": 1}
    assert associated(result) == {"associated": 1, "unresolved": 1}


def test_a_missing_target_is_told_from_an_unknown_one(bench: Bench) -> None:
    """A null cell is a missing target, as without through."""
    contacts(bench)
    result = bench.run(
        [{"lead": 1, "name": "L", "mail": None}, {"lead": 2, "name": "L", "mail": "p1@x.org"}],
        leads(required=True),
    )
    assert result.reasons == {"MISSING_TARGET": 1}


def test_an_unknown_key_is_left_out_and_counted(bench: Bench) -> None:
    """Without required the row is sent without that link, and a later run that knows the key adds it."""
    made = firms(bench, [1])
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email"],
        associations=[Association("companies", column="firm", through="firms")],
    )
    rows = [{"email": "a@x.org", "firm": [1, 2, 9]}]
    result = bench.run(rows, operation)
    assert shown(result) == {"created": 1}
    assert result.unresolved == 2
    assert {b for _, b in bench.pairs()} == {made[1]}
    made = firms(bench, [1, 2])
    result = bench.run(rows, operation)
    assert shown(result) == {"unchanged": 1}
    assert associated(result) == {"associated": 2, "unresolved": 1}
    assert {b for _, b in bench.pairs()} == {made[1], made[2]}


def test_a_list_with_one_unknown_key_rejects_a_row_that_requires_all(bench: Bench) -> None:
    """required means every key of the cell."""
    firms(bench, [1])
    operation = Create(
        "contacts",
        key="email",
        properties=["email"],
        associations=[Association("companies", column="firm", through="firms", required=True)],
    )
    rows = pa.table(
        {
            "email": ["a@x.org", "b@x.org", "c@x.org", "d@x.org"],
            "firm": pa.array([[1, 7], [1], None, [None, 1]], pa.list_(pa.int32())),
        }
    )
    result = bench.run(rows, operation)
    assert result.reasons == {"MISSING_TARGET": 1, "UNRESOLVED_ASSOCIATION": 1}
    assert result.counts["created"] == 2


@pytest.mark.parametrize("keys", [pa.array([1.0, 2.0]), pa.array(["1", "2"]), pa.array([1, 2], pa.int8())])
def test_keys_of_any_type_are_the_same_key(bench: Bench, keys: pa.Array) -> None:
    """The integer 1, the float 1.0 and the text 1 are one key, as in that sync's own ids table."""
    made = firms(bench)
    operation = Create(
        "contacts",
        key="email",
        properties=["email"],
        associations=[Association("companies", column="firm", through="firms")],
    )
    bench.run(pa.table({"email": ["a@x.org", "b@x.org"], "firm": keys}), operation)
    assert {b for _, b in bench.pairs()} == {made[1], made[2]}


def test_one_column_can_be_property_key_and_link(bench: Bench) -> None:
    """Looking a key up changes neither the row key nor the property that the column is sent as."""
    made = contacts(bench, 1)
    operation = Create(
        "leads",
        key="mail",
        properties={"hs_lead_name": "mail"},
        associations=[Association("contacts", column="mail", through="contacts")],
    )
    result = bench.run([{"mail": "p0@x.org"}], operation)
    assert lines(result)[0]["mail"] == "p0@x.org"
    assert {b for _, b in bench.pairs("leads", "contacts")} == set(made.values())


def test_rows_over_several_batches_are_looked_up_whole(bench: Bench) -> None:
    """More rows than one Arrow batch, with nulls and unknown keys between, each get their own record."""
    made = firms(bench, range(200))
    n = 40_000
    rows = pa.table(
        {
            "email": [f"p{i}@x.org" for i in range(n)],
            "firm": pa.array([None if i % 7 == 0 else i % 250 for i in range(n)], pa.int64()),
        }
    )
    operation = Create(
        "contacts",
        key="email",
        properties=["email"],
        associations=[Association("companies", column="firm", through="firms")],
        max_created=0,
    )
    with pytest.raises(InputError, match="max_created"):
        bench.run(rows, operation)
    some = rows.slice(30_000, 50)
    result = bench.run(
        some,
        Create(
            "contacts",
            key="email",
            properties=["email"],
            associations=[Association("companies", column="firm", through="firms")],
        ),
    )
    ids = {line["email"]: line["hs_object_id"] for line in lines(result)}
    expected = {(ids[row["email"]], made[row["firm"]]) for row in some.to_pylist() if row["firm"] in made}
    assert bench.pairs() == expected


def test_archived_records_are_no_targets(bench: Bench) -> None:
    """A key whose record was archived counts as unknown."""
    firms(bench, [1, 2])
    bench.run(
        [{"id": 1, "name": "Firm 1"}],
        Upsert("companies", key="id", properties=["name"], when_gone="archive", max_gone=1),
        "firms",
    )
    operation = Create(
        "contacts",
        key="email",
        properties=["email"],
        associations=[Association("companies", column="firm", through="firms")],
    )
    result = bench.run([{"email": "a@x.org", "firm": 2}], operation)
    assert result.unresolved == 1


@pytest.mark.parametrize(
    ("association", "said"),
    [
        (Association("companies", column="c", through="nowhere"), "has no ids table yet"),
        (
            Association("deals", column="c", through="firms"),
            "holds companies, and the association is to deals",
        ),
        (Association("companies", column="c", through="pairs"), "a cell holds one value"),
    ],
)
def test_another_sync_that_does_not_fit_is_refused(bench: Bench, association: Association, said: str) -> None:
    """No ids table, another object type, or a key of several columns: nothing is sent."""
    firms(bench)
    bench.run(
        [{"a": 1, "b": 2, "name": "F"}], Create("companies", key=["a", "b"], properties=["name"]), "pairs"
    )
    operation = Create("contacts", key="email", properties=["email"], associations=[association])
    with pytest.raises(InputError, match=said):
        bench.run([{"email": "a@x.org", "c": 1}], operation)
    assert not bench.emulator.records("contacts")


def test_an_empty_source_looks_nothing_up(bench: Bench) -> None:
    """No rows are no rows, whatever the columns would be."""
    contacts(bench, 1)
    assert shown(bench.run([], leads())) == {}


def test_prepare_says_that_keys_need_the_ids_table() -> None:
    """Nothing is looked up without a store."""
    with pytest.raises(InputError, match="ids table of 'contacts'"):
        prepare([{"lead": 1, "name": "L", "mail": "a@x.org"}], leads())


def test_links_between_two_syncs(bench: Bench) -> None:
    """Associate takes keys on both sides."""
    people, companies = contacts(bench), firms(bench)
    operation = Associate(
        "contacts",
        "companies",
        from_column="mail",
        to_column="firm",
        from_through="contacts",
        to_through="firms",
    )
    rows = [
        {"mail": "P0@x.org", "firm": 1},
        {"mail": "p1@x.org", "firm": 2},
        {"mail": "nobody@x.org", "firm": 1},
        {"mail": "p2@x.org", "firm": 99},
    ]
    result = bench.run(rows, operation)
    assert shown(result) == {"created": 2, "rejected": 2}
    assert result.reasons == {"UNRESOLVED_ASSOCIATION": 2}
    assert {each["column"] for each in result.rejected.to_pylist()} == {"mail", "firm"}
    assert bench.pairs() == {(people["p0@x.org"], companies[1]), (people["p1@x.org"], companies[2])}
