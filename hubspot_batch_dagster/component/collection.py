"""Many syncs in one place: a list of them in one defs.yaml, or in Python."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import ConfigDict, Field, ValidationError, model_validator

from hubspot_batch_dagster.api.arguments import checked, sentences
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.component import HubSpotSyncComponent
from hubspot_batch_dagster.component.fields import Located, component_spec, explained
from hubspot_batch_dagster.component.resource_field import hubspot_setting
from hubspot_batch_dagster.component.translation import TranslationField, one_after_the_other
from hubspot_batch_dagster.definition import HubSpotTranslator
from hubspot_batch_dagster.known_portal import KnownPortal
from hubspot_batch_dagster.objects import hubspot_object_specs
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.step_options import resource_keys


@checked
def build_hubspot_sync_assets(
    syncs: Sequence[HubSpotSyncComponent],
    *,
    translator: HubSpotTranslator | None = None,
    portal: str | Path | None = None,
) -> list[dg.AssetsDefinition]:
    """Make an asset of each of several syncs.

    Args:
        syncs: The syncs, with the fields that they have in YAML.
        translator: Changes how the assets introduce themselves.
        portal: A file that ``hubspot-batch-dagster portal --out`` wrote, as for :func:`hubspot_asset`.

    Raises:
        InputError: Two of them have one key. When definitions are checked, also: the portal would refuse a
            sync, or the file holds no definitions.

    Examples:
        >>> import dagster as dg
        >>> from hubspot_batch_dagster import HubSpotSyncComponent, build_hubspot_sync_assets
        >>> from hubspot_batch_dagster.component.source import Source
        >>> assets = build_hubspot_sync_assets([
        ...     HubSpotSyncComponent(
        ...         asset=dg.AssetSpec(name), source=Source(asset=f"all_{name}"),
        ...         operation="upsert", object_type=name, key="id", resource="hubspot",
        ...     )
        ...     for name in ("companies", "deals")
        ... ])
        >>> [asset.key.to_user_string() for asset in assets]
        ['companies', 'deals']
    """
    known = KnownPortal.read(portal) if portal is not None else None
    portals = [known] if known is not None else []
    assets = [sync.build_asset(translator, portals=portals) for sync in syncs]
    _distinct([asset.key for asset in assets])
    return assets


def _syncs(context: dg.ResolutionContext, model: Any) -> list[HubSpotSyncComponent]:
    """Return the syncs with what they share; each keeps what it says itself."""
    kind = HubSpotSyncComponent.model()
    shared = _of_kind(dict, context, model, "defaults") or {}
    found = []
    for place, item in enumerate(_of_kind(list, context, model, "syncs")):
        at = context.at_path("syncs").at_path(place)
        merged = _merged(shared, item)
        try:
            fields = kind.model_validate(merged)
        except ValidationError as error:
            raise at.build_resolve_fn_exc([sentences(error)], field_name="syncs", model=model) from None
        found.append(HubSpotSyncComponent.resolve_from_model(at, fields))
    return found


def _of_kind(kind: type, context: dg.ResolutionContext, model: Any, field: str) -> Any:
    """Return a field that is a list or a mapping; Dagster takes any text, for it may be a template."""
    value, at = getattr(model, field), context.at_path(field)
    if isinstance(value, str):
        value = at.resolve_value(value)
    if value is not None and not isinstance(value, kind):
        said = f"{field} is a value of type {type(value).__name__}, and it must be a {kind.__name__}."
        raise at.build_resolve_fn_exc([said], field_name=field, model=model)
    return value


def _merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(shared)
    for name, value in own.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = {**merged[name], **value} if both else value
    return merged


class HubSpotSyncCollectionComponent(Located, dg.Component, dg.Model):
    """Several assets whose rows go to HubSpot, in one defs.yaml, with what they share written once.

    Each entry of ``syncs`` has the fields of :class:`HubSpotSyncComponent`. The objects that they write to
    become nodes of the asset graph, below all syncs of the collection.

    Args:
        syncs: The syncs.
        defaults: Fields that every sync has unless it says otherwise; those of ``asset`` and ``source`` are
            merged one by one.
        hubspot: A resource of the collection's own: the settings of :class:`HubSpotResource`, with
            ``access_token_env`` for the token. Without it the project's resource is used.
        resource: Key of the :class:`HubSpotResource`; by default ``hubspot``, or where the collection has a
            resource of its own, one that is made of the folders of the file.
        object_key_prefix: What comes before the object's name in the key of its node, such as ``hubspot``. By
            default ``hubspot`` and the folders of the file below ``defs``, so that two collections of a
            project do not collide. An empty list makes no nodes.
        translation: As for one sync, for all of them; what a sync or ``defaults`` has of its own comes after
            it.

    Raises:
        InputError: Two syncs have one key, or a sync brings a resource of its own.

    Examples:
        .. code-block:: yaml

            type: hubspot_batch_dagster.HubSpotSyncCollectionComponent
            attributes:
              defaults:
                asset: {group_name: crm}
                source: {connection: warehouse.duckdb}
                operation: upsert
              syncs:
                - {asset: {key: companies}, source: {sql: FROM companies}, object_type: companies, key: id}
                - {asset: {key: notes}, source: {sql: FROM notes}, object_type: notes, key: id}

        In Python:

        >>> import dagster as dg
        >>> from hubspot_batch_dagster import HubSpotSyncCollectionComponent, HubSpotSyncComponent
        >>> from hubspot_batch_dagster.component.source import Source
        >>> crm = HubSpotSyncCollectionComponent(syncs=[
        ...     HubSpotSyncComponent(
        ...         asset=dg.AssetSpec("companies"), source=Source(asset="firms"),
        ...         operation="upsert", object_type="companies", key="id",
        ...     )
        ... ])
        >>> len(crm.syncs)
        1
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    syncs: Annotated[
        list[HubSpotSyncComponent],
        dg.Resolver.from_model(_syncs, model_field_type=list[dict[str, Any]], description="The syncs."),
    ]
    defaults: Annotated[
        dict[str, Any] | None,
        dg.Resolver(
            lambda context, value: None,  # noqa: ARG005 - they are part of the syncs by now
            model_field_type=dict[str, Any] | None,
            description="Fields that every sync has unless it says otherwise.",
        ),
    ] = None
    hubspot: Annotated[
        HubSpotResource | None,
        dg.Resolver(
            hubspot_setting,
            model_field_type=dict[str, Any],
            description=(
                "Settings of a resource of the collection's own; access_token_env names the token's variable."
            ),
        ),
    ] = Field(default=None, repr=False)
    resource: Annotated[
        str | None, explained("Key of the HubSpot resource; by default hubspot, or one of its own.")
    ] = None
    object_key_prefix: Annotated[
        list[str] | str | None,
        explained(
            "What comes before the object's name in the key of its node; an empty list makes no nodes."
        ),
    ] = None
    translation: TranslationField = None

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Return what ``dg list components`` and ``dg docs`` say; Dagster calls this."""
        return component_spec("Several tables that go to HubSpot, with what they share written once.")

    @model_validator(mode="after")
    def _check(self) -> "HubSpotSyncCollectionComponent":
        if self.resource is not None:
            resource_keys(self.resource)
        _distinct([sync.asset.key for sync in self.syncs])
        for sync in self.syncs:
            if sync.hubspot is not None:
                raise InputError(
                    f"{sync.asset.key.to_user_string()} brings a resource of its own.",
                    remedy="Write hubspot once, beside syncs.",
                )
        return self

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the assets, their schedules, the objects' nodes and the resource; Dagster calls this."""
        parts = []
        place = _place(context)
        resource = self.resource or "_".join([*(place if self.hubspot is not None else ()), "hubspot"])
        for sync in self.syncs:
            shared: dict[str, Any] = {} if sync.resource is not None else {"resource": resource}
            if self.translation is not None:
                shared["translation"] = one_after_the_other(self.translation, sync.translation)
            parts.append(sync.model_copy(update=shared).build_defs(context))
        assets = [
            asset for part in parts for asset in part.assets or () if isinstance(asset, dg.AssetsDefinition)
        ]
        _distinct([asset.key for asset in assets])
        prefix = self._object_prefix(place)
        nodes = hubspot_object_specs(assets, key_prefix=prefix) if prefix else []
        resources = {} if self.hubspot is None else {resource: self.hubspot}
        return dg.Definitions.merge(*parts, dg.Definitions(assets=nodes, resources=resources))

    def _object_prefix(self, place: Sequence[str]) -> list[str]:
        given = self.object_key_prefix
        if given is None:
            return ["hubspot", *place]
        return [given] if isinstance(given, str) and given else list(given)


def _place(context: dg.ComponentLoadContext) -> list[str]:
    """Where a collection stands in its project: no other has the same, and all of it can stand in keys."""
    path = context.component_path
    folders = path.file_path.relative_to(context.defs_module_path).parts
    # Further documents of one file have numbers of their own.
    numbered = [str(path.instance_key)] if path.instance_key else []
    return [re.sub(r"\W", "_", each) for each in (*folders, *numbered)]


def _distinct(of: Sequence[dg.AssetKey]) -> None:
    keys = [each.to_user_string() for each in of]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise InputError(f"Two syncs have the key {twice[0]}.", remedy="Give each asset a key of its own.")
