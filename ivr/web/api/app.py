"""Builds the API as a Flask app of its own, so that nothing of it runs in a caller's turn."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn

from flask import Response
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import APIBlueprint, Info, OpenAPI
from flask_openapi3.types import SecuritySchemesDict

from ivr import version
from ivr.storable import is_storable
from ivr.web import local_redirects, unstorable
from ivr.web.api import documentation, problems
from ivr.web.api.gate import Gate
from ivr.web.api.idempotency import Idempotency
from ivr.web.api.models import Problem
from ivr.web.api.problems import ProblemError
from ivr.web.api.rate_limit import RateLimit
from ivr.web.services import Services

RESOURCES = ("batches", "appointments", "opt_outs", "callbacks", "work_items", "fhir", "webhooks", "health")
_SECURITY: SecuritySchemesDict = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key of `infoline keys add`."}
}
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
}


class _Json(DefaultJSONProvider):
    """Treats JSON that is nested too deeply as JSON that cannot be read, and refuses text that cannot be stored."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        try:
            value = super().loads(s, **options)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not is_storable(value):
            _refuse("body")
        return value


def create_api(services: Services) -> OpenAPI:
    """Return the API as a WSGI app, to be mounted at /api/v1."""
    settings = services.settings
    app = OpenAPI(
        "ivr.web.api",
        info=Info(title="infoline", version=version.release(), description="Appointments and their reminders."),
        security_schemes=_SECURITY,
        doc_ui=False,
        validation_error_model=Problem,
        validation_error_callback=problems.invalid_request,
        static_folder=None,
    )
    app.json = _Json(app)
    app.extensions["infoline"] = services
    access = dict(documentation.ACCESS)
    limit = RateLimit(settings.var_dir / "api-rates", settings.api_requests_per_minute)
    for name in RESOURCES:
        resource = import_module(f"ivr.web.api.resources.{name}")
        blueprint: APIBlueprint = resource.blueprint
        app.register_api(blueprint)
        access |= resource.ACCESS
    app.register_blueprint(documentation.blueprint)
    gate = app.extensions["api_gate"] = Gate(services.ledger, access, limit)
    local_redirects.install(app)
    unstorable.install(app, _refuse, forms=False)
    gate.install(app)
    app.after_request(_add_headers)
    Idempotency(services.ledger, services.vault).install(app)
    problems.install(app)
    app.extensions["api_document"] = documentation.Document(app, settings.public_url)
    return app


def _refuse(part: str) -> NoReturn:
    raise ProblemError("character", detail=f"The {part} has a character that cannot be stored, such as NUL: remove it.")


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
