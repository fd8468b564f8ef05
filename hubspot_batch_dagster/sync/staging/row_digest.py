"""The hash of a row by which a run tells whether it changed."""

from __future__ import annotations

import json
import re

from hubspot_batch_dagster.sync.staging.statements import literal
from hubspot_batch_dagster.table.layout import Layout


def row_digest(layout: Layout) -> str:
    """Return the hash of a row, as SQL: MD5 of the very text of its properties. It names a content and
    protects nothing.

    The associations of records have a hash of their own. Where the rows are associations, they are what is
    hashed; where they start from keys, the key stays when its record is another one.
    """
    if layout.record_id_through is not None:
        return "md5(id || chr(31) || associations)"
    if layout.targets and not layout.fields:
        return "md5(properties || coalesce(chr(31) || associations, ''))"
    text = "properties"
    for each in layout.fields:
        if each.rule.write == "on_create":  # a change of it alone is nothing to send
            member = rf'{re.escape(json.dumps(each.property, ensure_ascii=False))}:"(?:[^"\\]|\\.)*",?'
            text = f"regexp_replace({text}, {literal(member)}, '')"
    return f"md5({text})"
