"""``hubspot-batch-dagster models``: a pydantic model of an object type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hubspot_batch_dagster.cli.options import account_options, open_session, session_settings, warn
from hubspot_batch_dagster.cli.output import writing
from hubspot_batch_dagster.cli.parameters import OBJECT_TYPE, OutFile


@click.command()
@click.argument("object_type", type=OBJECT_TYPE)
@click.option("--out", type=OutFile(".py"), help="File to write. By default the terminal.")
@account_options
def models(object_type: str, out: Path | None, token: str, **account: Any) -> None:
    """Write a pydantic model of an object type, from the portal's own definitions, for `model=`."""
    from hubspot_batch_dagster.sync.schema.model_source import models_source

    with open_session(session_settings(token, **account)) as hubspot:
        details = hubspot.portal.account(warn=warn)
        definitions = hubspot.portal.properties(object_type, warn=warn)
    if definitions is None:
        raise click.ClickException(f"There are no definitions of {object_type} to write a model from.")
    text = models_source(
        object_type, definitions.values(), portal_id=details.portal_id if details is not None else None
    )
    if out is None:
        click.echo(text, nl=False)
        return
    with writing(out):
        out.write_text(text, encoding="utf-8")
    click.echo(
        f"{click.format_filename(out)}: a model of {object_type} with {text.count(' | None = ')} fields.",
        err=True,
    )
