"""How new the rows are that a run is about to send: kept beside the journal until an ids table says it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from hubspot_batch_dagster.sync.batches.seals import check_seal, seal_of
from hubspot_batch_dagster.sync.state.names import folders_of
from hubspot_batch_dagster.sync.state.store import Store

_NAME = re.compile(r"in_progress\.order-(\d+)(?:-([0-9a-f]{8}))?\.parquet")
"""Generation and sum; one of an earlier version has no sum."""


class _Kept(NamedTuple):
    name: str
    generation: int
    seal: str


def put_order(store: Store, sync: str, generation: int, written: Path) -> None:
    """Keep a file of a generation, before any of its rows is sent."""
    store.put(sync, written, f"in_progress.order-{generation}-{seal_of(written)}.parquet")


@contextmanager
def kept_orders(store: Store, sync: str) -> Iterator[list[Path]]:
    """The files of runs that did not come to their end, as local ones.

    Raises:
        StoreError: One is damaged.
    """
    with ExitStack() as stack:
        found = []
        for each in _kept(store, sync):
            path = stack.enter_context(store.local(sync, each.name))
            if path is not None:
                check_seal(
                    path,
                    each.seal,
                    "Restore the file, or move it away: then older values may go over newer ones once.",
                )
                found.append(path)
        yield found


def forget_orders(store: Store, sync: str, generation: int) -> None:
    """Delete the files of a generation and of those before it: the ids table that counts says what they say."""
    for each in _kept(store, sync):
        if each.generation <= generation:
            store.files.delete((*folders_of(sync), each.name))


def _kept(store: Store, sync: str) -> list[_Kept]:
    found = (_NAME.fullmatch(each) for each in store.files.names(folders_of(sync)))
    return [_Kept(each[0], int(each[1]), each[2] or "") for each in found if each is not None]
