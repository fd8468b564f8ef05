"""Parts of SQL statements that several modules put together."""

from __future__ import annotations

from collections.abc import Iterable

LIVE = "('created', 'updated', 'unchanged')"
"""The outcomes of rows that have a record, as SQL."""

PARQUET = """FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 10000,
    ROW_GROUP_SIZE 61440"""
"""How tables are written, as options of ``COPY``. Keys and hashes do not repeat: DuckDB's own level and its
search for what repeats take twice the time, for a file that is no smaller. Larger groups take more memory.
"""


OLDER = "OLDER"
"""The code of rows that are left alone because a newer part of the table had them."""

REVERTED = "REVERTED"
"""The code of lines whose values an undo took back, and of rows that are left alone because of it."""


def is_number(text: str) -> str:
    """Return whether a text of how new a row is stands for a whole number, and not for a point in time or a
    part of a table, as SQL.
    """
    return f"regexp_full_match({text}, '[0-9]{{20}}|-[0-9]{{19}}')"


def is_newer(known: str, now: str) -> str:
    """Return whether the first of two such texts is the newer one, as SQL; whole numbers and others have no
    order among each other.
    """
    return f"({known} > {now} AND {is_number(known)} = {is_number(now)})"


def newest(known: str, now: str) -> str:
    """Return the newer one of two such texts, as SQL; where they have no order the second."""
    return f"CASE WHEN {is_number(known)} <> {is_number(now)} THEN {now} ELSE greatest({known}, {now}) END"


def literal(text: str) -> str:
    """Return a text as SQL wants it."""
    return "'" + text.replace("'", "''") + "'"


def listed(values: Iterable[str]) -> str:
    """Return some texts as SQL wants them after ``IN``."""
    return f"({', '.join(map(literal, values))})"


def quoted(name: str) -> str:
    """Return a column name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'
