"""The order of the parts of a table, such as the days of a partitioned asset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AsOf:
    """Which part of its table a run has, where the parts have an order, such as days.

    Attributes:
        part: The part, as a text that sorts as the parts do; of several the newest.
        several: The rows are those of several parts, the oldest first.
    """

    part: str
    several: bool = False
