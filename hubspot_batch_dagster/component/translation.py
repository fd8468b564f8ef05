"""The field ``translation`` of the components: how assets introduce themselves, in YAML."""

from collections.abc import Callable
from typing import Annotated, TypeAlias

import dagster as dg
from dagster.components.utils.translation import TranslationFnResolver

from hubspot_batch_dagster.definition import HubSpotSync

Translation: TypeAlias = Callable[[dg.AssetSpec, HubSpotSync], dg.AssetSpec]

TranslationField: TypeAlias = (
    Annotated[
        Translation,
        TranslationFnResolver[HubSpotSync](lambda sync: {"operation": sync.operation}),
    ]
    | None
)
"""As Dagster's own components have it: fields of an asset spec, or the name of a function of the project's.
"""


def one_after_the_other(first: Translation, then: Translation | None) -> Translation:
    """Return a translation that hands what the first one made to the second, if there is one."""
    if then is None:
        return first

    def both(spec: dg.AssetSpec, sync: HubSpotSync) -> dg.AssetSpec:
        made = first(spec, sync)
        return then(made, HubSpotSync(sync.operation, made))

    return both
