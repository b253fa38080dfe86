"""One appointment: put, get, cancel, and its texts. Putting one is an import of one row."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, jsonify, request
from sqlalchemy import ColumnElement, Connection, Row, Select, exists, select
from werkzeug.wrappers import Response as BaseResponse

from ivr import clock
from ivr.ledger.tables import appointment, batch, staged_change
from ivr.people.audit import AuditKind
from ivr.reminders.imports.files import UnreadableFile
from ivr.reminders.imports.files.json_file import rows_of_json
from ivr.reminders.imports.importer import ImportRefused, ImportReport, Rows
from ivr.reminders.reports.appointment_texts import TextReporter, appointments_query, local_time
from ivr.web.api import models
from ivr.web.api.context import audit, config, services, staff_name
from ivr.web.api.documentation import ETAG, IF_MATCH, answer, links_to, problems, resource
from ivr.web.api.gate import ALL, SCHEDULERS
from ivr.web.api.problems import ProblemError, rejected
from ivr.web.api.resources.imports import importer, warnings_of

blueprint = resource("appointments", "Appointments")
ACCESS = {
    "appointments.put": SCHEDULERS,
    "appointments.show": ALL,
    "appointments.cancel": SCHEDULERS,
    "appointments.texts": ALL,
}
_RESULTS = ("accepted", "updated", "unchanged")
_IS_LIVE = batch.c.live_at.is_not(None)
_LINKS = links_to(
    "appointment_id", "$request.path.appointment_id", *(f"appointments_{name}" for name in ("show", "texts", "cancel"))
)


@blueprint.put(
    "/appointments/<appointment_id>",
    responses={
        200: answer(models.AppointmentResult, ETAG, _LINKS),
        201: answer(models.AppointmentResult, ETAG, _LINKS),
        **problems(400, 412, 422),
    },
    openapi_extensions=IF_MATCH,
)
def put(path: models.AppointmentPath, body: models.AppointmentFields) -> Response:
    """Add or change an appointment: the row of a file, as JSON.

    If-Match changes only the version that was read, and If-None-Match: * only adds.
    """
    values = {**body.model_dump(exclude_unset=True), "appointment_id": path.appointment_id}
    warnings: list[Any] = []
    try:
        rows = list(rows_of_json([values], warnings))
    except UnreadableFile as unreadable:
        raise rejected([unreadable.error]) from None
    report = _import(path.appointment_id, iter(rows))
    result = next((name for name in _RESULTS if getattr(report, name)), "unchanged")
    row = _row(path.appointment_id)
    found = _json(row)
    notes = [*(warning.as_json() for warning in warnings), *warnings_of(report)]
    response = jsonify({"appointment": found, "result": result, "warnings": notes})
    response.status_code = 201 if result == "accepted" else 200
    response.set_etag(_version(row))
    return response


@blueprint.get(
    "/appointments/<appointment_id>",
    responses={200: answer(models.Appointment, ETAG, _LINKS), 304: None, **problems(404)},
)
def show(path: models.AppointmentPath) -> BaseResponse:
    """An appointment, without the patient's number and name."""
    row = _row(path.appointment_id, AuditKind.APPOINTMENT_READ)
    response = jsonify(_json(row))
    response.set_etag(_version(row))
    return response.make_conditional(request)


@blueprint.delete(
    "/appointments/<appointment_id>", responses={204: None, **problems(404, 412, 422)}, openapi_extensions=IF_MATCH
)
def cancel(path: models.AppointmentPath) -> Response:
    """Cancel an appointment: nothing more is sent for it."""
    # Of an import that is not live, too: it may still run, and must not book the appointment after that.
    with services().ledger.read() as connection:
        if connection.execute(select(appointment.c.id).where(_has_id(path.appointment_id))).first() is None:
            raise _no_appointment()
    _import(path.appointment_id, iter([(1, {"appointment_id": path.appointment_id, "status": "cancelled"})]))
    if _row(path.appointment_id).status != "cancelled":
        # Something newer is known, so the import left this out.
        raise ProblemError("changed")
    return Response(status=204)


@blueprint.get("/appointments/<appointment_id>/texts", responses={200: models.AppointmentTexts, **problems(404)})
def texts(path: models.AppointmentPath) -> dict[str, Any]:
    """The past and upcoming texts of an appointment, in order of time."""
    query = appointments_query().where(appointment.c.appointment_id == path.appointment_id)
    with services().ledger.read() as connection:
        row = connection.execute(query).first()
        if row is None or row.live_at is None:
            raise _no_appointment()
        [(_, reports)] = TextReporter(config().reminders, clock.now()).report(connection, [row])
    zone = ZoneInfo(row.timezone)
    listed = [{name: cell or None for name, cell in report.cells(zone).items()} for report in reports]
    return {"appointment_id": row.appointment_id, "texts": listed}


def _import(appointment_id: str, rows: Rows) -> ImportReport:
    """Import one row, unless the request's conditions fail. Ends the request with a problem if it is rejected."""
    with services().ledger.read() as connection:
        _check_conditions(connection, appointment_id)

    def check_again(connection: Connection, report: ImportReport) -> None:
        # Another request may have changed the appointment since then, or be about to.
        services().ledger.exclusive_lock(connection)
        _check_conditions(connection, appointment_id, report.batch)

    try:
        report = importer(check_again).run_rows(rows, staff_name(), clock.now())
    except ImportRefused:
        raise ProblemError("changed") from None
    if report.errors:
        raise rejected(report.errors)
    return report


class _Changed(ProblemError, ImportRefused):
    """A condition of the request fails."""


def _check_conditions(connection: Connection, appointment_id: str, own_batch: int | None = None) -> None:
    """Check If-Match and If-None-Match. own_batch: the batch of this request, in which a new appointment is already."""
    if not request.if_match and not request.if_none_match:
        return
    row = connection.execute(_query(appointment_id)).first()
    current = _version(row) if row is not None and row.batch_id != own_batch else None
    others = (staged_change.c.into != (own_batch or 0)) & (staged_change.c.appointment == appointment.c.id)
    waits = exists().where(_has_id(appointment_id), others, batch.c.id == staged_change.c.into, _IS_LIVE)
    is_changing = connection.execute(select(waits)).scalar_one()
    if request.if_match and (current is None or not request.if_match.contains(current) or is_changing):
        raise _Changed("changed")
    if request.if_none_match and (is_changing or (current and request.if_none_match.contains(current))):
        raise _Changed("changed")


def _has_id(appointment_id: str) -> ColumnElement[bool]:
    return appointment.c.appointment_id == appointment_id


def _query(appointment_id: str) -> Select[Any]:
    """An appointment that counts: one of an import that has not gone live may never do so."""
    return select(appointment).join(batch).where(_has_id(appointment_id), _IS_LIVE)


def _row(appointment_id: str, kind: AuditKind | None = None) -> Row[Any]:
    """The appointment. kind: recorded in the audit log."""
    ledger = services().ledger
    with ledger.write() if kind else ledger.read() as connection:
        row = connection.execute(_query(appointment_id)).first()
        if row is None:
            raise _no_appointment()
        if kind:
            audit(connection, kind, appointment=row.id)
    return row


def _no_appointment() -> ProblemError:
    return ProblemError("not_found", detail="There is no appointment with this id: send it as it is in the file.")


def _json(row: Row[Any]) -> dict[str, Any]:
    zone = ZoneInfo(row.timezone)
    names = ("appointment_id", "timezone", "site", "language", "channel", "status", "answer")
    return {
        **{name: getattr(row, name) for name in names},
        "batch": row.batch_id,
        "starts_at": local_time(row.starts_at, zone),
        "answered_at": local_time(row.answered_at, zone) or None,
    }


def _version(row: Row[Any]) -> str:
    """The ETag of an appointment. It also changes with the number and the name, and is keyed, so that it tells neither.

    The batch is left out: a file that says the same again changes nothing.
    """
    vault = services().vault
    name = vault.open(row.first_name_sealed) if row.first_name_sealed else ""
    versioned = {**_json(row), "batch": None, "person": row.person_id, "first_name": name}
    return vault.hash(json.dumps(versioned, sort_keys=True))[:32]
