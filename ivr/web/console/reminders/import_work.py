"""Reads and imports uploads beside the requests: small files on a thread, larger ones in a process of their own.

The same web process may answer callers, who must not wait until 100,000 rows are read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from ivr import clock, log
from ivr.ledger import Ledger, Vault
from ivr.line.content.loader import Content
from ivr.people.audit import Actor, AuditKind, record
from ivr.reminders.imports.files import ReadOptions
from ivr.reminders.imports.importer import Importer
from ivr.settings import Settings
from ivr.shipped import ROOT
from ivr.web.console.reminders.findings import Findings, findings_of
from ivr.web.console.reminders.uploads import Phase, Upload, Uploads

FINDINGS, BAD_ROWS, LEFT_OUT = "findings", "bad-rows", "left-out"
SMALL_BYTES = 300_000
"""Files of this size take about a second."""
WAIT_SECONDS = 1.0
"""How long a request waits for work on a small file, so that most people never see a page of progress."""
_PROGRESS_SECONDS = 0.4
_MODULE = "ivr.web.console.reminders.import_process"


@dataclass(frozen=True)
class Desk:
    """What it takes to read or import an upload."""

    settings: Settings
    ledger: Ledger
    vault: Vault
    content: Content

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.settings.var_dir, self.vault)

    def work(self, upload: Upload) -> None:
        """Read or import an upload, as its phase says, and save what came of it. Never raises."""
        try:
            {Phase.READING: self._read, Phase.IMPORTING: self._import}[upload.phase](upload)
        except Exception:
            log.get_logger().exception("upload_failed", phase=upload.phase.value)
            upload.interrupted = True
            upload.phase = Phase.FAILED if upload.phase is Phase.READING else Phase.READ
        self.uploads.save(upload)

    def _read(self, upload: Upload) -> None:
        with self.uploads.plain_file(upload) as path:
            report = self._importer(upload).dry_run(path, clock.now())
            found, bad_rows = findings_of(report, path, _options(upload))
        self.uploads.write(upload.id, FINDINGS, found.as_json())
        self.uploads.write(upload.id, BAD_ROWS, json.dumps([asdict(row) for row in bad_rows], ensure_ascii=False))
        upload.phase, upload.rows, upload.lines = Phase.READ, found.rows, found.rows

    def _import(self, upload: Upload) -> None:
        with self.uploads.plain_file(upload) as path:
            report = self._importer(upload).run(path, clock.now())
        upload.phase, upload.batch = Phase.IMPORTED, report.batch
        upload.imported = report.accepted + report.updated
        if report.rejected:
            # Not in the state of the upload, which the former release could not read then.
            self.uploads.write(upload.id, LEFT_OUT, str(report.rejected))
        self.uploads.forget_content(upload.id, {BAD_ROWS, LEFT_OUT} if report.rejected else ())

    def _importer(self, upload: Upload) -> Importer:
        return Importer(
            self.ledger,
            self.vault,
            self.content,
            self._progress(upload),
            frozenset({self.settings.twilio_from} - {""}),
            _options(upload),
            lambda connection, report: record(
                connection,
                Actor(f"console user {upload.by}"),
                AuditKind.APPOINTMENTS_IMPORTED,
                clock.now(),
                batch=report.batch,
                rows=report.rows,
            ),
            datetime.fromisoformat(upload.received_at) if upload.received_at else None,
            self._expect(upload),
        )

    def _expect(self, upload: Upload) -> Callable[[int], None]:
        def save(rows: int) -> None:
            upload.lines = rows
            self.uploads.save(upload)

        return save

    def _progress(self, upload: Upload) -> Callable[[int], None]:
        saved_at = time.monotonic()

        def save(rows: int) -> None:
            nonlocal saved_at
            upload.rows = rows
            if time.monotonic() - saved_at > _PROGRESS_SECONDS:
                self.uploads.save(upload)
                saved_at = time.monotonic()

        return save


def start(desk: Desk, upload: Upload, lock: int) -> None:
    """Begin to read or import an upload. lock: what Uploads.lock returned; it is given back when the work is done."""
    desk.uploads.save(upload)
    is_small = upload.size <= SMALL_BYTES

    def work() -> None:
        try:
            if is_small:
                desk.work(upload)
            else:
                _run_process(upload.id, lock)
        finally:
            os.close(lock)

    thread = threading.Thread(target=work, name="upload", daemon=True)
    thread.start()
    if is_small:
        thread.join(WAIT_SECONDS)


def findings(uploads: Uploads, upload: Upload) -> Findings:
    """What was found in an upload that has been read."""
    text = uploads.read(upload.id, FINDINGS)
    return Findings.from_json(text) if text else Findings()


def rows_left_out(uploads: Uploads, upload: Upload) -> int:
    """How many rows of an imported file had faults, while they can be downloaded to mend them."""
    return int(uploads.read(upload.id, LEFT_OUT) or 0)


def files_to_mend(uploads: Uploads, user_id: int, batch: int | None) -> list[tuple[Upload, int]]:
    """The files of a user that were imported as a batch, or that changed nothing, without some rows, and how many."""
    mine = [each for each in uploads.of(user_id) if each.phase is Phase.IMPORTED and each.batch == batch]
    return [(each, rows) for each in mine if (rows := rows_left_out(uploads, each))]


def _options(upload: Upload) -> ReadOptions:
    return ReadOptions(upload.sheet, upload.hidden_rows)


def _run_process(upload_id: str, lock: int) -> None:
    with suppress(OSError):
        # The child holds the lock too, so that it stays locked if this process ends first.
        subprocess.run([sys.executable, "-m", _MODULE, upload_id], pass_fds=(lock,), cwd=ROOT, check=False)
