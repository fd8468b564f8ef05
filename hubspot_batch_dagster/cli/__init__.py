"""The command line: ``hubspot-batch-dagster``."""

from hubspot_batch_dagster.cli.group import cli, main

__all__ = ["cli", "main"]
