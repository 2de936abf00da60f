"""`spksearch serve` and `mcp`: the programs that others talk to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speaker_search import logs
from speaker_search.cli import options, output
from speaker_search.errors import UsageError

if TYPE_CHECKING:
    from speaker_search.library import Library


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8000,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Server processes: each answers on one core at a time.")
    ] = 1,
    encoder: options.EncoderName = None,
    device: options.Device = None,
    log_format: options.LogFormat = "text",
) -> None:
    """Serve the pages and the HTTP API until stopped. An empty catalog is searched as soon as it has voices.

    On addresses that others can reach it needs keys (SPKSEARCH_API_KEYS). /readyz says when searches are answered;
    SIGTERM stops it once the requests in progress are answered.

    Example: spksearch serve --port 8000
    """
    with options.logged(log_format), options.open_library(encoder=encoder, device=device) as library:
        run_server(library, host, port, processes, log_format)


def run_server(library: Library, host: str, port: int, processes: int = 1, log_format: logs.Format = "text") -> None:
    """Serve a library until stopped. Raises UsageError where it cannot be served there."""
    from speaker_search.web.app import create_app, serve_one_of_several
    from speaker_search.web.serving.connections import Patience
    from speaker_search.web.serving.front import check_exposure
    from speaker_search.web.serving.server import end_at_sigterm, listen, run
    from speaker_search.web.serving.several import Processes, check_possible

    if processes > 1:
        check_possible()
    check_exposure(library.settings, host)
    settings, roots = library.settings, library.roots
    if library.empty:  # until it is filled, over HTTP or by another program
        served, reason = "an empty catalog", library.encoder_choice().reason
        if reason and roots and log_format == "text":
            output.note(reason)
    else:  # what cannot be searched is reported now
        served = library.prepare()
        settings = settings.model_copy(update={"encoder": served})  # a process that is started later answers in it, too
    patience = Patience()
    app = create_app(library, host=host, patience=patience)  # of several processes too: its settings are checked
    listener = listen(host, port)
    end_at_sigterm()
    address = f"[{host}]" if ":" in host else host
    port = listener.getsockname()[1]
    if log_format == "text":
        output.note(f"Serving {served} on http://{address}:{port}; open it in a browser. /docs describes the API.")
    logs.event("listening", port=port, processes=processes)
    if processes == 1:
        run(app, listener, patience)
    else:
        library.close()  # each process opens it
        Processes(serve_one_of_several, (settings, host, log_format), processes).run(listener)


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
            "Install it with `pip install 'speaker-search[mcp]'`.",
        ) from error
    with options.open_library(encoder=encoder, device=device) as library:
        create_server(library, folders=folder or (), verdicts=allow_verdicts).run("stdio")
