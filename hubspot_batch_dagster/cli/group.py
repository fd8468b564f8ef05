"""The group of the commands; each has a file of its own, and imports what it needs when it runs."""

from __future__ import annotations

from typing import Any

import click

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.cli.associations import associations
from hubspot_batch_dagster.cli.check import check
from hubspot_batch_dagster.cli.emulator import emulator
from hubspot_batch_dagster.cli.ids import ids
from hubspot_batch_dagster.cli.journal import journal
from hubspot_batch_dagster.cli.models import models
from hubspot_batch_dagster.cli.plan import plan
from hubspot_batch_dagster.cli.portal_file import portal
from hubspot_batch_dagster.cli.reconcile import reconcile
from hubspot_batch_dagster.cli.rejected import rejected
from hubspot_batch_dagster.cli.rename import rename
from hubspot_batch_dagster.cli.revert import revert
from hubspot_batch_dagster.cli.runs import runs


class _InSentences(click.Group):
    """Errors of ours are shown as sentences, not as tracebacks."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HubSpotError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_InSentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hubspot-batch-dagster")
def cli() -> None:
    """Look after tables that go to HubSpot."""


for _command in (
    check,
    plan,
    rejected,
    associations,
    runs,
    ids,
    journal,
    reconcile,
    rename,
    revert,
    models,
    portal,
    emulator,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line."""
    cli(prog_name="hubspot-batch-dagster")
