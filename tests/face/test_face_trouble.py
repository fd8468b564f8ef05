"""Server trouble, retries and interruptions, as Dagster sees them: nothing doubled, nothing lost."""

import contextlib
import os
import signal
import threading
import time

import dagster as dg
import pytest
from face_helpers import BY_EMAIL, FIRMS, Bench, Ran, firms, people

from hubspot_batch_dagster import hubspot_asset
from hubspot_batch_dagster.emulator import Fault

NAMES = [f"Firm {i}" for i in range(3000)]


def test_a_step_that_met_server_trouble_is_retried_and_nothing_is_doubled(bench: Bench) -> None:
    """Trouble outlasts the patience of the first attempt; the second sends only what is missing."""
    bench.emulator.faults.add(Fault.html(502, operation="upsert", nth=(3, 100_000)))
    attempts: list[int] = []

    @hubspot_asset(BY_EMAIL, retry_policy=dg.RetryPolicy(max_retries=2))
    def contacts():
        attempts.append(1)
        if len(attempts) == 2:
            bench.emulator.faults.clear()
        return people(300)

    ran = bench.materialize(contacts, resources={"hubspot": bench.resource(patience=1.0)})
    assert ran.success
    events = [each for each in ran.step_events("contacts") if each != "STEP_OUTPUT"]
    assert events == ["STEP_START", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_SUCCESS"]
    assert ran.materialized() == ["contacts"], "once, when it was whole"
    accounts = [
        accounted.passed and unknown.passed
        for accounted, unknown in zip(
            checks(ran, "rows_accounted_for"), checks(ran, "rows_unknown"), strict=True
        )
    ]
    assert accounts == [False, True], "the account of the first attempt is kept too"
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(300)])
    assert bench.nothing_doubled()
    metadata = ran.metadata("contacts")
    assert metadata["unchanged"] + metadata["created"] + metadata["updated"] == 300
    assert metadata["unchanged"] >= 100, "what the first attempt sent is known"
    assert len(attempts) == 2


def checks(ran: Ran, name: str) -> list[dg.AssetCheckEvaluation]:
    return [each for each in ran.result.get_asset_check_evaluations() if each.check_name == name]


def test_creates_whose_answers_are_lost_are_found_again_and_not_made_twice(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.drop(operation="create", after_commit=True, nth=(2, 3)))

    @hubspot_asset(FIRMS)
    def companies():
        return firms(500)

    for _ in range(3):
        ran = bench.materialize(companies)
        if not ran.metadata("companies")["unknown"]:
            break
        time.sleep(0.2)
    assert ran.metadata("companies")["unknown"] == 0
    assert bench.once_each("companies", "name", NAMES[:500])
    assert bench.nothing_doubled()


def test_a_wrong_token_is_not_retried_and_the_check_says_why(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, retry_policy=dg.RetryPolicy(max_retries=3))
    def contacts():
        return people(3)

    ran = bench.materialize(contacts, resources={"hubspot": bench.resource(access_token="pat-wrong")})
    assert not ran.success
    assert ran.step_events("contacts").count("STEP_START") == 1
    assert "STEP_UP_FOR_RETRY" not in ran.step_events("contacts")
    said = [ran.failure("contacts"), *(str(each) for each in ran.result.get_asset_check_evaluations())]
    assert any("401" in each for each in said)
    assert not any("pat-wrong" in each for each in said)
    assert bench.books.commits() == []
    assert len(bench.books.requests()) <= 4


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Fault.daily_limit(operation="upsert"), "day"),
        (Fault.moving(operation="upsert"), "moving|moved|migrat"),
    ],
    ids=["the day's limit", "an account that is moving"],
)
def test_what_only_time_can_mend_ends_the_step_without_a_retry(bench: Bench, fault: Fault, word: str) -> None:
    bench.emulator.faults.add(fault)

    @hubspot_asset(BY_EMAIL, retry_policy=dg.RetryPolicy(max_retries=3))
    def contacts():
        return people(3)

    ran = bench.materialize(contacts)
    check = ran.check("rows_accounted_for")
    assert ran.step_events("contacts").count("STEP_START") == 1
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert "3 unsent" in (check.description or "")
    assert any(each in (check.description or "").lower() for each in word.split("|"))
    assert ran.metadata("contacts")["unsent"] == 3


def interrupt_when(ready, after: float) -> threading.Thread:
    """Send this process the signal that Terminate sends to a step, once ``ready()`` holds."""

    def wait() -> None:
        ends = time.monotonic() + 15
        while time.monotonic() < ends:
            if ready():
                time.sleep(after)
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.005)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("requests", [1, 5], ids=["early", "later"])
def test_an_interruption_in_mid_sync_is_recorded_and_raised_and_the_next_run_goes_on(
    bench: Bench, requests: int
) -> None:
    """Requests in flight are awaited and their records are kept; no row is sent again."""

    @hubspot_asset(FIRMS)
    def companies():
        return firms(3000)

    # Few requests in flight, so that most of the rows are still to come when the signal does.
    slow = {"hubspot": bench.resource(limit=80)}
    bench.emulator.change(latency=0.25)
    with dg.DagsterInstance.ephemeral() as instance:
        sender = interrupt_when(lambda: len(bench.books.requests("create")) >= requests, after=0.05)
        with contextlib.suppress(KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            bench.materialize(companies, instance=instance, resources=slow)
        sender.join(15)
        [run] = instance.get_run_records()
        ended = [each.dagster_event_type for each in instance.all_logs(run.dagster_run.run_id)]
        assert dg.DagsterEventType.STEP_FAILURE in ended, "the interruption went on to Dagster"
        assert dg.DagsterEventType.STEP_SUCCESS not in ended
        event = instance.get_latest_materialization_event(dg.AssetKey("companies"))
        assert event is not None
        assert event.asset_materialization is not None
        counts = {name: each.value for name, each in event.asset_materialization.metadata.items()}
        assert counts["created"] + counts["unsent"] == 3000
        assert 0 < counts["unsent"] < 3000
        assert counts["created"] == bench.books.created_count("companies")

        bench.emulator.change(latency=0.0)
        again = bench.materialize(companies, instance=instance)
    assert again.success
    assert again.metadata("companies")["unchanged"] == counts["created"]
    assert again.metadata("companies")["created"] == counts["unsent"]
    assert bench.once_each("companies", "name", NAMES)
    assert bench.nothing_doubled()


def test_a_function_that_fails_sends_nothing_and_may_be_retried(bench: Bench) -> None:
    attempts: list[int] = []

    @hubspot_asset(BY_EMAIL, retry_policy=dg.RetryPolicy(max_retries=1))
    def contacts():
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("the warehouse is away")
        return people(2)

    ran = bench.materialize(contacts)
    assert ran.success
    assert len(attempts) == 2
    assert bench.books.created_count("contacts") == 2


def test_a_generator_that_fails_half_way_has_sent_nothing(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts():
        yield from people(30_000)
        raise ConnectionError("the warehouse is away")

    assert not bench.materialize(contacts).success
    assert bench.books.commits() == []
