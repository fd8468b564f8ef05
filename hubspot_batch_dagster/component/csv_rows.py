"""The rows of a CSV file, every column as text; what is wrong with the file is told with its line."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.api.errors import InputError


def csv_rows(name: str, file: Any, delimiter: str) -> Iterator[pa.RecordBatch]:
    """Read a CSV file batch by batch.

    Args:
        name: Path or URL of the file, for messages.
        file: The file, opened for reading bytes.
        delimiter: What stands between cells.

    Raises:
        InputError: The file is empty, not UTF-8, a line has more or fewer cells than the header, or a quote
            is never closed: the rows behind it would be one cell.
    """
    from pyarrow import csv as arrow_csv

    parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    try:
        names = arrow_csv.open_csv(file, parse_options=parse).schema.names
        file.seek(0)
        convert = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        reader = arrow_csv.open_csv(file, parse_options=parse, convert_options=convert)
        last = None
        for batch in reader:
            last = batch.slice(batch.num_rows - 1) if batch.num_rows else last
            yield batch
        if last is None:
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
        elif any("\n" in (cell or "") for cell in last.to_pylist()[0].values()):
            _check_closed(name, file, delimiter)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _explained(name, file, delimiter, str(error)) from None


def _check_closed(name: str, file: Any, delimiter: str) -> None:
    """Refuse a file that ends within quotes. Arrow takes that for a cell."""
    file.seek(0)
    lines = io.TextIOWrapper(file, "utf-8-sig", newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    begun = 1
    try:
        for _ in reader:
            begun = reader.line_num + 1
    except csv.Error as error:
        if not re.search("unexpected end|field limit", str(error)):
            return  # a quote that stands where it should not is a character
        raise InputError(
            f"{name}, line {begun}: a quote is opened and never closed.",
            remedy="Close it, or double a quote that stands inside a cell.",
        ) from None


def _explained(name: str, file: Any, delimiter: str, said: str) -> InputError:
    """Which line is wrong: Arrow does not always say."""
    file.seek(0)
    if not file.read(1):
        return InputError(f"{name}, line 1: the file is empty.", remedy="Give it a header line at least.")
    file.seek(0)
    for number, line in enumerate(file, 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return InputError(
                f"{name}, line {number}: the text is not UTF-8.", remedy="Save the file as UTF-8."
            )
    file.seek(0)
    reader = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), delimiter=delimiter)
    header = next(reader)
    try:
        for cells in reader:
            if cells and len(cells) != len(header):
                return InputError(
                    f"{name}, line {reader.line_num}: {len(cells)} cells, and the header has {len(header)}.",
                    remedy="Quote cells that hold the delimiter, or correct the line.",
                )
    except csv.Error as error:  # a cell without an end, for example
        return InputError(f"{name}, line {reader.line_num}: {error}.", remedy="Correct the line.")
    reason = said.partition(":")[0]
    return InputError(f"{name} cannot be read as CSV: {reason}.", remedy="Correct the file.")
