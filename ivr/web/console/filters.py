"""What all templates share: times in the hospital's zone, numbers, and the navigation of a role."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from flask import Flask, g, request
from flask_babel import format_decimal, lazy_gettext
from markupsafe import Markup, escape

from ivr import clock
from ivr.web.console.context import hospital_zone
from ivr.web.console.dates import full_day, short_moment
from ivr.web.console.security.gate import may_open
from ivr.web.console.words import gettext

_CODE = re.compile("`([^`]+)`")
NAVIGATION = (
    ("today.show", lazy_gettext("Today"), "today"),
    ("reminders.batches", lazy_gettext("Reminders"), "reminders"),
    ("people.find", lazy_gettext("People"), "people"),
    ("work.callbacks", lazy_gettext("Work list"), "work"),
    ("prompts.topics", lazy_gettext("Prompts"), "prompts"),
    ("settings.show", lazy_gettext("Settings"), "settings"),
)


def install(app: Flask) -> None:
    """Add the filters and values."""

    def local_time(moment: datetime | None) -> str:
        return short_moment(moment.astimezone(hospital_zone())) if moment else ""

    def local_day(day: datetime | date | None) -> str:
        if isinstance(day, datetime):
            day = day.astimezone(hospital_zone()).date()
        return full_day(day) if day else ""

    app.jinja_env.filters |= {"time": local_time, "day": local_day, "number": format_decimal, "ago": ago}
    app.jinja_env.filters["with_code"] = with_code

    @app.context_processor
    def values() -> dict[str, Any]:
        user = g.get("staff_user")
        entries = [
            (endpoint, title, request.blueprint == area)
            for endpoint, title, area in NAVIGATION
            if user is not None and may_open(endpoint, user.role)
        ]
        return {
            "staff": user,
            "navigation": entries,
            "may_open": _may_open,
            "now": clock.now(),
            "hospital_zone": hospital_zone,
        }


def _may_open(endpoint: str) -> bool:
    user = g.get("staff_user")
    return user is not None and may_open(endpoint, user.role)


def with_code(sentence: str) -> Markup:
    """A sentence with commands and words of a file as HTML code: in a terminal, they are between backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - it is escaped


def ago(moment: datetime | None) -> str:
    """How long ago, in words."""
    if moment is None:
        return gettext("never")
    minutes = max(0, int((clock.now() - moment).total_seconds() // 60))
    if minutes < 1:
        return gettext("just now")
    if minutes < 60:
        return gettext("%(count)s min ago", count=minutes)
    if minutes < 48 * 60:
        return gettext("%(count)s h ago", count=minutes // 60)
    return gettext("%(count)s days ago", count=minutes // 1440)
