"""Columns are checked before any row is read."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from hubspot_batch_dagster.table.binding import bind
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Definition, Field, Layout, Target

SCHEMA = pa.schema({"mail": pa.string(), "first_name": pa.string(), "id": pa.int64(), "Amount": pa.float64()})


def _refusal(layout: Layout, schema: pa.Schema = SCHEMA) -> TableError:
    with pytest.raises(TableError) as caught:
        bind(layout, schema)
    return caught.value


def test_an_unknown_column_is_refused_with_the_nearest_and_all_there_are():
    error = _refusal(Layout((Field("firstname", "firstname"),), ("mail",)))
    assert error.column == "firstname"
    assert "Column 'firstname' is not in the table. Nearest: 'first_name'" in str(error)
    assert "'mail', 'first_name', 'id', 'Amount'" in str(error)


def test_the_nearest_column_is_found_whatever_its_case():
    assert "Nearest: 'Amount'" in str(_refusal(Layout((Field("amount", "AMOUNT"),), ("mail",))))


@pytest.mark.parametrize(
    "layout",
    [
        Layout((), ("nope",)),
        Layout((Field("a", "nope"),), ("mail",)),
        Layout((), ("mail",), record_id="nope"),
        Layout((), ("mail",), targets=(Target("nope", (("HUBSPOT_DEFINED", 1),)),)),
    ],
    ids=["key", "field", "record id", "target"],
)
def test_every_column_that_is_read_must_exist(layout):
    assert _refusal(layout).column == "nope"


def test_a_missing_key_column_is_called_that():
    assert str(_refusal(Layout((), ("nope",)))).startswith("Key column 'nope' is not in the table")


def test_a_long_list_of_columns_is_cut():
    schema = pa.schema({f"column_{at}": pa.string() for at in range(50)})
    assert "and 20 more" in str(_refusal(Layout((), ("x",)), schema))


def test_a_column_name_that_stands_twice_in_the_schema_is_refused():
    schema = pa.schema([("a", pa.string()), ("a", pa.string())])
    assert "more than once" in str(_refusal(Layout((), ("a",)), schema))


def test_one_property_from_two_columns_is_refused_naming_both():
    error = _refusal(Layout((Field("email", "mail"), Field("email", "first_name")), ("mail",)))
    assert "'email' would be filled from 2 columns: 'mail', 'first_name'" in str(error)


def test_one_column_may_fill_two_properties():
    bind(Layout((Field("email", "mail"), Field("username", "mail")), ("mail",)), SCHEMA)


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        (Definition("createdate", "datetime", read_only=True), "read-only"),
        (Definition("score", "number", calculated=True), "calculated by HubSpot"),
        (Definition("score", "number", calculated=True, read_only=True), "calculated by HubSpot"),
    ],
)
def test_a_property_that_cannot_be_written_is_refused_naming_the_column(definition, why):
    error = _refusal(Layout((Field(definition.name, "id", definition),), ("mail",)))
    assert error.column == "id"
    assert why in str(error)
    assert definition.name in str(error)


KEYABLE = [
    pa.string(),
    pa.int8(),
    pa.uint64(),
    pa.bool_(),
    pa.float64(),
    pa.decimal128(10, 2),
    pa.date32(),
    pa.timestamp("ns", "UTC"),
    pa.null(),
]


@pytest.mark.parametrize("kind", KEYABLE, ids=str)
def test_types_that_identify_a_row_may_be_keys(kind):
    bind(Layout((), ("k",)), pa.schema({"k": kind}))


NOT_KEYABLE = [
    pa.list_(pa.string()),
    pa.struct({"a": pa.string()}),
    pa.map_(pa.string(), pa.string()),
    pa.binary(),
    pa.time64("us"),
    pa.duration("s"),
]


@pytest.mark.parametrize("kind", NOT_KEYABLE, ids=str)
def test_types_that_cannot_identify_a_row_are_refused_as_keys(kind):
    error = _refusal(Layout((), ("k",)), pa.schema({"k": kind}))
    assert error.column == "k"
    assert str(kind) in str(error)


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        (Layout((), ()), "no key column"),
        (Layout((), ("mail", "mail")), "named twice"),
        (Layout((), ("mail", "id"), key_fold="email"), "one column"),
        (Layout((), ("mail", "id"), id_property="email"), "No column holds the id property 'email'"),
    ],
)
def test_ambiguous_keys_are_refused(layout, says):
    assert says in str(_refusal(layout))


def test_an_association_without_types_is_refused():
    with pytest.raises(TableError, match="no association type"):
        Target("id", ())


def test_a_key_column_named_after_a_date_may_hold_dates():
    encoder = bind(Layout((), ("day",)), pa.schema({"day": pa.date32()}))
    good = encoder.encode(pa.record_batch({"day": [dt.date(2024, 1, 2)]}), 0).good
    assert good["key"].to_pylist() == ["2024-01-02"]
    assert good["keys"].to_pylist() == [{"day": dt.date(2024, 1, 2)}]
