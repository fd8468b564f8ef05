"""Every type that a value can come in, and what HubSpot gets for it: written by hand, not by the encoder.

`docs/values.md` shows this table. What is given is Python (SQL for DuckDB) and makes a column of one value;
what is expected is the text that is sent, `None` where nothing is, or the code of the rejection.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import pathlib
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import duckdb
import numpy as np
import odd_carriers
import pandas as pd
import polars as pl
import pyarrow as pa

UNSUPPORTED = "UNSUPPORTED_TYPE"
NUMBER, TEXT, RANGE, SEPARATOR = "INVALID_NUMBER", "INVALID_TEXT", "OUT_OF_RANGE", "SEPARATOR_IN_VALUE"
CODES = (UNSUPPORTED, NUMBER, TEXT, RANGE, SEPARATOR, odd_carriers.MOMENT, odd_carriers.DATE)


class Colour(enum.Enum):
    RED = "red"


class Size(str, enum.Enum):
    LARGE = "large"


class Step(enum.IntEnum):
    FIRST = 1


class Carrier(NamedTuple):
    """One type of one library.

    Attributes:
        library: Whose type it is.
        kind: What the library calls it.
        given: The value, as code.
        expected: The text that is sent, None for nothing, or a code of `CODES`.
    """

    library: str
    kind: str
    given: str
    expected: str | None

    def rows(self) -> Any:
        """A table of one row: `id` and the value as `x`."""
        if self.library == "DuckDB":
            return duckdb.sql(f"SELECT 1 AS id, {self.given} AS x")
        value = eval(self.given, _NAMES)
        return _TABLES[self.library](value)


_NAMES: dict[str, Any] = {
    "pd": pd,
    "np": np,
    "pa": pa,
    "pl": pl,
    "dt": dt,
    "uuid": uuid,
    "collections": collections,
    "ipaddress": ipaddress,
    "pathlib": pathlib,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "Colour": Colour,
    "Size": Size,
    "Step": Step,
    **odd_carriers.NAMES,
}
_TABLES: dict[str, Callable[[Any], Any]] = {
    "Python": lambda value: [{"id": 1, "x": value}],
    "NumPy": lambda value: [{"id": 1, "x": value}],
    "pandas": lambda value: pd.DataFrame({"id": [1], "x": value}),
    "pyarrow": lambda value: pa.table({"id": [1], "x": value}),
    "polars": lambda value: pl.DataFrame({"id": [1], "x": value}),
}


def _of(library: str, *lines: tuple[str, str, str | None]) -> list[Carrier]:
    return [Carrier(library, *line) for line in lines]


PYTHON = _of(
    "Python",
    ("str", "'Zoë'", "Zoë"),
    ("str", "''", ""),
    ("str", "' a '", " a "),
    ("str with a lone surrogate", "'a\\ud800b'", TEXT),
    ("int", "7", "7"),
    ("int", "-7", "-7"),
    ("int", "2**53 + 1", "9007199254740993"),
    ("int of 64 bits without a sign", "2**64 - 1", "18446744073709551615"),
    ("int of any length", "10**80", "1" + "0" * 80),
    ("float", "0.1", "0.1"),
    ("float that is whole", "7.0", "7"),
    ("float with an exponent", "1e22", "10000000000000000000000"),
    ("float with an exponent", "1e-7", "0.0000001"),
    ("float -0.0", "-0.0", "0"),
    ("float NaN", "float('nan')", None),
    ("float infinity", "float('inf')", NUMBER),
    ("bool", "True", "true"),
    ("bool", "False", "false"),
    ("None", "None", None),
    ("Decimal", "Decimal('1.50')", "1.50"),
    ("Decimal with an exponent", "Decimal('1E+5')", "100000"),
    ("Decimal with many places", "Decimal('0.' + '1' * 40)", "0." + "1" * 40),
    ("Decimal NaN", "Decimal('NaN')", None),
    ("Decimal infinity", "Decimal('Infinity')", NUMBER),
    ("date", "dt.date(2024, 2, 29)", "2024-02-29"),
    ("datetime without zone (taken as UTC)", "dt.datetime(2024, 2, 29, 12, 30)", "2024-02-29T12:30:00.000Z"),
    (
        "datetime with zone",
        "dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))",
        "2024-02-29T10:30:00.000Z",
    ),
    (
        "datetime with microseconds (cut)",
        "dt.datetime(2024, 2, 29, 12, 30, 0, 999999)",
        "2024-02-29T12:30:00.999Z",
    ),
    ("datetime before 1970", "dt.datetime(1969, 12, 31, 23, 59, 59, 999999)", "1969-12-31T23:59:59.999Z"),
    ("time", "dt.time(12, 30)", UNSUPPORTED),
    ("timedelta", "dt.timedelta(minutes=1)", UNSUPPORTED),
    ("UUID", "uuid.UUID(int=5)", "00000000-0000-0000-0000-000000000005"),
    ("bytes", "b'x'", UNSUPPORTED),
    ("bytearray", "bytearray(b'x')", UNSUPPORTED),
    ("memoryview", "memoryview(b'x')", UNSUPPORTED),
    ("list of text", "['a', 'b']", "a;b"),
    ("list of numbers", "[1, 2]", "1;2"),
    ("list with empty elements", "['a', None, '', 'b']", "a;b"),
    ("list, empty", "[]", None),
    ("list of several types", "['a', 1]", UNSUPPORTED),
    ("list of lists", "[['a'], ['b']]", UNSUPPORTED),
    ("list with ';' in an element", "['a;b']", SEPARATOR),
    ("tuple", "('a', 'b')", "a;b"),
    ("set (sorted)", "{'b', 'a'}", "a;b"),
    ("frozenset (sorted)", "frozenset({'b', 'a'})", "a;b"),
    ("deque", "collections.deque(['a'])", UNSUPPORTED),
    ("range", "range(3)", UNSUPPORTED),
    ("dict", "{'a': 1}", UNSUPPORTED),
    ("Enum", "Colour.RED", UNSUPPORTED),
    ("Enum of str", "Size.LARGE", "large"),
    ("IntEnum", "Step.FIRST", "1"),
    ("Fraction", "Fraction(1, 2)", UNSUPPORTED),
    ("complex", "1j", UNSUPPORTED),
    ("IPv4Address", "ipaddress.ip_address('10.0.0.1')", UNSUPPORTED),
    ("Path", "pathlib.PurePosixPath('a/b')", UNSUPPORTED),
    ("object", "object()", UNSUPPORTED),
)

NUMPY = _of(
    "NumPy",
    ("int8", "np.int8(-7)", "-7"),
    ("int16", "np.int16(7)", "7"),
    ("int32", "np.int32(7)", "7"),
    ("int64", "np.int64(2**63 - 1)", "9223372036854775807"),
    ("uint8", "np.uint8(7)", "7"),
    ("uint16", "np.uint16(7)", "7"),
    ("uint32", "np.uint32(2**32 - 1)", "4294967295"),
    ("uint64", "np.uint64(2**64 - 1)", "18446744073709551615"),
    ("float16", "np.float16(0.5)", "0.5"),
    ("float32 (its own shortest digits)", "np.float32(0.1)", "0.1"),
    ("float64", "np.float64(0.1)", "0.1"),
    ("float64 NaN", "np.float64('nan')", None),
    ("longdouble that a float64 holds", "np.longdouble(0.5)", "0.5"),
    ("complex128", "np.complex128(1j)", UNSUPPORTED),
    ("bool_", "np.bool_(True)", "true"),
    ("str_", "np.str_('a')", "a"),
    ("bytes_", "np.bytes_(b'a')", UNSUPPORTED),
    ("datetime64[D]", "np.datetime64('2024-02-29')", "2024-02-29"),
    ("datetime64[h]", "np.datetime64('2024-02-29T12')", "2024-02-29T12:00:00.000Z"),
    ("datetime64[s]", "np.datetime64('2024-02-29T12:30:00')", "2024-02-29T12:30:00.000Z"),
    ("datetime64[ms]", "np.datetime64('2024-02-29T12:30:00.123')", "2024-02-29T12:30:00.123Z"),
    ("datetime64[us]", "np.datetime64('2024-02-29T12:30:00.123456')", "2024-02-29T12:30:00.123Z"),
    ("datetime64[ns]", "np.datetime64('2024-02-29T12:30:00.123456789')", "2024-02-29T12:30:00.123Z"),
    ("datetime64[M], a period", "np.datetime64('2024-02')", UNSUPPORTED),
    ("datetime64 NaT", "np.datetime64('NaT')", None),
    ("timedelta64", "np.timedelta64(1, 's')", UNSUPPORTED),
    ("ndarray of text", "np.array(['a', 'b'])", "a;b"),
    ("ndarray of integers", "np.array([1, 2])", "1;2"),
    ("ndarray of dates", "np.array(['2024-02-29'], 'datetime64[D]')", "2024-02-29"),
    ("ndarray of two dimensions", "np.array([[1], [2]])", UNSUPPORTED),
    ("void", "np.void(b'x')", UNSUPPORTED),
)

PANDAS = _of(
    "pandas",
    ("str, object", "pd.Series(['a'], dtype=object)", "a"),
    ("string", "pd.Series(['a'], dtype='string')", "a"),
    ("string[pyarrow]", "pd.Series(['a'], dtype='string[pyarrow]')", "a"),
    ("int8", "pd.Series([7], dtype='int8')", "7"),
    ("int64", "pd.Series([7])", "7"),
    ("uint64", "pd.Series([2**64 - 1], dtype='uint64')", "18446744073709551615"),
    ("Int64", "pd.Series([7], dtype='Int64')", "7"),
    ("Int64 with NA", "pd.Series([None], dtype='Int64')", None),
    ("UInt8", "pd.Series([7], dtype='UInt8')", "7"),
    ("float16", "pd.Series([0.5], dtype='float16')", "0.5"),
    ("float32", "pd.Series([0.1], dtype='float32')", "0.1"),
    ("float64", "pd.Series([0.1])", "0.1"),
    ("float64, whole (integers with nulls)", "pd.Series([7.0])", "7"),
    ("float64 NaN", "pd.Series([float('nan')])", None),
    ("Float64", "pd.Series([0.1], dtype='Float64')", "0.1"),
    ("complex128", "pd.Series([1j])", UNSUPPORTED),
    ("bool", "pd.Series([True])", "true"),
    ("boolean", "pd.Series([True], dtype='boolean')", "true"),
    ("boolean with NA", "pd.Series([None], dtype='boolean')", None),
    ("datetime64[s]", "pd.Series(['2024-02-29']).astype('datetime64[s]')", "2024-02-29T00:00:00.000Z"),
    ("datetime64[ns]", "pd.Series([pd.Timestamp('2024-02-29 12:30')])", "2024-02-29T12:30:00.000Z"),
    (
        "datetime64[ns, Europe/Berlin]",
        "pd.Series([pd.Timestamp('2024-02-29 12:30', tz='Europe/Berlin')])",
        "2024-02-29T11:30:00.000Z",
    ),
    ("datetime64 NaT", "pd.Series([pd.NaT], dtype='datetime64[ns]')", None),
    ("timedelta64[ns]", "pd.Series([pd.Timedelta('1s')])", UNSUPPORTED),
    ("period[M]", "pd.Series([pd.Period('2024-02', 'M')])", UNSUPPORTED),
    ("period[D]", "pd.Series([pd.Period('2024-02-29', 'D')])", UNSUPPORTED),
    ("interval", "pd.Series([pd.Interval(1, 2)])", UNSUPPORTED),
    ("category of text", "pd.Series(['a'], dtype='category')", "a"),
    ("category of integers", "pd.Series([7], dtype='category')", "7"),
    (
        "category of dates",
        "pd.Series([pd.Timestamp('2024-02-29')], dtype='category')",
        "2024-02-29T00:00:00.000Z",
    ),
    ("category of several types", "pd.Series([True], dtype=pd.CategoricalDtype([0.5, True]))", "true"),
    ("Sparse[float64]", "pd.arrays.SparseArray([0.5])", "0.5"),
    ("Sparse[int64]", "pd.arrays.SparseArray([7])", "7"),
    ("object: int", "pd.Series([7], dtype=object)", "7"),
    ("object: bool", "pd.Series([True], dtype=object)", "true"),
    ("object: date", "pd.Series([dt.date(2024, 2, 29)], dtype=object)", "2024-02-29"),
    ("object: datetime", "pd.Series([dt.datetime(2024, 2, 29)], dtype=object)", "2024-02-29T00:00:00.000Z"),
    (
        "object: Timestamp",
        "pd.Series([pd.Timestamp('2024-02-29')], dtype=object)",
        "2024-02-29T00:00:00.000Z",
    ),
    ("object: Decimal", "pd.Series([Decimal('1.50')], dtype=object)", "1.50"),
    ("object: UUID", "pd.Series([uuid.UUID(int=5)], dtype=object)", "00000000-0000-0000-0000-000000000005"),
    ("object: list", "pd.Series([['a', 'b']], dtype=object)", "a;b"),
    ("object: NA", "pd.Series([pd.NA], dtype=object)", None),
    ("object: dict", "pd.Series([{'a': 1}], dtype=object)", UNSUPPORTED),
    ("object: Period", "pd.Series([pd.Period('2024-02', 'M')], dtype=object)", UNSUPPORTED),
    ("ArrowDtype: string", "pd.Series(['a'], dtype=pd.ArrowDtype(pa.string()))", "a"),
    ("ArrowDtype: decimal", "pd.Series([Decimal('1.5')], dtype=pd.ArrowDtype(pa.decimal128(5, 2)))", "1.50"),
    (
        "ArrowDtype: date32",
        "pd.Series([dt.date(2024, 2, 29)], dtype=pd.ArrowDtype(pa.date32()))",
        "2024-02-29",
    ),
    ("ArrowDtype: list", "pd.Series([['a', 'b']], dtype=pd.ArrowDtype(pa.list_(pa.string())))", "a;b"),
    (
        "ArrowDtype: duration",
        "pd.Series([pd.Timedelta('1s')], dtype=pd.ArrowDtype(pa.duration('s')))",
        UNSUPPORTED,
    ),
)

PYARROW = _of(
    "pyarrow",
    ("null", "pa.nulls(1)", None),
    ("bool", "pa.array([True])", "true"),
    ("int8", "pa.array([-7], pa.int8())", "-7"),
    ("int16", "pa.array([7], pa.int16())", "7"),
    ("int32", "pa.array([7], pa.int32())", "7"),
    ("int64", "pa.array([7])", "7"),
    ("uint8", "pa.array([7], pa.uint8())", "7"),
    ("uint16", "pa.array([7], pa.uint16())", "7"),
    ("uint32", "pa.array([7], pa.uint32())", "7"),
    ("uint64", "pa.array([2**64 - 1], pa.uint64())", "18446744073709551615"),
    ("float16", "pa.array([np.float16(0.5)], pa.float16())", "0.5"),
    ("float32", "pa.array([0.1], pa.float32())", "0.1"),
    ("float64", "pa.array([0.1])", "0.1"),
    ("float64, whole", "pa.array([7.0])", "7"),
    ("float64 NaN", "pa.array([float('nan')])", None),
    ("float64 infinity", "pa.array([float('inf')])", NUMBER),
    ("decimal32", "pa.array([Decimal('1.5')], pa.decimal32(5, 2))", "1.50"),
    ("decimal64", "pa.array([Decimal('1.5')], pa.decimal64(5, 2))", "1.50"),
    ("decimal128", "pa.array([Decimal('1.5')], pa.decimal128(5, 2))", "1.50"),
    ("decimal128, small", "pa.array([Decimal('0.0000001')], pa.decimal128(9, 7))", "0.0000001"),
    ("decimal256", "pa.array([Decimal('1.5')], pa.decimal256(60, 2))", "1.50"),
    ("string", "pa.array(['a'])", "a"),
    ("large_string", "pa.array(['a'], pa.large_string())", "a"),
    ("string_view", "pa.array(['a'], pa.string_view())", "a"),
    ("string that is not UTF-8", "pa.array([b'\\xff']).view(pa.string())", TEXT),
    ("binary", "pa.array([b'a'])", UNSUPPORTED),
    ("large_binary", "pa.array([b'a'], pa.large_binary())", UNSUPPORTED),
    ("binary_view", "pa.array([b'a'], pa.binary_view())", UNSUPPORTED),
    ("fixed_size_binary", "pa.array([b'a'], pa.binary(1))", UNSUPPORTED),
    ("date32", "pa.array([dt.date(2024, 2, 29)])", "2024-02-29"),
    ("date64", "pa.array([dt.date(2024, 2, 29)], pa.date64())", "2024-02-29"),
    ("timestamp[s]", "pa.array([0], pa.timestamp('s'))", "1970-01-01T00:00:00.000Z"),
    ("timestamp[ms]", "pa.array([1], pa.timestamp('ms'))", "1970-01-01T00:00:00.001Z"),
    ("timestamp[us]", "pa.array([1999], pa.timestamp('us'))", "1970-01-01T00:00:00.001Z"),
    ("timestamp[ns]", "pa.array([1999999], pa.timestamp('ns'))", "1970-01-01T00:00:00.001Z"),
    ("timestamp[us, UTC]", "pa.array([0], pa.timestamp('us', 'UTC'))", "1970-01-01T00:00:00.000Z"),
    ("timestamp[us, +05:00]", "pa.array([0], pa.timestamp('us', '+05:00'))", "1970-01-01T00:00:00.000Z"),
    ("time32", "pa.array([1], pa.time32('s'))", UNSUPPORTED),
    ("time64", "pa.array([1], pa.time64('us'))", UNSUPPORTED),
    ("duration", "pa.array([1], pa.duration('s'))", UNSUPPORTED),
    ("month_day_nano_interval", "pa.array([(1, 2, 3)], pa.month_day_nano_interval())", UNSUPPORTED),
    ("list", "pa.array([['a', 'b']])", "a;b"),
    ("large_list", "pa.array([['a', 'b']], pa.large_list(pa.string()))", "a;b"),
    ("fixed_size_list", "pa.array([['a', 'b']], pa.list_(pa.string(), 2))", "a;b"),
    ("list_view", "pa.array([['a', 'b']], pa.list_view(pa.string()))", "a;b"),
    ("large_list_view", "pa.array([['a', 'b']], pa.large_list_view(pa.string()))", "a;b"),
    ("list of dates", "pa.array([[dt.date(2024, 2, 29)]])", "2024-02-29"),
    ("list of lists", "pa.array([[['a']]])", UNSUPPORTED),
    ("struct", "pa.array([{'a': 1}])", UNSUPPORTED),
    ("map", "pa.array([[('a', 1)]], pa.map_(pa.string(), pa.int64()))", UNSUPPORTED),
    ("dictionary of text", "pa.array(['a']).dictionary_encode()", "a"),
    ("dictionary of integers", "pa.array([7]).dictionary_encode()", "7"),
    ("run_end_encoded", "pa.RunEndEncodedArray.from_arrays([1], ['a'])", "a"),
    (
        "sparse_union",
        "pa.UnionArray.from_sparse(pa.array([1], pa.int8()), [pa.array([7]), pa.array(['a'])])",
        "a",
    ),
    (
        "dense_union",
        "pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([7])])",
        "7",
    ),
    (
        "extension arrow.uuid",
        "pa.array([uuid.UUID(int=5).bytes], pa.uuid())",
        "00000000-0000-0000-0000-000000000005",
    ),
    (
        "extension arrow.bool8",
        "pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8()))",
        "true",
    ),
    ("extension arrow.json", "pa.array(['{\"a\":1}'], pa.json_(pa.string()))", '{"a":1}'),
    (
        "extension arrow.opaque, a number",
        "pa.ExtensionArray.from_storage(pa.opaque(pa.string(), 'numeric', 'PostgreSQL'), pa.array(['1.50']))",
        "1.50",
    ),
    (
        "extension arrow.opaque, anything else",
        "pa.ExtensionArray.from_storage(pa.opaque(pa.string(), 'point', 'PostgreSQL'), pa.array(['(1,2)']))",
        UNSUPPORTED,
    ),
    (
        "extension arrow.fixed_shape_tensor",
        "pa.FixedShapeTensorArray.from_numpy_ndarray(np.array([[1, 2]]))",
        UNSUPPORTED,
    ),
)

POLARS = _of(
    "polars",
    ("Null", "pl.Series([None])", None),
    ("Boolean", "pl.Series([True])", "true"),
    ("Int8", "pl.Series([-7], dtype=pl.Int8)", "-7"),
    ("Int16", "pl.Series([7], dtype=pl.Int16)", "7"),
    ("Int32", "pl.Series([7], dtype=pl.Int32)", "7"),
    ("Int64", "pl.Series([7])", "7"),
    ("Int128", "pl.Series([2**80], dtype=pl.Int128)", "1208925819614629174706176"),
    ("UInt8", "pl.Series([7], dtype=pl.UInt8)", "7"),
    ("UInt16", "pl.Series([7], dtype=pl.UInt16)", "7"),
    ("UInt32", "pl.Series([7], dtype=pl.UInt32)", "7"),
    ("UInt64", "pl.Series([2**64 - 1], dtype=pl.UInt64)", "18446744073709551615"),
    ("UInt128", "pl.Series([2**128 - 1], dtype=pl.UInt128)", "340282366920938463463374607431768211455"),
    ("Float16", "pl.Series([0.5], dtype=pl.Float16)", "0.5"),
    ("Float32", "pl.Series([0.1], dtype=pl.Float32)", "0.1"),
    ("Float64", "pl.Series([0.1])", "0.1"),
    ("Float64 NaN", "pl.Series([float('nan')])", None),
    ("Decimal", "pl.Series(['1.5']).cast(pl.Decimal(10, 2))", "1.50"),
    ("String", "pl.Series(['a'])", "a"),
    ("String, long", "pl.Series(['a text of more than twelve bytes'])", "a text of more than twelve bytes"),
    ("Binary", "pl.Series([b'a'])", UNSUPPORTED),
    ("Categorical", "pl.Series(['a'], dtype=pl.Categorical)", "a"),
    ("Enum", "pl.Series(['a'], dtype=pl.Enum(['b', 'a']))", "a"),
    ("Date", "pl.Series([dt.date(2024, 2, 29)])", "2024-02-29"),
    (
        "Datetime[ms]",
        "pl.Series([dt.datetime(2024, 2, 29)], dtype=pl.Datetime('ms'))",
        "2024-02-29T00:00:00.000Z",
    ),
    ("Datetime[us]", "pl.Series([dt.datetime(2024, 2, 29)])", "2024-02-29T00:00:00.000Z"),
    (
        "Datetime[ns]",
        "pl.Series([dt.datetime(2024, 2, 29)], dtype=pl.Datetime('ns'))",
        "2024-02-29T00:00:00.000Z",
    ),
    (
        "Datetime[us, Europe/Berlin]",
        "pl.Series([dt.datetime(2024, 2, 29, 12)]).dt.replace_time_zone('Europe/Berlin')",
        "2024-02-29T11:00:00.000Z",
    ),
    ("Time", "pl.Series([dt.time(12)])", UNSUPPORTED),
    ("Duration", "pl.Series([dt.timedelta(1)])", UNSUPPORTED),
    ("List of String", "pl.Series([['a', 'b']])", "a;b"),
    ("List of Int64", "pl.Series([[1, 2]])", "1;2"),
    ("List of Categorical", "pl.Series([['a', 'b']], dtype=pl.List(pl.Categorical))", "a;b"),
    ("List of List", "pl.Series([[['a']]])", UNSUPPORTED),
    ("Array", "pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2))", "1;2"),
    ("Struct", "pl.Series([{'a': 1}])", UNSUPPORTED),
    (
        "Object: UUID",
        "pl.Series([uuid.UUID(int=5)], dtype=pl.Object)",
        "00000000-0000-0000-0000-000000000005",
    ),
    ("Object: any class", "pl.Series([object()], dtype=pl.Object)", UNSUPPORTED),
)

DUCKDB = _of(
    "DuckDB",
    ("NULL", "NULL", None),
    ("BOOLEAN", "true", "true"),
    ("TINYINT", "-7::TINYINT", "-7"),
    ("SMALLINT", "7::SMALLINT", "7"),
    ("INTEGER", "7", "7"),
    ("BIGINT", "7::BIGINT", "7"),
    ("HUGEINT", f"1{'0' * 30}::HUGEINT", "1" + "0" * 30),
    ("HUGEINT of 39 digits", f"{2**127 - 1}::HUGEINT", RANGE),
    ("UTINYINT", "7::UTINYINT", "7"),
    ("USMALLINT", "7::USMALLINT", "7"),
    ("UINTEGER", "7::UINTEGER", "7"),
    ("UBIGINT", "18446744073709551615::UBIGINT", "18446744073709551615"),
    ("UHUGEINT", f"{2**128 - 1}::UHUGEINT", "340282366920938463463374607431768211455"),
    ("UHUGEINT[]", f"[{2**128 - 1}::UHUGEINT]", "340282366920938463463374607431768211455"),
    ("BIGNUM", "7::BIGNUM", UNSUPPORTED),
    ("FLOAT", "0.1::FLOAT", "0.1"),
    ("DOUBLE", "0.1::DOUBLE", "0.1"),
    ("DOUBLE NaN", "'NaN'::DOUBLE", None),
    ("DECIMAL", "1.5::DECIMAL(10, 2)", "1.50"),
    ("VARCHAR", "'a'", "a"),
    ("BLOB", "'a'::BLOB", UNSUPPORTED),
    ("BIT", "'101'::BIT", UNSUPPORTED),
    ("UUID", "'00000000-0000-0000-0000-000000000005'::UUID", "00000000-0000-0000-0000-000000000005"),
    ("ENUM", "'a'::ENUM('b', 'a')", "a"),
    ("JSON", "'{\"a\":1}'::JSON", '{"a":1}'),
    ("DATE", "DATE '2024-02-29'", "2024-02-29"),
    ("TIMESTAMP", "TIMESTAMP '2024-02-29 12:30:00'", "2024-02-29T12:30:00.000Z"),
    ("TIMESTAMP_S", "'2024-02-29 12:30:00'::TIMESTAMP_S", "2024-02-29T12:30:00.000Z"),
    ("TIMESTAMP_MS", "'2024-02-29 12:30:00'::TIMESTAMP_MS", "2024-02-29T12:30:00.000Z"),
    ("TIMESTAMP_NS", "'2024-02-29 12:30:00'::TIMESTAMP_NS", "2024-02-29T12:30:00.000Z"),
    ("TIMESTAMPTZ", "TIMESTAMPTZ '2024-02-29 12:30:00+02'", "2024-02-29T10:30:00.000Z"),
    ("TIME", "TIME '12:30:00'", UNSUPPORTED),
    ("TIMETZ", "'12:30:00+02'::TIMETZ", UNSUPPORTED),
    ("INTERVAL", "INTERVAL 1 DAY", UNSUPPORTED),
    ("VARCHAR[]", "['a', 'b']", "a;b"),
    ("INTEGER[2]", "array_value(1, 2)", "1;2"),
    ("STRUCT", "{'a': 1}", UNSUPPORTED),
    ("MAP", "MAP {'a': 1}", UNSUPPORTED),
    ("UNION", "'a'::UNION(n INTEGER, t VARCHAR)", "a"),
)

_USUAL = (PYTHON, NUMPY, PANDAS, PYARROW, POLARS, DUCKDB)
CARRIERS = [
    each for usual in _USUAL for each in (*usual, *_of(usual[0].library, *odd_carriers.ODD[usual[0].library]))
]
