"""What needs a person now, in the order in which it matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from flask import url_for
from flask_babel import lazy_gettext
from sqlalchemy import Connection, case, func, select

from ivr.ledger.tables import callback, draft_file, todo, unanswered
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.content.revisions.sign_off import unsigned_prompts
from ivr.line.content.revisions.translations import outdated_translations
from ivr.line.lint.folder_rules import unconfirmed_years
from ivr.reminders.alarms import active_alarms
from ivr.web.console.prompts.filters import BEHIND, SIGN_OFF
from ivr.web.console.reminders.plan_form import rules_of
from ivr.web.console.security.gate import may_open
from ivr.web.console.today.alarm_words import words_of_alarm
from ivr.web.console.words import gettext, ngettext

UNANSWERED_FOR = timedelta(days=7)
Tone = Literal["wrong", "care", "plain"]
_LINKS = {
    "work.callbacks": lazy_gettext("See the call-back requests"),
    "work.items": lazy_gettext("See the work list"),
    "work.messages": lazy_gettext("See the messages"),
    "prompts.topics": lazy_gettext("See the prompts"),
    "prompts.unanswered": lazy_gettext("See the questions"),
    "reminders.batches": lazy_gettext("See the reminders"),
    "prompts.hours": lazy_gettext("See the opening hours"),
    "prompts.draft": lazy_gettext("Check the draft"),
    "settings.show": lazy_gettext("See the settings"),
}


@dataclass(frozen=True)
class Line:
    """One thing that waits. since: when the oldest came, or when an alarm was raised; latest: when the last one came.

    key: names the line, the same at each refresh. advice: what to do. endpoint: the page where it is handled. alarm:
    its name, with who has seen it and when. place: what belongs into the URL of the page to find just this there.
    """

    key: str
    sentence: str
    endpoint: str
    tone: Tone = "plain"
    since: datetime | None = None
    latest: datetime | None = None
    advice: str = ""
    alarm: str = ""
    seen_by: str | None = None
    seen_at: datetime | None = None
    place: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_alarm(self) -> bool:
        return self.tone == "wrong"

    @property
    def link(self) -> str:
        """What the link says."""
        return str(_LINKS[self.endpoint])


def link_for(line: Line, role: str) -> str | None:
    """The URL of the page that handles a line; None if the role does not include it."""
    return url_for(line.endpoint, **line.place) if may_open(line.endpoint, role) else None


def waiting_lines(connection: Connection, content: Content | None, now: datetime) -> list[Line]:
    """Everything that waits. content: of the live release; None if there is none."""
    return [
        *_alarms(connection, content),
        *_callbacks(connection),
        *_work_items(connection),
        *_unanswered(connection, now),
        *(_changed_plan(connection, content) if content else ()),
        *(_of_content(content, now) if content else ()),
    ]


def _alarms(connection: Connection, content: Content | None) -> Iterator[Line]:
    if content is None:
        sentence = gettext("The published words of the line cannot be read, so callers hear an apology.")
        advice = gettext("Ask your IT department to run the command `infoline doctor`.")
        yield Line("no-release", sentence, "prompts.topics", "wrong", advice=advice)
    for alarm in active_alarms(connection):
        words = words_of_alarm(alarm.name)
        yield Line(
            key=f"alarm-{alarm.name}",
            sentence=words.problem,
            endpoint=words.endpoint,
            tone="wrong",
            since=alarm.raised_at,
            advice=words.advice,
            alarm=alarm.name,
            seen_by=alarm.seen_by,
            seen_at=alarm.seen_at,
        )


def _callbacks(connection: Connection) -> Iterator[Line]:
    """Those after a red flag come first."""
    is_red = case((callback.c.topic.in_(RED_FLAGS), 1), else_=0).label("is_red")
    rows = connection.execute(
        select(is_red, func.count(), func.min(callback.c.asked_at))
        .where(callback.c.done_at.is_(None))
        .group_by(is_red)
        .order_by(is_red.desc())
    )
    for red, count, oldest in rows:
        if red:
            sentence = ngettext(
                "%(num)s caller with an urgent question waits for a call back.",
                "%(num)s callers with urgent questions wait for a call back.",
                count,
            )
            yield Line("urgent-callbacks", sentence, "work.callbacks", "care", oldest)
        else:
            sentence = ngettext("%(num)s caller waits for a call back.", "%(num)s callers wait for a call back.", count)
            yield Line("callbacks", sentence, "work.callbacks", since=oldest)


def _work_items(connection: Connection) -> Iterator[Line]:
    rows = connection.execute(
        select(todo.c.kind, func.count(), func.min(todo.c.at)).where(todo.c.done_at.is_(None)).group_by(todo.c.kind)
    )
    found = {kind: (count, oldest) for kind, count, oldest in rows}
    for kind in ("change", "cancel", "wrong-number"):
        if kind in found:
            count, oldest = found[kind]
            yield Line(kind, _sentence_of_items(kind, count), "work.items", since=oldest, place={"kind": kind})


def _sentence_of_items(kind: str, count: int) -> str:
    if kind == "change":
        return ngettext("%(num)s patient asks for another time.", "%(num)s patients ask for another time.", count)
    if kind == "cancel":
        return ngettext(
            "%(num)s patient texted CANCEL, gets no more texts, and may not come.",
            "%(num)s patients texted CANCEL, get no more texts, and may not come.",
            count,
        )
    return ngettext("%(num)s phone number is not the patient’s.", "%(num)s phone numbers are not the patients’.", count)


def _unanswered(connection: Connection, now: datetime) -> Iterator[Line]:
    query = select(func.count(), func.max(unanswered.c.at)).where(
        unanswered.c.at > now - UNANSWERED_FOR, unanswered.c.ignored_at.is_(None)
    )
    count, latest = connection.execute(query).one()
    if count:
        sentence = ngettext(
            "The line could not answer %(num)s question in the last 7 days.",
            "The line could not answer %(num)s questions in the last 7 days.",
            count,
        )
        yield Line("unanswered", sentence, "prompts.unanswered", latest=latest)


def _changed_plan(connection: Connection, content: Content) -> Iterator[Line]:
    """A plan of reminders in the draft. Schedulers change it, but cannot publish it."""
    query = select(draft_file.c.content, draft_file.c.by).where(draft_file.c.name == LINE_FILE)
    row = connection.execute(query).first()
    rules = rules_of(bytes(row.content)) if row and row.content else None
    if row and rules and rules != content.config.reminders:
        sentence = gettext("%(name)s changed the plan of reminders. It waits to be checked and published.", name=row.by)
        yield Line("changed-plan", sentence, "prompts.draft")


@dataclass(frozen=True)
class _Unfinished:
    """What is unfinished in a release. closed_days: the first year whose closed days are not confirmed, or 0."""

    outdated: int
    unsigned: int
    hours: int
    closed_days: int


# A release never changes, and reading one for this takes tens of milliseconds.
_unfinished_by_release: dict[tuple[str, date], _Unfinished] = {}


def _unfinished(content: Content, today: date) -> _Unfinished:
    key = (content.digest, today)
    if key not in _unfinished_by_release:
        _unfinished_by_release.clear()
        _unfinished_by_release[key] = _Unfinished(
            outdated=len(outdated_translations(content)),
            unsigned=len(unsigned_prompts(content)),
            hours=sum(not entry.confirmed for entry in content.config.directory),
            closed_days=next(unconfirmed_years(content, today), 0),
        )
    return _unfinished_by_release[key]


def _of_content(content: Content, now: datetime) -> Iterator[Line]:
    found = _unfinished(content, now.astimezone(content.config.zone).date())
    if found.outdated:
        sentence = ngettext(
            "%(num)s translation is behind the text that it was made from.",
            "%(num)s translations are behind the texts that they were made from.",
            found.outdated,
        )
        yield Line("translations", sentence, "prompts.topics", place={"show": BEHIND})
    if found.unsigned:
        sentence = ngettext(
            "%(num)s medical text has no sign-off of its current words.",
            "%(num)s medical texts have no sign-off of their current words.",
            found.unsigned,
        )
        yield Line("sign-offs", sentence, "prompts.topics", place={"show": SIGN_OFF})
    if found.hours:
        sentence = ngettext(
            "The opening hours of %(num)s office are assumed, not confirmed.",
            "The opening hours of %(num)s offices are assumed, not confirmed.",
            found.hours,
        )
        yield Line("hours", sentence, "prompts.hours")
    if found.closed_days:
        sentence = gettext("The closed days of the year are not confirmed yet.")
        place = {"year": found.closed_days, "_anchor": "days"}
        yield Line("closed-days", sentence, "prompts.hours", place=place)
