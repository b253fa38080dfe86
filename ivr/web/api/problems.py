"""Errors as problem documents (https://www.rfc-editor.org/rfc/rfc9457), each with a code that never changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Response, request
from flask_openapi3 import OpenAPI
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from ivr import log
from ivr.ledger import LedgerUnavailable
from ivr.reminders.imports.errors import RowError

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 100
_RETRY_SECONDS = 5


class _Kind(NamedTuple):
    status: HTTPStatus
    sentence: str


PROBLEMS = {
    "key_missing": _Kind(HTTPStatus.UNAUTHORIZED, "Send a key in the header Authorization, as Bearer KEY."),
    "key_invalid": _Kind(HTTPStatus.UNAUTHORIZED, "This key is unknown, expired, or revoked: ask for a new one."),
    "role": _Kind(HTTPStatus.FORBIDDEN, "The role of this key does not include this: use a key with another role."),
    "not_found": _Kind(HTTPStatus.NOT_FOUND, "There is nothing at this address: check the id."),
    "method": _Kind(HTTPStatus.METHOD_NOT_ALLOWED, "This address does not take this method: see the header Allow."),
    "batch_cancelled": _Kind(HTTPStatus.CONFLICT, "This batch is cancelled for good: import its appointments again."),
    "work_taken": _Kind(HTTPStatus.CONFLICT, "Somebody else has taken this item, or it is done: read the list again."),
    "still_running": _Kind(HTTPStatus.CONFLICT, "The first request with this Idempotency-Key still runs: retry later."),
    "webhooks_full": _Kind(HTTPStatus.CONFLICT, "This key has as many webhooks as it may: end one first."),
    "changed": _Kind(HTTPStatus.PRECONDITION_FAILED, "The appointment was changed in the meantime: read it again."),
    "too_large": _Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large: split it into several requests."),
    "media_type": _Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type is not one that this address takes."),
    "json": _Kind(HTTPStatus.BAD_REQUEST, "The body is not a JSON object: correct it."),
    "idempotency_key": _Kind(HTTPStatus.BAD_REQUEST, "Idempotency-Key needs 1 to 255 printable ASCII characters."),
    "idempotency_reused": _Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "This Idempotency-Key was used for another request: use a new one."
    ),
    "cursor": _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "This cursor is not one that the API returned: start without it."),
    "character": _Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The request has a character that cannot be stored, such as NUL: remove it."
    ),
    "invalid": _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not have the documented form: see errors."),
    "rejected": _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Nothing was imported: see errors."),
    "user_unknown": _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "No active user of the console has this email address."),
    "webhook_url": _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Events are not sent to this URL: use an allowed host."),
    "too_many_requests": _Kind(HTTPStatus.TOO_MANY_REQUESTS, "This key sends too many requests: wait, then go on."),
    "failed": _Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side, and it was logged: retry."),
    "unavailable": _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer now: retry later."),
    "no_release": _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The line has no published prompts yet: publish them first."),
}
"""Each code of a problem. Problems with a phone number or a file have the code of the import instead."""
_BY_STATUS = {
    400: "json",
    404: "not_found",
    405: "method",
    413: "too_large",
    415: "media_type",
}
# Our words for pydantic's: its messages quote what was sent.
_FAULTS = {
    "missing": "This field is missing: add it.",
    "extra_forbidden": "There is no such field: remove it.",
    "literal_error": "This is not one of the possible values.",
    "string_too_short": "This is too short.",
    "string_too_long": "This is too long.",
}


class ProblemError(Exception):
    """Ends a request. code: a key of PROBLEMS, or one of the import. errors: the faults of rows or fields."""

    def __init__(
        self,
        code: str,
        *,
        detail: str = "",
        status: int | None = None,
        errors: Sequence[dict[str, Any]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        kind = PROBLEMS.get(code, PROBLEMS["rejected"])
        self.code, self.detail = code, detail or kind.sentence
        self.status = status or kind.status.value
        self.errors, self.headers = list(errors), headers or {}

    def response(self) -> Response:
        document: dict[str, Any] = {
            "type": f"/api/v1/docs#{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors
        return Response(json.dumps(document), self.status, self.headers, content_type=MEDIA_TYPE)


def rejected(errors: Iterable[RowError]) -> ProblemError:
    """The problem of an import that imported nothing. Its code is that of its only error, if there is one."""
    listed = list(errors)
    code, detail = (listed[0].code, listed[0].message) if len(listed) == 1 else ("rejected", "")
    return ProblemError(code, detail=detail, errors=[error.as_json() for error in listed])


def invalid_request(error: ValidationError) -> Response:
    """The answer to a request that does not fit its model, without quoting what was sent."""
    faults = [
        {"field": ".".join(map(str, fault["loc"])), "code": fault["type"], "message": _fault_sentence(fault)}
        for fault in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FAULTS]
    ]
    return ProblemError("invalid", errors=faults).response()


def _fault_sentence(fault: Any) -> str:
    return _FAULTS.get(fault["type"], "This does not have the documented form.")


def unavailable() -> Response:
    """The answer while the database does not answer."""
    return ProblemError("unavailable", headers={"Retry-After": str(_RETRY_SECONDS)}).response()


def install(app: OpenAPI) -> None:
    """Answer every error of the app with a problem document."""

    @app.errorhandler(ProblemError)
    def problem(error: ProblemError) -> Response:
        return error.response()

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> BaseResponse:
        if error.response is not None:
            return error.get_response(request.environ)
        response = ProblemError(_BY_STATUS.get(error.code or 500, "failed"), status=error.code or 500).response()
        for name, value in error.get_headers(request.environ):
            if name == "Allow":
                response.headers[name] = value
        return response

    @app.errorhandler(LedgerUnavailable)
    def without_database(_error: LedgerUnavailable) -> Response:
        log.get_logger().error("api_without_database", endpoint=request.endpoint)
        return unavailable()

    @app.errorhandler(Exception)
    def failed(_error: Exception) -> Response:
        log.get_logger().exception("api_failed", endpoint=request.endpoint)
        return ProblemError("failed").response()
