"""The client and the store that a session's settings ask for."""

from __future__ import annotations

from hubspot_batch_dagster.api.auth.credentials import TokenSource
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.session_settings import SessionSettings, default_store
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.warehouse.warehouse_tables import tables_in


def open_client(settings: SessionSettings, source: TokenSource) -> HubSpotClient:
    """Make the client of an account, within the budget that all processes with its token share.

    Args:
        settings: The account and its limits.
        source: Where its token comes from.

    Raises:
        InputError: A setting cannot be meant.
    """
    timeout = settings.timeout
    client = HubSpotClient(
        source,
        base_url=settings.base_url,
        version=settings.version,
        timeout=Timeout(connect=min(5.0, timeout), read=timeout, total=timeout),
        trust_env=settings.trust_env,
        allow_http=settings.allow_http,
    )
    # Two portals never share a token, but an emulator and HubSpot might.
    client.budget = open_budget(
        f"{client.fingerprint}@{settings.base_url}",
        url=settings.budget_url,
        limit=settings.limit,
        share=settings.share,
        daily_share=settings.daily_share,
        patience=settings.patience,
    )
    return client


def new_store(settings: SessionSettings) -> Store:
    """Open the store of ids tables and journal.

    Raises:
        StoreError: The folder cannot be written or the journal cannot be opened.
    """
    return Store(
        settings.store or default_store(),
        journal_url=settings.journal,
        lock_wait=settings.lock_wait,
        patience=settings.patience,
        elsewhere=tables_in(settings.warehouse, memory=settings.memory, patience=settings.patience),
    )
