"""The file of open associations has a sum: one that was changed is a ``StoreError`` before anything is
sent.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from bench.association_rows import associated
from bench.sync_bench import Bench, lines, shown

from hubspot_batch_dagster import Association, Create, Upsert
from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.names import new_run_id
from hubspot_batch_dagster.sync.state.rename import rename_sync

PEOPLE = Upsert("contacts", id_property="email", properties=["email"])
CALLS = Create(
    "calls",
    key="call",
    properties={"hs_timestamp": "at"},
    associations=[Association("contacts", column="mail", through="people")],
)
ROWS = [{"call": i, "at": "2026-01-01T09:00:00Z", "mail": f"{i % 2}@x.org"} for i in range(4)]


def half_associated(bench: Bench) -> Path:
    """Two calls are associated and two name nobody yet; gives the file that says so."""
    assert len(lines(bench.run([{"email": "0@x.org"}], PEOPLE, "people"))) == 1
    assert associated(bench.run(ROWS, CALLS)) == {"associated": 2, "unresolved": 2}
    [file] = Path(bench.store.path("sync")).glob("open_associations-*.parquet")
    return file


def test_a_changed_byte_is_a_store_error_and_nothing_is_sent(bench: Bench) -> None:
    file = half_associated(bench)
    whole, before, rng = file.read_bytes(), bench.graph(), random.Random(5)
    for at in rng.sample(range(len(whole)), 12):
        content = bytearray(whole)
        content[at] ^= rng.randint(1, 255)
        file.write_bytes(content)
        with pytest.raises(StoreError, match="open_associations") as caught:
            bench.run(ROWS, CALLS)
        assert "full_refresh" in caught.value.remedy
    assert bench.graph() == before
    file.write_bytes(whole)
    assert associated(bench.run(ROWS, CALLS)) == {"unchanged": 2, "unresolved": 2}


def test_the_remedy_writes_them_again(bench: Bench) -> None:
    file = half_associated(bench)
    for each in (file, file.with_name("open_associations.parquet")):
        each.unlink()
    bench.run([{"email": "1@x.org"}, {"email": "0@x.org"}], PEOPLE, "people")
    made = bench.run(ROWS, CALLS, full_refresh=True)
    assert shown(made) == {"unchanged": 4}
    assert associated(made) == {"associated": 4}
    assert len(bench.pairs("calls", "contacts")) == 4


def test_a_renamed_sync_keeps_the_sum(bench: Bench) -> None:
    half_associated(bench)
    rename_sync(bench.store, "sync", "other", run=new_run_id())
    assert associated(bench.run(ROWS, CALLS, "other")) == {"unchanged": 2, "unresolved": 2}
    file = max(Path(bench.store.path("other")).glob("open_associations-*.parquet"))
    file.write_bytes(b"x" + file.read_bytes()[1:])
    with pytest.raises(StoreError, match="open_associations"):
        bench.run(ROWS, CALLS, "other")
