"""A look before the first write: are the records that the run relies on in the portal at all?

The ids table says what a row's record is, and the plan believes it. A sandbox that was reset, an emulator
that was started anew, a portal that was restored, or a token that sees no records would make that belief
wrong for every row at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from hubspot_batch_dagster.api.errors import HubSpotError, InputError, MissingScopes
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.planning import plan_statements
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

MOST = 100
"""Records that are looked at: one request."""

FEW = 0.5
"""The share of them below which a warning says so."""

_CHANGED = """SELECT id FROM known k ANTI JOIN (SELECT hash(key, digest) AS same FROM staged) s
        ON s.same = hash(k.key, k.digest)
    WHERE id IS NOT NULL AND outcome <> 'archived' AND digest IS NOT NULL
        AND key IN (SELECT key FROM staged)"""
"""Hashes say nearly as well as the keys themselves which lines are the same, in a fraction of the memory."""

_KNOWN = "SELECT id FROM known WHERE id IS NOT NULL AND outcome <> 'archived'"
_OF_ANOTHER_SYNC = "SELECT o.id FROM staged s JOIN others o USING (key)"
_ASSOCIATED = """SELECT DISTINCT s.id FROM staged s JOIN known k USING (key)
    WHERE s.id IS NOT NULL AND k.digest = s.digest AND k.outcome IN ('created', 'unchanged')"""


def look_at_records(run: RunContext, area: StagingArea) -> bool:
    """Read up to 100 of the records that the run relies on, those first that it may change or archive.

    Returns:
        Whether what is known can be relied on. False only where none of the records is there and the user
        said ``first_run``.

    Raises:
        InputError: None of them is there, and none is in the portal's bin: this is not the portal that the
            ids table is about.
    """
    ids = _relied_on(run, area) if not run.stop else []
    if not ids:
        return True
    try:
        there = len(run.requester.read(run.object_type, ids, []))
        archived = 0 if there else len(run.requester.read(run.object_type, ids, [], archived=True))
    except MissingScopes as error:
        run.options.on_warning(
            f"{run.name}: the known records could not be looked at before sending: {error}"
        )
        return True
    except InputError:
        return True  # a type whose records cannot be read in this version
    except HubSpotError as error:
        run.stop.set(error)
        return True
    if there + archived == 0 and run.options.first_run:
        return False
    if there + archived == 0:
        raise InputError(
            f"HubSpot has none of the {len(ids)} records that were looked at, of those that the sync"
            f" {run.name!r} made or changed before in {run.client.base_url}. Nothing was sent.",
            remedy=(
                "If this is another account, or a sandbox or an emulator that was reset, give it a store of"
                " its own (store=). If the token may not see these records, correct its permissions. If the"
                " records are gone for good and shall be made anew, run once with first_run=True."
            ),
        )
    if there < FEW * len(ids):
        bin_ = f", {archived} are in the portal's bin" if archived else ""
        run.options.on_warning(
            f"{run.name}: of {len(ids)} known records that were looked at before sending, HubSpot has"
            f" {there}{bin_}. Check that this is the portal and the store that are meant."
        )
    return True


def _relied_on(run: RunContext, area: StagingArea) -> list[str]:
    found: dict[str, None] = {}
    for query in _queries(run):
        rows = area.db.execute(f"{query} LIMIT {MOST}").fetchall()
        found |= dict.fromkeys(str(each[0]) for each in rows)
        if len(found) >= MOST:
            break
    return list(found)[:MOST]


def _queries(run: RunContext) -> Iterator[str]:
    """Yield what the run relies on, the most dangerous first."""
    if run.operation.is_association:
        yield _ASSOCIATED
        return
    yield _CHANGED
    if run.operation.archives_gone:
        yield f"SELECT id FROM ({plan_statements.GONE})"
    if run.operation.looks_up_keys_in is not None:
        yield _OF_ANOTHER_SYNC
    yield _KNOWN
