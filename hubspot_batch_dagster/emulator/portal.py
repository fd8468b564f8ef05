"""The portal: one account's object types, records, unique keys, clock and books."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

from hubspot_batch_dagster.emulator.account import Account
from hubspot_batch_dagster.emulator.associations import Associations
from hubspot_batch_dagster.emulator.books import Books, Commit
from hubspot_batch_dagster.emulator.definitions import standard_object_types
from hubspot_batch_dagster.emulator.exchange import Refused, error_body, iso
from hubspot_batch_dagster.emulator.owners import Owner, standard_owners
from hubspot_batch_dagster.emulator.pipelines import Pipeline, standard_pipelines
from hubspot_batch_dagster.emulator.settings import Settings
from hubspot_batch_dagster.emulator.table import Record, Table

_ID_STEP = 48_271_000_003
_ID_SPAN = 89_999_999_999
_ID_FIRST = 10_000_000_000


def _unknown_type(name: str) -> Refused:
    return Refused(400, error_body(f"Unable to infer object type from: {name}"))


class Portal:
    """The state of one emulated HubSpot account.

    Args:
        settings: How it behaves.
        seed: Makes ids, shuffles and faults repeatable.

    Attributes:
        base_definitions: The content of the portal file that it was made with; a reset comes back to it.
    """

    def __init__(self, settings: Settings, seed: int = 0) -> None:
        self.account = Account(settings)
        self.base_definitions: Mapping[str, Any] | None = None
        self.seed = seed
        self.reset()

    def reset(self) -> None:
        """Back to a fresh account: no records, no custom definitions, empty books."""
        self.random = random.Random(self.seed)
        self.books.clear()
        self.request_count = 0
        self.open_requests: set[int] = set()
        self.admin_rules: dict[str, list[dict[str, Any]]] = {}
        self.tables: dict[str, Table] = {}
        self._by_name: dict[str, Table] = {}
        self._ids = self.seed * 7919
        pipelines = standard_pipelines()
        for definition in standard_object_types():
            self.add_table(Table(definition, self.account, pipelines.get(definition.name)))
        self.associations = Associations()
        self.account.owners = standard_owners()

    @property
    def settings(self) -> Settings:
        """How it behaves; assign others to change that."""
        return self.account.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.account.settings = settings
        self.books.limit = settings.max_book_entries

    @property
    def skew(self) -> float:
        """Seconds by which its clock is ahead of the settings' clock."""
        return self.account.skew

    @skew.setter
    def skew(self, seconds: float) -> None:
        self.account.skew = seconds

    @property
    def books(self) -> Books:
        """Every request and every change."""
        return self.account.books

    @property
    def owners(self) -> dict[str, Owner]:
        """Who may own records, by owner id."""
        return self.account.owners

    @property
    def pipelines(self) -> dict[str, list[Pipeline]]:
        """The pipelines by object type; assign others to replace them all."""
        return {name: table.pipelines for name, table in self.tables.items() if table.pipelines}

    @pipelines.setter
    def pipelines(self, pipelines: Mapping[str, list[Pipeline]]) -> None:
        for name, table in self.tables.items():
            table.set_pipelines(list(pipelines.get(name, ())))

    def now(self) -> float:
        """Tell the seconds since 1970 by the portal's clock."""
        return self.account.now()

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change settings while it runs.

        Raises:
            ValueError: A name is not a setting.
        """
        self.settings = self.settings.changed(changes)

    def add_table(self, table: Table) -> None:
        """Add an object type."""
        self.tables[table.name] = table
        for name in (table.name, *table.definition.names):
            self._by_name[name.lower()] = table

    def remove_table(self, table: Table) -> None:
        """Take an object type away."""
        self.tables.pop(table.name, None)
        self._by_name = {name: known for name, known in self._by_name.items() if known is not table}

    def table(self, name: str) -> Table:
        """Find an object type by any of its names, a custom object's bare name among them.

        Raises:
            Refused: There is none: HubSpot's 400 without a category.
        """
        table = self.find_table(name)
        if table is None:
            raise _unknown_type(name)
        return table

    def find_table(self, name: str) -> Table | None:
        """Find the object type of any of its names, or None."""
        return self._by_name.get(name) or self._by_name.get(name.lower())

    def table_of_path(self, name: str) -> Table:
        """Find the object type that a path names.

        Raises:
            Refused: There is none, or it is a custom object's bare name: HubSpot's 400 without a category.
        """
        table = self.find_table_of_path(name)
        if table is None:
            raise _unknown_type(name)
        return table

    def find_table_of_path(self, name: str) -> Table | None:
        """Find the object type that a path names, or None.

        A custom object goes by its type id, its full name or `p_` and its name, not by its name alone.
        """
        table = self.find_table(name)
        if table is None or name.lower() in table.definition.names or self.settings.base_name_in_paths:
            return table
        return None

    def next_id(self) -> str:
        """Return a new record id: eleven digits, never in sequence, never given twice."""
        self._ids += 1
        return str(_ID_FIRST + self._ids * _ID_STEP % _ID_SPAN)

    def correlation_id(self) -> str:
        """Return a made-up UUID from the portal's own seed."""
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def note(self, commit: Commit) -> None:
        """Write a change into the books, if they are kept."""
        self.account.note(commit)

    def seed_records(self, object_type: str, rows: Iterable[Mapping[str, str]]) -> list[str]:
        """Put records into the portal without a request, unchecked and at once visible to search.

        Args:
            object_type: Any name of the type.
            rows: Property values of each record.

        Returns:
            The new ids, in the order of the rows.
        """
        table = self.table(object_type)
        now = self.now()
        ids = []
        for row in rows:
            record = table.insert(self.next_id(), dict(row), now, iso(now), 0)
            record.visible_at = now
            self.note(Commit(record.id, table.name, "seeded", None, record.properties, now, 0))
            ids.append(record.id)
        return ids

    def records(self, object_type: str) -> dict[str, dict[str, str]]:
        """Living records of a type: id to properties."""
        table = self.table(object_type)
        return {record_id: record.properties for record_id, record in list(table.records.items())}

    def archive_record(self, table: Table, record: Record, now: float, request: int) -> None:
        """Archive one record and note it."""
        table.archive(record, now, keep_keys=not self.settings.email_reuse_after_archive)
        self.note(Commit(record.id, table.name, "archived", None, record.properties, now, request))
