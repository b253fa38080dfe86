"""The Flask app of the line."""

from __future__ import annotations

from types import TracebackType

from flask import Flask, request

from ivr import log
from ivr.web.routes import route_of

_ExcInfo = tuple[type, BaseException, TracebackType] | tuple[None, None, None]


class LineApp(Flask):
    """Logs an unexpected error without the path and query, which Flask would log and which may contain ids."""

    def log_exception(self, exc_info: _ExcInfo) -> None:
        log.get_logger().error("request_failed", route=route_of(request.path), exc_info=exc_info)
