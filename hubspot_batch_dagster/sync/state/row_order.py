"""How new the rows are that a run is about to send: kept beside the journal until an ids table says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from hubspot_batch_dagster.sync.batches.seals import check_seal, seal_of
from hubspot_batch_dagster.sync.state.kept_once import ORDER
from hubspot_batch_dagster.sync.state.names import folders_of
from hubspot_batch_dagster.sync.state.store import Store


class _Kept(NamedTuple):
    name: str
    seal: str


def put_order(store: Store, sync: str, generation: int, written: Path) -> None:
    """Keep a file of a generation, before any of its rows is sent."""
    store.put(sync, written, f"in_progress.order-{generation}-{seal_of(written)}.parquet")


@contextmanager
def kept_orders(store: Store, sync: str) -> Iterator[list[Path]]:
    """Yield the files of runs that did not come to their end, as local ones.

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


def _kept(store: Store, sync: str) -> list[_Kept]:
    found = (ORDER.fullmatch(each) for each in store.files.names(folders_of(sync)))
    return [_Kept(each[0], each[2] or "") for each in found if each is not None]
