"""The ids table as the state of a sync: what is known of each row key.

One Parquet file for a sync, one line for each key that HubSpot ever gave a verdict on. This module knows the
file and what it says of itself; :mod:`hubspot_batch_dagster.sync.staging.known_rows` makes tables of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.sync.batches.seals import sealed_json, unbroken
from hubspot_batch_dagster.sync.batches.verdict import ERROR_COLUMNS
from hubspot_batch_dagster.sync.state.identity import Identity, SameType, other_type

FORMAT = 2
"""2: key texts of one meaning are one (7 and 7.0), and the file says which portal, store, sync and generation
it is of.
"""
POINTER_FORMAT = 3
"""Of a file without lines that says where in a warehouse the ids table is: versions that do not know of it
must not take it for an empty one.
"""

META = b"hubspot_batch_dagster"
IN_PROGRESS = "in_progress.first-{}.parquet"
"""An ids table without lines: what the keys of a first run are that has not come to its end; with the
generation of the run.
"""

FORMERLY_IN_PROGRESS = ("in_progress.parquet", "begun.parquet")
"""Its names in stores of earlier versions; still read."""

RESERVED = ("hs_object_id", "outcome", "synced_at", *ERROR_COLUMNS)
"""The columns that stand beside the key columns, under these names, in every ids table."""


def check_key_names(columns: Iterable[str], *, record_id: str | None) -> None:
    """Refuse key columns that have the name of one of our own, or of each other. Files and DuckDB do not tell
    capitals apart.

    Raises:
        InputError: With the name and what to do.
    """
    seen: set[str] = set()
    for name in columns:
        folded, is_id = name.lower(), name == record_id == "hs_object_id"
        if folded in seen or (folded in RESERVED and not is_id) or name.startswith("_"):
            whose = "another key column" if folded in seen else "a column of the ids table"
            raise InputError(
                f"The key column {name!r} has the name of {whose}.",
                column=name,
                remedy="Rename it in the table that you return.",
            )
        seen.add(folded)


def write_in_progress(path: Path, identity: Identity) -> None:
    """Write an ids table without lines."""
    schema = pa.schema([("_key", pa.string())], metadata={META: metadata_of(identity, 0).encode()})
    pq.write_table(schema.empty_table(), path)


def write_pointer(path: Path, identity: Identity, generation: int, table: str) -> None:
    """Write a file without lines that stands for an ids table in a warehouse.

    Args:
        path: Where.
        identity: What the table is about.
        generation: The run that wrote it.
        table: Its name there.
    """
    said = about(identity, generation) | {"format": POINTER_FORMAT, "warehouse": table}
    schema = pa.schema([("_key", pa.string())], metadata={META: sealed_json(said).encode()})
    pq.write_table(schema.empty_table(), path)


def about(identity: Identity, generation: int) -> dict[str, Any]:
    """Return what an ids table says of itself."""
    said: dict[str, Any] = json.loads(json.dumps(asdict(identity)))
    return {"format": FORMAT, "generation": generation, **said}


def metadata_of(identity: Identity, generation: int) -> str:
    """Return the same, as it is written into the file."""
    return sealed_json(about(identity, generation))


def portal_of(table: Any) -> int | None:
    """Return the account that an ids table in memory is about; ``None`` for anything else, and where it does
    not say so.
    """
    metadata = getattr(getattr(table, "schema", None), "metadata", None)
    said = metadata.get(META) if isinstance(metadata, Mapping) else None
    try:
        portal = json.loads(said).get("portal") if said is not None else None
        return int(portal) if portal is not None else None
    except (ValueError, AttributeError, TypeError):
        return None


def portal_in(definitions: bytes) -> int | None:
    """Return the account that the definitions beside an ids table are of; ``None`` where they do not say
    so.
    """
    try:
        portal = json.loads(definitions)["portal"]
        return None if portal is None else int(portal)
    except (ValueError, KeyError, TypeError):
        return None


def unreadable(path: Path, error: Exception) -> StoreError:
    """Return the error for a file that is damaged."""
    return StoreError(
        f"The ids table {path} cannot be read: {error}.",
        remedy=(
            "Restore the file, or move it away and run with adopt_existing=True: the ids are read from the"
            " portal."
        ),
    )


def described(path: Path, file: Any = None) -> dict[str, Any]:
    """Return what an ids table says of itself: format, key columns, object type.

    Raises:
        StoreError: It cannot be read, is none of ours, or was written by a newer version.
    """
    try:
        said = (pq.read_metadata(file or path).metadata or {}).get(META, b"{}")
        found: dict[str, Any] = json.loads(unbroken(said))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if not isinstance(found, dict):
        raise unreadable(path, ValueError("it does not say what it is"))
    if found.get("format", 0) > POINTER_FORMAT:
        raise StoreError(
            f"The ids table {path} was written by a newer version (format {found['format']}, this one reads"
            f" {POINTER_FORMAT}).",
            remedy="Upgrade hubspot-batch-dagster, or give this deployment a store of its own.",
        )
    if "key" not in found or "object_type" not in found:
        raise StoreError(
            f"The file {path} is not an ids table of this package.",
            remedy="Move it away, or give the resource another store=.",
        )
    return found


def generation_in(file: Any) -> int:
    """Return the generation that wrote a table; 0 for one of the first version, or one that cannot be
    read.
    """
    try:
        found = json.loads(unbroken((pq.read_metadata(file).metadata or {}).get(META, b"{}")))
        return int(found.get("generation", 0))
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError):
        return 0


def check(path: Path, key_columns: tuple[str, ...], object_type: str, same: SameType) -> None:
    """Refuse an ids table that is not of this key and this object type.

    Raises:
        StoreError: It cannot be read, or was written by a newer version.
        InputError: With both keys or object types.
    """
    found = described(path)
    if tuple(found["key"]) != key_columns:
        raise InputError(
            f"The ids table of this sync has the key {found['key']}, and the operation has"
            f" {list(key_columns)}.",
            remedy="Keep the key, or give the sync another name: its rows would not be recognised.",
        )
    if not same(found["object_type"], object_type):
        raise InputError(
            f"The ids table of this sync holds {found['object_type']}, and the operation is about"
            f" {object_type}.",
            remedy=other_type(found["object_type"]),
        )
