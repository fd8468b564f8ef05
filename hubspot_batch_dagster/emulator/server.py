"""The server: HubSpot on a loopback port, in a thread of this process or in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import uvicorn

from hubspot_batch_dagster.emulator import portal_setup
from hubspot_batch_dagster.emulator.app import App
from hubspot_batch_dagster.emulator.books import Books
from hubspot_batch_dagster.emulator.faults import Faults
from hubspot_batch_dagster.emulator.merges import merge_records
from hubspot_batch_dagster.emulator.oauth import Credentials
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.portal_file import fill, read_portal_file, reset
from hubspot_batch_dagster.emulator.schemas import define_object_type, schema_for
from hubspot_batch_dagster.emulator.settings import Settings

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as HttpProtocol
else:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as HttpProtocol
    except ImportError:  # httptools is quicker, and optional
        from uvicorn.protocols.http.h11_impl import H11Protocol as HttpProtocol

HOST = "127.0.0.1"


class Emulator:
    """A HubSpot account on localhost.

        with Emulator() as hubspot:
            requests.post(f"{hubspot.url}/crm/v3/objects/contacts/batch/create", headers=..., json=...)
            assert hubspot.books.created_count("contacts") == 1

    It runs in a thread of this process. State outlives `stop`: start it again and it is the same account on
    the same port, which is how a test makes HubSpot unreachable for a while.

    Args:
        settings: How the account behaves.
        port: The port to listen on; 0 takes a free one.
        seed: Makes ids, shuffles and faults repeatable.
        token: The account's access token; None makes one up.
        admin_token: What callers of the admin API send; None makes one up.
        portal: A portal file, or its content: the definitions it begins with, and has again after a reset.

    Raises:
        PortalFileError: The portal file cannot be read, or a definition cannot be.

    Attributes:
        url: Where it listens; use it as the base URL.
        token: An access token that it takes.
        page_url: The page that shows records, requests, faults and limits; the admin token is its last part.
        portal: The account, to look into from a test in this process.
        faults: Add `Fault` rules here.
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        port: int = 0,
        seed: int = 0,
        token: str | None = None,
        admin_token: str | None = None,
        portal: Mapping[str, Any] | Path | None = None,
    ) -> None:
        if not 0 <= port < 65_536:
            raise ValueError(
                f"port cannot be {port!r}: it is a number from 0 to 65535, and 0 takes any that is free"
            )
        for name, value in (("token", token), ("admin_token", admin_token)):
            if value is not None and not re.fullmatch(r"[!-~]+", value):
                raise ValueError(
                    f"{name} has a character that no header can carry: use letters, digits and signs"
                )
        self.portal = Portal(settings or Settings(), seed)
        if portal is not None:
            self.portal.base_definitions = read_portal_file(portal) if isinstance(portal, Path) else portal
            reset(self.portal)
        self.credentials = Credentials(self.portal, token)
        self.faults = Faults()
        self._admin_token = admin_token or secrets.token_urlsafe(16)
        self.app = App(self.portal, self.credentials, self.faults, self._admin_token)
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        state = "running" if self._thread is not None else "stopped"
        return f"Emulator(url='{self.url}', portal_id={self.portal_id}, {state})"

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL; its port is known once it has been started."""
        return f"http://{HOST}:{self._port}"

    @property
    def page_url(self) -> str:
        """The page that shows what happens; its last part is the admin token, so keep it to yourself."""
        return f"{self.url}/#{self._admin_token}"

    @property
    def token(self) -> str:
        """An access token that it takes."""
        return self.credentials.token

    @property
    def portal_id(self) -> int:
        """The account's number."""
        return self.portal.settings.portal_id

    @property
    def books(self) -> Books:
        """Every request and every commit so far."""
        return self.portal.books

    def start(self) -> Emulator:
        """Start listening; return when it does. Starting twice is fine.

        Raises:
            OSError: The port is taken.
            RuntimeError: It did not come up within 10 seconds.
        """
        if self._thread is not None:
            return self
        listener = self._listen()
        self._server = _server(self.app)
        target, ready = self._server, threading.Event()
        self._thread = threading.Thread(
            target=_run, args=(target, listener, ready), name="hubspot-emulator", daemon=True
        )
        self._thread.start()
        if not ready.wait(10.0):
            raise RuntimeError("the emulator did not start within 10 seconds")
        return self

    def stop(self) -> None:
        """Stop listening and cut what is still open. Stopping twice is fine."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10.0)
        self._server = self._thread = None

    def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve in this thread until SIGINT or SIGTERM.

        Args:
            ready: Called once it listens.
        """
        listener = self._listen()
        server = _server(self.app)
        server.force_exit = True
        ready()
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listener]))

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, self._port))
        except OSError as error:
            listener.close()
            raise _explained(error, self._port) from None
        listener.listen(2048)
        self._port = listener.getsockname()[1]
        return listener

    def change(self, **settings: Any) -> None:
        """Change settings while it runs.

        Raises:
            ValueError: A name is not a setting.
        """
        self.portal.change(settings)

    def reset(self) -> None:
        """Back to a fresh account: no records, books, faults or counted requests; settings and token stay."""
        reset(self.portal)
        self.faults.clear()
        self.app.limits.clear()

    def records(self, object_type: str) -> dict[str, dict[str, str]]:
        """Living records of a type: id to properties."""
        return self.portal.records(object_type)

    def seed_records(self, object_type: str, rows: Iterable[Mapping[str, str]]) -> list[str]:
        """Put records into the account without a request; return their ids."""
        return self.portal.seed_records(object_type, rows)

    def merge(self, object_type: str, primary_id: str, other_id: str) -> str:
        """Merge a record into another without a request; returns the id of the record that is left."""
        return merge_records(self.portal, self.portal.table(object_type), primary_id, other_id).id

    def add_property(self, object_type: str, name: str, **fields: Any) -> None:
        """Define or replace a property without a request, in HubSpot's own words.

        Args:
            object_type: Any name of the type.
            name: Internal name.
            **fields: Such as `type="enumeration"`, `fieldType="checkbox"`, `options=["a", "b"]`, `label`,
                `groupName`, `hasUniqueValue=True` (or `unique=True`), which makes it fit for `idProperty`,
                `dataSensitivity="sensitive"`, `read_only=True`.

        Raises:
            ValueError: A word is unknown, or a value cannot be.
        """
        portal_setup.add_property(self.portal, object_type, name, **fields)

    def add_label(
        self, source: str, target: str, label: str, name: str = "", inverse_label: str | None = None
    ) -> tuple[int, int]:
        """Make an association label without a request; returns its type ids in this direction and back."""
        return portal_setup.add_label(self.portal, source, target, label, name, inverse_label)

    def add_pipeline(self, object_type: str, pipeline: Mapping[str, Any]) -> str:
        """Add a pipeline without a request, as the pipelines API takes it; returns its id.

        Args:
            object_type: Any name of the type.
            pipeline: `{"label": "Renewals", "stages": [{"label": "Asked"}]}`; `pipelineId` and `stageId` may
                be given, else they are made up.
        """
        return portal_setup.add_pipeline(self.portal, object_type, dict(pipeline))

    def add_owner(self, email: str, **fields: Any) -> str:
        """Add an owner: `firstName`, `lastName`, `id`, `archived` may be given; returns the owner's id."""
        return portal_setup.add_owner(self.portal, email, **fields)

    def load(self, definitions: Mapping[str, Any] | Path) -> None:
        """Take the definitions of a portal file, or of its content, until the next reset.

        Raises:
            PortalFileError: It cannot be read, or a definition cannot be.
        """
        fill(self.portal, read_portal_file(definitions) if isinstance(definitions, Path) else definitions)

    def add_object_type(
        self,
        name: str,
        properties: Iterable[Mapping[str, Any]],
        *,
        required: Iterable[str] = (),
        associated: Iterable[str] = ("contacts", "companies"),
    ) -> str:
        """Define a custom object type without a request.

        Args:
            name: Internal name.
            properties: Definitions such as `{"name": "vin", "hasUniqueValue": True}`; the first one is what
                the UI shows.
            required: Names of properties that a create needs, where that is enforced.
            associated: Object types it can be associated with, beside activities.

        Returns:
            Its object type id, `2-N`.
        """
        table = define_object_type(self.portal, schema_for(name, properties, required, associated))
        return table.definition.type_id

    def set_rules(self, object_type: str, rules: list[dict[str, Any]]) -> None:
        """Set the admin rules of an object type, enforced on the versions in `required_properties`.

        Args:
            object_type: Any name of the type.
            rules: `{"property": "firstname"}` makes a property required on create;
                `{"property": "closed_lost_reason", "when": {"dealstage": "closedlost"}}` whenever that is
                written.
        """
        self.portal.admin_rules[self.portal.table(object_type).name] = list(rules)

    def skew_clock(self, seconds: float) -> None:
        """Move the account's clock by so many seconds against its settings' clock."""
        self.portal.skew = seconds

    def expire_tokens(self) -> None:
        """Lets every OAuth access token run out now."""
        self.credentials.expire_oauth()


def _explained(error: OSError, port: int) -> OSError:
    """Say in one sentence why a port cannot be had; the error number stays."""
    told = str(error.strerror)
    if error.errno == errno.EADDRINUSE:
        told = f"Port {port} is in use. Give another port, or 0 for a free one."
    elif error.errno in (errno.EACCES, errno.EPERM):
        told = f"Port {port} may not be used by this user. Give a port above 1023."
    return OSError(error.errno, told)


def _server(app: App) -> uvicorn.Server:
    class Connection(HttpProtocol):
        """Tells the app about connections, so that a fault can cut one."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            app.sender.connections[transport.get_extra_info("peername")] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            peer = self.transport.get_extra_info("peername")
            if app.sender.connections.get(peer) is self.transport:
                del app.sender.connections[peer]
            super().connection_lost(exc)

    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _run(server: uvicorn.Server, listener: socket.socket, ready: threading.Event) -> None:
    async def main() -> None:
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        ready.set()
        await serving

    asyncio.run(main())
