"""Serves the recordings that Twilio plays. They are public, and a digest always identifies the same sound."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.web.services import services

blueprint = Blueprint("audio", __name__)


@blueprint.get("/audio/<digest>")
def recording(digest: str) -> Response:
    """Return a recording or the requested range; 304 if the client's copy is current; 404 for an unknown digest."""
    audio = services().releases.audio(digest)
    if audio is None:
        # It may exist a second later, once this process has loaded a new release.
        return Response(status=404, headers={"Cache-Control": "no-store"})
    response = Response(audio.data, content_type=audio.media_type)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.set_etag(audio.digest)
    response.make_conditional(request, accept_ranges=True, complete_length=len(audio.data))
    return response
