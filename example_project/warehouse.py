"""The warehouse: a DuckDB file, built the first time that somebody asks for a table."""

import os
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from example_project.data import (
    accounts,
    appointments,
    customers,
    phone_log,
    price_list,
    sales_sheet,
    trade_show_leads,
)
from example_project.paths import WAREHOUSE

TABLES = {
    "accounts": accounts,
    "customers": customers,
    "sales_sheet": sales_sheet,
    "trade_show_leads": trade_show_leads,
    "phone_log": phone_log,
    "price_list": price_list,
    "appointments": appointments,
}


def read(table: str, path: Path = WAREHOUSE) -> pa.Table:
    """A table of the warehouse as Arrow; the file is built if it is missing."""
    # Read-only: DuckDB lets many processes read a file but only one write it, and Dagster runs steps in
    # processes.
    with duckdb.connect(str(build(path)), read_only=True) as warehouse:
        return warehouse.sql(f'from "{table}"').to_arrow_table()


def read_between(table: str, column: str, start: datetime, end: datetime, path: Path = WAREHOUSE) -> pa.Table:
    """The rows of a table whose ``column`` is at ``start`` or later, and before ``end``."""
    with duckdb.connect(str(build(path)), read_only=True) as warehouse:
        within = f'from "{table}" where "{column}" >= $1 and "{column}" < $2'
        return warehouse.sql(within, params=[start, end]).to_arrow_table()


def build(path: Path = WAREHOUSE) -> Path:
    """Build the file unless it is there.

    Two processes may do so at once: each writes a file of its own, and the last one stays.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.unlink(missing_ok=True)
    with duckdb.connect(str(unfinished)) as warehouse:
        for name, module in TABLES.items():
            rows = module.table()
            warehouse.register("made_up", rows)
            warehouse.execute(f'create table "{name}" as select {_columns(rows)} from made_up')
            warehouse.unregister("made_up")
    unfinished.replace(path)
    return path


def next_day(path: Path = WAREHOUSE) -> str:
    """Let a day pass; returns what happened, as a sentence."""
    with duckdb.connect(str(path)) as warehouse:
        for change in _NEXT_DAY:
            warehouse.execute(change)
    return "40 customers have moved, 1 caller has registered, 25 calls are new, 13 dates were put right."


_NEXT_DAY = (
    "update customers set town = 'Łódź' where customer_id <= 40",
    f"""insert into customers select * replace (20000 as customer_id, '{phone_log.NOT_YET}' as mail)
    from customers where customer_id = 1""",
    "update sales_sheet set closes_on = '2026-12-31' where closes_on = '31.12.2026'",
    """insert into phone_log
    select * replace (call_id + 20000 as call_id, started_at + interval 1 year as started_at)
    from phone_log where status = 'COMPLETED' and direction = 'INBOUND' and length(notes) < 100 order by call_id limit 25""",
)


def _columns(rows: pa.Table) -> str:
    """The table's columns, with its categories kept as ENUMs: DuckDB would store them as plain text."""
    columns = []
    for field in rows.schema:
        if pa.types.is_dictionary(field.type):
            values = rows[field.name].unify_dictionaries().chunk(0).dictionary.to_pylist()
            choice = ", ".join(f"'{value}'" for value in values)
            columns.append(f'"{field.name}"::enum({choice}) as "{field.name}"')
        else:
            columns.append(f'"{field.name}"')
    return ", ".join(columns)
