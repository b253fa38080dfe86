"""Recordings for Twilio to play. They are public, and a digest names the same sound forever."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ivr.web.services import services

blueprint = Blueprint("audio", __name__)


@blueprint.get("/audio/<digest>")
def recording(digest: str) -> Response:
    """Return a recording or the requested range of it; 304 if the client has it; 404 for an unknown digest."""
    found = services().releases.audio(digest)
    if found is None:
        # It may exist a second later, when this process has loaded a new release.
        return Response(status=404, headers={"Cache-Control": "no-store"})
    response = Response(found.data, content_type=found.media_type)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.set_etag(found.digest)
    response.make_conditional(request, accept_ranges=True, complete_length=len(found.data))
    return response
