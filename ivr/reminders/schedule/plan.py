"""When a text is sent: a pure function of the appointment, the plan, and the texts already sent.

Quiet hours and calendar days are in the recipient's time zone. The healthcare exemption allows at most one text a day
and three a week, and none at night: 47 CFR 64.1200(a)(9)(iv) and (c)(1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from ivr.line.content.config import QuietHours, ReminderRules, ReminderStep

WEEK = timedelta(hours=168)
# A text postponed to the end of quiet hours is useful only if this much time remains before the appointment.
_MIN_LEAD = timedelta(hours=2)
_EVENING_BEFORE = timedelta(hours=1)
_MAX_POSTPONEMENTS = 16


class Reason(StrEnum):
    """Why a text is not sent."""

    LATE = "late"
    LIMIT = "limit"
    QUIET = "quiet_hours"
    CONFIRMED = "confirmed"
    OPTED_OUT = "opted_out"
    LANDLINE = "landline"
    NOT_ALLOWED = "not_allowed"  # a number of a country or kind that the line does not text, or not any more
    CANCELLED = "cancelled"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"  # the requested topic is no longer in the prompts


@dataclass(frozen=True)
class PlannedAppointment:
    """The parts of an appointment that its texts depend on. starts_at is aware; zone is the recipient's."""

    starts_at: datetime
    zone: ZoneInfo
    answer: str | None = None


@dataclass
class Decision:
    """What to do now: at most one text to send, texts to skip, and when to decide again."""

    send: ReminderStep | None = None
    skips: list[tuple[ReminderStep, Reason]] = field(default_factory=list)
    next_at: datetime | None = None


def decide(
    appointment: PlannedAppointment,
    rules: ReminderRules,
    now: datetime,
    done: frozenset[str] = frozenset(),
    sent: Sequence[datetime] = (),
    not_before: Mapping[str, datetime] | None = None,
    early: Collection[str] = (),
) -> Decision:
    """Decide which text of the plan to send at `now`.

    done: steps that were sent or skipped. sent: when texts to the same number were sent, in any batch. not_before: when
    a step that failed temporarily may be retried. early: steps to send before they are due; quiet hours
    and limits still apply.
    """
    decision = Decision()
    all_sent = list(sent)
    waiting: list[datetime] = []
    pending = [(step, due_at(step, appointment, rules.quiet_hours)) for step in rules.plan if step.id not in done]
    for step, due in sorted(pending, key=lambda each: (each[0].priority, each[1])):
        if due > now and step.id not in early:
            waiting.append(due)
            continue
        if step.unless and step.unless == appointment.answer:
            decision.skips.append((step, Reason.CONFIRMED))
            continue
        first = max(now, (not_before or {}).get(step.id, now))
        free = _free_time(first, expires_at(step, appointment, rules.quiet_hours), appointment, rules, all_sent)
        if isinstance(free, Reason):
            decision.skips.append((step, free))
        elif free <= now and decision.send is None:
            decision.send = step
            all_sent.append(now)
        else:
            waiting.append(free)
    decision.next_at = min(waiting, default=None)
    return decision


def renamed_steps(
    appointment: PlannedAppointment, rules: ReminderRules, sent_at: Mapping[str, datetime]
) -> frozenset[str]:
    """The steps of the plan that went out under an id that the plan no longer has: a renamed step is not sent twice.

    sent_at: when each step was sent. A text of a removed step stands for the last step that was due by then.
    """
    removed = sent_at.keys() - {step.id for step in rules.plan}
    if not removed:
        return frozenset()
    due = sorted((due_at(step, appointment, rules.quiet_hours), step.id) for step in rules.plan)
    due_by_then = ([step_id for moment, step_id in due if moment <= sent_at[name]] for name in removed)
    return frozenset(steps[-1] for steps in due_by_then if steps)


def due_at(step: ReminderStep, appointment: PlannedAppointment, quiet: QuietHours) -> datetime:
    """When a step is due: its time before the appointment, in days of local time and hours of elapsed time.

    A step due in quiet hours is due at their end or, if that is less than _MIN_LEAD before the appointment, an hour
    before they begin the evening before.
    """
    local = appointment.starts_at.astimezone(appointment.zone) - timedelta(days=step.before.days)
    due = local.astimezone(UTC) - timedelta(seconds=step.before.seconds)
    quiet_end = quiet_until(due, appointment.zone, quiet)
    if quiet_end is None:
        return due
    if appointment.starts_at - quiet_end >= _MIN_LEAD:
        return quiet_end
    return _last_time(quiet.start, due, appointment.zone) - _EVENING_BEFORE


def expires_at(step: ReminderStep, appointment: PlannedAppointment, quiet: QuietHours) -> datetime:
    """When a step becomes too late to send: `late` after it is due, but no later than the start of the appointment."""
    return min(due_at(step, appointment, quiet) + step.late, appointment.starts_at)


def quiet_until(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime | None:
    """When the quiet hours around `moment` end; None if it is outside quiet hours."""
    end = moment
    # An hour that the clocks repeat may be quiet twice.
    while _is_quiet(end.astimezone(zone).time(), quiet):
        end = _next_time(quiet.end, end, zone)
    return None if end == moment else end


def useful_until(appointment: PlannedAppointment, now: datetime, quiet: QuietHours) -> datetime:
    """The latest delivery time of a text sent now: before quiet hours begin and before the appointment starts."""
    if quiet.start == quiet.end:
        return appointment.starts_at
    return min(appointment.starts_at, _next_time(quiet.start, now, appointment.zone))


def _is_quiet(local: time, quiet: QuietHours) -> bool:
    if quiet.start <= quiet.end:
        return quiet.start <= local < quiet.end
    return local >= quiet.start or local < quiet.end


def _next_time(local: time, moment: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after `moment` at which clocks in the zone show `local`."""
    return min(candidate for candidate in _times_around(local, moment, zone) if candidate > moment)


def _last_time(local: time, moment: datetime, zone: ZoneInfo) -> datetime:
    return max(candidate for candidate in _times_around(local, moment, zone) if candidate <= moment)


def _times_around(local: time, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """In UTC, because Python compares and subtracts datetimes of one zone by local time, even across a clock change."""
    today = moment.astimezone(zone).date()
    for days, fold in product((-1, 0, 1), (0, 1)):
        yield datetime.combine(today + timedelta(days=days), local.replace(fold=fold), zone).astimezone(UTC)


def _free_time(
    first: datetime, last: datetime, appointment: PlannedAppointment, rules: ReminderRules, sent: list[datetime]
) -> datetime | Reason:
    """The first moment from `first` to `last` that quiet hours and limits allow, or the reason why there is none."""
    moment, reason = first, Reason.LATE
    for _ in range(_MAX_POSTPONEMENTS):
        if moment > last or moment >= appointment.starts_at:
            return reason
        later = quiet_until(moment, appointment.zone, rules.quiet_hours)
        if later is not None:
            moment, reason = later, Reason.QUIET if reason == Reason.LATE else reason
            continue
        later = _limited_until(moment, appointment.zone, rules, sent)
        if later is None:
            return moment
        moment, reason = later, Reason.LIMIT
    return reason


def _limited_until(moment: datetime, zone: ZoneInfo, rules: ReminderRules, sent: list[datetime]) -> datetime | None:
    """When the daily or weekly limit allows the next text; None if both allow one at `moment`."""
    today = moment.astimezone(zone).date()
    if sum(sent_at.astimezone(zone).date() == today for sent_at in sent) >= rules.per_number.day:
        return _next_time(time(0), moment, zone)
    week = sorted(sent_at for sent_at in sent if moment - WEEK < sent_at <= moment)
    if len(week) >= rules.per_number.week:
        return week[-rules.per_number.week] + WEEK
    return None
