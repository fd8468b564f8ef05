"""Requests without an answer that HubSpot carries out after newer values were sent: what they write does not
stay.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, HASTY, QUICK, Bench, people, shown

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync

SHORT = Timeout(connect=1.0, read=0.2, total=0.4)
WAITS = replace(QUICK, certain_after=3600.0)
"""RetryPolicy for which no request is over."""


def named(name: str) -> list[dict[str, Any]]:
    return [{**row, "firstname": name} for row in people(3)]


def resent(bench: Bench, rows: list[dict[str, Any]], retry_policy: RetryPolicy = WAITS) -> int:
    """Write requests that a run needs."""
    before = bench.writes()
    bench.run(rows, BY_EMAIL, retry_policy=retry_policy)
    return bench.writes() - before


def test_newer_values_are_sent_again_until_the_request_of_a_killed_run_is_certainly_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(people(3), BY_EMAIL)
    journal = bench.store.journal
    record = journal.record

    def dies_before_the_outcome(sync: str, run: str, accepted: Any, intents: Any) -> None:
        if accepted:
            raise StoreError("The disk is gone.")
        record(sync, run, accepted, intents)

    monkeypatch.setattr(journal, "record", dies_before_the_outcome)
    with pytest.raises(StoreError):
        bench.run(named("older"), BY_EMAIL)
    monkeypatch.undo()
    assert shown(bench.run(named("newer"), BY_EMAIL, retry_policy=WAITS)) == {"updated": 3}
    assert shown(bench.run(named("newer"), BY_EMAIL, retry_policy=WAITS)) == {"updated": 3}
    assert shown(bench.run(named("newer"), BY_EMAIL, retry_policy=HASTY)) == {"updated": 3}
    assert not journal.open_intents("sync")
    assert shown(bench.run(named("newer"), BY_EMAIL, retry_policy=WAITS)) == {"unchanged": 3}


@pytest.mark.parametrize("tries", ["some", "all"])
def test_newer_values_are_sent_again_after_an_answer_that_was_lost_within_a_run(
    bench: Bench, tries: str
) -> None:
    bench.run(people(3), BY_EMAIL)
    times, waits = (1, WAITS) if tries == "some" else (None, replace(WAITS, total=0.2))
    bench.emulator.faults.add(Fault.drop(operation="upsert", times=times))
    lost = bench.run(named("older"), BY_EMAIL, retry_policy=waits)
    bench.emulator.faults.clear()
    assert shown(lost) == ({"updated": 3} if tries == "some" else {"unknown": 3})
    assert len(bench.store.journal.open_intents("sync")) == 1
    assert [resent(bench, named("newer")) for _ in range(3)] == [1, 1, 1]
    assert resent(bench, named("newer"), HASTY) == 1
    assert resent(bench, named("newer")) == 0
    assert not bench.store.journal.open_intents("sync")


def test_rows_that_have_not_changed_since_a_lost_answer_are_not_sent_again(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.drop(operation="upsert", times=1))
    assert shown(bench.run(named("same"), BY_EMAIL, retry_policy=WAITS)) == {"created": 3}
    assert resent(bench, named("same")) == 0
    assert len(bench.store.journal.open_intents("sync")) == 1
    assert resent(bench, named("same"), HASTY) == 0
    assert not bench.store.journal.open_intents("sync")


def test_the_preview_counts_what_a_lost_answer_makes_the_run_send_again(bench: Bench) -> None:
    bench.run(people(3), BY_EMAIL)
    bench.emulator.faults.add(Fault.drop(operation="upsert", times=1))
    bench.run(named("older"), BY_EMAIL, retry_policy=WAITS)
    bench.run(named("newer"), BY_EMAIL, retry_policy=WAITS)
    found = plan_sync(
        named("newer"),
        BY_EMAIL,
        client=bench.client,
        store=bench.store,
        name="sync",
        options=RunOptions(retry_policy=WAITS),
    )
    assert (found.counts["updated"], found.requests) == (3, 1)


def test_what_hubspot_writes_late_does_not_stay(bench: Bench) -> None:
    """A request is given up, sent again, overtaken by newer values, and carried out after all."""
    bench.run(people(3), BY_EMAIL)
    bench.emulator.faults.add(Fault.slow(2.0, operation="upsert", times=1))
    bench.client.close()
    bench.client = bench.new_client(SHORT)
    assert shown(bench.run(named("older"), BY_EMAIL, retry_policy=WAITS)) == {"updated": 3}
    assert shown(bench.run(named("newer"), BY_EMAIL, retry_policy=WAITS)) == {"updated": 3}

    def names() -> set[str | None]:
        return {record.get("firstname") for record in bench.emulator.records("contacts").values()}

    assert names() == {"newer"}
    deadline = time.monotonic() + 10
    while names() != {"older"}:
        assert time.monotonic() < deadline, "the late request was never carried out"
        time.sleep(0.05)
    bench.run(named("newer"), BY_EMAIL, retry_policy=WAITS)
    assert names() == {"newer"}


def test_a_run_that_stops_before_newer_values_were_sent_leaves_the_older_request_in_the_journal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = bench.store.journal
    record = journal.record
    monkeypatch.setattr(journal, "record", lambda *given: _refuse() if given[2] else record(*given))
    with pytest.raises(StoreError):
        bench.run(people(3), BY_EMAIL)
    monkeypatch.undo()
    bench.emulator.faults.add(Fault.daily_limit(operation="upsert", times=1))
    assert shown(bench.run(people(3), BY_EMAIL)) == {"unsent": 3}
    assert len(journal.open_intents("sync")) == 1
    bench.emulator.faults.clear()
    assert shown(bench.run(people(3), BY_EMAIL, retry_policy=HASTY)) == {"updated": 3}
    assert not journal.open_intents("sync")


def test_a_row_that_was_not_there_when_its_older_request_was_over_is_sent_again_when_it_is(
    bench: Bench,
) -> None:
    bench.run(people(3), BY_EMAIL)
    bench.emulator.faults.add(Fault.drop(operation="upsert", times=1))
    bench.run(named("older"), BY_EMAIL, retry_policy=WAITS)
    bench.run(named("newer"), BY_EMAIL, retry_policy=WAITS)
    assert shown(bench.run(named("newer")[:1], BY_EMAIL, retry_policy=HASTY)) == {"updated": 1}
    assert not bench.store.journal.open_intents("sync")
    assert shown(bench.run(named("newer"), BY_EMAIL)) == {"unchanged": 1, "updated": 2}
    assert shown(bench.run(named("newer"), BY_EMAIL)) == {"unchanged": 3}


def test_a_request_is_as_old_as_the_last_try_of_its_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, exchange = [0.0], bench.client._transport.exchange

    def slowly(method: str, path: str, *rest: Any, **options: Any) -> Any:
        late[0] += 100.0 if path.endswith("upsert") else 0.0
        return exchange(method, path, *rest, **options)

    bench.run(people(3), BY_EMAIL)
    monkeypatch.setattr(bench.client._transport, "exchange", slowly)
    monkeypatch.setattr(bench.client, "server_time", lambda: time.time() + late[0])
    bench.emulator.faults.add(
        Fault.locked(operation="upsert", times=1), Fault.drop(operation="upsert", times=1)
    )
    bench.run(named("older"), BY_EMAIL, retry_policy=WAITS)
    assert resent(bench, named("newer"), replace(QUICK, certain_after=250.0)) == 1
    assert resent(bench, named("newer")) == 1


def _refuse() -> None:
    raise StoreError("The disk is gone.")
