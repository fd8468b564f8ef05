"""The operations' fields as a component has them: a field that an operation gains can be written in YAML at
once.
"""

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import dagster as dg
from pydantic import BaseModel, create_model

from hubspot_batch_dagster.api.arguments import CheckedModel
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.associate import Associate
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.properties import Cast, Property
from hubspot_batch_dagster.operations.records import Create, Upsert

OPERATIONS: Mapping[str, type[Operation]] = {
    "create": Create,
    "upsert": Upsert,
    "update": Update,
    "archive": Archive,
    "associate": Associate,
}
ONLY_PYTHON = frozenset({"model"})
"""Fields that take a class, for which YAML has no words."""

_VARIABLE = re.compile(r"\{\{\s*env\.(\w+)\s*\}\}")
_ARGS = re.compile(r"^Args:\n(.*?)(?=^\S|\Z)", re.S | re.M)
_ARG = re.compile(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", re.S | re.M)


def unset_variable(value: Any) -> str | None:
    """Find an environment variable that a value's templates name and that is not set.

    Dagster itself would write ``None`` into the text around it. Secrets of ``hubspot`` are read in each run.
    """
    if isinstance(value, str):
        return next((name for name in _VARIABLE.findall(value) if name not in os.environ), None)
    if isinstance(value, BaseModel):
        value = vars(value)
    if isinstance(value, Mapping):
        value = [each for name, each in value.items() if name != "hubspot"]
    found = map(unset_variable, value) if isinstance(value, Sequence) else ()
    return next((name for name in found if name is not None), None)


def explained(description: str, allowed: Sequence[str] = ()) -> dg.Resolver:
    """How a field is described, and for ``dg check yaml`` the only words that it takes."""
    schema = {"enum": [*allowed, None]} if allowed else None
    resolver: dg.Resolver = dg.Resolver.default(description=description, json_schema_extra=schema)
    return resolver


def component_spec(description: str) -> dg.ComponentTypeSpec:
    """Return what ``dg list components`` and ``dg docs`` say of a component of ours."""
    return dg.ComponentTypeSpec(
        description=description,
        tags=["hubspot", "crm", "reverse-etl"],
        owners=["team:hubspot-batch-dagster"],
    )


class Located(CheckedModel, dg.Resolvable):
    """What is resolved from YAML so that an error shows the line of the wrong field, and no more than one
    sentence.
    """

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Any:
        """Make the object from its YAML; Dagster calls this."""
        for field in model.model_fields_set:
            variable = None if field == "hubspot" else unset_variable(getattr(model, field))
            if variable is not None:
                said = f"The environment variable {variable} is not set. Set it where the definitions load."
                raise context.at_path(field).build_resolve_fn_exc([said], field_name=field, model=model)
            written = getattr(model, field)
            fields_of: Mapping[str, Any] = getattr(cls, "model_fields", {})
            shape = _shape(fields_of[field].annotation) if isinstance(written, str) else None
            if shape is not None and ("{{" not in written or field == "hubspot"):
                said = f"{field} is one text. Write {field}: {shape}."
                raise context.at_path(field).build_resolve_fn_exc([said], field_name=field, model=model)
        try:
            return super().resolve_from_model(context, model)
        except InputError as error:
            said = error.message
            first = (
                next(iter(type(model).model_fields))
                if "operation" not in model.model_fields_set
                else "operation"
            )
            field = next((name for name in model.model_fields_set if said.startswith(name)), first)
            place = context.at_path(field) if field in model.model_fields_set else context
            raise place.build_resolve_fn_exc([said], field_name=field, model=model) from None


def _shape(kind: Any) -> str | None:
    """Return how a field of this kind is written, unless it takes one text."""
    if get_origin(kind) is Annotated:
        return _shape(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        shapes = [_shape(part) for part in get_args(kind) if part is not NoneType]
        return None if None in shapes else shapes[0]
    origin = get_origin(kind)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        (each, *_) = get_args(kind)
        if isinstance(each, type) and issubclass(each, dg.Component):
            return None  # a collection reads its syncs itself
        return f"[{_shape(each) or '...'}]"
    if isinstance(kind, type) and hasattr(kind, "model_fields"):
        first = next(iter(kind.model_fields))
        return f"{{{'access_token_env' if first == 'access_token' else first}: ...}}"
    return "{key: ...}" if kind is dg.AssetSpec else None


def taken_by(kind: type[Operation]) -> tuple[str, ...]:
    """Return the fields of an operation that can be written in YAML."""
    return tuple(each.name for each in fields(kind) if each.name not in ONLY_PYTHON)


def required_by(kind: type[Operation]) -> tuple[str, ...]:
    """Return the fields that an operation cannot do without."""
    return tuple(
        each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING
    )


def _model(name: str, sources: Sequence[type], base: tuple[type, ...], without: frozenset[str]) -> Any:
    """Return a model with the fields of some dataclasses; ``None`` leaves a field as the dataclass has it."""
    found: dict[str, Any] = {}
    told = {field: text for source in reversed(sources) for field, text in _descriptions(source).items()}
    for source in sources:
        hints = get_type_hints(source)
        for each in fields(source):
            if each.name in found or each.name in without:
                continue
            kind = _yaml_type(hints[each.name])
            required = len(sources) == 1 and each.default is MISSING and each.default_factory is MISSING
            words = [word for word in get_args(kind) if isinstance(word, str)]
            field = explained(told.get(each.name, ""), words if get_origin(kind) is Literal else ())
            found[each.name] = (
                (Annotated[kind, field], ...) if required else (Annotated[kind | None, field], None)
            )
    return create_model(name, __base__=base, **found)


def _yaml_type(hint: Any) -> Any:
    """Return the type that YAML can hold for a type of Python's."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) and Cast in parts:
        return CastFields  # in Python it may be a mapping too
    if origin in (Union, UnionType):
        return Union[tuple(dict.fromkeys(_yaml_type(part) for part in parts if part is not NoneType))]  # noqa: UP007 - made of parts
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        return dict[str, _yaml_type(parts[1])]  # type: ignore[misc]
    if origin is not None and origin is not Literal and issubclass(origin, Sequence):
        return list[_yaml_type(parts[0])]  # type: ignore[misc]
    if hint is Association:
        return AssociationFields
    if hint is Property:
        return dict[str, Any]  # Dagster resolves no union of a text and a model inside a mapping
    if hint is Cast:
        return CastFields
    return int | float if hint is float else hint


def _descriptions(source: type) -> dict[str, str]:
    """Return what the docstring says of each argument, without its markup."""
    section = _ARGS.search(inspect.getdoc(source) or "")
    found = {}
    for name, text in _ARG.findall(section.group(1) if section else ""):
        plain = re.sub(r":class:|[`]", "", " ".join(text.split()))
        if not plain.lower().startswith("as for"):
            found[name] = plain
    return found


AssociationFields = _model("AssociationFields", [Association], (Located, dg.Model), frozenset())
"""An association that a created record gets; the fields are those of :class:`Association`."""

CastFields = _model("CastFields", [Cast], (Located, dg.Model), frozenset())
"""How text becomes a value; the fields are those of :class:`Cast`."""

OperationFields = _model(
    "OperationFields", list(OPERATIONS.values()), (dg.Model,), ONLY_PYTHON | {"object_type"}
)
"""What the operations take, each optional; the component adds which of them is meant."""


def property_of(given: Any) -> str | Property:
    """Return a column as the operation takes it."""
    if isinstance(given, str):
        return given
    foreign = sorted(set(given) - {each.name for each in fields(Property)})
    if foreign or "column" not in given:
        said = f"{foreign[0]} is no field of a property" if foreign else "A property names no column"
        raise InputError(
            f"properties: {said}.", remedy=f"It has {', '.join(each.name for each in fields(Property))}."
        )
    return Property(**given)


def named_properties(given: Mapping[str, Any]) -> dict[str, str | Property]:
    """Return properties as the operation takes them.

    Raises:
        InputError: It names the field and the property.
    """
    found = {}
    for name, each in given.items():
        try:
            found[name] = property_of(each)
        except InputError as error:
            said = error.message.removeprefix("properties: ")
            raise InputError(f"properties: {name}: {said}", remedy=error.remedy) from None
    return found
