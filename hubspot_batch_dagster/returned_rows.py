"""What a user's function may be and may give back: the signature behind it, and the rows in what it
returned.
"""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Returned:
    """What a function gave back.

    Attributes:
        rows: The rows.
        metadata: What it says of them, for the materialization.
        checks: Results of checks of its own; those of a generator come while its rows are read.
    """

    rows: object
    metadata: Mapping[str, Any] = field(default_factory=dict)
    checks: list[dg.AssetCheckResult] = field(default_factory=list)

    @classmethod
    def of(cls, value: object) -> "Returned":
        """Find the rows in what a function returned.

        Raises:
            InputError: It is a result of Dagster's without a value.
        """
        if inspect.isawaitable(value):
            value = _awaited(value)
        if isinstance(value, dg.MaterializeResult):
            if value.value is None or value.value is dg.MaterializeResult().value:
                raise InputError(
                    "The function returned a MaterializeResult without a value, and so no rows.",
                    remedy="Return the rows, or MaterializeResult(value=rows, metadata=...).",
                )
            return cls(_flat(value.value), value.metadata or {}, list(value.check_results or ()))
        if isinstance(value, dg.Output):
            return cls(_flat(value.value), value.metadata)
        found = cls(_flat(value))
        if inspect.isasyncgen(value):
            found.rows = found._apart(_stepped(value))
        elif inspect.isgenerator(value):
            found.rows = found._apart(value)
        return found

    def _apart(self, rows: Iterator[Any]) -> Iterator[Any]:
        """Yield the rows of a generator; the results of its own checks, which come between them, are kept."""
        for each in rows:
            if isinstance(each, dg.AssetCheckResult):
                self.checks.append(each)
            elif isinstance(each, dg.MaterializeResult | dg.Output | dg.AssetMaterialization):
                raise InputError(
                    f"The generator yielded a {type(each).__name__} between its rows.",
                    remedy=(
                        "Yield rows or frames, and AssetCheckResults; the asset reports its materialization"
                        " itself."
                    ),
                )
            else:
                yield each


def first_rows(rows: object, most: int) -> object:
    """Return the first so many rows of whatever holds rows.

    Raises:
        InputError: ``most`` is no number of rows.
    """
    from hubspot_batch_dagster.sync.changed_since import ChangedSince
    from hubspot_batch_dagster.sync.column_mapping import as_input_error
    from hubspot_batch_dagster.sync.warehouse.warehouse_query import Warehouse
    from hubspot_batch_dagster.table.rows import RowStream, record_batches

    if isinstance(rows, Warehouse):
        raise InputError(
            "limit_rows does not go with rows that are compared in their warehouse.",
            remedy="Leave it out, or return some rows as a table of their own under another name.",
        )
    if isinstance(rows, ChangedSince):
        rows = rows.read(None)  # as plain rows: a trial must not move the cursor
    if most < 1:
        raise InputError(f"limit_rows is {most}.", remedy="Give a number of rows from 1 up, or leave it out.")

    with as_input_error():
        stream = record_batches(rows)

    def limited() -> "Iterator[pa.RecordBatch]":
        left = most
        for batch in stream:
            yield batch.slice(0, min(left, batch.num_rows))
            left -= min(left, batch.num_rows)
            if not left:
                return

    return RowStream(
        stream.schema, limited()
    )  # a reader of Arrow's would hold later batches to the types of the first


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the parameters that Dagster fills, with annotations as types.

    Text annotations (``from __future__ import annotations``) are resolved; what a ``functools.partial`` has
    set is left out.
    """
    plain = plain_function(function)
    bound = set(function.keywords) if isinstance(function, functools.partial) else set()
    given = inspect.signature(function)
    parameters = [
        each.replace(
            annotation=_resolved(each.annotation, plain), kind=inspect.Parameter.POSITIONAL_OR_KEYWORD
        )
        for name, each in given.parameters.items()
        if name not in bound
    ]
    return inspect.Signature(parameters, return_annotation=_resolved(given.return_annotation, plain))


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function itself, which has a name and a docstring."""
    return plain_function(function.func) if isinstance(function, functools.partial) else function


def _resolved(annotation: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    names = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    try:
        return eval(annotation, getattr(function, "__globals__", {}), dict(names))  # as inspect does it
    except Exception:  # a name that is known to type checkers alone
        return inspect.Parameter.empty


def _flat(value: object) -> object:
    """Return the frames of several partitions, one after the other."""
    if not isinstance(value, Mapping) or not value:
        return value
    frames = list(value.values())
    whole = all(
        hasattr(each, "__arrow_c_stream__")
        or (isinstance(each, list) and all(isinstance(row, Mapping) for row in each))
        for each in frames
    )
    return (
        (row for each in frames for row in (each if isinstance(each, list) else [each])) if whole else value
    )


def _awaited(value: Any) -> Any:
    """Wait for a coroutine, also where an event loop runs already."""

    async def wait() -> Any:
        return await value

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, wait()).result()


def _stepped(rows: AsyncIterator[Any]) -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    try:
        while True:
            try:
                yield loop.run_until_complete(anext(rows))
            except StopAsyncIteration:
                return
    finally:
        loop.close()
