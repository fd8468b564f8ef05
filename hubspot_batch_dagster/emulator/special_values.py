"""Special values: properties whose value after a write is not simply what was sent."""

from __future__ import annotations

STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)


def merged_options(before: str, value: str) -> str:
    """Build a multiple selection after a write: a leading semicolon appends, anything else replaces."""
    parts = (before.split(";") if value.startswith(";") else []) + value.split(";")
    return ";".join(dict.fromkeys(part for part in parts if part))


def lifecycle_rank(stage: str) -> int:
    """Tell how far down the funnel a lifecycle stage is; -1 for none and for a portal's own stages."""
    return STAGES.index(stage) if stage in STAGES else -1


def goes_back(before: str, after: str) -> bool:
    """Whether a lifecycle stage would move backwards, which HubSpot does not do."""
    return before in STAGES and after in STAGES and STAGES.index(after) < STAGES.index(before)


def add_calculated(properties: dict[str, str]) -> None:
    """Put in what HubSpot computes of a contact."""
    email = properties.get("email", "")
    if email:
        properties["hs_email_domain"] = email.rpartition("@")[2]
    name = f"{properties.get('firstname', '')} {properties.get('lastname', '')}".strip()
    if name or email:
        properties["hs_full_name_or_email"] = name or email


def with_addresses(values: dict[str, str], before: dict[str, str], choice: str) -> dict[str, str]:
    """Build what is written of a contact's addresses where its primary one is to become a secondary one.

    Args:
        values: What was sent.
        before: The contact's properties.
        choice: `becomes_primary`: the two change places. `keeps_primary`: the address is passed over.
    """
    sent, more = values.get("email", ""), before.get("hs_additional_emails", "")
    if not sent or not more or sent == before.get("email") or sent not in more.split(";"):
        return values
    if choice == "keeps_primary":
        return {name: value for name, value in values.items() if name != "email"}
    rest = [address for address in (before.get("email", ""), *more.split(";")) if address not in ("", sent)]
    return {**values, "hs_additional_emails": ";".join(rest)}
