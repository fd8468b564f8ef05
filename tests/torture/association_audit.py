"""Whether HubSpot has the associations that the tables want, and no others, and whether the last run says
so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hubspot_batch_dagster.api.associations import LabelDefinition
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.emulator import EmulatorProcess
from hubspot_batch_dagster.sync.result import SyncResult
from tests.torture.association_nights import LABEL, PARENT, Nights, Wanted

Graph = Mapping[tuple[str, str], set[str | int]]
"""Record and record at the other end -> the labels of what they have; without a label it is ``plain``."""


@dataclass(frozen=True)
class Records:
    """The records behind the keys.

    Attributes:
        firms: Number of a firm -> record.
        people: Address -> the record of today, where there is one.
        former: Address -> all records that it ever had, as they are today.
    """

    firms: Mapping[str, str]
    people: Mapping[str, str]
    former: Mapping[str, set[str]]

    def now(self, wanted: Wanted) -> tuple[str, str] | None:
        """The two records of an association; ``None`` where one is not there."""
        first = self.firms.get(str(wanted.firm))
        second = (self.firms if wanted.column == "kin" else self.people).get(wanted.target)
        return (first, second) if first and second else None

    def ever(self, wanted: Wanted) -> Iterable[tuple[str, str]]:
        """All pairs of records that it ever was between."""
        first, found = self.firms.get(str(wanted.firm)), self.now(wanted)
        pairs = {found} if found else set()
        if first and wanted.column != "kin":
            pairs |= {(first, each) for each in self.former.get(wanted.target, ())}
        return pairs


def label_of(nights: Nights, column: str) -> str | int:
    """What a column's associations are called in the graph."""
    kin: str | int = PARENT if nights.own == "parent" else "plain"
    return {"mail": "plain", "buyer": LABEL, "kin": kin}[column]


def graph_of(hubspot: EmulatorProcess, to: str, firms: Iterable[str]) -> Graph:
    """What the companies are associated with."""
    client = HubSpotClient(hubspot.token, base_url=hubspot.url)
    try:
        answer = client.association_batch_read("companies", to, list(firms))
    finally:
        client.close()
    living = set(hubspot.records(to))
    return {
        (each.from_.id, target.to_object_id): {_named(kind) for kind in target.association_types} - {None}  # type: ignore[misc]
        for each in answer.results
        for target in each.to
        if target.to_object_id in living
    }


def _named(kind: LabelDefinition) -> str | int | None:
    if kind.category == "HUBSPOT_DEFINED":
        return {PARENT: PARENT, 280: "plain", 450: "plain"}.get(kind.type_id or 0)
    return kind.label


def audit(nights: Nights, result: SyncResult, records: Records, hubspot: EmulatorProcess) -> str:
    """What is wrong with HubSpot, or with what the last run says of it; empty if nothing is."""
    firms = hubspot.records("companies")
    if len(firms) != len(nights.wanted):
        return f"{len(firms)} companies for {len(nights.wanted)} rows"
    for to in ("contacts", "companies"):
        columns = {column for column, each in nights.columns.items() if each.to == to}
        if columns and (wrong := _differs(nights, records, graph_of(hubspot, to, firms), columns)):
            return f"{to}: {wrong}"
    wanted = nights.all_wanted()
    made = sum(records.now(each) is not None for each in wanted)
    expected = {name: n for name, n in (("unchanged", made), ("unresolved", len(wanted) - made)) if n}
    counts = {name: n for name, n in result.association_counts.items() if n}
    if counts != expected:
        return f"the last run says {counts}, and it should be {expected}"
    if result.associations.num_rows != len(wanted):
        return f"the table has {result.associations.num_rows} lines for {len(wanted)} associations"
    return ""


def _differs(nights: Nights, records: Records, graph: Graph, columns: set[str]) -> str:
    lacking = [
        each
        for each in nights.all_wanted()
        if each.column in columns
        and (pair := records.now(each)) is not None
        and not {label_of(nights, each.column), "plain"} <= graph.get(pair, set())
    ]
    if lacking:
        return f"lacking {sorted(lacking)}"
    allowed = _allowed(nights, records, columns)
    extra = [(pair, label) for pair, labels in graph.items() for label in labels - allowed.get(pair, set())]
    return f"extra {sorted(extra, key=str)}" if extra else ""


def _allowed(nights: Nights, records: Records, columns: set[str]) -> dict[tuple[str, str], set[str | int]]:
    """What may be there. A pair that is associated has the plain association too; one between firms counts
    for both ends.
    """
    found: dict[tuple[str, str], set[str | int]] = {}

    def allow(pair: tuple[str, str], label: str | int) -> None:
        found.setdefault(pair, {"plain"}).add(label)
        if columns == {"kin"}:
            found.setdefault(pair[::-1], {"plain"})

    names_all = nights.replace and any(label_of(nights, each) == "plain" for each in columns)
    of_unknown = _with_unknown(nights, records)
    for each in nights.ever:
        if each.column not in columns:
            continue
        label = label_of(nights, each.column)
        for pair in records.ever(each):
            # What replace takes is one label of a pair, or the pair.
            if not nights.replace or each.firm in of_unknown:
                allow(pair, label)
            elif not names_all:
                allow(pair, "plain")
    for each in nights.all_wanted():
        pair_now = records.now(each)
        if each.column in columns and pair_now is not None:
            allow(pair_now, label_of(nights, each.column))
    return found


def _with_unknown(nights: Nights, records: Records) -> set[int]:
    """Firms that ``Associate`` leaves alone: it has no row of theirs, or one whose key has no record."""
    if nights.verb != "associate":
        return set()
    wanted = nights.all_wanted()
    named = {each.firm for each in wanted}
    return {n for n in nights.wanted if n not in named} | {
        each.firm for each in wanted if records.now(each) is None
    }
