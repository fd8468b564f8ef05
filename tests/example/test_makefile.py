"""What a newcomer types first."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "pyproject.toml").touch()
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_make_alone_says_what_there_is(tmp_path: Path) -> None:
    said = make(tmp_path).stdout
    for target in ("demo", "ui", "install", "test", "bench", "torture", "clean"):
        assert f"make {target}" in said


@pytest.mark.parametrize("target", ["test", "bench", "torture", "clients", "hosts"])
def test_what_a_target_would_run_is_there(tmp_path: Path, target: str) -> None:
    """These take minutes and more, so make only says what it would do."""
    said = make(tmp_path, "-n", target).stdout
    commands = [line.split()[1:] for line in said.splitlines() if line.startswith(".venv/bin/")]
    files = [word for command in commands for word in command if word.endswith(".py")]
    modules = [command[1] for command in commands if command[:1] == ["-m"]]
    assert all((ROOT / file).is_file() for file in files)
    assert all(importlib.util.find_spec(module) for module in modules)
    wanted = {"test": "pytest", "bench": "benchmarks/run.py", "torture": "tests.torture"}
    wanted |= {"clients": "tests/clients/run.py", "hosts": "tests/hosts/run.py"}
    assert wanted[target] in [*files, *modules]


def test_an_old_python_is_refused_in_words_before_anything_is_made(tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo "Python 3.9.18";; *) exit 1;; esac\n')
    old.chmod(0o755)
    done = make(tmp_path, "install", f"PYTHON={old}")
    assert done.returncode != 0
    assert "Python 3.10 or newer is needed" in done.stdout
    assert "3.9.18" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_ensurepip_is_told_what_to_install(tmp_path: Path) -> None:
    bare = tmp_path / "bare-python"
    bare.write_text('#!/bin/sh\ncase "$1" in -m) mkdir -p .venv; exit 1;; *) exit 0;; esac\n')
    bare.chmod(0o755)
    done = make(tmp_path, "install", f"PYTHON={bare}")
    assert done.returncode != 0
    assert "python3-venv" in done.stdout
    assert not (tmp_path / ".venv").exists(), (
        "half an environment would be taken for a whole one the next time"
    )


def test_an_environment_that_is_up_to_date_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".venv").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv" / ".installed").touch()
    done = subprocess.run(
        ["make", "install"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert "Installing" not in done.stdout
