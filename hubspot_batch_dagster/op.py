"""hubspot_op: the same as an op, for jobs without assets."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.asset import ids_of, no_retry, step, summary, told, worth_a_retry
from hubspot_batch_dagster.checks import allowed_rejections, check_max_rejected
from hubspot_batch_dagster.metadata import materialization_metadata
from hubspot_batch_dagster.operations.records import Operation
from hubspot_batch_dagster.resource import HubSpotResource

if TYPE_CHECKING:
    import pyarrow as pa


def hubspot_op(
    operation: Operation,
    *,
    sync: str | None = None,
    max_rejected: float = 0.05,
    resource: str = "hubspot",
    **op_options: Any,
) -> Callable[[Callable[..., Any]], dg.OpDefinition]:
    """Make an op of a function that returns rows: the rows go to HubSpot, the ids table is the op's output.

    Thin over :func:`dagster.op`. An op has no asset checks, so it fails where an asset would be red: when rows stay
    unsent, or more are rejected than ``max_rejected`` allows. What was done is in the ids table all the same.

    Args:
        operation: What to do with the rows.
        sync: Whose ids table and journal are used; by default the op's name.
        max_rejected: Rejected rows that do not fail the op: a number, or a share of the rows (default 5 %).
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
    check_max_rejected(max_rejected)

    def decorate(function: Callable[..., Any]) -> dg.OpDefinition:
        options = {"pool": "hubspot", **op_options}
        options.setdefault("out", dg.Out(dagster_type=dg.Any, is_required=False))
        name = sync or options.get("name") or function.__name__

        def send(
            context: dg.OpExecutionContext, rows: object, hubspot: HubSpotResource, config: Any
        ) -> Iterator[Any]:
            yield from _send(context, rows, hubspot, config, operation, max_rejected, str(name))

        made: dg.OpDefinition = dg.op(**options)(step(function, resource, send))
        return made

    return decorate


def _send(
    context: dg.OpExecutionContext,
    rows: object,
    hubspot: HubSpotResource,
    config: Any,
    operation: Operation,
    max_rejected: float,
    name: str,
) -> "Iterator[dg.Output[pa.Table]]":
    if getattr(config, "dry_run", False):
        with no_retry():
            plan = hubspot.plan(
                rows, operation, name=name, context=context, **told(config, "full_refresh", "show_values")
            )
        context.log.info(str(plan))
        return
    with no_retry():
        finished = hubspot.run(
            rows, operation, name=name, context=context, **told(config, "full_refresh", "approve")
        )
    result = finished.result
    context.log.info(summary(result))
    if finished.interruption is not None:
        raise finished.interruption
    if result.stopped is not None and worth_a_retry(result.stopped):
        raise result.stopped
    metadata = materialization_metadata(result, operation, hubspot)
    if result.counts["unsent"] or result.counts["rejected"] > allowed_rejections(result.rows, max_rejected):
        reasons = ", ".join(f"{code} ({n:,})" for code, n in list(result.reasons.items())[:5])
        why = str(result.stopped) if result.stopped is not None else f"Rejected rows: {reasons}."
        raise dg.Failure(f"{summary(result)} {why}", metadata=metadata, allow_retries=False)
    yield dg.Output(ids_of(context, result), metadata=metadata)
