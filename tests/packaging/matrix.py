"""`make matrix`: the tests of all that meets other libraries, against the oldest allowed versions and the
newest.

Each in an environment of its own. The tests of `table` hold that a row's hash is the same with any version of
pyarrow and pandas.

python tests/packaging/matrix.py            all of it
python tests/packaging/matrix.py oldest     one of them
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".matrix"
TESTS = [
    "tests/face",
    "tests/component",
    "tests/plugin",
    "tests/example/test_definitions.py",
    "tests/table",
    "tests/sync/planning/test_plan.py",
]
EXTRAS = ("emulator", "polars", "redis", "postgres", "bucket", "ui", "warehouse")
NOT_LOWEST = ("dagster-dg-cli",)
"""`dg` itself wants pydantic 2.12 and newer, which the package does not: it is in the newest environment
alone.
"""
TOOLS = ["pytest>=8", "pytest-xdist>=3.6", "hypothesis>=6.100"]
WORKERS = "2"
PYTHON = "python3.10", "python3.11", "python3.12", "python3.13"


@dataclass(frozen=True)
class Environment:
    """One place of the matrix.

    Attributes:
        name: Its folder in .matrix/.
        pythons: The interpreters that will do, the best first.
        pins: What pip is held to beside the package's own requirements.
        extras: The extras of the package that are installed.
    """

    name: str
    pythons: tuple[str, ...]
    pins: tuple[str, ...] = ()
    extras: tuple[str, ...] = EXTRAS

    @property
    def python(self) -> Path:
        return HOME / self.name / "bin" / "python"

    def make(self) -> None:
        """Make the environment, or bring it up to date."""
        if not self.python.exists():
            subprocess.run([interpreter(self.pythons), "-m", "venv", str(HOME / self.name)], check=True)
        wanted = ["-e", f"{ROOT}[{','.join(self.extras)}]", *TOOLS, *self.pins]
        pip = [str(self.python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--upgrade"]
        subprocess.run([*pip, *wanted], check=True)

    def test(self) -> bool:
        """Run the tests; whether they pass."""
        tests = [each for each in TESTS if (ROOT / each).exists()]
        cache = f"cache_dir={HOME / self.name / 'pytest'}"
        command = [
            str(self.python),
            "-m",
            "pytest",
            "-n",
            WORKERS,
            "--dist",
            "loadfile",
            "-q",
            "-o",
            cache,
            *tests,
        ]
        return subprocess.run(command, cwd=ROOT, check=False).returncode == 0

    def versions(self) -> str:
        code = (
            "import sys, dagster, pyarrow, pandas; print(f'Python {sys.version.split()[0]}, Dagster"
            " {dagster.__version__}, pandas {pandas.__version__}, pyarrow {pyarrow.__version__}')"
        )
        return subprocess.run(
            [str(self.python), "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()


def lowest() -> tuple[str, ...]:
    """Every library of the core install and of the users' extras at the lowest version that pyproject.toml
    allows.
    """
    text = (ROOT / "pyproject.toml").read_text()
    users = text[text.index("\ndependencies = [") : text.index("\ndocs = [")]
    floors = dict(re.findall(r'"([\w-]+)(?:\[\w+\])?>=([\w.]+)', users))
    return tuple(f"{name}=={version}" for name, version in floors.items() if name not in NOT_LOWEST)


MATRIX = [
    Environment("oldest", PYTHON, lowest(), tuple(each for each in EXTRAS if each != "ui")),
    Environment("newest", PYTHON[::-1]),
]


def interpreter(names: tuple[str, ...]) -> str:
    """The first of some Pythons that is installed; pyenv's are asked too."""
    for name in names:
        installed = shutil.which(name)
        if (
            installed
            and subprocess.run([installed, "--version"], capture_output=True, check=False).returncode == 0
        ):
            return installed
        version = name.removeprefix("python")
        kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/{name}"))
        if kept:
            return str(kept[-1])
    return sys.executable


def main(chosen: list[str]) -> int:
    results = {}
    for each in MATRIX:
        if chosen and each.name not in chosen:
            continue
        each.make()
        print(f"== {each.name}: {each.versions()}", flush=True)
        results[f"{each.name}: {each.versions()}"] = each.test()
    for name, passed in results.items():
        print(f"{'passed' if passed else 'FAILED'}  {name}")
    return 0 if results and all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
