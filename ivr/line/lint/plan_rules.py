"""Lint rules for the plan of reminders: every step can go out, and keeps its id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ivr.line.content.config import Config, PerNumber
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content

_DAY, _WEEK = timedelta(days=1), timedelta(hours=168)
# The hours of the day at which appointments begin.
_STARTS = [timedelta(hours=hour) for hour in range(8, 18)]
_PLAN = ("reminders", "plan")


def steps_over_the_limit(content: Content) -> Iterator[Finding]:
    """Steps that `per_number` keeps from a patient who got every earlier one; quiet hours are not considered."""
    rules = content.config.reminders
    dropped = [set(_dropped_steps(content.config, starts_at)) for starts_at in _STARTS]
    for index, step in enumerate(rules.plan):
        hours = [starts_at for starts_at, steps in zip(_STARTS, dropped, strict=True) if index in steps]
        if hours:
            always = len(hours) == len(_STARTS)
            which = "" if always else f" before some appointments, such as those at {hours[0].seconds // 3600}:00,"
            message = (
                f"The reminder `{step.id}` never goes out{which} to a patient who got the earlier ones: `per_number`"
                f" allows {rules.per_number.day} a day and {rules.per_number.week} a week. Remove a step, change"
                " `before`, or allow more."
            )
            line = content.source.line((*_PLAN, index))
            yield Finding(LINE_FILE, line, "reminder-limit", "error" if always else "warning", message)


def _dropped_steps(config: Config, starts_at: timedelta) -> Iterator[int]:
    """The steps of the plan that find no time, for an appointment at an hour of day 0."""
    plan, sent = config.reminders.plan, list[timedelta]()
    for index in sorted(range(len(plan)), key=lambda index: -plan[index].before):
        due = starts_at - plan[index].before
        moment = _next_allowed(due, sent, config.reminders.per_number)
        if moment > due + plan[index].late or moment >= starts_at:
            yield index
        else:
            sent.append(moment)


def _next_allowed(moment: timedelta, sent: Sequence[timedelta], limits: PerNumber) -> timedelta:
    """The first time from `moment` on at which both limits allow one more text."""
    while True:
        week = [time for time in sent if moment - _WEEK < time <= moment]
        if sum(time // _DAY == moment // _DAY for time in sent) >= limits.day:
            moment = (moment // _DAY + 1) * _DAY
        elif len(week) >= limits.week:
            moment = week[-limits.week] + _WEEK
        else:
            return moment


def renamed_steps(live: Config, content: Content) -> Iterator[Finding]:
    """Steps that the live plan has under another id: patients who got the text would get it again."""
    known = {step.id for step in live.reminders.plan}
    kept = {step.id for step in content.config.reminders.plan}
    former = {step.before: step.id for step in live.reminders.plan if step.id not in kept}
    for index, step in enumerate(content.config.reminders.plan):
        if step.id not in known and step.before in former:
            message = (
                f"The reminder `{former[step.before]}` is now called `{step.id}`: patients who got it may get it again."
                f" Keep the id `{former[step.before]}`."
            )
            line = content.source.line((*_PLAN, index, "id"))
            yield Finding(LINE_FILE, line, "reminder-id", "warning", message)
