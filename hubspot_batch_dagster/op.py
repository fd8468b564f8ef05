"""hubspot_op: the same as an op, for jobs without assets."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.api.arguments import checked
from hubspot_batch_dagster.checks import Tolerance
from hubspot_batch_dagster.execution import Sending, log_plan, log_result, no_retry, plan, run, step
from hubspot_batch_dagster.ids_value import IdsForm, check_ids, ids_form
from hubspot_batch_dagster.metadata import materialization_metadata
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.returned_rows import Returned, limit_of, plain_function, signature_of
from hubspot_batch_dagster.step_options import refuse_options

if TYPE_CHECKING:
    import pyarrow as pa


@checked
def hubspot_op(
    operation: Operation,
    *,
    sync: str | None = None,
    max_rejected: float = 0.05,
    max_unknown: float = 0,
    ids: IdsForm | None = None,
    resource: str = "hubspot",
    **op_options: Any,
) -> Callable[[Callable[..., Any]], dg.OpDefinition]:
    """Make an op of a function that returns rows: the rows go to HubSpot, the ids table is the op's output.

    Thin over :func:`dagster.op`. An op has no asset checks, so it fails where an asset would be red: when
    rows stay unsent, or more are rejected than ``max_rejected`` allows. What was done is in the ids table all
    the same.

    Args:
        operation: What to do with the rows.
        sync: Whose ids table and journal are used; by default the op's name.
        max_rejected: Rejected rows that do not fail the op: a number, or a share of the rows (default 5 %).
        max_unknown: The same for rows whose answer was lost and that HubSpot does not show (default none).
        ids: The form of the output, as for :func:`hubspot_asset`; with ``"none"`` it is ``Nothing``.
        resource: Key of the :class:`HubSpotResource`.
        **op_options: Passed to :func:`dagster.op`. By default ``pool="hubspot"``.

    Raises:
        InputError: The operation does not exist for the object type.

    Examples:
        >>> from hubspot_batch_dagster import Create, hubspot_op
        >>> @hubspot_op(Create("notes", key="note_id"))
        ... def send_notes(notes: list) -> list:
        ...     return notes
    """
    tolerance = Tolerance(max_rejected, max_unknown)
    check_ids(ids)
    refuse_options(op_options)

    def decorate(function: Callable[..., Any]) -> dg.OpDefinition:
        options = {"pool": "hubspot", **op_options}
        kind = dg.Nothing if ids == "none" else dg.Any
        options.setdefault("out", dg.Out(dagster_type=kind, is_required=False))
        sending = Sending(operation, tolerance, ids, signature_of(function).return_annotation)
        plain = plain_function(function)
        name = sync or options.get("name") or getattr(plain, "__name__", type(plain).__name__)

        def send(
            context: dg.OpExecutionContext, rows: object, hubspot: HubSpotResource, config: Any
        ) -> Iterator[Any]:
            yield from _send(context, rows, hubspot, config, sending, str(name))

        made: dg.OpDefinition = dg.op(**options)(step(function, resource, send))
        return made

    return decorate


def _send(
    context: dg.OpExecutionContext,
    rows: object,
    hubspot: HubSpotResource,
    config: Any,
    sending: Sending,
    name: str,
) -> "Iterator[dg.Output[pa.Table | None]]":
    operation = sending.operation
    with no_retry():
        returned = Returned.of(rows)
        trial = limit_of(context, returned, config, operation)
        rows = returned.rows
    if getattr(config, "dry_run", False):
        log_plan(context, plan(context, rows, hubspot, config, operation, name), sending.tolerance)
        return
    with no_retry():
        value_of = ids_form(context, sending.ids, sending.annotation)
    finished = run(context, rows, hubspot, config, operation, name)
    failure = log_result(context, finished, sending.tolerance)
    if finished.interruption is not None:
        raise finished.interruption
    if failure is not None:
        raise failure
    result = finished.result
    value = None if value_of is None else value_of(result)
    what = {"object_type": operation.object_type, "operation": type(operation).__name__}
    metadata = {**materialization_metadata(result, operation, hubspot), **what, **returned.metadata, **trial}
    yield dg.Output(value, metadata=metadata)
