"""How a run behaves, and what comes out of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from hubspot_batch_dagster.sync.batches.as_of import AsOf
from hubspot_batch_dagster.sync.planning.planner import Plan
from hubspot_batch_dagster.sync.progress import Progress
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.schema.drift import Drift
from hubspot_batch_dagster.sync.trace_log import TraceLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """How a run behaves; what it does is the operation's business.

    Attributes:
        full_refresh: Send unchanged and formerly rejected rows too.
        memory: What DuckDB may use for keys, hashes and outcomes.
        retry_policy: The waits.
        approve: Hash of the plan to carry out; if the plan is another one by now, nothing is sent.
        adopt: Read the rows' records from the portal into the ids table, and send nothing.
        first_run: Nothing that is remembered of earlier runs counts: not what Dagster or ``runs/`` know, not
            another ids table with the same keys, and not an ids table of which HubSpot has no record any
            more.
        as_of: Which part of the table the rows are: values of an older part never go over those of a newer
            one.
        trace_log: Where runs are remembered outside the store.
        batch_size: Rows in a request; HubSpot takes 100.
        wait_for_unknown: Wait until creates without an answer are certain to be over, settle them, and send
            what was not made, instead of leaving that to the next run.
        on_progress: Called every few seconds with how far the run is.
        progress_every: Seconds from one call of ``on_progress`` to the next; by default 5.
        on_notice: Called with what is worth knowing.
        on_warning: Called with what is worth a look, such as what the portal does not let the token read.
    """

    full_refresh: bool = False
    memory: str = "512MB"
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    approve: str | None = None
    adopt: bool = False
    first_run: bool = False
    as_of: AsOf | None = None
    trace_log: TraceLog | None = None
    batch_size: int = 100
    wait_for_unknown: bool = True
    on_progress: Callable[[Progress], None] | None = None
    progress_every: float | None = None
    on_notice: Callable[[str], None] = logger.info
    on_warning: Callable[[str], None] = logger.warning


@dataclass(frozen=True)
class RunReport:
    """A run that came to its end, or was interrupted and saved what it knew.

    Attributes:
        result: What became of the rows.
        plan: What was meant to happen.
        interruption: What the caller must raise once the result is put away; ``None`` if nothing interrupted.
        drift: What changed in the portal's definitions since the last run.
    """

    result: SyncResult
    plan: Plan
    interruption: BaseException | None = None
    drift: Drift = field(default_factory=Drift)
