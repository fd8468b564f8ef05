"""Rows that HubSpot perhaps made, settled before the run ends: it waits until their requests are certain to
be over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from hubspot_batch_dagster.api.errors import HubSpotError, StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.delivery.dispatcher import Dispatcher
from hubspot_batch_dagster.sync.progress import Progress
from hubspot_batch_dagster.sync.settlement.recovery import Recovery
from hubspot_batch_dagster.sync.staging.reopened_rows import places, reopen
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

ROUNDS = 3
"""So often rows are sent again within a run after they were found not to have been made."""

LONGEST_SLEEP = 5.0
"""Seconds between two looks at the clock while a run waits."""


def settle_unknown(
    run: RunContext,
    area: StagingArea,
    recovery: Recovery,
    dispatcher: Dispatcher,
    progress: Progress,
) -> bool:
    """Find out what became of creates without an answer, those of earlier runs too, and send what was not
    made.

    Nothing is waited for once the run stops (Terminate, the day's limit, an account that moves), or with
    ``wait_for_unknown=False``: then the rows stay ``unknown``, and the next run settles them.

    Returns:
        Whether records were found whose keys are not in this run's table: ``known`` lacks them.

    Raises:
        StoreError: The journal cannot be written.
    """
    strangers = False
    recovery.unmade.clear()  # of earlier runs, found before the plan: it has sent them
    for number in range(1, ROUNDS + 1):
        recovery.hold(dispatcher.lost)
        dispatcher.lost.clear()
        if not recovery.held or run.stop:
            break
        strangers |= _search(run, recovery, area)
        if recovery.held and run.options.wait_for_unknown:
            _wait(run, recovery, progress)
            if not run.stop:
                strangers |= _search(run, recovery, area)
        unmade = [key for intent in recovery.unmade for key in intent.keys]
        recovery.unmade.clear()
        reopened = reopen(area, unmade, updates=run.operation.updates_found_records)
        if not reopened or run.stop:
            break
        dispatcher.deliver(
            area.batches(f"{run.definition.id}.{number}", run.definition.batch_size, reopened=True)
        )
    recovery.hold(dispatcher.lost)
    dispatcher.lost.clear()
    return strangers


def _search(run: RunContext, recovery: Recovery, area: StagingArea) -> bool:
    """Search, and take what is found for this run's rows; returns whether there were other rows among it."""
    before = len(recovery.settled)
    try:
        recovery.search()
    except StoreError:
        raise
    except HubSpotError as error:
        run.stop.set(error)
    found = [_as_rows_of_this_run(area, each) for each in recovery.settled[before:]]
    for outcomes in found:
        area.settled(outcomes)
    return any(len(mine) < len(all_) for mine, all_ in zip(found, recovery.settled[before:], strict=True))


def _as_rows_of_this_run(area: StagingArea, outcomes: Outcomes) -> Outcomes:
    """Outcomes of rows as they stand in this run's table. A row that has other values by now is still to be
    sent.
    """
    found = places(area, outcomes.keys)
    kept = [i for i, key in enumerate(outcomes.keys) if key in found]
    mine = outcomes.pick(kept)
    rows = [found[key][0] for key in mine.keys]
    same = [found[key][1] == digest for key, digest in zip(mine.keys, mine.digests, strict=True)]
    digests = [digest if held else "" for digest, held in zip(mine.digests, same, strict=True)]
    return replace(mine, rows=rows, digests=digests)


def _wait(
    run: RunContext, recovery: Recovery, progress: Progress, now: Callable[[], float] = time.time
) -> None:
    while not run.stop and (left := recovery.seconds_until_certain()) > 0:
        progress.wait(sum(len(each) for each in recovery.held), until=now() + left)
        run.stop.wait(min(left, LONGEST_SLEEP))
