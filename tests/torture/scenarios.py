"""The operations that are put to the test, each with the rows that it must refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert

Style = Literal["create", "upsert", "update", "archive"]

SENT = ["marker", "title", "amount"]


@dataclass(frozen=True)
class Scenario:
    """One operation.

    Attributes:
        name: As the command line and the summary call it.
        style: What the books must show in the end.
        refused: Kinds of rows that it must reject; see :mod:`tests.torture.source`.
        existing: The records are in HubSpot before the first run.
        maker: The records are made by another sync, whose ids table knows the keys.
        twins: Rows with equal values are part of it.
        adopts: Records with a row's unique value are there already, and are the row's.
        leaving: Rows leave the source, and their records are to be archived.
        vanishing: Records are archived in HubSpot by somebody else, and are to be made again.
    """

    name: str
    operation: Operation
    style: Style
    refused: tuple[str, ...] = ("bad", "keyless", "double")
    existing: bool = False
    maker: bool = False
    twins: bool = False
    adopts: bool = False
    leaving: bool = False
    vanishing: bool = False
    tags: frozenset[str] = field(default_factory=frozenset)

    @property
    def object_type(self) -> str:
        """The type of the records."""
        return self.operation.object_type

    @property
    def changing(self) -> bool:
        """Whether rows change between runs; an archive does not look at values."""
        return self.style != "archive"


MAKER = Create("deals", key="row_id", properties=SENT)
"""The sync that makes the records for operations that go through its ids table."""

SCENARIOS = (
    Scenario("create", Create("calls", key="row_id", properties=SENT), "create", twins=True),
    Scenario(
        "create creation_key",
        Create("companies", key="row_id", properties=[*SENT, "ext_id"], creation_key="ext_id"),
        "create",
        adopts=True,
    ),
    Scenario(
        "create contacts by email",
        Create("contacts", key="row_id", properties=[*SENT, "email"]),
        "create",
        refused=("bad", "keyless", "double", "foreign"),
    ),
    Scenario(
        "upsert by email", Upsert("contacts", id_property="email", properties=[*SENT, "email"]), "upsert"
    ),
    Scenario(
        "upsert by unique", Upsert("companies", id_property="ext_id", properties=[*SENT, "ext_id"]), "upsert"
    ),
    Scenario("upsert by key", Upsert("deals", key="row_id", properties=SENT), "upsert", twins=True),
    Scenario(
        "upsert by key, creation_key",
        Upsert("companies", key="row_id", properties=[*SENT, "ext_id"], creation_key="ext_id"),
        "upsert",
        adopts=True,
    ),
    Scenario(
        "upsert by key, gone",
        Upsert("deals", key="row_id", properties=SENT, when_gone="archive", max_gone=1),
        "upsert",
        refused=("bad", "double"),
        leaving=True,
    ),
    Scenario(
        "upsert by key, recreate",
        Upsert("deals", key="row_id", properties=SENT, if_missing="recreate"),
        "upsert",
        vanishing=True,
    ),
    Scenario(
        "update by record id",
        Update("deals", record_id="rid", properties=SENT),
        "update",
        refused=("bad", "missing"),
        existing=True,
    ),
    Scenario(
        "update by unique",
        Update("companies", id_property="ext_id", properties=[*SENT, "ext_id"]),
        "update",
        refused=("bad", "keyless", "double", "missing"),
        existing=True,
    ),
    Scenario(
        "update through a sync",
        Update("deals", key="row_id", through="maker", properties=SENT),
        "update",
        refused=("bad", "keyless", "double", "missing"),
        maker=True,
    ),
    Scenario("archive by record id", Archive("deals", record_id="rid"), "archive", refused=(), existing=True),
    Scenario(
        "archive by unique",
        Archive("companies", id_property="ext_id"),
        "archive",
        refused=("keyless", "double", "missing"),
        existing=True,
    ),
    Scenario(
        "archive through a sync",
        Archive("deals", key="row_id", through="maker"),
        "archive",
        refused=("keyless", "double", "missing"),
        maker=True,
    ),
)
