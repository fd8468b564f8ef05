"""The journal: what may have been sent, durable before it is sent, and what became of it; and a fence between
runs.

An *intent* is written before the first request of a batch leaves: which rows, with which trace ids and, for
creates that HubSpot could not recognise a second time, which values. *Outcomes* are written as soon as an
answer has been read. An intent that still has unsettled rows is *open*; the next run settles it before it
sends anything.

No lock is trusted. Each run is a *generation* of its sync: :meth:`Journal.begin` makes it the latest, and
only one of two that begin at once does so. Whatever a run writes is refused from the moment at which a later
run has begun: :class:`Overtaken`. An overtaken run sends nothing more, but what it hears of requests that had
left is kept as *testimony*, and the run that took over takes it in.

This is the interface; :mod:`~hubspot_batch_dagster.sync.state.sql_journal` keeps it in a database, and
:mod:`~hubspot_batch_dagster.sync.state.bucket_journal` in a bucket. Another place for it must be able to
refuse an append of a run that is no longer the latest, and no more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

from hubspot_batch_dagster.api.errors import Overtaken
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Line, Outcomes


@dataclass(frozen=True)
class Generation:
    """A sync's latest run, as the journal counts them.

    Attributes:
        number: How many runs there have been, this one included.
        run: Its id.
        holder: Host, process and time of its begin, for people; empty once it has ended.
        beat: Rises while the run is alive.
        current: The generation that wrote the ids table that counts; ``None`` where no run has since the
            journal was made.
        identity: What the sync is about, as :class:`~hubspot_batch_dagster.sync.state.identity.Identity`
            writes it; or empty.
        seal: Sum of the ids table that counts, and after a blank that of its open associations; empty where
            they are not known.
        history: The run that wrote the file of all runs that counts; ``None`` where none has since the
            journal was made.
    """

    number: int
    run: str
    holder: str = ""
    beat: int = 0
    current: int | None = None
    identity: str = ""
    seal: str = ""
    history: int | None = None


class Journal(ABC):
    """The journal of one store; safe for threads, shared by all syncs of the store.

    Whatever cannot be read or written is a ``StoreError``. Methods that write for a run raise ``Overtaken``
    where a later run of the sync has begun.

    Attributes:
        stop: Set when the run is to stop: then a place that is away is not waited for long.
    """

    stop: Event

    @abstractmethod
    def close(self) -> None:
        """Give what is open back."""

    @abstractmethod
    def generation(self, sync: str) -> Generation | None:
        """Return the latest run of a sync; ``None`` before the first."""

    @abstractmethod
    def begin(self, sync: str, run: str, *, after: int = 0, holder: str = "") -> Generation:
        """Make a run the latest of its sync; whatever an earlier one writes from now on is refused.

        Args:
            sync: Whose.
            run: Its id, which no other run has.
            after: The generation of the ids table, which may be ahead of a journal that was made anew.
            holder: Who it is, for people.

        Raises:
            Overtaken: Another run began at the same moment, and was the first.
        """

    @abstractmethod
    def beat(self, sync: str, run: str) -> None:
        """Say that the run is alive."""

    @abstractmethod
    def bind(self, sync: str, run: str, identity: str) -> None:
        """Write down what the sync is about."""

    @abstractmethod
    def end(self, sync: str, run: str) -> None:
        """Say that the run is over; nothing is raised where a later one has begun."""

    @abstractmethod
    def intend(self, sync: str, run: str, intent: Intent) -> None:
        """Make the intent durable. When this returns, the request may leave."""

    @abstractmethod
    def settle(
        self, sync: str, run: str, outcomes: Outcomes, *, intent_id: str | None, left: Intent | None = None
    ) -> None:
        """Make outcomes durable and, at once with them, close their intent or shrink it to the rows ``left``.

        In a run that was overtaken the outcomes are kept as testimony before ``Overtaken`` is raised.
        """

    @abstractmethod
    def record(self, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]) -> None:
        """Make outcomes durable, close their intents, and make new intents durable: all or nothing.

        In a run that was overtaken ``accepted`` is kept as testimony before ``Overtaken`` is raised.

        Args:
            sync: Whose.
            run: In which run.
            accepted: Of batches all of whose rows are settled: the intent's id, when they were settled, and
                the outcomes.
            intents: Of batches that are to leave: the intent's id, its action, its moment, and its rows.
        """

    @abstractmethod
    def take_testimony(self, sync: str, run: str) -> list[tuple[str, Outcomes]]:
        """Take in what overtaken runs heard of requests that are still open here: the intents' ids, and what
        became of their rows.

        Outcomes of rows that no open intent has are dropped: this run or one before it has found out about
        them.
        """

    @abstractmethod
    def open_intents(self, sync: str) -> list[Intent]:
        """Intents with rows whose outcome is not known, oldest first."""

    @abstractmethod
    def outcomes(self, sync: str) -> Iterator[Outcomes]:
        """Outcomes since the ids table was last written, in the order in which they happened."""

    @abstractmethod
    def conclude(
        self,
        sync: str,
        run: str,
        *,
        current: int | None,
        forget: bool,
        kept_runs: Sequence[str] = (),
        seal: str | None = None,
        history: int | None = None,
    ) -> None:
        """Make the closing append of a run: the ids table of a generation is the one that counts, or none is.

        Args:
            sync: Whose.
            run: In which run.
            current: The generation.
            forget: The ids table holds all outcomes, and they are dropped here. Not so after an interruption.
            kept_runs: The runs whose before-images are kept.
            seal: Sum of that ids table; ``None`` where it is the one that counted before.
            history: The run whose file of all runs counts; ``None`` where it is the one that counted before.
        """

    @abstractmethod
    def keep_before(self, sync: str, run: str, images: list[dict[str, str | None]]) -> None:
        """Make before-images durable: for each record its ``id`` and the values that are about to change."""

    @abstractmethod
    def before(self, sync: str, run: str) -> Iterator[dict[str, str | None]]:
        """Yield the before-images of a run, in the order in which they were taken."""

    @abstractmethod
    def rewrite_keys(self, sync: str, run: str, new: dict[str, str]) -> None:
        """Write the row keys of open intents and of outcomes anew.

        Args:
            sync: Whose.
            run: In which run.
            new: Former key -> key; one that is not named stays.
        """

    @abstractmethod
    def rename(self, sync: str, new: str, run: str, *, seal: str = "") -> None:
        """Give all that is known of a sync another name: all or nothing.

        Args:
            sync: Its name.
            new: Its name from now on, which nothing is known of.
            run: In which run, which must be the latest of both names.
            seal: Sum of its ids table under the new name.
        """

    @abstractmethod
    def summary(self) -> list[tuple[str, int, int]]:
        """For each sync: its name, its open intents and the outcome batches not yet in the ids table."""

    @abstractmethod
    def try_lock(self, sync: str) -> Callable[[], None] | None:
        """Take the sync's lock, and give back what releases it; ``None`` while another run has it."""


def overtaken(latest: Generation | None, sync: str, run: str) -> Overtaken:
    """Return the error for a run that is not the latest of its sync any more."""
    by = f"run {latest.run}" if latest is not None else "a run that is not in the journal"
    who = f" ({latest.holder})" if latest is not None and latest.holder else ""
    return Overtaken(
        f"{by[:1].upper()}{by[1:]} of {sync!r}{who} has begun after run {run}, which stops here."
    )
