"""Every option and argument of every command is checked when it is given: a wrong one is a sentence that
names it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from hubspot_batch_dagster import Association, HubSpotSession, SessionSettings, Upsert
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.emulator import __main__ as emulator_command

PROJECT = """
import dagster as dg
from hubspot_batch_dagster import Create, HubSpotResource, hubspot_asset

@hubspot_asset(Create("notes", key="id", properties=["hs_timestamp"]))
def notes():
    return [{"id": 1, "hs_timestamp": "2026-01-01T09:00:00Z"}]

defs = dg.Definitions(assets=[notes], resources={"hubspot": HubSpotResource(access_token="TOKEN", base_url="URL", store="plans")})
"""

NO_TEXT = ("", " ", "\0", "a\0b", "\udcff")
"""What no parameter takes, whatever it is for."""

NO_NUMBER = ("x", "nan", "inf", "-1", "1.5", "1e3", "0x10")
NO_FOLDER_OF_A_FILE = ("..", ".", "/", "missing/file", "missing.d/", "x" * 300)
NO_NAME = ("..", ".", "/", "a//b", "../people", "people/", "x" * 1000, "a\nb")
NO_URL = (
    "x",
    "..",
    "http://",
    "ftp://127.0.0.1",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:x",
    "http://example.org",
    "http://user@127.0.0.1",
)

WRONG: Mapping[str, tuple[str, ...]] = {
    "--limit": NO_NUMBER,
    "--sample": (*NO_NUMBER, "0"),
    "--portal-id": (*NO_NUMBER, "0"),
    "--share": ("x", "nan", "inf", "-1", "0", "1.5", "1e999"),
    "--format": ("x", "xml", "TABLE"),
    "--outcome": ("x", "lost", ".."),
    "--version": ("x", "v9", "2020-01", "-1"),
    "--out": NO_FOLDER_OF_A_FILE,
    "--run": (*NO_NAME, "nobody", "0" * 16),
    "--object-type": ("a/b", "..", "a b/c", "ü?"),
    "--base-url": NO_URL,
    "--store": ("file.txt", "s3x://bucket", "missing", "other"),
    "--journal": (
        "x",
        "..",
        "http://127.0.0.1",
        "postgresql+psycopg://u@127.0.0.1:99999/d",
        "postgresql+psycopg://u@127.0.0.1:x/d",
        "oracle+nothing://u@h/d",
    ),
    "--warehouse": (
        "missing.duckdb",
        "..",
        "file.txt/x",
        "mysql://u@h/d",
        "postgresql://u@127.0.0.1:99999/d",
        "postgresql://u@127.0.0.1:0/d",
    ),
    "--config": ("x", "5", "[1]", "{", "{1: 2}", "{a: &a [*a]}", "{day: 2026-01-01}", "!!python/name:os.x", "[" * 3000),
    "--partition": ("..", "nobody"),
    "MODULE_OR_FILE": ("..", "nowhere.py", "nowhere", "a-b", ".x", "broken.py", "no_code.py", "no_defs.py", "folder.py", "file.txt"),
    "ASSET_KEY": ("..", "nobody", "a//b", "/"),
    "SYNC": (*NO_NAME, "nobody"),
    "OLD": (*NO_NAME, "nobody"),
    "NEW": NO_NAME,
    "RUN": ("..", ".", "/", "../people", "x" * 1000, "nobody"),
    "OBJECT_TYPE": ("a/b", "..", "?", "no_such_type_at_all"),
}  # fmt: skip
"""Parameter -> what it does not take, besides what none does."""

HUGE: Mapping[str, str] = {"--limit": "9" * 30, "--sample": "9" * 30, "--portal-id": "9" * 30}
"""Numbers that can be meant, however large: they are taken, or refused in a sentence."""

SECRETS = {"--token", "--client-id", "--client-secret", "--refresh-token"}
"""Any text may be one, and an empty one is none: HubSpot says whether it is right."""

TEXTS = {"--property": "the properties of a portal are known to it alone"}
"""Any name may be one."""

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "check": (),
    "plan": ("project.py", "notes"),
    "rejected": ("people",),
    "runs": ("people",),
    "ids": ("people",),
    "journal": (),
    "associations": ("people",),
    "reconcile": ("people",),
    "rename": ("people", "persons"),
    "revert": ("RUN",),
    "models": ("contacts",),
    "portal": (),
}
"""Command -> arguments that are right."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="module")
def synced(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The run of a store with one sync, in a folder and an environment of the test's own."""
    folder = tmp_path_factory.mktemp("arguments")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("DAGSTER_HOME", raising=False)
        for name, value in {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "HUBSPOT_ACCESS_TOKEN": emulator.token,
            "HUBSPOT_BASE_URL": emulator.url,
            "HUBSPOT_STORE": str(folder / "store"),
        }.items():
            patch.setenv(name, value)
        settings = SessionSettings(access_token=emulator.token, base_url=emulator.url, store="store")
        with HubSpotSession(settings) as session:
            firms = [Association("companies", column="firm")]
            made = session.sync(
                [{"email": "p@x.org", "firm": "404"}],
                Upsert("contacts", id_property="email", associations=firms),
                name="people",
            )
        Path("project.py").write_text(PROJECT.replace("TOKEN", emulator.token).replace("URL", emulator.url))
        Path("broken.py").write_text("def")
        Path("no_code.py").write_bytes(b"\0\xff")
        Path("no_defs.py").write_text("1 / 0")
        Path("file.txt").write_text("x")
        Path("folder.py").mkdir()
        Path("other").mkdir()
        Path("other", "file.txt").write_text("somebody else's")
        yield made.run


def walked() -> Iterator[tuple[str, str, click.Parameter]]:
    """Command, name as a user writes it, and parameter."""
    for name, command in cli.commands.items():
        for parameter in command.params:
            if name != "emulator":  # it has a parser of its own, which is walked below
                yield name, told(parameter), parameter


def told(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return str(parameter.metavar or parameter.human_readable_name).strip("[]")


def given(command: str, parameter: click.Parameter, value: str, run: str) -> list[str]:
    """The words of a command in which all is right but the value of one parameter."""
    arguments = [run if each == "RUN" else each for each in ARGUMENTS[command]]
    if isinstance(parameter, click.Option):
        return [command, *arguments, f"{max(parameter.opts, key=len)}={value}"]
    names = [each.name for each in cli.commands[command].params if isinstance(each, click.Argument)]
    at = names.index(parameter.name)
    return [command, *arguments[:at], "--", value, *arguments[at + 1 :]]


def invoke(words: list[str]) -> Result:
    return CliRunner().invoke(cli, words)


def wrong_with(words: list[str], name: str, value: str, *, refused: bool) -> str | None:
    """What is wrong with the end of a command."""
    done = invoke(words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return f"{words}: {type(done.exception).__name__}: {str(done.exception)[:200]}"
    if not refused and done.exit_code == 0:
        return None
    if done.exit_code not in (1, 2):
        return f"{words}: status {done.exit_code}: {done.output[:200]}"
    names = {name, name.removeprefix("--").replace("-", "_"), *([value] if value.strip() else [])}
    if "Traceback" in done.output or not any(each in done.output for each in names):
        return f"{words}: does not name {name}: {done.output[:300]}"
    return None


def test_every_parameter_of_every_command_has_wrong_values_here() -> None:
    """The walk below leaves no parameter out: each is a flag, or is among those whose wrong values are
    listed.
    """
    known = {*WRONG, *SECRETS, *TEXTS}
    left = [
        (command, name)
        for command, name, parameter in walked()
        if name not in known and not getattr(parameter, "is_flag", False)
    ]
    assert left == []
    assert {*ARGUMENTS, "emulator"} == set(cli.commands)


def test_each_wrong_value_is_refused_in_a_sentence_that_names_the_parameter(synced: str) -> None:
    """No command ends in a traceback; the status is 1 or 2, and the message names the option or argument."""
    wrong, tried = [], 0
    for command, name, parameter in walked():
        if getattr(parameter, "is_flag", False):
            values: tuple[str, ...] = ("x", "", "\0")
        elif name in SECRETS:
            values = NO_TEXT[2:]
        else:
            values = (*NO_TEXT, *WRONG.get(name, ()))
        for value in values:
            if (command, name, value) in TAKEN:
                continue
            tried += 1
            said = wrong_with(given(command, parameter, value, synced), name, value, refused=True)
            wrong += [said] if said else []
    assert tried > 800
    assert not wrong, "\n".join(wrong)


TAKEN = {
    *(("check", "--store", value) for value in ("missing", "other")),  # the first run makes a store there
    *(
        (command, "--out", "\udcff") for command in cli.commands
    ),  # a byte that is no text may stand in a file's name
}
"""What can be meant after all."""


def test_a_huge_number_is_taken_or_refused_in_a_sentence(synced: str) -> None:
    wrong = [
        wrong_with(given(command, parameter, HUGE[name], synced), name, HUGE[name], refused=False)
        for command, name, parameter in walked()
        if name in HUGE
    ]
    assert not any(wrong), wrong


def test_a_wrong_credential_is_refused_in_a_sentence(synced: str) -> None:
    """None at all, half of one, two of them, and one that HubSpot does not take."""
    for command in ("check", "models", "portal", "reconcile", "revert"):
        arguments = [synced if each == "RUN" else each for each in ARGUMENTS[command]]
        arguments += ["--yes"] if command == "revert" else []
        for words in (["--token=pat-wrong"], ["--token="], ["--client-id=x"], ["--token=", "--client-id=x"]):
            said = wrong_with([command, *arguments, *words], "--token", "token", refused=True)
            assert said is None, said


def test_a_file_that_cannot_be_written_is_a_sentence(synced: str) -> None:
    assert synced
    Path("taken").mkdir(exist_ok=True)
    for words in (["ids", "people"], ["runs", "people"], ["rejected", "people"], ["models", "contacts"], ["portal"]):  # fmt: skip
        for out in ("taken", "taken/missing/x", "/dev/full"):
            said = wrong_with([*words, f"--out={out}"], "--out", out, refused=True)
            assert said is None, said


def test_a_damaged_table_is_a_sentence(synced: str) -> None:
    """What the commands read from a store is checked as what they are given."""
    kept = {each: each.read_bytes() for each in Path("store").rglob("*.parquet")}
    commands = (["ids"], ["ids", "people"], ["rejected", "people"], ["runs", "people"], ["revert", synced], ["reconcile", "people"])  # fmt: skip
    for content in (b"", b"x" * 500, b"PAR1" + b"\0" * 100 + b"PAR1"):
        for path in kept:
            path.write_bytes(content)
        for words in commands:
            done = invoke(words)
            assert isinstance(done.exception, SystemExit), (words, done.exception)
            assert done.exit_code == 1, (words, done.output)
            assert "Error: " in done.output
    for path, before in kept.items():
        path.write_bytes(before)
    assert all(invoke(words).exit_code == 0 for words in commands)


def test_the_tables_of_the_runs_may_be_gone(synced: str) -> None:
    assert synced
    Path("store/people/runs").rename("runs moved away")
    try:
        done = invoke(["rejected", "people"])
        assert done.exit_code == 1
        assert "The tables of the runs of 'people' are gone" in done.output
        assert invoke(["ids", "people"]).exit_code == 0
    finally:
        Path("runs moved away").rename("store/people/runs")


def test_looking_at_a_folder_of_somebody_else_makes_nothing_in_it(synced: str) -> None:
    assert synced
    for command in ("ids", "journal", "check"):
        done = invoke([command, "--store", "other"])
        assert "Traceback" not in done.output
    assert [each.name for each in Path("other").iterdir()] == ["file.txt"]


OF_THE_EMULATOR: Mapping[str, tuple[str, ...]] = {
    "--port": ("x", "-1", "65536", "99999", "nan", "1.5"),
    "--portal": ("", "\0", "..", "missing.json", "file.txt"),
    "--burst-limit": ("x", "-1", "1.5", "nan"),
    "--latency": ("x", "-1", "nan", "inf", "1e300"),
    "--seed": ("x", "1.5", "nan"),
    "--settings": ("x", "[1]", '{"x": 1}', '{"latency": -1}', '{"latency": NaN}', '{"search_lag": 1e999}', '{"time_zone": 5}'),
    "--ready-file": ("", "\0", "..", "missing/file", "x" * 300 + "/y"),
    "--token": ("x",),
}  # fmt: skip


def test_each_wrong_value_of_the_emulator_is_refused_in_a_line_that_names_it(
    synced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it listens: what is taken would be served."""

    def serve(*_: object, **__: object) -> None:
        raise AssertionError("it was taken")

    assert synced
    monkeypatch.setattr(emulator_command, "serve", serve)
    parser = emulator_command._parser()
    options = {max(each.option_strings, key=len) for each in parser._actions if each.nargs != 0}
    flags = {max(each.option_strings, key=len) for each in parser._actions if each.nargs == 0} - {"--help"}
    assert options == set(OF_THE_EMULATOR)
    assert isinstance(parser, argparse.ArgumentParser)
    tried = {**OF_THE_EMULATOR, **dict.fromkeys(flags, ("x",)), "..": ("",)}
    for name, values in tried.items():
        for value in values:
            words = [name] if name == ".." else [f"{name}={value}"]
            done = CliRunner().invoke(cli, ["emulator", *words])
            assert isinstance(done.exception, SystemExit), (words, done.exception)
            assert done.exit_code == 2, (words, done.output)
            assert re.search(re.escape(name), done.output), (words, done.output)
