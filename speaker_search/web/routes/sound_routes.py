"""The sounds of clips."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from speaker_search.library import Library
from speaker_search.web import description, sounds
from speaker_search.web.conditional import is_head
from speaker_search.web.negotiation import check_accepted
from speaker_search.web.routes.parameters import Id
from speaker_search.web.serving.side_by_side import Turns


def sound_routes(library: Library, turns: Turns) -> APIRouter:
    """The routes of one library's sounds."""
    routes = APIRouter()

    @routes.get("/clips/{clip_id}/audio", response_class=sounds.Sound, responses=description.SOUNDS)
    async def get_clip_audio(clip_id: Id, request: Request) -> Response:
        """A clip's sound file as stored on disk or in its archive, or as WAV where browsers do not play its format
        (wma, mka, mkv, aiff, amr, caf); byte ranges are supported.
        """
        head = is_head(request.scope)

        def answer() -> Response:
            sound = library.playable_sound(clip_id, read=not head)
            check_accepted(request, sound.media_type)
            return sounds.response(sound, request.headers, head=head)

        return await turns.run(answer)

    return routes
