"""The telephone system's log. Many callers are unknown, and some notes are novels."""

from datetime import datetime, timedelta, timezone
from random import Random

import pyarrow as pa

from example_project.data import customers
from example_project.data.faults import Fault, Row, inject_faults, put

ROWS = 20_000
NOT_YET = "tomorrow@shop.example.com"
"""Calls before she registers in the shop: her calls are there a night before her contact."""
DIRECTIONS = ("INBOUND", "OUTBOUND")
STATUSES = ("COMPLETED", "BUSY", "NO_ANSWER", "FAILED")
NOTES = (
    "Wants a quote.",
    "Rückruf am Montag",
    "Voicemail 📞",
    "<p>Asked for <b>Ève</b></p>",
    'Said "no" & hung up',
    None,
)
SCHEMA = pa.schema(
    {
        "call_id": pa.int64(),
        "mail": pa.string(),
        "started_at": pa.timestamp("ms", tz="UTC"),
        "seconds": pa.int32(),
        "direction": pa.dictionary(pa.int8(), pa.string()),
        "status": pa.string(),
        "notes": pa.string(),
    }
)
FAULTS = (
    Fault("a status that HubSpot does not have", 240, put(status="HUNG UP")),
    Fault("a direction that HubSpot does not have", 130, put(direction="SIDEWAYS")),
    Fault("notes longer than HubSpot stores", 30, put(notes="bla " * 17_500)),
    Fault("an unknown caller", 2_600, put(mail=None), refused=False),
    Fault("a caller without a contact", 300, put(mail="who.is.this@nowhere.example.com"), refused=False),
    Fault("length unknown", 900, put(seconds=None), refused=False),
    Fault("a caller who registers the day after", 12, put(mail=NOT_YET), refused=False),
)


def rows() -> list[Row]:
    """The calls as dicts, the same ones every time."""
    random = Random("calls")
    mails = customers.mails_of_contacts()
    made = [_call(number, mails, random) for number in range(1, ROWS + 1)]
    inject_faults(made, FAULTS, random)
    return made


def table() -> pa.Table:
    """The calls as Arrow."""
    return pa.Table.from_pylist(rows(), SCHEMA)


def _call(number: int, mails: list[str], random: Random) -> Row:
    return {
        "call_id": number,
        "mail": random.choice(mails),
        "started_at": datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=number * 1_400),
        "seconds": random.randint(3, 3_000),
        "direction": random.choice(DIRECTIONS),
        "status": random.choice(STATUSES),
        "notes": random.choice(NOTES),
    }
