"""Opening hours, phone numbers, and the days on which offices are closed, in the draft."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.content.loader import LINE_FILE
from ivr.line.content.yaml_source import Path
from ivr.releases.drafts import EditConflict, FileRejected, NoDraft
from ivr.web.console.context import staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import Collision, collision_of, saved_by
from ivr.web.console.prompts.drafted import drafts, language_name, recorder
from ivr.web.console.prompts.line.hours_form import (
    MOST_NAME,
    EntryForm,
    changes_of,
    closed_reasons,
    errors_of,
    fields_of,
    months_of,
    weekday_names,
    with_day,
)
from ivr.web.console.prompts.line.line_file import LineFile, Refused, open_line_file
from ivr.web.console.security.kept_forms import kept_fields
from ivr.web.console.words import gettext, reason_of

_FORM = "hours-form"


@blueprint.get("/prompts/hours")
def hours() -> str:
    """Hours and numbers, and the calendar of a year."""
    kept = kept_fields(request.script_root + request.path)
    return _page(open_line_file(), {name: values[0] for name, values in kept.items()} or None, {})


def _page(
    line: LineFile,
    sent: Mapping[str, str] | None,
    errors: Mapping[str, str],
    collision: Collision | None = None,
    day: str = "",
) -> str:
    config = line.config
    today = clock.now().astimezone(config.zone).date()
    year = request.values.get("year", today.year, type=int)
    # The calendar of other years has no use here, and the rules of holidays end somewhere.
    year = year if today.year <= year <= today.year + 3 else today.year
    entries = [
        EntryForm(entry, entry.name[config.default_language], fields_of(config, entry) if sent is None else sent)
        for entry in config.directory
    ]
    return render_template(
        "prompts/hours.html",
        entries=entries,
        languages=[(code, language_name(code)) for code in config.languages],
        name_limit=MOST_NAME,
        days=weekday_names("wide"),
        short_days=weekday_names(),
        version=(sent or {}).get("version", line.version),
        errors=errors,
        year=year,
        years=range(today.year, today.year + 4),
        months=months_of(config.holidays, year),
        closed=closed_reasons(config.holidays, year),
        is_confirmed=(config.holidays.confirmed or 0) >= year,
        is_changed=LINE_FILE in line.draft.changed,
        collision=collision,
        day=day,
    )


@blueprint.post("/prompts/hours")
def save_hours() -> ResponseReturnValue:
    """Write hours and numbers into the draft."""
    line, sent = open_line_file(), request.form.to_dict()
    if sent.get("version") != line.version:
        return _hours_conflict(line, sent)
    errors = errors_of(line.config, sent)
    if errors:
        return _page(line, sent, errors), 400
    try:
        changes = changes_of(line.config, sent)
        if changes:
            _save(line, changes)
    except EditConflict:
        return _hours_conflict(open_line_file(), sent)
    except Refused as refused:
        return _page(line, sent, {_FORM: str(refused)}), 400
    flash(
        gettext("Saved in the draft. It goes live once the draft is published.")
        if changes
        else gettext("Everything is the same as before, so nothing was saved.")
    )
    return redirect(url_for("prompts.hours"), 303)


def _hours_conflict(line: LineFile, sent: Mapping[str, str]) -> tuple[str, int]:
    """The form as it was sent, with what differs from the draft. Sending it again replaces the other version."""
    errors = errors_of(line.config, sent)
    collision = None
    try:
        if not errors:
            collision = collision_of(line.draft, {LINE_FILE: line.changed(changes_of(line.config, sent))})
    except Refused as refused:
        errors = {_FORM: str(refused)}
    sentence = gettext("Somebody else changed the draft in the meantime. Check the values, and save again.")
    return _page(line, {**sent, "version": line.version}, {_FORM: sentence, **errors}, collision), 409


def _save(line: LineFile, changes: Mapping[Path, str]) -> None:
    """Save. Raises Refused, and EditConflict if somebody else saved at the same moment."""
    data = line.changed(changes)
    try:
        drafts().save(LINE_FILE, data, staff_user().name, clock.now(), line.version, recorder(LINE_FILE))
    except (FileRejected, NoDraft) as refused:
        raise Refused(reason_of(refused)) from None


@blueprint.post("/prompts/hours/days")
def save_holiday() -> ResponseReturnValue:
    """Close or open a day, or confirm the closed days of a year."""
    line = open_line_file()
    if request.form.get("version") != line.version:
        return _day_conflict(line)
    year = request.form.get("year", 0, type=int)
    back = redirect(url_for("prompts.hours", year=year, _anchor="days"), 303)
    try:
        changes = _holiday_changes(line, year)
        if changes:
            _save(line, changes)
    except EditConflict:
        return _day_conflict(open_line_file())
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
    return _page(line, None, {"days": sentence}, day=request.form.get("day", "")), 409


def _holiday_changes(line: LineFile, year: int) -> dict[Path, str]:
    if request.form.get("action") == "confirm":
        return {("holidays", "confirmed"): str(year)} if 2000 <= year <= 2999 else {}
    try:
        day = date.fromisoformat(request.form.get("day", ""))
    except ValueError:
        raise Refused(gettext("Enter a day, such as 2026-12-24.")) from None
    today = clock.now().astimezone(line.config.zone).date()
    if not today.year <= day.year <= today.year + 3:
        raise Refused(gettext("Enter a day of this year or of the next three."))
    return with_day(line.config.holidays, day, closed=request.form.get("action") == "close")
