"""The account: its details, what it has used today, its owners and its pipelines."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hubspot_batch_dagster.emulator.exchange import Answer, Json, Request, iso, not_found, validation
from hubspot_batch_dagster.emulator.limits import Limits
from hubspot_batch_dagster.emulator.pipelines import Pipeline, Stage
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table

OWNERS = (("1001", "Ada", "Quist"), ("1002", "Bo", "Lindahl"), ("1003", "Cem", "Aydin"))


def details(portal: Portal, _: Request) -> Answer:
    """Portal id, time zone and the like."""
    zone = ZoneInfo(portal.settings.time_zone)
    offset = datetime.fromtimestamp(portal.now(), tz=zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return Answer(
        200,
        {
            "portalId": portal.settings.portal_id,
            "accountType": "STANDARD",
            "timeZone": portal.settings.time_zone,
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def daily_usage(portal: Portal, limits: Limits) -> Answer:
    """What private apps have used today and when the count starts again."""
    zone = ZoneInfo(portal.settings.time_zone)
    tomorrow = datetime.fromtimestamp(portal.now(), tz=zone).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    usage: Json = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": portal.settings.daily_limit or 1_000_000,
        "currentUsage": limits.used(),
        "collectedAt": iso(portal.now()),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(midnight.timestamp()),
    }
    return Answer(200, {"results": [usage]})


def list_owners(_: Portal, __: Request) -> Answer:
    """The people who may own records."""
    return Answer(200, {"results": [_owner(*owner) for owner in OWNERS]})


def read_owner(_: Portal, request: Request) -> Answer:
    """One of them."""
    found = next((owner for owner in OWNERS if owner[0] == request.parameters["owner"]), None)
    if found is None:
        raise not_found()
    return Answer(200, _owner(*found))


def _owner(owner_id: str, first: str, last: str) -> Json:
    stamp = iso(1_500_000_000.0)
    return {
        "id": owner_id,
        "email": f"{first}.{last}@example.com".lower(),
        "type": "PERSON",
        "firstName": first,
        "lastName": last,
        "userId": int(owner_id) + 50_000,
        "createdAt": stamp,
        "updatedAt": stamp,
        "archived": False,
    }


def list_pipelines(portal: Portal, request: Request) -> Answer:
    """The pipelines of an object type."""
    table = portal.table_of_path(request.parameters["type"])
    stamp = iso(1_500_000_000.0)
    return Answer(200, {"results": [p.as_json(stamp) for p in portal.pipelines.get(table.name, [])]})


def read_pipeline(portal: Portal, request: Request) -> Answer:
    """One pipeline."""
    return Answer(200, _one_pipeline(portal, request).as_json(iso(1_500_000_000.0)))


def list_stages(portal: Portal, request: Request) -> Answer:
    """The stages of one pipeline, first to last."""
    pipeline = _one_pipeline(portal, request).as_json(iso(1_500_000_000.0))
    return Answer(200, {"results": pipeline["stages"]})


def _one_pipeline(portal: Portal, request: Request) -> Pipeline:
    table = portal.table_of_path(request.parameters["type"])
    for pipeline in portal.pipelines.get(table.name, []):
        if pipeline.id == request.parameters["pipeline"]:
            return pipeline
    raise not_found()


def create_pipeline(portal: Portal, request: Request) -> Answer:
    """Makes a pipeline with its stages."""
    table, body = portal.table_of_path(request.parameters["type"]), request.json
    if not body.get("label") or not body.get("stages"):
        raise validation("Some required fields were not set: [label, stages]")
    stages = tuple(Stage(str(s.get("stageId") or portal.next_id()), str(s["label"])) for s in body["stages"])
    pipeline = Pipeline(str(body.get("pipelineId") or portal.next_id()), str(body["label"]), stages)
    add_pipeline(portal, table, pipeline)
    return Answer(201, pipeline.as_json(iso(portal.now())))


def add_pipeline(portal: Portal, table: Table, pipeline: Pipeline) -> None:
    """Adds a pipeline; its stages are options from now on."""
    portal.pipelines.setdefault(table.name, []).append(pipeline)
    for prop in list(table.properties.values()):
        if prop.rule in ("pipeline", "stage"):
            table.define(prop)
