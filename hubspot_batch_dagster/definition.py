"""How an asset introduces itself: what it does in HubSpot, to which object, from which columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.operations.associate import Associate
from hubspot_batch_dagster.operations.base import Operation

COLUMN_SCHEMA = "dagster/column_schema"
"""Dagster's metadata key for the columns of an asset."""

OBJECT_TYPE = "hubspot/object_type"
"""The metadata key by which an asset, or an object's node, is known as HubSpot's."""

SCOPES = "hubspot/scopes"
"""The metadata key of the scopes that an asset's token needs."""

_KIND_TAG = "dagster/kind/"


@dataclass(frozen=True)
class HubSpotSync:
    """What a translator is told of an asset.

    Attributes:
        operation: What it does in HubSpot.
        spec: How it would introduce itself.
    """

    operation: Operation
    spec: dg.AssetSpec


class HubSpotTranslator:
    """Changes how assets introduce themselves, for all of a project in one place.

    Override :meth:`get_asset_spec`, and give an instance as ``translator=`` to :func:`hubspot_asset` or
    ``build_hubspot_sync_assets``. In YAML the field ``translation`` does the same.

    Examples:
        >>> from hubspot_batch_dagster import HubSpotTranslator, Upsert, hubspot_asset
        >>> class Sales(HubSpotTranslator):
        ...     def get_asset_spec(self, sync):
        ...         group = sync.operation.object_type
        ...         return sync.spec.replace_attributes(group_name=group, owners=["team:sales"])
        >>> @hubspot_asset(Upsert("contacts", id_property="email"), translator=Sales())
        ... def people():
        ...     return []
        >>> people.get_asset_spec().group_name
        'contacts'
    """

    def get_asset_spec(self, sync: HubSpotSync) -> dg.AssetSpec:
        """Return the spec of the asset: key, description, group, owners, tags, metadata, automation
        condition, deps.

        Args:
            sync: The operation, and the spec that the asset has without a translator.
        """
        return sync.spec


def introduced(spec: dg.AssetSpec, operation: Operation, *, own_words: bool = False) -> dg.AssetSpec:
    """Return a spec with what the operation says of itself; what the user wrote down stays.

    Args:
        spec: The asset's spec; its deps are where the rows come from.
        operation: What is done in HubSpot.
        own_words: The description was given as such; else a sentence about the operation is added to it.
    """
    sources = [dep.asset_key for dep in spec.deps]
    sentence = described(operation, sources)
    description = spec.description if own_words else "\n\n".join(filter(None, (spec.description, sentence)))
    metadata = {**definition_metadata(operation, sources), **spec.metadata}
    return spec.replace_attributes(description=description, metadata=metadata)


def described(operation: Operation, sources: Sequence[dg.AssetKey] = ()) -> str:
    """One sentence, such as ``Upserts contacts by email from customers; 5 properties, 1 association.``"""
    verb = f"{type(operation).__name__.removesuffix('e')}es"
    what = operation.object_type
    if isinstance(operation, Associate):
        what += f" with {operation.to_type}"
    elif type(operation).__name__ == "Upsert":
        verb = "Upserts"
    origin = f" from {', '.join(key.to_user_string() for key in sources)}" if sources else ""
    counted = [
        _counted(len(columns), "property", "properties")
        for columns in [operation.property_columns]
        if columns
    ]
    associations = getattr(operation, "associations", ())
    if associations and not isinstance(operation, Associate):
        counted.append(_counted(len(associations), "association", "associations"))
    more = f"; {', '.join(counted)}" if counted else ""
    key = operation.id_property_name or ", ".join(operation.key_columns)
    return f"{verb} {what} by {key}{origin}{more}."


def definition_metadata(operation: Operation, sources: Sequence[dg.AssetKey] = ()) -> dict[str, Any]:
    """Return what is known of an asset before it ever ran."""
    mapping = operation.property_columns
    metadata: dict[str, Any] = {
        "hubspot/operation": type(operation).__name__,
        OBJECT_TYPE: operation.object_type,
        "hubspot/key": ", ".join(operation.key_columns),
        SCOPES: " ".join(scopes_of(operation)),
        "dagster/storage_kind": "hubspot",
        "dagster/table_name": f"hubspot.{operation.object_type}",
    }
    if mapping is None:
        metadata["hubspot/properties"] = "Every column under its own name."
    elif mapping:
        metadata["hubspot/properties"] = dg.MetadataValue.json(dict(mapping))
        metadata[COLUMN_SCHEMA] = property_schema(mapping)
        if len(sources) == 1:
            metadata["dagster/column_lineage"] = dg.TableColumnLineage(
                deps_by_column={
                    name: [dg.TableColumnDep(asset_key=sources[0], column_name=column)]
                    for name, column in mapping.items()
                }
            )
    return metadata


def defined_by_portal(
    spec: dg.AssetSpec, operation: Operation, definitions: Mapping[str, Any]
) -> dg.AssetSpec:
    """Return a spec whose columns have the portal's types, labels and descriptions, unless the user gave them
    otherwise.
    """
    mapping = operation.property_columns
    if not mapping or spec.metadata.get(COLUMN_SCHEMA) != property_schema(mapping):
        return spec
    return spec.merge_attributes(metadata={COLUMN_SCHEMA: property_schema(mapping, definitions)})


def scopes_of(operation: Operation) -> list[str]:
    """Return the scopes that a token needs for an operation, as HubSpot's specifications name them.

    Its object type is read and written, those that it is associated with are written, as HubSpot has it, and
    properties that it may make need the schema's scope.
    """
    own = object_type(operation.object_type)
    others = [each.to for each in getattr(operation, "associations", ())]
    others += [operation.to_type] if isinstance(operation, Associate) else []
    found = [*own.read_scopes, *own.write_scopes]
    found += [scope for other in others for scope in object_type(other).write_scopes]
    if operation.makes_missing_properties:
        found += [
            scope.replace(".objects.", ".schemas.")
            for scope in own.write_scopes
            if scope.startswith("crm.objects.")
        ]
    return list(dict.fromkeys(found))


def property_schema(
    mapping: Mapping[str, str], definitions: Mapping[str, Any] | None = None
) -> dg.TableSchema:
    """Return the properties that are sent, as columns of HubSpot's table.

    Args:
        mapping: Property to column.
        definitions: The portal's definitions by name, where they are known: type, label and description.
    """
    known = definitions or {}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                type=str(known[name].type) if name in known else "string",
                description=_explained(known.get(name), column, name),
            )
            for name, column in mapping.items()
        ]
    )


def with_syncs(spec: dg.AssetSpec, operation: Operation, inputs: Sequence[dg.AssetKey] = ()) -> dg.AssetSpec:
    """Return the spec with the syncs whose keys the operation looks up as upstream dependencies.

    Args:
        spec: The spec; what it depends on already, in whatever way, stays as it is.
        operation: What is done in HubSpot.
        inputs: Upstream assets that are no ``deps`` of the spec.
    """
    named = {spec.key, *inputs, *(dep.asset_key for dep in spec.deps)}
    keys = [dg.AssetKey(sync.split("/")) for sync in operation.syncs_looked_up]
    return spec.merge_attributes(deps=[key for key in keys if key not in named])


def asset_options(spec: dg.AssetSpec, inputs: Sequence[dg.AssetKey] = ()) -> dict[str, Any]:
    """Return a spec as arguments of :func:`dagster.asset`.

    Args:
        spec: The spec.
        inputs: Upstream assets that the function takes as parameters, and that are no ``deps`` therefore.
    """
    return {
        "key": spec.key,
        "deps": [dep for dep in spec.deps if dep.asset_key not in inputs],
        "description": spec.description,
        "metadata": spec.metadata,
        "tags": {name: value for name, value in spec.tags.items() if not name.startswith(_KIND_TAG)},
        "kinds": spec.kinds,
        "group_name": spec.group_name,
        "owners": list(spec.owners),
        "code_version": spec.code_version,
        "partitions_def": spec.partitions_def,
        "automation_condition": spec.automation_condition,
        "freshness_policy": spec.freshness_policy,
    }


def _explained(definition: Any, column: str, name: str) -> str:
    origin = f"From the column {column}." if column != name else ""
    label = f"{definition.label}." if definition is not None and definition.label else ""
    text = definition.description if definition is not None and definition.description else ""
    return " ".join(filter(None, (label, text, origin)))


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
