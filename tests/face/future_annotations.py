"""Assets in a module whose annotations are text."""

from __future__ import annotations

import dagster as dg
import pandas as pd
from face_helpers import BY_EMAIL, decorated, people

from hubspot_batch_dagster import HubSpotResource, hubspot_asset
from hubspot_batch_dagster.asset import HubSpotRunConfig


class Rows(HubSpotRunConfig):
    n: int = 2


@dg.asset
def source() -> list[dict[str, str]]:
    return people(5)


@hubspot_asset(BY_EMAIL)
def contacts(
    context: dg.AssetExecutionContext, config: Rows, source: list, hubspot: HubSpotResource
) -> pd.DataFrame:
    assert isinstance(hubspot, HubSpotResource)
    context.log.info("sending")
    return pd.DataFrame(source[: config.n])


@decorated
def of_a_frame(source: pd.DataFrame) -> pd.DataFrame:
    assert isinstance(source, pd.DataFrame), "a name that the decorator's module does not know"
    return source
