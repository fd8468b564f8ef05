"""The root of the errors: what each of them carries. The tree is drawn in
:mod:`hubspot_batch_dagster.api.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from typing_extensions import Self

if TYPE_CHECKING:
    from hubspot_batch_dagster.api.models import ErrorDetail


class HubSpotError(Exception):
    """The root of the tree. Catch it to catch everything that this package raises on purpose.

    Args:
        message: What happened, in plain words.
        status: The HTTP status, if there was an answer.
        category: HubSpot's `category` (or `errorType`), such as `VALIDATION_ERROR`.
        sub_category: HubSpot's `subCategory`.
        correlation_id: What HubSpot's support asks for.
        row: The row's position in the input, counted from 0, where one row is to blame.
        column: The column or property that is to blame.
        remedy: What to do next; each class has its own by default.
        retry_after: Seconds that HubSpot asked to wait, as it said them: cap them before you sleep.
        errors: HubSpot's list of reasons.
        context: HubSpot's context, always as a map of lists.
        said: HubSpot's message as it came. It may list values of rows: it is for settling, and not shown.

    Attributes:
        may_have_acted: False where HubSpot certainly wrote nothing. True means "perhaps": only what is
            repeatable may be sent again.

    Examples:
        >>> from hubspot_batch_dagster import HubSpotError
        >>> print(HubSpotError("The page is gone.", row=3, remedy="Name another."))
        Row 3: The page is gone. Name another.
    """

    may_have_acted: bool = False
    default_remedy = "Look at the message, correct the cause, and run again."
    read_remedy = "It was a read, so nothing was written. Wait a few seconds, then run again."

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        category: str | None = None,
        sub_category: str | None = None,
        correlation_id: str | None = None,
        row: int | None = None,
        column: str | None = None,
        remedy: str | None = None,
        retry_after: float | None = None,
        errors: Sequence[ErrorDetail] = (),
        context: Mapping[str, list[str]] | None = None,
        said: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.category = category
        self.sub_category = sub_category
        self.correlation_id = correlation_id
        self.row = row
        self.column = column
        self.remedy = self.default_remedy if remedy is None else remedy
        self.retry_after = retry_after
        self.errors: tuple[ErrorDetail, ...] = tuple(errors)
        self.context: dict[str, list[str]] = dict(context or {})
        self.said = said

    def __str__(self) -> str:
        where = ", ".join(
            part
            for part in (
                f"row {self.row}" if self.row is not None else "",
                f"column {self.column!r}" if self.column is not None else "",
            )
            if part
        )
        where = where[:1].upper() + where[1:]
        parts = [f"{where}: {self.message}" if where and not self.message.startswith(where) else self.message]
        if self.correlation_id:
            parts.append(f"Correlation id: {self.correlation_id}.")
        if self.remedy:
            parts.append(self.remedy)
        return " ".join(part for part in parts if part)

    def of_a_read(self) -> Self:
        """Say that the request only read: nothing can have been written, whatever became of it."""
        if self.may_have_acted:
            self.may_have_acted = False
            self.remedy = self.read_remedy
        return self

    def __repr__(self) -> str:
        shown = {"status": self.status, "category": self.category, "correlation_id": self.correlation_id}
        fields = "".join(f", {name}={value!r}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}({self.message!r}{fields})"
