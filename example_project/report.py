"""What became of the rows of a Dagster run, as text: counts by asset, and reasons for what was rejected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten

import dagster as dg
import duckdb

OUTCOMES = ("created", "updated", "unchanged", "rejected", "unknown")
WIDTH = 96


@dataclass(frozen=True)
class Reason:
    """Why rows were rejected: how many, the code, the property (or column), and the message of one of them."""

    rows: int
    code: str
    property: str
    message: str


@dataclass(frozen=True)
class Sent:
    """One asset that went to HubSpot.

    Args:
        asset: Its name.
        counts: Outcome to number of rows.
        seconds: How long sending took.
        colour: What the asset's checks say in Dagster: ``green``, ``yellow`` (warned) or ``red`` (failed).
        rejected_path: The Parquet file of the rejected rows, if there are any.
    """

    asset: str
    counts: Mapping[str, int]
    seconds: float
    colour: str
    rejected_path: str | None

    @property
    def rows(self) -> int:
        """How many rows the asset returned."""
        return sum(self.counts.values())

    def reasons(self) -> list[Reason]:
        """The rejected rows by reason, the most frequent first."""
        if self.rejected_path is None:
            return []
        query = """
            select count(*) as rows, error_code, coalesce(error_property, ''), min(error_message)
            from read_parquet(?) group by all order by rows desc, error_code
        """
        with duckdb.connect() as memory:
            return [Reason(*found) for found in memory.execute(query, [self.rejected_path]).fetchall()]


def sent(result: dg.ExecuteInProcessResult) -> list[Sent]:
    """What a run sent to HubSpot, in the order in which it did."""
    colours = _colours(result)
    found = []
    for event in result.get_asset_materialization_events():
        asset = event.asset_key.to_user_string()
        metadata = {name: value.value for name, value in event.materialization.metadata.items()}
        if asset in colours:
            counts = {outcome: int(metadata.get(outcome, 0)) for outcome in (*OUTCOMES, "archived", "unsent")}
            found.append(
                Sent(asset, counts, float(metadata["seconds"]), colours[asset], metadata.get("rejected_path"))
            )
    return found


def table(syncs: Sequence[Sent]) -> Iterator[str]:
    """One line for each asset."""
    yield (
        f"  {'asset':<10}{'rows':>8}"
        + "".join(f"{name:>11}" for name in OUTCOMES)
        + f"{'seconds':>9}{'rows/s':>8}  check"
    )
    for sync in syncs:
        numbers = "".join(f"{sync.counts[name]:>11,}" for name in OUTCOMES)
        speed = sync.rows / sync.seconds if sync.seconds else 0
        yield f"  {sync.asset:<10}{sync.rows:>8,}{numbers}{sync.seconds:>9.1f}{speed:>8,.0f}  {sync.colour}"


def reasons(syncs: Sequence[Sent]) -> Iterator[str]:
    """The reasons for rejected rows, by asset, each with the message of one row."""
    for sync in syncs:
        if sync.counts["rejected"]:
            share = sync.counts["rejected"] / sync.rows
            yield f"  {sync.asset}: {sync.counts['rejected']:,} of {sync.rows:,} rows ({share:.1%})"
        for reason in sync.reasons():
            head = f"  {reason.rows:>6,}  {reason.code:<20} {reason.property:<18} "
            yield head + shorten(reason.message, WIDTH - len(head), placeholder=" …")


def _colours(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    colours: dict[str, str] = {}
    for check in result.get_asset_check_evaluations():
        asset = check.asset_key.to_user_string()
        if not check.passed:
            worse = "red" if check.severity is dg.AssetCheckSeverity.ERROR else "yellow"
            colours[asset] = "red" if colours.get(asset) == "red" else worse
        colours.setdefault(asset, "green")
    return colours
