"""Which record has a value of a unique property: the one answer, for whoever asks it.

HubSpot compares values of a unique property to the letter, with one exception: the email of a contact is
trimmed and lower-cased, and a contact is also found by each of its other addresses. A record id is such a
value too: a merged record is found by the ids of those that it was made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hubspot_batch_dagster.api.endpoints import object_type as object_type_of
from hubspot_batch_dagster.api.models import Record

OTHER_EMAILS = "hs_additional_emails"
"""A contact's addresses beside its primary one."""

MERGED_IDS = "hs_merged_object_ids"
"""The ids of the records that a record was made of."""


@dataclass(frozen=True)
class UniqueProperty:
    """A property whose values no two records of a type share; the record id is the one without a name.

    Attributes:
        name: The property; ``None`` for the record id.
        others: The property that holds further values by which HubSpot finds the record; ``None`` if there is
            none.
        folds: Whether capitals and blanks around a value make no difference.
    """

    name: str | None
    others: str | None = None
    folds: bool = False

    @classmethod
    def of(cls, object_type: str, name: str | None) -> UniqueProperty:
        """Return the unique property of an object type; ``None`` stands for the record id."""
        if name is None:
            return cls(None, others=MERGED_IDS)
        if name == "email" and object_type_of(object_type).name == "contacts":
            return cls(name, others=OTHER_EMAILS, folds=True)
        return cls(name)

    @property
    def read_with(self) -> list[str]:
        """The properties that a read must bring along, so that the records can be told by their values."""
        return [each for each in (self.name, self.others) if each]

    def key(self, value: str | None) -> str:
        """Return a value as HubSpot compares it: two values are one if their keys are equal."""
        return (value or "").strip().lower() if self.folds else value or ""

    def holds(self, value: str | None, properties: Mapping[str, str | None], record_id: str = "") -> bool:
        """Whether a record has the value, as its first or as a further one."""
        return self.key(value) in set(self._keys(properties, record_id))

    def contradicts(self, value: str | None, properties: Mapping[str, str | None], record_id: str) -> bool:
        """Whether a record says that it has another value. One that says nothing of it contradicts
        nothing.
        """
        told = record_id if self.name is None else properties.get(self.name)
        return bool(told) and not self.holds(value, properties, record_id)

    def owners(self, records: Sequence[Record]) -> dict[str, Record]:
        """Key of a value -> the record that has it. A record's own value comes before another one's further
        value.
        """
        found: dict[str, Record] = {}
        keys = [(record, list(self._keys(record.properties, record.id))) for record in records]
        for record, own in keys:
            found.setdefault(own[0], record)
        for record, own in keys:
            for key in own[1:]:
                found.setdefault(key, record)
        found.pop("", None)
        return found

    def _keys(self, properties: Mapping[str, str | None], record_id: str) -> Iterator[str]:
        first = record_id if self.name is None else properties.get(self.name)
        yield self.key(first)
        for each in ((properties.get(self.others) or "") if self.others else "").split(";"):
            if each.strip():
                yield self.key(each.strip())


def owned_records(
    unique: UniqueProperty, values: Mapping[int, str], read: Callable[[list[str]], list[Record]]
) -> dict[int, Record]:
    """Read the records that have some values.

    Args:
        unique: What the values are of.
        values: The values, by any index. Values without a record are left out of the answer.
        read: Reads records by such values, up to 100; must bring along what ``unique.read_with`` names.

    Returns:
        Index -> record. A record that answers to an id that is not its own is one that others were merged
        into. Where it does not say which, the ids without a record are read once more, one by one.

    Raises:
        HubSpotError: HubSpot could not be asked.
    """
    wanted = {unique.key(value): value for value in values.values()}
    if not wanted:
        return {}
    records = read(sorted(wanted.values()))
    owners = unique.owners(records)
    owners = {key: owners[key] for key in wanted if key in owners}
    told = {record.id for record in owners.values()}
    if unique.name is None and any(record.id not in told for record in records):
        for key in sorted(wanted.keys() - owners.keys()):
            owners.update((key, record) for record in read([wanted[key]])[:1])
    return {i: owners[unique.key(value)] for i, value in values.items() if unique.key(value) in owners}
