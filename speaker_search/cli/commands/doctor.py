"""`spksearch doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from speaker_search import documents, settings
from speaker_search.cli import options, output


def doctor(
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask the running server at this address instead.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Show which encoders are ready, what others lack, what they run on, and which sounds are read; or ask a server.

    It uses the network only with --server, or to ask the server in SPKSEARCH_INDEX_URL for its version.

    SPKSEARCH_CHECKPOINT applies to the encoder in SPKSEARCH_ENCODER or, without one, to the default of a new catalog.
    With --server: whether a server is ready, takes the key in SPKSEARCH_API_KEY or SPKSEARCH_API_KEYS, is of this
    version and compares the same vectors, how old its index is, and whether its clock is right. The exit code is 1
    where there is a problem.

    Example: spksearch doctor
    """
    if server is not None:
        _ask(server, json)
    output.waiting("Looking at the encoders…")
    from speaker_search.library.diagnosis import diagnose

    found = diagnose(settings.load())
    if json:
        output.json_document(found)
    else:
        _print(found)


def _print(found: documents.Diagnosis) -> None:
    rows = [(one.name, "yes" if one.ready else "no", one.dim, one.backend, one.space) for one in found.encoders]
    output.table(
        ("encoder", "ready", "dim", "backend", "space"), rows, below=[(one.purpose,) for one in found.encoders]
    )
    output.say("")
    output.say(f"A new catalog uses {found.encoder}; choose another with --encoder.")
    for one in found.encoders:
        if one.backend:
            output.say(f"{one.name} is computed by {one.backend}: {one.backend_reason}.")
        if one.ready:
            output.command(f"The weights of {one.name} are {one.weights}.")
        if one.why:
            output.say(f"{one.name} is not ready: {one.why}")
    output.say("")
    sounds = found.sounds
    output.say(f"Sounds are read as {', '.join(sounds.read)}.")
    more = f"searches of {', '.join(sounds.more)}, and ingests of {', '.join(sounds.ingested)}"
    output.say(f"The extra containers {'adds' if sounds.ready else 'would add'} {more}.")
    if sounds.why:
        output.say(f"It is not ready: {sounds.why}")
    if not (index := found.index).ready:
        output.say(f"The index cannot be used: {index.why}")
    elif index.address:
        output.say(f"The index is in Milvus {index.version} at {index.address}.")
    output.say("")
    installed = [(name, known) for name, known in found.packages.items() if known]
    output.facts([*found.machine.model_dump().items(), *installed])


def _ask(server: str, json: bool) -> None:
    output.waiting("Asking the server…")
    from speaker_search.library.server_check import check_server

    found = check_server(server, settings.load())
    if json:
        output.json_document(found)
    else:
        output.facts([(name, value) for name, value in found.model_dump().items() if name != "problems"])
        for problem in found.problems:
            output.say(problem)
        output.say("" if found.problems else "All is well.")
    raise typer.Exit(1 if found.problems else 0)
