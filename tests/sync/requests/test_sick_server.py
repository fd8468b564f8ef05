"""A server that answers nonsense to one batch costs that batch and no other."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, COMPANIES, Bench, firms, people

from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation

NONSENSE: dict[str, dict[str, Any]] = {
    "numbers without an end": {
        "status": 429,
        "body": "{}",
        "headers": {"Retry-After": "9" * 400, "X-HubSpot-RateLimit-Max": "9" * 5000},
    },
    "a date before time": {
        "status": 503,
        "body": "{}",
        "headers": {"Retry-After": "Mon, 01 Jan 0001 00:00:00 GMT"},
    },
    "nesting without an end": {"status": 200, "body": '{"results":' + "[" * 50_000},
    "a deep field": {
        "status": 201,
        "body": '{"status":"COMPLETE","results":[],"x":' + "[" * 5000 + "]" * 5000 + "}",
    },
    "results that are none": {
        "status": 201,
        "body": '{"status":"COMPLETE","results":[1,null,"x",{"id":{}}]}',
    },
    "ids that are none": {
        "status": 201,
        "body": '{"status":"COMPLETE","results":[{"id":"abc"},{"id":""},{"id":"-1"},{"id":7.5}]}',
    },
    "a reason without an end": {"status": 400, "body": '{"message":"no: [{' + '\\"a\\":[{' * 3000 + '"}'},
    "a reason of odd parts": {
        "status": 400,
        "body": '{"message":"[{\\"error\\":{},\\"name\\":\\"\\\\ud800\\"}]"}',
    },
    "half a surrogate": {"status": 400, "body": '{"message":"\\ud800"}'},
    "a context of 20 kB": {"status": 400, "body": '{"message":"m","context":"' + "a" * 20_000 + '"}'},
    "an encoding that nobody asked for": {"status": 201, "body": "{}", "headers": {"Content-Encoding": "br"}},
    "gzip that is none": {"status": 201, "body": "{}", "headers": {"Content-Encoding": "gzip"}},
    "a page": {"status": 200, "body": "<html><head" * 2000},
    "nothing": {"status": 201, "body": ""},
}


@pytest.mark.parametrize("what", list(NONSENSE))
@pytest.mark.parametrize("operation", [COMPANIES, BY_EMAIL], ids=["create", "upsert"])
def test_the_other_batches_end_as_without_it(bench: Bench, operation: Operation, what: str) -> None:
    rows = firms(9) if operation is COMPANIES else people(9)
    verb = "create" if operation is COMPANIES else "upsert"
    bench.emulator.faults.add(Fault.answer(**NONSENSE[what], operation=verb, nth=2))
    result = bench.run(rows, operation, batch_size=3)
    counts = result.counts
    assert counts["created"] >= 6, counts
    assert sum(counts.values()) == 9
    assert bench.nothing_doubled()
    for line in result.ids.to_pylist():
        assert line["outcome"] != "unknown" or line["error_message"], "an unknown row says why"


def test_an_answer_that_cannot_be_read_names_the_field(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(200, '{"portalId":"none"}', path="account-info"))
    with pytest.raises(Exception, match=r"AccountDetails \(portalId\)"):
        bench.client.account_details()


def test_a_bomb_costs_its_batch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kilobyte of zeros stands for a megabyte."""
    from hubspot_batch_dagster.api import transport

    monkeypatch.setattr(transport, "LONGEST_BODY", 100_000)
    bomb = gzip.compress(b'{"results":[' + b" " * 1_000_000 + b"]}").decode("latin-1")
    bench.emulator.faults.add(
        Fault.answer(201, bomb, operation="upsert", nth=2, headers={"Content-Encoding": "gzip"})
    )
    assert bench.run(people(9), BY_EMAIL, batch_size=3).counts["created"] >= 6
