"""The shared log of requests in Redis, for several hosts.

One script per step, so each step is atomic. The script reads the time from the Redis server: hosts' own clocks differ,
and with times from two clocks 20 ms apart a window of 190 was seen to let 242 through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.sqlite_log import (
    BORN,
    DAY_REMAINING,
    FRESH_UNTIL,
    PAUSED_UNTIL,
    AcquireRequest,
    AcquireResult,
    LogUnavailable,
    Merge,
)

if TYPE_CHECKING:
    import redis

_KEPT_SECONDS = 2 * 24 * 3600

_TIME = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local function text(number) return string.format('%.6f', number) end
"""

# KEYS: facts, sequence, one log per draw. ARGV: late, what the log was born as, then allowed and seconds per draw.
_TAKE = (
    _TIME
    + f"""
redis.call('HSETNX', KEYS[1], '{BORN}', ARGV[2])
local late = tonumber(ARGV[1])
local wait = tonumber(redis.call('HGET', KEYS[1], '{PAUSED_UNTIL}') or now) - now
for i = 3, #KEYS do
  local allowed, seconds = tonumber(ARGV[2 * i - 3]), tonumber(ARGV[2 * i - 2])
  local blocking = redis.call('ZREVRANGE', KEYS[i], allowed - 1, allowed - 1, 'WITHSCORES')
  if blocking[2] then wait = math.max(wait, tonumber(blocking[2]) + seconds - now) end
end
if wait <= 0 then
  for i = 3, #KEYS do
    local seconds = tonumber(ARGV[2 * i - 2])
    redis.call('ZADD', KEYS[i], text(now + late), redis.call('INCR', KEYS[2]))
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', text(now - 3 * seconds))
    redis.call('EXPIRE', KEYS[i], {_KEPT_SECONDS})
  end
  if redis.call('HEXISTS', KEYS[1], '{DAY_REMAINING}') == 1 then
    redis.call('HINCRBYFLOAT', KEYS[1], '{DAY_REMAINING}', -1)
  end
  if late > 0 then redis.call('HSET', KEYS[1], '{FRESH_UNTIL}', text(now + late)) end
  redis.call('EXPIRE', KEYS[1], {_KEPT_SECONDS})
  redis.call('EXPIRE', KEYS[2], {_KEPT_SECONDS})
end
return {{text(math.max(wait, 0)), text(now), redis.call('HGETALL', KEYS[1])}}
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
    """A log in Redis, shared by every host that is given the same URL. See `budget_log.Log` for its methods.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py takes it. Its password never shows.
        name: What the keys are named by; everybody on one budget uses the same.
        timeout: Seconds to connect, and to wait for an answer.

    Raises:
        InputError: The redis package is not installed, or the URL is none.
    """

    def __init__(self, url: str, name: str, *, timeout: float = 5.0) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise InputError(
                "A budget in Redis needs the redis package. Install it: pip install hubspot-batch-dagster[redis]"
            ) from None
        try:
            client = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                decode_responses=True,
                retry=Retry(NoBackoff(), 1),
            )
            parts = urlsplit(url)
            self._place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
        except ValueError:
            # The library's own message may quote a piece of the password.
            raise InputError(
                "The budget's Redis URL is not valid. It must begin with redis://, rediss:// or unix://, "
                "and special characters in its password must be percent-encoded."
            ) from None
        self._client: redis.Redis = client
        self._failures: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        # The braces keep all keys of one budget on one node of a Redis cluster, which the script needs.
        self._prefix = f"hubspot-budget:{{{name}}}:"
        self._take_script: Callable[..., Any] = client.register_script(_TAKE)
        self._merge_script: Callable[..., Any] = client.register_script(_MERGE)

    def __repr__(self) -> str:
        return f"RedisLog({self._place})"

    def take(self, draws: Sequence[AcquireRequest], late: float = 0.0) -> AcquireResult:
        keys = [
            self._prefix + "facts",
            self._prefix + "sequence",
            *(self._key(draw.window) for draw in draws),
        ]
        args: list[float] = [late, time.time()]
        for draw in draws:
            args += [draw.allowed, draw.seconds]
        wait, at, pairs = self._ask(lambda: self._take_script(keys=keys, args=args))
        values = iter(pairs)
        return AcquireResult(
            float(wait), float(at), {name: float(value) for name, value in zip(values, values, strict=True)}
        )

    def facts(self) -> dict[str, float]:
        found = self._ask(lambda: self._client.hgetall(self._prefix + "facts"))
        return {name: float(value) for name, value in found.items()}

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
            raise LogUnavailable(f"Redis at {self._place} does not answer ({type(error).__name__})") from None
