"""The hash of a row as its database makes it, before the row is moved.

It is MD5 over the texts of the mapped columns, each with its length in front, so that no two rows of
different cells give one text, and null is another thing than an empty text. It decides which rows are moved,
never what is sent: of those that are, the text that would be sent is hashed anew and compared. It names a
content and protects nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hubspot_batch_dagster.sync.staging.statements import quoted
from hubspot_batch_dagster.sync.warehouse.engine import Engine


def source_digest(engine: Engine, columns: Sequence[str], types: Mapping[str, str]) -> str | None:
    """Return the hash of some columns, as SQL; ``None`` where one of them has a type without a lossless text.

    Args:
        engine: Whose SQL.
        columns: Names of the columns, in an order that is the same in every run.
        types: Name -> type, as the engine says.
    """
    parts = []
    for name in columns:
        text = engine.text_of(quoted(name), types[name])
        if text is None:
            return None
        parts.append(f"coalesce(CAST(length({text}) AS VARCHAR) || ':' || {text}, '-')")
    return f"md5({' || '.join(parts)})" if parts else "md5('')"


def without_text(engine: Engine, columns: Sequence[str], types: Mapping[str, str]) -> list[str]:
    """Return the columns whose type has no lossless text in this engine, each with its type."""
    return [
        f"{name} ({types[name]})" for name in columns if engine.text_of(quoted(name), types[name]) is None
    ]
