"""hubspot_asset: an asset whose rows go to HubSpot and whose value is the ids table."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    BudgetTimeout,
    HubSpotError,
    InputError,
    Locked,
    MissingScopes,
    NotConnected,
    RateLimited,
    ServerTrouble,
)
from hubspot_batch_dagster.checks import check_max_rejected, check_results, check_specs
from hubspot_batch_dagster.dry_run import plan_checks, plan_metadata
from hubspot_batch_dagster.metadata import materialization_metadata
from hubspot_batch_dagster.operations.records import Operation
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.schema_check import schema_check

if TYPE_CHECKING:
    import pyarrow as pa

    from hubspot_batch_dagster.sync.result import SyncResult


class HubSpotRunConfig(dg.Config):
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
        description="Hash of the plan to carry out, from a dry run. If the source or the portal moved since, nothing is sent.",
    )
    full_refresh: bool = Field(default=False, description="Send unchanged and formerly rejected rows too.")
    show_values: bool = Field(
        default_factory=lambda: False,
        description="Show the values of a dry run's sample instead of masking them; they are people's data.",
    )


def hubspot_asset(
    operation: Operation,
    *,
    max_rejected: float = 0.05,
    resource: str | Mapping[str, str] = "hubspot",
    **asset_options: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Make an asset of a function that returns rows: the rows go to HubSpot, the ids table is the asset's value.

    Thin over :func:`dagster.asset`. The function may take ``context``, ``config``, upstream assets and
    resources as usual, and may return anything with an Arrow C stream (pandas, polars, pyarrow, DuckDB), a record
    batch reader, a list of dicts, or be a generator of dicts or of frames with the same columns.

    The asset reports four checks: ``rows_accounted_for``, ``rows_rejected``, ``rows_unknown`` and ``portal_schema``.

    Args:
        operation: What to do with the rows: ``Create``, ``Upsert``, ``Update`` or ``Archive``.
        max_rejected: Up to so many rejected rows the check only warns; above, the step fails after the value
            was saved, and nothing downstream runs. A number of rows, or a share of them (default 5 %).
        resource: Key of the :class:`HubSpotResource`. For several portals a mapping of partition key to resource key:
            each partition goes to its own portal, and has an ids table of its own.
        **asset_options: Passed to :func:`dagster.asset`. All partitions share one ids table, so a row is known whichever
            partition brings it. By default ``pool="hubspot"`` and the kind ``hubspot``. A function with ``check_specs``
            of its own is a generator, and yields their results between its rows.

    Raises:
        InputError: The operation archives what left the source, and a partition is never the whole source.

    Examples:
        >>> import pandas as pd
        >>> from hubspot_batch_dagster import Upsert, hubspot_asset
        >>> @hubspot_asset(Upsert("contacts", id_property="email"), group_name="crm")
        ... def contacts(customers: pd.DataFrame) -> pd.DataFrame:
        ...     return customers[["email", "firstname"]]
    """
    check_max_rejected(max_rejected)

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        options = dict(asset_options)
        key = _key(function, options)
        if options.get("partitions_def") is not None:
            refuse_archiving(operation)
        options.setdefault("pool", "hubspot")
        options["output_required"] = False  # a dry run materializes nothing
        options["kinds"] = {"hubspot", *options.get("kinds", ())}
        options["check_specs"] = [*check_specs(key), *options.get("check_specs", ())]
        options.setdefault("description", inspect.getdoc(function))
        body = step(
            function,
            resource,
            lambda context, rows, hubspot, config: materialize(
                context, rows, hubspot, config, operation, max_rejected, sync_name(context, resource)
            ),
        )
        asset: dg.AssetsDefinition = dg.asset(**options)(body)
        return asset

    return decorate


def step(
    function: Callable[..., Any],
    resource: str | Mapping[str, str],
    send: Callable[[Any, object, HubSpotResource, Any], Iterator[Any]],
) -> Callable[..., Iterator[Any]]:
    """A function with the parameters of ``function`` and those that sending needs, which sends what it returns."""
    given = inspect.signature(function)
    names = list(given.parameters)
    resources = [resource] if isinstance(resource, str) else list(dict.fromkeys(resource.values()))
    own = [each for name, each in given.parameters.items() if name not in ("context", "config", *resources)]
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    annotations = {
        name: each.annotation for name, each in given.parameters.items() if each.annotation is not each.empty
    }
    config_type = annotations.get("config", HubSpotRunConfig)
    parameters = [
        given.parameters.get("context", first),
        inspect.Parameter("config", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=config_type),
        *own,
        *(
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=HubSpotResource)
            for name in resources
        ),
    ]

    def body(*args: Any, **kwargs: Any) -> Iterator[Any]:
        bound = signature.bind(*args, **kwargs).arguments
        rows = function(**{name: bound[name] for name in names})
        chosen = resource if isinstance(resource, str) else resource[_portal(bound["context"], resource)]
        yield from send(bound["context"], rows, bound[chosen], bound["config"])

    signature = inspect.Signature(parameters)
    body.__name__ = function.__name__
    body.__qualname__ = function.__qualname__
    body.__module__ = function.__module__
    body.__doc__ = function.__doc__
    body.__signature__ = signature  # type: ignore[attr-defined]
    body.__annotations__ = {
        each.name: each.annotation for each in parameters if each.annotation is not each.empty
    }
    return body


def materialize(
    context: dg.AssetExecutionContext,
    rows: object,
    hubspot: HubSpotResource,
    config: Any,
    operation: Operation,
    max_rejected: float,
    name: str,
) -> "Iterator[dg.MaterializeResult[pa.Table] | dg.AssetCheckResult]":
    """The body of a HubSpot asset: send the rows, and yield the materialization and the checks."""
    own: list[dg.AssetCheckResult] = []
    rows = _set_apart(rows, own) if inspect.isgenerator(rows) else rows
    if getattr(config, "dry_run", False):
        with no_retry():
            plan = hubspot.plan(
                rows, operation, name=name, context=context, **told(config, "full_refresh", "show_values")
            )
        context.log.info(str(plan))
        context.log_event(dg.AssetObservation(asset_key=context.asset_key, metadata=plan_metadata(plan)))
        yield from plan_checks(plan, context.asset_key, max_rejected)
        yield from own
        return
    try:
        with no_retry():
            finished = hubspot.run(
                rows,
                operation,
                name=name,
                context=context,
                **told(config, "full_refresh", "approve"),
            )
    except dg.Failure as failure:
        drift = getattr(failure.__cause__, "drift", None)  # the run was refused because of it
        if drift is not None:
            yield schema_check(drift, context.asset_key)
        raise
    result = finished.result
    context.log.info(summary(result))
    if result.stopped is not None and worth_a_retry(result.stopped) and finished.interruption is None:
        raise result.stopped
    told_of: dict[str, Any] = {
        "asset_key": context.asset_key,
        "metadata": materialization_metadata(result, operation, hubspot),
    }
    if context.has_partition_key_range and len(context.partition_keys) > 1:
        # One run for many partitions has one ids table, which no IO manager could put into many files.
        yield dg.MaterializeResult(**told_of)
    else:
        yield dg.MaterializeResult(value=ids_of(context, result), **told_of)
    # Each for itself: called directly, in a unit test, Dagster does not find those inside a MaterializeResult.
    yield from check_results(result, context.asset_key, max_rejected)
    yield schema_check(finished.drift, context.asset_key)
    yield from own
    if finished.interruption is not None:
        raise finished.interruption


def ids_of(context: Any, result: "SyncResult") -> Any:
    """The ids table: as a stream where the IO manager writes batch by batch, so that millions of lines are never in memory at once."""
    from hubspot_batch_dagster.io_manager import ArrowParquetIOManager

    return result.ids_stream() if isinstance(_io_manager(context), ArrowParquetIOManager) else result.ids


def _io_manager(context: Any) -> object:
    """What stores the step's value; None where Python code waits for the value too: in a unit test, or in process."""
    try:
        step = context.get_step_execution_context()
        if step.output_capture is not None:
            return None
        return getattr(step.resources, step.op_def.output_dict["result"].io_manager_key, None)
    except (dg.DagsterError, AttributeError, KeyError):
        return None


def _set_apart(rows: Iterator[Any], own: list[dg.AssetCheckResult]) -> Iterator[Any]:
    """The rows of a generator; the results of its own checks, which come between them, go to ``own``."""
    for each in rows:
        if isinstance(each, dg.AssetCheckResult):
            own.append(each)
        else:
            yield each


def refuse_archiving(operation: Operation) -> None:
    """Refuse to archive what left the source where the source is a partition: the other partitions' rows are not gone."""
    if operation.archives_gone:
        raise InputError(
            "when_gone='archive' cannot be used with partitions: every partition would archive the rows of the others.",
            remedy="Send the whole table in one unpartitioned asset, or archive with an Archive(...) asset of its own.",
        )


def _portal(context: Any, resources: Mapping[str, str]) -> str:
    """The partition key, or the dimension of it, that names a portal."""
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
    """Whose ids table is used: one for the asset, or one for each portal."""
    parts = list(context.asset_key.path)
    return "/".join(parts if isinstance(resource, str) else [*parts, _portal(context, resource)])


@contextmanager
def no_retry() -> Iterator[None]:
    """What is wrong with the rows or the operation stays wrong: tell Dagster not to try again."""
    try:
        yield
    except (InputError, MissingScopes) as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def told(config: Any, *names: str) -> dict[str, Any]:
    """What the run config says of these; a config class of the user's own may leave some out.

    An empty text, which the launchpad fills in for ``approve``, says nothing.
    """
    given = {name: getattr(config, name) for name in names if hasattr(config, name)}
    return {name: value for name, value in given.items() if value not in ("", None)}


def summary(result: "SyncResult") -> str:
    """One line for the log."""
    said = ", ".join(f"{n:,} {name}" for name, n in result.counts.items() if n) or "nothing to do"
    return f"{result.name}: {result.rows:,} rows: {said}. {result.requests:,} requests in {result.seconds:.1f} s."


def worth_a_retry(error: HubSpotError) -> bool:
    """Whether another attempt of the step may get further. Then the error is raised, so that a RetryPolicy makes one.

    What was done is in the ids table and the journal, and the next attempt goes on from there. An error
    that a retry cannot mend fails the check ``rows_accounted_for`` instead, which Dagster does not retry.
    """
    return (
        isinstance(error, ServerTrouble | NotConnected | AnswerLost | Locked | BudgetTimeout)
        or type(error) is RateLimited
    )


def _key(function: Callable[..., Any], options: dict[str, Any]) -> dg.AssetKey:
    if options.get("key") is not None:
        return dg.AssetKey.from_coercible(options["key"])
    prefix = options.get("key_prefix") or []
    parts = [prefix] if isinstance(prefix, str) else list(prefix)
    name = options.get("name") or getattr(function, "__name__", None)
    if not isinstance(name, str):
        raise InputError("The asset has no name.", remedy="Decorate a function, or give name=.")
    return dg.AssetKey([*parts, name])
