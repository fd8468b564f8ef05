"""Undo of associations: those that a run made are ended, those that it removed are made again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from hubspot_batch_dagster.sync.associations.association_files import REMOVED
from hubspot_batch_dagster.sync.associations.association_requests import (
    AssociationRequests,
    NewAssociation,
    with_labels,
)
from hubspot_batch_dagster.sync.associations.lines import RemovedAssociation
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.state.store import Store


@dataclass(frozen=True)
class AssociationUndo:
    """What the way back from a run is for associations.

    Attributes:
        end: Object type -> associations that the run made between records that exist.
        restore: Object type -> associations that ``replace`` removed.
    """

    end: dict[str, list[RemovedAssociation]] = field(default_factory=dict, repr=False)
    restore: dict[str, list[RemovedAssociation]] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> int:
        """How many are ended."""
        return sum(map(len, self.end.values()))

    @property
    def restored(self) -> int:
        """How many are made again."""
        return sum(map(len, self.restore.values()))


def plan_association_undo(store: Store, sync: str, run: str, archived: set[str]) -> AssociationUndo:
    """Find out what associations a run made and removed.

    Args:
        store: Where its tables are.
        sync: The sync.
        run: The run.
        archived: Records that the undo archives: their associations end with them.
    """
    made: dict[str, list[RemovedAssociation]] = {}
    with store.local(sync, "runs", run, "associations.parquet") as path:
        names = [] if path is None else pq.read_schema(path).names
        if path is not None and {"hs_object_id", "_label_type"} <= set(names):
            for line in pq.read_table(path).to_pylist():
                record = line["hs_object_id"]
                if line["outcome"] == "associated" and record and record not in archived:
                    made.setdefault(line["to"], []).append(_made(record, line))
    removed: dict[str, list[RemovedAssociation]] = {}
    with store.local(sync, "runs", run, REMOVED) as path:
        for line in [] if path is None else pq.read_table(path).to_pylist():
            labels = tuple((str(category), int(type_id)) for category, type_id in json.loads(line["labels"]))
            removed.setdefault(line["to"], []).append(
                RemovedAssociation(line["record"], line["target_id"], labels, line["whole"])
            )
    return AssociationUndo(made, removed)


def undo_associations(found: AssociationUndo, object_type: str, requester: Requester) -> None:
    """End what the run made and make what it removed. Doing it twice does no harm.

    Raises:
        HubSpotError: HubSpot refused, or could not be asked.
    """
    for to, made in found.end.items():
        between = AssociationRequests(requester, object_type, to)
        whole: dict[str, list[str]] = {}
        for each in made:
            if each.whole:
                whole.setdefault(each.record, []).append(each.target)
        if whole:
            between.remove(whole)
        labels = [NewAssociation(*each[:3]) for each in made if not each.whole]
        if labels:
            between.remove_labels(labels)
    for to, removed in found.restore.items():
        between = AssociationRequests(requester, object_type, to)
        present = between.read(list({each.record for each in removed}))
        between.add(with_labels(each.record, each.target, each.labels, present) for each in removed)


def _made(record: str, line: dict[str, Any]) -> RemovedAssociation:
    label = line["_label_type"]
    labels: tuple[AssociationTypeKey, ...] = () if label is None else (tuple(json.loads(label)),)
    return RemovedAssociation(record, line["target_id"], labels, whole=label is None)
