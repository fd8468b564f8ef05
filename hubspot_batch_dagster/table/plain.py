"""Arrow types as the kernels know them: views, large types, dictionaries and extensions unwrapped."""

from __future__ import annotations

import uuid
from typing import Any, cast

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import Array, pc

_UUID_BYTES = 16


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The plain type that columns of `kind` become: `string` for any text, `list` for any list, and so on."""
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
        return pa.float32()
    if types.is_date64(kind):
        return pa.date32()
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return pa.list_(plain_type(kind.value_type))
    return kind


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` with plain types and without metadata or promises about nulls."""
    return pa.schema([(field.name, plain_type(field.type)) for field in schema])


def plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of `batch` cast to the plain `schema`, which names each of them once."""
    columns = [
        plain_array(batch.column(batch.schema.get_field_index(field.name)), field.type) for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def plain_array(array: Array, kind: pa.DataType) -> Array:
    """`array` as the plain type `kind`; the values are the same."""
    if array.type == kind:
        return array
    if isinstance(array.type, pa.BaseExtensionType):
        return _plain_extension_array(cast("pa.ExtensionArray[Any]", array), kind)
    if pa.types.is_run_end_encoded(array.type):
        return plain_array(pc.call_function("run_end_decode", [array]), kind)
    if pa.types.is_dictionary(array.type):
        return _looked_up(cast("pa.DictionaryArray[Any, Any]", array), kind)
    if pa.types.is_list(kind):
        return _plain_lists(array, kind)
    # A slice keeps the offsets of the whole; copied first, only its own length counts against 2 GB.
    return pa.concat_arrays([array]).cast(kind)


def _looked_up(array: pa.DictionaryArray[Any, Any], kind: pa.DataType) -> Array:
    values = array.dictionary
    if pa.types.is_string_view(values.type) or pa.types.is_binary_view(values.type):
        values = plain_array(values, kind)  # the kernels cannot take from views
    return plain_array(values.take(array.indices), kind)


def _plain_lists(array: Array, kind: pa.DataType) -> Array:
    """Lists put together anew from plain elements: the casts between kinds of lists refuse some of them."""
    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    elements = plain_array(pc.list_flatten(array), cast("pa.ListType[pa.DataType]", kind).value_type)
    return cast("Array", pa.ListArray.from_arrays(offsets, elements, mask=array.is_null()))  # type: ignore[call-overload]


def _plain_extension(kind: pa.BaseExtensionType) -> pa.DataType:
    if _is_uuid(kind):
        return pa.string()
    if kind.extension_name == "arrow.bool8":
        return pa.bool_()
    return plain_type(kind.storage_type)


def _plain_extension_array(array: pa.ExtensionArray[Any], kind: pa.DataType) -> Array:
    storage = array.storage
    if _is_uuid(array.type):
        texts = [None if raw is None else str(uuid.UUID(bytes=raw)) for raw in storage.to_pylist()]
        return pa.array(texts, pa.string())
    return plain_array(storage, kind)


def _is_uuid(kind: pa.BaseExtensionType) -> bool:
    storage = kind.storage_type
    return bool(
        kind.extension_name == "arrow.uuid"
        and pa.types.is_fixed_size_binary(storage)
        and storage.byte_width == _UUID_BYTES
    )
