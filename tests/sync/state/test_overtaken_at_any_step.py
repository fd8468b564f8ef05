"""A run that was overtaken changes nothing that the later one wrote, whatever it was about to write, in every
kind of store.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import psycopg
import pytest
from bench.association_rows import TO_COMPANY
from bench.servers import new_database
from bench.sync_bench import BY_KEY, HASTY, Bench, firms, shown
from bench.warehouse_bench import FIRMS, Database

from hubspot_batch_dagster import Upsert
from hubspot_batch_dagster.api.errors import HubSpotError, Overtaken
from hubspot_batch_dagster.sync import context
from hubspot_batch_dagster.sync.history import read_history
from hubspot_batch_dagster.sync.state import kept_once
from hubspot_batch_dagster.sync.state.names import new_run_id
from hubspot_batch_dagster.sync.state.rename import rename_sync
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds
from hubspot_batch_dagster.sync.warehouse.warehouse_tables import tables_in

PEOPLE = Upsert(
    "contacts",
    id_property="email",
    properties=["email", "firstname"],
    associations=[TO_COMPANY],
    keep_before=True,
)
EARLIER = 2
"""Runs before the two: with as many kept, the oldest are deleted by the next."""

Contents = dict[str, Any]


class Steps:
    """Counts what a store's owner is about to do to its files and to its journal, and lets something else
    come before one of these steps.

    Args:
        store: Whose steps.
        nth: Before which.
        meanwhile: What comes then.
    """

    def __init__(self, store: Store, nth: int, meanwhile: Callable[[], object]) -> None:
        self._left = nth
        self._meanwhile = meanwhile
        self._begun = False
        self.came = ""
        self.names: list[str] = []
        self.run = ""
        begin = store.journal.begin

        def begun(*given: Any, **named: Any) -> Any:
            made = begin(*given, **named)
            self._begun, self.run = True, made.run
            return made

        store.journal.begin = begun  # type: ignore[method-assign]
        for owner, names in (
            (store.files, ("put", "copy", "delete", "write_once")),
            (store.journal, ("bind", "beat", "conclude", "rename")),
            (store, ("publish",)),
        ):
            for name in names:
                setattr(owner, name, self._before(name, getattr(owner, name)))

    def before(self, name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Count a step since the owner has begun, and take it."""
        if self._begun:
            self._left -= 1
            self.names.append(name)
            if self._left == 0:
                self.came = name
                self._meanwhile()
        return function(*given, **named)

    def _before(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **named: self.before(name, function, *given, **named)


class Place:
    """A store of some kind, and all that is in it.

    Args:
        kind: Which.
        request: Of the test, for the servers.
        folder: What is local.
    """

    def __init__(self, kind: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self.kind = kind
        self.root: str = str(folder / "store")
        self.journal_url: str | None = None
        self.warehouse: Database | None = None
        if kind == "postgres":
            self.journal_url = new_database(request.getfixturevalue("postgres"))
        elif kind == "remote":
            self.root = f"memory://{uuid4().hex}/hubspot"
            self.journal_url = f"sqlite:///{folder / 'journal.db'}"
        elif kind == "bucket":
            self.root = f"{request.getfixturevalue('s3')}/{uuid4().hex}"
        elif kind == "warehouse":
            self.warehouse = Database.in_folder(folder)
            self.warehouse.firms(6)
        self._sqlite = folder / "journal.db" if kind == "remote" else Path(self.root) / "journal.db"

    def bench(self, like: Bench) -> Bench:
        """The way to it, whoever holds its lock."""
        where = None if self.warehouse is None else self.warehouse.connection
        elsewhere = tables_in(where, memory="256MB")
        made = Bench(like.emulator, self.root, journal_url=self.journal_url, elsewhere=elsewhere)
        made.store.journal.try_lock = lambda _: lambda: None  # type: ignore[method-assign]
        made.reopen()
        return made

    def contents(self) -> Contents:
        """What the journal holds, but for the testimony of overtaken runs, and the bytes of each file."""
        files, at = fsspec.core.url_to_fs(self.root)
        files.invalidate_cache()
        found: Contents = {}
        for path in files.find(at):
            name = str(path).removeprefix(at)
            if not name.startswith(("/journal.db", "/.locks/", "/.scratch/")) and "/testimony/" not in name:
                found[name] = files.cat_file(path)
        if self.kind == "postgres":
            assert self.journal_url is not None
            with psycopg.connect(self.journal_url.replace("+psycopg", "")) as server:
                found |= _tables(lambda sql: server.execute(sql).fetchall())  # type: ignore[arg-type]
        elif self.kind != "bucket":
            with sqlite3.connect(self._sqlite) as file:
                found |= _tables(lambda sql: file.execute(sql).fetchall())
        if self.warehouse is not None:
            names = self.warehouse.sql(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'hubspot'"
            )
            found |= {
                f"/{name.removeprefix('ids_')}/": sorted(
                    self.warehouse.sql(f"SELECT * FROM hubspot.{name}"), key=str
                )
                for (name,) in names
            }
        return found

    def clear(self) -> None:
        """Forget the remote files."""
        if self.kind == "remote":
            fsspec.filesystem("memory").rm(self.root, recursive=True)


def _tables(ask: Callable[[str], list[Any]]) -> Contents:
    """The tables, but for the signs of life."""
    line = "SELECT sync, generation, run, current, identity, seal, history FROM hubspot_generations"
    others = {each: f"SELECT * FROM hubspot_{each}" for each in ("intents", "outcomes", "before")}
    return {name: sorted(ask(sql), key=str) for name, sql in {"generations": line, **others}.items()}


def to_try(names: list[str], *, every: bool) -> list[int]:
    """The steps to try: all of them, or of each kind the first and the last."""
    ends = {names.index(each) for each in names} | {
        len(names) - 1 - names[::-1].index(each) for each in names
    }
    return [n + 1 for n in (range(len(names)) if every else sorted(ends))]


def rows_and_operation(place: Place, bench: Bench, n: int) -> tuple[Any, Any]:
    if place.warehouse is not None:
        place.warehouse.sql(f"UPDATE firms SET city = 'city {n}' WHERE id = 1")
        return place.warehouse.rows(), FIRMS
    companies = list(bench.emulator.records("companies"))
    people = [
        {"email": f"p{i}@x.org", "firstname": f"Ada {n if i == 0 else i}", "company": companies[i % 2]}
        for i in range(4)
    ]
    return people, PEOPLE


def trial(
    bench: Bench, place: Place, nth: int, earlier: int, *, behind: bool, patched: pytest.MonkeyPatch
) -> list[str]:
    """Let a later run come before the nth step of a run, and look at what the rest of that run changes.
    Returns its steps.
    """
    bench.emulator.reset()
    bench.companies(2)
    first, second = place.bench(bench), place.bench(bench)
    for n in range(earlier):
        first.run(*rows_and_operation(place, bench, n))
    between: list[Contents] = []
    later: list[str] = []

    def take_over() -> None:
        with patched.context() as other:
            if behind:  # the later run's host has a clock that is behind: its id sorts before all others
                other.setattr(context, "new_run_id", lambda: f"{nth:016x}")
            rows = rows_and_operation(place, bench, 12)
            later.append(second.run(*rows, retry_policy=replace(HASTY, index_lag=0.05)).run)
        between.append(place.contents())

    steps = Steps(first.store, nth, take_over)
    with patched.context() as held, contextlib.suppress(Overtaken):
        for name in ("claim", "merge"):
            held.setattr(WarehouseIds, name, counted(steps, name, getattr(WarehouseIds, name)))
        first.run(*rows_and_operation(place, bench, 11))
    if steps.came:
        after, at = place.contents(), (nth, steps.came)
        assert {name: after.get(name) for name in between[0]} == between[0], at
        last = place.bench(bench)
        concluded = "publish" in steps.names[:nth]
        runs = [str(each) for each in read_history(last.store, "sync").column("run").to_pylist()]
        assert runs[earlier:] == [*([steps.run] if concluded else []), *later], at
        assert set(shown(last.run(*rows_and_operation(place, bench, 12)))) == {"unchanged"}, at
        assert bench.nothing_doubled()
        last.close()
    first.close()
    second.close()
    return steps.names


def counted(steps: Steps, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **named: steps.before(name, function, *given, **named)


@pytest.mark.parametrize(
    ("kind", "earlier", "behind"),
    [
        ("folder", 0, False),
        ("folder", EARLIER, True),
        ("postgres", EARLIER, False),
        ("remote", 0, True),
        ("bucket", EARLIER, True),
        ("warehouse", EARLIER, True),
    ],
)
def test_what_a_later_run_wrote_stays_whatever_an_overtaken_one_was_about_to_do(
    bench: Bench,
    kind: str,
    earlier: int,
    behind: bool,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each write of the run to the store, one after the other, to its very end."""
    monkeypatch.setattr(kept_once, "KEEP_RUNS", EARLIER)

    def tried(nth: int) -> list[str]:
        folder = tmp_path / str(nth)
        folder.mkdir()
        place = Place(kind, request, folder)
        names = trial(bench, place, nth, earlier, behind=behind, patched=monkeypatch)
        place.clear()
        return names

    names = tried(0)
    assert {"bind", "put", "conclude", "publish", "copy", "delete"} <= {*names}
    assert "write_once" in names
    assert ({"claim", "merge"} <= {*names}) == (kind == "warehouse")
    for nth in to_try(names, every=kind == "folder"):
        tried(nth)


@pytest.mark.parametrize(
    ("kind", "later"),
    [
        ("folder", "a run of the old name"),
        ("folder", "a run of the new name"),
        ("bucket", "a run of the old name"),
    ],
)
def test_what_a_later_run_wrote_stays_whatever_an_overtaken_rename_was_about_to_do(
    bench: Bench, kind: str, later: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Where the state has its new name already, somebody else finishes the rename and begins a new sync of
    the old name.
    """

    def tried(nth: int) -> list[str]:
        folder = tmp_path / str(nth)
        folder.mkdir()
        return rename_trial(bench, Place(kind, request, folder), nth, later)

    names = tried(0)
    assert {"copy", "put", "delete", "rename", "publish"} <= {*names}
    for nth in to_try(names, every=False):
        tried(nth)


def rename_trial(bench: Bench, place: Place, nth: int, later: str) -> list[str]:
    bench.emulator.reset()
    first, second = place.bench(bench), place.bench(bench)
    for n in (2, 3):
        first.run(*of_firms(place, n), "a")
    between: list[Contents] = []
    found: list[str] = []

    def take_over() -> None:
        moved = second.store.journal.generation("a") is None
        rows = of_firms(place, 2, "others") if later == "a run of the new name" else of_firms(place, 4)
        refused = ended(second, *rows, "b" if later == "a run of the new name" else "a")
        if refused is None:
            found.append("after it" if moved else "took over")
        elif moved:
            if (
                "is called 'b'" in refused.message
            ):  # else its files have gone, and the rows are known under the new name
                rename_sync(second.store, "a", "b", run=new_run_id())
            second.run(*of_firms(place, 2, "others"), "a")
            found.append("finished")
        else:  # the table in the warehouse has the other name already
            assert place.warehouse is not None, refused
            found.append("refused")
        between.append(place.contents())

    steps = Steps(first.store, nth, take_over)
    try:
        rename_sync(first.store, "a", "b", run=new_run_id())
        overtaken = False
    except Overtaken:
        overtaken = True
    if steps.came:
        after, at = place.contents(), (nth, steps.came, *found)
        # What is left under the old name is for the rename to delete, unless a later run has it.
        theirs = [name for name in between[0] if found != ["after it"] or not name.startswith("/a/")]
        assert {name: after.get(name) for name in theirs} == {name: between[0][name] for name in theirs}, at
        assert overtaken == (found == ["took over"]), at
        last = place.bench(bench)
        expected = {
            "took over": {"a": [(4, "firms")]},
            "finished": {"a": [(2, "others")], "b": [(3, "firms")]},
            "after it": {"b": [(3, "firms"), (2, "others")]},
            "refused": {"b": [(3, "firms")]},
        }[found[0]]
        if overtaken and later == "a run of the new name":
            expected = {"a": [(3, "firms")], "b": [(2, "others")]}
        for name, tables in expected.items():
            for n, table in tables:
                assert shown(last.run(*of_firms(place, n, table), name)) == {"unchanged": n}, at
        last.close()
    first.close()
    second.close()
    return steps.names


def ended(bench: Bench, rows: Any, operation: Any, name: str) -> HubSpotError | None:
    try:
        bench.run(rows, operation, name)
    except HubSpotError as error:
        return error
    return None


def of_firms(place: Place, n: int, table: str = "firms") -> tuple[Any, Any]:
    rows = firms(n, start=0 if table == "firms" else 50)
    if place.warehouse is None:
        return rows, BY_KEY
    listed = ", ".join(f"({row['id']}, '{row['name']}', '{row['city']}')" for row in rows)
    return place.warehouse.rows(f"SELECT * FROM (VALUES {listed}) t(id, name, city)"), FIRMS
