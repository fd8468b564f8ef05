"""What the operations answer alike that write properties: ``Create``, ``Upsert`` and ``Update``."""

from __future__ import annotations

from collections.abc import Mapping

from hubspot_batch_dagster.operations.base import MissingProperties, Operation
from hubspot_batch_dagster.operations.properties import Properties, Property, mapping, rules


class WritesProperties(Operation):
    """An operation whose columns become values of properties. Each has the fields itself, in the order in
    which it shows them.
    """

    properties: Properties | None
    missing_properties: MissingProperties

    @property
    def property_columns(self) -> dict[str, str] | None:
        return mapping(self.properties)

    @property
    def rules(self) -> Mapping[str, Property]:
        return rules(self.properties)

    @property
    def makes_missing_properties(self) -> bool:
        return self.missing_properties == "create"
