"""Typed rows: a pydantic model of an object type, written from the portal's definitions."""

from __future__ import annotations

import json
import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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

_SPLIT = '''
    @classmethod
    def _parts(cls, cell: Any) -> Any:
        """Take several options in one text, as HubSpot writes them, for a list."""
        if not isinstance(cell, str):
            return cell
        return [each for each in cell.split(";") if each]
'''


def models_source(kind: str, definitions: Iterable[PropertyDefinition], *, portal_id: int | None) -> str:
    """A Python module with one pydantic model: a field for each writable property, by name.

    The same definitions always give the same text. Ruff neither changes it nor complains, whatever its line length.

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
    fields, aliases, several = [], [], []
    for each in writable:
        name = _field_name(each.name, taken)
        kind_, alias = _type_of(each, name, taken)
        if alias:
            aliases.append(alias)
        fields.append(_field(each, name, kind_))
        if kind_.startswith("list["):
            several.append(name)
    where = f" of portal {portal_id}" if portal_id is not None else ""
    what = _plain(f"A row of {found.name}, as the properties{where} define it.")
    head = f'"""{what}"""\n'
    body = "\n".join([*fields, *([_validator(several)] if several else [])])
    return (
        f"{head}\n{_imports(body + ''.join(aliases))}"
        + ("\n" + "".join(aliases) if aliases else "")
        + f'\n\nclass {_class_name(found.singular)}(BaseModel):\n    """{what}\n\n'
        + "    Give it as ``model=`` to an operation. Fields are named like properties; None means no value.\n"
        + '    """\n\n    model_config = ConfigDict(coerce_numbers_to_str=True, protected_namespaces=())\n\n'
        + body
    )


def _validator(names: Sequence[str]) -> str:
    listed = "".join(f"        {_quoted(name)},\n" for name in names)
    return f'    @field_validator(\n{listed}        mode="before",\n    ){_SPLIT}'


def _imports(text: str) -> str:
    dates = [name for name in ("date", "datetime") if re.search(rf"\b{name} \| None", text)]
    typing = [name for name, mark in (("Any", "cell: Any"), ("Literal", "Literal[")) if mark in text]
    pydantic_ = [
        "BaseModel",
        "ConfigDict",
        *(["Field"] if " = Field(" in text else []),
        *(["field_validator"] if "@field_validator(" in text else []),
    ]
    lines = [
        f"from datetime import {', '.join(dates)}\n" if dates else "",
        f"from typing import {', '.join(typing)}\n" if typing else "",
    ]
    return "".join(lines) + ("\n" if any(lines) else "") + f"from pydantic import {', '.join(pydantic_)}\n"


def _field(definition: PropertyDefinition, name: str, kind: str) -> str:
    line = f"    {name}: {kind} | None = "
    skip = "  # fmt: skip" if len(line) + len("Field(") > WIDTH else ""
    line += f"None{skip}\n"
    if name != definition.name:
        alias = f"        alias={_quoted(definition.name)},\n"
        line = f"    {name}: {kind} | None = Field(\n        default=None,\n{alias}    ){skip}\n"
    said = _plain(definition.label or definition.name)
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
    """The annotation, and the alias of its options that has to stand before the model."""
    if definition.type in _TYPES:
        return _TYPES[definition.type], ""
    values = list(dict.fromkeys(each.value for each in definition.options if each.value))
    owner = (definition.referenced_object_type or "").upper() == "OWNER"
    if definition.type != "enumeration" or not values or owner:
        return "str", ""
    if set(values) <= {"true", "false"}:
        return "bool", ""
    alias = _alias_name(name, taken)
    literal = f"Literal[{_quoted(values[0])}]" if len(values) == 1 else _many(values)
    if definition.field_type != "checkbox":
        return alias, f"{alias} = {literal}\n"
    return f"list[{alias}]", f"{alias} = {literal}\n"


def _many(values: Sequence[str]) -> str:
    return "Literal[\n" + "".join(f"    {_quoted(value)},\n" for value in values) + "]"


def _quoted(text: str) -> str:
    """A Python string as Ruff writes it: in double quotes, unless that needs more escapes."""
    if '"' in text and "'" not in text and text.isprintable() and "\\" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _plain(text: str) -> str:
    """One line of text that can stand in a docstring."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line.replace("\\", "/").replace('"', "'")
    return line if line[-1:] in ".!?" or not line else f"{line}."


def _field_name(name: str, taken: set[str]) -> str:
    """A property's name where Python and pydantic allow it; otherwise one like it, with an alias."""
    made = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_") or "field"
    if made[0].isdigit():
        made = f"p_{made}"
    if (
        keyword.iskeyword(made)
        or keyword.issoftkeyword(made)
        or hasattr(pydantic.BaseModel, made)
        or made in _OURS
    ):
        made = f"{made}_"
    while made in taken:
        made = f"{made}_"
    taken.add(made)
    return made


_OURS: frozenset[Any] = frozenset(
    {"date", "datetime", "bool", "float", "str", "list", "model_config", "BaseModel"}
)


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
