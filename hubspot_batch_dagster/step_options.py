"""Options of Dagster's decorators that a step of ours cannot have: its config and its resources are
parameters.
"""

from collections.abc import Mapping

from hubspot_batch_dagster.api.errors import InputError

_INSTEAD: Mapping[str, str] = {
    "config_schema": "Take a parameter config, annotated with a class that derives from HubSpotRunConfig.",
    "required_resource_keys": "Take the resource as a parameter: slack: dg.ResourceParam[Slack].",
    "resource_defs": "Take the resource as a parameter, and give it to Definitions(resources=...).",
}


def refuse_untyped(options: Mapping[str, object]) -> None:
    """Refuse what Dagster takes only where neither config nor resources are parameters.

    Raises:
        InputError: With what to write instead.
    """
    for name, remedy in _INSTEAD.items():
        if options.get(name) is not None:
            raise InputError(
                f"{name} cannot be given: config and resources are parameters here.", remedy=remedy
            )
