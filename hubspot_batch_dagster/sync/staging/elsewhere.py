"""Rows of the source that are not in a run's tables, because something else found them unchanged."""

from __future__ import annotations

from collections.abc import Sequence


class Elsewhere:
    """No rows elsewhere: all of the source is in the run's tables.

    Attributes:
        rows: Rows of the source that were found unchanged, and are not among those that the run staged.
        live: Known records that are not among those that the run looks at.
    """

    rows: int = 0
    live: int = 0

    @property
    def whole(self) -> bool:
        """Whether the source was read as a whole: then a known record without a row has left it."""
        return True

    def keys_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Record id -> key of the unchanged row that has it."""
        return dict.fromkeys(ids[:0], "")

    def keys_with(self, ids: Sequence[str]) -> set[str]:
        """Keys of known lines, with a row of the source or without one, that have some records."""
        return set(ids[:0])

    def claimed(self, ids: Sequence[str]) -> set[str]:
        """Which of some record ids belong to a known row, of the source or not."""
        return set(ids[:0])
