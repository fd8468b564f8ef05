"""An association to add, and which of several HubSpot's no is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.models import ErrorItem
from hubspot_batch_dagster.sync.associations.lines import REFUSED, UNNAMED
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.settlement.refusals import rejection


class NewAssociation(NamedTuple):
    """An association to add: two record ids, and the labels that the pair shall have. Without labels it is
    the plain one.
    """

    from_id: str
    to_id: str
    types: tuple[AssociationTypeKey, ...] = ()


def refusal(error: ErrorItem | HubSpotError, pair: NewAssociation) -> Verdict:
    """HubSpot's no to one association."""
    said = (isinstance(error, HubSpotError) and error.said) or error.message or ""
    named = set(_ID.findall(said)).union(*error.context.values())
    code = UNNAMED if named.isdisjoint(pair[:2]) else REFUSED
    return rejection(error, None)._replace(code=code)


_ID = re.compile(r"\d+")


def named(error: ErrorItem, pairs: Sequence[NewAssociation]) -> list[NewAssociation]:
    """Return the associations that an error is about: those both ends of which it names, else those of which
    it names one.
    """
    listed = {
        key.lower(): values for key, values in error.context.items() if key.lower().endswith(("id", "ids"))
    }
    sources = {each for key, values in listed.items() if key.startswith("from") for each in values}
    targets = {each for key, values in listed.items() if key.startswith("to") for each in values}
    if sources and targets:
        return [each for each in pairs if each.from_id in sources and each.to_id in targets]
    ids = {each for values in listed.values() for each in values} or set(_ID.findall(error.message or ""))
    both = [each for each in pairs if each.from_id in ids and each.to_id in ids]
    return both or [each for each in pairs if each.from_id in ids or each.to_id in ids]
