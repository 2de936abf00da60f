"""The sounds of clips."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from speaker_search.library import Library
from speaker_search.web import description, sounds
from speaker_search.web.negotiation import check_accepted
from speaker_search.web.routes.parameters import Id


def sound_routes(library: Library) -> APIRouter:
    """The routes of one library's sounds."""
    routes = APIRouter()

    @routes.get("/clips/{clip_id}/audio", response_class=sounds.Sound, responses=description.SOUNDS)
    def get_clip_audio(clip_id: Id, request: Request) -> Response:
        """A clip's sound file as stored on disk or in its archive; byte ranges are supported."""
        sound = library.sound(clip_id)
        check_accepted(request, sound.media_type)
        return sounds.response(sound.source, sound.media_type, request.headers)

    return routes
