"""What batches, appointments and FHIR share: the import of rows in the name of a key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ivr import clock
from ivr.people.audit import AuditKind
from ivr.reminders.imports.importer import Importer, ImportReport, OnLive
from ivr.web.api.bodies import body_file
from ivr.web.api.context import api_key, audit, content, services, staff_name
from ivr.web.api.import_work import ImportAnswer, ImportJob, import_body, run_job
from ivr.web.api.models import ImportQuery
from ivr.web.body_files import BodyFolder


def importer(on_live: OnLive = lambda _connection, _batch, _rows: None) -> Importer:
    """An importer whose batches are recorded in the audit log. on_live: called in the same transaction, before that."""
    shared = services()

    def check_and_record(connection: Connection, batch: int, rows: int) -> None:
        on_live(connection, batch, rows)
        audit(connection, AuditKind.APPOINTMENTS_IMPORTED, batch=batch, rows=rows)

    own_numbers = frozenset({shared.settings.twilio_from} - {""})
    return Importer(shared.ledger, shared.vault, content(), own_numbers=own_numbers, on_live=check_and_record)


def import_request(query: ImportQuery, *, fhir: bool = False) -> ImportAnswer:
    """Import the body of the request. fhir: take nothing but FHIR."""
    live, received_at = content(), clock.now().isoformat()

    def here(job: ImportJob) -> ImportAnswer:
        shared = services()
        return run_job(job, shared.settings, shared.ledger, shared.vault, live)

    with body_file(BodyFolder(services().settings.var_dir)) as path:
        job = ImportJob(str(path), staff_name(), api_key().id, query.strict, query.dry_run, fhir, received_at)
        return import_body(job, here)


def is_unreadable(report: ImportReport) -> bool:
    """Whether the source as a whole could not be read."""
    return not report.rows and bool(report.errors)


def warnings_of(report: ImportReport) -> list[dict[str, Any]]:
    """The warnings of an import, except the one about rows that a file leaves out."""
    return [warning.as_json() for warning in report.warnings if warning.code != "absent_rows"]
