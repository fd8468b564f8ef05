"""Rows that the ids table does not know, looked for in HubSpot before their records are made
(``match_existing``).
"""

from __future__ import annotations

import itertools
import json
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.api.search import SearchAnswer, SearchFilter, SearchFilterGroup, SearchRequest
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.value_comparison import meaning
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of, same_record
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.requests.groups import halves
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.settlement.lookup import BUILT_IN_KEYS
from hubspot_batch_dagster.sync.settlement.unique_values import MERGED_IDS, UniqueProperty, owned_records
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.staging import staging_statements
from hubspot_batch_dagster.sync.staging.record_owners import RecordOwners
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

MOST_VALUES, MOST_CHARACTERS, MOST_HITS = 100, 2_000, 10_000
"""Of a search: values after IN, their characters (HubSpot takes 3,000 for the whole body), and records that
it shows.
"""

NOT_TEXT = ("number", "date", "datetime")
"""Types whose values HubSpot writes in its own way: 10.0 is 10."""

WIDTH = 5
"""Searches at a time: HubSpot takes five in a second."""

SAMPLE = 1_000
"""Rows whose values tell how many go into one search."""

Values = tuple[str, ...]
"""The values of a row, one for each property, folded."""

_CREATES = "FROM plan WHERE action = 'create'"
_REOPENED = f"{_CREATES} AND row IN (SELECT row FROM reopened)"


def _to_match(creates: str) -> str:
    return f"SELECT row, key, digest, 'update' AS action, NULL::VARCHAR AS send_id {creates} ORDER BY row"


def match_existing(run: RunContext, schema: Schema, area: StagingArea, *, reopened: bool = False) -> None:
    """Look for the records of rows that are to be created. A row that one record matches updates it.

    A row matches a record if all named properties are equal, without regard to capitals, blanks around them
    and the form that Unicode has of a letter; of a property with unique values HubSpot itself says which
    record has one. Empty values match nothing. Several records for a row, or several rows for a record, are
    refused.

    Args:
        run: The run.
        schema: How the columns go to HubSpot.
        area: The rows, planned.
        reopened: Only those that are planned anew, after the others were sent.
    """
    names, creates = run.operation.matched_by, _REOPENED if reopened else _CREATES
    if not names or run.stop or not area.count(f"SELECT count(*) {creates}"):
        return
    finder = _Finder(run, schema, names)
    columns = ", ".join(f"v{i} VARCHAR" for i in range(len(names)))
    area.db.execute(
        f"CREATE TABLE IF NOT EXISTS to_match (row BIGINT, key VARCHAR, digest VARCHAR, {columns})"
    )
    area.db.execute(f"CREATE TABLE IF NOT EXISTS matches (id VARCHAR, parts VARCHAR, {columns})")
    for batch in area.looked_at(_to_match(creates), run.definition.batch_size):
        lines, rejected = [], dict[int, Verdict]()
        for i, text in enumerate(batch.properties):
            if not all(values := finder.folded(json.loads(text))):
                continue
            if name := finder.too_long(values):
                rejected[i] = _too_long(name)
            else:
                lines.append((batch.rows[i], batch.keys[i], batch.digests[i], *values))
        _append(area, "to_match", lines)
        _reject(run, area, batch, rejected)
    try:
        for found in in_parallel(finder.find, _chunks(area, finder, creates), WIDTH):
            _append(area, "matches", found)
    except HubSpotError as error:
        run.stop.set(error)
        return
    _decide(run, area, len(names), creates)


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
    rows = area.count(f"SELECT count(*) {_CREATES}") if names else 0
    if not rows:
        return MatchEstimate()
    finder, sample = _Finder(run, schema, names), list[list[str]]()
    for batch in area.looked_at(f"{_to_match(_CREATES)} LIMIT {SAMPLE}", SAMPLE):
        sample += [values for text in batch.properties if all(values := finder.folded(json.loads(text)))]
    distinct = [sorted({values[i] for values in sample}) for i in range(len(names))]
    place = finder.searched([len(each) for each in distinct])
    here = sum(1 for _ in _grouped(distinct[place]))
    wanted = math.ceil(here * max(1.0, rows / SAMPLE))
    by_search = names[place] not in finder.unique
    return MatchEstimate(wanted, wanted / WIDTH if by_search else 0.0)


class _Finder:
    """Finds the records that rows match."""

    def __init__(self, run: RunContext, schema: Schema, names: Sequence[str]) -> None:
        self.run, self.names = run, list(names)
        defined = {each.property: each.definition for each in schema.encoder.layout.fields if each.definition}
        self.written_otherwise = {name for name, each in defined.items() if each.type in NOT_TEXT}
        unique = {name for name, each in defined.items() if each.unique}
        unique.add(BUILT_IN_KEYS.get(run.object_type, ""))
        self.unique = {name: UniqueProperty.of(run.object_type, name) for name in names if name in unique}

    def folded(self, properties: Mapping[str, str | None]) -> list[str]:
        """Take the values that are compared, as HubSpot compares them."""
        return [self._fold(name, properties.get(name)) for name in self.names]

    def too_long(self, values: Sequence[str]) -> str | None:
        """Find the property of which a row's value is longer than a search takes."""
        named = zip(self.names, values, strict=True)
        return next(
            (name for name, each in named if name not in self.unique and len(each) > MOST_CHARACTERS), None
        )

    def searched(self, distinct: Sequence[int]) -> int:
        """Choose the property to search: one with unique values, else that with most distinct values."""
        return max(range(len(self.names)), key=lambda i: (self.names[i] in self.unique, distinct[i]))

    def find(self, chunk: tuple[int, list[Values]]) -> list[tuple[str, ...]]:
        """Find the records that rows with these values may match: ids, ids merged into them, values."""
        place, rows = chunk
        name = self.names[place]
        values = list(dict.fromkeys(row[place] for row in rows))
        unique = self.unique.get(name)
        if unique is None:
            return [self._line(each) for each in self._search({name: values}, rows)]
        wanted = [*self.names, MERGED_IDS, *unique.read_with]
        found = owned_records(
            unique,
            dict(enumerate(values)),
            lambda ids: self.run.requester.read(self.run.object_type, ids, wanted, name),
        )
        return [self._line(record, {name: values[i]}) for i, record in found.items()]

    def _fold(self, name: str, value: str | None) -> str:
        if name in self.unique:
            return self.unique[name].key(value)
        if name in self.written_otherwise:
            return meaning(value or "")
        return unicodedata.normalize("NFC", value or "").strip().lower()

    def _line(self, record: Record, has: Mapping[str, str] | None = None) -> tuple[str, ...]:
        values = self.folded({**record.properties, **(has or {})})
        return record.id, record.properties.get(MERGED_IDS) or "", *values

    def _search(self, wanted: Mapping[str, list[str]], rows: Sequence[Values]) -> Iterator[Record]:
        """Search the records that have some values. Where HubSpot has more than it shows, search narrower."""
        where = self.run.requester.search_endpoint(self.run.object_type)
        after, seen = None, 0
        filters = [
            SearchFilter(property_name=name, operator="IN", values=[*itertools.chain(*map(_forms, each))])
            for name, each in wanted.items()
        ]
        for _page in range(MOST_HITS // where.max_inputs):
            request = SearchRequest(
                filter_groups=[SearchFilterGroup(filters=filters)],
                properties=[*self.names, MERGED_IDS],
                limit=where.max_inputs,
                after=after,
            )
            answer = self.run.requester.post(where, request.to_json(), SearchAnswer)
            if (answer.total or 0) >= MOST_HITS and (narrower := self._narrower(wanted, rows)):
                for each in narrower:
                    yield from self._search(each, rows)
                return
            yield from answer.results
            seen += len(answer.results)
            if not (after := answer.after_all_of(seen)) or (answer.total or 0) >= MOST_HITS:
                return  # of so many that have all the values of a row two are enough

    def _narrower(
        self, wanted: Mapping[str, list[str]], rows: Sequence[Values]
    ) -> list[dict[str, list[str]]]:
        """Take a search apart: by fewer values, or by one property more; no parts if each has one value."""
        for name, values in wanted.items():
            if len(values) > 1:
                return [{**wanted, name: half} for half in halves(values)]
        places = {name: place for place, name in enumerate(self.names)}
        for name in places.keys() - wanted.keys():
            fitting = (row for row in rows if all(row[places[each]] in some for each, some in wanted.items()))
            more = dict.fromkeys(row[places[name]] for row in fitting)
            return [{**wanted, name: group} for group in _grouped(more)]
        return []


def _chunks(area: StagingArea, finder: _Finder, creates: str) -> Iterator[tuple[int, list[Values]]]:
    """Group the distinct values of the rows: one request takes those of the property that is searched."""
    every, those = range(len(finder.names)), f"FROM to_match WHERE row IN (SELECT row {creates})"
    place = finder.searched([area.count(f"SELECT count(DISTINCT v{i}) {those}") for i in every])
    columns = ", ".join(f"v{i}" for i in every)
    batches = area.stream(f"SELECT DISTINCT {columns} {those} ORDER BY v{place}", 10_000)
    rows = (tuple(row.values()) for batch in batches for row in batch.to_pylist())
    by_value = itertools.groupby(rows, key=lambda row: row[place])
    held: dict[str, list[Values]] = {}

    def values() -> Iterator[str]:
        for value, some in by_value:
            held[value] = list(some)
            yield value

    for group in _grouped(values()):
        yield place, [row for value in group for row in held.pop(value)]


def _grouped(values: Iterable[str]) -> Iterator[list[str]]:
    """Values in groups that one request takes."""
    group, forms = list[str](), list[str]()
    for value in values:
        more = _forms(value)
        full = sum(map(len, [*forms, *more])) + 4 * len(forms) > MOST_CHARACTERS
        if group and (len(forms) + len(more) > MOST_VALUES or full):
            yield group
            group, forms = [], []
        group.append(value)
        forms += more
    if group:
        yield group


def _forms(value: str) -> list[str]:
    """Return the forms that Unicode has of a value: HubSpot stores either as it was sent, and a file of a Mac
    has the other one.
    """
    return [value] if value.isascii() else list(dict.fromkeys([value, unicodedata.normalize("NFD", value)]))


def _append(area: StagingArea, table: str, lines: Sequence[tuple[object, ...]]) -> None:
    if lines:
        arrays = [pa.array(list(column)) for column in zip(*lines, strict=True)]
        area.db.register("incoming", pa.table(arrays, names=[f"c{i}" for i in range(len(arrays))]))
        area.db.execute(f"INSERT INTO {table} SELECT * FROM incoming")


def _decide(run: RunContext, area: StagingArea, properties: int, creates: str) -> None:
    """One match is the row's record; several, and a record or values that another row has, reject it."""
    same = " AND ".join(f"m.v{i} = t.v{i}" for i in range(properties))
    values = ", ".join(f"v{i}" for i in range(properties))
    area.db.execute(staging_statements.table_of_matched(values=values, same=same, last=creates))
    lines = area.db.execute(
        f"""SELECT row, key, digest, owner, ids FROM matched
        WHERE (ids IS NOT NULL OR owner <> key) AND row IN (SELECT row {creates}) ORDER BY row"""
    ).fetchall()
    owners = _owners(area, {each for *_, ids in lines for each in ids or ()})
    rejected: dict[int, Verdict] = {}
    adopted: list[tuple[int, str]] = []
    for i, (row, key, _digest, owner, ids) in enumerate(lines):
        found = list(ids or ())
        if len(found) > 1:
            rejected[i] = _ambiguous(found)
        elif found and owners.setdefault(found[0], key) != key:
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
    _reject(run, area, refused, rejected)
    if adopted:
        rows, ids = (list(each) for each in zip(*adopted, strict=True))
        area.db.execute(
            """UPDATE planned SET action = 'update', known_id = a.id, send_id = a.id
            FROM (SELECT unnest(?) AS row, unnest(?) AS id) a WHERE planned.row = a.row""",
            [rows, ids],
        )


def _reject(run: RunContext, area: StagingArea, rows: Batch | Intent, verdicts: dict[int, Verdict]) -> None:
    if verdicts:
        area.settled(outcomes_of(rows, verdicts, run.clock()))
        area.db.execute(
            "UPDATE planned SET action = 'rejected' WHERE row IN (SELECT unnest(?))",
            [[rows.rows[i] for i in verdicts]],
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


def _too_long(name: str) -> Verdict:
    return Verdict(
        outcome="rejected",
        code="TOO_LONG_TO_MATCH",
        property=name,
        message=f"HubSpot's search takes at most {MOST_CHARACTERS:,} characters, and match_existing "
        f"looks for a longer {name}. Shorten it, or match by another property.",
    )
