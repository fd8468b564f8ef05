"""ArrowParquetIOManager: Arrow in and out of assets, by annotation, as Parquet files that are never half
written.
"""

import os
import types
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from upath import UPath

from hubspot_batch_dagster.api.arguments import CheckedModel
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.launchpad import plainly_described
from hubspot_batch_dagster.session_checks import check_store_url
from hubspot_batch_dagster.sync.column_mapping import as_input_error
from hubspot_batch_dagster.sync.state.names import LONGEST_PART
from hubspot_batch_dagster.table.parquet import read_parquet, storable_batches, stored_batches


class ArrowParquetIOManager(CheckedModel, dg.ConfigurableIOManager, dg.UPathIOManager):
    """Stores what assets return as Parquet and loads it as what the next asset asks for.

    It stores what a sync takes: pyarrow tables and record batch readers (batch by batch), pandas and polars
    frames, DuckDB relations, lists and iterators of dicts. A column whose values are of several types is
    stored as text, the text that a sync would send. It loads by the annotation of the parameter:
    ``pa.Table``, ``pa.RecordBatchReader``, ``pd.DataFrame``, ``pl.DataFrame``; without one, a ``pa.Table``.
    Several partitions are loaded as ``dict[str, pd.DataFrame]``, by partition key. A file is written beside
    its place and then moved there, so a failed write leaves the last one as it was.

    Examples:
        >>> import dagster as dg
        >>> from hubspot_batch_dagster import ArrowParquetIOManager
        >>> defs = dg.Definitions(resources={"io_manager": ArrowParquetIOManager(base_dir="warehouse")})
    """

    base_dir: str | None = Field(
        default=None, description="Folder or URL of the files; by default storage/ in Dagster's own folder."
    )
    file_system: dict[str, str] = Field(
        default_factory=dict, description="What the file system of base_dir wants, such as credentials."
    )
    extension: ClassVar[str | None] = ".parquet"  # type: ignore[misc]

    if not TYPE_CHECKING:  # a signature of its own would hide the fields from type checkers

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            if type(self.base_dir) is str:  # what comes from an environment variable is known in a run only
                check_store_url(self.base_dir, "base_dir")

    @classmethod
    def _is_dagster_maintained(cls) -> bool:
        return False

    def get_resource_definition(self) -> Any:
        """Return what Dagster knows of the IO manager; Dagster calls this."""
        return plainly_described(super().get_resource_definition())

    @property
    def storage_options(self) -> dict[str, Any]:
        """What the file system was opened with; Dagster asks for it to open paths of its own."""
        return dict(self.file_system)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Find the place of the files; Dagster calls this."""
        if self.base_dir is not None:
            base = self.base_dir
        else:
            instance = context.instance
            base = instance.storage_directory() if instance is not None else ".dagster"
        self._base_path = UPath(base, **self.file_system)

    def get_asset_relative_path(self, context: dg.InputContext | dg.OutputContext) -> UPath:
        """Where the files of an asset are, below ``base_dir``; Dagster calls this."""
        _check_parts("The asset key", context.asset_key.path)
        return UPath(*context.asset_key.path)

    def get_path_for_partition(
        self, context: dg.InputContext | dg.OutputContext, path: UPath, partition: str
    ) -> UPath:
        """Return the file of a partition, below that of its asset; Dagster calls this."""
        _check_parts("The partition key", partition.removeprefix("/").split("/"))
        return super().get_path_for_partition(context, path, partition)

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Write ``obj``, batch by batch, and put it in its place when it is whole."""
        if obj is None:
            raise InputError(
                f"{context.step_key} returned nothing, which is no table.",
                remedy=(
                    "Return a pyarrow, pandas, polars or DuckDB frame, or annotate the asset with -> None."
                ),
            )
        half = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            with as_input_error():
                schema, batches = storable_batches(obj)
                with half.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
                    for batch in batches:
                        writer.write_batch(batch)
            _replace(half, path)
        except BaseException:
            half.unlink(missing_ok=True)
            raise

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        """Read the file as what the parameter is annotated with."""
        wanted = _name(_frame_type(context.dagster_type.typing_type))
        if wanted == "pyarrow.lib.RecordBatchReader":
            file = pq.ParquetFile(path.open("rb"), pre_buffer=False)
            return pa.RecordBatchReader.from_batches(file.schema_arrow, stored_batches(file))
        with path.open("rb") as opened:
            return _AS.get(wanted, _as_is)(read_parquet(opened))


def _check_parts(what: str, parts: Sequence[str]) -> None:
    """Refuse a name that leads out of its folder, or to the file of another one."""
    if any(part in ("", ".", "..") or "\0" in part or len(part.encode()) > LONGEST_PART for part in parts):
        name = "/".join(parts)
        raise InputError(
            f"{what} {name if len(name) <= 80 else f'{name[:77]}...'!r} cannot be the name of a file: a part"
            f" of it is empty, '.', '..', longer than {LONGEST_PART} bytes, or holds a NUL.",
            remedy="Give it another name.",
        )


def _replace(half: UPath, path: UPath) -> None:
    if half.protocol in ("", "file"):
        os.replace(half.path, path.path)  # noqa: PTH105 - a UPath of another kind has no replace
    else:
        half.fs.mv(half.path, path.path)


def _frame_type(annotation: Any) -> Any:
    """Return the frame in ``dict[str, Frame]``, which is how several partitions are asked for, and in ``Frame
    | None``.
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _frame_type(next((each for each in inner if each is not types.NoneType), annotation))
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(inner) == 2:
        return _frame_type(inner[1])
    return annotation


def _name(kind: Any) -> str:
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"


def _as_is(table: pa.Table) -> Any:
    return table


def _to_pandas(table: pa.Table) -> Any:
    return table.to_pandas()


def _to_polars(table: pa.Table) -> Any:
    import polars as pl

    return pl.from_arrow(table)


_AS: Mapping[str, Any] = {
    "pandas.DataFrame": _to_pandas,
    "pandas.core.frame.DataFrame": _to_pandas,
    "polars.dataframe.frame.DataFrame": _to_polars,
}
