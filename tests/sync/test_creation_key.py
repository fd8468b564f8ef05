"""A creation key that the row key fills: HubSpot itself knows the keys, and gives them back."""

from __future__ import annotations

import datetime
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bench.sync_bench import SETTINGS, Bench, shown

from hubspot_batch_dagster import HubSpotResource, HubSpotSession, prepare
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Emulator, Fault
from hubspot_batch_dagster.operations.records import Create, Upsert

DAY = datetime.date(2026, 1, 31)
KEY = ["account", "day"]
UPSERT = Upsert(
    "companies", key=KEY, properties=["name"], creation_key="firm_key", missing_properties="create"
)
ONCE = Create("companies", key=KEY, properties=["name"], creation_key="firm_key")


def rows(count: int = 4, name: str = "n") -> list[dict[str, Any]]:
    return [{"account": i, "day": DAY, "name": f"{name}{i}"} for i in range(count)]


def keys(emulator: Emulator) -> list[str]:
    return sorted(each["firm_key"] for each in emulator.records("companies").values())


def test_it_is_made_and_filled_with_the_text_that_the_ids_table_has_of_the_key(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    with HubSpotSession(hubspot.settings()) as session:
        assert session.sync(rows(), UPSERT, name="s").counts["created"] == 4
        with session.store.local_ids("s") as path:
            import pyarrow.parquet as pq

            known = sorted(pq.read_table(path).column("_key").to_pylist())
    made = hubspot_emulator.portal.table("companies").properties["firm_key"]
    assert (made.type, made.unique) == ("string", True)
    assert keys(hubspot_emulator) == known == [f'["{i}","2026-01-31"]' for i in range(4)]


def test_a_lost_store_makes_nothing_twice_and_is_rebuilt_whatever_types_carry_the_key(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    store = hubspot.settings().store
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(rows(), UPSERT, name="s")
    shutil.rmtree(store)
    midnight = datetime.datetime(2026, 1, 31)
    others = [{**each, "account": Decimal("1.00") * each["account"], "day": midnight} for each in rows()]
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(others, UPSERT, name="s")  # HubSpot refuses a second record, and each is read back
    assert len(hubspot_emulator.records("companies")) == 4
    shutil.rmtree(store)
    with HubSpotSession(hubspot.settings()) as session:
        assert session.adopt(others, UPSERT, name="s").counts["unchanged"] == 4
        assert session.sync(rows(name="b"), UPSERT, name="s").counts["updated"] == 4
    assert len(hubspot_emulator.records("companies")) == 4


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (7, Decimal("7.00")),
        (Decimal("7.00"), 7),
        (DAY, datetime.datetime(2026, 1, 31)),
        ("2026-01-31T05:00:00Z", datetime.datetime(2026, 1, 31, 5)),
    ],
)
def test_a_key_of_one_column_is_found_whatever_type_carries_it(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, first: object, later: object
) -> None:
    one = Upsert(
        "companies", key="k", properties=["name"], creation_key="firm_key", missing_properties="create"
    )
    with HubSpotSession(hubspot.settings()) as session:
        session.sync([{"k": first, "name": "n"}], one, name="s")
    shutil.rmtree(hubspot.settings().store)
    with HubSpotSession(hubspot.settings()) as session:
        assert session.adopt([{"k": later, "name": "n"}], one, name="s").counts["unchanged"] == 1
    shutil.rmtree(hubspot.settings().store)
    with HubSpotSession(hubspot.settings()) as session:
        session.sync([{"k": later, "name": "n"}], one, name="s")
    assert len(hubspot_emulator.records("companies")) == 1


@pytest.mark.parametrize("operation", [ONCE, UPSERT])
def test_a_create_without_an_answer_is_read_back_at_once(tmp_path: Path, operation: Any) -> None:
    with Emulator(settings=SETTINGS) as emulator:
        emulator.add_property("companies", "firm_key", hasUniqueValue=True)
        bench = Bench(emulator, tmp_path / "store")
        bench.reopen()
        emulator.faults.add(Fault.drop(operation="create", after_commit=True))
        assert shown(bench.run(rows(), operation)) == {"created": 4}
        assert len(emulator.records("companies")) == 4
        assert [each.operation for each in emulator.books.requests()][-2:] == ["create", "read"]
        bench.close()


def test_a_property_that_holds_no_text_is_refused(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    hubspot_emulator.add_property("companies", "firm_key", type="number", hasUniqueValue=True)
    with pytest.raises(InputError, match=r"'firm_key' is a number.*key of several columns"):
        hubspot.sync(rows(), ONCE, name="s")
    assert hubspot_emulator.records("companies") == {}


def test_a_column_that_properties_names_fills_it_instead() -> None:
    given = [{"account": 1, "day": DAY, "ext": "e1", "name": "n"}]
    named = Create("companies", key=KEY, properties={"name": "name", "ext": "ext"}, creation_key="ext")
    every = Create("companies", key=KEY, creation_key="ext")
    for operation in (named, every):
        [sent] = prepare(given, operation).bodies()
        assert sent["properties"] == {"name": "n", "ext": "e1"}


def test_the_texts_of_a_key_are_told_apart_whatever_stands_in_them() -> None:
    odd = ['a"b', "a\\b", "ä,ö", '","', "a\nb"]
    given = [{"account": each, "day": other, "name": "n"} for each in odd for other in odd]
    sent = [each["properties"]["firm_key"] for each in prepare(given, ONCE).bodies()]
    assert [json.loads(each) for each in sent] == [[row["account"], row["day"]] for row in given]
