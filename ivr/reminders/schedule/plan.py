"""When a text goes out: a pure function of the visit, the plan, and what was handed over already.

Quiet hours and the calendar day are the recipient's own. The healthcare exemption asks for at most one text
a day and three a week, and none at night: 47 CFR 64.1200(a)(9)(iv) and (c)(1).
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
# Woken by the end of quiet hours, a text must leave this much time before the visit to be of use.
NEEDED_BEFORE_VISIT = timedelta(hours=2)
EVENING_BEFORE = timedelta(hours=1)
_WINDOWS = 16


class Reason(StrEnum):
    """Why a text is not sent."""

    LATE = "late"
    LIMIT = "limit"
    QUIET = "quiet_hours"
    CONFIRMED = "confirmed"
    OPTED_OUT = "opted_out"
    LANDLINE = "landline"
    CANCELLED = "cancelled"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"  # the topic that was asked for is not among the words any more


@dataclass(frozen=True)
class PlannedAppointment:
    """An appointment as far as its texts depend on it. starts_at is aware; zone is the recipient's."""

    starts_at: datetime
    zone: ZoneInfo
    answer: str | None = None


@dataclass
class Decision:
    """What to do now: at most one text to send, texts to skip, and when to look again."""

    send: ReminderStep | None = None
    skips: list[tuple[ReminderStep, Reason]] = field(default_factory=list)
    next_at: datetime | None = None


def decide(
    visit: PlannedAppointment,
    rules: ReminderRules,
    now: datetime,
    done: frozenset[str] = frozenset(),
    sent: Sequence[datetime] = (),
    not_before: Mapping[str, datetime] | None = None,
    early: Collection[str] = (),
) -> Decision:
    """What is due of a visit's plan at `now`.

    done: steps that were handed over or skipped. sent: when texts to the same number went out, over all
    batches. not_before: when a step that failed for a while may be tried again. early: steps that go out ahead
    of their time, when quiet hours and limits let them.
    """
    decision = Decision()
    went_out = list(sent)
    waiting: list[datetime] = []
    pending = [step for step in rules.plan if step.id not in done]
    for step in sorted(pending, key=lambda step: (step.priority, due_at(step, visit, rules.quiet_hours))):
        due = due_at(step, visit, rules.quiet_hours)
        if due > now and step.id not in early:
            waiting.append(due)
            continue
        if step.unless and step.unless == visit.answer:
            decision.skips.append((step, Reason.CONFIRMED))
            continue
        first = max(now, (not_before or {}).get(step.id, now))
        free = _free_time(first, expires_at(step, visit, rules.quiet_hours), visit, rules, went_out)
        if isinstance(free, Reason):
            decision.skips.append((step, free))
        elif free <= now and decision.send is None:
            decision.send = step
            went_out.append(now)
        else:
            waiting.append(free)
    decision.next_at = min(waiting, default=None)
    return decision


def due_at(step: ReminderStep, visit: PlannedAppointment, quiet: QuietHours) -> datetime:
    """When a step is due: so long before the visit by the recipient's clock, and never in quiet hours.

    Due in quiet hours: at their end; when then too little time remains, the evening before they began.
    """
    wall = visit.starts_at.astimezone(visit.zone) - timedelta(days=step.before.days)
    due = wall.astimezone(UTC) - timedelta(seconds=step.before.seconds)
    ends = quiet_until(due, visit.zone, quiet)
    if ends is None:
        return due
    if visit.starts_at - ends >= NEEDED_BEFORE_VISIT:
        return ends
    return _last_time(quiet.start, due, visit.zone) - EVENING_BEFORE


def expires_at(step: ReminderStep, visit: PlannedAppointment, quiet: QuietHours) -> datetime:
    """After this moment a step is skipped: `late` after it was due, and never after the visit began."""
    return min(due_at(step, visit, quiet) + step.late, visit.starts_at)


def quiet_until(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime | None:
    """When the quiet hours end that `moment` falls in; None outside of them."""
    ends = moment
    # An hour that the clocks repeat may be quiet twice.
    while _is_quiet(ends.astimezone(zone).time(), quiet):
        ends = _next_time(quiet.end, ends, zone)
    return None if ends == moment else ends


def useful_until(visit: PlannedAppointment, now: datetime, quiet: QuietHours) -> datetime:
    """When a text that may go out now must have arrived: before quiet hours and before the visit."""
    if quiet.start == quiet.end:
        return visit.starts_at
    return min(visit.starts_at, _next_time(quiet.start, now, visit.zone))


def _is_quiet(clock: time, quiet: QuietHours) -> bool:
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end


def _next_time(clock: time, moment: datetime, zone: ZoneInfo) -> datetime:
    """The next moment after `moment` at which a clock in the zone shows `clock`."""
    return min(at for at in _times_around(clock, moment, zone) if at > moment)


def _last_time(clock: time, moment: datetime, zone: ZoneInfo) -> datetime:
    return max(at for at in _times_around(clock, moment, zone) if at <= moment)


def _times_around(clock: time, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """In UTC: Python compares and subtracts moments of one zone by their wall clocks, across a change of clocks too."""
    today = moment.astimezone(zone).date()
    for days, fold in product((-1, 0, 1), (0, 1)):
        yield datetime.combine(today + timedelta(days=days), clock.replace(fold=fold), zone).astimezone(UTC)


def _free_time(
    first: datetime, last: datetime, visit: PlannedAppointment, rules: ReminderRules, sent: list[datetime]
) -> datetime | Reason:
    """The first moment from `first` on that quiet hours and limits leave free, or why there is none by `last`."""
    moment, reason = first, Reason.LATE
    for _ in range(_WINDOWS):
        if moment > last or moment >= visit.starts_at:
            return reason
        later = quiet_until(moment, visit.zone, rules.quiet_hours)
        if later is not None:
            moment, reason = later, Reason.QUIET if reason == Reason.LATE else reason
            continue
        later = _limited_until(moment, visit.zone, rules, sent)
        if later is None:
            return moment
        moment, reason = later, Reason.LIMIT
    return reason


def _limited_until(moment: datetime, zone: ZoneInfo, rules: ReminderRules, sent: list[datetime]) -> datetime | None:
    """When one of the limits lets a text through again; None when they do so now."""
    local = moment.astimezone(zone)
    today = [at for at in sent if at.astimezone(zone).date() == local.date()]
    if len(today) >= rules.per_number.day:
        return _next_time(time(0), moment, zone)
    week = sorted(at for at in sent if moment - WEEK < at <= moment)
    if len(week) >= rules.per_number.week:
        return week[-rules.per_number.week] + WEEK
    return None
