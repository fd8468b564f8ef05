"""Row keys, record ids and associations."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_helpers import UNHURRIED, encode, rejected_codes

from hubspot_batch_dagster.table.encode import Encoded
from hubspot_batch_dagster.table.layout import Field, Layout, Target

CALL_TO_CONTACT = (("HUBSPOT_DEFINED", 194),)
LABELLED = (("HUBSPOT_DEFINED", 194), ("USER_DEFINED", 7))


def _keyed(values: pa.Array, **layout: Any) -> Encoded:
    return encode(pa.table({"k": values}), Layout((), ("k",), **layout))


SAME_KEY = {
    "seven": (
        "7",
        [
            pa.array([7]),
            pa.array([7], pa.uint8()),
            pa.array([7.0]),
            pa.array(["7"]),
            pa.array([Decimal("7.00")]),
        ],
    ),
    "half": (
        "2.5",
        [pa.array([Decimal("2.50")]), pa.array(["2.5"]), pa.array([Decimal("2.5000")], pa.decimal256(60, 4))],
    ),
    "ten": (
        "10",
        [
            pa.array([10]),
            pa.array([Decimal("10")]),
            pa.array([Decimal("10.0")]),
            pa.array([10.0], pa.float32()),
        ],
    ),
    "zero": ("0", [pa.array([0]), pa.array([-0.0]), pa.array([Decimal("0.000")])]),
    "true": ("true", [pa.array([True]), pa.array(["true"])]),
    "moment": (
        "2024-01-02T03:04:05.000Z",
        [pa.array([dt.datetime(2024, 1, 2, 3, 4, 5)], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")]
        + [
            pa.array(
                [dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)], pa.timestamp("us", "Asia/Tokyo")
            )
        ],
    ),
    "fine moment": (
        "2024-01-02T03:04:05.0001Z",
        [pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 100)], pa.timestamp(unit)) for unit in ("us", "ns")],
    ),
}


@pytest.mark.parametrize(("key", "columns"), SAME_KEY.values(), ids=SAME_KEY.keys())
def test_the_same_value_is_the_same_key_whatever_type_carries_it(key, columns):
    assert [_keyed(column).good["key"].to_pylist() for column in columns] == [[key]] * len(columns)


@UNHURRIED
@given(st.lists(st.datetimes(), min_size=1, max_size=20))
def test_timestamp_keys_keep_every_digit(values):
    keys = _keyed(pa.array(values, pa.timestamp("us"))).good["key"].to_pylist()
    for value, key in zip(values, keys, strict=True):
        if value.time() == dt.time():
            assert key == value.date().isoformat(), "midnight is the key that the date is"
            continue
        whole, fraction = key.removesuffix("Z").split(".")
        assert dt.datetime.fromisoformat(f"{whole}.{fraction.ljust(6, '0')}") == value
        assert len(fraction) == 3 or not fraction.endswith("0")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([None, "", "  "]),
        pa.array([None, math.nan, None]),
        pa.nulls(3),
        pa.array([None] * 3, pa.int64()),
    ],
    ids=["text", "float", "null", "int"],
)
@pytest.mark.parametrize("fold", ["email", None])
def test_an_empty_key_is_rejected(values, fold):
    assert rejected_codes(_keyed(values, key_fold=fold)) == dict.fromkeys(range(3), "MISSING_KEY")


def test_a_float_key_must_be_whole_and_is_rejected_with_one_reason():
    encoded = _keyed(pa.array([1.0, 1.5, math.inf]))
    assert encoded.good["key"].to_pylist() == ["1"]
    assert rejected_codes(encoded) == {1: "INVALID_KEY", 2: "INVALID_NUMBER"}
    assert "more)" not in "".join(encoded.rejected["message"].to_pylist())


def test_a_key_outside_the_calendar_is_rejected():
    assert rejected_codes(_keyed(pa.array([2_932_897], pa.date32()))) == {0: "INVALID_DATE"}
    assert rejected_codes(_keyed(pa.array([2**62], pa.timestamp("us")))) == {0: "INVALID_DATETIME"}


def test_email_keys_fold_as_hubspot_folds_them_and_go_out_folded():
    table = pa.table({"mail": [" Ada@Example.COM ", "zoë@x.org"]})
    layout = Layout((Field("email", "mail"),), ("mail",), key_fold="email", id_property="email")
    good = encode(table, layout).good
    assert good["key"].to_pylist() == good["id"].to_pylist() == ["ada@example.com", "zoë@x.org"]
    assert good["properties"].to_pylist() == ['{"email":"ada@example.com"}', '{"email":"zoë@x.org"}']
    assert good["keys"].to_pylist()[0] == {"mail": " Ada@Example.COM "}


@UNHURRIED
@given(
    st.lists(
        st.one_of(st.none(), st.text("aZ@. \t\x1f\x7f\x85\xa0éÉ\u2003", max_size=5)), min_size=1, max_size=8
    )
)
def test_emails_fold_alike_whatever_stands_beside_them_in_the_column(cells):
    """The quick way for plain ASCII gives what the way for all of Unicode gives, and finds the same empty
    keys.
    """
    encoded = _keyed(pa.array(cells, pa.string()), key_fold="email")
    one_by_one = [
        _keyed(pa.array([each, "É "]), key_fold="email").good["key"].to_pylist()[0] for each in cells
    ]
    kept = [each for each in one_by_one if each != "é"]
    assert [each for each in encoded.good["key"].to_pylist() if each != "é"] == kept


def test_other_keys_do_not_fold():
    assert _keyed(pa.array([" A "])).good["key"].to_pylist() == [" A "]


def test_several_key_columns_make_a_json_array():
    table = pa.table({"a": ['x"y', "z"], "b": [1.0, None]})
    encoded = encode(table, Layout((), ("a", "b")))
    assert encoded.good["key"].to_pylist() == ['["x\\"y","1"]']
    assert rejected_codes(encoded) == {1: "MISSING_KEY"}
    assert encoded.rejected["column"].to_pylist() == ["b"]
    assert encoded.rejected["key"].to_pylist() == [None]


@UNHURRIED
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=20, unique=True))
def test_several_key_columns_never_run_into_each_other(pairs):
    pairs = [pair for pair in pairs if all(part.strip() for part in pair)]
    if not pairs:
        return
    table = pa.table({"a": [a for a, _ in pairs], "b": [b for _, b in pairs]})
    keys = encode(table, Layout((), ("a", "b"))).good["key"].to_pylist()
    assert [tuple(json.loads(key)) for key in keys] == pairs


def test_the_id_of_an_upsert_is_the_text_that_is_sent():
    table = pa.table({"crm": ["a", "b"], "n": [Decimal("24.00"), None]})
    encoded = encode(table, Layout((Field("account_no", "n"),), ("crm",), id_property="account_no"))
    assert encoded.good["id"].to_pylist() == ["24.00"]
    assert rejected_codes(encoded) == {1: "MISSING_KEY"}
    assert encoded.rejected["property"].to_pylist() == ["account_no"]


def test_an_id_property_that_is_not_sent_comes_from_the_key_column():
    table = pa.table({"mail": [" A@x.org", None], "n": [1, 2]})
    encoded = encode(table, Layout((Field("n", "n"),), ("mail",), key_fold="email", id_property="email"))
    assert encoded.good["id"].to_pylist() == ["a@x.org"]
    assert encoded.good["properties"].to_pylist() == ['{"n":"1"}']
    assert rejected_codes(encoded) == {1: "MISSING_KEY"}


RECORD_IDS = {
    "text": (pa.array(["123", " 45 ", "x1", None, "", "-5"]), ["123", "45"]),
    "integers": (pa.array([123, 45, -1, None, None, -7]), ["123", "45"]),
    "floats": (pa.array([123.0, 45.0, 1.5, None, math.nan, -1.0]), ["123", "45"]),
    "decimals": (
        pa.array([Decimal("123.0"), Decimal("45.0"), Decimal("1.5"), None, None, Decimal("-1.0")]),
        ["123", "45"],
    ),
}


@pytest.mark.parametrize(("values", "ids"), RECORD_IDS.values(), ids=RECORD_IDS.keys())
def test_record_ids_are_digits_or_the_row_is_rejected(values, ids):
    encoded = encode(pa.table({"k": range(6), "rid": values}), Layout((), ("k",), record_id="rid"))
    assert encoded.good["id"].to_pylist() == ids
    assert rejected_codes(encoded) == {
        2: "INVALID_RECORD_ID",
        3: "MISSING_RECORD_ID",
        4: "MISSING_RECORD_ID",
        5: "INVALID_RECORD_ID",
    }


def test_record_ids_of_another_type_are_rejected():
    table = pa.table({"k": [1], "rid": [True]})
    encoded = encode(table, Layout((), ("k",), record_id="rid"))
    assert rejected_codes(encoded) == {0: "UNSUPPORTED_TYPE"}


def test_record_ids_beyond_the_exact_floats_are_not_guessed():
    values = pa.array([2.0**53 + 2, 123456789012.0])
    encoded = encode(pa.table({"k": [1, 2], "rid": values}), Layout((), ("k",), record_id="rid"))
    assert encoded.good["id"].to_pylist() == ["123456789012"]
    assert rejected_codes(encoded) == {0: "INVALID_RECORD_ID"}


def _associations(values: pa.Array, *targets: Target) -> list[Any]:
    table = pa.table({"k": range(len(values)), "t": values})
    encoded = encode(table, Layout((), ("k",), targets=targets or (Target("t", CALL_TO_CONTACT),)))
    texts = encoded.good["associations"].to_pylist()
    return [text if text is None else json.loads(text) for text in texts]


def _to(*ids: str, types: tuple[tuple[str, int], ...] = CALL_TO_CONTACT) -> list[dict[str, Any]]:
    written = [{"associationCategory": category, "associationTypeId": number} for category, number in types]
    return [{"to": {"id": each}, "types": written} for each in ids]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["11", None, ""]),
        pa.array([11, None, None]),
        pa.array([11.0, math.nan, None]),
        pa.array([["11"], [], None]),
    ],
    ids=["text", "integers", "floats", "lists"],
)
def test_a_target_becomes_an_association_and_null_none(values):
    assert _associations(values) == [_to("11"), None, None]


def test_a_list_of_targets_becomes_several_associations():
    values = pa.array([["1", "2"], [None, "3"], ["4"]])
    assert _associations(values) == [_to("1", "2"), _to("3"), _to("4")]
    assert _associations(pa.array([[1, 2]])) == [_to("1", "2")]


def test_the_same_target_twice_in_a_row_is_one_association():
    assert _associations(pa.array([["2", "1", "2"], ["3"]])) == [_to("2", "1"), _to("3")]


def test_associations_are_exactly_the_text_that_is_sent():
    table = pa.table({"k": ["a"], "t": [1]})
    good = encode(table, Layout((), ("k",), targets=(Target("t", CALL_TO_CONTACT),))).good
    assert good["associations"].to_pylist() == [
        '[{"to":{"id":"1"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":194}]}]'
    ]


def test_several_types_and_several_target_columns_add_up():
    table = pa.table({"k": range(4), "a": [1, None, 2, None], "b": ["9", "8", None, None]})
    targets = (Target("a", LABELLED), Target("b", CALL_TO_CONTACT))
    texts = encode(table, Layout((), ("k",), targets=targets)).good["associations"].to_pylist()
    assert [text and json.loads(text) for text in texts] == [
        _to("1", types=LABELLED) + _to("9"),
        _to("8"),
        _to("2", types=LABELLED),
        None,
    ]


def test_a_target_that_is_no_id_rejects_the_row_if_it_is_required_and_is_left_out_if_not():
    for values in (
        pa.array(["x", "1"]),
        pa.array([-1, 1]),
        pa.array([["1", "x"], ["1"]]),
        pa.array([0.5, 1.0]),
    ):
        table = pa.table({"k": [0, 1], "t": values})
        encoded = encode(table, Layout((), ("k",), targets=(Target("t", CALL_TO_CONTACT, required=True),)))
        assert rejected_codes(encoded) == {0: "INVALID_TARGET"}
        assert encoded.rejected["column"].to_pylist() == ["t"]
        encoded = encode(table, Layout((), ("k",), targets=(Target("t", CALL_TO_CONTACT),)))
        assert encoded.good["row"].to_pylist() == [0, 1]
        assert encoded.omitted.select(["row", "column", "code"]).to_pylist() == [
            {"row": 0, "column": "t", "code": "INVALID_TARGET"}
        ]


def test_a_required_target_that_is_missing_rejects_the_row_once():
    table = pa.table({"k": range(3), "t": ["1", None, "x"]})
    encoded = encode(table, Layout((), ("k",), targets=(Target("t", CALL_TO_CONTACT, required=True),)))
    assert rejected_codes(encoded) == {1: "MISSING_TARGET", 2: "INVALID_TARGET"}
    assert "more)" not in "".join(encoded.rejected["message"].to_pylist())
