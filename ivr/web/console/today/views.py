"""The page Today, its live parts, and the picture of the line."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import cast

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from markupsafe import Markup

from ivr import clock
from ivr.line.content.loader import Content
from ivr.people.audit import AuditKind
from ivr.reminders.alarms import Alarm, mark_seen
from ivr.web.console.context import audit, content_or_none, live_line, services, staff_user
from ivr.web.console.kept_counts import Counted, Kept
from ivr.web.console.security.form_pages import HTMX
from ivr.web.console.security.gate import may_open
from ivr.web.console.today import numbers, picture
from ivr.web.console.today.figures import day_figures, hour_figures, week_figure
from ivr.web.console.today.places import places
from ivr.web.console.today.waiting import Line, link_for, waiting_lines
from ivr.web.console.words import gettext
from ivr.web.services import Services

blueprint = Blueprint("today", __name__, template_folder="templates")
PERIODS = (7, 30)
SHARED_SECONDS = 2.0
_EXTENSION = "today_counts"


class Counts:
    """What this process has counted."""

    def __init__(self, services: Services) -> None:
        self.numbers = Kept(partial(numbers.count_numbers, services))
        self.line = {days: Kept(partial(numbers.count_line, services, days)) for days in PERIODS}
        # By language: when it was read.
        self.waiting: dict[str, tuple[float, list[Line]]] = {}
        # By the languages of the page and of the line: of which count and content, and the block.
        self.drawn: dict[tuple[str, str], tuple[tuple[datetime, str | None], Markup]] = {}
        # By the days that are counted and the language of the line: of which count and content, and the picture.
        self.pictures: dict[tuple[int, str], tuple[tuple[datetime | None, str], Markup]] = {}


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    state.app.extensions[_EXTENSION] = Counts(state.app.extensions["infoline"])


@blueprint.get("/")
def show() -> str:
    """What needs a person now, beside how the line is used."""
    content = content_or_none()
    return render_template(
        "today/show.html",
        lines=_with_links(_waiting_lines()),
        numbers_block=_numbers_block(),
        is_counted=_counts().numbers.get() is not None,
        picture=_picture(content, PERIODS[0]) if content else None,
        days=PERIODS[0],
    )


@blueprint.get("/today/waiting")
def waiting() -> str:
    """The first block, which every open page asks for again and again: they share what was read in the last seconds."""
    kept, language = _counts().waiting, str(get_locale())
    read_at, lines = kept.get(language, (float("-inf"), []))
    if time.monotonic() - read_at > SHARED_SECONDS:
        read_at, lines = kept[language] = time.monotonic(), _waiting_lines()
    return render_template("today/waiting.html", lines=_with_links(lines))


@blueprint.get("/today/numbers")
def numbers_block() -> str:
    """The numbers, which every open page asks for again: every second until they are counted, then every minute."""
    return _numbers_block()


@blueprint.post("/today/alarms/<name>/seen")
def see_alarm(name: str) -> ResponseReturnValue:
    """Say that one has seen an alarm, so that colleagues know."""
    with services().ledger.write() as connection:
        event_id = mark_seen(connection, name, staff_user().name, clock.now()) if name in set(Alarm) else None
        if event_id is not None:
            audit(connection, AuditKind.ALARM_SEEN, alarm=event_id)
    flash(
        gettext("Your colleagues can see now that you have seen this.")
        if event_id is not None
        else gettext("This problem is over, or a colleague has seen it already.")
    )
    is_from_settings = request.form.get("from") == "settings" and may_open("settings.alarms", staff_user().role)
    return redirect(url_for("settings.alarms" if is_from_settings else "today.show"), 303)


@blueprint.get("/line")
def line() -> str:
    """The menus of the line, with the number of callers on each branch."""
    asked = request.args.get("days", type=int)
    days = asked if asked in PERIODS else PERIODS[0]
    content = live_line().content
    counted = _counts().line[days].get()
    tree = picture.menu_tree(content, _language(content))
    return render_template(
        "today/line.html",
        days=days,
        periods=PERIODS,
        counted=counted,
        picture=_picture(content, days),
        is_part=HTMX in request.headers,
        rows=picture.rows(tree, counted.value if counted else None),
    )


def _waiting_lines() -> list[Line]:
    with services().ledger.read() as connection:
        return waiting_lines(connection, content_or_none(), clock.now())


def _with_links(lines: list[Line]) -> list[tuple[Line, str | None]]:
    role = staff_user().role
    return [(line, link_for(line, role)) for line in lines]


def _numbers_block() -> Markup:
    """The numbers as HTML, which is made once for each count, content, and language."""
    counts, content = _counts(), content_or_none()
    counted = counts.numbers.get()
    if counted is None:
        return Markup(render_template("today/numbers.html", counted=None))  # noqa: S704 - a template of ours
    version = counted.at, content.digest if content else None
    languages = str(get_locale()), _language(content) if content else "en"
    drawn = counts.drawn.get(languages)
    if drawn is None or drawn[0] != version:
        block = Markup(_draw(counted, content))  # noqa: S704 - a template of ours
        drawn = counts.drawn[languages] = version, block
    return drawn[1]


def _draw(counted: Counted[numbers.Numbers], content: Content | None) -> str:
    gave_up_at = places(counted.value.gave_up_at, content, _language(content) if content else "en")
    return render_template(
        "today/numbers.html",
        counted=counted,
        numbers=counted.value,
        by_hour=hour_figures(counted.value),
        by_day=day_figures(counted.value),
        by_week=week_figure(counted.value),
        places=gave_up_at,
        hang_up_days=numbers.HANG_UP_DAYS,
    )


def _picture(content: Content, days: int) -> Markup:
    """The picture of the line, which is drawn once for each count, content, and language."""
    counts, language = _counts(), _language(content)
    counted = counts.line[days].get()
    version = counted.at if counted else None, content.digest
    drawn = counts.pictures.get((days, language))
    if drawn is None or drawn[0] != version:
        svg = picture.draw(picture.menu_tree(content, language), language, counted.value if counted else None)
        drawn = counts.pictures[days, language] = version, svg
    return drawn[1]


def _counts() -> Counts:
    return cast(Counts, current_app.extensions[_EXTENSION])


def _language(content: Content) -> str:
    """The language of the user if callers hear it too; otherwise the first one of the line."""
    own = staff_user().language
    return own if own in content.config.languages else content.config.default_language
