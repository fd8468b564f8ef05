"""Keys that look alike and are not: a warning names both."""

from __future__ import annotations

import unicodedata

import pytest
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster.operations.records import Upsert

BY_KEY = Upsert("companies", key="id", properties={"name": "name"})
NFC, NFD = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
ALIKE = {
    "case": ("A1", "a1", "'A1' and 'a1'"),
    "trailing blank": ("a1", "a1 ", "'a1 ' and 'a1'"),
    "no-break space": ("a1", "a1\u00a0", "'a1\\xa0' and 'a1'"),
    "Unicode form": (NFC, NFD, "'cafe\\u0301' and 'caf\\xe9'"),
    "both odd": ("AB", "Ab", "'Ab' and 'AB'"),
}


def told(bench: Bench) -> list[str]:
    return [each for each in bench.warnings if each.startswith("Keys that differ only")]


@pytest.mark.parametrize(("known", "new", "said"), ALIKE.values(), ids=ALIKE.keys())
def test_a_new_key_that_looks_like_a_known_one_is_warned_of_with_both(
    bench: Bench, known: str, new: str, said: str
) -> None:
    bench.run([{"id": known, "name": "a"}], BY_KEY)
    assert told(bench) == []
    rows = [{"id": known, "name": "a"}, {"id": new, "name": "b"}]
    assert shown(bench.run(rows, BY_KEY)) == {"created": 1, "unchanged": 1}, "HubSpot may mean two"
    (warning,) = told(bench)
    one, _, other = said.partition(" and ")
    assert said in warning or f"{other} and {one}" in warning
    bench.warnings.clear()
    bench.run(rows, BY_KEY)
    assert told(bench) == [], "it is said when the second is made, and not every night"


@pytest.mark.parametrize(("one", "other"), [each[:2] for each in ALIKE.values()], ids=ALIKE.keys())
def test_two_new_keys_that_look_alike_are_warned_of(bench: Bench, one: str, other: str) -> None:
    bench.run([{"id": one, "name": "a"}, {"id": other, "name": "b"}, {"id": "z", "name": "c"}], BY_KEY)
    assert len(told(bench)) == 1


def test_an_email_that_differs_only_in_its_unicode_form_is_warned_of(bench: Bench) -> None:
    rows = [{"email": f"{each}@x.org"} for each in (NFC, NFD)]
    bench.run(rows, Upsert("contacts", id_property="email"))
    assert len(told(bench)) == 1


def test_many_pairs_are_counted_and_a_few_are_named(bench: Bench) -> None:
    rows = [{"id": f"{letter}{at}", "name": "x"} for at in range(9) for letter in "aA"]
    bench.run(rows, BY_KEY)
    (warning,) = told(bench)
    assert "and 4 more" in warning
    assert warning.count("' and '") == 5
