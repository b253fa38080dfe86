"""FHIR R4: a Bundle of Appointments or one Appointment in, an OperationOutcome out, with an issue for each fault.

https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Response, request

from ivr.people.phone_faults import PhoneFault
from ivr.reminders.imports.errors import ErrorCode, RowError
from ivr.reminders.imports.importer import ImportReport
from ivr.web.api import fhir_models, models
from ivr.web.api.documentation import body_of, problems, resource, schema_of
from ivr.web.api.gate import SCHEDULERS
from ivr.web.api.import_work import FHIR_JSON
from ivr.web.api.problems import ProblemError
from ivr.web.api.resources.imports import import_request, is_unreadable

CODES = "urn:infoline:codes"
_BODY = {"schema": {"oneOf": [schema_of(model) for model in fhir_models.MODELS]}, "example": fhir_models.EXAMPLE}
MEDIA_TYPES = dict.fromkeys((FHIR_JSON, "application/json"), _BODY)
OUTCOME = {"content": {FHIR_JSON: {"schema": {"$ref": "#/components/schemas/OperationOutcome"}}}}
# https://hl7.org/fhir/R4/valueset-issue-type.html
_TYPES: dict[str, str] = {
    **dict.fromkeys((ErrorCode.MISSING, PhoneFault.EMPTY), "required"),
    **dict.fromkeys((ErrorCode.SITE, ErrorCode.STATUS, ErrorCode.TIME_ZONE, ErrorCode.CHANNEL), "code-invalid"),
    ErrorCode.CODE: "code-invalid",
    ErrorCode.DELETION: "not-supported",
    **dict.fromkeys((ErrorCode.DATE, ErrorCode.PAST, ErrorCode.TOO_FAR_AHEAD, ErrorCode.SKIPPED_HOUR), "value"),
    **dict.fromkeys(
        (ErrorCode.UNREADABLE, ErrorCode.EMPTY_FILE, ErrorCode.NO_APPOINTMENTS, ErrorCode.ENTRY), "structure"
    ),
    **dict.fromkeys((ErrorCode.TOO_LONG, ErrorCode.TOO_LARGE, ErrorCode.TOO_MANY_ROWS), "too-long"),
    ErrorCode.TOO_COMPLEX: "too-costly",
    ErrorCode.DUPLICATE_APPOINTMENT: "duplicate",
    ErrorCode.OWN_NUMBER: "business-rule",
}
_TYPE_OF_ERRORS, _TYPE_OF_WARNINGS = "value", "business-rule"
blueprint = resource("fhir", "FHIR")
ACCESS = {"fhir.receive": SCHEDULERS}


@blueprint.post(
    "/fhir",
    responses={200: {**OUTCOME, "description": "OK"}, **problems(413, 415), 422: models.OperationOutcome},
    openapi_extensions={**body_of(MEDIA_TYPES), "x-422": OUTCOME},
)
def receive(query: models.ImportQuery) -> Response:
    """Import a FHIR R4 Bundle of Appointments, or one Appointment.

    Patients and Locations are entries of the Bundle, or contained. The answer is an OperationOutcome: 200 if at least
    one Appointment was taken, 422 if none was.
    """
    if request.mimetype not in MEDIA_TYPES:
        raise ProblemError("media_type", detail=f"Content-Type must be one of {', '.join(MEDIA_TYPES)}.")
    answer = import_request(query, fhir=True)
    report, places = answer.report, answer.places
    is_refused = is_unreadable(report) or report.rejected == report.rows
    response = Response(json.dumps(_outcome(report, places)), 422 if is_refused else 200, content_type=FHIR_JSON)
    if report.batch:
        response.headers["Location"] = f"/api/v1/batches/{report.batch}"
    return response


def _outcome(report: ImportReport, places: dict[int, str]) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": list(_issues(report, places))}


def _issues(report: ImportReport, places: dict[int, str]) -> Iterator[dict[str, Any]]:
    yield {
        "severity": "information",
        "code": "informational",
        "diagnostics": f"{report.rows} appointments: {report.accepted} new, {report.updated} updated,"
        f" {report.unchanged} unchanged, {report.rejected} rejected.",
    }
    for error in report.errors:
        yield _issue("error", _TYPES.get(error.code, _TYPE_OF_ERRORS), error, places)
    for warning in report.warnings:
        if warning.code != "absent_rows":
            yield _issue("warning", _TYPE_OF_WARNINGS, warning, places)


def _issue(severity: str, kind: str, finding: RowError, places: dict[int, str]) -> dict[str, Any]:
    """An issue, with the FHIRPath expression of what it is about unless it is about all of the request."""
    known: dict[str, str] = json.loads(places.get(finding.row, "{}"))
    # A fault of the Bundle as a whole names its element itself.
    expression = known.get(finding.column) or known.get("") or finding.column
    return {
        "severity": severity,
        "code": kind,
        "details": {"coding": [{"system": CODES, "code": finding.code}], "text": finding.message},
        **({"expression": [expression]} if expression else {}),
    }
