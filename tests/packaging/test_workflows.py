"""The files that a forge and pre-commit read: they keep the published schemas and run what the Makefile
has.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORGE = ROOT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (FORGE / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
INSTALLS = {
    "sudo apt-get install --yes --no-install-recommends redis-server",
    "sudo apt-get install --yes --no-install-recommends rabbitmq-server redis-server postgresql",
}
"""What a step may run that is no target of the Makefile."""
LOWEST = {
    "actions/checkout": (5, 0, 0),
    "actions/setup-python": (6, 0, 0),
    "actions/setup-node": (5, 0, 0),
    "actions/upload-artifact": (6, 0, 0),
    "actions/download-artifact": (7, 0, 0),
    "pypa/gh-action-pypi-publish": (1, 14, 2),
}
"""The lowest version of each action that works on GitHub's machines of today.

GitHub took Node 20 off them in September 2026 (changelog of 2025-09-19, note of 2026-08-25): these are the
first versions whose action.yml says node24. gh-action-pypi-publish before 1.14.2 has a twine that refuses
core metadata 2.5, which new build backends write (its release notes).
"""
SUPPORTED = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def read(path: Path) -> dict[str, Any]:
    """The file; `on` is a key and not YAML 1.1's true."""
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return {"on" if key is True else key: value for key, value in found.items()}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield f"{path.name}:{name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job["steps"]:
            yield name, step


def job(path: str, name: str) -> dict[str, Any]:
    found = read(FORGE / "workflows" / path)["jobs"][name]
    assert isinstance(found, dict)
    return found


def targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))


def fits(schema: str, *files: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflows_and_issue_forms_keep_their_published_schemas() -> None:
    fits("vendor.github-workflows", *WORKFLOWS)
    fits("vendor.github-issue-forms", *FORMS)
    fits("vendor.github-issue-config", FORGE / "ISSUE_TEMPLATE" / "config.yml")


def test_each_step_runs_a_target_of_the_makefile() -> None:
    commands = [(name, step["run"]) for name, step in steps() if "run" in step]
    assert len(commands) >= 8
    for name, command in commands:
        if command in INSTALLS:
            continue
        program, *words = command.split()
        assert program == "make", f"{name}: {command}"
        assert words, name
        assert set(words) <= targets(), f"{name}: {command}"


def test_all_that_the_makefile_can_hold_is_run_for_a_pull_request() -> None:
    on = read(FORGE / "workflows" / "tests.yml")["on"]
    assert set(on) == {"push", "pull_request", "workflow_dispatch"}
    assert on["push"] == {"branches": ["main"]}
    run = {
        word
        for name, step in steps()
        if name.startswith("tests.yml") and step.get("run", "").startswith("make ")
        for word in step["run"].split()[1:]
    }
    assert run == {"lint", "types", "tests", "matrix", "wheel-test", "docs", "clients", "hosts"}


def test_the_tests_run_on_every_python_that_is_supported() -> None:
    assert job("tests.yml", "tests")["strategy"]["matrix"]["python"] == SUPPORTED
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={SUPPORTED[0]}"' in pyproject
    classified = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', pyproject)
    assert set(classified) <= set(SUPPORTED)


def test_nobody_may_write_but_the_job_that_publishes() -> None:
    for path in WORKFLOWS:
        assert read(path)["permissions"] == {"contents": "read"}
    asking = {name: found["permissions"] for name, found in jobs() if "permissions" in found}
    assert asking == {"release.yml:publish": {"id-token": "write"}}
    assert not any(
        "secrets." in path.read_text() or "pull_request_target" in path.read_text() for path in WORKFLOWS
    )


def test_actions_are_pinned_and_a_checkout_leaves_no_credentials() -> None:
    for name, step in steps():
        if "uses" not in step:
            continue
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", step["uses"]), name
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}, name


def test_actions_run_on_what_the_machines_of_today_have() -> None:
    for name, step in steps():
        if "uses" in step:
            action, _, version = step["uses"].partition("@v")
            assert tuple(int(part) for part in version.split(".")) >= LOWEST[action], (
                f"{name}: {step['uses']}"
            )


def test_every_job_ends() -> None:
    assert [name for name, found in jobs() if not 0 < found.get("timeout-minutes", 0) <= 60] == []


def test_a_release_is_a_tag_whose_wheel_was_tried_and_needs_no_password() -> None:
    assert read(FORGE / "workflows" / "release.yml")["on"] == {"push": {"tags": ["v*"]}}
    wheel, publish = job("release.yml", "wheel"), job("release.yml", "publish")
    assert [step["run"] for step in wheel["steps"] if "run" in step] == [
        "make release-check",
        "make wheel-test",
    ]
    assert publish["needs"] == "wheel"
    assert publish["environment"] == "pypi"
    used = [step["uses"].partition("@")[0] for step in publish["steps"]]
    assert used == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    assert "with" not in publish["steps"][-1]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("tag", "heading", "complaint"),
    [
        ("v1.2.3", "## 1.2.3 (2030-01-01)", ""),
        ("v1.2.4", "## 1.2.3", "pyproject.toml says 1.2.3"),
        ("", "## 1.2.3", "pyproject.toml says 1.2.3"),
        ("v1.2.3", "## Unreleased", "no section '## 1.2.3'"),
    ],
)
def test_a_tag_that_is_not_the_version_is_not_released(
    tmp_path: Path, tag: str, heading: str, complaint: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n")
    done = subprocess.run(
        ["make", "release-check"],
        cwd=tmp_path,
        env={**os.environ, "TAG": tag},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode == 0) == (complaint == "")
    assert complaint in done.stdout


def test_the_hooks_of_pre_commit_are_tools_of_the_environment_and_find_what_is_wrong(tmp_path: Path) -> None:
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert set(hooks) == {"ruff", "ruff-format", "mypy"}
    assert all(hook["language"] == "system" for hook in hooks.values())
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import os\nx = 'a'\n")
    for name, hook in hooks.items():
        tool, *words = hook["entry"].split()
        assert Path(tool).parent == Path(".venv/bin")
        command = [str(Path(sys.executable).parent / Path(tool).name), *words]
        last = "--version" if name == "mypy" else str(wrong)  # mypy looks at the whole package: make types
        done = subprocess.run([*command, last], cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert done.returncode == (0 if name == "mypy" else 1), name
