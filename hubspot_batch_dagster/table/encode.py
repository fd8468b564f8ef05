"""Record batches into HubSpot's property text: what is sent, and what cannot be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from hubspot_batch_dagster.table.casting import casting, without_null_values
from hubspot_batch_dagster.table.check import (
    INVALID_RECORD_ID,
    MISSING_KEY,
    MISSING_RECORD_ID,
    Problem,
    problem,
)
from hubspot_batch_dagster.table.dates import CUT_TIME
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.json_text import json_arrays, json_objects, member
from hubspot_batch_dagster.table.kernels import Array, counted, is_blank, pc
from hubspot_batch_dagster.table.keys import folded_email, joined_keys, key_text, key_values
from hubspot_batch_dagster.table.layout import Definition, Field, Layout
from hubspot_batch_dagster.table.order import order_text
from hubspot_batch_dagster.table.plain import single_type
from hubspot_batch_dagster.table.rejections import Reason, Rejections, reason_columns
from hubspot_batch_dagster.table.row_model import check_with_model
from hubspot_batch_dagster.table.rules import Cast, Rule
from hubspot_batch_dagster.table.targets import (
    LookUps,
    associations_of,
    looked_up,
    missing_targets,
    of_target,
    record_ids_of,
)
from hubspot_batch_dagster.table.text import Text
from hubspot_batch_dagster.table.values import Encode, encoder_for, not_emails

if TYPE_CHECKING:
    from pydantic import BaseModel


_WITHHELD = ("row", "properties", "associations")


def encoded_schema(keys: pa.DataType, *, ordered: bool = False) -> pa.Schema:
    """Return the columns of rows that can be sent; where a column says which row is newer, that one too, as
    ``as_of``.

    `row` is the position in the user's table, `keys` the key columns as they came, `key` their canonical
    text (a JSON array for several columns), `id` the record id or the id property's text, `properties` one
    JSON object of texts and `associations` a JSON array: both exactly as they are sent.
    """
    return pa.schema(
        [
            ("row", pa.int64()),
            ("keys", keys),
            ("key", pa.string()),
            ("id", pa.string()),
            ("properties", pa.string()),
            ("associations", pa.string()),
            *([("as_of", pa.string())] if ordered else []),
        ]
    )


def rejected_schema(keys: pa.DataType) -> pa.Schema:
    """Return the columns of rows that cannot be sent.

    Column, property and code are of the first reason; the message tells all of them.
    """
    return pa.schema(
        [
            ("row", pa.int64()),
            ("keys", keys),
            ("key", pa.string()),
            ("column", pa.string()),
            ("property", pa.string()),
            ("code", pa.string()),
            ("message", pa.string()),
        ]
    )


@dataclass(frozen=True)
class Encoded:
    """One batch of rows: `good` has the schema `encoded_schema`, `rejected` and `omitted` have
    `rejected_schema`.

    Good and rejected together hold each row once, both in the table's order. Omitted are cells of good rows
    that were left out or cleared by rule; a row may have several. Withheld is what rejected rows have for
    HubSpot besides their faulty columns: `row`, `properties`, `associations` and `faulty`, so that all that
    is wrong with them can be told. Cut are, by column, the dates of which the day alone is sent.
    """

    good: pa.RecordBatch
    rejected: pa.RecordBatch
    omitted: pa.RecordBatch
    withheld: pa.RecordBatch | None = None
    cut: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Show counts only: an error or a log that shows this must not show people's data."""
        good, rejected, omitted = self.good.num_rows, self.rejected.num_rows, self.omitted.num_rows
        return f"Encoded(good={good} rows, rejected={rejected} rows, omitted={omitted} cells)"


@dataclass(frozen=True)
class _Column:
    """A field with its place in the batch and its way into text."""

    field: Field
    index: int
    encode: Encode
    is_email: bool
    is_id: bool


class Encoder:
    """Encodes the batches of one table; made by `binding.bind`, which has checked the columns.

    Attributes:
        layout: What is encoded.
        schema: The schema of the batches it takes.
        encoded_schema: The schema of the rows that can be sent.
        rejected_schema: The schema of those that cannot.
    """

    def __init__(self, layout: Layout, schema: pa.Schema, *, model: type[BaseModel] | None = None) -> None:
        self.layout = layout
        self.schema = schema
        self._model = model
        keys = pa.struct([(name, _key_type(schema.field(name).type)) for name in layout.key])
        self.encoded_schema = encoded_schema(keys, ordered=layout.as_of is not None)
        self.rejected_schema = rejected_schema(keys)
        self._nothing = pa.RecordBatch.from_pylist([], schema=self.rejected_schema)
        self._keys = [schema.get_field_index(name) for name in layout.key]
        self._of_columns = [each for each in layout.fields if not each.whole_key]
        self._columns = [self._column(each) for each in sorted(layout.fields, key=lambda each: each.property)]

    def _column(self, field: Field) -> _Column:
        return _Column(
            field=field,
            index=self.schema.get_field_index(field.column),
            encode=_encoder_of(field),
            is_email=field.property in self.layout.emails,
            is_id=field.property == self.layout.id_property,
        )

    def encode(self, batch: pa.RecordBatch, first_row: int, look_ups: LookUps | None = None) -> Encoded:
        """Encode one batch.

        Args:
            batch: Rows with the columns of the bound schema; only their types may be others.
            first_row: The position of its first row in the whole table.
            look_ups: The record ids that columns name, where the caller has looked: of those that hold keys
                always. What is wrong with associations that are not required is then the caller's to tell.

        Returns:
            The rows that can be sent and those that cannot. No row stops another.

        Raises:
            TableError: The batch has other columns than those bound.
        """
        if batch.schema.names != self.schema.names:
            raise TableError(f"A batch has the columns {batch.schema.names}, not {self.schema.names}.")
        batch = self.without_null_values(batch)
        rejections = Rejections(batch.num_rows)
        omissions: list[Reason] = []
        cut: Counter[str] = Counter()
        keys, key = self._key(batch, rejections)
        identity = self._record_id(batch, rejections, look_ups)
        properties, id_text = self._properties(batch, key, rejections, omissions, cut)
        if self.layout.id_property is not None:
            identity = self._property_id(batch, id_text, rejections)
        associations = self._associations(batch, rejections, omissions, look_ups)
        if self._model is not None:
            for column, found in check_with_model(self._model, batch):
                rejections.add(column, self._property_of(column), [found])
        rows = counted(first_row, batch.num_rows)
        columns = [rows, keys, key, identity, properties, associations]
        if self.layout.as_of is not None:
            newer = order_text(batch.column(self.layout.as_of))
            rejections.add(self.layout.as_of, self._property_of(self.layout.as_of), newer.problems)
            columns.append(newer.values)
        every = pa.RecordBatch.from_arrays(columns, schema=self.encoded_schema)
        return replace(self._divided(every, rejections, omissions), cut=cut)

    def keys_of(self, batch: pa.RecordBatch) -> Array:
        """Return the row keys of a batch, without anything else of it; null where a row has none."""
        texts = []
        for name in self.layout.key:
            column, cast = batch.column(name), self._cast_of(name)
            if cast is not None and cast.null_values:
                column = without_null_values(column, cast)
            texts.append(key_text(column, fold=self.layout.key_fold == "email").values)
        return joined_keys(texts)

    def _cast_of(self, column: str) -> Cast | None:
        rules = [each.rule.cast for each in self._of_columns if each.column == column]
        return rules[-1] if rules else self.layout.cast

    def without_null_values(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Empty the cells with texts that mean nothing. Key columns too: a key that says N/A is empty."""
        casts = dict.fromkeys(self.layout.columns(), self.layout.cast)
        casts |= {each.column: each.rule.cast for each in self._of_columns}
        for name, cast in casts.items():
            if cast is not None and cast.null_values:
                index = self.schema.get_field_index(name)
                batch = batch.set_column(index, name, without_null_values(batch.column(index), cast))
        return batch

    def _divided(self, every: pa.RecordBatch, rejections: Rejections, omissions: list[Reason]) -> Encoded:
        omitted = self._omitted(every, rejections, omissions) if omissions else self._nothing
        if not rejections:
            return Encoded(every, self._nothing, omitted)
        bad = pa.array(rejections.positions(), pa.int64())
        rejected = pa.RecordBatch.from_arrays(
            [*(every.column(name).take(bad) for name in ("row", "keys", "key")), *rejections.columns()],
            schema=self.rejected_schema,
        )
        good = every.take(pa.array(rejections.good(), pa.int64()))
        kept = [every.column(name).take(bad) for name in _WITHHELD]
        withheld = pa.RecordBatch.from_arrays([*kept, rejections.faulty()], names=[*_WITHHELD, "faulty"])
        return Encoded(good, rejected, omitted, withheld)

    def _omitted(
        self, every: pa.RecordBatch, rejections: Rejections, omissions: list[Reason]
    ) -> pa.RecordBatch:
        cells = [
            (at, reason) for reason in omissions for at in reason.problem.positions() if at not in rejections
        ]
        where = pa.array([at for at, _ in cells], pa.int64())
        return pa.RecordBatch.from_arrays(
            [*(every.column(name).take(where) for name in ("row", "keys", "key")), *reason_columns(cells)],
            schema=self.rejected_schema,
        )

    def _key(self, batch: pa.RecordBatch, rejections: Rejections) -> tuple[Array, Array]:
        fields = list(self.encoded_schema.field("keys").type)
        values, texts = [], []
        for one, index in zip(fields, self._keys, strict=True):
            column = batch.column(index)
            text = key_text(column, fold=self.layout.key_fold == "email")
            fitting, unfit = key_values(column, one.type, text)
            rejections.add(one.name, self._property_of(one.name), [*text.problems, *unfit])
            values.append(fitting)
            texts.append(text.values)
        return pa.StructArray.from_arrays(values, fields=fields), joined_keys(texts)

    def _record_id(self, batch: pa.RecordBatch, rejections: Rejections, look_ups: LookUps | None) -> Array:
        name = self.layout.record_id
        if name is None:
            return pa.nulls(batch.num_rows, pa.string())
        through = self.layout.record_id_through
        found = looked_up(look_ups, name, through, required=True) if through is not None else None
        text = record_ids_of(batch.column(name), INVALID_RECORD_ID, found)
        missing: Array = text.values.is_null()
        for each in found.problems if found is not None else ():
            missing = pc.and_not(missing, each.mask)
        rejections.add(name, None, [*text.problems, *problem(missing, MISSING_RECORD_ID)])
        return text.values

    def _properties(
        self,
        batch: pa.RecordBatch,
        key: Array,
        rejections: Rejections,
        omissions: list[Reason],
        cut: Counter[str],
    ) -> tuple[Array, Array | None]:
        members, id_text = [], None
        for column in self._columns:
            field = column.field
            text = self._text(column, key if field.whole_key else batch.column(column.index))
            if column.is_id:
                id_text = text.values
            values = pc.fill_null(text.values, "") if self.layout.on_null == "clear" else text.values
            problems = [each for each in text.problems if each.code is not CUT_TIME]
            cut[field.column] += sum(len(each.positions()) for each in text.problems if each.code is CUT_TIME)
            if field.rule.on_invalid == "reject":
                rejections.add(field.column, field.property, problems)
            else:
                omissions += [Reason(field.column, field.property, each) for each in problems]
                values = _ruled(values, problems, field.rule)
            members.append(member(field.property, Text(values, [], text.plain)))
        return json_objects(members, batch.num_rows), id_text

    def _text(self, column: _Column, array: Array) -> Text:
        text = column.encode(array)
        if not column.is_email:
            return text
        values = folded_email(text.values) if column.is_id else text.values
        return Text(values, [*text.problems, *not_emails(values)])

    def _property_id(self, batch: pa.RecordBatch, id_text: Array | None, rejections: Rejections) -> Array:
        name = self.layout.id_column()
        assert name is not None  # `bind` has checked it
        if id_text is None:
            text = encoder_for(None)(batch.column(name))
            is_email = self.layout.id_property in self.layout.emails
            id_text = folded_email(text.values) if is_email else text.values
            rejections.add(name, self.layout.id_property, text.problems)
        blank = is_blank(id_text)
        if name not in self.layout.key:
            rejections.add(name, self.layout.id_property, list(problem(blank, MISSING_KEY)))
        return id_text

    def _associations(
        self,
        batch: pa.RecordBatch,
        rejections: Rejections,
        omissions: list[Reason],
        look_ups: LookUps | None,
    ) -> Array:
        if not self.layout.targets:
            return pa.nulls(batch.num_rows, pa.string())
        parts = []
        for target in self.layout.targets:
            found = of_target(look_ups, target, batch.column(target.column))
            if target.required:
                rejections.add(target.column, None, [*found.problems, *missing_targets(found)])
            else:
                omissions += [Reason(target.column, None, each) for each in found.problems]
            parts.append(associations_of(found.ids, target))
        return json_arrays(parts)

    def _property_of(self, column: str | None) -> str | None:
        return next((each.property for each in self._of_columns if each.column == column), None)


def _encoder_of(field: Field) -> Encode:
    definition, kind = field.definition, field.rule.kind
    if definition is not None and definition.type == "string" and kind:
        definition = Definition(field.property, kind)  # HubSpot takes any text; its user says what it is
    if field.rule.cast is None:
        return encoder_for(definition)
    return encoder_for(definition, first=lambda encode: casting(encode, field.rule, definition))


def _ruled(values: Array, problems: list[Problem], rule: Rule) -> Array:
    """Return the texts with nothing, or with an empty text, for the cells that cannot be sent."""
    for each in problems:
        values = pc.if_else(
            each.mask, pa.scalar("" if rule.on_invalid == "clear" else None, pa.string()), values
        )
    return values


def _key_type(kind: pa.DataType) -> pa.DataType:
    """Keys that are all empty say nothing of those to come: text holds any."""
    kind = single_type(kind)
    return pa.string() if pa.types.is_null(kind) else kind
