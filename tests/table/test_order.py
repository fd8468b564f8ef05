"""The text of a column that says which row is newer: it sorts as the values do."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from table_helpers import encode, rejected_codes

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Field, Layout
from hubspot_batch_dagster.table.order import microseconds, order_text

LAYOUT = Layout((Field("p", "x"),), ("id",), as_of="at")


def texts(values: pa.Array) -> list[str]:
    return order_text(values).values.to_pylist()


@pytest.mark.parametrize(
    "values",
    [
        pa.array([0, 9, 10, 2**64 - 1], pa.uint64()),
        pa.array([-(2**63), -(2**63) + 1, -10, -9, -1, 0, 1, 2**63 - 1]),
        pa.array([-128, -1, 0, 127], pa.int8()),
        pa.array([-719162, -1, 0, 2932896], pa.int32()).view(pa.date32()),
        pa.array([-62135596800, -1, 0, 253402300799], pa.timestamp("s")),
        pa.array([-(10**9), -999_999_999, -1, 0, 1, 999, 1000, 1001, 10**9], pa.timestamp("ns")),
    ],
    ids=["whole numbers", "numbers below zero", "short numbers", "dates", "seconds", "nanoseconds"],
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


WRONG = [
    (dt.datetime(2024, 1, 1), "yesterday", "'yesterday' does not say how new the row is."),
    (dt.date(2024, 1, 1), 0.5, "0.5, a float, does not say how new the row is."),
    (7, True, "True, a boolean, does not say how new the row is."),
    (dt.date(2024, 1, 1), np.datetime64("19999-09-29"), "19999-09-29 is not in the years 1 to 9999."),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG, ids=[repr(each[1]) for each in WRONG])
def test_a_cell_that_does_not_say_how_new_it_is_costs_its_row_alone(
    right: Any, wrong: Any, said: str
) -> None:
    encoded = encode([{"id": 0, "x": "a", "at": right}, {"id": 1, "x": "a", "at": wrong}], LAYOUT)
    assert encoded.good["row"].to_pylist() == [0]
    assert rejected_codes(encoded) == {1: "INVALID_ORDER"}
    assert encoded.rejected["column"].to_pylist() == ["at"]
    assert said in encoded.rejected["message"][0].as_py()


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_moment_of_no_calendar_costs_its_row_alone(unit: str) -> None:
    moments = pa.array([0, 2**62], pa.timestamp(unit))
    encoded = encode(pa.table({"id": [0, 1], "x": ["a", "b"], "at": moments}), LAYOUT)
    assert rejected_codes(encoded) == {1: "INVALID_ORDER"}
    assert "is not in the years 1 to 9999." in encoded.rejected["message"][0].as_py()


def test_dates_and_points_in_time_sort_among_each_other() -> None:
    moments = [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 1), dt.date(2024, 1, 2)]
    encoded = encode([{"id": at, "x": "a", "at": each} for at, each in enumerate(moments)], LAYOUT)
    found = encoded.good["as_of"].to_pylist()
    assert found == sorted(found)
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    "values", [[7, dt.date(2024, 1, 1)], ["a", "b"], [0.5]], ids=["both", "text", "float"]
)
def test_a_column_without_one_order_is_refused_as_a_whole(values: list[Any]) -> None:
    with pytest.raises(TableError, match="which does not say what is newer"):
        encode([{"id": at, "x": "a", "at": each} for at, each in enumerate(values)], LAYOUT)


def test_a_cell_that_cannot_be_read_costs_its_row_alone() -> None:
    rows: list[dict[str, Any]] = [
        {"id": at, "x": "a", "at": value}
        for at, value in enumerate([dt.datetime(2024, 1, 1), object(), None])
    ]
    encoded = encode(rows, LAYOUT)
    assert rejected_codes(encoded) == {1: "UNSUPPORTED_TYPE"}
    assert encoded.good["as_of"].to_pylist() == ["2024-01-01T00:00:00.000000", None]
