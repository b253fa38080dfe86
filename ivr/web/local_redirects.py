"""Keeps Flask's own redirects, such as the one to a path with a slash at its end, on the host where they began."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.routing import RequestRedirect


def install(app: Flask) -> None:
    """Make them relative: they name the Host that a client sent, and a browser or a cache keeps them."""
    app.before_request(_make_relative)


def _make_relative() -> None:
    error = request.routing_exception
    if isinstance(error, RequestRedirect):
        # A path that begins with two slashes would be a host.
        error.new_url = "/" + urlsplit(error.new_url)._replace(scheme="", netloc="").geturl().lstrip("/")
