"""One exchange: the request as the emulator reads it, the answer as it will be sent, and the refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

from pydantic_core import from_json

Json = dict[str, Any]

_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)
_PLACE = re.compile(r"(?s)(.*) at line (\d+) column (\d+)")


@dataclass(slots=True)
class Request:
    """One request, already routed.

    Attributes:
        n: Its number, counted from 1 over the portal's life.
        version: `v3`, `v4` or a date, as the path spells it.
        operation: What it asks for, such as `create` or `associations.read`.
        object_type: The object type's plural name, or what the path said if there is no such type.
        parameters: The variable parts of the path.
        arrived: When it was counted against the limits, in seconds of a steady clock.
    """

    n: int
    method: str
    path: str
    query_string: str
    headers: dict[bytes, bytes]
    body: bytes
    version: str = ""
    operation: str = ""
    object_type: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    arrived: float = 0.0
    inputs: int = 0
    trace_ids: tuple[str, ...] = ()
    committed: list[str] = field(default_factory=list)
    _parsed: Json | None = None

    @property
    def json(self) -> Json:
        """The body as an object.

        Raises:
            Refused: The body is not a JSON object (HubSpot: 400 without a category).
        """
        if self._parsed is None:
            self._parsed = _parse(self.body)
        return self._parsed

    def set_json(self, parsed: Json) -> None:
        """Put another body in the place of the one that was sent."""
        self._parsed = parsed

    @property
    def list_json(self) -> list[Any]:
        """The body as a list.

        Raises:
            Refused: The body is not a JSON list.
        """
        parsed = _read(self.body)
        if not isinstance(parsed, list):
            raise invalid_json("a list was expected")
        return parsed

    @property
    def inputs_json(self) -> list[Json]:
        """The body's `inputs`; none if the body has no such key, which HubSpot takes for an empty batch."""
        inputs = self.json.get("inputs")
        if inputs is None:
            return []
        if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
            raise invalid_json("inputs must be a list of objects")
        return inputs

    def count_inputs(self) -> None:
        """Count the inputs of a request that was turned away before its operation could."""
        try:
            inputs = self.inputs_json
        except Refused:
            return
        self.inputs = len(inputs)
        self.trace_ids = tuple(
            str(item["objectWriteTraceId"]) for item in inputs if "objectWriteTraceId" in item
        )

    def query_all(self, name: str) -> list[str]:
        """Every value of a query parameter."""
        return parse_qs(self.query_string, keep_blank_values=True).get(name, [])

    def query(self, name: str, default: str = "") -> str:
        """Return the last value of a query parameter."""
        if not self.query_string:
            return default
        return parse_qs(self.query_string, keep_blank_values=True).get(name, [default])[-1]

    @property
    def wants_archived(self) -> bool:
        """Whether the query asks for archived records."""
        return self.query("archived").lower() == "true"


@dataclass(slots=True)
class Answer:
    """What goes back: a JSON body, or raw bytes with a content type of their own."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=utf-8"


class Refused(Exception):
    """A request that gets an error answer instead of an operation."""

    def __init__(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.answer = Answer(status, body, headers or {})


def _parse(body: bytes) -> Json:
    parsed = _read(body) if body else {}
    if not isinstance(parsed, dict):
        raise invalid_json("an object was expected")
    return parsed


def _read(body: bytes) -> Any:
    """Read a body; NaN and Infinity, which some clients write, are no JSON."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        found = _PLACE.fullmatch(str(error))
        why, line, column = found.groups() if found else (str(error), "1", "1")
        raise invalid_json(f"line {line}, column {column}: {why}") from None


def error_body(message: str, category: str | None = None, **more: Any) -> Json:
    """Return the body of an error answer; the correlation id is added when it is sent."""
    body: Json = {"status": "error", "message": message}
    if category:
        body["category"] = category
    body.update(more)
    return body


def invalid_json(place: str) -> Refused:
    """400 for a body that cannot be read; HubSpot gives it no category."""
    text = f"Invalid input JSON on {place}" if place.startswith("line") else f"Invalid input JSON: {place}"
    return Refused(400, error_body(text))


def validation(message: str, **more: Any) -> Refused:
    """400 VALIDATION_ERROR for the whole request."""
    return Refused(400, error_body(message, "VALIDATION_ERROR", **more))


def not_found(message: str = "resource not found") -> Refused:
    """404; like HubSpot's for an unknown path it has no category."""
    return Refused(404, error_body(message))


def object_not_found(message: str, **more: Any) -> Refused:
    """404 OBJECT_NOT_FOUND for one record or definition."""
    return Refused(404, error_body(message, "OBJECT_NOT_FOUND", **more))


def whole(value: Any, name: str, least: int = 0) -> int:
    """Return a parameter as a whole number.

    Raises:
        Refused: It is none, or a smaller one than it may be.
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value) is None:
        raise validation(f"{name} must be a whole number")
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise validation(f"{name} must be a whole number") from None
    if number < least:
        raise validation(f"{name} must be {least} or more")
    return number


def iso(seconds: float) -> str:
    """Return a time as HubSpot writes it in envelopes: UTC with three digits of a second."""
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
