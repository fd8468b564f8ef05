"""The preview of a run: what it would do, without doing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.sync.batches.value_comparison import holds
from hubspot_batch_dagster.sync.planning import plan_statements
from hubspot_batch_dagster.sync.planning.planner import Plan, plan_hash
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.schema.drift import Drift
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

SAMPLE = 20
MASK = "•••"


@dataclass(frozen=True)
class Change:
    """One property of one row that would change.

    Attributes:
        row: Position in the table.
        key: The row key.
        property: The property.
        before: What HubSpot has; ``None`` if it has nothing.
        after: What would be sent.
    """

    row: int
    key: str
    property: str
    before: str | None
    after: str


@dataclass(frozen=True)
class SyncPlan:
    """What a run would do.

    Attributes:
        name: The sync.
        rows: Rows that came in, and known records whose rows left the source and would be archived.
        counts: Outcome -> rows. ``created`` counts rows that the ids table does not know; an upsert may find
            that HubSpot has some of them already.
        reasons: Error code -> rows that would be rejected, as far as that is known beforehand.
        rejected: Those rows, with their reasons.
        changes: A sample of what would change, property by property. Values are masked unless they were asked
            for.
        requests: Requests that it takes, if HubSpot refuses nothing; those of ``match_existing`` among them.
        seconds: Time that takes at the present limit; ``None`` where no limit is known.
        share_of_day: Part of the day's requests that it takes; ``None`` where that is not known.
        hash: Stands for the whole plan: give it as ``approve`` to carry out this plan and no other.
        drift: What changed in the portal's definitions since the last run.
        associations: Outcome -> associations that the rows want, as :attr:`SyncResult.association_counts`;
            empty where the operation has none.
        warnings: What HubSpot may refuse or do otherwise than meant, though only it can say.
        match_requests: Requests that look for existing records because of ``match_existing``.
        match_seconds: Least time of these. HubSpot takes five searches a second, whatever the account's
            limit: a million rows take about an hour. 0 where they are found by a unique property.

    Examples:
        >>> import tempfile
        >>> from hubspot_batch_dagster import HubSpotSession, SessionSettings, SyncPlan, Upsert
        >>> from hubspot_batch_dagster.emulator import Emulator
        >>> people = [{"email": "ada@example.com"}]
        >>> operation = Upsert("contacts", id_property="email")
        >>> with Emulator() as emulator, tempfile.TemporaryDirectory() as folder:
        ...     settings = SessionSettings(access_token=emulator.token, base_url=emulator.url, store=folder)
        ...     with HubSpotSession(settings) as hubspot:
        ...         plan: SyncPlan = hubspot.plan(people, operation, name="people")
        >>> plan.counts["created"], plan.requests
        (1, 1)
    """

    name: str
    rows: int
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    rejected: pa.Table = field(repr=False)
    changes: tuple[Change, ...] = field(repr=False)
    requests: int
    seconds: float | None
    share_of_day: float | None
    hash: str
    drift: Drift = field(default_factory=Drift, repr=False)
    associations: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    match_requests: int = 0
    match_seconds: float = 0.0

    def __str__(self) -> str:
        said = ", ".join(f"{n:,} {name}" for name, n in self.counts.items() if n) or "nothing to do"
        minutes = "" if self.seconds is None else f", about {_spoken(self.seconds)} at your limit"
        day = "" if self.share_of_day is None else f", {self.share_of_day:.1%} of the day's requests"
        told = ", ".join(f"{n:,} {name}" for name, n in self.associations.items() if n)
        more = f" Associations: {told}." if told else ""
        if self.match_requests:
            least = f", at least {_spoken(self.match_seconds)}" if self.match_seconds else ""
            more += f" Looking for existing records: {self.match_requests:,} requests{least}."
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        requests = "1 request" if self.requests == 1 else f"{self.requests:,} requests"
        return f"{self.name}: {rows}: {said}.{more} {requests}{minutes}{day}. Plan {self.hash}."


def preview(
    stage: StagingArea,
    plan: Plan,
    requester: Requester,
    object_type: str,
    name: str,
    definition: str,
    *,
    associations: Mapping[str, int],
    association_requests: int,
    match_requests: int,
    match_seconds: float,
    show_values: bool,
) -> SyncPlan:
    """Describe a plan.

    Args:
        stage: The rows, planned.
        plan: Their numbers.
        requester: Reads the records of the sample, in one request.
        object_type: Where they are.
        name: The sync.
        definition: Hash of the operation.
        associations: Outcome -> associations that the rows want.
        association_requests: The requests that writing them takes.
        match_requests: The requests that look for existing records.
        match_seconds: The least time of these.
        show_values: Show the values of the sample instead of masking them: they are people's data.
    """
    budget, requests = requester.client.budget, plan.requests + association_requests + match_requests
    state = budget.known_state() if isinstance(budget, SharedBudget) else None
    rejected = _rejected(stage)
    counts = {
        "created": plan.new,
        "updated": plan.changed,
        "archived": plan.actions.get("archive", 0) + plan.gone,
        "unchanged": sum(plan.actions.get(name, 0) for name in ("unchanged", "reverted", "older")),
        "rejected": rejected.num_rows,
        "unknown": plan.actions.get("unknown", 0),
    }
    reasons: dict[str, int] = {}
    for code in rejected.column("error_code").to_pylist():
        reasons[str(code)] = reasons.get(str(code), 0) + 1
    return SyncPlan(
        name=name,
        rows=stage.rows_in + stage.elsewhere.rows + plan.gone,
        counts=counts,
        reasons=dict(sorted(reasons.items(), key=lambda each: -each[1])),
        rejected=rejected,
        changes=_changes(stage, requester, object_type, show_values),
        requests=requests,
        seconds=None if state is None else max(state.seconds_for(requests), match_seconds),
        share_of_day=requests / state.daily_limit if state and state.daily_limit else None,
        hash=plan_hash(stage, definition),
        associations=associations,
        warnings=plan.warnings,
        match_requests=match_requests,
        match_seconds=match_seconds,
    )


def _rejected(stage: StagingArea) -> pa.Table:
    """Rows rejected here, and rows that HubSpot rejected before and that have not changed since."""
    return stage.table(plan_statements.REJECTED)


def _changes(
    stage: StagingArea, requester: Requester, object_type: str, show_values: bool
) -> tuple[Change, ...]:
    # Rows whose known record would change.
    query = """SELECT row, key, digest, 'update' AS action, known_id AS send_id FROM plan
            WHERE action IN ('update', 'upsert') AND known_id IS NOT NULL ORDER BY row"""
    batch = next(stage.looked_at(query, SAMPLE), None)
    if batch is None:
        return ()
    names = sorted({name for text in batch.properties for name in json.loads(text)})
    ids = [each for each in batch.ids if each]
    records = {each.id: each.properties for each in requester.read(object_type, ids, names)} if ids else {}
    found = []
    for i, text in enumerate(batch.properties):
        stored = records.get(batch.ids[i] or "", {})
        for name, after in json.loads(text).items():
            before = stored.get(name) or None
            if not holds({name: after}, {name: before}):
                shown = (before, after) if show_values else (MASK if before else None, MASK)
                found.append(Change(batch.rows[i], batch.keys[i], name, *shown))
    return tuple(found)


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
