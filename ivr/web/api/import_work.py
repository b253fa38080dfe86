"""Imports of whole bodies: small ones on the thread of their request, larger ones in a process of their own.

The same web process may answer callers, who must not wait until 100,000 rows are read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
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
from ivr.reminders.imports.importer import Importer, ImportReport, Rows
from ivr.reminders.imports.preview import TextPreview
from ivr.settings import Settings
from ivr.shipped import ROOT

SMALL_BYTES = 2_000_000
"""Files of this size, about 12,000 rows, take about a second, and a process takes as long to start."""
_MODULE = "ivr.web.api.import_process"


@dataclass(frozen=True)
class ImportJob:
    """What to import, for whom. path: of the body. name: of the batch. key_id: of the API key.

    fhir: take nothing but FHIR. received_at: when the request came, in ISO 8601.
    """

    path: str
    name: str
    key_id: int
    strict: bool
    dry_run: bool
    fhir: bool
    received_at: str


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
    if Path(job.path).stat().st_size <= SMALL_BYTES:
        return here(job)
    command = [sys.executable, "-m", _MODULE, json.dumps(asdict(job))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return ImportAnswer.from_json(done.stdout)


def run_job(job: ImportJob, settings: Settings, ledger: Ledger, vault: Vault, content: Content) -> ImportAnswer:
    """Import a body in this process, and record it in the audit log."""

    def record_import(connection: Connection, batch: int, rows: int) -> None:
        actor = Actor(f"api key {job.key_id}")
        record(connection, actor, AuditKind.APPOINTMENTS_IMPORTED, clock.now(), batch=batch, rows=rows)

    own_numbers = frozenset({settings.twilio_from} - {""})
    received_at = datetime.fromisoformat(job.received_at)
    importer = Importer(ledger, vault, content, own_numbers=own_numbers, on_live=record_import, received_at=received_at)
    warnings: list[RowError] = []
    places: dict[int, str] = {}
    rows = _remember_places(read_rows(Path(job.path), ReadOptions(fhir=job.fhir), warnings), places)
    if job.dry_run:
        report = importer.dry_run_rows(rows, clock.now(), strict=job.strict, warnings=warnings)
    else:
        report = importer.run_rows(rows, job.name, clock.now(), strict=job.strict, warnings=warnings)
    return ImportAnswer(report, places)


def _remember_places(rows: Rows, places: dict[int, str]) -> Rows:
    """The rows without their expressions, which go to `places` by the number of the row."""
    for number, cells in rows:
        if EXPRESSIONS in cells:
            places[number] = cells.pop(EXPRESSIONS)
        yield number, cells
