"""New keys that differ from another one only in what people do not see: they are likely one thing, and would be two records."""

from __future__ import annotations

import unicodedata

from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import LIVE

SHOWN = 5

_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
_FOLDED = f"lower(trim(nfc_normalize(key), {_BLANKS}))"


def near_keys(stage: StagingArea) -> tuple[str, ...]:
    """A warning for new keys that another key equals but for case, blanks around it or its Unicode form.

    Nothing is looked for where no row is new. Keys that are their own folded form are compared only with the others, so an
    ordinary table costs one pass over its keys.

    Args:
        stage: The rows, planned.
    """
    db = stage.db
    new = "(SELECT key FROM plan WHERE action = 'create' OR (action = 'upsert' AND known_id IS NULL))"
    if stage.count(f"SELECT count(*) FROM (FROM {new} LIMIT 1)") == 0:
        return ()
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE odd_keys AS
        SELECT key, {_FOLDED} AS folded, is_new FROM (
            SELECT key, true AS is_new FROM {new}
            UNION ALL SELECT key, false FROM known WHERE id IS NOT NULL AND outcome IN {LIVE})
        WHERE key <> {_FOLDED}"""
    )
    if stage.count("SELECT count(*) FROM odd_keys") == 0:
        return ()
    pairs = f"""SELECT o.key AS one, n.key AS other FROM odd_keys o JOIN {new} n ON n.key = o.folded
        UNION SELECT o.key, k.key FROM odd_keys o JOIN known k ON k.key = o.folded
            WHERE o.is_new AND k.id IS NOT NULL AND k.outcome IN {LIVE}
        UNION SELECT a.key, b.key FROM odd_keys a JOIN odd_keys b USING (folded)
            WHERE a.key <> b.key AND a.is_new AND (NOT b.is_new OR a.key < b.key)"""
    found = db.execute(
        f"SELECT one, other, count(*) OVER () FROM ({pairs}) ORDER BY one, other LIMIT {SHOWN}"
    ).fetchall()
    db.execute("DROP TABLE odd_keys")
    if not found:
        return ()
    said = ", ".join(_both(str(one), str(other)) for one, other, _ in found)
    more = "" if found[0][2] <= SHOWN else f" and {found[0][2] - SHOWN:,} more"
    return (
        f"Keys that differ only in case, blanks or their Unicode form, and are two records to HubSpot: {said}{more}. "
        "Write them alike in the source if they are one.",
    )


def _both(one: str, other: str) -> str:
    alike = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    shown = ascii if alike else repr
    return f"{shown(one)} and {shown(other)}"
