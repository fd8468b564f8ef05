"""Whose the records are: which rows have which, by the ids table and by this run."""

from __future__ import annotations

from collections.abc import Sequence

from hubspot_batch_dagster.sync.staging import staging_statements
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea


class RecordOwners:
    """Answers whose records are, while a run sends; safe for threads.

    Args:
        stage: The rows, with ``known``.
    """

    def __init__(self, stage: StagingArea) -> None:
        self._stage = stage

    def claimed(self, ids: Sequence[str]) -> set[str]:
        """Which of some record ids belong to a row already, of this table or not."""
        mine = {str(found) for (found,) in self._stage.ask(staging_statements.CLAIMED, {"ids": list(ids)})}
        return mine | self._stage.elsewhere.claimed([each for each in ids if each not in mine])

    def keys(self, ids: Sequence[str]) -> dict[str, str]:
        """Record id, of today or from before a merge, -> key of the row of this table that has the record."""
        query = staging_statements.keys_of_records(self._stage.rows_in)
        found = {str(record): str(key) for record, key in self._stage.ask(query, {"ids": list(ids)})}
        return {**self._stage.elsewhere.keys_of([each for each in ids if each not in found]), **found}

    def keys_here_or_there(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the same, and keys that the sync in ``through`` has and that are no row of this table."""
        query = """SELECT id, key FROM others
            WHERE id IN (SELECT unnest($ids)) AND key NOT IN (SELECT key FROM staged)"""
        there = {str(record): str(key) for record, key in self._stage.ask(query, {"ids": list(ids)})}
        return {**there, **self.keys(ids)}

    def known_ids(self, keys: Sequence[str], *, archived: bool = True) -> dict[str, str]:
        """Return the record ids that the ids table has for some keys, those of archived records among them or
        not.
        """
        some = "" if archived else " AND outcome <> 'archived'"
        query = f"SELECT key, id FROM known WHERE id IS NOT NULL AND key IN (SELECT unnest(?)){some}"
        return {str(key): str(record) for key, record in self._stage.ask(query, [list(keys)])}

    def suspects(self) -> list[tuple[str, float]]:
        """Keys to create that an earlier run perhaps sent, and when HubSpot was last seen without their
        record.
        """
        query = """SELECT p.key, epoch(k.synced_at) FROM plan p JOIN known k USING (key)
            WHERE p.action = 'create' AND k.outcome = 'unknown' AND k.id IS NULL"""
        return [(str(key), float(seen)) for key, seen in self._stage.ask(query)]
