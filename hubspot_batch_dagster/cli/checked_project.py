"""What `check` takes from a project: the scopes that its assets need, and its accounts."""

from collections.abc import Callable
from functools import partial

import dagster as dg

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.cli.planned_asset import config_refused, load_definitions
from hubspot_batch_dagster.definition import OBJECT_TYPE, SCOPES
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.session_settings import SessionSettings


def checked_project(where: str) -> tuple[dict[str, set[str]], dict[str, Callable[[], SessionSettings]]]:
    """Read a project.

    Args:
        where: A Python module or file that holds the project's ``Definitions``.

    Returns:
        The scopes that its assets need, by object type; and the settings of its HubSpot resources, by their
        keys. Variables of the environment are read when the settings are asked for.

    Raises:
        InputError: It does not exist, or holds none.
    """
    defs = load_definitions(where)
    resources = {
        key: partial(_settings, each)
        for key, each in (defs.resources or {}).items()
        if isinstance(each, HubSpotResource)
    }
    return _scopes(defs), dict(resources)


def _scopes(defs: dg.Definitions) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for spec in defs.resolve_all_asset_specs():
        if SCOPES in spec.metadata:
            kind, scopes = (
                getattr(spec.metadata[key], "value", spec.metadata[key]) for key in (OBJECT_TYPE, SCOPES)
            )
            found.setdefault(object_type(str(kind)).name, set()).update(str(scopes).split())
    return found


def _settings(resource: HubSpotResource) -> SessionSettings:
    try:
        with resource.open() as opened:
            return opened.settings()
    except dg.DagsterError as error:  # a variable that is not set
        raise config_refused(error) from None
