"""Opening the budget of a credential: in a file on one host, in Redis or Postgres on several."""

from __future__ import annotations

import threading
from pathlib import Path

from hubspot_batch_dagster.api.rate_limit.logs import open_log
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget


def open_budget(
    fingerprint: str,
    *,
    url: str | None = None,
    limit: int | None = None,
    share: float = 1.0,
    daily_share: float = 1.0,
    folder: str | Path | None = None,
    shared: bool = True,
    associations_in_burst: bool = False,
    max_wait: float = 600.0,
    patience: float = 600.0,
    stop: threading.Event | None = None,
) -> SharedBudget:
    """Open the budget that every process with this credential shares.

    Args:
        fingerprint: What tells the credential apart, such as `TokenSource.fingerprint`. It is hashed before
            it names a file or a key.
        url: A Redis or Postgres URL, for several hosts. None counts in a file, for one host.
        limit: Requests per 10 s; None follows HubSpot's headers.
        share: The part of each window that may be used.
        daily_share: The part of the day's limit that may be used.
        folder: Where the file lies, on a disk of this host. None takes the user's cache folder, with one file
            for each host. Name a folder to share the budget between users or containers of one host.
        shared: False counts in this process alone.
        associations_in_burst: True counts association requests against the burst window too.
        max_wait: Seconds of waiting for room after which `take` gives up.
        patience: Seconds that Redis, Postgres or the file may be away.
        stop: Ends a waiting `take` when set.

    Raises:
        InputError: A value makes no sense, or a driver is missing.
    """
    return SharedBudget(
        open_log(fingerprint, url=url, folder=folder, shared=shared),
        limit=limit,
        share=share,
        daily_share=daily_share,
        associations_in_burst=associations_in_burst,
        max_wait=max_wait,
        patience=patience,
        stop=stop,
    )
