"""The field ``hubspot`` of the component: a resource of the asset's own, whose secrets stay out of YAML and
of the UI.
"""

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.fields import unset_variable
from hubspot_batch_dagster.launchpad import secret_fields, variable
from hubspot_batch_dagster.resource import HubSpotResource

_VARIABLE = re.compile(r"\{\{\s*env\.(\w+)\s*\}\}")
_SECRETS = secret_fields(HubSpotResource)


def hubspot_setting(
    context: dg.ResolutionContext, settings: Mapping[str, Any] | None
) -> HubSpotResource | None:
    """Return a resource from its settings; an environment variable that holds a secret is read in each
    run.
    """
    if settings is None:
        return None
    given: dict[str, Any] = {}
    for name, value in settings.items():
        if f"{name}_env" in settings:
            raise InputError(f"{name} and {name}_env both say what it is.", remedy="Leave one out.")
        unset = None if name in _SECRETS else unset_variable(value)
        if unset is not None:
            raise InputError(
                f"The environment variable {unset} of {name} is not set.",
                remedy=f"Set it where the definitions load, or write {name}_env: {unset} for each run.",
            )
        template = _VARIABLE.fullmatch(str(value))
        if name.endswith("_env"):
            setting = name.removesuffix("_env")
            if not isinstance(value, str) or not value:
                raise InputError(f"{name} names no variable.", remedy=f"Write {name}: ITS_NAME.")
            given[setting] = variable(HubSpotResource, setting, context.at_path(name).resolve_value(value))
        elif name not in _SECRETS:
            given[name] = context.at_path(name).resolve_value(value)
        elif template is not None:
            # Resolved here it would be a plain value, which Dagster shows in the launchpad's defaults.
            given[name] = dg.EnvVar(template.group(1))
        else:
            raise InputError(
                f"{name} stands in YAML in clear, and Dagster would show it.",
                remedy=f"Put it into an environment variable, and write {name}_env: ITS_NAME.",
            )
    try:
        return HubSpotResource(**given)
    except InputError as error:
        raise InputError(
            error.message,
            remedy="hubspot takes the settings of HubSpotResource, and NAME_env for texts and whole numbers.",
        ) from None
