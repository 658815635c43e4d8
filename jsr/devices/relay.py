"""A relay between JAX's client in this process and its service in the first one.

JAX's client aborts its process, with a stack trace and no Python, when its connection to the service ends. Through the
relay it never does: where the service's end is lost, the client's stays open, and a function is called instead.
"""

import contextlib
import socket
import threading
from collections.abc import Callable

LOOPBACK = "127.0.0.1"
CHUNK = 1 << 16  # bytes passed on at a time


def start(address: str, on_loss: Callable[[], None]) -> str:
    """Passes on what a client on this host exchanges with a service; returns the address, HOST:PORT, for the client.

    Until the service answers for the first time, the client is turned away, and tries again.

    Args:
      address: of the service, HOST:PORT.
      on_loss: called in a thread of its own when the service's connection ends before the client's.
    """
    server = socket.create_server((LOOPBACK, 0))
    threading.Thread(target=_accept, args=(server, address, on_loss), daemon=True).start()
    return f"{LOOPBACK}:{server.getsockname()[1]}"


def _accept(server: socket.socket, address: str, on_loss: Callable[[], None]) -> None:
    host, _, port = address.rpartition(":")
    while True:
        client, _ = server.accept()
        try:
            service = socket.create_connection((host.strip("[]"), int(port)))
        except OSError:
            client.close()
            continue
        for end in (client, service):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        is_closed = threading.Event()  # by the client
        threading.Thread(target=_send, args=(client, service, is_closed), daemon=True).start()
        threading.Thread(target=_receive, args=(client, service, is_closed, on_loss), daemon=True).start()


def _send(client: socket.socket, service: socket.socket, is_closed: threading.Event) -> None:
    _pass_on(client, service)
    is_closed.set()
    with contextlib.suppress(OSError):
        service.shutdown(socket.SHUT_RDWR)


def _receive(
    client: socket.socket, service: socket.socket, is_closed: threading.Event, on_loss: Callable[[], None]
) -> None:
    _pass_on(service, client)
    if is_closed.is_set():
        client.close()
    else:
        on_loss()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
