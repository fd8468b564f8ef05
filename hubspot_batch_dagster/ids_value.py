"""The ids table as the asset's value: in the form that the project's IO manager takes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.result import SyncResult

IdsForm = Literal["arrow", "pandas", "polars", "none"]
FORMS: tuple[IdsForm, ...] = ("arrow", "pandas", "polars", "none")

_OF_FRAMES: Mapping[str, IdsForm] = {"pyarrow": "arrow", "pandas": "pandas", "polars": "polars"}
"""The library of a frame, and the form that is one of its frames."""


def check_ids(ids: str | None) -> None:
    """Refuse a form that there is not."""
    if ids is not None and ids not in FORMS:
        raise InputError(f"ids is one of {', '.join(FORMS)}, not {ids!r}.", remedy="Check the spelling.")


def ids_form(context: Any, asked: IdsForm | None, annotation: object) -> "Callable[[SyncResult], Any] | None":
    """How the ids table is handed to the IO manager of a step; ``None`` if it is not.

    It is found before anything is sent, so that a table which cannot be stored stops the run in time.

    Args:
        context: Dagster's.
        asked: What the user set; ``None`` leaves it to the IO manager and the annotation.
        annotation: What the function says it returns: an IO manager that takes one kind of frame may be
            meant.

    Raises:
        InputError: The IO manager takes no table, or the library of the form is not installed.
    """
    from hubspot_batch_dagster.io_manager import ArrowParquetIOManager

    manager = _io_manager(context)
    form = asked or _taken_by(manager, _of_annotation(annotation))
    if form == "none":
        return None
    if form == "polars":
        return _polars()
    if form == "pandas":
        return lambda result: result.ids.to_pandas()
    # As a stream where it is written batch by batch: millions of lines are never in memory at once. Where
    # Python code waits for the value too, in a unit test or in process, a stream would be read by the time it
    # looks.
    if isinstance(manager, ArrowParquetIOManager) and not _captured(context):
        return lambda result: result.ids_stream()
    return lambda result: result.ids


def _taken_by(manager: object, preferred: IdsForm | None) -> IdsForm:
    """Return the form that an IO manager takes, as far as it says so."""
    handled = getattr(
        manager, "_handlers_by_type", None
    )  # Dagster's managers of databases have one handler a type
    if isinstance(handled, Mapping):
        forms = [form for form in map(_of_type, handled) if form is not None]
        if not forms:
            kinds = ", ".join(sorted(getattr(each, "__name__", str(each)) for each in handled)) or "nothing"
            raise InputError(
                f"The IO manager {type(manager).__name__} takes {kinds}, and no table that the ids table"
                " could be.",
                remedy='Give ids="none" to keep the ids table in the store alone, or another io_manager_key.',
            )
        return preferred if preferred in forms else forms[0]
    library = type(manager).__module__.partition(".")[0]
    if library == "dagster_polars":
        return "polars"
    if manager is None or library in ("dagster", "hubspot_batch_dagster"):
        return "arrow"  # they take anything
    return preferred or "arrow"


def _of_annotation(annotation: object) -> IdsForm | None:
    if get_origin(annotation) is not None:  # such as dg.Output[pd.DataFrame], or a dict of them
        return next((form for form in map(_of_annotation, get_args(annotation)) if form is not None), None)
    return _of_type(annotation) if isinstance(annotation, type) else None


def _of_type(kind: Any) -> IdsForm | None:
    name = getattr(kind, "__name__", "")
    library = getattr(kind, "__module__", "").partition(".")[0]
    return _OF_FRAMES.get(library) if name in ("Table", "DataFrame") else None


def _polars() -> "Callable[[SyncResult], Any]":
    try:
        import polars
    except ImportError:
        raise InputError(
            "The ids table is to be a polars frame, and polars is not installed.",
            remedy="Run: pip install 'hubspot-batch-dagster[polars]'",
        ) from None
    return lambda result: polars.from_arrow(result.ids)


def _io_manager(context: Any) -> object:
    """Return what stores the step's value; None where nothing does, as in a unit test."""
    try:
        step = context.get_step_execution_context()
        return getattr(step.resources, step.op_def.output_dict["result"].io_manager_key, None)
    except (dg.DagsterError, AttributeError, KeyError):
        return None


def _captured(context: Any) -> bool:
    """Whether Python code waits for the value of the step."""
    try:
        return context.get_step_execution_context().output_capture is not None
    except (dg.DagsterError, AttributeError):
        return True
