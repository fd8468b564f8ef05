"""``hubspot-batch-dagster check``: whether everything is there that a sync needs; each line ok, or what to
do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.cli.options import account_options, session_settings, store_options
from hubspot_batch_dagster.cli.parameters import OBJECT_TYPE, TEXT

if TYPE_CHECKING:
    from hubspot_batch_dagster.session import HubSpotSession
    from hubspot_batch_dagster.session_settings import SessionSettings

SettingsOf = Callable[[], "SessionSettings"]

TYPES = ("contacts", "companies", "deals")
PERHAPS = frozenset({"e-commerce", "sales-email-read"})
"""Scopes that stand beside a type's own: versions differ in whether one of the two is enough."""
MOST_SECONDS_APART = 60.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: Whether it is as it must be.
        text: What was found, and if it is not ok what to do.
    """

    name: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.ok else 'NOT '} {self.name:<8} {self.text}"


@click.command()
@click.argument("where", metavar="[MODULE_OR_FILE]", type=TEXT, required=False)
@click.option(
    "--object-type",
    "types",
    type=OBJECT_TYPE,
    multiple=True,
    help=(
        "Object types that the token must be able to read and write; may be given several times. By default"
        f" those that the project's assets write to, and without a project {', '.join(TYPES)}."
    ),
)
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of name, ok and text.")
@account_options
@store_options
def check(
    where: str | None,
    types: tuple[str, ...],
    as_json: bool,
    token: str,
    store: str | None,
    journal: str | None,
    **account: Any,
) -> None:
    """Look at token, portal, scopes, limits, version, store, journal, budget and clock. Nothing is written to
    HubSpot.

    With MODULE_OR_FILE, which holds a project's Definitions, the scopes are those that its assets need, and
    account and store are those of its HubSpotResource, whatever the options say.
    """
    needed: dict[str, set[str]] = {}
    resources: dict[str, SettingsOf] = {
        "": partial(session_settings, token, store=store, journal=journal, **account)
    }
    if where:
        from hubspot_batch_dagster.cli.checked_project import checked_project

        needed, of_project = checked_project(where)
        resources = of_project or resources
    for name in types or (() if needed else TYPES):
        kind = object_type(name)
        needed.setdefault(kind.name, set()).update(kind.read_scopes + kind.write_scopes)
    found = []
    for key, settings in resources.items():
        if len(resources) > 1:
            found.append(Finding("resource", True, key))
        found += _findings(needed, settings)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=1))
    else:
        for each in found:
            click.echo(str(each))
    if not all(each.ok for each in found):
        raise SystemExit(1)


def _findings(needed: Mapping[str, set[str]], settings_of: SettingsOf) -> Iterator[Finding]:
    from hubspot_batch_dagster.session import HubSpotSession

    try:
        settings = settings_of()
        yield from _storage(settings.store, settings.journal)
        session = HubSpotSession(settings)
    except HubSpotError as error:
        yield Finding("token", False, f"{error} In the shell: export HUBSPOT_ACCESS_TOKEN=...")
        return
    with session:
        try:
            details = session.portal.client.account_details()
        except HubSpotError as error:
            yield Finding("token", False, str(error))
            return
        yield Finding("token", True, f"accepted by {session.settings.base_url}")
        yield _looked("portal", lambda: _portal(session, details))
        granted = session.portal.client.granted_scopes()
        for kind, scopes in needed.items():
            yield _looked("scopes", lambda kind=kind, scopes=scopes: _scopes(session, kind, scopes, granted))  # type: ignore[misc]
        yield Finding("version", True, session.settings.version)
        yield from _limits(session)
        yield _looked("clock", lambda: _clock(session))


def _looked(name: str, look: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        return Finding(name, *look())
    except HubSpotError as error:
        return Finding(name, False, str(error))


def _portal(session: HubSpotSession, details: Any) -> tuple[bool, str]:
    session.portal.account()  # refuses another one than that of portal_id
    return (
        True,
        (
            f"{details.portal_id}, {details.account_type or 'of unknown type'},"
            f" {details.time_zone or 'no time zone'}"
        ),
    )


def _scopes(
    session: HubSpotSession, kind: str, needed: set[str], granted: frozenset[str] | None
) -> tuple[bool, str]:
    count = len(session.portal.client.properties(kind))
    read = f"{kind}: {count} properties can be read"
    if granted is None:
        return True, f"{read}; HubSpot does not tell what this token may write: it shows with the first write"
    lacking = needed - granted
    if lacking - PERHAPS:
        return False, f"{kind}: the token lacks {', '.join(sorted(lacking))}. Add it to the app in HubSpot."
    more = f"; {', '.join(sorted(lacking))} is not granted, which some API versions want" if lacking else ""
    return True, f"{read}, and the token has the scopes to write{more}"


def _limits(session: HubSpotSession) -> Iterator[Finding]:
    from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget

    budget = session.portal.client.budget
    state = budget.known_state() if isinstance(budget, SharedBudget) else None
    if state is None:
        yield Finding(
            "budget", False, "The request budget does not answer. Check budget_url, or the cache folder."
        )
        return
    yield Finding("budget", True, "shared by all processes of this host that use the token")
    yield Finding("limits", True, f"{state.ceiling} requests in 10 s{_of_the_day(session)}")


def _of_the_day(session: HubSpotSession) -> str:
    try:
        used = session.portal.client.daily_usage()
    except HubSpotError:
        return "; how many are left today is not told"
    lines = [
        f"; today {each.current_usage:,} of {each.usage_limit:,} are used"
        for each in used
        if each.usage_limit
    ]
    return lines[0] if lines else "; no daily limit (OAuth)"


def _clock(session: HubSpotSession) -> tuple[bool, str]:
    """HubSpot's answers say when they were made: searches for lost records depend on the two clocks."""
    session.portal.client.batch_read("contacts", ["1"], properties=["hs_object_id"])
    apart = session.portal.client.server_time() - time.time()
    if abs(apart) > MOST_SECONDS_APART:
        return False, f"{apart:+.0f} s apart from HubSpot's. Set the clock of this host (NTP)."
    return True, f"{apart:+.1f} s apart from HubSpot's"


def _storage(store: str, journal: str | None) -> Iterator[Finding]:
    from hubspot_batch_dagster.session_settings import default_store
    from hubspot_batch_dagster.sync.state.kept_once import is_store
    from hubspot_batch_dagster.sync.state.store import Store

    root = store or default_store()
    if not is_store(root):
        yield _no_store_yet(root)
        yield Finding("journal", True, "nothing is open before the first run")
        return
    try:
        opened = Store(root, journal_url=journal)
        syncs = opened.syncs()
        yield Finding("store", True, f"{root}: {len(syncs)} syncs")
        open_ = [f"{sync} ({n} batches)" for sync, n, _ in opened.journal.summary() if n]
        text = f"to be settled by the next runs: {', '.join(open_)}" if open_ else "nothing is open"
        yield Finding("journal", True, text)
    except HubSpotError as error:
        yield Finding("store", False, str(error))


def _no_store_yet(root: str) -> Finding:
    folder = Path(root.removeprefix("file://"))
    if folder.is_dir():
        found = "has no store yet" if any(folder.iterdir()) else "is empty"
        return Finding("store", True, f"{root} {found}; the first run makes one")
    if folder.exists():
        return Finding(
            "store", False, f"{root} is no folder. Name one with --store, or as the resource's store."
        )
    parent = next(each for each in folder.absolute().parents if each.exists())
    return Finding("store", True, f"{root} does not exist yet; the first run makes it in {parent}")
