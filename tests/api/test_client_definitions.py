"""Definitions, search and associations through the client: paths per version, bodies, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest
from bench.wire_server import Reply, WireServer

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import AnswerLost, InputError, NotFound
from hubspot_batch_dagster.api.rate_limit.budget import Grant, Granted, Unlimited, Window
from hubspot_batch_dagster.api.search import SearchFilter, SearchFilterGroup, SearchRequest


def client(server: WireServer, version: str = "2026-03", **options: Any) -> HubSpotClient:
    return HubSpotClient("pat-x", base_url=server.url, version=version, **options)


PATHS = [
    ("v3", "properties", ("contacts",), "/crm/v3/properties/contacts"),
    ("2026-03", "properties", ("0-410",), "/crm/properties/2026-03/0-410"),
    ("v3", "schemas", (), "/crm-object-schemas/v3/schemas"),
    ("2026-09", "schemas", (), "/crm-object-schemas/2026-09/schemas"),
    ("v3", "pipelines", ("deals",), "/crm/v3/pipelines/deals"),
    ("2025-09", "pipelines", ("deals",), "/crm/pipelines/2025-09/deals"),
    ("v3", "daily_usage", (), "/account-info/v3/api-usage/daily/private-apps"),
    ("2026-03", "daily_usage", (), "/account-info/2026-03/api-usage/daily/private-apps"),
    ("v3", "association_labels", ("contacts", "deals"), "/crm/v4/associations/contacts/deals/labels"),
    ("2026-03", "association_labels", ("lead", "2-1"), "/crm/associations/2026-03/leads/2-1/labels"),
]


@pytest.mark.parametrize(("version", "method", "arguments", "path"), PATHS)
def test_definitions_are_read_from_the_versions_own_path(
    version: str, method: str, arguments: tuple[str, ...], path: str
) -> None:
    with WireServer(Reply(200, {"results": []})) as server, client(server, version) as hubspot:
        assert getattr(hubspot, method)(*arguments) == []
    assert server.last.line == f"GET {path} HTTP/1.1"
    assert server.last.body == b""
    assert "content-type" not in server.last.headers


@pytest.mark.parametrize("body", [{}, {"results": None}, {"status": "please sign in"}, {"results": {}}])
@pytest.mark.parametrize(("method", "arguments"), [each[1:3] for each in PATHS[1:]] + [("owners", ())])
def test_that_there_are_no_definitions_must_be_said(
    method: str, arguments: tuple[str, ...], body: dict[str, Any]
) -> None:
    with (
        WireServer(Reply(200, body)) as server,
        client(server) as hubspot,
        pytest.raises(AnswerLost, match="nothing was written") as caught,
    ):
        getattr(hubspot, method)(*arguments)
    assert not caught.value.may_have_acted
    assert "check base_url and the proxy" in caught.value.remedy


@pytest.mark.parametrize("paging", ["x", {"next": []}, {"next": "2"}, [1]])
def test_a_page_of_owners_that_does_not_say_whether_others_follow_is_a_lost_one(paging: Any) -> None:
    body = {"results": [{"id": 7, "email": "a@x.org"}], "paging": paging}
    with (
        WireServer(Reply(200, body)) as server,
        client(server) as hubspot,
        pytest.raises(AnswerLost, match="does not say where its list goes on"),
    ):
        hubspot.owners()


@pytest.mark.parametrize("paging", [None, {}, {"next": None}, {"next": {}}])
def test_the_last_page_of_owners_names_none_after_it(paging: Any) -> None:
    body = {"results": [{"id": 7, "email": "a@x.org"}], "paging": paging}
    with WireServer(Reply(200, body)) as server, client(server) as hubspot:
        assert [each.id for each in hubspot.owners()] == ["7"]


def test_properties_say_what_a_writer_needs() -> None:
    body = {
        "results": [
            {
                "name": "lifecyclestage",
                "label": "Stage",
                "type": "enumeration",
                "fieldType": "checkbox",
                "options": [{"value": "a", "label": "A", "hidden": True, "displayOrder": 1, "unknown": 3}],
                "hasUniqueValue": False,
                "modificationMetadata": {"readOnlyValue": True, "archivable": True},
            },
            {
                "name": "score",
                "type": "number",
                "calculated": True,
                "modificationMetadata": None,
                "options": None,
            },
            {"name": "ext_id", "type": "string", "hasUniqueValue": True, "dataSensitivity": "non_sensitive"},
        ]
    }
    with WireServer(Reply(200, body)) as server, client(server) as hubspot:
        stage, score, ext = hubspot.properties("contacts", archived=True)
    assert server.last.path.endswith("/contacts?archived=true")
    assert (stage.field_type, stage.options[0].value, stage.options[0].hidden) == ("checkbox", "a", True)
    assert [one.read_only for one in (stage, score, ext)] == [True, True, False]
    assert ext.has_unique_value
    assert score.options == []


def test_a_property_is_made_one_by_one_and_in_batches() -> None:
    made = {"name": "ext_id", "label": "Ext", "type": "string", "fieldType": "text", "groupName": "g"}
    with WireServer(Reply(201, made)) as server, client(server) as hubspot:
        found = hubspot.create_property("contacts", {**made, "hasUniqueValue": True})
        assert found.name == "ext_id"
        assert server.last.line == "POST /crm/properties/2026-03/contacts HTTP/1.1"
        assert server.last.json == {**made, "hasUniqueValue": True}
        server.steps[:] = [Reply(207, {"results": [made], "errors": [{"category": "OBJECT_ALREADY_EXISTS"}]})]
        answer = hubspot.property_batch_create(
            "contacts", [made, {**made, "options": [{"value": "v", "label": "L"}]}]
        )
        assert server.last.path == "/crm/properties/2026-03/contacts/batch/create"
        assert server.last.json["inputs"][1]["options"] == [{"value": "v", "label": "L", "hidden": False}]
    assert answer.results[0].group_name == "g"
    assert answer.errors[0].category == "OBJECT_ALREADY_EXISTS"


def test_a_property_of_a_type_that_hubspot_does_not_have_is_refused() -> None:
    wrong = {"name": "x", "label": "X", "type": "float", "fieldType": "text", "groupName": "g"}
    with WireServer() as server, client(server) as hubspot, pytest.raises(InputError, match="type"):
        hubspot.create_property("contacts", wrong)
    assert server.seen == []


def test_schemas_pipelines_account_and_usage_are_read() -> None:
    schema = {
        "id": 5,
        "name": "cars",
        "objectTypeId": "2-5",
        "fullyQualifiedName": "p1_cars",
        "labels": {"singular": "Car", "plural": "Cars"},
        "requiredProperties": ["vin"],
        "properties": [{"name": "vin"}],
        "associations": [{"id": "9", "fromObjectTypeId": "2-5", "toObjectTypeId": "0-1", "name": "x"}],
    }
    pipeline = {
        "id": 7,
        "label": "Sales",
        "stages": [{"id": "s", "label": "S", "metadata": {"isClosed": True}}],
    }
    details = {
        "portalId": 42,
        "timeZone": "Europe/Berlin",
        "uiDomain": "app-eu1.hubspot.com",
        "utcOffset": "+01:00",
        "utcOffsetMilliseconds": 3600000,
        "accountType": "STANDARD",
    }
    usage = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": 250000,
        "currentUsage": 12,
        "resetsAt": "2026-11-22T05:00:00Z",
    }
    replies = [Reply(200, {"results": [schema]}), Reply(200, {"results": [pipeline]}), Reply(200, details)]
    with WireServer(*replies, Reply(200, {"results": [usage]})) as server, client(server) as hubspot:
        (car,) = hubspot.schemas()
        (sales,) = hubspot.pipelines("deals")
        account = hubspot.account_details()
        assert server.last.path == "/account-info/2026-03/details"
        (day,) = hubspot.daily_usage()
    assert (car.object_type_id, car.required_properties, car.properties[0].name) == ("2-5", ["vin"], "vin")
    assert (sales.id, sales.stages[0].metadata) == ("7", {"isClosed": "true"})
    assert (account.portal_id, account.time_zone) == (42, "Europe/Berlin")
    assert day.resets_at is not None
    assert (day.usage_limit, day.current_usage, day.resets_at.hour) == (250000, 12, 5)


def test_a_budget_without_an_end_never_waits() -> None:
    budget = Unlimited()
    for window in ("burst", "search", "associations"):
        grant = budget.take(window)
        grant.confirm(), grant.renew(), grant.left()
    assert budget.pause(3600) is None
    assert repr(budget) == "Unlimited()"


class Noting(Unlimited):
    """Writes down what it is asked and told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any, str]] = []

    def take(self, window: Window = "burst") -> Grant:
        self.events.append(("take", None, window))
        return Granted()

    def observe(self, status: int, headers: Any, window: Window = "burst") -> None:
        self.events.append(("observe", (status, headers.get("X-HubSpot-RateLimit-Max")), window))


def test_every_request_takes_budget_from_its_window_and_reports_its_answer() -> None:
    budget = Noting()
    limited = Reply(200, {"results": []}, {"X-HubSpot-RateLimit-Max": "190"})
    with WireServer(limited) as server, client(server, budget=budget) as hubspot:
        hubspot.batch_create("contacts", [{"properties": {}}])
        hubspot.search("contacts", {})
        hubspot.association_labels("contacts", "deals")
        hubspot.association_batch_default("contacts", "deals", [{"from": 1, "to": 2}])
        server.steps[:] = [Reply(404, {})]
        with pytest.raises(NotFound):
            hubspot.get("/nowhere", {"a": True, "b": None, "c": ["x", "y"], "d": "ü"})
    assert budget.events == [
        ("take", None, "burst"),
        ("observe", (200, "190"), "burst"),
        ("take", None, "search"),
        ("observe", (200, "190"), "search"),
        ("take", None, "burst"),
        ("observe", (200, "190"), "burst"),
        ("take", None, "associations"),
        ("observe", (200, "190"), "associations"),
        ("take", None, "burst"),
        ("observe", (404, None), "burst"),
    ]
    assert server.last.path == "/nowhere?a=true&c=x&c=y&d=%C3%BC"


def test_a_search_sends_groups_of_filters_and_pages() -> None:
    request = SearchRequest(
        filter_groups=[
            SearchFilterGroup(
                filters=[
                    SearchFilter(property_name="email", value="a@b.co"),
                    SearchFilter(property_name="n", operator="BETWEEN", value="1", high_value="2"),
                    SearchFilter(property_name="s", operator="IN", values=["x"]),
                ]
            )
        ],
        properties=["email"],
        limit=200,
        after="400",
    )
    page = {
        "total": 900,
        "results": [{"id": 1, "properties": {"email": "a@b.co"}}],
        "paging": {"next": {"after": 600}},
    }
    with (
        WireServer(Reply(200, page), Reply(200, {"total": 0, "results": None})) as server,
        client(server) as hubspot,
    ):
        found = hubspot.search("contacts", request)
        assert server.last.line == "POST /crm/objects/2026-03/contacts/search HTTP/1.1"
        assert server.last.json == {
            "filterGroups": [
                {
                    "filters": [
                        {"propertyName": "email", "operator": "EQ", "value": "a@b.co"},
                        {"propertyName": "n", "operator": "BETWEEN", "value": "1", "highValue": "2"},
                        {"propertyName": "s", "operator": "IN", "values": ["x"]},
                    ]
                }
            ],
            "sorts": [],
            "properties": ["email"],
            "limit": 200,
            "after": "400",
        }
        last = hubspot.search("contacts", request)
        with pytest.raises(InputError, match="limit"):
            hubspot.search("contacts", {"limit": 201})
    assert (found.total, found.after, found.results[0].properties) == (900, "600", {"email": "a@b.co"})
    assert (last.results, last.after) == ([], None)


LABELLED = {"from": {"id": "1"}, "to": {"id": "2"}, "types": [{"associationTypeId": 279}]}
TYPE = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}


def test_associations_are_written_and_read_with_their_own_bodies() -> None:
    created = {
        "fromObjectTypeId": "0-1",
        "fromObjectId": 1,
        "toObjectTypeId": "0-2",
        "toObjectId": 2,
        "labels": ["L"],
    }
    pair = {"from": {"id": "1"}, "to": {"id": "2"}, "associationSpec": TYPE}
    read = {
        "from": {"id": "1"},
        "to": [
            {
                "toObjectId": 2,
                "associationTypes": [{"category": "USER_DEFINED", "typeId": 9, "label": "Boss"}],
            }
        ],
        "paging": {"next": {"after": "55"}},
    }
    error = {
        "category": "VALIDATION_ERROR",
        "subCategory": "crm.associations.INVALID_IDENTIFIER",
        "context": {"id": ["9"]},
    }
    replies = [Reply(207, {"results": [one], "errors": [error]}) for one in (created, pair, read)]
    with WireServer(*replies) as server, client(server) as hubspot:
        first = hubspot.association_batch_create("contacts", "companies", [LABELLED])
        assert server.last.line == "POST /crm/associations/2026-03/contacts/companies/batch/create HTTP/1.1"
        assert server.last.json == {"inputs": [{"from": {"id": "1"}, "to": {"id": "2"}, "types": [TYPE]}]}
        second = hubspot.association_batch_default("contacts", "companies", [{"from": 1, "to": "2"}])
        assert server.last.json == {"inputs": [{"from": {"id": "1"}, "to": {"id": "2"}}]}
        third = hubspot.association_batch_read("contacts", "companies", [1, {"id": "2", "after": "7"}])
        assert server.last.json == {"inputs": [{"id": "1"}, {"id": "2", "after": "7"}]}
    assert (first.results[0].from_object_id, first.results[0].labels) == ("1", ["L"])
    assert first.errors[0].sub_category == "crm.associations.INVALID_IDENTIFIER"
    assert first.errors[0].ids == ["9"]
    assert (second.results[0].from_.id, second.results[0].to.id) == ("1", "2")
    assert second.results[0].association_spec is not None
    assert second.results[0].association_spec.association_type_id == 279
    (one,) = third.results[0].to
    assert (one.to_object_id, one.association_types[0].label, third.results[0].after) == ("2", "Boss", "55")


@pytest.mark.parametrize("reply", [Reply(204), Reply(200, {"status": "COMPLETE", "results": [{"any": 1}]})])
def test_associations_are_archived_whether_the_answer_has_a_body_or_not(reply: Reply) -> None:
    with WireServer(reply) as server, client(server, "v3") as hubspot:
        answer = hubspot.association_batch_archive("contacts", "deals", [{"from": 1, "to": [2, {"id": "3"}]}])
        assert server.last.line == "POST /crm/v4/associations/contacts/deals/batch/archive HTTP/1.1"
        assert server.last.json == {"inputs": [{"from": {"id": "1"}, "to": [{"id": "2"}, {"id": "3"}]}]}
        hubspot.association_labels_archive("contacts", "deals", [LABELLED])
        assert server.last.path == "/crm/v4/associations/contacts/deals/batch/labels/archive"
    assert (answer.status, answer.errors) == ("COMPLETE", [])


@pytest.mark.parametrize(
    ("method", "limit"), [("association_batch_create", 2000), ("association_batch_read", 1000)]
)
def test_associations_have_their_own_limits(method: str, limit: int) -> None:
    entry: Any = LABELLED if method.endswith("create") else 1
    with WireServer() as server, client(server) as hubspot:
        getattr(hubspot, method)("contacts", "deals", [entry] * limit)
        with pytest.raises(InputError, match=f"at most {limit}"):
            getattr(hubspot, method)("contacts", "deals", [entry] * (limit + 1))
    assert len(server.seen) == 1


def test_labels_of_a_pair_of_types_are_read() -> None:
    body = {"results": [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}]}
    with WireServer(Reply(200, body)) as server, client(server) as hubspot:
        (label,) = hubspot.association_labels("contacts", "companies")
    assert (label.category, label.type_id, label.label) == ("HUBSPOT_DEFINED", 279, None)


def test_anything_else_is_posted_as_json() -> None:
    with WireServer(Reply(200, {"a": 1}), Reply(204)) as server, client(server) as hubspot:
        assert hubspot.post_json("/crm/limits/x", {"k": ["ü"]}) == {"a": 1}
        assert server.last.body == '{"k":["ü"]}'.encode()
        assert hubspot.post_json("/crm/limits/x", {}) is None


@pytest.mark.parametrize("body", [b'{"results": [{"label": "no name"}]}', b'{"results": 5 }', b'{"a" 1}'])
def test_a_definition_that_cannot_be_read_is_a_lost_answer(body: bytes) -> None:
    with WireServer(Reply(200, body)) as server, client(server) as hubspot, pytest.raises(AnswerLost):
        hubspot.properties("contacts")
