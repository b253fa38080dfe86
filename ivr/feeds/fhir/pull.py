"""One pull: the appointments that changed since the last one, imported like a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr import log
from ivr.feeds.day_batch import merge_into_day
from ivr.feeds.fhir.server import FhirError, FhirServer
from ivr.ledger.marks import read_mark, set_mark
from ivr.ledger.storable import UNSTORABLE
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm
from ivr.reminders.imports.errors import RowError
from ivr.reminders.imports.files.fhir import rows_of_fhir
from ivr.reminders.imports.importer import Importer, ImportReport

Resource = dict[str, Any]
NAME = "FHIR"
_PAGE = "200"
# The server's clock may be behind, and a change may be visible some time after it is stamped.
_OVERLAP = timedelta(minutes=2)
_INCLUDED = ["Appointment:patient", "Appointment:location"]


@dataclass(frozen=True)
class FhirPull:
    """url: of the server, by which it is remembered how far the last pull came."""

    server: FhirServer
    url: str
    importer: Importer

    def run(self, now: datetime) -> ImportReport:
        """Pull once. The next pull continues after this one if all of it was read, and else where this one did.

        Raises FhirError, after the alarm, and LedgerUnavailable.
        """
        ledger = self.importer.ledger
        with ledger.read() as connection:
            since = read_mark(connection, self._mark)
        try:
            bundle = _merged(self.server.search("Appointment", _parameters(since, now)))
            report = self._import(bundle, now) if bundle["entry"] else ImportReport()
        except FhirError as error:
            log.get_logger().error("fhir_pull_interrupted", reason=str(error))
            with ledger.write() as connection:
                raise_alarm(connection, Alarm.FHIR_PULL_FAILED, now, str(error))
            raise
        with ledger.write() as connection:
            ledger.exclusive_lock(connection)
            set_mark(connection, self._mark, now - _OVERLAP)
            clear_alarm(connection, Alarm.FHIR_PULL_FAILED, now)
            if report.batch is not None:
                report.batch = merge_into_day(connection, report.batch, NAME, now)
        log.get_logger().info("fhir_pulled", batch=report.batch, rows=report.rows, rejected=report.rejected)
        return report

    @property
    def _mark(self) -> str:
        return f"fhir-{hashlib.sha256(self.url.encode()).hexdigest()[:32]}"

    def _import(self, bundle: Resource, now: datetime) -> ImportReport:
        """Raises FhirError if not even some of it can be imported, such as a result that is too large."""
        warnings: list[RowError] = []
        report = self.importer.run_rows(rows_of_fhir(bundle, warnings), NAME, now, warnings=warnings)
        if whole := next((error for error in report.errors if error.row == 0), None):
            raise FhirError(whole.message)
        return report


def _parameters(since: datetime | None, now: datetime) -> dict[str, str | list[str]]:
    """The first pull takes what is ahead; later ones take what changed, whenever it starts."""
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if since else ""
    changed = {"_lastUpdated": f"ge{moment}"} if moment else {"date": f"ge{now.astimezone(UTC):%Y-%m-%d}"}
    return {**changed, "_include": _INCLUDED, "_count": _PAGE}


def _storable(value: Any) -> Any:
    """JSON without characters that no database stores. One record must not keep all others out."""
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return {_storable(name): _storable(item) for name, item in value.items()} if isinstance(value, dict) else value


def _merged(pages: Iterable[Resource]) -> Resource:
    """All pages as one Bundle. A resource that moved to a later page while the pages were read counts once."""
    entries: dict[str, Resource] = {}
    for page in pages:
        listed = page.get("entry")
        for entry in listed if isinstance(listed, list) else ():
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict) and resource.get("resourceType") != "OperationOutcome":
                name = f"{resource.get('resourceType')}/{resource.get('id') or len(entries)}"
                entries[name] = _storable(entry)
    has_appointment = any(name.startswith("Appointment/") for name in entries)
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries.values()) if has_appointment else []}
