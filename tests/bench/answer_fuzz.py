"""Answers that no server should give, for everything that reads one."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from bench.wire_server import Raw, WireServer
from hubspot_batch_dagster.api.auth.oauth import OAuthRefresh
from hubspot_batch_dagster.api.batch_results import ResultReader
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.endpoints import endpoint
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.rate_limit.log import Log  # noqa: F401 - the budget below is made of one
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import OUTCOME_COLUMNS, Outcomes, pack, unpack
from hubspot_batch_dagster.sync.batches.verdict import outcomes_of
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy, decide
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal
from hubspot_batch_dagster.sync.settlement.answers import verdicts_on
from hubspot_batch_dagster.sync.settlement.refusals import refusals, rejection

TRACES = ("run-0", "run-1", "run-2")

numbers = st.one_of(
    st.integers(-(10**6), 10**6),
    st.sampled_from([0, -1, 2**31, 2**63, -(2**63), 2**64, 10**40, 10**4000]),
    st.floats(),
)
words = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "", "0", "123", "-1", "1e400", "9" * 400, "\ud800", "\x00", "NaN", "null", "[{", "[{}]", "{a=[b", "a=b=c",
            '[{"isValid":false,"message":{},"error":["x"],"name":7}]', "[" * 3000, '[{"a":' * 2000,
            "COMPLETE", "PENDING", "CANCELED", "DAILY", "OBJECT_NOT_FOUND", "MISSING_SCOPES", "CONFLICT",
            "Duplicate IDs found in batch input: [1, 2]", "Existing ID: 77", "unable to infer object type",
            "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-13-45",
        ]
    ),
    st.sampled_from(TRACES),
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


def mixed(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A map with some of these fields, each as it should be or anything else."""
    return st.fixed_dictionaries({}, optional={name: each | values for name, each in fields.items()})


contexts = st.one_of(
    st.dictionaries(st.sampled_from(["ids", "id", "objectWriteTraceId", "propertyName"]), st.lists(words)),
    words,
)
details = mixed(message=words, code=words, context=contexts, subCategory=mixed(name=words))
errors = mixed(
    status=words, category=words, message=words, context=contexts, errors=st.lists(details, max_size=2)
)
records = mixed(
    id=st.sampled_from(["1", "22", "333"]) | words,
    objectWriteTraceId=st.sampled_from(TRACES),
    new=st.booleans(),
    properties=st.dictionaries(words, words, max_size=3),
    createdAt=words,
    warnings=st.lists(mixed(message=words, category=words), max_size=2),
    fromObjectId=words,
    toObjectId=words,
    to=st.lists(mixed(toObjectId=words, associationTypes=st.lists(values, max_size=2)), max_size=2),
    name=words,
    type=words,
    options=st.lists(mixed(value=words, label=words), max_size=2),
    portalId=numbers,
    usageLimit=numbers,
)
envelopes = mixed(
    status=words,
    results=st.lists(records, max_size=4),
    errors=st.lists(errors, max_size=3),
    numErrors=numbers,
    completedAt=words,
    total=numbers,
    paging=mixed(next=mixed(after=words)),
    category=words,
    message=words,
    context=contexts,
    policyName=words,
    correlationId=words,
    access_token=words,
    expires_in=numbers,
    timeZone=words,
)


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


bodies = st.one_of(
    envelopes.map(_as_json),
    st.lists(errors, max_size=2).map(_as_json),
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"", b"{}", b"[]", b"null", b"{" * 5000, b'{"results":' + b"[" * 20000, b'{"x":' * 20000 + b"1",
            b'{"status":"COMPLETE","results":[],"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
            b'{"results":[' + b"{}," * 2000 + b"{}]}", b'{"message":"' + b"\\u0000" * 2000 + b'"}',
            b"<html><title>" * 500, b'{"results":[{"id":"' + b"9" * 50000 + b'"}]}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00",
            b'{"status":"COMPLETE","results":[{"id":"1","objectWriteTraceId":"run-0"},{"id":"x","objectWriteTraceId":"run-1"},'
            b'{"id":"","objectWriteTraceId":"run-2"}]}',
        ]
    ),
)  # fmt: skip
header_values = st.one_of(
    words.map(lambda text: text.encode("latin-1", "replace")),
    numbers.map(lambda number: repr(number)[:6000].encode()),
    st.binary(max_size=40),
    st.just(b"9" * 5000),
)
names = st.sampled_from(
    [
        b"X-HubSpot-RateLimit-Max", b"X-HubSpot-RateLimit-Remaining", b"X-HubSpot-RateLimit-Interval-Milliseconds",
        b"X-HubSpot-RateLimit-Daily", b"X-HubSpot-RateLimit-Daily-Remaining", b"Retry-After", b"Date", b"Location",
        b"Content-Encoding", b"Content-Type", b"Connection", b"Transfer-Encoding", b"X-HubSpot-Correlation-Id", b"Set-Cookie",
        b"Content-Length", b"", b"\xff", b" folded",
    ]
)  # fmt: skip
statuses = st.one_of(
    st.sampled_from([200, 201, 204, 207, 400, 401, 403, 404, 409, 413, 422, 423, 429, 477, 500, 503, 524]),
    st.integers(100, 999),
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """The bytes of an answer, mostly well framed."""
    body, status = draw(bodies), draw(statuses)
    lines = [b"%s: %s" % (draw(names), _line(draw(header_values))) for _ in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        body = gzip.compress(body)[: draw(st.sampled_from([None, None, None, 12]))]
        lines.append(b"Content-Encoding: gzip")
    framing = draw(st.sampled_from(["length", "length", "length", "chunked", "close", "wrong"]))
    if framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        size = draw(st.sampled_from([b"%x" % len(body)] * 3 + [b"-5", b"zz", b"f" * 20, b""]))
        body = size + b"\r\n" + body + b"\r\n0\r\n\r\n"
    elif framing != "close":
        wrong = draw(st.sampled_from([b"%d" % (len(body) - 1), b"-7", b"9" * 30, b"9" * 5000]))
        lines.append(b"Content-Length: " + (b"%d" % len(body) if framing == "length" else wrong))
    head = draw(
        st.sampled_from([b"HTTP/1.1 %d Whatever"] * 9 + [b"HTTP/1.0 %d", b"HTTP/1.1 %d\xff", b"JUNK %d"])
    )
    interim = draw(st.sampled_from([b""] * 9 + [b"HTTP/1.1 102 Processing\r\n\r\n"]))
    return interim + head % status + b"\r\n" + b"\r\n".join([*lines, b""]) + b"\r\n" + body


def _line(value: bytes) -> bytes:
    return value.replace(b"\r", b"").replace(b"\n", b"")


def batch(action: Any) -> Batch:
    """Three rows."""
    return Batch(
        action=action,
        run="run",
        rows=[0, 1, 2],
        keys=["a", "b", "c"],
        digests=["1", "2", "3"],
        ids=[None] * 3 if action == "create" else ["1", "22", "333"],
        properties=[f'{{"email":"{name}@x.org"}}' for name in "abc"],
        associations=[None] * 3,
    )


def settle(requester: Requester, action: Any) -> None:
    """Send a batch and take in whatever comes, down to what the journal keeps of it."""
    rows = batch(action)
    try:
        answer = requester.client.send(endpoint("contacts", action), rows.body())
        verdicts = verdicts_on(rows, answer, "contacts")
        ResultReader(("email",)).records(answer.body)
    except HubSpotError as error:
        decide(error, repeatable=action != "create", attempt=1, retry_policy=requester.retry_policy)
        verdicts = refusals(rows, error) or {0: rejection(error, error.correlation_id)}
        said = f"{error} {error!r} {error.remedy}"
        assert requester.client.fingerprint not in said
    for verdict in verdicts.values():
        assert all(text is None or isinstance(text, str) for text in verdict[:-1]), verdict
        written = verdict.outcome in ("created", "updated")
        assert not written or (verdict.id or "").isdigit(), verdict
    outcomes = outcomes_of(rows, verdicts, 1.0)
    assert Outcomes(**unpack(pack(outcomes, OUTCOME_COLUMNS), OUTCOME_COLUMNS), settled_at=1.0) == outcomes


class AnswerReader:
    """Everything that reads answers, before a server that gives whatever is put into ``answer``."""

    def __init__(self) -> None:
        self.answer = b""
        self.server = WireServer(script=lambda _: Raw(self.answer))

    def __enter__(self) -> AnswerReader:
        self.server.__enter__()
        times = Timeout(connect=2.0, read=1.0, total=2.0)
        budget = open_budget("fuzz", shared=False, max_wait=0.2)
        self.client = HubSpotClient("pat-secret-token", base_url=self.server.url, timeout=times)
        self.client.budget = budget
        self.oauth = OAuthRefresh("id", "secret", "refresh", base_url=self.server.url, timeout=times)
        policy = RetryPolicy(tries=1, total=1.0, backoff=0.0, longest_pause=0.0, window=0.0, locked=0.0)
        self.requester = Requester(self.client, stop=StopSignal(), retry_policy=policy)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.oauth.close()
        self.server.__exit__()

    @property
    def ways(self) -> dict[str, Callable[[], object]]:
        """Name -> a request and all that is read from its answer."""
        client, requester = self.client, self.requester
        writes = {f"batch {action}": action for action in ("create", "update", "upsert", "archive")}
        return {
            **{name: lambda action=action: settle(requester, action) for name, action in writes.items()},
            "read": lambda: requester.read("contacts", ["1", "2"], ["email"]),
            "search": lambda: list(requester.created_since("contacts", 0.0, ["email"])),
            "associations": lambda: client.association_batch_read("contacts", "companies", ["1"]),
            "associate": lambda: client.association_batch_default(
                "contacts", "companies", [{"from": "1", "to": "2"}]
            ),
            "labels": lambda: requester.labels("contacts", "companies"),
            "properties": lambda: client.properties("contacts"),
            "schemas": client.schemas,
            "pipelines": lambda: client.pipelines("deals"),
            "account": client.account_details,
            "usage": client.daily_usage,
            "token": self.oauth.token,
        }

    def take(self, way: str, answer: bytes, *, within: float = 3.0) -> None:
        """Make a request and get this answer: it ends well or with an error of the tree, and soon."""
        self.answer = answer
        self.client.budget = open_budget("fuzz", shared=False, max_wait=0.2)
        self.oauth._tokens = None
        began = time.monotonic()
        error = None
        try:
            self.ways[way]()
        except HubSpotError as caught:
            error = caught
        finally:
            self.client.budget.close()
        assert error is None or str(error)
        assert time.monotonic() - began < within, f"{way} took {time.monotonic() - began:.1f} s"


WAYS = (
    "batch create", "batch update", "batch upsert", "batch archive", "read", "search", "associations", "associate",
    "labels", "properties", "schemas", "pipelines", "account", "usage", "token",
)  # fmt: skip
