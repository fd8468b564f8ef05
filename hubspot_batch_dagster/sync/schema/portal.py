"""The portal as a run needs it: who the account is, and how it defines an object type.

Everything is read when it is first asked for and kept while the resource is open, so that only the first run
pays.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlsplit

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.definitions import (
    AccountDetails,
    ObjectSchema,
    Pipeline,
    PropertyDefinition,
    Sensitivity,
)
from hubspot_batch_dagster.api.endpoints import ObjectType, object_type
from hubspot_batch_dagster.api.endpoints import record_url as record_page
from hubspot_batch_dagster.api.errors import (
    Forbidden,
    HubSpotError,
    InputError,
    InvalidBatch,
    NotFound,
)
from hubspot_batch_dagster.api.object_types import perhaps_same_type, same_type
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.sync.schema.owners import Ask, Owners

T = TypeVar("T")

logger = logging.getLogger(__name__)

Warn = Callable[[str], None]

SENSITIVITIES: tuple[Sensitivity, ...] = ("sensitive", "highly_sensitive")

UI_DOMAIN = "app.hubspot.com"


def once(read: Callable[[], T], /) -> T:
    """Read once; what goes wrong is the caller's."""
    return read()


class Portal:
    """What one account says of itself.

    Any number of threads may share it. What the token may not read counts as not defined, and is said once.

    Args:
        client: The way to HubSpot.
        portal_id: The account that the token must belong to; ``None`` takes any.
        check: Whether runs read definitions and check against them before their first write.
    """

    def __init__(self, client: HubSpotClient, *, portal_id: int | None = None, check: bool = True) -> None:
        self.client = client
        self.pinned = portal_id
        self.check = check
        self._lock = threading.RLock()
        self._account: AccountDetails | None = None
        self._properties: dict[str, dict[str, PropertyDefinition]] = {}
        self.owners = Owners(client)
        self._hidden: dict[str, tuple[Mapping[str, PropertyDefinition], bool]] = {}
        self._pipelines: dict[str, tuple[Pipeline, ...]] = {}
        self._schemas: dict[str, ObjectSchema] | None = None
        self._closed: set[str] = set()

    def __repr__(self) -> str:
        known = self._account.portal_id if self._account is not None else "not read yet"
        return f"Portal({known}, check={self.check})"

    @property
    def known_account(self) -> AccountDetails | None:
        """The account, if it has been read."""
        return self._account

    def account(self, ask: Ask = once, warn: Warn = logger.warning) -> AccountDetails | None:
        """Return the account's details; ``None`` where the token may not read them.

        Raises:
            InputError: The token belongs to another portal than the pinned one.
            Forbidden: A portal is pinned, and the token may not say which one it belongs to.
        """
        with self._lock:
            if self._account is None and "account" not in self._closed:
                try:
                    self._account = ask(self.client.account_details)
                except (Forbidden, NotFound) as error:
                    if self.pinned is not None:
                        raise
                    self._close("account", f"The account's details cannot be read: {error}", warn)
                else:
                    self._tell_budget(self._account)
            if self.pinned is not None and self._account is not None:
                _check_pin(self.pinned, self._account)
            return self._account

    def properties(
        self, kind: str, ask: Ask = once, warn: Warn = logger.warning, *, fresh: bool = False
    ) -> Mapping[str, PropertyDefinition] | None:
        """Return the properties of an object type by name; ``None`` where the token may not read them, or
        there are none to read.

        Args:
            kind: The object type.
            ask: How to read.
            warn: Where to say, once, that there are none.
            fresh: Read them again: they may have changed since.

        Raises:
            InputError: The account has no such custom object.
        """
        found = object_type(kind)
        with self._lock:
            if f"properties of {found.name}" in self._closed:
                return None
            if fresh or found.name not in self._properties:
                self.learn_types([kind], ask, warn)
                try:
                    listed = ask(lambda: self.client.properties(found))
                except (Forbidden, NotFound, InvalidBatch) as error:
                    self._no_properties(found, error, warn)
                    return None
                self._properties[found.name] = {each.name: each for each in listed}
            return self._properties[found.name]

    def properties_with(
        self, kind: str, names: Collection[str], ask: Ask = once, warn: Warn = logger.warning
    ) -> tuple[Mapping[str, PropertyDefinition], bool] | None:
        """Return the properties of an object type, and whether all were read; ``None`` where none can be.

        Where they lack one of ``names`` they are read again, and the sensitive ones too.
        """
        found = self.properties(kind, ask, warn)
        if found is None:
            return None
        if set(names) - found.keys():
            found = self.properties(kind, ask, warn, fresh=True) or found
        if not set(names) - found.keys():
            return found, True
        hidden, complete = self.hidden(kind, ask)
        return {**hidden, **found}, complete

    def known_properties(self, kind: str) -> Mapping[str, PropertyDefinition]:
        """Return the definitions of a type as far as they were read; nothing is asked."""
        return self._properties.get(object_type(kind).name, {})

    def hidden(self, kind: str, ask: Ask = once) -> tuple[Mapping[str, PropertyDefinition], bool]:
        """Return the sensitive properties of an object type, which HubSpot's default list leaves out, and
        whether all could be read.

        Read once, and only where a column has no property among the others. They are kept among the type's
        properties.
        """
        found = object_type(kind)
        with self._lock:
            if found.name not in self._hidden:
                listed: dict[str, PropertyDefinition] = {}
                complete = True
                for sensitivity in SENSITIVITIES:
                    try:
                        for each in ask(partial(self.client.properties, found, sensitivity=sensitivity)):
                            listed.setdefault(each.name, each)
                    except (Forbidden, NotFound, InvalidBatch):
                        complete = False
                self._hidden[found.name] = listed, complete
            return self._hidden[found.name]

    def archived(self, kind: str, ask: Ask = once) -> set[str]:
        """Names of the archived properties; read each time, for only a refusal needs them."""
        try:
            return {each.name for each in ask(lambda: self.client.properties(kind, archived=True))}
        except HubSpotError:
            return set()

    def schema(self, kind: str, ask: Ask = once, warn: Warn = logger.warning) -> ObjectSchema | None:
        """Return the schema of a custom object; ``None`` for HubSpot's own types and where it cannot be read.

        Its properties are kept too, if those of the type were not read yet.
        """
        found = object_type(kind)
        if not found.custom:
            return None
        with self._lock:
            schema = self._read_schemas(ask, warn).get(self.client.type_of(found).type_id)
            if schema is not None and schema.properties:
                self._properties.setdefault(found.name, {each.name: each for each in schema.properties})
            return schema

    def learn_types(self, kinds: Iterable[str], ask: Ask = once, warn: Warn = logger.warning) -> None:
        """Find out the type ids of custom objects that are given by name: from then on requests have those in
        their path.

        HubSpot's own types, and custom objects that are given by id, cost no request; the others one in
        all, and none where nothing is checked against the portal.
        """
        if self.check:
            self._learn_types(kinds, ask, warn)

    def same_type(self, one: str, other: str, ask: Ask = once, warn: Warn = logger.warning) -> bool:
        """Whether two names stand for one object type.

        The schemas are asked where two names of custom objects do not say it.
        """
        if perhaps_same_type(one, other) and not same_type(one, other):
            self._learn_types((one, other), ask, warn)
        return same_type(self.client.type_of(one), self.client.type_of(other))

    def _learn_types(self, kinds: Iterable[str], ask: Ask, warn: Warn) -> None:
        with self._lock:
            if any(_goes_by_name(object_type(each)) for each in kinds):
                self._read_schemas(ask, warn)

    def _read_schemas(self, ask: Ask, warn: Warn) -> Mapping[str, ObjectSchema]:
        """Return the schemas of the custom objects by type id, read once; none where the token may not read
        them.
        """
        if self._schemas is None:
            try:
                self._schemas = {each.object_type_id: each for each in ask(self.client.schemas)}
            except (Forbidden, NotFound, InvalidBatch) as error:
                self._schemas = {}
                self._close("schemas", f"The schemas of custom objects cannot be read: {error}", warn)
        return self._schemas

    def pipelines(self, kind: str, ask: Ask = once) -> tuple[Pipeline, ...]:
        """Return the pipelines of an object type in their order; none where the token may not read them."""
        name = object_type(kind).name
        with self._lock:
            if name not in self._pipelines:
                try:
                    listed = ask(lambda: self.client.pipelines(name))
                except (Forbidden, NotFound, InvalidBatch):
                    listed = []
                living = [each for each in listed if not each.archived]
                self._pipelines[name] = tuple(sorted(living, key=lambda each: each.display_order or 0))
            return self._pipelines[name]

    def records_url(self, kind: str) -> str | None:
        """Return the page that lists the records of a type; ``None`` before the account was read, or without
        the type's id.
        """
        found = object_type(kind)
        if self._on_this_machine():
            return f"{self.client.base_url}/?type={quote(found.name)}"
        type_id = self._type_id(found)
        if self._account is None or not type_id:
            return None
        domain = self._account.ui_domain or UI_DOMAIN
        return f"https://{domain}/contacts/{self._account.portal_id}/objects/{type_id}/views/all/list"

    def record_url(self, kind: str, record_id: str) -> str | None:
        """Return the page of one record; ``None`` where that of the list is not known either."""
        found = object_type(kind)
        if self._on_this_machine():
            return f"{self.client.base_url}/?type={quote(found.name)}&record={quote(record_id)}"
        type_id = self._type_id(found)
        if self._account is None or not type_id:
            return None
        domain = self._account.ui_domain or UI_DOMAIN
        return record_page(self._account.portal_id, type_id, record_id, ui_domain=domain)

    def _type_id(self, found: ObjectType) -> str:
        return self.client.type_of(found).type_id

    def _on_this_machine(self) -> bool:
        """HubSpot itself is nowhere on loopback: there is the emulator, whose page shows its records."""
        return urlsplit(self.client.base_url).hostname in ("127.0.0.1", "localhost", "::1")

    def _no_properties(self, found: ObjectType, error: HubSpotError, warn: Warn) -> None:
        if found.custom and isinstance(error, NotFound | InvalidBatch):
            has = ", ".join(sorted(f"{each.name} ({key})" for key, each in (self._schemas or {}).items()))
            raise InputError(
                f"The account has no object type {found.name!r}.",
                remedy=(
                    "A custom object goes by its name (cars), by p_cars, by its full name (p123_cars) or by"
                    " its id (2-123), as HubSpot's settings show"
                    f" them.{f' The account has {has}.' if has else ''}"
                ),
            ) from None
        self._close(
            f"properties of {found.name}",
            f"The property definitions of {found.name} cannot be read, so columns are not checked against"
            f" them: {error}",
            warn,
        )

    def _close(self, what: str, why: str, warn: Warn) -> None:
        self._closed.add(what)
        warn(why)

    def _tell_budget(self, account: AccountDetails) -> None:
        budget = self.client.budget
        if isinstance(budget, SharedBudget) and account.time_zone:
            budget.time_zone = account.time_zone


def _goes_by_name(found: ObjectType) -> bool:
    return found.custom and not found.type_id


def _check_pin(pinned: int, account: AccountDetails) -> None:
    if account.portal_id != pinned:
        raise InputError(
            f"The token belongs to portal {account.portal_id}, and portal_id={pinned} is asked for. Nothing"
            " was sent.",
            remedy="Give the token of the portal that is meant, or correct portal_id.",
        )
