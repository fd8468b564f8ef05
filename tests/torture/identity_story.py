"""What became of each record of a type, replayed from the emulator's books: made, merged, archived, purged,
and by whom.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hubspot_batch_dagster.emulator import Books
from tests.torture.source import Row

OTHERS_VERSION = "v3"
"""The paths that others use in the trial; the sync uses a dated version."""


@dataclass
class Story:
    """The records of a type, as the books tell of them.

    Attributes:
        living: Record id -> properties, of the records that live.
        leads: Id of a merged record -> id of the record that is left.
        births: A row's marker -> ids of the records that were made with it, the first one first.
        doubled: Sentences about rows that were made anew while they had a living record.
        archived: Id of each record that the sync archived -> the records that it was made of, itself too.
    """

    living: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    leads: dict[str, str] = field(default_factory=dict)
    births: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    doubled: list[str] = field(default_factory=list)
    archived: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, books: Books, object_type: str, *, unique: str | None) -> Story:
        """Replay the books.

        Args:
            books: The books.
            object_type: The type.
            unique: The property by which HubSpot itself finds the rows; a record that lost its value is found
                no more.
        """
        story = cls()
        others = {each.n for each in books.requests() if each.version == OTHERS_VERSION} | {0}
        for commit in books.commits(object_type=object_type):
            if commit.kind in ("created", "seeded"):
                story._born(commit.record_id, commit.properties, unique)
            elif commit.kind == "merged":
                story._merged(commit.record_id, commit.properties)
            elif commit.kind == "updated":
                story.living[commit.record_id] = commit.properties
            elif commit.kind in ("archived", "purged"):
                gone = story.living.pop(commit.record_id, {})
                if commit.request not in others:
                    story.archived[commit.record_id] = {commit.record_id, *_parts(gone)}
        return story

    def _born(self, record_id: str, properties: Mapping[str, Any], unique: str | None) -> None:
        marker = str(properties.get("marker") or "")
        for each in self.births.get(marker, ()):
            lead = self.lead(each)
            values = self.living.get(lead, {})
            if lead in self.living and (unique is None or values.get(unique) == properties.get(unique)):
                self.doubled.append(f"{marker}: {record_id} was made while {lead} lived")
        if marker:
            self.births[marker].append(record_id)
        self.living[record_id] = properties

    def _merged(self, record_id: str, properties: Mapping[str, Any]) -> None:
        for old in _parts(properties) - {record_id}:
            self.living.pop(old, None)
            self.leads[old] = record_id
        self.living[record_id] = properties

    def lead(self, record_id: str) -> str:
        """The record that an id leads to."""
        return self.leads.get(record_id, record_id)

    def record_of(self, row: Row, unique: str | None) -> str | None:
        """The living record of a row: by the unique value that HubSpot finds it by, else the last one that
        was made of it.
        """
        if unique == "email":
            address = str(row.email).lower()
            found = [each for each, values in self.living.items() if address in _addresses(values)]
        elif unique is not None:
            found = [each for each, values in self.living.items() if values.get(unique) == row.key]
        else:
            found = [self.lead(each) for each in self.births.get(row.marker, ())[-1:]]
        return found[0] if found and found[0] in self.living else None


def _parts(properties: Mapping[str, Any]) -> set[str]:
    """The ids of the records that a record was made of."""
    return {each for each in str(properties.get("hs_merged_object_ids") or "").split(";") if each}


def _addresses(properties: Mapping[str, Any]) -> set[str]:
    more = str(properties.get("hs_additional_emails") or "").split(";")
    return {each.lower() for each in (str(properties.get("email") or ""), *more) if each}
