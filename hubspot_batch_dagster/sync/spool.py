"""The spool: the texts of a run's rows in an Arrow file, written once and read once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

_FIELDS: dict[str, pa.DataType] = {
    "row": pa.int64(),
    "properties": pa.string(),
    "associations": pa.string(),
}
SCHEMA = pa.schema(_FIELDS)


class Spool:
    """The file.

    Args:
        path: Where it is made; the caller deletes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = pa.ipc.new_stream(
            pa.OSFile(str(path), "wb"), SCHEMA, options=pa.ipc.IpcWriteOptions(compression="lz4")
        )

    def add(self, rows: pa.RecordBatch) -> None:
        """Append rows; their numbers rise from one call to the next."""
        self._file.write_batch(rows.select(SCHEMA.names))

    def close(self) -> None:
        """End the writing. Only then is there anything to read."""
        self._file.close()

    def read(self) -> Iterator[pa.RecordBatch]:
        """The rows as they were added."""
        with pa.OSFile(str(self._path), "rb") as file, pa.ipc.open_stream(file) as rows:
            yield from rows

    def joined(self, planned: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """The planned rows with their texts: both come in the order of the rows, so one pass over each is enough."""
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
