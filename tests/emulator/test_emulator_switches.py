"""Every unknown of HubSpot's behaviour is a switch, told in the docs and tested on all its sides."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from emulator_helpers import Caller
from emulator_switches import SWITCHES, Switch

from hubspot_batch_dagster.emulator import Emulator, Settings

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"
SIDES = [(name, value) for name, switch in SWITCHES.items() for value in switch.seen]

KNOWN = frozenset(
    [
        "burst_limit",
        "burst_window",
        "daily_limit",
        "search_limit",
        "max_inputs",
        "max_history_inputs",
        "max_association_inputs",
        "max_association_reads",
        "max_associations",
        "latency",
        "latency_jitter",
        "inbound_jitter",
        "date_ahead",
        "portal_id",
        "time_zone",
        "required_properties",
        "normalise_dates",
        "check_tokens",
        "scopes",
        "token_seconds",
        "keep_books",
        "max_book_entries",
        "clock",
    ]
)
"""Settings that are no unknowns: figures of an account, and how the emulator itself runs."""

UNSURE = re.compile(r"[Uu]ncertain|not known|not be known|Seen once|nobody|says otherwise")
"""Words with which the settings' own documentation says that something is not known."""


@dataclasses.dataclass(frozen=True)
class WithNewSwitches(Settings):
    """Settings as they would be with two unknowns more."""

    half_a_batch: bool = False
    colour: Literal["red", "green"] = "red"


@pytest.mark.parametrize(("name", "value"), SIDES, ids=[f"{name}={value}" for name, value in SIDES])
def test_a_switch_does_what_it_says(call: Caller, hubspot: Emulator, name: str, value: Any) -> None:
    hubspot.change(**{name: value})
    switch = SWITCHES[name]
    assert switch.look(call, hubspot) == switch.seen[value]


def untested(settings: type[Settings], switches: Mapping[str, Switch]) -> list[str]:
    """What is wrong with the tests of switches, one line each."""
    kinds, wrong = get_type_hints(settings), []
    for field in dataclasses.fields(settings):
        if field.name in KNOWN:
            continue
        if field.name not in switches:
            wrong.append(f"{field.name} has no test in emulator_switches.py")
            continue
        seen, kind = switches[field.name].seen, kinds[field.name]
        if field.default not in seen:
            wrong.append(f"{field.name} has no test of its default")
        if len(seen) < 2:
            wrong.append(f"{field.name} is tested on one side only")
        if len(set(map(repr, seen.values()))) < len(seen):
            wrong.append(f"two values of {field.name} look alike")
        if (kind is bool or get_origin(kind) is Literal) and set(seen) != set(
            get_args(kind) or (True, False)
        ):
            wrong.append(f"{field.name} has values without a test")
    return wrong


def test_every_switch_has_a_test_on_each_side() -> None:
    assert untested(Settings, SWITCHES) == []
    assert set(SWITCHES) | KNOWN == {field.name for field in dataclasses.fields(Settings)}
    assert set(SWITCHES).isdisjoint(KNOWN)


def test_a_switch_without_a_test_on_each_side_is_found() -> None:
    look = SWITCHES["create_status"].look
    assert untested(WithNewSwitches, SWITCHES) == [
        "half_a_batch has no test in emulator_switches.py",
        "colour has no test in emulator_switches.py",
    ]
    added = {"half_a_batch": Switch({False: 1, True: 1}, look), "colour": Switch({"green": 1}, look)}
    assert untested(WithNewSwitches, {**SWITCHES, **added}) == [
        "two values of half_a_batch look alike",
        "colour has no test of its default",
        "colour is tested on one side only",
        "colour has values without a test",
    ]


def test_what_the_settings_call_uncertain_is_a_switch() -> None:
    text = str(Settings.__doc__)
    told = re.findall(r"^ {8}(\w+): (.+?)(?=^ {8}\w+: |^ {4}\S|\Z)", text, re.MULTILINE | re.DOTALL)
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert {name for name, _ in told} == fields
    unsure = {name for name, words in told if UNSURE.search(" ".join(words.split()))}
    assert len(unsure) >= 25
    assert unsure - set(SWITCHES) == set()


def spelled(value: Any, default: Any) -> str:
    """A value as the page spells it; of figures that are not the default one stands for all."""
    if isinstance(value, frozenset):
        return "a set"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and value != default and (default is None or isinstance(default, float) or default > 1000):
        return "a number"
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_the_page_lists_every_switch_with_what_is_known_by_whom_and_how_sure() -> None:
    lines = re.findall(r"^\| `(\w+)` \|(.+)\|$", PAGE.read_text(), re.MULTILINE)
    told = {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}
    assert set(told) == set(SWITCHES)
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    for name, cells in told.items():
        assert len(cells) == 4, name
        assert all(cells), name
        values = cells[0].split(", ")
        assert values[0] == spelled(defaults[name], defaults[name]), f"{name}: the default comes first"
        assert sorted(values) == sorted(spelled(value, defaults[name]) for value in SWITCHES[name].seen), name
        assert cells[3] in ("documented", "contradictory", "seen once", "reported", "not known"), name
