"""A clinic for tests: appointment files as a scheduler writes them, and a ledger to import them into and send from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from ivr.carrier.twilio.client import Accepted
from ivr.ledger import Vault, open_ledger
from ivr.ledger.tables import appointment, appointment_change, batch, text, text_move
from ivr.reminders.imports.importer import Importer, ImportReport
from ivr.reminders.outbox.claims import claim_reminders
from ivr.reminders.outbox.results import ResultRecorder

HEADER = ("appointment_id", "phone", "starts_at", "first_name", "status", "channel", "language", "timezone", "site")
# A Tuesday, 10:00 a.m. in New Hampshire.
NOW = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
RETRY = 30.0
_sids = count(1)


def sid() -> str:
    return f"SM{next(_sids):032x}"


def phone(number: int) -> str:
    """One of the hundred numbers reserved for fiction: 603-555-0100 to 603-555-0199."""
    return f"603-555-01{number:02}"


def at(days: float, hours: float = 0) -> str:
    """The time `days` and `hours` after NOW, in ISO format."""
    return (NOW + timedelta(days=days, hours=hours)).isoformat()


def row(number: int, starts_at: str, **cells: str) -> dict[str, str]:
    return {"appointment_id": f"A{number}", "phone": phone(number % 100), "starts_at": starts_at, **cells}


def csv_text(rows: Iterable[dict[str, str]], delimiter: str = ",") -> str:
    rows = list(rows)
    names = [name for name in HEADER if any(name in row for row in rows)]
    output = io.StringIO()
    writer = csv.DictWriter(output, names, delimiter=delimiter, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return output.getvalue()


class Clinic:
    """A ledger with appointments, and the operations that a worker runs on it."""

    def __init__(self, ledger, vault, content, folder: Path) -> None:
        self.ledger, self.vault, self.content, self.folder = ledger, vault, content, folder

    def texts_to(self, *countries: str) -> None:
        """Let the content allow these countries only."""
        rules = self.content.config.reminders.model_copy(update={"countries": list(countries)})
        self.content = replace(self.content, config=self.content.config.model_copy(update={"reminders": rules}))

    def import_rows(
        self, *rows: dict[str, str], now: datetime = NOW, name: str = "appointments.csv", strict: bool = False
    ) -> ImportReport:
        return self.import_file(self._file(rows, name), now, strict=strict)

    def import_file(self, path: Path, now: datetime = NOW, *, strict: bool = False) -> ImportReport:
        return Importer(self.ledger, self.vault, self.content).run(path, now, strict=strict)

    def dry_run(self, *rows: dict[str, str], now: datetime = NOW) -> ImportReport:
        return Importer(self.ledger, self.vault, self.content).dry_run(self._file(rows, "rehearsed.csv"), now)

    def _file(self, rows: tuple[dict[str, str], ...], name: str) -> Path:
        path = self.folder / name
        path.write_text(csv_text(rows))
        return path

    def claim(self, now: datetime = NOW, limit: int = 500, **more):
        return claim_reminders(self.ledger, self.vault, self.content, now, limit, **more)

    def record(self, results, now: datetime = NOW) -> None:
        ResultRecorder(self.ledger, self.vault, RETRY).record(results, now)

    def send(self, now: datetime = NOW):
        """Claim the due reminders and record that the carrier accepted them."""
        claimed = self.claim(now)
        self.record([(text.attempt, Accepted(sid(), "queued")) for text in claimed], now)
        return claimed

    def all(self, table, *where):
        with self.ledger.read() as connection:
            return connection.execute(
                select(table).where(*where).order_by(table.c[next(iter(table.primary_key)).name])
            ).all()

    def appointment(self, name: str):
        return self.all(appointment, appointment.c.appointment_id == name)[0]

    def changes(self, name: str):
        """What imports changed of an appointment, oldest first."""
        return self.all(appointment_change, appointment_change.c.appointment_id == self.appointment(name).id)

    def batch(self, number: int):
        return self.all(batch, batch.c.id == number)[0]

    def texts(self, name: str | None = None):
        return self.all(text, text.c.appointment_id == self.appointment(name).id if name else text.c.id > 0)

    def states(self, name: str | None = None) -> dict[str, str]:
        """{step: state} of one appointment's texts; without a name, of the only appointment."""
        return {text.step: text.state for text in self.texts(name)}

    def moves(self, text_id: int) -> list[tuple[str | None, str, str | None]]:
        return [
            (move.from_state, move.to_state, move.reason)
            for move in self.all(text_move, text_move.c.text_id == text_id)
        ]


@cache
def _empty_ledger() -> bytes:
    """A SQLite file with all tables, created once: the migrations take longer than most tests."""
    with TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/empty.db")
        ledger.upgrade()
        ledger.close()
        return (Path(folder) / "empty.db").read_bytes()


def write_empty_ledger(path: Path) -> None:
    """Create a SQLite database with all tables, readable by its owner only, as the migrations leave it."""
    path.touch(mode=0o600)
    path.write_bytes(_empty_ledger())


@contextmanager
def open_clinic(content, folder: Path) -> Iterator[Clinic]:
    """A clinic on SQLite, for behavior that does not depend on the database."""
    write_empty_ledger(folder / "small.db")
    ledger = open_ledger(f"sqlite:///{folder}/small.db")
    yield Clinic(ledger, Vault([b"k" * 32]), content, folder)
    ledger.close()
