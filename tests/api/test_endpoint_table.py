"""A walk over everything that exists: object type x operation x version, as bytes on the wire."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from bench.wire_server import Reply, Seen, WireServer

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.endpoints import (
    DEFAULT_VERSION,
    OPERATIONS,
    VERSIONS,
    association_endpoint,
    endpoint,
    object_type,
    record_url,
    search_endpoint,
    undocumented,
)
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.object_types import BUILT_IN

# The published contract, written down apart from the code: plural, singular, id, spelling in paths, and the
# batch operations in v3 / 2025-09 / 2026-03 / 2026-09 (C create, R read, U update, P upsert, A archive).
CONTRACT = """
appointments          appointment          0-421  appointments          CRUPA CRUPA CRUPA CRUPA
calls                 call                 0-48   calls                 CRUPA CRUPA CRUPA CRUPA
carts                 cart                 0-142  carts                 CRUPA CRUPA CRUPA CRUPA
commerce_payments     commerce_payment     0-101  commerce_payments     CRUPA CRUPA CRUPA CRUPA
subscriptions         subscription         0-69   subscriptions         CRUPA CRUPA CRUPA CRUPA
communications        communication        0-18   communications        CRUPA CRUPA CRUPA CRUPA
companies             company              0-2    companies             CRUPA CRUPA CRUPA CRUPA
contacts              contact              0-1    contacts              CRUPA CRUPA CRUPA CRUPA
contracts             contract             ?      contracts             R     CRUPA R     CRUPA
courses               course               0-410  0-410                 CRUPA CRUPA CRUPA CRUPA
deals                 deal                 0-3    deals                 CRUPA CRUPA CRUPA CRUPA
discounts             discount             0-84   discounts             CRUPA CRUPA CRUPA CRUPA
emails                email                0-49   emails                CRUPA CRUPA CRUPA CRUPA
feedback_submissions  feedback_submission  0-19   feedback_submissions  R     CRUPA R     R
fees                  fee                  0-85   fees                  CRUPA CRUPA CRUPA CRUPA
goal_targets          goal_target          0-74   goal_targets          CRUPA CRUPA CRUPA CRUA
invoices              invoice              0-53   invoices              CRUPA CRUPA CRUPA CRUPA
leads                 lead                 0-136  leads                 CRUPA CRUPA CRUPA CRUPA
line_items            line_item            0-8    line_items            CRUPA CRUPA CRUPA CRUPA
listings              listing              0-420  0-420                 CRUPA CRUPA CRUPA CRUPA
meetings              meeting              0-47   meetings              CRUPA CRUPA CRUPA CRUPA
notes                 note                 0-46   notes                 CRUPA CRUPA CRUPA CRUPA
orders                order                0-123  orders                CRUPA CRUPA CRUPA CRUPA
partner_clients       partner_client       ?      partner_clients       RU    CRUPA RU    U
partner_services      partner_service      ?      partner_services      RU    CRUPA RU    RU
postal_mail           postal_mail          0-116  postal_mail           CRUPA CRUPA CRUPA CRUPA
products              product              0-7    products              CRUPA CRUPA CRUPA CRUPA
projects              project              0-970  projects              CRUPA -     CRUPA -
quotes                quote                0-14   quotes                CRUPA CRUPA CRUPA CRUPA
services              service              0-162  0-162                 CRUPA CRUPA CRUPA CRUPA
tasks                 task                 0-27   tasks                 CRUPA CRUPA CRUPA CRUPA
taxes                 tax                  0-86   taxes                 CRUPA CRUPA CRUPA CRUPA
tickets               ticket               0-5    tickets               CRUPA CRUPA CRUPA CRUPA
users                 user                 0-115  users                 CRUPA CRUPA CRUPA CRUPA
p123_cars             p123_cars            ?      p123_cars             CRUPA CRUPA CRUPA CRUPA
2-3453932             2-3453932            ?      2-3453932             CRUPA CRUPA CRUPA CRUPA
"""
ROWS = [line.split() for line in CONTRACT.split("\n") if line]
LETTER = {"create": "C", "read": "R", "update": "U", "upsert": "P", "archive": "A"}
WALK = [
    (name, segment, operation, version, LETTER[operation] in operations)
    for name, _, _, segment, *columns in ROWS
    for version, operations in zip(("v3", "2025-09", "2026-03", "2026-09"), columns, strict=True)
    for operation in LETTER
]


@pytest.fixture(scope="module")
def server() -> Iterator[WireServer]:
    def script(seen: Seen) -> Reply:
        return Reply(204 if "archive" in seen.path else 200)

    with WireServer(script=script) as running:
        yield running


@pytest.fixture(scope="module")
def clients(server: WireServer) -> Iterator[dict[str, HubSpotClient]]:
    opened = {version: HubSpotClient("pat-x", base_url=server.url, version=version) for version in VERSIONS}
    yield opened
    for client in opened.values():
        client.close()


def call(client: HubSpotClient, name: str, operation: str) -> None:
    if operation == "create":
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        entry = {"properties": {"a": "1"}, "associations": [{"to": {"id": "2"}, "types": types}]}
        client.batch_create(name, [{**entry, "objectWriteTraceId": "t"}, {"properties": {"b": ""}}])
    elif operation in ("update", "upsert"):
        method = client.batch_update if operation == "update" else client.batch_upsert
        method(name, [{"id": "k", "idProperty": "p", "properties": {"a": "1"}, "objectWriteTraceId": "t"}])
    elif operation == "read":
        client.batch_read(name, ["1", "2"], properties=["a"], id_property="p")
    else:
        client.batch_archive(name, ["1", "2"])


def check_body(operation: str, body: Any) -> None:
    """Required fields and types as HubSpot's specifications have them, and nothing besides."""
    inputs = body["inputs"]
    assert isinstance(inputs, list)
    assert inputs
    if operation == "read":
        assert set(body) == {"inputs", "properties", "propertiesWithHistory", "idProperty"}
        assert isinstance(body["properties"], list)
        assert isinstance(body["propertiesWithHistory"], list)
        assert isinstance(body["idProperty"], str)
    else:
        assert set(body) == {"inputs"}
    for entry in inputs:
        if operation in ("read", "archive"):
            assert set(entry) == {"id"}
        if operation in ("update", "upsert"):
            assert set(entry) == {"id", "idProperty", "properties", "objectWriteTraceId"}
        if operation == "create":
            assert (
                {"properties", "associations"}
                <= set(entry)
                <= {"properties", "associations", "objectWriteTraceId"}
            )
            for association in entry["associations"]:
                assert isinstance(association["to"]["id"], str)
                for kind in association["types"]:
                    assert set(kind) == {"associationCategory", "associationTypeId"}
                    assert isinstance(kind["associationTypeId"], int)
        if operation != "create":
            assert isinstance(entry["id"], str)
        for value in entry.get("properties", {}).values():
            assert isinstance(value, str)


@pytest.mark.parametrize(("name", "segment", "operation", "version", "exists"), WALK)
def test_each_operation_goes_to_its_path_with_its_body_and_what_no_page_lists_is_said(
    server: WireServer,
    clients: dict[str, HubSpotClient],
    name: str,
    segment: str,
    operation: str,
    version: str,
    exists: bool,
) -> None:
    before = len(server.seen)
    said = undocumented(name, operation, version)
    assert (said is None) is exists
    if said is not None:
        assert said.startswith(f"HubSpot documents no batch {operation} for {name} in version {version}")
        assert "documented in" in said.lower()
    call(clients[version], name, operation)
    assert len(server.seen) == before + 1
    if version != "v3":
        prefix = f"/crm/objects/{version}"
    elif name in ("appointments", "projects"):
        prefix = "/crm/objects/v3"
    else:
        prefix = "/crm/v3/objects"
    assert server.last.line == f"POST {prefix}/{segment}/batch/{operation} HTTP/1.1"
    check_body(operation, server.last.json)


def test_the_walk_covers_the_whole_table() -> None:
    assert {row[0] for row in ROWS} >= {kind.name for kind in BUILT_IN}
    assert set(LETTER) == set(OPERATIONS)
    assert len(WALK) == len(ROWS) * 20


def test_the_five_documented_paths_come_out_word_for_word() -> None:
    assert endpoint("leads", "create", "v3").path == "/crm/v3/objects/leads/batch/create"
    assert endpoint("calls", "create", "v3").path == "/crm/v3/objects/calls/batch/create"
    assert endpoint("cars", "create", "2025-09").path == "/crm/objects/2025-09/p_cars/batch/create"
    assert endpoint("contacts", "upsert", "v3").path == "/crm/v3/objects/contacts/batch/upsert"
    assert endpoint("contacts", "create", "v3").path == "/crm/v3/objects/contacts/batch/create"


@pytest.mark.parametrize(("plural", "singular", "type_id", "segment"), [row[:4] for row in ROWS])
def test_a_type_is_found_by_plural_singular_and_id(
    plural: str, singular: str, type_id: str, segment: str
) -> None:
    spellings = [plural, singular, *([type_id] if type_id != "?" else [])]
    if not plural[0].isdigit() and not plural.startswith("p123"):
        spellings += [plural.upper(), singular.replace("_", " ").title(), f" {plural} "]
    for spelling in spellings:
        found = object_type(spelling)
        assert (found.name, found.segment) == (plural, segment), spelling
        assert object_type(found) is found
        assert str(found) == plural
    if type_id != "?":
        assert object_type(plural).type_id == type_id


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("payments", "commerce_payments"),
        ("goals", "goal_targets"),
        ("feedback", "feedback_submissions"),
        ("commerce_subscriptions", "subscriptions"),
        ("line-items", "line_items"),
    ],
)
def test_everyday_names_are_understood(alias: str, name: str) -> None:
    assert object_type(alias).name == name


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("cars", "p_cars"),
        ("Cars", "p_Cars"),
        ("cntacts", "p_cntacts"),
        ("2-17", "2-17"),
        ("p123_cars", "p123_cars"),
        ("p_cars", "p_cars"),
    ],
)
def test_what_the_table_does_not_know_is_a_custom_object_spelled_as_paths_take_it(
    name: str, segment: str
) -> None:
    found = object_type(name)
    assert found.custom
    assert (found.name, found.segment) == (name, segment)
    assert found.type_id == ("2-17" if name == "2-17" else "")
    assert found.write_scopes == ("crm.objects.custom.write",)
    assert {version: found.operations[version] for version in VERSIONS} == dict.fromkeys(VERSIONS, OPERATIONS)


def test_a_new_hubspot_type_is_taken_by_its_id() -> None:
    found = object_type("0-999")
    assert not found.custom
    assert found.type_id == "0-999"
    assert endpoint(found, "create").path == "/crm/objects/2026-03/0-999/batch/create"


def test_letters_beyond_ascii_are_escaped_in_a_path() -> None:
    assert endpoint("p1_wägen", "create").path == "/crm/objects/2026-03/p1_w%C3%A4gen/batch/create"


@pytest.mark.parametrize("name", ["", "  ", "a/b", "../contacts", "a?b", "a b c!", "..", ".", None, 5])
def test_a_name_that_cannot_stand_in_a_path_is_refused(name: Any) -> None:
    with pytest.raises(InputError) as caught:
        object_type(name)
    assert caught.value.remedy


def test_types_and_endpoints_are_values() -> None:
    assert object_type("contacts") == object_type("0-1")
    assert len({object_type("contacts"), object_type("Contact"), object_type("cars")}) == 2
    found = endpoint("contacts", "create")
    assert pickle.loads(pickle.dumps(found)) == found
    assert pickle.loads(pickle.dumps(object_type("deals"))) == object_type("deals")
    assert "0-1" in repr(object_type("contacts"))


def test_endpoints_know_limits_scopes_and_windows() -> None:
    create, read = endpoint("products", "create"), endpoint("products", "read", with_history=True)
    assert (create.max_inputs, read.max_inputs) == (100, 50)
    assert create.scopes == ("crm.objects.products.write", "e-commerce")
    assert read.scopes == ("crm.objects.products.read", "e-commerce")
    assert create.window == "burst"
    assert endpoint("tickets", "read").scopes == ("tickets",)
    assert endpoint("calls", "create").scopes == ("crm.objects.contacts.write",)
    assert 204 in endpoint("deals", "archive").ok
    assert 204 not in create.ok
    assert {200, 201, 207} <= set(create.ok)
    assert DEFAULT_VERSION == "2026-03"


@pytest.mark.parametrize(
    ("kind", "tail", "limit"),
    [
        ("create", "batch/create", 2000),
        ("default", "batch/associate/default", 2000),
        ("read", "batch/read", 1000),
        ("archive", "batch/archive", 100),
        ("labels_archive", "batch/labels/archive", 100),
    ],
)
@pytest.mark.parametrize(
    ("version", "base"),
    [
        ("v3", "/crm/v4/associations"),
        ("2025-09", "/crm/associations/2025-09"),
        ("2026-03", "/crm/associations/2026-03"),
        ("2026-09", "/crm/associations/2026-09"),
    ],
)
def test_association_endpoints_have_their_own_paths_limits_and_window(
    kind: Any, tail: str, limit: int, version: str, base: str
) -> None:
    found = association_endpoint("contact", "p9_cars", kind, version)
    assert found.path == f"{base}/contacts/p9_cars/{tail}"
    assert (found.max_inputs, found.window) == (limit, "associations")
    action = "read" if kind == "read" else "write"
    assert found.scopes == (f"crm.objects.contacts.{action}", f"crm.objects.custom.{action}")


def test_search_has_its_own_window_and_follows_the_odd_paths() -> None:
    assert search_endpoint("projects", "v3").path == "/crm/objects/v3/projects/search"
    found = search_endpoint("deals", "2026-09")
    assert (found.path, found.window) == ("/crm/objects/2026-09/deals/search", "search")


def test_unknown_operations_kinds_and_versions_are_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match="create, update, upsert, read, archive"):
        endpoint("contacts", "merge")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="v3, 2025-09, 2026-03, 2026-09"):
        endpoint("contacts", "create", "2027-03")
    with pytest.raises(InputError, match="labels_archive"):
        association_endpoint("contacts", "deals", "swap")  # type: ignore[arg-type]
    assert "Batch create is documented in v3, 2026-03" in (
        undocumented("projects", "create", "2026-09") or ""
    )


def test_a_record_has_a_page_in_its_accounts_domain() -> None:
    assert record_url(42, "0-1", 7) == "https://app.hubspot.com/contacts/42/record/0-1/7"
    eu = record_url("42", "2-9", "7", ui_domain="app-eu1.hubspot.com")
    assert eu == "https://app-eu1.hubspot.com/contacts/42/record/2-9/7"
