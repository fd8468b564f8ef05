"""Definitions of a property of each type, for tests."""

from __future__ import annotations

import datetime as dt

from hubspot_batch_dagster.table.layout import Definition

NUMBER = Definition("p", "number")
BOOL = Definition("p", "bool", "booleancheckbox", {"true": "Yes", "false": "No"})
DATE = Definition("p", "date")
DATETIME = Definition("p", "datetime")
STRING = Definition("p", "string", max_length=20)
OWNER = Definition("p", "enumeration", "select", owner=True)
STAGE = Definition(
    "p",
    "enumeration",
    "select",
    {
        "lead": "Lead",
        "mql": "Marketing Qualified Lead",
        "opp-1": "Deal",
        "opp-2": "Deal",
        "OTHER": "Something else",
    },
)
COLOURS = Definition(
    "p", "enumeration", "checkbox", {"r": "Red", "g": "Green", "b": "Blue", "Red": "Deep Red"}
)
UTC = dt.timezone.utc
