"""HubSpotPortalComponent: what a portal defines, kept so that syncs in YAML are checked without HubSpot."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import dagster as dg
from dagster.components import DefsStateConfig, DefsStateConfigArgs, ResolvedDefsStateConfig
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.fields import Located, component_spec, explained
from hubspot_batch_dagster.component.resource_field import hubspot_setting
from hubspot_batch_dagster.component.source import beside_the_yaml
from hubspot_batch_dagster.known_portal import KnownPortal
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.sync.schema.portal_definitions import read_definitions, write_definitions

REFRESH = "dg utils refresh-defs-state"


class HubSpotPortalComponent(Located, dg.StateBackedComponent, dg.Model):
    """What a portal defines. With it in the project, ``dg check defs`` finds a misspelt property without
    HubSpot.

    Each sync in YAML is held against the portal's definitions when the project loads: a
    property that does not exist, is read-only or calculated, an ``id_property`` that is not unique, a custom
    object that the account does not have. ``dg check defs`` refuses it; a code location that loads to run
    only warns, as the definitions may be older than HubSpot, and a run asks HubSpot itself. The columns of
    the assets get the portal's types, labels and descriptions. Syncs in Python take the same file as
    ``portal=``.

    The definitions are this component's state: ``dg utils refresh-defs-state`` reads them from HubSpot and
    keeps them. Or they are a file that ``hubspot-batch-dagster portal`` wrote, which can be committed.
    Loading the project asks nobody; what is new in HubSpot counts once the state or the file is written anew.

    Args:
        path: A file that ``hubspot-batch-dagster portal --out`` wrote.
        hubspot: How HubSpot is asked for the state, instead of ``path``: the settings of
            :class:`HubSpotResource`, with ``access_token_env`` for the token.
        resource: Key of the resource whose syncs write to this portal, in a project with several portals. By
            default all whose resource no other such component names.
        defs_state: Where Dagster keeps the state; by default in the project's folder, and refreshed by
            command only.

    Raises:
        InputError: Neither or both of ``path`` and ``hubspot`` are given. And when definitions are checked,
            the file holds none.

    Examples:
        .. code-block:: yaml

            type: hubspot_batch_dagster.HubSpotPortalComponent
            attributes:
              path: portal.json

        In Python:

        >>> from hubspot_batch_dagster import HubSpotPortalComponent
        >>> HubSpotPortalComponent(path="portal.json").defs_state_config.key
        'HubSpotPortalComponent'
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    path: Annotated[
        str | None,
        dg.Resolver(
            beside_the_yaml,
            model_field_type=str,
            description="A file that hubspot-batch-dagster portal --out wrote.",
        ),
    ] = None
    hubspot: Annotated[
        HubSpotResource | None,
        dg.Resolver(
            hubspot_setting,
            model_field_type=dict[str, Any],
            description="How HubSpot is asked for the state; access_token_env names the token's variable.",
        ),
    ] = Field(default=None, repr=False)
    resource: Annotated[
        str | None,
        explained(
            "Key of the resource whose syncs write to this portal; by default all that no other one names."
        ),
    ] = None
    defs_state: ResolvedDefsStateConfig = Field(
        default_factory=lambda: DefsStateConfigArgs(
            management_type=DefsStateConfigArgs.local_filesystem().management_type, refresh_if_dev=False
        )
    )

    _place: Any = PrivateAttr(default=None)
    _found: KnownPortal | None = PrivateAttr(default=None)

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Return what ``dg list components`` and ``dg docs`` say; Dagster calls this."""
        return component_spec(
            "What a HubSpot portal defines: syncs in YAML are checked against it without HubSpot."
        )

    @model_validator(mode="after")
    def _check(self) -> "HubSpotPortalComponent":
        if (self.path is None) is (self.hubspot is None):
            raise InputError(
                "path and hubspot: give one of them.",
                remedy="path is a file of definitions; hubspot says how they are read.",
            )
        return self

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> "HubSpotPortalComponent":
        """Make the component; Dagster calls this."""
        made = super().load(attributes, context)
        made._place = context.component_loc
        return made

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Under which key Dagster keeps the definitions, and where."""
        name = type(self).__name__
        key = name if self.resource is None else f"{name}[{self.resource}]"
        return DefsStateConfig.from_args(self.defs_state, default_key=key)

    def write_state_to_path(self, state_path: Path) -> None:
        """Read the definitions from HubSpot; ``dg utils refresh-defs-state`` calls this.

        Raises:
            HubSpotError: HubSpot does not answer, or does not accept the token.
        """
        if self.hubspot is None:
            shutil.copyfile(str(self.path), state_path)
            return
        with self.hubspot.open() as hubspot:
            write_definitions(read_definitions(hubspot.client, dg.get_dagster_logger().warning), state_path)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing to run: the definitions are what the project's syncs ask for; Dagster calls this."""
        if self.path is not None:
            return self.build_defs_from_state(context, Path(self.path))
        return super().build_defs(context)

    def build_defs_from_state(
        self,
        context: dg.ComponentLoadContext,  # noqa: ARG002 - Dagster's signature
        state_path: Path | None,
    ) -> dg.Definitions:
        """Take the definitions from the file or the state; Dagster calls this."""
        if state_path is None:
            dg.get_dagster_logger().warning(
                "Syncs are not checked against the portal: there are no definitions yet. Read them:"
                f" {REFRESH}."
            )
        else:
            self._found = KnownPortal.read(state_path, renewal="" if self.path else REFRESH)
        return dg.Definitions()

    @classmethod
    def known_to(cls, context: dg.ComponentLoadContext, resources: Iterable[str]) -> list[KnownPortal]:
        """Return the definitions that a project has of the portals of some resources.

        Args:
            context: Of the component that asks; it is built anew when they change.
            resources: Keys of HubSpot resources.
        """
        tree = getattr(context, "component_tree", None)  # a unit test may have no context
        if tree is None or not isinstance(tree.defs_module, ModuleType):
            # A context that Dagster makes for tests: its tree is whatever lies in the working folder.
            return []
        portals = tree.get_all_components(of_type=cls)
        named = {each.resource for each in portals}
        asked = {each if each in named else None for each in resources}
        found = []
        for portal in portals:
            if portal.resource in asked:
                context.build_defs(portal._place)
                found += [] if portal._found is None else [portal._found]
        return found
