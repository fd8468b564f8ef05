"""The store is private: folders, files, what the journal forgets, and the folder of a remote store on this
host.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
from bench.sync_bench import BY_EMAIL, CONTACTS, Bench, people, shown

from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.state.private_files import folder_of_this_user

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


def open_to_others(root: Path) -> list[str]:
    found = [root, *root.rglob("*")]
    return [f"{each} {stat.filemode(each.stat().st_mode)}" for each in found if each.stat().st_mode & 0o077]


def test_nobody_else_can_read_anything_whatever_the_umask(bench: Bench, tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        made = Bench(bench.emulator, tmp_path / "fresh")
        made.run([*people(3), {"id": 9, "email": "no email", "firstname": "B"}], BY_EMAIL, "crm/people")
        with sqlite3.connect(tmp_path / "fresh" / "journal.db") as connection:
            connection.execute("SELECT 1")
            assert open_to_others(tmp_path / "fresh") == []
        made.close()
    finally:
        os.umask(before)


def test_permissions_that_an_operator_gave_are_kept(bench: Bench) -> None:
    bench.run(people(2), BY_EMAIL, "crm/people")
    folder = Path(bench.store.path("crm/people"))
    for each in (folder, folder / "runs"):
        each.chmod(0o750)
    (folder / "ids.parquet").chmod(0o644)
    result = bench.run(people(3), BY_EMAIL, "crm/people")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / "ids.parquet").stat().st_mode) == 0o644
    assert stat.S_IMODE(Path(result.ids_path).stat().st_mode) == 0o640
    assert stat.S_IMODE((Path(bench.root) / "journal.db").stat().st_mode) == 0o600


def test_values_are_gone_from_the_journals_file_once_they_are_settled(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.locked(operation="create", times=1))
    rows = [{"id": i, "email": None, "firstname": f"Ludmilla {i}"} for i in range(3)]
    assert shown(bench.run(rows, replace(CONTACTS, key="id"))) == {"created": 3}
    bench.close()
    kept = b"".join(each.read_bytes() for each in Path(bench.root).glob("journal.db*"))
    assert b"hubspot_intents" in kept
    assert b"Ludmilla" not in kept


def test_a_folder_that_somebody_else_may_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    ours = folder_of_this_user("mark")
    assert ours == tmp_path / "cache" / "mark"
    assert stat.S_IMODE(ours.stat().st_mode) == 0o700
    ours.chmod(0o777)
    other = folder_of_this_user("mark")
    assert other != ours
    assert stat.S_IMODE(other.stat().st_mode) == 0o700
    ours.rmdir()
    (tmp_path / "elsewhere").mkdir()
    ours.symlink_to(tmp_path / "elsewhere")
    assert folder_of_this_user("mark") not in (ours, other)
