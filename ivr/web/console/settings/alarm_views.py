"""The alarms' history: what went wrong when, who saw it, and when it was over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import abort, render_template, request
from sqlalchemy import ColumnElement, select

from ivr import clock
from ivr.ledger.tables import alarm_event
from ivr.reminders.alarms import Alarm
from ivr.web.console.context import services
from ivr.web.console.dates import duration
from ivr.web.console.settings.views import blueprint
from ivr.web.console.today.alarm_words import detail_of, words_of_alarm

PAGE_SIZE = 50
PERIODS = (7, 30, 365, 1826)
MAX_PAGE = 10_000
STATES = ("", "active", "unseen", "ended")


@blueprint.get("/settings/alarms")
def alarms() -> str:
    """The newest first."""
    days = request.args.get("days", default=30, type=int)
    days = days if days in PERIODS else 30
    name, state = request.args.get("kind", ""), request.args.get("state", "")
    if (name and name not in set(Alarm)) or state not in STATES:
        abort(404)
    page = min(max(1, request.args.get("page", default=1, type=int)), MAX_PAGE)
    query = select(alarm_event).where(*_conditions(days, name, state))
    query = query.order_by(alarm_event.c.raised_at.desc(), alarm_event.c.id.desc())
    with services().ledger.read() as connection:
        rows = connection.execute(query.limit(PAGE_SIZE + 1).offset((page - 1) * PAGE_SIZE)).all()
    return render_template(
        "settings/alarms.html",
        rows=rows[:PAGE_SIZE],
        more=len(rows) > PAGE_SIZE,
        page=page,
        days=days,
        kind=name,
        state=state,
        kinds=sorted(((each.value, words_of_alarm(each).problem) for each in Alarm), key=lambda pair: pair[1]),
        words_of=words_of_alarm,
        detail_of=detail_of,
        duration=duration,
    )


def _conditions(days: int, name: str, state: str) -> list[ColumnElement[bool]]:
    columns = alarm_event.c
    # What goes on belongs to every period.
    since = clock.now() - timedelta(days=days)
    conditions: list[ColumnElement[bool]] = [(columns.raised_at >= since) | columns.ended_at.is_(None)]
    if name:
        conditions.append(columns.name == name)
    of_state: dict[str, Any] = {
        "active": columns.ended_at.is_(None),
        "ended": columns.ended_at.is_not(None),
        "unseen": columns.seen_at.is_(None),
    }
    return [*conditions, of_state[state]] if state else conditions
