"""The tree of errors: drawn as it is, pickled whole, and each saying whether a write may have happened."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from hubspot_batch_dagster.api import errors
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    AnswerTooLarge,
    BudgetTimeout,
    Conflict,
    ConservationError,
    DailyLimitReached,
    HubSpotError,
    InputError,
    MissingScopes,
    NotConnected,
    RateLimited,
    ResponseError,
    ServerTrouble,
    StoreError,
    TransportError,
    UnexpectedStatus,
)
from hubspot_batch_dagster.api.models import ErrorDetail


def leaves(kind: type[HubSpotError]) -> list[type[HubSpotError]]:
    return [kind, *[leaf for below in kind.__subclasses__() for leaf in leaves(below)]]


EVERY = [kind for kind in leaves(HubSpotError) if kind.__name__ in errors.__all__]


def test_the_tree_is_the_one_that_the_docstring_draws() -> None:
    drawn = (errors.__doc__ or "").split("::", 1)[1]
    parents: list[tuple[int, str]] = []
    for line in drawn.splitlines():
        name = line.strip().split(" ")[0]
        if not name.isidentifier() or not hasattr(errors, name):
            continue
        indent = len(line) - len(line.lstrip())
        parents = [entry for entry in parents if entry[0] < indent]
        if parents:
            assert getattr(errors, parents[-1][1]) in getattr(errors, name).__bases__, name
        parents.append((indent, name))
    assert {kind.__name__ for kind in EVERY} == {
        line.strip().split(" ")[0]
        for line in drawn.splitlines()
        if line.strip().split(" ")[0] in vars(errors)
    }


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_survives_pickling_with_all_its_fields(kind: type[HubSpotError]) -> None:
    extra: dict[str, Any] = {}
    if kind is MissingScopes:
        extra = {"scopes": ["a", "b"]}
    if kind in (RateLimited, DailyLimitReached):
        extra = {"policy": "P"}
    error = kind(
        "It broke",
        status=418,
        category="C",
        sub_category="S",
        correlation_id="id",
        row=7,
        column="email",
        remedy="Mend it.",
        retry_after=2.5,
        errors=(ErrorDetail(message="m", code="X"),),
        context={"ids": ["1"]},
        said="everything",
        **extra,
    )
    error.may_have_acted = not kind.may_have_acted
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error) == "Row 7, column 'email': It broke Correlation id: id. Mend it."


def test_only_lost_answers_conflicts_and_server_trouble_may_have_acted() -> None:
    acted = {kind for kind in EVERY if kind.may_have_acted}
    assert acted == {AnswerLost, AnswerTooLarge, ResponseError, Conflict, ServerTrouble, UnexpectedStatus}
    not_acted = {InputError, StoreError, ConservationError, BudgetTimeout, TransportError, NotConnected}
    assert not any(kind.may_have_acted for kind in not_acted)


def test_a_bad_input_is_also_a_value_error() -> None:
    error = InputError("There is no column 'mail'.", column="mail", remedy="Use one of: email.")
    assert isinstance(error, ValueError)
    assert str(error) == "Column 'mail': There is no column 'mail'. Use one of: email."
