"""Records read from HubSpot into an Arrow table, many requests at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pyarrow as pa

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.models import BatchAnswer, HistoricalValue, ObjectId, ReadRequest, Record
from hubspot_batch_dagster.sync.column_mapping import as_input_error
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.unique_values import UniqueProperty, owned_records
from hubspot_batch_dagster.table.check import INVALID_RECORD_ID
from hubspot_batch_dagster.table.kernels import Array, cells, pc
from hubspot_batch_dagster.table.keys import key_text, record_ids
from hubspot_batch_dagster.table.rows import record_batches

Missing = Literal["omit", "keep"]

_OWN = ("requested", "created_at", "updated_at", "archived")
_INSTANT = pa.timestamp("us", tz="UTC")
_FORMER = pa.list_(
    pa.struct(
        [
            ("value", pa.string()),
            ("timestamp", _INSTANT),
            ("source_type", pa.string()),
            ("source_id", pa.string()),
        ]
    )
)


def read_records(
    requester: Requester,
    object_type: str,
    ids: object,
    *,
    properties: Sequence[str],
    id_property: str | None = None,
    history: bool = False,
    missing: Missing = "omit",
) -> pa.Table:
    """Read records by id or by a unique property, 100 in a request (50 with history).

    Args:
        requester: The requests.
        object_type: What to read.
        ids: Record ids or values of ``id_property``: a list, an Arrow array, or a frame whose column is named
            ``hs_object_id`` or like ``id_property``, or whose only column it is. Nulls are left out, and what
            is named twice is read once.
        properties: What to bring back, as text.
        id_property: The unique property that ``ids`` are values of.
        history: Bring the former values back too.
        missing: What becomes of ids without a record: left out, or kept as lines with nothing but
            ``requested``.

    Returns:
        A line for each record, in the order of ``ids``: ``requested`` (the id asked for), ``hs_object_id``,
        the properties, ``created_at``, ``updated_at``, ``archived``, and with history for each property
        ``<name>_history``: a list of value, timestamp, source type and source id, the newest first.

    Raises:
        InputError: An id is none, or the object type cannot be read.
        HubSpotError: HubSpot refused, or did not answer.
    """
    if isinstance(properties, str):
        raise InputError(
            f"properties is a list, not the text {properties!r}.",
            remedy=f"Write properties=[{properties!r}].",
        )
    names = [each for each in dict.fromkeys(properties) if each != "hs_object_id"]
    taken = sorted(set(names) & set(_OWN))
    if taken:
        raise InputError(
            f"The properties {taken} have names of the table's own columns.", remedy="Read them with client."
        )
    where = requester.read_endpoint(object_type, history=history)
    unique = UniqueProperty.of(object_type, id_property)
    schema = _schema(names, history)

    def read(asked: list[str]) -> list[Record]:
        request = ReadRequest(
            inputs=[ObjectId(id=each) for each in asked],
            properties=list(dict.fromkeys([*names, *unique.read_with])),
            properties_with_history=names if history else [],
            id_property=id_property,
        )
        return requester.post(where, request.to_json(), BatchAnswer).results

    def lines(asked: list[str]) -> pa.RecordBatch:
        found = owned_records(unique, dict(enumerate(asked)), read)
        kept = [(each, found.get(i)) for i, each in enumerate(asked) if i in found or missing == "keep"]
        return _batch(kept, schema, names)

    wanted = _ids(ids, id_property)
    chunks = (cells(wanted.slice(at, where.max_inputs)) for at in range(0, len(wanted), where.max_inputs))
    return pa.Table.from_batches(list(in_parallel(lines, chunks)), schema)


def _ids(ids: object, id_property: str | None) -> Array:
    parts = [_text(column, id_property) for column in _columns(ids, id_property)]
    every = pa.chunked_array(parts, pa.string()).combine_chunks() if parts else pa.array([], pa.string())
    return pc.unique(pc.drop_null(every))


def _columns(ids: Any, id_property: str | None) -> Iterator[Array]:
    name = id_property or "hs_object_id"
    if isinstance(ids, pa.ChunkedArray):
        yield from ids.chunks
        return
    if isinstance(ids, pa.Array):
        yield ids
        return
    if hasattr(ids, "to_list") and not hasattr(ids, "columns"):
        ids = ids.to_list()  # a series
    if isinstance(ids, list | tuple | set | frozenset) and not any(isinstance(each, dict) for each in ids):
        yield _as_array(list(ids))
        return
    with as_input_error():
        batches = record_batches(ids)
        if len(batches.schema) == 0:
            return
        if name not in batches.schema.names and len(batches.schema) > 1:
            raise InputError(
                f"The table has no column {name!r}: {batches.schema.names}.",
                remedy="Give the column of ids alone, or name it so.",
            )
        place = max(batches.schema.get_field_index(name), 0)
        for batch in batches:
            yield batch.column(place)


def _as_array(ids: list[Any]) -> Array:
    found: Array = pa.array([None if each is None else str(each) for each in ids], pa.string())
    return found


def _text(column: Array, id_property: str | None) -> Array:
    text = record_ids(column, INVALID_RECORD_ID) if id_property is None else key_text(column, fold=False)
    for problem in text.problems:
        if problem.code.name != "MISSING_KEY":
            at = problem.positions()[0]
            raise InputError(problem.says(at), row=at, remedy=problem.code.remedy)
    return text.values


def _schema(names: Sequence[str], history: bool) -> pa.Schema:
    types: dict[str, pa.DataType] = {"requested": pa.string(), "hs_object_id": pa.string()}
    types |= dict.fromkeys(names, pa.string())
    types |= {"created_at": _INSTANT, "updated_at": _INSTANT, "archived": pa.bool_()}
    if history:
        types |= {f"{name}_history": _FORMER for name in names}
    return pa.schema(types)


def _batch(
    lines: Sequence[tuple[str, Record | None]], schema: pa.Schema, names: Sequence[str]
) -> pa.RecordBatch:
    nothing = Record()
    records = [record or nothing for _, record in lines]
    columns: dict[str, list[Any]] = {
        "requested": [asked for asked, _ in lines],
        "hs_object_id": [each.id or None for each in records],
        **{name: [each.properties.get(name) for each in records] for name in names},
        "created_at": [each.created_at for each in records],
        "updated_at": [each.updated_at for each in records],
        "archived": [each.archived for each in records],
    }
    for name in names:
        if f"{name}_history" in schema.names:
            columns[f"{name}_history"] = [
                None if each is nothing else _former(each.properties_with_history.get(name, []))
                for each in records
            ]
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], field.type) for field in schema], schema=schema
    )


def _former(values: Sequence[HistoricalValue]) -> list[dict[str, Any]]:
    return [
        {
            "value": each.value,
            "timestamp": each.timestamp,
            "source_type": each.source_type,
            "source_id": each.source_id,
        }
        for each in values
    ]
