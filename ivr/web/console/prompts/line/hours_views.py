"""Opening hours, phone numbers, and the days on which offices are closed, in the draft."""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.content.loader import LINE_FILE
from ivr.line.content.yaml_source import Path
from ivr.releases.drafts import EditConflict, FileRejected, NoDraft
from ivr.web.console.context import staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import Collision, collision_of
from ivr.web.console.prompts.drafted import drafts, language_name, recorder
from ivr.web.console.prompts.line.hours_form import (
    MOST_NAME,
    EntryForm,
    changes_of,
    closed_reasons,
    errors_of,
    fields_of,
    months_of,
    other_hours,
    weekday_names,
)
from ivr.web.console.prompts.line.line_file import LineFile, Refused, open_line_file
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext, reason_of

_FORM = "hours-form"
# The calendar of other years has no use, and the rules of holidays end somewhere.
YEARS = 4


@blueprint.get("/prompts/hours")
def hours() -> str:
    """Hours and numbers, and the calendar of a year."""
    kept = kept_values()
    # Of the two kinds of forms on the page, those of the calendar have a button with an action.
    if "action" in kept:
        return hours_page(open_line_file(), None, {}, day=kept.get("day", ""))
    return hours_page(open_line_file(), kept or None, {})


def hours_page(
    line: LineFile,
    sent: Mapping[str, str] | None,
    errors: Mapping[str, str],
    collision: Collision | None = None,
    day: str = "",
) -> str:
    config = line.config
    today = clock.now().astimezone(config.zone).date()
    year = request.values.get("year", today.year, type=int)
    year = year if today.year <= year < today.year + YEARS else today.year
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
        years=range(today.year, today.year + YEARS),
        months=months_of(config.holidays, year),
        closed=closed_reasons(config.holidays, year),
        others={day: hours for day, hours in other_hours(config.holidays).items() if day.year == year},
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
        return hours_page(line, sent, errors), 400
    try:
        changes = changes_of(line.config, sent)
        if changes:
            save_line(line, changes)
    except EditConflict:
        return _hours_conflict(open_line_file(), sent)
    except Refused as refused:
        return hours_page(line, sent, {_FORM: str(refused)}), 400
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
    return hours_page(line, {**sent, "version": line.version}, {_FORM: sentence, **errors}, collision), 409


def save_line(line: LineFile, changes: Mapping[Path, str]) -> None:
    """Save. Raises Refused, and EditConflict if somebody else saved at the same moment."""
    data = line.changed(changes)
    try:
        drafts().save(LINE_FILE, data, staff_user().name, clock.now(), line.version, recorder(LINE_FILE))
    except (FileRejected, NoDraft) as refused:
        raise Refused(reason_of(refused)) from None
