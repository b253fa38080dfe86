"""The plan of reminders as a time line: where each text is, and until when it is still useful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt

from ivr.line.content.config import ReminderRules, ReminderStep
from ivr.web.console.words import gettext, ngettext

WIDTH, HEIGHT = 800, 170
_LEFT, _RIGHT, AXIS = 60, 60, 70
_LABEL_LEVELS = (AXIS + 44, AXIS + 70)
_LABEL_WIDTH = 120
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Mark:
    """A text on the line. number: also in the table. x: when it is due. end: when it becomes too late. label_y: of its
    label, which is lower if it would touch the label before."""

    number: int
    step: ReminderStep
    x: float
    end: float
    label: str
    late: str
    label_y: int


@dataclass(frozen=True)
class Timeline:
    marks: Sequence[Mark]
    visit_x: float
    width: int = WIDTH
    height: int = HEIGHT
    axis: int = AXIS


def timeline(rules: ReminderRules) -> Timeline:
    """The drawing. Time runs to the right; days far from the appointment are closer together."""
    steps = sorted(rules.plan, key=lambda step: -step.before)
    longest = max((step.before for step in steps), default=_DAY) or _DAY
    visit_x = WIDTH - _RIGHT

    def place(before: timedelta) -> float:
        return round(visit_x - (visit_x - _LEFT) * sqrt(max(before, timedelta()) / longest), 1)

    marks: list[Mark] = []
    for number, step in enumerate(steps, start=1):
        x = place(step.before)
        close = bool(marks) and x - marks[-1].x < _LABEL_WIDTH and marks[-1].label_y == _LABEL_LEVELS[0]
        marks.append(
            Mark(
                number,
                step,
                x,
                place(step.before - step.late),
                gettext("%(span)s before", span=span_words(step.before)),
                span_words(step.late),
                _LABEL_LEVELS[close],
            )
        )
    return Timeline(marks, visit_x)


def span_words(span: timedelta) -> str:
    """A duration in words, such as 2 days."""
    if span % _DAY == timedelta():
        return ngettext("%(num)s day", "%(num)s days", span // _DAY)
    if span % _HOUR == timedelta():
        return ngettext("%(num)s hour", "%(num)s hours", span // _HOUR)
    return ngettext("%(num)s minute", "%(num)s minutes", span // timedelta(minutes=1))


def step_words(step_id: str, rules: ReminderRules | None) -> str:
    """A text of the plan, such as "Reminder 2 days before". rules: None if no release can be read."""
    step = next((step for step in (rules.plan if rules else ()) if step.id == step_id), None)
    if step is None:
        return gettext("Reminder “%(name)s”", name=step_id)
    return gettext("Reminder %(span)s before", span=span_words(step.before))
