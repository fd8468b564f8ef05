"""`hubspot-batch-dagster portal`: an emulator that is like a real portal."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from hubspot_batch_dagster import HubSpotClient
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator


def written(hubspot: Emulator, out: Path) -> str:
    run = CliRunner().invoke(
        cli,
        ["portal", "--out", str(out), "--base-url", hubspot.url],
        env={"HUBSPOT_ACCESS_TOKEN": hubspot.token},
    )
    assert run.exit_code == 0, run.output
    return run.output


def test_an_emulator_with_a_portals_file_has_its_definitions_and_nobodys_records(tmp_path: Path) -> None:
    out = tmp_path / "portal.json"
    with Emulator() as real:
        real.change(portal_id=777)
        real.add_property("contacts", "size", type="enumeration", options=["s", "l"], groupName="ours")
        real.add_property("contacts", "ssn", dataSensitivity="sensitive")
        cars = real.add_object_type("cars", [{"name": "vin", "hasUniqueValue": True}])
        forward, backward = real.add_label("contacts", "companies", "Billing")
        real.add_pipeline("deals", {"label": "Renewals", "stages": [{"label": "Asked", "stageId": "asked"}]})
        owner = real.add_owner("secret@example.com", firstName="Eveline")
        real.seed_records("contacts", [{"email": "ada@example.com"}])
        said = written(real, out)
        assert "1 custom objects" in said
    text = out.read_text()
    assert not any(word in text for word in ("ada@example.com", "secret@example.com", "Eveline", real.token))
    assert json.loads(text)["portalId"] == 777
    with Emulator(portal=out) as like, HubSpotClient(like.token, base_url=like.url) as client:
        assert client.account_details().portal_id == 777
        assert like.records("contacts") == {}
        size = next(each for each in client.properties("contacts") if each.name == "size")
        assert [option.value for option in size.options] == ["s", "l"]
        assert like.portal.table("contacts").properties["ssn"].sensitivity == "sensitive"
        assert next(each for each in client.properties(cars) if each.name == "vin").has_unique_value
        assert [pipeline.label for pipeline in client.pipelines("deals")] == ["Sales Pipeline", "Renewals"]
        labels = {each.type_id: each.label for each in client.association_labels("companies", "contacts")}
        assert labels[backward] == "Billing"
        made = client.batch_create(
            "contacts", [{"properties": {"email": "b@example.com", "hubspot_owner_id": owner}}]
        )
        assert len(made.results) == 1
        firm = client.batch_create("companies", [{"properties": {"name": "x"}}]).results[0].id
        pair = {
            "from": {"id": made.results[0].id},
            "to": {"id": firm},
            "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": forward}],
        }
        assert client.association_batch_create("contacts", "companies", [pair]).results[0].labels == [
            "Billing",
            "Primary",
        ]


def test_what_the_token_may_not_read_is_said_and_left_out(tmp_path: Path) -> None:
    out = tmp_path / "portal.json"
    with Emulator() as real:
        real.change(scopes={"crm.objects.contacts.read", "crm.schemas.contacts.read"})
        said = written(real, out)
    assert "/crm/properties/2026-03/companies is left out" in said
    assert "contacts" in json.loads(out.read_text())["properties"]
