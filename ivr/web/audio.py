"""Recordings, for the carrier to play. They are public, and a digest names the same sound for ever."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.web.services import services

blueprint = Blueprint("audio", __name__)


@blueprint.get("/audio/<digest>")
def recording(digest: str) -> Response:
    """The sound, or the range of it that is asked for; 304 to whom has it already; 404 for one that is nowhere here."""
    found = services().shelf.audio(digest)
    if found is None:
        # It may be here a second later, when this process has followed a publish.
        return Response(status=404, headers={"Cache-Control": "no-store"})
    answer = Response(found.data, content_type=found.media_type)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    answer.set_etag(found.digest)
    answer.make_conditional(request, accept_ranges=True, complete_length=len(found.data))
    return answer
