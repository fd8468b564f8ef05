"""Undo: the way back from a run. What it changed gets its former values, what it made is archived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal, stop_signal_for
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.staging.statements import REVERTED
from hubspot_batch_dagster.sync.state.ids_table import described
from hubspot_batch_dagster.sync.state.journal import Journal
from hubspot_batch_dagster.sync.state.kept_tables import kept_columns, kept_table
from hubspot_batch_dagster.sync.state.names import check_run, name_of_undo, new_run_id
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.undo_associations import (
    AssociationUndo,
    plan_association_undo,
    undo_associations,
)


class RevertedRow(NamedTuple):
    """A row of which an undo takes associations back, and no values."""

    key: str
    record: str | None
    digest: str
    outcome: str


@dataclass(frozen=True)
class Undo:
    """What the way back from a run is.

    Attributes:
        sync: The sync.
        run: The run.
        object_type: The type of the records.
        restore: Records that the run changed, with the values that they had.
        archive: Record id, as the run got it, -> row key of the records that the run made.
        kept: Changed records without a before-image: they stay as they are.
        binned: Records that the run archived: HubSpot's API brings none back.
        associations: The associations that it made and removed.
        lines: Record id of today -> row key and hash of the values sent last, of all that the run touched:
            several rows where their records were merged since, the one that has the record first.
        rows: The rows whose associations alone are taken back.
    """

    sync: str
    run: str
    object_type: str
    restore: list[dict[str, Any]] = field(repr=False)
    archive: dict[str, str] = field(repr=False)
    kept: int
    binned: int = 0
    associations: AssociationUndo = field(default_factory=AssociationUndo, repr=False)
    lines: dict[str, list[tuple[str, str]]] = field(default_factory=dict, repr=False)
    rows: list[RevertedRow] = field(default_factory=list, repr=False)

    @property
    def object_types(self) -> set[str]:
        """The types of the records that are written, and of those at the other ends of associations."""
        return {self.object_type, *self.associations.end, *self.associations.restore}

    def __str__(self) -> str:
        said = (
            f"{self.sync}, run {self.run}: {len(self.restore):,} {self.object_type} get their former values"
            f" back, {len(self.archive):,} that the run made are archived."
        )
        if self.kept:
            said += f" {self.kept:,} changed records have no before-image and stay as they are."
        if self.binned:
            said += f" {self.binned:,} that it archived stay in HubSpot's bin: restore them there."
        return f"{said}{self._associations()}"

    def _associations(self) -> str:
        ended, restored, kept = self.associations.ended, self.associations.restored, self.associations.kept
        stay = f" {kept:,} stay as they are: others rely on them, or a later run wrote them." if kept else ""
        if not ended and not restored:
            return stay
        return (
            f" {ended:,} associations that it made are ended, {restored:,} that it removed are made"
            f" again.{stay}"
        )


def sync_of_run(store: Store, run: str) -> str:
    """Return the sync that a run belongs to.

    Raises:
        InputError: No sync of the store has it.
    """
    check_run(run)
    for sync in store.syncs():
        with store.local(sync, "runs", run, "ids.parquet") as found:
            if found is not None:
                return sync
    raise InputError(
        f"No sync of the store {store.root} has a run {run!r}.",
        remedy=(
            "The run's id is `sync_run` in the metadata of its materialization; the last 10 runs are kept."
        ),
    )


def plan_undo(store: Store, sync: str, run: str) -> Undo:
    """Find out what a run made and changed, from its ids table and the before-images.

    Raises:
        InputError: The store does not have the run.
        StoreError: Its tables are damaged.
    """
    check_run(run)
    with store.local(sync, "runs", run, "ids.parquet") as ids, store.local_ids(sync) as state:
        if ids is None or state is None:
            raise _no_such_run(sync, run)
        rows = kept_table(ids, ["hs_object_id", "outcome"]).to_pylist()
        lines, now = _lines(state)
        object_type = str(described(state)["object_type"])
        archive = {
            row["hs_object_id"]: lines[now[row["hs_object_id"]]][0][0]
            for row in rows
            if row["outcome"] == "created" and row["hs_object_id"] in now
        }
        associations = plan_association_undo(store, sync, run, object_type, set(archive))
        reverted = _reverted_rows(state, associations, lines, now)
    changed = {row["hs_object_id"] for row in rows if row["outcome"] == "updated"}
    images = {image["id"]: image for image in _oldest_last(store.journal, sync, run)}
    return Undo(
        sync=sync,
        run=run,
        object_type=object_type,
        restore=[
            images[
                each
            ]  # in the order of the rows: of two records that were merged the first row's values count
            for each in dict.fromkeys(row["hs_object_id"] for row in rows)
            if each in changed & images.keys()
        ],
        archive=archive,
        kept=len(changed - images.keys()),
        binned=sum(row["outcome"] == "archived" for row in rows),
        associations=associations,
        lines={each: lines[each] for each in {now.get(row["hs_object_id"]) for row in rows} if each},
        rows=reverted,
    )


def _no_such_run(sync: str, run: str) -> InputError:
    return InputError(
        f"The store has no run {run!r} of {sync!r}.",
        remedy=(
            "The run's id is `sync_run` in the metadata of its materialization; the last 10 runs are kept."
        ),
    )


def _reverted_rows(
    state: Path,
    associations: AssociationUndo,
    lines: dict[str, list[tuple[str, str]]],
    now: dict[str, str],
) -> list[RevertedRow]:
    """Return the rows whose associations are taken back: the next runs leave them as they are."""
    found = [
        RevertedRow(key, now[each], digest, "unchanged")
        for each in associations.records
        if each in now
        for key, digest in lines[now[each]][:1]
    ]
    if associations.rows:
        for line in kept_table(state, ["_key", "_digest"]).to_pylist():
            outcome = associations.rows.get(line["_key"])
            if outcome is not None:
                found.append(RevertedRow(line["_key"], None, line["_digest"] or "", outcome))
    return found


def _lines(state: Path) -> tuple[dict[str, list[tuple[str, str]]], dict[str, str]]:
    """Return the lines of an ids table by record id, and the id of today of each id that a record has or
    had.
    """
    columns = ["hs_object_id", "_key", "_digest", "error_code"]
    former = "_former" if "_former" in kept_columns(state) else None
    lines: dict[str, list[tuple[str, str]]] = {}
    now: dict[str, str] = {}
    for line in kept_table(state, [*columns, *filter(None, [former])]).to_pylist():
        record = line["hs_object_id"]
        if record is None:
            continue
        there = lines.setdefault(record, [])
        there.insert(
            len(there) if line["error_code"] == "SAME_RECORD" else 0, (line["_key"], line["_digest"] or "")
        )
        for each in ((former and line[former]) or "").split(";"):
            now.setdefault(each, record)
    return lines, {**now, **{each: each for each in lines}}


def undo(
    sync: str,
    run: str,
    *,
    client: HubSpotClient,
    store: Store,
    portal: Portal | None = None,
    options: RunOptions | None = None,
) -> tuple[SyncResult, SyncResult]:
    """Go back: journaled and within the budget like any run. Doing it twice does no harm.

    The next runs of the sync leave what was undone as it is, until a row changes or ``full_refresh`` is asked
    for. A value that somebody else changed in HubSpot since the run is overwritten too. Associations that the
    run made are ended; one that was there before and that the run wrote again ends too, unless the operation
    had ``keep_before=True``. One stays that another sync, or another row, wants too, and so do those of a
    record that a later run of the sync wrote.

    It is a run of the sync itself: another one that is at work is waited for, and one that begins meanwhile
    waits. What it undoes is found out only then.

    Returns:
        What became of the restored records, and of the archived ones.

    Raises:
        InputError: The store does not have the run.
        Overtaken: A run of the sync has begun meanwhile all the same; nothing of its state was changed.
    """
    check_run(run)
    if run not in store.runs(sync):
        raise _no_such_run(sync, run)
    own = new_run_id()
    with store.lock(sync), store.begin(sync, own, on_overtaken=lambda _: None):
        found = plan_undo(store, sync, run)
        return _undo(found, own, client, store, portal, options or RunOptions())


def _undo(
    found: Undo, own: str, client: HubSpotClient, store: Store, portal: Portal | None, options: RunOptions
) -> tuple[SyncResult, SyncResult]:
    if portal is not None:
        ask = Requester(client, stop=StopSignal(), retry_policy=options.retry_policy).ask
        portal.learn_types(found.object_types, ask, options.on_warning)
    name = name_of_undo(found.sync, found.run)
    properties = sorted({name for image in found.restore for name in image} - {"id"})
    rows = [
        {"hs_object_id": image["id"], **{each: image.get(each) for each in properties}}
        for image in found.restore
    ]
    update = Update(
        found.object_type,
        record_id="hs_object_id",
        properties=properties or ["hs_object_id"],
        on_null="clear",
    )
    restored = run_sync(
        rows, update, client=client, store=store, name=f"{name}/restore", options=options
    ).result
    store.journal.beat(found.sync, own)  # the rest is for nobody else's run
    with stop_signal_for(client) as stop:
        requester = Requester(client, stop=stop, retry_policy=options.retry_policy)
        refused = undo_associations(found.associations, found.object_type, requester)
    if refused:
        options.on_warning(
            f"{refused:,} associations that the run removed are not made again: HubSpot does not take them."
        )
    store.journal.beat(found.sync, own)
    gone = [{"hs_object_id": each} for each in found.archive]
    archive = Archive(found.object_type, record_id="hs_object_id")
    archived = run_sync(
        gone, archive, client=client, store=store, name=f"{name}/archive", options=options
    ).result
    _note_reverted(found, own, store, restored, client.server_time())
    return restored, archived


def _note_reverted(found: Undo, own: str, store: Store, restored: SyncResult, at: float) -> None:
    """Tell the sync what was undone: its next runs leave these rows as they are until they change."""
    message = f"Run {found.run} was undone; the row is sent again when it changes, or with full_refresh."
    lines = found.lines
    touched: list[tuple[str | None, str, str, str]] = [
        (each.record, each.outcome, each.key, each.digest) for each in found.rows
    ]
    touched += [(each, "updated", *lines[each][0]) for each in _done(restored, "updated") if each in lines]
    touched += [
        (now, "archived", *line)
        for then, now in _archived(store, name_of_undo(found.sync, found.run) + "/archive")
        for each in dict.fromkeys((now, then))
        for line in lines.get(each, ())
    ]
    touched = list({key: (each, outcome, key, digest) for each, outcome, key, digest in touched}.values())
    ids = [each for each, _, _, _ in touched]
    reverted = Intent(
        id="",
        action="update",
        sent_at=at,
        rows=[-1] * len(ids),
        keys=[key for _, _, key, _ in touched],
        digests=[digest for _, _, _, digest in touched],
        ids=list(ids),
    )
    verdicts = {
        i: Verdict(outcome=outcome, id=each, code=REVERTED, message=message)
        for i, (each, outcome, _, _) in enumerate(touched)
    }
    outcomes = outcomes_of(reverted, verdicts, at)
    store.journal.settle(found.sync, own, outcomes, intent_id=None)


def _done(result: SyncResult, outcome: str) -> list[str]:
    """Return the records of which a half of the undo is done: in this or in an earlier attempt."""
    table = result.ids.select(["hs_object_id", "outcome"]).to_pylist()
    return [str(row["hs_object_id"]) for row in table if row["outcome"] in (outcome, "unchanged")]


def _archived(store: Store, sync: str) -> list[tuple[str, str]]:
    """Return the records that an undo archived, by the ids that they had and have: two rows may have ended at
    one of them.
    """
    with store.local_ids(sync) as state:
        if state is None:
            return []
        table = kept_table(state, ["_key", "hs_object_id", "outcome"]).to_pylist()
    gone = {line["hs_object_id"] for line in table if line["outcome"] == "archived"}
    return [(line["_key"], line["hs_object_id"]) for line in table if line["hs_object_id"] in gone]


def _oldest_last(journal: Journal, sync: str, run: str) -> Iterator[dict[str, Any]]:
    """Yield the images of a run, newest first: of two of one record (a batch was sent again) the older one
    counts.
    """
    yield from reversed(list(journal.before(sync, run)))
