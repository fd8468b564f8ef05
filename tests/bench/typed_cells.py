"""Cells of every type that has a lossless text in both engines, and how each engine's SQL writes them."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import struct
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
CLOSE_TEXTS = st.one_of(
    TEXT, st.sampled_from(["", "-", "1:a", "1:a1:b", "null", "'", '"', "a, b", "{}", " ", "a "])
)
STAMP = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": CLOSE_TEXTS,
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "double": st.floats(allow_subnormal=True),
    "real": st.floats(width=32, allow_subnormal=True),
    "decimal(30,10)": st.decimals(-(10**19), 10**19, places=10),
    "date": st.dates(),
    "timestamp": STAMP,
    "timestamptz": STAMP,
    "time": st.times(),
    "uuid": st.uuids(),
    "bytes": st.binary(max_size=5),
    "texts": st.lists(st.none() | CLOSE_TEXTS, max_size=3),
    "interval": st.tuples(st.integers(-20, 20), st.integers(-90, 90), st.integers(-(10**12), 10**12)),
}


def literal(kind: str, value: Any, engine: str) -> str:
    """A value as a constant of SQL, exact to the last bit."""
    if value is None:
        return f"CAST(NULL AS {typed(kind, engine)})"
    if kind == "bytes":
        return f"'\\x{value.hex()}'::bytea" if engine == "postgres" else f"unhex('{value.hex()}')"
    if kind == "texts":
        inside = ", ".join("NULL" if each is None else quote(each) for each in value)
        return f"CAST({'ARRAY' if engine == 'postgres' else ''}[{inside}] AS {typed(kind, engine)})"
    if kind == "interval":
        months, days, micros = value
        return f"(INTERVAL '{months} months' + INTERVAL '{days} days' + INTERVAL '{micros} microseconds')"
    if kind == "timestamptz":
        return f"CAST('{value.isoformat(' ')}+00' AS {typed(kind, engine)})"
    return f"CAST({quote(value if isinstance(value, str) else spelt(value))} AS {typed(kind, engine)})"


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def spelt(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


def typed(kind: str, engine: str) -> str:
    names = {
        "texts": "text[]" if engine == "postgres" else "VARCHAR[]",
        "double": "double precision" if engine == "postgres" else "DOUBLE",
        "bytes": "bytea" if engine == "postgres" else "BLOB",
    }
    return names.get(kind, kind)


def identity(kind: str, value: Any) -> Any:
    """What tells values apart as exactly as their type can."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if kind == "decimal(30,10)" and value is not None:
        return decimal.Decimal(value) + 0
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dt.datetime | dt.time):
        return value.replace(fold=0)  # Python's own mark of an hour that comes twice: no database has it
    return value
