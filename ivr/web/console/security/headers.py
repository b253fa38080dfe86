"""Response headers of every page. https://owasp.org/www-project-secure-headers/"""

from __future__ import annotations

from urllib.parse import urlsplit

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
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
_COMPRESSED = ("text/", "image/svg", "application/javascript")
HSTS = "max-age=31536000"


def install(app: Flask, *, public: bool, provider: str = "") -> None:
    """Add the headers. public: whether the line is reached through TLS. provider: the URL of the sign-in provider.

    Browsers apply form-action also to where a form's response redirects.
    """
    address = urlsplit(provider)
    targets = f" {address.scheme}://{address.netloc}" if provider else ""
    policy = f"{_POLICY}; form-action 'self'{targets}"

    @app.after_request
    def add(response: Response) -> Response:
        if response.direct_passthrough and (response.mimetype or "").startswith(_COMPRESSED):
            # So that Flask-Compress, which leaves files alone, compresses it.
            response.direct_passthrough = False
            response.make_sequence()
        response.headers.setdefault("Content-Security-Policy", policy)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if public:
            response.headers["Strict-Transport-Security"] = HSTS
        if not (request.endpoint or "").endswith("static"):
            response.headers["Cache-Control"] = "no-store"
        return response
