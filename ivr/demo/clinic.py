"""Builds the made-up clinic: imports files of the past, then sends what was due in two weeks."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from sqlalchemy import Table, func, insert, select

from ivr.carrier.twilio.client import Accepted
from ivr.demo.appointments import coming_rows, past_rows, write_file
from ivr.demo.calls import call_rows
from ivr.demo.sign_ins import add_users, are_users_kept_out, create_password, let_users_in
from ivr.demo.texts import text_rows, unanswered_rows
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, batch, call_turn, console_user, incoming_text, unanswered
from ivr.line.callflow.states import TimeOfDay
from ivr.line.content.loader import Content
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.keywords import ReminderAnswer
from ivr.people.replies import record_reply
from ivr.reminders.imports.importer import Importer
from ivr.reminders.outbox.claims import claim_reminders
from ivr.reminders.outbox.exclusive_claim import ClaimedText
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.reminders.outbox.results import ResultRecorder

T = TypeVar("T")
DAYS = 14
PAST_IMPORT, COMING_IMPORT = timedelta(days=DAYS), timedelta(days=6)
# Reminders of a past day are sent at these hours of the site.
SENDING_HOURS = (9, 13, 17)
SLICE, RETRY_SECONDS = 500, 30.0
# How texts ended, and how often: the code is Twilio's, None for delivered.
RECEIPTS: tuple[tuple[int | None, int], ...] = ((None, 20), (30003, 1), (30006, 1), (30005, 1))
# What patients replied to a delivered reminder, and how often.
REPLIES: tuple[tuple[ReminderAnswer | None, int], ...] = ((None, 9), ("confirmed", 9), ("change", 1))
CALLBACKS: tuple[tuple[TimeOfDay, str, str | None], ...] = (
    ("morning", "en", "next-steps"),
    ("afternoon", "es", "the-visit"),
    ("any", "en", None),
)
CALLS_A_DAY, TEXTS_A_DAY = (6, 14), (4, 10)
_EMPTY_TABLES = (batch, appointment, call_turn, console_user)


def is_unfinished(ledger: Ledger) -> bool:
    """Whether the clinic of a ledger was begun, and never finished."""
    with ledger.read() as connection:
        return are_users_kept_out(connection)


@dataclass
class DemoClinic:
    """Builds the clinic in a ledger. now: aware. seed: the same one gives the same clinic at the same time."""

    ledger: Ledger
    vault: Vault
    content: Content
    now: datetime
    seed: int = 1

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - not for secrets
        self._today = datetime.combine(self.now.astimezone(self.content.config.zone), time(), self.content.config.zone)

    def build(self, var_dir: Path) -> bool:
        """Fill the ledger, unless it contains anything. Returns whether it did."""
        if not self.begin():
            return False
        self.finish(var_dir)
        return True

    def begin(self) -> bool:
        """Create the users, who cannot sign in yet, unless the ledger contains anything. Returns whether it did."""
        with self.ledger.read() as connection:
            if any(connection.execute(select(func.count()).select_from(table)).scalar() for table in _EMPTY_TABLES):
                return False
        with self.ledger.write() as connection:
            add_users(connection, self.now)
        return True

    def finish(self, var_dir: Path) -> None:
        """Add two weeks of appointments, reminders, calls, and texts. Last, so that it tells a whole clinic from one
        that was interrupted, the users get their password."""
        self._add_history()
        with self.ledger.write() as connection:
            let_users_in(connection, create_password(var_dir), self.now)

    def _add_history(self) -> None:
        with TemporaryDirectory() as folder:
            past, coming = Path(folder, "appointments-last-month.csv"), Path(folder, "appointments-this-month.csv")
            write_file(past, past_rows(self._today))
            write_file(coming, coming_rows(self._today))
            importer = Importer(self.ledger, self.vault, self.content)
            importer.run(past, self.now - PAST_IMPORT)
            self._send_until(self.now - COMING_IMPORT, since=self.now - PAST_IMPORT)
            importer.run(coming, self.now - COMING_IMPORT)
            self._send_until(self.now - timedelta(minutes=10), since=self.now - COMING_IMPORT)
        calls, texts = self._moments(CALLS_A_DAY), self._moments(TEXTS_A_DAY)
        self._insert(call_turn, list(call_rows(self.content, self.vault, calls, self._dice)))
        self._insert(incoming_text, list(text_rows(self.content, self.vault, texts, self._dice)))
        self._insert(unanswered, list(unanswered_rows(self.vault, texts[::7])))
        self._add_callbacks(calls)

    def _send_until(self, until: datetime, since: datetime) -> None:
        """Send what was due between two moments, as workers would have, with receipts and replies."""
        for day in range(-DAYS - 1, 1):
            for hour in SENDING_HOURS:
                at = (self._today + timedelta(days=day, hours=hour)).astimezone(self.now.tzinfo)
                if since <= at < until:
                    self._send(at)

    def _send(self, at: datetime) -> None:
        claimed = claim_reminders(self.ledger, self.vault, self.content, at, SLICE)
        if not claimed:
            return
        accepted = [(text.attempt, Accepted(f"SM{secrets.token_hex(16)}", "queued")) for text in claimed]
        ResultRecorder(self.ledger, self.vault, RETRY_SECONDS).record(accepted, at + timedelta(seconds=1))
        for text in claimed:
            self._settle(text, at)

    def _settle(self, text: ClaimedText, at: datetime) -> None:
        code = self._pick(RECEIPTS)
        status = "delivered" if code is None else "undelivered"
        apply_receipt(self.ledger, self.vault, Receipt(text.attempt, status, "", code), at + timedelta(seconds=5))
        answer = self._pick(REPLIES) if code is None else None
        if answer is not None:
            with self.ledger.write() as connection:
                record_reply(connection, self.vault, text.phone, at + timedelta(minutes=20), answer)

    def _moments(self, a_day: tuple[int, int]) -> list[datetime]:
        """Moments of the last two weeks during the day, oldest first; fewer on weekends."""
        moments = []
        for day in range(-DAYS + 1, 1):
            start = self._today + timedelta(days=day)
            count = self._dice.randint(*a_day) // (3 if start.weekday() > 4 else 1)
            moments += [start + timedelta(hours=8, minutes=self._dice.randrange(11 * 60)) for _ in range(count)]
        last = self.now - timedelta(minutes=10)
        return sorted(moment.astimezone(self.now.tzinfo) for moment in moments if moment < last)

    def _add_callbacks(self, calls: list[datetime]) -> None:
        entry = self.content.config.directory[0].id
        with self.ledger.write() as connection:
            for number, (at, (wished, language, topic)) in enumerate(zip(reversed(calls), CALLBACKS, strict=False)):
                phone = f"+160355501{60 + number}"
                request = CallbackRequest(phone, language, entry, topic, wished, f"CA{secrets.token_hex(16)}")
                save_callback(connection, self.vault, request, at)

    def _insert(self, table: Table, rows: list[dict[str, object]]) -> None:
        if rows:
            with self.ledger.write() as connection:
                connection.execute(insert(table), rows)

    def _pick(self, choices: Sequence[tuple[T, int]]) -> T:
        return self._dice.choices([value for value, _ in choices], [weight for _, weight in choices])[0]
