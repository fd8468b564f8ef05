"""Search: a query over one object type. Its index lags behind writes by seconds, so it finds nothing just
written.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hubspot_batch_dagster.api.associations import Paging
from hubspot_batch_dagster.api.bodies import Count, Listed, Received, Sent
from hubspot_batch_dagster.api.models import Record

Operator = Literal[
    "EQ",
    "NEQ",
    "LT",
    "LTE",
    "GT",
    "GTE",
    "BETWEEN",
    "IN",
    "NOT_IN",
    "HAS_PROPERTY",
    "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
]


class SearchFilter(Sent):
    """One condition. `values` goes with IN and NOT_IN, `high_value` with BETWEEN."""

    property_name: str
    operator: Operator = "EQ"
    value: str | None = None
    values: list[str] | None = None
    high_value: str | None = None


class SearchFilterGroup(Sent):
    """Conditions that must all hold."""

    filters: list[SearchFilter]


class SearchSort(Sent):
    """What to sort by; HubSpot takes one."""

    property_name: str
    direction: Literal["ASCENDING", "DESCENDING"] = "ASCENDING"


class SearchRequest(Sent):
    """A search.

    Attributes:
        filter_groups: One of them must hold; HubSpot takes 5 groups and 18 filters in all.
        limit: Records a page, 200 at most. No query gives more than 10,000 in all.
        after: Where the page begins, from the last answer.
    """

    filter_groups: list[SearchFilterGroup] = Field(default_factory=list)
    sorts: list[SearchSort] = Field(default_factory=list)
    query: str | None = None
    properties: list[str] = Field(default_factory=list)
    limit: int = Field(default=100, ge=1, le=200)
    after: str | None = None


class SearchAnswer(Received):
    """A page of what was found."""

    total: Count = None
    results: Annotated[list[Record], Listed] = Field(default_factory=list)
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        """What to send as `after` for the next page; None at the end."""
        return self.paging.next.after if self.paging and self.paging.next else None

    def after_all_of(self, seen: int) -> str | None:
        """Return the same where a page may lack it: of a search it is how many records came before. None at
        the end, where all that was found was ``seen``, or nothing more comes.
        """
        more = bool(self.results) and seen < (self.total or 0)
        return self.after or (str(seen) if more else None)
