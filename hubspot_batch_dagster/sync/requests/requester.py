"""The requests that a sync makes, and nothing else of the client: send a batch, read records, search."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from hubspot_batch_dagster.api.associations import LabelDefinition
from hubspot_batch_dagster.api.bodies import Received
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.connection import Answer, Leaving, results_of
from hubspot_batch_dagster.api.endpoints import (
    AssociationKind,
    Endpoint,
    association_endpoint,
    associations_path,
    endpoint,
    search_endpoint,
)
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    AnswerTooLarge,
    DailyLimitReached,
    HubSpotError,
    NotConnected,
    RecordsNotFound,
    ResponseError,
)
from hubspot_batch_dagster.api.models import BatchAnswer, ObjectId, ReadRequest, Record, is_record_id
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.api.search import (
    SearchAnswer,
    SearchFilter,
    SearchFilterGroup,
    SearchRequest,
    SearchSort,
)
from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.sync.requests.groups import halves
from hubspot_batch_dagster.sync.requests.retry_policy import Again, Retries, RetryPolicy
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal

T = TypeVar("T")
M = TypeVar("M", bound=Received)
Read = TypeVar("Read", BatchAnswer, SearchAnswer)


@dataclass
class Tally:
    """Requests and retries of a run; the one thing that all of its threads count on."""

    requests: int = 0
    retries: int = 0
    busy_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, *, retry: bool = False, seconds: float = 0.0) -> None:
        """Count one request, and whether it was sent again."""
        with self._lock:
            self.requests += 1
            self.retries += retry
            self.busy_seconds += seconds

    @property
    def latency(self) -> float:
        """Mean seconds from request to answer so far."""
        return self.busy_seconds / self.requests if self.requests else 0.0


class Requester:
    """The client as a sync uses it.

    Args:
        client: Any :class:`HubSpotClient`.
        version: API version of this operation; ``None`` for the client's.
        stop: Stops everybody.
        retry_policy: The waits.
    """

    def __init__(
        self,
        client: HubSpotClient,
        *,
        stop: StopSignal,
        retry_policy: RetryPolicy,
        version: str | None = None,
    ) -> None:
        self.client = client
        self.stop = stop
        self.retry_policy = retry_policy
        self.version = version or client.version
        self.tally = Tally()
        self._asking = threading.Lock()
        self._asked = False
        self._heard = False
        self._silent_since: float | None = None

    def requests_per_second(self) -> float | None:
        """Return what the budget allows at present; ``None`` if nothing limits."""
        budget = self.client.budget
        return budget.requests_per_second() if isinstance(budget, SharedBudget) else None

    def read_endpoint(self, object_type: str, *, history: bool = False) -> Endpoint:
        """Where the records of a type are read, by the name that HubSpot takes."""
        return endpoint(self.client.type_of(object_type), "read", self.version, with_history=history)

    def search_endpoint(self, object_type: str) -> Endpoint:
        """Where they are searched."""
        return search_endpoint(self.client.type_of(object_type), self.version)

    def association_endpoint(self, from_type: str, to_type: str, kind: AssociationKind) -> Endpoint:
        """Where associations of two types are read or written."""
        between = self.client.type_of(from_type), self.client.type_of(to_type)
        return association_endpoint(*between, kind, self.version)

    def pause(self, decision: Again) -> None:
        """Wait before the next try; the whole app if the limit is the app's. Ends at once when the run
        stops.
        """
        if decision.everybody:
            self.client.budget.pause(decision.pause)
        self.stop.wait(decision.pause)

    def post_batch(
        self,
        object_type: str,
        action: Action,
        body: bytes,
        *,
        retry: bool = False,
        leaving: Leaving | None = None,
    ) -> Answer:
        """Send a batch once; ``leaving`` is called when its turn has come, and says until when it may leave.

        Raises:
            HubSpotError: The answer was not a success, or there was none.
        """
        assert action != "associate"  # associations have endpoints of their own
        where = endpoint(self.client.type_of(object_type), action, self.version)
        started = time.perf_counter()
        try:
            return self._within_day(lambda: self.client.send(where, body, leaving=leaving))
        finally:
            self.tally.add(retry=retry, seconds=time.perf_counter() - started)

    def read(
        self,
        object_type: str,
        ids: Sequence[str],
        properties: Sequence[str],
        id_property: str | None = None,
        *,
        archived: bool = False,
        history: bool = False,
    ) -> list[Record]:
        """Read up to 100 records by id or unique property; those that do not exist are left out.

        Args:
            object_type: What to read.
            ids: Record ids, or values of ``id_property``.
            properties: What to bring back.
            id_property: The unique property that ``ids`` are values of.
            archived: Read archived records, and none that live.
            history: Bring the properties back with their former values; for up to 50 records.
        """
        if not ids:
            return []
        where = self.read_endpoint(object_type, history=history)
        if archived:
            where = where.of_archived()
        request = ReadRequest(
            inputs=[ObjectId(id=each) for each in ids],
            properties=list(properties),
            properties_with_history=list(properties) if history else [],
            id_property=id_property,
        )
        body = request.to_json()
        try:
            return self._with_retries(lambda: _records(self.client.send(where, body), BatchAnswer)).results
        except RecordsNotFound:  # a 404 where all ids are absent, and a 207 otherwise: the same answer
            return []
        except AnswerTooLarge:
            if len(ids) == 1:
                raise
        again = partial(
            self.read,
            object_type,
            properties=properties,
            id_property=id_property,
            archived=archived,
            history=history,
        )
        return [record for half in halves(ids) for record in again(half)]

    def post(self, where: Endpoint, body: bytes, model: type[M]) -> M:
        """Send what does no harm when it is sent twice, as often as the retry policy allows.

        Raises:
            HubSpotError: HubSpot refused, or gave no answer.
        """
        return self.ask_of(
            where, body, lambda answer: model() if answer.status == 204 else answer.whole(model)
        )

    def ask_of(self, where: Endpoint, body: bytes, read: Callable[[Answer], T]) -> T:
        """Return the same, with a way of one's own to read the answer.

        Raises:
            HubSpotError: HubSpot refused, or gave no answer.
        """
        return self._with_retries(lambda: read(self.client.send(where, body)))

    def labels(self, from_type: str, to_type: str) -> list[LabelDefinition]:
        """Return what associations from one object type to another can mean."""
        between = self.client.type_of(from_type), self.client.type_of(to_type)
        path = f"{associations_path(*between, self.version)}/labels"
        return self._with_retries(lambda: results_of(self.client.get(path), LabelDefinition))

    def learn_server_time(self, object_type: str) -> None:
        """Ask HubSpot for anything, if nothing was asked yet: before a moment is written down that is
        compared with its clock.
        """
        if not self.tally.requests:
            with suppress(HubSpotError):
                self.read(object_type, ["1"], [])

    def count(self, object_type: str) -> int | None:
        """How many records of a type the portal has, as far as the search index knows; one request."""
        where = self.search_endpoint(object_type)
        return self._with_retries(partial(self._search, where, SearchRequest(limit=1).to_json())).total

    def created_since(self, object_type: str, since: float, properties: Sequence[str]) -> Iterator[Record]:
        """Yield records made at or after ``since`` (seconds since 1970), as far as the search index knows
        them, oldest first.
        """
        where = self.search_endpoint(object_type)
        name = "createdate" if object_type in _CREATEDATE else "hs_createdate"
        wide = sum(len(each) + 3 for each in properties) > _LONGEST_LIST
        asked = [name] if wide else [*properties, name]
        seen: set[str] = set()
        start = int(since * 1000)
        for _window in range(_MOST_WINDOWS):
            page_end, fresh, shown = start, 0, 0
            after: str | None = None
            for _page in range(_LAST_PAGE):
                query = SearchRequest(
                    filter_groups=[
                        SearchFilterGroup(
                            filters=[SearchFilter(property_name=name, operator="GTE", value=str(start))]
                        )
                    ],
                    sorts=[SearchSort(property_name=name)],
                    properties=asked,
                    limit=where.max_inputs,
                    after=after,
                ).to_json()
                found = self._with_retries(partial(self._search, where, query))
                for record in self._whole(object_type, found.results, properties) if wide else found.results:
                    if record.created_at is not None:
                        page_end = max(page_end, int(record.created_at.timestamp() * 1000))
                    if record.id not in seen:
                        seen.add(record.id)
                        fresh += 1
                        yield record
                shown += len(found.results)
                after = found.after_all_of(shown)
                if not after:
                    return
            if not fresh or page_end == start:
                return
            start = page_end
        raise AnswerLost("HubSpot's search shows ever more records and has no end.").of_a_read()

    def ask(self, read: Callable[[], T], /) -> T:
        """Make a read of definitions, as often as the retry policy allows."""
        return self._with_retries(read)

    def gives_up_on(self, error: HubSpotError) -> bool:
        """Whether an error is that no connection was ever made in this run, for as long as a first one is
        waited for.
        """
        if self._heard or not isinstance(error, NotConnected):
            return False
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        return now - self._silent_since >= min(self.retry_policy.first_contact, self.retry_policy.total)

    def _within_day(self, ask: Callable[[], T]) -> T:
        """Make a request, as :meth:`_asked_of_day`, and remember whether anybody answered."""
        try:
            found = self._asked_of_day(ask)
        except HubSpotError as error:
            self._heard |= isinstance(error, ResponseError | AnswerLost)
            raise
        self._heard = True
        return found

    def _asked_of_day(self, ask: Callable[[], T]) -> T:
        """Make a request. Where the budget says that the day is used up, HubSpot is asked once a run, with
        one request.
        """
        budget = self.client.budget
        try:
            return ask()
        except DailyLimitReached as error:
            if not isinstance(budget, SharedBudget):
                raise
            if error.status is not None:
                self._note_day(budget)
                raise
        with self._asking:  # who is refused meanwhile waits for what HubSpot says
            if not self._asked:
                budget.doubt_day()
            try:
                found = ask()
            except DailyLimitReached as error:
                self._asked = True
                if error.status is not None:
                    self._note_day(budget)
                raise
            self._asked = True
            return found

    @staticmethod
    def _note_day(budget: SharedBudget) -> None:
        """Tell every process of the app that HubSpot's day is over."""
        state = budget.known_state()
        budget.note_daily((state and state.daily_limit) or 1, 0)

    def _whole(
        self, object_type: str, records: Sequence[Record], properties: Sequence[str]
    ) -> Iterator[Record]:
        """Yield the records with more properties than the body of a search has room for."""
        for start in range(0, len(records), 100):
            part = records[start : start + 100]
            read = {each.id: each for each in self.read(object_type, [each.id for each in part], properties)}
            yield from (read[each.id] for each in part if each.id in read)

    def _search(self, where: Endpoint, query: bytes) -> SearchAnswer:
        return _records(self.client.send(where, query), SearchAnswer)

    def _with_retries(self, ask: Callable[[], T]) -> T:
        """Ask what does no harm when it is asked twice, as often as the retry policy allows."""
        retries, perhaps = Retries(self.retry_policy), False
        while True:
            self.tally.add(retry=retries.attempt > 0)
            try:
                return self._within_day(ask)
            except HubSpotError as error:
                # An earlier try may have been carried out, whatever HubSpot says of the last one.
                perhaps = error.may_have_acted = perhaps or error.may_have_acted
                decision = retries.after(error)
                if not isinstance(decision, Again) or self.stop or self.gives_up_on(error):
                    raise
                self.pause(decision)


def _records(answer: Answer, model: type[Read]) -> Read:
    """Return what a read found. A record without an id is none: nothing is told of what was asked for.

    Raises:
        AnswerLost: There is such a one, or the answer is not whole.
    """
    found = answer.whole(model)
    if not all(is_record_id(each.id) for each in found.results):
        raise answer.lost("a record in it has no id")
    return found


_CREATEDATE = frozenset({"contacts", "companies", "deals", "tickets"})
_LONGEST_LIST = 2_500
"""Characters of property names in a search: HubSpot takes 3,000 for the whole body."""
_MOST_WINDOWS = 200
"""Queries one after the other, each from where the last one ended: 2 million records."""
_LAST_PAGE = 50
"""HubSpot's search shows 10,000 results of a query: 50 pages of 200."""
