"""A source that does not answer, breaks off or refuses: an error of the tree that names it, and never one of
its driver.
"""

from __future__ import annotations

import socket
from pathlib import Path

import duckdb
import pytest
import sqlalchemy
from bench.servers import Postgres, new_database

from hubspot_batch_dagster.api.errors import HubSpotError, InputError, SourceUnavailable
from hubspot_batch_dagster.component.source import Source

AWAY = "postgresql+psycopg://reader:sekret@127.0.0.1:{port}/crm"


def trouble(**source: str) -> HubSpotError:
    with pytest.raises(HubSpotError) as caught:
        list(Source(**source).read({}))
    assert "sekret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"sql": "SELECT 1 AS id", "connection": AWAY}, "from postgresql+psycopg://127.0.0.1:{port}/crm: "),
        ({"path": "http://127.0.0.1:{port}/rows.csv"}, "from http://127.0.0.1:{port}/rows.csv: "),
    ],
    ids=["database", "file system"],
)
def test_what_does_not_answer_is_named_and_worth_another_attempt(source: dict[str, str], said: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    error = trouble(**{name: text.format(port=port) for name, text in source.items()})
    assert isinstance(error, SourceUnavailable)
    assert said.format(port=port) in str(error)
    assert "correct source in the YAML" in str(error)


def test_a_database_that_takes_the_connection_and_says_nothing_is_worth_another_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://127.0.0.1:{silent.getsockname()[1]}/crm?connect_timeout=2"
        assert isinstance(trouble(sql="SELECT 1 AS id", connection=url), SourceUnavailable)


def test_a_database_that_breaks_off_in_the_middle_is_worth_another_attempt(postgres: Postgres) -> None:
    url = new_database(postgres)
    sql = "SELECT i AS id, pg_backend_pid() AS pid FROM generate_series(1, 50000) AS i"
    batches = Source(sql=sql, connection=url).read({})
    pid = next(batches).column("pid")[0].as_py()
    with sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(SourceUnavailable, match="terminating connection due to administrator command"):
        list(batches)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM nothing_here", 'relation "nothing_here" does not exist'),
        ("SELECT 1 / 0 AS id", "division by zero"),
    ],
)
def test_what_a_server_refuses_stays_and_is_not_tried_again(
    postgres: Postgres, query: str, said: str
) -> None:
    error = trouble(sql=query, connection=new_database(postgres))
    assert isinstance(error, InputError)
    assert said in error.message


@pytest.mark.parametrize(
    ("more", "said"),
    [("_of_nobody", "does not exist"), ("?sslmode=require", "SSL was required")],
    ids=["no such database", "no TLS there"],
)
def test_a_server_that_will_never_let_the_reader_in_is_not_tried_again(
    postgres: Postgres, more: str, said: str
) -> None:
    error = trouble(sql="SELECT 1 AS id", connection=new_database(postgres) + more)
    assert isinstance(error, InputError)
    assert said in error.message


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM nothing_here", "nothing_here"),
        ("SELECT CAST(email AS INTEGER) AS id FROM people", "Could not convert"),
        ("SELECT CASE WHEN i < 150000 THEN i ELSE error('late') END AS id FROM range(200000) t(i)", "late"),
    ],
)
def test_what_duckdb_refuses_is_told_with_its_file(tmp_path: Path, query: str, said: str) -> None:
    file = str(tmp_path / "rows.duckdb")
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE people AS SELECT 'ada' AS email")
    error = trouble(sql=query, connection=file)
    assert isinstance(error, InputError)
    assert file in error.message
    assert said in error.message


@pytest.mark.parametrize(
    ("database", "query", "said"),
    [
        ("nowhere/rows.db", "SELECT 1 AS id", "nowhere/rows.db: unable to open"),
        ("rows.db", "SELECT * FROM nothing_here", "rows.db: no such table"),
        ("rows.db", "CREATE TABLE t (id INTEGER)", "gives no rows"),
    ],
)
def test_what_sqlite_refuses_is_told_with_its_file(
    tmp_path: Path, database: str, query: str, said: str
) -> None:
    error = trouble(sql=query, connection=f"sqlite:///{tmp_path / database}")
    assert isinstance(error, InputError)
    assert said in error.message
