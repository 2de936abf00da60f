"""`spksearch serve` and `mcp`: the programs that others talk to."""

from __future__ import annotations

import gc
import socket
from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.errors import UsageError


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8000,
    encoder: options.EncoderName = None,
    device: options.Device = None,
) -> None:
    """Serve the HTTP API until stopped. An empty catalog is searched as soon as it has voices.

    Example: spksearch serve --port 8000
    """
    import uvicorn
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it carries no types

    from speaker_search.web.app import LOOPBACK, create_app

    with options.open_library(encoder=encoder, device=device) as library:
        if library.empty:  # until it is filled, over HTTP or by another program
            served, reason = "an empty catalog", library.encoder_choice().reason
            if reason and library.settings.roots:
                output.note(reason)
        else:  # what cannot be searched is reported now
            served = library.prepare()
        # Searches run side by side: threads within each take three times the CPU and only get in each other's way.
        threadpool_limits(1, user_api="blas")
        gc.freeze()  # what is loaded by now stays: full collections that look through all of it delay searches
        listener = _listen(host, port)
        if host not in LOOPBACK and not library.settings.keys:
            output.note(f"Warning: anyone who reaches {host} can search: set SPKSEARCH_API_KEYS.")
        address = f"[{host}]" if ":" in host else host
        port = listener.getsockname()[1]
        output.note(f"Serving {served} on http://{address}:{port}; /openapi.json describes the API.")
        config = uvicorn.Config(create_app(library, host=host), log_level="warning", server_header=False)
        uvicorn.Server(config).run(sockets=[listener])


def mcp(
    folder: Annotated[
        list[Path] | None, typer.Option(help="Assistants may search with sound files below it; may be repeated.")
    ] = None,
    allow_verdicts: Annotated[
        bool, typer.Option("--allow-verdicts", help="Assistants may give verdicts; otherwise they only read.")
    ] = False,
    encoder: options.EncoderName = None,
    device: options.Device = None,
) -> None:
    """Offer search, similar, character, cast and voices as tools to an assistant, over standard input and output (MCP).

    What the tools answer goes to the assistant, wherever it runs.

    Example: spksearch mcp --folder ~/recordings
    """
    try:
        from speaker_search.assistants import create_server
    except ImportError as error:
        raise UsageError(
            "`spksearch mcp` needs the package mcp from version 2, which is not installed.",
            "`pip install 'speaker-search[mcp]'`.",
        ) from error
    with options.open_library(encoder=encoder, device=device) as library:
        create_server(library, folders=folder or (), verdicts=allow_verdicts).run("stdio")


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError when the port is taken or the address is not this machine's."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sets TCP_NODELAY only on sockets that name TCP; without it every answer waits 40 ms for an ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # connections from now on wait for the server to start
    except (OSError, UnicodeError) as error:  # UnicodeError: no host can be called so
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"Cannot listen on port {port} of {host}: {reason}.", "Give another --port or --host."
        ) from error
    return listener
