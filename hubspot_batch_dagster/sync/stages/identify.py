"""What the run's state is about: another account, key, object type or store is refused before anything is
read or sent.
"""

from __future__ import annotations

from dataclasses import replace

from hubspot_batch_dagster.api.errors import Forbidden, HubSpotError, InputError
from hubspot_batch_dagster.api.object_types import perhaps_same_type
from hubspot_batch_dagster.sync.context import RunContext, rebuilds
from hubspot_batch_dagster.sync.state.identity import Identity, check_identity
from hubspot_batch_dagster.table.plain import single_type


def identify(run: RunContext) -> Identity:
    """Say what the run is about, and refuse state that is about something else.

    The account is asked for who it is, once a session, whatever ``check_portal`` says: state of another one
    must not be read.

    Raises:
        InputError: The state of this sync, or the token, is about something else; with both sides.
        Forbidden: A portal is asked for, and the token may not say which one it belongs to.
    """
    anew = rebuilds(run.operation, run.options)
    if anew and run.writes:
        run.store.accept_loss(run.name, run.definition.id)
    schema, key = run.definition.source.schema, run.operation.key_columns
    known = all(name in schema.names for name in key)
    wanted = Identity(
        sync=run.name,
        object_type=run.object_type,
        key=key,
        key_types=tuple(str(single_type(schema.field(name).type)) for name in key) if known else (),
        store=run.store.id if run.writes else "",
        makes_records=run.operation.makes_records,
    )
    before = run.store.check(run.name, wanted, perhaps_same_type, anew=anew)
    portal = _account(run, said=before.unknown_portal)
    if portal is not None:
        run.store.portal_id = portal
    unknown = run.portal is not None and portal is None
    wanted = replace(wanted, portal=run.store.portal_id, unknown_portal=unknown)
    wanted = run.store.check(run.name, wanted, run.same_type, anew=anew)
    register = run.comparison.before if run.comparison is not None else None
    if register is not None and register.identity is not None:
        check_identity(
            f"The ids table of {run.name!r} in the warehouse", register.identity, wanted, run.same_type
        )
    return wanted


def _account(run: RunContext, *, said: bool) -> int | None:
    """Return the account's id; ``None`` where the token may not read it, which is warned of once, and not
    again by each run.
    """
    if run.portal is None:
        return None
    warn = (lambda _: None) if said else run.options.on_warning
    try:
        account = run.portal.account(run.requester.ask, warn)
    except (InputError, Forbidden):
        raise
    except HubSpotError as error:
        run.stop.set(error)
        return None
    return account.portal_id if account is not None else None
