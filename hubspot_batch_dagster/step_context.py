"""What a resource takes from Dagster's context of a step."""

import logging
from typing import Any

from hubspot_batch_dagster.api.errors import InputError


def log_of(context: Any) -> logging.Logger | None:
    """The step's log."""
    if context is None:
        return None
    if not hasattr(type(context), "log"):
        raise InputError(
            f"context is a value of type {type(context).__name__}.",
            remedy="Pass the context that Dagster gives to the asset or op.",
        )
    return context.log  # type: ignore[no-any-return]


def name_from(context: Any) -> str:
    """The name of the sync in an asset: its key.

    Raises:
        InputError: There is no asset.
    """
    if context is not None and getattr(context, "has_assets_def", False):
        return "/".join(context.asset_key.path)
    raise InputError(
        "The sync has no name.",
        remedy="Pass context=context inside an asset, or name='...': the name says whose ids table is used.",
    )
