"""Faults on demand: which requests get into trouble, and into which."""

from __future__ import annotations

import dataclasses
import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from hubspot_batch_dagster.emulator.exchange import Answer, Request, error_body
from hubspot_batch_dagster.emulator.limits import burst_body, daily_body

Action = Literal[
    "answer", "drop", "truncate", "silent", "slow", "empty", "omit", "keep", "interim", "drip", "headers"
]
WORKING = ("slow", "truncate", "omit", "keep", "interim", "drip", "headers")
MAX_SILENCE = 300.0
HTML = (
    "<html><head><title>{status}</title></head>"
    "<body><center><h1>{status} Bad Gateway</h1></center></body></html>"
)


@dataclass(frozen=True)
class Fault:
    """A rule: the requests it meets, and the trouble they get.

    Make one with the class methods. They take these fields as keywords, which all have to fit:

    Attributes:
        operation: Such as `create` or `associations.create`; a regular expression for the whole name.
        object_type: The plural name, such as `contacts`.
        method: The HTTP method.
        path: A regular expression found somewhere in the path.
        nth: Only the nth fitting request (from 1), or a pair (first, last) of them.
        times: At most so many requests.
        probability: The share of fitting requests it strikes.
        row: Property values, or `id` and `objectWriteTraceId`; an input that has all of them must be in the
            batch. A value of None means that it is sent at all.
        after_commit: The work is done before the trouble comes.
        seconds: How long a slow, silent or dripping answer takes; silence ends after 300 seconds at most.
        rows: How many results are left out.
        from_status_line: A drip begins with the status line; otherwise with the body.
        reset: A dropped connection is reset (RST) instead of closed (FIN).
    """

    action: Action
    name: str = ""
    operation: str | None = None
    object_type: str | None = None
    method: str | None = None
    path: str | None = None
    nth: int | tuple[int, int] | None = None
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    row: Mapping[str, str | None] | None = None
    after_commit: bool = False
    status: int = 0
    body: Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] | None = None
    content_type: str = "application/json;charset=utf-8"
    seconds: float = 0.0
    rows: int = 0
    reset: bool = False
    from_status_line: bool = False

    def __post_init__(self) -> None:
        """Refuse a rule that could not be played, or not be held against a request."""
        if self.action not in get_args(Action):
            raise ValueError(f"a fault has no action {self.action!r}; it has {', '.join(get_args(Action))}")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability cannot be {self.probability!r}: it is between 0 and 1")
        if not 0.0 <= self.seconds < math.inf:
            raise ValueError(f"seconds cannot be {self.seconds!r}: it is a number from 0 on")
        for name, pattern in (("operation", self.operation), ("path", self.path)):
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise ValueError(f"{name} cannot be {pattern!r}: {error}") from None

    @classmethod
    def answer(cls, status: int, body: Mapping[str, Any] | str | None = None, **fields: Any) -> Fault:
        """Answers with a status and a body of your own instead of HubSpot's."""
        if body is None and status >= 400:
            body = error_body(f"A made-up {status}.")
        return cls("answer", **{"name": str(status), "status": status, "body": body, **fields})

    @classmethod
    def html(cls, status: int = 502, **fields: Any) -> Fault:
        """Answers with a proxy's HTML page."""
        page = HTML.format(status=status)
        return cls.answer(status, page, **{"name": f"html {status}", "content_type": "text/html", **fields})

    @classmethod
    def drop(cls, **fields: Any) -> Fault:
        """Close the connection without an answer; with `after_commit=True` after the work."""
        return cls("drop", **{"name": "drop", **fields})

    @classmethod
    def truncate(cls, **fields: Any) -> Fault:
        """Do the work, send half of the answer and close the connection."""
        return cls("truncate", **{"name": "truncate", "after_commit": True, **fields})

    @classmethod
    def silent(cls, seconds: float = MAX_SILENCE, **fields: Any) -> Fault:
        """Never answers: waits until the client gives up, then closes the connection."""
        return cls("silent", **{"name": "silent", "seconds": min(seconds, MAX_SILENCE), **fields})

    @classmethod
    def slow(cls, seconds: float, **fields: Any) -> Fault:
        """Take time before the work, or after it with `after_commit=True`, and then answer as usual."""
        return cls("slow", **{"name": "slow", "seconds": seconds, **fields})

    @classmethod
    def locked(cls, **fields: Any) -> Fault:
        """423: too many writes to one object."""
        return cls.answer(423, error_body("The object is locked by another write.", "LOCKED"), **fields)

    @classmethod
    def rate_limited(cls, retry_after: float | None = None, **fields: Any) -> Fault:
        """429 for the rolling window, without `Retry-After` unless you give one."""
        headers = None if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return cls.answer(
            429, burst_body(1_000_000, 1), **{"name": "429 burst", "headers": headers, **fields}
        )

    @classmethod
    def daily_limit(cls, **fields: Any) -> Fault:
        """429 for the day."""
        return cls.answer(429, daily_body(), **{"name": "429 daily", **fields})

    @classmethod
    def moving(cls, retry_after: float = 3600, **fields: Any) -> Fault:
        """477: the account is moving to another data centre."""
        body = error_body("This account is being migrated to another region.", "MIGRATION_IN_PROGRESS")
        return cls.answer(477, body, **{"headers": {"Retry-After": f"{retry_after:g}"}, **fields})

    @classmethod
    def expired_token(cls, **fields: Any) -> Fault:
        """401: the OAuth token has run out."""
        message = "The OAuth token used to make this call expired 7 second(s) ago."
        return cls.answer(
            401, error_body(message, "EXPIRED_AUTHENTICATION"), **{"name": "401 expired", **fields}
        )

    @classmethod
    def invalid_batch(cls, message: str = "Some of the inputs were not valid.", **fields: Any) -> Fault:
        """400 for a whole batch that names no input, with trace ids or without; give it `row`."""
        return cls.answer(400, error_body(message, "VALIDATION_ERROR"), **fields)

    @classmethod
    def conflict(cls, **fields: Any) -> Fault:
        """409 for a whole batch that names nothing."""
        return cls.answer(409, error_body("Contact already exists", "CONFLICT"), **fields)

    @classmethod
    def empty(cls, **fields: Any) -> Fault:
        """2xx, `COMPLETE`, no results; nothing is done unless `after_commit=True`."""
        return cls("empty", **{"name": "empty", **fields})

    @classmethod
    def omit(cls, rows: int = 1, **fields: Any) -> Fault:
        """Do the work and leave some results out of the answer."""
        return cls("omit", **{"name": "omit", "rows": rows, "after_commit": True, **fields})

    @classmethod
    def keep(cls, values: Mapping[str, str], **fields: Any) -> Fault:
        """Do the work and answer that the records have these values, as where a workflow writes at once."""
        return cls("keep", **{"name": "keep", "body": dict(values), "after_commit": True, **fields})

    @classmethod
    def interim(cls, status: int = 102, seconds: float = 0.0, **fields: Any) -> Fault:
        """Send a 1xx answer first and the true one `seconds` later, as HTTP allows."""
        return cls("interim", **{"name": str(status), "status": status, "seconds": seconds, **fields})

    @classmethod
    def drip(cls, seconds: float, **fields: Any) -> Fault:
        """Do the work and send the answer byte by byte over so many seconds.

        With `from_status_line=True` the headers drip too.
        """
        return cls("drip", **{"name": "drip", "seconds": min(seconds, MAX_SILENCE), **fields})

    @classmethod
    def with_headers(cls, headers: Mapping[str, str], **fields: Any) -> Fault:
        """Answer as usual, with these headers added or in the place of HubSpot's own, such as `Date`."""
        return cls("headers", **{"name": "headers", "headers": dict(headers), **fields})

    @property
    def works(self) -> bool:
        """Whether the operation is carried out."""
        return self.after_commit or self.action in WORKING

    def fits(self, request: Request) -> bool:
        """Whether a request is one it is about, leaving counts and chance aside."""
        return (
            (self.operation is None or re.fullmatch(self.operation, request.operation) is not None)
            and (self.object_type is None or self.object_type == request.object_type)
            and (self.method is None or self.method == request.method)
            and (self.path is None or re.search(self.path, request.path) is not None)
            and (self.row is None or self._has_row(request))
        )

    def _has_row(self, request: Request) -> bool:
        inputs = request.inputs_json if request.body else []
        return any(self._is_row(item) for item in inputs)

    def _is_row(self, item: Mapping[str, Any]) -> bool:
        properties = {**item, **(item.get("properties") or {})}
        return all(
            name in properties if value is None else str(properties.get(name)) == value
            for name, value in (self.row or {}).items()
        )

    def made_answer(self, request: Request) -> Answer:
        """Return the answer that it gives in place of HubSpot's."""
        if self.action == "empty":
            status = 201 if request.operation == "create" else 200
            return Answer(status, {"status": "COMPLETE", "results": []})
        body = dict(self.body) if isinstance(self.body, Mapping) else (self.body or "").encode()
        return Answer(self.status or 200, body, dict(self.headers or {}), self.content_type)

    def as_json(self) -> dict[str, Any]:
        """Return the rule as plain JSON values."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fault:
        """Return a rule from what `as_json` gave.

        Raises:
            ValueError: A field is unknown or missing.
        """
        nth = values.get("nth")
        try:
            return cls(**{**values, "nth": tuple(nth) if isinstance(nth, list) else nth})
        except TypeError as error:
            raise ValueError(f"not a fault: {error}") from None


class Faults:
    """The rules of a portal, asked in the order in which they were added; the first that strikes wins."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def __repr__(self) -> str:
        return f"Faults({', '.join(f'{rule.fault.name}: {rule.struck}x' for rule in self._rules)})"

    def add(self, *faults: Fault) -> None:
        """Add rules."""
        self._rules.extend(_Rule(fault) for fault in faults)

    def clear(self) -> None:
        """Take all rules away."""
        self._rules = []

    def struck(self) -> list[tuple[Fault, int]]:
        """Each rule and how many requests it has struck."""
        return [(rule.fault, rule.struck) for rule in self._rules[:]]

    def match(self, request: Request) -> Fault | None:
        """Return the rule that strikes a request, if any does."""
        for rule in self._rules[:]:
            if rule.strikes(request):
                return rule.fault
        return None


class _Rule:
    """A fault with its counts."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = self.struck = 0
        self._random = random.Random(fault.seed)

    def strikes(self, request: Request) -> bool:
        fault = self.fault
        if not fault.fits(request):
            return False
        self.seen += 1
        first, last = fault.nth if isinstance(fault.nth, tuple) else (fault.nth or 1, fault.nth or self.seen)
        if not first <= self.seen <= last or (fault.times is not None and self.struck >= fault.times):
            return False
        if fault.probability < 1.0 and self._random.random() >= fault.probability:
            return False
        self.struck += 1
        return True
