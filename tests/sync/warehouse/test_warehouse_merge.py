"""What a merge of outcomes costs the warehouse."""

from __future__ import annotations

import pytest
from bench.servers import new_database

from hubspot_batch_dagster import Warehouse
from hubspot_batch_dagster.sync.warehouse.merged_lines import MergedLines, Staged
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds

LINES, OUTCOMES = 60_000, 600

LINE = """'firm ' || i AS name, CAST(100000 + i AS VARCHAR) AS hs_object_id, '{outcome}' AS outcome,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' AS synced_at, NULL::VARCHAR AS error_category, NULL::VARCHAR AS error_code,
    NULL::VARCHAR AS error_property, NULL::VARCHAR AS error_message, NULL::VARCHAR AS correlation_id, NULL::VARCHAR AS warning,
    'firm ' || i AS _key, md5('{outcome}' || i) AS _digest, md5('definition') AS _definition,
    NULL::VARCHAR AS _associations, NULL::VARCHAR AS _former, NULL::VARCHAR AS _as_of"""


def test_a_merge_of_one_line_in_a_hundred_does_not_read_the_whole_table(
    request: pytest.FixtureRequest,
) -> None:
    where = new_database(request.getfixturevalue("postgres"))
    with Warehouse("SELECT 1", connection=where).open(memory="64MB") as engine:
        ids = WarehouseIds(engine, "hubspot", "firms")
        engine.make_again("shape", "SELECT CAST('' AS VARCHAR) AS name")
        ids.claim(1, "one", ("name",), "shape")
        line = f"{LINE.format(outcome='created')}, md5('' || i), md5('{{}}' || i), 'definition', 1"
        engine.execute(f"INSERT INTO {ids.table} SELECT {line} FROM generate_series(1, {LINES}) t(i)")
        engine.analyse(ids.table)
        ids.claim(2, "two", ("name",), "shape")
        some = f"generate_series(1, {LINES}, {LINES // OUTCOMES}) t(i)"
        engine.make_again(
            "staged",
            f"SELECT i AS place, CAST('firm ' || i AS VARCHAR) AS name, md5('' || i) AS source_key, md5('b' || i) AS source FROM {some}",
        )
        engine.make_again("moved", "SELECT place AS number, place FROM staged")
        outcomes = engine.stream(f"SELECT {LINE.format(outcome='updated')} FROM {some}").read_all()
        pairs = engine.stream(
            "SELECT name AS key, CAST(place AS BIGINT) AS number, CAST(NULL AS VARCHAR) AS digest FROM staged"
        ).read_all()
        lines = MergedLines(outcomes.to_reader(), pairs.to_reader(), [], "{}")
        before = rows_read_in_sequence(where)
        ids.merge(
            lines,
            Staged("staged", "moved"),
            ("name",),
            ("updated",),
            "definition",
            generation=2,
            run="two",
            whole=False,
        )
        assert engine.count(f"SELECT count(*) FROM {ids.table} WHERE outcome = 'updated'") == OUTCOMES
    assert rows_read_in_sequence(where) - before == LINES  # by the count of this test, and by nothing else


def rows_read_in_sequence(where: str) -> int:
    """How many lines of the ids table were read because the table was read from its beginning."""
    with Warehouse("SELECT 1", connection=where).open(memory="64MB") as engine:
        engine.fetch("SELECT 1 FROM pg_stat_force_next_flush()")
        return engine.count("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'ids_firms'")
