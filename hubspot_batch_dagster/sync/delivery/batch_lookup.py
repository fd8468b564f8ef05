"""The rows of a batch of which an answer leaves open whether they were written: they are read back, searched
for, or sent again.
"""

from __future__ import annotations

from collections import Counter

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.verdict import Verdict, is_conflict
from hubspot_batch_dagster.sync.delivery.batch_settlement import BatchSettlement
from hubspot_batch_dagster.sync.delivery.delivery_context import DeliveryContext
from hubspot_batch_dagster.sync.delivery.row_states import Event, State
from hubspot_batch_dagster.sync.requests.groups import Groups
from hubspot_batch_dagster.sync.requests.retry_policy import Again


class BatchLookup(BatchSettlement):
    """What became of rows whose answer was lost or contradicts itself.

    Args:
        sender: Sends the batch, and asks for its records.
        batch: The rows.
        intent: Their intent, durable already.
    """

    def __init__(self, sender: DeliveryContext, batch: Batch, intent: Intent) -> None:
        super().__init__(sender, batch, intent)
        self.requester = sender.requester
        self.groups = Groups(range(len(batch)))
        self.resent: Counter[int] = Counter()
        self.examined: set[int] = set()

    def _conflict(self, rows: list[int]) -> list[int]:
        """Look before sending again after a 409 for a batch of creates: whether the other rows were written
        is not documented.

        Returns:
            The rows that were not written.
        """
        self.examined.update(rows)
        found = self._own([row for row in rows if row in self.keyed])
        bare = [row for row in rows if row not in self.keyed]
        if bare:
            self.requester.stop.wait(self.requester.retry_policy.index_lag)
            wanted = self.batch.pick(bare).intent(self.intent.sent_at)
            searched = self.sender.lookup.by_search([wanted])[wanted.id]
            found |= {bare[i]: verdict for i, verdict in searched.items()}
        self._settle(found, Event.FOUND)
        rest = [row for row in rows if row not in found]
        self.states.happens(Event.NOT_FOUND, rest)
        return rest

    def _look_up(self, rows: list[int]) -> None:
        """Read creates whose answer was lost back by a unique value; what has none stays open for the search.

        A row with a unique value that HubSpot does not have may be sent again: were the lost request still
        to be carried out, HubSpot would refuse the second record.
        """
        unread = [row for row in rows if row in self.keyed]
        found = self._own(unread)
        self._settle(found, Event.FOUND)
        left = [row for row in unread if row not in found]
        self.states.happens(Event.NOT_FOUND, left)
        self._not_too_often(left)

    def _not_too_often(self, rows: list[int]) -> None:
        """Send rows again after a pause, but for those that were sent often enough: they stay in doubt."""
        self.resent.update(rows)
        policy = self.requester.retry_policy
        rest = [row for row in rows if self.resent[row] < policy.tries]
        if rest:
            self.requester.pause(Again(policy.pause(max(self.resent[row] for row in rest))))
            self.groups.add(rest)

    def _doubtful(self, verdicts: dict[int, Verdict]) -> tuple[dict[int, Verdict], dict[int, Verdict]]:
        """Verdicts that are certain, and refusals of creates because the value exists: the record may be the
        row's own.
        """
        adopts = self.sender.lookup.adopts
        doubtful = {
            row: verdict
            for row, verdict in verdicts.items()
            if row in self.keyed
            and is_conflict(verdict)
            and (adopts or row in self.examined or self.states[row] is State.RESENT)
        }
        return {row: verdict for row, verdict in verdicts.items() if row not in doubtful}, doubtful

    def _settle_told(self, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
        """Settle what an answer says of rows, and look up what contradicts itself; returns the verdicts that
        were certain.
        """
        certain, doubtful = self._doubtful(verdicts)
        self._settle(certain, Event.TAKEN)
        self._reconsider(doubtful)
        return certain

    def _reconsider(self, doubtful: dict[int, Verdict]) -> None:
        own = self._own(list(doubtful))
        self._settle(own, Event.FOUND)
        self._settle({row: each for row, each in doubtful.items() if row not in own}, Event.TAKEN)

    def _own(self, rows: list[int]) -> dict[int, Verdict]:
        """Whose the records with these unique values are; rows without a record are left out."""
        if not rows:
            return {}
        keyed = {row: self.keyed[row] for row in rows}
        sent_at = {row: self.before.get(row, self.intent.sent_at) for row in rows}
        found = self.sender.lookup.by_unique_value(self.batch.properties, keyed, sent_at)
        self.delivery.found_rows += [self.batch.rows[row] for row in found]
        return found
