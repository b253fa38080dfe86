"""When a text is sent: due times, quiet hours, lateness, limits, and the properties of every decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ivr.line.content.config import PerNumber, QuietHours, ReminderRules, ReminderStep
from ivr.reminders.schedule.plan import (
    Decision,
    PlannedAppointment,
    decide,
    due_at,
    expires_at,
    quiet_until,
    renamed_steps,
    useful_until,
)

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = ("21:00", "08:00")
NONE = ("00:00", "00:00")
SHIPPED = (("7d", "7d", "4d", 3), ("2d", "2d", "1d", 1), ("1d", "1d", "18h", 2))


def quiet_hours(start: str, end: str) -> QuietHours:
    return QuietHours.model_validate({"from": start, "to": end})


def rules(plan=SHIPPED, quiet=NIGHT, day=1, week=3, unless=()) -> ReminderRules:
    return ReminderRules(
        quiet_hours=quiet_hours(*quiet),
        per_number=PerNumber(day=day, week=week),
        plan=[
            ReminderStep(
                id=name, before=before, late=late, priority=priority, prompt="p", unless=unless_of(name, unless)
            )
            for name, before, late, priority in plan
        ],
    )


def unless_of(name, confirmed):
    return "confirmed" if name in confirmed else None


def utc(local: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)


def appointment(local: str, zone: ZoneInfo = NEW_YORK, answer: str | None = None) -> PlannedAppointment:
    return PlannedAppointment(utc(local, zone), zone, answer)


def step(before: str, late: str = "12h") -> ReminderStep:
    return ReminderStep(id="a", before=before, late=late, prompt="p")


DUE = [
    ("a week before", "2026-12-10 14:30", "7d", NIGHT, "2026-12-03 14:30"),
    (
        "two days before, over the spring clock change: the same local time",
        "2026-03-09 14:30",
        "2d",
        NIGHT,
        "2026-03-07 14:30",
    ),
    (
        "two days before, over the fall clock change: the same local time",
        "2026-11-02 14:30",
        "2d",
        NIGHT,
        "2026-10-31 14:30",
    ),
    ("14 hours before, over the fall clock change: elapsed hours", "2026-11-01 14:30", "14h", NONE, "2026-11-01 01:30"),
    (
        "a day before, at an hour that the clocks skip: the hour after",
        "2026-03-09 02:30",
        "1d",
        NONE,
        "2026-03-08 03:30",
    ),
    ("due when quiet hours begin: at their end", "2026-12-10 21:00", "1d", NIGHT, "2026-12-10 08:00"),
    ("due a minute before quiet hours begin", "2026-12-10 20:59", "1d", NIGHT, "2026-12-09 20:59"),
    ("due when quiet hours end", "2026-12-10 08:00", "1d", NIGHT, "2026-12-09 08:00"),
    ("due early in the morning: at eight", "2026-12-10 06:30", "1d", NIGHT, "2026-12-09 08:00"),
    ("due at night, with two hours to spare", "2026-12-10 10:00", "3h", NIGHT, "2026-12-10 08:00"),
    (
        "due at night, with less than two hours to spare: the evening before",
        "2026-12-10 09:59",
        "3h",
        NIGHT,
        "2026-12-09 20:00",
    ),
    (
        "due at 11 p.m. for an early appointment: that evening",
        "2026-12-10 07:00",
        "8h",
        NIGHT,
        "2026-12-09 20:00",
    ),
    ("no quiet hours", "2026-12-10 06:30", "1d", NONE, "2026-12-09 06:30"),
    ("quiet hours in the daytime", "2026-12-10 13:30", "1d", ("12:00", "14:00"), "2026-12-09 14:00"),
    (
        "quiet hours in the daytime, with little time to spare",
        "2026-12-10 15:30",
        "2h",
        ("12:00", "14:00"),
        "2026-12-10 11:00",
    ),
]


@pytest.mark.parametrize(
    ("starts", "before", "quiet", "due"), [case[1:] for case in DUE], ids=[case[0] for case in DUE]
)
def test_a_text_is_due_in_local_time_and_never_in_quiet_hours(starts, before, quiet, due):
    assert due_at(step(before), appointment(starts), quiet_hours(*quiet)) == utc(due)


def test_due_times_are_in_the_time_zone_of_the_appointment():
    phoenix = ZoneInfo("America/Phoenix")
    assert due_at(step("1d"), appointment("2026-12-10 06:00", phoenix), quiet_hours(*NIGHT)) == utc(
        "2026-12-09 08:00", phoenix
    )


QUIET = [
    ("at night", "2026-12-09 23:00", NIGHT, "2026-12-10 08:00"),
    ("after midnight", "2026-12-10 00:00", NIGHT, "2026-12-10 08:00"),
    ("in the daytime", "2026-12-09 12:00", NIGHT, None),
    ("starting and ending at the same time: none", "2026-12-09 12:00", ("12:00", "12:00"), None),
    ("a night with a repeated hour", "2026-10-31 23:00", NIGHT, "2026-11-01 08:00"),
]


@pytest.mark.parametrize(("moment", "quiet", "end"), [case[1:] for case in QUIET], ids=[case[0] for case in QUIET])
def test_quiet_hours_end_at_their_configured_time(moment, quiet, end):
    assert quiet_until(utc(moment), NEW_YORK, quiet_hours(*quiet)) == (utc(end) if end else None)


def test_an_hour_that_the_clocks_repeat_is_quiet_twice():
    first = datetime(2026, 11, 1, 5, 15, tzinfo=UTC)
    second, end = first + timedelta(hours=1), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    quiet = quiet_hours("21:00", "01:30")
    assert quiet_until(first, NEW_YORK, quiet) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert quiet_until(second, NEW_YORK, quiet) == end


def test_a_text_is_useful_until_quiet_hours_or_the_appointment():
    tomorrow = appointment("2026-12-10 14:30")
    assert useful_until(tomorrow, utc("2026-12-09 20:59"), quiet_hours(*NIGHT)) == utc("2026-12-09 21:00")
    assert useful_until(tomorrow, utc("2026-12-10 12:00"), quiet_hours(*NIGHT)) == tomorrow.starts_at
    assert useful_until(tomorrow, utc("2026-12-09 20:59"), quiet_hours(*NONE)) == tomorrow.starts_at


APPOINTMENT = appointment("2026-12-10 14:30")


def summary(decision: Decision):
    return (
        decision.send.id if decision.send else None,
        {step.id: str(reason) for step, reason in decision.skips},
        decision.next_at.astimezone(NEW_YORK).strftime("%m-%d %H:%M") if decision.next_at else None,
    )


DECISIONS = [
    ("nothing is due yet", "2026-12-01 09:00", (), (), (None, {}, "12-03 14:30")),
    ("the first step is due", "2026-12-03 14:30", (), (), ("7d", {}, "12-08 14:30")),
    ("the first step is sent up to four days late", "2026-12-07 14:30", (), (), ("7d", {}, "12-08 14:30")),
    ("the first step is skipped after that", "2026-12-07 14:31", (), (), (None, {"7d": "late"}, "12-08 14:30")),
    ("two steps are pending, but only one is due", "2026-12-09 14:30", ("7d",), (), ("2d", {}, "12-10 08:00")),
    ("all steps are done", "2026-12-09 15:00", ("7d", "2d", "1d"), (), (None, {}, None)),
    (
        "another batch sent a text today: tomorrow, when quiet hours end",
        "2026-12-08 15:00",
        ("7d",),
        ("2026-12-08 09:00",),
        (None, {}, "12-09 08:00"),
    ),
    (
        "three texts in a week: when the first is a week old",
        "2026-12-08 15:00",
        ("7d",),
        ("2026-12-02 10:00", "2026-12-05 10:00", "2026-12-06 10:00"),
        (None, {}, "12-09 10:00"),
    ),
    (
        "three texts in a week, and the fourth would be too late",
        "2026-12-08 15:00",
        ("7d",),
        ("2026-12-04 10:00", "2026-12-05 10:00", "2026-12-06 10:00"),
        (None, {"2d": "limit"}, "12-09 14:30"),
    ),
    (
        "the text expires during quiet hours",
        "2026-12-09 22:00",
        ("7d", "1d"),
        (),
        (None, {"2d": "late"}, None),
    ),
    ("the appointment has started", "2026-12-10 14:30", ("7d", "2d"), (), (None, {"1d": "late"}, None)),
]


@pytest.mark.parametrize(
    ("now", "done", "sent", "expected"), [case[1:] for case in DECISIONS], ids=[case[0] for case in DECISIONS]
)
def test_each_step_is_sent_skipped_or_postponed(now, done, sent, expected):
    assert summary(decide(APPOINTMENT, rules(), utc(now), frozenset(done), [utc(local) for local in sent])) == expected


def test_a_text_that_expires_during_quiet_hours_is_skipped_for_that_reason():
    only = rules((("16h", "16h", "2h", 1),))
    decision = decide(appointment("2026-12-11 12:30"), only, utc("2026-12-10 21:30"))
    assert summary(decision) == (None, {"16h": "quiet_hours"}, None)


def test_of_two_due_texts_the_one_with_the_higher_priority_is_sent_first():
    plan = (("a", "3d", "3d", 5), ("b", "2d", "2d", 1))
    assert summary(decide(APPOINTMENT, rules(plan), utc("2026-12-09 09:00"))) == ("b", {}, "12-10 08:00")
    assert summary(decide(APPOINTMENT, rules(plan, day=2), utc("2026-12-09 09:00"))) == ("b", {}, "12-09 09:00")


def test_the_daily_limit_counts_local_days():
    honolulu = ZoneInfo("Pacific/Honolulu")
    local, now = appointment("2026-12-10 13:00", honolulu), utc("2026-12-08 13:00", honolulu)
    yesterday = utc("2026-12-07 20:00", honolulu)
    assert yesterday.date() == now.date()
    assert summary(decide(local, rules(), now, frozenset({"7d"}), [yesterday]))[0] == "2d"
    assert summary(decide(local, rules(), now, frozenset({"7d"}), [utc("2026-12-08 09:00", honolulu)]))[0] is None


def test_the_weekly_limit_counts_168_hours_even_when_the_clocks_change():
    sent = [utc("2026-03-06 10:30"), utc("2026-03-09 10:00"), utc("2026-03-11 10:00")]
    only = rules((("1d", "1d", "23h", 1),))
    now = utc("2026-03-13 11:00")
    decision = decide(appointment("2026-03-14 11:00"), only, now, sent=sent)
    assert summary(decision) == (None, {}, "03-13 11:30")


def test_a_confirmed_appointment_gets_no_text_meant_for_unconfirmed_appointments():
    confirmed = appointment("2026-12-10 14:30", answer="confirmed")
    unless_confirmed = rules(unless=("2d",))
    assert summary(decide(confirmed, unless_confirmed, utc("2026-12-08 15:00"), frozenset({"7d"}))) == (
        None,
        {"2d": "confirmed"},
        "12-09 14:30",
    )
    change = appointment("2026-12-10 14:30", answer="change")
    assert summary(decide(change, unless_confirmed, utc("2026-12-08 15:00"), frozenset({"7d"})))[0] == "2d"


def test_a_failed_text_is_not_retried_too_early():
    now, later = utc("2026-12-08 15:00"), utc("2026-12-08 16:00")
    decision = decide(APPOINTMENT, rules(), now, frozenset({"7d"}), not_before={"2d": later})
    assert (decision.send, decision.next_at) == (None, later)
    assert summary(decide(APPOINTMENT, rules(), later, frozenset({"7d"}), not_before={"2d": later}))[0] == "2d"


# Properties that hold for any appointment, plan, history, and time

ZONES = (
    "America/New_York",
    "America/Phoenix",
    "Pacific/Honolulu",
    "America/Havana",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
)
START = datetime(2026, 1, 1, tzinfo=UTC)
minutes = st.integers(min_value=0, max_value=60 * 24 * 365).map(lambda n: START + timedelta(minutes=n))
clocks = st.integers(min_value=0, max_value=95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")
spans = st.one_of(st.integers(1, 9).map("{}d".format), st.integers(1, 90).map("{}h".format))


@st.composite
def situations(draw):
    now = draw(minutes)
    planned = PlannedAppointment(
        now + timedelta(minutes=draw(st.integers(-600, 60 * 24 * 10))),
        ZoneInfo(draw(st.sampled_from(ZONES))),
        draw(st.sampled_from((None, "confirmed", "change"))),
    )
    steps = draw(st.lists(st.tuples(spans, spans, st.integers(1, 9), st.booleans()), max_size=5))
    plan = tuple((f"s{number}", before, late, priority) for number, (before, late, priority, _) in enumerate(steps))
    unless = {f"s{number}" for number, (*_, confirmed) in enumerate(steps) if confirmed}
    plan_rules = rules(
        plan, (draw(clocks), draw(clocks)), day=draw(st.integers(1, 3)), week=draw(st.integers(1, 5)), unless=unless
    )
    done = frozenset(draw(st.sets(st.sampled_from([step[0] for step in plan])))) if plan else frozenset()
    minutes_ago = draw(st.lists(st.integers(0, 60 * 24 * 9), max_size=8))
    waits = draw(st.dictionaries(st.sampled_from([f"s{n}" for n in range(5)]), st.integers(-100, 3000), max_size=3))
    not_before = {name: now + timedelta(minutes=wait) for name, wait in waits.items()}
    return planned, plan_rules, now, done, [now - timedelta(minutes=n) for n in minutes_ago], not_before


def is_quiet(moment, zone, quiet):
    local = moment.astimezone(zone).time()
    if quiet.start <= quiet.end:
        return quiet.start <= local < quiet.end
    return not quiet.end <= local < quiet.start


@settings(max_examples=250, deadline=None)
@given(situations())
def test_no_text_is_sent_at_night_over_the_limit_too_late_or_twice(situation):
    planned, plan_rules, now, done, sent, not_before = situation
    decision = decide(planned, plan_rules, now, done, sent, not_before)
    handled = [step.id for step, _ in decision.skips] + ([decision.send.id] if decision.send else [])
    assert len(handled) == len(set(handled))
    assert not done & set(handled)
    if decision.send is None:
        return
    assert not is_quiet(now, planned.zone, plan_rules.quiet_hours)
    assert (
        due_at(decision.send, planned, plan_rules.quiet_hours)
        <= now
        <= expires_at(decision.send, planned, plan_rules.quiet_hours)
    )
    assert now < planned.starts_at
    assert not_before.get(decision.send.id, now) <= now
    assert not (decision.send.unless and planned.answer == "confirmed")
    today = now.astimezone(planned.zone).date()
    assert sum(sent_at.astimezone(planned.zone).date() == today for sent_at in sent) < plan_rules.per_number.day
    assert sum(timedelta(0) <= now - sent_at < timedelta(hours=168) for sent_at in sent) < plan_rules.per_number.week


@settings(max_examples=250, deadline=None)
@given(situations())
@example(
    (
        PlannedAppointment(datetime(2026, 11, 2, tzinfo=UTC), NEW_YORK),
        rules((("2d", "2d", "2d", 1),), ("21:00", "01:30")),
        datetime(2026, 11, 1, 6, 15, tzinfo=UTC),
        frozenset(),
        [],
        {},
    )
)
def test_the_next_decision_is_never_in_the_past_and_decisions_come_to_an_end(situation):
    planned, plan_rules, now, done, sent, not_before = situation
    left = {step.id for step in plan_rules.plan} - done
    for _ in range(40):
        decision = decide(planned, plan_rules, now, frozenset(done), sent, not_before)
        handled = {step.id for step, _ in decision.skips} | ({decision.send.id} if decision.send else set())
        sent = [*sent, now] if decision.send else sent
        done, left = done | handled, left - handled
        if decision.next_at is None:
            break
        assert decision.next_at > now or handled
        assert decision.next_at >= now
        now = decision.next_at
    else:
        pytest.fail("there is always another decision")
    assert not left
    assert decision.next_at is None


@settings(max_examples=200, deadline=None)
@given(situations())
def test_quiet_hours_always_end_at_a_time_outside_quiet_hours(situation):
    planned, plan_rules, now, *_ = situation
    end = quiet_until(now, planned.zone, plan_rules.quiet_hours)
    assert (end is not None) == is_quiet(now, planned.zone, plan_rules.quiet_hours)
    if end:
        assert now < end <= now + timedelta(hours=26)
        assert not is_quiet(end, planned.zone, plan_rules.quiet_hours)
    latest = useful_until(planned, now, plan_rules.quiet_hours)
    assert latest <= planned.starts_at
    if end is None and now < planned.starts_at:
        assert now < latest
        assert not is_quiet(latest - timedelta(seconds=1), planned.zone, plan_rules.quiet_hours)


@given(hours=st.dictionaries(st.sampled_from(["7d", "2d", "1d", "two-days", "gone"]), st.integers(0, 400)))
def test_a_removed_step_stands_for_at_most_one_step_and_only_for_one_that_was_due(hours):
    visit, plan = appointment("2026-12-03 10:00"), rules()
    sent_at = {name: visit.starts_at - timedelta(hours=before) for name, before in hours.items()}
    removed = sent_at.keys() - {step.id for step in plan.plan}
    renamed = renamed_steps(visit, plan, sent_at)
    assert len(renamed) <= len(removed)
    latest = max((sent_at[name] for name in removed), default=None)
    for step in plan.plan:
        if step.id in renamed:
            assert due_at(step, visit, plan.quiet_hours) <= latest


def test_a_step_that_was_sent_under_another_id_is_found():
    visit = appointment("2026-12-03 10:00")
    assert renamed_steps(visit, rules(), {"two-days": utc("2026-12-01 10:00")}) == {"2d"}
    assert renamed_steps(visit, rules(), {"two-days": utc("2026-12-01 09:59")}) == {"7d"}
    assert renamed_steps(visit, rules(), {"2d": utc("2026-12-01 10:00")}) == frozenset()
