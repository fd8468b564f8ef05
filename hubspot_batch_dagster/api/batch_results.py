"""Settlement: of a batch answer only what tells which rows were written.

Create answers with every stored property of every record; settling needs three fields of each. Reading just
these takes a fraction of the time of the whole model, and it is done for every request of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from types import GenericAlias
from typing import Annotated, Any, Literal

from msgspec import DecodeError, Meta, Struct, defstruct, field
from msgspec.json import Decoder, Encoder
from pydantic import Field

from hubspot_batch_dagster.api.bodies import Count, Flag, Listed, OptionalText, Received, Text
from hubspot_batch_dagster.api.models import ErrorItem, Warning_


class Settled(Received):
    """One written record: its id, the trace id of its input, and whether an upsert made it."""

    id: Text = ""
    object_write_trace_id: OptionalText = None
    new: Flag = None
    warnings: Annotated[list[Warning_], Listed] = Field(default_factory=list)


class Settlement(Received):
    """A batch answer without the records' properties. Error items are whole.

    Attributes:
        status: As in `BatchAnswer`.
        results: What was written, in no particular order.
        errors: What failed.
        num_errors: The number of error items.
    """

    status: Text = "COMPLETE"
    results: Annotated[list[Settled], Listed] = Field(default_factory=list)
    errors: Annotated[list[ErrorItem], Listed] = Field(default_factory=list)
    num_errors: Count = None


Nothing = Annotated[list[None], Meta(max_length=0)] | None


class TracedRecord(Struct, frozen=True):
    """A written record with the trace id of its input, and no warnings."""

    id: str
    trace_id: str = field(name="objectWriteTraceId")
    new: bool = False
    warnings: Nothing = None


class ResultReader:
    """Reads answers in which all went well, and the bodies that they answer, both with the values of some
    properties.

    This is what nearly every answer is. Read this way, without a Python object for what is not used, it costs
    a fraction of what `Settlement` costs. Sent and stored values are compared as texts first, a batch at a
    time: that costs half of what comparing them a row at a time does, and is given up with the first answer
    that repeats a value in another way.

    Args:
        names: The properties, in the order in which they are sent.
        found_by: The one of them by which HubSpot finds the record: what the record has in it is not
            compared.
    """

    def __init__(self, names: Iterable[str] = (), *, found_by: str | None = None) -> None:
        named = {f"p{i}": name for i, name in enumerate(dict.fromkeys(names))}
        values = defstruct(
            "Values",
            [(each, str | None, None) for each in named],
            rename=named,
            frozen=True,
            gc=False,
            omit_defaults=True,
        )
        self._compared = [each for each, name in named.items() if name != found_by]
        self._texts = Encoder()
        self._in_texts = True
        record = defstruct(
            "EchoedRecord",
            [("properties", values | None, None)],
            bases=(TracedRecord,),
            frozen=True,
            gc=False,
        )
        clean: list[tuple[str, Any] | tuple[str, Any, Any]] = [
            ("status", Literal["COMPLETE"]),
            ("results", GenericAlias(list, (record,))),
            ("errors", Nothing, None),
        ]
        self._answers: Decoder[Any] = Decoder(defstruct("CleanAnswer", clean, frozen=True))
        entry = defstruct("Input", [("properties", values | None, None)], frozen=True, gc=False)
        self._bodies: Decoder[Any] = Decoder(
            defstruct("Body", [("inputs", GenericAlias(list, (entry,)))], frozen=True)
        )

    def records(self, answer: bytes) -> list[TracedRecord] | None:
        """Return the results of a batch answer in which all went well and every record names its input.

        Returns:
            The records; None if the answer has anything more to say, or says it in another way: read it as
            `Settlement`.
        """
        try:
            found: list[TracedRecord] = self._answers.decode(answer).results
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return found

    @staticmethod
    def stored(records: Iterable[TracedRecord]) -> list[object]:
        """Return the values of each record, to be compared with what was sent; ``None`` where the answer
        repeats none.
        """
        return list(map(attrgetter("properties"), records))

    def repeats(self, stored: list[object], sent: bytes) -> bool:
        """Whether these values are, to the letter, the properties that were sent, a JSON list of them; False
        where it was not so before.
        """
        self._in_texts = self._in_texts and self._texts.encode(stored) == sent
        return self._in_texts

    def sent(self, body: bytes) -> list[object]:
        """Return the values of each input of a request of ours, in the order of the inputs."""
        return [each.properties for each in self._bodies.decode(body).inputs]

    def differing(self, sent: Any, stored: Any) -> Iterator[tuple[str, str]]:
        """Yield the values of a property that a record has other than they were sent, both as texts: sent,
        stored. What is not told is left out.
        """
        for name in self._compared:
            value, kept = getattr(sent, name), getattr(stored, name)
            if value is not None and kept is not None and value != kept:
                yield value, kept


class _Record(Struct, frozen=True):
    id: str


class _Meaning(Struct, frozen=True):
    type_id: int = field(name="associationTypeId")


class _Association(Struct, frozen=True):
    from_: _Record = field(name="from")
    to: _Record
    spec: _Meaning = field(name="associationSpec")


class _CleanAssociations(Struct, frozen=True):
    status: Literal["COMPLETE"]
    results: list[_Association]
    errors: Nothing = None


_SMOOTH_ASSOCIATIONS = Decoder(_CleanAssociations)


def associated_pairs(body: bytes) -> list[tuple[int, str, str]] | None:
    """Type id and both ends of the lines of an answer to unlabelled associations in which all went well.

    Returns:
        The lines; None if the answer has anything more to say, or says it in another way: read it as
        `DefaultAnswer`.
    """
    try:
        results = _SMOOTH_ASSOCIATIONS.decode(body).results
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [(each.spec.type_id, each.from_.id, each.to.id) for each in results]
