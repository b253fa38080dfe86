"""The appointments of a FHIR server: stamped by its clock, searched by date, change and id, and given in pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ivr.feeds.fhir.pull import FhirPull
from ivr.feeds.fhir.server import Client, FhirServer
from ivr.reminders.imports.importer import Importer
from tests.feeds.fhir.servers import LOCATION, Answer, FakeServer, appointment, bundle, patient
from tests.support.clinic import NOW


@dataclass
class Records:
    """clock: of the server, which stamps each change. page_size: appointments on a page, whatever the line asks for.

    stamps: whether resources have meta.lastUpdated.
    """

    clock: Callable[[], datetime] = lambda: NOW
    page_size: int = 200
    stamps: bool = True
    _appointments: dict[int, tuple[dict[str, Any], datetime]] = field(default_factory=dict)
    _patients: dict[int, dict[str, Any]] = field(default_factory=dict)

    def put(self, number: int, start: str = "2026-12-08T10:30:00-05:00", status: str = "booked") -> None:
        changed = self.clock()
        entry = appointment(number, start, status, changed if self.stamps else None)
        self._appointments[number] = entry, changed
        self._patients.setdefault(number, patient(number % 100))
        self._patients[number]["resource"]["id"] = f"p{number}"

    def set_phone(self, number: int, phone: str) -> None:
        """Change a Patient, which is no change of the Appointment."""
        self._patients[number]["resource"]["telecom"] = [{"system": "phone", "value": phone}]

    def server(self, *, has_date: bool = True) -> FakeServer:
        clock = (lambda: self.clock()) if has_date else None
        return FakeServer(self.answer, needs_token=False, clock=clock, has_windows=True)

    def answer(self, query: dict[str, list[str]]) -> Answer:
        found = [number for number in sorted(self._appointments) if self._matches(number, query)]
        page = int(query.get("page", ["1"])[0])
        shown = found[(page - 1) * self.page_size : page * self.page_size]
        following = ""
        if page * self.page_size < len(found):
            following = f"/fhir/Appointment?{urlencode({**query, 'page': [str(page + 1)]}, doseq=True)}"
        entries = [entry for number in shown for entry in (self._appointments[number][0], self._patients[number])]
        return bundle(*entries, *([LOCATION] if shown else []), following=following)

    def _matches(self, number: int, query: dict[str, list[str]]) -> bool:
        entry, changed = self._appointments[number]
        if "_id" in query:
            return entry["resource"]["id"] in query["_id"][0].split(",")
        if "_lastUpdated" in query:
            return changed >= datetime.fromisoformat(query["_lastUpdated"][0].removeprefix("ge"))
        day = entry["resource"]["start"][:10]
        return all(day >= bound[2:] if bound.startswith("ge") else day < bound[2:] for bound in query["date"])


def puller(clinic, fake: FakeServer, now: datetime = NOW, waits: list[float] | None = None, **more: Any) -> FhirPull:
    """now: by the clock of the line, when answers come in. waits: collects the seconds between two tries."""
    client = Client("infoline", fake.pem, "k1") if fake.needs_token else None
    server = FhirServer(fake.url, client, lambda: now, (waits if waits is not None else []).append)
    return FhirPull(server, fake.url, Importer(clinic.ledger, clinic.vault, clinic.content), **more)


def run_at(clinic, fake: FakeServer, now: datetime):
    return puller(clinic, fake, now).run(now)
