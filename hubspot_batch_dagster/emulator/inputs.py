"""Inputs: what one batch request asks for, row by row, and what is wrong with each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hubspot_batch_dagster.emulator.associating import inline_problem
from hubspot_batch_dagster.emulator.exchange import Json, Refused, Request, error_body, validation
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Record, Table

KEYLESS = ("calls", "emails", "meetings", "notes", "tasks", "communications", "postal_mail", "leads")
"""Object types of which nobody says whether a unique property of one's own can be a key."""


ONLY_LISTED = ("contacts", "deals", "tickets", "companies", "products", "services", "projects", "users")
"""Object types whose required properties the guides list, and other pages of HubSpot contradict."""


@dataclass(slots=True, eq=False)
class Input:
    """One input of a batch.

    Attributes:
        key: Its `id`, folded as the property it is compared with.
        record: The record it found; None for one that will be created.
        record_id: The id of that record, or the one it will get.
        value_errors: What is wrong with its property values.
        problem: Anything else that is wrong, as an error item.
        conflict: Id of the record that already has its unique email.
    """

    given: Json
    trace_id: str | None = None
    id_property: str | None = None
    key: str = ""
    record: Record | None = None
    record_id: str = ""
    values: dict[str, str] = field(default_factory=dict)
    value_errors: list[Json] = field(default_factory=list)
    warnings: list[Json] = field(default_factory=list)
    problem: Json | None = None
    conflict: str | None = None

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.value_errors and self.problem is None and self.conflict is None

    def by_merged_id(self, table: Table) -> bool:
        """Whether it names its record by the id of one that was merged into it."""
        return self.record is not None and self.id_property is None and self.key in table.merged

    def error_item(self, table: Table, names_id: bool) -> Json:
        """Return what is wrong with it, as one item of a 207's `errors`."""
        context: dict[str, list[str]] = {"objectWriteTraceId": [self.trace_id or ""]}
        if self.value_errors:
            return _item("VALIDATION_ERROR", values_message(self.value_errors), context)
        if self.problem is not None:
            return {**self.problem, "context": {**self.problem.get("context", {}), **context}}
        if names_id:
            context["existingId"] = [self.conflict or ""]
        return _item("CONFLICT", conflict_message(table, self.conflict, names_id), context)


def _item(category: str, message: str, context: dict[str, list[str]]) -> Json:
    return {"status": "error", "category": category, "message": message, "context": context}


def conflict_message(table: Table, existing_id: str | None, names_id: bool) -> str:
    """HubSpot's words for a record that exists."""
    message = f"{table.definition.singular.capitalize()} already exists"
    return f"{message}. Existing ID: {existing_id}" if names_id else message


def values_message(errors: Iterable[Json]) -> str:
    """HubSpot's words for bad property values: a sentence and a JSON list."""
    listed = json.dumps(list(errors), separators=(",", ":"), ensure_ascii=False)
    return f"Property values were not valid: {listed}"


def read_inputs(portal: Portal, request: Request) -> list[Input]:
    """Return the inputs of a batch request, counted.

    Raises:
        Refused: The body is not readable or holds more inputs than a batch may.
    """
    items = request.inputs_json
    most = portal.settings.max_inputs
    request.inputs = len(items)
    if len(items) > most:
        raise too_many(most)
    traces = [item.get("objectWriteTraceId") for item in items]
    inputs = [
        Input(item, trace if trace is None else str(trace)) for item, trace in zip(items, traces, strict=True)
    ]
    request.trace_ids = tuple(item.trace_id for item in inputs if item.trace_id is not None)
    return inputs


def too_many(most: int, what: str = "a batch") -> Refused:
    """400 for more inputs than a batch may hold."""
    return validation(
        f"The maximum number of inputs supported in {what} is {most}."
        " Please reduce the number of inputs and try again."
    )


def traced(portal: Portal, inputs: list[Input]) -> bool:
    """Whether every input has a trace id of its own, which is what makes partial success possible."""
    traces = {item.trace_id for item in inputs}
    if portal.settings.partly_traced == "partial" and traces != {None}:
        return True
    return None not in traces and len(traces) == len(inputs)


def identify(portal: Portal, table: Table, inputs: list[Input], operation: str) -> None:
    """Find the record of each input by its `id` and `idProperty`.

    Raises:
        Refused: An input has no id, an `idProperty` is not unique, or two inputs name one record.
    """
    properties = set()
    for item in inputs:
        given = required_id(item.given)
        item.id_property = item.given.get("idProperty") or None
        properties.add(item.id_property)
        item.key = table.fold(item.id_property, given) if item.id_property else given
    if len(properties) > 1 and not portal.settings.mixed_id_property:
        raise validation("All inputs of a batch must use the same idProperty")
    for name in properties:
        if name is not None:
            check_id_property(portal, table, name, operation)
    _refuse_repeated(((item.id_property, item.key), item) for item in inputs)
    for item in inputs:
        item.record = find(portal, table, item.key, item.id_property, upserting=operation == "upsert")
    found = (((None, item.record.id), item) for item in inputs if item.record is not None)
    _refuse_repeated(found)


def required_id(given: Json) -> str:
    """Return the `id` of an input.

    Raises:
        Refused: It has none.
    """
    found = given.get("id")
    if found in (None, "") or isinstance(found, (dict, list)):
        raise validation("Some required fields were not set: [id]")
    return str(found)


def _refuse_repeated(pairs: Iterable[tuple[tuple[str | None, str], Input]]) -> None:
    seen: dict[tuple[str | None, str], Input] = {}
    repeated: dict[str, None] = {}
    for key, item in pairs:
        if key in seen:
            repeated.update(dict.fromkeys((seen[key].key, item.key)))
        seen[key] = item
    if repeated:
        ids = list(repeated)
        message = f"Duplicate IDs found in batch input: [{', '.join(ids)}]. IDs must be unique"
        raise validation(message, context={"ids": ids})


def check_id_property(
    portal: Portal, table: Table, name: str, operation: str, *, single: bool = False
) -> None:
    """Refuse an `idProperty` that identifies no record; an email does in a single update, not in a batch."""
    if name == "hs_object_id":
        allowed = portal.settings.hs_object_id_as_id_property
    else:
        allowed = name in table.unique and name in table.properties
        if allowed and not portal.settings.unique_on_activities and table.name in KEYLESS:
            allowed = table.properties[name].hubspot_defined
    if operation == "update" and table.name == "contacts" and name == "email" and not single:
        allowed = False
    if not allowed:
        raise validation(
            f"Unable to perform {operation} by non-unique {table.definition.type_id} property {name}"
        )


def find(
    portal: Portal, table: Table, key: str, id_property: str | None, *, upserting: bool = False
) -> Record | None:
    """Return the living record that a key names; an archived one only where its keys stay taken."""
    if id_property is None or id_property == "hs_object_id":
        return table.living(key)
    record = table.unique[id_property].get(key)
    if record is not None and upserting and record.request in portal.open_requests:
        choice = portal.settings.concurrent_upsert
        if choice == "409":
            raise conflict(table, record.id, portal.settings.conflict_names_id)
        if choice == "duplicate":
            return None
    return record


def conflict(table: Table, existing_id: str | None, names_id: bool) -> Refused:
    """409 for a whole batch; it names the first conflict only."""
    return Refused(409, error_body(conflict_message(table, existing_id, names_id), "CONFLICT"))


def check_values(portal: Portal, table: Table, inputs: list[Input], version: str) -> None:
    """Check every input's property values, required properties and inline associations."""
    settings = portal.settings
    normalise = version in settings.normalise_dates
    requires = version in settings.required_properties
    leads = table.name == "leads"
    for item in inputs:
        given = item.given.get("properties")
        if given is None:
            raise validation("Some required fields were not set: [properties]")
        if not isinstance(given, dict):
            raise validation("properties must be an object")
        item.values, item.value_errors, item.warnings = table.checked(given, normalise=normalise)
        if item.record is None:
            if item.id_property is not None:
                _take_key(table, item, normalise)
            if requires:
                item.value_errors += _missing(portal, table, item.values)
            # An upsert takes none, by the contract; what it does not know it passes over.
            associations = None if item.id_property is not None else item.given.get("associations")
            if (associations not in (None, []) or leads) and not item.value_errors:
                item.problem = inline_problem(portal, table, associations)
        elif requires:
            item.value_errors += _conditionally_missing(
                portal, table, {**item.record.properties, **item.values}, item.values
            )
        if not item.value_errors and table.definition.stage_property:
            item.value_errors += _misplaced_stage(table, item)


def _take_key(table: Table, item: Input, normalise: bool) -> None:
    name = item.id_property or ""
    if name not in item.values and not any(error["name"] == name for error in item.value_errors):
        values, errors, _ = table.checked({name: item.key}, normalise=normalise)
        item.values.update(values)
        item.value_errors += errors


def _missing(portal: Portal, table: Table, values: dict[str, str]) -> list[Json]:
    rules = [rule["property"] for rule in portal.admin_rules.get(table.name, []) if "when" not in rule]
    listed = table.definition.required
    if table.name in ONLY_LISTED and not portal.settings.listed_is_required:
        listed = ()
    needed = [*listed, *((name,) for name in rules)]
    missing = [choice[0] for choice in needed if not any(values.get(name) for name in choice)]
    return [_required(name, "MISSING_REQUIRED_PROPERTY") for name in missing] + _conditionally_missing(
        portal, table, values, values
    )


def _conditionally_missing(
    portal: Portal, table: Table, after: dict[str, str], written: dict[str, str]
) -> list[Json]:
    errors = []
    for rule in portal.admin_rules.get(table.name, []):
        when = rule.get("when")
        if (
            when
            and all(after.get(k) == v and k in written for k, v in when.items())
            and not after.get(rule["property"])
        ):
            errors.append(_required(rule["property"], "MISSING_CONDITIONAL_REQUIRED_PROPERTY"))
    return errors


def _required(name: str, code: str) -> Json:
    return {"isValid": False, "message": f"A value for {name} must be provided", "error": code, "name": name}


def _misplaced_stage(table: Table, item: Input) -> list[Json]:
    definition = table.definition
    stage = item.values.get(definition.stage_property)
    if not stage:
        return []
    before = item.record.properties if item.record is not None else {}
    pipeline_id = item.values.get(definition.pipeline_property) or before.get(definition.pipeline_property)
    pipelines = table.pipelines
    pipeline = next((p for p in pipelines if p.id == pipeline_id), pipelines[0] if pipelines else None)
    if pipeline is None or any(known.id == stage for known in pipeline.stages):
        return []
    allowed = ", ".join(known.id for known in pipeline.stages)
    message = f"{stage} is not a stage of pipeline {pipeline.id}. Its stages: [{allowed}]"
    return [
        {"isValid": False, "message": message, "error": "INVALID_OPTION", "name": definition.stage_property}
    ]


def check_unique(portal: Portal, table: Table, inputs: list[Input]) -> None:
    """Find inputs whose unique values another record or an earlier input already has."""
    pending: dict[tuple[str, str], Input] = {}
    duplicating = portal.settings.concurrent_upsert == "duplicate"
    for item in inputs:
        if not item.fine:
            continue
        item.record_id = item.record.id if item.record is not None else portal.next_id()
        for name, index, value in _unique_values(table, item.values):
            key = table.fold(name, value)
            holder = index.get(key)
            if holder is not None and duplicating and holder.request in portal.open_requests:
                holder = None
            taken_by = pending.get((name, key))
            other = holder.id if holder is not None else taken_by.record_id if taken_by is not None else None
            if other is None or other == item.record_id:
                pending[name, key] = item
            elif table.properties[name].rule == "email":
                item.conflict = other
            else:
                item.value_errors.append(_conflicting(name, value, other))


def _unique_values(table: Table, values: dict[str, str]) -> Iterator[tuple[str, dict[str, Record], str]]:
    """Give each unique value of an input with its property and index; each address of a contact is one."""
    for name, index in table.unique.items():
        value = values.get(name)
        if value:
            yield name, index, value
    more = values.get("hs_additional_emails")
    if more and "email" in table.unique:
        for address in more.split(";"):
            yield "email", table.unique["email"], address


def _conflicting(name: str, value: str, other: str) -> Json:
    message = f"{value} for {name} is already used by record {other}; values of {name} must be unique."
    return {
        "isValid": False,
        "message": message,
        "error": "CONFLICTING_UNIQUE_VALUE",
        "name": name,
        "propertyValue": value[:200],
    }


def refuse_values(portal: Portal, errors: list[Json]) -> Refused:
    """400 for bad property values in a batch without trace ids; it does not say which input had them.

    In captures the details lack the last of several that the message lists.
    """
    details: list[dict[str, Any]] = [
        {"message": e["message"], "code": e["error"], "context": {"propertyName": [e["name"]]}}
        for e in errors
    ]
    if len(details) > 1 and not portal.settings.all_error_details:
        details.pop()
    return validation(values_message(errors), errors=details)
