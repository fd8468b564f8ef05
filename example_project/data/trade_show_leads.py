"""Leads from the trade show: each names a person by e-mail, as scribbled down."""

from random import Random

import pyarrow as pa

from example_project.data import customers, words
from example_project.data.faults import Fault, Row, inject_faults, one_of, put

ROWS = 3_000
LABELS = ("HOT", "WARM", "COLD")
SCHEMA = pa.schema({"lead_id": pa.string(), "mail": pa.string(), "title": pa.string(), "label": pa.string()})

FAULTS = (
    Fault("a person who left", 30, one_of("mail", *customers.mails_without_contact())),
    Fault("a person that nobody knows", 25, put(mail="who.is.this@nowhere.example.com")),
    Fault("no person", 15, put(mail=None)),
    Fault("a label that HubSpot does not have", 35, put(label="lukewarm")),
    Fault("e-mail in capitals", 200, lambda row, _: row.update(mail=row["mail"].upper()), refused=False),
    Fault("no label", 100, put(label=None), refused=False),
)


def rows() -> list[Row]:
    """The leads as dicts, the same ones every time."""
    random = Random("leads")
    mails = customers.mails_of_contacts()
    made = [_lead(number, mails, random) for number in range(1, ROWS + 1)]
    inject_faults(made, FAULTS, random)
    return made


def table() -> pa.Table:
    """The leads as Arrow."""
    return pa.Table.from_pylist(rows(), SCHEMA)


def _lead(number: int, mails: list[str], random: Random) -> Row:
    return {
        "lead_id": f"L-{number:05}",
        "mail": random.choice(mails),
        "title": f"{random.choice(words.TRADES)}: wants a quote",
        "label": random.choice(LABELS),
    }
