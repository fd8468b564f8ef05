"""One batch, settled row by row: retries, splitting, and what stays unknown.

What may happen to a row is the table of :mod:`~hubspot_batch_dagster.sync.delivery.row_states`; here is what
makes it happen. Each answer is durable before the next request.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container
from dataclasses import replace

from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.errors import (
    Conflict,
    ConservationError,
    HubSpotError,
    StoreError,
)
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict, same_record
from hubspot_batch_dagster.sync.delivery.absent_records import find_absent, is_absent, none_of
from hubspot_batch_dagster.sync.delivery.batch_lookup import BatchLookup
from hubspot_batch_dagster.sync.delivery.batch_settlement import UNDER_WAY
from hubspot_batch_dagster.sync.delivery.delivered_batch import DeliveredBatch
from hubspot_batch_dagster.sync.delivery.delivery_context import DeliveryContext
from hubspot_batch_dagster.sync.delivery.outage import is_trouble
from hubspot_batch_dagster.sync.delivery.refusal_trials import (
    TrialResult,
    about_the_run,
    all_refused,
    deleted_property,
    names_a_record,
    words_of,
)
from hubspot_batch_dagster.sync.delivery.refused_associations import said_before, without_refused
from hubspot_batch_dagster.sync.delivery.refused_values import without_value
from hubspot_batch_dagster.sync.delivery.row_states import FINAL, Event
from hubspot_batch_dagster.sync.delivery.trial_rows import TrialRows
from hubspot_batch_dagster.sync.requests.groups import Group
from hubspot_batch_dagster.sync.requests.retry_policy import (
    Again,
    Decision,
    Examine,
    Halve,
    NoneExist,
    Split,
    Stop,
    decide,
)
from hubspot_batch_dagster.sync.settlement.answers import verdicts_on
from hubspot_batch_dagster.sync.settlement.refusals import duplicated_ids, naming_owners, refusals, rejection

MANY = 10
"""From this many rows on, a batch in which every single row is refused for one reason stops the run."""


class BatchDelivery(BatchLookup):
    """The delivery of one batch.

    Args:
        sender: Sends it.
        batch: The rows.
        intent: Their intent, durable already.
        first: What came of a request of all rows that left already.
        mark: The refusals that were known as it left.
    """

    def __init__(
        self,
        sender: DeliveryContext,
        batch: Batch,
        intent: Intent,
        first: HubSpotError | Answer | None = None,
        mark: int = 0,
    ) -> None:
        super().__init__(sender, batch, intent)
        self.first = first
        self.mark = mark
        self.answers_before = 0
        self.reasons: Counter[str] = Counter()
        self.alone: dict[int, HubSpotError] = {}
        self.bare: dict[int, Verdict] = {}
        self.trying: str | None = None
        self.deadline = time.monotonic() + sender.requester.retry_policy.total

    def run(self) -> DeliveredBatch:
        """Send the rows until each of them is in a final state.

        Raises:
            StoreError: The journal could not be written.
            ConservationError: A row was about to do what the table of states does not have.
        """
        try:
            # What left already is settled even if the run has been stopped meanwhile.
            while (self.first is not None or not self.requester.stop) and (group := self.groups.next()):
                self._send(group)
        except (StoreError, ConservationError):
            raise
        except HubSpotError as error:
            self.requester.stop.set(error)
        self._stop_if_hopeless()
        self._close()
        self._follow_up()
        return self.delivery

    def _settle(self, verdicts: dict[int, Verdict], event: Event) -> None:
        verdicts = self._without_bad_cells(self._without_associations(verdicts))
        verdicts = naming_owners(self._about_rows(verdicts), self.batch.keys, self.sender.owners)
        super()._settle(verdicts, event)

    def _about_rows(self, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
        """Return the verdicts about rows. A property deleted meanwhile stops the run: no row is to blame."""
        gone = {row: error for row, each in verdicts.items() if (error := deleted_property(each))}
        if not gone:
            return verdicts
        self.requester.stop.set(next(iter(gone.values())))
        self.states.happens(Event.NOT_CARRIED_OUT, [row for row in gone if self.states[row] in UNDER_WAY])
        return {row: each for row, each in verdicts.items() if row not in gone}

    def _without_bad_cells(self, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
        """Return the verdicts that stand. A row refused for an optional property is sent without it."""
        rules = self.sender.on_invalid
        if not rules:
            return verdicts
        again = {
            row: verdict
            for row, verdict in verdicts.items()
            if verdict.outcome == "rejected"
            and verdict.property in rules
            and self._drop(row, verdict.property or "")
        }
        if not again:
            return verdicts
        verdicts = self._sent_again(verdicts, again)
        self.sender.omit({self.batch.rows[row]: verdict for row, verdict in again.items()})
        self._note_values()
        return verdicts

    def _without_associations(self, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
        """Return the verdicts that stand. A record refused with its associations is made without them."""
        self.batch, again = without_refused(self.batch, verdicts, self.sender.required)
        verdicts = {row: said_before(each, self.bare.get(row)) for row, each in verdicts.items()}
        self.bare |= again
        self.delivery.found_rows += [self.batch.rows[row] for row in again]
        return self._sent_again(verdicts, again) if again else verdicts

    def _sent_again(self, verdicts: dict[int, Verdict], again: Container[int]) -> dict[int, Verdict]:
        """Return the verdicts on the rows that are not sent once more in another way."""
        rows = [row for row in verdicts if row in again]
        self.states.happens(Event.NOT_CARRIED_OUT, [row for row in rows if self.states[row] in UNDER_WAY])
        self.groups.add(sorted(rows))
        return {row: verdict for row, verdict in verdicts.items() if row not in again}

    def _drop(self, row: int, name: str) -> bool:
        """Take a property out of what a row sends, or clear it; whether there was one to take."""
        leaner = without_value(self.batch, row, name, clear=self.sender.on_invalid[name] == "clear")
        self.batch = leaner or self.batch
        return leaner is not None

    def _note_values(self) -> None:
        """Tell the journal the values that creates leave with from now on: these are looked for."""
        if self.intent.bodies:
            by_row = dict(zip(self.batch.rows, self.batch.properties, strict=True))
            self.intent = replace(self.intent, bodies=[by_row[row] for row in self.intent.rows])
            self._record(Outcomes(), self._left())

    def _send(self, group: Group) -> None:
        """Send some rows, again if that is safe."""
        rows, attempt = group.rows, 0
        part = self.batch.pick(rows)
        while True:
            attempt += 1
            self.states.happens(Event.LEAVES, rows)
            try:
                verdicts = self._ask(part, attempt)
            except (StoreError, ConservationError):
                raise
            except HubSpotError as error:
                decision = self._decide(error, attempt)
                if isinstance(decision, NoneExist) and part.action != "create":
                    self._answered(none_of(part), group, part)
                    return
                if isinstance(decision, Split | NoneExist) or (
                    isinstance(error, Conflict) and len(rows) == 1
                ):
                    self._refused(error, group)
                    return
                self._no_success(error, rows)
                if not isinstance(decision, Again):
                    self._after(error, decision, group)
                    return
                self.requester.pause(decision)
                if self.requester.stop:
                    return
            else:
                self._answered(verdicts, group, part)
                return

    def _ask(self, part: Batch, attempt: int) -> dict[int, Verdict]:
        """Send the rows, or take what came of the request that left before."""
        first, self.first = self.first, None
        if first is None:
            self.mark = self.sender.trials.mark()
            first = self.sender.post(part.action, part.body(), retry=attempt > 1, leaving=self._note_time)
        if isinstance(first, HubSpotError):
            raise first
        return verdicts_on(part, first, self.sender.object_type)

    def _decide(self, error: HubSpotError, attempt: int) -> Decision:
        """Return what to do after an error. Trouble of all batches is waited out within the patience."""
        policy = self.requester.retry_policy
        decision = decide(error, repeatable=self.repeatable, attempt=attempt, retry_policy=policy)
        if is_trouble(error) and isinstance(decision, Again | Stop):
            return self._in_trouble(attempt, error.retry_after)
        if isinstance(decision, Again) and time.monotonic() + decision.pause > self.deadline:
            return Stop()
        return decision

    def _in_trouble(self, attempt: int, asked: float | None) -> Decision:
        """Go on as long as the run has patience, unless HubSpot answers others and not this batch."""
        policy, outage = self.requester.retry_policy, self.sender.outage
        if attempt == 1:
            self.answers_before = outage.answers
        if self.requester.stop or (attempt >= policy.tries and outage.answers > self.answers_before):
            return Stop()
        return Again(policy.pause(attempt, asked=asked))

    def _no_success(self, error: HubSpotError, rows: list[int]) -> None:
        if not error.may_have_acted:
            self.states.happens(Event.NOT_CARRIED_OUT, rows)
        elif isinstance(error, Conflict):
            self.states.happens(Event.CONFLICT, rows)
        else:
            self.states.happens(Event.NO_ANSWER, rows)
            self.at_large |= self.repeatable

    def _answered(self, verdicts: dict[int, Verdict], group: Group, part: Batch) -> None:
        rows = group.rows
        self.groups.taken(group)
        told = {rows[i]: verdict for i, verdict in verdicts.items()}
        absent: dict[int, Verdict | None] = {}
        if part.action == "update":
            absent = {row: told.get(row) for row in rows if row not in told or is_absent(told[row])}
        certain = self._settle_told({row: told[row] for row in told if row not in absent})
        if absent:
            self._absent(absent)
        omitted = [row for row in rows if self.states[row] in UNDER_WAY]
        self.states.happens(Event.OMITTED, omitted)
        # A row whose associations are not settled was told of: it stays open, and the next run sends it
        # again.
        omitted = [row for row in omitted if row not in certain]
        if self.repeatable:
            self._not_too_often(omitted)
        else:
            self._look_up(omitted)

    def _absent(self, told: dict[int, Verdict | None]) -> None:
        """Follow records that an update missed to where they were merged, or hand back or reject rows."""
        found = find_absent(self.batch, told, self.sender.lookup, self.sender.owners, self.refused)
        anew: set[int] = set()
        if self.sender.updates:
            keys = self.sender.perhaps_archived
            anew = {row for row in found.gone if self.sender.recreate or self.batch.keys[row] in keys}
        self.states.happens(Event.REDIRECTED, anew)
        self._settle({row: each for row, each in found.rejected.items() if row not in anew}, Event.TAKEN)
        if found.merged:
            ids = [found.merged.get(row, each) for row, each in enumerate(self.batch.ids)]
            self.batch = replace(self.batch, ids=ids)

    def _after(self, error: HubSpotError, decision: Decision, group: Group) -> None:
        if isinstance(decision, Examine) and isinstance(error, Conflict):
            self._not_written(error, self._conflict(group.rows))
        elif isinstance(decision, Examine):
            self._look_up(group.rows)
        elif isinstance(decision, Halve) and (len(group.rows) > 1 or error.status != 414):
            self._halve(error, group)
        else:
            self.requester.stop.set(error)

    def _halve(self, error: HubSpotError, group: Group) -> None:
        """Halve what is too large to send or answer; reject a row too large alone that was not written."""
        if len(group.rows) > 1:
            self.groups.shrink(group)
        elif not error.may_have_acted:
            self._settle({group.rows[0]: rejection(error, error.correlation_id)}, Event.TAKEN)

    def _refused(self, error: HubSpotError, group: Group) -> None:
        """Reject the rows that HubSpot names and send the others; if it names none, find out which."""
        rows = group.rows
        named = refusals(self.batch.pick(rows), error) or self._same_records(error, rows)
        if not named and not self._is_known(error, group):
            return
        verdicts = {rows[i]: verdict for i, verdict in named.items()}
        if not verdicts:
            unsure = not self.sender.trials.taken_since(words_of(error, self.batch.action))
            unsure &= not (isinstance(error, Conflict) and names_a_record(error))
            verdicts = {rows[0]: rejection(error, error.correlation_id)._replace(stale=unsure)}
        self.reasons.update(verdict.message or "" for verdict in verdicts.values())
        rest = [row for row in rows if row not in verdicts]
        self._no_success(error, rest)
        self._settle_told(verdicts)
        self.groups.found()
        self.groups.add(rest)

    def _not_written(self, error: HubSpotError, rows: list[int]) -> None:
        """Send each half of a batch of creates again that ended in a 409, unless it is about the run."""
        if len(rows) < 2 or names_a_record(error):
            self.groups.halve(Group(rows)) if len(rows) > 1 else self.groups.add(rows)
        elif self._about(words_of(error, self.batch.action), rows) is TrialResult.RUN:
            self.requester.stop.set(about_the_run(error))
        else:
            self._take_apart(rows)

    def _is_known(self, error: HubSpotError, group: Group) -> bool:
        """Tell if a nameless refusal is of its group's one row for certain; if not, it was dealt with."""
        rows = group.rows
        if isinstance(error, Conflict) and names_a_record(error):
            if len(rows) > 1:
                self._no_success(error, rows)
                self.groups.halve(group)
            return len(rows) == 1
        words = words_of(error, self.batch.action)
        if len(rows) == 1 and (self.trying or len(self.batch) > 1):
            if words == self.trying:
                self.alone[rows[0]] = error
                self.states.happens(Event.NOT_CARRIED_OUT, rows)
            return words != self.trying
        about = self._about(words, rows)
        if about is TrialResult.ROWS and len(rows) == 1:
            return True
        under_way = [row for row in rows if self.states[row] in UNDER_WAY]
        if about is TrialResult.RUN:
            # A 409 may have written the rows before the one that was in the way.
            certain = not isinstance(error, Conflict) or len(rows) == 1 or rows[0] in self.alone
            self._refused_with_the_run(under_way, certain=certain)
            self.requester.stop.set(about_the_run(error))
        else:
            self._no_success(error, under_way)
            self._take_apart(rows)
        return False

    def _about(self, words: str, rows: list[int]) -> TrialResult:
        """Tell by trial if a refusal is about the run. Rows tried have outcomes or are in ``alone``."""
        trials, stop = self.sender.trials, self.requester.stop
        untried = TrialRows(self.batch, rows)
        trials.join(words, id(self), alone=not untried)
        while (about := trials.about(words, id(self), more=bool(untried), stop=stop)) is TrialResult.TRY:
            row, self.trying = untried.next(trials.alone(words)), words
            self.states.happens(Event.NOT_CARRIED_OUT, [row] if self.states[row] in UNDER_WAY else [])
            try:
                self._send(Group([row]))
            finally:
                self.trying = None
                trials.tried(words, same=row in self.alone)
        return about

    def _take_apart(self, rows: list[int]) -> None:
        """Ask once more about the rows that were refused alone: what refused them may have passed."""
        known = [row for row in rows if row in self.alone]
        apart = {
            *self.alone,
            *self.groups.rows(),
        }  # one that was tried alone and got no answer is waiting already
        rest = [row for row in rows if row not in apart and self.states[row] not in FINAL]
        self.alone = {}
        if not known and len(rest) > 1:
            self.groups.halve(Group(rest))
            return
        self.groups.add(rest)
        for row in known:
            self.groups.add([row], refused=True)

    def _same_records(self, error: HubSpotError, rows: list[int]) -> dict[int, Verdict]:
        """Reject the rows that HubSpot calls duplicates of no other row: two values lead to one record."""
        if self.batch.action == "create" or len(rows) == 1 or not duplicated_ids(error):
            return {}
        wanted = {i: self.batch.ids[row] or "" for i, row in enumerate(rows)}
        try:
            records = self.sender.lookup.records(wanted, self.batch.id_property)
        except HubSpotError:
            self._no_success(error, rows)
            raise
        first: dict[str, int] = {}
        for i, record in sorted(records.items()):
            first.setdefault(record.id, i)
        return {
            i: same_record(record.id, self.batch.keys[rows[first[record.id]]])
            for i, record in records.items()
            if first[record.id] != i
        }

    def _stop_if_hopeless(self) -> None:
        """Stop the run: every row was refused alone, for one reason, so the operation is wrong."""
        (reason, refused), *others = self.reasons.most_common() or [("", 0)]
        if not others and refused == len(self.batch) == len(self.refused) >= MANY:
            self.requester.stop.set(all_refused(len(self.batch), reason))
