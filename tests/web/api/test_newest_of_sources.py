"""Every source of appointments against every other one: the newest change wins, and the history says from where."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product

import pytest

from ivr import clock
from ivr.feeds.fhir.pull import FhirPull
from ivr.feeds.fhir.server import Client, FhirServer
from ivr.feeds.folder import WatchedFolder
from ivr.feeds.hl7.process import Feed
from ivr.reminders.imports.importer import Importer
from ivr.settings import Settings
from tests.feeds.fhir import servers
from tests.feeds.fhir.servers import FakeServer, running
from tests.feeds.hl7.messages import siu
from tests.support.clinic import NOW, csv_text, row
from tests.web.api.conftest import Api

# What each source is called in the history, and whether its changes have the sender's time.
SOURCES = {
    "HL7": ("HL7 RADIS", True),
    "FHIR request": ("Epic (API)", True),
    "FHIR pull": ("FHIR", True),
    "API batch": ("Epic (API)", False),
    "API put": ("Epic (API)", False),
    "file": ("{day}.csv", False),
}
OLDER, NEWER = 8, 9
SENT = {OLDER: NOW + timedelta(minutes=10), NEWER: NOW + timedelta(minutes=20)}
IN_ORDER, REVERSED = "in order", "reversed"
# The minutes of the two arrivals. In order, the older change arrives before the newer one is sent.
ARRIVALS = {IN_ORDER: (12, 25), REVERSED: (25, 30)}


class Sources:
    """Sends a change of one appointment from each source. The day in December says which change it is."""

    def __init__(self, api: Api, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clinic, self.client, self._server = api.clinic, api.client(), server
        self._monkeypatch = monkeypatch
        self._feed = Feed(Settings(), self.clinic.ledger, self.clinic.vault, self.clinic.content)
        self._importer = Importer(self.clinic.ledger, self.clinic.vault, self.clinic.content)
        self._send: dict[str, Callable[[int, int, datetime], None]] = {
            "HL7": self._hl7,
            "FHIR request": self._fhir_request,
            "FHIR pull": self._fhir_pull,
            "API batch": self._batch,
            "API put": self._put,
            "file": self._file,
        }

    def change(self, source: str, number: int, day: int, received_at: datetime) -> None:
        self._monkeypatch.setattr(clock, "now", lambda: received_at)
        self._send[source](number, day, received_at)

    def _hl7(self, number: int, day: int, _now: datetime) -> None:
        sent = f"{SENT[day]:%Y%m%d%H%M%S}+0000"
        [(_, reply)] = self._feed.replay(
            siu(number, sent=sent, control=f"{number}-{day}", starts=f"202612{day:02}1030")
        )
        assert reply.code == "AA"

    def _entries(self, number: int, day: int) -> list[dict]:
        booked = servers.appointment(number, f"2026-12-{day:02}T10:30:00-05:00")
        booked["resource"]["meta"] = {"lastUpdated": SENT[day].isoformat()}
        return [booked, servers.patient(number), servers.LOCATION]

    def _fhir_request(self, number: int, day: int, _now: datetime) -> None:
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": self._entries(number, day)}
        headers = {"Content-Type": "application/fhir+json"}
        assert self.client.post("/fhir", data=json.dumps(bundle), headers=headers).status_code == 200

    def _fhir_pull(self, number: int, day: int, now: datetime) -> None:
        self._server.answer = lambda _query: servers.bundle(*self._entries(number, day))
        client = Client("infoline", self._server.pem, "k1")
        FhirPull(FhirServer(self._server.url, client, lambda: now), self._server.url, self._importer).run(now)

    def _cells(self, number: int, day: int) -> dict[str, str]:
        return row(number, f"2026-12-{day:02} 10:30", site="elliot")

    def _batch(self, number: int, day: int, _now: datetime) -> None:
        assert self.client.post("/batches", {"appointments": [self._cells(number, day)]}).status_code == 201

    def _put(self, number: int, day: int, _now: datetime) -> None:
        cells = self._cells(number, day)
        path = f"/appointments/{cells.pop('appointment_id')}"
        assert self.client.put(path, cells).status_code in (200, 201)

    def _file(self, number: int, day: int, now: datetime) -> None:
        folder = self.clinic.folder / "incoming"
        folder.mkdir(exist_ok=True)
        path = folder / f"{day}.csv"
        path.write_text(csv_text([self._cells(number, day)]))
        watched = WatchedFolder(folder, self.clinic.ledger, self.clinic.vault, lambda: self.clinic.content)
        assert watched.take(path, now).is_done


@pytest.fixture
def sources(api_on_each_database, monkeypatch):
    with running(FakeServer(lambda _query: servers.bundle())) as server:
        yield Sources(api_on_each_database, server, monkeypatch)


def test_the_newest_change_of_any_two_sources_wins_and_the_history_says_from_where(sources):
    found, expected = {}, {}
    cases = product(SOURCES, SOURCES, (IN_ORDER, REVERSED))
    for number, (older, newer, order) in enumerate(cases, 1):
        arrivals = [(older, OLDER), (newer, NEWER)]
        # Without a sender's time, the change that arrives last is the newest one.
        winner = arrivals[1] if order == IN_ORDER or SOURCES[older][1] else arrivals[0]
        arrivals = arrivals if order == IN_ORDER else arrivals[::-1]
        for minutes, (source, day) in zip(ARRIVALS[order], arrivals, strict=True):
            sources.change(source, number, day, NOW + timedelta(minutes=minutes))
        (first_source, first_day), case = arrivals[0], (older, newer, order)
        stored = sources.clinic.appointment(f"A{number}")
        changed_from = [change.source for change in sources.clinic.changes(f"A{number}")]
        found[case] = (stored.starts_at.day, stored.created_from, changed_from)
        created_from = SOURCES[first_source][0].format(day=first_day)
        expected_changes = [SOURCES[winner[0]][0].format(day=winner[1])] if winner != arrivals[0] else []
        expected[case] = (winner[1], created_from, expected_changes)
    assert found == expected
