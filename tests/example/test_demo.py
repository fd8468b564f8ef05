"""`make demo`, end to end: what it prints is what the local HubSpot has in its books."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from example_project import warehouse
from example_project.data import accounts, appointments, customers, phone_log
from example_project.data.faults import refused
from example_project.demo import DAYS, WRONG_CALLS

ROOT = Path(__file__).parents[2]
SOURCE = {
    "calls": "phone_log",
    "companies": "accounts",
    "contacts": "customers",
    "deals": "sales_sheet",
    "leads": "trade_show_leads",
    "vehicles": "price_list",
}

# The demo as it is, with the books copied before the local HubSpot goes.
WATCHED = """
import collections, contextlib, json, sys
from example_project import demo

original = demo.local_hubspot

@contextlib.contextmanager
def watched():
    with original() as hubspot:
        yield hubspot
        books = hubspot.books
        with open(sys.argv[1], "w") as file:
            json.dump({
                "url": hubspot.url,
                "requests": len(books.requests()) - len(books.requests("schemas.create")),  # the set-up's own
                "created": {name: books.created_count(name) for name in demo.OBJECT_TYPES},
                "updated": {name: len(books.commits("updated", name)) for name in demo.OBJECT_TYPES},
                "archived": collections.Counter(commit.object_type for commit in books.commits("archived")),
                "linked": len(books.commits("associated")),
                "twice": [books.duplicates("contacts", "email"), books.duplicates("vehicles", "vin"),
                          books.trace_ids_committed_twice()],
            }, file)

demo.local_hubspot = watched
sys.exit(demo.main())
"""


@dataclass(frozen=True)
class Run:
    code: int
    printed: str
    books: Mapping[str, object]
    home: Path

    def night(self, name: str) -> dict[str, dict[str, str]]:
        """The table of a night: asset -> column -> what is printed."""
        lines = self.printed.split(f"{name} NIGHT")[1].split("asset ")[1].splitlines()
        columns = lines[0].split()
        rows = [line.split() for line in lines[1 : len(SOURCE) + 1]]
        return {cells[0]: dict(zip(columns, cells[1:], strict=True)) for cells in rows}

    def associations(self, name: str) -> dict[str, dict[str, int]]:
        """What is said of the associations of a night: asset -> outcome -> associations."""
        said = self.printed.split(f"{name} NIGHT")[1].split("Associations; ")[1].split("\n\n")[1]
        lines = dict(line.strip().split(": ") for line in said.splitlines())
        return {
            asset: {word: number(count) for count, word in (each.split(" ") for each in told.split(", "))}
            for asset, told in lines.items()
        }

    def meetings(self) -> dict[str, str]:
        """The line of the meetings: column -> what is printed."""
        header, line, *_ = self.printed.split("A MONTH OF MEETINGS")[1].split("asset ")[1].splitlines()
        return dict(zip(header.split(), line.split()[1:], strict=True))

    def removed(self) -> tuple[int, int]:
        """How many calls the op job archived, and with how many requests."""
        found = re.search(r"call_removal: (\d+) of \d+ calls archived, (\d+) requests", self.printed)
        assert found is not None
        return int(found[1]), int(found[2])


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("demo")
    environment = {
        **os.environ,
        "EXAMPLE_HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder / "books.json")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return Run(done.returncode, done.stdout, json.loads((folder / "books.json").read_text()), folder / "home")


def test_the_demo_is_satisfied_with_itself(demo: Run) -> None:
    assert demo.code == 0, demo.printed
    assert "exactly those that Dagster counted" in demo.printed


def test_every_row_is_accounted_for_and_every_fault_is_found(demo: Run) -> None:
    """Each faulty row is rejected, each other row is created: to the row."""
    for asset, counts in demo.night("FIRST").items():
        module = warehouse.TABLES[SOURCE[asset]]
        rows = customers.ACTIVE if asset == "contacts" else module.ROWS
        assert number(counts["rows"]) == rows
        assert number(counts["rejected"]) == refused(module.FAULTS)
        assert number(counts["created"]) == rows - refused(module.FAULTS)
        assert counts["unknown"] == counts["updated"] == counts["unchanged"] == "0"


def test_the_first_page_of_the_docs_shows_the_first_night(demo: Run) -> None:
    found = re.search(r"^```text\n(asset .*?)```$", (ROOT / "docs" / "index.md").read_text(), re.M | re.S)
    assert found is not None
    table, reasons = found[1].split("\n\n")
    columns, *lines = (line.split() for line in table.splitlines())
    shown = {cells[0]: dict(zip(columns[1:], cells[1:], strict=True)) for cells in lines}
    printed = demo.night("FIRST")
    assert shown == {name: {each: printed[name][each] for each in columns[1:]} for name in printed}
    assert all(line.strip() in demo.printed for line in reasons.splitlines())


def test_what_is_printed_is_what_hubspot_did(demo: Run) -> None:
    nights = [demo.night("FIRST"), demo.night("SECOND")]
    for outcome in ("created", "updated"):
        printed = {asset: sum(number(night[asset][outcome]) for night in nights) for asset in SOURCE}
        printed["meetings"] = number(demo.meetings()[outcome])
        assert printed == demo.books[outcome]
    archived, requests = demo.removed()
    assert {"calls": archived} == demo.books["archived"]
    requests += sum(number(counts["requests"]) for night in nights for counts in night.values())
    requests += number(demo.meetings()["requests"])
    assert requests == demo.books["requests"]


def test_no_record_is_made_twice(demo: Run) -> None:
    assert demo.books["twice"] == [{}, {}, {}]


def test_the_second_night_sends_only_what_has_changed(demo: Run) -> None:
    night = demo.night("SECOND")
    changed = {asset: (number(row["created"]), number(row["updated"])) for asset, row in night.items()}
    nothing = (0, 0)
    assert changed == {
        "calls": (25, 0),
        "companies": nothing,
        "contacts": (1, 40),
        "deals": (13, 0),
        "leads": nothing,
        "vehicles": nothing,
    }
    # The account once, the pipelines once, the properties of each type, the schema of the custom one, and for
    # each sync some of the records that it knows.
    looks = 1 + 1 + len(SOURCE) + 1 + len(night)
    writes = 3 + 1  # and the associations of calls whose contact is new, in one request
    assert sum(number(row["requests"]) for row in night.values()) == looks + writes


def test_a_month_of_meetings_is_made_and_the_wrong_calls_are_removed(demo: Run) -> None:
    first, last = DAYS
    month = [row for row in appointments.rows() if first <= f"{row['starts_at']:%Y-%m-%d}" <= last]
    bad = sum(row["outcome"] not in appointments.OUTCOMES for row in month)
    printed = demo.meetings()
    assert {name: number(printed[name]) for name in ("rows", "created", "rejected")} == {
        "rows": len(month),
        "created": len(month) - bad,
        "rejected": bad,
    }
    assert demo.removed()[0] == len(WRONG_CALLS)


def test_leads_calls_deals_and_meetings_hang_on_their_records(demo: Run) -> None:
    ids = {asset: pq.read_table(demo.home / "assets" / f"{asset}.parquet").to_pylist() for asset in SOURCE}
    contacts = {row["mail"].strip().lower() for row in ids["contacts"] if row["hs_object_id"]}
    made = {
        asset: {row[key] for row in ids[asset] if row["hs_object_id"]}
        for asset, key in (("calls", "call_id"), ("leads", "lead_id"), ("deals", "deal_id"))
    }
    log, leads, deals = (
        warehouse.read(name, demo.home / "warehouse.duckdb").to_pylist()
        for name in ("phone_log", "trade_show_leads", "sales_sheet")
    )
    linked = sum(row["call_id"] in made["calls"] and (row["mail"] or "").lower() in contacts for row in log)
    linked += sum(row["lead_id"] in made["leads"] for row in leads)
    linked += sum(row["deal_id"] in made["deals"] and row["account_id"] != "A-99999" for row in deals)
    linked += sum(row["parent_account"] is not None for row in accounts.rows())
    meetings = pq.read_table(demo.home / "hubspot" / "meetings" / "ids.parquet").to_pylist()
    made["meetings"] = {row["appointment_id"] for row in meetings if row["hs_object_id"]}
    linked += sum(
        row["appointment_id"] in made["meetings"] and row["mail"] in contacts for row in appointments.rows()
    )
    assert demo.books["linked"] == linked


def test_a_call_that_came_a_night_before_its_contact_is_associated_in_the_second_night(demo: Run) -> None:
    """It is not sent again. Parent companies are associated in the night that makes them."""
    made = {
        row["call_id"]
        for row in pq.read_table(demo.home / "hubspot" / "calls" / "ids.parquet").to_pylist()
        if row["hs_object_id"]
    }
    early = sum(row["mail"] == phone_log.NOT_YET and row["call_id"] in made for row in phone_log.rows())
    assert early == 12
    first, second = demo.associations("FIRST"), demo.associations("SECOND")
    assert first["calls"]["unresolved"] - second["calls"]["unresolved"] == early
    new = sum(first["calls"].values()) + 25 - sum(second["calls"].values())  # some of the 25 name nobody
    assert 0 <= new <= 25
    assert early <= second["calls"]["associated"] <= early + 25
    parents = sum(row["parent_account"] is not None for row in accounts.rows())
    assert (first["companies"], second["companies"]) == ({"associated": parents}, {"unchanged": parents})


def test_all_three_colours_show_and_one_asset_is_red_on_purpose(demo: Run) -> None:
    for night in ("FIRST", "SECOND"):
        colours = {asset: row["check"] for asset, row in demo.night(night).items()}
        assert colours.pop("vehicles") == "red"
        assert colours.pop("companies") == "green"
        assert set(colours.values()) == {"yellow"}
    assert "vehicles is red on purpose" in demo.printed


def test_every_rejected_row_is_explained(demo: Run) -> None:
    explained = demo.printed.split("Why rows were rejected")[1].split("SECOND NIGHT")[0]
    counted = sum(number(found) for found in re.findall(r"^ +([\d,]+)  [A-Z_]+, \S", explained, re.M))
    assert counted == sum(number(row["rejected"]) for row in demo.night("FIRST").values())


def test_the_text_is_plain_and_fits_a_terminal(demo: Run) -> None:
    lines = demo.printed.splitlines()
    assert all(line.isprintable() for line in lines)
    assert max(len(line) for line in lines if str(demo.home) not in line and "python -c" not in line) <= 105


def test_the_ids_tables_are_where_it_says(demo: Run) -> None:
    ids = pq.read_table(demo.home / "hubspot" / "contacts" / "ids.parquet")
    assert {"mail", "hs_object_id", "outcome"} <= set(ids.column_names)
    assert (demo.home / "hubspot" / "vehicles" / "ids.parquet").exists()


def test_nothing_is_left_running(demo: Run) -> None:
    port = int(str(demo.books["url"]).rsplit(":", 1)[1])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
