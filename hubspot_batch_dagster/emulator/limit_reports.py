"""The limits endpoints: how much of an account's allowances is used.

The allowances are those of an Enterprise account in HubSpot's product catalogue, as far as it names them; the
answers' shapes are those of the published contract.
"""

from __future__ import annotations

from collections.abc import Iterable

from hubspot_batch_dagster.emulator.association_labels import MAX_LABELS
from hubspot_batch_dagster.emulator.exchange import Answer, Json, Request, validation
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table

RECORDS = 15_000_000
CUSTOM_RECORDS = 1_500_000
CUSTOM_PROPERTIES = 1_000
CALCULATED_PROPERTIES = 200
CUSTOM_OBJECT_TYPES = 10
PIPELINES = 100
SAMPLES = 10


def records(portal: Portal, _: Request) -> Answer:
    """Tell how many records of each type there are."""
    standard, custom = _split(portal)
    own = sum(len(table.records) for table in custom)
    return Answer(
        200,
        {
            "hubspotDefinedObjectTypes": [_usage(table, len(table.records), RECORDS) for table in standard],
            "customObjectTypes": {
                **_overall(own, CUSTOM_RECORDS),
                "byObjectType": [_counted(table, len(table.records)) for table in custom],
            },
        },
    )


def pipelines(portal: Portal, _: Request) -> Answer:
    """Tell how many pipelines each type has."""
    standard, custom = _split(portal)
    own = sum(len(table.pipelines) for table in custom)
    return Answer(
        200,
        {
            "hubspotDefinedObjectTypes": [
                _usage(table, len(table.pipelines), PIPELINES) for table in standard if table.pipelines
            ],
            "customObjectTypes": {
                **_overall(own, PIPELINES),
                "byObjectType": [_counted(table, len(table.pipelines)) for table in custom],
            },
        },
    )


def custom_properties(portal: Portal, _: Request) -> Answer:
    """Tell how many properties of its own each type has."""
    used = {table: _own_properties(table) for table in portal.tables.values()}
    body = _overall(sum(used.values()), CUSTOM_PROPERTIES * len(used))
    body["byObjectType"] = [_usage(table, count, CUSTOM_PROPERTIES) for table, count in used.items()]
    return Answer(200, body)


def calculated_properties(portal: Portal, _: Request) -> Answer:
    """Tell how many calculated properties of its own each type has."""
    used = {
        table: sum(p.calculated and not p.hubspot_defined for p in table.properties.values())
        for table in portal.tables.values()
    }
    body = _overall(sum(used.values()), CALCULATED_PROPERTIES)
    body["byObjectType"] = [_counted(table, count) for table, count in used.items()]
    return Answer(200, body)


def custom_object_types(portal: Portal, _: Request) -> Answer:
    """Tell how many custom object types there are."""
    used = len(_split(portal)[1])
    return Answer(
        200, {"limit": CUSTOM_OBJECT_TYPES, "usage": used, "percentage": _share(used, CUSTOM_OBJECT_TYPES)}
    )


def association_labels(portal: Portal, request: Request) -> Answer:
    """Tell how many labels pairs of object types have; one pair, one side, or all with labels."""
    source, target = request.query("fromObjectTypeId"), request.query("toObjectTypeId")
    found = []
    for first, second in portal.associations.pairs():
        ends = portal.tables.get(first), portal.tables.get(second)
        if ends[0] is None or ends[1] is None:
            continue
        ids = ends[0].definition.type_id, ends[1].definition.type_id
        if (source and ids[0] != source) or (target and ids[1] != target):
            continue
        labels = [
            kind.label
            for kind in portal.associations.types(first, second)
            if kind.category == "USER_DEFINED" and kind.label is not None
        ]
        if labels:
            found.append(
                {
                    "fromObjectType": _named(ends[0]),
                    "toObjectType": _named(ends[1]),
                    "allLabels": labels,
                    "limit": MAX_LABELS,
                    "usage": len(labels),
                    "percentage": _share(len(labels), MAX_LABELS),
                }
            )
    return Answer(200, {"results": found})


def association_sources(portal: Portal, _: Request) -> Answer:
    """Tell from which object types records are near or at their limit of associations."""
    found = []
    for table in portal.tables.values():
        counts = [count for other in portal.tables.values() for _, count in _counts(portal, table, other)]
        found += _near(portal, table, counts)
    return Answer(200, {"results": found})


def association_targets(portal: Portal, request: Request) -> Answer:
    """Tell to which object types the records of one type are near or at their limit."""
    source = _by_id(portal, request.parameters["from"])
    found = []
    for table in portal.tables.values():
        found += _near(portal, table, [count for _, count in _counts(portal, source, table)])
    return Answer(200, {"results": found})


def association_records(portal: Portal, request: Request) -> Answer:
    """Tell which records of one type are near or at their limit of associations to another."""
    source, target = (_by_id(portal, request.parameters[end]) for end in ("from", "to"))
    most = portal.settings.max_associations
    full = [(record_id, count) for record_id, count in _counts(portal, source, target) if count >= most]
    near = [
        (record_id, count)
        for record_id, count in _counts(portal, source, target)
        if 0.8 * most <= count < most
    ]
    return Answer(
        200,
        {
            "limit": most,
            "totalRecordsAtLimit": len(full),
            "totalRecordsNearLimit": len(near),
            "atLimitFromRecordSamples": [
                {"objectId": int(record_id), "label": source.type_name} for record_id, _ in full[:SAMPLES]
            ],
            "nearLimitFromRecordSamples": [
                {
                    "objectId": int(record_id),
                    "label": source.type_name,
                    "usage": count,
                    "percentage": _share(count, most),
                }
                for record_id, count in near[:SAMPLES]
            ],
        },
    )


def _counts(portal: Portal, source: Table, target: Table) -> list[tuple[str, int]]:
    return [
        (record_id, len(portal.associations.of(source.name, record_id, target.name)))
        for record_id in source.records
    ]


def _near(portal: Portal, table: Table, counts: Iterable[int]) -> list[Json]:
    most = portal.settings.max_associations
    listed = list(counts)
    full, near = any(n >= most for n in listed), any(0.8 * most <= n < most for n in listed)
    return [{**_named(table), "hasRecordsAtLimit": full, "hasRecordsNearLimit": near}] if full or near else []


def _by_id(portal: Portal, name: str) -> Table:
    table = portal.find_table_of_path(name)
    if table is None:
        raise validation(f"Unable to infer object type from: {name}")
    return table


def _split(portal: Portal) -> tuple[list[Table], list[Table]]:
    tables = portal.tables.values()
    return [t for t in tables if not t.definition.custom], [t for t in tables if t.definition.custom]


def _own_properties(table: Table) -> int:
    return sum(not prop.hubspot_defined for prop in table.properties.values())


def _named(table: Table) -> Json:
    singular, plural = table.definition.labels
    return {"objectTypeId": table.definition.type_id, "singularLabel": singular, "pluralLabel": plural}


def _counted(table: Table, used: int) -> Json:
    return {**_named(table), "usage": used}


def _usage(table: Table, used: int, limit: int) -> Json:
    return {**_counted(table, used), "limit": limit, "percentage": _share(used, limit)}


def _overall(used: int, limit: int) -> Json:
    return {"overallLimit": limit, "overallUsage": used, "overallPercentage": _share(used, limit)}


def _share(used: int, limit: int) -> float:
    return round(100.0 * used / limit, 4)
