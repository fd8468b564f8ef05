"""What a step of ours cannot be given, by Dagster's decorators and by its own options, with what to write
instead.
"""

import keyword
import re
from collections.abc import Mapping

import dagster as dg

from hubspot_batch_dagster.api.arguments import is_class
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.state.names import check_partition

_PARAMETERS = "config and resources are parameters here"
_INSTEAD: Mapping[str, tuple[str, str]] = {
    "config_schema": (
        _PARAMETERS,
        "Take a parameter config, annotated with a class that derives from HubSpotRunConfig.",
    ),
    "required_resource_keys": (
        _PARAMETERS,
        "Take the resource as a parameter: slack: dg.ResourceParam[Slack].",
    ),
    "resource_defs": (
        _PARAMETERS,
        "Take the resource as a parameter, and give it to Definitions(resources=...).",
    ),
    "output_required": ("a dry run has no output", "Leave it out."),
    "compute_kind": ("kinds has taken its place", 'Give kinds={"..."}; hubspot is one of them anyway.'),
    "non_argument_deps": ("deps has taken its place", "Give deps=[...]."),
    "auto_materialize_policy": (
        "automation_condition has taken its place",
        "Give automation_condition=dg.AutomationCondition.eager(), or another one.",
    ),
}


def refuse_options(options: Mapping[str, object]) -> None:
    """Refuse what Dagster takes only without parameters for config and resources, and what it took once.

    Raises:
        InputError: With what to write instead.
    """
    for name, (reason, remedy) in _INSTEAD.items():
        if options.get(name) is not None:
            raise InputError(f"{name} cannot be given: {reason}.", remedy=remedy)
    if isinstance(options.get("kinds"), str):
        raise InputError("kinds is one text.", remedy=f'Give a set: kinds={{"{options["kinds"]}"}}.')
    if options.get("key") is not None:
        for name in ("name", "key_prefix"):
            if options.get(name) is not None:
                raise InputError(f"key and {name} both say how the asset is called.", remedy="Leave one out.")


def check_asset_key(key: dg.AssetKey) -> None:
    """Refuse a key of which neither Dagster nor a sync can make a name.

    Raises:
        InputError: It names the key.
    """
    if not all(key.path) or not re.fullmatch(r"\w+", key.to_python_identifier(), re.ASCII):
        raise InputError(
            f"asset: {key.to_user_string()!r} is no key.",
            remedy="Write letters, digits, _ and -, with / between the parts: crm/contacts.",
        )


def check_config_type(annotation: object) -> None:
    """Refuse a ``config`` parameter whose fields Dagster does not check: ``dry_run`` would be passed over.

    Raises:
        InputError: With what to write instead.
    """
    if not (is_class(annotation) and issubclass(annotation, dg.Config)):
        name = getattr(annotation, "__name__", annotation)
        raise InputError(
            f"config is annotated as {name}: the launchpad's dry_run would not be seen in it.",
            remedy="Annotate it with a class that derives from HubSpotRunConfig.",
        )


def resource_keys(resource: str | Mapping[str, str]) -> list[str]:
    """Return the keys of the resources that ``resource=`` names.

    Raises:
        InputError: It names none, or one that cannot be a parameter's name, or a partition that cannot be.
    """
    if not resource or not isinstance(resource, str | Mapping):
        raise InputError("resource names no resource.", remedy="Give the key of a HubSpotResource.")
    keys = [resource] if isinstance(resource, str) else list(dict.fromkeys(resource.values()))
    for key in keys:
        if not key.isidentifier() or keyword.iskeyword(key):
            raise InputError(
                f"resource is {key!r}: the key of a resource is the name of a parameter.",
                remedy='Write letters, digits and _, as in Definitions(resources={"hubspot_us": ...}).',
            )
    for partition in resource if isinstance(resource, Mapping) else ():
        check_partition(partition)
    return keys
