"""Pipelines and their stages, as values, and those of a fresh portal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hubspot_batch_dagster.emulator.exchange import iso

FIRST_DAY = 1_500_000_000.0


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline.

    Attributes:
        id: What records hold.
        label: What people read.
        metadata: Such as `(("probability", "0.2"),)` for deals.
        display_order: Its place; None for the place at which it stands in the pipeline.
        created: When it was made, in seconds since 1970.
        updated: When it last changed.
    """

    id: str
    label: str
    metadata: tuple[tuple[str, str], ...] = ()
    display_order: int | None = None
    created: float = FIRST_DAY
    updated: float = FIRST_DAY

    def as_json(self, place: int) -> dict[str, Any]:
        """Show the stage as the pipelines API does."""
        return {
            "id": self.id,
            "label": self.label,
            "displayOrder": place if self.display_order is None else self.display_order,
            "metadata": dict(self.metadata),
            # Not in HubSpot's examples; the contract of 2026-08-21 requires it.
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "archived": False,
        }


@dataclass(frozen=True)
class Pipeline:
    """One pipeline: its stages, first to last."""

    id: str
    label: str
    stages: tuple[Stage, ...]
    display_order: int = 0
    created: float = FIRST_DAY
    updated: float = FIRST_DAY

    def as_json(self) -> dict[str, Any]:
        """Show the pipeline as the pipelines API does."""
        return {
            "id": self.id,
            "label": self.label,
            "displayOrder": self.display_order,
            "stages": [stage.as_json(place) for place, stage in enumerate(self.stages)],
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "archived": False,
        }


def _pipeline(pipeline_id: str, label: str, stages: str) -> Pipeline:
    pairs = (stage.split("=") for stage in stages.split(";"))
    return Pipeline(pipeline_id, label, tuple(Stage(stage_id, text) for stage_id, text in pairs))


def _deal_pipeline() -> Pipeline:
    """Build the sales pipeline with the probabilities that HubSpot gives its stages."""
    stages = (
        ("appointmentscheduled", "Appointment Scheduled", "0.2"),
        ("qualifiedtobuy", "Qualified To Buy", "0.4"),
        ("presentationscheduled", "Presentation Scheduled", "0.6"),
        ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
        ("contractsent", "Contract Sent", "0.9"),
        ("closedwon", "Closed Won", "1.0"),
        ("closedlost", "Closed Lost", "0.0"),
    )
    made = tuple(
        Stage(stage_id, label, (("isClosed", str(share in ("1.0", "0.0")).lower()), ("probability", share)))
        for stage_id, label, share in stages
    )
    return Pipeline("default", "Sales Pipeline", made)


def _ticket_pipeline() -> Pipeline:
    labels = ("New", "Waiting on contact", "Waiting on us", "Closed")
    made = tuple(
        Stage(
            str(place),
            label,
            (
                ("isClosed", str(label == "Closed").lower()),
                ("ticketState", "CLOSED" if label == "Closed" else "OPEN"),
            ),
        )
        for place, label in enumerate(labels, 1)
    )
    return Pipeline("0", "Support Pipeline", made)


def standard_pipelines() -> dict[str, list[Pipeline]]:
    """Build the pipelines of a fresh portal, by object type."""
    leads = (
        "new-stage-id=New;attempting-stage-id=Attempting;connected-stage-id=Connected;"
        "qualified-stage-id=Qualified;unqualified-stage-id=Disqualified"
    )
    staged = "new=New;in_progress=In progress;done=Done"
    orders = "open=Open;processed=Processed;shipped=Shipped"
    return {
        "deals": [_deal_pipeline()],
        "tickets": [_ticket_pipeline()],
        "leads": [_pipeline("lead-pipeline-id", "Lead pipeline", leads)],
        "orders": [_pipeline("order-pipeline", "Order pipeline", orders)],
        "services": [_pipeline("service-pipeline", "Service pipeline", staged)],
        "projects": [_pipeline("project-pipeline", "Project pipeline", staged)],
    }
