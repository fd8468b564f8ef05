"""What an answer costs: the column `more requests` of the table of answers, counted on the emulator's
books.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, CONTACTS, Bench, people

from hubspot_batch_dagster.api import errors
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Update
from hubspot_batch_dagster.sync.requests.answer_table import ANSWERS

ROWS = 100
CONFLICT = {"status": "error", "category": "CONFLICT", "message": "It exists already."}
ABSENT = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some CONTACT objects."}
UNREADABLE = {"status": "error", "category": "VALIDATION_ERROR", "message": "Invalid input JSON on line 1."}
BAD_ROW: dict[str, Any] = {"row": {"email": "p17@x.org"}}


def stops(status: int, body: Any = None) -> Fault:
    return Fault.answer(status, body, operation="upsert")


@dataclass(frozen=True)
class Cost:
    """An answer in a run of 100 rows, and what it may cost.

    Attributes:
        fault: The answer.
        least: Requests more than without it.
        most: The same, at most.
        operation: What is sent; one request where nothing is wrong.
    """

    fault: Fault
    least: int
    most: int
    operation: Operation = BY_EMAIL


def nothing(fault: Fault) -> Cost:
    return Cost(fault, 0, 0)


def a_try(fault: Fault) -> Cost:
    """The fault strikes twice."""
    return Cost(fault, 2, 2)


COSTS: dict[type[HubSpotError], list[Cost]] = {
    errors.InvalidBatch: [
        Cost(Fault.invalid_batch("Wrong.", operation="upsert", **BAD_ROW), 2, 12),
        Cost(Fault.answer(422, operation="upsert", **BAD_ROW), 2, 12),
    ],
    errors.InvalidRequest: [nothing(stops(400, UNREADABLE))],
    errors.NotAuthenticated: [nothing(stops(401))],
    errors.Forbidden: [nothing(Fault.html(403, operation="upsert"))],
    errors.MissingScopes: [
        nothing(stops(403, {"status": "error", "category": "MISSING_SCOPES", "message": "A scope."}))
    ],
    errors.NotFound: [nothing(stops(404))],
    errors.RecordsNotFound: [
        Cost(
            Fault.answer(404, ABSENT, operation="update"),
            1,
            1,
            Update("contacts", record_id="id", properties=["firstname"]),
        )
    ],
    errors.Conflict: [
        Cost(Fault.answer(409, CONFLICT, operation="upsert", **BAD_ROW), 2, 12),
        Cost(Fault.answer(409, CONFLICT, operation="create", **BAD_ROW), 3, 20, CONTACTS),
    ],
    errors.RequestTooLarge: [Cost(Fault.answer(413, operation="upsert", times=3), 6, 6)],
    errors.RequestRefused: [nothing(stops(451))],
    errors.Redirected: [nothing(stops(308))],
    errors.AccountMoving: [nothing(Fault.moving(operation="upsert"))],
    errors.DailyLimitReached: [Cost(Fault.daily_limit(operation="upsert"), 0, 1)],
    errors.Locked: [a_try(Fault.locked(operation="upsert", times=2))],
    errors.RateLimited: [a_try(Fault.rate_limited(operation="upsert", times=2))],
    errors.ServerTrouble: [a_try(Fault.answer(503, operation="upsert", times=2))],
    errors.UnexpectedStatus: [a_try(Fault.answer(425, operation="upsert", times=2))],
    errors.AnswerLost: [a_try(Fault.drop(operation="upsert", times=2, after_commit=True))],
}

ELSEWHERE: dict[type[HubSpotError], str] = {
    errors.BudgetTimeout: "nothing is sent",
    errors.NotSent: "nothing is sent",
    errors.NotConnected: "no server counts it",
    errors.AnswerTooLarge: "test_answers_in_a_run.py reads in halves",
    HubSpotError: "raised before anything is sent",
}


def requests_of(bench: Bench, fault: Fault, operation: Operation) -> tuple[int, HubSpotError | None]:
    """The requests of a run, as the emulator counted them, and what stopped it."""
    before = len(bench.emulator.books.requests())
    bench.emulator.faults.add(fault)
    rows = people(ROWS)
    if isinstance(operation, Update):
        rows = [{"id": 900_000 + i, "firstname": "x"} for i in range(ROWS)]
    stopped = bench.run(rows, operation).stopped
    bench.emulator.faults.clear()
    return len(bench.emulator.books.requests()) - before, stopped


@pytest.mark.parametrize(
    ("error", "cost"),
    [(error, cost) for error, costs in COSTS.items() for cost in costs],
    ids=lambda each: each.__name__ if isinstance(each, type) else each.fault.name,
)
def test_an_answer_costs_the_requests_that_the_table_says(
    bench: Bench, error: type[HubSpotError], cost: Cost
) -> None:
    requests, stopped = requests_of(bench, cost.fault, cost.operation)
    assert stopped is None or isinstance(stopped, error)
    assert cost.least <= requests - 1 <= cost.most


def test_a_row_that_hubspot_names_costs_one_request(bench: Bench) -> None:
    reason = [{"name": "email", "propertyValue": "p17@x.org", "error": "INVALID_EMAIL", "message": "No."}]
    said = f"Property values were not valid: {json.dumps(reason)}"
    fault = Fault.invalid_batch(said, operation="upsert", **BAD_ROW)
    assert requests_of(bench, fault, BY_EMAIL) == (2, None)


SAID: dict[str, Callable[[list[Cost]], bool]] = {
    "none": lambda costs: all(each.most == 0 for each in costs),
    "1 to read them": lambda costs: all(each.most == 1 for each in costs),
    "one a try": lambda costs: all(each.least == each.most == each.fault.times for each in costs),
    "up to twice as many": lambda costs: all(each.most <= 2 * (each.fault.times or 0) for each in costs),
    "1 if rows are named, else up to 12 for a row in 100": lambda costs: (
        {each.most for each in costs} == {12}
    ),
    "up to 12 for a row in 100; creates up to 20, as each refused part is looked up": lambda costs: (
        {each.most for each in costs} == {12, 20}
    ),
    "with OAuth 1, and a new token": lambda costs: all(each.most == 0 for each in costs),  # no OAuth here
    "1 a run, to ask whether it is so": lambda costs: all(each.most == 1 for each in costs),
}
"""The words of the column, and whether the costs above are what they say."""


def test_every_line_of_the_table_is_counted_or_says_where() -> None:
    assert {each.error for each in ANSWERS} == COSTS.keys() | ELSEWHERE.keys()
    for line in ANSWERS:
        if line.error in COSTS:
            assert SAID[line.requests](COSTS[line.error]), f"{line.error.__name__}: {line.requests}"
