"""Each type of each library is sent as the text that the table says, or refused."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from carriers import CARRIERS, CODES, Carrier
from table_helpers import encode, sent

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Field, Layout
from hubspot_batch_dagster.table.parquet import storable_batches

PAGE = Path(__file__).parents[2] / "docs" / "values.md"
LAYOUT = Layout((Field("p", "x"),), ("id",))


def is_known(carrier: Carrier) -> bool:
    """Whether the installed polars has the types."""
    return all(hasattr(pl, name) for name in re.findall(r"\bpl\.(\w+)", carrier.given))


@pytest.mark.parametrize(
    "carrier", CARRIERS, ids=lambda each: f"{each.library} {each.kind} {each.given}"[:60]
)
def test_each_type_is_sent_as_the_table_says(carrier: Carrier) -> None:
    if not is_known(carrier):
        pytest.skip("this polars does not have the type")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoded = encode(carrier.rows(), LAYOUT)
    assert encoded.good.num_rows + encoded.rejected.num_rows == 1
    found = encoded.rejected["code"][0].as_py() if encoded.rejected.num_rows else sent(encoded)[0]
    assert found == carrier.expected
    if found in CODES:
        assert encoded.rejected["column"].to_pylist() == ["x"]


def test_there_are_more_than_four_hundred_types() -> None:
    assert len(CARRIERS) > 400


@pytest.mark.parametrize("library", list(dict.fromkeys(each.library for each in CARRIERS)))
def test_what_is_stored_in_a_parquet_file_is_sent_as_it_would_have_been_or_refused(library: str) -> None:
    """As `ArrowParquetIOManager` stores what an asset returns."""
    changed = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in CARRIERS:
            if each.library == library and is_known(each) and not is_unreadable_there(each):
                found = stored(each)
                if found != each.expected and not (found == "refused" and is_refused_there(each)):
                    changed[each.kind, each.given] = found
    assert changed == {}


def stored(carrier: Carrier) -> str | None:
    """What is sent, once it was stored and read again; "refused" where it cannot be stored."""
    file = io.BytesIO()
    duckdb.default_connection().execute("SELECT 1").fetchall()  # what was refused left its own result open
    try:
        schema, batches = storable_batches(carrier.rows())
        with pq.ParquetWriter(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    except TableError as error:
        return "refused" if error.column == "x" else "refused, without the column"
    file.seek(0)
    encoded = encode(pq.read_table(file), LAYOUT)
    return encoded.rejected["code"][0].as_py() if encoded.rejected.num_rows else sent(encoded)[0]


def is_unreadable_there(carrier: Carrier) -> bool:
    """pyarrow 19 fails at an empty list of a fixed size in a file."""
    return carrier.kind in ("fixed_size_list, empty", "Array, empty") and pa.__version__.startswith("19.")


def is_refused_there(carrier: Carrier) -> bool:
    """What HubSpot does not get either."""
    return carrier.expected in CODES


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
