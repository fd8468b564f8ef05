"""The account: what everything in a portal shares, its settings, its clock and its books."""

from __future__ import annotations

from hubspot_batch_dagster.emulator.books import Books, Commit
from hubspot_batch_dagster.emulator.owners import Owner, standard_owners
from hubspot_batch_dagster.emulator.settings import Settings


class Account:
    """Settings, clock and books of one portal.

    Attributes:
        settings: How the portal behaves; replaced as a whole when they change.
        skew: Seconds by which its clock is ahead of the settings' clock.
        books: Every request and every change.
        owners: Who may own records, by owner id.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.skew = 0.0
        self.books = Books(settings.max_book_entries)
        self.owners: dict[str, Owner] = standard_owners()

    def now(self) -> float:
        """Tell the seconds since 1970 by the portal's clock."""
        return self.settings.clock() + self.skew

    def note(self, commit: Commit) -> None:
        """Write a change into the books, if they are kept."""
        if self.settings.keep_books:
            self.books.note_commit(commit)
