"""Encoding a small table in one call, for the tests of this folder."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import settings

from hubspot_batch_dagster.table.binding import bind
from hubspot_batch_dagster.table.encode import Encoded
from hubspot_batch_dagster.table.layout import Definition, Field, Layout
from hubspot_batch_dagster.table.rows import RowStream, record_batches

KEY = "row_key"
UNHURRIED = settings(deadline=None)  # a busy machine is no failure


def encode(rows: object, layout: Layout, *, model: Any = None, max_rows: int = 1000) -> Encoded:
    """Every row of a small table, as one `Encoded`."""
    reader = rows if isinstance(rows, RowStream) else record_batches(rows, max_rows=max_rows)
    encoder = bind(layout, reader.schema, model=model)
    good, rejected, omitted, first = [], [], [], 0
    cut: Counter[str] = Counter()
    for batch in reader:
        encoded = encoder.encode(batch, first)
        encoded.good.validate(full=True)
        encoded.rejected.validate(full=True)
        first += batch.num_rows
        good.append(encoded.good)
        rejected.append(encoded.rejected)
        omitted.append(encoded.omitted)
        cut.update(encoded.cut)
    return Encoded(
        _one(pa.Table.from_batches(good, encoder.encoded_schema)),
        _one(pa.Table.from_batches(rejected, encoder.rejected_schema)),
        _one(pa.Table.from_batches(omitted, encoder.rejected_schema)),
        cut=cut,
    )


def read_all(stream: RowStream) -> pa.Table:
    """Every batch of a stream, if all have the types of the first."""
    return pa.Table.from_batches(stream, stream.schema)


def _one(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def encode_column(values: pa.Array, definition: Definition | None = None, **layout: Any) -> Encoded:
    """One column sent to the property `p` (or the definition's), keyed by the row number."""
    name = "p" if definition is None else definition.name
    table = pa.table({KEY: pa.array(range(len(values)), pa.int64()), "cell": values})
    fields = (Field(name, "cell", definition),)
    return encode(table, Layout(fields, (KEY,), **layout), max_rows=max(len(values), 1))


def sent(encoded: Encoded, name: str = "p") -> dict[int, str | None]:
    """Row position to the text that is sent for one property; None where it is left out."""
    return {
        row: json.loads(text).get(name)
        for row, text in zip(
            encoded.good["row"].to_pylist(), encoded.good["properties"].to_pylist(), strict=True
        )
    }


def rejected_codes(encoded: Encoded) -> dict[int, str]:
    """Row position to the code of its rejection."""
    return dict(zip(encoded.rejected["row"].to_pylist(), encoded.rejected["code"].to_pylist(), strict=True))


def only_text(values: pa.Array, definition: Definition | None = None) -> str | None:
    """The text sent for a column of one value that is not rejected."""
    encoded = encode_column(values, definition)
    assert encoded.rejected.num_rows == 0, encoded.rejected.to_pylist()
    return sent(encoded, "p" if definition is None else definition.name)[0]


def only_rejection(values: pa.Array, definition: Definition | None = None) -> dict[str, Any]:
    """The rejection of a column of one value."""
    encoded = encode_column(values, definition)
    assert encoded.good.num_rows == 0, encoded.good.to_pylist()
    return encoded.rejected.to_pylist()[0]
