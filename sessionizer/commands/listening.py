"""The socket a server listens on, made first: who comes while the rest is loaded and opened waits in the kernel.

So this imports nothing large. Between two servers on one port nobody is refused for longer than Python takes to start.
"""

import socket

from sessionizer.commands.failures import Failure

BACKLOG = 1024
"""Connections that the kernel keeps for us while we are busy, or starting."""

MAX_UNSENT_BYTES = 128 * 1024
"""What the kernel may keep for a reader that takes nothing; Linux would keep 3 MB of each connection's answers."""


def listen(host: str, port: int, options: str = "--host or --port") -> socket.socket:
    """A socket on this address, before anything is opened that a taken port would make us close.

    Raises Failure, which names the `options` that give another.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server((str(address[0]), int(address[1])), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        # `create_server` adds in brackets the address that the line names already.
        why = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        advice = f"Give another with {options} (port 0 finds a free one), or stop what uses it."
        raise Failure(f"cannot listen on {host} port {port}: {why}", advice) from error
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # inherited by every connection
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)
    return listener


def url_of(listener: socket.socket, host: str) -> str:
    """Where clients on this machine reach it."""
    port = listener.getsockname()[1]
    if host in ("", "0.0.0.0"):  # noqa: S104 - recognised, not bound
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
