"""What the journal in a bucket costs: appends for each batch, and the share of the limit that a slow bucket
leaves.

    python benchmarks/bucket.py                 20,000 rows without a limit, and 30 s at HubSpot's limit
    python benchmarks/bucket.py --append 0.1    each append takes 100 ms
    python benchmarks/bucket.py --price         all requests to an S3 server, of a first load at the limit and
    of the night after it

The bucket is in memory, and each of its writes takes as long as it is told to. HubSpot is the emulator, with
300 ms of latency and 190 requests in 10 s. A line is `appends` for each batch and `share`: requests from the
first to the last, of what the limit allows in that time, as in `benchmarks/limit.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from obstore.store import MemoryStore

from hubspot_batch_dagster import HubSpotSession, SessionSettings, Upsert
from hubspot_batch_dagster.emulator import EmulatorProcess, Settings
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

LIMIT, WINDOW = 190, 10.0


def rows(n: int) -> list[dict[str, str]]:
    """Contacts."""
    return [{"email": f"p{i}@x.org", "firstname": f"Ada {i}"} for i in range(n)]


def journal(append: float) -> tuple[BucketJournal, list[float]]:
    """A journal in memory whose appends take so many seconds, and when each was made."""
    made, appends = BucketJournal("memory://", objects=MemoryStore()), list[float]()
    make = made._bucket.make

    def slow(name: str, content: bytes) -> bool:
        time.sleep(append)
        appends.append(time.monotonic())
        return make(name, content)

    made._bucket.make = slow  # type: ignore[method-assign]
    return made, appends


def run(batches: int, append: float | None, **limits: Any) -> str:
    """One first load; without ``append`` the journal is SQLite, to compare with."""
    settings = Settings(**(limits or {"burst_limit": None}))
    with EmulatorProcess(settings=settings) as hubspot, tempfile.TemporaryDirectory() as folder:
        account = SessionSettings(
            access_token=hubspot.token, base_url=hubspot.url, store=str(Path(folder) / "store")
        )
        with HubSpotSession(account) as session:
            appends: list[float] = []
            if append is not None:
                session.store.journal, appends = journal(append)
            result = session.sync(rows(100 * batches), Upsert("contacts", id_property="email"), name="people")
            assert result.counts["created"] == 100 * batches, result
        sent = [each for each in hubspot.books.requests() if each.operation == "upsert"]
    seconds = sent[-1].arrived - sent[0].arrived
    allowed = LIMIT * seconds / WINDOW
    refused = sum(each.status == 429 for each in sent)
    share = f"   share {len(sent) / allowed:.1%}   429 {refused}" if limits else f"   {result.seconds:.1f} s"
    return f"appends/batch {len(appends) / batches:.2f}{share}"


PRICES = {"PUT": 5.0, "POST": 5.0, "LIST": 5.0, "GET": 0.4, "HEAD": 0.4, "DELETE": 0.0}
"""Dollars for a million requests: Amazon's list price of S3 Standard in us-east-1."""


def price(batches: int) -> Iterator[str]:
    """All that a first load, a night with 1 % changed and a night without changes ask of a bucket, and its
    price.
    """
    from bench.servers import S3

    server = S3()
    os.environ.update(server.environment)
    people = rows(100 * batches)
    settings = Settings(burst_limit=LIMIT, latency=0.3)
    try:
        with EmulatorProcess(settings=settings) as hubspot:
            account = SessionSettings(access_token=hubspot.token, base_url=hubspot.url, store=server.url)
            for what, step in (("first load", 0), ("1 % changed", 100), ("unchanged", 0)):
                for each in people[:: step or len(people) + 1]:
                    each["firstname"] = "Countess"
                with HubSpotSession(account) as session:
                    session.sync(people, Upsert("contacts", id_property="email"), name="people")
                asked = server.requests()
                dollars = sum(n * PRICES[each] for each, n in asked.items()) / 1e6
                yield f"{what:<14}{100 * batches:,} rows   {dict(asked)}   {dollars:.5f} dollars"
    finally:
        server.stop()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--append", type=float, default=0.05, help="seconds that a write takes (default 0.05)"
    )
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="at the limit (default 30); 0 leaves it out"
    )
    parser.add_argument("--price", action="store_true", help="count all requests to an S3 server instead")
    asked = parser.parse_args()
    if asked.price:
        for line in price(int(LIMIT * (1 + asked.seconds / WINDOW))):
            print(line, flush=True)
        return
    print("without a limit   ", run(200, asked.append))
    if not asked.seconds:
        return
    batches = int(LIMIT * (1 + asked.seconds / WINDOW))
    limits = {"burst_limit": LIMIT, "latency": 0.3}
    print("at the limit      ", run(batches, asked.append, **limits))
    print("beside it, SQLite ", run(batches, None, **limits))


if __name__ == "__main__":
    main()
