"""The sales team's appointments: a few on each day, those of next year too."""

from datetime import datetime, timedelta, timezone
from random import Random

import pyarrow as pa

from example_project.data import customers, words
from example_project.data.faults import Fault, Row, inject_faults, put

FIRST_DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAYS = 730
A_DAY = 6
ROWS = DAYS * A_DAY
OUTCOMES = ("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED")
SCHEMA = pa.schema(
    {
        "appointment_id": pa.string(),
        "mail": pa.string(),
        "title": pa.string(),
        "starts_at": pa.timestamp("us", tz="UTC"),
        "ends_at": pa.timestamp("us", tz="UTC"),
        "outcome": pa.string(),
    }
)
FAULTS = (
    Fault("an outcome that HubSpot does not have", 60, put(outcome="it rained")),
    Fault("a person without a contact", 90, put(mail="who.is.this@nowhere.example.com"), refused=False),
    Fault("an end that nobody wrote down", 200, put(ends_at=None), refused=False),
)


def rows() -> list[Row]:
    """The appointments as dicts, the same ones every time."""
    random = Random("appointments")
    mails = customers.mails_of_contacts()
    made = [_appointment(number, mails, random) for number in range(ROWS)]
    inject_faults(made, FAULTS, random)
    return made


def table() -> pa.Table:
    """The appointments as Arrow."""
    return pa.Table.from_pylist(rows(), SCHEMA)


def _appointment(number: int, mails: list[str], random: Random) -> Row:
    day, place = divmod(number, A_DAY)
    starts_at = FIRST_DAY + timedelta(days=day, hours=8 + place)
    return {
        "appointment_id": f"{starts_at:%Y%m%d}-{place + 1}",
        "mail": random.choice(mails),
        "title": f"{random.choice(words.TRADES)}: test drive",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=random.randint(2, 9) * 10),
        "outcome": random.choice(OUTCOMES),
    }
