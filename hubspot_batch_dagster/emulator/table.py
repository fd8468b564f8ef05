"""The table: all records of one object type in a portal, their properties' checks and unique keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hubspot_batch_dagster.emulator.account import Account
from hubspot_batch_dagster.emulator.definitions import ObjectTypeDefinition, PropertyDefinition
from hubspot_batch_dagster.emulator.exchange import Json, iso
from hubspot_batch_dagster.emulator.pipelines import Pipeline
from hubspot_batch_dagster.emulator.special_values import (
    add_calculated,
    goes_back,
    merged_options,
    with_addresses,
)
from hubspot_batch_dagster.emulator.values import (
    MAX_STRING,
    Check,
    Rule,
    ValueRefused,
    check_for,
    company_domain,
    email,
    follow,
    owner,
    too_long,
    value_error,
    warning,
)

MOST_FORMER = 20
"""Former values of a record that are kept."""


class Record:
    """One record. Its properties are replaced as a whole when they change, never altered in place."""

    __slots__ = (
        "archived_at",
        "created",
        "former",
        "id",
        "properties",
        "request",
        "stale",
        "updated",
        "visible_at",
    )

    def __init__(self, record_id: str, properties: dict[str, str], created: str, request: int) -> None:
        self.id = record_id
        self.properties = properties
        self.created = self.updated = created
        self.archived_at: str | None = None
        self.request = request
        self.visible_at = 0.0
        self.stale: tuple[dict[str, str], float] | None = None
        self.former: tuple[tuple[dict[str, str], str], ...] = ()

    def replace(self, properties: dict[str, str], stamp: str) -> None:
        """Give it other values; the former ones stay known, as many as HubSpot shows."""
        self.former = (*self.former, (self.properties, self.updated))[-MOST_FORMER:]
        self.properties = properties
        self.updated = stamp

    def history(self, name: str) -> list[tuple[str, str]]:
        """Return the values that a property had, each with when it got it, the newest first."""
        versions: list[tuple[str, str]] = []
        for properties, stamp in (*self.former, (self.properties, self.updated)):
            value = properties.get(name, "")
            if value != (versions[-1][0] if versions else ""):
                versions.append((value, stamp))
        return versions[::-1]


class Table:
    """All records of one object type.

    Args:
        definition: The object type.
        account: The settings, the clock and the books that it obeys.
        pipelines: The type's pipelines; their stages are what its stage property takes.
    """

    def __init__(
        self, definition: ObjectTypeDefinition, account: Account, pipelines: list[Pipeline] | None = None
    ) -> None:
        self.definition = definition
        self.account = account
        self.pipelines: list[Pipeline] = pipelines if pipelines is not None else []
        self.name = definition.name
        self.properties: dict[str, PropertyDefinition] = {}
        self.archived_properties: dict[str, PropertyDefinition] = {}
        self.groups: dict[str, str] = {
            f"{definition.singular}information": f"{definition.labels[0]} information"
        }
        self.records: dict[str, Record] = {}
        self.archived: dict[str, Record] = {}
        self.merged: dict[str, str] = {}
        self.blocked: set[str] = set()
        self.rules: dict[str, dict[str, Rule]] = {}
        self.unique: dict[str, dict[str, Record]] = {}
        self._checks: dict[str, Check | None] = {}
        self._checkboxes: set[str] = set()
        self._emails: set[str] = set()
        for prop in definition.properties:
            self.define(prop)

    def living(self, record_id: str) -> Record | None:
        """Find the living record of an id; the id of a merged record leads to the one that is left."""
        return self.records.get(record_id) or self.records.get(self.merged.get(record_id, ""))

    @property
    def type_name(self) -> str:
        """The type as HubSpot's messages spell it, such as `CONTACT`."""
        return self.definition.singular.upper()

    def define(self, prop: PropertyDefinition) -> None:
        """Add or replace a property."""
        self.properties[prop.name] = prop
        (self._emails.add if prop.rule == "email" else self._emails.discard)(prop.name)
        self.archived_properties.pop(prop.name, None)
        if prop.read_only:
            self._checks.pop(prop.name, None)
            return
        self._checks[prop.name] = self._check(prop)
        if prop.field_type == "checkbox" or prop.rule == "emails":
            self._checkboxes.add(prop.name)
        if prop.unique:
            self.unique.setdefault(prop.name, {})

    def undefine(self, name: str) -> None:
        """Archive a property: it can no longer be written."""
        prop = self.properties.pop(name, None)
        if prop is not None:
            self.archived_properties[name] = replace(prop, archived=True)
            self._checks.pop(name, None)

    def purge(self, record: Record) -> None:
        """Let a record go for good."""
        self.records.pop(record.id, None)
        self.archived.pop(record.id, None)
        self._unindex(record, record.properties)

    def forget(self, name: str) -> None:
        """Take a property away as if it had never been."""
        self.properties.pop(name, None)
        self.archived_properties.pop(name, None)
        self.unique.pop(name, None)
        self._checks.pop(name, None)
        self._checkboxes.discard(name)

    def _check(self, prop: PropertyDefinition) -> Check | None:
        if prop.rule == "owner" and prop.name != "hubspot_team_id":
            return self._owners if prop.field_type == "checkbox" else self._owner
        if prop.rule == "email":
            return self._email
        if self.name == "companies" and prop.name == "domain":
            return self._domain
        return check_for(prop, self._allowed(prop))

    def _email(self, value: str) -> str:
        settings = self.account.settings
        folded = email(value, settings.known_tlds)
        if folded in self.blocked and settings.gdpr_blocks_addresses:
            raise ValueRefused("INVALID_EMAIL", f"Email address {folded} was permanently deleted")
        return folded

    def _owner(self, value: str) -> str:
        return owner(value, self.account.owners, self.account.settings.unknown_owner == "refuse")

    def _owners(self, value: str) -> str:
        for part in value.split(";"):
            if part:
                self._owner(part)
        return value

    def _domain(self, value: str) -> str:
        return company_domain(value, self.account.settings.company_domain)

    def _allowed(self, prop: PropertyDefinition) -> list[str] | None:
        if prop.rule == "pipeline":
            return [pipeline.id for pipeline in self.pipelines]
        if prop.rule == "stage":
            return [stage.id for pipeline in self.pipelines for stage in pipeline.stages]
        return None

    def set_pipelines(self, pipelines: list[Pipeline]) -> None:
        """Replace the pipelines; their stages are options from now on."""
        self.pipelines = pipelines
        for prop in list(self.properties.values()):
            if prop.rule in ("pipeline", "stage"):
                self.define(prop)

    def fold(self, property_name: str, value: str) -> str:
        """Return a key as it is compared: emails trimmed and in lower case, everything else as it is."""
        return value.strip().lower() if property_name in self._emails else value

    def checked(
        self, given: Any, *, normalise: bool
    ) -> tuple[dict[str, str], list[Json], list[dict[str, Any]]]:
        """Check the property values of one input.

        Args:
            given: What the input had under `properties`.
            normalise: Whether a date with a time of day is corrected with a warning or refused.

        Returns:
            The values to keep, what is wrong, and the warnings.
        """
        kept: dict[str, str] = {}
        errors: list[Json] = []
        warnings: list[dict[str, Any]] = []
        checks = self._checks
        rules = self.rules if self.rules and self.account.settings.enforce_validations else None
        for name, raw in given.items():
            value = raw if raw.__class__ is str else self._text(name, raw, errors)
            if value is None:
                continue
            if name not in checks:
                errors.append(self._not_writable(name, value))
                continue
            check = checks[name]
            if value == "" or check is None:
                if len(value) > MAX_STRING:
                    errors.append(value_error(name, value, too_long(value)))
                if value and rules:
                    errors += self._broken(name, value)
                kept[name] = value
                continue
            try:
                kept[name] = check(value)
                if rules:
                    follow(self.rules.get(name, {}).values(), name, value)
            except ValueRefused as refused:
                if normalise and refused.corrected is not None:
                    kept[name] = refused.corrected
                    warnings.append(warning(name, value, refused.corrected))
                elif refused.read_as is not None and self.account.settings.epoch_seconds == "take":
                    kept[name] = refused.read_as
                else:
                    errors.append(value_error(name, value, refused))
        return kept, errors, warnings

    def _broken(self, name: str, value: str) -> list[Json]:
        try:
            follow(self.rules.get(name, {}).values(), name, value)
        except ValueRefused as refused:
            return [value_error(name, value, refused)]
        return []

    def _text(self, name: str, raw: Any, errors: list[Json]) -> str | None:
        if raw is None:
            choice = self.account.settings.null_value
            if choice == "refuse":
                errors.append(value_error(name, "null", ValueRefused("INVALID_NULL", "null is not a value")))
            return "" if choice == "clear" else None
        if isinstance(raw, bool):
            return "true" if raw else "false"
        if isinstance(raw, (int, float)):
            return str(raw)
        refused = ValueRefused("INVALID_VALUE", "A property value must be a string, a number or a boolean")
        errors.append(value_error(name, str(raw)[:100], refused))
        return None

    def _not_writable(self, name: str, value: str) -> Json:
        prop = self.properties.get(name)
        if prop is None:
            message = f'Property "{name}" does not exist'
            return value_error(name, value, ValueRefused("PROPERTY_DOESNT_EXIST", message))
        kind = "calculated" if prop.calculated else "read only"
        message = f'"{name}" is a {kind} property; its value cannot be set.'
        return value_error(name, value, ValueRefused("READ_ONLY_VALUE", message))

    def insert(self, record_id: str, values: dict[str, str], now: float, stamp: str, request: int) -> Record:
        """Create a record with its system properties."""
        definition = self.definition
        properties = {name: value for name, value in values.items() if value != ""}
        for name in self._checkboxes & properties.keys():
            properties[name] = merged_options("", properties[name])
        properties.setdefault(definition.created_property, stamp)
        properties[definition.modified_property] = stamp
        properties["hs_object_id"] = record_id
        settings = self.account.settings
        properties["hs_object_source"] = "INTEGRATION"
        properties["hs_object_source_id"] = settings.app_id_text
        properties["hs_object_source_label"] = "INTEGRATION"
        if self.name == "contacts":
            if settings.default_lifecycle_stage is not None:
                properties.setdefault("lifecyclestage", settings.default_lifecycle_stage)
            add_calculated(properties)
        elif self.name == "deals" and self.pipelines:
            properties.setdefault("pipeline", self.pipelines[0].id)  # the deals guide: the default pipeline
        record = Record(record_id, properties, stamp, request)
        record.visible_at = now + settings.search_lag
        self.records[record_id] = record
        self._index(record, properties)
        return record

    def change(self, record: Record, values: dict[str, str], now: float, stamp: str) -> dict[str, str]:
        """Change a record.

        Returns:
            The values as they now are, for the properties that were sent.
        """
        before = record.properties
        properties = dict(before)
        written = values
        if "email" in values and "hs_additional_emails" in before:
            written = with_addresses(values, before, self.account.settings.secondary_email_sent)
        for name, value in written.items():
            if name in self._checkboxes and value:
                value = merged_options(before.get(name, ""), value)
            elif name == "lifecyclestage" and goes_back(before.get(name, ""), value):
                continue
            if value == "":
                properties.pop(name, None)
            else:
                properties[name] = value
        properties[self.definition.modified_property] = stamp
        if self.name == "contacts":
            add_calculated(properties)
        self._unindex(record, before)
        record.stale = (before, now + self.account.settings.search_lag)
        record.replace(properties, stamp)
        self._index(record, properties)
        return {name: properties.get(name, "") for name in values}

    def merge(
        self,
        primary: Record,
        other: Record,
        record_id: str,
        values: dict[str, str],
        now: float,
        stamp: str,
        request: int,
    ) -> Record:
        """Put one record in the place of two; their ids lead to it from now on.

        Args:
            primary: One of the two.
            other: The other one.
            record_id: The id of the record that is left, which may be the primary one's.
            values: Its properties.
            now: The time in seconds.
            stamp: The time as HubSpot writes it.
            request: Number of the request that asks for it.
        """
        for old in (primary, other):
            self.records.pop(old.id, None)
            self._unindex(old, old.properties)
        merged = self.insert(record_id, values, now, stamp, request)
        gone = {old.id for old in (primary, other)} - {record_id}
        gone |= {old_id for old_id, left in self.merged.items() if left in gone}
        self.merged.update(dict.fromkeys(gone, record_id))
        return merged

    def archive(self, record: Record, now: float, *, keep_keys: bool) -> None:
        """Archive a record; its keys become free unless they are kept."""
        record.archived_at = record.updated = iso(now)
        self.records.pop(record.id, None)
        self.archived[record.id] = record
        if not keep_keys:
            self._unindex(record, record.properties)

    def _keys(self, properties: dict[str, str], name: str) -> list[str]:
        value = properties.get(name)
        keys = [self.fold(name, value)] if value else []
        if name == "email" and properties.get("hs_additional_emails"):
            keys += properties["hs_additional_emails"].split(";")
        return keys

    def _index(self, record: Record, properties: dict[str, str]) -> None:
        for name, index in self.unique.items():
            value = properties.get(name)
            if value:
                index[value.strip().lower() if name in self._emails else value] = record
        more = properties.get("hs_additional_emails")
        if more and "email" in self.unique:
            self.unique["email"].update(dict.fromkeys(more.split(";"), record))

    def _unindex(self, record: Record, properties: dict[str, str]) -> None:
        for name, index in self.unique.items():
            for key in self._keys(properties, name):
                if index.get(key) is record:
                    del index[key]
