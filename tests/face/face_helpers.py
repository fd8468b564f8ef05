"""What the tests of the Dagster face share: a portal, resources on a fresh folder, and runs that are easy to
question.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from hubspot_batch_dagster import ArrowParquetIOManager, Create, HubSpotResource, Upsert
from hubspot_batch_dagster.emulator import Emulator, Settings

SETTINGS = Settings(search_lag=0.02)
OUTCOMES = ("created", "updated", "archived", "unchanged", "rejected", "unknown", "unsent")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

BY_EMAIL = Upsert("contacts", id_property="email")
FIRMS = Create("companies", key="id", properties=["name"])


def people(n: int, bad: int = 0) -> list[dict[str, Any]]:
    """Contacts, the last ``bad`` of them with an address that is none."""
    good = [{"email": f"p{i}@x.org", "firstname": f"Ada {i}"} for i in range(n - bad)]
    return good + [{"email": f"nonsense {i}", "firstname": "Bob"} for i in range(bad)]


def firms(n: int) -> list[dict[str, Any]]:
    """Companies, which have no unique property: only the ids table keeps them from being made twice."""
    return [{"id": i, "name": f"Firm {i}"} for i in range(n)]


class Ran:
    """A run, and questions about it."""

    def __init__(self, result: dg.ExecuteInProcessResult) -> None:
        self.result = result
        self.success = result.success

    def value(self, key: str) -> Any:
        return self.result.asset_value(dg.AssetKey(key.split("/")))

    def materialized(self) -> list[str]:
        events = self.result.get_asset_materialization_events()
        return [event.asset_key.to_user_string() for event in events if event.asset_key]

    def metadata(self, key: str) -> dict[str, Any]:
        """Metadata of the asset's last materialization in the run, unwrapped."""
        events = self.result.asset_materializations_for_node(key.replace("/", "__"))
        return {name: each.value for name, each in events[-1].metadata.items()}

    def check(self, name: str) -> dg.AssetCheckEvaluation:
        found = [each for each in self.result.get_asset_check_evaluations() if each.check_name == name]
        assert len(found) == 1, f"{name} reported {len(found)} times"
        return found[0]

    def step_events(self, key: str) -> list[str]:
        return [
            each.event_type_value
            for each in self.result.all_events
            if each.step_key == key and each.event_type_value.startswith("STEP_")
        ]

    def failure(self, key: str) -> str:
        """All that the failed step says of its end."""
        return str(self.result.failure_data_for_node(key))


class Bench:
    """A portal, a folder, and what leads from the one to the other."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.store = folder / "store"

    @property
    def books(self) -> Any:
        return self.emulator.books

    def resource(self, **changes: Any) -> HubSpotResource:
        """A resource for the portal, in a hurry."""
        usual: dict[str, Any] = {
            "access_token": self.emulator.token,
            "base_url": self.emulator.url,
            "store": str(self.store),
            "limit": 10_000,
            "backoff": 0.01,
            "index_lag": 0.05,
            "patience": 20.0,
            "timeout": 10.0,
        }
        return HubSpotResource(**(usual | changes))

    def materialize(
        self,
        *assets: Any,
        resources: Mapping[str, Any] | None = None,
        instance: dg.DagsterInstance | None = None,
        run_config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Ran:
        """Materialize in this process. A step that fails is for the test to see, so nothing is raised for
        it.
        """
        usual = {
            "hubspot": self.resource(),
            "io_manager": ArrowParquetIOManager(base_dir=str(self.folder / "values")),
        }
        return Ran(
            dg.materialize(
                list(assets),
                resources={**usual, **(resources or {})},
                instance=instance,
                run_config={**QUIET, **(run_config or {})},
                raise_on_error=False,
                **options,
            )
        )

    def nothing_doubled(self) -> bool:
        """Whether no input was carried out twice, by the emulator's books."""
        return not self.books.trace_ids_committed_twice()

    def once_each(self, object_type: str, name: str, values: Sequence[str]) -> bool:
        """Whether each value lives in exactly one record, and no other does."""
        living = [str(each.get(name)) for each in self.emulator.records(object_type).values()]
        return sorted(living) == sorted(values)


def config_of(step: str, **values: Any) -> dict[str, Any]:
    """Run config of one step, as the launchpad has it."""
    return {"ops": {step: {"config": values}}}


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of a project, in a module of its own."""

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner
