"""Whatever happens in whatever order: nobody is texted at night, too often, too late, for nothing, or against her will.

Stories are drawn, and lived through hour by hour with the real importer, claims and ledger. What went out is checked
against the rules as they are written, by other means than those that decided it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import person, text
from ivr.line.content.config import PerNumber, QuietHours, ReminderStep
from ivr.people.persons import opt_in, opt_out
from ivr.people.replies import record_reply
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.outbox.text_states import COUNTED
from ivr.reminders.reports.status import CancelledBatch, control
from tests.support.clinic import Clinic, open_clinic, phone, sid

BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")
# Beginnings a few days before the clocks change in New York, in spring and in autumn, and in between.
BEGINNINGS = [datetime(2027, 3, 11, 15, tzinfo=UTC), datetime(2026, 11, 3, 1, tzinfo=UTC) - timedelta(days=5)]
BEGINNINGS.append(datetime(2026, 12, 1, 15, tzinfo=UTC))
ZONES = ("America/New_York", "Pacific/Honolulu")
LIVED = timedelta(days=9)
# A ledger that no story outlives need not wait for a disk.
MEMORY = "/dev/shm"
VISITS, PERSONS, SLICE = 4, 2, 3
QUIET = (("21:00", "08:00"), ("12:00", "17:30"), ("00:00", "00:00"))
PLAN = (
    *(ReminderStep(id=f"{n}d", before=f"{n}d", late="1d", prompt="reminder-1d", priority=n) for n in (4, 3, 2, 1)),
    ReminderStep(id="5h", before="5h", late="5h", prompt="reminder-1d", priority=1),
    ReminderStep(id="ask", before="60h", late="20h", prompt="reminder-2d", priority=1, unless="confirmed"),
)

hours = st.integers(0, int(LIVED / timedelta(hours=1)))
visits = st.integers(1, VISITS)
persons = st.integers(1, PERSONS)
happenings = st.lists(
    st.tuples(
        hours,
        st.one_of(
            st.tuples(st.just("book"), visits, hours, persons, st.sampled_from(ZONES)),
            st.tuples(st.just("cancel"), visits),
            st.tuples(st.sampled_from(("stop", "start", "confirm")), persons),
            st.tuples(st.sampled_from(("pause", "resume", "end"))),
        ),
    ),
    max_size=8,
)


@dataclass
class Story:
    """What is lived through. busy: at which of the hours the carrier has no time for us."""

    begins: datetime
    quiet: tuple[str, str]
    day: int
    week: int
    visits: list[tuple[int, int, str]]
    happens: list[tuple[int, tuple]]
    busy: set[int] = field(default_factory=set)


stories = st.builds(
    Story,
    begins=st.sampled_from(BEGINNINGS),
    quiet=st.sampled_from(QUIET),
    day=st.integers(1, 2),
    week=st.integers(1, 4),
    visits=st.lists(st.tuples(st.integers(20, 24 * 10), persons, st.sampled_from(ZONES)), min_size=1, max_size=VISITS),
    happens=happenings,
    busy=st.sets(hours, max_size=20),
)


@contextmanager
def living(content, story: Story) -> Iterator[Clinic]:
    reminders = content.config.reminders.model_copy(
        update={
            "quiet_hours": QuietHours.model_validate(dict(zip(("from", "to"), story.quiet, strict=True))),
            "per_number": PerNumber(day=story.day, week=story.week),
            "plan": list(PLAN),
        }
    )
    content = replace(content, config=content.config.model_copy(update={"reminders": reminders}))
    with (
        TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None) as folder,
        open_clinic(content, Path(folder)) as clinic,
    ):
        yield clinic


class Life:
    """A story as it is lived, and what is remembered of it for the proof."""

    def __init__(self, clinic: Clinic, story: Story) -> None:
        self.clinic, self.story = clinic, story
        self.booked: dict[int, tuple[datetime, int, str]] = {}
        self.cancelled: set[int] = set()
        self.silent: set[int] = set()
        self.went = 0

    def live(self) -> None:
        for number, (ahead, whose, zone) in enumerate(self.story.visits, start=1):
            self._book(self.story.begins, number, ahead, whose, zone)
        for hour in range(int(LIVED / timedelta(hours=1)) + 24):
            # Half of the looks are on the hour, as quiet hours and visits are.
            now = self.story.begins + timedelta(hours=hour, minutes=hour % 2 * 37)
            for at, (what, *told) in self.story.happens:
                if at == hour:
                    getattr(self, f"_{what}")(now, *told)
            self._send(now, hour)

    def _send(self, now: datetime, hour: int) -> None:
        answer = BUSY if hour in self.story.busy else None
        while due_count(self.clinic.ledger, now, 10):
            claimed = self.clinic.claim(now, limit=SLICE)
            for one in claimed:
                self._prove(now, one.attempt)
            self.went += len(claimed)
            self.clinic.record([(one.attempt, answer or Accepted(sid(), "queued")) for one in claimed], now)

    def _prove(self, now: datetime, attempt: str) -> None:
        """That this text may go out at this moment."""
        (row,) = self.clinic.all(text, text.c.attempt == attempt)
        number = next(n for n in self.booked if self.clinic.appointment(f"A{n}").id == row.appointment_id)
        starts_at, whose, zone = self.booked[number]
        here = ZoneInfo(zone)
        local = now.astimezone(here)
        begins, ends = self.story.quiet
        clock = local.strftime("%H:%M")
        asleep = begins <= clock < ends if begins <= ends else clock >= begins or clock < ends
        assert not asleep, local
        assert row.starts_at == starts_at
        assert now < starts_at
        assert whose not in self.silent
        assert number not in self.cancelled
        visit = self.clinic.appointment(f"A{number}")
        batch = self.clinic.batch(visit.batch_id)
        assert (batch.paused, batch.cancelled_at) == (False, None)
        step = next(step for step in PLAN if step.id == row.step)
        assert not (step.unless and visit.answer == "confirmed")
        # Quiet hours may bring a text forward to the evening before.
        assert now >= starts_at - step.before - timedelta(hours=25)
        assert now <= starts_at - step.before + step.late + timedelta(hours=25)
        before = self._spent(whose, but=row.id)
        assert sum(at.astimezone(here).date() == local.date() for at in before) < self.story.day
        assert sum(now - at < timedelta(days=7) for at in before) < self.story.week

    def _spent(self, whose: int, but: int) -> list[datetime]:
        hers = self.clinic.vault.hash(e164(whose))
        with self.clinic.ledger.read() as connection:
            her = connection.execute(select(person.c.id).where(person.c.phone_hash == hers)).scalar_one()
        return [
            one.claimed_at
            for one in self.clinic.all(text, text.c.person_id == her, text.c.id != but)
            if one.state in COUNTED
        ]

    def _take(self, now: datetime, number: int, **cells: str) -> None:
        starts_at, whose, zone = self.booked[number]
        row = {"appointment_id": f"A{number}", "phone": phone(whose), "starts_at": starts_at.isoformat()}
        report = self.clinic.take({**row, "timezone": zone, **cells}, now=now)
        assert report.rejected == 0, report.errors

    def _book(self, now: datetime, number: int, ahead: int, whose: int, zone: str) -> None:
        self.booked[number] = (now + timedelta(hours=ahead + 1), whose, zone)
        self.cancelled.discard(number)
        self._take(now, number)

    def _cancel(self, now: datetime, number: int) -> None:
        if number in self.booked:
            self.cancelled.add(number)
            self._take(now, number, status="cancelled")

    def _stop(self, now: datetime, whose: int) -> None:
        self.silent.add(whose)
        self._tell(opt_out, now, whose, "text", "STOP")

    def _start(self, now: datetime, whose: int) -> None:
        self.silent.discard(whose)
        self._tell(opt_in, now, whose, "text", "START")

    def _confirm(self, now: datetime, whose: int) -> None:
        self._tell(record_reply, now, whose, "confirmed")

    def _tell(self, what, now: datetime, whose: int, *told: str) -> None:
        with self.clinic.ledger.write() as connection:
            what(connection, self.clinic.vault, e164(whose), now, *told)

    def _pause(self, _now: datetime) -> None:
        self._control(paused=True)

    def _resume(self, _now: datetime) -> None:
        self._control(paused=False)

    def _end(self, now: datetime) -> None:
        self._control(cancelled_at=now)

    def _control(self, **values) -> None:
        with suppress(CancelledBatch):
            control(self.clinic.ledger, 1, **values)


def e164(whose: int) -> str:
    return f"+1{phone(whose).replace('-', '')}"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stories)
def test_whatever_happens_nobody_is_texted_at_night_too_often_too_late_or_against_her_will(content, story):
    with living(content, story) as clinic:
        Life(clinic, story).live()
        sent = [(one.appointment_id, one.starts_at, one.step) for one in clinic.all(text) if one.state == "handed_over"]
        assert len(sent) == len(set(sent))


def test_a_story_in_which_nothing_stands_in_the_way_sends_the_whole_plan(content):
    story = Story(BEGINNINGS[2], ("00:00", "00:00"), 6, 6, [(24 * 8, 1, ZONES[0])], [])
    with living(content, story) as clinic:
        life = Life(clinic, story)
        life.live()
        assert life.went == len(PLAN)
