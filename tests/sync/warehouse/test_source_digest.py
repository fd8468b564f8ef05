"""The hash that a database makes of a row: no two rows of different cells share one, whatever their types."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from bench.servers import Postgres, new_database
from bench.sync_bench import EXAMPLES
from bench.typed_cells import VALUES, identity, literal
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster.sync.warehouse.duckdb_engine import DuckDbEngine
from hubspot_batch_dagster.sync.warehouse.engine import Engine
from hubspot_batch_dagster.sync.warehouse.postgres_engine import PostgresEngine
from hubspot_batch_dagster.sync.warehouse.source_digest import source_digest, without_text


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if request.param == "duckdb":
        made: Engine = DuckDbEngine(str(tmp_path_factory.mktemp("w") / "w.duckdb"), memory="256MB")
    else:
        made = PostgresEngine(new_database(request.getfixturevalue("postgres")))
    with made:
        yield made


def digests(engine: Engine, rows: list[list[tuple[str, Any]]]) -> list[str]:
    """The hash of each row."""
    columns = [f"c{i}" for i in range(len(rows[0]))]
    lines = " UNION ALL ".join(
        "SELECT "
        + ", ".join(
            [f"{place} AS place"]
            + [
                f"{literal(kind, value, engine.name)} AS {name}"
                for name, (kind, value) in zip(columns, row, strict=True)
            ]
        )
        for place, row in enumerate(rows)
    )
    engine.make_again("cells", lines)
    digest = source_digest(engine, columns, engine.types("cells"))
    assert digest is not None, without_text(engine, columns, engine.types("cells"))
    return [str(each[0]) for each in engine.fetch(f"SELECT {digest} FROM cells ORDER BY place")]


@pytest.mark.parametrize("kind", VALUES)
def test_two_values_of_a_type_never_share_a_hash(engine: Engine, kind: str) -> None:
    cells = st.none() | VALUES[kind]

    @settings(EXAMPLES, max_examples=12)
    @given(st.lists(cells, min_size=2, max_size=12, unique_by=lambda value: repr(identity(kind, value))))
    def check(values: list[Any]) -> None:
        found = digests(engine, [[(kind, each)] for each in values])
        assert len(set(found)) == len(values)

    check()


def test_a_change_of_any_cell_of_a_row_is_seen(engine: Engine) -> None:
    kinds = st.sampled_from(sorted(VALUES))

    @settings(EXAMPLES, max_examples=25)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        row = [
            (kind, data.draw(st.none() | VALUES[kind]))
            for kind in data.draw(st.lists(kinds, min_size=1, max_size=5))
        ]
        place = data.draw(st.integers(0, len(row) - 1))
        kind, before = row[place]
        after = data.draw(st.none() | VALUES[kind])
        assume(repr(identity(kind, before)) != repr(identity(kind, after)))
        changed = [*row[:place], (kind, after), *row[place + 1 :]]
        first, same, other = digests(engine, [row, row, changed])
        assert first == same
        assert first != other

    check()


def test_cells_that_run_into_each_other_are_told_apart(engine: Engine) -> None:
    rows = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc", ""),
        ("abc", None),
        (None, "abc"),
        ("", "abc"),
        ("1:a", "-"),
        ("-", "1:a"),
    ]
    found = digests(engine, [[("text", one), ("text", other)] for one, other in rows])
    assert len(set(found)) == len(rows)


def test_the_settings_of_a_server_and_a_role_change_no_hash(postgres: Postgres) -> None:
    """Time zone, form of dates, digits of floats and bytes: all are pinned by the session."""
    url = new_database(postgres)
    row = [
        ("timestamptz", dt.datetime(2026, 1, 2, 3, 4, 5)),
        ("double", 0.1 + 0.2),
        ("bytes", b"\x00\xff"),
        ("date", dt.date(2026, 1, 2)),
        ("interval", (1, 2, 3)),
    ]
    with PostgresEngine(url) as engine:
        before = digests(engine, [row])
        name = engine.fetch("SELECT current_database()")[0][0]
        for setting in (
            "TimeZone = 'Asia/Tokyo'",
            "DateStyle = 'German'",
            "extra_float_digits = '-5'",
            "bytea_output = 'escape'",
            "IntervalStyle = 'sql_standard'",
        ):
            engine.execute(f"ALTER DATABASE {name} SET {setting}")
    with PostgresEngine(url) as engine:
        assert digests(engine, [row]) == before


def test_a_type_that_is_not_known_to_be_lossless_has_no_hash(engine: Engine) -> None:
    odd = "'5'::money" if engine.name == "postgres" else "MAP {'a': 1}"
    engine.make_again("odd", f"SELECT 1 AS id, {odd} AS x")
    types = engine.types("odd")
    assert source_digest(engine, ["id", "x"], types) is None
    assert [each.partition(" ")[0] for each in without_text(engine, ["id", "x"], types)] == ["x"]
    assert source_digest(engine, ["id"], types) is not None


def test_an_identifier_and_a_uuid_are_what_they_were(engine: Engine) -> None:
    """A name of a column with a quote in it is a name."""
    engine.make_again("named", f"""SELECT '{uuid.UUID(int=1)}' AS "a""b" """)
    digest = source_digest(engine, ['a"b'], engine.types("named"))
    assert len(str(engine.fetch(f"SELECT {digest} FROM named")[0][0])) == 32
