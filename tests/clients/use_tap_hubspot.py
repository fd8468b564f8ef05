"""The Singer tap reads records, owners and definitions page by page.

Its pipelines are those of v1, which ends on 2026-12-04.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

TAP = Path(os.environ["CLIENT_BIN"], "tap-hubspot")
STREAMS = ("contacts", "companies", "deals", "owners", "notes", "properties")


def create(kind: str, rows: list[dict]) -> None:
    body = json.dumps({"inputs": [{"properties": row} for row in rows]}).encode()
    request = urllib.request.Request(
        f"{os.environ['EMULATOR_URL']}/crm/v3/objects/{kind}/batch/create",
        data=body,
        headers={"Authorization": f"Bearer {os.environ['HUBSPOT_ACCESS_TOKEN']}"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def tap(*words: str) -> str:
    done = subprocess.run([TAP, *words], capture_output=True, text=True, timeout=200, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr[-3000:])
    return done.stdout


for start in (0, 100):
    create("contacts", [{"email": f"p{n}@example.com"} for n in range(start, start + 100)])
create("companies", [{"name": "Analytical Engines"}])
create("deals", [{"dealname": "Engine", "pipeline": "default", "dealstage": "closedwon"}])
create("notes", [{"hs_timestamp": "2026-01-01T09:00:00Z", "hs_note_body": "Called."}])
with tempfile.TemporaryDirectory() as folder:
    config, catalogue = Path(folder, "config.json"), Path(folder, "catalog.json")
    config.write_text(json.dumps({"access_token": os.environ["HUBSPOT_ACCESS_TOKEN"]}))
    found = json.loads(tap("--config", str(config), "--discover"))
    for stream in found["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS
    catalogue.write_text(json.dumps(found))
    lines = [
        json.loads(line) for line in tap("--config", str(config), "--catalog", str(catalogue)).splitlines()
    ]
counts: dict[str, int] = {}
for line in lines:
    if line["type"] == "RECORD":
        counts[line["stream"]] = counts.get(line["stream"], 0) + 1
assert counts["contacts"] == 200, counts
assert counts["companies"] == counts["deals"] == counts["notes"] == 1, counts
assert counts["owners"] == 3, counts
assert counts["properties"] > 10, counts
