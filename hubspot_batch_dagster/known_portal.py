"""What is known of a portal without asking it: syncs are held against it when they are defined."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.definition import defined_by_portal
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.schema.portal_definitions import PortalDefinitions

CHECKING = "DAGSTER_IS_DEFS_VALIDATION_CLI"
"""The variable that ``dg check defs`` and ``dagster definitions validate`` set, for what shall be stricter
there.
"""

_ASKED_ANYWAY = "Nothing wrong is sent: a run asks HubSpot itself before it sends."


@dataclass(frozen=True)
class KnownPortal:
    """A portal's definitions as they were kept at some time.

    They may be older than the portal. So what they refuse is an error where definitions are checked (``dg
    check defs``), and a warning where a code location loads: a property that was made since must not take all
    assets down.

    Attributes:
        definitions: What was kept.
        renewal: The command that keeps them anew.
    """

    definitions: PortalDefinitions
    renewal: str

    @classmethod
    def read(cls, path: str | Path, *, renewal: str = "") -> "KnownPortal | None":
        """Read kept definitions; ``None`` where they cannot be read and a code location loads.

        Args:
            path: The file.
            renewal: The command that writes it; by default that of the command line.

        Raises:
            InputError: They cannot be read, and definitions are checked.
        """
        command = renewal or f"hubspot-batch-dagster portal --out {path}"
        try:
            return cls(_read(Path(path), _stamp(Path(path))), command)
        except InputError as error:
            unread = InputError(error.message, remedy=f"Write it anew: {command}.")
            if checking():
                raise unread from None
            dg.get_dagster_logger().warning(f"Syncs are not checked against the portal: {unread}")
            return None

    def hold(self, operation: Operation, key: dg.AssetKey) -> None:
        """Hold a sync against the portal: a refusal where definitions are checked, else a warning.

        Args:
            operation: What the sync does.
            key: The asset, for the warning.

        Raises:
            InputError: The portal would refuse it, and definitions are checked.
        """
        try:
            self.definitions.check(operation)
        except InputError as error:
            remedy = f"{error.remedy} If it is new in HubSpot, read the definitions anew: {self.renewal}."
            refused = InputError(error.message, column=error.column, remedy=remedy.strip())
            if checking():
                raise refused from None
            dg.get_dagster_logger().warning(f"{key.to_user_string()}: {refused} {_ASKED_ANYWAY}")

    def describe(self, spec: dg.AssetSpec, operation: Operation) -> dg.AssetSpec:
        """Return a spec whose columns have the portal's types, labels and descriptions."""
        try:
            known = self.definitions.of(operation.object_type)
        except InputError:
            return spec  # no such object type, of which `hold` has told
        return spec if known is None else defined_by_portal(spec, operation, known.properties)


def checking() -> bool:
    """Whether definitions are loaded to be checked, and not to be run."""
    return os.environ.get(CHECKING, "") not in ("", "0")


@lru_cache(maxsize=8)
def _read(path: Path, stamp: tuple[int, int] | None) -> PortalDefinitions:  # noqa: ARG001 - part of the cache's key
    """Read a file once, however many syncs ask for it."""
    return PortalDefinitions.read(path)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
