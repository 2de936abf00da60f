"""What the library holds and what was refused, and how the index and the encoders are."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Cursor, Limit, MayEdit
from speaker_search.web.serving.side_by_side import Turns

KEPT_S = 600.0  # what doctor says: it loads every encoder, which takes seconds


def state_routes(library: Library, turns: Turns) -> APIRouter:
    """The routes that tell how one library is."""
    routes = APIRouter()
    kept: list[tuple[float, documents.Health]] = []

    @routes.get("/state")
    def get_state(may_edit: MayEdit) -> documents.LibraryState:
        """How many makers, games, characters and clips there are, refusals by reason, and how the index is."""
        folders = [str(root) for root in library.roots] if may_edit else []
        return library.state().model_copy(update={"may_edit": may_edit, "folders": folders})

    @routes.get("/refusals")
    def list_refusals(
        reason: Annotated[str | None, Query(description="One of the reasons that GET /v1/state counts.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> documents.RefusedFiles:
        """Refused clips by id, each with its file and its reason."""
        return library.refused_list(reason=reason, limit=limit, cursor=cursor)

    @routes.get("/doctor")
    async def get_health() -> documents.Health:
        """Which encoders work on the server, what the others lack, and what they run on; looked at every ten minutes
        at most.
        """

        def examined() -> documents.Health:
            from speaker_search.library.diagnosis import health

            if not kept or time.monotonic() - kept[-1][0] > KEPT_S:
                kept[:] = [(time.monotonic(), health(library.settings))]
            return kept[-1][1]

        return await turns.run(examined)  # one at a time, so it is looked at once, however many ask

    return routes
