"""A batch: the rows of one request, and the bytes that carry them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from json.encoder import encode_basestring

from hubspot_batch_dagster.api.bodies import batch_body
from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.sync.batches.journal_entries import Intent


@dataclass(frozen=True)
class Batch:
    """Up to 100 rows for one request; each list has one item for each row.

    Attributes:
        action: The batch verb.
        run: Prefix of the trace ids; unique for each run.
        rows: Positions in the user's table (rows that left the source are numbered behind the last one).
        keys: Row keys.
        digests: Hashes of what is sent.
        ids: Record ids or values of ``id_property``; ``None`` for a create.
        properties: JSON text of each row's properties, as the requester wants it.
        associations: JSON text of each row's associations, or ``None``.
        id_property: The unique property that ``ids`` are values of; ``None`` for record ids.
        again: How often its rows were handed back to be sent in another way.
        full: The texts of all properties, where an update goes without some of them.
    """

    action: Action
    run: str
    rows: list[int]
    keys: list[str]
    digests: list[str]
    ids: list[str | None]
    properties: list[str] = field(repr=False)
    associations: list[str | None] = field(repr=False)
    id_property: str | None = None
    again: int = 0
    full: list[str] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def trace_id(self, index: int) -> str:
        """Return the trace id of the row at ``index``: the run and the row's position."""
        return f"{self.run}-{self.rows[index]}"

    def traces(self) -> dict[str, int]:
        """Trace id -> index."""
        return {f"{self.run}-{row}": i for i, row in enumerate(self.rows)}

    def pick(self, indexes: Sequence[int]) -> Batch:
        """Return the same batch with only the rows at ``indexes``."""
        return replace(
            self,
            rows=[self.rows[i] for i in indexes],
            keys=[self.keys[i] for i in indexes],
            digests=[self.digests[i] for i in indexes],
            ids=[self.ids[i] for i in indexes],
            properties=[self.properties[i] for i in indexes],
            associations=[self.associations[i] for i in indexes],
            full=None if self.full is None else [self.full[i] for i in indexes],
        )

    def as_new(self) -> Batch:
        """Rows whose record is gone, as rows to create."""
        return replace(
            self,
            action="create",
            ids=[None] * len(self),
            properties=self.full or self.properties,
            full=None,
            id_property=None,
            again=self.again + 1,
        )

    def without(self, indexes: Sequence[int]) -> Batch:
        """Return the same batch without the rows at ``indexes``."""
        gone = set(indexes)
        return self.pick([i for i in range(len(self)) if i not in gone])

    def body(self) -> bytes:
        """Return the request body. The properties were encoded column by column and are put in as they
        are.
        """
        return batch_body(",".join(self._inputs()).encode())

    def size(self) -> int:
        """About how many bytes the body has."""
        return (
            sum(map(len, self.properties))
            + sum(len(each or "") for each in self.associations)
            + 120 * len(self)
        )

    @property
    def intent_id(self) -> str:
        """The name of its intent in the journal."""
        return intent_id(self.run, self.action, self.rows) + ("." * self.again)

    def intent(self, sent_at: float, own_at: float = 0.0) -> Intent:
        """Return what the journal must know before the request leaves. Creates are known by their values
        alone.

        Args:
            sent_at: When it may leave, by HubSpot's clock.
            own_at: The same moment by this host's clock; 0 if it is not known.
        """
        return Intent(
            id=self.intent_id,
            action=self.action,
            sent_at=sent_at,
            own_at=own_at,
            rows=self.rows,
            keys=self.keys,
            digests=self.digests,
            ids=self.ids,
            bodies=self.properties if self.action == "create" else [],
        )

    def _inputs(self) -> Iterator[str]:
        if self.action == "archive":
            return (f'{{"id":{_json(each)}}}' for each in self.ids)
        middle = f',"objectWriteTraceId":"{self.run}-'
        rows = zip(self.rows, self.ids, self.properties, self.associations, strict=True)
        if self.action == "create":
            return (  # the contract requires associations, also where there are none
                f'{{"associations":{associations or "[]"},"properties":{properties}{middle}{row}"}}'
                for row, _, properties, associations in rows
            )
        by = f'"idProperty":{_json(self.id_property)},' if self.id_property else ""
        return (
            f'{{"id":{_json(value)},{by}"properties":{properties}{middle}{row}"}}'
            for row, value, properties, _ in rows
        )


def intent_id(run: str, action: Action, rows: Sequence[int]) -> str:
    """Return the name of a batch in the journal. No two batches of a run begin with the same row, but for
    those sent in another way.
    """
    return f"{run}-{action[0]}{rows[0]}"


def _json(text: str | None) -> str:
    """Return a JSON string, or null; many times as quick as `json.dumps`, which makes an encoder for each
    call.
    """
    return "null" if text is None else encode_basestring(text)
