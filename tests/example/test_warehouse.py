"""The example's made-up tables: as large, as dirty and as repeatable as they say."""

import itertools
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from example_project import warehouse
from example_project.data import appointments, customers, phone_log
from example_project.data.faults import refused

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", warehouse.TABLES)
def test_a_table_is_the_same_every_time(name: str) -> None:
    module = warehouse.TABLES[name]
    assert module.table().equals(module.table())


@pytest.mark.parametrize("name", warehouse.TABLES)
def test_the_warehouse_holds_what_was_made_up(name: str, built: Path) -> None:
    module = warehouse.TABLES[name]
    stored = warehouse.read(name, built)
    assert stored.num_rows == module.ROWS
    assert stored.to_pylist() == module.table().to_pylist()


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("accounts", 2_000),
        ("customers", 10_000),
        ("trade_show_leads", 3_000),
        ("phone_log", 20_000),
        ("sales_sheet", 1_000),
        ("appointments", 4_000),
    ],
)
def test_the_tables_are_of_a_size_that_shows_something(name: str, least: int) -> None:
    assert least <= warehouse.TABLES[name].ROWS


def test_one_table_is_clean_one_is_a_mess_and_the_others_are_between() -> None:
    """So the example's assets are green, red and yellow at the default max_rejected of 5 %."""
    shares = {name: refused(module.FAULTS) / module.ROWS for name, module in warehouse.TABLES.items()}
    assert shares.pop("accounts") == 0
    assert shares.pop("price_list") > 0.05
    assert all(0 < share < 0.05 for share in shares.values())


def test_every_fault_is_in_as_many_rows_as_it_says() -> None:
    rows = customers.rows()
    mails = [row["mail"] for row in rows if row["mail"] is not None and "@" in row["mail"]]
    folded = Counter(mail.strip().lower() for mail in mails)
    assert sum(row["mail"] is None for row in rows) == 90
    assert sum(row["mail"] is not None and "@" not in row["mail"] for row in rows) == 70
    assert sum(count - 1 for count in folded.values()) == 110
    assert sum(mail != mail.strip() for mail in mails) == 150
    assert sum(row["active"] for row in rows) == customers.ACTIVE
    assert sum(len(row["notes"] or "") > 65_536 for row in phone_log.rows()) == 30


def test_the_tables_have_the_types_that_real_ones_have(built: Path) -> None:
    frame = warehouse.read("customers", built).to_pandas()
    assert str(frame["stage"].dtype) == "category"
    assert frame["roles"].map(lambda cell: cell is None or len(cell) >= 0).all()
    assert str(frame["last_order"].dt.tz) in ("Etc/UTC", "UTC")
    sheet = warehouse.read("sales_sheet", built)
    assert pa.types.is_decimal(sheet.schema.field("amount").type)
    assert sheet.to_pandas()["chance"].dtype == float
    names = "".join(warehouse.read("customers", built)["first_name"].drop_null().to_pylist())
    assert any(ord(letter) > 0x3000 for letter in names)


def test_rows_between_two_times_are_those_of_a_day_and_each_row_is_of_one(built: Path) -> None:
    days = [appointments.FIRST_DAY + timedelta(days=day) for day in range(appointments.DAYS + 1)]
    whole = warehouse.read_between("appointments", "starts_at", days[0], days[-1], built)
    assert whole.num_rows == appointments.ROWS
    for start, end in itertools.pairwise(days[:5]):
        day = warehouse.read_between("appointments", "starts_at", start, end, built)
        assert day.num_rows == appointments.A_DAY
        assert set(pc.strftime(day["starts_at"], "%Y-%m-%d").to_pylist()) == {f"{start:%Y-%m-%d}"}


def test_a_lead_a_call_and_a_meeting_name_people_who_become_contacts(built: Path) -> None:
    known = pa.array(customers.mails_of_contacts())
    for name in ("trade_show_leads", "phone_log", "appointments"):
        mails = pc.utf8_lower(warehouse.read(name, built)["mail"])
        assert pc.sum(pc.is_in(mails, known)).as_py() > 0.8 * len(mails)


def test_processes_that_build_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = (
        "import sys, pathlib; from example_project import warehouse;"
        " warehouse.build(pathlib.Path(sys.argv[1]))"
    )
    builders = [subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT) for _ in range(2)]
    assert [builder.wait(30) for builder in builders] == [0, 0]
    assert [each.name for each in tmp_path.iterdir()] == ["warehouse.duckdb"]
    assert all(
        warehouse.read(name, path).num_rows == module.ROWS for name, module in warehouse.TABLES.items()
    )
