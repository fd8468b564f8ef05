"""Typed rows: a pydantic model of an object type, written from the portal's definitions."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

import pydantic

from hubspot_batch_dagster.api.definitions import PropertyDefinition
from hubspot_batch_dagster.api.endpoints import object_type

WIDTH = 84

_TYPES: Mapping[str, str] = {
    "number": "float",
    "bool": "bool",
    "date": "date",
    "datetime": "datetime",
}

_CONFIG = "ConfigDict(coerce_numbers_to_str=True, protected_namespaces=())"

_USE = "    Give it as ``model=`` to an operation. Fields are named like properties; None means no value.\n"

_SPLIT = '''
    @classmethod
    def _parts(cls, cell: Any) -> Any:
        """Take several options in one text, as HubSpot writes them, for a list."""
        if not isinstance(cell, str):
            return cell
        return [each for each in cell.split(";") if each]
'''


def models_source(kind: str, definitions: Iterable[PropertyDefinition], *, portal_id: int | None) -> str:
    """Return a Python module with one pydantic model: a field for each writable property, by name.

    The same definitions always give the same text. Ruff neither changes it nor complains, whatever its line
    length.

    Args:
        kind: The object type.
        definitions: Its properties; read-only, calculated and archived ones are left out.
        portal_id: The account, for the docstring; ``None`` leaves it out.
    """
    found = object_type(kind)
    writable = sorted(
        (each for each in definitions if not each.read_only and not each.archived), key=lambda each: each.name
    )
    taken: set[str] = set()
    names = [_field_name(each.name, taken) for each in writable]
    typed = [_type_of(each, name, taken) for each, name in zip(writable, names, strict=True)]
    kinds = [kind_ for kind_, _ in typed]
    aliases = "".join(alias for _, alias in typed)
    fields = [_field(*each) for each in zip(writable, names, kinds, strict=True)]
    several = [name for name, kind_ in zip(names, kinds, strict=True) if kind_.startswith("list[")]
    where = f" of portal {portal_id}" if portal_id is not None else ""
    what = _plain(f"A row of {found.name}, as the properties{where} define it.")
    head = f'"""{what}"""\n'
    body = "\n".join([*fields, *([_validator(several)] if several else [])])
    parts = [
        head,
        _imports(
            kinds,
            options=bool(aliases),
            several=bool(several),
            aliased=names != [each.name for each in writable],
        ),
        *([aliases] if aliases else []),
        (
            f'\nclass {_class_name(found.singular)}(BaseModel):\n    """{what}\n\n{_USE}    """\n\n   '
            f" model_config = {_CONFIG}\n"
        ),
        *([body] if body else []),
    ]
    return "\n".join(parts)


def _validator(names: Sequence[str]) -> str:
    listed = "".join(f"        {_quoted(name)},\n" for name in names)
    return f'    @field_validator(\n{listed}        mode="before",\n    ){_SPLIT}'


def _imports(kinds: Sequence[str], *, options: bool, several: bool, aliased: bool) -> str:
    dates = [name for name in ("date", "datetime") if name in kinds]
    typing = [*(["Any"] if several else []), *(["Literal"] if options else [])]
    names = [
        "BaseModel",
        "ConfigDict",
        *(["Field"] if aliased else []),
        *(["field_validator"] if several else []),
    ]
    lines = [
        f"from datetime import {', '.join(dates)}\n" if dates else "",
        f"from typing import {', '.join(typing)}\n" if typing else "",
    ]
    return "".join(lines) + ("\n" if any(lines) else "") + f"from pydantic import {', '.join(names)}\n"


def _field(definition: PropertyDefinition, name: str, kind: str) -> str:
    line = f"    {name}: {kind} | None = "
    skip = "  # fmt: skip" if len(line) + len("Field(") > WIDTH else ""
    line += f"None{skip}\n"
    if name != definition.name:
        alias = f"        alias={_quoted(definition.name)},\n"
        line = f"    {name}: {kind} | None = Field(\n        default=None,\n{alias}    ){skip}\n"
    said = _plain(definition.label) or _plain(definition.name) or "No label."
    more = _plain(definition.description or "")
    text = said if not more or more == said else f"{said.rstrip('.')}. {more}"
    return f"{line}{_docstring(text)}"


def _docstring(text: str) -> str:
    if len(text) + 10 <= WIDTH:
        return f'    """{text}"""\n'
    first, *rest = textwrap.wrap(text, WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    if not rest:
        return f'    """{first}"""\n'
    lines = "".join(f"    {line}\n" for line in rest)
    return f'    """{first}\n{lines}    """\n'


def _type_of(definition: PropertyDefinition, name: str, taken: set[str]) -> tuple[str, str]:
    """Return the annotation, and the alias of its options that has to stand before the model."""
    if definition.type in _TYPES:
        return _TYPES[definition.type], ""
    values = list(dict.fromkeys(each.value for each in definition.options if each.value))
    owner = (definition.referenced_object_type or "").upper() == "OWNER"
    if definition.type != "enumeration" or not values or owner:
        return "str", ""
    if set(values) <= {"true", "false"}:
        return "bool", ""
    alias = _alias_name(name, taken)
    line = f"{alias} = {_literal(values)}"
    skip = "  # fmt: skip" if len(values) == 1 and len(line) > WIDTH else ""
    annotation = f"list[{alias}]" if definition.field_type == "checkbox" else alias
    return annotation, f"{line}{skip}\n"


def _literal(values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"Literal[{_quoted(values[0])}]"
    return "Literal[\n" + "".join(f"    {_quoted(value)},\n" for value in values) + "]"


def _quoted(text: str) -> str:
    """Return a Python string as Ruff writes it: in double quotes, unless that needs more escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_escaped(character, quote) for character in text) + quote


def _escaped(character: str, quote: str) -> str:
    if character in (quote, "\\"):
        return f"\\{character}"
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _plain(text: str) -> str:
    """One line of text that can stand in a docstring."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line.replace("\\", "/").replace('"', "'")
    return line if line[-1:] in ".!?" or not line else f"{line}."


def _field_name(name: str, taken: set[str]) -> str:
    """Return a property's name where Python and pydantic allow it; otherwise one like it, with an alias."""
    made = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_") or "field"
    if made[0].isdigit():
        made = f"p_{made}"
    if (
        keyword.iskeyword(made)
        or keyword.issoftkeyword(made)
        or hasattr(pydantic.BaseModel, made)
        or made in _TAKEN
    ):
        made = f"{made}_"
    while made in taken:
        made = f"{made}_"
    taken.add(made)
    return made


# All that a generated class body looks up: a field of that name would stand before it there, as ``None``.
_LOOKED_UP = {
    "date", "datetime", "bool", "float", "str", "list", "classmethod", "Any", "Literal",
    "BaseModel", "ConfigDict", "Field", "field_validator", "model_config",
}  # fmt: skip

# Names that Ruff takes for a digit (E741).
_AMBIGUOUS = {"l", "O", "I"}

_TAKEN = frozenset(_LOOKED_UP | _AMBIGUOUS)


def _alias_name(field: str, taken: set[str]) -> str:
    made = "".join(part.capitalize() for part in field.split("_") if part) + "Option"
    while made in taken:
        made = f"{made}_"
    taken.add(made)
    return made


def _class_name(singular: str) -> str:
    parts = [part for part in re.split(r"\W+|_", singular, flags=re.ASCII) if part]
    made = "".join(part[0].upper() + part[1:] for part in parts) or "Row"
    return f"Object{made}" if made[0].isdigit() else made
