"""What was left open, settled: by an earlier run before this one sends anything, and by this run at its
end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.state.journal import Journal


@dataclass
class Recovery:
    """Settles open intents.

    Attributes:
        journal: Where the intents are.
        sync: Whose.
        run: Id of this run.
        requester: The requests.
        lookup: Finds records.
        clock: Seconds since 1970, by HubSpot's clock.
        settled: What was found out; durable already.
        held: Creates that HubSpot may still carry out; they must not be sent.
        suspects: Keys of creates that may be sent again because HubSpot would refuse a second record, and
            when they were sent before.
        unmade: Creates that HubSpot certainly did not carry out: they may be sent.
        wall: Seconds since 1970, by this computer's clock.
        monotonic: Seconds of a clock that never jumps.
        at_large: Intents of repeatable rows. HubSpot may still carry out a request of theirs, or did so only
            after newer values had been sent: rows that have other values now are sent again.
        associations_at_large: The same of associations: those of the rows are written again.
    """

    journal: Journal
    sync: str
    run: str
    requester: Requester
    lookup: Lookup
    clock: Callable[[], float]
    settled: list[Outcomes] = field(default_factory=list)
    held: list[Intent] = field(default_factory=list)
    suspects: dict[str, float] = field(default_factory=dict)
    at_large: list[Intent] = field(default_factory=list)
    unmade: list[Intent] = field(default_factory=list)
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    associations_at_large: list[Intent] = field(default_factory=list)
    _over: set[str] = field(default_factory=set)
    _seen: dict[str, float] = field(default_factory=dict)

    def look_up_by_value(self) -> None:
        """Settle what can be settled at once: repeatable rows without an outcome become ``unknown`` lines,
        which the plan sends again, and creates with a unique value are read back.

        Raises:
            HubSpotError: HubSpot could not be asked; nothing was sent.
        """
        self.take_testimony()
        for intent in self.journal.open_intents(self.sync):
            if intent.is_of_associations:
                self._reopen_associations(intent)
            elif intent.action == "create":
                self._read_back(intent)
            else:
                self._reopen(intent)

    def take_testimony(self) -> dict[str, set[int]]:
        """Take in what overtaken runs heard after this one began; gives back the rows of each intent that are
        settled so.
        """
        rows: dict[str, set[int]] = {}
        for intent_id, outcomes in self.journal.take_testimony(self.sync, self.run):
            self.settled.append(outcomes)
            rows.setdefault(intent_id, set()).update(outcomes.rows)
        return rows

    def close_reopened(self, missed: Set[tuple[str, str]] = frozenset()) -> None:
        """Close what this run had to send again. An intent is done with if its requests were over before
        that; else it stays for the next run.
        """
        for intent in self.at_large:
            over = intent.id in self._over
            if over or not intent.settled:
                left = None if over else replace(intent, settled=True)
                again = Verdict(outcome="unknown", message=_AGAIN, stale=True)
                rows = [i for i, key in enumerate(intent.keys) if over and (intent.id, key) in missed]
                outcomes = outcomes_of(intent, dict.fromkeys(rows, again), self.clock())
                self.journal.settle(
                    self.sync, self.run, outcomes, intent_id=intent.id if over else None, left=left
                )

    def close_associations(self, answered: Iterable[str], *, others: bool) -> None:
        """Close the requests of associations that were answered: the ids table knows them.

        Args:
            answered: Ids of their intents.
            others: So are those of earlier runs that were over before: this run wrote all of theirs again.
        """
        over = [each.id for each in self.associations_at_large if others and each.id in self._over]
        for intent_id in (*answered, *over):
            self.journal.settle(self.sync, self.run, Outcomes(), intent_id=intent_id)

    def _reopen_associations(self, intent: Intent) -> None:
        self.associations_at_large.append(intent)
        self._note_whether_over(intent)

    def _note_whether_over(self, intent: Intent) -> None:
        if self._left(intent) <= 0:
            self._over.add(intent.id)

    def _reopen(self, intent: Intent) -> None:
        self.at_large.append(intent)
        self._note_whether_over(intent)
        if intent.settled or intent.noted:
            return
        ids = intent.ids if intent.action == "archive" else [None] * len(intent)
        verdicts = {
            i: Verdict(outcome="unknown", id=ids[i], message=_AGAIN, stale=True) for i in range(len(intent))
        }
        outcomes = outcomes_of(intent, verdicts, self.clock())
        # Once: said again by the next run, it would hide what this one finds out.
        noted = replace(intent, noted=True)
        self.journal.settle(self.sync, self.run, outcomes, intent_id=None, left=noted)
        self.settled.append(outcomes)

    def search(self) -> None:
        """Search for the creates that are still held, once the index has caught up; waits no longer than its
        lag.

        A create that is not found stays held until its request is certain to be over. Then it was never
        carried out, and may be sent.

        Raises:
            HubSpotError: HubSpot could not be asked; the creates stay held.
        """
        intents, self.held = self.held, []
        if not intents:
            return
        retry_policy = self.requester.retry_policy
        over = {each.id for each in intents if self._left(each) <= 0}
        newest = max(each.newest for each in intents)
        lag = max(0.0, min(retry_policy.index_lag, newest + retry_policy.index_lag - self.clock()))
        try:
            self.requester.stop.wait(lag)  # an interruption strikes here most of all
            found = self.lookup.by_search(intents)
        except BaseException:
            self.held = intents
            raise
        heard = self.take_testimony()  # before a create is declared never carried out
        for intent in intents:
            settled = {i for i, row in enumerate(intent.rows) if row in heard.get(intent.id, ())}
            found[intent.id] = {i: each for i, each in found[intent.id].items() if i not in settled}
            left = [i for i in range(len(intent)) if i not in found[intent.id] and i not in settled]
            if intent.id in over:
                # Of a record without values search cannot tell that it is not there.
                unmade = [i for i in left if intent.bodies[i] != "{}"]
                left = [i for i in left if intent.bodies[i] == "{}"]
                self.unmade.append(intent.pick(unmade))
            self._close(intent, found[intent.id], left)

    def hold(self, intents: Sequence[Intent]) -> None:
        """Take over creates of this run whose answer was lost."""
        for intent in intents:
            self._seen.setdefault(intent.id, self.monotonic())
            self.held.append(intent)

    def seconds_until_certain(self) -> float:
        """How long it takes until each held create has been carried out or never will be; 0 if that is so
        already.

        Held for good is what search cannot tell apart: nothing is waited for that.
        """
        waits = [self._left(each) for each in self.held if any(body != "{}" for body in each.bodies)]
        return max(0.0, *waits) if waits else 0.0

    def _left(self, intent: Intent) -> float:
        """Seconds until a request is certain to be over. Of two clocks the one counts that says it is
        younger; a run that has known it for that long by itself needs neither.
        """
        certain_after = self.requester.retry_policy.certain_after
        age = intent.age(self.clock(), self.wall())
        known = self.monotonic() - self._seen.setdefault(intent.id, self.monotonic())
        return certain_after - max(age, known)

    def _read_back(self, intent: Intent) -> None:
        keyed = self.lookup.keyed(intent.bodies)
        sent_at = dict.fromkeys(keyed, intent.sent_at)
        found = self.lookup.by_unique_value(intent.bodies, keyed, sent_at) if keyed else {}
        for i in keyed:
            if i not in found:
                self.suspects.setdefault(intent.keys[i], intent.sent_at)
                found[i] = Verdict(outcome="unknown", message=_AGAIN, stale=True)
        self._close(intent, found, [i for i in range(len(intent)) if i not in keyed])

    def _close(self, intent: Intent, verdicts: dict[int, Verdict], left: Sequence[int] = ()) -> None:
        """Make the verdicts durable and close the intent but for the rows ``left``, which stay held."""
        outcomes = outcomes_of(intent, verdicts, self.clock())
        rest = intent.pick(left) if left else None
        self.journal.settle(self.sync, self.run, outcomes, intent_id=intent.id, left=rest)
        self.settled.append(outcomes)
        if rest is not None:
            self.held.append(rest)


_AGAIN = "An earlier run sent this row and lost the answer."
