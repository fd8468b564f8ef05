"""The states of a row in delivery: the table, its theory, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.api.errors import ConservationError
from hubspot_batch_dagster.sync.delivery.row_states import FINAL, TRANSITIONS, Event, Kind, RowStates, State

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guarantees.md"

MAY_HAVE_ACTED = {State.SENT, State.RESENT, State.IN_DOUBT, State.UNREAD, State.HELD, State.EXAMINED}
UNANSWERED = {Event.NO_ANSWER, Event.OMITTED}


@given(st.sampled_from(Kind), st.data())
def test_no_walk_through_the_table_sends_a_bare_create_twice_or_forgets_that_a_row_is_in_doubt(
    kind: Kind, data: st.DataObject
) -> None:
    rows = RowStates([kind])
    in_doubt = False
    for _ in range(30):
        events = [event for state, event in TRANSITIONS[kind] if state is rows[0]]
        if not events:
            break
        event = data.draw(st.sampled_from(events))
        if event is Event.LEAVES:
            assert not (in_doubt and kind is Kind.BARE)
        rows.happens(event, [0])
        in_doubt |= event in UNANSWERED
        if in_doubt:
            assert rows[0] not in (State.READY, State.SENT, State.UNSENT)
    if rows[0] not in FINAL:
        while rows[0] in (State.SENT, State.RESENT):
            rows.happens(Event.NO_ANSWER, [0])
        rows.happens(Event.GIVEN_UP, [0])
    assert rows[0] in FINAL


@given(st.sampled_from(Kind), st.sampled_from(State), st.sampled_from(Event))
def test_what_the_table_does_not_have_raises_and_nothing_leads_out_of_a_final_state(
    kind: Kind, state: State, event: Event
) -> None:
    rows = RowStates([kind])
    rows._states[0] = state
    after = TRANSITIONS[kind].get((state, event))
    assert after is None or state not in FINAL
    if after is None:
        with pytest.raises(ConservationError, match=state.name):
            rows.happens(event, [0])
    else:
        rows.happens(event, [0])
        assert rows[0] is after


@pytest.mark.parametrize("kind", Kind)
def test_every_state_of_a_kind_can_be_reached_and_left_for_a_final_one(kind: Kind) -> None:
    reached, before = {State.READY}, set[State]()
    while reached != before:
        before = set(reached)
        reached |= {after for (state, _), after in TRANSITIONS[kind].items() if state in before}
    assert {state for state, _ in TRANSITIONS[kind]} <= reached
    for state in reached - FINAL - {State.SENT, State.RESENT}:
        assert TRANSITIONS[kind][state, Event.GIVEN_UP] in FINAL


def test_the_page_on_guarantees_shows_the_table_that_the_code_executes() -> None:
    shown: dict[Kind, dict[tuple[State, Event], State]] = {kind: {} for kind in Kind}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 2 + len(Kind) and re.fullmatch(r"`[A-Z_]+`", cells[0]):
            state, event = State[cells[0].strip("`")], Event[cells[1].strip("`")]
            for kind, cell in zip(Kind, cells[2:], strict=True):
                if cell:
                    shown[kind][state, event] = State[cell.strip("`")]
    assert shown == TRANSITIONS
