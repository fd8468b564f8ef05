"""The shop's customers, typed in by themselves."""

from datetime import datetime, timedelta, timezone
from random import Random

import pyarrow as pa

from example_project.data import accounts, words
from example_project.data.faults import Fault, Row, inject_faults, put

ROWS = 10_500
ACTIVE = 10_000
ROLES = ("DECISION_MAKER", "BUDGET_HOLDER", "CHAMPION", "END_USER", "INFLUENCER")
STAGES = ("subscriber", "lead", "opportunity", "customer")
SCHEMA = pa.schema(
    {
        "customer_id": pa.int64(),
        "mail": pa.string(),
        "first_name": pa.string(),
        "last_name": pa.string(),
        "job": pa.string(),
        "phone": pa.string(),
        "town": pa.string(),
        "zip_code": pa.string(),
        "stage": pa.dictionary(pa.int8(), pa.string()),
        "roles": pa.list_(pa.string()),
        "account_id": pa.string(),
        "last_order": pa.timestamp("us", tz="UTC"),
        "active": pa.bool_(),
    }
)

# A duplicate copies one of these.
_CLEAN = 2_000


def _shout(row: Row, _: Random) -> None:
    row["mail"] = row["mail"].upper()


def _pad(row: Row, _: Random) -> None:
    row["mail"] = f" {row['mail']}  "


def _no_at(row: Row, _: Random) -> None:
    row["mail"] = row["mail"].replace("@", " at ")


def _register_again(row: Row, random: Random) -> None:
    first = random.randrange(_CLEAN)
    row["mail"] = _mail(first + 1).upper()


FAULTS = (
    Fault("no e-mail", 90, put(mail=None)),
    Fault("an e-mail without @", 70, _no_at),
    Fault("registered twice, shouting the second time", 110, _register_again),
    Fault("a stage that HubSpot does not have", 60, put(stage="on the phone")),
    Fault("a role that HubSpot does not have", 40, put(roles=["DECISION_MAKER", "TEA_MAKER"])),
    Fault("e-mail in capitals", 400, _shout, refused=False),
    Fault("spaces around the e-mail", 150, _pad, refused=False),
    Fault("no first name", 200, put(first_name=None), refused=False),
    Fault("an emoji for a surname", 30, put(last_name="🌻 \"Sunny\""), refused=False),
    Fault("no roles", 300, put(roles=None), refused=False),
    Fault("an empty list of roles", 300, put(roles=[]), refused=False),
    Fault("never ordered", 500, put(last_order=None), refused=False),
)  # fmt: skip


def rows() -> list[Row]:
    """The customers as dicts, the same ones every time."""
    random = Random("customers")
    made = [_customer(number, random) for number in range(1, ROWS + 1)]
    inject_faults(made[:ACTIVE], FAULTS, random, clean=_CLEAN)
    return made


def table() -> pa.Table:
    """The customers as Arrow."""
    return pa.Table.from_pylist(rows(), SCHEMA)


def mails_of_contacts() -> list[str]:
    """The e-mails that surely become contacts."""
    return [_mail(number) for number in range(1, _CLEAN + 1)]


def mails_without_contact() -> list[str]:
    """E-mails of customers that never become contacts: they left."""
    return [_mail(number) for number in range(ACTIVE + 1, ROWS + 1)]


def _mail(number: int) -> str:
    return f"customer.{number}@shop.example.com"


def _customer(number: int, random: Random) -> Row:
    town, _, zip_code = random.choice(words.TOWNS)
    return {
        "customer_id": number,
        "mail": _mail(number),
        "first_name": random.choice(words.FIRST_NAMES),
        "last_name": random.choice(words.LAST_NAMES),
        "job": random.choice(words.JOB_TITLES),
        "phone": f"+1 555 {random.randint(0, 9999):04}",
        "town": town,
        "zip_code": zip_code,
        "stage": random.choice(STAGES),
        "roles": random.sample(ROLES, random.randint(1, 3)),
        "account_id": f"A-{random.randint(1, accounts.ROWS):05}",
        "last_order": datetime(2026, 1, 1, tzinfo=timezone.utc)
        + timedelta(seconds=random.randint(0, 20_000_000)),
        "active": number <= ACTIVE,
    }
