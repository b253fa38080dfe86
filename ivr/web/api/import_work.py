"""Imports of whole bodies: small ones on the thread of their request, larger ones in a process of their own.

The same web process may answer callers, who must not wait until 100,000 rows are read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from ivr import clock
from ivr.ledger import Ledger, Vault
from ivr.line.content.loader import Content
from ivr.people.audit import Actor, AuditKind, record
from ivr.reminders.imports.columns import EXPRESSIONS
from ivr.reminders.imports.errors import RowError
from ivr.reminders.imports.files import ReadOptions, read_rows
from ivr.reminders.imports.importer import Importer, ImportRefused, ImportReport, Rows
from ivr.reminders.imports.preview import TextPreview
from ivr.reminders.imports.staging import finish_batch
from ivr.settings import Settings
from ivr.shipped import ROOT
from ivr.web.api.repeated import RequestName, store_import, stored_import

SMALL_BYTES, SMALL_FHIR_BYTES = 2_000_000, 5_500_000
"""Files of this size, at most 12,000 rows, take about a second, and a process takes as long to start.

A FHIR appointment with its patient takes three times the bytes of a row, and is parsed in a process in any case.
"""
FHIR_JSON = "application/fhir+json"
_MODULE = "ivr.web.api.import_process"


@dataclass(frozen=True)
class ImportJob:
    """What to import, for whom. path: of the body. name: of the batch. key_id: of the API key.

    media_type: as the request says. fhir: take nothing but FHIR. received_at: when the request came, in ISO 8601.
    request: its name, as in RequestName, if it can be repeated.
    """

    path: str
    name: str
    key_id: int
    strict: bool
    dry_run: bool
    fhir: bool
    media_type: str
    received_at: str
    request: str = ""

    @property
    def request_name(self) -> RequestName | None:
        return RequestName(self.key_id, self.request) if self.request else None


@dataclass(frozen=True)
class ImportAnswer:
    """places: with `fhir`, for each row JSON: {column: FHIRPath expression}."""

    report: ImportReport
    places: dict[int, str]

    def as_json(self) -> str:
        return json.dumps([asdict(self.report), self.places])

    @classmethod
    def from_json(cls, text: str) -> ImportAnswer:
        values, places = json.loads(text)
        for name, kind in (("errors", RowError), ("warnings", RowError), ("preview", TextPreview)):
            if values[name] is not None:
                values[name] = [kind(**each) for each in values[name]]
        return cls(ImportReport(**values), {int(number): place for number, place in places.items()})


def import_body(job: ImportJob, here: Callable[[ImportJob], ImportAnswer]) -> ImportAnswer:
    """Import a body. here: does it in this process. Raises CalledProcessError if the process of its own fails."""
    is_fhir = job.fhir or job.media_type == FHIR_JSON
    if Path(job.path).stat().st_size <= (SMALL_FHIR_BYTES if is_fhir else SMALL_BYTES):
        return here(job)
    command = [sys.executable, "-m", _MODULE, json.dumps(asdict(job))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return ImportAnswer.from_json(done.stdout)


def run_job(job: ImportJob, settings: Settings, ledger: Ledger, vault: Vault, content: Content) -> ImportAnswer:
    """Import a body in this process, and record it in the audit log.

    With a request that can be repeated, the answer is stored in the transaction that makes the batch live.
    """
    asked = job.request_name

    def record_import(connection: Connection, report: ImportReport) -> None:
        actor, kind = Actor(f"api key {job.key_id}"), AuditKind.APPOINTMENTS_IMPORTED
        record(connection, actor, kind, clock.now(), batch=report.batch, rows=report.rows)
        imported = ImportAnswer(report, places).as_json()
        if asked is not None and not store_import(connection, vault, asked, imported):
            raise ImportRefused

    own_numbers = frozenset({settings.twilio_from} - {""})
    received_at = datetime.fromisoformat(job.received_at)
    importer = Importer(ledger, vault, content, own_numbers=own_numbers, on_live=record_import, received_at=received_at)
    warnings: list[RowError] = []
    places: dict[int, str] = {}
    rows = _remember_places(read_rows(Path(job.path), ReadOptions(fhir=job.fhir), warnings), places)
    if job.dry_run:
        return ImportAnswer(importer.dry_run_rows(rows, clock.now(), strict=job.strict, warnings=warnings), places)
    report = ImportReport()
    with suppress(ImportRefused):
        report = importer.run_rows(rows, job.name, clock.now(), strict=job.strict, warnings=warnings)
    # Nothing is new or changed, perhaps because a repetition of the request was faster.
    faster = finish_import(asked, ledger, vault, content) if asked is not None and report.batch is None else None
    return faster or ImportAnswer(report, places)


def finish_import(asked: RequestName, ledger: Ledger, vault: Vault, content: Content) -> ImportAnswer | None:
    """What another attempt of the request has imported, all of it applied; None if nothing."""
    with ledger.read() as connection:
        imported = stored_import(connection, vault, asked)
    if imported is None:
        return None
    answer = ImportAnswer.from_json(imported)
    assert answer.report.batch is not None
    finish_batch(ledger, vault, content.config, answer.report.batch, clock.now())
    return answer


def _remember_places(rows: Rows, places: dict[int, str]) -> Rows:
    """The rows without their expressions, which go to `places` by the number of the row."""
    for number, cells in rows:
        if EXPRESSIONS in cells:
            places[number] = cells.pop(EXPRESSIONS)
        yield number, cells
