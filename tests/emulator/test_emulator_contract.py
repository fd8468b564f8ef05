"""Every endpoint's answers are as HubSpot's contract says, but for deviations that have a reason."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

import pytest
import requests
from contract import CONTRACT, DEVIATIONS, SCHEMAS, differences
from emulator_helpers import Caller

from hubspot_batch_dagster.emulator import Emulator, Fault
from hubspot_batch_dagster.emulator.catalogue import all_routes
from hubspot_batch_dagster.emulator.routes import DATED, Route, Router

SOURCE = re.compile(r"(S [A-Z]\w+|D \w+|L\b).*")
PLAIN = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4}


OLD = ("v1", "v2", "v4")
"""Versions that few paths have; they are walked with v3."""


def routes_of(hubspot: Emulator) -> tuple[Route, ...]:
    return all_routes(hubspot.credentials, hubspot.app.limits)


def endpoints(routes: Iterable[Route], version: str) -> set[tuple[str, str, str]]:
    """Method, path and version of all that the walk of a version has to call."""
    versions = {version, *OLD} if version == "v3" else {version}
    return {(each.method, each.pattern, v) for each in routes for v in versions & set(each.versions)}


def spelled(path: str, version: str) -> str:
    """`crm/objects/contacts` in the spelling of a version; the parts of a pattern that vary get a value."""
    values = {
        "{type}": "contacts",
        "{from}": "contacts",
        "{to}": "deals",
        "{name}": "city",
        "{schema}": "contacts",
    }
    path = re.sub(r"\{\w+\}", lambda part: values.get(part[0], "77"), path.strip("/"))
    path, question, query = path.partition("?")
    first, second, *rest = path.split("/")
    last = first == "crm" and not version.startswith("v")
    order = [first, second, version] if last else [first, version, second]
    return "/" + "/".join([*order, *rest]) + question + query


class Walk:
    """Calls endpoints of one version, and holds each answer against the contract."""

    def __init__(self, call: Caller, hubspot: Emulator, version: str) -> None:
        self.call, self.hubspot, self.version = call, hubspot, version
        self.router = Router(routes_of(hubspot))
        self.seen: set[tuple[str, str, str]] = set()
        self.wrong: list[str] = []

    def ask(
        self, schema: str | None, method: str, path: str, body: Any = None, *, version: str | None = None
    ) -> Any:
        """Call one endpoint; None as the schema means that a 204 without a body is right."""
        answer = self.call.send(method, spelled(path, version or self.version), body)
        return self.look(schema, answer)

    def look(self, schema: str | None, answer: requests.Response) -> Any:
        entry = self.hubspot.books.requests()[-1]
        found = self.router.find(self.hubspot.portal, entry.method, entry.path)
        if found is not None:
            self.seen.add((found.route.method, found.route.pattern, found.version))
        told = f"{entry.method} {entry.path} {answer.status_code}"
        if schema is None:
            if (answer.status_code, answer.content) != (204, b""):
                self.wrong.append(f"{told}: {answer.text[:200]}")
            return None
        if (answer.status_code >= 400) != (schema in ("Error", "GrantError")):
            self.wrong.append(f"{told}: {answer.text[:200]}")
            return answer.json()
        self.wrong += [f"{told}: {difference}" for difference in differences(schema, answer.json())]
        return answer.json()


def records(walk: Walk) -> tuple[str, str, str]:
    """Records in batches and one by one; two contacts and a deal stay."""
    objects = "crm/objects/contacts"
    inputs = [{"properties": {"email": f"p{n}@example.com"}, "objectWriteTraceId": str(n)} for n in range(4)]
    made = walk.ask("Batch", "POST", f"{objects}/batch/create", {"inputs": inputs})
    bad = [
        {"properties": {"email": f"q{n}@example.com", "lifecyclestage": v}, "objectWriteTraceId": str(n)}
        for n, v in enumerate(("lead", "x"))
    ]
    walk.ask("Batch", "POST", f"{objects}/batch/create", {"inputs": bad})
    walk.ask(
        "Error", "POST", f"{objects}/batch/create", {"inputs": [{"properties": {"email": "p0@example.com"}}]}
    )
    walk.ask(
        "Error", "POST", f"{objects}/batch/create", {"inputs": [{"properties": {"city": "x", "no": "1"}}]}
    )
    ids = [result["id"] for result in made["results"]]
    change = {"inputs": [{"id": ids[0], "properties": {"city": "Ulm"}}, {"id": "1", "properties": {}}]}
    walk.ask("Batch", "POST", f"{objects}/batch/update", change)
    key = {"id": "new@example.com", "idProperty": "email", "properties": {"city": "Ulm"}}
    walk.ask("Batch", "POST", f"{objects}/batch/upsert", {"inputs": [key]})
    read = {
        "inputs": [{"id": ids[0]}, {"id": "1"}],
        "properties": ["city", "state"],
        "propertiesWithHistory": ["city"],
    }
    walk.ask("Batch", "POST", f"{objects}/batch/read", read)
    walk.ask(
        "Found", "POST", f"{objects}/search", {"limit": 1, "after": "0", "sorts": [], "filterGroups": []}
    )
    walk.ask("Error", "POST", f"{objects}/search", {"limit": 1000})
    one = walk.ask(
        "Record", "POST", objects, {"properties": {"email": "one@example.com"}, "associations": []}
    )
    walk.ask("Page", "GET", f"{objects}?limit=2")
    walk.ask("Record", "GET", f"{objects}/{one['id']}?propertiesWithHistory=email")
    walk.ask("Error", "GET", f"{objects}/77")
    walk.ask("Record", "PATCH", f"{objects}/{one['id']}", {"properties": {"city": "Ulm"}})
    walk.ask("Record", "POST", f"{objects}/merge", {"primaryObjectId": one["id"], "objectIdToMerge": ids[3]})
    walk.ask(None, "DELETE", f"{objects}/{one['id']}")
    walk.ask(None, "POST", f"{objects}/gdpr-delete", {"objectId": ids[2]})
    walk.ask(None, "POST", f"{objects}/batch/archive", {"inputs": [{"id": ids[2]}]})
    walk.ask("Page", "GET", f"{objects}?archived=true")
    deal = {"dealname": "D", "pipeline": "default", "dealstage": "closedwon"}
    walk.ask("Error", "POST", "crm/objects/nothing/batch/create", {"inputs": []})
    return ids[0], ids[1], walk.ask("Record", "POST", "crm/objects/deals", {"properties": deal})["id"]


def associations(walk: Walk, ada: str, bob: str, deal: str) -> None:
    """v4 or a dated version."""
    version = "v4" if walk.version == "v3" else walk.version
    base, single = "crm/associations/contacts/deals", "crm/objects/contacts"
    gone = None if version == "v4" else "GoneBatch"

    def ask(schema: str | None, method: str, path: str, body: Any = None) -> Any:
        return walk.ask(schema, method, path, body, version=version)

    ends = {"from": {"id": ada}, "to": {"id": deal}}
    made = ask("Kinds", "POST", f"{base}/labels", {"label": "Signs", "name": "signs"})
    own = made["results"][0]["typeId"]
    ask("Kinds", "GET", f"{base}/labels")
    ask(None, "PUT", f"{base}/labels", {"associationTypeId": own, "label": "Signed"})
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": own}]
    ask("PairBatch", "POST", f"{base}/batch/create", {"inputs": [{**ends, "types": types}]})
    broken = {"from": {"id": "1"}, "to": {"id": deal}, "types": types}
    ask("PairBatch", "POST", f"{base}/batch/create", {"inputs": [broken]})
    ask("DefaultBatch", "POST", f"{base}/batch/associate/default", {"inputs": [ends]})
    ask("MultiBatch", "POST", f"{base}/batch/read", {"inputs": [{"id": ada}, {"id": bob}]})
    ask("Tos", "GET", f"{single}/{ada}/associations/deals")
    ask(gone, "POST", f"{base}/batch/labels/archive", {"inputs": [{**ends, "types": types}]})
    ask(gone, "POST", f"{base}/batch/archive", {"inputs": [{"from": {"id": ada}, "to": [{"id": deal}]}]})
    ask("DefaultBatch", "PUT", f"{single}/{ada}/associations/default/deals/{deal}")
    ask("Pair", "PUT", f"{single}/{ada}/associations/deals/{deal}", [PLAIN])
    ask(None, "DELETE", f"{single}/{ada}/associations/deals/{deal}")
    ask(None, "DELETE", f"{base}/labels/{own}")
    if walk.version != "v3":
        return
    pair = {**ends, "type": "contact_to_deal"}
    walk.ask("V3Batch", "POST", f"{base}/batch/create", {"inputs": [pair]})
    walk.ask("V3MultiBatch", "POST", f"{base}/batch/read", {"inputs": [{"id": ada}]})
    walk.ask("V3Kinds", "GET", f"{base}/types")
    walk.ask("Associated", "GET", f"{single}/{ada}/associations/deals")
    walk.ask("Record", "GET", f"{single}/{ada}?associations=deals")
    walk.ask(None, "POST", f"{base}/batch/archive", {"inputs": [pair]})
    walk.ask("Record", "PUT", f"{single}/{ada}/associations/deals/{deal}/contact_to_deal")
    walk.ask(None, "DELETE", f"{single}/{ada}/associations/deals/{deal}/contact_to_deal")


def definitions(walk: Walk) -> None:
    base = "crm/properties/contacts"
    given = {
        "name": "size",
        "label": "Size",
        "type": "enumeration",
        "fieldType": "select",
        "groupName": "ours",
    }
    given["options"] = [{"label": "S", "value": "s", "displayOrder": 0, "hidden": False}]  # type: ignore[assignment]
    walk.ask("Group", "POST", f"{base}/groups", {"name": "ours", "label": "Ours"})
    walk.ask("Groups", "GET", f"{base}/groups")
    walk.ask("Group", "GET", f"{base}/groups/ours")
    walk.ask("Group", "PATCH", f"{base}/groups/ours", {"label": "Own"})
    walk.ask("Property", "POST", base, given)
    walk.ask("Error", "POST", base, given)
    walk.ask("PropertyBatch", "POST", f"{base}/batch/create", {"inputs": [{**given, "name": "b"}, given]})
    walk.ask("PropertyBatch", "POST", f"{base}/batch/read", {"inputs": [{"name": "b"}, {"name": "no"}]})
    walk.ask("Property", "GET", f"{base}/size")
    walk.ask("Property", "PATCH", f"{base}/size", {"label": "Sizes"})
    walk.ask("Properties", "GET", base)
    rules = "crm/property-validations/contacts"
    walk.ask(None, "PUT", f"{rules}/city/rule-type/MAX_LENGTH", {"ruleArguments": ["9"]})
    walk.ask("RuleMaps", "GET", rules)
    walk.ask("Rules", "GET", f"{rules}/city")
    walk.ask("Rule", "GET", f"{rules}/city/rule-type/MAX_LENGTH")
    walk.ask(None, "DELETE", f"{base}/size")
    walk.ask(None, "POST", f"{base}/batch/archive", {"inputs": [{"name": "b"}]})
    walk.ask(None, "DELETE", f"{base}/groups/ours")
    schema = {
        "name": "cars",
        "labels": {"singular": "Car", "plural": "Cars"},
        "primaryDisplayProperty": "vin",
        "requiredProperties": ["vin"],
        "properties": [{"name": "vin", "label": "VIN", "type": "string", "fieldType": "text"}],
        "associatedObjects": ["CONTACT"],
    }
    for kinds in ("crm/schemas", "crm-object-schemas/schemas"):
        made = walk.ask("Schema", "POST", kinds, schema)["objectTypeId"]
        walk.ask("Schemas", "GET", kinds)
        walk.ask("Schema", "GET", f"{kinds}/{made}")
        walk.ask("Schema", "PATCH", f"{kinds}/{made}", {"requiredProperties": []})
        walk.ask("SchemaBatch", "POST", f"{kinds}/batch/read", {"inputs": [{"id": made}]})
        walk.ask(None, "DELETE", f"{kinds}/{made}")


def limits(walk: Walk) -> None:
    base = "crm/limits"
    custom = walk.hubspot.add_object_type("bikes", [{"name": "vin"}])
    walk.hubspot.seed_records(custom, [{"vin": "1"}])
    walk.hubspot.change(max_associations=1)
    (ada,) = walk.hubspot.seed_records("contacts", [{"email": "full@example.com"}])
    (deal,) = walk.hubspot.seed_records("deals", [{"dealname": "D"}])
    walk.hubspot.portal.associations.add(
        walk.hubspot.portal.associations.types("contacts", "deals")[0], ada, deal
    )
    walk.hubspot.add_label("contacts", "tickets", "Asks")
    walk.ask("TypeLimits", "GET", f"{base}/records")
    walk.ask("TypeLimits", "GET", f"{base}/pipelines")
    walk.ask("LimitedOverall", "GET", f"{base}/custom-properties")
    walk.ask("Overall", "GET", f"{base}/calculated-properties")
    walk.ask("OneLimit", "GET", f"{base}/custom-object-types")
    assert walk.ask("LabelLimits", "GET", f"{base}/associations/labels")["results"]
    assert walk.ask("NearLimits", "GET", f"{base}/associations/records/from")["results"]
    assert walk.ask("NearLimits", "GET", f"{base}/associations/records/0-1/to")["results"]
    walk.ask("RecordLimit", "GET", f"{base}/associations/records/0-1/0-3")
    walk.hubspot.change(max_associations=250_000)


def account(walk: Walk) -> None:
    walk.ask("Account", "GET", "account-info/details")
    walk.ask("Usages", "GET", "account-info/api-usage/daily/private-apps")
    walk.ask("Owners", "GET", "crm/owners?limit=1")
    walk.ask("Owners", "GET", "crm/owners?archived=true")
    walk.ask("Owner", "GET", "crm/owners/1001")
    base = "crm/pipelines/deals"
    stage = {"label": "Asked", "displayOrder": 0, "metadata": {"probability": "0.5"}}
    made = walk.ask("Pipeline", "POST", base, {"label": "R", "displayOrder": 1, "stages": [stage]})
    one = f"{base}/{made['id']}"
    walk.ask("Pipelines", "GET", base)
    walk.ask("Pipeline", "GET", one)
    walk.ask("Pipeline", "PATCH", one, {"label": "S"})
    added = walk.ask("Stage", "POST", f"{one}/stages", {**stage, "label": "T"})
    stages = f"{one}/stages/{added['id']}"
    walk.ask("Stages", "GET", f"{one}/stages")
    walk.ask("Stage", "GET", stages)
    walk.ask("Stage", "PATCH", stages, {"label": "U"})
    walk.ask("Stage", "PUT", stages, {**stage, "label": "V"})
    walk.ask("Audits", "GET", f"{stages}/audit")
    walk.ask("Audits", "GET", f"{one}/audit")
    walk.ask(None, "DELETE", stages)
    walk.ask("Pipeline", "PUT", one, {"label": "W", "displayOrder": 2, "stages": [stage]})
    walk.ask(None, "DELETE", one)


def tokens(walk: Walk, version: str) -> None:
    hubspot, app = walk.hubspot, walk.hubspot.credentials
    base = f"{hubspot.url}/oauth/{version}/token"
    form = {"client_id": app.client_id, "client_secret": app.client_secret}
    asked = {"grant_type": "refresh_token", "refresh_token": app.refresh_token, **form}
    made = walk.look("Token", requests.post(base, data=asked, timeout=10))
    walk.look("GrantError", requests.post(base, data={**asked, "refresh_token": "x"}, timeout=10))
    access, refresh = made["access_token"], made["refresh_token"]
    if version == "v1":
        old = f"{hubspot.url}/oauth/v1"
        walk.look("OldTokenInfo", requests.get(f"{old}/access-tokens/{access}", timeout=10))
        walk.look("OldTokenInfo", requests.get(f"{old}/refresh-tokens/{refresh}", timeout=10))
        walk.look(None, requests.delete(f"{old}/refresh-tokens/{refresh}", timeout=10))
        walk.look("Error", requests.get(f"{old}/refresh-tokens/{refresh}", timeout=10))
        asked_of = f"{hubspot.url}/oauth/v2/private-apps/get/access-token-info"
        walk.look("PrivateApp", requests.post(asked_of, json={"tokenKey": hubspot.token}, timeout=10))
        return
    for token in (access, refresh):
        walk.look("TokenInfo", requests.post(f"{base}/introspect", data={"token": token, **form}, timeout=10))
    walk.look("InactiveToken", requests.post(f"{base}/introspect", data={"token": "x", **form}, timeout=10))
    walk.look(None, requests.post(f"{base}/revoke", data={"token": access, **form}, timeout=10))


@pytest.mark.parametrize("version", ["v3", *DATED])
def test_every_endpoint_answers_as_the_contract_says(call: Caller, hubspot: Emulator, version: str) -> None:
    walk = Walk(call, hubspot, version)
    hubspot.change(search_lag=0.0)
    associations(walk, *records(walk))
    definitions(walk)
    limits(walk)
    account(walk)
    for asked in ("v1", "v3") if version == "v3" else (version,):
        tokens(walk, asked)
    hubspot.faults.add(Fault.rate_limited(times=1))
    walk.ask("Error", "GET", "crm/owners")
    hubspot.change(daily_limit=1)
    walk.ask("Error", "GET", "crm/owners")
    assert walk.wrong == []
    assert endpoints(routes_of(hubspot), version) - walk.seen == set()


def test_an_endpoint_that_no_walk_calls_is_found(hubspot: Emulator) -> None:
    routes = routes_of(hubspot)
    new = dataclasses.replace(
        routes[0], pattern="/crm/objects/{type}/batch/polish", versions=("v2", "2026-03")
    )
    for version, called in (("v3", "v2"), ("2026-03", "2026-03")):
        assert endpoints([*routes, new], version) - endpoints(routes, version) == {
            (new.method, new.pattern, called)
        }
    walked = {v for version in ("v3", *DATED) for *_, v in endpoints(routes, version)}
    assert walked == {v for route in routes for v in route.versions}


REFUSALS: dict[str, tuple[Any, dict[str, Any], int]] = {
    "without a token": (b"", {}, 401),
    "without a scope": (b"", {"scopes": frozenset()}, 403),
    "over the limit": (
        b"",
        {"burst_limit": 0, "search_limit": 0, "association_limit": 0, "oauth_limit": 0},
        429,
    ),
    "that is no JSON": (b"{", {}, 400),
    "that is nested without end": (b"[" * 200_000, {}, 400),
    "that is a list": (b"[]", {}, 400),
    "that is nothing": (b"", {}, 400),
    "with inputs of the wrong kind": (b'{"inputs": [5, null]}', {}, 400),
    "with empty inputs": (b'{"inputs": [{}]}', {}, 400),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_every_endpoint_refuses_as_the_contract_says(call: Caller, hubspot: Emulator, what: str) -> None:
    body, settings, status = REFUSALS[what]
    caller = Caller(hubspot, token="unknown") if what == "without a token" else call
    hubspot.change(check_tokens=True, **settings)
    refused, wrong = set(), []
    for route in routes_of(hubspot):
        for version in {route.versions[0], route.versions[-1]}:
            path = spelled(route.pattern, version)
            answer = caller.session.request(route.method, hubspot.url + path, data=body, timeout=10)
            told = f"{route.method} {path} {answer.status_code}"
            if answer.status_code >= 500:
                wrong.append(f"{told}: {answer.text[:200]}")
            elif answer.status_code >= 400:
                schema = (
                    "GrantError"
                    if route.operation == "oauth.token" and answer.status_code == 400
                    else "Error"
                )
                wrong += [f"{told}: {each}" for each in differences(schema, answer.json())]
            if answer.status_code == status:
                refused.add(route.pattern)
    assert wrong == []
    assert len(refused) >= 8


WRONG_TYPES: list[Any] = [5, True, "text", [], ["text"], [5], [[]], {}, {"x": 5}, [{"x": []}], None]
WORDS = re.findall(
    r"\w+",
    """
    inputs properties associations objectWriteTraceId id idProperty from to types type propertiesWithHistory
    filterGroups filters sorts query limit after values primaryObjectId objectIdToMerge objectId name label labels
    options fieldType groupName stages metadata displayOrder associationTypeId inverseLabel requiredProperties
    primaryDisplayProperty associatedObjects ruleArguments tokenKey archived
    """,
)
"""Every word that an endpoint reads in a body."""


@pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
def test_values_of_the_wrong_type_are_refused_or_taken_and_never_break_an_endpoint(
    call: Caller, hubspot: Emulator, value: Any
) -> None:
    flat = dict.fromkeys(WORDS, value)
    bodies = [
        flat,
        {**flat, "inputs": [flat]},
        {**flat, "filterGroups": [{"filters": [flat]}], "stages": [flat]},
    ]
    wrong = []
    for route in routes_of(hubspot):
        if route.method == "GET":
            continue
        for body in bodies:
            answer = call.send(route.method, spelled(route.pattern, route.versions[-1]), body)
            if answer.status_code >= 500 or (answer.content and not isinstance(answer.json(), dict)):
                wrong.append(
                    f"{route.method} {route.pattern} {body}: {answer.status_code} {answer.text[:200]}"
                )
    assert wrong == []


def test_every_line_of_the_contract_names_its_source() -> None:
    for line in CONTRACT.strip().splitlines():
        assert SOURCE.fullmatch(line.split(None, 3)[3]), line


def test_a_deviation_is_about_a_field_and_has_a_reason() -> None:
    for name, reason in DEVIATIONS.items():
        schema, field = name.split(".")
        assert field in SCHEMAS[schema]
        assert len(reason) > 20


def test_a_difference_is_found() -> None:
    assert list(differences("Ref", {"id": 7})) == [".id: 7 is not digits"]
    assert list(differences("Ref", {})) == [".id is missing (Ref)"]
    assert list(differences("Ref", {"id": "7", "x": 1})) == [".x is not in the contract (Ref)"]
