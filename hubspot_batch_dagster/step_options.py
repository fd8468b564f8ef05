"""Options of Dagster's decorators that a step of ours cannot have, with what to write instead."""

from collections.abc import Mapping

from hubspot_batch_dagster.api.errors import InputError

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
    if options.get("key") is not None:
        for name in ("name", "key_prefix"):
            if options.get(name) is not None:
                raise InputError(f"key and {name} both say how the asset is called.", remedy="Leave one out.")
