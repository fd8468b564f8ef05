"""What would be sent, without sending it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pydantic_core

from hubspot_batch_dagster.api.arguments import checked
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.column_mapping import as_input_error, bind
from hubspot_batch_dagster.table.rows import record_batches


@dataclass(frozen=True)
class Prepared:
    """Rows made ready for HubSpot.

    Attributes:
        inputs: The rows that can be sent: position in the table, key columns, ``key``, ``id``, ``properties``
            and ``associations``, the last two as the JSON text that goes over the requester.
        rejected: The rows that cannot be sent: position, key columns, column, property, code and message.
        omitted: Cells of rows that can be sent which were left out or cleared by rule, in the form of
            ``rejected``; those of associations that are not required and name no record, too.
        action: The batch verb.
        id_property: The unique property that ``id`` is a value of; ``None`` for record ids.
    """

    inputs: pa.Table = field(repr=False)
    rejected: pa.Table = field(repr=False)
    omitted: pa.Table = field(default_factory=lambda: pa.table({}), repr=False)
    action: str = "create"
    id_property: str | None = None

    def bodies(self) -> list[dict[str, Any]]:
        """Return the inputs as :class:`HubSpotClient` takes them, each with the row's position as its trace
        id.
        """
        return [self._input(row) for row in self.inputs.to_pylist()]

    def _input(self, row: dict[str, Any]) -> dict[str, Any]:
        if self.action == "archive":
            return {"id": row["id"]}
        body: dict[str, Any] = {
            "properties": pydantic_core.from_json(row["properties"]),
            "objectWriteTraceId": str(row["row"]),
        }
        if row["associations"] is not None:
            body["associations"] = pydantic_core.from_json(row["associations"])
        if row["id"] is not None:
            body["id"] = row["id"]
        if self.id_property is not None:
            body["idProperty"] = self.id_property
        return body


@checked
def prepare(rows: object, operation: Operation) -> Prepared:
    """Encode and check rows without sending anything: for tests, for looking, for people who send by
    themselves.

    Duplicate keys are not looked for, and nothing is compared with an earlier run. An ``Upsert`` by key is
    prepared as the records it would create.

    Args:
        rows: Any frame: pandas, polars, pyarrow, DuckDB, a list of dicts.
        operation: What they are meant for.

    Raises:
        InputError: A column does not exist, or cannot be what the operation wants it to be.

    Examples:
        >>> from hubspot_batch_dagster import Upsert, prepare
        >>> ready = prepare(
        ...     [{"mail": "Ada@Example.com", "age": 36}, {"mail": None, "age": 1}],
        ...     Upsert("contacts", id_property="email", properties={"email": "mail", "age": "age"}),
        ... )
        >>> ready.bodies()[0]["properties"]
        {'age': '36', 'email': 'ada@example.com'}
        >>> ready.rejected.column("code").to_pylist()
        ['MISSING_KEY']
    """
    with as_input_error():
        source = record_batches(rows)
        encoder = bind(operation, source.schema)
        good, rejected, omitted, first = [], [], [], 0
        for batch in source:
            encoded = encoder.encode(batch, first)
            first += batch.num_rows
            good.append(encoded.good)
            rejected.append(encoded.rejected)
            omitted.append(encoded.omitted)
    by_key = operation.action == "upsert" and operation.id_property_name is None
    return Prepared(
        inputs=pa.Table.from_batches(good, encoder.encoded_schema),
        rejected=pa.Table.from_batches(rejected, encoder.rejected_schema),
        omitted=pa.Table.from_batches(omitted, encoder.rejected_schema),
        action="create" if by_key else operation.action,
        id_property=operation.id_property_name,
    )
