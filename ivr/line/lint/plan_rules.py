"""Lint rules for the plan of reminders: every step can go out, and does not reveal the kind of test."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from ivr.i18n import N_, sentence
from ivr.line.content.config import Config, PerNumber
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.content.yaml_source import Path

_DAY, _WEEK = timedelta(days=1), timedelta(hours=168)
# The hours of the day at which appointments begin.
_STARTS = [timedelta(hours=hour) for hour in range(8, 18)]
_PLAN = ("reminders", "plan")
_NEVER = N_(
    "The reminder `{step}` never goes out to a patient who got the earlier ones: `per_number` allows {day} a day and"
    " {week} a week. Remove a step, change `before`, or allow more."
)
_NOT_ALWAYS = N_(
    "The reminder `{step}` never goes out before some appointments, such as those at {hour}, to a patient who got the"
    " earlier ones: `per_number` allows {day} a day and {week} a week. Remove a step, change `before`, or allow more."
)
# The beginnings of English and Spanish words that say which kind of test or illness an appointment is about.
_KIND_OF_TEST = re.compile(
    r"\b(?:imag|imág|radiol|x-?ray|rayos|mammo|mamo|mamari|mastol|breast|seno|cancer|cáncer|oncol|tumor|diagn|ultraso"
    r"|sonogr|biops|scan)\w*|\bmamas?\b",
    re.IGNORECASE,
)


def steps_over_the_limit(content: Content) -> Iterator[Finding]:
    """Steps that `per_number` keeps from a patient who got every earlier one; quiet hours are not considered."""
    rules = content.config.reminders
    dropped = [set(_dropped_steps(content.config, starts_at)) for starts_at in _STARTS]
    for index, step in enumerate(rules.plan):
        hours = [starts_at for starts_at, steps in zip(_STARTS, dropped, strict=True) if index in steps]
        if hours:
            always = len(hours) == len(_STARTS)
            message = sentence(
                _NEVER if always else _NOT_ALWAYS,
                step=step.id,
                day=rules.per_number.day,
                week=rules.per_number.week,
                **({} if always else {"hour": f"{hours[0].seconds // 3600}:00"}),
            )
            line = content.source.line((*_PLAN, index))
            yield Finding.of(LINE_FILE, line, "reminder-limit", "error" if always else "warning", message)


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


def names_of_the_test(content: Content) -> Iterator[Finding]:
    """Names in a reminder that say what kind of test it is about: anyone near the patient's phone can read them.

    A step with `names_test: true` says so on purpose. 45 CFR 164.502(b), the minimum necessary.
    """
    config = content.config
    for language in config.languages:
        discreet = [step.wording for step in config.reminders.plan if not step.names_test]
        texts = [content.prompts[language, name].texted for name in discreet]
        said = " ".join(text.words for text in texts if text)
        names: dict[Path, str] = {("hospital", language): config.hospital[language]} if "{hospital}" in said else {}
        if "{site}" in said:
            sites = enumerate(config.sites)
            names |= {("sites", index, "name", language): site.name[language] for index, site in sites}
        for path, name in names.items():
            kind = _KIND_OF_TEST.search(name)
            if kind:
                template = N_(
                    "`{word}` in this name shows anyone who sees a reminder what kind of test it is for: use a neutral"
                    " name, such as the hospital's."
                )
                yield content.source.fault(path, "site-name", template, word=kind[0])
