"""What is known of each row key, as tables of a run: its ids table, and those of other syncs that it looks
keys up in.

A run reads its ids table as the view ``known``, overlaid with what the journal holds from a run that did not
come to its end, and writes it anew when it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.staging import staging_statements
from hubspot_batch_dagster.sync.staging.database import release_memory
from hubspot_batch_dagster.sync.staging.respelling import in_this_spelling
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import LIVE, literal, quoted
from hubspot_batch_dagster.sync.staging.stored_keys import exactly, from_text
from hubspot_batch_dagster.sync.state.identity import SameType
from hubspot_batch_dagster.sync.state.ids_table import META, RESERVED, described, unreadable
from hubspot_batch_dagster.table.parquet import stored_batches

_NEEDED = {"_key", "_digest", "_definition", *RESERVED}


def attach(
    stage: StagingArea,
    path: Path | None,
    recovered: Iterable[Outcomes],
    definition: str = "",
    order: Sequence[Path] = (),
    found: Iterable[Outcomes] = (),
) -> None:
    """Make the view ``known`` (key, keys, id, outcome, digest, …) in the stage's database.

    Args:
        stage: The stage of the run; its ``staged`` table has the types of the key columns.
        path: The ids table's file, or ``None`` before the first run.
        recovered: Outcomes that the file does not have yet, oldest first.
        definition: Hash of the operation under which they came about; empty if that is not known, and HubSpot
            is asked again about the rows that it refused.
        order: What :func:`write_order` wrote in runs that did not come to their end.
        found: What the portal was just found to have of the rows; newer than all else.
    """
    db = stage.db
    stage.make_outcome_table("recovered")
    stage.insert_outcomes("recovered", recovered)
    last = stage.count("SELECT coalesce(max(seq), -1) FROM recovered")
    stage.insert_outcomes("recovered", found)
    _check_order(stage, order)
    struct = stage.type_of_keys()
    if path is None:
        db.execute(
            f"CREATE VIEW base AS SELECT {staging_statements.COLUMNS} FROM ({_nothing(struct)}) WHERE false"
        )
    else:
        if stage.rows_in == 0:  # an empty source says nothing of the types
            struct = _types_of_keys(stage, path)
            for table in ("staged", "rejected"):
                db.execute(f"ALTER TABLE {table} ALTER COLUMN keys TYPE {struct} USING NULL::{struct}")
        keys = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in stage.key_columns)
        file = str(in_this_spelling(stage, path))
        packed = f"struct_pack({keys})"
        db.execute(
            staging_statements.view_of_base(
                file,
                keys=exactly(packed, struct, _type_in(stage, packed, file)),
                associations=_optional(path, "_associations"),
                former=_optional(path, "_former"),
                as_of=_optional(path, "_as_of"),
            )
        )
    stage.recovered = stage.count("SELECT count(*) FROM recovered") > 0
    if not stage.recovered:
        db.execute("CREATE VIEW known AS FROM base")
        return
    db.execute(
        staging_statements.table_of_known(
            keys_from_text=from_text(_types_of_columns(stage, struct), "f.key"),
            definition=definition,
            order=[str(each) for each in order],
            looked_at=f"f.seq > {last}",
        )
    )
    db.execute(staging_statements.FOLLOW_MERGED)
    # Two lines of one record were never held against each other: the one that stays is sent again. So is a
    # line whose record was merged into another one: it may be that of a line of which no answer tells. Of a
    # line that was just read it is known what its record has.
    db.execute(f"""UPDATE known SET digest = '' WHERE (id IN (
            SELECT id FROM known WHERE outcome IN {LIVE} GROUP BY id HAVING count(*) > 1)
        OR key IN (SELECT key FROM ({staging_statements.MOVED_BEFORE})))
        AND key NOT IN (SELECT key FROM recovered WHERE seq > {last})""")


def _check_order(stage: StagingArea, order: Sequence[Path]) -> None:
    """Read what killed runs said of how new their rows are: the table that is made of it cannot tell what was
    damaged.
    """
    import duckdb

    for each in order:
        try:  # of a maximum the file itself tells, and nothing would be read
            every = f"SELECT bit_xor(hash(key, digest, as_of)) FROM read_parquet({literal(str(each))})"
            stage.db.execute(every).fetchall()
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise StoreError(
                f"The file {each}, which says how new the rows are that a killed run sent, cannot be read:"
                f" {error}",
                remedy="Restore it. Or delete it: then an older partition may go over what that run sent.",
            ) from None


def check_key_types(
    stage: StagingArea, path: Path, before: Sequence[str], now: Sequence[str], sync: str
) -> None:
    """Refuse keys of another type of which none is known: all rows would be taken for new ones.

    Args:
        stage: The stage, with ``known``.
        path: The ids table.
        before: The types of the key columns in the run that wrote it; empty where they are not known.
        now: Their types in this run's table.
        sync: Name of the sync.

    Raises:
        InputError: With both types.
    """
    before = before or [str(pq.read_schema(path).field(name).type) for name in stage.key_columns]
    if not now or list(before) == list(now) or stage.rows_in == 0:
        return
    known = stage.count("SELECT count(*) FROM (FROM known WHERE id IS NOT NULL LIMIT 1)")
    staged = stage.count("SELECT count(*) FROM (FROM staged LIMIT 1)")
    if (
        known
        and staged
        and not stage.count("SELECT count(*) FROM (FROM staged JOIN known USING (key) LIMIT 1)")
    ):
        types = zip(stage.key_columns, before, now, strict=True)
        changed = {name: f"{name!r} was {old} and is {new}" for name, old, new in types if old != new}
        raise InputError(
            f"The key column {', '.join(changed.values())}, and none of the table's keys is known to the"
            f" sync {sync!r}: "
            "all rows would be taken for new ones. Nothing was sent.",
            column=next(iter(changed)),
            remedy=(
                "Cast the key to the type and the spelling that it had. If the rows are other ones, give the"
                " sync another name."
            ),
        )


def detach(stage: StagingArea) -> None:
    """Take the view ``known`` away, to attach it anew with what was found out since."""
    for name, kind in stage.db.execute(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_name IN ('known', 'base',"
        " 'recovered')"
    ).fetchall():
        stage.db.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} IF EXISTS {name} CASCADE")


def attach_other(stage: StagingArea, path: Path | None, sync: str, key_columns: tuple[str, ...]) -> None:
    """Make the view ``others`` (key, id) of another sync's ids table, to find record ids by its keys.

    Raises:
        InputError: That sync has no ids table, or one with another number of key columns.
    """
    if path is None:
        raise InputError(
            f"The sync {sync!r} has no ids table yet.", remedy="Run it first, or correct through=."
        )
    found = described(path)["key"]
    if len(found) != len(key_columns):
        raise InputError(
            f"The ids table of {sync!r} has the key {found}, and this operation gives {list(key_columns)}.",
            remedy="Give key= as many columns, in the same order.",
        )
    stage.db.execute(f"CREATE VIEW others AS {_living(stage, path)}")


def copy_ids(
    stage: StagingArea, path: Path | None, sync: str, object_type: str, table: str, same: SameType
) -> None:
    """Copy another sync's keys and record ids into a table (key, id) of the stage's database.

    Raises:
        InputError: That sync has no ids table, or one of another object type or of several key columns.
    """
    if path is None:
        raise InputError(
            f"The sync {sync!r} has no ids table yet.", remedy="Run it first, or correct through=."
        )
    found = described(path)
    if not same(found["object_type"], object_type):
        raise InputError(
            f"The ids table of {sync!r} holds {found['object_type']}, and the association is to"
            f" {object_type}.",
            remedy="Name the sync that made the records in through=.",
        )
    if len(found["key"]) != 1:
        raise InputError(
            f"The ids table of {sync!r} has the key {found['key']}, and a cell holds one value.",
            remedy=(
                "Join its ids table to your rows, and give the column with the record ids without through=."
            ),
        )
    stage.db.execute(f"CREATE TABLE {table} AS {_living(stage, path)}")


def _living(stage: StagingArea, path: Path) -> str:
    """Return the keys and record ids of an ids table, but for archived records, as SQL."""
    return f"""SELECT _key AS key, hs_object_id AS id
        FROM read_parquet({literal(str(in_this_spelling(stage, path)))})
        WHERE hs_object_id IS NOT NULL AND outcome <> 'archived'"""


def no_ids(stage: StagingArea, table: str) -> None:
    """Note that this sync has no ids table yet: the same without lines."""
    stage.db.execute(f"CREATE TABLE {table} (key VARCHAR, id VARCHAR)")


def write_order(stage: StagingArea, path: Path, part: str | None) -> bool:
    """Write how new each row is that is about to be sent: its value of the ``as_of`` column, or the part of
    the table it is of.

    A run that is killed leaves outcomes in the journal, and this beside them: what it wrote last is not taken
    for older than it is.

    Args:
        stage: The rows, planned.
        path: Where to write.
        part: The part of the table that the rows are, where no column says how new they are.

    Returns:
        Whether there is anything to say.
    """
    if part is None and not stage.has_order:
        return False
    stage.db.execute(staging_statements.file_of_order(str(path), _order(stage, "s", part)))
    return True


def _order(stage: StagingArea, table: str, part: str | None) -> str:
    if stage.has_order:
        return f"{table}.as_of"
    return "NULL::VARCHAR" if part is None else literal(part)


def write(stage: StagingArea, path: Path, metadata: str, definition: str, *, part: str | None = None) -> None:
    """Write the new ids table: the known lines, with those that this run moved in their place.

    A line whose record another key has now says that the two share it.

    Args:
        stage: The run, concluded.
        path: Where to write.
        metadata: What the table says of itself.
        definition: Hash of the operation.
        part: The part of the table that the rows are, where the parts have an order.
    """
    keys = ", ".join(
        f"keys.{quoted(name)} AS {quoted(name)}" for name in stage.key_columns if name != "hs_object_id"
    )
    kept = staging_statements.KEPT
    if stage.count("SELECT count(*) FROM (FROM known LIMIT 1)") == 0:
        kept = "FROM known"  # a first run: a join with nothing would still hash all that moved
    newer = _order(stage, "f", part)
    if part is not None or stage.has_order:
        kept = staging_statements.kept_as_newer(kept, newer)
    release_memory(stage.db)
    both = " UNION ALL ".join(
        f"SELECT {staging_statements.COLUMNS} FROM {name}" for name in ("kept", "moved")
    )
    stage.db.execute(
        staging_statements.file_of_ids(
            str(path),
            f"KV_METADATA {{{META.decode()}: {literal(metadata)}}}",
            keys=f"{keys}, " if keys else "",
            key_as_id=(
                f"keys.{quoted('hs_object_id')}::VARCHAR" if "hs_object_id" in stage.key_columns else "NULL"
            ),
            kept=kept,
            every=_with_associations(stage, both),
            newer=newer,
            definition=definition,
        )
    )


@contextmanager
def damage_explained(path: Path | None) -> Iterator[None]:
    """Where DuckDB fails because the ids table is damaged inside, or for want of memory, say so.

    Raises:
        StoreError: The file cannot be read to its end, or DuckDB has too little memory.
    """
    try:
        yield
    except Exception as error:
        import duckdb

        if isinstance(error, duckdb.OutOfMemoryException):
            raise StoreError(
                "The tables of this run do not fit into the memory that it may use.",
                remedy=(
                    "Raise memory= on the resource and run again. What was sent is in the journal, and"
                    " nothing is sent twice."
                ),
            ) from error
        if path is not None and isinstance(error, duckdb.Error):
            _read_through(path)
            lacking = sorted(_NEEDED - set(pq.read_schema(path).names))
            if lacking:
                raise unreadable(path, ValueError(f"it has no column {lacking[0]!r}")) from None
        raise


def _read_through(path: Path) -> None:
    try:
        for _ in stored_batches(pq.ParquetFile(path, pre_buffer=False)):
            pass
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from None


def _optional(path: Path, name: str) -> str:
    """Return a column that files of earlier formats do not have, as SQL: a row's hash of its associations,
    former record ids.
    """
    return name if name in pq.read_schema(path).names else "NULL::VARCHAR"


def _with_associations(stage: StagingArea, lines: str) -> str:
    """Lines with what this run found out of their associations."""
    if not stage.has_table("association_state"):
        return lines
    return f"""SELECT e.* REPLACE (CASE WHEN s.key IS NULL THEN e.associations ELSE s.digest
        END AS associations)
        FROM ({lines}) e LEFT JOIN association_state s USING (key)"""


def _nothing(struct: str) -> str:
    names = [name.strip() for name in staging_statements.COLUMNS.split(",")]
    empty = "".join(
        f", NULL::VARCHAR AS {name}" for name in names if name not in ("key", "keys", "synced_at")
    )
    return f"SELECT NULL::VARCHAR AS key, NULL::{struct} AS keys, NULL::TIMESTAMPTZ AS synced_at{empty}"


def _types_of_keys(stage: StagingArea, path: Path) -> str:
    """Return the key columns of an ids table as the type of a struct."""
    found = stage.db.execute(
        f"SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet({literal(str(path))}))"
    ).fetchall()
    types = dict(found)
    return f"STRUCT({', '.join(f'{quoted(name)} {types[name]}' for name in stage.key_columns)})"


def _type_in(stage: StagingArea, keys: str, file: str) -> str:
    """Return the type of the key columns that a file has."""
    query = f"SELECT column_type FROM (DESCRIBE SELECT {keys} AS keys FROM read_parquet({literal(file)}))"
    return str(stage.db.execute(query).fetchall()[0][0])


def _types_of_columns(stage: StagingArea, struct: str) -> dict[str, str]:
    """Return the key columns of a struct, with their types."""
    query = f"SELECT column_name, column_type FROM (DESCRIBE SELECT unnest(NULL::{struct}))"
    return dict(stage.db.execute(query).fetchall())
