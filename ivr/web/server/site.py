"""Answers complete requests: turns of calls at once, on the event loop, and all others on threads."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException

from ivr import request_ids, tracing
from ivr.web.body_files import BodyFile
from ivr.web.routes import Lane, lane_of, route_of
from ivr.web.server.lanes import BUSY, SIZES, Finish, ThreadLane
from ivr.web.server.request_counts import RequestCounts
from ivr.web.server.traced import run_traced
from ivr.web.server.wsgi import Response, add_body, run_app
from ivr.web.webhooks.at_once import AT_ONCE, WITHOUT_DATABASE, WouldWait
from ivr.web.webhooks.webhook import REFUSED, refuse_unread

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class Site:
    """A WSGI app with its threads. All methods are called on the event loop."""

    def __init__(self, app: WSGIApplication, counts: RequestCounts) -> None:
        self._app, self._counts = app, counts
        self._lanes = {lane: ThreadLane(lane, size) for lane, size in SIZES.items()}

    def close(self) -> None:
        """End the threads, after the last request."""
        for lane in self._lanes.values():
            lane.close()

    def refusal(self, environ: WSGIEnvironment) -> Response | None:
        """Return the response to a request that is refused whatever its body contains, else None."""
        try:
            refuse_unread(environ)
        except HTTPException as refused:
            response = run_app(refused, environ)
            self._count(environ, response)
            return response
        return None

    def count_unread(self, response: Response, reason: str) -> None:
        """Count a request whose path is unknown or whose body never came."""
        self._counts.record("other", response.status[:3], reason)

    def answer(self, environ: WSGIEnvironment, body: bytes | BodyFile, size: int, finish: Finish) -> None:
        """Pass the response to `finish`, now or later. size: of the body."""
        add_body(environ, body, size)
        request = request_ids.new_id()
        started = time.perf_counter()
        lane = lane_of(environ["PATH_INFO"])
        if lane is Lane.CALLS:
            environ[AT_ONCE] = True
            try:
                response = self._run(request, environ)
            except WouldWait:
                del environ[AT_ONCE]
                environ["wsgi.input"].seek(0)
            else:
                self._count(environ, response, time.perf_counter() - started)
                finish(response)
                return

        def count_and_finish(response: Response) -> None:
            if response is BUSY:
                environ[REFUSED] = "busy"
            self._count(environ, response, time.perf_counter() - started)
            finish(response)

        def answer_without_database() -> None:
            environ[WITHOUT_DATABASE] = True
            self._lanes[Lane.WITHOUT_DATABASE].submit(partial(self._run, request, environ), count_and_finish)

        give_up = answer_without_database if environ["PATH_INFO"] == "/sms" else None
        self._lanes[lane].submit(partial(self._run, request, environ), count_and_finish, give_up)

    def _run(self, request: str, environ: WSGIEnvironment) -> Response:
        """Return the response. Each thread of a lane, and the event loop, works for one request at a time."""
        request_ids.current.set(request)
        return run_traced(self._app, environ) if tracing.is_on() else run_app(self._app, environ)

    def _count(self, environ: WSGIEnvironment, response: Response, seconds: float | None = None) -> None:
        route = route_of(environ["PATH_INFO"])
        self._counts.record(route, response.status[:3], environ.get(REFUSED, ""), seconds)
