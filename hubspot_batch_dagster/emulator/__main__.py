"""`python -m hubspot_batch_dagster.emulator`: a HubSpot account on localhost, until it is told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any, NoReturn

from hubspot_batch_dagster.emulator.foreground import serve
from hubspot_batch_dagster.emulator.portal_file import PortalFileError, read_portal_file
from hubspot_batch_dagster.emulator.settings import Settings

PROGRAM = "hubspot-emulator"
LONGEST_LATENCY = 3600.0


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> None:
    """Run the emulator in the foreground; SIGINT and SIGTERM end it."""
    parser = _parser()
    given = parser.parse_args(arguments)
    settings = _settings(parser, given)
    definitions = _portal(parser, given.portal)
    if given.stop_with_parent:
        threading.Thread(target=_stop_at_end_of_input, daemon=True).start()

    try:
        serve(
            given.port,
            settings,
            token=os.environ.get("HUBSPOT_EMULATOR_TOKEN") or None,
            admin_token=os.environ.get("HUBSPOT_EMULATOR_ADMIN_TOKEN") or None,
            seed=given.seed,
            ready_file=given.ready_file,
            portal=definitions,
        )
    except PortalFileError as error:
        parser.error(f"--portal {given.portal}: {error}")
    except OSError as error:
        parser.error(error.strerror or str(error))
    except ValueError as error:
        parser.error(str(error))


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="A HubSpot account on localhost.",
        epilog="The access token is made up, or taken from HUBSPOT_EMULATOR_TOKEN; the admin token likewise"
        " from HUBSPOT_EMULATOR_ADMIN_TOKEN. On a command line everybody on this computer could read them.",
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--portal", type=Path, help="JSON file with the portal's definitions")
    parser.add_argument("--burst-limit", type=int, help="requests allowed in any 10 seconds")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--seed", type=int, default=0, help="makes ids and shuffles repeatable")
    parser.add_argument("--settings", default="{}", help="more settings, as a JSON object")
    parser.add_argument("--ready-file", type=Path, help="file to write URL and tokens to once it listens")
    parser.add_argument("--stop-with-parent", action="store_true", help="end when standard input is closed")
    parser.add_argument("--token", help=argparse.SUPPRESS)
    return parser


def _settings(parser: Parser, given: argparse.Namespace) -> Settings:
    if given.token is not None:
        parser.error("--token is gone, for others could read it: put the token in HUBSPOT_EMULATOR_TOKEN.")
    if not 0 <= given.port <= 65_535:
        parser.error(f"--port {given.port}: a port is between 0 and 65535.")
    if not 0 <= given.latency <= LONGEST_LATENCY:
        parser.error(f"--latency {given.latency}: it is between 0 and {LONGEST_LATENCY} seconds.")
    if given.burst_limit is not None and given.burst_limit < 0:
        parser.error(f"--burst-limit {given.burst_limit}: it is a number of requests.")
    _check_ready_file(parser, given.ready_file)
    settings = Settings(burst_limit=given.burst_limit, latency=given.latency)
    try:
        return settings.changed(_given_settings(parser, given))
    except ValueError as error:
        parser.error(f"--settings: {error}")


def _check_ready_file(parser: Parser, path: Path | None) -> None:
    """Refuse a file that could not be written once the emulator listens."""
    if path is None:
        return
    try:
        wrong = not path.name or path.is_dir() or not path.parent.is_dir() or "\0" in str(path)
    except (OSError, ValueError):  # a name that the file system does not take
        wrong = True
    if wrong:
        parser.error(f"--ready-file {str(path)!r}: it is no file, or its folder is not there.")


def _given_settings(parser: Parser, given: argparse.Namespace) -> dict[str, Any]:
    try:
        parsed = json.loads(given.settings)
    except (ValueError, RecursionError) as error:
        parser.error(f"--settings is not JSON: {error}")
    if not isinstance(parsed, dict):
        parser.error('--settings must be a JSON object, such as {"search_lag": 0}.')
    return parsed


def _portal(parser: Parser, path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        return read_portal_file(path)
    except PortalFileError as error:
        parser.error(f"--portal {path}: {error}")


def _stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
