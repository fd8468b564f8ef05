"""New keys that differ from another one only in what people do not see: they are likely one thing, and would
be two records.
"""

from __future__ import annotations

import unicodedata

from hubspot_batch_dagster.sync.planning import plan_statements
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

SHOWN = 5


def near_keys(stage: StagingArea) -> tuple[str, ...]:
    """Return a warning for new keys that another key equals but for case, blanks around it or its Unicode
    form.

    Nothing is looked for where no row is new. Keys that are their own folded form are compared only with the
    others, so an ordinary table costs one pass over its keys.

    Args:
        stage: The rows, planned.
    """
    db = stage.db
    if stage.count(f"SELECT count(*) FROM (FROM {plan_statements.NEW_KEYS} LIMIT 1)") == 0:
        return ()
    db.execute(plan_statements.TABLE_OF_ODD_KEYS)
    if stage.count("SELECT count(*) FROM odd_keys") == 0:
        return ()
    found = db.execute(
        f"SELECT one, other, count(*) OVER () FROM ({plan_statements.NEAR_KEYS}) ORDER BY one, other LIMIT"
        f" {SHOWN}"
    ).fetchall()
    db.execute("DROP TABLE odd_keys")
    if not found:
        return ()
    said = ", ".join(_both(str(one), str(other)) for one, other, _ in found)
    more = "" if found[0][2] <= SHOWN else f" and {found[0][2] - SHOWN:,} more"
    return (
        (
            "Keys that differ only in case, blanks or their Unicode form, and are two records to HubSpot:"
            f" {said}{more}. Write them alike in the source if they are one."
        ),
    )


def _both(one: str, other: str) -> str:
    alike = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    shown = ascii if alike else repr
    return f"{shown(one)} and {shown(other)}"
