"""What goes wrong while the rows of a source are read, as members of the one error tree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hubspot_batch_dagster.api.errors import HubSpotError, InputError, SourceUnavailable
from hubspot_batch_dagster.table.errors import TableError


@contextmanager
def reading(
    place: str, trouble: tuple[type[Exception], ...], passes: Callable[[Exception], bool], *, remedy: str
) -> Iterator[None]:
    """Explain errors of a driver or a file system. Only their first line is shown: others may hold values.

    Args:
        place: What is read, as it may be shown.
        trouble: Its errors.
        passes: Whether one of them may be gone when it is tried again.
        remedy: What to do about one that stays.

    Raises:
        SourceUnavailable: It may be gone then.
        InputError: It stays.
    """
    try:
        yield
    except (HubSpotError, TableError):
        raise
    except trouble as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".!")
        said = f"The rows of source cannot be read from {place}: {reason or type(error).__name__}."
        if passes(error):
            raise SourceUnavailable(said) from None
        raise InputError(said, remedy=remedy) from None
