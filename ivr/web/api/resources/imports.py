"""What batches, appointments and FHIR share: the import of rows in the name of a key."""

from __future__ import annotations

from typing import Any

from flask import request
from sqlalchemy import Connection

from ivr import clock
from ivr.people.audit import AuditKind
from ivr.reminders.imports.importer import Importer, ImportReport, OnLive
from ivr.web.api.bodies import body_file
from ivr.web.api.context import api_key, audit, content, services, staff_name
from ivr.web.api.idempotency import repeatable
from ivr.web.api.import_work import ImportAnswer, ImportJob, finish_import, import_body, run_job
from ivr.web.api.models import ImportQuery
from ivr.web.body_files import BodyFolder


def importer(on_live: OnLive = lambda _connection, _report: None) -> Importer:
    """An importer whose batches are recorded in the audit log. on_live: called in the same transaction, before that."""
    shared = services()

    def check_and_record(connection: Connection, report: ImportReport) -> None:
        on_live(connection, report)
        audit(connection, AuditKind.APPOINTMENTS_IMPORTED, batch=report.batch, rows=report.rows)

    own_numbers = frozenset({shared.settings.twilio_from} - {""})
    return Importer(shared.ledger, shared.vault, content(), own_numbers=own_numbers, on_live=check_and_record)


def import_request(query: ImportQuery, *, fhir: bool = False) -> ImportAnswer:
    """Import the body of the request, unless the same request has done so. fhir: take nothing but FHIR."""
    shared, live, received_at = services(), content(), clock.now().isoformat()
    asked = repeatable()
    if asked is not None and (earlier := finish_import(asked, shared.ledger, shared.vault, live)):
        return earlier

    def here(job: ImportJob) -> ImportAnswer:
        return run_job(job, shared.settings, shared.ledger, shared.vault, live)

    with body_file(BodyFolder(shared.settings.var_dir)) as path:
        key, kind = api_key().id, request.mimetype
        name = asked.name if asked is not None else ""
        job = ImportJob(str(path), staff_name(), key, query.strict, query.dry_run, fhir, kind, received_at, name)
        return import_body(job, here)


def is_unreadable(report: ImportReport) -> bool:
    """Whether the source as a whole could not be read."""
    return not report.rows and bool(report.errors)


def warnings_of(report: ImportReport) -> list[dict[str, Any]]:
    """The warnings of an import, except the one about rows that a file leaves out."""
    return [warning.as_json() for warning in report.warnings if warning.code != "absent_rows"]
