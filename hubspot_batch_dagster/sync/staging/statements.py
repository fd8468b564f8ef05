"""Parts of SQL statements that several modules put together."""

from __future__ import annotations

from collections.abc import Iterable

LIVE = "('created', 'updated', 'unchanged')"
"""The outcomes of rows that have a record, as SQL."""


OLDER = "OLDER"
"""The code of rows that are left alone because a newer part of the table had them."""

REVERTED = "REVERTED"
"""The code of lines whose values an undo took back, and of rows that are left alone because of it."""


def literal(text: str) -> str:
    """Return a text as SQL wants it."""
    return "'" + text.replace("'", "''") + "'"


def listed(values: Iterable[str]) -> str:
    """Return some texts as SQL wants them after ``IN``."""
    return f"({', '.join(map(literal, values))})"


def quoted(name: str) -> str:
    """Return a column name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'
