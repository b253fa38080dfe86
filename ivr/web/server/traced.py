"""The span of a request: by route, because a path may hold what a caller said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr import tracing
from ivr.web.routes import route_of
from ivr.web.server.wsgi import Response, run_app
from ivr.web.webhooks.at_once import WouldWait

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

# Any client may make up others.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def run_traced(app: WSGIApplication, environ: WSGIEnvironment) -> Response:
    """Return the response of an app, within a span. A turn that starts over on a thread has the span of the thread."""
    method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in _METHODS else "_OTHER"
    route = f"/{route_of(environ['PATH_INFO'])}"
    attributes = {"http.request.method": method, "http.route": route}
    with tracing.span(f"{method} {route}", "SERVER", attributes=attributes) as span:
        assert span is not None
        try:
            response = run_app(app, environ)
        except WouldWait:
            span.is_dropped = True
            raise
        status = int(response.status[:3])
        span.set("http.response.status_code", status)
        if status >= 500:
            span.fail(str(status))
        return response
