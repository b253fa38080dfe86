"""Batches: appointments as JSON or a file, what became of their reminders, and pause, resume and cancel."""

from __future__ import annotations

from typing import Any

from flask import request
from sqlalchemy import select

from ivr import clock
from ivr.ledger.tables import batch
from ivr.people.audit import AuditKind
from ivr.reminders.reports.status import CancelledBatch, NoSuchBatch, batch_status, control, counts_of_batches
from ivr.web.api import fhir_models, models
from ivr.web.api.context import audit, ledger
from ivr.web.api.documentation import LOCATION, answer, body_of, links_to, problems, resource, schema_of
from ivr.web.api.fhir_models import FhirBundle
from ivr.web.api.gate import ALL, SCHEDULERS
from ivr.web.api.import_work import FHIR_JSON
from ivr.web.api.pages import after, page
from ivr.web.api.problems import ProblemError, rejected
from ivr.web.api.resources.imports import import_request, is_unreadable

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXAMPLE = {
    "appointment_id": "A1",
    "phone": "603-555-0123",
    "starts_at": "2026-12-08T10:00:00-05:00",
    "site": "elliot",
    "language": "es",
    "first_name": "Ann",
}
CSV_EXAMPLE = "\n".join(",".join(line) for line in (EXAMPLE.keys(), EXAMPLE.values())) + "\n"
MEDIA_TYPES = {
    "application/json": {"schema": schema_of(models.BatchBody), "example": {"appointments": [EXAMPLE]}},
    FHIR_JSON: {"schema": schema_of(FhirBundle), "example": fhir_models.EXAMPLE},
    "text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE},
    XLSX: {"schema": {"type": "string", "format": "binary", "description": "A list with the names of its columns."}},
}
_LINKS = links_to(
    "batch_id", "$response.body#/batch", *(f"batches_{name}" for name in ("show", "pause", "resume", "cancel"))
)
blueprint = resource("batches", "Batches")
ACCESS = {
    "batches.create": SCHEDULERS,
    "batches.list_batches": ALL,
    "batches.show": ALL,
    "batches.pause": SCHEDULERS,
    "batches.resume": SCHEDULERS,
    "batches.cancel": SCHEDULERS,
}


@blueprint.post(
    "/batches",
    responses={201: answer(models.ImportResult, LOCATION, _LINKS), 200: models.ImportResult, **problems(413, 415, 422)},
    openapi_extensions=body_of(MEDIA_TYPES),
)
def create(query: models.ImportQuery) -> tuple[dict[str, object], int, dict[str, str]]:
    """Import appointments.

    JSON with "appointments", whose fields are the columns of a file; a CSV or XLSX file; or a FHIR R4 Bundle. Valid
    rows are imported even if others are rejected. A dry run answers 200.
    """
    if request.mimetype not in MEDIA_TYPES:
        raise ProblemError("media_type", detail=f"Content-Type must be one of {', '.join(MEDIA_TYPES)}.")
    report = import_request(query).report
    if is_unreadable(report) or (query.strict and report.errors):
        raise rejected(report.errors)
    location = {"Location": f"/api/v1/batches/{report.batch}"} if report.batch else {}
    return report.as_json(), 200 if query.dry_run else 201, location


@blueprint.get("/batches", responses={200: models.BatchPage, **problems(422)})
def list_batches(query: models.PageQuery) -> dict[str, Any]:
    """List the batches, the newest first."""
    last = after(query)
    older = select(batch.c.id).where(*([batch.c.id < last] if last else [])).order_by(batch.c.id.desc())
    with ledger().read() as connection:
        ids = connection.execute(older.limit(query.limit + 1)).scalars().all()
        shown, following = page(ids, query.limit, lambda batch_id: batch_id)
        counts = counts_of_batches(connection, shown)
    return {"batches": [counts[batch_id] for batch_id in shown], "next": following}


@blueprint.get("/batches/<int:batch_id>", responses={200: models.BatchStatus, **problems(404)})
def show(path: models.BatchPath) -> dict[str, Any]:
    """What became of the texts of a batch."""
    return _status(path.batch_id)


@blueprint.post("/batches/<int:batch_id>/pause", responses={200: models.BatchStatus, **problems(404, 409)})
def pause(path: models.BatchPath) -> dict[str, Any]:
    """Send no texts of a batch until it is resumed."""
    return _change(path.batch_id, AuditKind.BATCH_PAUSED, paused=True)


@blueprint.post("/batches/<int:batch_id>/resume", responses={200: models.BatchStatus, **problems(404, 409)})
def resume(path: models.BatchPath) -> dict[str, Any]:
    """Send the texts of a paused batch again."""
    return _change(path.batch_id, AuditKind.BATCH_RESUMED, paused=False)


@blueprint.post("/batches/<int:batch_id>/cancel", responses={200: models.BatchStatus, **problems(404, 409)})
def cancel(path: models.BatchPath) -> dict[str, Any]:
    """Cancel a batch for good: none of its remaining texts goes out."""
    return _change(path.batch_id, AuditKind.BATCH_CANCELLED, cancelled_at=clock.now())


def _change(batch_id: int, kind: AuditKind, **values: Any) -> dict[str, Any]:
    try:
        control(ledger(), batch_id, on_change=lambda connection: audit(connection, kind, batch=batch_id), **values)
    except NoSuchBatch as error:
        raise ProblemError("not_found", detail=str(error)) from None
    except CancelledBatch as error:
        raise ProblemError("batch_cancelled", detail=str(error)) from None
    return _status(batch_id)


def _status(batch_id: int) -> dict[str, Any]:
    try:
        return batch_status(ledger(), batch_id)
    except NoSuchBatch as error:
        raise ProblemError("not_found", detail=str(error)) from None
