"""The documented endpoints, as bytes on the wire."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bench.wire_server import Reply, WireServer

from hubspot_batch_dagster.api.batch_results import Settlement
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.endpoints import endpoint
from hubspot_batch_dagster.api.errors import AnswerLost, InputError, UnexpectedStatus
from hubspot_batch_dagster.api.models import (
    AssociationType,
    CreateInput,
    InlineAssociation,
    ObjectId,
    UpdateInput,
    UpsertInput,
)

TOKEN = "pat-na1-00000000-aaaa-bbbb-cccc-000000000000"


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running


def client(server: WireServer, version: str = "v3", **options: Any) -> HubSpotClient:
    return HubSpotClient(TOKEN, base_url=server.url, version=version, **options)


LEAD = CreateInput(
    properties={"hs_lead_name": 'Ada "Countess" Lovelace \U0001f469‍\U0001f4bb'},
    associations=[
        InlineAssociation(to=ObjectId(id="101"), types=[AssociationType(association_type_id=578)]),
    ],
    object_write_trace_id="row-1",
)


def test_leads_are_created_with_inline_associations_and_trace_ids_at_the_documented_path(
    server: WireServer,
) -> None:
    with client(server) as hubspot:
        hubspot.batch_create("leads", [LEAD])
    assert server.last.line == "POST /crm/v3/objects/leads/batch/create HTTP/1.1"
    assert server.last.json == {
        "inputs": [
            {
                "properties": {"hs_lead_name": 'Ada "Countess" Lovelace \U0001f469‍\U0001f4bb'},
                "associations": [
                    {
                        "to": {"id": "101"},
                        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}],
                    }
                ],
                "objectWriteTraceId": "row-1",
            }
        ]
    }


def test_calls_are_created_at_the_documented_path(server: WireServer) -> None:
    with client(server) as hubspot:
        hubspot.batch_create(
            "calls",
            [
                {
                    "properties": {
                        "hs_timestamp": "2026-11-21T10:00:00Z",
                        "hs_call_body": "line one\nline two",
                    },
                    "associations": [
                        {
                            "to": {"id": 7},
                            "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": 194}],
                        }
                    ],
                    "objectWriteTraceId": "c1",
                }
            ],
        )
    assert server.last.line == "POST /crm/v3/objects/calls/batch/create HTTP/1.1"
    (sent,) = server.last.json["inputs"]
    assert sent["properties"]["hs_call_body"] == "line one\nline two"
    assert sent["associations"][0]["to"] == {"id": "7"}
    assert sent["associations"][0]["types"][0]["associationCategory"] == "USER_DEFINED"


@pytest.mark.parametrize("name", ["contacts", "0-1", "2-3453932", "p123_cars", "cars"])
def test_any_object_type_is_created_at_the_dated_path(server: WireServer, name: str) -> None:
    segment = {"0-1": "contacts", "cars": "p_cars"}.get(name, name)
    with client(server, "2025-09") as hubspot:
        hubspot.batch_create(name, [{"properties": {"a": "1"}}])
    assert server.last.line == f"POST /crm/objects/2025-09/{segment}/batch/create HTTP/1.1"
    assert server.last.json == {"inputs": [{"properties": {"a": "1"}, "associations": []}]}


def test_contacts_are_upserted_with_an_id_property_in_each_input(server: WireServer) -> None:
    with client(server) as hubspot:
        hubspot.batch_upsert(
            "contacts",
            [
                UpsertInput(
                    id="ada@example.com",
                    id_property="email",
                    properties={"firstname": "Ada"},
                    object_write_trace_id="r0",
                ),
                {"id": "17", "idProperty": "ext_id", "properties": {"firstname": "Bob"}},
            ],
        )
    assert server.last.line == "POST /crm/v3/objects/contacts/batch/upsert HTTP/1.1"
    assert server.last.json == {
        "inputs": [
            {
                "id": "ada@example.com",
                "idProperty": "email",
                "properties": {"firstname": "Ada"},
                "objectWriteTraceId": "r0",
            },
            {"id": "17", "idProperty": "ext_id", "properties": {"firstname": "Bob"}},
        ]
    }


def test_contacts_are_created_at_the_documented_path_with_the_token_and_json(server: WireServer) -> None:
    with client(server) as hubspot:
        hubspot.batch_create("contacts", [{"properties": {"email": "a@b.co"}, "objectWriteTraceId": "1"}])
    seen = server.last
    assert seen.line == "POST /crm/v3/objects/contacts/batch/create HTTP/1.1"
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["user-agent"].startswith("hubspot-batch-dagster")
    assert int(seen.headers["content-length"]) == len(seen.body)
    assert "cookie" not in seen.headers
    assert "transfer-encoding" not in seen.headers


def test_records_are_updated_by_record_id_without_an_id_property(server: WireServer) -> None:
    with client(server, "2026-03") as hubspot:
        hubspot.batch_update("deals", [UpdateInput(id="9", properties={"amount": ""})])
    assert server.last.line == "POST /crm/objects/2026-03/deals/batch/update HTTP/1.1"
    assert server.last.json == {"inputs": [{"id": "9", "properties": {"amount": ""}}]}


def test_a_read_names_its_id_property_once_and_always_lists_properties_with_history(
    server: WireServer,
) -> None:
    with client(server, "2026-09") as hubspot:
        hubspot.batch_read("contacts", ["a@b.co", 5], properties=["email"], id_property="email")
    assert server.last.line == "POST /crm/objects/2026-09/contacts/batch/read HTTP/1.1"
    assert server.last.json == {
        "inputs": [{"id": "a@b.co"}, {"id": "5"}],
        "properties": ["email"],
        "propertiesWithHistory": [],
        "idProperty": "email",
    }


def test_archived_records_are_read_by_a_query_parameter(server: WireServer) -> None:
    with client(server) as hubspot:
        hubspot.batch_read("contacts", [1], archived=True)
    assert server.last.path == "/crm/v3/objects/contacts/batch/read?archived=true"
    assert "idProperty" not in server.last.json


def test_an_archive_sends_ids_and_gives_nothing_back() -> None:
    with WireServer(Reply(204)) as server, client(server) as hubspot:
        hubspot.batch_archive("tickets", [1, "2", {"id": "3"}])
        assert server.last.line == "POST /crm/v3/objects/tickets/batch/archive HTTP/1.1"
        assert server.last.json == {"inputs": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}


@pytest.mark.parametrize("status", [200, 201, 207])
def test_every_success_code_of_a_batch_is_read_alike(status: int) -> None:
    body = {
        "status": "COMPLETE",
        "results": [{"id": 12, "properties": {"a": None, "n": 3}, "objectWriteTraceId": "t", "new": True}],
        "numErrors": 1,
        "errors": [{"message": "no", "context": {"objectWriteTraceId": ["u"]}}],
    }
    with WireServer(Reply(status, body)) as server, client(server) as hubspot:
        answer = hubspot.batch_create("contacts", [{"properties": {}}])
    (record,) = answer.results
    assert (record.id, record.properties, record.new) == ("12", {"a": None, "n": "3"}, True)
    assert record.object_write_trace_id == "t"
    assert answer.errors[0].trace_ids == ["u"]


def test_a_success_that_nobody_documents_is_not_taken_for_one() -> None:
    with (
        WireServer(Reply(202)) as server,
        client(server) as hubspot,
        pytest.raises(UnexpectedStatus) as caught,
    ):
        hubspot.batch_create("contacts", [{"properties": {}}])
    assert caught.value.may_have_acted


def test_a_raw_send_gives_bytes_headers_and_correlation_id() -> None:
    reply = Reply(
        201,
        {"status": "COMPLETE", "results": [{"id": "1", "objectWriteTraceId": "a"}]},
        {"X-HubSpot-RateLimit-Max": "190", "X-HubSpot-Correlation-Id": "corr", "Set-Cookie": "__cf=1"},
    )
    with WireServer(reply) as server, client(server) as hubspot:
        found = endpoint("contacts", "create", "v3")
        answer = hubspot.send(found, b'{"inputs":[]}')
        hubspot.send(found, b'{"inputs":[]}')
    assert answer.status == 201
    assert answer.correlation_id == "corr"
    assert answer.headers["x-hubspot-ratelimit-max"] == "190"
    assert "set-cookie" not in answer.headers
    assert answer.seconds > 0
    assert [one.id for one in answer.read(Settlement).results] == ["1"]
    assert server.last.body == b'{"inputs":[]}'
    assert "cookie" not in server.last.headers
    assert "COMPLETE" not in repr(answer)


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b'{"status":"COMPLETE","results":[{"id":"5"}]}')
    with WireServer(Reply(200, body, {"content-encoding": "gzip"})) as server, client(server) as hubspot:
        answer = hubspot.batch_read("contacts", [5])
    assert answer.results[0].id == "5"
    assert "gzip" in server.last.headers["accept-encoding"]


def test_a_connection_is_kept_and_used_again(server: WireServer) -> None:
    with client(server) as hubspot:
        for _ in range(5):
            hubspot.batch_read("contacts", [1])
    assert len({seen.peer for seen in server.seen}) == 1


def test_threads_share_a_client() -> None:
    def script(seen: Any) -> Reply:
        return Reply(200, {"results": [{"id": one["id"]} for one in seen.json["inputs"]]})

    wrong: list[str] = []

    def work(hubspot: HubSpotClient, start: int) -> None:
        for number in range(start, start + 20):
            found = hubspot.batch_read("contacts", [number]).results[0].id
            if found != str(number):
                wrong.append(found)

    with WireServer(script=script) as server, client(server) as hubspot:
        threads = [threading.Thread(target=work, args=(hubspot, 1000 * n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert wrong == []
    assert len(server.seen) == 160


@pytest.mark.parametrize("count", [0, 101])
def test_no_inputs_and_too_many_are_refused_before_anything_is_sent(server: WireServer, count: int) -> None:
    with client(server) as hubspot, pytest.raises(InputError) as caught:
        hubspot.batch_create("contacts", [{"properties": {}} for _ in range(count)])
    assert server.seen == []
    if count:
        assert "101" in str(caught.value)
        assert "100" in str(caught.value)


def test_a_read_with_history_takes_fifty_inputs(server: WireServer) -> None:
    with client(server) as hubspot:
        hubspot.batch_read("contacts", range(50), properties_with_history=["email"])
        with pytest.raises(InputError, match="at most 50"):
            hubspot.batch_read("contacts", range(51), properties_with_history=["email"])
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"propertes": {}}, "properties"),
        ({"properties": {"age": 3}}, "properties.age"),
        ({"properties": {"age": None}}, "properties.age"),
        ({"properties": {}, "colour": "red"}, "colour"),
        ({"properties": {}, "associations": [{"to": {"id": "1"}, "types": []}]}, "associations.0.types"),
        ("nonsense", "CreateInput"),
    ],
)
def test_a_malformed_input_is_refused_by_row_and_field_without_its_value(
    server: WireServer, entry: Any, named: str
) -> None:
    with client(server) as hubspot, pytest.raises(InputError) as caught:
        hubspot.batch_create("contacts", [{"properties": {"secret": "v"}}, entry])
    assert caught.value.row == 1
    assert named in str(caught.value)
    assert "nonsense" not in str(caught.value)
    assert caught.value.__context__ is None
    assert server.seen == []


@pytest.mark.parametrize(
    "body", [b"", b"   ", b"[]", b'{"status":"COM', b"<html>ok</html>", b'{"results": [3}']
)
def test_a_success_that_tells_nothing_is_a_lost_answer(body: bytes) -> None:
    with (
        WireServer(Reply(201, body, {"x-hubspot-correlation-id": "corr"})) as server,
        client(server) as hubspot,
        pytest.raises(AnswerLost) as caught,
    ):
        hubspot.batch_create("contacts", [{"properties": {}}])
    assert caught.value.may_have_acted
    assert caught.value.correlation_id == "corr"
    assert caught.value.status == 201


def test_a_batch_that_no_page_lists_is_tried_all_the_same() -> None:
    """HubSpot serves every type by a path of one form, and answers for itself."""
    with WireServer(Reply(201, {"status": "COMPLETE", "results": []})) as server, client(server) as hubspot:
        hubspot.batch_create("contracts", [{"properties": {}}])
        assert "/contracts/batch/create " in server.last.line


def test_an_unknown_version_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="2026-03"):
        HubSpotClient(TOKEN, version="v2")


@pytest.mark.parametrize(
    "url", ["", "api.hubapi.com", "ftp://x", "https://user:pw@host", "https://h?x=1", "http://"]
)
def test_a_base_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="base_url") as caught:
        HubSpotClient(TOKEN, base_url=url)
    assert "pw" not in str(caught.value)
