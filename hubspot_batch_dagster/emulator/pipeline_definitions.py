"""The pipelines endpoints: pipelines and stages read, made, changed and taken away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hubspot_batch_dagster.emulator.exchange import (
    Answer,
    Json,
    Refused,
    Request,
    error_body,
    not_found,
    validation,
    whole,
)
from hubspot_batch_dagster.emulator.pipelines import Pipeline, Stage
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table


def list_pipelines(portal: Portal, request: Request) -> Answer:
    """List the pipelines of an object type."""
    table = portal.table_of_path(request.parameters["type"])
    return Answer(200, {"results": [pipeline.as_json() for pipeline in table.pipelines]})


def read_pipeline(portal: Portal, request: Request) -> Answer:
    """Read one pipeline."""
    return Answer(200, _asked(portal, request)[1].as_json())


def create_pipeline(portal: Portal, request: Request) -> Answer:
    """Make a pipeline with its stages; 409 where its id or label is taken."""
    table = portal.table_of_path(request.parameters["type"])
    pipeline = pipeline_from(portal, request.json, table)
    _refuse_taken(table, pipeline)
    table.set_pipelines([*table.pipelines, pipeline])
    return Answer(201, pipeline.as_json())


def update_pipeline(portal: Portal, request: Request) -> Answer:
    """Change the label or the place of a pipeline."""
    table, pipeline = _asked(portal, request)
    body = request.json
    changed = replace(
        pipeline,
        label=str(body.get("label", pipeline.label)),
        display_order=_order(body, pipeline.display_order) or 0,
        updated=portal.now(),
    )
    _refuse_taken(table, changed, pipeline)
    _put(table, pipeline, changed)
    return Answer(200, changed.as_json())


def replace_pipeline(portal: Portal, request: Request) -> Answer:
    """Replace a pipeline and all its stages."""
    table, pipeline = _asked(portal, request)
    made = pipeline_from(portal, {**request.json, "pipelineId": pipeline.id}, table)
    made = replace(made, created=pipeline.created)
    _refuse_taken(table, made, pipeline)
    _refuse_used(
        table, pipeline, {stage.id for stage in pipeline.stages} - {stage.id for stage in made.stages}
    )
    _put(table, pipeline, made)
    return Answer(200, made.as_json())


def delete_pipeline(portal: Portal, request: Request) -> Answer:
    """Take a pipeline away; with `validateReferencesBeforeDelete=true` only while no record is in it."""
    table, pipeline = _asked(portal, request)
    validating = ("validateReferencesBeforeDelete", "validateDealStageUsagesBeforeDelete")
    if any(request.query(name).lower() == "true" for name in validating):
        _refuse_used(table, pipeline, {stage.id for stage in pipeline.stages})
    table.set_pipelines([other for other in table.pipelines if other is not pipeline])
    return Answer(204)


def list_stages(portal: Portal, request: Request) -> Answer:
    """List the stages of one pipeline, first to last."""
    return Answer(200, {"results": _asked(portal, request)[1].as_json()["stages"]})


def read_stage(portal: Portal, request: Request) -> Answer:
    """Read one stage."""
    _, pipeline = _asked(portal, request)
    place = _place(pipeline, request.parameters["stage"])
    return Answer(200, pipeline.stages[place].as_json(place))


def create_stage(portal: Portal, request: Request) -> Answer:
    """Add a stage to a pipeline; 409 where its id or label is taken."""
    table, pipeline = _asked(portal, request)
    stage = _stage_from(portal, request.json, table)
    if any(stage.id == other.id or stage.label == other.label for other in pipeline.stages):
        raise Refused(409, error_body(f"A stage {stage.label!r} or {stage.id!r} exists", "CONFLICT"))
    _put(table, pipeline, replace(pipeline, stages=(*pipeline.stages, stage), updated=portal.now()))
    return Answer(201, stage.as_json(len(pipeline.stages)))


def update_stage(portal: Portal, request: Request) -> Answer:
    """Change a stage: what the body leaves out stays."""
    table, pipeline = _asked(portal, request)
    place = _place(pipeline, request.parameters["stage"])
    stage, body = pipeline.stages[place], request.json
    changed = replace(
        stage,
        label=str(body.get("label", stage.label)),
        metadata=_metadata(body, table) if "metadata" in body else stage.metadata,
        display_order=_order(body, stage.display_order),
        updated=portal.now(),
    )
    _put_stage(table, pipeline, place, changed)
    return Answer(200, changed.as_json(place))


def replace_stage(portal: Portal, request: Request) -> Answer:
    """Replace a stage; its id stays."""
    table, pipeline = _asked(portal, request)
    place = _place(pipeline, request.parameters["stage"])
    stage = pipeline.stages[place]
    made = _stage_from(portal, {**request.json, "stageId": stage.id}, table)
    made = replace(made, created=stage.created)
    _put_stage(table, pipeline, place, made)
    return Answer(200, made.as_json(place))


def delete_stage(portal: Portal, request: Request) -> Answer:
    """Take a stage away, which is only possible while no record is in it."""
    table, pipeline = _asked(portal, request)
    stage = pipeline.stages[_place(pipeline, request.parameters["stage"])]
    _refuse_used(table, pipeline, {stage.id})
    rest = tuple(other for other in pipeline.stages if other is not stage)
    _put(table, pipeline, replace(pipeline, stages=rest, updated=portal.now()))
    return Answer(204)


def audit(portal: Portal, request: Request) -> Answer:
    """List who changed a pipeline or a stage: an emulated portal tells its creation only."""
    _, pipeline = _asked(portal, request)
    shown = pipeline.as_json()
    entry = {
        "portalId": portal.settings.portal_id,
        "identifier": request.parameters.get("stage", pipeline.id),
        "action": "CREATE",
        "timestamp": shown["createdAt"],
        "message": "Pipeline create",
        "rawObject": {"label": pipeline.label},
    }
    return Answer(200, {"results": [entry]})


def add_pipeline(portal: Portal, table: Table, pipeline: Pipeline) -> None:
    """Add a pipeline without a request; its stages are options from now on.

    Raises:
        Refused: Its id or label is taken.
    """
    _refuse_taken(table, pipeline)
    table.set_pipelines([*table.pipelines, replace(pipeline, created=portal.now(), updated=portal.now())])


def pipeline_from(portal: Portal, body: Json, table: Table | None = None) -> Pipeline:
    """Read a pipeline in HubSpot's own words: `label`, `displayOrder`, `stages`, and `pipelineId` if given.

    Raises:
        Refused: It has no label or no stages.
    """
    if not body.get("label") or not isinstance(body.get("stages"), list) or not body["stages"]:
        raise validation("Some required fields were not set: [label, stages]")
    stages = tuple(_stage_from(portal, stage, table) for stage in body["stages"])
    if any(len(set(own)) < len(stages) for own in ([s.id for s in stages], [s.label for s in stages])):
        raise validation("Two stages have the same id or label")
    now = portal.now()
    order = _order(body, 0) or 0
    pipeline_id = str(body.get("pipelineId") or body.get("id") or portal.next_id())
    return Pipeline(pipeline_id, str(body["label"]), stages, order, now, now)


def _stage_from(portal: Portal, body: Any, table: Table | None = None) -> Stage:
    if not isinstance(body, dict) or not body.get("label"):
        raise validation("Some required fields were not set: [label]")
    now = portal.now()
    stage_id = str(body.get("stageId") or body.get("id") or portal.next_id())
    return Stage(stage_id, str(body["label"]), _metadata(body, table), _order(body, None), now, now)


def _metadata(body: Json, table: Table | None) -> tuple[tuple[str, str], ...]:
    given = body.get("metadata") or {}
    if not isinstance(given, dict):
        raise validation("metadata must be an object")
    if table is not None and table.name == "deals" and not _is_share(given.get("probability")):
        # The pipelines guide: a deal stage needs its probability.
        raise validation("A deal stage needs metadata.probability, between 0.0 and 1.0")
    if (
        table is not None
        and table.name == "tickets"
        and given.get("ticketState", "OPEN") not in ("OPEN", "CLOSED")
    ):
        raise validation("metadata.ticketState is OPEN or CLOSED")
    return tuple((str(name), str(value)) for name, value in given.items())


def _is_share(given: Any) -> bool:
    try:
        return 0.0 <= float(given) <= 1.0
    except (TypeError, ValueError):
        return False


def _order(body: Json, otherwise: int | None) -> int | None:
    given = body.get("displayOrder")
    return otherwise if given is None else whole(given, "displayOrder", least=-1)


def _asked(portal: Portal, request: Request) -> tuple[Table, Pipeline]:
    table = portal.table_of_path(request.parameters["type"])
    for pipeline in table.pipelines:
        if pipeline.id == request.parameters["pipeline"]:
            return table, pipeline
    raise not_found()


def _place(pipeline: Pipeline, stage_id: str) -> int:
    for place, stage in enumerate(pipeline.stages):
        if stage.id == stage_id:
            return place
    raise not_found()


def _refuse_taken(table: Table, pipeline: Pipeline, own: Pipeline | None = None) -> None:
    others = [other for other in table.pipelines if other is not own]
    if any(pipeline.id == other.id or pipeline.label == other.label for other in others):
        raise Refused(409, error_body(f"A pipeline {pipeline.label!r} or {pipeline.id!r} exists", "CONFLICT"))


def _refuse_used(table: Table, pipeline: Pipeline, stages: set[str]) -> None:
    held = table.definition.stage_property
    used = sorted({record.properties.get(held, "") for record in table.records.values()} & stages)
    if used:
        message = f"Stages {', '.join(used)} of pipeline {pipeline.id} hold records"
        raise validation(message, context={"stageIds": used})


def _put(table: Table, old: Pipeline, new: Pipeline) -> None:
    table.set_pipelines([new if pipeline is old else pipeline for pipeline in table.pipelines])


def _put_stage(table: Table, pipeline: Pipeline, place: int, stage: Stage) -> None:
    stages = list(pipeline.stages)
    stages[place] = stage
    _put(table, pipeline, replace(pipeline, stages=tuple(stages), updated=stage.updated))
