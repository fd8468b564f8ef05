"""Property validations: rules that a portal sets for the values of a property."""

from __future__ import annotations

import re
from collections.abc import Callable

from hubspot_batch_dagster.emulator.exchange import (
    Answer,
    Json,
    Request,
    not_found,
    object_not_found,
    validation,
)
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table
from hubspot_batch_dagster.emulator.values import Rule

RULE_TYPES = frozenset(
    [
        "FORMAT",
        "ALPHANUMERIC",
        "MAX_LENGTH",
        "MIN_LENGTH",
        "MIN_NUMBER",
        "MAX_NUMBER",
        "BEFORE_DURATION",
        "AFTER_DURATION",
        "DAYS_OF_WEEK",
        "START_DATE",
        "END_DATE",
        "BEFORE_DATETIME_DURATION",
        "AFTER_DATETIME_DURATION",
        "START_DATETIME",
        "END_DATETIME",
        "SPECIAL_CHARACTERS",
        "WHITESPACE",
        "DECIMAL",
        "URL",
        "URL_ALLOWED_DOMAINS",
        "URL_BLOCKED_DOMAINS",
        "EMAIL",
        "EMAIL_ALLOWED_DOMAINS",
        "EMAIL_BLOCKED_DOMAINS",
        "REGEX",
        "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE",
        "DOMAIN",
    ]
)


def list_rules(portal: Portal, request: Request) -> Answer:
    """List the rules of every property of an object type that has some."""
    table = portal.table_of_path(request.parameters["type"])
    listed = [
        {"propertyName": name, "propertyValidationRules": [_shown(rule) for rule in rules.values()]}
        for name, rules in table.rules.items()
        if rules
    ]
    return Answer(200, {"results": listed})


def read_rules(portal: Portal, request: Request) -> Answer:
    """List the rules of one property."""
    table, name = _asked(portal, request)
    return Answer(200, {"results": [_shown(rule) for rule in table.rules.get(name, {}).values()]})


def read_rule(portal: Portal, request: Request) -> Answer:
    """Read one rule; 404 if it is not set."""
    table, name = _asked(portal, request)
    rule = table.rules.get(name, {}).get(request.parameters["rule"])
    if rule is None:
        raise not_found()
    return Answer(200, _shown(rule))


def put_rule(portal: Portal, request: Request) -> Answer:
    """Set a rule; without arguments it goes. 204."""
    table, name = _asked(portal, request)
    rule_type = request.parameters["rule"]
    arguments = request.json.get("ruleArguments")
    if rule_type not in RULE_TYPES:
        raise validation(f"{rule_type} is not one of [{', '.join(sorted(RULE_TYPES))}]")
    if not isinstance(arguments, list):
        raise validation("Some required fields were not set: [ruleArguments]")
    for argument in arguments:
        _refuse_argument(rule_type, str(argument))
    rules = table.rules.setdefault(name, {})
    rules[rule_type] = Rule(
        rule_type,
        tuple(str(argument) for argument in arguments),
        request.json.get("shouldApplyNormalization") is True,
    )
    if not arguments:
        del rules[rule_type]
    return Answer(204)


def _refuse_argument(rule_type: str, argument: str) -> None:
    """Refuse an argument that its rule could not be held against a value with."""
    read: dict[str, Callable[[str], object]] = {
        "MIN_LENGTH": int,
        "MAX_LENGTH": int,
        "MIN_NUMBER": float,
        "MAX_NUMBER": float,
        "REGEX": re.compile,
    }
    try:
        read.get(rule_type, str)(argument)
    except (ValueError, re.error):
        raise validation(f"{argument} is no argument of {rule_type}") from None


def _asked(portal: Portal, request: Request) -> tuple[Table, str]:
    table, name = portal.table_of_path(request.parameters["type"]), request.parameters["name"]
    if name not in table.properties:
        raise object_not_found(f'Property "{name}" does not exist')
    return table, name


def _shown(rule: Rule) -> Json:
    return {
        "ruleType": rule.type,
        "ruleArguments": list(rule.arguments),
        "shouldApplyNormalization": rule.normalises,
    }
