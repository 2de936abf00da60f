"""`spksearch doctor`."""

from __future__ import annotations

from speaker_search import documents, settings
from speaker_search.cli import options, output


def doctor(json: options.Json = False) -> None:
    """Show which encoders are ready, what the others lack, and what they run on. Uses no network.

    SPKSEARCH_CHECKPOINT applies to the encoder in SPKSEARCH_ENCODER or, without one, to the default of a new catalog.

    Example: spksearch doctor
    """
    from speaker_search.library.diagnosis import diagnose

    found = diagnose(settings.load())
    if json:
        output.json_document(found)
    else:
        _print(found)


def _print(found: documents.Diagnosis) -> None:
    rows = [
        (one.name, "yes" if one.ready else "no", one.purpose, one.dim, one.backend, one.space, one.weights)
        for one in found.encoders
    ]
    output.table(("encoder", "ready", "for", "dim", "backend", "space", "weights"), rows)
    out = output.console()
    out.print()
    out.print(f"A new catalog uses {found.encoder}; choose another with --encoder.", markup=False)
    for one in found.encoders:
        if one.backend:
            out.print(f"{one.name} is computed by {one.backend}: {one.backend_reason}.", markup=False)
        if one.why:
            out.print(f"{one.name} is not ready: {one.why}", markup=False)
    out.print()
    installed = [(name, known) for name, known in found.packages.items() if known]
    output.table(("machine", ""), [*found.machine.model_dump().items(), *installed])
