"""How close to HubSpot's limit the shared budget runs, and that it never goes over.

A server counts what arrives in a rolling 10 s, as HubSpot does, and refuses what is too much. Workers, each a
process with threads, take from one budget and send. The way in takes 0 to 50 ms, the answer the latency.

    python benchmarks/limit.py                     all settings, 100 s each
    python benchmarks/limit.py --seconds 30 four   one setting, shorter

A line is `share` (requests accepted, of what the limit allows in that time), `most` (in any rolling 10 s),
`429` (requests refused) and `cpu` (milliseconds for a request in the workers: waiting, sending and answers).
`busy` has another job on every core. The server counts at a higher priority where that is allowed, so that
what is measured is when requests arrive and not when the server has time for them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hubspot_batch_dagster.api.errors import BudgetTimeout, NotSent
from hubspot_batch_dagster.api.rate_limit.budget import Grant
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget

ANSWER = struct.Struct("!HI")
INBOUND = 0.05


@dataclass(frozen=True)
class Setting:
    """One line of the table.

    `kill` ends one worker half-way, with SIGKILL; `bar` is the least share that will do; `busy` has every
    core at work.
    """

    workers: int
    threads: int
    latency: float
    kill: bool
    bar: float
    busy: bool = False


SETTINGS = {
    "one": Setting(1, 16, 0.3, False, 0.98),
    "four": Setting(4, 16, 0.3, True, 0.97),
    "slow": Setting(1, 64, 2.0, False, 0.97),
    "busy": Setting(4, 16, 0.3, False, 0.85, busy=True),
    "four-slow": Setting(4, 24, 2.0, True, 0.97),
}


class CountingServer:
    """Counts arrivals in a rolling window. One byte in, status and what is left out, after the latency.

    Args:
        limit: Requests in any `window` seconds.
        window: Its length in seconds.
        latency: Seconds to an answer, +- 30 %.
    """

    def __init__(self, limit: int, window: float, latency: float) -> None:
        self.limit, self.window, self.latency = limit, window, latency
        self.arrivals: list[float] = []
        self.refused = 0
        self.port = 0
        self._recent: deque[float] = deque()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readexactly(1):
                now = time.monotonic()
                while self._recent and self._recent[0] <= now - self.window:
                    self._recent.popleft()
                self.arrivals.append(now)
                accepted = len(self._recent) < self.limit
                if accepted:
                    self._recent.append(now)
                else:
                    self.refused += 1
                answer = ANSWER.pack(200 if accepted else 429, self.limit - len(self._recent))
                await asyncio.sleep(self.latency * random.uniform(0.7, 1.3))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def most_in_a_window(arrivals: list[float], window: float) -> int:
    """The most arrivals in any rolling window."""
    most, first = 0, 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def leave(grant: Grant) -> None:
    """What the transport does where the first byte leaves."""
    while True:
        try:
            grant.confirm()
            return grant.left()
        except NotSent:
            grant.renew()


def own_priority() -> None:
    """Put a child back to the priority of any program."""
    os.setpriority(os.PRIO_PROCESS, 0, 0)


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Another job on so many cores."""
    busy = [sys.executable, "-c", "while True: pass"]
    jobs = [subprocess.Popen(busy, preexec_fn=own_priority) for _ in range(count)]
    try:
        yield
    finally:
        for job in jobs:
            job.kill()
            job.wait(5)


def work(port: int, threads: int, limit: int, folder: str, url: str | None) -> None:
    """Send until standard input ends: take, a way in of 0 to 50 ms, wait for the answer, observe."""
    begin = time.process_time()
    stop = threading.Event()
    budget = open_budget("benchmark", folder=folder, url=url, stop=stop)

    def send() -> None:
        with suppress(BudgetTimeout), socket.create_connection(("127.0.0.1", port)) as connection:
            while not stop.is_set():
                leave(budget.take())
                time.sleep(random.uniform(0, INBOUND))
                connection.sendall(b"x")
                status, remaining = ANSWER.unpack(connection.recv(ANSWER.size, socket.MSG_WAITALL))
                headers = {
                    "X-HubSpot-RateLimit-Max": str(limit),
                    "X-HubSpot-RateLimit-Remaining": str(remaining),
                    "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
                }
                budget.observe(status, headers)
                if status == 429:
                    budget.pause(10)

    for _ in range(threads):
        threading.Thread(target=send, daemon=True).start()
    sys.stdin.read()
    stop.set()
    print(time.process_time() - begin, flush=True)
    os._exit(0)


def measure(name: str, seconds: float, limit: int, url: str | None = None) -> str:
    """Run one setting and return its line."""
    setting = SETTINGS[name]
    server = CountingServer(limit, 10.0, setting.latency)
    busy = neighbours((os.cpu_count() or 1) if setting.busy else 0)
    with busy, tempfile.TemporaryDirectory() as folder:
        arguments = [str(server.port), str(setting.threads), str(limit), folder, url or ""]
        workers = [
            subprocess.Popen(
                [sys.executable, __file__, "--worker", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=own_priority,
            )
            for _ in range(setting.workers)
        ]
        try:
            deadline = time.monotonic() + 30
            while not server.arrivals and time.monotonic() < deadline:
                time.sleep(0.01)
            begin = server.arrivals[0]
            time.sleep(max(0.0, begin + seconds / 2 - time.monotonic()))
            if setting.kill:
                workers[0].send_signal(signal.SIGKILL)
                workers[0].wait(5)
            time.sleep(max(0.0, begin + seconds - time.monotonic()))
            arrivals = list(server.arrivals)
            alive = workers[1:] if setting.kill else workers
            cpu = sum(float(worker.communicate("", timeout=10)[0]) for worker in alive)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(5)
    arrivals = [at for at in arrivals if at < begin + seconds]
    most = most_in_a_window(arrivals, 10.0)
    share = (len(arrivals) - server.refused) / (limit * seconds / 10)
    sent_by_alive = len(arrivals) * (len(alive) / (setting.workers - 0.5 * setting.kill))
    verdict = "ok" if share >= setting.bar and most <= limit and not server.refused else "MISSED"
    return (
        f"{name:<10} {setting.workers} x {setting.threads} threads  latency {setting.latency:.1f} s  "
        f"share {share:6.2%} (bar {setting.bar:.0%})  most {most} of {limit}  429 {server.refused}  "
        f"cpu {cpu / sent_by_alive * 1000:.2f} ms  {verdict}"
    )


def main() -> None:
    """Run the settings one after another."""
    if sys.argv[1:2] == ["--worker"]:
        port, threads, limit, folder, url = sys.argv[2:]
        work(int(port), int(threads), int(limit), folder, url or None)
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("settings", nargs="*", choices=[*SETTINGS, []], help="default: all")
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--limit", type=int, default=190)
    parser.add_argument("--url", help="Redis or Postgres to share the budget by, instead of a file")
    arguments = parser.parse_args()
    with suppress(OSError):
        os.nice(-10)
    for name in arguments.settings or SETTINGS:
        print(measure(name, arguments.seconds, arguments.limit, arguments.url), flush=True)


if __name__ == "__main__":
    main()
