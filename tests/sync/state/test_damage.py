"""A file of a store that is damaged is a ``StoreError`` or of no consequence: never another error, and never
a second record.
"""

from __future__ import annotations

import os
import random
import shutil
import unittest.mock
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bench.sync_bench import SETTINGS, Bench, shown
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster.api.errors import HubSpotError, StoreError
from hubspot_batch_dagster.emulator import Emulator, Fault
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.batches.as_of import AsOf
from hubspot_batch_dagster.sync.state.store import Store

NAME = "crm/firms"
FIRMS = Upsert("companies", key="id", properties=["name", "city"], keep_before=True)
HARMS = ("cut short", "emptied", "zeroes", "noise", "one byte", "one bit")


def rows(n: int, city: str = "Ulm") -> list[dict[str, Any]]:
    return [{"id": i, "name": f"Firm {i}", "city": city} for i in range(n)]


@dataclass(frozen=True)
class Damage:
    """What is done to one file of a store."""

    file: float
    harm: str
    at: float
    seed: int

    def do(self, files: list[Path]) -> Path:
        path = files[int(self.file * len(files))]
        content = bytearray(path.read_bytes())
        at, rng = int(self.at * len(content)), random.Random(self.seed)
        if self.harm == "cut short":
            del content[at:]
        elif self.harm == "emptied":
            content.clear()
        elif self.harm == "zeroes":
            content = bytearray(len(content))
        elif self.harm == "noise":
            content = bytearray(rng.randbytes(len(content)))
        elif content:
            content[at] ^= rng.randint(1, 255) if self.harm == "one byte" else 1 << rng.randrange(8)
        path.write_bytes(content)
        return path


some_damage = st.builds(
    Damage,
    file=st.floats(0, 1, exclude_max=True),
    harm=st.sampled_from(HARMS),
    at=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**32),
)
EXAMPLES = settings(
    deadline=None,
    max_examples=int(os.environ.get("HUBSPOT_DAMAGE_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller damage is no better example
)


class Filled:
    """A store after three runs, the last of which was killed before its end: outcomes and an open intent are
    in the journal.
    """

    def __init__(self, emulator: Emulator, root: Path) -> None:
        self.emulator, self.root = emulator, root
        bench = Bench(emulator, root)
        bench.reopen()
        assert shown(bench.run(rows(6), FIRMS, NAME)) == {"created": 6}
        assert shown(bench.run([*rows(3, "Bonn"), *rows(6)[3:]], FIRMS, NAME)) == {
            "updated": 3,
            "unchanged": 3,
        }
        emulator.faults.add(
            Fault.drop(operation="create", after_commit=True), Fault.answer(403, operation="search")
        )
        killed = unittest.mock.patch.object(Store, "conclude", side_effect=KeyboardInterrupt)
        with killed, pytest.raises(KeyboardInterrupt):
            bench.run(self.wanted, FIRMS, NAME, as_of=AsOf("2026-01-02"))
        emulator.faults.clear()
        self.killed = root.with_name("killed")
        shutil.copytree(root, self.killed)  # as SIGKILL leaves it: the last commits are in journal.db-wal
        [intent] = bench.store.journal.open_intents(NAME)
        assert intent.action == "create"
        assert len(list(bench.store.journal.outcomes(NAME))) == 1
        bench.close()

    @property
    def wanted(self) -> list[dict[str, Any]]:
        return rows(8, "Kiel")

    def files(self, root: Path) -> list[Path]:
        return sorted(each for each in root.rglob("*") if each.is_file() and each.suffix != ".lock")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with Emulator(settings=SETTINGS) as emulator:
        yield Filled(emulator, tmp_path_factory.mktemp("damage") / "store")


def run_on(filled: Filled, root: Path) -> HubSpotError | None:
    """How a run over a store ends."""
    try:
        bench = Bench(filled.emulator, root)
        try:
            bench.reopen()
            bench.run(filled.wanted, FIRMS, NAME)
        finally:
            bench.close()
    except HubSpotError as error:
        return error
    return None


@EXAMPLES
@given(damage=some_damage, killed=st.booleans())
def test_a_damaged_file_of_a_store_is_a_store_error_or_heals_and_nothing_is_made_twice(
    filled: Filled, damage: Damage, killed: bool
) -> None:
    root = filled.root.with_name("damaged")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(filled.killed if killed else filled.root, root)
    path = damage.do(filled.files(root))
    ended = run_on(filled, root)
    assert ended is None or isinstance(ended, StoreError), (path, ended)
    assert ended is None or ended.remedy
    there = [each["name"] for each in filled.emulator.records("companies").values()]
    assert sorted(there) == [f"Firm {i}" for i in range(8)], path


@pytest.mark.parametrize(
    "place", ["ids-*.parquet", "ids.parquet", "portal.json", "runs/*/ids.parquet", "../../store.json"]
)
def test_a_folder_in_the_place_of_a_file_is_a_store_error_and_nothing_is_made_twice(
    tmp_path: Path, place: str
) -> None:
    with Emulator(settings=SETTINGS) as emulator:
        bench = Bench(emulator, tmp_path / "store")
        bench.reopen()
        bench.run(rows(2), FIRMS, NAME)
        (path, *_) = Path(bench.store.path(NAME)).glob(place)
        path.unlink()
        path.mkdir()
        bench.close()
        bench = Bench(emulator, tmp_path / "store")
        with pytest.raises(StoreError, match=path.name):
            bench.run(rows(2), FIRMS, NAME)
        bench.close()
        assert emulator.books.created_count("companies") == 2


def test_a_file_in_the_place_of_the_scratch_folders_is_a_store_error(tmp_path: Path) -> None:
    with Emulator(settings=SETTINGS) as emulator:
        bench = Bench(emulator, tmp_path / "store")
        (tmp_path / "store" / ".scratch").write_text("")
        with pytest.raises(StoreError, match="scratch"):
            bench.run(rows(2), FIRMS, NAME)
        bench.close()
        assert emulator.books.created_count("companies") == 0
