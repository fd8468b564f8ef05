"""Objects that are nearly rows, and the step that makes rows of each."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_METHODS = ("collect", "to_frame", "to_arrow_table", "fetch_arrow_table")
"""What lazy frames, single columns and connections have that makes a table of them."""


def step_to_rows(given: Any) -> str:
    """Say what makes rows of an object that is none; empty where nothing is known."""
    if given is None:
        return "Return the rows, or an empty list where there are none."
    if isinstance(given, str | bytes | os.PathLike):
        return "Read the file first, for instance with pandas.read_csv or pyarrow.parquet.read_table."
    if isinstance(given, Mapping):
        if any(isinstance(each, list | tuple) for each in given.values()):
            return "Give pyarrow.table(columns) of columns by name."
        return "Give a list of dicts, also of a single one."
    for method in _METHODS:
        if callable(getattr(given, method, None)):
            return f"Call .{method}() on it first."
    if type(given).__module__.partition(".")[0] == "numpy":
        return "Give pandas.DataFrame(array), with names for its columns."
    if isinstance(given, Iterable) and not isinstance(given, Sequence):
        return "Give list(...) of it, if what it holds are dicts or tables."
    return ""


def step_to_dict(row: Any) -> str:
    """Say what makes a dict of an object that stands for one row; empty where nothing is known."""
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return "Give dataclasses.asdict(row)."
    for method in ("model_dump", "_asdict"):
        if callable(getattr(row, method, None)):
            return f"Give row.{method}()."
    if callable(getattr(row, "keys", None)):
        return "Give dict(row)."
    if isinstance(row, list | tuple):
        return "Values alone have no column names: give dict(zip(names, row))."
    return ""
