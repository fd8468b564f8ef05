"""The text of a column that says which row is newer: it sorts as the values do."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from table_helpers import encode, rejected_codes

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Field, Layout
from hubspot_batch_dagster.table.order import microseconds, order_text

LAYOUT = Layout((Field("p", "x"),), ("id",), as_of="at")


def texts(values: pa.Array) -> list[str]:
    return order_text("at", values).values.to_pylist()


@pytest.mark.parametrize(
    "values",
    [
        pa.array([0, 9, 10, 2**64 - 1], pa.uint64()),
        pa.array([-719162, -1, 0, 2932896], pa.int32()).view(pa.date32()),
        pa.array([-62135596800, -1, 0, 253402300799], pa.timestamp("s")),
        pa.array([-(10**9), -999_999_999, -1, 0, 1, 999, 1000, 1001, 10**9], pa.timestamp("ns")),
    ],
    ids=["whole numbers", "dates", "seconds", "nanoseconds"],
)
def test_the_texts_sort_as_the_values_do(values: pa.Array) -> None:
    assert len(set(texts(values))) == len(values)
    assert texts(values) == sorted(texts(values))


def test_a_moment_has_one_text_in_every_unit_and_nanoseconds_sort_among_the_others() -> None:
    moments = [dt.datetime(1969, 12, 31, 23, 59, 59, 5), dt.datetime(2024, 2, 29, 12)]
    units = [
        texts(pa.array(moments, pa.timestamp(unit, zone))) for unit in ("us", "ns") for zone in (None, "UTC")
    ]
    assert units == [units[0]] * 4
    (finer,) = texts(pa.array([1_709_208_000_000_000_001], pa.timestamp("ns")))
    assert units[0][1] < finer < texts(pa.array([dt.datetime(2024, 2, 29, 12, 0, 0, 1)]))[0]


def test_microseconds_are_rounded_down_before_1970_too() -> None:
    values = microseconds(pa.array([-1, 1, 1999], pa.timestamp("ns")))
    assert values.view(pa.int64()).to_pylist() == [-1, 0, 1]
    assert microseconds(pa.array([2**62], pa.timestamp("s"))).to_pylist() == [None]


def test_a_year_that_has_no_text_of_four_digits_is_refused() -> None:
    with pytest.raises(TableError, match=r"has 19999-09-29.*years 1 to 9999"):
        order_text("at", pa.array([6_585_228], pa.int32()).view(pa.date32()))


def test_a_cell_that_cannot_be_read_costs_its_row_alone() -> None:
    rows: list[dict[str, Any]] = [
        {"id": at, "x": "a", "at": value}
        for at, value in enumerate([dt.datetime(2024, 1, 1), object(), None])
    ]
    encoded = encode(rows, LAYOUT)
    assert rejected_codes(encoded) == {1: "UNSUPPORTED_TYPE"}
    assert encoded.good["as_of"].to_pylist() == ["2024-01-01T00:00:00.000000", None]
