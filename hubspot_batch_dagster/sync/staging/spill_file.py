"""The spool: the texts of a run's rows in Arrow files, written once and read once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

_FIELDS: dict[str, pa.DataType] = {
    "row": pa.int64(),
    "properties": pa.string(),
    "associations": pa.string(),
}
SCHEMA = pa.schema(_FIELDS)

PLAIN_BYTES = 512 << 20
"""What lies on disk as it is. What comes after is compressed, to a quarter and for a tenth of the time of a
plan: only many rows need so much disk.
"""


class SpillFile:
    """The files.

    Args:
        folder: Where they are made; the caller deletes it.
        plain_bytes: How much is written before the rest is compressed.
    """

    def __init__(self, folder: Path, *, plain_bytes: int = PLAIN_BYTES) -> None:
        self._paths = [folder / "rows.arrow", folder / "more-rows.arrow"]
        self._left = plain_bytes
        self._file = _new(self._paths[0], None)

    def add(self, rows: pa.RecordBatch) -> None:
        """Append rows; their numbers rise from one call to the next."""
        texts = rows.select(SCHEMA.names)
        if self._left >= 0 > self._left - texts.nbytes:
            self._file.close()
            self._file = _new(self._paths[1], "lz4")
        self._left -= texts.nbytes
        self._file.write_batch(texts)

    def close(self) -> None:
        """End the writing. Only then is there anything to read."""
        self._file.close()

    def read(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they were added."""
        for path in self._paths:
            if path.exists():
                with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as rows:
                    yield from rows

    def joined(self, planned: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """Yield the planned rows with their texts: both come in the order of the rows, so one pass over each
        is enough.
        """
        first = next(planned, None)
        if first is None:
            return
        waiting = pa.Table.from_batches([first])
        for part in self.read():
            last = part.column("row")[-1].as_py()
            while waiting.num_rows == 0 or waiting.column("row")[-1].as_py() < last:
                more = next(planned, None)
                if more is None:
                    break
                waiting = pa.concat_tables([waiting, pa.Table.from_batches([more])])
            now = int(pc.sum(pc.cast(pc.less_equal(waiting.column("row"), last), pa.int64())).as_py() or 0)
            if now:
                chosen, waiting = waiting.slice(0, now), waiting.slice(now)
                if now < part.num_rows:  # else it is every row of the part
                    place = pc.index_in(chosen.column("row").combine_chunks(), value_set=part.column("row"))
                    part = part.take(place)
                yield chosen.append_column("properties", part.column("properties")).append_column(
                    "associations", part.column("associations")
                )


def _new(path: Path, compression: Literal["lz4"] | None) -> pa.RecordBatchStreamWriter:
    return pa.ipc.new_stream(
        pa.OSFile(str(path), "wb"), SCHEMA, options=pa.ipc.IpcWriteOptions(compression=compression)
    )
