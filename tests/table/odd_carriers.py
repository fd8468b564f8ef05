"""Values that are easily read wrongly, and types inside of types: what HubSpot gets for them, written by
hand.

The lines are those of `carriers`.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import http
import time
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
from dateutil import tz

UNSUPPORTED, NUMBER, TEXT, RANGE = "UNSUPPORTED_TYPE", "INVALID_NUMBER", "INVALID_TEXT", "OUT_OF_RANGE"
MOMENT, DATE = "INVALID_DATETIME", "INVALID_DATE"
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
UUID_5 = "00000000-0000-0000-0000-000000000005"


class Mail(str):
    """A text with a text of its own."""

    def __str__(self) -> str:
        return "another text"


class Cents(int):
    """A number with a text of its own."""

    def __str__(self) -> str:
        return "0.05 EUR"


class Amount(decimal.Decimal):
    """A number with a text of its own."""

    def __str__(self) -> str:
        return "1.50 EUR"


class Flag(enum.Flag):
    RED = 1


class Half(float, enum.Enum):
    HALF = 0.5


class Point(collections.namedtuple("Point", "x y")):
    """A struct that is a tuple."""


@dataclasses.dataclass
class Money:
    cents: int = 5


class Model(pydantic.BaseModel):
    a: int = 1


class Nameless(dt.tzinfo):
    """A zone with an offset and no name."""

    def utcoffset(self, _: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=3)


class MoneyType(pa.ExtensionType):
    """An extension type that only its owner understands."""

    def __init__(self) -> None:
        super().__init__(pa.int64(), "example.money")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> MoneyType:
        return cls()


class MoneyDtype(pd.api.extensions.ExtensionDtype):
    """As GeoPandas' geometries are: a pandas type of somebody's own."""

    name = "money"
    type = Money

    @classmethod
    def construct_array_type(cls) -> Any:
        return MoneyArray


class MoneyArray(pd.api.extensions.ExtensionArray):
    def __init__(self, values: Any) -> None:
        self.values = np.array([*values, None], dtype=object)[:-1]

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> MoneyArray:  # noqa: ARG003
        return cls(scalars)

    @property
    def dtype(self) -> Any:
        return MoneyDtype()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, at: Any) -> Any:
        return self.values[at] if isinstance(at, int | np.integer) else MoneyArray(self.values[at])

    def isna(self) -> Any:
        return np.array([each is None for each in self.values])

    def copy(self) -> MoneyArray:
        return MoneyArray(self.values)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> MoneyArray:  # noqa: ARG002
        return MoneyArray(self.values[list(indices)])


def beyond(kind: pa.DataType, value: int) -> pa.Array:
    """A decimal with more digits than its type has."""
    raw = value.to_bytes(kind.bit_width // 8, "little", signed=True)
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(raw)])


def union(child: pa.Array) -> pa.Array:
    """A union of one type."""
    return pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [child])


NAMES: dict[str, Any] = {
    "Amount": Amount,
    "BERLIN": BERLIN,
    "Cents": Cents,
    "Flag": Flag,
    "Half": Half,
    "Mail": Mail,
    "Model": Model,
    "Money": Money,
    "MoneyArray": MoneyArray,
    "MoneyType": MoneyType,
    "Nameless": Nameless,
    "Point": Point,
    "beyond": beyond,
    "http": http,
    "pydantic": pydantic,
    "time": time,
    "tz": tz,
    "union": union,
}

PYTHON = (
    ("str of a class of its own", "Mail('a@x.org')", "a@x.org"),
    ("int of a class of its own", "Cents(5)", "5"),
    ("int, least of 64 bits", "-(2**63)", "-9223372036854775808"),
    ("int, below 64 bits", "-(2**63) - 1", "-9223372036854775809"),
    ("float, smallest", "5e-324", "0." + "0" * 323 + "5"),
    ("float, largest", "1.7976931348623157e308", "17976931348623157" + "0" * 292),
    ("float with all digits", "0.1 + 0.2", "0.30000000000000004"),
    ("Decimal -0.00", "Decimal('-0.00')", "0.00"),
    ("Decimal sNaN", "Decimal('sNaN')", None),
    ("Decimal of 80 digits", "Decimal('9' * 80)", "9" * 80),
    ("date, first and last are sent", "dt.date.min", "0001-01-01"),
    ("datetime, last", "dt.datetime.max", "9999-12-31T23:59:59.999Z"),
    (
        "datetime beyond the year 9999 in UTC",
        "dt.datetime(9999, 12, 31, 23, tzinfo=tz.tzoffset('', -7200))",
        MOMENT,
    ),
    ("datetime before time zones", "dt.datetime(1890, 1, 1, tzinfo=BERLIN)", "1889-12-31T23:06:32.000Z"),
    (
        "datetime that comes twice, first",
        "dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN)",
        "2024-10-27T00:30:00.000Z",
    ),
    (
        "datetime that comes twice, second",
        "dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN)",
        "2024-10-27T01:30:00.000Z",
    ),
    (
        "datetime with an offset of seconds",
        "dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(seconds=-3723)))",
        "2024-01-01T01:02:03.000Z",
    ),
    (
        "datetime, dateutil",
        "dt.datetime(2024, 7, 1, 12, tzinfo=tz.gettz('Europe/Berlin'))",
        "2024-07-01T10:00:00.000Z",
    ),
    (
        "datetime, a zone without a name",
        "dt.datetime(2024, 1, 1, 12, tzinfo=Nameless())",
        "2024-01-01T09:00:00.000Z",
    ),
    ("list with NA", "['a', pd.NA]", "a"),
    ("list with NaN", "[1, float('nan')]", "1"),
    ("list with NaT", "[dt.date(2024, 2, 29), pd.NaT]", "2024-02-29"),
    ("list of booleans", "[True, False]", "true;false"),
    ("list of booleans and numbers", "[True, 1]", UNSUPPORTED),
    ("list of integers and floats", "[1, 0.5]", "1;0.5"),
    ("list of integers of any length", "[2**64, 1]", "18446744073709551616;1"),
    ("list of Decimals", "[Decimal('1.50'), Decimal('2.125')]", "1.50;2.125"),
    ("list of infinity", "[float('inf')]", NUMBER),
    ("list of UUIDs", "[uuid.UUID(int=5)]", UUID_5),
    ("list of Enums of str", "[Size.LARGE]", "large"),
    ("list of dicts", "[{'a': 1}]", UNSUPPORTED),
    ("list of dates and datetimes", "[dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)]", UNSUPPORTED),
    ("list of timedeltas", "[dt.timedelta(1)]", UNSUPPORTED),
    ("set of several types", "{'a', 1}", UNSUPPORTED),
    ("namedtuple, a struct", "Point(1, 2)", UNSUPPORTED),
    ("struct_time", "time.gmtime(0)", UNSUPPORTED),
    ("dict in a dict", "{'a': {'b': 1}}", UNSUPPORTED),
    ("Flag", "Flag.RED", UNSUPPORTED),
    ("Enum of float", "Half.HALF", UNSUPPORTED),
    ("HTTPStatus", "http.HTTPStatus.OK", "200"),
    ("dataclass", "Money()", UNSUPPORTED),
    ("pydantic model", "Model()", UNSUPPORTED),
    ("pydantic SecretStr", "pydantic.SecretStr('s')", UNSUPPORTED),
    (
        "pandas Timestamp with nanoseconds",
        "pd.Timestamp('2024-02-29 12:00:00.123456789')",
        "2024-02-29T12:00:00.123Z",
    ),
    (
        "pandas Timestamp of the year 9000",
        "pd.Timestamp('9000-01-01').as_unit('s')",
        "9000-01-01T00:00:00.000Z",
    ),
    ("pandas Timedelta", "pd.Timedelta('1s')", UNSUPPORTED),
    ("pandas Series of float32", "pd.Series([0.1], dtype='float32')", "0.1"),
    ("polars Series of Float32", "pl.Series([0.1], dtype=pl.Float32)", "0.1"),
    ("pyarrow scalar, float32", "pa.scalar(0.1, pa.float32())", "0.1"),
    (
        "pyarrow scalar, date64 with a time",
        "pa.array([1], pa.int64()).view(pa.date64())[0]",
        "1970-01-01T00:00:00.001Z",
    ),
    ("pyarrow scalar, extension", "pa.array([5]).cast(MoneyType())[0]", UNSUPPORTED),
    ("pyarrow Array, float32", "pa.array([0.1], pa.float32())", "0.1"),
    ("Decimal of a class of its own", "Amount('1.50')", "1.50"),
    (
        "datetime that the clocks skip",
        "dt.datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN)",
        "2024-03-31T01:30:00.000Z",
    ),
    ("list of whole floats and zeros", "[1.0, -0.0]", "1;0"),
    ("pandas Categorical", "pd.Categorical(['a'])", "a"),
    ("pandas array", "pd.array([1, None], dtype='Int64')", "1"),
    ("pandas Period", "pd.Period('2024', 'Y')", UNSUPPORTED),
    ("polars DataFrame", "pl.DataFrame({'a': [1]})", UNSUPPORTED),
)

NUMPY = (
    ("float16, 0.1", "np.float16(0.1)", "0.1"),
    ("float32, smallest", "np.float32(1e-45)", "0." + "0" * 44 + "1"),
    ("float32, -0.0", "np.float32(-0.0)", "0"),
    ("longdouble that no float64 holds", "np.longdouble(1) + np.longdouble(2)**-60", UNSUPPORTED),
    ("timedelta64[ns]", "np.timedelta64(1, 'ns')", UNSUPPORTED),
    ("timedelta64 without unit", "np.timedelta64(5)", UNSUPPORTED),
    ("timedelta64 NaT", "np.timedelta64('NaT')", None),
    ("datetime64[s], beyond all calendars", "np.datetime64(10**14, 's')", UNSUPPORTED),
    ("datetime64[h], beyond 64 bits of microseconds", "np.datetime64(2**62, 'h')", UNSUPPORTED),
    ("datetime64[D], year 10000", "np.datetime64('10000-01-01')", DATE),
    ("datetime64[W], a period", "np.datetime64('2024-02-29', 'W')", UNSUPPORTED),
    ("ndarray of float32", "np.array([0.1], 'float32')", "0.1"),
    ("ndarray of timedelta64[ns]", "np.array([1], 'timedelta64[ns]')", UNSUPPORTED),
    (
        "ndarray of datetime64[ns]",
        "np.array(['2024-02-29T12'], 'datetime64[ns]')",
        "2024-02-29T12:00:00.000Z",
    ),
    ("ndarray of structs", "np.array([(1, 2)], dtype='i4,i4')", UNSUPPORTED),
    ("ndarray, masked", "np.ma.array([1, 2], mask=[False, True])", "1"),
    ("ndarray without dimensions", "np.array(5)", UNSUPPORTED),
    ("masked", "np.ma.masked", None),
    ("datetime64[ps]", "np.datetime64('2024-02-29T12:30', 'ps')", UNSUPPORTED),
    ("ndarray of years", "np.array(['2024'], 'datetime64[Y]')", UNSUPPORTED),
)

PANDAS = (
    ("category of Decimals", "pd.Series([Decimal('1.50')], dtype='category')", "1.50"),
    (
        "category of periods",
        "pd.Series(pd.Categorical(pd.period_range('2024-01', periods=1, freq='M')))",
        UNSUPPORTED,
    ),
    ("category of intervals", "pd.cut(pd.Series([1]), [0, 2])", UNSUPPORTED),
    ("category of timedeltas", "pd.Series([pd.Timedelta('1s')], dtype='category')", UNSUPPORTED),
    (
        "category of times with zone",
        "pd.Series([pd.Timestamp('2024-07-01 12:00', tz='Europe/Berlin')], dtype='category')",
        "2024-07-01T10:00:00.000Z",
    ),
    (
        "Sparse of datetime64[ns]",
        "pd.arrays.SparseArray(np.array([0], 'datetime64[ns]'))",
        "1970-01-01T00:00:00.000Z",
    ),
    (
        "datetime64[us], year 9000",
        "pd.Series(np.array(['9000-01-01'], 'datetime64[us]'))",
        "9000-01-01T00:00:00.000Z",
    ),
    ("datetime64[s], year 20000", "pd.Series(np.array(['20000-01-01'], 'datetime64[s]'))", MOMENT),
    (
        "datetime64[ns] that comes twice, second",
        "pd.Series([pd.Timestamp('2024-10-27 02:30').tz_localize('Europe/Berlin', ambiguous=False)])",
        "2024-10-27T01:30:00.000Z",
    ),
    ("extension type of somebody's own", "pd.Series(MoneyArray([Money()]))", UNSUPPORTED),
    ("extension type of somebody's own, empty", "pd.Series(MoneyArray([None]))", None),
    ("object: ndarray of float32", "pd.Series([np.array([0.1, 0.2], 'float32')], dtype=object)", "0.1;0.2"),
    ("object: Timedelta", "pd.Series([pd.Timedelta('1s')], dtype=object)", UNSUPPORTED),
    ("float16, 0.1", "pd.Series([0.1], dtype='float16')", "0.1"),
    ("UInt64", "pd.Series([2**64 - 1], dtype='UInt64')", "18446744073709551615"),
    ("ArrowDtype: float32", "pd.Series([0.1], dtype=pd.ArrowDtype(pa.float32()))", "0.1"),
    (
        "ArrowDtype: struct",
        "pd.Series([{'a': 1}], dtype=pd.ArrowDtype(pa.struct([('a', pa.int64())])))",
        UNSUPPORTED,
    ),
    (
        "datetime64[ns, Asia/Kathmandu]",
        "pd.Series([pd.Timestamp('2024-01-01', tz='Asia/Kathmandu')])",
        "2023-12-31T18:15:00.000Z",
    ),
    ("object: array of pandas", "pd.Series([pd.array(['a', 'b'])])", "a;b"),
)

PYARROW = (
    ("dictionary of decimals", "pa.array([Decimal('1.50')]).dictionary_encode()", "1.50"),
    (
        "dictionary of string_view",
        "pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(['a'], pa.string_view()))",
        "a",
    ),
    (
        "dictionary with an empty value",
        "pa.DictionaryArray.from_arrays(pa.array([0]), pa.nulls(1, pa.string()))",
        None,
    ),
    (
        "run_end_encoded, decimals",
        "pa.RunEndEncodedArray.from_arrays([1], pa.array([Decimal('1.50')]))",
        "1.50",
    ),
    (
        "run_end_encoded, string_view",
        "pa.RunEndEncodedArray.from_arrays([1], pa.array(['a'], pa.string_view()))",
        "a",
    ),
    (
        "run_end_encoded, dictionary",
        "pa.RunEndEncodedArray.from_arrays([1], pa.array(['a']).dictionary_encode())",
        "a",
    ),
    (
        "run_end_encoded, a later part",
        "pa.RunEndEncodedArray.from_arrays([2, 4], ['a', 'b']).slice(2, 1)",
        "b",
    ),
    ("decimal with places before the point", "pa.array([Decimal('12300')], pa.decimal128(5, -2))", "12300"),
    ("decimal128 of more digits than it has", "beyond(pa.decimal128(2, 0), 1000)", RANGE),
    ("decimal32 of more digits than it has", "beyond(pa.decimal32(2, 0), 1000)", RANGE),
    ("float16, 0.1", "pa.array([np.float16(0.1)], pa.float16())", "0.1"),
    ("float16, largest", "pa.array([np.float16(65504)], pa.float16())", "65504"),
    ("date32, year 0", "pa.array([-719163], pa.int32()).view(pa.date32())", DATE),
    ("date32, last of 32 bits", "pa.array([2**31 - 1], pa.int32()).view(pa.date32())", DATE),
    ("date64 with a time", "pa.array([1], pa.int64()).view(pa.date64())", "1970-01-01T00:00:00.001Z"),
    ("date64, last of 64 bits", "pa.array([2**63 - 1], pa.int64()).view(pa.date64())", MOMENT),
    ("timestamp[ns], first", "pa.array([1 - 2**63], pa.timestamp('ns'))", "1677-09-21T00:12:43.145Z"),
    (
        "timestamp of a zone that nobody knows",
        "pa.array([0], pa.timestamp('us', 'Mars/Sea'))",
        "1970-01-01T00:00:00.000Z",
    ),
    ("timestamp of such a zone, far off", "pa.array([2**62], pa.timestamp('us', 'Mars/Sea'))", MOMENT),
    ("list of float16", "pa.array([[np.float16(0.1)]], pa.list_(pa.float16()))", "0.1"),
    ("list of decimals", "pa.array([[Decimal('1.50')]])", "1.50"),
    (
        "list of decimals beyond their type",
        "pa.ListArray.from_arrays([0, 1], beyond(pa.decimal128(2, 0), 1000))",
        RANGE,
    ),
    (
        "list of text that is not UTF-8",
        "pa.ListArray.from_arrays([0, 1], pa.array([b'\\xff']).view(pa.string()))",
        TEXT,
    ),
    ("list of durations", "pa.array([[1]], pa.list_(pa.duration('s')))", UNSUPPORTED),
    ("list of structs", "pa.array([[{'a': 1}]])", UNSUPPORTED),
    ("fixed_size_list, empty", "pa.array([None], pa.list_(pa.string(), 2))", None),
    ("union of text that is not UTF-8", "union(pa.array([b'\\xff']).view(pa.string()))", TEXT),
    ("union of decimals beyond their type", "union(beyond(pa.decimal128(2, 0), 1000))", RANGE),
    ("union of lists", "union(pa.array([['a', 'b']]))", "a;b"),
    ("extension of somebody's own", "pa.array([5]).cast(MoneyType())", UNSUPPORTED),
    ("extension of somebody's own, empty", "pa.array([None], pa.int64()).cast(MoneyType())", None),
    (
        "dictionary of an extension",
        "pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([5]).cast(MoneyType()))",
        UNSUPPORTED,
    ),
    (
        "list of date64 with a time",
        "pa.ListArray.from_arrays([0, 1], pa.array([1], pa.int64()).view(pa.date64()))",
        "1970-01-01T00:00:00.001Z",
    ),
    (
        "dictionary of date64 with a time",
        "pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([1], pa.int64()).view(pa.date64()))",
        "1970-01-01T00:00:00.001Z",
    ),
    ("struct without fields", "pa.array([{}], pa.struct([]))", UNSUPPORTED),
    ("timestamp[s], last of 64 bits", "pa.array([2**63 - 1], pa.timestamp('s'))", MOMENT),
)

POLARS = (
    ("Decimal of 38 digits", "pl.Series(['9' * 38]).cast(pl.Decimal(38, 0))", "9" * 38),
    ("Int128, least", "pl.Series([-(2**127)], dtype=pl.Int128)", str(-(2**127))),
    ("Float16, 0.1", "pl.Series([0.1], dtype=pl.Float16)", "0.1"),
    ("Enum with a type's name", "pl.Series(['Object'], dtype=pl.Enum(['Object']))", "Object"),
    ("Date before 1900", "pl.Series([dt.date(1582, 10, 4)])", "1582-10-04"),
    ("Date, beyond the year 9999", "pl.Series([2**30], dtype=pl.Int32).cast(pl.Date)", DATE),
    ("Datetime[us], beyond the year 9999", "pl.Series([2**62]).cast(pl.Datetime('us'))", MOMENT),
    (
        "Datetime that comes twice, second",
        (
            "pl.Series([dt.datetime(2024, 10, 27, 2, 30)]).dt.replace_time_zone('Europe/Berlin',"
            " ambiguous='latest')"
        ),
        "2024-10-27T01:30:00.000Z",
    ),
    ("List of Float32", "pl.Series([[0.1]], dtype=pl.List(pl.Float32))", "0.1"),
    ("List of Decimal", "pl.Series([[Decimal('1.50')]])", "1.50"),
    ("List of Duration", "pl.Series([[dt.timedelta(1)]])", UNSUPPORTED),
    ("List of Struct", "pl.Series([[{'a': 1}]])", UNSUPPORTED),
    ("Array, empty", "pl.Series([None], dtype=pl.Array(pl.Int64, 2))", None),
    ("Object: Decimal", "pl.Series([Decimal('1.50')], dtype=pl.Object)", "1.50"),
    ("List of Int128", "pl.Series([[2**80]], dtype=pl.List(pl.Int128))", "1208925819614629174706176"),
)

DUCKDB = (
    ("UHUGEINT in a UNION", f"({2**128 - 1}::UHUGEINT)::UNION(n UHUGEINT, t VARCHAR)", str(2**128 - 1)),
    ("UHUGEINT[1]", f"array_value({2**128 - 1}::UHUGEINT)", str(2**128 - 1)),
    ("HUGEINT in a UNION, 39 digits", f"({2**127 - 1}::HUGEINT)::UNION(n HUGEINT, t VARCHAR)", RANGE),
    ("HUGEINT[] of 39 digits", f"[{2**127 - 1}::HUGEINT]", RANGE),
    ("DECIMAL(38)", f"{'9' * 38}::DECIMAL(38, 0)", "9" * 38),
    ("DOUBLE infinity", "'inf'::DOUBLE", NUMBER),
    ("DATE before 1900", "DATE '1582-10-15'", "1582-10-15"),
    ("DATE before Christ", "DATE '0044-03-15 (BC)'", DATE),
    ("DATE infinity", "'infinity'::DATE", DATE),
    ("TIMESTAMP infinity", "'infinity'::TIMESTAMP", MOMENT),
    ("TIMESTAMP_NS infinity", "'infinity'::TIMESTAMP_NS", MOMENT),
    ("TIMESTAMP_NS -infinity", "'-infinity'::TIMESTAMP_NS", MOMENT),
    ("TIMESTAMPTZ infinity", "'infinity'::TIMESTAMPTZ", MOMENT),
    ("ENUM[]", "['a'::ENUM('b', 'a')]", "a"),
    ("UUID[]", f"['{UUID_5}'::UUID]", UUID_5),
    ("DOUBLE[] with NaN", "[1.5::DOUBLE, 'NaN'::DOUBLE]", "1.5"),
    ("BIT[]", "['101'::BIT]", UNSUPPORTED),
    ("INTERVAL[]", "[INTERVAL 1 DAY]", UNSUPPORTED),
    ("STRUCT[]", "[{'a': 1}]", UNSUPPORTED),
    ("UNION of an INTERVAL", "(INTERVAL 1 DAY)::UNION(n INTEGER, i INTERVAL)", UNSUPPORTED),
    ("TIMESTAMP_S infinity", "'infinity'::TIMESTAMP_S", MOMENT),
    ("MAP, empty", "MAP {}", UNSUPPORTED),
    ("BIGNUM[]", "[7::BIGNUM]", UNSUPPORTED),
)

ODD = {
    "Python": PYTHON,
    "NumPy": NUMPY,
    "pandas": PANDAS,
    "pyarrow": PYARROW,
    "polars": POLARS,
    "DuckDB": DUCKDB,
}
