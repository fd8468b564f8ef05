"""A 200 that says, beside the record's id, that HubSpot did not take a value."""

from __future__ import annotations

from typing import Any

import pytest
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster import Upsert
from hubspot_batch_dagster.sync.settlement.echoes import WARNING, contradicted

BY_EMAIL = Upsert("contacts", id_property="email", properties=["email", "lifecyclestage"])
BY_KEY = Upsert("contacts", key="email", properties=["email", "lifecyclestage"])


def people(*stages: str) -> list[dict[str, str]]:
    return [{"email": f"p{i}@x.org", "lifecyclestage": stage} for i, stage in enumerate(stages)]


@pytest.mark.parametrize("operation", [BY_EMAIL, BY_KEY])
def test_a_lifecycle_stage_that_was_not_moved_back_is_a_warning_on_its_row(
    bench: Bench, operation: Any
) -> None:
    assert not any(bench.run(people("customer", "lead", "lead"), operation).ids["warning"].to_pylist())
    result = bench.run(people("lead", "customer", "lead"), operation)
    assert shown(result) == {"updated": 2, "unchanged": 1}
    warnings = {line["email"]: line["warning"] for line in result.ids.to_pylist()}
    assert warnings == {"p0@x.org": WARNING, "p1@x.org": None, "p2@x.org": None}


def test_rows_that_are_refused_beside_it_keep_their_reasons(bench: Bench) -> None:
    bench.run(people("customer", "lead"), BY_EMAIL)
    result = bench.run(
        [*people("lead", "customer"), {"email": "nonsense", "lifecyclestage": "lead"}], BY_EMAIL
    )
    assert shown(result) == {"updated": 2, "rejected": 1}
    assert result.ids["warning"].to_pylist().count(WARNING) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"results":7}',
        b'{"results":[{"objectWriteTraceId":"a"}]}',
        b'{"results":[{"objectWriteTraceId":"a","properties":{"lifecyclestage":null}}]}',
        b'{"results":[{"objectWriteTraceId":"a","properties":{"lifecyclestage":"LEAD "}}]}',
        b'{"results":[{"objectWriteTraceId":"b","properties":{"lifecyclestage":"customer"}}]}',
        b'{"x":' + b"[" * 50_000,
    ],
)
def test_what_says_nothing_of_the_stage_contradicts_nothing(body: bytes) -> None:
    assert contradicted({"a": 0}, ['{"lifecyclestage":"lead"}'], body) == set()
