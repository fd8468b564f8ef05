"""Tables that a store keeps, read as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.table.parquet import read_parquet


def kept_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of a store.

    Args:
        path: A file of this host.
        columns: Those to read; by default all.

    Raises:
        StoreError: It is damaged.
    """
    try:
        return read_parquet(path, columns)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from None


def kept_columns(path: Path) -> list[str]:
    """Return the names of its columns.

    Raises:
        StoreError: It is damaged.
    """
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def kept_metadata(path: Path) -> dict[bytes, bytes]:
    """Return what it says of itself.

    Raises:
        StoreError: It is damaged.
    """
    try:
        return dict(pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"The table {path} cannot be read: {error}.",
        remedy="Restore the file. Of an earlier run it is needed by rejected, ids and revert alone.",
    )
