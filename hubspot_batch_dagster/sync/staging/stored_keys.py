"""Key columns of rows of earlier runs with the types of today's: the value that they had, or none."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hubspot_batch_dagster.sync.staging.statements import literal, quoted

_WHOLE = "-?(0|[1-9][0-9]*)"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_FRACTIONS = {"TIMESTAMP_S": "000", "TIMESTAMP_MS": "[0-9]{3}", "TIMESTAMP_NS": "[0-9]{3,9}"}
"""Of a second, in the spelling of keys: three places at least. Other timestamps have microseconds."""


def exactly(value: str, kind: str, stored: str) -> str:
    """Return a stored value with another type, as SQL; null where it would become another value, as '007'
    would as 7.

    Args:
        value: The value, as SQL.
        kind: The type that is wanted.
        stored: The type that it has.
    """
    if stored == kind:
        return value
    cast = f"TRY_CAST({value} AS {kind})"
    return f"CASE WHEN TRY_CAST({cast} AS {stored}) IS NOT DISTINCT FROM {value} THEN {cast} END"


def from_text(columns: Mapping[str, str], key: str) -> str:
    """Return the key columns, as a struct in SQL, from the text of a row key; null where the text says more
    than the type holds.

    Args:
        columns: The names of the key columns, with DuckDB's types.
        key: The text, as SQL.
    """
    texts = [key]
    if len(columns) > 1:
        part = "CASE WHEN json_valid({key}) THEN json_extract_string({key}, '$[{at}]') END"
        texts = [part.format(key=key, at=at) for at in range(len(columns))]
    parts = ", ".join(
        f"{quoted(name)} := {_cast(text, kind)}"
        for text, (name, kind) in zip(texts, columns.items(), strict=True)
    )
    return f"struct_pack({parts})"


def _cast(text: str, kind: str) -> str:
    """DuckDB's own cast rounds '7.5' to 8, reads '007' as 7, '1' as true, and cuts the time off where a date
    is wanted.
    """
    if kind == "VARCHAR":
        return text
    return f"CASE WHEN regexp_full_match({text}, {literal(_form(kind))}) THEN TRY_CAST({text} AS {kind}) END"


def _form(kind: str) -> str:
    """Return the texts that a type holds whole, of those that a row key is spelt with."""
    decimal = re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", kind)
    if decimal is not None:
        return _WHOLE + (rf"(\.[0-9]{{1,{decimal[1]}}})?" if int(decimal[1]) else "")
    if kind == "BOOLEAN":
        return "true|false"
    if kind == "DATE":
        return _DAY
    if kind.startswith("TIMESTAMP"):
        return rf"{_DAY}(T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}\.{_FRACTIONS.get(kind, '[0-9]{3,6}')}Z)?"
    return _WHOLE
