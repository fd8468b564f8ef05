"""The sales team's spreadsheet: dates are text, as people type them."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pyarrow as pa

from example_project.data import accounts
from example_project.data.faults import Fault, Row, inject_faults, one_of, put

ROWS = 1_500
STAGES = (
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "contractsent",
    "closedwon",
    "closedlost",
)
SCHEMA = pa.schema(
    {
        "deal_id": pa.int64(),
        "account_id": pa.string(),
        "title": pa.string(),
        "amount": pa.decimal128(12, 2),
        "chance": pa.int32(),
        "stage": pa.string(),
        "closes_on": pa.string(),
    }
)
FAULTS = (
    Fault("a date that never was", 22, one_of("closes_on", "2026-02-30", "2025-13-01", "0000-00-00")),
    Fault("a date in another order", 13, put(closes_on="31.12.2026")),
    Fault("a stage that HubSpot does not have", 15, put(stage="almost signed")),
    Fault("no amount", 60, put(amount=None), refused=False),
    Fault("chance unknown", 90, put(chance=None), refused=False),
    Fault("no date", 50, put(closes_on=None), refused=False),
    Fault("an amount of nothing", 20, put(amount=Decimal("0.00")), refused=False),
    Fault("an account that nobody knows", 25, put(account_id="A-99999"), refused=False),
)


def rows() -> list[Row]:
    """The deals as dicts, the same ones every time."""
    random = Random("deals")
    made = [_deal(number, random) for number in range(1, ROWS + 1)]
    inject_faults(made, FAULTS, random)
    return made


def table() -> pa.Table:
    """The deals as Arrow."""
    return pa.Table.from_pylist(rows(), SCHEMA)


def _deal(number: int, random: Random) -> Row:
    return {
        "deal_id": number,
        "account_id": f"A-{random.randint(1, accounts.ROWS):05}",
        "title": f"{random.randint(2, 60)} vans – “{random.choice(('Lite', 'Größer', 'Électrique', 'XL'))}”",
        "amount": Decimal(random.randint(1_000_00, 900_000_00)) / 100,
        "chance": random.randint(1, 20) * 5,
        "stage": random.choice(STAGES),
        "closes_on": (date(2026, 1, 1) + timedelta(days=random.randint(0, 364))).isoformat(),
    }
