"""hubspotctl makes, shows, finds, notes, associates, merges and deletes on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path


def run(*words: str) -> str:
    program = Path(os.environ["CLIENT_BIN"], "hubspotctl")
    done = subprocess.run(
        [program, "--format", "json", *words], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0 or "\u2717" in done.stdout + done.stderr:
        sys.exit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def ids(kind: str) -> dict[str, str]:
    listed = json.loads(run(kind, "list"))
    rows = listed if isinstance(listed, list) else listed["results"]
    named = {}
    for each in rows:
        values = each.get("properties") or each
        named[str(values.get("email") or values.get("name") or values.get("dealname"))] = str(each["id"])
    return named


for name in ("ada", "bob"):
    run("contact", "create", "--email", f"{name}@example.com", "--firstname", name.title())
run("company", "create", "--name", "Analytical Engines")
run("deal", "create", "--name", "Engine", "--stage", "closedwon")
people, (firm,), (deal,) = ids("contact"), ids("company").values(), ids("deal").values()
ada, bob = people["ada@example.com"], people["bob@example.com"]
run("contact", "update", ada, "--prop", "city=Ulm")
assert "ada@example.com" in run("contact", "show", "ada@example.com")
assert "ada@example.com" in run("contact", "search", "ada")
run("contact", "associate", ada, "--company", firm, "--deal", deal)
assert "Analytical" in run("contact", "associations", ada)
run("contact", "add-note", ada, "--body", "Called.")
assert "Called." in run("contact", "notes", ada)
assert "Closed Won" in run("deal", "stages")
assert "ada.quist@example.com" in run("deal", "owners")
assert "lifecyclestage" in run("contact", "properties")
assert "customer" in run("contact", "property", "lifecyclestage")
assert "Primary" in run("contact", "labels")
run("contact", "merge", ada, bob, "--yes")
(left,) = ids("contact").values()
assert left not in (ada, bob)
run("contact", "delete", left, "--yes")
assert ids("contact") == {}
