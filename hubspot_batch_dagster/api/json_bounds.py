"""How much a JSON text may hold before it is read.

A text of 30 MB can hold 15 million values, each of which costs about a kilobyte once it is looked at: the
process would be killed before the text is refused.
"""

from __future__ import annotations

import re

MOST_VALUES = 500_000
"""Values in one answer. A hundred records with a thousand properties each are a fifth of it."""

_TEXT = re.compile(rb'"[^"]*"?')


def holds_too_much(body: bytes, most: int = MOST_VALUES) -> bool:
    """Whether a JSON text may hold more than ``most`` values. Commas inside of texts do not count. In one
    pass.
    """
    if len(body) < 2 * most or body.count(b",") < most:
        return False
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return _TEXT.sub(b"", unescaped).count(b",") >= most
