"""The shared log of requests in Redis, for several hosts.

One script per step, so each step is atomic. The script reads the time from the Redis server: hosts' own
clocks differ, and with times from two clocks 20 ms apart a window of 190 was seen to let 242 through.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import parse_qs, urlsplit

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.budget import Window
from hubspot_batch_dagster.api.rate_limit.log import (
    ASK_AGAIN,
    BORN,
    DAY_REMAINING,
    KEPT_WINDOWS,
    MAX_PAUSE,
    PAUSED_UNTIL,
    AcquireRequest,
    AcquireResult,
    Entry,
    LogUnavailable,
    Merge,
    RoundTrip,
    readable,
)

if TYPE_CHECKING:
    import redis

logger = logging.getLogger(__name__)

_RANGES: Mapping[str, tuple[float, float]] = {
    "protocol": (2, 3),
    "db": (0, 100_000),
    "max_connections": (1, 100_000),
    "health_check_interval": (0, 3_600),
    "socket_timeout": (0.001, 3_600),
    "socket_connect_timeout": (0.001, 3_600),
}
_OPTIONS = {*_RANGES, "client_name", "password", "socket_keepalive", "username"}
"""What a URL may set beside TLS. How often is tried and in which encoding is set here: another value breaks
the budget with its first request.
"""
_DAMAGE = re.compile("WRONGTYPE|not an integer or out of range|would overflow")
"""Redis' words for a key that holds something else than what is written here."""
_DATABASE = re.compile(r"/?|/[0-9]+/?")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_KEPT_SECONDS = 2 * 24 * 3600

_TIME = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local function text(number) return string.format('%.6f', number) end
"""

# KEYS: facts, sequence, one log per window. ARGV: what a new log is born as, what this one must be born as
# ('' for anything), 1 when the request has left already, the time of its entry ('' for a new request); then
# allowed, seconds and line of its entry for each window.
_ACQUIRE = (
    _TIME
    + f"""
redis.call('HSETNX', KEYS[1], '{BORN}', ARGV[1])
local function answer(wait, lines) return {{text(wait), text(now), lines, redis.call('HGETALL', KEYS[1])}} end
local born, left, at = ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
if born ~= '' and tonumber(redis.call('HGET', KEYS[1], '{BORN}')) ~= tonumber(born) then
  return answer({ASK_AGAIN}, {{}})
end
local wait = (tonumber(redis.call('HGET', KEYS[1], '{PAUSED_UNTIL}')) or now) - now
if wait > {MAX_PAUSE} then wait = 0 end
local own = {{}}
for i = 3, #KEYS do
  local allowed, seconds, line = tonumber(ARGV[3 * i - 4]), tonumber(ARGV[3 * i - 3]), ARGV[3 * i - 2]
  local score = at and redis.call('ZSCORE', KEYS[i], line)
  own[i] = score and tonumber(score) == at
  -- The server's clock was set back: times of before count as now.
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. text(now + 1), '+inf')) do
    redis.call('ZADD', KEYS[i], text(now), ahead)
  end
  if own[i] then redis.call('ZREM', KEYS[i], line) end
  local blocking = redis.call('ZREVRANGE', KEYS[i], allowed - 1, allowed - 1, 'WITHSCORES')
  if blocking[2] then wait = math.max(wait, tonumber(blocking[2]) + seconds - now) end
end
local lines = {{}}
for i = 3, #KEYS do
  local seconds, line = tonumber(ARGV[3 * i - 3]), ARGV[3 * i - 2]
  if left or wait <= 0 then
    lines[i - 2] = own[i] and line or tostring(redis.call('INCR', KEYS[2]))
    redis.call('ZADD', KEYS[i], text(now), lines[i - 2])
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', text(now - {KEPT_WINDOWS} * seconds))
    redis.call('EXPIRE', KEYS[i], {_KEPT_SECONDS})
  elseif own[i] then
    redis.call('ZADD', KEYS[i], ARGV[4], line)
  end
end
if not left and wait > 0 then return answer(wait, {{}}) end
if not at and redis.call('HEXISTS', KEYS[1], '{DAY_REMAINING}') == 1 then
  redis.pcall('HINCRBYFLOAT', KEYS[1], '{DAY_REMAINING}', -1)
end
redis.call('EXPIRE', KEYS[1], {_KEPT_SECONDS})
redis.call('EXPIRE', KEYS[2], {_KEPT_SECONDS})
return answer(0, lines)
"""
)

# KEYS: facts. ARGV: how, then name and value pairs.
_MERGE = f"""
for i = 2, #ARGV, 2 do
  local old = tonumber(redis.call('HGET', KEYS[1], ARGV[i]))
  local new = tonumber(ARGV[i + 1])
  local keep = old and ((ARGV[1] == 'max' and old > new) or (ARGV[1] == 'min' and old < new))
  if not keep then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('EXPIRE', KEYS[1], {_KEPT_SECONDS})
"""


class RedisLog:
    """A log in Redis, shared by every host that is given the same URL. See `log.Log` for its methods.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py takes it. Its password never shows.
        name: What the keys are named by; everybody on one budget uses the same.
        timeout: Seconds to connect, and to wait for an answer.

    Raises:
        InputError: The redis package is not installed, the URL is none, names no database by its number, or
            sets after its ? what it may not.
    """

    def __init__(self, url: str, name: str, *, timeout: float = 5.0) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise InputError(
                "A budget in Redis needs the redis package. Install it: pip install"
                " hubspot-batch-dagster[redis]"
            ) from None
        _check_options(url)
        try:
            client = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                decode_responses=True,
                retry=Retry(NoBackoff(), 1),
            )
            parts = urlsplit(url)
            pool = client.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # connects to nobody, and looks at the options
            self._place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
        except (TypeError, AttributeError):
            raise InputError(
                "The budget's Redis URL has an option after its ? that redis-py does not know, or not as a"
                " text.",
                remedy="Correct or leave out what stands after the ?.",
            ) from None
        except ValueError:
            # The library's own message may quote a piece of the password.
            raise InputError(
                "The budget's Redis URL is not valid. It must begin with redis://, rediss:// or unix://, "
                "and special characters in its password must be percent-encoded."
            ) from None
        if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
            # The library takes a name for 0, and 1/2 for 12. It may be a piece of the password.
            raise InputError(
                "The budget's Redis URL does not name its database by a number.",
                remedy=(
                    "Write its number after the host, such as redis://host:6379/0, and percent-encode special"
                    " characters in the password."
                ),
            )
        self._client: redis.Redis = client
        self._round_trip = RoundTrip()
        self._refusals = (redis.AuthenticationError, redis.exceptions.NoPermissionError)
        self._refused = (redis.ResponseError, redis.BusyLoadingError)
        self._failures: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        # The braces keep all keys of one budget on one node of a Redis cluster, which the script needs.
        self._prefix = f"hubspot-budget:{{{name}}}:"
        self._acquire_script: Callable[..., Any] = client.register_script(_ACQUIRE)
        self._merge_script: Callable[..., Any] = client.register_script(_MERGE)

    def __repr__(self) -> str:
        return f"RedisLog({self._place})"

    def acquire(
        self,
        requests: Sequence[AcquireRequest],
        *,
        entry: Entry | None = None,
        left: bool = False,
        born: float | None = None,
    ) -> AcquireResult:
        keys = [self._prefix + "facts", self._prefix + "sequence"]
        args: list[str | float] = [repr(time.time()), "" if born is None else repr(born), int(left)]
        args.append("" if entry is None else f"{entry.at:.6f}")
        for number, request in enumerate(requests):
            keys.append(self._key(request.window))
            args += [request.allowed, request.seconds, "" if entry is None else entry.lines[number]]
        asked = time.monotonic()
        wait, at, lines, pairs = self._ask(lambda: self._acquire_script(keys=keys, args=args))
        since = self._round_trip.since(asked, time.monotonic())
        values = iter(pairs)
        facts = readable(dict(zip(values, values, strict=True)))
        written = Entry(tuple(map(int, lines)), float(at)) if lines else None
        return AcquireResult(float(wait), float(at), facts, written, since)

    def facts(self) -> dict[str, float]:
        return readable(self._ask(lambda: self._client.hgetall(self._prefix + "facts")))

    def merge(self, facts: Mapping[str, float], how: Merge = "set") -> None:
        args: list[str] = [how]
        for name, value in facts.items():
            args += [name, repr(float(value))]
        self._ask(lambda: self._merge_script(keys=[self._prefix + "facts"], args=args))

    def count(self, window: str, since: float, until: float) -> int:
        return int(self._ask(lambda: self._client.zcount(self._key(window), f"({since!r}", repr(until))))

    def now(self) -> float:
        seconds, micros = self._ask(lambda: self._client.time())
        return float(seconds) + float(micros) / 1_000_000

    def close(self) -> None:
        self._client.close()

    def _key(self, window: str) -> str:
        return self._prefix + window

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except self._failures as error:
            final = isinstance(error, self._refusals)
            if not final and not isinstance(error, self._refused):
                raise LogUnavailable(
                    f"Redis at {self._place} does not answer ({type(error).__name__})"
                ) from None
            said = str(error).partition(" script: ")[0].rstrip(".")
            if _DAMAGE.search(said):
                self._begin_anew(said)
            reason = f"Redis at {self._place} refuses: {said}"
            raise LogUnavailable(reason, final=final, refuses=True) from None

    def _begin_anew(self, said: str) -> None:
        """Delete what is not as any release writes it: all of this budget, as if Redis had lost it."""
        try:
            self._client.delete(*(self._prefix + name for name in ("facts", "sequence", *get_args(Window))))
        except self._failures:
            return
        logger.warning("The budget in Redis at %s was damaged (%s) and starts anew.", self._place, said)


def _check_options(url: str) -> None:
    """Refuse what a URL may not set. It is not shown: it may be a piece of the password."""
    given = parse_qs(urlsplit(url).query, keep_blank_values=True)
    if any(name not in _OPTIONS and not name.startswith("ssl_") for name in given):
        raise InputError(
            "The budget's Redis URL has an option after its ? that it may not have.",
            remedy=(
                f"Leave it out: {', '.join(sorted(_OPTIONS))} may stand there, and TLS by ssl_... Write a ?"
                " in a password as %3F."
            ),
        )
    for name, (least, most) in _RANGES.items():
        for text in given.get(name, ()):
            if not _NUMBER.fullmatch(text) or not least <= float(text) <= most:
                raise InputError(
                    f"The budget's Redis URL has {name}= after its ?, and not a number from {least:g} to"
                    f" {most:g}.",
                    remedy=f"Correct {name}=, or leave it out.",
                )
