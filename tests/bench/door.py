"""A door before a server: while it is shut nobody answers there, and the server keeps what it has."""

from __future__ import annotations

import contextlib
import socket
import threading


class Door:
    """Passes connections on to a port of this host.

    Args:
        port: Of the server.

    Attributes:
        port: Where the door is.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self._listener: socket.socket | None = None
        self._through: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        """Let connections through, at the port of before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port, self._listener = listener.getsockname()[1], listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuse connections, and cut those that are there."""
        for each in (*filter(None, [self._listener]), *self._through):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._listener = None
        self._through.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._to))
                self._through |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            self._through.discard(each)
