"""``hubspot-batch-dagster emulator``: a HubSpot on this machine."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def emulator(options: tuple[str, ...]) -> None:
    """Run a HubSpot on this machine, until Ctrl-C. `emulator --help` lists its options."""
    try:
        from hubspot_batch_dagster.emulator.__main__ import main as serve
    except ImportError as error:
        raise click.ClickException(
            f"The emulator needs {error.name}. Run: pip install 'hubspot-batch-dagster[emulator]'"
        ) from None
    serve(list(options))
