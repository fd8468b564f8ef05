"""Columns against the portal's definitions: what cannot be written is refused before anything is sent."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.column_mapping import filled_from_key
from hubspot_batch_dagster.sync.schema.definitions import Definitions

SHOWN = 10
NEAREST = 3
NOTHING_SENT = " Nothing was sent."


def unknown_properties(mapping: Mapping[str, str], definitions: Definitions) -> list[str]:
    """Return the properties that columns go to and that the portal does not have."""
    return [name for name in mapping if name not in definitions.properties]


def check_columns(
    operation: Operation,
    mapping: Mapping[str, str],
    definitions: Definitions,
    archived: Collection[str] = (),
    to_make: Collection[str] = (),
    *,
    consequence: str = NOTHING_SENT,
) -> None:
    """Refuse columns whose property is unknown, archived, read-only or calculated; all of them at once.

    Args:
        operation: What the user asks for.
        mapping: Property -> column.
        definitions: The portal's.
        archived: Names of archived properties, to tell them from unknown ones.
        to_make: Names of properties that the run will make.
        consequence: What the refusal says of the run.

    Raises:
        InputError: With each column, and the names that are nearest to an unknown one.
    """
    problems = {}
    of_several = filled_from_key(operation, mapping) if len(operation.key_columns) > 1 else None
    for name, column in mapping.items():
        why = None if name in to_make else _problem(name, column, definitions, archived)
        if why is None and name == of_several and definitions.properties[name].type != "string":
            why = (
                f"Property {name!r} is a {definitions.properties[name].type}, and the key of several columns "
                "that fills it is a text."
            )
        if why is not None:
            problems[column] = why
    if not problems:
        return
    more = len(problems) - SHOWN
    said = " ".join(list(problems.values())[:SHOWN]) + (f" And {more} more columns." if more > 0 else "")
    raise InputError(
        f"{said}{consequence}",
        column=next(iter(problems)) if len(problems) == 1 else None,
        remedy=_remedy(operation, definitions, any(name not in definitions.properties for name in mapping)),
    )


def check_unique(
    operation: Operation,
    definitions: Definitions,
    to_make: Collection[str] = (),
    *,
    consequence: str = NOTHING_SENT,
) -> None:
    """Refuse an ``id_property`` or ``creation_key`` whose values HubSpot does not keep unique.

    The arguments are those of :func:`check_columns`.

    Raises:
        InputError: With the properties that are unique.
    """
    given = {
        "id_property": operation.id_property_name,
        "id_property" if operation.reads_new_rows else "creation_key": operation.found_by,
    }
    for what, name in given.items():
        if name is None or name in to_make or definitions.is_unique(name):
            continue
        why = (
            "is not unique in HubSpot"
            if name in definitions.properties
            else f"is no property of {definitions.kind}"
        )
        unique = definitions.unique_names()
        raise InputError(
            f"{what}={name!r} {why}.{consequence}",
            remedy=(
                f"Unique properties of {definitions.kind}: {_listed(unique)}."
                if unique
                else (
                    f"{definitions.kind} have no unique property. Make one in HubSpot (uniqueness cannot be"
                    " added to an existing one), or use key= instead."
                )
            ),
        )


def nearest(word: str, definitions: Definitions) -> list[str]:
    """Return the properties whose name or label is most like a word."""
    names: dict[str, str] = {}
    for name, each in definitions.properties.items():
        if not each.read_only:
            names.setdefault(each.label.casefold(), name)
    names.update({name.casefold(): name for name in definitions.properties})
    found = difflib.get_close_matches(word.casefold(), list(names), n=NEAREST * 2)
    return list(dict.fromkeys(names[each] for each in found))[:NEAREST]


def _problem(name: str, column: str, definitions: Definitions, archived: Collection[str]) -> str | None:
    goes = f"Column {column!r}" if name == column else f"Column {column!r} goes to property {name!r}, which"
    found = definitions.properties.get(name)
    if found is None and name in archived:
        return f"{goes} is an archived property of {definitions.kind}."
    if found is None:
        near = nearest(name, definitions)
        hint = f" Nearest: {_listed(near)}." if near else ""
        lacks = "is no property of" if name == column else "does not exist among those of"
        return f"{goes} {lacks} {definitions.kind}.{hint}"
    if found.archived:
        return f"{goes} is an archived property of {definitions.kind}."
    if found.calculated:
        return f"{goes} is calculated by HubSpot."
    if found.modification_metadata.read_only_value:
        return f"{goes} is read-only in HubSpot."
    return None


def _remedy(operation: Operation, definitions: Definitions, unknown: bool) -> str:
    where = (
        "Name the columns to send in properties=."
        if operation.property_columns is None
        else "Correct properties=, or leave the column out."
    )
    if unknown and not definitions.complete:
        # Making it would meet the one that is hidden.
        return (
            where
            + " If it is a sensitive property, give the app the scopes to read and write sensitive data."
        )
    makes = operation.sends_properties and unknown
    return where + (" missing_properties='create' makes properties that do not exist." if makes else "")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    shown = ", ".join(repr(name) for name in every[:SHOWN])
    return shown + (f" and {len(every) - SHOWN} more" if len(every) > SHOWN else "")
