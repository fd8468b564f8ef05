"""What exists on HubSpot's side: object type x operation x version to path, limits and scopes.

Batch limits are those of "Using object APIs" (100 inputs) and the associations guide (2,000 and 1,000); the
limit of 50 for a read with history is what HubSpot's own refusal says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.object_types import (
    DEFAULT_VERSION,
    OPERATIONS,
    VERSIONS,
    ObjectType,
    Operation,
    Version,
    object_type,
)
from hubspot_batch_dagster.api.rate_limit.budget import Window

__all__ = [
    "CUTTING_TIMES",
    "DEFAULT_VERSION",
    "OPERATIONS",
    "VERSIONS",
    "AssociationKind",
    "Endpoint",
    "ObjectType",
    "Operation",
    "Version",
    "association_endpoint",
    "check_version",
    "endpoint",
    "object_type",
    "record_url",
    "search_endpoint",
    "undocumented",
]

AssociationKind = Literal["create", "default", "read", "archive", "labels_archive"]

CUTTING_TIMES: frozenset[Version] = frozenset({"2026-09"})
"""Versions that keep the day of a date with a time of day, and warn of it; the others refuse it."""

_WITH_BODY = (200, 201, 207)
_WITHOUT_BODY = (200, 204, 207)

_ASSOCIATIONS: dict[AssociationKind, tuple[str, int]] = {
    "create": ("batch/create", 2000),
    "default": ("batch/associate/default", 2000),
    "read": ("batch/read", 1000),
    "archive": ("batch/archive", 100),
    "labels_archive": ("batch/labels/archive", 100),
}


@dataclass(frozen=True)
class Endpoint:
    """One POST that HubSpot takes.

    Attributes:
        path: The path, from the slash after the host.
        operation: What it does.
        max_inputs: More inputs than this are a 400 for the whole request.
        ok: The statuses that count as success. HubSpot has changed them overnight within one version, so they
            are taken alike.
        scopes: What the app must have been granted.
        window: The limit that it counts against.
    """

    path: str
    operation: str
    max_inputs: int = 100
    ok: tuple[int, ...] = _WITH_BODY
    scopes: tuple[str, ...] = ()
    window: Window = "burst"

    def of_archived(self) -> Endpoint:
        """Return the same for archived records instead of living ones."""
        return replace(self, path=f"{self.path}?archived=true")

    @property
    def writes(self) -> bool:
        """Whether a request there can change anything: a read whose answer is lost never wrote."""
        return self.operation not in ("read", "search", "association_read")


def check_version(version: str) -> Version:
    """Return the version, if this package knows it; otherwise an InputError that names those it knows."""
    for known in VERSIONS:
        if version == known:
            return known
    raise InputError(f"There is no API version {version!r}.", remedy=f"Use one of {', '.join(VERSIONS)}.")


def endpoint(
    kind: str | ObjectType,
    operation: Operation,
    version: str = DEFAULT_VERSION,
    *,
    with_history: bool = False,
) -> Endpoint:
    """Where a batch operation on an object type lives.

    Args:
        kind: The object type, as `object_type` takes it.
        operation: `create`, `update`, `upsert`, `read` or `archive`.
        version: `v3`, `2025-09`, `2026-03` or `2026-09`.
        with_history: A read that asks for former values may have 50 inputs instead of 100.

    The generic paths take any object type, so an operation that HubSpot's pages do not list for a type has
    its path too (see `undocumented`).

    Raises:
        InputError: There is no such operation or version. The message says what there is.
    """
    found = object_type(kind)
    known = check_version(version)
    if operation not in OPERATIONS:
        raise InputError(
            f"There is no batch operation {operation!r}.", remedy=f"Use one of {', '.join(OPERATIONS)}."
        )
    return Endpoint(
        path=f"{_objects(found, known)}/batch/{operation}",
        operation=operation,
        max_inputs=50 if with_history and operation == "read" else 100,
        ok=_WITHOUT_BODY if operation == "archive" else _WITH_BODY,
        scopes=found.read_scopes if operation == "read" else found.write_scopes,
    )


def undocumented(kind: str | ObjectType, operation: Operation, version: str) -> str | None:
    """Return what to say of an operation that HubSpot's pages do not list for a type in a version; None where
    they do.

    The generic path is published for every version and may serve it all the same: only HubSpot can say.
    """
    found, known = object_type(kind), check_version(version)
    if operation in found.operations.get(known, ()):
        return None
    return (
        f"HubSpot documents no batch {operation} for {found.name} in version {known}; it is tried, and"
        f" HubSpot answers. {_what_exists(found, operation, known)}"
    )


def search_endpoint(kind: str | ObjectType, version: str = DEFAULT_VERSION) -> Endpoint:
    """Where the records of a type are searched; `max_inputs` is the largest page."""
    found = object_type(kind)
    path = f"{_objects(found, check_version(version))}/search"
    return Endpoint(path, "search", max_inputs=200, ok=(200,), scopes=found.read_scopes, window="search")


def association_endpoint(
    from_type: str | ObjectType,
    to_type: str | ObjectType,
    kind: AssociationKind,
    version: str = DEFAULT_VERSION,
) -> Endpoint:
    """Where associations between two object types are written or read.

    Args:
        from_type: The type that the association starts from; the direction decides which type ids are valid.
        to_type: The type that it leads to.
        kind: `create` (labelled; replaces a pair's labels), `default` (unlabelled), `read`, `archive` (all of
            a pair) or `labels_archive` (some labels of a pair).
        version: With `v3` the paths are those of v4, which is where HubSpot keeps them.

    Raises:
        InputError: There is no such kind or version.
    """
    if kind not in get_args(AssociationKind):
        raise InputError(
            f"There is no association operation {kind!r}.",
            remedy=f"Use one of {', '.join(get_args(AssociationKind))}.",
        )
    first, second = object_type(from_type), object_type(to_type)
    tail, limit = _ASSOCIATIONS[kind]
    scopes = (
        first.read_scopes + second.read_scopes if kind == "read" else first.write_scopes + second.write_scopes
    )
    return Endpoint(
        path=f"{associations_path(first, second, version)}/{tail}",
        operation=f"association_{kind}",
        max_inputs=limit,
        ok=_WITHOUT_BODY if kind.endswith("archive") else _WITH_BODY,
        scopes=tuple(dict.fromkeys(scopes)),
        window="associations",
    )


def associations_path(from_type: str | ObjectType, to_type: str | ObjectType, version: str) -> str:
    """Return the path under which everything between two object types lives."""
    known = check_version(version)
    base = "/crm/v4/associations" if known == "v3" else f"/crm/associations/{known}"
    return f"{base}/{object_type(from_type).segment}/{object_type(to_type).segment}"


def definition_path(noun: str, version: str, rest: str = "") -> str:
    """Return the path of a kind of definition: `properties`, `pipelines` and `owners` under `/crm`, and the
    account's own.

    v3 has the version before the noun under `/crm` and after it elsewhere; dated versions have it after the
    noun everywhere.
    """
    known = check_version(version)
    if noun in ("properties", "pipelines", "owners"):
        base = f"/crm/v3/{noun}" if known == "v3" else f"/crm/{noun}/{known}"
    else:
        base = f"/{noun}/{known}"
    return f"{base}/{rest}" if rest else base


def record_url(
    portal_id: int | str, object_type_id: str, record_id: int | str, *, ui_domain: str = "app.hubspot.com"
) -> str:
    """Return the page of a record in HubSpot's own interface.

    Args:
        portal_id: The account.
        object_type_id: `0-1`, `2-123`; a name is not enough.
        record_id: The record.
        ui_domain: Where the account lives; its details say so, EU accounts have their own.
    """
    return f"https://{ui_domain}/contacts/{portal_id}/record/{object_type_id}/{record_id}"


def _objects(found: ObjectType, version: Version) -> str:
    base = found.v3_prefix if version == "v3" else f"/crm/objects/{version}"
    return f"{base}/{found.segment}"


def _what_exists(found: ObjectType, operation: Operation, version: Version) -> str:
    here = found.operations.get(version, ())
    elsewhere = [known for known in VERSIONS if operation in found.operations.get(known, ())]
    first = (
        f"Documented in {version}: {', '.join(here)}." if here else f"In {version} {found.name} have no page."
    )
    second = (
        f"Batch {operation} is documented in {', '.join(elsewhere)}."
        if elsewhere
        else f"Batch {operation} is documented in no version."
    )
    return f"{first} {second}"
