"""How new the rows are that a run is about to send: kept beside the journal until an ids table says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hubspot_batch_dagster.sync.state.names import folders_of
from hubspot_batch_dagster.sync.state.store import Store

_NAME = "in_progress.order-{}.parquet"


def put_order(store: Store, sync: str, generation: int, written: Path) -> None:
    """Keep a file of a generation, before any of its rows is sent."""
    store.put(sync, written, _NAME.format(generation))


@contextmanager
def kept_orders(store: Store, sync: str) -> Iterator[list[Path]]:
    """The files of runs that did not come to their end, as local ones."""
    with ExitStack() as stack:
        found = [
            stack.enter_context(store.local(sync, _NAME.format(each)))
            for each in store.files.numbered(folders_of(sync), _NAME)
        ]
        yield [each for each in found if each is not None]


def forget_orders(store: Store, sync: str, generation: int) -> None:
    """Delete the files of a generation and of those before it: the ids table that counts says what they say."""
    for each in store.files.numbered(folders_of(sync), _NAME):
        if each <= generation:
            store.files.delete((*folders_of(sync), _NAME.format(each)))
