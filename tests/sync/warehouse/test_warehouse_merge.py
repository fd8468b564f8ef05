"""What a merge of outcomes costs the warehouse."""

from __future__ import annotations

import pytest
from bench.servers import new_database
from bench.warehouse_bench import lines_to_merge, merge

from hubspot_batch_dagster import Warehouse

LINES, OUTCOMES = 60_000, 600


def test_a_merge_of_one_line_in_a_hundred_does_not_read_the_whole_table(
    request: pytest.FixtureRequest,
) -> None:
    where = new_database(request.getfixturevalue("postgres"))
    at = f"(SELECT n, n * {LINES // OUTCOMES} AS i FROM generate_series(0, {OUTCOMES - 1}) g(n)) t"
    with Warehouse("SELECT 1", connection=where).open(memory="64MB") as engine:
        ids, outcomes, pairs = lines_to_merge(engine, "firms", LINES, at)
        before = rows_read_in_sequence(where)
        merge(ids, outcomes, pairs)
        assert engine.count(f"SELECT count(*) FROM {ids.table} WHERE outcome = 'updated'") == OUTCOMES
    assert rows_read_in_sequence(where) - before == LINES  # by the count of this test, and by nothing else


def rows_read_in_sequence(where: str) -> int:
    """How many lines of the ids table were read because the table was read from its beginning."""
    with Warehouse("SELECT 1", connection=where).open(memory="64MB") as engine:
        engine.fetch("SELECT 1 FROM pg_stat_force_next_flush()")
        return engine.count("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'ids_firms'")
