"""Rows that the ids table does not know, looked for in HubSpot before their records are made
(``match_existing``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.api.search import SearchAnswer, SearchFilter, SearchFilterGroup, SearchRequest
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of, same_record
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.requests.groups import halves
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.settlement.lookup import BUILT_IN_KEYS
from hubspot_batch_dagster.sync.settlement.unique_values import MERGED_IDS
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.staging.record_owners import RecordOwners
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

MOST_VALUES, MOST_CHARACTERS, MOST_HITS = 100, 2_000, 10_000
"""Of a search: values after IN, their characters (HubSpot takes 3,000 for the whole body), and records that
it shows.
"""

WIDTH = 5
"""Searches at a time: HubSpot takes five in a second."""

SAMPLE = 1_000
"""Rows whose values tell how many go into one search."""

_TO_MATCH = (
    "SELECT row, key, digest, 'update' AS action, NULL::VARCHAR AS send_id FROM plan WHERE action = 'create'"
    " ORDER BY row"
)


def match_existing(run: RunContext, schema: Schema, area: StagingArea) -> None:
    """Look for the records of rows that are to be created. A row that one record matches updates it.

    A row matches a record if all named properties are equal, without regard to capitals and blanks around
    them; empty values match nothing. Several records for a row, or several rows for a record, are refused.
    """
    names = run.operation.matched_by
    if not names or run.stop or not area.count("SELECT count(*) FROM plan WHERE action = 'create'"):
        return
    columns = ", ".join(f"v{i} VARCHAR" for i in range(len(names)))
    area.db.execute(f"CREATE TABLE to_match (row BIGINT, key VARCHAR, digest VARCHAR, {columns})")
    area.db.execute(f"CREATE TABLE matches (id VARCHAR, parts VARCHAR, {columns})")
    for batch in area.looked_at(_TO_MATCH, run.definition.batch_size):
        lines = [
            (batch.rows[i], batch.keys[i], batch.digests[i], *values)
            for i, text in enumerate(batch.properties)
            if all(values := [_folded(json.loads(text).get(name)) for name in names])
        ]
        _append(area, "to_match", lines)
    try:
        for records in in_parallel(_Finder(run, schema, names).find, _chunks(area, names), WIDTH):
            _append(
                area,
                "matches",
                [
                    (
                        each.id,
                        each.properties.get(MERGED_IDS) or "",
                        *(_folded(each.properties.get(name)) for name in names),
                    )
                    for each in records
                ],
            )
    except HubSpotError as error:
        run.stop.set(error)
        return
    _decide(run, area, len(names))


@dataclass(frozen=True)
class MatchEstimate:
    """What looking for existing records takes.

    Attributes:
        requests: Batch reads, or searches.
        seconds: Least time that HubSpot's limit of five searches a second leaves; 0 for batch reads, which
            have no limit of their own.
    """

    requests: int = 0
    seconds: float = 0.0


def estimate_matching(run: RunContext, schema: Schema, area: StagingArea) -> MatchEstimate:
    """Tell what :func:`match_existing` will take for the planned creates, from the values of the first
    1,000.
    """
    names = run.operation.matched_by
    rows = area.count("SELECT count(*) FROM plan WHERE action = 'create'") if names else 0
    if not rows:
        return MatchEstimate()
    sample: list[list[str]] = []
    for batch in area.looked_at(f"{_TO_MATCH} LIMIT {SAMPLE}", SAMPLE):
        each_row = ([_folded(json.loads(text).get(name)) for name in names] for text in batch.properties)
        sample += [values for values in each_row if all(values)]
    distinct = [sorted({values[i] for values in sample}) for i in range(len(names))]
    place = max(range(len(names)), key=lambda i: len(distinct[i]))
    here = sum(1 for _ in _grouped(distinct[place]))
    wanted = math.ceil(here * max(1.0, rows / SAMPLE))
    by_search = names[place] not in _Finder(run, schema, names).unique
    return MatchEstimate(wanted, wanted / WIDTH if by_search else 0.0)


class _Finder:
    """Finds the records that have some values of one property."""

    def __init__(self, run: RunContext, schema: Schema, names: Sequence[str]) -> None:
        self.run, self.names = run, list(names)
        unique = {
            each.property
            for each in schema.encoder.layout.fields
            if each.definition is not None and each.definition.unique
        }
        self.unique = {*unique, BUILT_IN_KEYS.get(run.object_type, "")}

    def find(self, chunk: tuple[int, list[str]]) -> list[Record]:
        place, values = chunk
        name = self.names[place]
        if name in self.unique:
            return self.run.requester.read(self.run.object_type, values, [*self.names, MERGED_IDS], name)
        return list(self._search(name, values))

    def _search(self, name: str, values: list[str]) -> Iterator[Record]:
        requester = self.run.requester
        where = requester.search_endpoint(self.run.object_type)
        after: str | None = None
        for _page in range(MOST_HITS // where.max_inputs):
            wanted = SearchFilter(property_name=name, operator="IN", values=values)
            request = SearchRequest(
                filter_groups=[SearchFilterGroup(filters=[wanted])],
                properties=[*self.names, MERGED_IDS],
                limit=where.max_inputs,
                after=after,
            )
            answer = requester.post(where, request.to_json(), SearchAnswer)
            if (answer.total or 0) >= MOST_HITS and len(values) > 1:
                for half in halves(values):
                    yield from self._search(name, half)
                return
            yield from answer.results
            if not (after := answer.after):
                return


def _chunks(area: StagingArea, names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the distinct values of the most selective property, in groups that one request takes."""
    counts = [area.count(f"SELECT count(DISTINCT v{i}) FROM to_match") for i in range(len(names))]
    place = counts.index(max(counts))
    batches = area.stream(f"SELECT DISTINCT v{place} AS value FROM to_match", 10_000)
    values = (str(value) for batch in batches for value in batch.column("value").to_pylist())
    for group in _grouped(values):
        yield place, group


def _grouped(values: Iterable[str]) -> Iterator[list[str]]:
    """Values in groups that one request takes."""
    group: list[str] = []
    for value in values:
        full = sum(map(len, group)) + len(value) + 4 * len(group) > MOST_CHARACTERS
        if group and (len(group) == MOST_VALUES or full):
            yield group
            group = []
        group.append(value)
    if group:
        yield group


def _append(area: StagingArea, table: str, lines: Sequence[tuple[object, ...]]) -> None:
    if lines:
        arrays = [pa.array(list(column)) for column in zip(*lines, strict=True)]
        area.db.register("incoming", pa.table(arrays, names=[f"c{i}" for i in range(len(arrays))]))
        area.db.execute(f"INSERT INTO {table} SELECT * FROM incoming")


def _decide(run: RunContext, area: StagingArea, properties: int) -> None:
    """One match is the row's record; several, and a record or values that another row has, reject it."""
    same = " AND ".join(f"m.v{i} = t.v{i}" for i in range(properties))
    values = ", ".join(f"v{i}" for i in range(properties))
    area.db.execute(f"""CREATE TABLE matched AS
        SELECT t.row, t.key, t.digest,
            first_value(t.key) OVER (PARTITION BY {values} ORDER BY t.row) AS owner,
            (SELECT list(DISTINCT m.id ORDER BY m.id) FROM matches m WHERE {same}) AS ids
        FROM to_match t""")
    lines = area.db.execute(
        "SELECT row, key, digest, owner, ids FROM matched WHERE ids IS NOT NULL OR owner <> key"
    ).fetchall()
    owners = _owners(area, {each for *_, ids in lines for each in ids or ()})
    rejected: dict[int, Verdict] = {}
    adopted: list[tuple[int, str]] = []
    for i, (row, key, _digest, owner, ids) in enumerate(lines):
        found = list(ids or ())
        if len(found) > 1:
            rejected[i] = _ambiguous(found)
        elif found and owners.get(found[0], key) != key:
            rejected[i] = same_record(found[0], owners[found[0]])
        elif owner != key:
            rejected[i] = same_record(found[0] if found else "that is made now", owner)._replace(
                id=found[0] if found else None
            )
        else:
            adopted.append((row, found[0]))
    refused = Intent(
        "",
        "update",
        0.0,
        [int(each[0]) for each in lines],
        [str(each[1]) for each in lines],
        [str(each[2]) for each in lines],
        [None] * len(lines),
    )
    if rejected:
        area.settled(outcomes_of(refused, rejected, run.clock()))
        area.db.execute(
            "UPDATE plan SET action = 'rejected' WHERE row IN (SELECT unnest(?))",
            [[int(lines[i][0]) for i in rejected]],
        )
    if adopted:
        rows, ids = (list(each) for each in zip(*adopted, strict=True))
        area.db.execute(
            """UPDATE plan SET action = 'update', known_id = a.id, send_id = a.id
            FROM (SELECT unnest(?) AS row, unnest(?) AS id) a WHERE plan.row = a.row""",
            [rows, ids],
        )


def _owners(area: StagingArea, ids: set[str]) -> dict[str, str]:
    """Record id -> key of the row that has the record, by its id or by that of a record that was merged into
    it.
    """
    found = area.db.execute(
        "SELECT DISTINCT id, parts FROM matches WHERE id IN (SELECT unnest(?))", [list(ids)]
    )
    parts = {record: [record, *filter(None, merged.split(";"))] for record, merged in found.fetchall()}
    owners = RecordOwners(area).keys(sorted({each for some in parts.values() for each in some}))
    return {
        record: next(owners[each] for each in some if each in owners)
        for record, some in parts.items()
        if not owners.keys().isdisjoint(some)
    }


def _ambiguous(ids: Sequence[str]) -> Verdict:
    shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
    return Verdict(
        outcome="rejected",
        code="AMBIGUOUS_MATCH",
        message=(
            f"{len(ids)} records have the values of match_existing: {shown}. Merge them in HubSpot, or match"
            " by more properties."
        ),
    )


def _folded(value: str | None) -> str:
    return (value or "").strip().lower()
