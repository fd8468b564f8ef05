"""What options and arguments may be: each is checked when it is given, so that the error names it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hubspot_batch_dagster.api.errors import HubSpotError

LONGEST_FILE_NAME = 255


class Text(click.types.StringParamType):
    """Text in which no NUL stands, nor half a character.

    Args:
        check: Refuses what cannot be meant, with an error of ours; called with the text.
        empty: An empty text is as good as none.
    """

    name = "text"

    def __init__(self, check: Callable[[str], object] = lambda _: None, *, empty: bool = False) -> None:
        self._check, self._empty = check, empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text and self._empty:
            return text
        if not text.strip():
            self.fail("It is empty.", param, ctx)
        self._look(text, param, ctx)
        return text

    def _look(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        if "\0" in text:
            self.fail("It holds a NUL character.", param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("It holds a character that is none.", param, ctx)
        try:
            self._check(text)
        except HubSpotError as error:
            self.fail(str(error), param, ctx)


class Share(click.types.FloatParamType):
    """A part of something: above 0 and at most 1."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            share = float(value)
        except (TypeError, ValueError):
            share = math.nan
        if not 0 < share <= 1:
            self.fail(f"{value!r} is no number above 0 and at most 1.", param, ctx)
        return share


class OutFile(click.Path):
    """A file that can be written: nothing else has its name, and its folder is there.

    Args:
        endings: What a file of this kind ends in; a name without an ending is taken too.
    """

    def __init__(self, *endings: str) -> None:
        self._endings = endings
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        text = os.fspath(value)
        try:
            name = os.fsencode(text)
        except UnicodeEncodeError:
            self.fail("It holds a character that is none.", param, ctx)
        if not name.strip() or b"\0" in name:
            self.fail("It holds a NUL character." if name.strip() else "It is empty.", param, ctx)
        path = Path(os.fsdecode(text))
        if len(os.fsencode(path.name)) > LONGEST_FILE_NAME:
            self.fail(f"A file's name has at most {LONGEST_FILE_NAME} bytes.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"There is no folder {click.format_filename(path.parent)!r}.", param, ctx)
        if path.is_dir() or name.endswith(os.sep.encode()):
            self.fail(f"{click.format_filename(path)!r} is a folder.", param, ctx)
        if path.suffix and path.suffix.lower() not in self._endings:
            wanted = " or ".join(self._endings)
            self.fail(f"{click.format_filename(path)!r} does not end in {wanted}.", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


def _sync(name: str) -> None:
    from hubspot_batch_dagster.sync.state.names import check_name

    check_name(name)


def _run(run: str) -> None:
    from hubspot_batch_dagster.sync.state.names import check_run

    check_run(run)


def _object_type(name: str) -> None:
    from hubspot_batch_dagster.api.endpoints import object_type

    object_type(name)


def _base_url(url: str) -> None:
    from hubspot_batch_dagster.api.transport import check_url

    check_url(url)


def _store(root: str) -> None:
    from hubspot_batch_dagster.api.errors import InputError
    from hubspot_batch_dagster.session_checks import check_store_url

    check_store_url(root)
    folder = root.removeprefix("file://")
    if "://" not in folder and Path(folder).exists() and not Path(folder).is_dir():
        raise InputError(f"{folder} is no folder.", remedy="Name the folder in which the ids tables are.")


def _journal(url: str) -> None:
    from hubspot_batch_dagster.session_checks import check_journal_url

    check_journal_url(url)


def _warehouse(connection: str) -> None:
    from hubspot_batch_dagster.sync.warehouse.warehouse_query import check_database

    check_database(connection)


TEXT = Text()
PERHAPS_EMPTY = Text(empty=True)
SYNC = Text(_sync)
RUN = Text(_run)
OBJECT_TYPE = Text(_object_type)
BASE_URL = Text(_base_url)
STORE = Text(_store)
JOURNAL = Text(_journal)
WAREHOUSE = Text(_warehouse)
