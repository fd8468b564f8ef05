"""Text as values, as a column's `Cast` says."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_DATETIME, INVALID_NUMBER, Code, Problem, problem
from hubspot_batch_dagster.table.kernels import Array, by_value, cells, emptied, pc
from hubspot_batch_dagster.table.layout import Definition
from hubspot_batch_dagster.table.messages import shown, written
from hubspot_batch_dagster.table.mixed import Part, is_mixed, mixed, parts_of
from hubspot_batch_dagster.table.rules import Cast, Rule
from hubspot_batch_dagster.table.text import Text

Encode = Callable[[Array], Text]

_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?")
_NUMBERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], object]], ...] = (
    (pa.types.is_integer, int),
    (pa.types.is_floating, float),
    (pa.types.is_decimal, Decimal),
)
_TRUTH = {"true", "false"}
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?")


def without_null_values(array: Array, cast: Cast) -> Array:
    """Return the column with empty cells for the texts that mean nothing."""
    if not cast.null_values:
        return array
    if is_mixed(array.type):
        parts = [Part(without_null_values(part.cells, cast), part.places) for part in parts_of(array)]
        return mixed(parts, len(array))
    texts = [each.strip() for each in cast.null_values]
    if pa.types.is_string(array.type):
        nothing = pa.array(texts, pa.string())
        return emptied(pc.is_in(pc.utf8_trim_whitespace(array), value_set=nothing), array)
    numbers = _numbers_of(texts, array.type)
    if not numbers:
        return array
    return emptied(pc.is_in(array, value_set=pa.array(numbers, array.type)), array)


def _numbers_of(texts: Iterable[str], kind: pa.DataType) -> list[object]:
    """Return those of some texts that are a value of a type of numbers; of another type none is."""
    found: list[object] = []
    of = next((of for is_of, of in _NUMBERS if is_of(kind)), None)
    if of is None:
        return found
    for text in filter(_NUMBER.fullmatch, texts):
        with suppress(pa.ArrowInvalid, ValueError, OverflowError):  # a number that the type has no place for
            found.append(pa.scalar(of(text), kind).as_py())
    return found


def casting(encode: Encode, rule: Rule, definition: Definition | None) -> Encode:
    """Return an encoder that reads text as the rule's cast says first.

    Args:
        encode: The property's own encoder.
        rule: How text is read.
        definition: The property. Where it is not known, the column's own options say what is meant.
    """
    cast = rule.cast
    kind = rule.kind if definition is None else definition.type
    if kind == "enumeration" and definition is not None and set(definition.options) == _TRUTH:
        kind = "bool"
    read = {"bool": _truths, "number": _numbers, "date": _dates, "datetime": _times}.get(kind)

    def cast_and_encode(array: Array) -> Text:
        if read is None or cast is None:
            return encode(array)
        values, problems = read(array, cast)
        text = encode(values)
        found = [*problems, *(_as_given(each, array, values) for each in text.problems)]
        return Text(text.values, found, text.plain)

    return cast_and_encode


def _as_given(found: Problem, array: Array, values: Array) -> Problem:
    """Return a problem of a cast cell, told of the cell as its user wrote it."""

    def says(at: int) -> str:
        if written(array, at) == written(values, at):
            return found.says(at)
        return f"{shown(array, at)} {found.code.meaning}."

    return Problem(found.mask, found.code, says)


_Read = tuple[Array, list[Problem]]


def _truths(array: Array, cast: Cast) -> _Read:
    named = {each.strip().casefold(): "true" for each in cast.true_values}
    named |= {each.strip().casefold(): "false" for each in cast.false_values}
    if not named:
        return array, []
    if pa.types.is_integer(array.type):
        array = array.cast(pa.string())  # safe: digits
    if not pa.types.is_string(array.type):
        return array, []
    return by_value(array, lambda cell: named.get(cell.strip().casefold(), cell)), []


def _numbers(array: Array, cast: Cast) -> _Read:
    if (cast.decimal == "." and not cast.thousands) or not pa.types.is_string(array.type):
        return array, []
    thousands = " " if cast.thousands.isspace() else cast.thousands
    mark, between = re.escape(cast.decimal), re.escape(thousands)
    grouped = rf"|\d{{1,3}}({between}\d{{3}})+" if cast.thousands else ""
    pattern = re.compile(rf"-?(\d+{grouped})?({mark}\d*)?")

    def read(cell: str) -> str | None:
        text = cell.strip()
        if thousands == " ":  # French tables have blanks that do not break
            text = re.sub(r"\s", " ", text)
        if not pattern.fullmatch(text) or (text and not any(each.isdigit() for each in text)):
            return None
        plain = text.replace(thousands, "") if thousands else text
        return plain.replace(cast.decimal, ".")

    return _cells(array, read, INVALID_NUMBER)


def _cells(array: Array, read: Callable[[str], str | None], code: Code) -> _Read:
    values = by_value(array, read)
    return values, list(problem(pc.and_(values.is_null(), array.is_valid()), code, array))


def _dates(array: Array, cast: Cast) -> _Read:
    if not cast.date_formats or not pa.types.is_string(array.type):
        return array, []

    def read(cell: str) -> str:
        found = _by_format(cell, cast)
        if found is None:
            return cell
        if found.tzinfo is None and found.time() == dt.time():
            return found.date().isoformat()
        return found.isoformat()  # midnight in another zone is no midnight UTC

    return by_value(array, read), []


def _times(array: Array, cast: Cast) -> _Read:
    if pa.types.is_timestamp(array.type) and array.type.tz is None and cast.time_zone is not None:
        return _assumed(array, cast.time_zone), []
    if not pa.types.is_string(array.type) or not (cast.date_formats or cast.time_zone):
        return array, []
    return _cells(array, lambda cell: _moment(cell, cast), INVALID_DATETIME)


def _assumed(array: Array, zone: str) -> Array:
    """Local times as points in time: of two the earlier; one that the clocks skip is the moment at which they
    do.
    """
    return pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="latest")


def _moment(cell: str, cast: Cast) -> str | None:
    """Return a cell in UTC; itself where it is none that the cast names, None where it lies outside the years
    1 to 9999.
    """
    found = _by_format(cell, cast)
    if found is None and cast.time_zone and _NAIVE.fullmatch(cell.strip()):
        found = _from_iso(cell.strip())
    if found is None:
        return cell
    try:
        if found.tzinfo is None and cast.time_zone:
            local = pa.array([found], pa.timestamp("us"))
            found = cells(_assumed(local, cast.time_zone).view(pa.timestamp("us")))[0]
        moment = found if found.tzinfo is None else found.astimezone(dt.timezone.utc).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return None
    return f"{moment.isoformat()}Z"


def _from_iso(text: str) -> dt.datetime | None:
    """ISO 8601 as Python 3.10 reads it: six places, which HubSpot's three lose nothing to."""
    whole, dot, places = text.replace("t", "T").partition(".")
    try:
        return dt.datetime.fromisoformat(f"{whole}.{places.ljust(6, '0')[:6]}" if dot else whole)
    except ValueError:
        return None


def _by_format(cell: str, cast: Cast) -> dt.datetime | None:
    for each in cast.date_formats:
        try:
            return dt.datetime.strptime(cell.strip(), each)
        except ValueError:
            continue
    return None
