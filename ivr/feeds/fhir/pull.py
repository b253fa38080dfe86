"""One pull: the appointments that changed since the last one, imported page by page like files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ivr import log
from ivr.feeds.day_batch import merge_into_day
from ivr.feeds.fhir.position import FirstPull, Position, ServerTimes
from ivr.feeds.fhir.rejected import RejectedAppointment, RejectedList
from ivr.feeds.fhir.server import FhirError, FhirServer, Page
from ivr.line.content.loader import Content
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm
from ivr.reminders.imports.change_order import parse_sent_at
from ivr.reminders.imports.columns import SENT_AT
from ivr.reminders.imports.errors import RowError
from ivr.reminders.imports.files.fhir import rows_of_fhir
from ivr.reminders.imports.files.fhir.resources import Resource, entries_of, object_of, objects_of
from ivr.reminders.imports.importer import Importer, ImportReport
from ivr.storable import UNSTORABLE

Parameters = dict[str, str | list[str]]
NAME = "FHIR"
_PAGE = "200"
_INCLUDED = ["Appointment:patient", "Appointment:location"]
_READ = ("Appointment", "Patient", "Location")
# Ids in one search: servers limit the length of an address.
_IDS = 50
# Resources other than appointments that are kept from one page to the next.
_MAX_INCLUDED = 1000
_COUNTS = ("rows", "accepted", "updated", "unchanged", "rejected", "cancelled")


@dataclass
class PullReport(ImportReport):
    """The counts of all pages. errors, warnings: with the rows counted through the pull. is_complete: whether nothing
    is left. warned_ids: the ids of the appointments with warnings, by row. unreadable: entries of the answers that are
    no resource, so that nobody knows what they are about."""

    rejected_appointments: list[RejectedAppointment] = field(default_factory=list)
    imported_ids: set[str] = field(default_factory=set)
    warned_ids: dict[int, str] = field(default_factory=dict)
    unreadable: int = 0
    is_complete: bool = True

    def add(self, page: ImportReport, batch: int | None) -> None:
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(page, name))
        self.errors += page.errors
        self.warnings += page.warnings
        self.batch = batch or self.batch


@dataclass(frozen=True)
class FhirPull:
    """url: of the server, by which it is remembered how far the last pull came.

    progress: called after each page with the number of appointments so far, and in a first pull with the day up to
    which all are read. should_stop: asked after each page; the next pull continues.
    """

    server: FhirServer
    url: str
    importer: Importer
    progress: Callable[[int, date | None], None] = lambda _rows, _until: None
    should_stop: Callable[[], bool] = lambda: False

    def with_content(self, content: Content) -> FhirPull:
        return replace(self, importer=replace(self.importer, content=content))

    def run(self, now: datetime) -> PullReport:
        """Pull once. What is read is imported at once; the next pull continues where this one has stopped.

        Raises FhirError, after the alarm, and LedgerUnavailable.
        """
        ledger, report = self.importer.ledger, PullReport()
        try:
            report.is_complete = self._read_all(now, report)
        except FhirError as error:
            log.get_logger().error("fhir_pull_interrupted", reason=str(error))
            with ledger.write() as connection:
                raise_alarm(connection, Alarm.FHIR_PULL_FAILED, now, str(error))
            raise
        if report.is_complete:
            with ledger.write() as connection:
                clear_alarm(connection, Alarm.FHIR_PULL_FAILED, now)
        log.get_logger().info("fhir_pulled", batch=report.batch, rows=report.rows, rejected=report.rejected)
        return report

    def _read_all(self, now: datetime, report: PullReport) -> bool:
        """Read what is new, and ask again for what was rejected. Returns whether nothing is left."""
        ledger, position = self.importer.ledger, Position(self.url)
        with ledger.read() as connection:
            since = position.since(connection)
            first = position.first_pull(connection, now.astimezone(UTC).date())
        if since is None:
            times = first.times
            is_complete = self._read_first(first, position, now, report)
        else:
            times = ServerTimes()
            is_complete = self._read(_changed(since), times, now, report)
        if not is_complete:
            return False
        with ledger.write() as connection:
            position.save(connection, times.next_since(since))
        return self._read_rejected(now, report)

    def _read_first(self, first: FirstPull, position: Position, now: datetime, report: PullReport) -> bool:
        """The appointments ahead, window by window, so that a pull that is interrupted repeats one window at most."""
        for start, end in first.windows(now.astimezone(UTC).date()):
            if not self._read(_starting(start, end), first.times, now, report, until=start):
                return False
            if end:
                with self.importer.ledger.write() as connection:
                    position.save_first_pull(connection, FirstPull(end, first.times), now)
        return True

    def _read_rejected(self, now: datetime, report: PullReport) -> bool:
        """The rejected appointments of earlier pulls: their fault may be in a Patient, whose change is no change of the
        Appointment."""
        rejected = RejectedList(self.importer.vault, self.url)
        with self.importer.ledger.read() as connection:
            waiting = rejected.open_ids(connection)
        seen = report.imported_ids | {each.resource_id for each in report.rejected_appointments}
        waiting = [resource_id for resource_id in waiting if resource_id not in seen]
        for start in range(0, len(waiting), _IDS):
            wanted: Parameters = {"_id": ",".join(waiting[start : start + _IDS])}
            if not self._read(wanted, ServerTimes(), now, report):
                return False
        return True

    def _read(
        self, wanted: Parameters, times: ServerTimes, now: datetime, report: PullReport, until: date | None = None
    ) -> bool:
        """Import the pages of a search. Returns False if it was stopped before the last one."""
        known: dict[str, int] = {}
        included: dict[str, Resource] = {}
        for page in self.server.search("Appointment", {**wanted, "_include": _INCLUDED, "_count": _PAGE}):
            entries = _entries(page.bundle)
            report.unreadable += sum(entry.fault is not None for entry in entries_of(page.bundle))
            # A resource that moved to a later page while the pages were read counts once.
            versions = {name: hash(repr(entry)) for name, entry in entries.items()}
            new = [entry for name, entry in entries.items() if known.get(name) != versions[name]]
            known |= versions
            appointments = [entry for entry in new if _is_appointment(entry)]
            others = {name: entry for name, entry in entries.items() if not _is_appointment(entry)}
            # A server may include a Patient or a Location on the first page only that needs it.
            included = dict(list((included | others).items())[-_MAX_INCLUDED:])
            times.note(page, [entry["resource"] for entry in appointments])
            if appointments:
                self._import_page([*appointments, *included.values()], page, now, report)
            self.progress(report.rows, until)
            if self.should_stop():
                return False
        return True

    def _import_page(self, entries: list[Resource], page: Page, now: datetime, report: PullReport) -> None:
        """Raises FhirError if not even some of it can be imported."""
        warnings: list[RowError] = []
        taken: dict[int, tuple[str, dict[str, str]]] = {}
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        offset, first = page.clock_offset, report.rows

        def rows() -> Iterator[tuple[int, dict[str, str]]]:
            for number, cells in rows_of_fhir(bundle, warnings):
                taken[first + number] = (str(entries[number - 1]["resource"].get("id") or ""), cells)
                yield first + number, _with_our_time(cells, offset)

        of_page = self.importer.run_rows(rows(), NAME, now, warnings=warnings)
        if whole := next((error for error in of_page.errors if error.row == 0), None):
            raise FhirError(whole.message)
        errors: dict[int, list[RowError]] = {}
        for error in of_page.errors:
            errors.setdefault(error.row, []).append(error)
        rejected = [RejectedAppointment(*taken[number], found) for number, found in errors.items()]
        imported = {resource_id for number, (resource_id, _) in taken.items() if number not in errors}
        with self.importer.ledger.write() as connection:
            self.importer.ledger.exclusive_lock(connection)
            batch = of_page.batch and merge_into_day(connection, of_page.batch, NAME, now)
            RejectedList(self.importer.vault, self.url).settle(connection, rejected, imported, now)
        report.add(of_page, batch)
        report.rejected_appointments += rejected
        report.imported_ids |= imported
        for row in {warning.row for warning in of_page.warnings} & taken.keys():
            report.warned_ids[row] = taken[row][1].get("appointment_id") or taken[row][0]


def _changed(since: datetime) -> Parameters:
    return {"_lastUpdated": f"ge{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _starting(start: date, end: date | None) -> Parameters:
    """Appointments that start in a window of days."""
    return {"date": [f"ge{start}", *([f"lt{end}"] if end else [])]}


def _with_our_time(cells: dict[str, str], offset: timedelta) -> dict[str, str]:
    """The cells with the time of the change by our clock, which orders it among changes from other sources."""
    sent_at = parse_sent_at(cells[SENT_AT]) if offset and SENT_AT in cells else None
    return {**cells, SENT_AT: (sent_at + offset).isoformat()} if sent_at else cells


def _storable(value: Any) -> Any:
    """JSON without characters that no database stores. One record must not keep all others out."""
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return {_storable(name): _storable(item) for name, item in value.items()} if isinstance(value, dict) else value


def _is_appointment(entry: Resource) -> bool:
    return bool(entry["resource"].get("resourceType") == "Appointment")


def _entries(bundle: Resource) -> dict[str, Resource]:
    """The entries of a page by the type and id of their resource."""
    entries: dict[str, Resource] = {}
    for entry in objects_of(bundle.get("entry")):
        resource = object_of(entry.get("resource"))
        if resource.get("resourceType") in _READ:
            name = f"{resource.get('resourceType')}/{resource.get('id') or len(entries)}"
            entries[name] = _storable(entry)
    return entries
