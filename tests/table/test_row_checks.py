"""A user's own pydantic model, and the record of what is rejected."""

from __future__ import annotations

import datetime as dt
import math

import pyarrow as pa
import pydantic
import pytest
from table_helpers import encode, rejected_codes

from hubspot_batch_dagster.table import check, messages
from hubspot_batch_dagster.table.layout import Field, Layout


class ContactRow(pydantic.BaseModel):
    mail: str = pydantic.Field(min_length=3)
    age: int | None = pydantic.Field(default=None, ge=0)
    first: str = pydantic.Field(default="", alias="first_name")

    @pydantic.model_validator(mode="after")
    def no_robots(self) -> ContactRow:
        if self.first == "robot":
            raise ValueError("robots are not contacts")
        return self


TABLE = pa.table(
    {
        "mail": ["a@x.org", "b", "c@x.org", "d@x.org"],
        "age": [1.0, 2.0, -3.0, math.nan],
        "first_name": ["Ada", "Bob", None, "robot"],
    }
)
LAYOUT = Layout((Field("email", "mail"), Field("age", "age")), ("mail",), emails=())


def test_a_model_rejects_rows_and_names_column_property_and_reason():
    encoded = encode(TABLE, LAYOUT, model=ContactRow)
    assert rejected_codes(encoded) == {1: "MODEL", 2: "MODEL", 3: "MODEL"}
    rows = encoded.rejected.to_pylist()
    assert [row["column"] for row in rows] == ["mail", "age", None]
    assert [row["property"] for row in rows] == ["email", "age", None]
    assert rows[0]["message"] == "mail: 'b': String should have at least 3 characters."
    assert rows[1]["message"].startswith("age: '-3.0': Input should be greater than or equal to 0.")
    assert "robots are not contacts" in rows[2]["message"]


def test_a_model_only_checks_and_changes_no_value():
    class Rounded(pydantic.BaseModel):
        mail: str

        @pydantic.field_validator("mail")
        @classmethod
        def shout(cls, value: str) -> str:
            return value.upper()

    encoded = encode(TABLE.slice(0, 1), LAYOUT, model=Rounded)
    assert encoded.good["properties"].to_pylist() == ['{"age":"1","email":"a@x.org"}']


def test_a_model_sees_the_tables_own_columns_with_nan_as_none():
    seen = []

    class Any(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")

        @pydantic.model_validator(mode="before")
        @classmethod
        def look(cls, row: object) -> object:
            seen.append(row)
            return row

    encode(TABLE.slice(3), LAYOUT, model=Any)
    assert seen == [{"mail": "d@x.org", "age": None, "first_name": "robot"}]


def test_a_model_error_does_not_show_more_than_forty_characters_of_a_value():
    class Short(pydantic.BaseModel):
        mail: str = pydantic.Field(max_length=5)

    encoded = encode(pa.table({"mail": ["y" * 500]}), Layout((), ("mail",)), model=Short)
    message = encoded.rejected["message"].to_pylist()[0]
    assert "y" * 39 in message
    assert "y" * 40 not in message


def test_a_model_that_asks_for_a_missing_column_rejects_every_row():
    class Wants(pydantic.BaseModel):
        phone: str

    encoded = encode(TABLE, LAYOUT, model=Wants)
    assert encoded.good.num_rows == 0
    assert encoded.rejected["message"].to_pylist() == ["phone: Field required."] * 4


def test_a_model_is_not_stopped_by_values_that_python_cannot_hold():
    class Anything(pydantic.BaseModel):
        mail: str

    days = pa.array([0, 2_932_897], pa.date32())
    either = pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [days])
    for column in (days, either, days.cast(pa.timestamp("us"))):
        encoded = encode(
            pa.table({"mail": ["a", "b"], "day": column}),
            Layout((Field("day", "day"),), ("mail",)),
            model=Anything,
        )
        assert list(rejected_codes(encoded)) == [1]


def test_the_encoders_own_reason_comes_before_the_models_and_both_are_told():
    table = pa.table({"mail": ["b"], "age": [math.inf]})
    encoded = encode(table, LAYOUT, model=ContactRow)
    assert rejected_codes(encoded) == {0: "INVALID_NUMBER"}
    assert encoded.rejected["message"].to_pylist()[0].count("Input should be a finite number") == 1


def test_good_and_rejected_rows_together_are_all_rows():
    values = [None if at % 7 == 0 else f"k{at}" for at in range(500)]
    encoded = encode(pa.table({"k": values}), Layout((), ("k",)), max_rows=64)
    rows = encoded.good["row"].to_pylist() + encoded.rejected["row"].to_pylist()
    assert sorted(rows) == list(range(500))
    assert encoded.good["key"].to_pylist() == [value for value in values if value is not None]


def test_every_code_has_a_name_of_its_own_and_says_what_to_do():
    codes = check.CODES
    assert len({code.name for code in codes}) == len(codes)
    declared = {value for value in vars(check).values() if isinstance(value, check.Code)}
    assert declared == set(codes)
    for code in codes:
        assert code.meaning
        assert code.remedy.endswith(".") or code is check.MODEL


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array(["x" * 100]), repr("x" * 39 + "…")),
        (pa.array([dt.date(2024, 1, 2)]), "2024-01-02, a date,"),
        (pa.array([[1, 2]]), "[1, 2], a list,"),
        (pa.array([b"\xff"]), "b'\\xff', bytes,"),
        (pa.array([0.1], pa.float32()), "0.1, a float,"),
        (pa.array([2**31 - 1], pa.int32()).view(pa.date32()), "2147483647 days from 1970, a date,"),
        (pa.array([0], pa.timestamp("s", "Mars/Sea")), "1970-01-01 00:00:00, a timestamp,"),
    ],
)
def test_values_are_shown_as_they_were_written_and_cut(values, text):
    assert messages.shown(values, 0) == text
