"""One day of the calendar: closed, or open at the hours of its weekday or at others."""

from __future__ import annotations

from datetime import date

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.callflow.hours import hours_on
from ivr.line.content.loader import LINE_FILE
from ivr.line.content.yaml_source import Path
from ivr.releases.drafts import EditConflict
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import saved_by
from ivr.web.console.prompts.line.hours_form import closed_reasons, hours_in_words, read_hours, with_day
from ivr.web.console.prompts.line.hours_views import YEARS, hours_page, save_line
from ivr.web.console.prompts.line.line_file import LineFile, Refused, open_line_file
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext

_HOURS = ("opens", "closes")


@blueprint.get("/prompts/hours/days/<day>")
def day(day: str) -> str:
    """When the offices are open on a day, and what can be changed about it."""
    line = open_line_file()
    shown = _read_day(line, day) or abort(404)
    kept = kept_values()
    return _day_page(line, shown, **{name: kept[name] for name in _HOURS if name in kept})


def _day_page(line: LineFile, shown: date, **values: object) -> str:
    config = line.config
    offices = []
    for entry in config.directory:
        hours = hours_on(config, entry, shown)
        offices.append((entry, entry.name[config.default_language], hours_in_words(hours) if hours else ""))
    own = config.holidays.hours.get(shown)
    opens, closes = (f"{at:%H:%M}" for at in own) if own else ("", "")
    return render_template(
        "prompts/day.html",
        day=shown,
        reason=closed_reasons(config.holidays, shown.year).get(shown, ""),
        offices=offices,
        version=line.version,
        **{"opens": opens, "closes": closes, "errors": {}, **values},
    )


@blueprint.post("/prompts/hours/days")
def save_holiday() -> ResponseReturnValue:
    """Close or open a day, change its hours, or confirm the closed days of a year."""
    line = open_line_file()
    if request.form.get("version") != line.version:
        return _day_conflict(line)
    year = request.form.get("year", 0, type=int)
    back = redirect(url_for("prompts.hours", year=year, _anchor="days"), 303)
    try:
        changes = _holiday_changes(line, year)
        if changes:
            save_line(line, changes)
    except EditConflict:
        return _day_conflict(open_line_file())
    except _NoHours as refused:
        sent = {name: request.form.get(name, "") for name in _HOURS}
        return _day_page(line, refused.day, **sent, errors={"opens": str(refused)}), 400
    except Refused as refused:
        flash(str(refused), "wrong")
        return back
    flash(
        gettext("Saved in the draft. It goes live once the draft is published.")
        if changes
        else gettext("Everything is the same as before, so nothing was saved.")
    )
    return back


def _day_conflict(line: LineFile) -> tuple[str, int]:
    """The closed days as they are now, and the day that was sent."""
    sentence = gettext(
        "%(name)s changed the draft in the meantime, and nothing was saved. These are the closed days now: check them,"
        " and send your change again.",
        name=saved_by(line.draft, LINE_FILE),
    )
    return hours_page(line, None, {"days": sentence}, day=request.form.get("day", "")), 409


def _holiday_changes(line: LineFile, year: int) -> dict[Path, str]:
    if request.form.get("action") == "confirm":
        return {("holidays", "confirmed"): str(year)} if 2000 <= year <= 2999 else {}
    action, changed = request.form.get("action"), _read_day(line, request.form.get("day", ""))
    if changed is None:
        raise Refused(gettext("Enter a day of this year or of the next three, such as 2026-12-24."))
    if action != "hours":
        return with_day(line.config.holidays, changed, closed=action == "close")
    hours = read_hours(request.form.get("opens", ""), request.form.get("closes", ""))
    if hours is None:
        raise _NoHours(changed, gettext("Enter from when to when it is open, such as 08:00 and 12:00."))
    return with_day(line.config.holidays, changed, closed=False, hours=hours)


class _NoHours(Refused):
    """The hours of a day that were sent are none."""

    def __init__(self, day: date, sentence: str) -> None:
        super().__init__(sentence)
        self.day = day


def _read_day(line: LineFile, text: str) -> date | None:
    """A day of the years of the calendar; None if it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    this_year = clock.now().astimezone(line.config.zone).year
    return day if this_year <= day.year < this_year + YEARS else None
