"""Docstrings for the reference: reStructuredText's roles and double colons as Markdown has them."""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr):`~?([^`]+)`")
_CODE_BLOCK = re.compile(r"^ *\.\. code-block:: \w+\n", re.M)


class Roles(griffe.Extension):
    """`:class:` and its sisters become plain code, since MkDocs would print them."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            text = _ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = re.sub(
                r"::$", ":", _CODE_BLOCK.sub("", text), flags=re.M
            )
