"""Rows against a user's own pydantic model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hubspot_batch_dagster.table.check import MODEL, Problem
from hubspot_batch_dagster.table.kernels import Array, cells, nan_to_null
from hubspot_batch_dagster.table.messages import NO_PYTHON_VALUE, quoted, written

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails


def check_with_model(model: type[BaseModel], batch: pa.RecordBatch) -> list[tuple[str | None, Problem]]:
    """Validate each row, as a dict of the table's own columns, with a pydantic model.

    The model only checks: what it would convert or fill in is not sent. NaN is None, as everywhere.

    Returns:
        For each column that model errors name (None for errors about the whole row): its rows.
    """
    from pydantic import ValidationError

    found: dict[str | None, dict[int, str]] = {}
    for at, row in enumerate(_python_rows(batch)):
        try:
            model.model_validate(row)
        except ValidationError as error:
            for each in error.errors(include_url=False, include_context=False):
                column = str(each["loc"][0]) if each["loc"] else None
                told = found.setdefault(column, {})
                message = _message(each, column in row)
                told[at] = f"{told[at]} {message}" if at in told else message
    return [
        (column, Problem(_mask_of(messages, batch.num_rows), MODEL, messages.__getitem__))
        for column, messages in found.items()
    ]


def _message(error: ErrorDetails, is_column: bool) -> str:
    value = f"{quoted(str(error['input']))}: " if is_column else ""
    return f"{value}{error['msg']}."


def _mask_of(positions: dict[int, str], rows: int) -> Array:
    return pa.array([at in positions for at in range(rows)], pa.bool_())


def _python_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    columns = [_python_values(column) for column in batch.columns]
    return [dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True)]


def _python_values(column: Array) -> list[Any]:
    """Return the values of a column; text instead of those that Python has no value for, such as the year
    10000.
    """
    if pa.types.is_floating(column.type):
        column = nan_to_null(column)
    try:
        return cells(column)
    except NO_PYTHON_VALUE:
        return [_python_value(column, at) for at in range(len(column))]


def _python_value(column: Array, at: int) -> Any:
    try:
        return column[at].as_py()
    except NO_PYTHON_VALUE:
        return written(column, at)
