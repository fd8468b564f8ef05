"""HubSpotSyncComponent: a table that goes to HubSpot, written down in YAML."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.asset import refuse_archiving, refuse_portals
from hubspot_batch_dagster.associations_check import association_specs
from hubspot_batch_dagster.checks import Tolerance, check_specs
from hubspot_batch_dagster.component.fields import (
    OPERATIONS,
    Located,
    OperationFields,
    component_spec,
    explained,
    named_properties,
    required_by,
    taken_by,
)
from hubspot_batch_dagster.component.portal_component import HubSpotPortalComponent
from hubspot_batch_dagster.component.resource_field import hubspot_setting
from hubspot_batch_dagster.component.scaffolder import HubSpotSyncScaffolder
from hubspot_batch_dagster.component.source import Source, partition_values
from hubspot_batch_dagster.component.step_fields import Retry, Schedule, hooks_named
from hubspot_batch_dagster.component.translation import TranslationField
from hubspot_batch_dagster.definition import (
    HubSpotSync,
    HubSpotTranslator,
    asset_options,
    introduced,
    with_syncs,
)
from hubspot_batch_dagster.execution import HubSpotRunConfig, Sending, materialize, step, sync_name
from hubspot_batch_dagster.ids_value import IdsForm, check_ids
from hubspot_batch_dagster.known_portal import KnownPortal
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.properties import cast_of
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.step_options import check_asset_key, resource_keys


@dg.scaffold_with(HubSpotSyncScaffolder)
class HubSpotSyncComponent(Located, dg.Component, OperationFields):  # type: ignore[misc]
    """An asset whose rows go to HubSpot, in YAML: where they come from, and what is done with them.

    The asset is that of :func:`hubspot_asset`: its value is the ids table, it has the same checks, and the
    same run config with ``dry_run``. The fields of the operation stand beside ``operation`` under their own
    names.

    Args:
        asset: The whole asset spec: key, group, owners, tags, kinds, deps, partitions, automation condition
            and so on.
        source: Where the rows come from: ``asset``, ``sql`` with ``connection``, or ``path``.
        operation: ``create``, ``upsert``, ``update``, ``archive`` or ``associate``.
        object_type: What the rows become, such as ``contacts``.
        max_rejected: Up to so many rejected rows the check only warns; above, the step fails.
        max_unknown: The same for rows whose answer was lost and that HubSpot does not show; by default none.
        max_unresolved: The same for associations that are wanted and not made; by default they only warn.
        ids: What the IO manager is given: the ids table as ``arrow``, ``pandas`` or ``polars``, or ``none``.
        io_manager_key: Key of the IO manager that stores the ids table.
        schedule: ``cron`` and, if it is not UTC, ``timezone``.
        resource: Key of the :class:`HubSpotResource` of the project; a mapping of partition key to resource
            key for several portals.
        hubspot: A resource of this asset's own, for projects without one: the settings of
            :class:`HubSpotResource`, with ``access_token_env: HUBSPOT_ACCESS_TOKEN`` for the token. It gets
            the key ``resource`` if that is given.
        pool: Pool of the step.
        retry_policy: ``max_retries``, and if wanted ``delay`` (seconds), ``backoff`` (``linear`` or
            ``exponential``) and ``jitter`` (``full`` or ``plus_minus``).
        hooks: Full names of hooks, such as ``my_project.alerts.tell_slack``.
        single_run_backfill: Send all partitions of a backfill in one run.
        translation: Changes how the asset introduces itself: the fields of an asset spec, in which ``{{
            operation }}`` and ``{{ spec }}`` are known; in Python a function of the spec and the sync. It
            comes after ``asset``.

    The other fields are those of :class:`Create`, :class:`Upsert`, :class:`Update`, :class:`Archive`
    and :class:`Associate`.

    Raises:
        InputError: The operation cannot be meant; the message names the field.

    Examples:
        .. code-block:: yaml

            type: hubspot_batch_dagster.HubSpotSyncComponent
            attributes:
              asset: {key: crm/contacts, group_name: crm}
              source: {asset: customers}
              operation: upsert
              object_type: contacts
              id_property: email
              properties: {email: mail, firstname: first_name}

        In Python:

        >>> import dagster as dg
        >>> from hubspot_batch_dagster import HubSpotSyncComponent
        >>> from hubspot_batch_dagster.component.source import Source
        >>> contacts = HubSpotSyncComponent(
        ...     asset=dg.AssetSpec("contacts"), source=Source(asset="customers"),
        ...     operation="upsert", object_type="contacts", id_property="email",
        ... )
        >>> contacts.sync_operation.id_property
        'email'
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    asset: dg.ResolvedAssetSpec
    source: Annotated[Source, explained("Where the rows come from: asset, sql with connection, or path.")]
    operation: Annotated[
        Literal["create", "upsert", "update", "archive", "associate"],
        explained("What is done with the rows.", tuple(OPERATIONS)),
    ]
    object_type: Annotated[str, explained("What the rows become: contacts, 0-1, 2-123, p123_cars.")]
    max_rejected: Annotated[
        int | float, explained("Rejected rows above which the step fails: a number or share.")
    ] = 0.05
    max_unknown: Annotated[
        int | float,
        explained("Rows with a lost answer above which the step fails: a number or share."),
    ] = 0
    max_unresolved: Annotated[
        int | float | None,
        explained("Associations that are not made above which the step fails: a number or share."),
    ] = None
    ids: Annotated[
        IdsForm | None,
        explained(
            "What the IO manager is given: arrow, pandas, polars, or none for no value.",
            ("arrow", "pandas", "polars", "none"),
        ),
    ] = None
    io_manager_key: Annotated[str | None, explained("Key of the IO manager that stores the ids table.")] = (
        None
    )
    schedule: Annotated[Schedule | None, explained("When the asset is materialized.")] = None
    resource: Annotated[
        str | dict[str, str] | None,
        explained("Key of the HubSpot resource (hubspot), or partition key: resource key."),
    ] = None
    hubspot: Annotated[
        HubSpotResource | None,
        dg.Resolver(
            hubspot_setting,
            model_field_type=dict[str, Any],
            description=(
                "Settings of a resource of this asset's own; access_token_env names the token's variable."
            ),
        ),
    ] = Field(default=None, repr=False)
    pool: Annotated[str, explained("Pool of the step.")] = "hubspot"
    retry_policy: Annotated[
        Retry | None,
        explained("How often the step is tried again after trouble that passes, and with what pauses."),
    ] = None
    hooks: Annotated[
        list[Any],
        dg.Resolver(
            hooks_named,
            model_field_type=list[str],
            description="Hooks of the step, by their full names, such as my_project.alerts.tell_slack.",
        ),
    ] = Field(default_factory=list)
    single_run_backfill: Annotated[bool, explained("Send all partitions of a backfill in one run.")] = False
    translation: TranslationField = None

    _operation: Operation = PrivateAttr()
    _tolerance: Tolerance = PrivateAttr()
    _written: dg.ResolutionContext | None = PrivateAttr(default=None)

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Any:
        """Make the component from its YAML, and remember where it stands there; Dagster calls this."""
        made = super().resolve_from_model(context, model)
        made._written = context
        return made

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Return what ``dg list components`` and ``dg docs`` say; Dagster calls this."""
        return component_spec("A table that goes to HubSpot: every row accounted for, no record made twice.")

    @model_validator(mode="after")
    def _check(self) -> "HubSpotSyncComponent":
        self._tolerance = Tolerance(self.max_rejected, self.max_unknown, self.max_unresolved)
        check_ids(self.ids)
        resource_keys(self._resource_key())
        self._operation = self._make_operation()
        if isinstance(self.resource, dict) and self.hubspot is not None:
            raise InputError(
                "hubspot is one resource, and resource names several.",
                remedy="Define the resources in the project, and leave hubspot out.",
            )
        self._check_partitioned(self.asset)
        return self

    def _check_partitioned(self, spec: dg.AssetSpec) -> None:
        check_asset_key(spec.key)
        refuse_portals(self._resource_key(), spec.partitions_def)
        if spec.partitions_def is None:
            return
        refuse_archiving(self._operation)
        self.source.refuse_partitions(portals=isinstance(self.resource, dict))
        if self.schedule is not None:
            raise InputError(
                "schedule does not say which partition it means.",
                remedy=(
                    "Use automation_condition: \"{{ dg.AutomationCondition.on_cron('0 2 * * *') }}\" in"
                    " asset."
                ),
            )

    @property
    def sync_operation(self) -> Operation:
        """The operation that the fields describe."""
        return self._operation

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the asset, its schedule, and its resource if it has one of its own; Dagster calls this.

        Raises:
            InputError: Definitions are checked, and a :class:`HubSpotPortalComponent` of the project knows
                that the portal would refuse the sync.
        """
        asset = self.build_asset(portals=HubSpotPortalComponent.known_to(context, self._resource_keys()))
        schedules = []
        if self.schedule is not None:
            schedules.append(
                dg.ScheduleDefinition(
                    name=f"{asset.key.to_python_identifier()}_schedule",
                    target=dg.AssetSelection.assets(asset.key),
                    cron_schedule=self.schedule.cron,
                    execution_timezone=self.schedule.timezone,
                )
            )
        resources = {} if self.hubspot is None else {str(self._resource_key()): self.hubspot}
        return dg.Definitions(assets=[asset], schedules=schedules, resources=resources)

    def get_asset_spec(self) -> dg.AssetSpec:
        """Return the spec of the asset: what ``asset`` says, with the kind ``hubspot`` and a description.

        Override it to derive what YAML should not repeat:

        .. code-block:: python

            class TeamSync(HubSpotSyncComponent):
                def get_asset_spec(self) -> dg.AssetSpec:
                    spec = super().get_asset_spec()
                    return spec.replace_attributes(owners=["team:revenue"], group_name=self.object_type)
        """
        spec = self.asset.merge_attributes(kinds={"hubspot"})
        upstream = self.source.asset_key
        if upstream is not None and upstream not in {dep.asset_key for dep in spec.deps}:
            spec = spec.merge_attributes(deps=[upstream])
        return introduced(spec, self._operation, own_words=spec.description is not None)

    def execute(
        self, context: dg.AssetExecutionContext, hubspot: HubSpotResource, rows: object
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult | dg.Output[None]]:
        """Send the rows and report what became of them, or with ``dry_run`` what would.

        Override it to change the rows, or to do something before or after:

        .. code-block:: python

            class ActiveOnly(HubSpotSyncComponent):
                def execute(self, context, hubspot, rows):
                    yield from super().execute(context, hubspot, rows.filter(pc.field("active")))
                    context.log.info("Contacts are up to date.")

        Args:
            context: Dagster's context.
            hubspot: The open resource.
            rows: The upstream asset's value as its IO manager loads it, or an iterator over the chunks of
                ``sql`` or ``path`` (record batches, or dicts from SQLAlchemy), which can be read once.

        Yields:
            The checks and the materialization; in a dry run outputs without a value.
        """
        config = HubSpotRunConfig(**(context.op_execution_context.op_config or {}))
        name = sync_name(context, self._resource_key())
        sending = Sending(self._operation, self._tolerance, self.ids)
        yield from materialize(context, rows, hubspot, config, sending, name)

    def _make_operation(self) -> Operation:
        kind = OPERATIONS[self.operation]
        given = {name: getattr(self, name) for name in ("object_type", *OperationFields.model_fields)}
        given = {name: value for name, value in given.items() if value is not None}
        foreign = sorted(set(given) - set(taken_by(kind)))
        if foreign:
            raise InputError(
                f"{foreign[0]} is no field of {self.operation}.",
                remedy=f"It has {', '.join(taken_by(kind))}.",
            )
        if self.associations:
            declared = [each.model_dump(exclude_none=True) for each in self.associations]
            given["associations"] = [Association(**each) for each in declared]
        if isinstance(self.properties, Mapping):
            given["properties"] = named_properties(self.properties)
        cast = self.cast or self.source.cast
        if cast is not None and "cast" in taken_by(kind):
            try:
                given["cast"] = cast_of(cast.model_dump(exclude_none=True))
            except InputError as error:
                field = "source: cast" if self.cast is None else "cast"
                raise InputError(f"{field}: {error.message}", remedy=error.remedy) from None
        missing = [name for name in required_by(kind) if name not in given]
        if missing:
            raise InputError(f"{missing[0]} is missing: {self.operation} needs it.", remedy="Add it.")
        return kind(**given)

    def _resource_key(self) -> str | dict[str, str]:
        own = f"{self.asset.key.to_python_identifier()}_hubspot"
        return self.resource or ("hubspot" if self.hubspot is None else own)

    def _resource_keys(self) -> list[str]:
        key = self._resource_key()
        return [key] if isinstance(key, str) else list(key.values())

    def _hold_against(self, portal: KnownPortal) -> None:
        try:
            portal.hold(self._operation, self.asset.key)
        except InputError as error:
            if self._written is None:
                raise
            said = f"{self.asset.key.to_user_string()}: {error}"
            field = "operation" if error.column is None else "properties"
            place = self._written.at_path(field)
            for name, column in (self._operation.property_columns or {}).items():
                if column == error.column and isinstance(self.properties, Mapping):
                    place = place.at_path(name)
            raise place.build_resolve_fn_exc([said], field_name=field, model=self) from None

    def _final_spec(
        self, translator: HubSpotTranslator | None, portals: Sequence[KnownPortal]
    ) -> dg.AssetSpec:
        """How the asset introduces itself in the end; the more special has the last word."""
        spec = self.get_asset_spec()
        if len(portals) == 1:
            spec = portals[0].describe(spec, self._operation)
        if translator is not None:
            spec = translator.get_asset_spec(HubSpotSync(self._operation, spec))
        if self.translation is not None:
            spec = self.translation(spec, HubSpotSync(self._operation, spec))
        self._check_partitioned(spec)
        return spec

    def build_asset(
        self, translator: HubSpotTranslator | None = None, *, portals: Sequence[KnownPortal] = ()
    ) -> dg.AssetsDefinition:
        """Return the asset alone.

        Args:
            translator: Changes how it introduces itself, before ``translation`` does.
            portals: What is known of the portals that it writes to; it is held against them.
        """
        for portal in portals:
            self._hold_against(portal)
        upstream = self.source.asset_key
        inputs = [] if upstream is None else [upstream]
        spec = with_syncs(self._final_spec(translator, portals), self._operation, inputs)
        mapping = {dep.asset_key: dep.partition_mapping for dep in spec.deps}

        cursor = self.source.changed_since

        def load(rows):  # type: ignore[no-untyped-def]  # whatever the IO manager loads
            return rows if cursor is None else cursor.over(rows)

        def read(context: dg.AssetExecutionContext) -> object:
            return self.source.rows(partition_values(context))

        make = dg.asset(
            ins=(
                {}
                if upstream is None
                else {"rows": dg.AssetIn(key=upstream, partition_mapping=mapping.get(upstream))}
            ),
            **asset_options(spec, inputs),
            backfill_policy=dg.BackfillPolicy.single_run() if self.single_run_backfill else None,
            check_specs=[*check_specs(spec.key), *association_specs(spec.key, self._operation)],
            io_manager_key=self.io_manager_key,
            retry_policy=None if self.retry_policy is None else self.retry_policy.policy,
            hooks=set(self.hooks) or None,
            output_required=False,  # a dry run materializes nothing
            pool=self.pool,
        )
        asset: dg.AssetsDefinition = make(
            step(
                read if upstream is None else load,
                self._resource_key(),
                lambda context, rows, hubspot, config: self.execute(context, hubspot, rows),  # noqa: ARG005
            )
        )
        return asset
