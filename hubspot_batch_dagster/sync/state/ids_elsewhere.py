"""Ids tables that a store only knows of: they lie in a database, and a file without lines says where."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hubspot_batch_dagster.api.errors import StoreError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Pointer:
    """What a store says of an ids table that is in a database.

    Attributes:
        sync: Whose it is.
        table: Its name there, as SQL.
        generation: The run that wrote it last, as far as the store knows.
    """

    sync: str
    table: str
    generation: int

    @classmethod
    def of(cls, sync: str, said: Mapping[str, Any] | None) -> Pointer | None:
        """Return what an ids table says of itself, as one; ``None`` where it has its lines itself, or there
        is none.
        """
        table = (said or {}).get("warehouse")
        return None if said is None or table is None else cls(sync, str(table), int(said["generation"]))

    def out_of_reach(self) -> StoreError:
        """Return the error for one whose database was not named."""
        return StoreError(
            f"The ids table of {self.sync!r} is not in this store: it is the table {self.table} of a"
            " warehouse, and no warehouse that has it was named.",
            remedy=(
                "Give its connection: warehouse= on the resource, --warehouse or HUBSPOT_WAREHOUSE on the"
                " command line."
            ),
        )


class IdsElsewhere(ABC):
    """A database that may have ids tables of a store. Each question is answered by ``None`` where it does not
    have this one.

    Raises:
        StoreError: The table is gone, is older than the store knows of, or the database cannot be asked.
    """

    @abstractmethod
    def copy(self, pointer: Pointer, path: Path) -> Path | None:
        """Copy the table, as it is at one moment, into a file as the store has them; returns the file."""

    @abstractmethod
    def counts(self, pointer: Pointer) -> dict[str, int] | None:
        """Outcome -> lines."""

    @abstractmethod
    def known(self, pointer: Pointer, keys: Sequence[str]) -> int | None:
        """How many of some row keys have a record."""

    @abstractmethod
    def latest(self, pointer: Pointer) -> int | None:
        """Return the latest run that has claimed the table."""

    @abstractmethod
    def claim(self, pointer: Pointer, new: str, run: str, generation: int) -> str | None:
        """Keep earlier runs from writing a table that is to get another name; returns that name as SQL.

        Raises:
            InputError: Another sync has that name.
            Overtaken: A run of a later generation has claimed it.
        """

    @abstractmethod
    def rename(self, pointer: Pointer, old: str, generation: int) -> bool | None:
        """Give the table of another name the one by which the store knows it; done again, it is done.

        Args:
            pointer: What the store says of it by now.
            old: The sync that it was of.
            generation: The run that claimed it for that: what a later one has under the former name is a new
                sync's.
        """


def ask(
    places: Iterable[IdsElsewhere], pointer: Pointer, question: Callable[[IdsElsewhere], Answer | None]
) -> Answer:
    """Ask each place about an ids table until one has it.

    Raises:
        StoreError: None of them does.
    """
    for each in places:
        found = question(each)
        if found is not None:
            return found
    raise pointer.out_of_reach()


@contextmanager
def asked_first(places: list[IdsElsewhere], place: IdsElsewhere) -> Iterator[None]:
    """Have a database asked before all others, for this time."""
    places.insert(0, place)
    try:
        yield
    finally:
        places.remove(place)
