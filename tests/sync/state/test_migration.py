"""A store that the first version wrote is read, and its row keys are written anew."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster.operations.records import Create

STORE = Path(__file__).parent / "data" / "store_of_format_1"
NOTES = Create("notes", key=["account", "day"], properties=["hs_timestamp", "hs_note_body"])


def test_a_store_of_the_first_version_with_a_batch_without_an_answer_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    """Its keys were timestamps, of which midnight is written as a date since; now the column is a date and text."""
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
