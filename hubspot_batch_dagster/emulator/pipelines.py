"""Pipelines and their stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline."""

    id: str
    label: str
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """One pipeline: its stages, first to last."""

    id: str
    label: str
    stages: tuple[Stage, ...]

    def as_json(self, created_at: str) -> dict[str, Any]:
        """The pipeline as the pipelines API shows it."""
        times = {"createdAt": created_at, "updatedAt": created_at, "archived": False}
        stages = [
            {
                "id": stage.id,
                "label": stage.label,
                "displayOrder": place,
                "metadata": dict(stage.metadata),
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                **times,
            }
            for place, stage in enumerate(self.stages)
        ]
        return {"id": self.id, "label": self.label, "displayOrder": 0, "stages": stages, **times}


def _pipeline(pipeline_id: str, label: str, stages: str) -> Pipeline:
    pairs = (stage.split("=") for stage in stages.split(";"))
    return Pipeline(pipeline_id, label, tuple(Stage(stage_id, text) for stage_id, text in pairs))


def standard_pipelines() -> dict[str, list[Pipeline]]:
    """The pipelines of a fresh portal, by object type."""
    deals = (
        "appointmentscheduled=Appointment Scheduled;qualifiedtobuy=Qualified To Buy;"
        "presentationscheduled=Presentation Scheduled;decisionmakerboughtin=Decision Maker Bought-In;"
        "contractsent=Contract Sent;closedwon=Closed Won;closedlost=Closed Lost"
    )
    leads = (
        "new-stage-id=New;attempting-stage-id=Attempting;connected-stage-id=Connected;"
        "qualified-stage-id=Qualified;unqualified-stage-id=Disqualified"
    )
    staged = "new=New;in_progress=In progress;done=Done"
    return {
        "deals": [_pipeline("default", "Sales Pipeline", deals)],
        "tickets": [
            _pipeline("0", "Support Pipeline", "1=New;2=Waiting on contact;3=Waiting on us;4=Closed")
        ],
        "leads": [_pipeline("lead-pipeline-id", "Lead pipeline", leads)],
        "orders": [
            _pipeline("order-pipeline", "Order pipeline", "open=Open;processed=Processed;shipped=Shipped")
        ],
        "services": [_pipeline("service-pipeline", "Service pipeline", staged)],
        "projects": [_pipeline("project-pipeline", "Project pipeline", staged)],
    }
