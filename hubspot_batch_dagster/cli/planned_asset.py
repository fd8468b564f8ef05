"""``hubspot-batch-dagster plan``: a dry run of one asset in this process, as text."""

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.checks import ACCOUNTED


@dataclass(frozen=True)
class PlannedAsset:
    """What a plan says.

    Attributes:
        lines: The plan as text.
        rejected: Rows that would be rejected.
        warned: Whether there is a warning: rejected rows, or what HubSpot may take otherwise than meant.
        fails: Whether a run would fail.
    """

    lines: tuple[str, ...]
    rejected: int
    warned: bool
    fails: bool


def planned(
    where: str, asset: str, *, config: Mapping[str, Any], partition: str | None = None
) -> PlannedAsset:
    """Plan a HubSpot asset of a project. Nothing is sent or stored.

    The asset's own step runs with ``dry_run``; the values of its upstream assets are those that its IO
    managers have stored.

    Args:
        where: A Python module or file that holds the project's ``Definitions``.
        asset: Key of the asset, parts joined by ``/``.
        config: The asset's run config, such as ``{"show_values": True}``.
        partition: Key of the partition, for a partitioned asset.

    Raises:
        InputError: There are no definitions or no such asset, or the asset does not go to HubSpot.
        Exception: What the asset's step raised.
    """
    defs = load_definitions(where)
    found = _hubspot_asset(defs, asset)
    _check_partition(found, asset, partition)
    run_config: dict[str, Any] = {"ops": {found.node_def.name: {"config": {**config, "dry_run": True}}}}
    if not defs.loggers:
        run_config["loggers"] = {"console": {"config": {"log_level": "CRITICAL"}}}
    # Run in this process, Dagster's default IO manager would forget what was stored.
    stored = {} if "io_manager" in (defs.resources or {}) else {"io_manager": dg.fs_io_manager}
    home = os.environ.get("DAGSTER_HOME")
    with dg.DagsterInstance.get() if home else dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        try:
            result = job.execute_in_process(
                asset_selection=[found.key],
                instance=instance,
                run_config=run_config,
                partition_key=partition,
                resources=stored or None,
            )
        except FileNotFoundError as error:
            hint = "" if home else " DAGSTER_HOME is not set, so Dagster's own storage is empty."
            raise InputError(
                f"A stored value is missing: {error.filename or error}.{hint}",
                remedy="Materialize the upstream assets first.",
            ) from error
        except dg.DagsterInvalidConfigError as error:
            raise config_refused(error) from None
    plan = _observed(result, found.key)
    return PlannedAsset(
        tuple(_lines(plan)),
        plan["would_be_rejected"],
        bool(plan["would_be_rejected"] or plan.get("warnings")),
        plan["would_fail"],
    )


def config_refused(error: dg.DagsterError) -> InputError:
    """Say what is wrong with the config of a project's resources, without Dagster's stack trace."""
    variable = re.search(r'environment variable "(\w+)" which is not set', str(error))
    if variable is not None:
        return InputError(
            f"The environment variable {variable[1]} is not set.", remedy=f"Set it: export {variable[1]}=..."
        )
    said = str(error).partition("Stack Trace")[0].strip()
    return InputError(said, remedy="Correct the resources of the project.")


def load_definitions(where: str) -> dg.Definitions:
    """Return the definitions of a module or a file: its ``defs``, or the only ``Definitions`` in it.

    Raises:
        InputError: It does not exist, or holds none.
    """
    module = _module(where)
    named = getattr(module, "defs", None)
    others = [each for each in vars(module).values() if isinstance(each, dg.Definitions)]
    found = named if named is not None else others[0] if len(others) == 1 else None
    if callable(found) and not isinstance(found, dg.Definitions):
        found = found()  # a function under @dg.definitions
    if not isinstance(found, dg.Definitions):
        raise InputError(
            f"{where} holds no Definitions.", remedy="Name the module or file in which defs is defined."
        )
    return found


def _module(where: str) -> Any:
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    if where.endswith(".py"):
        return _file(Path(where))
    if not all(part.isidentifier() for part in where.split(".")):
        raise InputError(
            f"{where} is neither the name of a module nor a file that ends in .py.",
            remedy=(
                "Name the one in which defs is defined, such as project.definitions or"
                " project/definitions.py."
            ),
        )
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{where}.".startswith(f"{error.name}."):
            raise _not_imported(where, error) from error
        raise InputError(f"There is no module {where}.", remedy="Run this in the project's folder.") from None
    except Exception as error:  # whatever the project's own code raises
        raise _not_imported(where, error) from error


def _file(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"There is no file {path}.", remedy="Check the path.")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _not_imported(str(path), error) from error
    return module


def _not_imported(where: str, error: Exception) -> InputError:
    """Return the error of a project's own code, with the line of it that failed."""
    if isinstance(error, SyntaxError):
        at = f" ({error.filename}, line {error.lineno})" if error.lineno else ""
        return InputError(f"{where} cannot be imported: {error.msg}{at}.", remedy="Correct it.")
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename]
    at = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return InputError(
        f"{where} cannot be imported: {type(error).__name__}: {error}{at}.", remedy="Correct it."
    )


def _hubspot_asset(defs: dg.Definitions, asset: str) -> dg.AssetsDefinition:
    """Return the asset, if it goes to HubSpot: anything else might not know ``dry_run``, and would run in
    earnest.
    """
    key = dg.AssetKey.from_user_string(asset)
    graph = defs.resolve_asset_graph()
    going = sorted(
        {check.asset_key.to_user_string() for check in graph.asset_check_keys if check.name == ACCOUNTED}
    )
    if key.to_user_string() not in going:
        what = (
            "does not go to HubSpot" if key in graph.get_all_asset_keys() else "is not in these definitions"
        )
        raise InputError(f"{asset} {what}.", remedy=f"There are: {', '.join(going) or 'none'}.")
    return defs.resolve_assets_def(key)


def _check_partition(found: dg.AssetsDefinition, asset: str, partition: str | None) -> None:
    """Refuse a plan of a partitioned asset without a partition, and one with a partition that there is
    not.
    """
    partitions = found.partitions_def
    if partitions is None:
        if partition is not None:
            raise InputError(f"{asset} has no partitions.", remedy="Leave --partition out.")
        return
    with dg.DagsterInstance.ephemeral() as instance:
        keys = partitions.get_partition_keys(dynamic_partitions_store=instance)
    dynamic = isinstance(partitions, dg.DynamicPartitionsDefinition)
    if partition is None or (partition not in keys and not dynamic):
        what = "names no partition" if partition is None else f"has no partition {partition}"
        example = f" such as --partition {keys[-1]}" if keys else ""
        raise InputError(f"{asset} is partitioned, and the plan {what}.", remedy=f"Name one{example}.")


def _observed(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    seen = [event for event in result.all_events if event.is_asset_observation and event.asset_key == key]
    metadata = seen[-1].asset_observation_data.asset_observation.metadata
    return {name: entry.value for name, entry in metadata.items()}


def _lines(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["summary"]
    yield ""
    for name, rows in plan.items():
        if name.startswith("would_be_"):
            yield f"  {name.removeprefix('would_be_'):<10}{rows:>10,}"
    if "sample" in plan:
        yield from ("", plan["verdict"])
        for record in plan["sample"].records:
            yield _rejected_line(record.data)
    if "warnings" in plan:
        yield from ("", plan["warnings"])
    if "limit_rows" in plan:
        yield from ("", f"A trial: only the first {plan['limit_rows']:,} rows were looked at.")
    changes = plan["changes"].records
    if changes:
        yield from ("", "Changes, for example:")
        for record in changes:
            row = record.data
            yield (
                f"  row {row['row']}, {row['key']}: {row['property']}: {row['before'] or 'nothing'} ->"
                f" {row['after']}"
            )
    yield ""
    yield f"Requests: {plan['requests']:,}"
    if "seconds_at_the_limit" in plan:
        yield f"Time at the limit: {plan['seconds_at_the_limit']} s"
    if "share_of_the_day" in plan:
        yield f"Share of the day's requests: {plan['share_of_the_day']:.2%}"
    yield (
        f"Plan: {plan['plan']} (to carry out this plan and no other, run the asset with approve:"
        f" {plan['plan']})"
    )


def _rejected_line(row: Mapping[str, Any]) -> str:
    key = f", {row['key']}" if row["key"] else ""
    message = str(row["message"])
    column = f"{row['column']}: " if row["column"] and not message.startswith(str(row["column"])) else ""
    return f"  row {row['row']}{key}: {column}{message}"
