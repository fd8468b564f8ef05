"""What became of the rows of a Dagster run, as text: counts by asset, and reasons for what was rejected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten, wrap

import dagster as dg
import duckdb

OUTCOMES = ("created", "updated", "unchanged", "rejected", "unknown")
OF_ASSOCIATIONS = ("associated", "unchanged", "unresolved", "rejected", "unknown", "unsent")
WIDTH = 96


@dataclass(frozen=True)
class Reason:
    """Why rows were rejected: how many, the code, the column (or property), and the message of one of
    them.
    """

    rows: int
    code: str
    column: str
    message: str


@dataclass(frozen=True)
class Sent:
    """One asset that went to HubSpot.

    Args:
        asset: Its name.
        counts: Outcome to number of rows.
        requests: How many requests it took.
        seconds: How long sending took.
        colour: What the asset's checks say in Dagster: ``green``, ``yellow`` (warned) or ``red`` (failed).
        rejected_path: The Parquet file of the rejected rows, if there are any.
        associations: Outcome to number of associations; empty where the asset has none.
    """

    asset: str
    counts: Mapping[str, int]
    requests: int
    seconds: float
    colour: str
    rejected_path: str | None
    associations: Mapping[str, int]

    @property
    def rows(self) -> int:
        """How many rows the asset returned."""
        return sum(self.counts.values())

    def reasons(self) -> list[Reason]:
        """The rejected rows by reason, the most frequent first."""
        if self.rejected_path is None:
            return []
        query = """
            select count(*) as rows, error_code, coalesce("column", error_property, ''), min(error_message)
            from read_parquet(?) group by all order by rows desc, error_code
        """
        with duckdb.connect() as memory:
            return [Reason(*found) for found in memory.execute(query, [self.rejected_path]).fetchall()]


def sent(result: dg.ExecuteInProcessResult) -> list[Sent]:
    """What a run sent to HubSpot, in the order of the assets' names."""
    colours = _colours(result)
    # A run over many partitions has a materialization for each of them; the figures of all are told once, in
    # an observation.
    events = [
        *(event.materialization for event in result.get_asset_materialization_events()),
        *(event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()),
    ]
    figures = {
        event.asset_key.to_user_string(): event.metadata for event in events if "requests" in event.metadata
    }
    found = [_sent(asset, metadata, colours) for asset, metadata in figures.items() if asset in colours]
    return sorted(found, key=lambda sync: sync.asset)


def _sent(asset: str, metadata: Mapping[str, dg.MetadataValue], colours: Mapping[str, str]) -> Sent:
    value = {name: entry.value for name, entry in metadata.items()}
    return Sent(
        asset=asset,
        counts={outcome: value[outcome] for outcome in (*OUTCOMES, "archived", "unsent")},
        requests=value["requests"],
        seconds=value["seconds"],
        colour=colours[asset],
        rejected_path=value.get("rejected_path"),
        associations={
            name: value[f"associations_{name}"]
            for name in OF_ASSOCIATIONS
            if value.get(f"associations_{name}")
        },
    )


def told(result: dg.ExecuteInProcessResult, op: str, *names: str) -> list[int]:
    """Numbers of an op that went to HubSpot, from its output's metadata: an op has no materialization. 0 if
    it failed.
    """
    outputs = result.filter_events(lambda event: event.is_successful_output and event.step_key == op)
    metadata = outputs[0].step_output_data.metadata if outputs else {}
    return [int(metadata[name].value) if name in metadata else 0 for name in names]


def table(syncs: Sequence[Sent]) -> Iterator[str]:
    """One line for each asset."""
    yield _line("asset", "rows", *OUTCOMES, "requests", "seconds", "rows/s", "check")
    for sync in syncs:
        counts = [f"{sync.counts[name]:,}" for name in OUTCOMES]
        speed = f"{sync.rows / sync.seconds:,.0f}" if sync.seconds else ""
        yield _line(
            sync.asset,
            f"{sync.rows:,}",
            *counts,
            str(sync.requests),
            f"{sync.seconds:.1f}",
            speed,
            sync.colour,
        )


def associations(syncs: Sequence[Sent]) -> Iterator[str]:
    """What became of the associations, one line for each asset that has some."""
    for sync in syncs:
        if sync.associations:
            told = ", ".join(f"{n:,} {name}" for name, n in sync.associations.items())
            yield f"  {sync.asset}: {told}"


def reasons(syncs: Sequence[Sent]) -> Iterator[str]:
    """The reasons for rejected rows, by asset, each with the message of one row."""
    for sync in syncs:
        if sync.counts["rejected"]:
            share = sync.counts["rejected"] / sync.rows
            yield f"  {sync.asset}: {sync.counts['rejected']:,} of {sync.rows:,} rows ({share:.1%})"
        for reason in sync.reasons():
            message = shorten(reason.message, 150, placeholder=" ...")
            where = "" if message.startswith(reason.column) else f"{reason.column}: "
            yield from wrap(
                f"{reason.code}, {where}{message}",
                WIDTH,
                initial_indent=f"{reason.rows:>7,}  ",
                subsequent_indent=" " * 9,
            )


def _line(asset: str, *cells: str) -> str:
    widths = (8, 9, 9, 11, 10, 9, 10, 9, 8, 8)
    return f"{asset:<9}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _colours(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """What Dagster's UI would show for each asset that has checks."""
    colours: dict[str, str] = {}
    for check in result.get_asset_check_evaluations():
        asset = check.asset_key.to_user_string()
        colour = (
            "green" if check.passed else "red" if check.severity is dg.AssetCheckSeverity.ERROR else "yellow"
        )
        colours[asset] = max(colour, colours.get(asset, "green"), key=("green", "yellow", "red").index)
    return colours
