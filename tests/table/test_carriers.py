"""Each type of each library is sent as the text that the table says, or refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import polars as pl
import pytest
from carriers import CARRIERS, CODES, Carrier
from table_helpers import encode, sent

from hubspot_batch_dagster.table.layout import Field, Layout

PAGE = Path(__file__).parents[2] / "docs" / "values.md"
LAYOUT = Layout((Field("p", "x"),), ("id",))


@pytest.mark.parametrize(
    "carrier", CARRIERS, ids=lambda each: f"{each.library} {each.kind} {each.given}"[:60]
)
def test_each_type_is_sent_as_the_table_says(carrier: Carrier) -> None:
    if carrier.library == "polars" and not hasattr(
        pl, carrier.kind.partition("[")[0].partition(" ")[0].strip(":,")
    ):
        pytest.skip("this polars does not have the type")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoded = encode(carrier.rows(), LAYOUT)
    assert encoded.good.num_rows + encoded.rejected.num_rows == 1
    found = encoded.rejected["code"][0].as_py() if encoded.rejected.num_rows else sent(encoded)[0]
    assert found == carrier.expected
    if found in CODES:
        assert encoded.rejected["column"].to_pylist() == ["x"]


def test_there_are_more_than_two_hundred_types() -> None:
    assert len(CARRIERS) > 200


def line(carrier: Carrier) -> str:
    expected = carrier.expected
    if expected is None:
        told = "nothing (an empty cell)"
    elif expected in CODES:
        told = f"refused: `{expected}`"
    else:
        told = f"`{expected}`" if expected else "an empty text, which clears the property"
    return f"| {carrier.kind} | `{carrier.given}` | {told} |"


@pytest.mark.parametrize("library", list(dict.fromkeys(each.library for each in CARRIERS)))
def test_the_page_shows_the_table(library: str) -> None:
    text = PAGE.read_text()
    section = text[text.index(f"\n## {library}\n") :].split("\n## ")[1]
    shown = [each for each in section.splitlines() if each.startswith("| ") and not each.startswith("| type")]
    assert shown == [line(each) for each in CARRIERS if each.library == library]
