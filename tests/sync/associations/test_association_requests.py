"""Answers back to links: by the ids of both ends, in any order, with nothing lost."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster.api.associations import CreatedAnswer
from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.endpoints import AssociationKind, Endpoint, association_endpoint
from hubspot_batch_dagster.api.errors import InvalidBatch
from hubspot_batch_dagster.sync.associations.association_requests import AssociationRequests
from hubspot_batch_dagster.sync.associations.new_associations import NewAssociation
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal

QUICK = RetryPolicy(tries=3, backoff=0.0)


class FakeWire:
    """Answers association requests from a script: refuses some pairs, forgets some, and shuffles the rest."""

    version = "2026-03"
    retry_policy = QUICK

    def __init__(self, bad: set[tuple[str, str]], unnamed: bool, forgets: float, seed: int) -> None:
        self.stop = StopSignal()
        self.bad = bad
        self.unnamed = unnamed
        self.forgets = forgets
        self.random = random.Random(seed)
        self.taken: list[tuple[str, str]] = []
        self.requests = 0

    def association_endpoint(self, from_type: str, to_type: str, kind: AssociationKind) -> Endpoint:
        return association_endpoint(from_type, to_type, kind, self.version)

    def pause(self, decision: Any) -> None:
        """No wait."""

    def post(self, where: Any, body: bytes, model: Any) -> Any:
        assert model is CreatedAnswer
        return model.model_validate(self.answered(where, body, labelled=True))

    def ask_of(self, where: Any, body: bytes, read: Any) -> Any:
        said = {"status": "COMPLETE", **self.answered(where, body, labelled=False)}
        return read(Answer(200, json.dumps(said).encode(), {}, None, 0.0))

    def answered(self, where: Any, body: bytes, *, labelled: bool) -> dict[str, Any]:
        self.requests += 1
        inputs = [(each["from"]["id"], each["to"]["id"]) for each in json.loads(body)["inputs"]]
        assert len(inputs) <= where.max_inputs
        bad = [each for each in inputs if each in self.bad]
        if bad and self.unnamed:
            raise InvalidBatch("something is wrong", status=400)
        good = [each for each in inputs if each not in self.bad]
        self.taken += good
        shown = [each for each in good if self.random.random() >= self.forgets] or good[:1]
        self.random.shuffle(shown)
        errors = [
            {
                "category": "VALIDATION_ERROR",
                "message": f"{a} and {b}",
                "context": {"fromObjectId": [a], "toObjectId": [b]},
            }
            for a, b in bad
        ]
        if not labelled:
            results = [
                {"from": {"id": x}, "to": {"id": y}, "associationSpec": {"associationTypeId": spec}}
                for a, b in shown
                for x, y, spec in ((a, b, 279), (b, a, 280))
            ]
        else:
            results = [{"fromObjectId": a, "toObjectId": b} for a, b in shown]
        return {"results": results, "errors": errors}


PAIRS = st.sets(st.tuples(st.integers(1, 12), st.integers(8, 20)), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    pairs=PAIRS,
    bad=st.sets(st.integers(0, 39), max_size=5),
    unnamed=st.booleans(),
    labelled=st.booleans(),
    forgets=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 99),
)
def test_every_link_gets_its_own_verdict(
    pairs: set[tuple[int, int]], bad: set[int], unnamed: bool, labelled: bool, forgets: float, seed: int
) -> None:
    """Good links are created and bad ones rejected, whichever of them HubSpot names, omits or shuffles."""
    every = [(str(a), str(b)) for a, b in sorted(pairs)]
    wrong = {every[i] for i in bad if i < len(every)}
    requester = FakeWire(wrong, unnamed, forgets, seed)
    types = (("USER_DEFINED", 7),) if labelled else ()
    asked = [NewAssociation(a, b, types) for a, b in every]
    added = AssociationRequests(requester, "contacts", "companies").add(asked)  # type: ignore[arg-type]
    assert not requester.stop
    outcomes = {each[:2]: verdict.outcome for each, verdict in added.verdicts.items()}
    assert outcomes == {each: "rejected" if each in wrong else "created" for each in every}
    assert set(requester.taken) == set(every) - wrong


class Answers(FakeWire):
    """Gives the same answer to every request."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(set(), unnamed=False, forgets=0.0, seed=0)
        self.answer = answer

    def answered(self, where: Any, body: bytes, *, labelled: bool) -> dict[str, Any]:  # noqa: ARG002 - as above
        self.requests += 1
        return self.answer


def test_an_error_that_names_both_ends_is_about_that_link_alone() -> None:
    """Other links of the same record stay open, and are asked for again."""
    error = {"message": "no", "context": {"ids": ["1", "2"]}}
    requester = Answers({"results": [], "errors": [error]})
    verdicts = (
        AssociationRequests(requester, "contacts", "companies")
        .add([NewAssociation("1", "2"), NewAssociation("1", "3")])
        .verdicts
    )  # type: ignore[arg-type]
    assert verdicts[NewAssociation("1", "2")].outcome == "rejected"
    assert requester.requests > 1


def test_an_error_that_names_nobody_is_halved_down() -> None:
    """Each of four links is asked for alone before it is refused."""
    requester = Answers({"results": [], "errors": [{"message": "something is wrong"}]})
    asked = [NewAssociation("1", str(i)) for i in range(2, 6)]
    verdicts = AssociationRequests(requester, "contacts", "companies").add(asked).verdicts  # type: ignore[arg-type]
    assert {each.outcome for each in verdicts.values()} == {"rejected"}
    assert (len(verdicts), requester.requests) == (4, 7)


@pytest.mark.parametrize("bad", [1, 12, 40])
def test_however_many_are_refused_without_a_name_the_others_are_written(bad: int) -> None:
    """Those that stand first do not keep the rest back, and are not asked for in every run: others were taken."""
    pairs = [NewAssociation("1", str(i)) for i in range(2, 102)]
    wire = FakeWire({each[:2] for each in pairs[:bad]}, unnamed=True, forgets=0.0, seed=1)
    verdicts = AssociationRequests(wire, "contacts", "companies").add(pairs).verdicts  # type: ignore[arg-type]
    assert not wire.stop
    assert {each for each in pairs if verdicts[each].outcome == "created"} == set(pairs[bad:])
    assert {verdicts[each].code for each in pairs[:bad]} == {"ASSOCIATION_REFUSED"}


def test_what_is_refused_in_the_same_words_whichever_is_tried_stops_the_run_after_a_few() -> None:
    pairs = [NewAssociation("1", str(i)) for i in range(2, 2002)]
    wire = FakeWire({each[:2] for each in pairs}, unnamed=True, forgets=0.0, seed=1)
    verdicts = AssociationRequests(wire, "contacts", "companies").add(pairs).verdicts  # type: ignore[arg-type]
    assert "one by one, for the same reason" in str(wire.stop.error)
    assert (wire.requests, len(verdicts)) == (9, 8)
    assert {each.code for each in verdicts.values()} == {"ASSOCIATION_REFUSED_UNNAMED"}


def test_an_answer_that_says_nothing_is_asked_for_a_few_times_and_left_open() -> None:
    """Nothing is claimed of links that no answer speaks of, and it ends."""
    requester = Answers({"results": [], "errors": []})
    added = AssociationRequests(requester, "contacts", "companies").add(
        [NewAssociation("1", str(i)) for i in range(50)]
    )  # type: ignore[arg-type]
    assert not added.verdicts
    assert len(added.sent) == 50
    assert requester.requests == QUICK.tries
