// HubSpot's own client for Node creates, upserts, reads, searches, associates, merges and lists.
import assert from "node:assert/strict";
import { Client } from "@hubspot/api-client";

const hubspot = new Client({
  accessToken: process.env.HUBSPOT_ACCESS_TOKEN,
  basePath: process.env.EMULATOR_URL,
});
const contacts = hubspot.crm.contacts;
const inputs = [0, 1, 2].map(n => ({ properties: { email: `p${n}@example.com` }, associations: [], objectWriteTraceId: String(n) }));
const made = await contacts.batchApi.create({ inputs });
assert.equal(made.status, "COMPLETE");
const ids = Object.fromEntries(made.results.map(each => [each.objectWriteTraceId, each.id]));
const upserted = await contacts.batchApi.upsert({
  inputs: [2, 3].map(n => ({ id: `p${n}@example.com`, idProperty: "email", properties: { city: "Bonn" } })),
});
assert.deepEqual(upserted.results.map(each => each._new).sort(), [false, true]);
const read = await contacts.batchApi.read({ inputs: [{ id: ids[0] }], properties: ["email"], propertiesWithHistory: [] });
assert.equal(read.results[0].properties.email, "p0@example.com");
const changed = await contacts.basicApi.update("p0@example.com", { properties: { city: "Ulm" } }, "email");
assert.equal(changed.id, ids[0]);
const found = await contacts.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: "city", operator: "EQ", value: "Ulm" }] }],
  properties: ["city"], limit: 10, after: "0", sorts: [],
});
assert.deepEqual(found.results.map(each => each.id), [ids[0]]);
const firm = await hubspot.crm.companies.basicApi.create({ properties: { name: "Analytical Engines" }, associations: [] });
const types = [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 279 }];
await hubspot.crm.associations.v4.basicApi.create("contacts", ids[0], "companies", firm.id, types);
const page = await hubspot.crm.associations.v4.basicApi.getPage("contacts", ids[0], "companies");
assert.equal(String(page.results[0].toObjectId), firm.id);
const v3 = await hubspot.crm.associations.batchApi.read("contacts", "companies", { inputs: [{ id: ids[0] }] });
assert.equal(v3.results[0].to[0].id, firm.id);
const merge = await hubspot.apiRequest({
  method: "POST", path: "/crm/v3/objects/contacts/merge", body: { primaryObjectId: ids[0], objectIdToMerge: ids[1] },
});
const left = await merge.json();
assert.equal((await contacts.basicApi.getById(ids[1])).id, left.id);
const purged = await hubspot.apiRequest({
  method: "POST", path: "/crm/v3/objects/contacts/gdpr-delete", body: { objectId: "p2@example.com", idProperty: "email" },
});
assert.equal(purged.status, 204);
assert.equal((await contacts.getAll()).length, 2);
assert.equal((await hubspot.crm.owners.ownersApi.getPage()).results.length, 3);
const pipelines = await hubspot.crm.pipelines.pipelinesApi.getAll("deals");
assert.equal(pipelines.results[0].stages.at(-1).id, "closedlost");
const size = { name: "size", label: "Size", type: "string", fieldType: "text", groupName: "contactinformation" };
assert.equal((await hubspot.crm.properties.coreApi.create("contacts", size)).name, "size");
