"""Every unknown of HubSpot's behaviour is a switch, told in the docs and tested on all its sides."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from emulator_helpers import Caller
from emulator_switches import KNOWN, SWITCHES

from hubspot_batch_dagster.emulator import Emulator, Settings

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"
SIDES = [(name, value) for name, switch in SWITCHES.items() for value in switch.seen]


@pytest.mark.parametrize(("name", "value"), SIDES, ids=[f"{name}={value}" for name, value in SIDES])
def test_a_switch_does_what_it_says(call: Caller, hubspot: Emulator, name: str, value: Any) -> None:
    hubspot.change(**{name: value})
    switch = SWITCHES[name]
    assert switch.look(call, hubspot) == switch.seen[value]


def test_every_switch_has_a_test_on_each_side() -> None:
    kinds = get_type_hints(Settings)
    for field in dataclasses.fields(Settings):
        if field.name in KNOWN:
            continue
        assert field.name in SWITCHES, f"{field.name} has no test in emulator_switches.py"
        seen = SWITCHES[field.name].seen
        assert field.default in seen, f"{field.name} has no test of its default"
        assert len(seen) >= 2, f"{field.name} is tested on one side only"
        assert len(set(map(repr, seen.values()))) == len(seen), f"two values of {field.name} look alike"
        kind = kinds[field.name]
        if kind is bool or get_origin(kind) is Literal:
            assert set(seen) == set(get_args(kind) or (True, False))
    assert set(SWITCHES).isdisjoint(KNOWN)


def test_the_page_lists_every_switch_with_what_is_known_by_whom_and_how_sure() -> None:
    lines = re.findall(r"^\| `(\w+)` \|(.+)\|$", PAGE.read_text(), re.MULTILINE)
    told = {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}
    assert set(told) == set(SWITCHES)
    for name, cells in told.items():
        assert len(cells) == 4, name
        assert all(cells), name
        assert cells[3] in ("documented", "contradictory", "seen once", "reported", "not known"), name
