"""A store that the first version wrote is read, and its row keys are written anew."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from bench.sync_bench import BY_KEY, Bench, firms, shown

from hubspot_batch_dagster.operations.records import Create
from hubspot_batch_dagster.sync.history import read_history
from hubspot_batch_dagster.sync.state.names import new_run_id
from hubspot_batch_dagster.sync.state.rename import rename_sync
from hubspot_batch_dagster.sync.state.store import Store

STORE = Path(__file__).parent / "data" / "store_of_format_1"
NOTES = Create("notes", key=["account", "day"], properties=["hs_timestamp", "hs_note_body"])


def test_a_store_of_the_first_version_with_a_batch_without_an_answer_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    """Its keys were timestamps, of which midnight is written as a date since; now the column is a date and
    text.
    """
    root = tmp_path / "old"
    shutil.copytree(STORE, root)
    with sqlite3.connect(root / "journal.db") as connection:  # as if it had been written a moment ago
        ((name, payload),) = connection.execute("SELECT id, payload FROM hubspot_intents").fetchall()
        now = time.time() - 1
        fresh = json.dumps({**json.loads(payload), "last_at": now}).encode()
        connection.execute(
            "UPDATE hubspot_intents SET sent_at = ?, payload = ? WHERE id = ?", (now, fresh, name)
        )
    with_ids = pq.read_table(root / "crm" / "notes" / "ids.parquet")["hs_object_id"].to_pylist()
    made = bench.emulator.seed_records(
        "notes",
        [{"hs_note_body": f"note {i}", "hs_timestamp": "2026-01-01T09:00:00.000Z"} for i in (1, 2, 3)],
    )
    old = Bench(bench.emulator, root)
    rows = pd.DataFrame(
        {
            "account": [1.0, 2.0, 3.0],
            "day": ["2024-01-01", "2024-01-02T05:00:00Z", "2024-01-03"],
            "hs_timestamp": ["2026-01-01T09:00:00Z"] * 3,
            "hs_note_body": ["note 1", "note 2", "note 3"],
        }
    )
    result = old.run(rows, NOTES, "crm/notes")
    assert shown(result) == {"unchanged": 3}
    assert old.writes() == 0
    assert result.ids["hs_object_id"].to_pylist()[:2] == with_ids
    assert result.ids["hs_object_id"].to_pylist()[2] in made
    with old.store.local_ids("crm/notes") as path:
        keys = pq.read_table(path)["_key"].to_pylist()
    assert sorted(keys) == ['["1","2024-01-01"]', '["2","2024-01-02T05:00:00.000Z"]', '["3","2024-01-03"]']
    assert old.store.journal.open_intents("crm/notes") == []
    old.close()


@pytest.mark.parametrize("name", ["sync", "renamed"])
def test_the_history_of_a_store_whose_journal_knew_of_none_goes_on(bench: Bench, name: str) -> None:
    """Journals up to format 4 did not say whose file of all runs counts: there was one, ``runs.parquet``."""
    before = [bench.run(firms(n), BY_KEY).run for n in (1, 2)]
    bench.close()
    with sqlite3.connect(Path(bench.root) / "journal.db") as connection:
        for column in ("history", "crc"):
            connection.execute(f"ALTER TABLE hubspot_generations DROP COLUMN {column}")
        connection.execute("UPDATE hubspot_journal_version SET version = 3")
    connection.close()
    for each in (Path(bench.root) / "sync").glob("journal.runs-*.parquet"):
        each.unlink()
    bench.store, bench.client = Store(bench.root), bench.new_client()
    if name != "sync":
        rename_sync(bench.store, "sync", name, run=new_run_id())
    assert read_history(bench.store, name).column("run").to_pylist() == before
    last = bench.run(firms(2), BY_KEY, name)
    assert shown(last) == {"unchanged": 2}
    assert read_history(bench.store, name).column("run").to_pylist() == [*before, last.run]
