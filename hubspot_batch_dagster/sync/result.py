"""The result of a run: what became of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.table.parquet import read_parquet, stored_batches


@dataclass(frozen=True)
class SyncResult:
    """What became of the rows of one run.

    Attributes:
        name: The sync: whose ids table and journal were used.
        run: Id of the run.
        rows: Rows that came in, and known records whose rows left the source and were archived.
        counts: Outcome -> rows. The seven outcomes are always there, and their sum is ``rows``.
        reasons: Error code -> rejected rows.
        requests: Requests made, retries and reads included.
        retries: Requests that were sent again.
        seconds: Wall time.
        ids_path: The ids table of this run, one line for each row, as a Parquet file.
        rejected_path: The rejected rows with their reasons, as a Parquet file.
        stopped: Why the run ended before all rows were sent, or ``None``.
        associations_path: The associations that the rows want, with the outcome of each, as a Parquet file;
            ``None`` where the operation has none.
        association_counts: Outcome -> associations: ``associated``, ``unchanged``, ``unresolved`` (there is
            no record with that key yet), ``rejected``, ``unknown`` and ``unsent``. Their sum is what was
            wanted.
        dissociated: Associations that ``replace=True`` removed.
        omitted_path: The cells that were left out or cleared because of ``on_invalid``, as a Parquet file;
            ``None`` where there are none.
        cells_omitted: ``"column: CODE"`` -> cells that were left out or cleared. Their rows count as what
            became of them.
        store: Id of the store that was used.
        generation: The run of the sync that wrote the ids table, as the store counts them: this one, or an
            earlier one where nothing moved.
        waiting: Rejected rows whose reason may pass (another record is in the way, or one is missing), and
            which this run did not look at again: a run spends 2 % of its requests on them, the oldest first.
        compared_in_warehouse: Rows that a :class:`Warehouse` found unchanged itself and that were not moved:
            they count as ``unchanged``, and have no line in the tables of the run. ``None`` where the rows
            were given as rows.
        changed_since: The moment from which a :class:`ChangedSince` was read: other rows were not looked at.
            ``None`` where all rows were read.

    Examples:
        >>> import tempfile
        >>> from hubspot_batch_dagster import HubSpotResource, SyncResult, Upsert
        >>> from hubspot_batch_dagster.emulator import Emulator
        >>> store = tempfile.TemporaryDirectory()
        >>> rows = [{"email": "ada@example.com"}, {"email": None}]
        >>> operation = Upsert("contacts", id_property="email")
        >>> with Emulator() as emulator:
        ...     account = {"access_token": emulator.token, "base_url": emulator.url}
        ...     with HubSpotResource(store=store.name, **account).open() as hubspot:
        ...         result: SyncResult = hubspot.sync(rows, operation, name="people")
        >>> {outcome: n for outcome, n in result.counts.items() if n}
        {'created': 1, 'rejected': 1}
        >>> result.rejected["error_code"].to_pylist()
        ['MISSING_KEY']
        >>> store.cleanup()
    """

    name: str
    run: str
    rows: int
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    requests: int
    retries: int
    seconds: float
    ids_path: str
    rejected_path: str
    stopped: HubSpotError | None = None
    associations_path: str | None = None
    association_counts: Mapping[str, int] = field(default_factory=dict)
    dissociated: int = 0
    omitted_path: str | None = None
    cells_omitted: Mapping[str, int] = field(default_factory=dict)
    store: str = ""
    generation: int = 0
    waiting: int = 0
    compared_in_warehouse: int | None = None
    changed_since: str | None = None

    @property
    def ids(self) -> pa.Table:
        """The ids table, read from its file: key columns, ``hs_object_id`` (text), ``outcome``,
        ``synced_at``, and for what failed ``error_category``, ``error_code``, ``error_property``,
        ``error_message``, ``correlation_id``.

        A row that failed has no ``hs_object_id`` unless an earlier run made its record.
        """
        return _table(self.ids_path)

    def ids_stream(self) -> pa.RecordBatchReader:
        """Return the same, batch by batch: for a table that should not be in memory as a whole. Each call
        reads the file anew.
        """
        import fsspec

        opened = fsspec.open(self.ids_path, "rb").open() if "://" in self.ids_path else self.ids_path
        file = pq.ParquetFile(opened, pre_buffer=False)  # else all that was read stays in memory
        return pa.RecordBatchReader.from_batches(file.schema_arrow, stored_batches(file))

    @property
    def unresolved(self) -> int:
        """Associations whose key has no record yet. They are looked for in every run."""
        return self.association_counts.get("unresolved", 0)

    @property
    def associations(self) -> pa.Table:
        """One line for each association that the rows want, read from its file: key columns of the row,
        ``to``, ``label``, ``target_key``, ``target_id``, ``outcome``, and for what is open ``error_code`` and
        ``reason``.

        Without associations it has no lines.
        """
        if self.associations_path is None:
            return pa.table({name: pa.array([], pa.string()) for name in _ASSOCIATION_COLUMNS})
        return _table(self.associations_path)

    @property
    def omitted(self) -> pa.Table:
        """The cells that were left out or cleared, read from their file: position of the row, key columns,
        ``column``, ``error_property``, ``error_code`` and ``error_message``. Without such cells it has no
        lines.
        """
        if self.omitted_path is None:
            return pa.table({name: pa.array([], pa.string()) for name in _OMITTED_COLUMNS})
        return _table(self.omitted_path)

    @property
    def rejected(self) -> pa.Table:
        """The rejected rows, read from their file: position in the table, key columns, column and reason."""
        return _table(self.rejected_path)

    def raise_for_failures(self) -> None:
        """Raise unless every row is created, updated, archived or unchanged.

        Raises:
            HubSpotError: What stopped the run, else how many rows failed and the commonest reasons.
        """
        if self.stopped is not None:
            raise self.stopped
        failed = {name: self.counts[name] for name in ("rejected", "unknown", "unsent") if self.counts[name]}
        if failed:
            said = ", ".join(f"{n} {name}" for name, n in failed.items())
            most = ", ".join(
                f"{code} ({n})" for code, n in sorted(self.reasons.items(), key=lambda each: -each[1])[:5]
            )
            raise HubSpotError(
                f"{self.name}: of {self.rows} rows {said}." + (f" Reasons: {most}." if most else ""),
                remedy=f"The rejected rows and their reasons are in {self.rejected_path}.",
            )


_OMITTED_COLUMNS = ("row", "column", "error_property", "error_code", "error_message")
_ASSOCIATION_COLUMNS = ("to", "label", "target_key", "target_id", "outcome", "error_code", "reason")


def _table(path: str) -> pa.Table:
    if "://" not in path:
        return read_parquet(path)
    import fsspec

    with fsspec.open(path, "rb") as file:
        return read_parquet(file)
