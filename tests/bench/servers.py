"""Servers that tests start for themselves, from what is installed on the machine."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

TRIES = 3


class Postgres:
    """A Postgres of our own on a free loopback port, gone with its data when it is stopped.

    Attributes:
        url: SQLAlchemy URL of its database.
    """

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._folder = Path(tempfile.mkdtemp(prefix="hubspot-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            self._init()
            for _ in range(TRIES):
                if self._started():
                    return
            raise RuntimeError(f"Postgres did not start: {self._log().read_text()[-2000:]}")
        except BaseException:
            self.stop()
            raise

    @classmethod
    def reason_to_skip(cls) -> str | None:
        """Why there can be none here, or ``None``."""
        if installed_binaries() is None:
            return "Postgres is not installed (Debian: apt-get install postgresql)"
        if os.geteuid() == 0 and not _has_user("postgres"):
            return "Postgres does not run as root, and there is no user postgres"
        return None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{self._user}@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """End the server and delete its data. Stopping twice is fine."""
        self.down()
        shutil.rmtree(self._folder, ignore_errors=True)

    def down(self) -> None:
        """End the server; its data stays for `up`."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)  # does not wait for clients to leave
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def up(self) -> None:
        """Start it again on the same port."""
        if not self._started(self.port):
            raise RuntimeError(f"Postgres did not start again: {self._log().read_text()[-2000:]}")

    def _init(self) -> None:
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self._user)
            os.chown(self._folder, entry.pw_uid, entry.pw_gid)
        command = [str(self._binaries / "initdb"), "-D", str(self._data), "-U", self._user]
        done = subprocess.run(
            [*command, "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8"],
            capture_output=True,
            timeout=60,
            **self._as_user(),
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.decode()[-2000:]}")

    def _started(self, port: int | None = None) -> bool:
        self.port = port or _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
            "max_connections": "60",
            "shared_buffers": "16MB",
        }
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log().open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._as_user())
        ends = time.monotonic() + 30
        while time.monotonic() < ends and self._process.poll() is None:
            if self._ready():
                return True
            time.sleep(0.05)
        return False

    def _ready(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, timeout=10).returncode == 0

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _log(self) -> Path:
        return self._folder / "log"

    def _as_user(self) -> dict[str, object]:
        """Postgres refuses to run as root."""
        if os.geteuid() != 0:
            return {"cwd": self._folder}
        entry = pwd.getpwnam(self._user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": self._folder}


class Redis:
    """A redis-server of our own on a free loopback port, with a password and without a file.

    Attributes:
        url: Its URL, password included.
        place: The part of it that may be shown.
    """

    def __init__(self) -> None:
        port = _free_port()
        self.place = f"127.0.0.1:{port}/0"
        self.url = f"redis://:s3cr3t@{self.place}"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.up()

    @classmethod
    def reason_to_skip(cls) -> str | None:
        """Why there can be none here, or ``None``."""
        if shutil.which("redis-server") is None:
            return "redis-server is not installed (Debian: apt-get install redis-server)"
        return None

    def up(self) -> None:
        """Start it, empty."""
        command = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--requirepass", "s3cr3t", "--dir", tempfile.gettempdir()]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def down(self) -> None:
        """End it, and forget what it held. Stopping twice is fine."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    stop = down


class S3:
    """An S3 server of our own on a free loopback port (moto), which holds its objects in memory.

    Attributes:
        url: A store's URL: a bucket in it.
        environment: How clients find it, and are let in.
    """

    def __init__(self) -> None:
        port = _free_port()
        address = f"http://127.0.0.1:{port}"
        self.url = "s3://tables/hubspot"
        self.environment = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._folder = tempfile.TemporaryDirectory(prefix="hubspot-s3-")
        self._log, self._read = Path(self._folder.name) / "log", 0
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            try:
                request = urllib.request.Request(f"{address}/tables", method="PUT")
                urllib.request.urlopen(request, timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError("the S3 server did not start")

    def requests(self) -> Counter[str]:
        """How many requests it had since it was last asked: PUT, LIST, GET, HEAD, POST, DELETE."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            found = re.findall(rb'"([A-Z]+) (\S+) HTTP', log.read())
            self._read = log.tell()
        return Counter("LIST" if b"list-type" in path else method.decode() for method, path in found)

    def stop(self) -> None:
        """End it, with all that it holds."""
        self._process.kill()
        self._process.wait(10)
        self._folder.cleanup()


def installed_binaries() -> Path | None:
    """The folder of the newest Postgres that is installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: each.parent.name.zfill(4))
    folders.insert(0, Path(shutil.which("postgres") or "/nowhere").resolve().parent)
    wanted = ("initdb", "postgres", "pg_isready")
    return next((each for each in reversed(folders) if all((each / name).exists() for name in wanted)), None)


def started_postgres() -> Postgres:
    """A Postgres for a program; its end where none is installed."""
    binaries = installed_binaries()
    if binaries is None:
        raise SystemExit(Postgres.reason_to_skip())
    return Postgres(binaries)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def new_database(server: Postgres) -> str:
    """The URL of a new, empty database of a server."""
    name = f"t{uuid4().hex}"
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.url.removesuffix("/postgres") + "/" + name
