"""`spksearch serve`."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.errors import UsageError
from speaker_search.web.app import LOOPBACK


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
    encoder: options.EncoderName = None,
    device: options.Device = None,
) -> None:
    """Answer over HTTP until stopped.

    Example: spksearch serve --port 8000
    """
    import uvicorn

    from speaker_search.web.app import create_app

    with options.open_library(encoder=encoder, device=device) as library:
        empty = library.empty and library.settings.roots  # to be filled over HTTP
        if not empty:
            library.opened  # noqa: B018 - a catalog that cannot be served is told now, not to the first who asks
        listener = _listen(host, port)
        if host not in LOOPBACK and not library.settings.keys:
            output.note(f"Warning: anyone who reaches {host} can search: set SPKSEARCH_API_KEYS.")
        address = f"[{host}]" if ":" in host else host
        what = "an empty catalog" if empty else library.space.space
        output.note(f"Serving {what} on http://{address}:{listener.getsockname()[1]}, /openapi.json says how.")
        config = uvicorn.Config(create_app(library, host=host), log_level="warning", server_header=False)
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError when the address is taken or not this machine's."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Named as TCP, or asyncio leaves out TCP_NODELAY and every answer waits 40 ms for an acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # whoever connects from now on waits for the answer
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"Port {port} of {host} cannot be listened on: {reason}.", "Give another --port or --host."
        ) from error
    return listener
