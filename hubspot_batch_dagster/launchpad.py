"""What Dagster's launchpad needs: its help, and the secrets that are meant where it shows a mask."""

import inspect
import os
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import dagster as dg
from pydantic import BaseModel, Field

from hubspot_batch_dagster.api.errors import InputError

_IntVariable = type(dg.EnvVar.int("NAME"))

_Definition = TypeVar("_Definition", bound=dg.ResourceDefinition)

MASK = "********"
"""What the launchpad writes for a field with ``dagster__is_secret``; a run that is launched with it gets this
text.
"""


def secret_field(description: str, default: Callable[[], Any] = str) -> Any:
    """Return a field that neither prints nor shows in the UI."""
    return seldom_field(default, description, repr=False, json_schema_extra={"dagster__is_secret": True})


def seldom_field(default: Callable[[], Any], description: str, **more: Any) -> Any:
    """Return a field that few people change: the launchpad offers it, and does not fill it in, as it does
    with a plain default.
    """
    return Field(default_factory=default, description=description, **more)


def plainly_described(definition: _Definition) -> _Definition:
    """Describe the definition of a resource by its docstring's first paragraph, as help.

    Dagster takes the whole docstring, examples and markup too, and the launchpad shows it as it is.
    """
    first = inspect.cleandoc(definition.description or "").split("\n\n")[0]
    definition._description = " ".join(first.replace("`", "").split())
    return definition


def secret_fields(resource: type[BaseModel]) -> frozenset[str]:
    """Return the fields of a resource that Dagster masks."""
    return frozenset(
        name
        for name, field in resource.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("dagster__is_secret")
    )


def variable(kind: type[BaseModel], name: str, of: str) -> Any:
    """Return an environment variable that Dagster reads in each run, for a field of a resource.

    Raises:
        InputError: The field is neither text nor a whole number; Dagster reads no others.
    """
    wanted = _types_of(kind, name)
    if str in wanted:
        return dg.EnvVar(of)
    if int in wanted:
        return dg.EnvVar.int(of)
    raise InputError(
        f"{name} cannot come from the variable {of} in each run: Dagster reads texts and whole numbers.",
        remedy=f'Read it as the resource is made: {name}=os.environ["{of}"], in YAML '
        f'{name}: "{{{{ env.{of} }}}}".',
    )


def check_variables(kind: type[BaseModel], settings: Mapping[str, Any]) -> None:
    """Refuse a variable that Dagster would read as something else than what the field takes.

    Raises:
        InputError: It names the field, the variable, and how to write it.
    """
    for name, value in settings.items():
        if isinstance(value, dg.EnvVar | _IntVariable) and name in kind.model_fields:
            of = value.env_var_name
            right = variable(kind, name, of)
            if type(value) is not type(right):
                method = "dg.EnvVar.int" if isinstance(right, _IntVariable) else "dg.EnvVar"
                raise InputError(
                    f"{name} is read from the variable {of} as something else than it is.",
                    remedy=f'Write {name}={method}("{of}").',
                )


def _types_of(kind: type[BaseModel], name: str) -> tuple[Any, ...]:
    field = kind.model_fields.get(name)
    annotation = field.annotation if field is not None else str  # an unknown name is refused by the model
    return typing.get_args(annotation) or (annotation,)


def unmasked(resource: BaseModel, context: dg.InitResourceContext) -> dict[str, Any]:
    """Return the values that are meant by the masks which a resource was given.

    Args:
        resource: The resource as the run's config has it.
        context: Dagster's, which knows how the resource was defined.

    Returns:
        A value for each masked field: the definition's, or where it gives none the field's default.

    Raises:
        InputError: The definition names an environment variable that is not set.
    """
    fields = type(resource).model_fields
    masked = sorted(name for name in secret_fields(type(resource)) if getattr(resource, name) == MASK)
    defined = _defined(context) if masked else {}
    found = {name: _value(name, defined.get(name)) for name in masked}
    return {
        name: fields[name].get_default(call_default_factory=True) if value is None else value
        for name, value in found.items()
    }


def _defined(context: dg.InitResourceContext) -> Mapping[str, Any]:
    """Return the resource's config as the project's code has it, variables by their names."""
    definition = context.resource_def
    field = definition.config_schema.as_field() if definition is not None else None
    if field is None or not field.default_provided or not isinstance(field.default_value, Mapping):
        return {}
    return field.default_value


def _value(name: str, defined: Any) -> str | None:
    if not isinstance(defined, Mapping):
        return None if defined in (None, MASK) else str(defined)
    variable = str(defined.get("env", ""))
    found = os.environ.get(variable)
    if found is None:
        raise InputError(
            f"{name} is to come from the environment variable {variable}, which is not set.",
            remedy=f"Set {variable} where the step runs.",
        )
    return found
