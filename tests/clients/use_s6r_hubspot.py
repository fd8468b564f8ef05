"""s6r-hubspot creates, updates, reads, searches, associates and archives, and reads definitions."""

import os

from s6r_hubspot import HubspotConnection

hubspot = HubspotConnection(os.environ["HUBSPOT_ACCESS_TOKEN"])
people = [{"properties": {"email": f"p{n}@example.com", "firstname": "Ada"}} for n in range(120)]
made = hubspot.create("contacts", people)
assert len(made) == 120
ids = {each["properties"]["email"]: each["id"] for each in made}
one, two = ids["p0@example.com"], ids["p1@example.com"]
hubspot.update("contacts", [{"id": one, "properties": {"city": "Ulm"}}])
read = hubspot.read("contacts", [one, two], ["email", "city"])
assert {each["properties"]["city"] for each in read} == {"Ulm", None}
by_email = hubspot.read("contacts", ["p1@example.com"], ["email"], property_name="email")
assert [each["id"] for each in by_email] == [two]
equal = [{"propertyName": "city", "operator": "EQ", "value": "Ulm"}]
assert [each["id"] for each in hubspot.search("contacts", filters=equal, properties=["city"])] == [one]
(firm,) = hubspot.create("companies", [{"properties": {"name": "Analytical Engines"}}])
spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
pair = {"types": spec, "from": {"id": one}, "to": {"id": firm["id"]}}
assert len(hubspot.association_batch_create("contacts", "companies", [pair])) == 1
(found,) = hubspot.get_association("contacts", "companies", [one])
assert str(found["to"][0]["toObjectId"]) == firm["id"]
assert len(hubspot.get_all("contacts", ["email"])) == 120
hubspot.archive("contacts", [two])
assert len(hubspot.get_all("contacts", ["email"])) == 119
assert hubspot.get_pipelines("deals")[0]["id"] == "default"
assert hubspot.get_stage("deals", "default", "closedwon")["label"] == "Closed Won"
assert hubspot.get_owner("1001")["email"] == "ada.quist@example.com"
assert hubspot.get_owner("1004")["archived"]
assert len(hubspot.get_owners()) == 3
assert hubspot.get_account_details()["portalId"]
assert hubspot.get_schema("contacts")["objectTypeId"] == "0-1"
assert hubspot.get_association_label("contacts", "companies")["results"]
