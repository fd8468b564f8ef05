"""Drift: what changed in the portal's definitions since the last run, and which columns it touches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.schema.definitions import Definitions

FORMAT = 1
SHOWN_OPTIONS = 5

Snapshot = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class SchemaChange:
    """One change of a property that a column goes to.

    Attributes:
        column: The column.
        property: The property.
        change: ``gone``, ``read-only``, ``type changed``, ``no longer unique``, ``option removed`` or
            ``option renamed``.
        before: What it was.
        after: What it is now.
        blocks: Whether the column can no longer be sent.
    """

    column: str
    property: str
    change: str
    before: str = ""
    after: str = ""
    blocks: bool = False


@dataclass(frozen=True)
class Drift:
    """The changes since the last run.

    Attributes:
        changes: One for each property and kind of change.
        compared: False where there was nothing to compare: the first run, or definitions that cannot be read.
    """

    changes: tuple[SchemaChange, ...] = ()
    compared: bool = False

    @property
    def blocks(self) -> bool:
        """Whether a column can no longer be sent."""
        return any(each.blocks for each in self.changes)


class DriftRefused(InputError):
    """The run was refused because the portal's definitions changed: a column can no longer be sent.

    Attributes:
        drift: All that changed since the last run.
    """

    def __init__(self, refusal: InputError, drift: Drift) -> None:
        super().__init__(refusal.message, column=refusal.column, row=refusal.row, remedy=refusal.remedy)
        self.drift = drift

    def __reduce__(self) -> tuple[object, ...]:
        plain = InputError(self.message, column=self.column, row=self.row, remedy=self.remedy)
        return type(self), (plain, self.drift)


@contextmanager
def refusing(drift: Drift) -> Iterator[None]:
    """Let a refusal carry the changes that led to it.

    Raises:
        DriftRefused: Instead of an ``InputError`` after a change that takes a column away.
    """
    try:
        yield
    except InputError as error:
        if drift.blocks:
            raise DriftRefused(error, drift) from None
        raise


def drift(before: Snapshot | None, mapping: Mapping[str, str], definitions: Definitions) -> Drift:
    """Compare the definitions with those of the last run, for the columns that are sent now.

    A property that is mapped for the first time has nothing to be compared with.
    """
    if before is None:
        return Drift()
    now = definitions.snapshot(mapping)
    changes = [
        change
        for name, column in mapping.items()
        if name in before
        for change in _changes(name, column, before[name], now.get(name))
    ]
    return Drift(tuple(changes), compared=True)


def write_snapshot(path: Path, kind: str, portal_id: int | None, snapshot: Snapshot) -> None:
    """Write the definitions that a run used."""
    content = {"format": FORMAT, "portal": portal_id, "object_type": kind, "properties": snapshot}
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")


def read_snapshot(path: Path | None) -> Snapshot | None:
    """Return the definitions of the last run; ``None`` where there are none, or none that can be read."""
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    found = content.get("properties")
    return found if isinstance(found, dict) else None


def _changes(
    name: str, column: str, before: Mapping[str, Any], now: Mapping[str, Any] | None
) -> Iterator[SchemaChange]:
    if now is None:
        yield SchemaChange(column, name, "gone", str(before.get("type")), "", blocks=True)
        return
    if now["read_only"] and not before.get("read_only"):
        yield SchemaChange(column, name, "read-only", "writable", "read-only", blocks=True)
    if now["type"] != before.get("type") or now["field_type"] != before.get("field_type"):
        yield SchemaChange(column, name, "type changed", _typed(before), _typed(now))
    if before.get("unique") and not now["unique"]:
        yield SchemaChange(column, name, "no longer unique", "unique", "not unique")
    yield from _option_changes(name, column, before.get("options") or {}, now["options"])


def _option_changes(
    name: str, column: str, before: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[SchemaChange]:
    removed = [value for value in before if value not in now]
    renamed = [value for value in before if value in now and before[value] != now[value]]
    if removed:
        yield SchemaChange(column, name, "option removed", _some(removed), "")
    if renamed:
        yield SchemaChange(
            column,
            name,
            "option renamed",
            _some([before[each] for each in renamed]),
            _some([now[each] for each in renamed]),
        )


def _typed(one: Mapping[str, Any]) -> str:
    return f"{one.get('type')} ({one.get('field_type')})"


def _some(words: list[str]) -> str:
    more = len(words) - SHOWN_OPTIONS
    return ", ".join(words[:SHOWN_OPTIONS]) + (f" and {more} more" if more > 0 else "")
