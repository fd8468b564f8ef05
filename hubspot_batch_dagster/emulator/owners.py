"""Owners: the people who may own records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hubspot_batch_dagster.emulator.exchange import iso

FIRST_DAY = 1_500_000_000.0


@dataclass(frozen=True)
class Owner:
    """One owner.

    Attributes:
        id: What `hubspot_owner_id` holds.
        email: Their address.
        first_name: Their first name.
        last_name: Their last name.
        user_id: Their number as a user; another one than the owner's.
        archived: They have left: their records stay theirs, new ones cannot be given to them.
    """

    id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    user_id: int = 0
    archived: bool = False

    def as_json(self) -> dict[str, Any]:
        """Show the owner as the owners API does; an archived one has no user id of its own any more."""
        return {
            "id": self.id,
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            **({} if self.archived else {"userId": self.user_id}),
            "userIdIncludingInactive": self.user_id,
            "createdAt": iso(FIRST_DAY),
            "updatedAt": iso(FIRST_DAY),
            "archived": self.archived,
        }


def standard_owners() -> dict[str, Owner]:
    """Build the owners of a fresh portal; the last one has left."""
    people = (
        ("1001", "Ada", "Quist"),
        ("1002", "Bo", "Lindahl"),
        ("1003", "Cem", "Aydin"),
        ("1004", "Dee", "Okoro"),
    )
    return {
        number: Owner(
            number, f"{first}.{last}@example.com".lower(), first, last, int(number) + 50_000, number == "1004"
        )
        for number, first, last in people
    }
