"""Response headers of every page. https://owasp.org/www-project-secure-headers/"""

from __future__ import annotations

from flask import Flask, request
from werkzeug.wrappers import Response

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
_COMPRESSED = ("text/", "image/svg", "application/javascript")
HSTS = "max-age=31536000"


def install(app: Flask, *, public: bool) -> None:
    """Add the headers. public: whether the line is reached through TLS."""

    @app.after_request
    def add(response: Response) -> Response:
        if response.direct_passthrough and (response.mimetype or "").startswith(_COMPRESSED):
            # So that Flask-Compress, which leaves files alone, compresses it.
            response.direct_passthrough = False
            response.make_sequence()
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if public:
            response.headers["Strict-Transport-Security"] = HSTS
        if not (request.endpoint or "").endswith("static"):
            response.headers["Cache-Control"] = "no-store"
        return response
