"""Arrow types as the kernels know them: views, large types, dictionaries and known extensions unwrapped."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, cast

import pyarrow as pa

from hubspot_batch_dagster.table.check import UNSUPPORTED_TYPE
from hubspot_batch_dagster.table.halves import widened
from hubspot_batch_dagster.table.kernels import Array, cells, pc
from hubspot_batch_dagster.table.messages import cut
from hubspot_batch_dagster.table.mixed import (
    Fault,
    Part,
    Unreadable,
    is_mixed,
    is_unreadable,
    mixed,
    parts_of,
    unreadable,
)
from hubspot_batch_dagster.table.soundness import sound

_EXTENSION_NAME = b"ARROW:extension:name"
_NUMERALS = ("numeric", "decimal", "number", "bignum")
_DUCKDB_INTEGERS = {"hugeint": True, "uhugeint": False}
"""DuckDB's integers of 128 bits as opaque types, and whether they have a sign."""


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the plain type that columns of `kind` become: `string` for any text, `list` for any list, and so
    on.
    """
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _plain_extension(kind)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind) or types.is_fixed_size_binary(kind):
        return pa.binary()
    if types.is_float16(kind):
        return pa.float64()
    if types.is_date64(kind):
        return pa.date32()
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return pa.list_(plain_type(kind.value_type))
    return kind


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return `schema` with plain types and without metadata or promises about nulls."""
    return pa.schema([(field.name, _plain_field(field)) for field in schema])


def plain_batch(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """Return some columns of `batch` as plain types. Cells that break the promise of their type are
    unreadable.
    """
    columns = []
    for name in names:
        index = batch.schema.get_field_index(name)
        kind = _plain_field(batch.schema.field(index))
        array = batch.column(index)
        columns.append(sound(plain_array(array, kind)))
    return pa.RecordBatch.from_arrays(columns, names=names)


def _plain_field(field: pa.Field[Any]) -> pa.DataType:
    """Return the type of a field, and a name beside it for an extension that is not registered."""
    name = (field.metadata or {}).get(_EXTENSION_NAME)
    if name is not None and not isinstance(field.type, pa.BaseExtensionType):
        return Unreadable(name.decode())
    return plain_type(field.type)


def plain_array(array: Array, kind: pa.DataType) -> Array:
    """`array` as the plain type `kind`; the values are the same."""
    if array.type == kind and not is_mixed(kind):
        return array
    if isinstance(kind, Unreadable):
        return _unknown(array, kind)
    if isinstance(array.type, pa.BaseExtensionType):
        return _plain_extension_array(cast("pa.ExtensionArray[Any]", array), kind)
    if is_mixed(array.type):
        parts = [
            Part(sound(plain_array(part.cells, plain_type(part.cells.type))), part.places)
            for part in parts_of(array)
        ]
        return mixed(parts, len(array))
    if pa.types.is_run_end_encoded(array.type):
        return _decoded(cast("pa.RunEndEncodedArray[Any, Any]", array), kind)
    if pa.types.is_dictionary(array.type):
        return _looked_up(cast("pa.DictionaryArray[Any, Any]", array), kind)
    if pa.types.is_list(kind):
        return _plain_lists(array, kind)
    if pa.types.is_date32(kind):
        return _plain_dates(array)
    if pa.types.is_float16(array.type):
        return widened(array)
    # A slice keeps the offsets of the whole; copied first, only its own length counts against 2 GB.
    return pa.concat_arrays([array]).cast(kind)


def _plain_dates(array: Array) -> Array:
    """`date64` counts milliseconds; where they are no whole days, the cast would cut the time off."""
    millis = array.view(pa.int64())
    moments = millis.view(pa.timestamp("ms"))
    try:
        days = moments.cast(pa.date32())
    except pa.ArrowInvalid:  # more days than fit: as timestamps they cost their rows
        return moments
    return days if days.cast(pa.timestamp("ms")).equals(moments) else moments


def _decoded(array: pa.RunEndEncodedArray[Any, Any], kind: pa.DataType) -> Array:
    """Return the value of each run as often as it stands there; the kernel itself knows few types of
    values.
    """
    runs = pa.array(range(len(array.values)), pa.int64())
    numbers = (
        cast("Any", pa.RunEndEncodedArray).from_arrays(array.run_ends, runs).slice(array.offset, len(array))
    )
    places = pc.call_function("run_end_decode", [numbers])
    return plain_array(array.values, kind).take(places)


def _looked_up(array: pa.DictionaryArray[Any, Any], kind: pa.DataType) -> Array:
    values = array.dictionary
    if pa.types.is_string_view(values.type) or pa.types.is_binary_view(values.type):
        values = plain_array(values, kind)  # the kernels cannot take from views
    return plain_array(values.take(array.indices), kind)


def _plain_lists(array: Array, kind: pa.DataType) -> Array:
    """Return lists put together anew from plain elements: the casts between kinds of lists refuse some of
    them.
    """
    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int32())
    ends = pc.cumulative_sum_checked(lengths)  # beyond 2 ** 31 elements it raises, and the batch is halved
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    elements = plain_array(pc.list_flatten(array), cast("pa.ListType[pa.DataType]", kind).value_type)
    found: Any = cast("Any", pa.ListArray).from_arrays(offsets, elements, mask=array.is_null())
    return cast("Array", found)


def _plain_extension(kind: pa.BaseExtensionType) -> pa.DataType:
    """Extensions that are known to mean what can be sent; the storage of others may mean anything."""
    if isinstance(kind, Unreadable):
        return kind
    name = kind.extension_name
    if name == "arrow.uuid":
        return pa.string()
    if name == "arrow.bool8":
        return pa.bool_()
    if name == "arrow.json" or (name == "arrow.opaque" and _is_numeral(kind)):
        return pa.string()
    return Unreadable(_named(kind))


def _named(kind: pa.BaseExtensionType) -> str:
    return str(kind) if kind.extension_name == "arrow.opaque" else kind.extension_name


def _is_numeral(kind: Any) -> bool:
    """Whether an opaque type is another system's number, in text or as one of DuckDB's long integers."""
    if kind.vendor_name == "DuckDB" and kind.type_name in _DUCKDB_INTEGERS:
        return bool(pa.types.is_fixed_size_binary(kind.storage_type))
    text = pa.types.is_string(kind.storage_type) or pa.types.is_large_string(kind.storage_type)
    return bool(kind.type_name.lower() in _NUMERALS and (text or pa.types.is_string_view(kind.storage_type)))


def _plain_extension_array(array: pa.ExtensionArray[Any], kind: pa.DataType) -> Array:
    storage, name = array.storage, array.type.extension_name
    if name == "arrow.uuid":
        return _texts(storage, lambda raw: str(uuid.UUID(bytes=raw)))
    if name == "arrow.bool8":
        return plain_array(pc.not_equal(storage, 0), kind)
    if name == "arrow.opaque" and pa.types.is_fixed_size_binary(storage.type):
        signed = _DUCKDB_INTEGERS[cast("Any", array.type).type_name]
        return _texts(storage, lambda raw: str(int.from_bytes(raw, "little", signed=signed)))
    return plain_array(storage, kind)


def _texts(storage: Array, read: Callable[[Any], str]) -> Array:
    return pa.array([None if raw is None else read(raw) for raw in cells(storage)], pa.string())


def _unknown(array: Array, kind: Unreadable) -> Array:
    """Cells of an extension type that is not known to mean what can be sent."""
    empty = cells(array.is_null())
    faults = [
        None if each else Fault(UNSUPPORTED_TYPE, _told(array, at, kind)) for at, each in enumerate(empty)
    ]
    return unreadable(faults, kind.of)


def _told(array: Array, at: int, kind: Unreadable) -> str:
    if not isinstance(array.type, pa.ExtensionType):
        return f"A value of the Arrow extension type {kind.of} {UNSUPPORTED_TYPE.meaning}."
    value = cut(str(array[at].as_py()))
    return f"{value}, of the Arrow extension type {kind.of}, {UNSUPPORTED_TYPE.meaning}."


def types_in(kind: pa.DataType) -> list[pa.DataType]:
    """Return the types that the readable cells of a column have: several where it is mixed, none where there
    are no such cells.
    """
    if not is_mixed(kind):
        return [kind]
    found: dict[str, pa.DataType] = {}
    for field in cast("Any", kind):
        each = plain_type(field.type)
        if not pa.types.is_null(each) and not is_unreadable(each):
            found[str(each)] = each
    return list(found.values())


def single_type(kind: pa.DataType) -> pa.DataType:
    """Return the one type that a mixed column's readable cells have, or text where they have several."""
    found = types_in(kind)
    return found[0] if len(found) == 1 else pa.string()
