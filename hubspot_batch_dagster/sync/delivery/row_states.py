"""The states of a row while its batch is delivered and recovered.

The theory. After every request there is one question about each of its rows: may HubSpot have acted? Three
kinds of rows answer it differently:

* ``REPEATABLE``: an upsert, an update or an archive. Done twice it leaves the same record, so a row in doubt
  may leave again.
* ``UNIQUE``: a create with a value that no two records share. HubSpot would refuse a second record, so a row
  in doubt may leave again; but first its value is read, because the record may be there already, and its id
  is wanted.
* ``BARE``: a create with nothing unique. HubSpot would make a second record. A row in doubt never leaves
  again: it is ``HELD``, its intent stays in the journal, and the search decides, once its request is certain
  to be over.

So there is one rule that everything rests on: **no row leaves from a state in which HubSpot may have it,
unless having it twice is impossible.** ``LEAVES`` is possible from ``READY``, where HubSpot certainly has
nothing of the row, and from ``IN_DOUBT``, which a bare create never enters.

A 409 for a whole batch of creates is a case of its own: HubSpot has answered, so it will do nothing more, but
what it wrote before the conflict is not documented. The rows are ``EXAMINED``: those whose records are not
there were not made. Where an earlier request of a row is in doubt, it stays so. And where HubSpot refuses
every row in the same words, and the first row of a batch alone too, that row was in the way already: nothing
of the batch was written.

A row ends in one of five ways: it has its outcome (``SETTLED``); it is sent in another way, with an intent of
its own (``HANDED_BACK``); it was certainly not written (``UNSENT``); it was perhaps written, and the next run
sends it again (``UNKNOWN``); or it was perhaps made, and only recovery can tell (``OPEN``). Nothing leads out
of these.

The table below is what :mod:`~hubspot_batch_dagster.sync.delivery.batch_delivery` executes. A transition that
is not in it raises: it would be a defect that could make a record twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from hubspot_batch_dagster.api.errors import ConservationError


class Kind(Enum):
    """What it means to send a row twice."""

    REPEATABLE = "upsert, update, archive"
    UNIQUE = "create with a unique value"
    BARE = "bare create"


class State(Enum):
    """What is known of a row."""

    READY = "HubSpot has nothing of it"
    SENT = "its request is under way"
    IN_DOUBT = "HubSpot may have it, and it may leave again"
    RESENT = "its request is under way, and an earlier one is in doubt"
    UNREAD = "HubSpot may have it: its unique value must be read"
    EXAMINED = "HubSpot is done with its request, and may have made it"
    HELD = "HubSpot may have it, and would not notice a second one"
    SETTLED = "it has its outcome"
    HANDED_BACK = "it is sent in another way"
    UNSENT = "it was not written"
    UNKNOWN = "it was perhaps written; the next run sends it again"
    OPEN = "it was perhaps made; recovery finds out"


class Event(Enum):
    """What happens to a row."""

    LEAVES = "its request leaves"
    TAKEN = "the answer has its record"
    REFUSED = "the answer refuses it, or its record is another row's"
    NOT_CARRIED_OUT = "the whole request was refused, or did not reach HubSpot"
    NO_ANSWER = "no clear answer came"
    OMITTED = "the answer leaves it out"
    CONFLICT = "409 for the whole batch"
    FOUND = "its record is there"
    NOT_FOUND = "its record is not there"
    REDIRECTED = "its record is gone or another one: it is to be sent in another way"
    GIVEN_UP = "the run stops, or the tries are used up"


FINAL = frozenset({State.SETTLED, State.HANDED_BACK, State.UNSENT, State.UNKNOWN, State.OPEN})
"""The states that nothing leads out of."""

Transitions = Mapping[tuple[State, Event], State]

_EVERY: Transitions = {
    (State.READY, Event.LEAVES): State.SENT,
    (State.READY, Event.REFUSED): State.SETTLED,
    (State.READY, Event.GIVEN_UP): State.UNSENT,
    (State.SENT, Event.TAKEN): State.SETTLED,
    (State.SENT, Event.REFUSED): State.SETTLED,
    (State.SENT, Event.NOT_CARRIED_OUT): State.READY,
}

_AGAIN: Transitions = {
    (State.IN_DOUBT, Event.LEAVES): State.RESENT,
    (State.IN_DOUBT, Event.REFUSED): State.SETTLED,
    (State.RESENT, Event.TAKEN): State.SETTLED,
    (State.RESENT, Event.REFUSED): State.SETTLED,
    (State.RESENT, Event.NOT_CARRIED_OUT): State.IN_DOUBT,
}

TRANSITIONS: Mapping[Kind, Transitions] = {
    Kind.REPEATABLE: {
        **_EVERY,
        **_AGAIN,
        (State.READY, Event.REDIRECTED): State.HANDED_BACK,
        (State.SENT, Event.NO_ANSWER): State.IN_DOUBT,
        (State.SENT, Event.OMITTED): State.IN_DOUBT,
        (State.SENT, Event.CONFLICT): State.IN_DOUBT,
        (State.SENT, Event.REDIRECTED): State.HANDED_BACK,
        (State.RESENT, Event.NO_ANSWER): State.IN_DOUBT,
        (State.RESENT, Event.OMITTED): State.IN_DOUBT,
        (State.RESENT, Event.CONFLICT): State.IN_DOUBT,
        (State.RESENT, Event.REDIRECTED): State.HANDED_BACK,
        (State.IN_DOUBT, Event.REDIRECTED): State.HANDED_BACK,
        (State.IN_DOUBT, Event.GIVEN_UP): State.UNKNOWN,
    },
    Kind.UNIQUE: {
        **_EVERY,
        **_AGAIN,
        (State.SENT, Event.FOUND): State.SETTLED,
        (State.SENT, Event.NO_ANSWER): State.UNREAD,
        (State.SENT, Event.OMITTED): State.UNREAD,
        (State.SENT, Event.CONFLICT): State.EXAMINED,
        (State.RESENT, Event.FOUND): State.SETTLED,
        (State.RESENT, Event.NO_ANSWER): State.UNREAD,
        (State.RESENT, Event.OMITTED): State.UNREAD,
        (State.RESENT, Event.CONFLICT): State.UNREAD,
        (State.UNREAD, Event.FOUND): State.SETTLED,
        (State.UNREAD, Event.REFUSED): State.SETTLED,
        (State.UNREAD, Event.NOT_FOUND): State.IN_DOUBT,
        (State.UNREAD, Event.GIVEN_UP): State.OPEN,
        (State.EXAMINED, Event.FOUND): State.SETTLED,
        (State.EXAMINED, Event.REFUSED): State.SETTLED,
        (State.EXAMINED, Event.NOT_FOUND): State.READY,
        (State.EXAMINED, Event.GIVEN_UP): State.OPEN,
        (State.IN_DOUBT, Event.GIVEN_UP): State.OPEN,
    },
    Kind.BARE: {
        **_EVERY,
        (State.SENT, Event.NO_ANSWER): State.HELD,
        (State.SENT, Event.OMITTED): State.HELD,
        (State.SENT, Event.CONFLICT): State.EXAMINED,
        (State.EXAMINED, Event.FOUND): State.SETTLED,
        (State.EXAMINED, Event.NOT_FOUND): State.READY,
        (State.EXAMINED, Event.GIVEN_UP): State.OPEN,
        (State.HELD, Event.GIVEN_UP): State.OPEN,
    },
}
"""Kind -> (state, event) -> state."""


class RowStates:
    """The states of the rows of one batch.

    Args:
        kinds: What each row is.
        in_doubt: Rows that an earlier run perhaps sent.
    """

    def __init__(self, kinds: Sequence[Kind], in_doubt: Iterable[int] = ()) -> None:
        self.kinds = kinds
        self._states = [State.READY] * len(kinds)
        for i in in_doubt:
            if kinds[i] is not Kind.BARE:
                self._states[i] = State.IN_DOUBT

    def __getitem__(self, row: int) -> State:
        return self._states[row]

    def happens(self, event: Event, rows: Iterable[int]) -> None:
        """Let something happen to some rows.

        Raises:
            ConservationError: The table has no such transition.
        """
        for row in rows:
            state, kind = self._states[row], self.kinds[row]
            after = TRANSITIONS[kind].get((state, event))
            if after is None:
                raise ConservationError(
                    f"A row that is {state.name} ({kind.value}) cannot be {event.name}: the table of states"
                    " has no such transition."
                )
            self._states[row] = after

    def those(self, *states: State) -> list[int]:
        """Return the rows in some states."""
        return [row for row, state in enumerate(self._states) if state in states]

    def unsettled(self) -> list[int]:
        """Return the rows without an outcome; those that were handed back, given up or left open are among
        them.
        """
        return [row for row, state in enumerate(self._states) if state is not State.SETTLED]

    def moving(self) -> list[int]:
        """Return the rows that are in no final state yet."""
        return [row for row, state in enumerate(self._states) if state not in FINAL]
