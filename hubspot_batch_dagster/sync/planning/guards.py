"""Guards: what stops a run before its first write."""

from __future__ import annotations

from hubspot_batch_dagster.api.errors import GuardStopped
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.planning import plan_statements
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea


def guard_size(stage: StagingArea, operation: Operation, created: int, changed: int) -> None:
    """Refuse a plan that makes or changes more records than the operation allows.

    Raises:
        GuardStopped: With both numbers, and how to allow it.
    """
    limits = (
        ("max_created", operation.max_created, "make", created),
        ("max_changed", operation.max_changed, "change", changed),
    )
    for name, allowed, verb, planned in limits:
        if allowed is None:
            continue
        most = allowed * _size(stage) if isinstance(allowed, float) else allowed
        if planned > most:
            raise GuardStopped(
                f"The run would {verb} {planned:,} records, and {name}={allowed:g} allows {most:,.0f}."
                " Nothing was sent.",
                remedy=f"Look at the plan with dry_run. If it is meant, raise {name} for one run.",
            )


def guard_gone(stage: StagingArea, operation: Operation) -> int:
    """Count the records that will be archived because their rows left the source.

    Raises:
        GuardStopped: The source is empty, rows without a key hide who is gone, or more would go than
            ``max_gone`` allows.
    """
    if not operation.archives_gone or not stage.elsewhere.whole:
        return 0
    gone = stage.count(f"SELECT count(*) FROM ({plan_statements.GONE})")
    if not gone:
        return 0
    live = _live(stage)
    keyless = stage.count("SELECT count(*) FROM rejected WHERE key IS NULL")
    if stage.rows_in + stage.elsewhere.rows == 0:
        why, remedy = (
            "the source is empty",
            "An empty source never archives. Archive on purpose with Archive(...).",
        )
    elif keyless:
        why = f"{keyless} rows have no key and cannot be told apart from rows that are gone"
        remedy = "Fill the keys, or leave those rows out."
    elif gone > operation.most_gone * live:
        why = f"that is more than max_gone={operation.most_gone:g} of the {live} known records"
        remedy = "If this is meant, raise max_gone for one run; 1 allows all."
    else:
        return gone
    raise GuardStopped(
        f"{gone} rows left the source and their records would be archived, but {why}. Nothing was sent.",
        remedy=remedy,
    )


def _size(stage: StagingArea) -> int:
    """Rows of the source; of a source of which a part was read at least the known records."""
    rows = stage.rows_in + stage.elsewhere.rows
    return rows if stage.elsewhere.whole else max(rows, _live(stage))


def _live(stage: StagingArea) -> int:
    known = stage.count("SELECT count(*) FROM known WHERE id IS NOT NULL AND outcome <> 'archived'")
    return known + stage.elsewhere.live
