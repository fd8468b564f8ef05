"""Every argument of every public callable is checked when it is given: a wrong one is an InputError that
names it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import pytest

import hubspot_batch_dagster as package
from hubspot_batch_dagster import (
    Archive,
    ArrowParquetIOManager,
    Associate,
    Association,
    Create,
    HubSpotClient,
    HubSpotResource,
    HubSpotRunConfig,
    HubSpotSession,
    HubSpotSyncCollectionComponent,
    HubSpotSyncComponent,
    HubSpotTranslator,
    InputError,
    SessionSettings,
    Update,
    Upsert,
    build_hubspot_sync_assets,
    eager_when_checks_pass,
    hubspot_asset,
    hubspot_object_specs,
    hubspot_op,
    prepare,
)
from hubspot_batch_dagster.api.endpoints import endpoint
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.emulator import Emulator

ROWS = [{"k": 1, "name": "Acme"}]
BY_KEY = Create("companies", key="k")

KINDS: Mapping[str, tuple[Any, ...]] = {
    "none": (None,),
    "bool": (True,),
    "int": (5, -1),
    "float": (0.5,),
    "no number": (float("nan"), float("inf")),
    "huge": (10**30, -(10**30), 10**5000, 1e300),
    "text": ("x", "", "\0"),
    "bytes": (b"x",),
    "list": ([], [5], ["x"], [None]),
    "mapping": ({}, {"x": 5}, {5: "x"}),
    "object": (object(),),
    "class": (int,),
    "function": (lambda: None,),
}
FITTING: Mapping[str, frozenset[str]] = {
    r"None|Optional|\bobject\b|\bAny\b": frozenset({"none"}),
    r"\bbool\b|\bobject\b|\bAny\b": frozenset({"bool"}),
    r"\bint\b|\bfloat\b|\bobject\b|\bAny\b": frozenset({"int"}),
    r"\bfloat\b|\bobject\b|\bAny\b": frozenset({"float"}),
    r"\bstr\b|Literal|OnNull|OnDuplicate|MissingProperties|IdsForm|Type\b|\bobject\b|\bAny\b": frozenset({"text"}),
    r"Sequence|Iterable|Properties|tuple\[str|\blist\b|\bobject\b|\bAny\b": frozenset({"list"}),
    r"Mapping|dict|Properties|CastFields|HubSpotResource \||Retry \||\bobject\b|\bAny\b": frozenset({"mapping"}),
    r"\bbytes\b|\bobject\b|\bAny\b": frozenset({"bytes"}),
    r"\bobject\b|\bAny\b": frozenset({"object", "class", "function", "no number"}),
    r"Callable|Leaving": frozenset({"function", "class"}),
}  # fmt: skip


def kinds_of(annotation: str) -> frozenset[str]:
    """The kinds of values that an annotation allows, as far as its text says. It says nothing of sizes."""
    return frozenset({"huge"}).union(
        *(kinds for words, kinds in FITTING.items() if re.search(words, annotation))
    )


class Called:
    """A public callable with arguments that are right."""

    def __init__(self, of: Any, call: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        self.call, self.arguments = call, arguments
        fields = getattr(of, "model_fields", None)
        if fields is not None:
            self.parameters = {name: str(field.annotation) for name, field in fields.items()}
        else:
            given = inspect.signature(of).parameters.values()
            self.parameters = {
                each.name: each.annotation if isinstance(each.annotation, str) else str(each.annotation)
                for each in given
                if each.name != "self" and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
            }


@pytest.fixture(scope="module")
def callables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Called]]:
    folder = tmp_path_factory.mktemp("arguments")
    with pytest.MonkeyPatch.context() as patch, Emulator() as emulator:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        account = {"access_token": emulator.token, "base_url": emulator.url, "store": str(folder / "store")}
        with (
            HubSpotSession(SessionSettings(**account)) as session,
            HubSpotResource(**account).open() as resource,
        ):
            yield {**_values(account), **_decorators(), **_methods(session, resource)}


def _values(account: Mapping[str, Any]) -> dict[str, Called]:
    def opened(**fields: Any) -> None:
        with HubSpotResource(**fields).open() as hubspot:
            assert hubspot.ids

    operations = {
        Create: {"object_type": "companies", "key": "k"},
        Upsert: {"object_type": "contacts", "id_property": "email"},
        Update: {"object_type": "companies", "record_id": "r"},
        Archive: {"object_type": "companies", "record_id": "r"},
        Associate: {"object_type": "contacts", "to_type": "companies", "from_column": "a", "to_column": "b"},
        Association: {"to": "contacts", "column": "c"},
        package.Warehouse: {"query": "SELECT 1 AS k", "connection": "duckdb:///w.db"},
        package.ChangedSince: {"column": "c", "rows": []},
        package.HubSpotPortalComponent: {"path": "portal.json"},
    }
    component = {
        "asset": dg.AssetSpec("a"),
        "source": Source(asset="b"),
        "operation": "create",
        "object_type": "companies",
        "key": "k",
    }
    sync = HubSpotSyncComponent(**component)
    return {
        "HubSpotSyncCollectionComponent": Called(
            HubSpotSyncCollectionComponent, HubSpotSyncCollectionComponent, {"syncs": [sync]}
        ),
        "HubSpotTranslator": Called(HubSpotTranslator, HubSpotTranslator, {}),
        "build_hubspot_sync_assets": Called(
            build_hubspot_sync_assets, build_hubspot_sync_assets, {"syncs": [sync]}
        ),
        "eager_when_checks_pass": Called(eager_when_checks_pass, eager_when_checks_pass, {}),
        "hubspot_object_specs": Called(hubspot_object_specs, hubspot_object_specs, {"assets": []}),
        **{kind.__name__: Called(kind, kind, arguments) for kind, arguments in operations.items()},
        "SessionSettings": Called(SessionSettings, SessionSettings, account),
        "HubSpotSession": Called(HubSpotSession, HubSpotSession, {"settings": SessionSettings(**account)}),
        "HubSpotResource": Called(HubSpotResource, opened, account),
        "HubSpotRunConfig": Called(HubSpotRunConfig, HubSpotRunConfig, {}),
        "ArrowParquetIOManager": Called(ArrowParquetIOManager, ArrowParquetIOManager, {}),
        "HubSpotSyncComponent": Called(HubSpotSyncComponent, HubSpotSyncComponent, component),
        "HubSpotClient": Called(HubSpotClient, HubSpotClient, {"access_token": "t"}),
        "Cast": Called(package.Cast, lambda **given: package.Property("c", cast=package.Cast(**given)), {}),
        "Property": Called(package.Property, package.Property, {"column": "c"}),
        "hubspot_reconcile_check": Called(
            package.hubspot_reconcile_check, package.hubspot_reconcile_check, {"asset": "made"}
        ),
        "prepare": Called(prepare, prepare, {"rows": ROWS, "operation": BY_KEY}),
    }


def _decorators() -> dict[str, Called]:
    def rows() -> list[dict[str, Any]]:
        return ROWS

    return {
        "hubspot_asset": Called(hubspot_asset, lambda **given: hubspot_asset(**given)(rows), {"operation": BY_KEY}),
        "hubspot_op": Called(hubspot_op, lambda **given: hubspot_op(**given)(rows), {"operation": BY_KEY}),
    }  # fmt: skip


def _methods(session: HubSpotSession, resource: HubSpotResource) -> dict[str, Called]:
    made = session.sync(ROWS, BY_KEY, name="made")
    first = session.client.batch_read("companies", [made.ids.column("hs_object_id")[0].as_py()]).results[0].id
    sync = {"rows": ROWS, "operation": BY_KEY, "name": "s"}
    adopting = {**sync, "operation": Upsert("contacts", id_property="email"), "rows": [{"email": "a@b.co"}]}
    undo = {"sync": "made", "run": made.run}
    reconcile = {"sync": "made"}
    read = {"object_type": "companies", "ids": [first], "properties": ["name"]}
    pair = {"from_type": "companies", "to_type": "contacts"}
    found: dict[str, Called] = {}
    for owner, of in ((session, "HubSpotSession"), (resource, "HubSpotResource")):
        arguments = {
            "sync": sync,
            "run": sync,
            "plan": sync,
            "adopt": adopting,
            "undo": undo,
            "read": read,
            "reconcile": reconcile,
        }
        for name, given in arguments.items():
            found[f"{of}.{name}"] = Called(getattr(type(owner), name), getattr(owner, name), given)
    client = session.client
    given = {
        "type_of": {"kind": "companies"},
        "batch_create": {"kind": "companies", "inputs": [{"properties": {}}]},
        "batch_update": {"kind": "companies", "inputs": [{"id": first, "properties": {}}]},
        "batch_upsert": {"kind": "contacts", "inputs": [{"id": "a@b.co", "idProperty": "email", "properties": {}}]},
        "batch_read": {"kind": "companies", "ids": [first]},
        "batch_archive": {"kind": "companies", "ids": ["1"]},
        "search": {"kind": "companies", "request": {}},
        "association_batch_create": {**pair, "inputs": [{"from": "1", "to": "2", "types": []}]},
        "association_batch_default": {**pair, "inputs": [{"from": "1", "to": "2"}]},
        "association_batch_read": {**pair, "inputs": ["1"]},
        "association_batch_archive": {**pair, "inputs": [{"from": "1", "to": ["2"]}]},
        "association_labels_archive": {**pair, "inputs": [{"from": "1", "to": "2", "types": []}]},
        "association_labels": pair,
        "properties": {"kind": "companies"},
        "schemas": {},
        "owners": {},
        "pipelines": {"kind": "deals"},
        "create_property": {"kind": "companies", "definition": {"name": "n", "label": "n", "type": "string", "fieldType": "text", "groupName": "g"}},
        "property_batch_create": {"kind": "companies", "definitions": [{"name": "n", "label": "n", "type": "string", "fieldType": "text", "groupName": "g"}]},
        "get": {"path": "/account-info/v3/details"},
        "post_json": {"path": "/crm/v3/objects/companies/search", "body": {}},
        "send": {"endpoint": endpoint("companies", "read", "2026-03"), "body": b"{}"},
    }  # fmt: skip
    for name, arguments in given.items():
        found[f"HubSpotClient.{name}"] = Called(
            getattr(HubSpotClient, name), getattr(client, name), arguments
        )
    return found


RESULTS = {"SyncPlan", "SyncResult"}
"""What comes out, and is not made by users."""


def test_no_public_callable_is_left_out(callables: Mapping[str, Called]) -> None:
    """The walk below knows every public name and every public method with parameters."""
    missing = []
    for name in package.__all__:
        found = getattr(package, name)
        if name in RESULTS or (isinstance(found, type) and issubclass(found, Exception)):
            continue
        if name not in callables:
            missing.append(name)
        if isinstance(found, type) and name in ("HubSpotSession", "HubSpotResource", "HubSpotClient"):
            missing += [
                f"{name}.{method}"
                for method, function in inspect.getmembers(found, inspect.isfunction)
                if function.__module__.startswith("hubspot_batch_dagster")
                and not method.startswith("_")
                and len(inspect.signature(function).parameters) > 1
                and method != "yield_for_execution"  # Dagster's
                and f"{name}.{method}" not in callables
            ]
    assert missing == []


def test_each_wrong_argument_is_an_input_error_that_names_it(callables: Mapping[str, Called]) -> None:
    """Each parameter is given values of each kind. Those that its annotation excludes are refused; no value
    at all ends in another error than one of ours, and a refusal of the argument names it.
    """
    wrong, tried = [], 0
    for name, called in callables.items():
        for parameter, annotation in called.parameters.items():
            allowed = kinds_of(annotation)
            for kind, values in KINDS.items():
                if parameter.startswith("on_") and kind in ("function", "class"):
                    continue  # what it raises when it is called is its own
                for value in values:
                    tried += 1
                    said = _outcome(called, parameter, value, must_refuse=kind not in allowed)
                    if said is not None:
                        wrong.append(f"{name}({parameter}={_spelt(value)}): {annotation}: {said}")
    assert tried > 2_000
    assert not wrong, "\n".join(wrong)


def _spelt(value: Any) -> str:
    return f"{value.bit_length()} bits" if isinstance(value, int) else repr(value)


def _outcome(called: Called, parameter: str, value: Any, *, must_refuse: bool) -> str | None:
    """What is wrong with the end of the call."""
    try:
        called.call(**{**called.arguments, parameter: value})
    except InputError as error:
        if must_refuse and parameter not in str(error):
            return f"does not name it: {error}"
        return None
    except package.HubSpotError as error:
        return f"accepted, then {type(error).__name__}: {error}" if must_refuse else None
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:150]}"
    return "accepted" if must_refuse else None
