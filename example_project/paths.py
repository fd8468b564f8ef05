"""Where the example keeps its files: one folder, so that deleting it starts afresh."""

import os
from pathlib import Path

HOME = Path(os.environ.get("EXAMPLE_HOME") or Path(__file__).parent.parent / ".demo").absolute()

WAREHOUSE = HOME / "warehouse.duckdb"
STORE = HOME / "hubspot"  # ids tables, rejected rows and the journal of each sync
VALUES = HOME / "assets"  # what the IO manager hands from asset to asset
LISTS = HOME / "remove_calls"  # lists of calls that must go, which a sensor looks for
DAGSTER_HOME = HOME / "dagster_home"
