"""Whatever happens, no text is sent at night, too often, too late, needlessly, or after an opt-out.

Random scenarios run hour by hour with the real importer, claims, and ledger. Each text is checked against the rules
independently of the code that decided to send it.
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
# A few days before the spring and fall clock changes in New York, and a date far from both.
STARTS = [datetime(2027, 3, 11, 15, tzinfo=UTC), datetime(2026, 11, 3, 1, tzinfo=UTC) - timedelta(days=5)]
STARTS.append(datetime(2026, 12, 1, 15, tzinfo=UTC))
ZONES = ("America/New_York", "Pacific/Honolulu")
DURATION = timedelta(days=9)
# The ledger lasts only one scenario, so it is kept in memory for speed.
MEMORY = "/dev/shm"
APPOINTMENTS, PATIENTS, SLICE = 4, 2, 3
QUIET = (("21:00", "08:00"), ("12:00", "17:30"), ("00:00", "00:00"))
PLAN = (
    *(ReminderStep(id=f"{n}d", before=f"{n}d", late="1d", prompt="reminder-1d", priority=n) for n in (4, 3, 2, 1)),
    ReminderStep(id="5h", before="5h", late="5h", prompt="reminder-1d", priority=1),
    ReminderStep(id="ask", before="60h", late="20h", prompt="reminder-2d", priority=1, unless="confirmed"),
)

hours = st.integers(0, int(DURATION / timedelta(hours=1)))
numbers = st.integers(1, APPOINTMENTS)
patients = st.integers(1, PATIENTS)
events = st.lists(
    st.tuples(
        hours,
        st.one_of(
            st.tuples(st.just("book"), numbers, hours, patients, st.sampled_from(ZONES)),
            st.tuples(st.just("cancel"), numbers),
            st.tuples(st.sampled_from(("stop", "start", "confirm")), patients),
            st.tuples(st.sampled_from(("pause", "resume", "cancel_batch"))),
        ),
    ),
    max_size=8,
)


@dataclass
class Scenario:
    """busy: the hours in which the carrier rejects texts because there are too many."""

    starts: datetime
    quiet: tuple[str, str]
    day: int
    week: int
    appointments: list[tuple[int, int, str]]
    events: list[tuple[int, tuple]]
    busy: set[int] = field(default_factory=set)


scenarios = st.builds(
    Scenario,
    starts=st.sampled_from(STARTS),
    quiet=st.sampled_from(QUIET),
    day=st.integers(1, 2),
    week=st.integers(1, 4),
    appointments=st.lists(
        st.tuples(st.integers(20, 24 * 10), patients, st.sampled_from(ZONES)), min_size=1, max_size=APPOINTMENTS
    ),
    events=events,
    busy=st.sets(hours, max_size=20),
)


@contextmanager
def open_scenario(content, scenario: Scenario) -> Iterator[Clinic]:
    reminders = content.config.reminders.model_copy(
        update={
            "quiet_hours": QuietHours.model_validate(dict(zip(("from", "to"), scenario.quiet, strict=True))),
            "per_number": PerNumber(day=scenario.day, week=scenario.week),
            "plan": list(PLAN),
        }
    )
    content = replace(content, config=content.config.model_copy(update={"reminders": reminders}))
    with (
        TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None) as folder,
        open_clinic(content, Path(folder)) as clinic,
    ):
        yield clinic


class Simulation:
    """Runs a scenario and tracks the state that the checks need."""

    def __init__(self, clinic: Clinic, scenario: Scenario) -> None:
        self.clinic, self.scenario = clinic, scenario
        self.booked: dict[int, tuple[datetime, int, str]] = {}
        self.cancelled: set[int] = set()
        self.opted_out: set[int] = set()
        self.sent_count = 0

    def run(self) -> None:
        for number, (ahead, patient, zone) in enumerate(self.scenario.appointments, start=1):
            self._book(self.scenario.starts, number, ahead, patient, zone)
        for hour in range(int(DURATION / timedelta(hours=1)) + 24):
            # Half of the times are on the hour, like quiet hours and appointments.
            now = self.scenario.starts + timedelta(hours=hour, minutes=hour % 2 * 37)
            for event_hour, (event, *args) in self.scenario.events:
                if event_hour == hour:
                    getattr(self, f"_{event}")(now, *args)
            self._send(now, hour)

    def _send(self, now: datetime, hour: int) -> None:
        error = BUSY if hour in self.scenario.busy else None
        while due_count(self.clinic.ledger, now, 10):
            claimed = self.clinic.claim(now, limit=SLICE)
            for claim in claimed:
                self._check(now, claim.attempt)
            self.sent_count += len(claimed)
            self.clinic.record([(claim.attempt, error or Accepted(sid(), "queued")) for claim in claimed], now)

    def _check(self, now: datetime, attempt: str) -> None:
        """Assert that this text may be sent now."""
        (row,) = self.clinic.all(text, text.c.attempt == attempt)
        number = next(n for n in self.booked if self.clinic.appointment(f"A{n}").id == row.appointment_id)
        starts_at, patient, zone = self.booked[number]
        local = now.astimezone(ZoneInfo(zone))
        start, end = self.scenario.quiet
        clock = local.strftime("%H:%M")
        is_quiet = start <= clock < end if start <= end else clock >= start or clock < end
        assert not is_quiet, local
        assert row.starts_at == starts_at
        assert now < starts_at
        assert patient not in self.opted_out
        assert number not in self.cancelled
        stored = self.clinic.appointment(f"A{number}")
        batch = self.clinic.batch(stored.batch_id)
        assert (batch.paused, batch.cancelled_at) == (False, None)
        step = next(step for step in PLAN if step.id == row.step)
        assert not (step.unless and stored.answer == "confirmed")
        # Quiet hours may move a text forward to the evening before.
        assert now >= starts_at - step.before - timedelta(hours=25)
        assert now <= starts_at - step.before + step.late + timedelta(hours=25)
        earlier = self._sent_times(patient, except_id=row.id)
        assert sum(sent.astimezone(local.tzinfo).date() == local.date() for sent in earlier) < self.scenario.day
        assert sum(now - sent < timedelta(days=7) for sent in earlier) < self.scenario.week

    def _sent_times(self, patient: int, except_id: int) -> list[datetime]:
        phone_hash = self.clinic.vault.hash(e164(patient))
        with self.clinic.ledger.read() as connection:
            person_id = connection.execute(select(person.c.id).where(person.c.phone_hash == phone_hash)).scalar_one()
        others = self.clinic.all(text, text.c.person_id == person_id, text.c.id != except_id)
        return [stored.claimed_at for stored in others if stored.state in COUNTED]

    def _import(self, now: datetime, number: int, **cells: str) -> None:
        starts_at, patient, zone = self.booked[number]
        row = {"appointment_id": f"A{number}", "phone": phone(patient), "starts_at": starts_at.isoformat()}
        report = self.clinic.import_rows({**row, "timezone": zone, **cells}, now=now)
        assert report.rejected == 0, report.errors

    def _book(self, now: datetime, number: int, ahead: int, patient: int, zone: str) -> None:
        self.booked[number] = (now + timedelta(hours=ahead + 1), patient, zone)
        self.cancelled.discard(number)
        self._import(now, number)

    def _cancel(self, now: datetime, number: int) -> None:
        if number in self.booked:
            self.cancelled.add(number)
            self._import(now, number, status="cancelled")

    def _stop(self, now: datetime, patient: int) -> None:
        self.opted_out.add(patient)
        self._write(opt_out, now, patient, "text", "STOP")

    def _start(self, now: datetime, patient: int) -> None:
        self.opted_out.discard(patient)
        self._write(opt_in, now, patient, "text", "START")

    def _confirm(self, now: datetime, patient: int) -> None:
        self._write(record_reply, now, patient, "confirmed")

    def _write(self, action, now: datetime, patient: int, *args: str) -> None:
        with self.clinic.ledger.write() as connection:
            action(connection, self.clinic.vault, e164(patient), now, *args)

    def _pause(self, _now: datetime) -> None:
        self._control(paused=True)

    def _resume(self, _now: datetime) -> None:
        self._control(paused=False)

    def _cancel_batch(self, now: datetime) -> None:
        self._control(cancelled_at=now)

    def _control(self, **values) -> None:
        with suppress(CancelledBatch):
            control(self.clinic.ledger, 1, **values)


def e164(patient: int) -> str:
    return f"+1{phone(patient).replace('-', '')}"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scenarios)
def test_no_text_is_ever_sent_at_night_too_often_too_late_or_after_an_opt_out(content, scenario):
    with open_scenario(content, scenario) as clinic:
        Simulation(clinic, scenario).run()
        handed_over = clinic.all(text, text.c.state == "handed_over")
        sent = [(row.appointment_id, row.starts_at, row.step) for row in handed_over]
        assert len(sent) == len(set(sent))


def test_a_scenario_without_obstacles_sends_the_whole_plan(content):
    scenario = Scenario(STARTS[2], ("00:00", "00:00"), 6, 6, [(24 * 8, 1, ZONES[0])], [])
    with open_scenario(content, scenario) as clinic:
        simulation = Simulation(clinic, scenario)
        simulation.run()
        assert simulation.sent_count == len(PLAN)
