"""What a user's function may be and may give back: the signature behind it, and the rows in what it
returned.
"""

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.base import Operation

if TYPE_CHECKING:
    import pyarrow as pa


_NO_ROWS = (
    dg.MaterializeResult,
    dg.Output,
    dg.DynamicOutput,
    dg.ObserveResult,
    dg.AssetCheckResult,
    dg.AssetMaterialization,
    dg.AssetObservation,
    dg.ExpectationResult,
)
"""What else a function may give Dagster; some are tuples, which would be read as rows."""


@dataclass
class Returned:
    """What a function gave back.

    Attributes:
        rows: The rows.
        metadata: What it says of them, for the materialization.
        checks: Results of checks of its own; those of a generator come while its rows are read.
        more: What else it says of the materialization: its data version, its tags.
    """

    rows: object
    metadata: Mapping[str, Any] = field(default_factory=dict)
    checks: list[dg.AssetCheckResult] = field(default_factory=list)
    more: Mapping[str, Any] = field(default_factory=dict)

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
            more = {"data_version": value.data_version, "tags": value.tags}
            return cls(_flat(value.value), value.metadata or {}, list(value.check_results or ()), more)
        if isinstance(value, dg.Output):
            return cls(_flat(value.value), value.metadata, more={"data_version": value.data_version})
        if isinstance(value, _NO_ROWS):
            raise InputError(
                f"The function returned {type(value).__name__}, and so no rows.",
                remedy="Return the rows; the asset reports its materialization itself.",
            )
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
            elif isinstance(each, _NO_ROWS):
                raise InputError(
                    f"The generator yielded {type(each).__name__} between its rows.",
                    remedy="Yield rows or frames, and AssetCheckResults; "
                    "the asset reports its materialization itself.",
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


def limit_of(context: Any, returned: Returned, config: Any, operation: Operation) -> dict[str, int]:
    """Leave only the first rows where the run config asks for a trial; returns what to say of it in the
    metadata.

    Raises:
        InputError: The operation archives what left the source: the rows that are left out would seem gone.
    """
    most = getattr(config, "limit_rows", None)
    if most is None:
        return {}
    if operation.archives_gone:
        raise InputError(
            "limit_rows cannot be used with when_gone='archive': the rows that are left out would seem gone.",
            remedy="Look with dry_run, or leave limit_rows out.",
        )
    returned.rows = first_rows(returned.rows, most)
    context.log.warning(f"A trial: only the first {most:,} rows are looked at (limit_rows).")
    return {"limit_rows": most}


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the parameters that Dagster fills, with annotations as types.

    Text annotations (``from __future__ import annotations``) are resolved; what a ``functools.partial`` has
    set is left out.

    Raises:
        InputError: It is no function that returns rows, or has parameters that Dagster cannot fill.
    """
    plain = plain_function(function)
    if isinstance(plain, dg.AssetsDefinition | dg.AssetSpec | dg.OpDefinition | dg.GraphDefinition):
        raise InputError(
            f"What is decorated is no function any more, Dagster has made a {type(plain).__name__} of it.",
            remedy="Put the decorator in the place of @dg.asset or @dg.op, over the function alone.",
        )
    if not callable(plain):
        raise InputError(f"{function!r} is no function.", remedy="Decorate a function that returns rows.")
    bound = set(function.keywords) if isinstance(function, functools.partial) else set()
    given = inspect.signature(function)
    for each in given.parameters.values():
        if each.kind is each.VAR_POSITIONAL:
            raise InputError(
                f"The function takes *{each.name}, and Dagster gives each input by its name.",
                remedy="Name each upstream asset and each resource as a parameter.",
            )
    parameters = [
        each.replace(
            annotation=_resolved(each.annotation, plain),
            kind=each.kind if each.kind is each.VAR_KEYWORD else each.POSITIONAL_OR_KEYWORD,
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
    function = inspect.unwrap(function)  # a decorated function's annotations are in its own module's words
    names = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    try:
        return eval(annotation, getattr(function, "__globals__", {}), dict(names))  # as inspect does it
    except Exception:  # a name that is known to type checkers alone
        return inspect.Parameter.empty


def _flat(value: object) -> object:
    """Return the frames of several partitions, one after the other.

    Raises:
        InputError: One of them is none.
    """
    if not isinstance(value, Mapping):
        return value
    if not value:
        return []  # an upstream asset of which no partition is there yet
    kept = {key: each for key, each in value.items() if _is_frame(each)}
    if not kept:
        return value
    for key in value.keys() - kept.keys():
        raise InputError(
            f"The value of {key!r} is {type(value[key]).__name__}, and no table.",
            remedy="Return a table or a list of dicts for each partition, or leave it out.",
        )
    return (row for each in value.values() for row in (each if isinstance(each, list) else [each]))


def _is_frame(value: object) -> bool:
    return hasattr(value, "__arrow_c_stream__") or (
        isinstance(value, list) and all(isinstance(row, Mapping) for row in value)
    )


def _awaited(value: Any) -> Any:
    """Wait for a coroutine, also where an event loop runs already."""

    async def wait() -> Any:
        return await value

    with ThreadPoolExecutor(1) as thread:
        return _outside_a_loop(thread, asyncio.run, wait())


def _outside_a_loop(thread: ThreadPoolExecutor, run: Callable[[Any], Any], step: Awaitable[Any]) -> Any:
    """Run a step here, or in the thread where an event loop runs already; only then is a thread started."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run(step)
    return thread.submit(run, step).result()


def _stepped(rows: AsyncGenerator[Any, Any]) -> Iterator[Any]:
    """Yield the rows of an async generator, also where an event loop runs already."""
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread:
        wait = functools.partial(_outside_a_loop, thread, loop.run_until_complete)
        try:
            while True:
                try:
                    yield wait(anext(rows))
                except StopAsyncIteration:
                    return
        finally:
            wait(rows.aclose())  # who reads only the first rows leaves it in the middle
            loop.close()
