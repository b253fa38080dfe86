"""How far the pulls of a server have come, by the server's clock: no difference between two clocks loses a change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, select

from ivr.feeds.fhir.server import Page
from ivr.ledger.marks import read_mark, set_mark
from ivr.ledger.tables import mark
from ivr.reminders.imports.change_order import parse_sent_at
from ivr.reminders.imports.files.fhir.resources import Resource, object_of, text_of

OVERLAP = timedelta(minutes=2)
"""A change may be visible some time after it is stamped."""
_WINDOW = timedelta(days=28)
# Appointments that are further ahead are rejected, so they are all in the last window, which has no end.
_MOST_AHEAD = timedelta(days=731)


@dataclass
class ServerTimes:
    """The times that a search saw. started: when the server answered first. newest: the latest change of what it gave,
    None if it stamps nothing. is_empty: whether it gave no appointment."""

    started: datetime | None = None
    newest: datetime | None = None
    is_empty: bool = True

    def note(self, page: Page, appointments: list[Resource]) -> None:
        self.started = self.started or page.searched_at
        for resource in appointments:
            self.is_empty = False
            changed = parse_sent_at(text_of(object_of(resource.get("meta")).get("lastUpdated")))
            self.newest = max(filter(None, (self.newest, changed)), default=None)

    def next_since(self, since: datetime | None) -> datetime | None:
        """From where the next pull asks for changes: not later than the first answer, nor than the newest change.

        The header Date may be of a proxy whose clock is ahead of the one that stamps changes, and a change that is made
        during the pull may be on a page that was read before. None: nothing is known, and the next pull is a first one.
        """
        bounds = [moment - OVERLAP for moment in (self.started, self.newest) if moment]
        if self.is_empty and since:
            bounds.append(since)
        return min(bounds, default=since)


@dataclass(frozen=True)
class FirstPull:
    """A first pull that has not come to its end. start: of the window that comes next. times: seen so far."""

    start: date
    times: ServerTimes = field(default_factory=ServerTimes)

    def windows(self, today: date) -> Iterator[tuple[date, date | None]]:
        """The first days of each window and of the next one; the last window has no end."""
        start = self.start
        while start < today + _MOST_AHEAD:
            yield start, start + _WINDOW
            start += _WINDOW
        yield start, None


class Position:
    """The marks of a server in the database. url: its address."""

    def __init__(self, url: str) -> None:
        digest = hashlib.sha256(url.encode()).hexdigest()
        # The name of a mark holds 40 characters.
        self._since, self._first = f"fhir-{digest[:32]}", f"fhir-first-{digest[:28]}"

    def since(self, connection: Connection) -> datetime | None:
        """From where to ask for changes; None until a first pull is complete."""
        return read_mark(connection, self._since)

    def first_pull(self, connection: Connection, today: date) -> FirstPull:
        """Where to continue the first pull."""
        value = connection.execute(select(mark.c.value).where(mark.c.name == self._first)).scalar()
        if value is None:
            return FirstPull(today)
        start, started, newest = value.split("|")
        times = ServerTimes(parse_sent_at(started), parse_sent_at(newest), is_empty=False)
        return FirstPull(date.fromisoformat(start), times)

    def save_first_pull(self, connection: Connection, first: FirstPull, now: datetime) -> None:
        times = first.times
        value = "|".join((first.start.isoformat(), _seconds(times.started), _seconds(times.newest)))
        set_mark(connection, self._first, now, value)

    def save(self, connection: Connection, since: datetime | None) -> None:
        """Record that everything before `since` was read. None changes nothing but the end of the first pull."""
        connection.execute(delete(mark).where(mark.c.name == self._first))
        if since:
            set_mark(connection, self._since, since)


def _seconds(moment: datetime | None) -> str:
    return moment.replace(microsecond=0).isoformat() if moment else ""
