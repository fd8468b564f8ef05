"""The object types of HubSpot's CRM: their names, ids, scopes and which batch operations each has in which
version.

Names and operations are those of HubSpot's OpenAPI specifications (v3, 2025-09, 2026-03, 2026-09); type ids
are those of "Using object APIs"; scopes are those of the specifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from hubspot_batch_dagster.api.errors import InputError

Operation = Literal["create", "update", "upsert", "read", "archive"]
OPERATIONS: tuple[Operation, ...] = ("create", "update", "upsert", "read", "archive")

Version = Literal["v3", "2025-09", "2026-03", "2026-09"]
VERSIONS: tuple[Version, ...] = ("v3", "2025-09", "2026-03", "2026-09")
DEFAULT_VERSION: Version = "2026-03"

_LETTERS: Mapping[str, Operation] = {
    "C": "create",
    "U": "update",
    "P": "upsert",
    "R": "read",
    "A": "archive",
}
_ALL = "CRUPA"


@dataclass(frozen=True)
class ObjectType:
    """One object type.

    Attributes:
        name: The plural name, such as `contacts`; for a type that HubSpot does not name, the name as given.
        singular: The singular name.
        type_id: `0-N`, or `2-N` for a custom object; empty where it is not known.
        label: What a person reads.
        segment: How it is spelled in paths.
        read_scopes: Scopes that reading needs. Grant all of them: versions differ in whether one is enough.
        write_scopes: Scopes that writing needs; empty where HubSpot documents none.
        operations: Version to the batch operations that exist in it.
        v3_prefix: Where the type lives in v3; appointments and projects are the exceptions.
        custom: True for custom objects: whatever the table does not know and is no `0-N` id.
    """

    name: str
    singular: str
    type_id: str
    label: str
    segment: str
    read_scopes: tuple[str, ...] = ()
    write_scopes: tuple[str, ...] = ()
    operations: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict, repr=False)
    v3_prefix: str = field(default="/crm/v3/objects", repr=False)
    custom: bool = False

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash((self.name, self.type_id))


def _type(
    name: str,
    singular: str,
    type_id: str,
    scope: str,
    *extra_scopes: str,
    segment: str = "",
    label: str = "",
    writable: bool = True,
    v3: str = _ALL,
    v2025_09: str = _ALL,
    v2026_03: str = _ALL,
    v2026_09: str = _ALL,
    v3_prefix: str = "/crm/v3/objects",
) -> ObjectType:
    """One line of the table. `scope` without a dot is a scope of its own; otherwise `.read` and `.write`
    follow.
    """
    read = (f"{scope}.read" if "." in scope else scope, *extra_scopes)
    write = (f"{scope}.write" if "." in scope else scope, *extra_scopes) if writable else ()
    letters = dict(zip(VERSIONS, (v3, v2025_09, v2026_03, v2026_09), strict=True))
    operations: dict[str, tuple[Operation, ...]] = {
        version: tuple(operation for letter, operation in _LETTERS.items() if letter in which)
        for version, which in letters.items()
    }
    return ObjectType(
        name=name,
        singular=singular,
        type_id=type_id,
        label=label or name.replace("_", " ").capitalize(),
        segment=segment or name,
        read_scopes=read,
        write_scopes=write,
        operations=operations,
        v3_prefix=v3_prefix,
    )


_CONTACTS = "crm.objects.contacts"
_LINE_ITEMS = "crm.objects.line_items"

BUILT_IN: tuple[ObjectType, ...] = (
    _type("contacts", "contact", "0-1", _CONTACTS),
    _type("companies", "company", "0-2", "crm.objects.companies"),
    _type("deals", "deal", "0-3", "crm.objects.deals"),
    _type("tickets", "ticket", "0-5", "tickets"),
    _type("products", "product", "0-7", "crm.objects.products", "e-commerce"),
    _type("line_items", "line_item", "0-8", _LINE_ITEMS, "e-commerce"),
    _type("quotes", "quote", "0-14", "crm.objects.quotes", "e-commerce"),
    _type("communications", "communication", "0-18", _CONTACTS),
    _type(
        "feedback_submissions",
        "feedback_submission",
        "0-19",
        "crm.objects.feedback_submissions",
        _CONTACTS + ".read",
        writable=False,
        v3="R",
        v2026_03="R",
        v2026_09="R",
    ),
    _type("tasks", "task", "0-27", _CONTACTS),
    _type("notes", "note", "0-46", _CONTACTS),
    _type("meetings", "meeting", "0-47", _CONTACTS),
    _type("calls", "call", "0-48", _CONTACTS),
    _type("emails", "email", "0-49", _CONTACTS, "sales-email-read"),
    _type("invoices", "invoice", "0-53", "crm.objects.invoices"),
    _type("subscriptions", "subscription", "0-69", "crm.objects.subscriptions"),
    _type("goal_targets", "goal_target", "0-74", "crm.objects.goals", label="Goals", v2026_09="CRUA"),
    _type("discounts", "discount", "0-84", _LINE_ITEMS, "e-commerce"),
    _type("fees", "fee", "0-85", _LINE_ITEMS, "e-commerce"),
    _type("taxes", "tax", "0-86", _LINE_ITEMS),
    _type("commerce_payments", "commerce_payment", "0-101", "crm.objects.commercepayments", label="Payments"),
    _type("users", "user", "0-115", "crm.objects.users"),
    _type("postal_mail", "postal_mail", "0-116", _CONTACTS),
    _type("orders", "order", "0-123", "crm.objects.orders"),
    _type("leads", "lead", "0-136", "crm.objects.leads"),
    _type("carts", "cart", "0-142", "crm.objects.carts"),
    _type("services", "service", "0-162", "crm.objects.services", segment="0-162"),
    _type("courses", "course", "0-410", "crm.objects.courses", segment="0-410"),
    _type("listings", "listing", "0-420", "crm.objects.listings", segment="0-420"),
    _type(
        "appointments",
        "appointment",
        "0-421",
        "crm.objects.appointments",
        v3_prefix="/crm/objects/v3",
    ),
    _type(
        "projects",
        "project",
        "0-970",
        "crm.objects.projects",
        v2025_09="",
        v2026_09="",
        v3_prefix="/crm/objects/v3",
    ),
    _type("contracts", "contract", "", "crm.objects.contracts", writable=False, v3="R", v2026_03="R"),
    _type(
        "partner_clients",
        "partner_client",
        "",
        "crm.objects.partner-clients",
        v3="RU",
        v2026_03="RU",
        v2026_09="U",
    ),
    _type(
        "partner_services",
        "partner_service",
        "",
        "crm.objects.partner-services",
        v3="RU",
        v2026_03="RU",
        v2026_09="RU",
    ),
)

_ALIASES: Mapping[str, str] = {
    "commerce_subscriptions": "subscriptions",
    "commerce_subscription": "subscriptions",
    "payments": "commerce_payments",
    "payment": "commerce_payments",
    "goals": "goal_targets",
    "goal": "goal_targets",
    "feedback": "feedback_submissions",
    "postal_mails": "postal_mail",
}


def _spellings() -> Iterator[tuple[str, ObjectType]]:
    named = {kind.name: kind for kind in BUILT_IN}
    for kind in BUILT_IN:
        yield kind.name, kind
        yield kind.singular, kind
        if kind.type_id:
            yield kind.type_id, kind
    for alias, name in _ALIASES.items():
        yield alias, named[name]


_BY_SPELLING: Mapping[str, ObjectType] = dict(_spellings())
_EVERYWHERE: Mapping[str, tuple[Operation, ...]] = dict.fromkeys(VERSIONS, tuple(_LETTERS.values()))
_TYPE_ID = re.compile(r"\d+-\d+")
_FULL_NAME = re.compile(r"p\d*_.+")


def is_type_id(name: str) -> bool:
    """Whether a name is an id such as `0-1` or `2-123`."""
    return _TYPE_ID.fullmatch(name) is not None


def same_type(one: str | ObjectType, other: str | ObjectType) -> bool:
    """Whether two names stand for one object type, as far as the names say it: `cars` and `p_cars` do."""
    return one == other or object_type(one).segment.lower() == object_type(other).segment.lower()


def perhaps_same_type(one: str, other: str) -> bool:
    """Whether they may: of two names of custom objects only the portal's schemas say it."""
    return same_type(one, other) or (object_type(one).custom and object_type(other).custom)


def _path_name(custom: str) -> str:
    """Spell a custom object as HubSpot's paths take it; its name alone is a 400 since 2025-04-29."""
    return custom if is_type_id(custom) or _FULL_NAME.fullmatch(custom) else f"p_{custom}"


def object_type(name: str | ObjectType) -> ObjectType:
    """Return the object type that a name stands for.

    Args:
        name: A built-in type by plural or singular name in any case (`contacts`, `Line Item`) or by its id
            (`0-1`); a custom object by id (`2-123`), fully qualified name (`p123_cars`), `p_cars` or bare
            name (`cars`), for which `p_cars` goes into paths: HubSpot refuses the bare name there. A client
            that has read the portal's schemas has the id go into paths, whichever of them is given.

    Returns:
        The type. What the table does not know is taken for a custom object with every operation in every
        version: HubSpot says whether it exists.

    Raises:
        InputError: The name is empty or holds characters that cannot stand in a path.
    """
    if isinstance(name, ObjectType):
        return name
    if not isinstance(name, str) or not name.strip():
        raise InputError(
            "The object type is empty.",
            remedy=(
                "Give a name such as 'contacts', an id such as '0-1' or '2-123', or a custom object's name."
            ),
        )
    given = name.strip()
    known = _BY_SPELLING.get(re.sub(r"[\s-]+", "_", given.lower())) or _BY_SPELLING.get(given)
    if known is not None:
        return known
    if not re.fullmatch(r"[\w.-]+", given) or set(given) == {"."}:
        raise InputError(
            f"{given!r} cannot be an object type: only letters, digits, '_', '-' and '.' may stand in one.",
            remedy="Give the object's name or id as HubSpot's settings show it.",
        )
    custom = not given.startswith("0-")
    return ObjectType(
        name=given,
        singular=given,
        type_id=given if is_type_id(given) else "",
        label=given,
        segment=quote(_path_name(given) if custom else given, safe=""),
        read_scopes=("crm.objects.custom.read",) if custom else (),
        write_scopes=("crm.objects.custom.write",) if custom else (),
        operations=_EVERYWHERE,
        custom=custom,
    )
