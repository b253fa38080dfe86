"""The OpenAPI document, made from the code, and a page that shows it without scripts or files from elsewhere."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ivr.web.api import fhir_models, models
from ivr.web.api.gate import ANYONE
from ivr.web.api.problems import MEDIA_TYPE, PROBLEMS

ETAG = {"ETag": {"description": "The version of the appointment, for If-Match.", "schema": {"type": "string"}}}
LOCATION = {"Location": {"description": "The path of the new batch.", "schema": {"type": "string"}}}
_REF = "#/components/schemas/"
_WITH_KEY = (401, 403, 429)
_ANY = (500, 503)
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_METHODS = ("get", "put", "post", "delete")
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body get the same answer for a day, and take effect once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
IF_MATCH: dict[str, Any] = {
    "x-conditions": [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": sentence,
            "schema": {"type": "string", "pattern": '^(\\*|"[0-9a-f]{32}")$'},
        }
        for name, sentence in (
            ("If-Match", "Change only the version with this ETag."),
            ("If-None-Match", "*: only if there is no such appointment."),
        )
    ]
}
BODIES: tuple[type[BaseModel], ...] = (models.BatchBody, *fhir_models.MODELS)
"""The bodies that the import reads itself, whatever their model says."""
blueprint = Blueprint("documentation", __name__, template_folder="templates")
ACCESS = {"documentation.document_json": ANYONE, "documentation.page": ANYONE, "documentation.style": ANYONE}


def resource(name: str, title: str, *, needs_key: bool = True) -> APIBlueprint:
    """A blueprint for the operations of a resource. title: in the document."""
    security: list[dict[str, list[Any]]] | None = [{"key": []}] if needs_key else None
    tags, module = [Tag(name=title)], f"ivr.web.api.resources.{name}"
    return APIBlueprint(name, module, abp_tags=tags, abp_security=security, operation_id_callback=_operation_id)


def _operation_id(*, bp_name: str, name: str, **_: str) -> str:
    return f"{bp_name}_{name}"


def problems(*statuses: int) -> dict[Any, Any]:
    """The responses of an operation with these statuses."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    codes = ", ".join(code for code, kind in PROBLEMS.items() if kind.status == status)
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {codes}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}},
    }
    return {**response, "headers": _RETRY} if status in (429, 503) else response


def answer(model: type[BaseModel], headers: dict[str, Any], links: dict[str, Any]) -> type[BaseModel]:
    """The model with headers and links of its response in the document."""
    extra: Any = {"openapi_extra": {"headers": headers, "links": links}}
    return type(model.__name__, (model,), {"__doc__": model.__doc__, "model_config": extra, "__module__": __name__})


def links_to(parameter: str, value: str, *operations: str) -> dict[str, Any]:
    """Links to operations that take a value of an answer, or of its request, as a parameter of their path."""
    return {name: {"operationId": name, "parameters": {parameter: value}} for name in operations}


def body_of(media_types: dict[str, Any]) -> dict[str, Any]:
    """An extension of an operation whose body is read as a file."""
    return {"x-body": {"required": True, "content": media_types}}


def schema_of(model: type[BaseModel]) -> dict[str, str]:
    """A reference to the schema of a model; one that no answer has is in BODIES."""
    return {"$ref": _REF + model.__name__}


class Document:
    """The OpenAPI document of an app, made when it is first read: that takes as long as the rest of the app."""

    def __init__(self, app: OpenAPI, public_url: str) -> None:
        self._app, self._public_url = app, public_url
        self._made: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def read(self) -> dict[str, Any]:
        # The library cannot make it in two threads at once.
        with self._lock:
            if self._made is None:
                self._made = _document(self._app, self._public_url)
            return self._made


def _document(app: OpenAPI, public_url: str) -> dict[str, Any]:
    """The OpenAPI document. What the library cannot say of an operation is in extensions, which are applied here."""
    found: dict[str, Any] = app.api_doc
    _, bodies = models_json_schema([(model, "validation") for model in BODIES], ref_template=_REF + "{model}")
    found["components"]["schemas"] |= bodies["$defs"]
    found["servers"] = [{"url": f"{public_url}/api/v1"}]
    for item in found["paths"].values():
        for method in set(_METHODS) & item.keys():
            _complete(item[method], method)
    return found


def _complete(operation: dict[str, Any], method: str) -> None:
    parameters = operation.setdefault("parameters", [])
    parameters += operation.pop("x-conditions", [])
    if body := operation.pop("x-body", None):
        operation["requestBody"] = body
    statuses: tuple[int, ...] = _ANY
    if "security" in operation:
        statuses = (*statuses, *_WITH_KEY)
        if method in ("post", "put"):
            statuses = (*statuses, 413)
        if method == "post":
            parameters.append(_IDEMPOTENCY)
            statuses = (*statuses, 400, 409, 422)
    if any(parameter["in"] == "path" for parameter in parameters):
        statuses = (*statuses, 404)
    for status in statuses:
        operation["responses"].setdefault(str(status), _problem(status))
    # The library adds an answer of its own to every operation.
    refused = _problem(422)
    refused["content"] |= operation.pop("x-422", {}).get("content", {})
    operation["responses"]["422"] = refused
    operation["responses"] = dict(sorted(operation["responses"].items()))
    if not parameters:
        del operation["parameters"]


@blueprint.get("/openapi.json")
def document_json() -> Response:
    return jsonify(current_app.extensions["api_document"].read())


@blueprint.get("/docs")
def page() -> str:
    """The document as a page."""
    return render_template("api.html", api=current_app.extensions["api_document"].read(), problems=PROBLEMS)


@blueprint.get("/docs.css")
def style() -> Response:
    return Response(render_template("api.css"), content_type="text/css")
