"""Names of syncs are names: none leads out of the store, and no two share anything in it."""

from __future__ import annotations

import time
import unittest.mock
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from bench.sync_bench import COMPANIES, Bench, firms, shown
from fsspec.implementations.memory import MemoryFileSystem

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.sync.staging import conclusion
from hubspot_batch_dagster.sync.state.names import (
    file_name_of,
    folders_of,
    is_of_undo,
    joined_name,
    name_of,
    name_of_undo,
    new_run_id,
)
from hubspot_batch_dagster.sync.state.rename import rename_sync

REFUSED = {
    "": "is empty",
    "..": r"has the part '\.\.'",
    ".": r"has the part '\.'",
    "../../x": r"has the part '\.\.'",
    "a/../b": r"has the part '\.\.'",
    "a/./b": r"has the part '\.'",
    "/etc": "has an empty part",
    "a//b": "has an empty part",
    "a/": "has an empty part",
    "a\0b": "control character",
    "a\nb": "control character",
    "\ud800": "a character that is none",
    "x" * 181: "a part of more than 180 bytes",
    "ü" * 31: "a part of more than 180 bytes",
    "/".join(["y" * 100] * 9): "longer than 800 bytes",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_is_none_is_refused_before_anything_is_sent_or_written(bench: Bench, name: str) -> None:
    before = sorted(Path(bench.root).parent.rglob("*"))
    with pytest.raises(InputError, match=REFUSED[name]) as caught:
        bench.run(firms(1), COMPANIES, name)
    assert caught.value.remedy
    assert bench.emulator.books.requests() == []
    assert sorted(Path(bench.root).parent.rglob("*")) == before


def test_names_that_look_like_files_of_ours_are_syncs_of_their_own(bench: Bench) -> None:
    names = [
        "a",
        "a/runs",
        "a/ids.parquet",
        "a/RUNS",
        "journal.db",
        ".locks",
        ".scratch",
        "store.json",
        "a/portal.json",
    ]
    names += ["a/in_progress.parquet", "a/ids-1.parquet", "a%2Fruns", "A"]
    names += ["a/runs.parquet", "a/open_associations.parquet", "a/open_associations-1.parquet"]
    for i, name in enumerate(names):
        assert shown(bench.run(firms(1, start=i), COMPANIES, name)) == {"created": 1}, name
    for i, name in enumerate(names):
        assert shown(bench.run(firms(1, start=i), COMPANIES, name)) == {"unchanged": 1}, name
    assert bench.store.syncs() == sorted(names)
    assert len({"/".join(folders_of(name)) for name in names}) == len(names)
    assert len({file_name_of(name) for name in names}) == len(names)
    assert [name_of("/".join(folders_of(name))) for name in names] == names


class Folded(MemoryFileSystem):
    """A file system that does not tell capitals apart, as those of Windows and macOS."""

    protocol = "folded"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("folded://", "memory://"))).casefold()


@pytest.fixture
def folded(bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    fsspec.register_implementation("folded", Folded, clobber=True)
    Folded.store.clear()
    made = Bench(bench.emulator, "folded://store", journal_url=f"sqlite:///{tmp_path / 'journal.db'}")
    yield made
    made.close()


def test_names_that_a_file_system_does_not_tell_apart_are_not_one_sync(folded: Bench) -> None:
    assert shown(folded.run(firms(2), COMPANIES, "crm/firms")) == {"created": 2}
    sent = folded.writes()
    with pytest.raises(InputError, match=r"'crm/firms', and this is 'CRM/Firms'") as caught:
        folded.run(firms(3), COMPANIES, "CRM/Firms")
    assert "another name" in caught.value.remedy
    with pytest.raises(InputError, match="state of its own"):
        rename_sync(folded.store, "crm/firms", "CRM/Firms", run=new_run_id())
    assert folded.writes() == sent
    assert shown(folded.run(firms(2), COMPANIES, "crm/firms")) == {"unchanged": 2}


def test_a_first_run_that_did_not_end_keeps_a_name_like_its_own_out(folded: Bench) -> None:
    killed = unittest.mock.patch.object(conclusion, "conclude", side_effect=KeyboardInterrupt)
    with killed, pytest.raises(KeyboardInterrupt):
        folded.run(firms(2), COMPANIES, "a")
    with pytest.raises(InputError, match="'a', and this is 'A'"):
        folded.run(firms(2), COMPANIES, "A")


def test_a_long_name_has_a_lock_of_its_own() -> None:
    names = ["/".join(["z" * 100] * 5), "/".join(["z" * 100] * 4 + ["z" * 99 + "y"])]
    assert all(len(file_name_of(name)) < 255 for name in names)
    assert file_name_of(names[0]) != file_name_of(names[1])


def test_a_part_with_a_slash_is_not_two_parts() -> None:
    assert joined_name(["crm", "contacts"]) == "crm/contacts"
    with pytest.raises(InputError, match="holds a '/'"):
        joined_name(["crm/contacts"])


def test_only_the_undo_of_a_run_is_taken_for_one() -> None:
    assert is_of_undo(name_of_undo("crm/contacts", new_run_id()))
    assert not any(is_of_undo(name) for name in ("crm/undo/contacts", "undo", "undo/0123456789abcdef/x"))


def test_the_ids_of_runs_sort_by_time_also_within_a_second() -> None:
    made = []
    for _ in range(20):
        made.append(new_run_id())
        time.sleep(0.0001)
    assert made == sorted(made)
    assert {len(each) for each in made} == {16}


def test_a_link_in_the_store_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    """Neither into writing nor into deleting: what is behind it is not the store's."""
    mine = tmp_path / "mine"
    (mine / "runs").mkdir(parents=True)
    (mine / "precious").write_text("kept")
    (Path(bench.root) / "linked").symlink_to(mine)
    with pytest.raises(StoreError, match="is a symbolic link"):
        bench.run(firms(1), COMPANIES, "linked")
    scratch = Path(bench.root) / ".scratch"
    scratch.rmdir()
    scratch.symlink_to(mine)
    with pytest.raises(StoreError, match="is a symbolic link"):
        bench.run(firms(1), COMPANIES, "other")
    assert sorted(each.name for each in mine.rglob("*")) == ["precious", "runs"]
    assert bench.writes() == 0
