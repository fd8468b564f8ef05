"""What asset, op and component share: run config, the step around a function, and the body that sends its
rows.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from hubspot_batch_dagster.api.arguments import CheckedModel
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    BudgetTimeout,
    Forbidden,
    HubSpotError,
    InputError,
    Locked,
    NotConnected,
    NotSent,
    RateLimited,
    ServerTrouble,
)
from hubspot_batch_dagster.associations_check import association_results
from hubspot_batch_dagster.checks import Tolerance, check_results
from hubspot_batch_dagster.dry_run import plan_metadata, plan_report, would_fail
from hubspot_batch_dagster.ids_value import IdsForm, ids_form
from hubspot_batch_dagster.metadata import hubspot_record_url, materialization_metadata
from hubspot_batch_dagster.objects import observe_object
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.returned_rows import Returned, limit_of, plain_function, signature_of
from hubspot_batch_dagster.schema_check import schema_check
from hubspot_batch_dagster.step_options import check_config_type, resource_keys
from hubspot_batch_dagster.sync.state.names import joined_name

if TYPE_CHECKING:
    import pyarrow as pa

    from hubspot_batch_dagster.sync.options import RunReport
    from hubspot_batch_dagster.sync.planning.preview import SyncPlan


class HubSpotRunConfig(CheckedModel, dg.Config):
    """What a run of a HubSpot asset or op can be told in the launchpad.

    An asset with a ``config`` parameter of its own keeps these by deriving from this class.

    Examples:
        >>> from hubspot_batch_dagster.asset import HubSpotRunConfig
        >>> class MyConfig(HubSpotRunConfig):
        ...     region: str = "emea"
        >>> MyConfig(dry_run=True).dry_run
        True
    """

    dry_run: bool = Field(
        default=False,
        description="Say what would be done, and do nothing: no write, no new ids table, no materialization.",
    )
    approve: str = Field(
        default="",
        description=(
            "Hash of the plan to carry out, from a dry run. If the source or the portal moved since, nothing"
            " is sent."
        ),
    )
    full_refresh: bool = Field(default=False, description="Send unchanged and formerly rejected rows too.")
    limit_rows: int | None = Field(
        default=None, description="A trial: only the first so many rows are looked at, sent and counted."
    )
    first_run: bool = Field(
        default_factory=lambda: False,
        description=(
            "Nothing that is remembered of earlier runs counts: after a store was lost for good, or a portal"
            " was reset."
        ),
    )
    show_values: bool = Field(
        default_factory=lambda: False,
        description="Show the values of a dry run's sample instead of masking them; they are people's data.",
    )


def step(
    function: Callable[..., Any],
    resource: str | Mapping[str, str],
    send: Callable[[Any, object, HubSpotResource, Any], Iterator[Any]],
) -> Callable[..., Iterator[Any]]:
    """Make a function with the parameters of ``function`` and those that sending needs, which sends what it
    returns.
    """
    given = signature_of(function)
    others = [each for each in given.parameters.values() if each.kind is each.VAR_KEYWORD]
    names = [name for name, each in given.parameters.items() if each not in others]
    resources = resource_keys(resource)
    own = [given.parameters[name] for name in names if name not in ("context", "config", *resources)]
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    annotations = {
        name: each.annotation for name, each in given.parameters.items() if each.annotation is not each.empty
    }
    config_type = annotations.get("config", HubSpotRunConfig)
    check_config_type(config_type)
    # A parameter without a default may come after one with a default only as a word.
    optional = any(each.default is not each.empty for each in own)
    kind = inspect.Parameter.KEYWORD_ONLY if optional else inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        given.parameters.get("context", first),
        inspect.Parameter("config", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=config_type),
        *own,
        *(inspect.Parameter(name, kind, annotation=HubSpotResource) for name in resources),
        *others,
    ]

    def body(*args: Any, **kwargs: Any) -> Iterator[Any]:
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        bound = call.arguments
        more = {name: value for each in others for name, value in bound[each.name].items()}
        chosen = resource if isinstance(resource, str) else resource[_portal(bound["context"], resource)]
        hubspot = bound[chosen]
        if not isinstance(hubspot, HubSpotResource):
            raise InputError(
                f"The resource {chosen!r} is a {type(hubspot).__name__}, and no HubSpotResource.",
                remedy=f"Give HubSpotResource(...) under the key {chosen!r}, or name another key: resource=.",
            )
        rows = function(**{name: bound[name] for name in names}, **more)
        yield from send(bound["context"], rows, hubspot, bound["config"])

    signature = inspect.Signature(parameters)
    plain = plain_function(function)
    made = _placed(body, plain)
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        if hasattr(plain, name):  # an object that can be called has no name
            setattr(made, name, getattr(plain, name))
    made.__signature__ = signature  # type: ignore[attr-defined]
    made.__annotations__ = {
        each.name: each.annotation for each in parameters if each.annotation is not each.empty
    }
    return made


def _placed(body: Callable[..., Iterator[Any]], plain: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """Return a step that stands where the user's function does: there Dagster's code references lead, and a
    line of a traceback.
    """

    def placed(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from body(*args, **kwargs)

    code = getattr(plain, "__code__", None)
    if code is not None:
        placed.__code__ = placed.__code__.replace(
            co_filename=code.co_filename, co_firstlineno=code.co_firstlineno, co_name=code.co_name
        )
    return placed


@dataclass(frozen=True)
class Sending:
    """What an asset or op does with its rows, and when it counts as failed.

    Attributes:
        operation: What is done in HubSpot.
        tolerance: How many rows may be rejected or unknown before the step fails.
        ids: The form of the value; ``None`` leaves it to the IO manager and the annotation.
        annotation: What the function says it returns.
    """

    operation: Operation
    tolerance: Tolerance = field(default_factory=Tolerance)
    ids: IdsForm | None = None
    annotation: object = None


def materialize(
    context: dg.AssetExecutionContext,
    rows: object,
    hubspot: HubSpotResource,
    config: Any,
    sending: Sending,
    name: str,
) -> "Iterator[dg.MaterializeResult[pa.Table] | dg.AssetCheckResult | dg.Output[None]]":
    """Be the body of a HubSpot asset: send the rows, and yield the checks and the materialization."""
    with no_retry():
        returned = Returned.of(rows)
        trial = limit_of(context, returned, config, sending.operation)
    if getattr(config, "dry_run", False):
        yield from _plan_asset(context, returned.rows, hubspot, config, sending, name, trial)
        return
    with no_retry():
        value_of = ids_form(context, sending.ids, sending.annotation)
    try:
        finished = run(context, returned.rows, hubspot, config, sending.operation, name)
    except dg.Failure as refused:
        drift = getattr(refused.__cause__, "drift", None)  # the run was refused because of it
        if drift is not None:
            yield schema_check(drift, context.asset_key)
        raise
    result = finished.result
    # First of all: what comes after, an IO manager above all, may fail.
    record_url = hubspot_record_url(sending.operation, hubspot)
    yield from check_results(result, context.asset_key, sending.tolerance, record_url)
    yield from association_results(result, context.asset_key, sending.operation, sending.tolerance)
    yield schema_check(finished.drift, context.asset_key)
    yield from returned.checks
    url = hubspot.portal.records_url(sending.operation.object_type)
    observe_object(context, dict(result.counts), url)
    failure = log_result(context, finished, sending.tolerance)
    if failure is not None and failure.allow_retries and _is_retried(context):
        raise failure
    metadata = {**materialization_metadata(result, sending.operation, hubspot), **returned.metadata, **trial}
    made = partial(dg.MaterializeResult, asset_key=context.asset_key, **returned.more)
    if context.has_partition_key_range and len(context.partition_keys) > 1:
        # One run for many partitions has one ids table, which no IO manager could put into many files.
        # Dagster makes an event for each partition: figures in all of them would count many times over.
        context.log_event(dg.AssetObservation(asset_key=context.asset_key, metadata=metadata))
        told = {name: value for name, value in metadata.items() if not isinstance(value, int | float)}
        yield made(metadata=told)
    elif value_of is None:
        yield made(metadata=metadata)
    else:
        yield made(metadata=metadata, value=value_of(result))
    if finished.interruption is not None:
        raise finished.interruption
    if failure is not None and _in_a_run(context):  # a unit test looks at the checks
        raise failure


def _plan_asset(
    context: dg.AssetExecutionContext,
    rows: object,
    hubspot: HubSpotResource,
    config: Any,
    sending: Sending,
    name: str,
    trial: Mapping[str, int],
) -> Iterator[dg.Output[None]]:
    """Yield the plan of a dry run as an observation. The checks keep silent, since they speak of what was
    sent.
    """
    found = plan(context, rows, hubspot, config, sending.operation, name)
    log_plan(context, found, sending.tolerance)
    metadata = plan_metadata(found, sending.tolerance, hubspot_record_url(sending.operation, hubspot))
    metadata |= trial
    context.log_event(dg.AssetObservation(asset_key=context.asset_key, metadata=metadata))
    for output in context.op_def.output_defs:
        if output.is_required:  # those of the checks
            yield dg.Output(None, output_name=output.name)


def plan(
    context: Any, rows: object, hubspot: HubSpotResource, config: Any, operation: Operation, name: str
) -> "SyncPlan":
    """Say what sending the rows would do, as the run config says."""
    with no_retry():
        return hubspot.plan(
            rows,
            operation,
            name=name,
            context=context,
            **settings(config, "full_refresh", "show_values", "first_run"),
        )


def run(
    context: Any,
    rows: object,
    hubspot: HubSpotResource,
    config: Any,
    operation: Operation,
    name: str,
) -> "RunReport":
    """Send the rows as the run config says."""
    with no_retry():
        return hubspot.run(
            rows,
            operation,
            name=name,
            context=context,
            **settings(config, "full_refresh", "approve", "first_run"),
        )


def log_plan(context: Any, found: "SyncPlan", tolerance: Tolerance) -> None:
    """Say what a dry run found; as a warning if a run would fail."""
    log = context.log.warning if would_fail(found, tolerance) else context.log.info
    log(plan_report(found, tolerance))


def log_result(context: Any, finished: "RunReport", tolerance: Tolerance) -> dg.Failure | None:
    """Say what became of the rows: one line, and one warning or error with the reasons if not all went well.

    Returns:
        The failure that the step must end with, or ``None``.
    """
    from hubspot_batch_dagster.sync.report import counted, explained

    result = finished.result
    context.log.info(counted(result))
    why = explained(result)
    if not tolerance.exceeded(result):
        if why:
            context.log.warning(why)
        return None
    context.log.error(why)
    again = result.counts["unknown"] > tolerance.unknown_rows(result.rows) or (
        result.stopped is not None and worth_a_retry(result.stopped)
    )
    metadata: dict[str, Any] = {name: n for name, n in result.counts.items() if n}
    metadata["rejected_path"] = dg.MetadataValue.path(result.rejected_path)
    failure = dg.Failure(why, metadata=metadata, allow_retries=again)
    failure.__cause__ = result.stopped
    return failure


def _in_a_run(context: Any) -> bool:
    """Whether Dagster runs the step, and not a unit test that calls the asset."""
    try:
        return context.get_step_execution_context() is not None
    except (dg.DagsterError, AttributeError):
        return False


def _is_retried(context: Any) -> bool:
    """Whether a RetryPolicy makes another attempt of the step if this one fails."""
    if not _in_a_run(context):
        return False
    policy = context.get_step_execution_context().op_retry_policy
    return policy is not None and context.retry_number < policy.max_retries


def _portal(context: Any, resources: Mapping[str, str]) -> str:
    """Return the partition key, or the dimension of it, that names a portal."""
    key = context.partition_key if context.has_partition_key else None
    parts = key.keys_by_dimension.values() if isinstance(key, dg.MultiPartitionKey) else [key]
    for part in parts:
        if part in resources:
            return str(part)
    raise InputError(
        f"No portal belongs to partition {key!r}; resource= knows {', '.join(resources)}.",
        remedy="Run one partition at a time, and name a resource for each.",
    )


def sync_name(context: Any, resource: str | Mapping[str, str]) -> str:
    """Whose ids table is used: one for the asset, or one for each portal.

    Raises:
        InputError: A part of the name holds a ``/``: another asset would have the same name.
    """
    parts = list(context.asset_key.path)
    return joined_name(parts if isinstance(resource, str) else [*parts, _portal(context, resource)])


@contextmanager
def no_retry() -> Iterator[None]:
    """Tell Dagster not to try again: what is wrong with the rows or the operation stays wrong."""
    try:
        yield
    except (InputError, Forbidden) as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def settings(config: Any, *names: str) -> dict[str, Any]:
    """Return what the run config says of these; a config class of the user's own may leave some out.

    An empty text, which the launchpad fills in for ``approve``, says nothing.
    """
    given = {name: getattr(config, name) for name in names if hasattr(config, name)}
    return {name: value for name, value in given.items() if value not in ("", None)}


def worth_a_retry(error: HubSpotError) -> bool:
    """Whether another attempt of the step may get further. Then the error is raised, so that a RetryPolicy
    makes one.

    What was done is in the ids table and the journal, and the next attempt goes on from there. An error
    that a retry cannot mend fails the check ``rows_accounted_for`` instead, which Dagster does not retry.
    """
    return (
        isinstance(error, ServerTrouble | NotConnected | NotSent | AnswerLost | Locked | BudgetTimeout)
        or type(error) is RateLimited
    )
