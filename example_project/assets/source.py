"""The warehouse's tables. Any frame will do: pandas and Arrow here, polars or a DuckDB relation just as
well.
"""

import dagster as dg
import pandas as pd
import pyarrow as pa

from example_project import warehouse


@dg.asset(group_name="warehouse", kinds={"duckdb", "arrow"})
def accounts() -> pa.Table:
    """The billing system's accounts."""
    return warehouse.read("accounts")


@dg.asset(group_name="warehouse", kinds={"duckdb", "pandas"})
def customers() -> pd.DataFrame:
    """The shop's customers, with a category column, a list column, and times with a zone."""
    return warehouse.read("customers").to_pandas()


@dg.asset(group_name="warehouse", kinds={"duckdb", "pandas"})
def sales_sheet() -> pd.DataFrame:
    """The sales team's spreadsheet: decimals, whole numbers with gaps (floats, says pandas), dates as people
    type them.
    """
    return warehouse.read("sales_sheet").to_pandas()


@dg.asset(group_name="warehouse", kinds={"duckdb", "arrow"})
def trade_show_leads() -> pa.Table:
    """Leads from the trade show."""
    return warehouse.read("trade_show_leads")


@dg.asset(group_name="warehouse", kinds={"duckdb", "arrow"})
def phone_log() -> pa.Table:
    """The telephone system's log."""
    return warehouse.read("phone_log")


@dg.asset(group_name="warehouse", kinds={"duckdb", "arrow"})
def price_list() -> pa.Table:
    """The dealer's price list."""
    return warehouse.read("price_list")
