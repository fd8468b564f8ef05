"""What bodies are made of: strict when we send, tolerant when we receive.

HubSpot asks to treat every field of an error as optional ("Handling errors"). Numbers come where text is
documented, lists come as null, maps as text. Each type here reads the documented form first and puts the rest
right.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema


class Sent(BaseModel):
    """A body that we write: frozen, and closed to fields that HubSpot does not know."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
    )

    def to_json(self) -> bytes:
        """Return the body's bytes: HubSpot's names, fields without a value left out."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)


def batch_body(*inputs: bytes) -> bytes:
    """Write the body of a batch request, of inputs that are JSON already. Every batch is written here."""
    return b'{"inputs":[' + b",".join(inputs) + b"]}"


class Received(BaseModel):
    """A body that we read: frozen, and without the fields that we do not use."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Fallback:
    """What a value becomes that is not of the declared type; the declared type stays the quick way."""

    def __init__(self, convert: Any) -> None:
        self.convert = convert

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        odd = core_schema.no_info_plain_validator_function(self.convert)
        return core_schema.union_schema([handler(source), odd], mode="left_to_right")


class Repaired:
    """A value that is put right and read again, if it cannot be read as it is.

    Unlike a validator that runs before, it costs nothing for what is well formed: the bytes are read without
    becoming Python objects first.
    """

    def __init__(self, repair: Any) -> None:
        self.repair = repair

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        plain = handler(source)
        repaired = core_schema.no_info_before_validator_function(self.repair, plain)
        return core_schema.union_schema([plain, repaired], mode="left_to_right")


def _as_text(value: Any) -> str | None:
    """Any JSON value as the text that HubSpot would have written: `true`, `12`, compact JSON for the rest."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _as_required_text(value: Any) -> str:
    return _as_text(value) or ""


def _as_name(value: Any) -> str | None:
    """Return a sub-category: documented as an object, sent as a string."""
    if isinstance(value, dict):
        named = value.get("name") or value.get("value")
        return str(named) if named else None
    return _as_text(value)


_DELIMITER = re.compile(r"[,{}\[\]]")
_LONGEST_TEXT = 10_000
"""Characters of a context that is a text."""


def _java_map(text: str) -> dict[str, list[str]]:
    """Return the pairs of a map as Java prints it, `{a=[x, y], b=z}`, in one pass."""
    found: dict[str, list[str]] = {}
    at = 0
    while (equals := text.find("=", at)) >= 0:
        name = _DELIMITER.split(text[at:equals])[-1].strip()
        at = equals + 1
        if text.startswith("[", at):
            end = text.find("]", at)
            if end < 0:
                break
            value, at = text[at + 1 : end], end + 1
        else:
            stop = _DELIMITER.search(text, at)
            end = stop.start() if stop else len(text)
            value, at = text[at:end], end
        if name:
            found[name] = [part.strip() for part in value.split(",") if part.strip()]
    return found


def context_lists(value: Any) -> dict[str, list[str]]:
    """Return an error's context in one shape, whichever of HubSpot's shapes it came in.

    Args:
        value: A map of lists (captures), a map of strings (warnings), a string such as
            `{missingScopes=[a, b]}` (documentation pages), or nothing.

    Returns:
        Each name with its list of texts. A string that holds no names is kept under `"text"`.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        text = value[:_LONGEST_TEXT]
        return _java_map(text) or {"text": [text]}
    if isinstance(value, dict):
        return {str(name): _texts(entry) for name, entry in value.items()}
    return {"text": _texts(value)}


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [_as_required_text(entry) for entry in value]
    return [_as_required_text(value)]


def as_list(value: Any) -> Any:
    """Return a list, empty where HubSpot left it null or an error list is no list; null entries are
    dropped.
    """
    if not isinstance(value, list | tuple):
        return []
    return [entry for entry in value if entry is not None]


def _as_text_map(value: Any) -> dict[str, str | None]:
    return {str(k): _as_text(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _as_map(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _as_links(value: Any) -> dict[str, str]:
    return {str(k): _as_required_text(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _nothing(_: Any) -> None:
    return None


Text = Annotated[str, Fallback(_as_required_text)]
OptionalText = Annotated[str | None, Fallback(_as_text)]
Name = Annotated[str | None, Fallback(_as_name)]
Instant = Annotated[datetime | None, Fallback(_nothing)]
Count = Annotated[int | None, Fallback(_nothing)]
Flag = Annotated[bool | None, Fallback(_nothing)]
Context = Annotated[dict[str, list[str]], Repaired(context_lists)]
Links = Annotated[dict[str, str], Repaired(_as_links)]
Listed = Repaired(as_list)
"""Beside a list type: null is an empty list, and null entries are dropped."""
Mapped = Repaired(_as_map)
"""Beside a type that is read from a map: anything else is an empty map."""
Properties = Annotated[dict[str, str | None], Repaired(_as_text_map)]
"""Property name to text. Texts and null, which is what HubSpot sends, are read quickest."""


def _as_id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


RecordId = Annotated[str, BeforeValidator(_as_id), Field(min_length=1)]
