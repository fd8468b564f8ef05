"""The processes of `make hosts`: each in a session of its own, with a log, and ended with all its
children.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(what: str, done: Callable[[], object], seconds: float) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It is not so in time.
    """
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Process:
    """A process and its children.

    Args:
        name: Of its log.
        command: What to run.
        folder: Where its log is, and its working directory.
        environment: All of its environment.
    """

    def __init__(self, name: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def status(self) -> int | None:
        """Its exit status; ``None`` while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it and all its children at once, as a host that loses its power does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        """Ask it to end, then end it."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        self.kill()

    def tail(self, size: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-size:]


class RabbitMQ:
    """A RabbitMQ on loopback with folders, a cookie and a port mapper of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, mapper, between = free_port(), free_port(), free_port()
        self.url = f"pyamqp://guest:guest@127.0.0.1:{self.port}//"
        folder.mkdir(parents=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "hosts@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(between),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }
        (folder / "plugins").write_text("[].\n")
        mapping = ["epmd", "-port", str(mapper), "-address", "127.0.0.1"]
        self._mapper = Process("epmd", mapping, folder, environment)
        wait_for("the port mapper", lambda: listens(mapper), 10)
        self._server = Process("rabbitmq", [str(RABBITMQ)], folder, environment)
        try:
            wait_for("RabbitMQ", self._up, 90)
        except BaseException:
            self.stop()
            raise

    def _up(self) -> bool:
        if self._server.status is not None:
            raise RuntimeError(f"RabbitMQ ended: {self._server.tail()}")
        return listens(self.port)

    def stop(self) -> None:
        self._server.stop()
        self._mapper.stop()


def reason_to_skip() -> str | None:
    """Why it cannot run here; ``None`` if it can."""
    if not RABBITMQ.exists() or shutil.which("epmd") is None:
        return "RabbitMQ is not installed (Debian: apt-get install rabbitmq-server)"
    return None
