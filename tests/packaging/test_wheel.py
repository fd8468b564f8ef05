"""The wheel, as somebody gets it who has nothing of ours: run by `make wheel-test`, which says where it
is.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    "WHEEL_DIST" not in os.environ, reason="run by make wheel-test: it takes minutes"
)


@pytest.fixture(scope="module")
def dist() -> Path:
    return Path(os.environ["WHEEL_DIST"]).resolve()


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("hubspot_batch_dagster-*.whl")
    return found


def test_the_wheel_holds_the_package_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"hubspot_batch_dagster"}
    assert "hubspot_batch_dagster/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "hubspot_batch_dagster").rglob("*.py")}
    assert files <= set(names)


def test_the_source_archive_builds_by_itself(dist: Path) -> None:
    (found,) = dist.glob("hubspot_batch_dagster-*.tar.gz")
    with tarfile.open(found) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "hubspot_batch_dagster/py.typed"} <= names


@pytest.fixture(scope="module")
def folder(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which the commands of the getting-started page were typed."""
    sys.path.insert(0, str(ROOT / "tests" / "docs"))
    try:
        import docs_first_sync
    finally:
        sys.path.pop(0)
    folder = tmp_path_factory.mktemp("first-sync")
    done = subprocess.run(
        ["bash", "-c", docs_first_sync.script(folder, install=True)],
        cwd=folder,
        env={**environment(folder), "PIP_FIND_LINKS": str(dist), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "printed.txt").write_text(done.stdout)
    return folder


def environment(folder: Path) -> dict[str, str]:
    ours = ("DAGSTER_HOME", "HUBSPOT_ACCESS_TOKEN", "VIRTUAL_ENV", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "XDG_CACHE_HOME": str(folder / ".cache")}


def test_the_first_sync_works_from_the_wheel(folder: Path) -> None:
    lines = (folder / "printed.txt").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["ada@example.com", "grace@example.com"]
    assert all(line.split(" | ")[2] == "created" for line in lines[-2:])


def test_the_installed_package_is_the_wheel_and_says_its_version(folder: Path, wheel: Path) -> None:
    binaries = folder / ".venv" / "bin"
    code = (
        "import hubspot_batch_dagster as h; [getattr(h, n) for n in h.__all__]; print(h.__version__,"
        " h.__file__)"
    )
    version, place = said(binaries / "python", "-c", code, folder=folder).split()
    assert f"-{version}-" in wheel.name
    assert Path(place).is_relative_to(folder)
    assert said(binaries / "hubspot-batch-dagster", "--version", folder=folder).split()[-1] == version


def test_what_is_installed_fits_together(folder: Path) -> None:
    assert "No broken requirements" in said(folder / ".venv" / "bin" / "pip", "check", folder=folder)


def said(program: Path, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
