"""The options of an enumeration property: which cell means which internal value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from hubspot_batch_dagster.table.messages import quoted

_SHOWN_OPTIONS = 5
_COMPARED = 100  # characters
_LOOKED_UP = 100  # a look-up costs milliseconds; a column of free text must not cost one for each row


class Options:
    """Looks cells up among a property's options.

    An internal value counts first, then a label, then either without regard to case and surrounding
    spaces. What would mean two different options means none.

    Args:
        options: Internal value to label.
        several: Several options may be chosen, separated by `;`. A leading `;` is kept: HubSpot then adds
            to what the record has instead of replacing it.
    """

    def __init__(self, options: Mapping[str, str], *, several: bool) -> None:
        self._several = several
        self._values = frozenset(options)
        self._labels = _unambiguous((label, value) for value, label in options.items())
        self._folded = _unambiguous(
            [(value.strip().casefold(), value) for value in options]
            + [(label.strip().casefold(), value) for value, label in options.items()]
        )
        self._complaints: dict[str, str] = {}
        self._named = {**{label: value for value, label in options.items()}, **{v: v for v in options}}

    def internal(self, cell: str) -> str | None:
        """Return the text to send for a cell, or None if it is no option. `""` stays: it clears the
        property.
        """
        if cell == "" or not self._several:
            return self._one(cell)
        parts = [self._one(part) for part in cell.split(";") if part.strip()]
        if not parts or None in parts:
            return None
        append = ";" if cell.startswith(";") else ""
        return append + ";".join(part for part in parts if part is not None)

    def complaint(self, cell: str) -> str:
        """Return what is wrong with a cell that is no option, with up to five options that it may have
        meant.
        """
        wrong = cell
        if self._several:
            wrong = next((part for part in cell.split(";") if self._one(part) is None), cell)
        if wrong not in self._complaints:
            if len(self._complaints) >= _LOOKED_UP:
                return self._worded(wrong, [])
            self._complaints[wrong] = self._worded(wrong, self._nearest(wrong))
        return self._complaints[wrong]

    def _one(self, cell: str) -> str | None:
        if cell in self._values or cell == "":
            return cell
        return self._labels.get(cell) or self._folded.get(cell.strip().casefold())

    def _nearest(self, wrong: str) -> list[str]:
        by_fold = {name.casefold(): value for name, value in self._named.items()}
        close = difflib.get_close_matches(
            wrong[:_COMPARED].casefold(), list(by_fold), _SHOWN_OPTIONS, cutoff=0.5
        )
        return list(dict.fromkeys(by_fold[name] for name in close))

    def _worded(self, wrong: str, near: list[str]) -> str:
        count = len(self._values)
        which = "the nearest are" if near else "they are" if count <= _SHOWN_OPTIONS else "among them are"
        listed = ", ".join(f"'{value}'" for value in near or sorted(self._values)[:_SHOWN_OPTIONS])
        return f"{quoted(wrong)} is not one of the {count} options; {which} {listed}."


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the names that mean one value only."""
    meanings: dict[str, set[str]] = {}
    for name, value in pairs:
        meanings.setdefault(name, set()).add(value)
    return {name: next(iter(values)) for name, values in meanings.items() if len(values) == 1}
