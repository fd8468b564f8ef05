"""The example's own definitions, on a HubSpot and in a folder of the test's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from example_project.definitions import defs
from hubspot_batch_dagster import ArrowParquetIOManager, HubSpotResource
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.operations.base import Operation

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Project:
    """The example, with other resources."""

    def __init__(self, hubspot: Emulator, folder: Path, instance: dg.DagsterInstance) -> None:
        self.hubspot = hubspot
        self.instance = instance
        self.store = folder / "store"
        self.resource = HubSpotResource(
            access_token=hubspot.token, base_url=hubspot.url, store=str(self.store)
        )
        self.defs = dg.Definitions(
            assets=defs.assets,
            jobs=defs.jobs,
            schedules=defs.schedules,
            sensors=defs.sensors,
            resources={
                "hubspot": self.resource,
                "io_manager": ArrowParquetIOManager(base_dir=str(folder / "values")),
            },
        )

    def run(self, job: str, config: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return self.defs.resolve_job_def(job).execute_in_process(
            run_config={**(config or {}), **QUIET},
            instance=self.instance,
            raise_on_error=False,
            **options,
        )

    def sync(self, rows: list[dict[str, Any]], operation: Operation, name: str) -> dict[str, int]:
        """Send rows as an asset of this name would have done; returns the counts."""
        with self.resource.open() as hubspot:
            return dict(hubspot.sync(rows, operation, name=name).counts)

    def ids(self, name: str) -> pa.Table:
        return pq.read_table(self.store / name / "ids.parquet")
