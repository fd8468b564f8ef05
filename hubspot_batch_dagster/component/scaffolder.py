"""The scaffolder of HubSpotSyncComponent: a defs.yaml that loads, and says what to fill in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import BaseModel, Field

from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION, object_type
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain"),
    "deals": ("dealname", "amount"),
    "tickets": ("subject", "content"),
    "leads": ("hs_lead_name",),
    "calls": ("hs_timestamp", "hs_call_title", "hs_call_body"),
    "notes": ("hs_timestamp", "hs_note_body"),
    "products": ("name", "price"),
}
"""Properties that a table of this type is likely to have, as a start."""


class ScaffoldParams(BaseModel):
    """What ``dg scaffold defs hubspot_batch_dagster.HubSpotSyncComponent`` can be told."""

    object_type: str = Field(
        default="contacts", description="What the rows become: contacts, 0-1, p123_cars."
    )
    operation: Literal["create", "upsert", "update", "archive"] = Field(
        default="upsert", description="What is done with the rows."
    )


class HubSpotSyncScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes a defs.yaml for an object type and an operation."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """Return the options of the command; Dagster calls this."""
        return ScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParams]) -> None:
        """Write the file; Dagster calls this."""
        if request.scaffold_format == "python":
            dg.scaffold_component(request)
            return
        text = defs_yaml(request.type_name, _asset_key(request.target_path), request.params)
        path = request.target_path if request.append else request.target_path / "defs.yaml"
        with path.open("a" if request.append else "w", encoding="utf-8") as file:
            file.write(f"---\n{text}" if request.append else text)


def defs_yaml(type_name: str, asset_key: str, params: ScaffoldParams) -> str:
    """Return the text of a defs.yaml.

    Args:
        type_name: The component's full name.
        asset_key: Key of the asset, parts joined by ``/``.
        params: The object type and the operation.
    """
    kind = object_type(params.object_type)
    finds, operation = _by(params)
    found_by = next(iter(finds.values()))
    listed = [name for name in _COLUMNS.get(kind.name, ()) if name != found_by]
    properties = ([found_by] if "id_property" in finds else []) + listed
    lines = [
        f"type: {type_name}",
        *(f"# {each}" for each in operation.undocumented(DEFAULT_VERSION)),
        "",
        "attributes:",
        "  asset:",
        f"    key: {asset_key}",
        "    group_name: crm",
        "",
        "  # Where the rows come from: a file beside this one, or",
        "  #   asset: customers                    # an upstream asset",
        "  # or",
        "  #   sql: SELECT * FROM customers",
        "  #   connection: warehouse.duckdb        # or a SQLAlchemy URL",
        "  source:",
        f"    path: {asset_key.rsplit('/', 1)[-1]}.parquet  # or .csv",
        "",
        f"  operation: {params.operation}",
        f"  object_type: {_quoted(params.object_type)}",
        *(f"  {name}: {value}" for name, value in finds.items()),
    ]
    if params.operation != "archive":
        lines += ["", "  # Property: column. Without this, every column is sent under its own name."]
        if properties:
            lines += ["  properties:", *(f"    {name}: {name}" for name in properties)]
        else:
            lines += ["  # properties:", "  #   a_property: a_column"]
    if kind.name == "leads" and params.operation in ("create", "upsert"):
        lines += ["", "  # A lead needs its contact: the column holds the contact's record id."]
        lines += ["  associations:", "    - {to: contacts, column: contact_id, type: 578, required: true}"]
    lines += [
        "",
        "  # More rejected rows than this fail the step: a number, or a share of the rows.",
        "  max_rejected: 0.05",
        "",
        "  # schedule:",
        '  #   cron: "0 2 * * *"',
        "  #   timezone: Europe/Berlin",
        "",
        "  # A project that defines a resource named hubspot leaves this out.",
        "  hubspot:",
        "    access_token_env: HUBSPOT_ACCESS_TOKEN",
        "",
    ]
    return "\n".join(lines)


def _by(params: ScaffoldParams) -> tuple[dict[str, str], Operation]:
    """Return what identifies a row, for this type and operation."""
    kind = object_type(params.object_type)
    key = f"{kind.singular}_id" if kind.singular.isidentifier() and not kind.custom else "id"
    if params.operation == "create":
        return {"key": key}, Create(params.object_type, key=key)
    if params.operation == "update":
        return {"record_id": "hs_object_id"}, Update(params.object_type, record_id="hs_object_id")
    if params.operation == "archive":
        return {"record_id": "hs_object_id"}, Archive(params.object_type, record_id="hs_object_id")
    if kind.name == "contacts":
        return {"id_property": "email"}, Upsert(params.object_type, id_property="email")
    return {"key": key}, Upsert(params.object_type, key=key)


def _asset_key(target: Path) -> str:
    """``.../defs/crm/contacts`` becomes ``crm/contacts``."""
    folders = target.parent.parts if target.suffix else target.parts
    if "defs" not in folders[:-1]:
        return folders[-1]
    return "/".join(folders[len(folders) - folders[::-1].index("defs") :])


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalpha() else f'"{name}"'
