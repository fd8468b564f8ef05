"""Contacts with associations to companies, as the tests of associations send them."""

from __future__ import annotations

from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.result import SyncResult

PLAIN = ("HUBSPOT_DEFINED", 279)
"""Contact to company, without a label."""

PRIMARY = ("HUBSPOT_DEFINED", 1)

TO_COMPANY = Association("companies", column="company")


def by_email(*associations: Association) -> Upsert:
    return Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=associations or [TO_COMPANY],
    )


def people(companies: list[str | None], first: int = 0) -> list[dict[str, object]]:
    return [
        {"id": i, "email": f"p{i}@x.org", "firstname": f"Ada {i}", "company": company}
        for i, company in enumerate(companies, first)
    ]


def associated(result: SyncResult) -> dict[str, int]:
    """The outcomes of associations that there are any of."""
    return {outcome: n for outcome, n in result.association_counts.items() if n}
