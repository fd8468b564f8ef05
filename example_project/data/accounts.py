"""The billing system's accounts: ugly, but every row is one that HubSpot takes. This asset is green."""

from decimal import Decimal
from random import Random

import pyarrow as pa

from example_project.data import words
from example_project.data.faults import Fault, Row, inject_faults, put

ROWS = 2_400
SCHEMA = pa.schema(
    {
        "account_id": pa.string(),
        "company_name": pa.string(),
        "domain": pa.string(),
        "industry": pa.string(),
        "employees": pa.int32(),
        "revenue": pa.decimal128(14, 2),
        "town": pa.string(),
        "country": pa.string(),
        "phone": pa.string(),
        "about": pa.string(),
        "parent_account": pa.string(),
    }
)
PARENTS = 40
"""The first accounts are groups, to which others belong."""


def _belong(row: Row, random: Random) -> None:
    row["parent_account"] = f"A-{random.randint(1, PARENTS):05}"


FAULTS = (
    Fault("no domain", 180, put(domain=None), refused=False),
    Fault("no industry", 240, put(industry=None), refused=False),
    Fault("number of employees unknown", 300, put(employees=None), refused=False),
    Fault("spaces around the name", 120, lambda row, _: row.update(company_name=f"  {row['company_name']} "), refused=False),
    Fault("quotes, a new line, a backslash", 60, put(about='They said:\n\t"C:\\new" is fine; really.'), refused=False),
    Fault("an emoji", 40, lambda row, _: row.update(about=f"{row['about']} 🚚✨"), refused=False),
    Fault("belongs to a group", 260, _belong, refused=False),
)  # fmt: skip


def rows() -> list[Row]:
    """The accounts as dicts, the same ones every time."""
    random = Random("accounts")
    made = [_company(number, random) for number in range(1, ROWS + 1)]
    inject_faults(made, FAULTS, random, clean=PARENTS)
    return made


def table() -> pa.Table:
    """The accounts as Arrow."""
    return pa.Table.from_pylist(rows(), SCHEMA)


def _company(number: int, random: Random) -> Row:
    trade, form = random.choice(words.TRADES), random.choice(words.FORMS)
    town, country, _ = random.choice(words.TOWNS)
    return {
        "account_id": f"A-{number:05}",
        "company_name": f"{random.choice(words.LAST_NAMES)} {trade} {form}",
        "domain": f"company-{number}.example",
        "industry": random.choice(words.INDUSTRIES),
        "employees": random.randint(1, 9_000),
        "revenue": Decimal(random.randint(1_000_000, 90_000_000_00)) / 100,
        "town": town,
        "country": country,
        "phone": f"+1 555 {random.randint(0, 9999):04}",
        "about": f"{trade} since {random.randint(1890, 2024)}.",
        "parent_account": None,
    }
