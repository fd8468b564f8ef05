"""Finding out what HubSpot did with creates whose answer was lost.

A row with a unique value is read back by it: batch read is fresh. A row without one is searched for among the
records made since its intent, once the search index has caught up; a record counts as the row's if it holds
every value that was sent, and no record is claimed twice.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hubspot_batch_dagster.api.endpoints import object_type as object_type_of
from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.value_comparison import holds, meaning, same_values
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.unique_values import UniqueProperty, owned_records

MARGIN = 300.0
"""Seconds before an intent from which records are considered: clocks differ."""

NEAR = 10.0
"""Seconds by which clocks may differ where a record's age decides whose it is."""

BUILT_IN_KEYS = {"contacts": "email"}
"""Properties that HubSpot itself keeps unique on every create."""


@dataclass(frozen=True)
class Lookup:
    """Looks records up.

    Attributes:
        object_type: The type of the records.
        requester: The requests.
        creation_key: The unique property that the user named, if any.
        claimed: Which of some record ids belong to a row already.
    """

    object_type: str
    requester: Requester
    creation_key: str | None
    claimed: Callable[[Sequence[str]], set[str]]

    @property
    def adopts(self) -> bool:
        """Whether a record that exists already is the row's own, whoever made it: the user said so with
        ``creation_key``.
        """
        return self.creation_key is not None

    @property
    def unique_property(self) -> str | None:
        """The property by which a created record can be found at once."""
        return self.creation_key or BUILT_IN_KEYS.get(object_type_of(self.object_type).name)

    def keyed(self, bodies: Sequence[str]) -> dict[int, str]:
        """Index -> unique value, for the rows (JSON texts of their properties) that have one."""
        name = self.unique_property
        if name is None:
            return {}
        values = {i: json.loads(body).get(name) for i, body in enumerate(bodies)}
        return {i: value for i, value in values.items() if value}

    def by_unique_value(
        self, bodies: Sequence[str], keyed: dict[int, str], sent_at: Mapping[int, float]
    ) -> dict[int, Verdict]:
        """Return what became of the rows in ``keyed``; a row without a record is left out.

        A record with all the values that were sent is the row's, and so is one that was made while the row's
        own request was under way: the row may have changed since, and HubSpot may have changed a value. With
        ``creation_key`` any record with that key is. Fallback somebody else's record has the value, and the
        row is rejected.

        Args:
            bodies: What was sent, as JSON texts.
            keyed: Index -> unique value, of the rows in question.
            sent_at: Index -> when the row was first sent.
        """
        name = self.unique_property
        assert name is not None
        sent: dict[int, dict[str, str]] = {i: json.loads(bodies[i]) for i in keyed}
        names = {each for row in sent.values() for each in row}
        records = self.records(keyed, name, names)
        return {i: self._verdict(name, sent[i], record, sent_at[i]) for i, record in records.items()}

    def records(
        self, values: Mapping[int, str], name: str | None, names: Iterable[str] = ()
    ) -> dict[int, Record]:
        """Return the records that have some values of a unique property (``None``: the record id), by the
        index of the value.

        Raises:
            HubSpotError: HubSpot could not be asked.
        """
        unique = UniqueProperty.of(self.object_type, name)
        wanted = sorted({*names, *unique.read_with})
        return owned_records(
            unique, values, lambda ids: self.requester.read(self.object_type, ids, wanted, name)
        )

    def _verdict(self, name: str, sent: dict[str, str], record: Record, sent_at: float) -> Verdict:
        made = record.created_at.timestamp() - sent_at if record.created_at is not None else None
        if same_values(sent, record.properties):
            older = self.adopts and made is not None and made < -NEAR
            return Verdict(
                outcome="unchanged" if older else "created",
                id=record.id,
                stale=not holds(sent, record.properties),
            )
        if made is not None and -NEAR <= made <= self.requester.retry_policy.certain_after:
            return Verdict(outcome="created", id=record.id, stale=True)
        if self.adopts:
            return Verdict(outcome="unchanged", id=record.id, stale=True)
        return Verdict(
            outcome="rejected",
            category="CONFLICT",
            code="ALREADY_EXISTS",
            property=name,
            message=f"A record with this {name} exists already: {record.id}.",
        )

    def absent(self, ids: Sequence[str | None], id_property: str | None) -> set[int]:
        """Which of some records to update are not there, by their index."""
        found = self.records({i: each for i, each in enumerate(ids) if each}, id_property)
        return set(range(len(ids))) - found.keys()

    def by_search(self, intents: Iterable[Intent]) -> dict[str, dict[int, Verdict]]:
        """Search for the rows of open creates.

        Returns:
            Intent id -> index in the intent -> verdict. Rows that no record fits are left out; what that
            means depends on how old the intent is.
        """
        intents = sorted(intents, key=lambda each: each.sent_at)
        if not intents:
            return {}
        sent = {each.id: [json.loads(body) for body in each.bodies] for each in intents}
        names = sorted({name for bodies in sent.values() for body in bodies for name in body})
        found: dict[str, dict[int, Verdict]] = {each.id: {} for each in intents}
        rows = OpenRows(intents, sent)
        records = self.requester.created_since(
            object_type_of(self.object_type).name, min(each.oldest for each in intents) - MARGIN, names
        )
        for record in self._unclaimed(records):
            place = rows.take(record)
            if place is not None:
                found[place.intent.id][place.at] = Verdict(outcome="created", id=record.id)
        return found

    def _unclaimed(self, records: Iterable[Record]) -> Iterable[Record]:
        page: list[Record] = []
        for record in records:
            page.append(record)
            if len(page) == 200:
                yield from self._not_claimed(page)
                page = []
        yield from self._not_claimed(page)

    def _not_claimed(self, page: list[Record]) -> list[Record]:
        taken = self.claimed([each.id for each in page]) if page else set()
        return [each for each in page if each.id not in taken]


class Place(NamedTuple):
    """A row of an open create.

    Attributes:
        number: Among all of them; the first one counts where several fit.
        intent: The create.
        at: Where the row is in it.
    """

    number: int
    intent: Intent
    at: int


class OpenRows:
    """The rows of open creates, by what their values mean.

    A killed first load leaves thousands of them, and other syncs have made ten thousands of records since: a
    record is looked up here, and not held against each row.
    """

    def __init__(self, intents: Iterable[Intent], sent: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
        self._places: dict[tuple[str, ...], dict[tuple[str, ...], list[Place]]] = {}
        numbers = itertools.count()
        for intent in intents:
            for index, values in enumerate(sent[intent.id]):
                if values:
                    names = tuple(sorted(values))
                    means = tuple(meaning(values[name]) for name in names)
                    places = self._places.setdefault(names, {}).setdefault(means, [])
                    places.append(Place(next(numbers), intent, index))

    def take(self, record: Record) -> Place | None:
        """Return the row that the record fits best, which no other record gets: of rows whose values it all
        holds, the one with most.
        """
        made = record.created_at.timestamp() if record.created_at is not None else None
        fitting: list[tuple[int, int, list[Place], Place]] = []
        for names, places in self._places.items():
            same = places.get(tuple(meaning(record.properties.get(name) or "") for name in names), [])
            for place in same:
                if made is None or made >= place.intent.oldest - MARGIN:
                    fitting.append((-len(names), place.number, same, place))
                    break
        if not fitting:
            return None
        _, _, same, best = min(fitting, key=lambda each: each[:2])
        same.remove(best)
        return best
