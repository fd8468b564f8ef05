"""`hubspot-batch-dagster models`: a pydantic module from the portal, that Ruff has nothing to say about."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bench.sync_bench import Bench, reasons, shown
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hubspot_batch_dagster.api.definitions import PropertyDefinition
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.schema.model_source import models_source


def loaded(text: str) -> ModuleType:
    module = ModuleType("generated")
    exec(compile(text, "generated.py", "exec", dont_inherit=True), module.__dict__)
    return module


def ruff(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def spotless(folder: Path) -> str:
    """What Ruff has to say, at two line lengths."""
    rules = ("check", "--select", "E,F,W,I,B,UP,C4,SIM,RUF", "--ignore", "E501,RUF001,RUF002,RUF003")
    return "".join(
        [
            ruff(folder, "format", "--diff"),
            ruff(folder, "format", "--diff", "--line-length", "110"),
            ruff(folder, *rules),
        ]
    )


def test_the_command_writes_a_module_that_can_be_used_as_the_model_of_an_operation(
    bench: Bench, tmp_path: Path
) -> None:
    out = tmp_path / "crm_models.py"
    done = CliRunner().invoke(
        cli,
        ["models", "contacts", "--out", str(out), "--base-url", bench.emulator.url],
        env={"HUBSPOT_ACCESS_TOKEN": bench.emulator.token},
    )
    assert done.exit_code == 0, done.output
    assert spotless(tmp_path) == ""
    contact = loaded(out.read_text()).Contact
    rows = [
        {"email": "a@x.org", "lifecyclestage": "lead", "hs_buying_role": "CHAMPION;OTHER", "zip": 12345},
        {"email": "b@x.org", "lifecyclestage": "leed", "hs_buying_role": None, "zip": 1},
    ]
    result = bench.run(rows, Upsert("contacts", id_property="email", model=contact))
    assert shown(result) == {"created": 1, "rejected": 1}
    assert reasons(result)[0][:2] == (1, "lifecyclestage")


def test_every_object_type_of_the_portal_gives_a_clean_module_the_same_each_time(
    bench: Bench, tmp_path: Path
) -> None:
    from hubspot_batch_dagster.emulator.object_types import OBJECT_TYPES

    for row in OBJECT_TYPES:
        found = bench.client.properties(row.name)
        text = models_source(row.name, found, portal_id=7)
        assert text == models_source(row.name, reversed(found), portal_id=7)
        (tmp_path / f"{row.name}.py").write_text(text)
        model = next(
            each for each in vars(loaded(text)).values() if getattr(each, "__module__", "") == "generated"
        )
        aliases = {each.alias or name for name, each in model.model_fields.items()}
        assert aliases == {each.name for each in found if not each.read_only}
        assert model()
    assert spotless(tmp_path) == ""


def test_the_fields_have_the_types_of_the_properties() -> None:
    given_ = [
        PropertyDefinition(name="n", type="number"),
        PropertyDefinition(name="d", type="date"),
        PropertyDefinition(name="t", type="datetime"),
        PropertyDefinition(name="b", type="bool", options=[{"value": "true"}, {"value": "false"}]),
        PropertyDefinition(name="e", type="enumeration", options=[{"value": "x"}, {"value": "y"}]),
        PropertyDefinition(name="m", type="enumeration", field_type="checkbox", options=[{"value": "x"}]),
        PropertyDefinition(name="ro", calculated=True),
        PropertyDefinition(name="gone", archived=True),
    ]
    text = models_source("contacts", given_, portal_id=None)
    model = loaded(text).Contact
    assert set(model.model_fields) == {"n", "d", "t", "b", "e", "m"}
    good = model(n="1.5", d="2024-01-02", t="2024-01-02T03:04:05Z", b="true", e="x", m="x;")
    assert (good.n, good.b, good.m) == (1.5, True, ["x"])
    for bad in ({"n": "a"}, {"d": "a"}, {"t": "a"}, {"b": "a"}, {"e": "z"}, {"m": "x;z"}):
        with pytest.raises(ValidationError):
            model(**bad)


def test_a_property_may_have_the_name_of_anything_that_the_module_uses() -> None:
    names = ["Any", "BaseModel", "ConfigDict", "Field", "Literal", "classmethod", "field_validator"]
    used = [PropertyDefinition(name=name, type="string") for name in names]
    options = [{"value": "x"}, {"value": "y"}]
    used.append(PropertyDefinition(name="m-1", type="enumeration", field_type="checkbox", options=options))
    model = loaded(models_source("contacts", used, portal_id=1)).Contact
    assert {each.alias or name for name, each in model.model_fields.items()} == {*names, "m-1"}
    assert model(**{"Field": "a", "m-1": "x;y"}).model_dump(by_alias=True)["m-1"] == ["x", "y"]


_words = st.text(max_size=200)
_definitions = st.builds(
    PropertyDefinition,
    name=st.one_of(
        st.from_regex(r"[a-z][a-z0-9_]{0,99}", fullmatch=True),
        st.sampled_from(
            ["class", "model_config", "copy", "json", "date", "type", "1st", "_x", "a-b", "A B", "str"]
        ),
        st.text(min_size=1, max_size=20),
    ),
    label=_words,
    description=st.one_of(st.none(), _words),
    type=st.sampled_from(
        ["string", "number", "bool", "date", "datetime", "enumeration", "phone_number", "new"]
    ),
    field_type=st.sampled_from(["text", "checkbox", "select"]),
    options=st.lists(st.fixed_dictionaries({"value": st.text(max_size=30), "label": _words}), max_size=4),
)


def test_any_definitions_give_a_clean_module_that_loads(tmp_path: Path) -> None:
    written = 0

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(definitions=st.lists(_definitions, max_size=8, unique_by=lambda each: each.name))
    def write(definitions: list[Any]) -> None:
        nonlocal written
        text = models_source("contacts", definitions, portal_id=1)
        model = loaded(text).Contact
        names = {each.alias or name for name, each in model.model_fields.items()}
        assert names == {each.name for each in definitions}
        written += 1
        (tmp_path / f"m{written}.py").write_text(text, encoding="utf-8")

    write()
    assert spotless(tmp_path) == ""  # Ruff starts three times for all of them, not for each


def test_without_a_token_or_definitions_the_command_says_what_to_do(bench: Bench) -> None:
    run = CliRunner().invoke(
        cli, ["models", "contacts", "--base-url", bench.emulator.url], env={"HUBSPOT_ACCESS_TOKEN": ""}
    )
    assert run.exit_code == 2  # an option is missing
    assert "access_token" in run.output
    run = CliRunner().invoke(
        cli, ["models", "contacts", "--base-url", bench.emulator.url, "--token", bench.emulator.token]
    )
    assert "class Contact(BaseModel):" in run.output
    assert bench.emulator.token not in run.output
