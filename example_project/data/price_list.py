"""A dealer's price list, so bad that its asset is red on purpose: a fifth of the rows cannot be sent."""

from decimal import Decimal
from random import Random

import pyarrow as pa

from example_project.data.faults import Fault, Row, inject_faults, one_of, put

ROWS = 600
COLOURS = ("red", "blue", "white", "black")
SCHEMA = pa.schema(
    {
        "vin": pa.string(),
        "model": pa.string(),
        "model_year": pa.string(),
        "price": pa.decimal128(10, 2),
        "colour": pa.string(),
    }
)

_CLEAN = 100


def _copy_and_paste(row: Row, random: Random) -> None:
    row["vin"] = _vin(random.randint(1, _CLEAN))


FAULTS = (
    Fault("no VIN", 30, put(vin=None)),
    Fault("a VIN pasted twice", 30, _copy_and_paste),
    Fault("a year that is no number", 25, one_of("model_year", "n/a", "2024/25", "new")),
    Fault("a colour that nobody set up in HubSpot", 45, one_of("colour", "mauve", "rust")),
    Fault("no price yet", 60, put(price=None), refused=False),
)


def rows() -> list[Row]:
    """The vehicles as dicts, the same ones every time."""
    random = Random("vehicles")
    made = [_vehicle(number, random) for number in range(1, ROWS + 1)]
    inject_faults(made, FAULTS, random, clean=_CLEAN)
    return made


def table() -> pa.Table:
    """The vehicles as Arrow."""
    return pa.Table.from_pylist(rows(), SCHEMA)


def _vin(number: int) -> str:
    return f"WDX{number:014}"


def _vehicle(number: int, random: Random) -> Row:
    return {
        "vin": _vin(number),
        "model": random.choice(("Sprinter", "Crafter", "Ducato", "Škoda Yeti")),
        "model_year": str(random.randint(2015, 2026)),
        "price": Decimal(random.randint(9_000_00, 80_000_00)) / 100,
        "colour": random.choice(COLOURS),
    }
